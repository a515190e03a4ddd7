"""The report of a compilation as one HTML file, and drawings of graphs."""

from .page import page
from .recorder import Recorder

__all__ = ["Recorder", "page"]

"""The report of a compilation as one HTML file."""

from .build import report, report_of_folder
from .recorder import Recorder

__all__ = ["Recorder", "report", "report_of_folder"]

"""Loops: what a step need not do is not done in it."""

from .hoist import HoistLoops
from .sink import SinkLoops
from .tidy import TidyLoops

__all__ = ["HoistLoops", "SinkLoops", "TidyLoops"]

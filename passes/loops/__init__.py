"""Loops: what a step need not do is not done in it."""

from .gather import GatherFactors
from .hoist import HoistLoops
from .sink import SinkLoops
from .tidy import TidyLoops

__all__ = ["GatherFactors", "HoistLoops", "SinkLoops", "TidyLoops"]

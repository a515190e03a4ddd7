"""How a program changes: passes, and the manager that runs pipelines of them."""

from . import ad, inline, loops, lower, simplify
from .manager import Instrument, Pass, PassLog, PassManager, PassRecord, register_pass, registered_passes
from .pipeline import parse_pipeline
from .simplify import simplification

__all__ = [
    "Instrument",
    "Pass",
    "PassLog",
    "PassManager",
    "PassRecord",
    "ad",
    "inline",
    "loops",
    "lower",
    "parse_pipeline",
    "register_pass",
    "registered_passes",
    "simplification",
    "simplify",
]

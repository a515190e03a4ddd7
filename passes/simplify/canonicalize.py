"""canonicalize: local algebra that never loses accuracy. The patterns are in the modules beside this one."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.module import Module
from ..manager import Pass, PassLog, register_pass
from ..scope import functions
from . import algebra, arrangement, contractions, deviations, pads, repetition, sums
from .patterns import table

__all__ = ["Canonicalize", "algebra", "arrangement", "contractions", "deviations", "pads", "repetition", "sums"]


@register_pass("canonicalize")
@dataclass(frozen=True)
class Canonicalize(Pass):
    """Rewrite operations to their simplest form, by a table of local patterns."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        changed = False
        for graph in functions(module, self.function):
            for pattern, times in table.rewrite(graph).items():
                log.count(pattern.replace("_", "-"), times)
                changed = True
        return changed

"""Which functions a pass works on."""

from __future__ import annotations

from ..ir.errors import PassError
from ..ir.graph import Graph
from ..ir.module import Module


def one_function(module: Module, name: str) -> Graph:
    """The function called ``name``, or the entry where no name is given."""
    if not name:
        return module.entry
    if name not in module.functions:
        raise PassError(f"the module has no function @{name}; it has {', '.join('@' + n for n in module.functions)}")
    return module[name]


def functions(module: Module, name: str) -> list[Graph]:
    """The function called ``name``, or all where no name is given."""
    return [one_function(module, name)] if name else list(module)

"""Which functions a pass works on."""

from __future__ import annotations

from ..ir.attributes import SymbolRef
from ..ir.errors import PassError
from ..ir.graph import Graph
from ..ir.module import Module
from .manager import Pass


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


def worked_on(run: Pass, module: Module, depth: int) -> Module:
    """What one run of a pass is about: the whole module, or for a pass inside a pass that works on one function,
    that function and those that it refers to.

    Around that function the outer pass may be half done. The result shares its functions with ``module``.
    """
    inner: Pass | None = run
    while inner is not None and not hasattr(inner, "function"):
        inner = next(iter(getattr(inner, "passes", ())), None)
    name: str = getattr(inner, "function", "")
    if depth == 0 or name not in module.functions:
        return module
    view = Module(module.name)
    pending = [name]
    while pending:
        name = pending.pop()
        if name not in view.functions and name in module.functions:
            view.functions[name] = module[name]
            pending += referenced(module[name])
    return view


def referenced(graph: Graph) -> list[str]:
    """The functions that a function's operations refer to by name."""
    return [value.name for op in graph for value in op.attributes.values() if isinstance(value, SymbolRef)]

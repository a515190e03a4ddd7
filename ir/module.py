"""A module: named functions, of which one may be the entry."""

from __future__ import annotations

from collections.abc import Iterator

from .attributes import SymbolRef
from .display import Displayed
from .graph import Graph


class Module(Displayed):
    """Functions by name, in order. The first is the entry, which callers outside run."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.functions: dict[str, Graph] = {}

    @property
    def entry(self) -> Graph:
        """The function that a caller runs."""
        for graph in self.functions.values():
            return graph
        raise ValueError("the module is empty: it has no entry function")

    def add(self, graph: Graph) -> Graph:
        """Add a function; if its name is taken it gets a fresh one."""
        graph.name = self.fresh_name(graph.name)
        self.functions[graph.name] = graph
        return graph

    def fresh_name(self, name: str) -> str:
        """``name``, or ``name_N`` with the first free N."""
        if name not in self.functions:
            return name
        number = 1
        while f"{name}_{number}" in self.functions:
            number += 1
        return f"{name}_{number}"

    def remove(self, name: str) -> None:
        """Remove a function."""
        del self.functions[name]

    def roots(self) -> list[Graph]:
        """The functions that no operation of another function refers to."""
        used = {
            value.name
            for graph in self
            for op in graph
            if op.definition.variadic
            for value in op.attributes.values()
            if isinstance(value, SymbolRef)
        }
        return [graph for graph in self if graph.name not in used]

    def clone(self) -> Module:
        """A deep copy."""
        copy = Module(self.name)
        for name, graph in self.functions.items():
            copy.functions[name] = graph.clone()
        return copy

    def __iter__(self) -> Iterator[Graph]:
        return iter(list(self.functions.values()))

    def __getitem__(self, name: str) -> Graph:
        return self.functions[name]

    def __len__(self) -> int:
        return sum(len(graph) for graph in self.functions.values())

    def __str__(self) -> str:
        from .printer import print_module

        return print_module(self)

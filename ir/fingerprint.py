"""Structural fingerprints: equal for programs that differ only in names and locations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from .attributes import SymbolRef, attribute_text
from .graph import Graph, Operation, Value
from .module import Module


class Fingerprint:
    """Hashes a program as it is written, operation by operation.

    ``symbols`` gives the fingerprint that stands for each function an attribute may refer to.
    """

    __slots__ = ("_numbers", "_parts", "symbols")

    def __init__(self, symbols: Mapping[str, str] | None = None) -> None:
        self._numbers: dict[Value, int] = {}
        self._parts: list[str] = []
        self.symbols = {} if symbols is None else symbols

    def add_input(self, value: Value) -> None:
        """Take an argument."""
        self._numbers[value] = len(self._numbers)
        self._parts.append(value.type.text)

    def add_operation(self, op: Operation, opaque: bool = False) -> None:
        """Take an operation. With ``opaque`` its attributes do not count, only its result types."""
        numbers = self._numbers
        if opaque:
            types = ",".join([value.type.text for value in op.results])
            self._parts.append(f"{op.name}?{types}")
        elif op.attributes or op.regions:
            operands = ",".join([str(numbers[value]) for value in op.operands])
            attributes = ",".join([f"{key}={self._text(op.attributes[key])}" for key in sorted(op.attributes)])
            regions = ",".join([fingerprint(region, self.symbols) for region in op.regions])
            self._parts.append(f"{op.name}({operands}){{{attributes}}}[{regions}]")
        else:
            self._parts.append(f"{op.name}({','.join([str(numbers[value]) for value in op.operands])})")
        for value in op.results:
            numbers[value] = len(numbers)

    def _text(self, attribute: object) -> str:
        if isinstance(attribute, SymbolRef):
            return "@" + self.symbols.get(attribute.name, attribute.name)
        return attribute_text(attribute)

    def digest(self, outputs: Iterable[Value], extra: str = "") -> str:
        """The fingerprint of what was taken so far, as 32 hexadecimal digits."""
        numbers = self._numbers
        text = ";".join(self._parts) + "->" + ",".join([str(numbers[value]) for value in outputs]) + extra
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint(graph: Graph, symbols: Mapping[str, str] | None = None) -> str:
    """The structural fingerprint of one function, 32 hexadecimal digits."""
    running = Fingerprint(symbols)
    for value in graph.inputs:
        running.add_input(value)
    for op in graph:
        running.add_operation(op)
    extra = ",".join(f"{key}={attribute_text(graph.attributes[key])}" for key in sorted(graph.attributes))
    return running.digest(graph.outputs, extra)


def module_fingerprint(module: Module) -> str:
    """The structural fingerprint of a module: of its functions, in order, callees by content."""
    symbols: dict[str, str] = {}
    for position, graph in enumerate(module):
        symbols[graph.name] = f"#{position}"
    text = ";".join(fingerprint(graph, symbols) for graph in module)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

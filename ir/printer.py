"""Programs as text (the grammar is in docs/ir-text.md), and as MLIR's generic form.

What is printed here is read back by `mixad.ir.parser` exactly: structure, types, attributes to the
last bit, and, where they are asked for, locations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .attributes import Dense, SymbolRef
from .graph import Graph, Operation, Value
from .lexer import is_identifier
from .literals import element_texts, float_text, quote
from .location import Location
from .module import Module
from .types import DTYPE_NAMES, TensorType

#: Arrays of more elements are printed at the end, as resources.
LARGE = 64
#: MLIR puts a blob's alignment before its bytes.
ALIGNMENT = (8).to_bytes(4, "little")


def print_module(module: Module, *, locations: bool = False, generic: bool = False) -> str:
    """The text of a module.

    With ``locations`` every operation and argument ends in ``loc(...)`` where its place is known. With
    ``generic`` it is MLIR's own generic form, for other tools; `parse_module` does not read that.
    """
    printer = _printer(locations, generic)
    printer.module(module)
    return printer.finish()


def print_graph(graph: Graph, *, locations: bool = False, generic: bool = False) -> str:
    """The text of one function; the options are those of `print_module`."""
    printer = _printer(locations, generic)
    printer.function(graph, "")
    return printer.finish()


def _printer(locations: bool, generic: bool) -> Printer:
    if generic:
        from .generic import GenericPrinter

        return GenericPrinter(locations)
    return Printer(locations)


def symbol_text(name: str) -> str:
    """``@name``, quoted where it has to be."""
    return f"@{name if is_identifier(name) else quote(name)}"


def nest(values: Iterable[Value], names: Mapping[Value, str]) -> str:
    """Operands, separated by commas."""
    return ", ".join([names[value] for value in values])


class Names:
    """The names of one graph's values: hints where they are legal, made unique, else numbers."""

    def __init__(self) -> None:
        self.of: dict[Value, str] = {}
        self._taken: dict[str, int] = {}
        self._count = 0

    def argument(self, value: Value) -> str:
        """Name an argument."""
        name = self.of[value] = self._fresh(value.name)
        return name

    def results(self, op: Operation) -> str:
        """Name an operation's results; returns what stands before the operation, ``%0:2 = ``."""
        results = op.results
        if not results:
            return ""
        name = self._fresh(results[0].name)
        if len(results) == 1:
            self.of[results[0]] = name
            return f"{name} = "
        for value in results:
            self.of[value] = f"{name}#{value.index}"
        return f"{name}:{len(results)} = "

    def _fresh(self, hint: str) -> str:
        if not hint or not is_identifier(hint):
            self._count += 1
            return f"%{self._count - 1}"
        name, taken = hint, self._taken
        while name in taken:
            taken[hint] += 1
            name = f"{hint}_{taken[hint]}"
        taken[name] = 0
        return f"%{name}"


class Printer:
    """Writes lines. A region is written within its operation; nothing else nests."""

    def __init__(self, locations: bool) -> None:
        self.lines: list[str] = []
        self.locations = locations
        self._resources: dict[int, tuple[str, Dense]] = {}

    def finish(self) -> str:
        """The whole text, with the resources behind it."""
        if self._resources:
            self.lines += ["", "{-#", "  dialect_resources: {", "    builtin: {"]
            blobs = [
                f'      {name}: "0x{(ALIGNMENT + dense.bits()).hex().upper()}"'
                for name, dense in self._resources.values()
            ]
            self.lines += [",\n".join(blobs), "    }", "  }", "#-}"]
        return "\n".join(self.lines) + "\n"

    def module(self, module: Module) -> None:
        """Write a module."""
        self.lines.append(f"module {symbol_text(module.name)} {{" if module.name else "module {")
        for graph in module:
            self.function(graph, "  ")
        self.lines.append("}")

    def function(self, graph: Graph, indent: str) -> None:
        """Write one function."""
        names = Names()
        types = ", ".join([value.type.text for value in graph.outputs])
        self.lines.append(
            f"{indent}func {symbol_text(graph.name)}({self.arguments(graph, names)}) -> ({types})"
            f"{self._graph_attributes(graph)} {{"
        )
        self.body(graph, names, indent + "  ")
        self.lines.append(indent + "}")

    def arguments(self, graph: Graph, names: Names) -> str:
        """The arguments with their types."""
        return ", ".join(
            [
                f"{names.argument(value)}: {value.type.text}{self.location(value.owner.location)}"
                for value in graph.inputs
            ]
        )

    def body(self, graph: Graph, names: Names, indent: str) -> None:
        """Write the operations and the return."""
        for op in graph:
            self.operation(op, names, indent)
        outputs = nest(graph.outputs, names.of)
        self.lines.append(f"{indent}return {outputs}" if outputs else f"{indent}return")

    def operation(self, op: Operation, names: Names, indent: str) -> None:
        """Write one operation."""
        operands = " " + nest(op.operands, names.of) if op.operands else ""
        attributes = f" {self.dictionary(op.attributes)}" if op.attributes else ""
        types = ", ".join([value.type.text for value in op.results]) or "()"
        start = f"{indent}{names.results(op)}{op.name}{operands}{attributes}"
        self.lines.append(start)
        self._regions(op, indent)
        self.lines[-1] += f" : {types}{self.location(op.location)}"

    def _regions(self, op: Operation, indent: str) -> None:
        for number, region in enumerate(op.regions):
            label = region.name if is_identifier(region.name) else quote(region.name)
            inner = Names()
            self.lines[-1] += ", {" if number else " ({"
            self.lines.append(f"{indent}^{label}({self.arguments(region, inner)}){self._graph_attributes(region)}:")
            self.body(region, inner, indent + "  ")
            self.lines.append(indent + "}")
        if op.regions:
            self.lines[-1] += ")"

    def _graph_attributes(self, graph: Graph) -> str:
        return f" attributes {self.dictionary(graph.attributes)}" if graph.attributes else ""

    def dictionary(self, attributes: Mapping[str, Any]) -> str:
        """Attributes in braces, sorted by name."""
        shown = [
            f"{key if is_identifier(key) else quote(key)} = {self.attribute(attributes[key])}"
            for key in sorted(attributes)
        ]
        return "{" + ", ".join(shown) + "}"

    def attribute(self, value: Any) -> str:
        """One attribute."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return int.__repr__(value)
        if isinstance(value, float):
            return float_text(value)
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, tuple):
            return "[" + ", ".join([self.attribute(item) for item in value]) + "]"
        if isinstance(value, Dense):
            return self._dense(value)
        if isinstance(value, SymbolRef):
            return symbol_text(value.name)
        if isinstance(value, np.dtype):
            return DTYPE_NAMES[value]
        if isinstance(value, TensorType):
            return value.text
        raise TypeError(f"a {type(value).__name__} is no attribute and has no text")

    def _dense(self, dense: Dense) -> str:
        if not dense.is_splat and dense.data.size > LARGE:
            name, _ = self._resources.setdefault(id(dense), (f"dense_{len(self._resources)}", dense))
            return f"dense_resource<{name}> : {dense.type}"
        texts = element_texts(dense.data)
        for size in reversed(dense.data.shape):
            if not texts:
                break
            texts = ["[" + ", ".join(texts[i : i + size]) + "]" for i in range(0, len(texts), size)]
        return f"dense<{''.join(texts)}> : {dense.type}"

    def location(self, location: Location) -> str:
        """The trailing ``loc(...)``, where it is asked for and known."""
        file, line, function, origin, order = location.key()
        if not self.locations or not (file or line or function or origin or order):
            return ""
        derived = f" {quote(origin)} {order}" if origin or order else ""
        name = f" {quote(function)}" if function or derived else ""
        return f" loc({quote(file)}:{line}{name}{derived})"

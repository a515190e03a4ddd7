"""MLIR's generic form, which MLIR's own parser reads with unregistered dialects allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Graph, Operation, Value
from .literals import quote
from .location import Location
from .module import Module
from .printer import Names, Printer, nest


class GenericPrinter(Printer):
    """Prints operations by quoted names, with operand types and typed attributes."""

    def module(self, module: Module) -> None:
        """Write ``builtin.module``."""
        self.lines.append('"builtin.module"() ({')
        for graph in module:
            self.function(graph, "  ")
        name = f" {{sym_name = {quote(module.name)}}}" if module.name else ""
        self.lines.append(f"}}){name} : () -> ()")

    def function(self, graph: Graph, indent: str) -> None:
        """Write ``func.func``; the graph's attributes carry the prefix ``mixad.``, as foreign ones must."""
        self.lines.append(f'{indent}"func.func"() ({{')
        self._block(graph, indent, "func.return")
        own = [f'"mixad.{key}" = {self.attribute(graph.attributes[key])}' for key in sorted(graph.attributes)]
        type = _function_type(graph.inputs, graph.outputs)
        shown = ", ".join([f"function_type = {type}", f"sym_name = {quote(graph.name)}", *own])
        self.lines.append(f"{indent}}}) {{{shown}}} : () -> ()")

    def _block(self, graph: Graph, indent: str, terminator: str) -> None:
        names = Names()
        arguments = self.arguments(graph, names)
        self.lines.append(f"{indent}^bb0({arguments}):" if arguments else f"{indent}^bb0:")
        inner = indent + "  "
        for op in graph:
            self.operation(op, names, inner)
        self._generic(f'{inner}"{terminator}"', graph.end, names)

    def operation(self, op: Operation, names: Names, indent: str) -> None:
        """Write one operation."""
        # The operands are named before the results: an operation does not use its own.
        self._generic(f"{indent}{names.results(op)}{quote(op.name)}", op, names, indent)

    def _generic(self, start: str, op: Operation, names: Names, indent: str = "") -> None:
        self.lines.append(f"{start}({nest(op.operands, names.of)})")
        for number, region in enumerate(op.regions):
            self.lines[-1] += ", {" if number else " ({"
            self._block(region, indent, "mixad.return")
            self.lines.append(indent + "}")
        close = ")" if op.regions else ""
        attributes = f" {self.dictionary(op.attributes)}" if op.attributes else ""
        type = _function_type(op.operands, op.results)
        self.lines[-1] += f"{close}{attributes} : {type}{self.location(op.location)}"

    def attribute(self, value: Any) -> str:
        """One attribute, with its type where MLIR would otherwise choose one."""
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value} : i{max(64, value.bit_length() + 1)}"
        if isinstance(value, float) and np.isfinite(value):
            return f"{super().attribute(value)} : f64"
        return super().attribute(value)

    def location(self, location: Location) -> str:
        """MLIR's own location. What the operation was derived from is a name around the user's place."""
        if not self.locations or not location:
            return ""
        place = f"{quote(location.file)}:{location.line}:0"
        if location.function:
            place = f"{quote(location.function)}({place})"
        if location.origin:
            place = f"{quote(f'{location.origin} {location.order}')}({place})"
        return f" loc({place})"


def _function_type(operands: Sequence[Value], results: Sequence[Value]) -> str:
    inputs = ", ".join([value.type.text for value in operands])
    outputs = ", ".join([value.type.text for value in results])
    return f"({inputs}) -> {outputs if len(results) == 1 else f'({outputs})'}"

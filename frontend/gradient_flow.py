"""gradient_report: how large the gradient is at each operation, and where it is lost."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir import Builder, Graph, Module, Operation, Value
from ..ir.errors import DerivativeError
from ..ir.location import Location
from ..ops.definition import zeros
from ..ops.requests import VJP, request_attributes
from ..passes import PassManager
from ..runtime.compiler import compile_module
from ..runtime.numpy import NUMPY
from .execution import input_arrays
from .graphs import trace_function
from .selection import Function

#: Norms of a cotangent, beside the outputs', from which on a gradient counts as lost or as too large.
SMALL: Final = 1e-7
LARGE: Final = 1e7
_HEADER: Final = ("", "operation", "type", "|value|", "|gradient|", "", "from")


#: A user of a value, and the operand's position.
Use = tuple[Operation, int]


@dataclass(frozen=True)
class GradientRow:
    """One input or operation: ``value`` and ``gradient`` are Euclidean norms, of its result and of the cotangent.

    ``gradient`` is None where it has none (integers). ``state`` is ``""``, ``"zero"``, ``"vanishes"``, ``"explodes"``
    or ``"not finite"``; ``remark`` says where the state begins here, or that the operation cuts the gradient.
    """

    name: str
    type: str
    value: float
    gradient: float | None
    state: str
    remark: str
    location: Location

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        gradient = "-" if self.gradient is None else f"{self.gradient:.3g}"
        return self.name, self.type, f"{self.value:.3g}", gradient, self.remark or self.state, _place(self.location)


@dataclass(frozen=True)
class GradientReport:
    """What `gradient_report` found, in program order; prints as a table, which rich draws where it prints."""

    rows: tuple[GradientRow, ...]

    @property
    def remarks(self) -> tuple[GradientRow, ...]:
        """The rows at which something happens to the gradient."""
        return tuple(row for row in self.rows if row.remark)

    def __str__(self) -> str:
        cells = [_HEADER, *((str(number), *row.cells()) for number, row in enumerate(self.rows))]
        widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADER))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
        ]
        return "\n".join([*lines, "", *self._summary()])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table()
        for title in ("operation", *_HEADER[3:]):
            table.add_column(title, no_wrap=True, overflow="ellipsis", min_width=len(title))
        for row in self.rows:
            style = "bold red" if row.remark else "yellow" if row.state else ""
            name, _, *others = row.cells()
            table.add_row(*map(Text, (name, *others)), style=style)
        return Group(table, *map(Text, self._summary()))

    def _summary(self) -> Iterator[str]:
        for row in self.remarks:
            yield f"{row.name}: {row.remark}, at {_place(row.location) or 'an input'}"
        if not self.remarks:
            yield "The gradient reaches every input."


def gradient_report(fun: Function, *args: Any) -> GradientReport:
    """Follow the gradient of ``fun`` (of the sum of its outputs) at ``args`` through every operation.

    Each row has the norm of an operation's result and of its cotangent. Remarks say where the gradient vanishes
    (below 1e-7 of the outputs'), explodes (above 1e7), becomes exactly zero or no finite number, and where
    `stop_gradient` or a piecewise constant operation cuts it. Raises `DerivativeError` where no output or no argument
    is floating point.
    """
    trace = trace_function(fun, args, {})
    arrays = input_arrays(trace)
    module = trace.build_module()
    PassManager("expand-ad,inline").run(module)
    tapped = _Tapped(module)
    program = next(iter(compile_module(tapped.module, NUMPY).values()))
    results = program.run(*arrays)
    values = dict(zip(tapped.values, results, strict=False))
    gradients = dict(zip(tapped.taps, results[len(tapped.values) :], strict=True))
    values.update(zip(tapped.inputs, arrays, strict=True))
    return GradientReport(tuple(_Reader(tapped, values, gradients).rows()))


class _Tapped:
    """A program that gives, beside a function's values, the cotangent of each of them.

    Behind every operation a *tap*, an input that is zero, is added to the result: the gradient of the tap is the
    cotangent of the result. A value with several uses has one at each use too, for what each contributes.
    """

    def __init__(self, module: Module) -> None:
        graph = module.entry
        self.inputs = graph.inputs
        self.operations = list(graph)
        self.outputs = graph.outputs
        self.operands = {op: op.operands for op in self.operations}
        #: Every operation's results, in order; and those that have a tangent, behind the inputs that do.
        self.values = [value for op in self.operations for value in op.results]
        self.taps: list[Value | Use] = [value for value in self.inputs if value.type.differentiable]
        own = [i for i, value in enumerate(self.inputs) if value.type.differentiable]
        if not own or not any(value.type.differentiable for value in self.outputs):
            what = "output" if own else "argument"
            raise DerivativeError(f"gradient_report: no {what} of @{graph.name} is floating point or complex")
        first = len(self.inputs)
        for value in self.inputs:
            self._tap_uses(graph, value, value)
        for op in self.operations:
            for value in op.results:
                if value.type.differentiable:
                    self._tap(graph, op, value)
        count = len(self.outputs)
        outputs = graph.outputs
        graph.set_outputs([*outputs, *self.values])
        wrt = (*own, *range(first, len(graph.inputs)))
        self.module = _gradient_of(module, graph, first, count, wrt)

    def _tap(self, graph: Graph, op: Operation, value: Value) -> None:
        uses = graph.uses(value)
        total = Builder(graph, op.next, op.location).add(value, graph.add_input(value.type))
        self.taps.append(value)
        for user, position in uses:
            graph.set_operand(user, position, total)
        self._tap_uses(graph, value, total)

    def _tap_uses(self, graph: Graph, value: Value, total: Value) -> None:
        uses = graph.uses(total)
        if len(uses) < 2 or not value.type.differentiable:
            return
        for user, position in uses:
            if user is not graph.end:
                self.taps.append((user, position))
                part = Builder(graph, user, user.location).add(total, graph.add_input(value.type))
                graph.set_operand(user, position, part)


def _gradient_of(module: Module, graph: Graph, count: int, outputs: int, wrt: tuple[int, ...]) -> Module:
    """A module whose entry takes the first ``count`` inputs of ``graph``, and zeros for the others; its results are the
    values behind the first ``outputs`` outputs, then the gradients."""
    entry = Graph("gradient_report")
    module.functions = {entry.name: entry, **module.functions}
    b = Builder(entry)
    given = [entry.add_input(value.type) for value in graph.inputs[:count]]
    taps = [zeros(b, value.type) for value in graph.inputs[count:]]
    types = [value.type for value in graph.outputs]
    attributes = {**request_attributes(graph.name, wrt, len(types) - outputs), "sens": "ones"}
    derived = [graph.inputs[i].type for i in wrt]
    op = entry.insert(Operation(VJP, (*given, *taps), attributes, [*types, *derived]))
    entry.set_outputs(op.results[outputs:])
    return module


class _Reader:
    """Makes rows of a tapped program's results."""

    def __init__(self, tapped: _Tapped, values: dict[Value, Any], gradients: dict[Value | Use, Any]) -> None:
        self.tapped = tapped
        self.values = {value: _norm(array) for value, array in values.items()}
        self.gradients = {value: _norm(array) for value, array in gradients.items()}
        seeds = [value for value in tapped.outputs if value.type.differentiable]
        #: What depends on a differentiable input.
        self.varying = {value for value in tapped.inputs if value.type.differentiable}
        for op in tapped.operations:
            if any(value in self.varying for value in tapped.operands[op]):
                self.varying.update(value for value in op.results if value.type.differentiable)
        self.scale = max(self.gradients.get(value, 1.0) for value in seeds) or 1.0

    def rows(self) -> Iterator[GradientRow]:
        """Inputs, then operations in program order; constants are left out."""
        for value in self.tapped.inputs:
            yield self._row(f"input {value.name}".strip(), value, "", value.owner.location)
        for op in self.tapped.operations:
            if op.name != "tensor.constant" and op.results:
                yield self._row(op.name, op.results[0], self._remark(op), op.location)

    def _row(self, name: str, value: Value, remark: str, location: Location) -> GradientRow:
        gradient = self.gradients.get(value)
        return GradientRow(name, value.type.text, self.values[value], gradient, self._state(value), remark, location)

    def _state(self, value: Value, use: Use | None = None) -> str:
        """The state of a value's gradient, or of what one use contributes to it."""
        gradient = self.gradients.get(value) if use is None else self.gradients.get(use, self.gradients.get(value))
        if gradient is None or value not in self.varying:
            return ""
        if not np.isfinite(gradient):
            return "not finite"
        if gradient == 0:
            return "zero"
        if gradient < SMALL * self.scale:
            return "vanishes"
        return "explodes" if gradient > LARGE * self.scale else ""

    def _remark(self, op: Operation) -> str:
        """What happens to the gradient on its way from the operation's results to its operands."""
        operands = [(value, i) for i, value in enumerate(self.tapped.operands[op]) if value in self.varying]
        behind = [self._state(value) for value in op.results if value in self.gradients]
        if not operands:
            return ""
        if _cuts(op) and (not behind or any(state != "zero" for state in behind)):
            return "cuts the gradient"
        if not behind or all(state == "zero" for state in behind):
            return ""
        begins = [self._state(value, (op, position)) for value, position in operands]
        found = [state for state in begins if state and state not in behind]
        if not found:
            return ""
        return {"zero": "the gradient becomes zero", "not finite": "the gradient becomes NaN or infinite"}.get(
            found[0], f"the gradient {found[0]}"
        )


def _cuts(op: Operation) -> bool:
    """Whether no derivative passes, though one could be expected: `stop_gradient`, rounding, a conversion to integers.
    Comparisons are not meant: they decide."""
    if any(value.type.differentiable for value in op.results):
        return op.definition.rules is not None and op.definition.rules.cls.piecewise_constant
    return op.name == "tensor.convert" and op.result.type.dtype.kind in "iu"


def _norm(array: Any) -> float:
    numbers = np.asarray(array)
    kind = np.complex128 if numbers.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(numbers.astype(kind).reshape(-1)))


def _place(location: Location) -> str:
    """The user's line, quoted."""
    if not location:
        return ""
    source = linecache.getline(location.file, location.line).strip()
    return f"line {location.line}: {source}" if source else str(location)

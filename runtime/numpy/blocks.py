"""Generated Python for kernels: a loop over blocks whose intermediates stay in a cache.

A kernel's region, cut to one block, is written like any program, with two differences: every result goes to memory that
is there already (``out=``), scratch or the kernel's own results, and what blocks add up is added to a sum of the chunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...ir.graph import Operation, Value
from ...ops.contraction import PRODUCTS
from ...ops.kernel import FUSED, WHOLE, Fused
from ...passes.lower.arena import Lifetime, assign
from ...passes.lower.cut import cut
from ...passes.lower.iteration import COMBINED
from ...passes.lower.memory import Buffers, shown
from .codegen import Codegen
from .control import CONTROL
from .pool import ROW, Sum
from .sines import by_tangent, pair_up, spare_bytes
from .sums import join_products, template_of_sum
from .table import dtype_text, into_ufunc, template_of

#: A row is repeated before the loop over blocks where as many operations read it, those of all blocks counted.
READERS: Final = 3
#: BLAS is as fast with a transposed matrix as with one that is not, but for those of at most as many rows and columns.
SMALL: Final = 32


def emit_kernel(codegen: Codegen, op: Operation) -> None:
    """Write the function of a `kernel.fused`, and its call."""
    fused = Fused(op)
    number = len(codegen.kernels)
    names, nbytes = [], 0
    for points, suffix in ((fused.block, ""), (fused.extent % fused.block, "_rest")):
        if points:
            block = Block(codegen, fused, points)
            names.append(f"kernel{number}{suffix}")
            codegen.sources.append(block.function(names[-1]))
            nbytes = max(nbytes, block.nbytes)
    codegen.kernels[f"run{number}"] = names, (fused.extent, fused.block, fused.chunk, nbytes, _sums(op, fused))
    arguments = ", ".join([*(codegen.full(value) for value in op.operands), *_allocate(codegen, op)])
    codegen.lines.append(f"run{number}({arguments})")
    for value in op.results:
        if not value.type.rank:
            codegen.lines.append(f"{codegen.names[value]} = {codegen.names[value]}[()]")


def _allocate(codegen: Codegen, op: Operation) -> list[str]:
    """Arrays for the results."""
    names = []
    for value in op.results:
        place = codegen.place(value)
        name = codegen.names[value] = place or codegen.fresh()
        if not place:
            codegen.lines.append(f"{name} = np.empty({value.type.shape}, {dtype_text(value.type.dtype)})")
        names.append(name)
    return names


def _is_summed(fused: Fused, index: int) -> bool:
    """Whether blocks add to a result; a single block writes it."""
    return fused.results[index] == WHOLE and fused.block < fused.extent


def _sums(op: Operation, fused: Fused) -> tuple[Sum, ...]:
    """The results that blocks add to."""
    found = []
    for index, value in enumerate(op.results):
        if _is_summed(fused, index):
            ufunc, dtype = COMBINED[fused.region.outputs[index].owner.name], value.type.dtype
            place = len(op.operands) + index
            found.append(Sum(place, ufunc, _start(ufunc, dtype), value.type.shape, dtype))
    return tuple(found)


def _start(ufunc: np.ufunc, dtype: np.dtype[Any]) -> float | int:
    """What changes no result when it is combined."""
    if ufunc is np.add:
        return 0
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return int(limits.min if ufunc is np.maximum else limits.max)
    return -math.inf if ufunc is np.maximum else math.inf


class Block(Codegen):
    """Writes one block of a kernel."""

    def __init__(self, outer: Codegen, fused: Fused, points: int) -> None:
        super().__init__(cut(fused, points), outer.module, outer.annotate, outer)
        self.fused = fused
        self.points = points
        self.cut = fused.extent / points
        self.nbytes = 0
        join_products(self.graph)
        #: Values that the kernel returns, by the number of the result.
        self._outputs = {value: index for index, value in enumerate(self.graph.outputs)}
        for index, (value, axis) in enumerate(zip(self.graph.inputs, fused.axes, strict=True)):
            self.names[value] = f"a{index}" if axis == WHOLE else f"b{index}"
        self._whole = {value for value, axis in zip(self.graph.inputs, fused.axes, strict=True) if axis == WHOLE}
        #: Rows that are repeated before the loop, and the lines of what is done before it.
        self._rows: list[Value] = []
        self._fill: list[str] = []
        #: The second one of each sine and cosine of one argument, by the first.
        self._pairs = pair_up(self.graph, self.cut)
        self._seconds = set(self._pairs.values())
        self._buffers = Buffers(self.graph, self._is_scratch, self._shown)

    def function(self, name: str) -> str:
        """The source of the kernel's loop."""
        fused = self.fused
        results = [f"{'s' if _is_summed(fused, index) else 'r'}{index}" for index in range(len(fused.results))]
        body = [
            f"b{index} = {_part(f'a{index}', axis, self.points)}"
            for index, axis in enumerate(fused.axes)
            if axis != WHOLE
        ]
        body += [
            f"o{index} = {_part(each, axis, self.points)}"
            for index, (each, axis) in enumerate(zip(results, fused.results, strict=True))
            if each[0] == "r"
        ]
        for op in self.graph:
            start = len(self.lines)
            self._operation(op)
            for value in op.results:
                if value in self._outputs:
                    self._deliver(value, self._outputs[value])
            if self.annotate and len(self.lines) > start:
                self.lines[-1] += f"  # {op.name}"
        head = [*self._scratch(), *self._fill]
        inputs = [f"a{index}" for index in range(len(fused.axes))]
        arguments = ", ".join(["start", "stop", "scratch", *inputs, *results])
        loop = [f"for i in range(start, stop, {self.points}):", *(f"    {line}" for line in (*body, *self.lines))]
        lines = "\n    ".join([f"# {fused.extent} points in blocks of {fused.block}", *head, *loop])
        return f"def {name}({arguments}):\n    {lines}\n"

    # --- operations ------------------------------------------------------------------------------

    def _general(self, op: Operation) -> None:
        second = self._pairs.get(op)
        if second is None:
            super()._general(op)
            return
        for each in (op, second):
            self.names[each.result] = self._target(each.result) or self.fresh()
        sine, cosine = (op, second) if op.name == "tensor.sin" else (second, op)
        names = [self.full(each) for each in (op.operands[0], sine.result, cosine.result)]
        self.lines.append(f"sines({', '.join(names)}, spare)")

    def _operation(self, op: Operation) -> None:
        if op not in self._seconds:
            super()._operation(op)

    def _broadcast(self, op: Operation) -> None:
        if not self._is_read_often(op):
            super()._broadcast(op)
            return
        name = self.names[op.result] = f"w{len(self._rows)}"
        self._rows.append(op.result)
        self._fill.append(f"{name}[...] = {self._unrepeated(op)[0]}")

    def _is_read_often(self, op: Operation) -> bool:
        """Whether a row is the same in all blocks and read so often that it pays to repeat it once, before the loop:
        NumPy broadcasts at 0.3 to 0.4 ns an element along axes shorter than `ROW`."""
        source, result = op.operands[0], op.result
        if source not in self._whole or not 1 < source.type.size < result.type.size or result.type.shape[-1] >= ROW:
            return False
        if self.points != self.fused.block:
            return False  # what is left behind whole blocks
        blocks = self.fused.chunk // self.points
        readers = sum(user.definition.rules.cls.elementwise for user, _ in self.graph.uses(result))
        return int(readers * blocks) >= READERS

    # --- results ---------------------------------------------------------------------------------

    def _is_argument(self, x: Value) -> bool:
        return False

    def _into(self, op: Operation) -> str | None:
        if self._is_packed(op):
            return f"{{out}}[...] = {template_of(op)}"
        text = template_of_sum(op, self._ones)
        if text is not None:
            return f"{text[:-1]}, {{out}})" if op.result.type.rank else None
        function = by_tangent(op, self.cut)
        text = f"{function}({{0}}, {{out}}, spare)" if function else super()._into(op)
        if text is not None and op.name in PRODUCTS:
            for index, value in enumerate(op.operands):
                if value in self._whole and min(value.type.shape) > 1 and max(value.type.shape) <= SMALL:
                    text = text.replace(f"{{{index}}}.T", self._turned(value))
        return text

    def _template(self, op: Operation) -> str | None:
        return template_of_sum(op, self._ones) or super()._template(op)

    def _ones(self, count: int, dtype: np.dtype[Any]) -> str:
        """The name of an array of ones."""
        name = f"ones_{count}_{dtype.name}"
        self.namespace.setdefault(name, np.ones(count, dtype))
        return name

    def _turned(self, value: Value) -> str:
        """The name of a small matrix that is brought into transposed order before the loop."""
        name = f"{self.names[value]}t"
        line = f"{name} = np.ascontiguousarray({self.names[value]}.T)"
        if line not in self._fill:
            self._fill.append(line)
        return name

    def _target(self, value: Value) -> str | None:
        if self._is_written(value):
            return f"o{self._outputs[value]}"
        return f"t{self._buffers.number[value]}"

    def _is_written(self, value: Value) -> bool:
        """Whether a value is a result of the kernel to which blocks do not add."""
        return value in self._outputs and not _is_summed(self.fused, self._outputs[value])

    def _is_scratch(self, value: Value) -> bool:
        """Whether a value is computed into scratch memory."""
        return self._into(value.owner) is not None and not self._is_written(value)

    def _shown(self, op: Operation) -> Sequence[Value]:
        return () if self._is_packed(op) else shown(op)

    def _is_packed(self, op: Operation) -> bool:
        """Whether what the region transposes is brought into that order: where more than one operation reads it,
        products aside, which BLAS takes in either order."""
        if op.name != "tensor.transpose":
            return False
        readers = [user for user, _ in self.graph.uses(op.result)]
        return sum(user.name not in PRODUCTS for user in readers) > 1

    def _deliver(self, value: Value, index: int) -> None:
        """Bring a value to where the kernel returns it."""
        name = self.full(value)
        if _is_summed(self.fused, index):
            combine = COMBINED[value.owner.name]
            self.lines.append(into_ufunc(combine, f"s{index}", name, out=f"s{index}"))
        elif name != f"o{index}":
            self.lines.append(f"o{index}[...] = {name}")

    def _scratch(self) -> list[str]:
        """The lines that lay out scratch memory."""
        spare = spare_bytes(self.graph, self.cut)
        sizes = [*(value.type.nbytes for value in self._rows), *([spare] if spare else [])]
        always = [Lifetime(0, len(self.graph), nbytes) for nbytes in sizes]
        offsets, self.nbytes = assign([*self._buffers.lifetimes, *always])
        names = [f"t{number}" for number in range(len(self._buffers.owners))]
        names += [self.names[value] for value in self._rows]
        lines = [
            f"{name} = np.ndarray({value.type.shape}, {dtype_text(value.type.dtype)}, scratch, {offset})"
            for name, value, offset in zip(names, [*self._buffers.owners, *self._rows], offsets, strict=False)
        ]
        return [*lines, f"spare = scratch[{offsets[-1]}:{offsets[-1] + spare}]"] if spare else lines


def _part(name: str, axis: int, points: int) -> str:
    if axis == WHOLE:
        return name
    return f"{name}[{':, ' * axis}i:i + {points}]"


CONTROL[FUSED.name] = emit_kernel

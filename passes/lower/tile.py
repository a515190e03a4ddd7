"""tile: how many points of a kernel's dimension are computed at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.contraction import PRODUCTS, multiply_adds
from ...ops.kernel import FUSED, WHOLE, Fused
from ..manager import Pass, PassLog, register_pass
from .iteration import COMBINED, walked
from .memory import VIEWS

#: Functions that take about as long as a multiplication; others take some four times as long.
ARITHMETIC: Final = frozenset(
    f"tensor.{name}"
    for name in (
        "abs",
        "add",
        "ceil",
        "compare",
        "complex",
        "conj",
        "convert",
        "div",
        "floor",
        "imag",
        "is_finite",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "maximum",
        "minimum",
        "mul",
        "neg",
        "real",
        "reciprocal",
        "round",
        "rsqrt",
        "select",
        "sign",
        "sign_bit",
        "sqrt",
        "square",
        "sub",
        "trunc",
    )
) | {"ad.mul_no_nan"}
#: What has no memory of its own in a block.
REPEATED: Final = ("tensor.constant", "tensor.broadcast_in_dim")


@register_pass("tile")
@dataclass(frozen=True)
class Tile(Pass):
    """Choose each kernel's ``block``, so that what a block holds stays in a cache of ``cache`` bytes, and ``chunk``.

    A block's values have at least ``least`` elements on average, since each call has its cost, and at most ``most``.
    Blocks that do not lie in one piece have rows of at least ``contiguous`` elements. A kernel of nothing but products
    has ``products`` blocks.

    What blocks add up in sums of n bytes is worth ``adding`` times n bytes of work, and a block does as much at least.

    Threads take chunks. Between its calls a thread needs the interpreter's lock, and to wait for another thread takes
    as long as a short call: kernels for threads have blocks in which the mean call does the work of a multiplication
    that writes ``call`` bytes, whether they stay in the cache or not. Where that leaves no two blocks, or the kernel
    does the work of less than ``serial`` bytes, it is one chunk. The dimension is cut into at most ``chunks`` chunks.
    None of this depends on the number of threads, so sums do not either.
    """

    cache: int = 1_500_000
    least: int = 8192
    most: int = 65536
    chunks: int = 16
    contiguous: int = 256
    products: int = 8
    adding: int = 96
    call: int = 524_288
    serial: int = 3_000_000

    def run(self, module: Module, log: PassLog) -> bool:
        count = 0
        for graph in module:
            for op in graph:
                if op.definition is FUSED:
                    self._tile(op)
                    count += 1
        log.count("kernels", count)
        return count > 0

    def _tile(self, op: Operation) -> None:
        fused = Fused(op)
        axes = walked(fused.region, fused.axes, fused.results)
        extent = fused.extent
        work, calls = _work(fused.region, axes)
        summed = sum(value.type.nbytes for value, axis in zip(op.results, fused.results, strict=True) if axis == WHOLE)
        rows = self._rows(fused, axes)
        if work:
            rows = max(rows, min(math.ceil(self.adding * summed * extent / work), extent))
        paced = math.ceil(self.call * calls * extent / work) if work else extent
        serial = work < self.serial or 2 * paced > extent
        rows = _even(rows if serial else max(rows, paced), extent)
        chunks = 1 if serial else self.chunks
        blocks = -(-extent // rows)
        chunk = -(-blocks // chunks) * rows
        op.attributes = {**op.attributes, "block": rows, "chunk": min(chunk, extent)}

    def _rows(self, fused: Fused, axes: dict[Value, int]) -> int:
        """Points of a block for one thread."""
        extent = fused.extent
        if all(each.name in PRODUCTS for each in fused.region):
            return -(-extent // self.products)  # BLAS has blocks of its own
        elements, mean, live = _footprint(fused.region, axes, extent)
        if mean * extent <= 2 * self.least:
            return extent
        rows = int(self.cache / live) if live else extent
        fewest = max(int(self.least / mean), self.contiguous // _run(axes), 1)
        return min(max(min(rows, int(self.most / elements)), fewest), extent)


def _work(region: Graph, axes: dict[Value, int]) -> tuple[float, int]:
    """What a kernel's calls do, in bytes that a multiplication would write in that time, and how many they are."""
    views = VIEWS | {"tensor.constant"}
    calls = [op for op in region if op.name in COMBINED or (op.name not in views and axes[op.result] != WHOLE)]
    return sum(map(_bytes, calls)), len(calls)


def _bytes(op: Operation) -> float:
    moved = max(value.type.nbytes for value in (*op.operands, *op.results))
    if op.name in PRODUCTS:
        return max(moved, multiply_adds(op) * op.result.type.dtype.itemsize / 16)
    rules = op.definition.rules
    heavy = rules is not None and rules.cls.elementwise and op.name not in ARITHMETIC
    return 4 * moved if heavy else moved


def _run(axes: dict[Value, int]) -> int:
    """The fewest elements in a row that one point has of a value in which blocks do not lie in one piece."""
    runs = [math.prod(value.type.shape[axis + 1 :]) for value, axis in axes.items() if axis > 0]
    return min(runs, default=1 << 30)


def _even(points: int, extent: int) -> int:
    """About as many points, so that blocks are of one size where that is possible, and begin on cache lines."""
    for size in range(points, points // 2, -1):
        if extent % size == 0:
            return size
    return points if points < 128 else points // 64 * 64


def _footprint(region: Graph, axes: dict[Value, int], extent: int) -> tuple[float, float, float]:
    """Elements a point of the largest value and of a mean one; bytes a point of what is alive at once."""
    elements = 1.0
    sizes: list[float] = []
    last: dict[Value, Operation] = {value: op for op in [*region, region.end] for value in op.operands}
    live = most = 0.0
    for value in region.inputs:
        if axes[value] != WHOLE:
            elements = max(elements, value.type.size / extent)
            live += value.type.nbytes / extent
    for op in region:
        if op.name in REPEATED or axes[op.result] == WHOLE:
            continue
        elements = max(elements, op.result.type.size / extent)
        sizes.append(op.result.type.size / extent)
        live += op.result.type.nbytes / extent
        most = max(most, live)
        for value in set(op.operands):
            if axes[value] != WHOLE and last[value] is op and value.owner.name != "tensor.broadcast_in_dim":
                live -= value.type.nbytes / extent
    return elements, max(1.0, sum(sizes) / max(1, len(sizes))), max(most, live)

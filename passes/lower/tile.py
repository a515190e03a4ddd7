"""tile: how many points of a kernel's dimension are computed at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.contraction import PRODUCTS
from ...ops.kernel import FUSED, WHOLE, Fused
from ..manager import Pass, PassLog, register_pass
from .iteration import walked


@register_pass("tile")
@dataclass(frozen=True)
class Tile(Pass):
    """Choose each kernel's ``block``, so that what a block holds stays in a cache of ``cache`` bytes, and ``chunk``.

    A block's values have at least ``least`` elements on average, since each call has its cost, and at most ``most``.
    Blocks that do not lie in one piece have rows of at least ``contiguous`` elements. A kernel of nothing but products
    has ``products`` blocks.
    A kernel that computes fewer than ``serial`` elements, all its values together, is one chunk, others have at least
    ``parts`` blocks, for threads, where blocks of ``least`` elements allow it.
    The dimension is cut into at most ``chunks`` chunks, so many that their sums need at most ``sums`` bytes. None of
    this depends on the number of threads, so sums do not either.
    """

    cache: int = 1_500_000
    least: int = 8192
    most: int = 65536
    chunks: int = 16
    contiguous: int = 256
    products: int = 8
    parts: int = 4
    serial: int = 262_144
    sums: int = 33_554_432

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
        elements, mean, work, live = _footprint(fused.region, axes, extent)
        rows = int(self.cache / live) if live else extent
        fewest = max(int(self.least / mean), self.contiguous // _run(axes), 1)
        rows = max(min(rows, int(self.most / elements)), fewest)
        if work * extent >= self.serial:
            rows = min(rows, max(-(-extent // self.parts), fewest))
        if mean * extent <= 2 * self.least:
            rows = extent
        if all(each.name in PRODUCTS for each in fused.region):
            rows = -(-extent // self.products)  # BLAS has blocks of its own
        rows = _even(min(rows, extent), extent)
        summed = sum(value.type.nbytes for value, axis in zip(op.results, fused.results, strict=True) if axis == WHOLE)
        chunks = max(1, min(self.chunks, self.sums // summed if summed else self.chunks))
        if work * extent < self.serial:
            chunks = 1
        blocks = -(-extent // rows)
        chunk = -(-blocks // chunks) * rows
        op.attributes = {**op.attributes, "block": rows, "chunk": min(chunk, extent)}


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


def _footprint(region: Graph, axes: dict[Value, int], extent: int) -> tuple[float, float, float, float]:
    """Elements a point of the largest value, of a mean one, and of all; bytes a point of what is alive at once."""
    elements = 1.0
    sizes: list[float] = []
    last: dict[Value, Operation] = {value: op for op in [*region, region.end] for value in op.operands}
    live = most = 0.0
    for value in region.inputs:
        if axes[value] != WHOLE:
            elements = max(elements, value.type.size / extent)
            live += value.type.nbytes / extent
    for op in region:
        if op.name in ("tensor.constant", "tensor.broadcast_in_dim") or axes[op.result] == WHOLE:
            continue
        elements = max(elements, op.result.type.size / extent)
        sizes.append(op.result.type.size / extent)
        live += op.result.type.nbytes / extent
        most = max(most, live)
        for value in set(op.operands):
            if axes[value] != WHOLE and last[value] is op and value.owner.name != "tensor.broadcast_in_dim":
                live -= value.type.nbytes / extent
    return elements, max(1.0, sum(sizes) / max(1, len(sizes))), sum(sizes), max(most, live)

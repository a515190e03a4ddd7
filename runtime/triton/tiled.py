"""Contractions as tiles: ``tl.dot`` over blocks of rows, columns and summed elements, for each batch.

The operands are emitted at the tile's points, so what moves or converts them costs no kernel of its own, and the
operations that follow on the same elements are done before the tile is stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...ir.graph import Value
from ...ops.contraction import parse_spec
from .clusters import Cluster, Clusters, label_sizes
from .driver import Kernel
from .expressions import TRITON_NAMES, rounded
from .points import VIEWS, Coord, Point, flat_of, reshaped, through
from .rows import PROCESSORS, combine
from .slots import Checks, Launch, Temporary
from .writer import Body, coordinates, power_of_two, programs

#: How float32 numbers are multiplied: exactly, as three products of TensorFloat-32, as one.
PRECISIONS: Final = ("ieee", "tf32x3", "tf32")
#: Rows of tiles that run next to each other, so that they share operands in the cache.
GROUP: Final = 8


@dataclass(frozen=True)
class Tiling:
    """Rows, columns and summed elements of a tile, pipeline stages, warps."""

    rows: int
    columns: int
    inner: int
    stages: int
    warps: int


#: Rows, columns, summed elements, stages and warps that are tried beside the usual tile, where kernels are tuned.
TUNED: Final = (
    Tiling(64, 64, 32, 2, 4),
    Tiling(128, 64, 32, 3, 4),
    Tiling(128, 128, 32, 3, 8),
    Tiling(128, 128, 64, 3, 8),
    Tiling(128, 256, 64, 3, 8),
)
#: Shared memory that a tile's operands may fill, in bytes.
SHARED: Final = 200 << 10


def tilings_for(dtype: np.dtype[Any], rows: int, columns: int, inner: int) -> list[Tiling]:
    """The tiles that are worth a try: no larger than the product, and within shared memory."""
    found = []
    for each in TUNED:
        fits = each.rows <= power_of_two(rows) and each.columns <= power_of_two(columns)
        nbytes = (each.rows + each.columns) * each.inner * each.stages * dtype.itemsize
        if fits and each.inner <= power_of_two(inner) and nbytes <= SHARED:
            found.append(each)
    return found


def tiling_of(dtype: np.dtype[Any], rows: int, columns: int, inner: int) -> Tiling:
    """A tile that suits the sizes and the element type."""
    if dtype.itemsize == 8:
        wanted = Tiling(64, 64, 16, 2, 4)
    elif dtype.itemsize == 4:
        wanted = Tiling(64, 64, 32, 2, 4)
    elif rows * columns >= 1024 * 1024:
        wanted = Tiling(128, 128, 64, 3, 8)
    else:
        wanted = Tiling(64, 64, 64, 3, 4)

    def clamp(block: int, size: int) -> int:
        return max(16, min(block, power_of_two(size)))

    return Tiling(
        clamp(wanted.rows, rows),
        clamp(wanted.columns, columns),
        clamp(wanted.inner, inner),
        wanted.stages,
        wanted.warps,
    )


class Tiled(Body):
    """The kernel of a contraction and of what follows it."""

    def __init__(
        self,
        clusters: Clusters,
        cluster: Cluster,
        checks: Checks,
        stores: Sequence[Value],
        precision: str,
        tiling: Tiling | None = None,
    ) -> None:
        super().__init__(clusters, cluster, checks)
        assert cluster.tiled is not None
        self.op = cluster.tiled
        self.stores = stores
        self.precision = precision
        self.labels = parse_spec(self.op.attributes["spec"])
        self.sizes = label_sizes(self.op)
        out, x, y = self.labels.out, self.labels.x, self.labels.y
        self.batch = [label for label in out if label in x and label in y]
        self.rows = [label for label in out if label not in y]
        self.columns = [label for label in out if label not in x]
        self.inner = [label for label in x if label not in out]
        self.counts = [self._size_of(part) for part in (self.rows, self.columns, self.inner)]
        self.tiling = tiling or tiling_of(self.op.operands[0].type.dtype, *self.counts)
        self.tuned = tiling is not None

    def _size_of(self, labels: Sequence[str]) -> int:
        return math.prod(self.sizes[label] for label in labels)

    def home(self, value: Value) -> Point:
        """Where a value of the cluster is computed."""
        at = {label: self._coord(label, "mn"[label in self.columns]) for label in self.labels.out}
        for label in self.batch:
            at[label] = self._coord(label, "")
        point = Point(self.cluster.shape, tuple(at[label] for label in self.labels.out))
        return reshaped(point, value.type.shape, self.bind)

    def _coord(self, label: str, dim: str) -> Coord:
        if self.sizes[label] == 1:
            return Coord("0")
        prefix = {"k": "kx_", "l": "ky_"}.get(dim, "i_")
        return Coord(prefix + label, frozenset(dim))

    def _splits(self, blocks: int, inner: int) -> int:
        """Over how many programs the sum of each tile is split: where the tiles are too few to occupy a GPU and the
        sums long."""
        if self.tuned or 2 * blocks > PROCESSORS or inner < 16 * self.tiling.inner:
            return 1
        return min(PROCESSORS // blocks, programs(inner, 8 * self.tiling.inner))

    def tuned_kernels(self) -> tuple[Kernel, ...]:
        """The same with other tiles."""
        dtype = self.op.operands[0].type.dtype
        found = []
        for tiling in tilings_for(dtype, *self.counts):
            if tiling == self.tiling:
                continue
            checks = Checks(list(self.checks.found))
            other = Tiled(self.clusters, self.cluster, checks, self.stores, self.precision, tiling)
            (launch,) = other.write()
            found.append(launch.kernel)
        return tuple(found)

    def write(self) -> list[Launch]:
        """The kernel, or the two of a split sum."""
        t, op = self.tiling, self.op
        counts = [self._size_of(part) for part in (self.rows, self.columns, self.inner, self.batch)]
        down, across = programs(counts[0], t.rows), programs(counts[1], t.columns)
        self._header(down, across, counts)
        kind = "float64" if op.result.type.dtype == np.float64 else "float32"
        self.line(f"total = tl.zeros([{t.rows}, {t.columns}], tl.{kind})")
        blocks = down * across * counts[3]
        chunk = t.inner * programs(counts[2], self._splits(blocks, counts[2]) * t.inner)
        splits = programs(counts[2], chunk)
        if splits > 1:
            self.line("split = tl.program_id(1)")
            last = f"tl.minimum(split * {chunk} + {chunk}, {counts[2]})"
            self.line(f"for k in range(split * {chunk}, {last}, {t.inner}):")
        else:
            self.line(f"for k in range(0, {counts[2]}, {t.inner}):")
        self.open()
        self._inner_index("k", "[None, :]", "kx_", counts[2])
        self._inner_index("l", "[:, None]", "ky_", counts[2])
        x = self._operand(0, self.labels.x, "mk")
        y = self._operand(1, self.labels.y, "ln")
        options = {"float64": ", out_dtype=tl.float64"}.get(op.operands[0].type.dtype.name, "")
        if op.operands[0].type.dtype == np.float32:
            options = f', input_precision="{self.precision}"'
        self.line(f"total = tl.dot({x}, {y}, total{options})")
        self.close()
        dtype = op.result.type.dtype
        names = [each.name.partition(".")[2] for each in self.cluster.operations[1:4]]
        if splits > 1:
            point = self.home(op.result)
            part = Temporary(splits * op.result.type.size, kind, "parts of a contraction")
            place = f"{self.pointer(part)} + split * {op.result.type.size} + {flat_of(point)}"
            self.line(f"tl.store({place}, total{self.mask(frozenset('mn'))})")
            first = self.finish("split_tiled", blocks, t.warps, t.stages, splits)
            return [first, combine(self.clusters, self.cluster, self.checks, self.stores, {op: part}, splits)]
        var = self.named(rounded("total", dtype), frozenset("mn"), dtype)
        point = self.home(op.result)
        self.remember((op.result, point.flat.text if point.flat is not None else point.key), var)
        for value in self.stores:
            at = self.home(value)
            self.store(value, self.emit(value, at), flat_of(at))
        return [self.finish("_".join(["tiled", *names]), blocks, t.warps, t.stages)]

    def _header(self, down: int, across: int, counts: Sequence[int]) -> None:
        t = self.tiling
        wide = ".to(tl.int64)" if self.is_wide() else ""
        self.line(f"program = tl.program_id(0) % {down * across}")
        self.line(f"batch = tl.program_id(0){wide} // {down * across}")
        self.line(f"group = program // {GROUP * across}")
        self.line(f"height = tl.minimum({down} - group * {GROUP}, {GROUP})")
        self.line(f"down = group * {GROUP} + (program % {GROUP * across}) % height")
        self.line(f"across = (program % {GROUP * across}) // height")
        self.line(f"rows = (down{wide} * {t.rows} + tl.arange(0, {t.rows}))[:, None]")
        self.line(f"columns = (across{wide} * {t.columns} + tl.arange(0, {t.columns}))[None, :]")
        for dim, name, size, block in (("m", "rows", counts[0], t.rows), ("n", "columns", counts[1], t.columns)):
            if size % block:
                self.masks[dim] = f"{name}_mask"
                self.line(f"{name}_mask = {name} < {size}")
        for name, part, dims in (("rows", self.rows, "m"), ("columns", self.columns, "n"), ("batch", self.batch, "")):
            sizes = [self.sizes[label] for label in part]
            coordinates(self, name, sizes, [f"i_{label}" for label in part], frozenset(dims))

    def _inner_index(self, dim: str, shape: str, prefix: str, count: int) -> None:
        block = self.tiling.inner
        wide = ".to(tl.int64)" if self.is_wide() else ""
        self.line(f"{prefix}index = (k + tl.arange(0, {block}){shape}){wide}")
        if count % block:
            self.masks[dim] = f"{prefix}mask"
            self.line(f"{prefix}mask = {prefix}index < {count}")
        sizes = [self.sizes[label] for label in self.inner]
        coordinates(self, f"{prefix}index", sizes, [prefix + label for label in self.inner], frozenset(dim))

    def _operand(self, position: int, text: str, dims: str) -> str:
        """The tile of an operand, zero beyond the end of what is summed."""
        value = self.op.operands[position]
        coords = []
        for label in text:
            if label in self.batch:
                coords.append(self._coord(label, ""))
            elif label in self.inner:
                coords.append(self._coord(label, dims[1 - position]))
            else:
                coords.append(self._coord(label, dims[position]))
        point = Point(value.type.shape, tuple(coords))
        source, at = value, point
        while not self.clusters.stored(source) and source.owner.name in VIEWS:
            at = through(source.owner, at, self.bind)
            source = source.owner.operands[0]
        if self.clusters.stored(source):
            var = self.load(source, at, raw=True)
            text = var.text
        else:
            var = self.emit(source, at)
            name = TRITON_NAMES[value.type.dtype]
            inner = dims[1 - position]
            text = f"{var.text}.to(tl.{name})"
            if inner in self.masks:
                text = f"tl.where({self.masks[inner]}, {text}, tl.full([], 0, tl.{name}))"
        t = self.tiling
        shape = [t.rows, t.inner] if position == 0 else [t.inner, t.columns]
        if var.dims != frozenset(dims):
            text = f"tl.broadcast_to({text}, {shape})"
        return text

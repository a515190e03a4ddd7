"""Kernels over elements and rows: pointwise, reductions, and both in turn, such as a softmax.

A tile is XBLOCK kept positions by RBLOCK reduced ones. Short rows are read once and stay in registers (*persistent*);
long ones are read in a loop, once for each reduction that needs the result of another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from ...ir.graph import Operation, Value
from .clusters import REDUCTIONS, Cluster, Clusters
from .folds import Fold
from .points import Coord, Point, R, X, flat_of, reshaped
from .slots import Checks, Launch, Temporary
from .writer import Body, Var, coordinates, power_of_two, programs

#: Rows of at most so many elements are read once; of columns, whose neighbours in memory are other columns' elements,
#: fewer, so that a tile is wide enough to read whole lines.
PERSISTENT: Final = 1024
#: The same where they would otherwise be read several times, as in a softmax.
PERSISTENT_TWICE: Final = 4096
PERSISTENT_COLUMNS: Final = 64
#: Elements of a tile.
TILE: Final = 2048
#: Both extents of a tile that reads along one axis and writes along another.
SQUARE: Final = 32
#: Rows of more elements are split over programs, in a kernel of partial results and one that combines them, where the
#: rows are too few to occupy a GPU, whose processors the second number counts.
SPLIT: Final = 2048
PROCESSORS: Final = 132


class Rows(Body):
    """The kernel of a cluster that is not tiled. ``stores`` are the values that something outside reads."""

    def __init__(self, clusters: Clusters, cluster: Cluster, checks: Checks, stores: Sequence[Value]) -> None:
        super().__init__(clusters, cluster, checks)
        self.stores = stores
        self.reduced = cluster.axes or ()
        # The axis in which a tile is long stands last.
        kept = [axis for axis in range(len(cluster.shape)) if axis not in self.reduced]
        self.kept = sorted(kept, key=lambda axis: (axis == cluster.turned, axis))
        self.xnumel = cluster.rows
        self.rnumel = math.prod(cluster.shape[axis] for axis in self.reduced)
        last = max((axis for axis, size in enumerate(cluster.shape) if size > 1), default=-1)
        self.columns = last in self.kept
        self.levels = self._find_levels()
        self.looped = cluster.turned is None and (self.rnumel > self._persistent() or self.rnumel == 0)
        self.xblock, self.rblock, self.warps = self._blocks()

    def _find_levels(self) -> dict[Value, int]:
        """By value, how many reductions one behind the other it needs."""
        levels: dict[Value, int] = {}
        for op in self.cluster.operations:
            reads = self.clusters.reads(op, [None] * len(op.operands))
            needed = max((levels.get(value, 0) for value, _ in reads), default=0)
            levels[op.result] = needed + (op.name in REDUCTIONS)
        return levels

    def _persistent(self) -> int:
        """The longest rows that are read once and stay in registers."""
        if self.columns:
            return PERSISTENT_COLUMNS
        depth = max(self.levels.values(), default=0)
        again = any(self.levels[value] and not self._is_row(value) for value in self.stores)
        return PERSISTENT_TWICE if depth > 1 or again else PERSISTENT

    def _blocks(self) -> tuple[int, int, int]:
        if self.cluster.turned is not None:
            return SQUARE, SQUARE, 4
        if self.cluster.long:  # one element a thread: more are so many copies of long code
            xblock = min(256, power_of_two(self.xnumel))
            return xblock, 1, max(xblock // 32, 1)
        if self.cluster.axes is None:
            xblock = min(max(power_of_two(self.xnumel // 128), 256), 1024, power_of_two(self.xnumel))
            return xblock, 1, min(max(xblock // 256, 1), 8)
        rblock = power_of_two(max(self.rnumel, 1))
        if self.looped:
            rblock = min(rblock, 32 if self.columns else TILE)
        xblock = min(power_of_two(self.xnumel), max(1, TILE // rblock), 256)
        return xblock, rblock, min(max(xblock * rblock // 256, 1), 8)

    # --- writing ---------------------------------------------------------------------------------

    def write(self) -> list[Launch]:
        """The kernel, or the two of a split reduction."""
        splits = self._splits()
        if splits > 1:
            return self._write_split(splits)
        self._header()
        rows = [value for value in self.stores if self._is_row(value)]
        full = [value for value in self.stores if not self._is_row(value)]
        reductions = [op for op in self.cluster.operations if op.name in REDUCTIONS]
        if reductions:
            depth = max(self.levels[op.result] for op in reductions)
            last = max([depth - 1, *(self.levels[value] for value in full)])
            for level in range(last + 1):
                own = [op for op in reductions if self.levels[op.result] == level + 1]
                self._phase(own, [value for value in full if self.levels[value] == level])
        else:
            self._store_all(full)
        self._store_all(rows)
        count = programs(self.xnumel, self.xblock) * (1 if self.cluster.turned is None else self._across())
        return [self.finish(self._title(), count, self.warps)]

    def _across(self) -> int:
        """Tiles beside each other, where rows are neither read at once nor in a loop."""
        return programs(self.rnumel, self.rblock)

    def _splits(self) -> int:
        """Over how many programs each row is split."""
        blocks = programs(self.xnumel, self.xblock)
        folded = self.cluster.axes is not None and self.cluster.turned is None
        if not folded or self.rnumel <= SPLIT or blocks >= 2 * PROCESSORS:
            return 1
        if max(self.levels.values()) > 1 or any(
            self.levels[value] and not self._is_row(value) for value in self.stores
        ):
            return 1
        if any(op.name in ("tensor.argmax", "tensor.argmin") for op in self.cluster.operations):
            return 1
        return min(4 * PROCESSORS // blocks, programs(self.rnumel, 4 * self.rblock))

    def _write_split(self, splits: int) -> list[Launch]:
        chunk = self.rblock * programs(self.rnumel, splits * self.rblock)
        splits = programs(self.rnumel, chunk)
        self._header()
        self.line("split = tl.program_id(1)")
        folds = [Fold(self, op) for op in self.cluster.operations if op.name in REDUCTIONS]
        for fold in folds:
            fold.begin()
        last = f"tl.minimum(split * {chunk} + {chunk}, {self.rnumel})"
        self.line(f"for r in range(split * {chunk}, {last}, RBLOCK):")
        self.open()
        self._reduced_index("r + tl.arange(0, RBLOCK)[None, :]")
        for fold in folds:
            fold.step()
        self._store_all([value for value in self.stores if not self._is_row(value)])
        self.close()
        parts = {}
        for fold in folds:
            parts[fold.op] = Temporary(splits * self.xnumel, fold.kind, f"parts of {fold.op.name}")
            text = fold.partial()
            place = f"{self.pointer(parts[fold.op])} + split * {self.xnumel} + xindex"
            self.line(f"tl.store({place}, {text}{self.mask(X)})")
        first = self.finish(f"split_{self._title()}", programs(self.xnumel, self.xblock), self.warps, splits=splits)
        rows = [value for value in self.stores if self._is_row(value)]
        return [first, combine(self.clusters, self.cluster, self.checks, rows, parts, splits)]

    def _title(self) -> str:
        kind = "rows" if self.looped else "row"
        if self.cluster.axes is None or self.cluster.turned is not None:
            kind = "pointwise" if self.cluster.axes is None else "turned"
        names = [op.name.partition(".")[2] for op in self.cluster.operations]
        shown = names if len(names) <= 4 else [*names[:2], *names[-2:]]
        return "_".join([kind, *shown])

    def _header(self) -> None:
        index = "tl.program_id(0).to(tl.int64)" if self.is_wide() else "tl.program_id(0)"
        self.line(f"XBLOCK: tl.constexpr = {self.xblock}")
        column = "[:, None]" if self.cluster.axes is not None else ""
        if self.cluster.turned is not None:
            self.line(f"across = {index} % {self._across()}")
            index = f"({index} // {self._across()})"
        self.line(f"xindex = {index} * XBLOCK + tl.arange(0, XBLOCK){column}")
        if self.xnumel % self.xblock:
            self.masks["x"] = "xmask"
            self.line(f"xmask = xindex < {self.xnumel}")
        sizes = [self.cluster.shape[axis] for axis in self.kept]
        coordinates(self, "xindex", sizes, [f"i{axis}" for axis in self.kept], X)
        if self.cluster.axes is None:
            return
        self.line(f"RBLOCK: tl.constexpr = {self.rblock}")
        if not self.looped:
            start = "across * RBLOCK + " if self.cluster.turned is not None else ""
            self._reduced_index(f"{start}tl.arange(0, RBLOCK)[None, :]")

    def _reduced_index(self, text: str) -> None:
        self.line(f"rindex = ({text}).to(tl.int64)" if self.is_wide() else f"rindex = {text}")
        if self.rnumel % self.rblock:
            self.masks["r"] = "rmask"
            self.line(f"rmask = rindex < {self.rnumel}")
        sizes = [self.cluster.shape[axis] for axis in self.reduced]
        coordinates(self, "rindex", sizes, [f"i{axis}" for axis in self.reduced], R)
        point = self.cluster.full_point()
        flat = flat_of(Point(point.shape, point.coords))
        self.line(f"index = {flat.text}")

    def _is_row(self, value: Value) -> bool:
        """Whether a value of the cluster is one of its rows."""
        if self.cluster.axes is None:
            return False
        op = value.owner
        return op.name in REDUCTIONS or self.cluster.members[value].same(self.cluster.row_point(value.type.shape))

    def home(self, value: Value) -> Point:
        """Where a value is computed, with the kernel's names."""
        shape, cluster = value.type.shape, self.cluster
        return reshaped(cluster.row_point() if self._is_row(value) else cluster.full_point(), shape, self.bind)

    def _store_all(self, values: Sequence[Value]) -> None:
        for value in values:
            point = self.home(value)
            var = self.emit(value, point)
            row = self.cluster.axes is None or self._is_row(value) or self.xnumel == math.prod(self.cluster.shape)
            self.store(value, var, Coord("xindex", X) if row else Coord("index", X | R))

    # --- reductions ------------------------------------------------------------------------------

    def _phase(self, reductions: Sequence[Operation], full: Sequence[Value]) -> None:
        """One reading of the rows: reductions that need none of each other, and what can be stored by then."""
        folds = [Fold(self, op) for op in reductions]
        if not self.looped:
            for fold in folds:
                self.remember_result(fold.op, fold.at_once())
            self._store_all(full)
            return
        for fold in folds:
            fold.begin()
        if self.rnumel:
            self.line(f"for r in range(0, {self.rnumel}, RBLOCK):")
            self.open()
            self._reduced_index("r + tl.arange(0, RBLOCK)[None, :]")
            for fold in folds:
                fold.step()
            self._store_all(full)
            self.close()
        for fold in folds:
            self.remember_result(fold.op, fold.finish())

    def remember_result(self, op: Operation, var: Var) -> None:
        """Let a reduction's result be known at its point."""
        point = self.home(op.result)
        self.remember((op.result, point.flat.text if point.flat is not None else point.key), var)

    def whole(self, var: Var) -> str:
        """A value as a whole tile."""
        return var.text if var.dims == X | R else f"tl.broadcast_to({var.text}, [XBLOCK, RBLOCK])"


def combine(
    clusters: Clusters,
    cluster: Cluster,
    checks: Checks,
    stores: Sequence[Value],
    parts: Mapping[Operation, Temporary],
    splits: int,
) -> Launch:
    """The kernel that makes the results of reductions, of which ``parts`` hold those for each split, and what follows
    on the same rows."""
    kept = tuple(size for axis, size in enumerate(cluster.shape) if axis not in (cluster.axes or ()))
    own = Cluster(cluster.index, (*kept, splits), (len(kept),), inputs=cluster.inputs)
    own.operations = [op for op in cluster.operations if op in parts or op.result.type.size == math.prod(kept)]
    own.members = {op.result: own.row_point(op.result.type.shape) for op in own.operations}
    rows = Rows(clusters, own, checks, stores)
    rows._header()
    for op, part in parts.items():
        mask = rows.mask(X | R)
        place = f"{rows.pointer(part)} + rindex * {rows.xnumel} + xindex"
        tile = rows.named(f"tl.load({place}{mask}{', other=0' if mask else ''})", X | R, op.operands[0].type.dtype).text
        fold = Fold(rows, op)
        if "r" in rows.masks:
            tile = rows.named(f"tl.where(rmask, {tile}, {fold.neutral})", X | R, fold.dtype).text
        rows.remember_result(op, fold.combined(tile))
    rows._store_all(stores)
    return rows.finish("combine_" + rows._title().partition("_")[2], programs(rows.xnumel, rows.xblock), rows.warps)

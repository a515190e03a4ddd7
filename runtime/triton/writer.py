"""Kernels as Triton source.

A kernel computes one tile of its domain at a time. A value is emitted at a point, an expression of the tile's indices:
operations that move elements only change the point, and what stands in memory is loaded there. Each line that is
written is remembered, so that nothing is computed twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...ir.graph import Operation, Value
from .clusters import Cluster, Clusters
from .driver import Kernel, Pointer
from .expressions import EXPRESSIONS, TRITON_NAMES, computed, literal, rounded, stored
from .points import VIEWS, Coord, Dims, Point, flat_of, plus, point_at, through
from .slots import Check, Checks, Launch, Slot, element_of, shown
from .sources import complete, pruned

#: Arrays of more elements are indexed with 64 bits.
INT32_ELEMENTS: Final = 2**31 - 2**20


@dataclass(frozen=True)
class Var:
    """A computed tile: its name, the dimensions that it varies along, the element type that it stands for."""

    text: str
    dims: Dims
    dtype: np.dtype[Any]


class Body:
    """The lines of one kernel."""

    #: The mask of each of the tile's dimensions, where it needs one.
    masks: dict[str, str]

    def __init__(self, clusters: Clusters, cluster: Cluster, checks: Checks) -> None:
        self.clusters = clusters
        self.cluster = cluster
        self.checks = checks
        self.lines: list[str] = []
        self.indent = "    "
        self.masks = {}
        self.slots: dict[Slot, str] = {}
        self.elements: list[str] = []
        self._scopes: list[dict[Any, Any]] = [{}]
        self._count = 0

    # --- lines -----------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Write a line."""
        self.lines.append(self.indent + text)

    def fresh(self, prefix: str = "v") -> str:
        """A name that nothing has."""
        self._count += 1
        return f"{prefix}{self._count - 1}"

    def named(self, text: str, dims: Dims, dtype: np.dtype[Any], prefix: str = "v") -> Var:
        """Write ``name = text``."""
        name = self.fresh(prefix)
        self.line(f"{name} = {text}")
        return Var(name, dims, dtype)

    def open(self) -> None:
        """Begin a block, at whose end what it computes is forgotten."""
        self.indent += "    "
        self._scopes.append({})

    def close(self) -> None:
        """End a block."""
        self.indent = self.indent[:-4]
        self._scopes.pop()

    def recall(self, key: Any) -> Any:
        """What is remembered under a key."""
        return next((scope[key] for scope in reversed(self._scopes) if key in scope), None)

    def remember(self, key: Any, found: Any) -> None:
        """Remember until the block ends."""
        self._scopes[-1][key] = found

    def bind(self, coord: Coord) -> Coord:
        """A name for an integer expression."""
        if coord.atomic:
            return coord
        found: Coord | None = self.recall(coord.text)
        if found is None:
            name = self.fresh("k")
            self.line(f"{name} = {coord.text}")
            found = Coord(name, coord.dims)
            self.remember(coord.text, found)
        return found

    def pointer(self, slot: Slot) -> str:
        """The parameter that is the address of a value in memory."""
        if slot not in self.slots:
            self.slots[slot] = f"p{len(self.slots)}"
            self.elements.append(element_of(slot))
        return self.slots[slot]

    def mask(self, dims: Dims) -> str:
        """The mask of a tile that varies along ``dims``, with a comma before it, or nothing."""
        parts = [self.masks[dim] for dim in sorted(dims, reverse=True) if dim in self.masks]
        return f", {' & '.join(parts)}" if parts else ""

    def is_wide(self) -> bool:
        """Whether offsets into an array that the kernel reads or writes need 64 bits."""
        cluster = self.cluster
        sizes = [value.type.size for value in (*cluster.inputs, *cluster.members)]
        return max([math.prod(cluster.shape), *sizes]) > INT32_ELEMENTS

    # --- values ----------------------------------------------------------------------------------

    def home(self, value: Value) -> Point:
        """Where a value of the cluster's own is computed."""
        raise NotImplementedError

    def emit(self, value: Value, point: Point) -> Var:
        """The value at a point."""
        if value in self.cluster.members:
            point = self.home(value)
        key = (value, point.flat.text if point.flat is not None else point.key)
        found: Var | None = self.recall(key)
        if found is None:
            found = self._compute(value, point)
            self.remember(key, found)
        return found

    def _compute(self, value: Value, point: Point) -> Var:
        op = value.owner
        if value not in self.cluster.members and self.clusters.stored(value):
            return self.load(value, point)
        if op.name in VIEWS:
            return self.emit(op.operands[0], through(op, point, self.bind))
        if op.name in EXPRESSIONS:
            return self._expression(op, point)
        found: Var = getattr(self, "_" + op.name.partition(".")[2])(op, point)
        return found

    def load(self, value: Value, point: Point, raw: bool = False) -> Var:
        """The value read from memory; ``raw`` in the element type that it has there."""
        offset, dtype = flat_of(point), value.type.dtype
        mask = self.mask(offset.dims)
        text = f"tl.load({self.pointer(value)} + {offset}{mask}{', other=0' if mask else ''})"
        if dtype.kind == "b":
            text += " != 0"
        elif not raw and computed(dtype) != TRITON_NAMES[dtype]:
            text += f".to(tl.{computed(dtype)})"
        return self.named(text, offset.dims, dtype)

    def _expression(self, op: Operation, point: Point) -> Var:
        operands = [self.emit(value, point) for value in op.operands]
        kind = computed(op.operands[-1].type.dtype)
        text = EXPRESSIONS[op.name](op, [each.text for each in operands], kind)
        dims = frozenset().union(*(each.dims for each in operands))
        dtype = op.result.type.dtype
        return self.named(rounded(text, dtype) if op.name in _ROUNDED else text, dims, dtype)

    def _constant(self, op: Operation, point: Point) -> Var:
        dense = op.attributes["value"]
        if not dense.is_splat:
            return self.load(op.result, point)
        dtype = dense.type.dtype
        text = literal(dense.data.item() if dtype.kind in "biu" else float(dense.data), dtype)
        return Var(text, frozenset(), dtype)

    def _iota(self, op: Operation, point: Point) -> Var:
        coord, dtype = point.coords[op.attributes["axis"]], op.result.type.dtype
        if coord.text.isdigit():
            return Var(literal(int(coord.text), dtype), frozenset(), dtype)
        return self.named(rounded(f"{self.bind(coord)}.to(tl.{computed(dtype)})", dtype), coord.dims, dtype)

    def _zero(self, dtype: np.dtype[Any]) -> Var:
        return Var(literal(0, dtype), frozenset(), dtype)

    def _inside(self, coord: Coord, start: int, step: int, size: int, extent: int) -> tuple[list[str], Coord]:
        """Of a coordinate: the conditions under which it is ``start + k * step`` for a k from 0 to ``size``, and k,
        which is a coordinate in any case."""
        if (start, step, size) == (0, 1, extent):
            return [], coord
        away = plus(coord, -start) if step > 0 else Coord(f"{start} - {coord}", coord.dims)
        away = self.bind(away)
        conditions, k = [f"({away} >= 0)"], away
        if abs(step) != 1:
            conditions.append(f"({away} % {abs(step)} == 0)")
            k = self.bind(Coord(f"{away} // {abs(step)}", away.dims))
        conditions.append(f"({k} < {size})")
        return conditions, self._clamped(k, size)

    def _clamped(self, coord: Coord, size: int) -> Coord:
        if not coord.dims and coord.text.isdigit():
            return Coord(str(min(int(coord.text), size - 1)))
        return self.bind(Coord(f"tl.minimum(tl.maximum({coord.text}, 0), {size - 1})", coord.dims))

    def _chosen(self, conditions: list[str], dims: Dims, inside: Var, outside: Var) -> Var:
        if not conditions:
            return inside
        text = f"tl.where({' & '.join(conditions)}, {inside.text}, {outside.text})"
        return self.named(text, dims | inside.dims | outside.dims, inside.dtype)

    def _part(self, value: Value, point: Point, starts: Sequence[int], steps: Sequence[int], outside: Var) -> Var:
        """A value where it stands in a larger array, ``outside`` elsewhere."""
        if not value.type.size:
            return outside
        conditions: list[str] = []
        coords = []
        dims: Dims = frozenset()
        rows = zip(point.coords, starts, steps, value.type.shape, point.shape, strict=True)
        for coord, start, step, size, extent in rows:
            more, k = self._inside(coord, start, step, size, extent)
            conditions += more
            dims |= coord.dims
            coords.append(k)
        return self._chosen(conditions, dims, self.emit(value, Point(value.type.shape, tuple(coords))), outside)

    def _pad(self, op: Operation, point: Point) -> Var:
        steps = [between + 1 for between in op.attributes["interior"]]
        return self._part(op.operands[0], point, op.attributes["low"], steps, self._zero(op.result.type.dtype))

    def _insert_slice(self, op: Operation, point: Point) -> Var:
        x, update = op.operands
        return self._part(update, point, op.attributes["starts"], op.attributes["steps"], self.emit(x, point))

    def _concatenate(self, op: Operation, point: Point) -> Var:
        axis = op.attributes["axis"]
        coord, start = point.coords[axis], 0
        found: Var | None = None
        parts = [value for value in op.operands if value.type.shape[axis]]
        for value in parts:
            size = value.type.shape[axis]
            k = coord if len(parts) == 1 else self._clamped(self.bind(plus(coord, -start)), size)
            coords = (*point.coords[:axis], k, *point.coords[axis + 1 :])
            part = self.emit(value, Point(value.type.shape, coords))
            found = part if found is None else self._chosen([f"({coord} >= {start})"], coord.dims, part, found)
            start += size
        assert found is not None
        return found

    def _gather(self, op: Operation, point: Point) -> Var:
        x, *indices = op.operands
        rank, axes = indices[0].type.rank, op.attributes["axes"]
        at = Point(point.shape[:rank], point.coords[:rank], point.flat if rank == len(point.shape) else None)
        coords: list[Coord | None] = [None] * x.type.rank
        for index, axis in zip(indices, axes, strict=True):
            if not x.type.shape[axis]:
                self.check(op, axis, self.emit(index, at))
                return self._zero(x.type.dtype)
            coords[axis] = self.check(op, axis, self.emit(index, at))
        rest = iter(point.coords[rank:])
        return self.emit(x, Point(x.type.shape, tuple(next(rest) if each is None else each for each in coords)))

    def check(self, op: Operation, axis: int, index: Var) -> Coord:
        """The position that an index means along an axis of the operation's first operand. One that is out of range is
        told, and becomes another."""
        size = op.operands[0].type.shape[axis]
        name = index.text
        if index.dtype != np.dtype(np.int64):
            name = self.named(f"{name}.to(tl.int64)", index.dims, index.dtype).text
        place = name
        if index.dtype.kind == "i":
            place = self.named(f"tl.where({name} < 0, {name} + {size}, {name})", index.dims, index.dtype).text
        number = len(self.checks.found)
        self.checks.found.append(Check(op, axis, size))
        wrong = f"({place} < 0) | ({place} >= {size})"
        mask = self.mask(index.dims)
        told = f"({wrong}){mask.replace(', ', ' & ', 1)}"
        base = f"{self.pointer(self.checks)} + {2 * number}" + (f" + 0 * {place}" if index.dims else "")
        self.line(f"tl.store({base}, 1, {told})")
        self.line(f"tl.store({base} + 1, {name}, {told})")
        return self._clamped(Coord(place, index.dims), size) if size else Coord("0")

    def store(self, value: Value, var: Var, offset: Coord) -> None:
        """Write a value to memory."""
        dtype = value.type.dtype
        text = var.text
        if stored(dtype) != computed(dtype):
            text = f"{text}.to(tl.{stored(dtype)})"
        self.line(f"tl.store({self.pointer(value)} + {offset}, {text}{self.mask(offset.dims)})")

    # --- the whole -------------------------------------------------------------------------------

    def finish(self, name: str, programs: int, warps: int, stages: int = 2, splits: int = 1) -> Launch:
        """The kernel, of so many programs for each of the ``splits`` of what is reduced."""
        body = "\n".join(pruned(self.lines)) + "\n"
        comment = "".join(f"    # {parameter}: {shown(slot)}\n" for slot, parameter in self.slots.items())
        text, full = complete(body, name, list(self.slots.values()), comment)
        pairs = zip(self.slots, self.elements, strict=True)
        signature = tuple("int32" if isinstance(slot, int) else Pointer(element) for slot, element in pairs)
        kernel = Kernel(full, text, signature, (programs, splits, 1), warps, stages)
        return Launch(kernel, tuple(self.slots))


#: Operations whose results are rounded where they have 16 bits: those that compute.
_ROUNDED: Final = frozenset(EXPRESSIONS) - {
    *("tensor.neg", "tensor.abs", "tensor.sign", "tensor.select", "tensor.convert", "tensor.compare"),
    *("tensor.maximum", "tensor.minimum", "tensor.floor", "tensor.ceil", "tensor.trunc", "tensor.round"),
    *("tensor.is_finite", "tensor.sign_bit", "tensor.next_after"),
}


def power_of_two(number: int) -> int:
    """The least power of two that is not below ``number``."""
    return 1 << max(0, (number - 1).bit_length())


def coordinates(body: Body, flat: str, sizes: Sequence[int], names: Sequence[str], dims: Dims) -> None:
    """Write the coordinates of a position in C order."""
    point = point_at(Coord(flat, dims), tuple(sizes))
    for name, coord in zip(names, point.coords, strict=True):
        if coord.text != "0":
            body.line(f"{name} = {coord.text}")


def programs(count: int, block: int) -> int:
    """How many blocks fill ``count``."""
    return math.ceil(count / block)

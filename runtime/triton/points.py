"""Positions in arrays, as expressions of a kernel's indices, and how operations that move elements map them.

A coordinate is the text of an integer expression with the tile's dimensions that it varies along (none: one number for
the whole tile). A point is one coordinate for each axis; where the position in C order is known as one expression, it
keeps that too, so that a reshape costs nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...ir.graph import Operation

Shape = tuple[int, ...]
Dims = frozenset[str]
#: The dimensions of a tile of rows: the positions that are kept, and those that are reduced.
X: Final[Dims] = frozenset({"x"})
R: Final[Dims] = frozenset({"r"})


@dataclass(frozen=True)
class Coord:
    """One integer expression."""

    text: str
    dims: Dims = frozenset()

    @property
    def atomic(self) -> bool:
        """Whether the text needs no parentheses."""
        return self.text.isidentifier() or self.text.isdigit()

    def __str__(self) -> str:
        return self.text if self.atomic else f"({self.text})"


ZERO: Final = Coord("0")
#: Names an expression, so that it is computed once.
Bind = Callable[[Coord], Coord]


def unnamed(coord: Coord) -> Coord:
    """Leaves an expression as it is."""
    return coord


@dataclass(frozen=True)
class Point:
    """A position in an array of ``shape``."""

    shape: Shape
    coords: tuple[Coord, ...]
    flat: Coord | None = None

    @functools.cached_property
    def key(self) -> tuple[str, ...]:
        """Equal for equal positions in one array."""
        return tuple(coord.text for coord in self.coords)

    def same(self, other: Point) -> bool:
        """Whether both are, by their texts, one position in C order."""
        if self.flat is not None and other.flat is not None:
            return self.flat.text == other.flat.text
        return self.shape == other.shape and self.key == other.key


def plus(coord: Coord, number: int) -> Coord:
    """``coord + number``."""
    if not number:
        return coord
    if not coord.dims and coord.text.isdigit():
        return Coord(str(int(coord.text) + number))
    return Coord(f"{coord} {'+' if number > 0 else '-'} {abs(number)}", coord.dims)


def times(coord: Coord, number: int) -> Coord:
    """``coord * number``."""
    if number == 1 or coord is ZERO:
        return coord
    return Coord(f"{coord} * {number}", coord.dims) if number else ZERO


def strides(shape: Shape) -> list[int]:
    """Elements between neighbours along each axis, in C order."""
    found, step = [], 1
    for size in reversed(shape):
        found.append(step)
        step *= size
    return found[::-1]


def flat_of(point: Point) -> Coord:
    """The position in C order."""
    if point.flat is not None:
        return point.flat
    terms = [
        times(coord, step) for coord, step in zip(point.coords, strides(point.shape), strict=True) if coord.text != "0"
    ]
    if not terms:
        return ZERO
    if len(terms) == 1:
        return terms[0]
    return Coord(" + ".join(term.text for term in terms), frozenset().union(*(term.dims for term in terms)))


def point_at(flat: Coord, shape: Shape, bind: Bind = unnamed) -> Point:
    """The point of ``shape`` at a position in C order."""
    coords = []
    for axis, (size, step) in enumerate(zip(shape, strides(shape), strict=True)):
        if size == 1:
            coords.append(ZERO)
            continue
        coord = flat if step == 1 else Coord(f"{flat} // {step}", flat.dims)
        if math.prod(shape[:axis]) != 1:
            coord = Coord(f"{coord} % {size}", flat.dims)
        coords.append(coord if coord is flat else bind(coord))
    return Point(shape, tuple(coords), flat)


def reshaped(point: Point, shape: Shape, bind: Bind = unnamed) -> Point:
    """The same element of the same memory seen in another shape."""
    if point.shape == shape:
        return point
    kept = [coord for coord, size in zip(point.coords, point.shape, strict=True) if size != 1]
    if [size for size in point.shape if size != 1] == [size for size in shape if size != 1]:
        rest = iter(kept)
        return Point(shape, tuple(ZERO if size == 1 else next(rest) for size in shape), point.flat)
    flat = flat_of(point)
    return point_at(flat if flat.atomic else bind(flat), shape, bind)


def _broadcast(a: dict[str, Any], point: Point, shape: Shape) -> Point:
    coords = (ZERO if size == 1 else point.coords[dim] for size, dim in zip(shape, a["dims"], strict=True))
    return Point(shape, tuple(coords), point.flat if math.prod(shape) == math.prod(point.shape) else None)


def _transpose(a: dict[str, Any], point: Point, shape: Shape) -> Point:
    permutation = a["permutation"]
    moved = [axis for axis in permutation if shape[axis] != 1]
    coords = [ZERO] * len(shape)
    for coord, axis in zip(point.coords, permutation, strict=True):
        coords[axis] = coord
    return Point(shape, tuple(coords), point.flat if moved == sorted(moved) else None)


def _slice(a: dict[str, Any], point: Point, shape: Shape) -> Point:
    rows = zip(point.coords, a["starts"], a["steps"], shape, strict=True)
    coords = (ZERO if extent == 1 else _affine(coord, start, step) for coord, start, step, extent in rows)
    return Point(shape, tuple(coords), point.flat if point.shape == shape and set(a["steps"]) <= {1} else None)


def _affine(coord: Coord, start: int, step: int) -> Coord:
    if coord is ZERO:
        return Coord(str(start)) if start else ZERO
    if step < 0:
        shown = Coord(f"{start} - {times(coord, -step)}", coord.dims)
        return shown
    return plus(times(coord, step), start)


def _reverse(a: dict[str, Any], point: Point, shape: Shape) -> Point:
    coords = (
        _affine(coord, size - 1, -1) if axis in a["axes"] and size != 1 else coord
        for axis, (coord, size) in enumerate(zip(point.coords, shape, strict=True))
    )
    return Point(shape, tuple(coords))


_MAPS: Final = {
    "tensor.broadcast_in_dim": _broadcast,
    "tensor.transpose": _transpose,
    "tensor.slice": _slice,
    "tensor.reverse": _reverse,
}
#: Operations that only say where an element of the result stands in their first operand.
VIEWS: Final = frozenset({*_MAPS, "tensor.reshape", "ad.barrier", "ad.stop_gradient"})


def through(op: Operation, point: Point, bind: Bind = unnamed) -> Point:
    """Where the element of the view's result at ``point`` stands in its operand."""
    shape = op.operands[0].type.shape
    if op.name in ("ad.barrier", "ad.stop_gradient"):
        return point
    if op.name == "tensor.reshape":
        return reshaped(point, shape, bind)
    return _MAPS[op.name](dict(op.attributes), point, shape)


def domain_point(shape: Shape, names: Sequence[str], dims: Sequence[str], flat: Coord | None) -> Point:
    """The point of a kernel's own indices: axis ``k`` is called ``names[k]`` and varies along ``dims[k]``."""
    rows = zip(shape, names, dims, strict=True)
    return Point(shape, tuple(ZERO if size == 1 else Coord(name, frozenset({dim})) for size, name, dim in rows), flat)

"""Kernels of operations that are steps of their own: running sums, sorts, and writing where data says.

A sort is bitonic, a kernel for each exchange, over positions that carry their elements' order along, so that it is
stable. Writing sorts the positions and then lets each element of the result add up its own updates in their order: the
same numbers at every run, unlike additions that race.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ...ir.errors import UnsupportedOperationError
from ...ir.graph import Operation, Value
from .clusters import Cluster, Clusters
from .expressions import computed, rounded
from .points import Coord, Point, R, X, strides
from .slots import Checks, Launch, Slot, Temporary, computed_name
from .writer import INT32_ELEMENTS, Body, Var, coordinates, power_of_two, programs

INT64: Final = np.dtype(np.int64)
#: Elements that one program of a flat kernel handles.
BLOCK: Final = 256
MOST_SORTED: Final = 2**31


class Flat(Body):
    """A kernel over the elements of an array, in C order. ``reach`` is the size of the largest array that it reads, or
    writes, at places of its own reckoning."""

    def __init__(self, clusters: Clusters, checks: Checks, size: int, reach: int = 0) -> None:
        super().__init__(clusters, Cluster(-1, (size,)), checks)
        self.size = size
        self.block = min(BLOCK, power_of_two(size))
        wide = ".to(tl.int64)" if max(size, reach) > INT32_ELEMENTS else ""
        self.line(f"xindex = tl.program_id(0){wide} * {self.block} + tl.arange(0, {self.block})")
        if size % self.block:
            self.masks["x"] = "xmask"
            self.line(f"xmask = xindex < {size}")

    def done(self, name: str) -> Launch:
        """The kernel."""
        return self.finish(name, programs(self.size, self.block), max(1, self.block // 128))


def cumsum(clusters: Clusters, checks: Checks, op: Operation) -> list[Launch]:
    """A running sum: rows in blocks, the sum so far carried from one to the next."""
    (x,), axis = op.operands, op.attributes["axis"]
    shape, dtype = x.type.shape, x.type.dtype
    size, kind = shape[axis], computed(dtype)
    rblock = min(power_of_two(size), 1024)
    rows = x.type.size // size
    xblock = min(power_of_two(rows), max(1, 2048 // rblock))
    body = Body(clusters, Cluster(-1, shape, (axis,)), checks)
    wide = ".to(tl.int64)" if x.type.size > INT32_ELEMENTS else ""
    body.line(f"xindex = tl.program_id(0){wide} * {xblock} + tl.arange(0, {xblock})[:, None]")
    if rows % xblock:
        body.masks["x"] = "xmask"
        body.line(f"xmask = xindex < {rows}")
    kept = [each for each in range(len(shape)) if each != axis]
    coordinates(body, "xindex", [shape[each] for each in kept], [f"i{each}" for each in kept], X)
    body.line(f"carry = tl.zeros([{xblock}, 1], tl.{kind})")
    body.line(f"for r in range(0, {size}, {rblock}):")
    body.open()
    body.line(f"rindex = r + tl.arange(0, {rblock})[None, :]")
    if size % rblock:
        body.masks["r"] = "rmask"
        body.line(f"rmask = rindex < {size}")
    if size > 1:
        body.line(f"i{axis} = {f'{size - 1} - rindex' if op.attributes['reverse'] else 'rindex'}")
    flat = " + ".join(f"i{each} * {step}" for each, step in enumerate(strides(shape)) if shape[each] > 1) or "0"
    body.line(f"place = {flat} + 0 * (xindex + rindex)")
    part = body.load(x, Point(shape, (), Coord("place", X | R)))
    body.line(f"sums = tl.cumsum({part.text}, 1).to(tl.{kind}) + carry")
    body.store(op.result, Var(rounded("sums", dtype), X | R, dtype), Coord("place", X | R))
    body.line(f"carry += tl.sum({part.text}, 1)[:, None].to(tl.{kind})")
    body.close()
    return [body.finish("cumsum", programs(rows, xblock), 4)]


# --- sorting -------------------------------------------------------------------------------------


def _exchange(clusters: Clusters, checks: Checks, keys: Slot, shape: Sequence[int], axis: int, order: Slot) -> Launch:
    """The kernel of one round of exchanges: pairs ``distance`` apart, in runs of ``run``."""
    size, inner = shape[axis], math.prod(shape[axis + 1 :])
    rows, padded = math.prod(shape) // size, power_of_two(size)
    body = Flat(clusters, checks, rows * padded // 2, rows * padded)
    line = body.line
    line(f"row = xindex // {padded // 2}")
    line(f"pair = xindex % {padded // 2}")
    line("first = 2 * pair - (pair & (p2 - 1))")
    line("second = first + p2")
    order_name = body.pointer(order)
    line(f"a = tl.load({order_name} + row * {padded} + first{body.mask(X)}{', other=0' if body.masks else ''})")
    line(f"b = tl.load({order_name} + row * {padded} + second{body.mask(X)}{', other=0' if body.masks else ''})")
    line(f"start = (row // {inner}) * {size * inner} + row % {inner}")
    for name in "ab":
        line(f"{name}_inside = {name} < {size}")
        mask = " & ".join([f"{name}_inside", *body.masks.values()])
        text = f"tl.load({body.pointer(keys)} + start + {name}.to(tl.int64) * {inner}, {mask}, other=0)"
        line(f"{name}_key = {text}{computed_name(keys)}")
    line("swap = tl.where(a_inside & b_inside, before(b_key, a_key, b, a), b < a)")
    line("swap = swap == ((first & p3) == 0)")
    for number in (1, 2):  # p2 and p3, of which each launch has its own
        body.pointer(number)
    line(f"tl.store({order_name} + row * {padded} + first, tl.where(swap, b, a){body.mask(X)})")
    line(f"tl.store({order_name} + row * {padded} + second, tl.where(swap, a, b){body.mask(X)})")
    return body.done("exchange")


def order_of(
    clusters: Clusters, checks: Checks, op: Operation, keys: Slot, shape: Sequence[int], axis: int
) -> tuple[Temporary, list[Launch]]:
    """Kernels that leave, for each row along ``axis``, its positions in sorted order, and where: rows are padded to a
    power of two. `UnsupportedOperationError` for rows whose positions have more than 31 bits."""
    size = shape[axis]
    if size > MOST_SORTED:
        raise UnsupportedOperationError(
            f"the triton backend sorts rows of at most {MOST_SORTED:,} elements, and '{op.name}' has {size:,}, at "
            f"{op.location}; take parts of it, or mixad.device('cpu')"
        )
    padded = power_of_two(size)
    order = Temporary(math.prod(shape) // size * padded, "int32", "positions in order")
    body = Flat(clusters, checks, order.size)
    body.line(f"tl.store({body.pointer(order)} + xindex, (xindex % {padded}).to(tl.int32){body.mask(X)})")
    launches = [body.done("positions")]
    if padded > 1:
        kernel = _exchange(clusters, checks, keys, shape, axis, order)
        run = 2
        while run <= padded:
            distance = run // 2
            while distance:
                launches.append(kernel.with_numbers(distance, run))
                distance //= 2
            run *= 2
    return order, launches


def argsort(clusters: Clusters, checks: Checks, op: Operation) -> list[Launch]:
    """A stable sort of positions, or of the elements themselves."""
    (x,), axis = op.operands, op.attributes["axis"]
    shape = x.type.shape
    size, inner = shape[axis], math.prod(shape[axis + 1 :])
    padded = power_of_two(size)
    order, launches = order_of(clusters, checks, op, x, shape, axis)
    body = Flat(clusters, checks, x.type.size, order.size)
    body.line(f"place = (xindex // {inner}) % {size}")
    body.line(f"row = (xindex // {size * inner}) * {inner} + xindex % {inner}")
    text = f"tl.load({body.pointer(order)} + row * {padded} + place{body.mask(X)}{', other=0' if body.masks else ''})"
    body.line(f"source = {text}")
    if op.name == "tensor.argsort":
        body.line(f"tl.store({body.pointer(op.result)} + xindex, source.to(tl.int64){body.mask(X)})")
    else:
        body.line(
            f"flat = (xindex // {size * inner}) * {size * inner} + source.to(tl.int64) * {inner} + xindex % {inner}"
        )
        body.store(op.result, body.load(x, Point(shape, (), Coord("flat", X))), Coord("xindex", X))
    return [*launches, body.done("sorted")]


# --- writing where data says ---------------------------------------------------------------------


def _positions(clusters: Clusters, checks: Checks, op: Operation) -> tuple[Temporary, Launch]:
    """The kernel that makes one number of each position's indices."""
    x, _, *indices = op.operands
    axes = op.attributes["axes"]
    steps = strides(tuple(x.type.shape[axis] for axis in axes))
    shape = indices[0].type.shape
    body = Flat(clusters, checks, math.prod(shape))
    positions = Temporary(body.size, "int64", "positions written")
    terms = []
    for index, axis, step in zip(indices, axes, steps, strict=True):
        place = body.check(op, axis, body.load(index, Point(shape, (), Coord("xindex", X))))
        terms.append(f"{place}.to(tl.int64) * {step}" if place.dims else f"{place} + xindex * 0")
    body.line(f"position = {' + '.join(terms)}")
    body.line(f"tl.store({body.pointer(positions)} + xindex, position{body.mask(X)})")
    return positions, body.done("scatter_positions")


def scatter(clusters: Clusters, checks: Checks, op: Operation) -> list[Launch]:
    """Adding updates, or writing the last of them."""
    x, updates, *indices = op.operands
    axes, count = op.attributes["axes"], indices[0].type.size
    if not count:
        body = Flat(clusters, checks, x.type.size)
        body.store(op.result, body.load(x, Point(x.type.shape, (), Coord("xindex", X))), Coord("xindex", X))
        return [body.done("copied")]
    positions, made = _positions(clusters, checks, op)
    order, sorting = order_of(clusters, checks, op, positions, (count,), 0)
    body = Flat(clusters, checks, x.type.size, 2 * count)  # which sums of two places in the order reach
    _search(body, x, axes, positions, order, count)
    kept = [axis for axis in range(x.type.rank) if axis not in axes]
    width = math.prod(x.type.shape[axis] for axis in kept)
    parts = zip(kept, strides(tuple(x.type.shape[axis] for axis in kept)), strict=True)
    offset = " + ".join(f"i{axis} * {step}" for axis, step in parts if x.type.shape[axis] > 1) or "0"
    value = body.load(x, Point(x.type.shape, (), Coord("xindex", X)))
    dtype = x.type.dtype
    if op.name == "tensor.scatter":
        body.line("hit = low < high")
        place = _update(body, order, updates, "high - 1", "hit", width, offset)
        body.store(op.result, Var(f"tl.where(hit, {place}, {value.text})", X, dtype), Coord("xindex", X))
    else:
        body.line(f"total = {value.text}")
        body.line("for t in range(0, tl.max(high - low, 0)):")
        body.open()
        body.line("hit = low + t < high")
        place = _update(body, order, updates, "low + t", "hit", width, offset)
        body.line(f"total += tl.where(hit, {place}, 0)")
        body.close()
        body.store(op.result, Var(rounded("total", dtype), X, dtype), Coord("xindex", X))
    return [made, *sorting, body.done(op.name.partition(".")[2])]


def _search(body: Flat, x: Value, axes: Sequence[int], positions: Temporary, order: Temporary, count: int) -> None:
    """Lines that find, among the sorted positions, those of each element of the result: from ``low`` to ``high``."""
    shape = x.type.shape
    coordinates(body, "xindex", shape, [f"i{axis}" for axis in range(len(shape))], X)
    terms = zip(axes, strides(tuple(shape[axis] for axis in axes)), strict=True)
    text = " + ".join(f"i{axis} * {step}" for axis, step in terms if shape[axis] > 1) or "0"
    body.line(f"wanted = ({text} + xindex * 0).to(tl.int64)")
    for name, sign in (("low", "<"), ("high", "<=")):
        end = f"{name}_end"
        body.line(f"{name} = xindex * 0")
        body.line(f"{end} = xindex * 0 + {count}")
        body.line(f"for _ in range(0, {count.bit_length()}):")
        body.open()
        body.line(f"middle = ({name} + {end}) // 2")
        body.line(f"open = {name} < {end}")
        body.line(f"at = tl.load({body.pointer(order)} + middle, open, other=0)")
        body.line(f"further = open & (tl.load({body.pointer(positions)} + at, open, other=0) {sign} wanted)")
        body.line(f"{end} = tl.where(further | ({name} >= {end}), {end}, middle)")
        body.line(f"{name} = tl.where(further, middle + 1, {name})")
        body.close()
    if body.masks:
        body.line("high = tl.where(xmask, high, low)")


def _update(body: Flat, order: Temporary, updates: Value, place: str, hit: str, width: int, offset: str) -> str:
    """Lines that load the update that stands at a place of the order."""
    body.line(f"source = tl.load({body.pointer(order)} + {place}, {hit}, other=0).to(tl.int64)")
    text = f"tl.load({body.pointer(updates)} + source * {width} + {offset}, {hit}, other=0)"
    body.line(f"update = {text}{computed_name(updates)}")
    return "update"

"""Sorting and Fourier transforms in StableHLO."""

from __future__ import annotations

import numpy as np

from ...ir.graph import Operation
from ...ir.types import BOOL, COMPLEX, INTEGER
from .elementwise import Row
from .writer import Tensor, Writer, integers


def _less(w: Writer, x: Tensor, y: Tensor) -> Tensor:
    """Whether the scalar ``x`` comes before ``y``: NaN last, complex numbers by their parts, as NumPy sorts."""
    pairs = [(x, y)]
    if x.type.dtype in COMPLEX:
        pairs = [(w.part(name, x), w.part(name, y)) for name in ("real", "imag")]
    if x.type.dtype not in INTEGER | {BOOL}:
        zero = w.full(pairs[0][0].type, 0)
        flags = [tuple(w.compare(each, each, "ne") for each in pair) for pair in pairs]
        numbers = [
            tuple(w.select(flag, zero, each) for flag, each in zip(both, pair, strict=True))
            for both, pair in zip(flags, pairs, strict=True)
        ]
        pairs = [(first, second) for first, second in [*flags, *numbers]]
    less = w.compare(*pairs[-1], "lt")
    for first, second in reversed(pairs[:-1]):
        tied = w.binary("and", w.compare(first, second, "eq"), less)
        less = w.binary("or", w.compare(first, second, "lt"), tied)
    return less


def sort(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """A stable sort."""
    region = w.region([x.type.dtype] * 2, _less)
    return w.op("sort", [x], x.type, region, dimension=f"{op.attributes['axis']} : i64", is_stable="true")


def argsort(w: Writer, op: Operation, x: Tensor) -> Tensor:
    """A stable sort that takes the positions along."""
    axis = op.attributes["axis"]
    places = w.iota(op.result.type, axis)
    dtypes = [x.type.dtype] * 2 + [np.int64] * 2
    region = w.region(dtypes, lambda inner, first, second, *places: _less(inner, first, second))
    name = w.fresh()
    types = [x.type, places.type]
    w.write(f"{name}:2 = ", "sort", [x, places], types, region, dimension=f"{axis} : i64", is_stable="true")
    return Tensor(f"{name}#1", places.type)


def transform(kind: str) -> Row:
    """The row of a Fourier transform: StableHLO's are along the last axis."""

    def row(w: Writer, op: Operation, x: Tensor) -> Tensor:
        type = op.result.type
        if not type.size:
            return w.full(type, 0)
        axis, last = op.attributes["axis"], x.type.rank - 1
        order = [*(each for each in range(x.type.rank) if each != axis), axis]
        longer = type if kind == "IRFFT" else x.type
        done = w.op(
            "fft",
            [w.transpose(x, order)],
            type.with_shape(tuple(type.shape[each] for each in order)),
            fft_type=f"#stablehlo<fft_type {kind}>",
            fft_length=integers([longer.shape[axis]]),
        )
        return w.transpose(done, [*range(axis), last, *range(axis, last)])

    return row

"""Sine and cosine of large float64 arrays, from the tangent."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from ...ir.graph import Graph, Operation, Value

Array = np.ndarray[Any, np.dtype[np.float64]]
Spare = np.ndarray[Any, np.dtype[np.uint8]] | None
#: Arrays of at least as many elements are computed so, whole or in blocks.
LEAST: Final = 16384
#: Operations between a sine and a cosine from which on each is computed where it is needed.
_NEAR: Final = 64
_TURNS: Final = 2.0**48
#: Added to a number below 2**51, it leaves the nearest integer in the last bits of the sum.
_SHIFT: Final = 1.5 * 2.0**52
_SIGN: Final = np.int64(-(2**63))
_QUARTER: Final = np.float64(0.25).view(np.int64)
_BOTH: Final = {"tensor.sin": "sine", "tensor.cos": "cosine"}


@functools.cache
def tangents_are_fast() -> bool:
    """Whether NumPy has a vectorised float64 tangent for this processor. Its sine and cosine are scalar code on all."""
    if not hasattr(np.lib, "introspect"):
        return False  # an early NumPy 2, which does not tell
    found = np.lib.introspect.opt_func_info(func_name="^tan$", signature="float64")
    return not found.get("tan", {}).get("dd", {}).get("current", "baseline").startswith("baseline")


def by_tangent(op: Operation, cut: float) -> str | None:
    """The function below that computes a result of which ``1 / cut`` is wanted at once; None where it is NumPy's."""
    if op.name not in _BOTH or op.result.type.dtype != np.float64 or op.result.type.size * cut < LEAST:
        return None
    return _BOTH[op.name] if tangents_are_fast() else None


def pair_up(graph: Graph, cut: float) -> dict[Operation, Operation]:
    """The sine and cosine of one argument, the second by the first. The second one is moved behind the first, unless it
    would wait there for long."""
    pairs: dict[Operation, Operation] = {}
    first: dict[Value, tuple[Operation, int]] = {}
    for step, op in enumerate(list(graph)):
        if by_tangent(op, cut):
            other, made = first.setdefault(op.operands[0], (op, step))
            if other.name != op.name and other not in pairs and step - made <= _NEAR:
                assert other.next is not None
                graph.move(op, other.next)
                pairs[other] = op
    return pairs


def spare_bytes(graph: Graph, cut: float) -> int:
    """How much memory the functions below need beside their results: none where none is called."""
    return max((2 * op.result.type.nbytes for op in graph if by_tangent(op, cut)), default=0)


def sine(x: Array, out: Array | None = None, spare: Spare = None) -> Array:
    """sin(x), as `sines` has it."""
    out = np.empty_like(x) if out is None else out
    sines(x, out, _array(x, spare, 1), spare)
    return out


def cosine(x: Array, out: Array | None = None, spare: Spare = None) -> Array:
    """cos(x), as `sines` has it."""
    out = np.empty_like(x) if out is None else out
    sines(x, _array(x, spare, 1), out, spare)
    return out


def _array(x: Array, spare: Spare, place: int) -> Array:
    return np.empty(x.shape) if spare is None else np.ndarray(x.shape, np.float64, spare.data, place * x.nbytes)


def sines(x: Array, sine: Array, cosine: Array, spare: Spare = None) -> None:
    """Write sin(x) to ``sine`` and cos(x) to ``cosine``, of one shape; ``x`` may be one of them.

    With t = tan(x) the cosine is 1 / sqrt(1 + t*t), negative where the multiple of pi that is nearest to x is odd, and
    the sine is t times that. Both keep their relative accuracy near their zeros: each rounding adds at most half a unit
    in the last place, together less than 5; the largest error seen against 300-bit arithmetic is 2.8. NaN, infinities
    and numbers beyond 2**48 * pi are left to NumPy's own functions. Each element depends on its own argument only, to
    the bit. ``spare`` is memory of twice the bytes of ``x`` that nothing else uses meanwhile.
    """
    turns = np.multiply(x, 1 / np.pi, _array(x, spare, 0))
    far = None
    if not (turns.max(initial=0) < _TURNS and turns.min(initial=0) > -_TURNS):
        far = ~(np.abs(turns) < _TURNS)
        exact = np.sin(x[far]), np.cos(x[far])
    bits, signs = turns.view(np.int64), cosine.view(np.int64)
    np.tan(x, sine)
    # sign(t) / 4 moves x / pi to within a quarter of the integer, so that no rounding can find another one.
    np.bitwise_and(sine.view(np.int64), _SIGN, signs)
    np.bitwise_or(signs, _QUARTER, signs)
    np.subtract(turns, cosine, turns)
    np.add(turns, _SHIFT, turns)
    np.left_shift(bits, 63, bits)
    np.square(sine, cosine)
    np.add(cosine, 1.0, cosine)
    np.sqrt(cosine, cosine)
    np.divide(1.0, cosine, cosine)
    np.bitwise_xor(signs, bits, signs)
    np.multiply(sine, cosine, sine)
    if far is not None:
        sine[far], cosine[far] = exact

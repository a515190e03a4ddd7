"""Ufuncs of whole numbers and bits that are several operations, and bits packed in bytes. None has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import DTypeError, ShapeError
from .array import TracedArray
from .compositions import loop
from .functions import implements
from .lifting import loop_dtypes
from .operands import as_traced, axis_of, cast, emit, full, full_like, part, permute, reshape, select, spread, truth
from .ufuncs import composes

UINT8, UINT64 = np.dtype(np.uint8), np.dtype(np.uint64)


@composes(np.gcd)
def _gcd(x: Any, y: Any) -> TracedArray:
    return emit("gcd", *loop(np.gcd, x, y))


@composes(np.lcm)
def _lcm(x: Any, y: Any) -> TracedArray:
    x, y = (emit("abs", each) if each.dtype.kind == "i" else each for each in loop(np.lcm, x, y))
    divisor = emit("gcd", x, y)
    nothing = emit("compare", divisor, full_like(divisor, 0), direction="eq")
    return emit("mul", emit("floor_divide", x, select(nothing, full_like(divisor, 1), divisor)), y)


@composes(np.bitwise_count)
def _bitwise_count(x: Any) -> TracedArray:
    """Of the magnitude: counted in pairs of bits, in fours and in bytes, which a product adds up (Warren, Hacker's
    Delight, 2002, section 5-1)."""
    given = cast(as_traced(x), loop_dtypes(np.bitwise_count, (x,))[0])
    bits = cast(emit("abs", given) if given.dtype.kind == "i" else given, UINT64)
    # The least integer is its own magnitude; widened, it has the sign's bits too, of which only its own width counts.
    bits = emit("logical_and", bits, full_like(bits, np.iinfo(f"uint{8 * given.dtype.itemsize}").max))

    def shifted(number: TracedArray, places: int) -> TracedArray:
        return emit("floor_divide", number, full_like(number, 2**places))

    def masked(number: TracedArray, byte: int) -> TracedArray:
        return emit("logical_and", number, full_like(number, byte * 0x0101010101010101))

    bits = emit("sub", bits, masked(shifted(bits, 1), 0x55))
    bits = emit("add", masked(bits, 0x33), masked(shifted(bits, 2), 0x33))
    bits = masked(emit("add", bits, shifted(bits, 4)), 0x0F)
    return cast(shifted(emit("mul", bits, full_like(bits, 0x0101010101010101)), 56), UINT8)


# --- bits in bytes -------------------------------------------------------------------------------


def _ordered(name: str, bitorder: str) -> list[int]:
    """The worth of the bits of a byte, as they are laid out."""
    if bitorder not in ("big", "little"):
        raise ShapeError(f"{name} with bitorder={bitorder!r}, at {user_location(3)}; it is 'big' or 'little'")
    worth = [2**place for place in range(8)]
    return worth[::-1] if bitorder == "big" else worth


def _lined_up(x: TracedArray, axis: Any) -> tuple[TracedArray, list[int]]:
    """``x`` with ``axis`` last (flat for None), and the permutation that puts it back."""
    if axis is None or not x.ndim:
        return reshape(x, (x.size,)), [0]
    number = axis_of(axis, x.ndim)
    others = [each for each in range(x.ndim) if each != number]
    return permute(x, (*others, number)), [*range(number), x.ndim - 1, *range(number, x.ndim - 1)]


@implements(np.packbits)
def packbits(a: Any, /, axis: Any = None, bitorder: str = "big") -> TracedArray:
    """As `numpy.packbits`."""
    x = as_traced(a)
    if x.dtype.kind not in "biu":
        raise DTypeError(f"np.packbits of {x.dtype}, at {user_location(2)}; it takes bool or integers")
    worth = _ordered("np.packbits", bitorder)
    rows, back = _lined_up(truth(x), axis)
    *stack, size = rows.shape
    count = -(-size // 8)
    bits = emit("concatenate", rows, full(False, (*stack, 8 * count - size), bool), axis=len(stack))
    values = as_traced(np.array(worth, UINT8))
    bytes_ = select(reshape(bits, (*stack, count, 8)), spread(values, (*stack, count, 8)), full(0, (), UINT8))
    return permute(emit("reduce_sum", bytes_, axes=(len(stack) + 1,)), back)


@implements(np.unpackbits)
def unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: str = "big") -> TracedArray:
    """As `numpy.unpackbits`."""
    x = as_traced(a)
    if x.dtype != UINT8:
        raise DTypeError(f"np.unpackbits of {x.dtype}, at {user_location(2)}; it takes uint8")
    worth = _ordered("np.unpackbits", bitorder)
    rows, back = _lined_up(x, axis)
    *stack, size = rows.shape
    shape = (*stack, size, 8)
    values = spread(as_traced(np.array(worth, UINT8)), shape)
    bits = cast(truth(emit("logical_and", spread(reshape(rows, (*stack, size, 1)), shape), values)), UINT8)
    bits = reshape(bits, (*stack, 8 * size))
    wanted = 8 * size if count is None else int(count) if count >= 0 else 8 * size + int(count)
    if wanted < 0:
        raise ShapeError(f"np.unpackbits of {8 * size} bits with count={count}, at {user_location(2)}")
    bits = part(bits, len(stack), 0, min(wanted, 8 * size))
    if wanted > 8 * size:
        bits = emit("concatenate", bits, full(0, (*stack, wanted - 8 * size), UINT8), axis=len(stack))
    return permute(bits, back)

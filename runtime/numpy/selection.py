"""tensor.select without branches."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_BITS: Final = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}


def select(which: Any, x: Any, y: Any, out: np.ndarray[Any, Any]) -> None:
    """Write ``x`` to ``out`` where ``which``, and ``y`` elsewhere. All broadcast to ``out``; the numbers have its type.

    The numbers' bits are masked, which keeps every NaN and the signs of zeros. `numpy.where` decides element by
    element, which takes four to ten times as long where the decisions have no pattern. ``x`` or ``y`` may be ``out``;
    otherwise they do not overlap it.
    """
    bits = _BITS.get(out.dtype.itemsize)
    if bits is None:  # complex numbers of 16 bytes
        out[...] = np.where(which, x, y)
        return
    if x is y:
        np.copyto(out, x)
        return
    own, left, right = out.view(bits), _bits(x, out, bits), _bits(y, out, bits)
    mask = np.empty(np.shape(which), bits)
    np.negative(which.view(np.int8), out=mask, dtype=np.int8)
    if right.ndim == 0 and right == 0:
        np.bitwise_and(left, mask, out=own)
        return
    if y is out:
        np.invert(mask, out=mask)
        left, right = right, left
    np.bitwise_xor(left, right, out=own)
    np.bitwise_and(own, mask, out=own)
    np.bitwise_xor(own, right, out=own)


def _bits(x: Any, out: np.ndarray[Any, Any], bits: np.dtype[Any]) -> Any:
    return np.asarray(x, out.dtype).view(bits)

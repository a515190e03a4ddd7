"""Discrete Fourier transforms: of one axis, and over several one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, ShapeError
from ..array import TracedArray
from ..functions import implements
from ..operands import as_traced, axis_of, cast, emit, full_like, no_out, part
from .products import conjugated
from .shapes import roll

_FORWARD = {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0}


def _inexact(a: Any) -> TracedArray:
    """``a`` in single or double precision, as NumPy transforms it."""
    x = as_traced(a)
    if x.dtype.kind in "fc":
        return cast(x, np.float32) if x.dtype.itemsize == 2 else x
    return cast(x, np.float64)


def _complex(a: Any) -> TracedArray:
    x = _inexact(a)
    return cast(x, np.result_type(x.dtype, np.complex64))


def _real(name: str, a: Any) -> TracedArray:
    x = _inexact(a)
    if x.dtype.kind == "c":
        raise DTypeError(f"np.fft.{name} of {x.dtype}, at {user_location(3)}; it takes real numbers: use np.fft.fft")
    return x


def _sized(name: str, x: TracedArray, axis: int, size: int) -> TracedArray:
    """Cut or padded with zeros to a size along an axis."""
    if size < 1:
        raise ShapeError(f"np.fft.{name} of {size} points, at {user_location(3)}; it needs 1 or more")
    if x.shape[axis] >= size:
        return part(x, axis, 0, size)
    none = [0] * x.ndim
    high = list(none)
    high[axis] = size - x.shape[axis]
    return emit("pad", x, low=tuple(none), high=tuple(high), interior=tuple(none))


def _scaled(x: TracedArray, size: int, norm: Any, forward: bool) -> TracedArray:
    """A transform divided by the power of its size that ``norm`` says; the inverse ones are divided by it already."""
    if norm not in _FORWARD:
        raise ShapeError(f"norm is {norm!r}, at {user_location(3)}; it is 'backward', 'ortho' or 'forward'")
    power = -_FORWARD[norm] if forward else _FORWARD[norm]
    return x if not power else emit("mul", x, full_like(x, size**power))


@implements(np.fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    return _transform("fft", a, n, axis, norm, out)


@implements(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    return _transform("ifft", a, n, axis, norm, out)


def _transform(name: str, a: Any, n: Any, axis: int, norm: Any, out: Any) -> TracedArray:
    no_out(f"np.fft.{name}", out)
    x = _complex(a)
    number = axis_of(axis, x.ndim)
    size = x.shape[number] if n is None else int(n)
    result = emit(name, _sized(name, x, number, size), axis=number)
    return _scaled(result, size, norm, name == "fft")


@implements(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.rfft", out)
    x = _real("rfft", a)
    number = axis_of(axis, x.ndim)
    size = x.shape[number] if n is None else int(n)
    return _scaled(emit("rfft", _sized("rfft", x, number, size), axis=number), size, norm, True)


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.irfft", out)
    x, narrow = _complex(a), as_traced(a).dtype == np.float16
    number = axis_of(axis, x.ndim)
    size = 2 * (x.shape[number] - 1) if n is None else int(n)
    sized = _sized("irfft", x, number, size // 2 + 1 if size > 0 else 0)
    result = _scaled(emit("irfft", sized, axis=number, size=size), size, norm, False)
    return cast(result, np.float16) if narrow else result


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.hfft", out)
    x = as_traced(a)
    size = 2 * (x.shape[axis_of(axis, x.ndim)] - 1) if n is None else int(n)
    return irfft(conjugated(x), size, axis, _swapped(norm))


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.ihfft", out)
    return conjugated(rfft(a, n, axis, _swapped(norm)))


def _swapped(norm: Any) -> Any:
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)


# --- over several axes ---------------------------------------------------------------------------


def _axes(x: TracedArray, s: Any, axes: Any) -> tuple[list[int], list[Any]]:
    """The axes, and the size asked for along each (None for its own)."""
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(-x.ndim, 0)
    numbers = [axis_of(axis, x.ndim) for axis in axes]
    sizes = [None] * len(numbers) if s is None else [None if size == -1 else size for size in s]
    if len(sizes) != len(numbers):
        raise ShapeError(f"{len(sizes)} sizes for {len(numbers)} axes, at {user_location(3)}; give as many")
    return numbers, sizes


def _over(one: Callable[..., TracedArray], x: TracedArray, axes: Sequence[int], sizes: Sequence[Any], norm: Any) -> Any:
    for axis, size in list(zip(axes, sizes, strict=True))[::-1]:
        x = one(x, size, axis, norm)
    return x


@implements(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.fftn", out)
    x = _complex(a)
    return _over(fft, x, *_axes(x, s, axes), norm)  # type: ignore[no-any-return]


@implements(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.ifftn", out)
    x = _complex(a)
    return _over(ifft, x, *_axes(x, s, axes), norm)  # type: ignore[no-any-return]


@implements(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.rfftn", out)
    x = _real("rfftn", a)
    numbers, sizes = _axes(x, s, axes)
    x = rfft(x, sizes[-1], numbers[-1], norm)
    return _over(fft, x, numbers[:-1], sizes[:-1], norm)  # type: ignore[no-any-return]


@implements(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> TracedArray:
    no_out("np.fft.irfftn", out)
    x = _complex(a)
    numbers, sizes = _axes(x, s, axes)
    x = _over(ifft, x, numbers[:-1], sizes[:-1], norm)
    return irfft(x, sizes[-1], numbers[-1], norm)


def _of_two_axes(function: Any, of_many: Any) -> None:
    @implements(function)
    def two(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> TracedArray:
        return of_many(a, s, axes, norm, out)  # type: ignore[no-any-return]


_of_two_axes(np.fft.fft2, fftn)
_of_two_axes(np.fft.ifft2, ifftn)
_of_two_axes(np.fft.rfft2, rfftn)
_of_two_axes(np.fft.irfft2, irfftn)


def _shift(function: Any, direction: int) -> None:
    @implements(function)
    def shift(x: Any, axes: Any = None) -> TracedArray:
        array = as_traced(x)
        chosen = range(array.ndim) if axes is None else axes if isinstance(axes, tuple | list) else (axes,)
        numbers = [axis_of(axis, array.ndim) for axis in chosen]
        halves = [array.shape[axis] // 2 * direction for axis in numbers]
        return roll(array, tuple(halves), tuple(numbers))


_shift(np.fft.fftshift, 1)
_shift(np.fft.ifftshift, -1)

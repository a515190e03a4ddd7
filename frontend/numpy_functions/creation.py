"""Functions that make arrays like a traced one, or say something about it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import DTypeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..lifting import dtype_key, promote
from ..operands import as_array, as_traced, cast, emit, full, iota, operand, part, reshape, shape_argument, spread
from ..ufuncs import apply
from .shapes import broadcast_to, moveaxis, reshaped_view


def copied(x: TracedArray) -> TracedArray:
    """A traced array of its own with the same value."""
    return TracedArray(x._trace, x._value, x._weak)


def _like(a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    x = as_traced(a)
    return (x.shape if shape is None else shape_argument(shape)), (x.dtype if dtype is None else np.dtype(dtype))


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> TracedArray:
    return full(0, *_like(a, dtype, shape))


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> TracedArray:
    return full(1, *_like(a, dtype, shape))


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> TracedArray:
    size, kind = _like(a, dtype, shape)
    return copied(spread(cast(as_traced(fill_value), kind), size))


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> TracedArray:
    return copied(as_traced(a))


@implements("astype")
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> TracedArray:
    return copied(cast(as_traced(x), dtype))


def _array_like(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> TracedArray:
    kwargs.pop("like", None)
    x = as_traced(a)
    dtype = kwargs.pop("dtype", dtype)
    return x if dtype is None else cast(x, dtype)


implements(np.asarray, np.asanyarray, np.ascontiguousarray)(_array_like)


@implements(np.array)
def array(object: Any, dtype: Any = None, *, ndmin: int = 0, **kwargs: Any) -> TracedArray:
    x = _array_like(object, dtype)
    shape = (1,) * (ndmin - x.ndim) + x.shape
    return TracedArray(x._trace, reshape(x, shape)._value)


# --- about an array ------------------------------------------------------------------------------


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return as_traced(a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return as_traced(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    x = as_traced(a)
    return x.size if axis is None else x.shape[axis]


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    known = [each if isinstance(each, np.dtype | type | str) else operand(each) for each in arrays_and_dtypes]
    return np.result_type(*[_stand_in(each) if isinstance(each, TracedArray) else each for each in known])


def _stand_in(x: TracedArray) -> Any:
    key = dtype_key(x)
    return key(0) if isinstance(key, type) else key


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(from_.dtype if isinstance(from_, TracedArray) else from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any) -> np.dtype[Any]:
    return as_traced(a).dtype  # also of a 0-d array, whose number is not known


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    dtypes = [as_traced(each).dtype for each in arrays]
    if any(dtype.kind == "b" for dtype in dtypes):
        raise DTypeError(f"np.common_type of bool, at {user_location(2)}; convert it with .astype")
    return promote(*[np.float64(0) if dtype.kind in "iu" else np.zeros((), dtype) for dtype in dtypes]).type


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return as_traced(x).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return as_traced(x).dtype.kind != "c"


@implements(np.real)
def real(val: Any) -> TracedArray:
    x = as_traced(val)
    return emit("real", x) if x.dtype.kind == "c" else x


@implements(np.imag)
def imag(val: Any) -> TracedArray:
    x = as_traced(val)
    return emit("imag", x) if x.dtype.kind == "c" else full(0, x.shape, x.dtype)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> TracedArray:
    x = as_traced(z)
    found = apply(np.arctan2, imag(x) if x.dtype.kind == "c" else 0, real(x))
    return apply(np.multiply, found, 180 / np.pi) if deg else found


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> TracedArray:
    """Whether the imaginary parts are small is decided with the numbers of this call."""
    x = as_traced(a)
    if x.dtype.kind != "c":
        return x
    limit = tol * np.finfo(x.dtype).eps if tol > 1 else tol
    small = apply(np.less, apply(np.absolute, imag(x)), float(limit))
    return real(x) if bool(np.all(small)) else x


@implements(np.sinc)
def sinc(x: Any) -> TracedArray:
    """``sin(pi x) / (pi x)``: near 0 by its power series, so that all its derivatives are right."""
    y = apply(np.multiply, as_traced(x), np.pi)
    square = apply(np.square, y)
    near = apply(np.less, square, 0.25)
    series, term = full(1, y.shape, y.dtype), full(1, y.shape, y.dtype)
    for n in range(1, 9):
        term = apply(np.multiply, term, apply(np.divide, square, -2.0 * n * (2 * n + 1)))
        series = apply(np.add, series, term)
    safe = emit("select", near, full(1, y.shape, y.dtype), y)
    return emit("select", near, series, apply(np.divide, apply(np.sin, safe), safe))


@implements(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> TracedArray:
    x = as_traced(a)
    if x.dtype.kind in "biu":
        if decimals < 0 or (decimals and x.dtype.kind == "b"):
            raise DTypeError(f"np.round of {x.dtype} to {decimals} decimals is not traced, at {user_location(2)}")
        return cast(x, np.float16) if x.dtype.kind == "b" else copied(x)
    if x.dtype.kind == "c":
        return emit("complex", *[round(emit(name, x), decimals) for name in ("real", "imag")])
    if not decimals:
        return emit("round", x)
    scale = full(10.0 ** abs(decimals), x.shape, x.dtype)
    first, second = ("mul", "div") if decimals > 0 else ("div", "mul")
    return emit(second, emit("round", emit(first, x, scale)), scale)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> TracedArray:
    return apply(np.trunc, as_traced(x))


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[TracedArray, ...]:
    vectors = [as_traced(each) for each in xi]
    count = len(vectors)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[:2] = [1, 0]
    shaped, widened = (reshape, spread) if copy else (reshaped_view, broadcast_to)
    grids = [
        shaped(x, tuple(x.size if axis == place else 1 for axis in range(count)))
        for x, place in zip(vectors, places, strict=True)
    ]
    if sparse:
        return tuple(grids)
    whole = np.broadcast_shapes(*[each.shape for each in grids]) if grids else ()
    return tuple(widened(each, whole) for each in grids)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    low, high = (as_traced(each) for each in (start, stop))
    kind = promote(low, high)
    kind = np.dtype(np.float64) if kind.kind in "biu" else kind
    shape_ = np.broadcast_shapes(low.shape, high.shape)
    low, high = (spread(cast(each, kind), shape_) for each in (low, high))
    count = num - 1 if endpoint else num
    width = emit("sub", high, low)
    step = emit("div", width, full(max(count, 1), shape_, kind))
    counted = iota((num, *shape_), 0, kind)
    result = emit("add", spread(low, counted.shape), emit("mul", counted, spread(step, counted.shape)))
    if endpoint and num > 1:
        # The last one is exact.
        result = emit("concatenate", part(result, 0, 0, num - 1), reshape(high, (1, *shape_)), axis=0)
    result = moveaxis(result, 0, axis)
    if dtype is not None:
        result = cast(result, dtype)
    return (result, step) if retstep else result


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> TracedArray:
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    found = apply(np.power, base, exponents)
    return found if dtype is None else cast(found, dtype)


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> TracedArray:
    """Of real numbers of one sign."""
    first, last = as_array(start), as_array(stop)
    ratio = apply(np.log, apply(np.true_divide, last, first))
    found = apply(np.multiply, first, apply(np.exp, linspace(0.0, ratio, num, endpoint, axis=0)))
    found = found if axis == 0 else moveaxis(found, 0, axis)
    return found if dtype is None else cast(found, dtype)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[TracedArray, ...]:
    rest: Any = as_traced(indices)
    sizes = shape_argument(shape)
    found = []
    for size in sizes[::-1] if order == "C" else sizes:
        found.append(rest % size)
        rest = rest // size
    return tuple(found[::-1] if order == "C" else found)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> TracedArray:
    """Indices out of bounds are not refused: ``mode`` is taken for ``'raise'`` of indices that are within."""
    if mode != "raise":
        raise TraceError(f"np.ravel_multi_index with mode={mode!r} is not traced, at {user_location(2)}; use np.clip")
    pairs = list(zip(multi_index, shape_argument(dims), strict=True))
    found: Any = as_traced(0)
    for index, size in pairs if order == "C" else pairs[::-1]:
        found = found * size + index
    return found  # type: ignore[no-any-return]


@implements(np.einsum_path)
def einsum_path(*operands: Any, **kwargs: Any) -> Any:
    shown = [np.broadcast_to(0.0, each.shape) if isinstance(each, TracedArray) else each for each in operands]
    return np.einsum_path(*shown, **kwargs)


@implements(np.ix_)
def ix_(*args: Any) -> tuple[TracedArray, ...]:
    """A traced mask is one of this call's numbers."""
    found = []
    for position, each in enumerate(args):
        index: Any = as_traced(each)
        if index.dtype.kind == "b":
            index = np.flatnonzero(index)
        around = tuple(-1 if axis == position else 1 for axis in range(len(args)))
        found.append(np.reshape(index, around))
    return tuple(as_traced(each) for each in found)


implements(np.diag_indices_from)(lambda arr: np.diag_indices(arr.shape[0], arr.ndim))
implements(np.tril_indices_from)(lambda arr, k=0: np.tril_indices(arr.shape[-2], k, arr.shape[-1]))
implements(np.triu_indices_from)(lambda arr, k=0: np.triu_indices(arr.shape[-2], k, arr.shape[-1]))


@implements(np.i0)
def i0(x: Any) -> TracedArray:
    """By SciPy's Bessel functions, as `mixad.scipy.special.i0`."""
    point = as_traced(x)
    point = cast(point, np.float64) if point.dtype.kind in "biu" else point
    return emit("bessel_i", full(0, point.shape, point.dtype), point)

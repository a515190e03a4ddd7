"""Functions that write into an array: a traced one gets a new value, a plain one is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import user_location
from ...ir.errors import ShapeError, TraceError
from ..array import TracedArray
from ..functions import implements
from ..indexing import known_values, write
from ..indexing import put as put_flat
from ..operands import INT64, as_traced, cast, emit, full, full_like, iota, reshape, select, spread, truth
from ..views import update
from .choices import bounded


def _target(name: str, array: Any) -> TracedArray:
    if not isinstance(array, TracedArray):
        raise TraceError(
            f"{name} writes traced values to a plain array, at {user_location(3)}; make it with mixad.numpy.zeros"
        )
    return array


def _repeated(values: Any, size: int, dtype: Any) -> TracedArray:
    """``size`` numbers: the values again and again."""
    flat = as_traced(values)
    flat = cast(reshape(flat, (flat.size,)), dtype)
    count = emit("remainder", iota((size,), 0), full(max(flat.size, 1), (size,), INT64))
    return emit("gather", flat, count, axes=(0,))


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    x = _target("np.copyto", dst)
    value = spread(as_traced(src), x.shape)
    if where is not True:
        value = select(spread(truth(as_traced(where)), x.shape), cast(value, x.dtype), x)
    update(x, value)


@implements(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    """Element i becomes ``values[i % size]`` where the mask holds."""
    x = _target("np.putmask", a)
    new = reshape(_repeated(values, x.size, x.dtype), x.shape)
    update(x, select(reshape(truth(as_traced(mask)), x.shape), new, x))


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """The elements where the mask holds become ``vals``, in order and again and again."""
    x = _target("np.place", arr)
    chosen = known_values(reshape(truth(as_traced(mask)), x.shape))
    write(x, chosen, _repeated(vals, int(np.sum(chosen)), x.dtype))


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    x = _target("np.put", a)
    index = as_traced(ind)
    index = bounded(cast(reshape(index, (index.size,)), INT64), x.size, mode)
    index = select(
        emit("compare", index, full_like(index, 0), direction="lt"),
        emit("add", index, full_like(index, x.size)),
        index,
    )
    update(x, put_flat(x, index, _repeated(v, index.size, x.dtype)))


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    x = _target("np.fill_diagonal", a)
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) > 1):
        raise ShapeError(
            f"np.fill_diagonal of shape {x.shape}, at {user_location(2)}; it takes a matrix, or more axes of one size"
        )
    step = x.shape[1] + 1 if x.ndim == 2 else sum(x.shape[0] ** power for power in range(x.ndim))
    end = x.shape[1] * x.shape[1] if x.ndim == 2 and not wrap else x.size
    places = as_traced(np.arange(0, min(end, x.size), step))
    update(x, put_flat(x, places, _repeated(val, places.size, x.dtype)))

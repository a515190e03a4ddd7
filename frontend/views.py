"""Writing to traced arrays: a new value takes the old one's place, and NumPy's views see it.

A view (``x[1:]``, ``x.T``) knows the array that it was taken from, and how to read it from there and write it back. All
views of one array share a count of writes: one that is behind reads its value again when it is next used. Whether
``reshape`` gives a view depends on the memory layout, which a traced array does not have: after a write
to either side the other one is not used, but refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Value, user_location
from ..ir.errors import DTypeError, ShapeError, TraceError
from .array import TracedArray
from .tracing import Trace, current_trace

Read = Callable[[Trace, Value], Value]
Write = Callable[[Trace, Value, Value], Value]


class Family:
    """An array and its views: how many writes there were."""

    __slots__ = ("writes",)

    def __init__(self) -> None:
        self.writes = 0


class View:
    """How an array is read from the one it views, and written back to it.

    ``read`` is None where it is not known whether it is a view, ``write`` where NumPy's view is read-only.
    ``key`` tells two
    views of one array apart.
    """

    __slots__ = ("base", "key", "read", "write")

    def __init__(self, base: TracedArray, read: Read | None, write: Write | None, key: Any = None) -> None:
        self.base = base
        self.read = read
        self.write = write
        self.key = key


def as_view(
    array: TracedArray, base: TracedArray, read: Read | None, write: Write | None, key: Any = None
) -> TracedArray:
    """Note that ``array``, just made, views ``base``; returns ``array``."""
    if array is base:
        return array
    family = base._family
    if family is None:
        family = base._family = Family()
        base._seen = 0
    array._family = family
    array._seen = family.writes
    array._view = View(base, read, write, key)
    return array


def refresh(array: TracedArray) -> None:
    """Read a view again after a write to its family. `TraceError` where it is unknown whether it sees the write."""
    family, view = array._family, array._view
    assert family is not None
    if view is None or view.read is None:
        raise TraceError(
            f"a traced array of shape {array.shape} is used at {user_location(2)} after another that may share "
            "its memory "
            "(by reshape or ravel) was written to; write to a .copy()"
        )
    base = view.base
    if base._seen != family.writes:
        refresh(base)
    trace = base._trace
    trace.here()
    array._value = view.read(trace, base._value)
    array._trace = trace
    array._seen = family.writes


def assign(array: TracedArray, value: Value) -> None:
    """Give ``array`` a new value of its own type, and the arrays that it views.

    Raises `TraceError` for an array of a surrounding function, or a read-only view.
    """
    trace = current_trace()
    if array._trace is not trace:
        raise TraceError(
            f"an array of the surrounding function @{array._trace.name} is written to, at {user_location(2)}; "
            "functions do not "
            "change what is outside: return the new array, or write to a .copy()"
        )
    family = array._family
    if family is None:
        array._value = value
        return
    chain, each = [array], array
    while each._view is not None and each._view.read is not None:
        if each._view.write is None:
            raise TraceError(f"a read-only view is written to, at {user_location(2)}; write to a .copy()")
        each = each._view.base
        if each._trace is not trace:
            raise TraceError(
                f"a view of an array of the surrounding function @{each._trace.name} is written to, at "
                f"{user_location(2)}; "
                "write to a .copy()"
            )
        if each._seen != family.writes:
            refresh(each)
        chain.append(each)
    family.writes += 1
    array._value, array._seen = value, family.writes
    for lower, upper in itertools.pairwise(chain):
        view = lower._view
        assert view is not None
        assert view.write is not None
        upper._value = view.write(trace, upper._value, lower._value)
        upper._seen = family.writes


def update(array: TracedArray, result: Any) -> TracedArray:
    """``array += y`` and ``out=array``: the result in the array's type, in its place.

    Raises `ShapeError` and `DTypeError` where NumPy would.
    """
    from .operands import cast, spread

    if not isinstance(result, TracedArray):
        raise TraceError(f"a result that is no array cannot be written to an array, at {user_location(2)}")
    if not np.can_cast(result.dtype, array.dtype, "same_kind"):
        raise DTypeError(
            f"a result of {result.dtype} cannot be written to a traced array of {array.dtype}, at "
            f"{user_location(2)}; write "
            "x = x + y, or convert with .astype"
        )
    if result.shape != array.shape:
        if len(result.shape) > len(array.shape) or np.broadcast_shapes(result.shape, array.shape) != array.shape:
            raise ShapeError(
                f"a result of shape {result.shape} cannot be written to a traced array of shape {array.shape}, "
                f"at {user_location(2)}"
            )
        result = spread(result, array.shape)
    assign(array, cast(result, array.dtype)._value)
    return array

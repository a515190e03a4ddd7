"""How functions of `scipy.special` are published: what they are on traced arrays, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops.special_base import scipy_special
from ..array import TracedArray
from ..operands import emit
from .arguments import Table, module, publisher, real_operands

#: What each function is on traced arrays.
TRACED: Table = {}

publish = publisher(TRACED, scipy_special)


def routine(name: str, operation: str, *args: Any, **attributes: Any) -> TracedArray:
    """Record an operation that SciPy computes."""
    module(scipy_special, name)
    return emit(operation, *real_operands(name, *args), **attributes)


def define(name: str, doc: str, traced: Callable[..., Any]) -> Callable[..., Any]:
    """Publish ``traced`` as SciPy's function of that name."""
    traced.__name__ = traced.__qualname__ = name
    traced.__doc__ = f"As `scipy.special.{name}`{doc}."
    return publish(traced)


def one(name: str, operation: str, doc: str, **attributes: Any) -> Callable[..., Any]:
    """A function of one operand."""
    return define(name, f": {doc}", lambda x: routine(name, operation, x, **attributes))


def ordered(name: str, operation: str, doc: str) -> Callable[..., Any]:
    """A function of an order, by which it has no derivative, and a number."""
    doc = f": {doc}. The derivative by the first argument is refused"
    return define(name, doc, lambda v, x: routine(name, operation, v, x))


def of_order(name: str, operation: str, order: float, doc: str) -> Callable[..., Any]:
    """A function that is another one at a known order."""
    return define(name, f": {doc}", lambda x: routine(name, operation, order, x))


def pair(name: str, operation: str, doc: str) -> Callable[..., Any]:
    """A function of two operands."""
    return define(name, f": {doc}", lambda x, y: routine(name, operation, x, y))


def plain(name: str, operation: str, doc: str) -> Callable[..., Any]:
    """A function that NumPy computes."""
    return define(name, f": {doc}", lambda x: emit(operation, *real_operands(name, x)))

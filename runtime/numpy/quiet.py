"""Running without NumPy's floating-point warnings, at a tenth of what `numpy.errstate` costs.

NumPy keeps what to do about overflow and the like in a context variable. Here it is set to a value that was made once;
`numpy.errstate` makes one each time, which takes a microsecond: as long as three operations on short arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, Final

import numpy as np

#: As many elements NumPy's buffers hold where nobody says otherwise.
BUFFERS: Final = 8192


@functools.cache
def _ignoring(buffers: int) -> tuple[ContextVar[Any], Any] | None:
    """The context variable that `numpy.errstate` sets, and its value where everything is ignored and buffers are of as
    many elements; None where this NumPy keeps it elsewhere."""
    before = copy_context()
    with np.errstate(all="ignore"):
        np.setbufsize(buffers)
        inside = copy_context()
    changed = [(variable, value) for variable, value in inside.items() if before.get(variable) is not value]
    return changed[0] if len(changed) == 1 else None


def quietly(function: Callable[..., Any], buffers: int = BUFFERS) -> Callable[..., Any]:
    """``function`` of positional arguments, without warnings and errors from floating-point arithmetic; NumPy's buffers
    hold ``buffers`` elements meanwhile."""
    found = _ignoring(buffers)
    if found is None:
        return _with_errstate(function, buffers)
    variable, value = found
    change, restore = variable.set, variable.reset

    def run(*arguments: Any) -> Any:
        before = change(value)
        try:
            return function(*arguments)
        finally:
            restore(before)

    return run


def _with_errstate(function: Callable[..., Any], buffers: int) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            np.setbufsize(buffers)
            return function(*arguments)

    return run

"""Running without NumPy's floating-point warnings, at a tenth of what `numpy.errstate` costs.

NumPy keeps what to do about overflow and the like in a context variable. Here it is set to a value that was made once;
`numpy.errstate` makes one each time, which takes a microsecond: as long as three operations on short arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np


@functools.cache
def _ignoring() -> tuple[ContextVar[Any], Any] | None:
    """The context variable that `numpy.errstate` sets, and its value where everything is ignored; None where this
    NumPy keeps it elsewhere."""
    before = copy_context()
    with np.errstate(all="ignore"):
        inside = copy_context()
    changed = [(variable, value) for variable, value in inside.items() if before.get(variable) is not value]
    return changed[0] if len(changed) == 1 else None


def quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of positional arguments, without warnings and errors from floating-point arithmetic."""
    found = _ignoring()
    if found is None:
        return np.errstate(all="ignore")(function)
    variable, value = found
    change, restore = variable.set, variable.reset

    def run(*arguments: Any) -> Any:
        before = change(value)
        try:
            return function(*arguments)
        finally:
            restore(before)

    return run

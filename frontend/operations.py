"""A user's own operation: one class with its rules, as mixad's own operations are written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.definition import Op
from ..ops.definition import operation as define
from .array import TracedArray
from .lifting import recording
from .requests import traced
from .tracing import current_trace


def operation(name: str) -> Callable[[type], Callable[..., Any]]:
    """Class decorator: make an operation of a class that states its rules, and a function that applies it.

    The class has static methods ``infer`` (the type rule), ``evaluate`` (its meaning, on NumPy arrays), ``jvp_x`` for
    each operand, and ``transpose_x`` and ``linear_in`` where it is linear; see `mixad.ops.definition`. ``name`` has a
    dialect of the user's, as in ``"mine.softplus"``. The function takes arrays and the attributes by keyword: outside a
    trace it evaluates, inside it records the operation.

    Raises `DefinitionError` for missing or misspelt rules, ValueError for a name that is taken.
    """

    def make(cls: type) -> Callable[..., Any]:
        made: type[Op] = cls if issubclass(cls, Op) else type(cls.__name__, (cls, Op), {"__doc__": cls.__doc__})
        definition = define(name)(made).definition

        @functools.wraps(cls, updated=())
        def apply(*operands: Any, **attributes: Any) -> Any:
            if current_trace() is None:
                return made.evaluate(*[np.asarray(x) for x in operands], **attributes)
            trace = recording()
            values = tuple([traced(x, trace)._value for x in operands])
            results = trace.here().create(definition, values, attributes).results
            found = [TracedArray(trace, value) for value in results]
            return found[0] if len(found) == 1 else tuple(found)

        return apply

    return make

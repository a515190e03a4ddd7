"""A user's own operation: one class with its rules, as mixad's own operations are written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..ir import TensorType, user_location
from ..ir.builder import located
from ..ir.definition import lookup
from ..ir.errors import ConstraintError, RuleError
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

    Raises `DefinitionError` for missing or misspelt rules, ValueError for a name that is taken. A rule that gives
    another number, shape or dtype than it has to is a `RuleError` with its name, when it is used.
    """

    def make(cls: type) -> Callable[..., Any]:
        evaluate = getattr(cls, "evaluate", None)
        if isinstance(evaluate, FunctionType):  # NumPy's own functions stay themselves, and are inlined as such
            cls.evaluate = staticmethod(_checked(name, evaluate))  # type: ignore[attr-defined]
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


def _checked(name: str, evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """``evaluate`` with results of the types that the operation's ``infer`` gives; `RuleError` otherwise."""

    @functools.wraps(evaluate)
    def checked(*operands: Any, **attributes: Any) -> Any:
        results = evaluate(*operands, **attributes)
        definition = lookup(name)
        types = [TensorType(np.shape(each), np.asarray(each).dtype) for each in operands]
        try:
            wanted = definition.infer(types, {**definition.optional, **attributes})
        except ConstraintError as error:
            raise located(name, error, user_location()) from None
        found = results if isinstance(results, tuple) else (results,)
        shown = [f"{np.asarray(each).dtype} {np.shape(each)}" for each in found]
        wishes = [f"{each.dtype} {each.shape}" for each in wanted]
        if shown != wishes:
            raise RuleError(
                f"the rule evaluate of '{name}' gives ({', '.join(shown)}) where its infer says ({', '.join(wishes)})"
            )
        return results

    return checked

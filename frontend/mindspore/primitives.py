"""Operations in MindSpore's two forms, from one definition: a function, and a class that holds its options.

``ops.softmax(x, axis=-1)`` and ``ops.Softmax(axis=-1)(x)`` are made from one function of arrays.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...ir.definition import lookup
from ..array import TracedArray
from ..holders import held
from ..lifting import own_value, recording
from .tensor import Tensor

_ARRAYS = (TracedArray, np.ndarray, np.generic)

#: Every function by name, and every class by name.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
CLASSES: dict[str, type[Primitive]] = {}


class Primitive:
    """An operation as an object: its options are given when it is made, its tensors when it is called."""

    function: ClassVar[Callable[..., Any]]
    options: ClassVar[tuple[str, ...]]

    def __init__(self, *values: Any, **named: Any) -> None:
        self.settings = bind_options(type(self).__name__, self.options, values, named)

    def __call__(self, *args: Any) -> Any:
        """The function's result, a Tensor."""
        return type(self).function(*args, **self.settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.settings.items())})"


def bind_options(name: str, options: Sequence[str], values: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
    """The options of an operation by name. Raises TypeError for too many, unknown or doubly given ones."""
    if len(values) > len(options):
        raise TypeError(
            f"{name} takes {len(options)} options ({', '.join(options) or 'none'}), and {len(values)} are given"
        )
    settings = dict(zip(options, values, strict=False))
    for option, value in named.items():
        if option not in options or option in settings:
            problem = (
                "is given twice" if option in settings else f"is not among its options ({', '.join(options) or 'none'})"
            )
            raise TypeError(f"{name}: {option} {problem}")
        settings[option] = value
    return settings


def primitive(class_name: str, *options: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: make a function of arrays the function of tensors of that name, and the class ``class_name``.

    ``options`` are the arguments that the class takes when it is made.
    """

    def define(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def on_tensors(*args: Any, **kwargs: Any) -> Any:
            return _tensors(function(*[held(each) for each in args], **kwargs))

        name = function.__name__.strip("_")
        on_tensors.__name__ = on_tensors.__qualname__ = name
        unknown = set(options) - set(inspect.signature(function).parameters)
        if unknown:
            raise TypeError(f"{class_name}: {name} has no argument {', '.join(unknown)}")
        FUNCTIONS[name] = on_tensors
        body = {"function": staticmethod(on_tensors), "options": options, "__doc__": function.__doc__}
        CLASSES[class_name] = type(class_name, (Primitive,), body)
        return on_tensors

    return define


def _tensors(found: Any) -> Any:
    if isinstance(found, list | tuple):
        return tuple([_tensors(each) for each in found])
    return Tensor._result(found) if isinstance(found, _ARRAYS) else found


def elementwise(name: str, x: Any) -> Any:
    """A unary operation of the IR that NumPy has no function for."""
    if isinstance(x, TracedArray):
        trace = recording()
        value = own_value(x, trace)
        return TracedArray(trace, trace.here().build(name, value).results[0])
    return lookup(name).rules.evaluate(np.asarray(x))

"""Parameters: named arrays that a function reads from its surroundings, and that can be differentiated.

While a derivative with respect to a parameter is recorded, a traced array takes the parameter's place, in the
recording thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import DerivativeError, DTypeError, ShapeError
from ..ir.types import DTYPE_NAMES
from .array import TracedArray
from .holders import Holder, held


class _Replacements(threading.local):
    """What stands for each parameter, by identity, in the functions that this thread records."""

    def __init__(self) -> None:
        self.by_parameter: dict[int, Any] = {}


_replacements = _Replacements()


@contextmanager
def replaced(parameters: Sequence[Parameter], values: Sequence[Any]) -> Iterator[None]:
    """Let ``values`` stand for ``parameters`` in this thread for a while."""
    before = _replacements.by_parameter
    _replacements.by_parameter = before | {id(each): value for each, value in zip(parameters, values, strict=True)}
    try:
        yield
    finally:
        _replacements.by_parameter = before


class Parameter(Holder):
    """A named array that functions read, for `GradOperation` to differentiate by.

    ``value`` is the initial array or number, copied; ``requires_grad=False`` leaves the parameter out of
    ``trainable_params``. A parameter is used like an array: operators, NumPy's functions, methods, attributes.
    Assigning to ``value`` writes the new numbers into the parameter's own array, of fixed shape and dtype, so that
    every later call sees them, a `jit`ted one included.

    Raises `DTypeError` for a value that is no array of an element type that mixad has.
    """

    def __init__(self, value: Any, name: str = "", requires_grad: bool = True) -> None:
        value = held(value)
        if isinstance(value, TracedArray):
            raise DTypeError(
                f"Parameter {name!r}: its value is traced, at {user_location(2)}; make parameters outside functions"
            )
        self._array: np.ndarray[Any, Any] = np.array(value)
        if self._array.dtype not in DTYPE_NAMES:
            raise DTypeError(
                f"Parameter {name!r}: {value!r:.40} of element type {self._array.dtype} is no array of numbers, at "
                f"{user_location(2)}"
            )
        self.name = name
        self.requires_grad = requires_grad

    @property
    def _data(self) -> Any:
        return _replacements.by_parameter.get(id(self), self._array)

    @property
    def value(self) -> Any:
        """The parameter's array; inside a derivative with respect to it, the traced array in its place."""
        return self._data

    @value.setter
    def value(self, value: Any) -> None:
        self.assign(value)

    def assign(self, value: Any) -> None:
        """Write new numbers into the parameter's array.

        Raises `ShapeError` for another shape, `DTypeError` for an element type that would lose digits.
        """
        value = held(value)
        if isinstance(value, TracedArray):
            raise DerivativeError(
                f"parameter {self.name!r} is assigned a traced {value._value.type}, at {user_location(2)}; functions "
                "are pure: return the new value, and assign it outside"
            )
        new = np.asarray(value)
        own = self._array
        if new.shape != own.shape:
            raise ShapeError(
                f"parameter {self.name!r} has shape {own.shape} and is given {new.shape}, at {user_location(2)}"
            )
        if new.dtype != own.dtype and not (isinstance(value, int | float) and own.dtype.kind in "fcV"):
            raise DTypeError(
                f"parameter {self.name!r} is {own.dtype} and is given {new.dtype}, at {user_location(2)}; convert it "
                f"with .astype(np.{own.dtype})"
            )
        own[...] = new

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._data, name)

    def __repr__(self) -> str:
        return (
            f"Parameter(name={self.name}, shape={self._array.shape}, dtype={self._array.dtype}, "
            f"requires_grad={self.requires_grad})"
        )


class ParameterTuple(tuple[Parameter, ...]):
    """Parameters in an order. Raises `DerivativeError` for an element that is no `Parameter`."""

    __slots__ = ()

    def __new__(cls, parameters: Iterable[Parameter] = ()) -> ParameterTuple:
        """Check and collect ``parameters``."""
        return super().__new__(cls, check_parameters("ParameterTuple", parameters))


def check_parameters(what: str, parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """``parameters`` as a tuple, if they are; `DerivativeError` with the first that is none."""
    if isinstance(parameters, Holder | np.ndarray | str) or not isinstance(parameters, Iterable):
        raise DerivativeError(
            f"{what}: {type(parameters).__name__} given, at {user_location(2)}; give a list of Parameters"
        )
    found = tuple(parameters)
    for position, each in enumerate(found):
        if not isinstance(each, Parameter):
            raise DerivativeError(
                f"{what}: element {position} of {len(found)} is a {type(each).__name__}, not a Parameter, at "
                f"{user_location(2)}"
            )
    return found

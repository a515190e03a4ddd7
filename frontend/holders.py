"""Objects that stand for an array in programs: parameters, and the MindSpore face's tensors.

A holder takes part in operators, NumPy's protocols and containers with the array that it holds, traced or not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree

from ..ir import user_location
from ..ir.errors import TraceError
from .array import TracedArray
from .trees import NAMESPACE

_OPERANDS = (TracedArray, np.ndarray, np.generic, bool, int, float, complex, list, tuple)


class Holder:
    """Base of what holds one array: subclasses have `_data`, and `_result` for what operations return."""

    _data: Any
    __array_priority__ = 2000.0
    __hash__ = object.__hash__

    @staticmethod
    def _result(array: Any) -> Any:
        """An operation's array in the form that the user gets it."""
        return array

    def __init_subclass__(cls) -> None:
        """Make the holder a container of one array; rebuilt, it is what operations return."""

        def flatten(holder: Any) -> tuple[tuple[Any], None, None]:
            return (holder._data,), None, None

        optree.register_pytree_node(
            cls,  # type: ignore[arg-type]
            flatten,
            lambda _, children: cls._result(next(iter(children))),
            namespace=NAMESPACE,
        )

    # --- NumPy's protocols -----------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if isinstance(self._data, TracedArray):
            raise TraceError(
                f"NumPy needs the numbers of a traced {self._data._value.type}, at {user_location(2)}; inside a "
                "derivative use functions of whole arrays, such as np.stack for np.array([x, y])"
            )
        return np.array(self._data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._results(getattr(ufunc, method)(*held(inputs), **held(kwargs)))

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return self._results(function(*held(args), **held(kwargs)))

    def _results(self, found: Any) -> Any:
        if isinstance(found, list | tuple):
            return type(found)([self._results(each) for each in found])
        return self._result(found) if isinstance(found, TracedArray | np.ndarray | np.generic) else found

    # --- Python's protocols ----------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __index__(self) -> int:
        return operator.index(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return map(self._result, iter(self._data))

    def __getitem__(self, index: Any) -> Any:
        return self._result(self._data[held(index)])


def held(tree: Any) -> Any:
    """``tree`` with the array of each holder in its place; looks into lists, tuples, slices and dicts."""
    if isinstance(tree, Holder):
        return tree._data
    kind = type(tree)
    if kind is tuple or kind is list:
        return kind([held(each) for each in tree])
    if kind is dict:
        return {key: held(each) for key, each in tree.items()}
    if kind is slice:
        return slice(held(tree.start), held(tree.stop), held(tree.step))
    return tree


def _binary(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    function = getattr(operator, name)

    def forward(self: Any, other: Any) -> Any:
        other = held(other)
        return self._result(function(self._data, other)) if isinstance(other, _OPERANDS) else NotImplemented

    def backward(self: Any, other: Any) -> Any:
        return self._result(function(other, self._data)) if isinstance(other, _OPERANDS) else NotImplemented

    return forward, backward


def _unary(name: str) -> Callable[[Any], Any]:
    function = getattr(operator, name)
    return lambda self: self._result(function(self._data))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _forward, _backward = _binary(_name)
    setattr(Holder, f"__{_name.strip('_')}__", _forward)
    setattr(Holder, f"__r{_name.strip('_')}__", _backward)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Holder, f"__{_name}__", _binary(_name)[0])
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Holder, f"__{_name}__", _unary(_name))

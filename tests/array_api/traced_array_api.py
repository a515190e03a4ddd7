"""mixad as an array library for the public test suite of the array API standard (data-apis/array-api-tests).

The suite calls a function and looks at numbers, which traced arrays do not show. So each `Array` here holds a NumPy
array, and each function, method and operator is a program of its own: the arrays become traced arrays, the function of
`mixad.array_api` or the method of the traced array is recorded, compiled and run, and the results are `Array` again.
A function that gives a NumPy array in place of a traced one fails: it would have left the trace.

Not exercised: ``__float__`` and ``__complex__``, which traced numbers refuse. The suite cannot look at a number
without them, so here they read the NumPy array. ``dtype`` and ``shape`` are the NumPy array's, which are compared with
the traced array's after every call. With ``ARRAY_API_DERIVATIVES=1`` each call is differentiated too: see `derivatives`
"""

from __future__ import annotations

import builtins
import functools
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import derivatives
import mixad as mx
import numpy as np
from mixad import array_api
from mixad.frontend.array import TracedArray

DERIVATIVES = os.environ.get("ARRAY_API_DERIVATIVES") == "1"


def replace(tree: Any, kind: Any, change: Callable[[Any], Any]) -> Any:
    """Lists, tuples, dictionaries and slices with each ``kind`` in them changed."""
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[replace(each, kind, change) for each in tree])
    if isinstance(tree, list | tuple):
        return type(tree)(replace(each, kind, change) for each in tree)
    if isinstance(tree, dict):
        return {name: replace(each, kind, change) for name, each in tree.items()}
    if isinstance(tree, slice):
        return slice(*[replace(each, kind, change) for each in (tree.start, tree.stop, tree.step)])
    return tree


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Trace ``function(*args, **kwargs)``, compile and run the program; its result with an `Array` for each array.

    An argument that comes back as a result is the same `Array`, with the numbers that it then has.
    """
    inputs: list[Array] = []
    replace((args, kwargs), Array, inputs.append)
    result: Any = None
    traced: list[TracedArray] = []
    given: tuple[TracedArray, ...] = ()

    def program(*arguments: TracedArray) -> list[TracedArray]:
        nonlocal result, given
        given = arguments
        remaining = iter(arguments)
        positional, keywords = replace((args, kwargs), Array, lambda _: next(remaining))
        result = function(*positional, **keywords)
        traced.clear()
        replace(result, TracedArray | np.ndarray | np.generic, traced.append)
        left = [each for each in traced if not isinstance(each, TracedArray)]
        assert not left, f"{getattr(function, '__name__', function)} left the trace: it gave {left}"
        return list(traced)

    arrays = [each.array for each in inputs]
    outputs = [np.asarray(each) for each in mx.jit(program)(*arrays)]
    for each, output in zip(traced, outputs, strict=True):
        assert (each.shape, each.dtype) == (output.shape, output.dtype), (each, output.shape, output.dtype)
    known = {id(each): array for each, array in zip(given, inputs, strict=True)}
    remaining = iter(outputs)

    def back(each: TracedArray) -> Array:
        array = known.setdefault(id(each), Array(np.empty(0)))
        array.array = next(remaining)
        return array

    answer = replace(result, TracedArray, back)
    if DERIVATIVES:
        derivatives.check(program, arrays, outputs)
    return answer


def as_program(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return run(function, *args, **kwargs)

    return call


class Array:
    """A NumPy array, whose every method is a traced program."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    dtype = property(lambda self: self.array.dtype)
    shape = property(lambda self: self.array.shape)

    def __repr__(self) -> str:
        return f"Array({self.array!r})"

    def __bool__(self) -> bool:
        return run(builtins.bool, self)

    def __float__(self) -> float:
        return float(self.array)

    def __complex__(self) -> complex:
        return complex(self.array)

    @functools.wraps(TracedArray.__setitem__)
    def __setitem__(self, key: Any, value: Any) -> None:
        def written(x: TracedArray, key: Any, value: Any) -> TracedArray:
            x[key] = value
            return x

        run(written, self, key, value)

    @functools.wraps(TracedArray.__array_namespace__)
    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        found = run(lambda x: x.__array_namespace__(api_version=api_version), self)
        assert found is array_api
        return sys.modules[__name__]


def install(name: str) -> None:
    method = getattr(TracedArray, name)
    if isinstance(method, property):
        setattr(Array, name, property(lambda self: run(method.fget, self)))
        return
    setattr(Array, name, as_program(method))


ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
for _name in ARITHMETIC:
    install(f"__{_name}__")
    install(f"__r{_name}__")
    install(f"__i{_name}__")
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "abs", "invert", "neg", "pos", "getitem", "int", "index", "dlpack"):
    install(f"__{_name}__")
for _name in ("T", "mT", "device", "ndim", "size", "to_device", "__dlpack_device__"):
    install(_name)


def wrapped(namespace: Any, names: Any) -> dict[str, Any]:
    found = {name: getattr(namespace, name) for name in names}
    return {
        name: each if isinstance(each, type) or not callable(each) else as_program(each) for name, each in found.items()
    }


globals().update(wrapped(array_api, array_api.__all__))
linalg = SimpleNamespace(**wrapped(array_api.linalg, array_api.linalg.__all__))
fft = SimpleNamespace(**wrapped(array_api.fft, array_api.fft.__all__))

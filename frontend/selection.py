"""Which arguments of a call are differentiated."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import DerivativeError
from . import trees
from .array import TracedArray
from .devices import DeviceArray
from .requests import check_input

Function = Callable[..., Any]


class Selection:
    """The arguments of a call that are differentiated, flat, and the way back to the call.

    An argument that is chosen twice is one input, with its derivative in both places.
    """

    def __init__(self, what: str, argnums: int | Sequence[int], args: Sequence[Any]) -> None:
        self.args = [_adopted(arg) for arg in args]
        self.single = isinstance(argnums, int)
        chosen = tuple(argnums) if isinstance(argnums, Sequence | range) else (argnums,)
        for number in chosen:
            if not isinstance(number, int):
                raise DerivativeError(
                    f"{what}: argnums has {number!r} of type {type(number).__name__}, at {user_location(2)}; "
                    "positional arguments are counted with int"
                )
            if not -len(args) <= number < len(args):
                raise DerivativeError(
                    f"{what}: argnums has {number} and {len(args)} positional arguments are given, at "
                    f"{user_location(2)}"
                )
        asked = [number % len(args) for number in chosen]
        self.positions = list(dict.fromkeys(asked))
        self._order = [self.positions.index(position) for position in asked]
        trees_of = [self.args[position] for position in self.positions]
        self.leaves, self.structure = trees.flatten(trees_of)
        if any(not _is_differentiable(leaf) for leaf in self.leaves):
            paths = trees.leaf_paths(trees_of)
            self.leaves = [
                check_input(
                    leaf, what, f"{self.positions[int(path[1 : path.index(']')])]}{path[path.index(']') + 1 :]}"
                )
                for leaf, path in zip(self.leaves, paths, strict=True)
            ]

    def names(self, function: Function) -> list[str]:
        """Names for the leaves, after the function's parameters."""
        counts = [child.num_leaves for child in self.structure.children()]
        return argument_names(function, self.positions, counts)

    def call(self, function: Function, leaves: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call ``function`` with ``leaves`` in their places."""
        args = list(self.args)
        for position, tree in zip(self.positions, trees.unflatten(self.structure, leaves), strict=True):
            args[position] = tree
        return function(*args, **kwargs)

    def result(self, leaves: Sequence[Any]) -> Any:
        """Derivatives in the structure of the arguments: one, or a tuple for several argnums."""
        found = trees.unflatten(self.structure, leaves)
        return found[0] if self.single else tuple([found[index] for index in self._order])


def _adopted(arg: Any) -> Any:
    """An argument whose arrays of other libraries, on a GPU, are mixad's."""
    if isinstance(arg, np.ndarray | TracedArray | float | int):
        return arg
    leaves, structure = trees.flatten(arg)
    return trees.unflatten(structure, leaves) if any(type(leaf) is DeviceArray for leaf in leaves) else arg


def _is_differentiable(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray | TracedArray):
        return leaf.dtype.kind in "fc"
    return isinstance(leaf, float | np.floating)


def name_of(function: Function) -> str:
    """The name under which a function stands in dumps."""
    name: str = getattr(function, "__name__", type(function).__name__)
    return name.strip("<>")


def _innermost(function: Function) -> Function:
    """The function that wrappers such as `grad` were put around."""
    return inspect.unwrap(function) if hasattr(function, "__wrapped__") else function


def argument_names(function: Function, positions: Sequence[int], counts: Sequence[int]) -> list[str]:
    """Names for the leaves of positional arguments, after the function's own parameters.

    ``counts`` says how many leaves each argument has; several are numbered.
    """
    code = getattr(_innermost(function), "__code__", None)
    known = code.co_varnames[: code.co_argcount] if code is not None else ()
    names: list[str] = []
    for position, count in zip(positions, counts, strict=True):
        name = known[position] if position < len(known) else ""
        names += [name] if count == 1 else [f"{name}{i}" if name else "" for i in range(count)]
    return names


def derived(function: Function, prefix: str) -> Callable[[Function], Function]:
    """Decorator: let a derivative carry its function's documentation, and the name ``prefix_name``."""

    def rename(made: Function) -> Function:
        functools.update_wrapper(made, function, updated=())
        made.__name__ = f"{prefix}_{name_of(function)}"
        return made

    return rename

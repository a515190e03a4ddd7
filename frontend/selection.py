"""Which arguments of a call are differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import DerivativeError
from . import trees
from .array import TracedArray
from .requests import check_input

Function = Callable[..., Any]


class Selection:
    """The arguments of a call that are differentiated, flat, and the way back to the call."""

    def __init__(self, what: str, argnums: int | Sequence[int], args: Sequence[Any]) -> None:
        self.args = list(args)
        self.single = isinstance(argnums, int)
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for number in chosen:
            if not -len(args) <= number < len(args):
                raise DerivativeError(
                    f"{what}: argnums has {number} and {len(args)} positional arguments are given, at {user_location(2)}"
                )
        self.positions = [number % len(args) for number in chosen]
        trees_of = [args[position] for position in self.positions]
        self.leaves, self.structure = trees.flatten(trees_of)
        if any(not _is_differentiable(leaf) for leaf in self.leaves):
            paths = trees.leaf_paths(trees_of)
            self.leaves = [
                check_input(leaf, what, f"{self.positions[int(path[1 : path.index(']')])]}{path[path.index(']') + 1 :]}")
                for leaf, path in zip(self.leaves, paths, strict=True)
            ]

    def call(self, function: Function, leaves: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call ``function`` with ``leaves`` in their places."""
        args = list(self.args)
        for position, tree in zip(self.positions, trees.unflatten(self.structure, leaves), strict=True):
            args[position] = tree
        return function(*args, **kwargs)

    def result(self, leaves: Sequence[Any]) -> Any:
        """Derivatives in the structure of the arguments: one, or a tuple for several argnums."""
        found = trees.unflatten(self.structure, leaves)
        return found[0] if self.single else tuple(found)


def _is_differentiable(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray | TracedArray):
        return leaf.dtype.kind in "fc"
    return isinstance(leaf, float | np.floating)


def name_of(function: Function) -> str:
    """The name under which a function stands in dumps."""
    return getattr(function, "__name__", type(function).__name__)

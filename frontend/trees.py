"""Containers in and out: dicts, lists, tuples, named tuples and dataclasses of arrays, by optree.

A dataclass is a container without being registered by the user: it is registered when first met.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import optree

from .devices import adopted

NAMESPACE: Final = "mixad"
#: Leaves of these types need no second look.
_PLAIN: Final = frozenset((np.ndarray, np.float64, np.float32, float, int, complex, bool, str))


def _register_dataclass(cls: type) -> None:
    fields = tuple(field.name for field in dataclasses.fields(cls))

    def flatten(instance: Any) -> tuple[list[Any], None, tuple[str, ...]]:
        return [getattr(instance, name) for name in fields], None, fields

    def unflatten(_: Any, children: Iterable[Any]) -> Any:
        instance: Any = object.__new__(cls)
        for name, child in zip(fields, children, strict=True):
            object.__setattr__(instance, name, child)
        return instance

    with contextlib.suppress(ValueError):  # another thread was first
        optree.register_pytree_node(cls, flatten, unflatten, namespace=NAMESPACE)


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree, and its structure. None is a part of the structure."""
    leaves, structure = optree.tree_flatten(tree, namespace=NAMESPACE)
    if _PLAIN.issuperset(map(type, leaves)):
        return leaves, structure
    leaves = [adopted(leaf) for leaf in leaves]
    new = {type(leaf) for leaf in leaves if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type)}
    if not new:
        return leaves, structure
    for cls in new:
        _register_dataclass(cls)
    return flatten(tree)


def unflatten(structure: Any, leaves: Iterable[Any]) -> Any:
    """The tree of a structure with the given leaves."""
    return optree.tree_unflatten(structure, leaves)


def leaf_paths(tree: Any) -> list[str]:
    """How each leaf is reached, as ``['w'][0]``."""
    flatten(tree)
    paths, _, _ = optree.tree_flatten_with_path(tree, namespace=NAMESPACE)
    return ["".join(f"[{step!r}]" for step in path) for path in paths]


#: The structure of a single leaf.
LEAF: Final = flatten(0)[1]

"""stop_gradient: the identity, through which no derivative passes."""

from __future__ import annotations

from typing import Any

from . import trees
from .array import TracedArray
from .lifting import own_value, recording


def stop_gradient(tree: Any) -> Any:
    """The arrays of ``tree``, as constants to every derivative, of any order and in every mode.

    Arrays that are not traced, and numbers, are returned as they are.
    """
    leaves, structure = trees.flatten(tree)
    return trees.unflatten(structure, [_stop(leaf) for leaf in leaves])


def _stop(leaf: Any) -> Any:
    if not isinstance(leaf, TracedArray):
        return leaf
    trace = recording()
    value = own_value(leaf, trace)
    return TracedArray(trace, trace.here().stop_gradient(value), leaf._weak)

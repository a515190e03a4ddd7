"""Seeds: the tangents and cotangents that users give, checked against what they seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import TensorType, Value, user_location
from ..ir.errors import DerivativeError
from . import trees
from .lifting import as_value, dtype_key, shape_of
from .requests import is_array
from .tracing import Trace

_Type = type


def seed_leaves(what: str, tree: Any, structure: Any) -> list[Any]:
    """The leaves of a seed that must have ``structure``; `DerivativeError` where it has another, or a leaf that is no
    array."""
    leaves, found = trees.flatten(tree)
    if found != structure:
        raise DerivativeError(
            f"{what}: the seed's structure is {found} and {structure} is needed, at {user_location(2)}"
        )
    for position, leaf in enumerate(leaves):
        if not is_array(leaf):
            raise DerivativeError(
                f"{what}: seed {position} is {leaf!r:.40} of type {type(leaf).__name__}, at {user_location(2)}; a seed "
                "is an array or a number"
            )
    return leaves


def check_seed(seed: Any, type: TensorType, what: str, place: str) -> Any:
    """A seed, if it has the shape and dtype of what it seeds; Python numbers fit any floating dtype.

    Raises `DerivativeError` with both shapes and dtypes.
    """
    key = dtype_key(seed)
    weak = isinstance(key, _Type)
    fits = type.dtype.kind == "c" or key is not complex if weak else key == type.dtype
    if shape_of(seed) != type.shape or not fits:
        found = key.__name__ if weak else key
        raise DerivativeError(
            f"{what}: {place} has shape {shape_of(seed)} and dtype {found}, and shape {type.shape} and dtype "
            f"{type.dtype} are needed, at {user_location(2)}"
        )
    return seed


def seed_value(trace: Trace, seed: Any, type: TensorType, what: str, place: str) -> Value:
    """A checked seed as a value of ``trace``."""
    return as_value(check_seed(seed, type, what, place), type.dtype, trace)


def seed_array(seed: Any, type: TensorType, what: str, place: str) -> Any:
    """A checked seed as an array."""
    return np.asarray(check_seed(seed, type, what, place), type.dtype)

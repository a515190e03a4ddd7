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
    """The leaves of a seed that must have ``structure``; `DerivativeError` where it has another."""
    leaves, found = trees.flatten(tree)
    if found != structure:
        raise DerivativeError(
            f"{what}: the seed's structure is {found} and {structure} is needed, at {user_location(2)}"
        )
    return leaves


def check_seed(seed: Any, type: TensorType, what: str, place: str) -> Any:
    """A seed, if it has the shape and dtype of what it seeds; Python numbers fit any floating dtype.

    Raises `DerivativeError` with both shapes and dtypes.
    """
    if not is_array(seed):
        raise DerivativeError(f"{what}: {place} is a {seed.__class__.__name__}, and an array like {type} is needed")
    key = dtype_key(seed)
    weak = isinstance(key, _Type)
    if shape_of(seed) != type.shape or not (weak or key == type.dtype):
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

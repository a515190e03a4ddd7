"""Trees of arrays as one vector, and back: what SciPy's minimizers and linear solvers take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import trees


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The arrays of ``tree`` as one vector, and the function that makes such a tree of a vector again.

    The vector has the element type that NumPy gives to all arrays together; the function gives each array its own shape
    and element type back. Both can be traced.
    """
    leaves, structure = trees.flatten(tree)
    arrays = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
    shapes, dtypes = [each.shape for each in arrays], [each.dtype for each in arrays]
    sizes = [math.prod(shape) for shape in shapes]
    flat = np.concatenate([np.reshape(each, -1) for each in arrays]) if arrays else np.zeros(0)

    def unravel(vector: Any) -> Any:
        if vector.shape != (sum(sizes),):
            raise ValueError(f"unravel: the vector has shape {vector.shape}, and ({sum(sizes)},) is needed")
        parts, start = [], 0
        for shape, dtype, size in zip(shapes, dtypes, sizes, strict=True):
            parts.append(np.reshape(vector[start : start + size], shape).astype(dtype))
            start += size
        return trees.unflatten(structure, parts)

    return flat, unravel

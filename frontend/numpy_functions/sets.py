"""Unique values and sets. How many there are, and where, is decided with the numbers of this call."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..array import TracedArray
from ..compositions import is_nan
from ..functions import implements
from ..indexing import known_values
from ..operands import as_traced, axis_of, captured, emit, full, reshape
from ..ufuncs import apply
from . import reductions
from .joining import concatenate
from .shapes import moveaxis, ravel
from .sorting import argsort, lexsort, sort


class UniqueAllResult(NamedTuple):
    """What `numpy.unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """What `numpy.unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """What `numpy.unique_inverse` returns."""

    values: Any
    inverse_indices: Any


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    x: Any = as_traced(ar)
    if axis is None:
        rows: Any = reshape(x, (x.size,))
        order: Any = argsort(rows)
    else:
        rows = moveaxis(x, axis_of(axis, x.ndim), 0)
        flat: Any = reshape(rows, (rows.shape[0], rows.size // max(rows.shape[0], 1)))
        order = lexsort(flat.T[::-1]) if flat.shape[1] else np.zeros(rows.shape[0], int)
    ordered = rows[order]
    count = operator.index(rows.shape[0])
    first = _first_ones(ordered, equal_nan and axis is None) if count else np.zeros(0, bool)
    places = np.flatnonzero(first)
    values = ordered[places]
    found = [values if axis is None else moveaxis(values, 0, axis)]
    if return_index:
        found.append(order[places])
    if return_inverse:
        inverse = captured(np.cumsum(first) - 1)[argsort(order)]
        found.append(inverse if axis is not None else reshape(inverse, x.shape))
    if return_counts:
        found.append(as_traced(np.diff(np.append(places, count))))
    return found[0] if len(found) == 1 else tuple(found)


def _first_ones(rows: Any, equal_nan: bool) -> Any:
    """Where sorted rows differ from the one before."""
    differs = apply(np.not_equal, rows[1:], rows[:-1])
    if equal_nan:
        both = apply(np.logical_and, is_nan(rows[1:]), is_nan(rows[:-1]))
        differs = apply(np.logical_and, differs, emit("logical_not", both))
    if differs.ndim > 1:
        differs = reductions.any(differs, tuple(range(1, differs.ndim)))
    return known_values(concatenate([full(True, (1,), bool), differs]))


@implements("unique_values")
def unique_values(x: Any) -> Any:
    return unique(x, equal_nan=False)


@implements("unique_counts")
def unique_counts(x: Any) -> Any:
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@implements("unique_inverse")
def unique_inverse(x: Any) -> Any:
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


@implements("unique_all")
def unique_all(x: Any) -> Any:
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> TracedArray:
    x, y = as_traced(element), as_traced(test_elements)
    found = reductions.any(apply(np.equal, reshape(x, (*x.shape, 1)), reshape(y, (y.size,))), -1)
    return emit("logical_not", found) if invert else found


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return unique(concatenate([ravel(as_traced(ar1)), ravel(as_traced(ar2))]))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    if not return_indices:
        found = unique(ar1)
        return found[known_values(isin(found, ar2))]
    first, second = (unique(each, return_index=True) for each in (ar1, ar2))
    kept = [known_values(isin(x[0], y[0])) for x, y in ((first, second), (second, first))]
    return first[0][kept[0]], first[1][kept[0]], second[1][kept[1]]


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    found = ravel(as_traced(ar1)) if assume_unique else unique(ar1)
    return found[known_values(isin(found, ar2, invert=True))]


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    parts = [as_traced(each) if assume_unique else unique(each) for each in (ar1, ar2)]
    x: Any = sort(concatenate([ravel(each) for each in parts]))
    if not x.size:
        return x
    differs = known_values(apply(np.not_equal, x[1:], x[:-1]))
    around = np.concatenate([[True], differs, [True]])
    return x[np.flatnonzero(around[1:] & around[:-1])]

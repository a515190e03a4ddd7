"""Whole Jacobians and Hessians: a pushforward or pullback of all basis vectors at once, by vmap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import requests, trees
from .array import TracedArray
from .mapping import vmap
from .selection import Function, Selection, derived, name_of
from .tracing import Trace
from .transforms import linearize, vjp


def jacfwd(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian by forward mode: a pushforward for each element of the inputs, best for few inputs.

    ``jacfwd(fun)(*args)`` has the structure of the output, and in each place the structure of the argument; an
    array in it has the output's shape followed by the input's. With ``has_aux`` the result is ``(jacobian, aux)``.
    """

    @derived(fun, "jacfwd")
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Selection("jacfwd", argnums, args)

        def body(trace: Trace, *leaves: TracedArray) -> Any:
            out, push, *aux = linearize(_of_leaves(chosen, fun, kwargs), *leaves, has_aux=has_aux)
            outputs, structure = trees.flatten(out)
            pushed, _ = trees.flatten(vmap(push, out_axes=-1)(*_basis(leaves)))
            rows = [
                [
                    np.reshape(part, np.shape(out) + np.shape(leaf))
                    for part, leaf in zip(_split(all_columns, leaves, -1), leaves, strict=True)
                ]
                for all_columns, out in zip(pushed, outputs, strict=True)
            ]
            return _finish(structure, rows, chosen, aux)

        return requests.run(body, chosen.leaves, f"jacfwd_{name_of(fun)}", chosen.names(fun))

    return jacobian


def jacrev(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian by reverse mode: a pullback for each element of the outputs, best for few outputs.

    Structure and shapes as of `jacfwd`.
    """

    @derived(fun, "jacrev")
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Selection("jacrev", argnums, args)

        def body(trace: Trace, *leaves: TracedArray) -> Any:
            out, pull, *aux = vjp(_of_leaves(chosen, fun, kwargs), *leaves, has_aux=has_aux)
            outputs, structure = trees.flatten(out)
            cotangents = trees.unflatten(structure, _basis(outputs))
            pulled = vmap(pull)(cotangents)
            columns = [_split(all_rows, outputs, 0) for all_rows in pulled]
            rows = [
                [
                    np.reshape(parts[position], np.shape(out) + np.shape(leaf))
                    for parts, leaf in zip(columns, leaves, strict=True)
                ]
                for position, out in enumerate(outputs)
            ]
            return _finish(structure, rows, chosen, aux)

        return requests.run(body, chosen.leaves, f"jacrev_{name_of(fun)}", chosen.names(fun))

    return jacobian


def hessian(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Hessian of a function whose output is one number, forward over reverse.

    An array in the result has the shape of the argument twice: ``x.shape + x.shape``.
    """
    return jacfwd(jacrev(fun, argnums, has_aux), argnums, has_aux)


def _of_leaves(chosen: Selection, fun: Function, kwargs: dict[str, Any]) -> Function:
    def of_leaves(*leaves: Any) -> Any:
        return chosen.call(fun, leaves, kwargs)

    of_leaves.__name__ = name_of(fun)
    return of_leaves


def _basis(arrays: Sequence[Any]) -> list[Any]:
    """The unit vectors of the space that ``arrays`` span together, along a leading axis of each."""
    sizes = [math.prod(np.shape(each)) for each in arrays]
    total, start, parts = sum(sizes), 0, []
    for each, size in zip(arrays, sizes, strict=True):
        part = np.eye(total, size, -start, dtype=each.dtype)
        parts.append(part.reshape((total, *np.shape(each))))
        start += size
    return parts


def _split(array: Any, like: Sequence[Any], axis: int) -> list[Any]:
    """The parts of an axis that belong to each of the arrays in ``like``."""
    bounds = np.cumsum([math.prod(np.shape(each)) for each in like])[:-1]
    return list(np.split(array, [int(bound) for bound in bounds], axis=axis))


def _finish(structure: Any, rows: list[list[Any]], chosen: Selection, aux: list[Any]) -> Any:
    found = trees.unflatten(structure, [chosen.result(row) for row in rows])
    return (found, aux[0]) if aux else found

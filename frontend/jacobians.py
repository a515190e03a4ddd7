"""Whole Jacobians and Hessians, one basis vector at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import trees
from .selection import Function, Selection, derived
from .transforms import linearize, vjp


def jacfwd(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian by forward mode: one pushforward for each element of the inputs, best for few inputs.

    ``jacfwd(fun)(*args)`` has the structure of the output, and in each place the structure of the argument; an
    array in it has the output's shape followed by the input's. With ``has_aux`` the result is ``(jacobian, aux)``.
    """

    @derived(fun, "jacfwd")
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Selection("jacfwd", argnums, args)
        made = linearize(_of_leaves(chosen, fun, kwargs), *chosen.leaves, has_aux=has_aux)
        outputs, structure = trees.flatten(made[0])
        columns: list[list[Any]] = [[] for _ in outputs]
        for position, leaf in enumerate(chosen.leaves):
            pushed = [trees.flatten(made[1](*seeds))[0] for seeds in _bases(chosen.leaves, position)]
            for row, out in enumerate(outputs):
                shape = np.shape(out) + np.shape(leaf)
                columns[row].append(_assemble([each[row] for each in pushed], shape, out, -1))
        return _finish(structure, columns, chosen, made, has_aux)

    return jacobian


def jacrev(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian by reverse mode: one pullback for each element of the outputs, best for few outputs.

    Structure and shapes as of `jacfwd`.
    """

    @derived(fun, "jacrev")
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = Selection("jacrev", argnums, args)
        made = vjp(_of_leaves(chosen, fun, kwargs), *chosen.leaves, has_aux=has_aux)
        outputs, structure = trees.flatten(made[0])
        rows: list[list[Any]] = []
        for position, out in enumerate(outputs):
            pulled = [made[1](trees.unflatten(structure, seeds)) for seeds in _bases(outputs, position)]
            rows.append(
                [
                    _assemble([each[column] for each in pulled], np.shape(out) + np.shape(leaf), leaf, 0)
                    for column, leaf in enumerate(chosen.leaves)
                ]
            )
        return _finish(structure, rows, chosen, made, has_aux)

    return jacobian


def hessian(fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Hessian of a function whose output is one number, forward over reverse.

    An array in the result has the shape of the argument twice: ``x.shape + x.shape``.
    """
    return jacfwd(jacrev(fun, argnums, has_aux), argnums, has_aux)


def _of_leaves(chosen: Selection, fun: Function, kwargs: dict[str, Any]) -> Function:
    def of_leaves(*leaves: Any) -> Any:
        return chosen.call(fun, leaves, kwargs)

    of_leaves.__name__ = getattr(fun, "__name__", "fun")
    return of_leaves


def _bases(arrays: Sequence[Any], position: int) -> Any:
    """For each element of ``arrays[position]``: zeros like all arrays, but a one there."""
    zeros = [np.zeros(np.shape(each), _dtype(each)) for each in arrays]
    for index in np.ndindex(np.shape(arrays[position])):
        one = zeros[position].copy()
        one[index] = 1
        yield [*zeros[:position], one, *zeros[position + 1 :]]


def _dtype(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else np.dtype(type(x))


def _assemble(parts: list[Any], shape: tuple[int, ...], like: Any, axis: int) -> Any:
    if not parts:
        return np.zeros(shape, _dtype(like))
    return np.reshape(np.stack(parts, axis=axis), shape)


def _finish(structure: Any, rows: list[list[Any]], chosen: Selection, made: Any, has_aux: bool) -> Any:
    found = trees.unflatten(structure, [chosen.result(row) for row in rows])
    return (found, made[2]) if has_aux else found

"""Implicit differentiation: derivatives of solutions of equations, whatever found them.

By the implicit function theorem the solution x(p) of f(x, p) = 0 has the derivative -(df/dx)^-1 df/dp, so the steps of
the solver are not differentiated (Griewank & Walther, Evaluating Derivatives, chapter 15; Blondel et al., "Efficient
and Modular Implicit Differentiation", NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import user_location
from ..ir.errors import RuleError
from . import trees
from .control import while_loop
from .custom import CustomRule
from .jacobians import jacfwd
from .linear_solves import Solve as LinearSolve
from .linear_solves import custom_linear_solve
from .raveling import ravel
from .selection import Function, name_of
from .transforms import jvp

Solve = Callable[[Function, Any], Any]


def custom_root(f: Function, initial: Any, solve: Solve, *params: Any, linear_solve: LinearSolve | None = None) -> Any:
    """A solution x of ``f(x, *params) = 0``, found by ``solve(function of x, initial)`` and differentiated implicitly.

    ``x`` and ``f``'s result are arrays or trees of arrays of the same structure and shapes. Derivatives are with
    respect to ``params``, of any order and in every mode; each solves linear systems with the Jacobian of ``f`` in x,
    which must be regular at the solution, or with its transpose. ``linear_solve(matvec, b)`` solves them by products
    alone, ``matvec`` taking and returning what has the structure of ``x`` (conjugate gradients, GMRES; it has to use
    the ``matvec`` that it is given); without it the Jacobian is formed and factorized. ``initial`` and what ``f`` uses
    from outside are constants.
    """

    def solution(*given: Any) -> Any:
        return solve(lambda x: f(x, *given), initial)

    solution.__name__ = f"root_{name_of(f)}"
    root = CustomRule(solution, ())

    def root_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        x = root(*primals)
        residual, change = jvp(lambda *given: f(x, *given), primals, tangents)
        _check_residual(f, residual, x)
        leaves, structure = trees.flatten(change)
        right = trees.unflatten(structure, [-each for each in leaves])

        def matvec(v: Any) -> Any:
            return jvp(lambda y: f(y, *primals), (x,), (v,))[1]

        if linear_solve is None:
            return x, _dense_solve(matvec, right)
        return x, custom_linear_solve(matvec, right, linear_solve, transpose_solve=linear_solve)

    root.defjvp(root_jvp)
    return root(*params)


def _check_residual(f: Function, residual: Any, x: Any) -> None:
    """`RuleError` where ``f`` gives something else than what has the structure and shapes of its argument."""
    (parts, found), (leaves, wanted) = trees.flatten(residual), trees.flatten(x)
    shapes = [[np.shape(each) for each in part] for part in (parts, leaves)]
    if found != wanted or shapes[0] != shapes[1]:
        raise RuleError(
            f"custom_root: @{name_of(f)} gives {found} of shapes {shapes[0]} for an x of {wanted} of shapes "
            f"{shapes[1]}, at {user_location(2)}: there must be as many equations as unknowns, in the same structure"
        )


def _dense_solve(matvec: Function, b: Any) -> Any:
    """The solution by the matrix itself: its columns are products with unit vectors."""
    flat, unravel = ravel(b)
    matrix = jacfwd(lambda v: ravel(matvec(unravel(v)))[0])(np.zeros_like(flat))
    return unravel(np.linalg.solve(matrix, flat))


def fixed_point(
    f: Function,
    initial: Any,
    *params: Any,
    tolerance: float = 1e-12,
    max_steps: int = 1000,
    linear_solve: LinearSolve | None = None,
) -> Any:
    """A solution of ``x = f(x, *params)``, by iterating from ``initial`` and differentiated implicitly (`custom_root`,
    which takes ``linear_solve``).

    Stops when no element changes by more than ``tolerance`` (relative to the largest element, or 1), or after
    ``max_steps`` steps, whichever is first.
    """

    def iterate(residual: Function, start: Any) -> Any:
        flat, unravel = ravel(start)

        def step(vector: Any) -> Any:
            return vector + ravel(residual(unravel(vector)))[0]

        def unfinished(state: tuple[Any, Any, Any]) -> Any:
            count, vector, previous = state
            largest = np.maximum(np.max(np.abs(vector)), 1.0)
            return (count < max_steps) & (np.max(np.abs(vector - previous)) > tolerance * largest)

        first = (1, step(flat), flat)
        _, vector, _ = while_loop(unfinished, lambda state: (state[0] + 1, step(state[1]), state[1]), first)
        return unravel(vector)

    def equation(x: Any, *given: Any) -> Any:
        return _minus(f(x, *given), x)

    equation.__name__ = name_of(f)
    return custom_root(equation, initial, iterate, *params, linear_solve=linear_solve)


def _minus(first: Any, second: Any) -> Any:
    flat, unravel = ravel(first)
    return unravel(flat - ravel(second)[0])

"""Implicit differentiation: derivatives of solutions of equations, whatever found them.

By the implicit function theorem the solution x(p) of f(x, p) = 0 has the derivative -(df/dx)^-1 df/dp, so the steps of
the solver are not differentiated (Griewank & Walther, Evaluating Derivatives, chapter 15; Blondel et al., "Efficient
and Modular Implicit Differentiation", NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .control import while_loop
from .custom import CustomRule
from .jacobians import jacfwd
from .raveling import ravel
from .selection import Function, name_of
from .transforms import jvp

Solve = Callable[[Function, Any], Any]


def custom_root(f: Function, initial: Any, solve: Solve, *params: Any) -> Any:
    """A solution x of ``f(x, *params) = 0``, found by ``solve(function of x, initial)`` and differentiated implicitly.

    ``x`` and ``f``'s result are arrays or trees of arrays of the same structure and shapes. Derivatives are with
    respect to ``params``, of any order and in every mode; each solves linear systems with the Jacobian of ``f`` in x,
    which must be regular at the solution. ``initial`` and what ``f`` uses from outside are constants.
    """

    def solution(*given: Any) -> Any:
        return solve(lambda x: f(x, *given), initial)

    solution.__name__ = f"root_{name_of(f)}"
    root = CustomRule(solution, ())

    def root_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        x = root(*primals)
        flat, unravel = ravel(x)

        def residual(vector: Any, *given: Any) -> Any:
            return ravel(f(unravel(vector), *given))[0]

        matrix = jacfwd(residual)(flat, *primals)
        _, change = jvp(lambda *given: residual(flat, *given), primals, tangents)
        return x, unravel(-np.linalg.solve(matrix, change))

    root.defjvp(root_jvp)
    return root(*params)


def fixed_point(f: Function, initial: Any, *params: Any, tolerance: float = 1e-12, max_steps: int = 1000) -> Any:
    """A solution of ``x = f(x, *params)``, by iterating from ``initial`` and differentiated implicitly (`custom_root`).

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

    return custom_root(lambda x, *given: _minus(f(x, *given), x), initial, iterate, *params)


def _minus(first: Any, second: Any) -> Any:
    flat, unravel = ravel(first)
    return unravel(flat - ravel(second)[0])

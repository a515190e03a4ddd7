"""custom_linear_solve: solutions of linear systems that are known only as products, differentiated implicitly.

From A x = b follow A dx = db - dA x in forward mode and, with A' y = ct, the cotangents y of b and -y (dA x) of A in
reverse mode (Giles, "Collected matrix derivative results", 2008): each derivative is a solve with the same matrix or
its transpose, and the way the solver works is never differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import TensorType, Value, user_location
from ..ir.errors import DTypeError, RuleError, TraceError
from ..ops.control import CALL, call_attributes
from . import trees
from .array import TracedArray
from .custom import CustomRule
from .lifting import dtype_key, own_value
from .requests import Recorded, emit, hand_on_guards, is_array, record, traced
from .selection import Function, name_of
from .tracing import Trace, current_trace
from .transforms import jvp, linear_transpose, vjp

#: ``solve(matvec, b)``, which gives x with ``matvec(x) = b``.
Solve = Callable[[Function, Any], Any]
#: A function of a vector's leaves and of what it closes over.
Closed = Callable[[Sequence[Any], Sequence[Any]], list[Any]]


def custom_linear_solve(
    matvec: Function, b: Any, solve: Solve, transpose_solve: Solve | None = None, symmetric: bool = False
) -> Any:
    """The solution x of ``matvec(x) = b``, found by ``solve(matvec, b)`` and differentiated implicitly.

    ``b`` is an array or a tree of arrays, floating point or complex; ``matvec`` is linear, and takes and returns what
    has the structure, shapes and dtypes of ``b``. Derivatives are with respect to ``b`` and to whatever ``matvec``
    closes over, of any order and batched; none passes through ``solve``, which may use a `while_loop`. Forward mode
    solves with the same matrix; reverse mode solves with the transposed one, by ``transpose_solve(vecmat, ct)``, or by
    ``solve`` again where ``symmetric`` says that ``matvec`` is its own transpose (not conjugated). With neither,
    reverse mode is a `DerivativeError`.

    Raises `RuleError`, which names the function, where a result has another structure, shape or dtype than ``b``, and
    `TraceError` where, under a derivative or ``jit``, a solver decides by Python on a traced value.
    """
    trace = current_trace()
    leaves, structure = trees.flatten(b)
    for leaf in leaves:
        if not is_array(leaf) or np.dtype(dtype_key(leaf)).kind not in "fcV":
            raise DTypeError(
                f"custom_linear_solve: b has {leaf!r:.40} of type {type(leaf).__name__}, at {user_location()}; give "
                "floating-point or complex numbers"
            )
    if trace is None:
        x = solve(matvec, b)
        found, other = trees.flatten(x)
        shapes = [[np.shape(each) for each in part] for part in (found, leaves)]
        _check(f"solve (@{name_of(solve)})", other, shapes[0], structure, shapes[1])
        return x
    system = _System(trace, structure, [traced(leaf, trace) for leaf in leaves])
    system.record(matvec, solve, transpose_solve, symmetric)
    return trees.unflatten(structure, system.result())


def _check(name: str, structure: Any, types: Sequence[Any], wanted: Any, wishes: Sequence[Any]) -> None:
    """`RuleError` where a function gives something else than what has the structure and types of the right side."""
    if structure != wanted:
        shown = [f"the structure {structure}", wanted]
    elif list(types) != list(wishes):
        shown = [f"({', '.join(map(str, part))})" for part in (types, wishes)]
    else:
        return
    raise RuleError(
        f"custom_linear_solve: {name} gives {shown[0]} where {shown[1]} is needed, as b has, at {user_location(2)}"
    )


class _System:
    """One linear system: the functions that are its own, recorded once, and what they close over."""

    def __init__(self, trace: Trace, structure: Any, arrays: Sequence[TracedArray]) -> None:
        self.trace, self.structure, self.arrays = trace, structure, list(arrays)
        self.types: list[TensorType] = [each._value.type for each in arrays]
        self.hidden: dict[Value, int] = {}
        self.rule: CustomRule

    def record(self, matvec: Function, solve: Solve, transpose_solve: Solve | None, symmetric: bool) -> None:
        """Trace the functions, and make the rules of them."""

        def vecmat(ct: Any) -> Any:
            return linear_transpose(matvec, trees.unflatten(self.structure, [_zeros(type) for type in self.types]))(ct)[
                0
            ]

        product = self._function("matvec", matvec)
        solver = self._function(f"solve (@{name_of(solve)})", lambda b: solve(matvec, b))
        turned = None
        if transpose_solve is not None and not symmetric:
            turned = self._function(
                f"transpose_solve (@{name_of(transpose_solve)})", lambda ct: transpose_solve(vecmat, ct)
            )
        self.rule = self._rule(solver, "solve")
        transposed = self.rule if symmetric else None
        if turned is not None:
            transposed = self._rule(turned, "transpose_solve")
            self._define(transposed, self._transposed(product), self.rule)
        self._define(self.rule, product, transposed)

    def result(self) -> list[Any]:
        """The solution's leaves."""
        found: list[Any] = self.rule(self.arrays, [TracedArray(self.trace, value) for value in self.hidden])
        return found

    # --- functions -------------------------------------------------------------------------------

    def _function(self, name: str, function: Function) -> Closed:
        """``function``, traced, as a function of leaves and of the values that all of them close over."""
        recorded = record(
            lambda *leaves: function(trees.unflatten(self.structure, leaves)),
            name_of(function),
            self.arrays,
            self.trace,
        )
        types = recorded.outputs[: recorded.count]
        _check(name, recorded.structure, types, self.structure, self.types)
        if recorded.decisions:
            raise TraceError(
                f"custom_linear_solve: {name} takes a Python decision on a traced value, at {user_location(2)}, and is "
                "run on other right sides for derivatives: use while_loop, cond or np.where"
            )
        closed = recorded.operands[len(self.arrays) :]
        for value in closed:
            self.hidden.setdefault(value, len(self.hidden))
        return lambda leaves, given: _call(recorded, [*leaves, *(given[self.hidden[value]] for value in closed)])

    def _transposed(self, product: Closed) -> Closed:
        def transposed(leaves: Sequence[Any], given: Sequence[Any]) -> list[Any]:
            zeros = [_zeros(type) for type in self.types]
            return list(linear_transpose(lambda x: product(x, given), zeros)(list(leaves))[0])

        return transposed

    # --- rules -----------------------------------------------------------------------------------

    @staticmethod
    def _rule(solver: Closed, name: str) -> CustomRule:
        def solution(leaves: list[Any], given: list[Any]) -> list[Any]:
            return solver(leaves, given)

        solution.__name__ = name
        return CustomRule(solution, ())

    def _define(self, rule: CustomRule, product: Closed, transposed: CustomRule | None) -> None:
        """Give ``rule``, which solves with ``product``, its derivatives; ``transposed`` solves with the transpose."""

        def push(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            (leaves, given), (changes, hidden) = primals, tangents
            x = rule(leaves, given)
            moving, along = self._along(product, x, given)
            if moving:
                _, moved = jvp(along, ([given[i] for i in moving],), ([hidden[i] for i in moving],))
                changes = [change - part for change, part in zip(changes, moved, strict=True)]
            return x, rule(changes, given)

        def forward(leaves: list[Any], given: list[Any]) -> tuple[Any, Any]:
            x = rule(leaves, given)
            return x, (x, given)

        def backward(residuals: Any, cotangent: Any) -> tuple[Any, Any]:
            x, given = residuals
            assert transposed is not None
            solved = transposed(cotangent, given)
            pulled = [_zeros(value.type) for value in self.hidden]
            moving, along = self._along(product, x, given)
            if moving:
                (found,) = vjp(along, [given[i] for i in moving])[1](solved)
                for i, part in zip(moving, found, strict=True):
                    pulled[i] = -part
            return solved, pulled

        rule.defjvp(push)
        if transposed is not None:
            rule.defvjp(forward, backward)

    def _along(self, product: Closed, x: Sequence[Any], given: Sequence[Any]) -> tuple[list[int], Function]:
        """Which of the values closed over have derivatives, and the product with ``x`` as a function of those."""
        moving = [i for value, i in self.hidden.items() if value.type.differentiable]

        def along(moved: Sequence[Any]) -> list[Any]:
            parts = list(given)
            for i, part in zip(moving, moved, strict=True):
                parts[i] = part
            return product(x, parts)

        return moving, along


def _call(recorded: Recorded, arguments: Sequence[Any]) -> list[Any]:
    """Call a recorded function here, with other arguments."""
    trace = current_trace()
    assert trace is not None
    operands = [own_value(traced(each, trace), trace) for each in arguments]
    results = emit(trace, CALL, operands, call_attributes(recorded.name), recorded.outputs)
    return hand_on_guards(trace, recorded.decisions, results)


def _zeros(type: TensorType) -> TracedArray:
    """A constant of zeros; an array would be a value from outside."""
    trace = current_trace()
    assert trace is not None
    return TracedArray(trace, trace.number(0, type))

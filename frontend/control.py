"""Choices and loops that stay in the program: cond, switch, scan, map, fori_loop, while_loop.

Python's own ``if`` and ``for`` are traced away: a choice is a guard, a loop as many operations as it has steps. These
functions put one operation into the program instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import SymbolRef, TensorType, Value, user_location
from ..ir.errors import ShapeError, TraceError
from ..ir.types import BOOL
from ..ops.control import COND, SCAN, WHILE
from . import requests, trees
from .array import TracedArray
from .requests import check_result, traced
from .selection import Function, name_of
from .tracing import Trace, active


class _Body:
    """A function of a loop or choice, traced; its inputs are examples, on which Python cannot decide."""

    def __init__(self, name: str, types: Sequence[TensorType], weak: Sequence[Any], trace: Trace) -> None:
        self.trace = trace.function(name)
        self.outer = trace
        self.inputs = [
            TracedArray(self.trace, self.trace.add_input(type), w) for type, w in zip(types, weak, strict=True)
        ]
        self.trace.examples.update(each._value for each in self.inputs)
        self.count = len(types)

    def run(self, call: Callable[..., Any]) -> Any:
        """Trace ``call(*inputs)``; returns its result as a tree of traced arrays."""
        with active(self.trace):
            leaves, structure = trees.flatten(call(*self.inputs))
            found = [traced(check_result(leaf, self.trace.name), self.trace) for leaf in leaves]
        if self.trace.guards:
            raise TraceError(
                f"@{self.trace.name} takes a Python decision, at {user_location(2)}: inside a loop or a choice use "
                "cond, or np.where"
            )
        return trees.unflatten(structure, found)

    def close(self, outputs: Sequence[Any], hidden: Sequence[Value]) -> SymbolRef:
        """Finish the function, with ``hidden`` values of the trace around it behind its inputs."""
        closed = [self.trace.from_parent(value) for value in hidden]
        self.trace.inputs[:] = [*self.trace.inputs[: self.count], *closed]
        self.outer.add_function(self.trace, [each._value for each in outputs])
        return SymbolRef(self.trace.name)


def _hidden(*bodies: _Body) -> list[Value]:
    values: dict[Value, None] = {}
    for body in bodies:
        values.update(dict.fromkeys(body.trace.closed_over()))
    return list(values)


def _values(leaves: Sequence[TracedArray]) -> list[Value]:
    return [leaf._value for leaf in leaves]


def _types(leaves: Sequence[Any]) -> list[TensorType]:
    return [leaf._value.type for leaf in leaves]


def _weak(leaves: Sequence[TracedArray]) -> list[Any]:
    return [leaf._weak for leaf in leaves]


def _same(what: str, found: Any, wanted: Any, leaves: Sequence[Any], types: Sequence[TensorType]) -> list[Any]:
    """Leaves of the wanted structure and types, converted if they came from Python numbers; `ShapeError` otherwise."""
    if found != wanted:
        raise ShapeError(f"{what} gives the structure {found} where {wanted} is needed, at {user_location(2)}")
    matched = []
    for leaf, type in zip(leaves, types, strict=True):
        if leaf._weak is not None and leaf._value.type.dtype != type.dtype:
            leaf = TracedArray(leaf._trace, leaf._trace.builder.convert(leaf._value, dtype=type.dtype))
        if leaf._value.type is not type:
            raise ShapeError(f"{what} gives a {leaf._value.type} where a {type} is needed, at {user_location(2)}")
        matched.append(leaf)
    return matched


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """``true_fun(*operands)`` where the scalar ``pred`` is true, ``false_fun(*operands)`` where it is not.

    Only the chosen one runs. Both give the same structure, shapes and dtypes; otherwise `ShapeError`.
    """
    leaves, structure = trees.flatten(list(operands))

    def body(trace: Trace, chosen: TracedArray, *given: TracedArray) -> Any:
        if chosen.shape:
            raise ShapeError(f"cond: the predicate has shape {chosen.shape} and () is needed, at {user_location(2)}")
        flag = chosen._value
        if flag.type.dtype != BOOL:
            flag = trace.here().compare(flag, trace.number(0, flag.type), direction="ne")
        bodies = [_Body(name_of(fun), _types(given), _weak(given), trace) for fun in (true_fun, false_fun)]
        results = [
            trees.flatten(each.run(lambda *inner, fun=fun: fun(*trees.unflatten(structure, inner))))
            for each, fun in zip(bodies, (true_fun, false_fun), strict=True)
        ]
        (true, found), (false, other) = results
        with active(bodies[1].trace):
            false = _same("cond: the second function", other, found, false, _types(true))
        hidden = _hidden(*bodies)
        names = [each.close(part, hidden) for each, part in zip(bodies, (true, false), strict=True)]
        operands_ = [flag, *_values(given), *hidden]
        attributes = {"on_true": names[0], "on_false": names[1], "tangents": 0}
        outputs = requests.emit(trace, COND, operands_, attributes, _types(true))
        return trees.unflatten(found, outputs)

    return requests.run(body, [pred, *leaves], "cond")


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """``branches[index](*operands)``, the index clamped to the branches there are."""
    if len(branches) == 1:
        return branches[0](*operands)
    half = len(branches) // 2

    def low(*args: Any) -> Any:
        return switch(index, branches[:half], *args)

    def high(*args: Any) -> Any:
        return switch(index - half, branches[half:], *args)

    return cond(np.less(index, half), low, high, *operands)


def scan(f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False) -> tuple[Any, Any]:
    """A loop with a carry: ``carry, y = f(carry, x)`` for each x along the leading axis of the arrays in ``xs``.

    Returns the final carry and the ys stacked. ``length`` is needed where ``xs`` is None. With ``reverse`` the steps
    run from the last element to the first. The carry keeps its structure, shapes and dtypes; otherwise `ShapeError`.
    """
    carry_leaves, carry_structure = trees.flatten(init)
    x_leaves, x_structure = trees.flatten(xs)
    sizes = {np.shape(leaf)[:1] for leaf in x_leaves} | ({(length,)} if length is not None else set())
    if len(sizes) != 1 or () in sizes:
        raise ShapeError(f"scan: the lengths are {sorted(sizes)}; one is needed, at {user_location()}")
    ((steps,),) = sizes
    count = len(carry_leaves)

    def body(trace: Trace, *given: TracedArray) -> Any:
        carry, scanned = given[:count], given[count:]
        elements = [each._value.type.with_shape(each.shape[1:]) for each in scanned]
        inner = _Body(name_of(f), [*_types(carry), *elements], [*_weak(carry), *[None] * len(elements)], trace)

        def step(*parts: TracedArray) -> Any:
            pair = f(trees.unflatten(carry_structure, parts[:count]), trees.unflatten(x_structure, parts[count:]))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise TraceError(f"scan: @{name_of(f)} returns a {type(pair).__name__}; it must return (carry, y)")
            return pair

        following, y = inner.run(step)
        after, found = trees.flatten(following)
        with active(inner.trace):
            after = _same(f"scan: the carry of @{name_of(f)}", found, carry_structure, after, _types(carry))
        ys, y_structure = trees.flatten(y)
        hidden = _hidden(inner)
        name = inner.close([*after, *ys], hidden)
        stacked = [each._value.type.with_shape((steps, *each.shape)) for each in ys]
        attributes = {
            "body": name,
            "carry": count,
            "xs": len(scanned),
            "length": int(steps),
            "reverse": bool(reverse),
            "tangents": (),
        }
        outputs = requests.emit(trace, SCAN, [*_values(given), *hidden], attributes, [*_types(carry), *stacked])
        final = trees.unflatten(carry_structure, outputs[:count])
        return final, trees.unflatten(y_structure, outputs[count:])

    found: tuple[Any, Any] = requests.run(body, [*carry_leaves, *x_leaves], f"scan_{name_of(f)}")
    return found


def map(f: Function, xs: Any) -> Any:
    """``f`` of each element along the leading axis of ``xs``, one after the other, stacked (`vmap`: all at once)."""
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def fori_loop(lower: int, upper: int, body: Function, init: Any) -> Any:
    """``carry = body(i, carry)`` for i from ``lower`` to ``upper - 1``, which are Python integers."""
    steps = np.arange(lower, upper)
    return scan(lambda carry, i: (body(i, carry), ()), init, steps)[0]


def while_loop(cond_fun: Function, body_fun: Function, init: Any, max_steps: int | None = None) -> Any:
    """``carry = body_fun(carry)`` for as long as ``cond_fun(carry)`` is true.

    Derivatives of every mode and order; reverse mode computes the states again from a bounded number of checkpoints
    (about one more run of the loop, two for more than some hundred steps). With ``max_steps`` it takes at most so many
    steps, and reverse mode keeps the states of all of them.
    """
    if max_steps is not None:
        return scan(
            lambda carry, _: (cond(cond_fun(carry), body_fun, lambda same: same, carry), ()), init, length=max_steps
        )[0]
    leaves, structure = trees.flatten(init)

    def body(trace: Trace, *given: TracedArray) -> Any:
        test, step = (_Body(name_of(fun), _types(given), _weak(given), trace) for fun in (cond_fun, body_fun))
        (flag,), _ = trees.flatten(test.run(lambda *parts: cond_fun(trees.unflatten(structure, parts))))
        after, found = trees.flatten(step.run(lambda *parts: body_fun(trees.unflatten(structure, parts))))
        with active(test.trace):
            (flag,) = _same("while_loop: the condition", None, None, [flag], [TensorType((), BOOL)])
        with active(step.trace):
            after = _same(f"while_loop: @{name_of(body_fun)}", found, structure, after, _types(given))
        hidden = _hidden(test, step)
        names = test.close([flag], hidden), step.close(after, hidden)
        attributes = {"cond": names[0], "body": names[1], "carry": len(given)}
        outputs = requests.emit(trace, WHILE, [*_values(given), *hidden], attributes, _types(given))
        return trees.unflatten(structure, outputs)

    return requests.run(body, leaves, f"while_{name_of(body_fun)}")


def associative_scan(fn: Function, elements: Any, reverse: bool = False) -> Any:
    """All prefix combinations along the leading axis of ``elements``, by an associative ``fn(a, b)`` of whole stacks.

    Takes a number of steps logarithmic in the length (Blelloch, "Prefix Sums and Their Applications", 1990), each
    of which is one vectorised call of ``fn``. With ``reverse`` the combinations run from the end.
    """
    leaves, structure = trees.flatten(elements)
    sizes = {np.shape(leaf)[0] for leaf in leaves}
    if len(sizes) != 1:
        raise ShapeError(f"associative_scan: the lengths are {sorted(sizes)}; one is needed, at {user_location()}")

    def combine(first: list[Any], second: list[Any]) -> list[Any]:
        return list(trees.flatten(fn(trees.unflatten(structure, first), trees.unflatten(structure, second)))[0])

    def prefixes(parts: list[Any]) -> list[Any]:
        length = parts[0].shape[0]
        if length < 2:
            return parts
        pairs = combine([x[:-1:2] for x in parts], [x[1::2] for x in parts])
        odd = prefixes(pairs)
        if length == 2:
            even = [x[:1] for x in parts]
        else:
            rest = combine([x[: (length - 1) // 2] for x in odd], [x[2::2] for x in parts])
            even = [np.concatenate([x[:1], y]) for x, y in zip(parts, rest, strict=True)]
        return [_interleaved(x, y) for x, y in zip(even, odd, strict=True)]

    given = [np.flip(leaf, 0) if reverse else leaf for leaf in leaves]
    found = prefixes(given)
    return trees.unflatten(structure, [np.flip(each, 0) if reverse else each for each in found])


def _interleaved(even: Any, odd: Any) -> Any:
    """even[0], odd[0], even[1], ... along the leading axis; ``even`` is as long as ``odd`` or one longer."""
    count = odd.shape[0]
    pairs = np.reshape(np.stack([even[:count], odd], axis=1), (2 * count, *odd.shape[1:]))
    return pairs if even.shape[0] == count else np.concatenate([pairs, even[count:]])

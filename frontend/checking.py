"""check_grads: derivatives against finite differences, down to the operation that is wrong."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir import Module, Operation, bfloat16
from ..ir.errors import DerivativeError, GradientError
from . import trees
from .execution import input_arrays
from .graphs import trace_function
from .probes import Probe, walk
from .requests import is_array
from .selection import Function, name_of
from .transforms import jvp, vjp

Arrays = list[np.ndarray[Any, Any]]
STOP: Final = "ad.stop_gradient"
#: A function of flat arrays.
Flat = Callable[..., tuple[Any, ...]]
MODES: Final = ("fwd", "rev")
#: How many elements of an input are tried one by one to find the one that is wrong.
_ELEMENTS: Final = 256


@dataclass(frozen=True)
class Tolerance:
    """The step of the differences, and how far they may lie from a derivative."""

    eps: float
    atol: float
    rtol: float

    @classmethod
    def of(cls, arrays: Sequence[Any], atol: float | None, rtol: float | None, eps: float | None) -> Tolerance:
        """The given numbers; for those left out, what the least precise of the arrays allows: the fourth-order
        differences are best near the fifth root of its machine epsilon."""
        precisions = [_precision(np.asarray(array).dtype) for array in arrays]
        worst = max(precisions, key=lambda each: each[0], default=_PRECISIONS["f8"])
        return cls(
            worst[0] if eps is None else eps, worst[1] if atol is None else atol, worst[1] if rtol is None else rtol
        )

    def allows(self, difference: Any, size: Any) -> bool:
        """Whether numbers of this size may differ so much."""
        return bool(difference <= self.atol + self.rtol * size)

    def __str__(self) -> str:
        return f"atol={self.atol:g}, rtol={self.rtol:g}, eps={self.eps:g}"


_PRECISIONS: Final = {"f8": (1e-3, 1e-6), "f4": (2e-2, 2e-3), "f2": (1e-1, 5e-2), "bf": (2e-1, 2e-1)}


def _precision(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype == bfloat16:
        return _PRECISIONS["bf"]
    real = np.zeros((), dtype).real.dtype if dtype.kind == "c" else dtype
    return _PRECISIONS[f"f{real.itemsize}"]


def check_grads(
    fun: Function,
    args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Compare the derivatives of ``fun`` at ``args`` with finite differences, to any order.

    ``args`` is the tuple of positional arguments, or one argument; floating-point and complex arrays in it are
    differentiated. Each order up to ``order`` is checked in each of ``modes`` (``"fwd"``, ``"rev"``), on top of every
    mode of the order below, along random directions, which are the same in each call. Differences are central and of
    fourth order, with steps of ``eps``; ``atol`` and ``rtol`` (relative to the largest number) say how far they may be.
    All three follow the precision where they are left out.

    Raises `GradientError` (an AssertionError) that names input, element, order and mode, both numbers, and the
    operation whose own rule disagrees with finite differences, if one does. `DerivativeError` for arguments that have
    no derivative.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes or order < 1:
        raise DerivativeError(
            f"check_grads: modes={tuple(modes)} and order={order}; modes are of {MODES}, order from 1 on"
        )
    arguments = args if isinstance(args, tuple) else (args,)
    check = _Check(fun, arguments, order, tuple(modes))
    check.tolerance = Tolerance.of(check.point, atol, rtol, eps)
    check.run(check.flat, 1, ())


class _Check:
    """One call of check_grads."""

    tolerance: Tolerance

    def __init__(self, fun: Function, args: tuple[Any, ...], order: int, modes: tuple[str, ...]) -> None:
        self.fun = fun
        self.args = args
        self.order = order
        self.modes = modes
        leaves, self.structure = trees.flatten(args)
        self.leaves = leaves
        self.active = [i for i, leaf in enumerate(leaves) if is_array(leaf) and np.asarray(leaf).dtype.kind in "fcV"]
        if not self.active:
            raise DerivativeError("check_grads: no argument is a floating-point or complex array")
        paths = trees.leaf_paths(list(args))
        self.names = [f"args{paths[i]}" for i in self.active]
        self.point: Arrays = [np.asarray(leaves[i]) for i in self.active]
        self.random = np.random.default_rng(0)

    def flat(self, *arrays: Any) -> tuple[Any, ...]:
        """The function of the arrays that are differentiated; what has no derivative is left out of its results."""
        leaves = list(self.leaves)
        for i, array in zip(self.active, arrays, strict=True):
            leaves[i] = array
        results, _ = trees.flatten(self.fun(*trees.unflatten(self.structure, leaves)))
        kept = tuple([each for each in results if is_array(each) and _dtype(each).kind in "fcV"])
        if not kept:
            raise DerivativeError(f"check_grads: @{name_of(self.fun)} returns no floating-point or complex array")
        return kept

    def run(self, function: Flat, order: int, path: tuple[str, ...]) -> None:
        """Check the first derivative of ``function``, which is a derivative of order ``order - 1`` itself."""
        tangents = [self.direction(array) for array in self.point]
        differences = self.differences(function, tangents)
        cotangents = tuple([self.direction(array).astype(_dtype(array)) for array in function(*self.point)])
        for mode in self.modes:
            names = (*path, mode)
            if mode == "fwd":
                pushed = jvp(function, tuple(self.point), tuple(tangents))[1]
                wrong = any(not self.close(a, b) for a, b in zip(pushed, differences, strict=True))
            else:
                pulled = vjp(function, *self.point)[1](cotangents)
                terms = [_inner(a, b) for a, b in zip(cotangents, differences, strict=True)]
                found = [_inner(a, b) for a, b in zip(pulled, tangents, strict=True)]
                size = sum(map(abs, terms)) + sum(map(abs, found))
                wrong = not self.tolerance.allows(abs(sum(terms) - sum(found)), size)
            if wrong:
                self.fail(function, order, names, tangents, cotangents)
            if order < self.order:
                self.run(_derivative(function, mode, tuple(tangents), cotangents), order + 1, names)

    def direction(self, array: Any) -> np.ndarray[Any, Any]:
        """Numbers between 0.5 and 1 with random signs: no element is left out."""
        shape, dtype = np.shape(array), _dtype(array)
        numbers = self.random.uniform(0.5, 1.0, shape) * self.random.choice([-1.0, 1.0], shape)
        if dtype.kind == "c":
            numbers = numbers + 1j * self.random.uniform(0.5, 1.0, shape)
        return np.asarray(numbers).astype(dtype)

    def differences(self, function: Flat, tangents: Sequence[Any]) -> Arrays:
        """The derivative along ``tangents`` by central differences of fourth order, in double precision."""
        return central(function, self.point, tangents, self.tolerance.eps)

    def close(self, found: Any, expected: Any) -> bool:
        """Whether a derivative is what differences say, NaN and infinity included."""
        return _excess(found, expected, self.tolerance) <= 0

    def fail(
        self, function: Flat, order: int, names: tuple[str, ...], tangents: Sequence[Any], cotangents: tuple[Any, ...]
    ) -> None:
        """Find the element that is most wrong, and the operation; raise."""
        mode = names[-1]
        place = self.worst_element(function, mode, cotangents)
        nested = " over ".join(reversed(names))
        head = f"check_grads: the derivative of order {order} of @{name_of(self.fun)} is wrong in mode {nested}"
        if place is None:
            what = "along a random direction, though each element that was tried alone is right"
        else:
            what = place
        operation, told = self.disagreeing_operation(order)
        raise GradientError(f"{head}\n  {what}\n  allowed: {self.tolerance}\n  {told}", order, nested, operation)

    def worst_element(self, function: Flat, mode: str, cotangents: tuple[Any, ...]) -> str | None:
        """The input's element whose derivative is most wrong, in words; None where each is right."""
        if mode == "fwd":
            return self._worst(function, mode, cotangents)
        ones = tuple([np.ones_like(each) for each in cotangents])
        return self._worst(function, mode, ones) or self._worst(function, mode, cotangents)

    def _worst(self, function: Flat, mode: str, cotangents: tuple[Any, ...]) -> str | None:
        worst, told = 0.0, None
        pulled = vjp(function, *self.point)[1](cotangents) if mode == "rev" else ()
        for number, array in enumerate(self.point):
            step = max(1, array.size // _ELEMENTS)
            for index in itertools.islice(np.ndindex(array.shape), 0, None, step):
                unit = [np.zeros_like(each) for each in self.point]
                unit[number][index] = 1
                expected = self.differences(function, unit)
                if mode == "rev":
                    found: Sequence[Any] = [np.asarray(pulled[number])[index]]
                    expected = [np.asarray(sum(_inner(a, b) for a, b in zip(cotangents, expected, strict=True)))]
                else:
                    found = jvp(function, tuple(self.point), tuple(unit))[1]
                for output, (one, other) in enumerate(zip(found, expected, strict=True)):
                    excess = _excess(one, other, self.tolerance)
                    if excess > worst:
                        worst = excess
                        told = self.tell(number, index, None if mode == "rev" else output, one, other)
        return told

    def tell(self, number: int, index: tuple[int, ...], output: int | None, found: Any, expected: Any) -> str:
        """One wrong number."""
        found, expected = np.asarray(found), np.asarray(expected)
        at = np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(found - expected), nan=np.inf))), found.shape)
        place = tuple(map(int, at))
        where = f"input {number} ({self.names[number]})" + (f", element {index}" if index else "")
        if output is not None:
            where += f", output {output}" + (f", element {place}" if place else "")
        one, other = found[place], expected[place]
        return (
            f"at {where}: {one:.8g} by mixad, {other:.8g} by finite differences; they differ by {abs(one - other):.3g}"
        )

    # --- operations ------------------------------------------------------------------------------

    def disagreeing_operation(self, order: int) -> tuple[str, str]:
        """The first operation of the traced program whose own derivative disagrees, and what there is to say."""
        trace = trace_function(self.fun, self.args, {})
        inputs = input_arrays(trace)
        module = trace.build_module()
        for op, operands, moving in walk(module.entry, module, inputs):
            told = self.wrong_rule(op, module, operands, moving, order)
            if told:
                source = linecache.getline(op.location.file, op.location.line).strip() if op.location else ""
                place = f"{op.location}" + (f": {source}" if source else "")
                if op.name == STOP:
                    told = "it stops the gradient, as it is there for; differences do not"
                return op.name, f"operation {_called(op)} disagrees by itself, at {place}\n    {told}"
        return "", (
            "each operation agrees by itself with finite differences here: look for a kink or a jump (abs, maximum, "
            "floor, a comparison), a stop_gradient, or numbers so small or large that eps must change"
        )

    def wrong_rule(
        self, op: Operation, module: Module, operands: Sequence[Any], moving: Sequence[int], order: int
    ) -> str | None:
        """What is wrong with an operation's derivatives with respect to its operands ``moving`` here, in words."""
        if not moving or not any(value.type.differentiable for value in op.results):
            return None
        chosen = [np.asarray(operands[i], op.operands[i].type.dtype) for i in moving]
        probe = Probe(op, module, operands, moving, [self.direction(x) for x in chosen])
        tolerance = Tolerance.of(chosen, None, None, None)

        def at(number: int) -> Flat:
            def along(*arrays: Any) -> tuple[Any, ...]:
                full = list(probe.operands)
                for position, array in zip(probe.wrt, arrays, strict=True):
                    full[position] = array
                return tuple(probe.derivative(number, full))

            return along

        for number in range(1, order + 1):
            expected = central(at(number - 1), chosen, probe.tangents, tolerance.eps)
            for one, other in zip(probe.derivative(number, probe.operands), expected, strict=True):
                known = np.isfinite(other)  # the step may leave the function's domain
                if _excess(np.asarray(one)[known], other[known], tolerance) > 0:
                    return (
                        f"its derivative of order {number} along a direction is {_shown(one)} by its rule and "
                        f"{_shown(other)} by finite differences"
                    )
        cotangents = [
            self.direction(np.zeros(op.results[i].type.shape, op.results[i].type.dtype)) for i in probe.outputs
        ]
        pushed = sum(_inner(a, b) for a, b in zip(cotangents, probe.derivative(1, probe.operands), strict=True))
        pulled = sum(_inner(a, b) for a, b in zip(probe.gradients(cotangents), probe.tangents, strict=True))
        if np.isfinite(pushed) and not tolerance.allows(abs(pushed - pulled), abs(pushed) + abs(pulled)):
            return f"its transpose is not that of its jvp: <w, Jv> is {pushed:.8g} and <J'w, v> is {pulled:.8g}"
        return None


def _called(op: Operation) -> str:
    callee = op.attributes.get("callee")
    return f"{op.name} of @{callee.name}" if callee is not None else op.name


def _shown(array: Any) -> str:
    flat = np.asarray(array).reshape(-1)
    more = ", ..." if flat.size > 3 else ""
    return "[" + ", ".join(f"{x:.6g}" for x in flat[:3]) + more + "]" if np.ndim(array) else f"{flat[0]:.8g}"


def _derivative(function: Flat, mode: str, tangents: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Flat:
    """The derivative along fixed directions, as a function that is checked in its turn."""
    if mode == "fwd":
        return lambda *point: tuple(jvp(function, point, tangents)[1])
    return lambda *point: tuple(vjp(function, *point)[1](cotangents))


def central(function: Flat, point: Sequence[Any], tangents: Sequence[Any], eps: float) -> Arrays:
    """The derivative of ``function`` at ``point`` along ``tangents``, by central differences of fourth order (Fornberg,
    Mathematics of Computation 51, 1988, table 1), subtracted in double precision."""

    def at(steps: float) -> list[Any]:
        moved = [
            (array + np.asarray(steps * eps * tangent).astype(array.dtype)).astype(array.dtype)
            for array, tangent in zip(point, tangents, strict=True)
        ]
        return [
            np.asarray(each).astype(np.result_type(each, np.float64) if _dtype(each) != bfloat16 else np.float64)
            for each in function(*moved)
        ]

    return [
        np.asarray((8 * (right - left) - (far_right - far_left)) / (12 * eps))
        for right, left, far_right, far_left in zip(at(1), at(-1), at(2), at(-2), strict=True)
    ]


def _excess(found: Any, expected: Any, tolerance: Tolerance) -> float:
    """By how much a derivative is farther from the expected one than it may be; infinity where one is no number."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.dtype == bfloat16:
        found = found.astype(np.float64)
    if not found.size:
        return 0.0
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    difference = np.where(same, 0.0, np.abs(found - expected))
    largest = float(np.max(difference))
    if not np.isfinite(largest):
        return float("inf")
    size = float(max(np.max(np.abs(found)), np.max(np.abs(expected))))
    return largest - tolerance.atol - tolerance.rtol * size


def _inner(a: Any, b: Any) -> float:
    """The real part of the sum of products: what a pullback keeps."""
    return float(np.sum(np.asarray(a) * np.asarray(b)).real)


def _dtype(array: Any) -> np.dtype[Any]:
    found = getattr(array, "dtype", None)
    return np.dtype(type(array)) if found is None else found

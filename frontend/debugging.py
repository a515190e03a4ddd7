"""debug_nans and debug_infs: programs run one operation at a time, and stop where a NaN or an infinity is made.

While one is on, programs are compiled for `CheckingBackend`, which interprets them; what was compiled before is left
alone, so nothing costs anything when both are off.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..ir import Graph, Module, Operation, Value, print_graph, user_location
from ..ir.errors import NonFiniteError
from ..ir.location import Location
from ..ops.control import COND
from ..ops.definition import Rules
from ..runtime.compiler import compile_with
from ..runtime.forks import new_lock
from ..runtime.numpy import NUMPY
from ..runtime.program import Program
from ..runtime.reference import evaluate_operation
from ..runtime.support import SupportTable
from .probes import control_steps, pull

Array = np.ndarray[Any, Any]
KINDS: Final[Mapping[str, Callable[[Any], Array]]] = {"NaN": np.isnan, "infinity": np.isinf}
_SWITCHES: Final = {"NaN": "debug_nans", "infinity": "debug_infs"}

_lock = new_lock()
_active: Counter[str] = Counter()


def debug_nans(on: bool | None = None) -> AbstractContextManager[None]:
    """Stop at the first operation that makes a NaN, forward or backward, inside ``with debug_nans():``.

    ``debug_nans(True)`` and ``debug_nans(False)`` switch it on and off. Either way it holds for every thread: each
    program that mixad runs is compiled anew and interpreted. The `NonFiniteError` (a FloatingPointError) that stops it
    names operation, operands, the user's line, and for a derived operation its order and origin. A NaN that came in
    with an input is reported as the input's. One on which no result depends, as in the branch that `np.where` does not
    take, is no error.
    """
    return _switch("NaN", on)


def debug_infs(on: bool | None = None) -> AbstractContextManager[None]:
    """Stop at the first operation that makes an infinity out of finite numbers; otherwise as `debug_nans`.

    Infinite constants, such as the mask of an attention, are no error.
    """
    return _switch("infinity", on)


def _switch(kind: str, on: bool | None) -> AbstractContextManager[None]:
    if on is None:
        return _checking(kind)
    _count(kind, (1 - _active[kind]) if on else -_active[kind])
    return _nothing()


@contextmanager
def _checking(kind: str) -> Iterator[None]:
    _count(kind, 1)
    try:
        yield
    finally:
        _count(kind, -1)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _count(kind: str, change: int) -> None:
    with _lock:
        before = {each for each in KINDS if _active[each] > 0}
        _active[kind] = max(0, _active[kind] + change)
        after = {each for each in KINDS if _active[each] > 0}
        if before != after:
            compile_with(CheckingBackend(tuple(sorted(after))) if after else None)


@dataclass(frozen=True)
class CheckingBackend:
    """Runs programs with the reference interpreter and looks for the ``kinds`` of number that must not be."""

    kinds: tuple[str, ...]
    name = "checking"
    pipeline = "keep-values,expand-ad,inline{custom=true},drop-stop-gradient,dce,fixpoint(canonicalize,fold,cse,dce)"
    lowering = ""

    @property
    def support(self) -> SupportTable:
        """What NumPy runs can be interpreted."""
        return NUMPY.support

    def lower(self, graph: Graph, module: Module, annotate: bool = False) -> Program:
        """The program that interprets and checks; its source is the graph's text, as comments."""
        text = "".join(f"# {line}\n" for line in print_graph(graph, locations=annotate).splitlines())
        return Program(Checker(graph, module, self.kinds).run, text, self.name)


class Checker:
    """Interprets one function."""

    def __init__(self, graph: Graph, module: Module, kinds: Sequence[str]) -> None:
        self.graph = graph
        self.module = module
        self.kinds = kinds

    def run(self, *arrays: Any) -> tuple[Any, ...]:
        """The function's outputs; `NonFiniteError` where one depends on a number that must not be."""
        graph = self.graph
        values: dict[Value, Any] = dict(zip(graph.inputs, arrays, strict=True))
        for op in graph:
            results = evaluate_operation(op, [values[value] for value in op.operands], self.module)
            values.update(zip(op.results, results, strict=True))
        found = {kind: _where_bad(values, KINDS[kind]) for kind in self.kinds}
        if any(found.values()):
            # Residuals matter once a pullback uses them.
            outputs = graph.outputs[: len(graph.outputs) - int(graph.attributes.get("residuals", 0))]
            needed = _needed(graph, values, outputs)
            for kind, bad in found.items():
                bad = {value: mask & needed[value] for value, mask in bad.items() if value in needed}
                Culprit(graph, values, kind, bad, self._look_inside).report(outputs)
        outputs = graph.outputs[: len(graph.outputs) - int(graph.attributes.get("kept", 0))]
        return tuple([np.array(values[value], value.type.dtype)[()] for value in outputs])

    def _look_inside(self, op: Operation, operands: Sequence[Any]) -> None:
        """Run the functions of a loop or a choice step by step; `NonFiniteError` from inside names the step."""
        for step, (name, inputs) in enumerate(control_steps(op, self.module, operands)):
            try:
                Checker(self.module[name], self.module, self.kinds).run(*inputs)
            except NonFiniteError as error:
                which = "the branch taken" if op.name == COND.name else f"step {step}"
                message = f"{error}\n  in {which} of {op.name}, from {_place(op.location)}"
                raise NonFiniteError(message, error.operation, error.location) from None


def _where_bad(values: Mapping[Value, Any], test: Callable[[Any], Array]) -> dict[Value, Array]:
    """Which elements of which values pass the test; values without any are left out."""
    found = {}
    for value, array in values.items():
        if value.type.differentiable:
            bad = test(np.asarray(array))
            if bad.any():
                found[value] = bad
    return found


def _needed(graph: Graph, values: Mapping[Value, Any], outputs: Sequence[Value]) -> dict[Value, Array]:
    """On which elements of each value the outputs depend: not on a branch that is not taken, nor on what an exact zero
    absorbs, nor, through a comparison, on what is compared."""
    needed: dict[Value, Array] = {value: np.ones(value.type.shape, np.bool_) for value in outputs}
    for op in reversed(graph):
        results = [needed.get(value) for value in op.results]
        if all(mask is None or not mask.any() for mask in results):
            continue
        if not any(value.type.differentiable for value in op.results) and op.name != "tensor.convert":
            continue
        for value, mask in zip(op.operands, _operand_masks(op, values, results), strict=True):
            needed[value] = needed[value] | mask if value in needed else mask
    return needed


def _operand_masks(op: Operation, values: Mapping[Value, Any], results: Sequence[Array | None]) -> list[Array]:
    """On which elements of the operands those elements of the results depend."""
    mask, operands = results[0], op.operands
    rules: Rules | None = op.definition.rules
    if len(results) == 1 and mask is not None and rules is not None:
        if op.name == "tensor.select":
            taken = np.asarray(values[operands[0]])
            return [mask, mask & taken, mask & ~taken]
        if op.name == "ad.mul_no_nan":
            return [mask, mask & (np.asarray(values[operands[0]]) != 0)]
        if rules.cls.elementwise:
            return [mask] * len(operands)
        if _moves(op, rules):
            return _pulled(op, values, mask)
    return [np.ones(value.type.shape, np.bool_) for value in operands]


def _moves(op: Operation, rules: Rules) -> bool:
    """Whether an operation moves or sums elements, by indices at most: it is linear and has no coefficients."""
    linear = {operand for group in rules.cls.linear_in for operand in group}
    return (
        len(rules.cls.linear_in) == 1
        and linear | set(rules.cls.constant_in) >= set(rules.operands)
        and all(value.type.differentiable for value in op.results)
    )


def _pulled(op: Operation, values: Mapping[Value, Any], mask: Array) -> list[Array]:
    """The operation's transpose, applied to a mask."""
    operands = [np.asarray(values[value]) for value in op.operands]
    linear = [value.type.differentiable for value in op.operands]
    pulled = pull(op, operands, [mask.astype(op.result.type.dtype)], linear)
    return [
        np.ones(value.type.shape, np.bool_) if each is None else each != 0
        for value, each in zip(op.operands, pulled, strict=True)
    ]


class Culprit:
    """Where the first number of one kind comes from; ``bad`` are those on which the outputs depend."""

    def __init__(
        self,
        graph: Graph,
        values: Mapping[Value, Any],
        kind: str,
        bad: Mapping[Value, Array],
        look_inside: Callable[[Operation, Sequence[Any]], None],
    ) -> None:
        self.look_inside = look_inside
        self.graph = graph
        self.values = values
        self.kind = kind
        self.bad = {value: mask for value, mask in bad.items() if mask.any()}

    def report(self, outputs: Sequence[Value]) -> None:
        """Raise the error, if there is one to blame. An input is, where it spoils one of the outputs."""
        if any(value in self.bad for value in outputs):
            for position, value in enumerate(self.graph.inputs):
                if value in self.bad:
                    self._blame_input(position, value)
        for op in self.graph:
            if op.name == "tensor.constant":
                if self.kind == "NaN" and op.result in self.bad:
                    self._raise("a constant is NaN", op, self.bad[op.result])
                continue
            for result in op.results:
                new = self._made(op, result)
                if new is not None:
                    self.look_inside(op, [self.values[value] for value in op.operands])
                    self._raise(f"{op.name} makes {self._counted(new)}", op, new)

    def _made(self, op: Operation, result: Value) -> Array | None:
        """The elements that the operation made out of others, if there are any."""
        mask = self.bad.get(result)
        if mask is None:
            return None
        before = [self.bad[value] for value in op.operands if value in self.bad]
        elementwise = op.definition.rules is not None and op.definition.rules.cls.elementwise
        if before and not elementwise:
            return None
        for each in before:
            mask = mask & ~each
        return mask if mask.any() else None

    def _counted(self, mask: Array) -> str:
        if not mask.ndim:
            return f"{_a(self.kind)}"
        return f"{_a(self.kind)} in {int(mask.sum())} of {mask.size} elements, first at {_index(mask)}"

    def _blame_input(self, position: int, value: Value) -> None:
        mask, location = self.bad[value], value.owner.location
        name = f" ({value.name})" if value.name else ""
        what = f"input {position}{name} of @{self.graph.name}, {value.type}, holds {self._counted(mask)}"
        if location:
            what += f"; it was computed before, from {_place(location)}"
        raise NonFiniteError(
            f"{_SWITCHES[self.kind]}: {what}. Called at {user_location(2)}", "", location if location else None
        )

    def _raise(self, what: str, op: Operation, mask: Array) -> None:
        at = _index(mask)
        lines = [f"{_SWITCHES[self.kind]}: {what}, in @{self.graph.name}", f"  from {_place(op.location)}"]
        for position, value in enumerate(op.operands):
            array = np.asarray(self.values[value])
            there = f", {array[at]} there" if array.shape == mask.shape and array.ndim else ""
            lines.append(f"  operand {position}: {value.type}, {summary(array)}{there}")
        lines.append(f"  called at {user_location(2)}")
        raise NonFiniteError("\n".join(lines), op.name, op.location)


def _a(kind: str) -> str:
    return "NaN" if kind == "NaN" else "an infinity"


def _index(mask: Array) -> tuple[int, ...]:
    """The first place where a mask is true."""
    return tuple(map(int, np.unravel_index(int(np.argmax(mask)), mask.shape))) if mask.ndim else ()


def _place(location: Location) -> str:
    """The user's line, quoted, and what was differentiated there."""
    source = linecache.getline(location.file, location.line).strip() if location else ""
    quoted = f": {source}" if source else ""
    derived = f", in the derivative of order {location.order} of {location.origin}" if location.order else ""
    return f"{location}{quoted}{derived}"


def summary(array: Array) -> str:
    """An array's numbers in a few words."""
    if array.size == 1:
        return str(array.reshape(())[()])
    if not array.size:
        return "empty"
    if array.dtype.kind not in "fV":
        return f"of {array.dtype}" if array.dtype.kind == "c" else f"from {array.min()} to {array.max()}"
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    parts = [f"from {finite.min():.6g} to {finite.max():.6g}"] if finite.size else []
    parts += [
        f"{int(test(wide).sum())} {name}"
        for name, test in (("NaN", np.isnan), ("infinite", np.isinf))
        if test(wide).any()
    ]
    return ", ".join(parts)

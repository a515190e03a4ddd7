"""Recording: operations on traced arrays go onto the tape of the innermost active trace.

A trace is cheap: it holds a list of operations and their running fingerprint; the networkx graph is built
only when the program is new. Arrays that the function captures become hidden inputs; Python numbers are
constants whose values stand beside the fingerprint, so that one that varies can become an input.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir import Builder, Dense, Fingerprint, Graph, Module, Operation, TensorType, Value, user_location
from ..ir.errors import TraceError
from ..ir.graph import copy_operations, make_argument
from ..runtime.reference import evaluate_operation
from .captures import Capture

Array = np.ndarray[Any, Any]


def _identifier(name: str) -> str:
    """A function's name as the IR spells it."""
    if name.isidentifier():
        return name
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name).strip("_") or "fn"


class _Stack(threading.local):
    """The active traces of one thread, outermost first."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []


_stack = _Stack()


def current_trace() -> Trace | None:
    """The innermost active trace of this thread, if any."""
    traces = _stack.traces
    return traces[-1] if traces else None


class Trace:
    """One function being recorded.

    ``parent`` is the trace in which the function is called (None for a program's entry). Inputs come
    with `add_input`; `lift` names the positions of numbers that become hidden inputs.
    """

    def __init__(self, name: str, parent: Trace | None = None, lift: frozenset[int] = frozenset()) -> None:
        self.name = name = _identifier(name)
        self.parent = parent
        self.root: Trace = self if parent is None else parent.root
        self.inputs: list[Value] = []
        self.operations: list[Operation] = []
        self.builder = Builder(self)
        #: Decisions that Python took from traced values: (value, what it was).
        self.guards: list[tuple[Value, Any]] = []
        self.outputs: tuple[Value, ...] = ()
        self._known: dict[Value, Any] = {}
        #: What each input is in the parent's trace; and the inputs of closed-over values, by those.
        self.outer: dict[Value, Value] = {}
        #: Inputs that are one example of many: no number of theirs can be asked for.
        self.examples: set[Value] = set()
        self._closed_over: dict[Value, Value] = {}
        if parent is None:
            self.functions: dict[str, Trace] = {}
            self.names: dict[str, int] = {name: 1, "forward": 1, "backward": 1}
            #: Calls whose custom rules are being recorded, outermost first.
            self.recording_rules: list[Any] = []
            self.symbols: dict[str, str] = {}
            #: Captured arrays by id, in their latest state, and all states. They keep the arrays alive.
            self.captured: dict[int, Capture] = {}
            self.captures: list[Capture] = []
            self.lift = lift
            #: Every Python number met, with the element type it took.
            self.numbers: list[tuple[Any, np.dtype[Any]]] = []
            self.lifted_numbers: list[Value] = []
        self.fingerprint = Fingerprint(self.root.symbols)

    # --- recording -------------------------------------------------------------------------------

    def append(self, op: Operation) -> None:
        """Take an operation: the sink of the trace's builder."""
        self.operations.append(op)
        self.fingerprint.add_operation(op)

    def here(self) -> Builder:
        """The builder, set to the user's line."""
        self.builder.location = user_location(3)
        return self.builder

    def add_input(self, type: TensorType, name: str = "", concrete: Any = None) -> Value:
        """A new explicit or hidden input. ``concrete`` is its array in this call, where it is known."""
        value = make_argument(type, name)
        self.inputs.append(value)
        self.fingerprint.add_input(value)
        if concrete is not None:
            self._known[value] = concrete
        return value

    def capture(self, array: Any) -> Value:
        """The hidden input for an array of the user's; the same array is one input while it does not change."""
        if self.parent is not None:
            return self.from_parent(self.parent.capture(array))
        found = self.captured.get(id(array))
        if found is None or not found.is_current():
            value = self.add_input(TensorType(array.shape, array.dtype))
            found = self.captured[id(array)] = Capture(value, array)
            self.captures.append(found)
            self._known[value] = found.remembered()
        return found.value

    def settle(self) -> None:
        """The function is traced: let captured arrays that did not change be inputs by reference."""
        for capture in self.captures:
            self._known[capture.value] = capture.settled()

    def number(self, number: Any, type: TensorType) -> Value:
        """A constant that fills ``type``; a hidden input where its position is lifted."""
        root = self.root
        position = len(root.numbers)
        root.numbers.append((number, type.dtype))
        if position in root.lift:
            scalar = self._lifted_number(np.asarray(number, type.dtype))
            if not type.shape:
                return scalar
            result: Value = self.builder.broadcast_in_dim(scalar, shape=type.shape, dims=())
            return result
        builder = self.builder
        op = Operation(_CONSTANT, (), {"value": Dense(number, type)}, (type,), (), builder.location)
        self.operations.append(op)
        self.fingerprint.add_operation(op, opaque=True)
        return op.results[0]

    def _lifted_number(self, array: Any) -> Value:
        if self.parent is not None:
            return self.from_parent(self.parent._lifted_number(array))
        value = make_argument(TensorType((), array.dtype))
        self.lifted_numbers.append(value)
        self.fingerprint.add_input(value)
        self._known[value] = array
        return value

    def from_parent(self, value: Value) -> Value:
        """The hidden input that stands for a value of the parent's trace which the function closes over."""
        own = self._closed_over.get(value)
        if own is None:
            own = self._closed_over[value] = self.add_argument(value)
        return own

    def closed_over(self) -> list[Value]:
        """The parent's values that the function closes over."""
        return list(self._closed_over)

    def add_argument(self, value: Value, example: bool = False) -> Value:
        """An input that a call gives ``value`` of the parent's trace; a fresh one each time. With ``example`` it is one
        example of those along the leading axis of ``value``."""
        type = value.type.with_shape(value.type.shape[1:]) if example else value.type
        own = self.add_input(type, value.name)
        self.outer[own] = value
        if example:
            self.examples.add(own)
        return own

    def owns(self, trace: Trace) -> bool:
        """Whether ``trace`` is this trace or one around it."""
        each: Trace | None = self
        while each is not None:
            if each is trace:
                return True
            each = each.parent
        return False

    def adopt(self, value: Value, trace: Trace) -> Value:
        """A value of ``trace``, which is this one or one around it, as a value here."""
        if trace is self:
            return value
        assert self.parent is not None
        return self.from_parent(self.parent.adopt(value, trace))

    def function(self, name: str) -> Trace:
        """A trace for a function that is called here, under a name that no other has."""
        name = _identifier(name)
        taken = self.root.names
        count = taken[name] = taken.get(name, 0) + 1
        return Trace(name if count == 1 else f"{name}_{count}", self)

    def add_function(self, trace: Trace, outputs: Sequence[Value]) -> None:
        """Close an inner function and keep it for the module."""
        self.root.symbols[trace.name] = trace.finish(outputs)
        self.root.functions[trace.name] = trace

    def known_inputs(self) -> list[Any]:
        """The arrays that a root trace's inputs have in this call, where they are known."""
        return [self._known.get(value) for value in self.inputs]

    # --- concrete values -------------------------------------------------------------------------

    def concrete(self, value: Value) -> Any:
        """The number or array that ``value`` has in this call: the reference interpreter, on demand."""
        known = self._known
        pending = [value]
        while pending:
            each = pending[-1]
            if each in known:
                pending.pop()
                continue
            if each.owner.name == "func.argument":
                known[each] = self._concrete_input(each)
                continue
            missing = [operand for operand in each.owner.operands if operand not in known]
            if missing:
                pending.extend(missing)
                continue
            op = each.owner
            operands = [known[operand] for operand in op.operands]
            if op.definition.rules is None:
                from .execution import run_request

                results = run_request(self.root, op, operands)
            else:
                results = evaluate_operation(op, operands)
            known.update(zip(op.results, results, strict=True))
        return known[value]

    def _concrete_input(self, value: Value) -> Any:
        if value in self.examples:
            raise TraceError(
                f"Python needs the number of a traced {value.type} here ({user_location(2)}), which inside vmap or a "
                "loop is not one number: choose with np.where or cond"
            )
        if self.parent is not None and value in self.outer:
            return self.parent.concrete(self.outer[value])
        raise TraceError(
            f"the value of a traced {value.type} is needed here ({user_location(2)}), and this program is traced "
            "without values: decide with np.where, or give make_graph example arrays"
        )

    # --- finishing -------------------------------------------------------------------------------

    def finish(self, outputs: Sequence[Value]) -> str:
        """Close the function; returns its fingerprint, in which Python numbers do not count."""
        self.outputs = tuple(outputs)
        return self.fingerprint.digest(self.outputs)

    def build_module(self) -> Module:
        """The program as a module, the entry first. The tape is used up."""
        module = Module()
        for trace in (self, *self.functions.values()):
            graph = module.functions[trace.name] = Graph(trace.name)
            for value in trace.inputs if trace is not self else [*self.inputs, *self.lifted_numbers]:
                graph.adopt_input(value)
            for op in trace.operations:
                graph.insert(op)
            graph.set_outputs(trace.outputs)
        return module

    def copy_function(self) -> Graph:
        """A finished function as a graph; the tape remains."""
        graph = Graph(self.name)
        mapping = {value: graph.add_input(value.type, value.name) for value in self.inputs}
        copy_operations(self.operations, graph, mapping)
        graph.set_outputs([mapping[value] for value in self.outputs])
        return graph


def _constant_definition() -> Any:
    from ..ops.creation import Constant

    return Constant.definition


_CONSTANT = _constant_definition()


@contextmanager
def active(trace: Trace) -> Iterator[Trace]:
    """Make ``trace`` the innermost one of this thread."""
    _stack.traces.append(trace)
    try:
        yield trace
    finally:
        _stack.traces.pop()


def is_active(trace: Trace) -> bool:
    """Whether ``trace`` is being recorded by this thread."""
    return trace in _stack.traces

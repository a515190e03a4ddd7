"""Recording a call of a function with custom rules: the function and its rules become functions of the module, and
one `ad.custom_call` refers to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir import Operation, SymbolRef, TensorType, Value, user_location
from ..ir.errors import RuleError, TraceError
from ..ops.requests import CUSTOM, differentiable_outputs
from . import trees
from .array import TracedArray
from .lifting import own_value
from .requests import check_result, hand_on_guards, is_array, traced
from .selection import Function, name_of
from .tracing import Trace, active


class CustomRecording:
    """One call. A rule may call its own function: inside the rules of a call, a call with the same signature refers to
    the same functions, so the rules hold at every order."""

    def __init__(
        self, fun: Function, rules: dict[str, Function], nondiff: Sequence[int], args: tuple[Any, ...], trace: Trace
    ) -> None:
        self.fun, self.rules, self.args, self.trace = fun, rules, args, trace
        self.name = name_of(fun)
        fixed = {number % len(args) for number in nondiff} if args else set()
        self.static = [args[number] for number in sorted(fixed)]
        self.positions = [number for number in range(len(args)) if number not in fixed]
        self.leaves, self.structure = trees.flatten([args[number] for number in self.positions])
        #: Positions of the leaves that are arrays: the operation's arguments.
        self.arrays = [i for i, leaf in enumerate(self.leaves) if is_array(leaf)]
        self.arguments = [traced(self.leaves[i], trace) for i in self.arrays]
        self.types = [each._value.type for each in self.arguments]
        self.active = [i for i, type in enumerate(self.types) if type.differentiable]
        constants = [leaf for i, leaf in enumerate(self.leaves) if i not in self.arrays]
        self.signature = (self.structure, self.types, self.static, constants)
        #: The functions by attribute name, and how many inputs of each are not hidden.
        self.traces: dict[str, Trace] = {}
        self.counts: dict[str, int] = {}
        self.repeated: list[tuple[Operation, Trace]] = []

    def result(self) -> Any:
        """The function's results, as traced arrays in its structure."""
        recording: list[CustomRecording] = self.trace.root.recording_rules
        for each in reversed(recording):
            if each.fun is self.fun and each.signature == self.signature:
                return each._again(self)
        for key in ("callee", *self.rules):
            self.traces[key] = self.trace.function(self.name if key == "callee" else f"{self.name}_{key}")
        decisions = self._record_function()
        recording.append(self)
        try:
            if "jvp" in self.rules:
                self._record_jvp()
            if "backward" in self.rules:
                self._record_backward(*self._record_forward())
        finally:
            recording.pop()
        found = [TracedArray(self.trace, value) for value in self._close().results]
        return trees.unflatten(self.result_structure, hand_on_guards(self.trace, decisions, found))

    def _again(self, call: CustomRecording) -> Any:
        operands = tuple([each._value for each in call.arguments])
        operation = Operation(CUSTOM, operands, self.attributes, self.result_types, (), user_location(3))
        call.trace.append(operation)
        self.repeated.append((operation, call.trace))
        results = [TracedArray(call.trace, value) for value in operation.results]
        return trees.unflatten(self.result_structure, results[: self.count])

    # --- the function and its rules --------------------------------------------------------------

    def _parameters(self, inner: Trace) -> list[TracedArray]:
        """The arguments, as inputs of a function."""
        values = [own_value(each, self.trace) for each in self.arguments]
        return [
            TracedArray(inner, inner.add_argument(value), each._weak)
            for value, each in zip(values, self.arguments, strict=True)
        ]

    def _call_arguments(self, parameters: Sequence[Any]) -> list[Any]:
        """The call's arguments, with ``parameters`` in the arrays' places."""
        leaves = list(self.leaves)
        for position, parameter in zip(self.arrays, parameters, strict=True):
            leaves[position] = parameter
        args = list(self.args)
        for position, tree in zip(self.positions, trees.unflatten(self.structure, leaves), strict=True):
            args[position] = tree
        return args

    def _record_function(self) -> list[Any]:
        """Trace the function; returns the decisions taken in it, whose values are its last outputs."""
        inner = self.traces["callee"]
        parameters = self._parameters(inner)
        with active(inner):
            results, structure = trees.flatten(self.fun(*self._call_arguments(parameters)))
            outputs = [traced(check_result(leaf, self.name), inner)._value for leaf in results]
            guards, inner.guards = inner.guards, []
            outputs += [own_value(TracedArray(inner, value), inner) for value, _ in guards]
        self._finish("callee", len(parameters), outputs)
        self.result_types = [value.type for value in outputs]
        self.result_structure, self.count = structure, len(results)
        self.outputs = differentiable_outputs(self.result_types, len(guards))
        self.attributes: dict[str, Any] = {"arguments": len(self.arguments), "aux": len(guards)}
        self.attributes |= {key: SymbolRef(trace.name) for key, trace in self.traces.items()}
        return [decision for _, decision in guards]

    def _record_jvp(self) -> None:
        inner = self.traces["jvp"]
        parameters = self._parameters(inner)
        tangents = {i: TracedArray(inner, inner.add_input(self.types[i])) for i in self.active}
        with active(inner):
            args = self._call_arguments(parameters)
            seeds = self._in_structure([tangents.get(i, 0.0) for i in range(len(parameters))])
            pair = self.rules["jvp"](*self.static, tuple(args[i] for i in self.positions), tuple(seeds))
            _, tangent = self._pair("jvp", pair, "(out, tangent of out)")
            wishes = [self.result_types[i] if i in self.outputs else None for i in range(self.count)]
            values = self._matched("jvp", tangent, self.result_structure, wishes)
        self._finish("jvp", len(parameters) + len(tangents), values)

    def _record_forward(self) -> tuple[list[TracedArray], Any]:
        """Trace the forward rule; returns its residuals and their structure."""
        inner = self.traces["forward"]
        parameters = self._parameters(inner)
        with active(inner):
            pair = self.rules["forward"](*self._call_arguments(parameters))
            out, kept = self._pair("forward", pair, "(out, residuals)")
            values = self._matched("forward", out, self.result_structure, list(self.result_types[: self.count]))
            leaves, structure = trees.flatten(kept)
            residuals = [traced(check_result(leaf, inner.name), inner) for leaf in leaves]
        self._finish("forward", len(parameters), [*values, *(each._value for each in residuals)])
        return residuals, structure

    def _record_backward(self, residuals: list[TracedArray], structure: Any) -> None:
        inner = self.traces["backward"]
        kept = [TracedArray(inner, inner.add_input(each._value.type), each._weak) for each in residuals]
        seeds = {i: TracedArray(inner, inner.add_input(self.result_types[i])) for i in self.outputs}
        with active(inner):
            cotangent = trees.unflatten(self.result_structure, [seeds.get(i, 0.0) for i in range(self.count)])
            pulled = self.rules["backward"](*self.static, trees.unflatten(structure, kept), cotangent)
            if not isinstance(pulled, tuple) or len(pulled) != len(self.positions):
                found = f"{len(pulled)} values" if isinstance(pulled, tuple) else f"a {type(pulled).__name__}"
                raise self._wrong("backward", found, f"a tuple of {len(self.positions)} cotangents, one an argument,")
            values = self._cotangents(pulled)
        self._finish("backward", len(kept) + len(seeds), values)

    def _cotangents(self, pulled: tuple[Any, ...]) -> list[Value]:
        """What a backward rule gives for each argument that has a derivative; zeros where it gives None."""
        inner = self.traces["backward"]
        values: dict[int, Value] = {}
        for tree, part in zip(self._in_structure(range(len(self.arrays))), pulled, strict=True):
            if part is None:
                continue
            numbers, structure = trees.flatten(tree)
            leaves, found = trees.flatten(part)
            if found != structure:
                raise self._wrong("backward", f"the structure {found}", structure)
            for number, leaf in zip(numbers, leaves, strict=True):
                if number in self.active:
                    values[number] = self._typed("backward", leaf, self.types[number])
        return [values.get(i) or inner.number(0.0, self.types[i]) for i in self.active]

    # --- checking --------------------------------------------------------------------------------

    def _in_structure(self, parts: Sequence[Any]) -> list[Any]:
        """One part for each array, in the arguments' structure."""
        leaves: list[Any] = [0.0] * len(self.leaves)
        for position, part in zip(self.arrays, parts, strict=True):
            leaves[position] = part
        return list(trees.unflatten(self.structure, leaves))

    def _wrong(self, rule: str, found: Any, wanted: Any) -> RuleError:
        return RuleError(
            f"the custom {rule} rule of @{self.name} gives {found} where {wanted} is needed, at {user_location(2)}"
        )

    def _pair(self, rule: str, pair: Any, wanted: str) -> tuple[Any, Any]:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise self._wrong(rule, f"a {type(pair).__name__}", f"a pair {wanted}")
        return pair

    def _matched(self, rule: str, tree: Any, structure: Any, wishes: Sequence[TensorType | None]) -> list[Value]:
        """The leaves that are wished for, as values of the wished types."""
        leaves, found = trees.flatten(tree)
        if found != structure:
            raise self._wrong(rule, f"the structure {found}", structure)
        return [self._typed(rule, leaf, wish) for leaf, wish in zip(leaves, wishes, strict=True) if wish is not None]

    def _typed(self, rule: str, leaf: Any, wish: TensorType) -> Value:
        inner = self.traces[rule]
        array = traced(check_result(leaf, inner.name), inner)
        value = array._value
        if array._weak is not None and value.type.dtype != wish.dtype:
            value = inner.builder.convert(value, dtype=wish.dtype)
        if value.type is not wish:
            raise self._wrong(rule, f"an array of type {value.type}", wish)
        return value

    # --- closing ---------------------------------------------------------------------------------

    def _finish(self, key: str, count: int, outputs: list[Value]) -> None:
        inner = self.traces[key]
        if inner.guards:
            raise TraceError(
                f"the custom {key} rule of @{self.name} takes a Python decision on a traced value, at "
                f"{user_location(2)}: choose with np.where"
            )
        inner.outputs = tuple(outputs)
        self.counts[key] = count

    def _close(self) -> Operation:
        """Give all functions the same hidden inputs, close them, and write the operation."""
        hidden: dict[Value, None] = {}
        for inner in self.traces.values():
            hidden.update(dict.fromkeys(inner.closed_over()))
        for key, inner in self.traces.items():
            closed = tuple([inner.from_parent(value) for value in hidden])
            inner.inputs[:] = [*inner.inputs[: self.counts[key]], *closed]
            for operation, trace in self.repeated:
                if trace is inner:
                    operation.operands += closed
        if hidden and any(trace not in self.traces.values() for _, trace in self.repeated):
            raise TraceError(
                f"a rule of @{self.name}, which uses values from outside, calls the function inside another one, at "
                f"{user_location(2)}: pass those values as arguments"
            )
        for inner in self.traces.values():
            self.trace.add_function(inner, inner.outputs)
        operands = (*(each._value for each in self.arguments), *hidden)
        operation = Operation(CUSTOM, operands, self.attributes, self.result_types, (), user_location(4))
        self.trace.append(operation)
        return operation

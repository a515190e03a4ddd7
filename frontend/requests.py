"""Functions as functions of the module, and requests for their derivatives.

`record` traces a Python function into an inner function of the current trace; `call`, `vjp` and `jvp`
write the operations that use it. Everything public that differentiates is made of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import OpDefinition, Operation, SymbolRef, TensorType, Value, user_location
from ..ir.errors import DerivativeError, TraceError
from ..ops.control import CALL, call_attributes
from ..ops.requests import JVP, VJP, VMAP, differentiable_outputs, request_attributes
from . import trees
from .array import TracedArray
from .devices import DeviceArray
from .execution import entry_program, find_programs, input_arrays
from .lifting import as_value, dtype_key, own_value
from .tracing import Trace, active, current_trace

_ARRAYS = (TracedArray, DeviceArray, np.ndarray, np.generic, bool, int, float, complex)


def is_array(x: Any) -> bool:
    """Whether ``x`` is an array or a number, traced or not."""
    return isinstance(x, _ARRAYS)


def traced(x: Any, trace: Trace) -> TracedArray:
    """``x`` as a traced array of ``trace``. Object arrays of traced values are stacked."""
    if isinstance(x, TracedArray):
        return TracedArray(trace, own_value(x, trace), x._weak)
    if isinstance(x, np.ndarray) and x.dtype == object:
        from .indexing import stack_objects

        x = stack_objects(x)
        return TracedArray(trace, own_value(x, trace))
    key = dtype_key(x)
    weak = key if isinstance(key, type) else None
    return TracedArray(trace, as_value(x, np.dtype(key), trace), weak)


@dataclass
class Recorded:
    """An inner function. ``operands`` are the values it is called with, hidden ones included; ``outputs`` the
    types of its results: ``count`` main ones, then auxiliary ones, then guards."""

    name: str
    operands: list[Value]
    outputs: list[TensorType]
    count: int
    structure: Any
    aux_structure: Any
    decisions: list[Any]

    @property
    def aux(self) -> int:
        """How many outputs have no derivative."""
        return len(self.outputs) - self.count

    @property
    def differentiable(self) -> list[int]:
        """Which outputs have tangents."""
        return differentiable_outputs(self.outputs, self.aux)


def record(
    function: Callable[..., Any],
    name: str,
    arguments: Sequence[TracedArray],
    trace: Trace,
    has_aux: bool = False,
    names: Sequence[str] = (),
    examples: bool = False,
) -> Recorded:
    """Trace ``function(*arguments)`` into an inner function of ``trace``, whose arguments are called ``names``.

    With ``has_aux`` it returns a pair, whose second part is auxiliary. With ``examples`` each argument is one
    example of those along the leading axis. Raises `TraceError` for a result that is no array.
    """
    inner = trace.function(name)
    parameters = [
        TracedArray(inner, inner.add_argument(own_value(each, trace), examples), each._weak) for each in arguments
    ]
    name_arguments(parameters, names)
    with active(inner):
        result = function(*parameters)
        aux: Any = ()
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TraceError(
                    f"@{name} with has_aux=True returns {type(result).__name__}, at {user_location(2)}; it must return "
                    "(out, aux)"
                )
            result, aux = result
        leaves, structure = trees.flatten(result)
        aux_leaves, aux_structure = trees.flatten(aux)
        outputs = [traced(check_result(leaf, name), inner)._value for leaf in (*leaves, *aux_leaves)]
        guards, inner.guards = inner.guards, []
        outputs += [own_value(TracedArray(inner, value), inner) for value, _ in guards]
    trace.add_function(inner, outputs)
    operands = [inner.outer[value] for value in inner.inputs]
    return Recorded(
        inner.name,
        operands,
        [value.type for value in outputs],
        len(leaves),
        structure,
        aux_structure,
        [decision for _, decision in guards],
    )


def name_arguments(arguments: Sequence[TracedArray], names: Sequence[str]) -> None:
    """Let arguments be called by ``names`` in dumps."""
    for argument, name in zip(arguments, names, strict=False):
        argument._value.name = name


def check_result(leaf: Any, name: str) -> Any:
    """A function's result, if it is an array or a number; `TraceError` otherwise."""
    if is_array(leaf):
        return leaf
    raise TraceError(
        f"@{name} returns {leaf!r:.60} of type {type(leaf).__name__}, which is no array, at {user_location(2)}; a "
        "function to differentiate or compile returns arrays, numbers, or containers of them"
    )


def emit(
    trace: Trace, definition: OpDefinition, operands: Sequence[Value], attributes: Mapping[str, Any], types: Any
) -> list[TracedArray]:
    """Record an operation that refers to functions; returns its results, which have the given ``types``."""
    op = Operation(definition, tuple(operands), attributes, types, (), user_location(3))
    trace.append(op)
    return [TracedArray(trace, value) for value in op.results]


def hand_on_guards(trace: Trace, decisions: Sequence[Any], results: list[TracedArray]) -> list[TracedArray]:
    """Decisions taken inside a function become decisions here: their values are its last results. Returns the rest."""
    kept = len(results) - len(decisions)
    for guard, decision in zip(results[kept:], decisions, strict=True):
        trace.guards.append((guard._value, decision))
    return results[:kept]


def call(trace: Trace, recorded: Recorded) -> list[TracedArray]:
    """Call the function: its outputs."""
    results = emit(trace, CALL, recorded.operands, call_attributes(recorded.name), recorded.outputs)
    return hand_on_guards(trace, recorded.decisions, results)


def vjp(
    trace: Trace, recorded: Recorded, wrt: Sequence[int], cotangents: Sequence[Value] | None
) -> tuple[list[TracedArray], list[TracedArray]]:
    """The function's outputs, and the gradients of the inputs ``wrt``; ones for cotangents where None."""
    attributes = request_attributes(recorded.name, tuple(wrt), recorded.aux)
    attributes["sens"] = "ones" if cotangents is None else "given"
    types = [*recorded.outputs, *(recorded.operands[index].type for index in wrt)]
    operands = [*recorded.operands, *(cotangents or ())]
    results = emit(trace, VJP, operands, attributes, types)
    count = len(recorded.outputs)
    return hand_on_guards(trace, recorded.decisions, results[:count]), results[count:]


def jvp(
    trace: Trace, recorded: Recorded, wrt: Sequence[int], tangents: Sequence[Value]
) -> tuple[list[TracedArray], list[TracedArray]]:
    """The function's outputs, and the tangents of the differentiable ones."""
    attributes = request_attributes(recorded.name, tuple(wrt), recorded.aux)
    types = [*recorded.outputs, *(recorded.outputs[index] for index in recorded.differentiable)]
    results = emit(trace, JVP, [*recorded.operands, *tangents], attributes, types)
    count = len(recorded.outputs)
    return hand_on_guards(trace, recorded.decisions, results[:count]), results[count:]


def vmap(trace: Trace, recorded: Recorded, batched: Sequence[int], size: int) -> list[TracedArray]:
    """The function's outputs for ``size`` examples, with a leading axis for them."""
    attributes = {"callee": SymbolRef(recorded.name), "batched": tuple(batched), "size": size}
    types = [type.with_shape((size, *type.shape)) for type in recorded.outputs]
    results = emit(trace, VMAP, recorded.operands, attributes, types)
    kept = len(results) - len(recorded.decisions)
    if not size:
        return results[:kept]
    # A decision depends on no example, so it is the same in all.
    firsts = [trace.builder.slice(each._value, starts=(0,), sizes=(1,), steps=(1,)) for each in results[kept:]]
    guards = [TracedArray(trace, trace.builder.reshape(first, shape=())) for first in firsts]
    return hand_on_guards(trace, recorded.decisions, [*results[:kept], *guards])


def run(body: Callable[..., Any], leaves: Sequence[Any], name: str = "main", names: Sequence[str] = ()) -> Any:
    """``body(trace, *traced leaves)``, which gives a tree of traced arrays. ``names`` are for the leaves.

    Inside a trace it is recorded there. Outside it is recorded as a program of its own, found or compiled,
    and run: the result is a tree of arrays.
    """
    trace = current_trace()
    if trace is not None:
        return body(trace, *[traced(leaf, trace) for leaf in leaves])
    structure: Any = None

    def record_program(lift: frozenset[int]) -> Trace:
        nonlocal structure
        root = Trace(name, None, lift)
        with active(root):
            arguments = [root_argument(root, leaf) for leaf in leaves]
            name_arguments(arguments, names)
            result = body(root, *arguments)
            results, structure = trees.flatten(result)
            root.finish([traced(each, root)._value for each in results])
        return root

    found, programs, numbers = find_programs(record_program)
    outputs = entry_program(programs).run(*input_arrays(found), *numbers)
    return trees.unflatten(structure, outputs)


def root_argument(root: Trace, leaf: Any) -> TracedArray:
    """An explicit input of a program, with its array in this call."""
    key = dtype_key(leaf)
    weak = key if isinstance(key, type) else None
    array = leaf if type(leaf) is DeviceArray else np.asarray(leaf, np.dtype(key))
    return TracedArray(root, root.add_input(TensorType(array.shape, array.dtype), "", array), weak)


def zeros_of(type: TensorType) -> Any:
    """The tangent of what has none: zeros."""
    return np.zeros(type.shape, type.dtype)


def check_input(leaf: Any, function: str, path: str) -> Any:
    """An input to differentiate, if it is floating point or complex; `DerivativeError` otherwise."""
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        trace = current_trace()
        if trace is not None:
            return traced(leaf, trace)
    if not is_array(leaf):
        raise DerivativeError(
            f"{function}: argument {path} is {leaf!r:.40} of type {type(leaf).__name__}, at {user_location(2)}; only "
            "arrays and numbers have derivatives: choose others with argnums"
        )
    key = dtype_key(leaf)
    if np.dtype(key).kind not in "fcV":
        shown = key.__name__ if isinstance(key, type) else str(key)
        raise DerivativeError(
            f"{function}: argument {path} is of type {shown}, which has no derivative, at {user_location(2)}; give "
            "floating-point numbers, as 3.0 or x.astype(float)"
        )
    return leaf

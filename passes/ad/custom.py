"""Custom rules: what linearize and transpose do at `ad.custom_call` and `ad.linear_call`.

A custom jvp is a function that is copied to where the tangents are pushed. A custom vjp is a linear operation whose
transpose is given: linearize writes an `ad.linear_call`, transpose copies the backward function in its place, and
``resolve-linear`` makes the forward map of it, by the custom jvp or by transposing the backward function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.attributes import SymbolRef
from ...ir.builder import Builder
from ...ir.errors import DerivativeError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.control import CALL
from ...ops.definition import zeros
from ...ops.requests import CUSTOM, LINEAR, CustomCall
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function
from .functional import Parts

__all__ = [
    "CUSTOM",
    "LINEAR",
    "ResolveLinear",
    "copy_body",
    "needed_functions",
    "pull_custom",
    "pull_linear",
    "push_custom",
]


def needed_functions(graph: Graph, module: Module) -> list[str]:
    """The functions that ``graph`` refers to other than by calls (rules, loop bodies, branches), and those that these
    refer to in turn."""
    names: dict[str, None] = {}
    pending = [graph]
    while pending:
        for op in pending.pop():
            for value in op.attributes.values() if op.name != CALL.name else ():
                if isinstance(value, SymbolRef) and value.name not in names:
                    names[value.name] = None
                    pending.append(module[value.name])
    return list(names)


def copy_body(source: Graph, target: Graph, arguments: Sequence[Value], before: Operation | None) -> list[Value]:
    """Copy the body of a function to ``before``; returns what it gives for ``arguments``."""
    return source.copy_into(target, dict(zip(source.inputs, arguments, strict=True)), before)


def push_custom(
    b: Builder, graph: Graph, op: Operation, tangents: Sequence[Value | None], module: Module
) -> tuple[Value | None, ...]:
    """The tangents of a custom call's results. Raises `DerivativeError` where a hidden operand has a tangent."""
    call = CustomCall(op)
    count = len(call.arguments)
    if any(tangent is not None for tangent in tangents[count:]):
        raise DerivativeError(
            f"the function @{op.attributes['callee'].name} has a custom rule and uses a value from outside that is "
            f"differentiated here, at {op.location}: pass it as an argument"
        )
    pushed = [tangents[i] or zeros(b, call.arguments[i].type) for i in call.active]
    if "backward" in op.attributes:
        forward = module[op.attributes["forward"].name]
        kept = len(op.results) - op.attributes["aux"]
        residuals = copy_body(forward, graph, [*call.arguments, *call.hidden], b.before)[kept:]
        attributes = {"residuals": len(residuals), "arguments": count, "tangents": len(pushed)}
        attributes |= {key: op.attributes[key] for key in ("backward", "jvp") if key in op.attributes}
        operands = (*residuals, *call.arguments, *pushed, *call.hidden)
        types = [op.results[i].type for i in call.outputs]
        found: Sequence[Value] = graph.insert(
            Operation(LINEAR, operands, attributes, types, (), b.location), b.before
        ).results
    else:
        found = copy_body(module[op.attributes["jvp"].name], graph, [*call.arguments, *pushed, *call.hidden], b.before)
    results: list[Value | None] = [None] * len(op.results)
    for i, value in zip(call.outputs, found, strict=True):
        results[i] = value
    return tuple(results)


def _parts(op: Operation) -> tuple[list[Value], list[Value], list[Value], list[Value]]:
    """A linear call's residuals, arguments, tangents and hidden operands."""
    a, operands = op.attributes, list(op.operands)
    first = a["residuals"]
    second = first + a["arguments"]
    third = second + a["tangents"]
    return operands[:first], operands[first:second], operands[second:third], operands[third:]


def pull_linear(
    b: Builder, graph: Graph, op: Operation, cotangents: Sequence[Value | None], module: Module
) -> list[Value | None]:
    """The cotangents of a linear call's operands: those of its tangents."""
    residuals, arguments, _, hidden = _parts(op)
    given = [ct or zeros(b, value.type) for ct, value in zip(cotangents, op.results, strict=True)]
    pulled = copy_body(module[op.attributes["backward"].name], graph, [*residuals, *given, *hidden], None)
    return [*[None] * (len(residuals) + len(arguments)), *pulled, *[None] * len(hidden)]


def pull_custom(
    b: Builder, graph: Graph, op: Operation, cotangents: Parts, linear: Sequence[bool], module: Module
) -> list[Value | None]:
    """The cotangents of a custom call that is part of a linear map, such as a solve inside another one's rule: by its
    backward rule at zero, since for what is linear all points are the same.

    Raises `DerivativeError` where it has none.
    """
    call = CustomCall(op)
    count = len(call.arguments)
    if "backward" not in op.attributes:
        raise DerivativeError(
            f"@{op.attributes['callee'].name} is used in a derivative rule and has no reverse rule itself, at "
            f"{op.location}: give it one (defvjp; of custom_linear_solve: transpose_solve, or symmetric=True)"
        )
    at = [zeros(b, value.type) if flag else value for value, flag in zip(op.operands, linear, strict=True)]
    forward, backward = (module[op.attributes[key].name] for key in ("forward", "backward"))
    residuals = copy_body(forward, graph, at, None)[len(op.results) - op.attributes["aux"] :]
    seeds = [cotangents[i] or zeros(b, op.results[i].type) for i in call.outputs]
    pulled = copy_body(backward, graph, [*residuals, *seeds, *at[count:]], None)
    found: list[Value | None] = [None] * len(op.operands)
    for i, value in zip(call.active, pulled, strict=True):
        found[i] = value if linear[i] else None
    return found


@register_pass("resolve-linear")
@dataclass(frozen=True)
class ResolveLinear(Pass):
    """Replace each `ad.linear_call` that is still there by its forward map: the custom jvp, or the transposed
    backward function."""

    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        graph = one_function(module, self.function)
        calls = [op for op in graph if op.name == LINEAR.name]
        for op in calls:
            residuals, arguments, tangents, hidden = _parts(op)
            if "jvp" in op.attributes:
                forward = module[op.attributes["jvp"].name]
                values = copy_body(forward, graph, [*arguments, *tangents, *hidden], op)
            else:
                values = self._transposed(op, graph, module, residuals, tangents, hidden)
            graph.replace(op, values)
        log.count("resolved", len(calls))
        return bool(calls)

    @staticmethod
    def _transposed(
        op: Operation, graph: Graph, module: Module, residuals: list[Value], tangents: list[Value], hidden: list[Value]
    ) -> list[Value]:
        from .linearize import linearize
        from .transpose import transpose

        turned = module[op.attributes["backward"].name].clone()
        seeds = range(len(residuals), len(residuals) + len(op.results))
        linearize(turned, tuple(seeds), 0, module)
        transpose(turned, module)
        b = Builder(graph, op, op.location)
        points = [zeros(b, value.type) for value in op.results]  # the map is linear: where it is taken is all one
        outputs = copy_body(turned, graph, [*residuals, *points, *hidden, *tangents], op)
        return outputs[len(outputs) - len(op.results) :]

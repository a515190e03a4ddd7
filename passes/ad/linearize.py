"""linearize: every operation beside its local linear map.

The first of the three steps of "You Only Linearize Once" (Radul et al., POPL 2023): the function
keeps its operations and gains, between them, the linear ones that push tangents from chosen inputs to the
outputs. Pushing is forward mode; `transpose` turns the linear part around.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.builder import Builder
from ...ir.errors import DerivativeError, PassError
from ...ir.graph import Graph, Operation, Value
from ...ir.module import Module
from ...ops.definition import Rules, zeros
from ...ops.requests import differentiable_outputs
from ..inline import references
from ..manager import Pass, PassLog, register_pass
from ..scope import one_function
from .control import CONTROL, push_control
from .custom import CUSTOM, push_custom


@register_pass("linearize")
@dataclass(frozen=True)
class Linearize(Pass):
    """Add to a function its tangents: one more input for each input in ``wrt`` (all that are floating
    point or complex, where the option is left out), one more output for each differentiable output.

    The last ``aux`` outputs have no tangent. The attributes ``linear_inputs`` and ``linear_outputs``
    of the function say which inputs and outputs form its linear part.
    """

    wrt: tuple[int, ...] | None = None
    aux: int = 0
    function: str = ""

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `DerivativeError` for an input that has no tangent, `PassError` for one that is not there."""
        graph = one_function(module, self.function)
        if "linear_inputs" in graph.attributes:
            raise PassError(f"@{graph.name} has a linear part already; run seed-sens before linearizing it again")
        if references(module, graph.name):
            raise PassError(
                f"@{graph.name} is called; linearize changes what a function takes, so expand-ad uses a copy"
            )
        wrt = self.wrt
        if wrt is None:
            wrt = tuple(i for i, value in enumerate(graph.inputs) if value.type.differentiable)
        log.count("linearized", linearize(graph, wrt, self.aux, module))
        return True


def linearize(graph: Graph, wrt: tuple[int, ...], aux: int, module: Module) -> int:
    """Linearize in place; returns how many operations were differentiated. ``module`` has the custom rules."""
    inputs, outputs = graph.inputs, graph.outputs
    tangents: dict[Value, Value] = {}
    if not 0 <= aux <= len(outputs):
        raise PassError(f"aux={aux}: @{graph.name} has {len(outputs)} outputs")
    if len(set(wrt)) < len(wrt):
        raise PassError(f"wrt={list(wrt)} names an input of @{graph.name} twice")
    for index in wrt:
        if not 0 <= index < len(inputs):
            raise PassError(f"wrt={index}: @{graph.name} has {len(inputs)} inputs")
        value = inputs[index]
        if not value.type.differentiable:
            raise DerivativeError(f"input {index} of @{graph.name} is {value.type}, which has no tangent")
        name = f"{value.name}_t" if value.name else ""
        tangents[value] = graph.add_input(value.type, name, value.owner.location)
    active_outputs = differentiable_outputs([value.type for value in outputs], aux)
    useful = _useful(graph, [outputs[i] for i in active_outputs])
    count = 0
    for op in list(graph):
        if op in useful and any(value in tangents for value in op.operands):
            count += 1
            _push(graph, op, tangents, module)
    b = Builder(graph)
    outputs = graph.outputs  # loops were replaced, and their results with them
    linear = [tangents.get(outputs[i]) or zeros(b, outputs[i].type) for i in active_outputs]
    graph.set_outputs([*outputs, *linear])
    graph.attributes["linear_inputs"] = tuple(range(len(inputs), len(inputs) + len(wrt)))
    graph.attributes["linear_outputs"] = tuple(range(len(outputs), len(outputs) + len(linear)))
    return count


def _push(graph: Graph, op: Operation, tangents: dict[Value, Value], module: Module) -> None:
    rules: Rules | None = op.definition.rules
    b = Builder(graph, op.next, op.location.derived(op.name))
    given = [tangents.get(value) for value in op.operands]
    if op.name in CONTROL:
        tangents.update((value, t) for value, t in push_control(b, graph, op, given, module) if t is not None)
        return
    if op.name == CUSTOM.name:
        pushed = push_custom(b, graph, op, given, module)
    elif rules is not None:
        pushed = rules.jvp(b, op, given)
    else:
        raise PassError(f"linearize cannot pass through '{op.name}' at {op.location}: run expand-ad and inline first")
    for result, tangent in zip(op.results, pushed, strict=True):
        if tangent is None or not result.type.differentiable:
            continue
        tangents[result] = tangent


def _useful(graph: Graph, outputs: list[Value]) -> set[Operation]:
    """The operations through which a tangent can reach one of ``outputs``."""
    wanted = {value.owner for value in outputs}
    for op in reversed(graph):
        if op not in wanted:
            continue
        rules: Rules | None = op.definition.rules
        if rules is not None and rules.cls.piecewise_constant:
            wanted.discard(op)
            continue
        for value in op.operands:
            if value.type.differentiable:
                wanted.add(value.owner)
    return wanted

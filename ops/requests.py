"""Requests: operations that ask for a transformed function of the module.

`ad.vjp` and `ad.jvp` ask for a derivative, `ad.vmap` for a function of many examples at once. The pass ``expand-ad``
answers them; none runs by itself.
"""

from __future__ import annotations

from typing import Any

from ..ir.attributes import SymbolRef
from ..ir.definition import OpDefinition, register
from ..ir.graph import Graph, Operation
from ..ir.module import Module
from ..ir.types import TensorType
from ..ir.verifier import SymbolCheck, register_symbol_check
from .control import mismatch


def differentiable_outputs(types: tuple[TensorType, ...] | list[TensorType], aux: int) -> list[int]:
    """Which outputs of a function have tangents: those of inexact type, but for the last ``aux``."""
    return [i for i, type in enumerate(types[: len(types) - aux]) if type.differentiable]


def _check_request(op: Operation, module: Module) -> str | None:
    """What is wrong with an `ad.vjp` or `ad.jvp` beside its callee, or None."""
    callee = module[op.attributes["callee"].name]
    wrt, aux = op.attributes["wrt"], op.attributes["aux"]
    inputs = [value.type for value in callee.inputs]
    outputs = [value.type for value in callee.outputs]
    if any(not 0 <= index < len(inputs) for index in wrt):
        return f"wrt = {list(wrt)} names an input beyond the {len(inputs)} of @{callee.name}"
    if not 0 <= aux <= len(outputs):
        return f"aux = {aux} is more than the {len(outputs)} outputs of @{callee.name}"
    if any(not inputs[index].differentiable for index in wrt):
        return f"wrt = {list(wrt)} names an input that is not floating point or complex"
    differentiable = [outputs[i] for i in differentiable_outputs(outputs, aux)]
    chosen = [inputs[index] for index in wrt]
    extra, derived = (differentiable, chosen) if op.name == "ad.vjp" else (chosen, differentiable)
    if op.attributes.get("sens") == "ones":
        extra = []
    return _mismatch(op, callee, [*inputs, *extra], [*outputs, *derived])


def _check_map(op: Operation, module: Module) -> str | None:
    """What is wrong with an `ad.vmap` beside its callee, or None."""
    callee = module[op.attributes["callee"].name]
    batched, size = op.attributes["batched"], op.attributes["size"]
    inputs = [value.type for value in callee.inputs]
    if any(not 0 <= index < len(inputs) for index in batched):
        return f"batched = {list(batched)} names an input beyond the {len(inputs)} of @{callee.name}"
    if size < 0:
        return f"size = {size} is negative"
    given = [type.with_shape((size, *type.shape)) if i in batched else type for i, type in enumerate(inputs)]
    return _mismatch(op, callee, given, [value.type.with_shape((size, *value.type.shape)) for value in callee.outputs])


def _mismatch(op: Operation, callee: Graph, operands: list[TensorType], results: list[TensorType]) -> str | None:
    """How operand and result types differ from what is asked for, or None."""
    given, made = ([value.type for value in values] for values in (op.operands, op.results))
    return mismatch(callee.name, (given, operands), (made, results))


def _request(name: str, attributes: tuple[str, ...], check: SymbolCheck, doc: str) -> OpDefinition:
    definition = OpDefinition(
        name=name,
        operands=("operands",),
        attributes=attributes,
        infer=lambda types, attributes: (),
        variadic=True,
        doc=doc,
    )
    register(definition)
    register_symbol_check(name, check)
    return definition


def request_attributes(callee: str, wrt: tuple[int, ...], aux: int) -> dict[str, Any]:
    """The attributes of a request: the function, the inputs to differentiate, how many of the last
    outputs are auxiliary."""
    return {"callee": SymbolRef(callee), "wrt": wrt, "aux": aux}


VJP = _request(
    "ad.vjp",
    ("callee", "wrt", "aux", "sens"),
    _check_request,
    """Value and vector-Jacobian product of the function ``callee``.

Operands: the function's inputs, then, with ``sens = "given"``, one cotangent for each differentiable output
(floating point or complex, not among the last ``aux``); with ``sens = "ones"`` every cotangent is one. Results: the
function's outputs, then the gradient of each input in ``wrt``. (V5) operand and result types are those that the
function asks for.""",
)
JVP = _request(
    "ad.jvp",
    ("callee", "wrt", "aux"),
    _check_request,
    """Value and Jacobian-vector product of the function ``callee``.

Operands: the function's inputs, then one tangent for each input in ``wrt``. Results: the function's outputs,
then the tangent of each differentiable output (floating point or complex, not among the last ``aux``).
(V5) operand and result types are those that the function asks for.""",
)
VMAP = _request(
    "ad.vmap",
    ("callee", "batched", "size"),
    _check_map,
    """The function ``callee`` for ``size`` examples at once.

Operands: the function's inputs, those in ``batched`` with a leading axis of ``size``. Results: the function's
outputs, each with a leading axis of ``size``. (V5) operand and result types are those that the function asks for.""",
)


def _check_custom(op: Operation, module: Module) -> str | None:
    """What is wrong with an `ad.custom_call` beside its functions, or None."""
    call = CustomCall(op)
    for attribute, inputs, outputs in call.signatures(module):
        graph = module[op.attributes[attribute].name]
        found = [value.type for value in graph.inputs], [value.type for value in graph.outputs]
        if found[0] != inputs or (outputs is not None and found[1] != outputs):
            shown = [", ".join(map(str, types or ())) for types in (inputs, outputs)]
            return f"asks for {attribute} = @{graph.name} of ({shown[0]}) -> ({shown[1]}), which has other types"
    return None


class CustomCall:
    """An `ad.custom_call` with its operands and results by their parts."""

    def __init__(self, op: Operation) -> None:
        self.op = op
        count: int = op.attributes["arguments"]
        self.arguments = op.operands[:count]
        self.hidden = op.operands[count:]
        types = [value.type for value in op.results]
        #: Which arguments and results have tangents.
        self.active = [i for i, value in enumerate(self.arguments) if value.type.differentiable]
        self.outputs = differentiable_outputs(types, op.attributes["aux"])

    def signatures(self, module: Module) -> list[tuple[str, list[TensorType], list[TensorType] | None]]:
        """The functions' attributes, with the types of inputs and outputs that each must have (None: any)."""
        arguments, hidden = ([value.type for value in values] for values in (self.arguments, self.hidden))
        results = [value.type for value in self.op.results]
        tangents, derived = [arguments[i] for i in self.active], [results[i] for i in self.outputs]
        found: list[tuple[str, list[TensorType], list[TensorType] | None]]
        found = [("callee", [*arguments, *hidden], results)]
        if "jvp" in self.op.attributes:
            found.append(("jvp", [*arguments, *tangents, *hidden], derived))
        if "backward" in self.op.attributes:
            forward = module[self.op.attributes["forward"].name]
            kept = len(results) - self.op.attributes["aux"]
            residuals = [value.type for value in forward.outputs[kept:]]
            found.append(("forward", [*arguments, *hidden], [*results[:kept], *residuals]))
            found.append(("backward", [*residuals, *derived, *hidden], tangents))
        return found


CUSTOM = OpDefinition(
    name="ad.custom_call",
    operands=("operands",),
    attributes=("callee", "arguments", "aux", "jvp", "forward", "backward"),
    infer=lambda types, attributes: (),
    variadic=True,
    optional={"jvp": None, "forward": None, "backward": None},
    doc="""Call of the function ``callee`` whose derivative is stated by other functions of the module.

The first ``arguments`` operands x may be differentiated, the others h may not; the last ``aux`` results have no
derivative. ``jvp`` maps x, the tangents of those x that have any, and h to the tangents of the results. ``forward``
maps x and h to the results (without the auxiliary ones) and residuals; ``backward`` maps residuals, cotangents of the
results and h to the cotangents of x. Either or both may be given; where only one is, the other mode is made of it by
transposition. (V5) the functions have these types.""",
)
LINEAR = OpDefinition(
    name="ad.linear_call",
    operands=("operands",),
    attributes=("residuals", "arguments", "tangents", "backward", "jvp"),
    infer=lambda types, attributes: (),
    variadic=True,
    optional={"jvp": None},
    doc="""The linear map of an `ad.custom_call` with a ``backward`` rule; linearize writes it, and transpose or
``resolve-linear`` replaces it. Operands: residuals, arguments, tangents, hidden ones.""",
)
register(CUSTOM)
register(LINEAR)
register_symbol_check(CUSTOM.name, _check_custom)
register_symbol_check(LINEAR.name, lambda op, module: None)
REQUESTS = frozenset(definition.name for definition in (VJP, JVP, VMAP))

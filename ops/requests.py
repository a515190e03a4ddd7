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
    for what, found, wanted in (
        ("operands", [value.type for value in op.operands], operands),
        ("results", [value.type for value in op.results], results),
    ):
        if found != wanted:
            shown = ", ".join(map(str, found)), ", ".join(map(str, wanted))
            return f"has {what} ({shown[0]}) where @{callee.name} asks for ({shown[1]})"
    return None


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
REQUESTS = frozenset(definition.name for definition in (VJP, JVP, VMAP))

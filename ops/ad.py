"""The ad dialect: requests for derivatives, and marks that differentiation respects.

`ad.vjp` and `ad.jvp` ask for a derivative of a function of the module; the pass ``expand-ad`` makes
it. `ad.stop_gradient` is the identity, with a derivative of zero at every order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import SymbolRef
from ..ir.definition import OpDefinition, register
from ..ir.errors import ShapeConstraint
from ..ir.graph import Operation
from ..ir.module import Module
from ..ir.types import TensorType
from ..ir.verifier import register_symbol_check
from .definition import Op, operation, sample


@operation("ad.stop_gradient")
class StopGradient(Op):
    """The identity; its derivative is zero, at every order and in every mode."""

    piecewise_constant = True
    samples = (sample((2, 3)),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: Any) -> Any:
        return np.asarray(x)


@operation("ad.mul_no_nan")
class MulNoNan(Op):
    """Product in which an exactly zero ``x`` gives zero, even where ``y`` is NaN or infinite.

    `transpose` writes it where a cotangent was cut by a `tensor.select`: the branch not taken has an
    exactly zero cotangent, and no residual of that branch may turn it into NaN. Linear in ``x``, and
    in ``y`` for a fixed ``x``. (C1) ``x`` and ``y`` have one type.
    """

    elementwise = True
    linear_in = (("x",), ("y",))
    samples = (sample((2, 3), (2, 3)),)

    @staticmethod
    def infer(x: TensorType, y: TensorType) -> TensorType:
        if x is not y:
            raise ShapeConstraint("C1", f"operand 0 is {x} and operand 1 is {y}")
        return x

    @staticmethod
    def evaluate(x: Any, y: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return np.where(x == 0, np.zeros((), np.asarray(x).dtype), np.multiply(x, y))

    @staticmethod
    def transpose_x(b: Any, ct: Any, x: Any, y: Any) -> Any:
        return b.mul(ct, y)

    @staticmethod
    def transpose_y(b: Any, ct: Any, x: Any, y: Any) -> Any:
        return b.mul_no_nan(x, ct)


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
    for what, found, wanted in (
        ("operands", [value.type for value in op.operands], [*inputs, *extra]),
        ("results", [value.type for value in op.results], [*outputs, *derived]),
    ):
        if found != wanted:
            shown = ", ".join(map(str, found)), ", ".join(map(str, wanted))
            return f"has {what} ({shown[0]}) where @{callee.name} asks for ({shown[1]})"
    return None


def _request(name: str, attributes: tuple[str, ...], doc: str) -> OpDefinition:
    definition = OpDefinition(
        name=name,
        operands=("operands",),
        attributes=attributes,
        infer=lambda types, attributes: (),
        variadic=True,
        doc=doc,
    )
    register(definition)
    register_symbol_check(name, _check_request)
    return definition


def request_attributes(callee: str, wrt: tuple[int, ...], aux: int) -> dict[str, Any]:
    """The attributes of a request: the function, the inputs to differentiate, how many of the last
    outputs are auxiliary."""
    return {"callee": SymbolRef(callee), "wrt": wrt, "aux": aux}


VJP = _request(
    "ad.vjp",
    ("callee", "wrt", "aux", "sens"),
    """Value and vector-Jacobian product of the function ``callee``.

Operands: the function's inputs, then, with ``sens = "given"``, one cotangent for each differentiable output
(floating point or complex, not among the last ``aux``); with ``sens = "ones"`` every cotangent is one. Results: the
function's outputs, then the gradient of each input in ``wrt``. (V5) operand and result types are those that the
function asks for.""",
)
JVP = _request(
    "ad.jvp",
    ("callee", "wrt", "aux"),
    """Value and Jacobian-vector product of the function ``callee``.

Operands: the function's inputs, then one tangent for each input in ``wrt``. Results: the function's outputs,
then the tangent of each differentiable output (floating point or complex, not among the last ``aux``).
(V5) operand and result types are those that the function asks for.""",
)

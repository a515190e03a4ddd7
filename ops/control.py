"""The control dialect: calls of functions of the module."""

from __future__ import annotations

from ..ir.attributes import SymbolRef
from ..ir.definition import OpDefinition, register
from ..ir.graph import Operation
from ..ir.module import Module
from ..ir.verifier import register_symbol_check


def _check_call(op: Operation, module: Module) -> str | None:
    callee = module[op.attributes["callee"].name]
    for what, found, wanted in (
        ("operands", op.operands, callee.inputs),
        ("results", op.results, callee.outputs),
    ):
        if [value.type for value in found] != [value.type for value in wanted]:
            shown = [", ".join(str(value.type) for value in values) for values in (found, wanted)]
            return f"has {what} ({shown[0]}) where @{callee.name} asks for ({shown[1]})"
    return None


CALL = OpDefinition(
    name="control.call",
    operands=("operands",),
    attributes=("callee",),
    infer=lambda types, attributes: (),
    variadic=True,
    doc="""Call of the function ``callee``: its inputs in, its outputs out.

(V5) operand and result types are those of the function.""",
)
register(CALL)
register_symbol_check(CALL.name, _check_call)


def call_attributes(callee: str) -> dict[str, SymbolRef]:
    """The attributes of a call of ``callee``."""
    return {"callee": SymbolRef(callee)}

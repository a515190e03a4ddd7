"""The control dialect: calls, choices and loops over functions of the module.

The functions that an operation refers to are functions of the module like any other, so every pass works on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.attributes import SymbolRef
from ..ir.definition import OpDefinition, register
from ..ir.graph import Graph, Operation, Value
from ..ir.module import Module
from ..ir.types import BOOL, INT64, TensorType
from ..ir.verifier import SymbolCheck, register_symbol_check

Types = Sequence[TensorType]


def mismatch(name: str, operands: tuple[Types, Types], results: tuple[Types, Types]) -> str | None:
    """How the types of operands and results, found and wanted, differ for the function ``name``, or None."""
    for what, (found, wanted) in (("operands", operands), ("results", results)):
        if list(found) != list(wanted):
            shown = ", ".join(map(str, found)), ", ".join(map(str, wanted))
            return f"has {what} ({shown[0]}) where @{name} asks for ({shown[1]})"
    return None


def _mismatch(callee: Graph, operands: Types, results: Types) -> str | None:
    """How what an operation gives a function, and takes from it, differs from what that has."""
    return mismatch(callee.name, (operands, _types(callee.inputs)), (results, _types(callee.outputs)))


def _types(values: Sequence[Value]) -> list[TensorType]:
    return [value.type for value in values]


def _check_call(op: Operation, module: Module) -> str | None:
    return _mismatch(module[op.attributes["callee"].name], _types(op.operands), _types(op.results))


def _check_cond(op: Operation, module: Module) -> str | None:
    if not op.operands or op.operands[0].type is not TensorType((), BOOL):
        return "takes a tensor<i1> as its first operand"
    for key in ("on_true", "on_false"):
        wrong = _mismatch(module[op.attributes[key].name], _types(op.operands[1:]), _types(op.results))
        if wrong:
            return wrong
    return None


class Loop:
    """A `control.scan` with its operands and results by their parts."""

    def __init__(self, op: Operation) -> None:
        a: dict[str, Any] = dict(op.attributes)
        self.op = op
        self.length: int = a["length"]
        self.body: str = a["body"].name
        count, last = a["carry"], a["carry"] + a["xs"]
        self.carry, self.xs, self.consts = op.operands[:count], op.operands[count:last], op.operands[last:]
        self.final, self.ys = op.results[:count], op.results[count:]

    def element(self, type: TensorType) -> TensorType:
        """The type of one element of a scanned array."""
        return type.with_shape(type.shape[1:])


def _check_scan(op: Operation, module: Module) -> str | None:
    loop = Loop(op)
    if loop.length < 0:
        return f"length = {loop.length} is negative"
    for value in (*loop.xs, *loop.ys):
        if value.type.shape[:1] != (loop.length,):
            return f"scans an array of type {value.type} over {loop.length} steps"
    inputs = [*_types(loop.carry), *(loop.element(value.type) for value in loop.xs), *_types(loop.consts)]
    outputs = [*_types(loop.carry), *(loop.element(value.type) for value in loop.ys)]
    if _types(loop.final) != _types(loop.carry):
        return "has a final carry of other types than the initial one"
    return _mismatch(module[loop.body], inputs, outputs)


def _check_while(op: Operation, module: Module) -> str | None:
    carry = _types(op.operands[: op.attributes["carry"]])
    return _mismatch(module[op.attributes["cond"].name], _types(op.operands), [TensorType((), BOOL)]) or _mismatch(
        module[op.attributes["body"].name], _types(op.operands), carry
    )


def _check_sweeps(op: Operation, module: Module) -> str | None:
    a = op.attributes
    count = sum(a["groups"])
    if not op.operands or op.operands[0].type is not TensorType((), INT64):
        return "takes the number of steps as a tensor<si64>, its first operand"
    states = _types(op.operands[1 : count + 1])
    if len(states) < count or any(not 0 <= i < count for i in a["wanted"]):
        return f"has {len(states)} states for groups = {list(a['groups'])} and wanted = {list(a['wanted'])}"
    if _types(op.results) != [states[i] for i in a["wanted"]]:
        return "has results of other types than the states that they are"
    body = module[a["body"].name]
    return _mismatch(body, _types(op.operands), states) or _check_order(body, a["groups"])


def _check_order(body: Graph, groups: Sequence[int]) -> str | None:
    """Whether a state is made of those of its own sweep and of earlier ones alone."""
    sweep_of = [number for number, size in enumerate(groups) for _ in range(size)]
    latest = dict(zip(body.inputs[1:], sweep_of, strict=False))
    for op in body:
        last = max((latest.get(value, 0) for value in op.operands), default=0)
        latest.update(dict.fromkeys(op.results, last))
    for i, (value, number) in enumerate(zip(body.outputs, sweep_of, strict=True)):
        if latest.get(value, 0) > number:
            return f"has state {i} in sweep {number}, which @{body.name} makes of sweep {latest[value]}"
    return None


def _define(name: str, attributes: tuple[str, ...], check: SymbolCheck, doc: str, **optional: Any) -> OpDefinition:
    definition = OpDefinition(
        name=name,
        operands=("operands",),
        attributes=attributes,
        infer=lambda types, attributes: (),
        variadic=True,
        optional=optional,
        doc=doc,
    )
    register(definition)
    register_symbol_check(name, check)
    return definition


CALL = _define(
    "control.call",
    ("callee",),
    _check_call,
    """Call of the function ``callee``: its inputs in, its outputs out.

(V5) operand and result types are those of the function.""",
)
CHECKPOINT = _define(
    "ad.checkpoint",
    ("callee", "tangents", "after"),
    _check_call,
    """Call of the function ``callee`` of which a derivative keeps the operands alone: its linear part is another such
call, of a function that computes anew what it needs.

``tangents`` says how many of the last operands it is linear in, where it is a linear part. ``after`` lists the
operands that are cotangents, where it is the transpose of one: no recomputation may run before they are there, nor be
shared with the first computation. (V5) operand and result types are those of the function.""",
    tangents=0,
    after=(),
)
COND = _define(
    "control.cond",
    ("on_true", "on_false", "tangents"),
    _check_cond,
    """The function ``on_true`` where the first operand is true, ``on_false`` where it is false, of the other operands.

``tangents`` says how many of the last operands it is linear in, where it is the linear part of another one. (V5) the
first operand is a tensor<i1>; operand and result types are those of both functions.""",
    tangents=0,
)
SCAN = _define(
    "control.scan",
    ("body", "carry", "xs", "length", "reverse", "tangents"),
    _check_scan,
    """A loop of ``length`` steps: ``(carry, y) = body(carry, x, const)``.

Operands: the initial carry (``carry`` many), scanned arrays (``xs`` many), whose leading axis has one element a step,
constants. Results: the final carry, and each y of the steps stacked along a leading axis. With ``reverse`` the steps
run from the last element to the first. ``tangents`` = (xs, consts) says how many of the last scanned arrays and
constants, beside the whole carry, it is linear in, where it is the linear part of another one. (V5) types are those of
the function.""",
    tangents=(),
)
WHILE = _define(
    "control.while",
    ("cond", "body", "carry"),
    _check_while,
    """``carry = body(carry, const)`` for as long as ``cond(carry, const)`` is true.

Operands: the initial carry (``carry`` many), constants. Results: the final carry. Its derivatives count the steps and
are a `control.sweeps` of as many. (V5) types are those of the functions.""",
)
SWEEPS = _define(
    "control.sweeps",
    ("body", "groups", "wanted", "tangents"),
    _check_sweeps,
    """Loops of one length that run one after the other, forward and backward in turn, each over the states of those
before it: a computation and its adjoint, the adjoint of both, and so on.

Operands: the number of steps, the initial states, constants. ``groups`` says how many states each sweep has. The first
sweep runs over the steps t = 0, 1, ..., the second over them from the last to the first, the third forward again.
``body(t, state, const)`` gives the next states; those of a sweep are made of its own and of the states that earlier
sweeps had before their step t. ``wanted`` lists the states whose final value is a result. How the states of earlier
sweeps come to be there again is left to the backend: it keeps some and computes the others anew. ``tangents`` lists the
operands that it is linear in, where it is the linear part of another loop. (V5) the number of steps is a tensor<si64>;
types are those of the function, whose states depend on no later sweep's.""",
    tangents=(),
)


def call_attributes(callee: str) -> dict[str, SymbolRef]:
    """The attributes of a call of ``callee``."""
    return {"callee": SymbolRef(callee)}

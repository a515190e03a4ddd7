"""Choices and loops as Python: ``if``, ``for`` and ``while`` around functions of the same source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ...ir.graph import Operation, Value
from ...ir.types import DTYPE_NAMES
from ...ops.control import COND, SCAN, SWEEPS, WHILE, Loop
from ...passes.lower import KERNELS
from ..sweeps import Sweeps, one_sweep

if TYPE_CHECKING:
    from .codegen import Codegen


def _targets(names: Sequence[str]) -> str:
    """The left side of an assignment from a tuple."""
    return ", ".join(names) + ("," if len(names) == 1 else "")


def _bind(codegen: Codegen, values: Sequence[Value]) -> list[str]:
    """Fresh variables for results."""
    names = []
    for value in values:
        codegen.names[value] = codegen.fresh()
        names.append(codegen.names[value])
    return names


def _cond(codegen: Codegen, op: Operation) -> None:
    operands = [codegen.full(value) for value in op.operands]
    calls = [f"{codegen.inner(op.attributes[key].name)}({', '.join(operands[1:])})" for key in ("on_true", "on_false")]
    targets = _bind(codegen, op.results)
    codegen.lines.append(f"{_targets(targets) or '_'} = {calls[0]} if {operands[0]} else {calls[1]}")


def _scan(codegen: Codegen, op: Operation) -> None:
    """A ``for`` over the rows of what is scanned and of what is stacked, with the body's statements in it."""
    loop = Loop(op)
    carry, xs, consts = ([codegen.full(value) for value in part] for part in (loop.carry, loop.xs, loop.consts))
    final, ys = _bind(codegen, loop.final), _bind(codegen, loop.ys)
    lines = [f"{name} = {first}" for name, first in zip(final, carry, strict=True)]
    for name, value in zip(ys, loop.ys, strict=True):
        dtype = value.type.dtype
        text = "bfloat16" if DTYPE_NAMES[dtype] == "bf16" else f"np.{'bool_' if dtype.kind == 'b' else dtype.name}"
        lines.append(f"{name} = np.empty({value.type.shape}, {text})")
    backward = bool(op.attributes["reverse"])
    rows = [codegen.fresh() for _ in xs]
    body = codegen.within(codegen.module[loop.body], (*final, *rows, *consts))
    # Rows of one number are numbers, not views: they are stored by their index.
    places = [codegen.fresh() if value.type.rank > 1 else "" for value in loop.ys]
    step = codegen.fresh().replace("v", "i")
    stored = [f"{place}[...]" if place else f"{name}[{step}]" for place, name in zip(places, ys, strict=True)]
    written = body.graph.outputs[len(carry) :]
    body.destinations = {value: place for value, place in zip(written, places, strict=True) if place}
    body.statements()
    results = [body.full(value) for value in body.graph.outputs]
    over = {
        row: f"{name}[::-1]" if backward else name
        for row, name in zip((*rows, *places), (*xs, *ys), strict=True)
        if row
    }
    if not over or not all(places):
        over[step] = f"range({loop.length - 1}, -1, -1)" if backward else f"range({loop.length})"
    codegen.lines += lines
    iterated = next(iter(over.values())) if len(over) == 1 else f"zip({', '.join(over.values())})"
    codegen.lines.append(f"for {', '.join(over)} in {iterated}:")
    ends = [
        f"{target} = {result}"
        for target, result, value in zip(stored, results[len(carry) :], written, strict=True)
        if value not in body.written
    ]
    if final != results[: len(carry)]:
        ends.append(f"{', '.join(final)} = {', '.join(results[: len(carry)])}")
    codegen.lines += [f"    {line}" for line in (*body.lines, *ends)] or ["    pass"]


def _while(codegen: Codegen, op: Operation) -> None:
    count: int = op.attributes["carry"]
    test, body = (codegen.inner(op.attributes[key].name) for key in ("cond", "body"))
    operands = [codegen.full(value) for value in op.operands]
    final = _bind(codegen, op.results)
    codegen.lines += [f"{name} = {first}" for name, first in zip(final, operands, strict=False)]
    arguments = ", ".join([*final, *operands[count:]])
    codegen.lines.append(f"while {test}({arguments})[0]:")
    codegen.lines.append(f"    {_targets(final) or '_'} = {body}({arguments})")


def _sweeps(codegen: Codegen, op: Operation) -> None:
    a = op.attributes
    steps, *rest = (codegen.full(value) for value in op.operands)
    bodies, states, first = [], [], 0
    for size in a["groups"]:
        own = slice(first, first + size)
        body = codegen.module.add(one_sweep(codegen.module[a["body"].name], own, sum(a["groups"]), KERNELS))
        bodies.append(codegen.inner(body.name))
        states.append(f"({''.join(f'{name}, ' for name in rest[own])})")
        first += size
    nbytes = sum(value.type.nbytes for value in op.operands[1 : first + 1])
    run = codegen.bind("sweeps", Sweeps(a["groups"], a["wanted"], nbytes).run)
    targets = _bind(codegen, op.results)
    arguments = f"({', '.join(bodies)},), ({', '.join(states)},), ({''.join(f'{name}, ' for name in rest[first:])})"
    codegen.lines.append(f"{_targets(targets) or '_'} = {run}({steps}, {arguments})")


CONTROL: Final[dict[str, Callable[[Codegen, Operation], None]]] = {
    COND.name: _cond,
    SCAN.name: _scan,
    SWEEPS.name: _sweeps,
    WHILE.name: _while,
}

"""Choices and loops as Python: ``if`` and ``while`` around functions of the same source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ...ir.graph import Operation, Value
from ...ops.control import COND, SWEEPS, WHILE
from ..sweeps import Sweeps, one_sweep
from .caches import BLOCKED

if TYPE_CHECKING:
    from .codegen import Codegen


def _targets(names: Sequence[str]) -> str:
    """The left side of an assignment from a tuple."""
    return ", ".join(names) + ("," if len(names) == 1 else "")


def bind_results(codegen: Codegen, values: Sequence[Value]) -> list[str]:
    """Fresh variables for results."""
    names = []
    for value in values:
        codegen.names[value] = codegen.fresh()
        names.append(codegen.names[value])
    return names


def _cond(codegen: Codegen, op: Operation) -> None:
    operands = [codegen.full(value) for value in op.operands]
    calls = [f"{codegen.inner(op.attributes[key].name)}({', '.join(operands[1:])})" for key in ("on_true", "on_false")]
    targets = bind_results(codegen, op.results)
    codegen.lines.append(f"{_targets(targets) or '_'} = {calls[0]} if {operands[0]} else {calls[1]}")


def _while(codegen: Codegen, op: Operation) -> None:
    count: int = op.attributes["carry"]
    test, body = (codegen.inner(op.attributes[key].name) for key in ("cond", "body"))
    operands = [codegen.full(value) for value in op.operands]
    final = bind_results(codegen, op.results)
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
        body = codegen.module.add(one_sweep(codegen.module[a["body"].name], own, sum(a["groups"]), BLOCKED))
        bodies.append(codegen.inner(body.name))
        states.append(f"({''.join(f'{name}, ' for name in rest[own])})")
        first += size
    nbytes = sum(value.type.nbytes for value in op.operands[1 : first + 1])
    run = codegen.bind("sweeps", Sweeps(a["groups"], a["wanted"], nbytes).run)
    targets = bind_results(codegen, op.results)
    arguments = f"({', '.join(bodies)},), ({', '.join(states)},), ({''.join(f'{name}, ' for name in rest[first:])})"
    codegen.lines.append(f"{_targets(targets) or '_'} = {run}({steps}, {arguments})")


CONTROL: Final[dict[str, Callable[[Codegen, Operation], None]]] = {
    COND.name: _cond,
    SWEEPS.name: _sweeps,
    WHILE.name: _while,
}

"""The door to XLA: programs as StableHLO, the dialect of MLIR that XLA and its kin compile.

Operations that StableHLO lacks are those of CHLO, its companion dialect, which XLA takes as well and which MLIR's pass
``chlo-legalize-to-stablehlo`` replaces.
"""

from __future__ import annotations

from typing import Final

from ...ir.errors import UnsupportedOperationError
from ...ir.generic import GenericPrinter
from ...ir.graph import Graph, Operation
from ...ir.literals import quote
from ...ir.module import Module
from ...passes import PassManager
from ..numpy import NUMPY
from .elementwise import Row
from .table import ROWS
from .writer import Tensor, Writer, function_type, type_text

__all__ = ["PIPELINE", "to_stablehlo"]

#: What runs before a program is written, unless the caller chooses other passes.
PIPELINE: Final = NUMPY.pipeline


def to_stablehlo(module: Module, pipeline: str = PIPELINE, *, locations: bool = False) -> str:
    """A module as StableHLO text, in MLIR's generic form; ``module`` is left as it is.

    ``pipeline`` runs on a copy first; what it leaves is written. The entry function is called ``main``, as XLA asks.
    With ``locations`` each operation ends in the user's place. Signed integers (si64) are StableHLO's signless ones
    (i64). Indices out of range, an IndexError in mixad, are clamped when reading and dropped when writing. Raises
    `UnsupportedOperationError` for an operation that has no counterpart, such as a request for a derivative that the
    pipeline has not expanded.
    """
    module = module.clone()
    PassManager(pipeline).run(module)
    taken = Module()
    lines = ['"builtin.module"() ({']
    for graph in module:
        name = taken.add(Graph("main" if graph is module.entry else graph.name)).name
        lines += _function(graph, name, locations)
    named = f" {{sym_name = {quote(module.name)}}}" if module.name else ""
    return "\n".join([*lines, f"}}){named} : () -> ()"]) + "\n"


def _function(graph: Graph, name: str, locations: bool) -> list[str]:
    writer, places = Writer("    "), GenericPrinter(locations)
    values = {value: Tensor(f"%arg{index}", value.type) for index, value in enumerate(graph.inputs)}
    arguments = ", ".join([f"{each.name}: {type_text(each.type)}" for each in values.values()])
    for op in graph:
        writer.location = places.location(op.location)
        values[op.result] = _row(op)(writer, op, *[values[value] for value in op.operands])
    writer.location = ""
    outputs = [values[value] for value in graph.outputs]
    writer.write("", "func.return", outputs, [])
    type = function_type([value.type for value in graph.inputs], [each.type for each in outputs])
    shown = f"function_type = {type}, sym_name = {quote(name)}"
    start = f"  ^bb0({arguments}):" if arguments else "  ^bb0:"
    return ['  "func.func"() ({', start, *writer.lines, f"  }}) {{{shown}}} : () -> ()"]


def _row(op: Operation) -> Row:
    row = ROWS.get(op.name)
    if row is not None:
        return row
    request = op.definition.dialect == "ad" or op.name == "control.call"
    remedy = "run expand-ad and inline before" if request else "compose it of others"
    raise UnsupportedOperationError(f"StableHLO has no counterpart of '{op.name}', at {op.location}: {remedy}")

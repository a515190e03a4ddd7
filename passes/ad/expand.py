"""expand-ad: requests for derivatives become the functions that compute them.

Innermost first: a request's function has no request left when it is differentiated itself, so
derivatives of any order come from running the same passes on their own output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx

from ...ir.attributes import SymbolRef
from ...ir.errors import PassError
from ...ir.graph import Graph, Operation
from ...ir.module import Module
from ...ops.control import CALL, call_attributes
from ...ops.requests import REQUESTS, VJP, VMAP
from ..inline import Inline, references
from ..manager import Fixpoint, Pass, PassLog, register_pass
from ..simplify import simplification
from .batch import Batch
from .custom import ResolveLinear, needed_functions
from .linearize import Linearize
from .prune import PruneStopGradient
from .seed import SeedSens
from .transpose import Transpose


@register_pass("expand-ad")
@dataclass(frozen=True)
class ExpandAD(Pass):
    """Replace each `ad.vjp`, `ad.jvp` and `ad.vmap` by a call of a function that computes it.

    For each request, on a copy of its function: inline; for a derivative prune-stop-gradient, linearize, transpose
    (for a vjp) and seed-sens, for a map batch; then simplification. So a dump shows every order on its own. Requests
    for the same of the same function share one.
    """

    def run(self, module: Module, log: PassLog) -> bool:
        """Raises `PassError` where functions request derivatives of each other in a circle."""
        made: dict[Any, str] = {}
        changed = False
        for name in _callees_first(module):
            graph = module[name]
            for op in list(graph):
                if op.name in REQUESTS:
                    self._expand(op, graph, module, log, made)
                    changed = True
        log.count("derived", len(made))
        return changed

    def _expand(self, op: Operation, graph: Graph, module: Module, log: PassLog, made: dict[Any, str]) -> None:
        key = (op.name, tuple(sorted((name, repr(value)) for name, value in op.attributes.items())))
        if key not in made:
            made[key] = _derive(op, module, log)
        types = [value.type for value in op.results]
        call = Operation(CALL, op.operands, call_attributes(made[key]), types, (), op.location)
        for old, new in zip(op.results, call.results, strict=True):
            new.name = old.name
        graph.insert(call, op)
        graph.replace(op, call.results)


def _derive(op: Operation, module: Module, log: PassLog) -> str:
    """Make the function that a request asks for; returns its name."""
    source: str = op.attributes["callee"].name
    kind = op.name.partition(".")[2]
    if references(module, source) == 1 and module.entry.name != source:
        graph = module[source]
        module.remove(source)
        graph.name = f"{source}_{kind}"
    else:
        graph = module[source].clone(f"{source}_{kind}")
    name = module.add(graph).name
    log.run(Inline(name), module)
    for rule in needed_functions(module[name], module):
        log.run(Inline(rule), module)
    if op.name == VMAP.name:
        log.run(Batch(op.attributes["batched"], op.attributes["size"], name), module)
    else:
        log.run(PruneStopGradient(name), module)
        log.run(Linearize(op.attributes["wrt"], op.attributes["aux"], name), module)
        if op.name == VJP.name:
            log.run(Transpose(name), module)
        for part in (name, *needed_functions(module[name], module)):
            log.run(ResolveLinear(part), module)
        log.run(SeedSens(op.attributes.get("sens", "given"), name), module)
    log.run(Fixpoint(simplification(name)), module)
    return name


def _callees_first(module: Module) -> list[str]:
    """The functions, each behind those that it calls or has for rules. A rule may lead back to its function."""
    calls: nx.DiGraph[str] = nx.DiGraph()
    calls.add_nodes_from(module.functions)
    called = calls.copy()
    for graph in module:
        for op in graph:
            for key, value in op.attributes.items():
                if isinstance(value, SymbolRef):
                    calls.add_edge(graph.name, value.name)
                    if key == "callee":
                        called.add_edge(graph.name, value.name)
    if not nx.is_directed_acyclic_graph(called):
        raise PassError("functions request derivatives of each other in a circle")
    groups = nx.condensation(calls)
    order: list[str] = []
    for group in reversed(list(nx.topological_sort(groups))):
        members = called.subgraph(groups.nodes[group]["members"])
        order += reversed(list(nx.topological_sort(members)))
    return order

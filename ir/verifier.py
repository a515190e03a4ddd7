"""Checks that a program keeps the rules of the IR.

The rules, by label:

(V1) an operand is defined before its use, in the same graph
(V2) the networkx edges are the operands, no more and no fewer
(V3) an operation has the number of operands, the attributes and the regions of its definition
(V4) result types are those that the type rule infers; the operation's own constraints hold
(V5) a function reference names a function of the module, with matching operand types
(V6) functions do not call each other in a circle
(V7) names of functions are their names in the module
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

import networkx as nx

from .attributes import SymbolRef, is_attribute
from .errors import ConstraintError, VerificationError
from .graph import Graph, Operation, Value
from .module import Module

#: Checks of one operation against its module, by operation name; dialects add theirs.
#: Attributes that name a derivative rule: it is no call, and a rule may lead back to its function.
RULES: Final = ("jvp", "forward", "backward")
SymbolCheck = Callable[[Operation, Module], str | None]
_symbol_checks: dict[str, SymbolCheck] = {}


def register_symbol_check(name: str, check: SymbolCheck) -> None:
    """Check operations called ``name`` against the functions they refer to; ``check`` returns what
    is wrong, or None."""
    _symbol_checks[name] = check


def verify(program: Module | Graph) -> None:
    """Raise `VerificationError` at the first broken rule."""
    if isinstance(program, Graph):
        _verify_graph(program)
        return
    for name, graph in program.functions.items():
        if graph.name != name:
            raise VerificationError(f"(V7) function @{graph.name} is stored under the name @{name}")
        _verify_graph(graph)
    _verify_symbols(program)


def _fail(op: Operation, graph: Graph, label: str, message: str) -> NoReturn:
    where = f", from {op.location}" if op.location else ""
    problem = f"'{op.name}' op ({label}) {message}"
    raise VerificationError(f"{problem}, in @{graph.name}{where}", problem, op)


def _verify_graph(graph: Graph) -> None:
    defined: set[Value] = set(graph.inputs)
    network = graph.network
    for op in [*graph, graph.end]:
        for position, value in enumerate(op.operands):
            if value not in defined:
                place = "later in" if value.owner.graph is graph else "outside"
                _fail(op, graph, "V1", f"operand {position} is defined {place} the function")
        edges = sorted(network.in_edges(op, keys=True), key=lambda edge: edge[2][1])
        if [(source, key) for source, _, key in edges] != [
            (value.owner, (value.index, position)) for position, value in enumerate(op.operands)
        ]:
            _fail(op, graph, "V2", f"{len(edges)} edges do not match {len(op.operands)} operands")
        if op is not graph.end:
            _verify_operation(op, graph)
        defined.update(op.results)
    if network.number_of_nodes() != len(graph) + len(graph.inputs) + 1:
        raise VerificationError(
            f"(V2) @{graph.name} has {len(graph)} operations and {len(graph.inputs)} arguments "
            f"but {network.number_of_nodes()} nodes"
        )


def _verify_operation(op: Operation, graph: Graph) -> None:
    definition = op.definition
    count, least = len(op.operands), len(definition.operands) - definition.variadic
    if count < least or (count > least and not definition.variadic):
        _fail(op, graph, "V3", f"has {count} operands and takes {'at least ' * definition.variadic}{least}")
    for key, value in op.attributes.items():
        if key not in definition.attributes:
            known = ", ".join(definition.attributes) or "none"
            _fail(op, graph, "V3", f"has no attribute '{key}'; it takes {known}")
        if not is_attribute(value):
            _fail(op, graph, "V3", f"attribute '{key}' cannot be a {type(value).__name__}")
    for key in definition.attributes:
        if key not in op.attributes and key not in definition.optional:
            _fail(op, graph, "V3", f"lacks the attribute '{key}'")
    if len(op.regions) != definition.regions:
        _fail(op, graph, "V3", f"has {len(op.regions)} regions and takes {definition.regions}")
    for region in op.regions:
        _verify_graph(region)
    try:
        types = definition.infer([value.type for value in op.operands], op.attributes)
    except ConstraintError as error:
        _fail(op, graph, error.label, error.message)
    except Exception as error:  # an attribute of a kind that the rule does not expect
        _fail(op, graph, "V4", f"the type rule fails on these attributes: {type(error).__name__}: {error}")
    if types != tuple(value.type for value in op.results) and definition.name not in _symbol_checks:
        found = ", ".join(str(value.type) for value in op.results)
        _fail(op, graph, "V4", f"has results ({found}) where ({', '.join(map(str, types))}) is inferred")


def _verify_symbols(module: Module) -> None:
    calls: nx.DiGraph[str] = nx.DiGraph()
    for graph in module:
        _verify_calls(graph, graph.name, module, calls)
    if not nx.is_directed_acyclic_graph(calls):
        edges = nx.find_cycle(calls)
        circle = " -> ".join(f"@{name}" for name in [*[edge[0] for edge in edges], edges[0][0]])
        problem = f"(V6) functions call each other in a circle: {circle}"
        raise VerificationError(problem, problem, calls.edges[edges[0]]["operation"])


def _verify_calls(graph: Graph, caller: str, module: Module, calls: nx.DiGraph[str]) -> None:
    for op in graph:
        for key, attribute in op.attributes.items():
            for name in _symbols((attribute,)):
                if name not in module.functions:
                    _fail(op, graph, "V5", f"refers to @{name}, which the module does not have")
                if key not in RULES:
                    calls.add_edge(caller, name, operation=op)
        check = _symbol_checks.get(op.name)
        try:
            wrong = check(op, module) if check else None
        except Exception as error:  # an attribute of a kind that the check does not expect
            wrong = f"the check fails on these attributes: {type(error).__name__}: {error}"
        if wrong:
            _fail(op, graph, "V5", wrong)
        for region in op.regions:
            _verify_calls(region, caller, module, calls)


def _symbols(attributes: Iterable[Any]) -> Iterator[str]:
    for attribute in attributes:
        if isinstance(attribute, SymbolRef):
            yield attribute.name
        elif isinstance(attribute, tuple):
            yield from _symbols(attribute)

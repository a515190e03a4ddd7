"""A function as a plain networkx graph, and as Graphviz text."""

from __future__ import annotations

from typing import Any

import networkx as nx

from .graph import Graph, Operation
from .printer import Names


def to_networkx(graph: Graph) -> nx.MultiDiGraph[int]:
    """A copy of plain data that the caller may change; `Graph.to_networkx` documents it."""
    copy: nx.MultiDiGraph[int] = nx.MultiDiGraph(name=graph.name)
    names = Names()
    numbers: dict[Operation, int] = {}

    def add(op: Operation, value: str) -> None:
        number = numbers[op] = len(numbers)
        copy.add_node(number, **_node(op, value))
        for position, operand in enumerate(op.operands):
            data = {
                "value": names.of[operand],
                "type": operand.type.text,
                "result": operand.index,
                "operand": position,
            }
            copy.add_edge(numbers[operand.owner], number, (operand.index, position), **data)

    for argument in graph.inputs:
        add(argument.owner, names.argument(argument))
    for op in graph:
        add(op, names.results(op).removesuffix(" = "))
    add(graph.end, "")
    return copy


def _node(op: Operation, value: str) -> dict[str, Any]:
    return {
        "name": op.name,
        "value": value,
        "type": ", ".join(result.type.text for result in op.results),
        "label": f"{value} = {op.name}" if value else op.name,
        "attributes": dict(op.attributes),
        "order": op.location.order,
        "location": str(op.location) if op.location else "",
    }


def to_dot(graph: Graph) -> str:
    """Graphviz's text; `Graph.to_dot` documents it."""
    plain = to_networkx(graph)
    lines = [f"digraph {_quote(graph.name)} {{", "  node [shape=box, fontname=monospace];"]
    for number, data in plain.nodes(data=True):
        order = f" ∂{data['order']}" if data["order"] else ""
        lines.append(f"  n{number} [label={_quote(data['label'] + order)}, tooltip={_quote(data['location'])}];")
    for source, target, data in plain.edges(data=True):
        shape = data["type"].removeprefix("tensor<").removesuffix(">")
        lines.append(f"  n{source} -> n{target} [label={_quote(shape)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\0", "") + '"'

"""Graphs as networkx's own and as Graphviz text."""

from __future__ import annotations

import networkx as nx
import pytest
from mixad.ir import Graph, parse_module

TEXT = """module @m {
  func @f(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    %0 = tensor.sin %x : tensor<2x3xf32> loc("a.py":3 "f")
    %both = tensor.mul %0, %0 : tensor<2x3xf32> loc("a.py":3 "f" "tensor.sin" 2)
    return %both
  }
}
"""


@pytest.fixture
def graph() -> Graph:
    return parse_module(TEXT, "m").entry


def test_networkx_nodes(graph: Graph) -> None:
    plain = graph.to_networkx()
    assert [data["label"] for _, data in plain.nodes(data=True)] == [
        "%x = func.argument",
        "%0 = tensor.sin",
        "%both = tensor.mul",
        "func.return",
    ]
    assert plain.nodes[2]["order"] == 2
    assert plain.nodes[2]["type"] == "tensor<2x3xf32>"
    assert plain.nodes[1]["location"] == "a.py:3 in f"


def test_networkx_edges_are_the_operands(graph: Graph) -> None:
    plain = graph.to_networkx()
    assert sorted(plain.edges(keys=True)) == [(0, 1, (0, 0)), (1, 2, (0, 0)), (1, 2, (0, 1)), (2, 3, (0, 0))]
    assert plain.edges[1, 2, (0, 1)] == {"value": "%0", "type": "tensor<2x3xf32>", "result": 0, "operand": 1}


def test_networkx_copy_is_the_callers(graph: Graph) -> None:
    before = str(graph)
    plain = graph.to_networkx()
    plain.remove_node(1)
    plain.nodes[2]["attributes"]["new"] = 1
    assert str(graph) == before
    assert nx.is_directed_acyclic_graph(graph.to_networkx())


def test_dot(graph: Graph) -> None:
    lines = graph.to_dot().splitlines()
    assert lines[0] == 'digraph "f" {'
    assert '  n2 [label="%both = tensor.mul ∂2", tooltip="a.py:3 in f"];' in lines
    assert lines.count('  n1 -> n2 [label="2x3xf32"];') == 2
    assert lines[-1] == "}"


def test_dot_quotes_names() -> None:
    graph = Graph('a"];\n evil [label="b\\')
    assert graph.to_dot().splitlines()[0] == r'digraph "a\"];\n evil [label=\"b\\" {'

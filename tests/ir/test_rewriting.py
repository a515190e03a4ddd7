"""The rewriting driver: worklist order, replacement, counts, and linear work."""

from __future__ import annotations

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Builder, Graph, Location, Operation, TensorType, Value, print_graph, verify
from mixad.ir.rewriting import PatternTable

F32 = TensorType((2,), np.float32)


def chain(name: str, length: int) -> Graph:
    """One operation applied over and over."""
    graph = Graph("f")
    value = graph.add_input(F32, "x")
    for _ in range(length):
        value = Builder(graph).build(name, value).results[0]
    graph.set_outputs([value])
    return graph


def names(graph: Graph) -> list[str]:
    verify(graph)
    return [op.name for op in graph]


def cancel_pair(op: Operation, b: Builder) -> Value | None:
    """neg(neg(x)) is x."""
    inner = op.operands[0].owner
    return inner.operands[0] if inner.name == "tensor.neg" else None


@pytest.mark.parametrize(("length", "left"), [(0, 0), (1, 1), (2, 0), (7, 1), (8, 0)])
def test_a_rewrite_makes_the_next_one_match(length: int, left: int) -> None:
    table = PatternTable()
    table.pattern("tensor.neg")(cancel_pair)
    graph = chain("tensor.neg", length)
    counts = table.rewrite(graph)
    for op in reversed(graph):
        if not graph.is_used(op):
            graph.erase(op)
    assert names(graph) == ["tensor.neg"] * left
    assert counts == ({"cancel_pair": length // 2} if length > 1 else {})
    assert table.rewrite(graph) == {}


def test_new_operations_are_looked_at_and_keep_the_location() -> None:
    table = PatternTable()

    @table.pattern("tensor.tanh")
    def first(op: Operation, b: Builder) -> Value:
        value: Value = b.sin(op.operands[0])
        return value

    @table.pattern("tensor.sin")
    def second(op: Operation, b: Builder) -> Value:
        value: Value = b.neg(op.operands[0])
        return value

    graph = chain("tensor.tanh", 3)
    for line, op in enumerate(graph):
        op.location = Location("a.py", line)
        op.results[0].name = f"v{line}"
    assert table.rewrite(graph) == {"first": 3, "second": 3}
    assert names(graph) == ["tensor.neg"] * 3
    assert [op.location.line for op in graph] == [0, 1, 2]
    assert "%v2 = tensor.neg %v1" in print_graph(graph)


def test_patterns_are_tried_in_order_and_may_decline() -> None:
    table = PatternTable()
    tried = []

    @table.pattern("tensor.sin", "tensor.tanh")
    def decline(op: Operation, b: Builder) -> None:
        tried.append(("decline", op.name))

    @table.pattern("tensor.sin")
    def accept(op: Operation, b: Builder) -> tuple[Value]:
        tried.append(("accept", op.name))
        return (op.operands[0],)

    @table.pattern("tensor.sin")
    def never(op: Operation, b: Builder) -> None:
        raise AssertionError("a pattern behind one that matched is not tried")

    graph = Graph("f")
    x = graph.add_input(F32)
    graph.set_outputs([Builder(graph).build("tensor.tanh", Builder(graph).build("tensor.sin", x).result).result])
    assert list(table.patterns()) == ["tensor.sin", "tensor.tanh"]
    assert table.rewrite(graph) == {"accept": 1}
    assert names(graph) == ["tensor.tanh"]
    assert tried[:2] == [("decline", "tensor.sin"), ("accept", "tensor.sin")]
    assert set(tried[2:]) == {("decline", "tensor.tanh")}


def test_a_pattern_may_erase_other_operations() -> None:
    table = PatternTable()

    @table.pattern("tensor.sin")
    def erase_the_rest(op: Operation, b: Builder) -> None:
        for other in reversed(graph):
            if other is not op and not graph.is_used(other):
                graph.erase(other)

    graph = chain("tensor.sin", 0)
    for _ in range(5):
        Builder(graph).build("tensor.sin", graph.inputs[0])
    assert table.rewrite(graph) == {}
    assert names(graph) == ["tensor.sin"]


def test_work_is_linear_in_the_length() -> None:
    def looks(length: int) -> int:
        table = PatternTable()
        seen = 0

        @table.pattern("tensor.neg")
        def count(op: Operation, b: Builder) -> Value | None:
            nonlocal seen
            seen += 1
            return cancel_pair(op, b)

        table.rewrite(chain("tensor.neg", length))
        return seen

    assert looks(2000) <= 10.5 * looks(200)

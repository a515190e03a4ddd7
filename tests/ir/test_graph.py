"""The graph: program order, edges and uses stay consistent, at any size, without recursion."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import (
    Builder,
    Graph,
    Module,
    Operation,
    TensorType,
    Value,
    fingerprint,
    parse_module,
    print_graph,
    print_module,
    verify,
)

F32 = TensorType((2,), np.float32)


def chain(length: int) -> Graph:
    """x, sin(x), sin(sin(x)), ..."""
    graph = Graph("f")
    value = graph.add_input(F32, "x")
    builder = Builder(graph)
    for _ in range(length):
        value = builder.build("tensor.sin", value).results[0]
    graph.set_outputs([value])
    return graph


def sin(graph: Graph, value: Value, before: Operation | None = None) -> Operation:
    return Builder(graph, before).build("tensor.sin", value)


def order(graph: Graph) -> list[Operation]:
    """Program order, checked in both directions and against the length."""
    operations = list(graph)
    assert operations == list(reversed(graph))[::-1]
    assert len(graph) == len(operations)
    verify(graph)
    return operations


def test_insert_before_and_at_the_end() -> None:
    graph = Graph("f")
    x = graph.add_input(F32)
    last = sin(graph, x)
    first = sin(graph, x, last)
    middle = sin(graph, first.result, last)
    assert order(graph) == [first, middle, last]
    assert all(op.graph is graph for op in graph)


def test_erase_the_first_the_last_and_the_only() -> None:
    graph = chain(0)
    x = graph.inputs[0]
    a, b, c = (sin(graph, x) for _ in range(3))
    graph.erase(a)
    assert order(graph) == [b, c]
    graph.erase(c)
    assert order(graph) == [b]
    graph.erase(b)
    assert order(graph) == []
    assert b.graph is None
    d = sin(graph, x)
    assert order(graph) == [d]


def test_erase_refuses_what_is_used() -> None:
    graph = chain(2)
    for op in graph:
        with pytest.raises(ValueError, match=r"tensor\.sin is in use and cannot be erased"):
            graph.erase(op)
    assert len(order(graph)) == 2


def test_move() -> None:
    graph = chain(0)
    x = graph.inputs[0]
    a, b, c = (sin(graph, x) for _ in range(3))
    graph.move(c, a)
    assert order(graph) == [c, a, b]
    graph.move(c, graph.end)
    assert order(graph) == [a, b, c]
    graph.move(a, a)
    graph.move(a, b)
    assert order(graph) == [a, b, c]


def test_uses_count_every_operand_and_the_return() -> None:
    graph = chain(0)
    x = graph.inputs[0]
    square = Builder(graph).build("tensor.mul", x, x)
    graph.set_outputs([x, square.result, x])
    assert sorted(position for user, position in graph.uses(x) if user is square) == [0, 1]
    assert sorted(position for user, position in graph.uses(x) if user is graph.end) == [0, 2]
    assert graph.has_one_use(square.result)
    assert not graph.has_one_use(x)
    assert graph.network.number_of_edges(x.owner, square) == 2
    graph.set_outputs([])
    assert not graph.is_used(square)
    assert graph.outputs == ()
    order(graph)


def test_set_operand() -> None:
    graph = chain(0)
    x, y = graph.inputs[0], graph.add_input(F32)
    graph.set_outputs([])
    op = Builder(graph).build("tensor.mul", x, x)
    graph.set_operand(op, 1, y)
    assert op.operands == (x, y)
    assert graph.uses(x) == [(op, 0)]
    assert graph.uses(y) == [(op, 1)]
    order(graph)


def test_replace_moves_uses_and_names() -> None:
    graph = chain(1)
    (old,) = graph
    old.result.name = "loss"
    new = sin(graph, graph.inputs[0], old)
    graph.set_outputs([old.result, old.result])
    graph.replace(old, [new.result])
    assert graph.outputs == (new.result, new.result)
    assert new.result.name == "loss"
    assert old.graph is None
    assert order(graph) == [new]


def test_replace_all_uses() -> None:
    graph = chain(0)
    x, y = graph.inputs[0], graph.add_input(F32)
    op = Builder(graph).build("tensor.mul", x, x)
    graph.set_outputs([x])
    graph.replace_all_uses(x, y)
    assert op.operands == (y, y)
    assert graph.outputs == (y,)
    assert graph.uses(x) == []
    graph.replace_all_uses(y, y)
    assert len(graph.uses(y)) == 3
    order(graph)


def test_inputs_are_removed_and_reordered() -> None:
    graph = chain(1)
    x, y = graph.inputs[0], graph.add_input(F32, "y")
    graph.reorder_inputs([1, 0])
    assert graph.inputs == (y, x)
    with pytest.raises(ValueError, match="argument 1 of @f is in use"):
        graph.remove_input(1)
    with pytest.raises(ValueError, match=r"\[0, 0\] is no permutation of 2 arguments"):
        graph.reorder_inputs([0, 0])
    graph.remove_input(0)
    assert graph.inputs == (x,)
    order(graph)


def test_iteration_survives_erasing_and_inserting() -> None:
    graph = chain(0)
    x = graph.inputs[0]
    for _ in range(6):
        sin(graph, x)
    seen = 0
    for op in graph:
        seen += 1
        if seen % 2:
            graph.erase(op)
        else:
            sin(graph, x, op)
    assert seen == 6
    assert len(order(graph)) == 6
    for op in reversed(graph):
        graph.erase(op)
    assert order(graph) == []


def test_iteration_sees_what_is_inserted_behind() -> None:
    graph = chain(1)
    seen = []
    for op in graph:
        seen.append(op)
        if len(seen) < 4:
            sin(graph, op.result)
    assert seen == order(graph)
    assert len(seen) == 4


def test_clone_shares_no_node() -> None:
    graph = chain(3)
    graph.attributes["n"] = 1
    graph.add_input(F32)
    copy = graph.clone("g")
    assert copy.name == "g"
    assert print_graph(copy) == print_graph(graph).replace("@f", "@g")
    assert not set(copy.network) & set(graph.network)
    copy.attributes["n"] = 2
    copy.set_outputs([])
    for op in reversed(copy):
        copy.erase(op)
    assert graph.attributes == {"n": 1}
    assert len(order(graph)) == 3


def test_modules_name_functions_apart() -> None:
    module = Module()
    with pytest.raises(ValueError, match="the module is empty"):
        _ = module.entry
    for _ in range(3):
        module.add(chain(1))
    assert list(module.functions) == ["f", "f_1", "f_2"]
    assert module.entry is module["f"]
    module.remove("f_1")
    assert module.fresh_name("f") == "f_1"
    assert len(module) == 2
    assert print_module(module.clone()) == print_module(module)


class CallCounter:
    """Counts calls of Python and C functions: work done, whatever the machine's speed."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> CallCounter:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: object, event: str, argument: object) -> None:
        self.count += event in ("call", "c_call")


def work(length: int) -> Iterator[tuple[str, int]]:
    """How many calls each treatment of a chain takes."""
    graph = chain(length)
    text = f"module {{\n{print_graph(graph)}}}\n"
    for name, treat in {
        "build": lambda: chain(length),
        "iterate": lambda: [*graph, *reversed(graph)],
        "clone": graph.clone,
        "print": lambda: print_graph(graph),
        "parse": lambda: parse_module(text),
        "fingerprint": lambda: fingerprint(graph),
        "verify": lambda: verify(graph),
        "erase": lambda: (graph.set_outputs([]), [graph.erase(op) for op in reversed(graph)]),
    }.items():
        with CallCounter() as counter:
            treat()
        yield name, counter.count


def test_work_is_linear_in_the_length() -> None:
    small, large = dict(work(200)), dict(work(2000))
    for name, calls in small.items():
        assert large[name] <= 10.5 * calls + 100, name


@pytest.mark.slow
def test_a_hundred_thousand_operations_do_not_recurse() -> None:
    length = 100_000
    graph = chain(length)
    assert sum(1 for _ in graph) == len(graph) == length
    copy = graph.clone()
    assert fingerprint(copy) == fingerprint(graph)
    text = print_graph(graph)
    assert text.count("\n") == length + 3
    again = parse_module(f"module {{\n{text}}}\n").entry
    assert fingerprint(again) == fingerprint(graph)

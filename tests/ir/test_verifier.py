"""Each rule of the verifier, broken: tests are named after the rules' labels."""

from __future__ import annotations

import re
from unittest import mock

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import (
    Builder,
    Dense,
    Graph,
    Location,
    Module,
    OpDefinition,
    Operation,
    SymbolRef,
    TensorType,
    definition,
    lookup,
    parse_module,
    verify,
)
from mixad.ir.errors import ParseError, VerificationError

F32 = TensorType((2,), np.float32)
F64 = TensorType((2,), np.float64)


def graph_of(*names: str) -> Graph:
    """A chain of operations of one operand."""
    graph = Graph("f")
    value = graph.add_input(F32, "x")
    for name in names:
        value = Builder(graph).build(name, value).results[0]
    graph.set_outputs([value])
    return graph


def refused(program: Graph | Module, message: str) -> VerificationError:
    """The error, whose message is all of ``message``."""
    with pytest.raises(VerificationError, match=f"^{re.escape(message)}$") as caught:
        verify(program)
    return caught.value


def test_good_programs_pass() -> None:
    graph = graph_of("tensor.sin", "tensor.tanh", "ad.stop_gradient")
    verify(graph)
    module = Module()
    module.add(graph)
    verify(module)


def test_v1_operand_defined_later() -> None:
    graph = graph_of("tensor.sin", "tensor.tanh")
    sin, tanh = graph
    graph.move(tanh, sin)
    error = refused(graph, "'tensor.tanh' op (V1) operand 0 is defined later in the function, in @f")
    assert error.operation is tanh
    assert error.problem == "'tensor.tanh' op (V1) operand 0 is defined later in the function"


def test_v1_operand_of_another_graph() -> None:
    graph, other = graph_of("tensor.sin"), graph_of("tensor.sin")
    graph.set_outputs(other.outputs)
    refused(graph, "'func.return' op (V1) operand 0 is defined outside the function, in @f")


def test_v1_operand_erased() -> None:
    graph = graph_of("tensor.sin", "tensor.tanh")
    sin, _ = graph
    graph._unlink(sin)
    sin.graph = None
    refused(graph, "'tensor.tanh' op (V1) operand 0 is defined outside the function, in @f")


def test_v2_edge_missing() -> None:
    graph = graph_of("tensor.sin")
    (sin,) = graph
    graph._network.remove_edge(graph.inputs[0].owner, sin, (0, 0))
    refused(graph, "'tensor.sin' op (V2) 0 edges do not match 1 operands, in @f")


def test_v2_edge_to_the_wrong_operand() -> None:
    graph = graph_of("tensor.sin")
    (sin,) = graph
    x = graph.inputs[0]
    graph._network.remove_edge(x.owner, sin, (0, 0))
    graph._network.add_edge(x.owner, sin, (0, 1))
    refused(graph, "'tensor.sin' op (V2) 1 edges do not match 1 operands, in @f")


def test_v2_operand_changed_behind_the_graph() -> None:
    graph = graph_of("tensor.sin", "tensor.tanh")
    _, tanh = graph
    tanh.operands = graph.inputs
    refused(graph, "'tensor.tanh' op (V2) 1 edges do not match 1 operands, in @f")


def test_v2_stray_node() -> None:
    graph = graph_of("tensor.sin")
    graph._network.add_node(Operation(lookup("tensor.sin"), graph.inputs, {}, [F32]))
    refused(graph, "(V2) @f has 1 operations and 1 arguments but 4 nodes")


@pytest.mark.parametrize(
    ("name", "operands", "attributes", "message"),
    [
        ("tensor.sin", 0, {}, "has 0 operands and takes 1"),
        ("tensor.sin", 2, {}, "has 2 operands and takes 1"),
        ("tensor.sin", 1, {"k": 1}, "has no attribute 'k'; it takes none"),
        ("ad.jvp", 1, {"k": 1}, "has no attribute 'k'; it takes callee, wrt, aux"),
        ("ad.jvp", 1, {"wrt": (), "aux": 0}, "lacks the attribute 'callee'"),
        ("tensor.constant", 0, {}, "lacks the attribute 'value'"),
        ("tensor.constant", 0, {"value": [1]}, "attribute 'value' cannot be a list"),
        ("tensor.constant", 0, {"value": (1, {2})}, "attribute 'value' cannot be a tuple"),
    ],
)
def test_v3_operands_and_attributes(name: str, operands: int, attributes: dict[str, object], message: str) -> None:
    graph = graph_of()
    graph.insert(Operation(lookup(name), graph.inputs * operands, attributes, [F32], (), Location("a.py", 7, "g")))
    refused(graph, f"'{name}' op (V3) {message}, in @f, from a.py:7 in g")


REGION = OpDefinition("test.region", ("x",), (), lambda types, attributes: (types[0],), regions=1)


def test_v3_number_of_regions() -> None:
    graph = graph_of()
    graph.insert(Operation(REGION, graph.inputs, {}, [F32]))
    refused(graph, "'test.region' op (V3) has 0 regions and takes 1, in @f")


def test_v1_region_sees_no_value_around_it() -> None:
    graph, region = graph_of(), Graph("body")
    region.insert(Operation(lookup("tensor.sin"), (), {}, [F32]))
    region.set_outputs(graph.inputs)
    graph.insert(Operation(REGION, graph.inputs, {}, [F32], (region,)))
    refused(graph, "'tensor.sin' op (V3) has 0 operands and takes 1, in @body")
    region.erase(next(iter(region)))
    refused(graph, "'func.return' op (V1) operand 0 is defined outside the function, in @body")


def test_v4_result_type() -> None:
    graph = graph_of()
    graph.insert(Operation(lookup("tensor.sin"), graph.inputs, {}, [F64]))
    refused(graph, "'tensor.sin' op (V4) has results (tensor<2xf64>) where (tensor<2xf32>) is inferred, in @f")


def test_v4_own_constraint() -> None:
    graph = Graph("f")
    graph.add_input(TensorType((2,), np.int32))
    graph.insert(Operation(lookup("tensor.sin"), graph.inputs, {}, [F32]))
    with pytest.raises(VerificationError, match=r"'tensor.sin' op \(C1\) operand 0 is si32; it takes f16, bf16"):
        verify(graph)


def test_v4_attribute_of_the_wrong_kind() -> None:
    graph = graph_of()
    graph.insert(Operation(lookup("tensor.constant"), (), {"value": 3}, [F32]))
    with pytest.raises(VerificationError, match=r"'tensor.constant' op \(V4\) the type rule fails on these attributes"):
        verify(graph)
    graph.erase(next(iter(graph)))
    graph.insert(Operation(lookup("tensor.constant"), (), {"value": Dense(np.float32([1, 2]))}, [F32]))
    verify(graph)


def call(callee: object, results: list[TensorType]) -> Graph:
    graph = graph_of()
    graph.insert(Operation(lookup("control.call"), graph.inputs, {"callee": callee}, results))
    return graph


def module_of(*graphs: Graph) -> Module:
    module = Module()
    for graph in graphs:
        module.add(graph)
    return module


@pytest.mark.parametrize(
    ("callee", "results", "message"),
    [
        (SymbolRef("none"), [F32], "refers to @none, which the module does not have"),
        ((1, (SymbolRef("none"),)), [F32], "refers to @none, which the module does not have"),
        (SymbolRef("f"), [F64], "has results (tensor<2xf64>) where @f asks for (tensor<2xf32>)"),
        ("f", [F32], "the check fails on these attributes: AttributeError: 'str' object has no attribute 'name'"),
    ],
)
def test_v5_reference(callee: object, results: list[TensorType], message: str) -> None:
    module = module_of(graph_of(), call(callee, results))
    refused(module, f"'control.call' op (V5) {message}, in @f_1")


def test_v5_reference_in_a_region() -> None:
    graph = graph_of()
    graph.insert(Operation(REGION, graph.inputs, {}, [F32], (call(SymbolRef("none"), [F32]),)))
    refused(module_of(graph), "'control.call' op (V5) refers to @none, which the module does not have, in @f")


def test_v6_circle() -> None:
    module = module_of(call(SymbolRef("f_1"), [F32]), call(SymbolRef("f"), [F32]))
    error = refused(module, "(V6) functions call each other in a circle: @f -> @f_1 -> @f")
    assert error.operation is next(iter(module["f"]))
    refused(module_of(call(SymbolRef("f"), [F32])), "(V6) functions call each other in a circle: @f -> @f")


def test_v7_name() -> None:
    module = module_of(graph_of())
    module["f"].name = "g"
    refused(module, "(V7) function @g is stored under the name @f")


def test_parser_shows_the_place_of_a_broken_rule() -> None:
    text = """module {
  func @f(%x: tensor<2xf32>) -> () {
    %0 = test.region %x ({
    ^b(%x: tensor<2xf32>):
      %0 = control.call %x {callee = @f} : tensor<2xf32>
      return
    }) : tensor<2xf32>
    return
  }
}
"""
    with mock.patch.dict(definition._registry, {REGION.name: REGION}), pytest.raises(ParseError) as caught:
        parse_module(text, "file.mix")
    assert str(caught.value) == (
        "file.mix:5:12: error: 'control.call' op (V5) has results (tensor<2xf32>) where @f asks for ()\n"
        "        %0 = control.call %x {callee = @f} : tensor<2xf32>\n"
        "             ^"
    )

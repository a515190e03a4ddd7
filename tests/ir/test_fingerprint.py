"""Fingerprints tell programs apart by what they compute, not by what things are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import (
    Builder,
    Dense,
    Graph,
    Location,
    SymbolRef,
    TensorType,
    fingerprint,
    module_fingerprint,
    parse_module,
)

F32 = TensorType((2,), np.float32)
F64 = TensorType((2,), np.float64)


def program(
    type: TensorType = F32, name: str = "f", hint: str = "", swap: bool = False, line: int = 0, last: str = "sin"
) -> Graph:
    graph = Graph(name)
    x, y = graph.add_input(type, hint), graph.add_input(type)
    b = Builder(graph, location=Location("a.py", line))
    one, two = (y, x) if swap else (x, y)
    value = b.build(f"tensor.{last}", b.build("tensor.sub", one, two).result).result
    value.name = hint
    graph.set_outputs([value])
    return graph


@pytest.mark.parametrize(
    "other",
    [lambda: program(name="g"), lambda: program(hint="loss"), lambda: program(line=9), lambda: program().clone()],
)
def test_names_and_locations_do_not_matter(other: Callable[[], Graph]) -> None:
    assert fingerprint(other()) == fingerprint(program())


def with_more_outputs() -> Graph:
    graph = program()
    graph.set_outputs(graph.outputs * 2)
    return graph


def with_more_inputs() -> Graph:
    graph = program()
    graph.add_input(F32)
    return graph


def with_attributes() -> Graph:
    graph = program()
    graph.attributes["linear_inputs"] = (0,)
    return graph


def test_what_is_computed_matters() -> None:
    programs = [
        program(),
        program(F64),
        program(swap=True),
        program(last="cos"),
        with_more_outputs(),
        with_more_inputs(),
        with_attributes(),
    ]
    assert len({fingerprint(graph) for graph in programs}) == len(programs)


ATTRIBUTES: list[Any] = [
    1,
    1.0,
    True,
    "1",
    (1,),
    (1, 1),
    ((1,), 1),
    ((1, 1),),
    0.0,
    -0.0,
    float("nan"),
    np.dtype(np.float32),
    np.dtype(np.float64),
    "f32",
    F32,
    "tensor<2xf32>",
    SymbolRef("f"),
    SymbolRef("g"),
    "@f",
    Dense(np.float32(0.0), F32),
    Dense(np.float32(-0.0), F32),
    Dense(np.float32([0, 0])),
    Dense(np.float64([0, 0])),
    Dense(np.int32([0, 0])),
    Dense(np.float32([[0, 0]])),
]


def test_attributes_matter_to_the_bit() -> None:
    def of(value: Any) -> str:
        graph = Graph("f")
        graph.attributes["value"] = value
        return fingerprint(graph)

    found = {of(value): value for value in ATTRIBUTES}
    assert len(found) == len(ATTRIBUTES)
    assert [of(value) for value in ATTRIBUTES] == list(found)


def test_constants_matter_to_the_bit() -> None:
    def of(number: float) -> str:
        graph = Graph("f")
        op = Builder(graph).build("tensor.constant", value=Dense(np.float64(number)))
        graph.set_outputs(op.results)
        return fingerprint(graph)

    assert len({of(0.0), of(-0.0), of(1.0), of(np.nextafter(1.0, 2.0))}) == 4
    assert of(float("nan")) == of(float("nan"))


MODULE = """module {{
  func @{f}(%x: tensor<2xf32>) -> (tensor<2xf32>) {{
    %0 = control.call %x {{callee = @{g}}} : tensor<2xf32>
    return %0
  }}
  func @{g}(%x: tensor<2xf32>) -> (tensor<2xf32>) {{
    %0 = tensor.{op} %x : tensor<2xf32>
    return %0
  }}
}}
"""


def test_modules_take_callees_by_content() -> None:
    def of(f: str, g: str, op: str) -> str:
        return module_fingerprint(parse_module(MODULE.format(f=f, g=g, op=op)))

    assert of("f", "g", "sin") == of("main", "helper", "sin")
    assert of("f", "g", "sin") != of("f", "g", "cos")


def test_fingerprint_is_stable_text() -> None:
    digest = fingerprint(program())
    assert len(digest) == 32
    assert int(digest, 16) >= 0
    assert fingerprint(program(), {"f": "whatever"}) == digest

"""expand-ad and inline."""

from __future__ import annotations

import mixad.ops  # noqa: F401 - registers the operations
import numpy as np
import pytest
from mixad.ir import Module, parse_module
from mixad.ir.errors import MixadError
from mixad.passes import PassManager
from mixad.runtime.reference import interpret


def tower(order: int, kinds: str = "r") -> str:
    """sin differentiated ``order`` times; ``kinds`` repeats: r for a vjp, f for a jvp."""
    s = "tensor<f64>"
    functions = [f"func @f0(%x: {s}) -> ({s}) {{ %y = tensor.sin %x : {s} return %y }}"]
    for level in range(1, order + 1):
        callee = f"callee = @f{level - 1}, aux = 0, wrt = [0]"
        if kinds[level % len(kinds)] == "r":
            body = f'%d:2 = ad.vjp %x {{{callee}, sens = "ones"}} : {s}, {s}'
        else:
            body = (
                f"%one = tensor.constant {{value = dense<1.0> : {s}}} : {s} "
                f"%d:2 = ad.jvp %x, %one {{{callee}}} : {s}, {s}"
            )
        functions.insert(0, f"func @f{level}(%x: {s}) -> ({s}) {{ {body} return %d#1 }}")
    return f"module {{ {' '.join(functions)} }}"


def run(pipeline: str, text: str) -> Module:
    module = parse_module(text, "test.mix")
    PassManager(pipeline).run(module)
    return module


@pytest.mark.parametrize("kinds", ["r", "f", "rf", "rrf"])
@pytest.mark.parametrize("order", range(1, 9))
def test_every_derivative_of_sin_is_clean(order: int, kinds: str) -> None:
    graph = run("expand-ad,inline,fixpoint(canonicalize,fold,cse,dce)", tower(order, kinds)).entry
    names = [op.name for op in graph]
    function = "tensor.sin" if order % 2 == 0 else "tensor.cos"
    assert names == ([function, "tensor.neg"] if order % 4 in (2, 3) else [function])
    (value,) = interpret(graph, np.array(0.7))
    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)][order % 4](0.7)
    assert value == expected


def test_each_request_is_derived_once() -> None:
    log = PassManager("expand-ad").run(parse_module(tower(5), "test.mix"))
    assert log.records[-1].statistics == {"derived": 5}
    linearized = [record for record in log.records if record.text.startswith("linearize")]
    assert len(linearized) == 5
    assert all(record.depth == 1 for record in linearized)


def test_innermost_first() -> None:
    log = PassManager("expand-ad").run(parse_module(tower(3), "test.mix"))
    order = [record.text for record in log.records if record.text.startswith("linearize")]
    assert order == [f"linearize{{wrt=0,function=f{level}_vjp}}" for level in range(3)]


def test_nothing_is_left_but_the_entry() -> None:
    module = run("expand-ad,inline", tower(3))
    assert list(module.functions) == ["f3"]


def test_a_circle_of_requests() -> None:
    s = "tensor<f64>"
    request = '%d:2 = ad.vjp %x {{aux = 0, callee = @{}, sens = "ones", wrt = [0]}} : tensor<f64>, tensor<f64>'
    text = (
        "module {{ func @f(%x: {s}) -> ({s}) {{ {f} return %d#1 }} func @g(%x: {s}) -> ({s}) {{ {g} return %d#1 }} }}"
    )
    with pytest.raises(MixadError, match="circle"):
        run("expand-ad", text.format(s=s, f=request.format("g"), g=request.format("f")))


def calls(depth: int) -> str:
    """Functions of two calls each: 2 ** depth operations, once inlined."""
    s = "tensor<f64>"
    functions = []
    for level in range(depth):
        call = f"{{callee = @f{level + 1}}} : {s}"
        body = f"%a = control.call %x {call} %b = control.call %a {call} return %b"
        functions.append(f"func @f{level}(%x: {s}) -> ({s}) {{ {body} }}")
    functions.append(f"func @f{depth}(%x: {s}) -> ({s}) {{ %y = tensor.sin %x : {s} return %y }}")
    return f"module {{ {' '.join(functions)} }}"


def test_inline_counts_calls_and_functions() -> None:
    log = PassManager("inline").run(parse_module(calls(1), "test.mix"))
    assert log.records[0].statistics == {"calls": 2}
    assert log.records[0].operations_after == 2


def test_inline_is_deep() -> None:
    graph = run("inline", calls(8)).entry
    assert [op.name for op in graph] == ["tensor.sin"] * 2**8

"""Pipelines as text."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import parse_module
from mixad.ir.errors import DerivativeError, MemoryBudgetError, PassError
from mixad.passes import Pass, PassManager, parse_pipeline, registered_passes
from mixad.passes.instruments import RoundtripEach, VerifyEach

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def values(default: Any) -> st.SearchStrategy[Any]:
    """Values that an option may have, by its default."""
    if isinstance(default, bool):
        return st.booleans()
    if default is None or isinstance(default, tuple):
        return st.lists(st.integers(-1, 3), max_size=4).map(tuple) | st.just(default)
    if isinstance(default, int):
        return st.integers(-1, 3) | st.integers(-5, 10**6)
    if isinstance(default, float):
        return st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
    return st.just(default) | st.sampled_from(["main", "f", "given", "ones"]) | NAMES


@st.composite
def passes(draw: st.DrawFn, depth: int = 2) -> Pass:
    """Any registered pass with any options."""
    cls = registered_passes()[draw(st.sampled_from(sorted(registered_passes())))]
    options: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if field.name == "passes":
            inner = st.lists(passes(depth - 1), max_size=3) if depth else st.just([])
            options["passes"] = tuple(draw(inner))
        else:
            options[field.name] = draw(values(field.default))
    return cls(**options)


@given(st.lists(passes(), max_size=4))
def test_text_round_trips(pipeline: list[Pass]) -> None:
    text = str(PassManager(pipeline))
    assert parse_pipeline(text) == pipeline
    assert str(PassManager(text)) == text


PROGRAM = """module {
  func @main(%x: tensor<f64>, %n: tensor<si64>) -> (tensor<f64>, tensor<f64>) {
    %c = control.call %x {callee = @f} : tensor<f64>
    %d:2 = ad.vjp %x {aux = 0, callee = @f, sens = "ones", wrt = [0]} : tensor<f64>, tensor<f64>
    return %c, %d#1
  }
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %0 = tensor.sin %x : tensor<f64>
    %1 = ad.stop_gradient %0 : tensor<f64>
    %2 = tensor.mul %1, %x : tensor<f64>
    return %2
  }
}"""


@settings(max_examples=300)
@given(st.lists(passes(), max_size=6))
def test_any_pipeline_leaves_a_valid_program_or_is_a_mixad_error(pipeline: list[Pass]) -> None:
    module = parse_module(PROGRAM, "program.mix")
    with contextlib.suppress(PassError, DerivativeError, MemoryBudgetError):
        PassManager(pipeline, [VerifyEach(), RoundtripEach()]).run(module)


@given(st.text(alphabet="abcdelz{}(),=-01. ", max_size=40))
def test_any_text_parses_or_is_a_pass_error(text: str) -> None:
    with contextlib.suppress(PassError):
        pipeline = parse_pipeline(text)
        assert parse_pipeline(str(PassManager(pipeline))) == pipeline


def test_space_means_nothing() -> None:
    spaced = " linearize { wrt = 0 , 1 , aux = 1 } ,\n  fixpoint ( cse , dce ) "
    assert str(PassManager(spaced)) == "linearize{wrt=0,1,aux=1},fixpoint(cse,dce)"


def test_options_at_their_defaults_are_not_printed() -> None:
    assert str(PassManager("linearize{aux=0},fixpoint{max-rounds=20}(dce)")) == "linearize,fixpoint(dce)"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("dce,cze", "there is no pass 'cze'; did you mean", 5),
        ("dce,", "a pass's name is expected", 5),
        ("dce cse", "unexpected 'cse'", 5),
        ("dce)", r"unexpected '\)'", 4),
        ("dce,?", r"unexpected '\?'", 5),
        ("linearize{wrt}", "'=' is expected", 14),
        ("linearize{wrt=", "a value is expected", 15),
        ("linearize{wrt=0", "',' or '}' is expected", 16),
        ("linearize{with=0}", "'linearize' has no option 'with' .it has: wrt, aux, function.", 11),
        ("linearize{wrt=a}", "option 'wrt' takes integers, or none, not 'a'", 15),
        ("linearize{aux=x}", "option 'aux' takes an integer, not", 15),
        ("linearize{aux=1,2}", "option 'aux' takes an integer, not", 15),
        ("expand-ad{a=1}", "'expand-ad' has no option 'a'", 11),
        ("dce(cse)", "'dce' takes no passes inside parentheses", 5),
        ("fixpoint(dce", r"'\)' is expected", 13),
        ("fixpoint(" * 60, "nested deeper than 50", None),
    ],
)
def test_mistakes_name_their_column(text: str, message: str, column: int | None) -> None:
    with pytest.raises(PassError, match=message) as caught:
        parse_pipeline(text)
    if column is not None:
        assert f"at column {column}" in str(caught.value)


def test_no_integers_at_all_is_none() -> None:
    (linearize,) = parse_pipeline("linearize{wrt=none}")
    assert linearize == registered_passes()["linearize"](wrt=())
    assert str(linearize) == "linearize{wrt=none}"


def test_an_option_given_twice() -> None:
    with pytest.raises(PassError, match="'aux' is given twice"):
        parse_pipeline("linearize{aux=1,aux=2}")

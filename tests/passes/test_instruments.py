"""The checks after every pass find what a broken pass leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from mixad.ir import Graph, Module, TensorType, parse_module, print_module
from mixad.ir.errors import VerificationError
from mixad.passes import Pass, PassLog, PassManager
from mixad.passes.instruments import RoundtripEach, VerifyEach
from mixad.passes.manager import Fixpoint
from mixad.passes.scope import worked_on

TEXT = """module {
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %0 = tensor.sin %x : tensor<f64>
    %1 = tensor.exp %0 : tensor<f64>
    return %1
  }
}"""


@dataclass(frozen=True)
class Custom(Pass):
    """Does what it is told."""

    action: Callable[[Graph], None]
    changes: bool = True

    def run(self, module: Module, log: PassLog) -> bool:
        self.action(module.entry)
        return self.changes

    def __str__(self) -> str:
        return "custom"


def break_types(graph: Graph) -> None:
    first = next(iter(graph))
    first.results[0].type = TensorType((3,), first.results[0].type.dtype)


def run(pass_: Pass, *instruments: VerifyEach | RoundtripEach) -> None:
    PassManager([pass_], instruments).run(parse_module(TEXT, "test.mix"))


def test_verify_each_names_the_pass() -> None:
    with pytest.raises(VerificationError, match=r"pass 'custom' left a program that is not valid: .*\(V4\)") as caught:
        run(Custom(break_types), VerifyEach())
    assert "V4" in caught.value.problem
    assert caught.value.operation is not None


def test_verify_each_looks_inside_a_fixpoint() -> None:
    with pytest.raises(VerificationError, match="pass 'custom'"):
        run(Fixpoint((Custom(break_types),)), VerifyEach())


def test_verify_each_looks_at_what_comes_in() -> None:
    module = parse_module(TEXT, "test.mix")
    break_types(module.entry)
    with pytest.raises(VerificationError, match="the program given to 'dce' is not valid"):
        PassManager("dce", [VerifyEach()]).run(module)


def test_a_limit_passes_larger_programs_over() -> None:
    run(Custom(break_types), VerifyEach(limit=1))
    with pytest.raises(VerificationError):
        run(Custom(break_types), VerifyEach(limit=2))


def test_a_pass_that_changed_nothing_is_not_checked_again() -> None:
    run(Custom(break_types, changes=False), VerifyEach(), RoundtripEach())


def test_roundtrip_each_names_the_pass() -> None:
    with pytest.raises(VerificationError, match="after pass 'custom' the printed program does not parse"):
        run(Custom(break_types), RoundtripEach())


def test_roundtrip_each_compares_what_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(module: Module, locations: bool) -> str:
        return print_module(module, locations=locations).replace("tensor.exp", "tensor.sin")

    monkeypatch.setattr("mixad.passes.instruments.print_module", forgetful)
    with pytest.raises(VerificationError, match=r"after pass 'custom' the fingerprint is [0-9a-f]+, and [0-9a-f]+"):
        run(Custom(lambda graph: None), RoundtripEach())


def test_roundtrip_each_compares_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter([TEXT, TEXT.replace("%1", "%2")])
    monkeypatch.setattr("mixad.passes.instruments.print_module", lambda module, locations: next(texts))
    with pytest.raises(VerificationError, match=r"reads back differently: '    %1 = .*' as '    %2 = "):
        run(Custom(lambda graph: None), RoundtripEach())


def test_a_nested_pass_is_about_one_function() -> None:
    module = Module()
    for name in ("main", "f", "g"):
        module.add(Graph(name))
    (dce,) = PassManager("dce{function=g}").passes
    assert list(worked_on(dce, module, 1).functions) == ["g"]
    assert worked_on(dce, module, 0) is module
    assert list(worked_on(Fixpoint((dce,)), module, 1).functions) == ["g"]
    assert worked_on(Fixpoint(()), module, 1) is module
    (inline,) = PassManager("inline").passes
    assert worked_on(inline, module, 1) is module


def test_every_compilation_of_the_tests_is_checked() -> None:
    """The tests' conftest installs both checks."""
    from mixad.runtime import compiler

    kinds = {type(factory()).__mro__[1] for factory in compiler._factories}
    assert {VerifyEach, RoundtripEach} <= kinds

"""The pass manager: order, records, statistics, instruments, the fixpoint."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
from mixad.ir import Module, parse_module, print_module
from mixad.ir.errors import MixadError, PassError
from mixad.passes import Instrument, Pass, PassLog, PassManager, PassRecord, manager, register_pass, registered_passes
from mixad.passes.instruments import RoundtripEach, VerifyEach
from mixad.passes.manager import Fixpoint

TEXT = """module {
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %0 = tensor.mul %x, %x : tensor<f64>
    %1 = tensor.sin %x : tensor<f64>
    return %0
  }
}"""


class Recorder(Instrument):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        self.events.append(("before", run.name, depth))

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        self.events.append(("after", run.name, record.depth, record.changed))

    def failed_pass(self, run: Pass, module: Module, error: Exception) -> None:
        self.events.append(("failed", run.name, type(error)))


def module() -> Module:
    return parse_module(TEXT, "test.mix")


def test_passes_run_in_order_and_are_recorded() -> None:
    log = PassManager("canonicalize,dce,dce").run(module())
    assert [(record.text, record.changed) for record in log.records] == [
        ("canonicalize", True),
        ("dce", True),
        ("dce", False),
    ]
    assert [(record.operations_before, record.operations_after) for record in log.records] == [(2, 2), (2, 1), (1, 1)]
    assert [record.statistics for record in log.records] == [{"multiply-itself": 1}, {"erased": 1}, {}]
    assert all(record.seconds >= 0 and record.depth == 0 for record in log.records)


def test_a_manager_can_run_again_and_keeps_no_module() -> None:
    passes = PassManager("canonicalize,dce")
    first, second = module(), module()
    passes.run(first)
    passes.run(second)
    assert print_module(first) == print_module(second)


def test_passes_may_be_given_as_objects() -> None:
    passes = PassManager([registered_passes()["dce"](), Fixpoint((registered_passes()["cse"](),))])
    assert str(passes) == "dce,fixpoint(cse)"


def test_an_empty_pipeline_does_nothing() -> None:
    program = module()
    assert PassManager("").run(program).records == []
    assert print_module(program) == print_module(module())


def test_instruments_see_nested_passes() -> None:
    recorder = Recorder()
    PassManager("fixpoint(canonicalize,dce)", [recorder]).run(module())
    assert recorder.events == [
        ("before", "fixpoint", 0),
        ("before", "canonicalize", 1),
        ("after", "canonicalize", 1, True),
        ("before", "dce", 1),
        ("after", "dce", 1, True),
        ("before", "canonicalize", 1),
        ("after", "canonicalize", 1, False),
        ("before", "dce", 1),
        ("after", "dce", 1, False),
        ("after", "fixpoint", 0, True),
    ]


def test_instruments_see_a_failure_from_the_inside_out() -> None:
    recorder = Recorder()
    with pytest.raises(PassError, match="run linearize first"):
        PassManager("dce,fixpoint(transpose),dce", [recorder]).run(module())
    assert recorder.events[2:] == [
        ("before", "fixpoint", 0),
        ("before", "transpose", 1),
        ("failed", "transpose", PassError),
        ("failed", "fixpoint", PassError),
    ]


def test_a_failed_pass_does_not_disturb_the_next_run_of_a_log() -> None:
    log = PassLog()
    with pytest.raises(PassError):
        log.run(registered_passes()["transpose"](), module())
    assert log.depth == -1
    assert log.run(registered_passes()["dce"](), module())
    assert log.records[-1].statistics == {"erased": 1}


def test_a_fixpoint_of_nothing_changes_nothing() -> None:
    log = PassManager("fixpoint()").run(module())
    assert [record.changed for record in log.records] == [False]


def test_a_fixpoint_stops_when_each_pass_had_nothing_to_do() -> None:
    log = PassManager("fixpoint(canonicalize,fold,cse,dce)").run(module())
    last = [record.changed for record in log.records if record.depth == 1][-4:]
    assert last == [False] * 4


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "_passes", registered_passes())

    @register_pass("restless")
    @dataclass(frozen=True)
    class Restless(Pass):
        """Says that it changed something, every time."""

        def run(self, module: Module, log: PassLog) -> bool:
            return True


@pytest.mark.usefixtures("restless")
def test_a_fixpoint_that_does_not_settle() -> None:
    with pytest.raises(PassError, match=r"fixpoint\{max-rounds=3\}\(restless\) did not settle in 3 rounds"):
        PassManager("fixpoint{max-rounds=3}(restless)").run(module())


@pytest.mark.usefixtures("restless")
def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="'restless' is registered already"):
        register_pass("restless")(type("Other", (Pass,), {}))


def test_every_pass_is_a_frozen_dataclass_with_defaults() -> None:
    for cls in registered_passes().values():
        assert cls() == cls()
        assert hash(cls()) == hash(cls())


@pytest.mark.parametrize("name", sorted(registered_passes()))
def test_a_pass_that_refuses_leaves_the_program_as_it_was(name: str) -> None:
    program = module()
    with contextlib.suppress(MixadError):
        PassManager(name, [VerifyEach(), RoundtripEach()]).run(program)
        return
    assert print_module(program) == print_module(module())

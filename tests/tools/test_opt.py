"""opt's ways to look at passes and to find the one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixad.ir import Module
from mixad.ir.builder import Builder
from mixad.passes import Pass, PassLog, manager, register_pass
from mixad.tools.cli import main
from mixad.tools.diagnostics import expected_errors, split
from mixad.tools.timing import tree

PROGRAM = """module {
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %y = tensor.mul %x, %x : tensor<f64> loc("f.py":7 "f")
    return %y
  }
}
"""
OTHER = PROGRAM.replace("@f", "@g").replace("tensor.mul %x, %x", "tensor.sin %x")
BROKEN = PROGRAM.replace("%x, %x", "%x, %z")


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "f.mix"
    file.write_text(PROGRAM)
    return str(file)


@pytest.fixture
def faulty_passes() -> Iterator[None]:
    """Passes that no library should have: one crashes, one leaves a program that is not valid."""

    @register_pass("crash")
    @dataclass(frozen=True)
    class Crash(Pass):
        """Crashes on a square."""

        def run(self, module: Module, log: PassLog) -> bool:
            if any(op.name == "tensor.square" for op in module.entry):
                raise KeyError("square")
            return False

    @register_pass("misplace")
    @dataclass(frozen=True)
    class Misplace(Pass):
        """Uses a value before it is there."""

        def run(self, module: Module, log: PassLog) -> bool:
            graph = module.entry
            last = graph.outputs[0]
            early = Builder(graph, next(iter(graph))).sin(last)
            graph.set_outputs([early])
            return True

    yield
    for name in ("crash", "misplace"):
        del manager._passes[name]


def errors(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    return shown


# --- print-ir --------------------------------------------------------------------------------------


def banners(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [
        line[len("// -----// IR Dump ") : -len(" //----- //")] for line in errors(capsys).splitlines() if "//-" in line
    ]


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ("before", ["Before canonicalize", "Before dce", "Before linearize{wrt=0}"]),
        ("after", ["After canonicalize", "After dce", "After linearize{wrt=0}"]),
        ("change", ["After canonicalize", "After linearize{wrt=0}"]),
        ("after:dce,linearize", ["After dce", "After linearize{wrt=0}"]),
        ("failure", []),
    ],
)
def test_print_ir(when: str, shown: list[str], program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--pipeline=canonicalize,dce,linearize{wrt=0}", f"--print-ir={when}"]) == 0
    assert banners(capsys) == shown


def test_print_ir_shows_the_program(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["opt", program, "--pipeline=canonicalize", "--print-ir=before", "--print-ir=after", "--locations"]) == 0
    )
    captured = capsys.readouterr()
    assert captured.err.split("//----- //\n")[1].startswith(PROGRAM)
    assert captured.err.endswith(captured.out + "\n")
    assert 'tensor.square %x : tensor<f64> loc("f.py":7 "f")' in captured.out


def test_print_ir_on_failure(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--pipeline=canonicalize,transpose", "--print-ir=failure"]) == 1
    shown = errors(capsys)
    assert shown.startswith("// -----// IR Dump After transpose Failed //----- //\nmodule {")
    assert "tensor.square" in shown


def test_print_ir_of_nothing_that_is(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", program, "--print-ir=sometimes"]) == 1
    assert "'sometimes' is none of before, after, change, failure" in errors(capsys)
    assert main(["opt", program, "--print-ir=after:dze"]) == 1
    assert "there is no pass 'dze'; did you mean 'dce'?" in errors(capsys)


# --- timing ----------------------------------------------------------------------------------------


def test_timing_is_nested() -> None:
    def record(text: str, depth: int, seconds: float) -> manager.PassRecord:
        return manager.PassRecord(text, depth == 0, seconds, 5, 4, depth, {"seen": 1})

    found = tree([record("cse", 1, 1.0), record("dce", 1, 2.0), record("cse", 1, 3.0), record("all", 0, 7.0)])
    assert [(depth, node.text, node.seconds, node.runs) for depth, node in found[0].walk()] == [
        (0, "all", 7.0, 1),
        (1, "cse", 4.0, 2),
        (1, "dce", 2.0, 1),
    ]
    assert found[0].inner["cse"].statistics == {"seen": 2}


# --- reproducers -----------------------------------------------------------------------------------


def test_a_reproducer_runs_again(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "again.mix"
    assert main(["opt", program, "--pipeline=fixpoint(canonicalize,cse),transpose", f"--reproducer={file}"]) == 1
    first = errors(capsys)
    assert f"`mixad opt --run-reproducer {file}` repeats it" in first
    assert "// configuration: --pipeline=transpose\n" in file.read_text()
    assert "tensor.square" in file.read_text(), "it begins where the failing pass begins"
    assert main(["opt", "--run-reproducer", str(file)]) == 1
    assert errors(capsys).strip() == first.partition("; `mixad")[0].strip()


def test_a_reproducer_names_the_innermost_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, again = tmp_path / "f.mix", tmp_path / "again.mix"
    file.write_text(PROGRAM)
    assert main(["opt", str(file), "--pipeline=fixpoint(canonicalize,linearize)", f"--reproducer={again}"]) == 1
    assert "// configuration: --pipeline=linearize\n" in again.read_text()


@pytest.mark.usefixtures("faulty_passes")
def test_a_crash_is_a_message_and_a_reproducer(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "again.mix"
    arguments = ["opt", program, "--pipeline=canonicalize,crash"]
    assert main(arguments) == 1
    assert "a pass fails with KeyError: 'square', at " in errors(capsys)
    assert main([*arguments, f"--reproducer={file}"]) == 1
    assert "// configuration: --pipeline=crash\n" in file.read_text()
    assert "error: KeyError: 'square'" in file.read_text()
    assert main(["opt", "--run-reproducer", str(file)]) == 1


@pytest.mark.usefixtures("faulty_passes")
def test_a_pass_that_leaves_nonsense_is_reproduced(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "again.mix"
    assert main(["opt", program, "--pipeline=canonicalize,misplace", "--verify-each", f"--reproducer={file}"]) == 1
    assert "pass 'misplace' left a program that is not valid" in errors(capsys)
    assert "// configuration: --pipeline=misplace --verify-each\n" in file.read_text()
    assert main(["opt", "--run-reproducer", str(file)]) == 1
    assert "pass 'misplace' left a program that is not valid" in errors(capsys)


def test_the_reproducer_beside_this_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", "--run-reproducer", str(Path(__file__).parent / "failing-pass.mix")]) == 1
    assert errors(capsys) == "mixad: error: wrt=1: @f has 1 inputs\n"


def test_no_reproducer_without_a_failure(program: str, tmp_path: Path) -> None:
    assert main(["opt", program, "--pipeline=cse", f"--reproducer={tmp_path / 'again.mix'}"]) == 0
    assert not (tmp_path / "again.mix").exists()


def test_a_file_that_is_no_reproducer(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", "--run-reproducer", program]) == 1
    assert "no line '// configuration: --pipeline=...'" in errors(capsys)
    bad = tmp_path / "bad.mix"
    bad.write_text("// configuration: --pipeline='cse\n" + PROGRAM)
    assert main(["opt", "--run-reproducer", str(bad)]) == 1
    assert "bad.mix:1:1: error: the configuration does not read" in errors(capsys)


# --- bisection -------------------------------------------------------------------------------------


def test_bisect_limit_counts_the_runs(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = "--pipeline=linearize,fixpoint(canonicalize,dce),transpose"
    assert main(["opt", program, pipeline, "--bisect-limit=2"]) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "BISECT: running pass (1) linearize",
        "BISECT: running pass (2) canonicalize",
        "BISECT: NOT running pass (3) dce",
        "BISECT: NOT running pass (4) canonicalize",
        "BISECT: NOT running pass (5) transpose",
    ]
    assert main(["opt", program, "--pipeline=linearize,canonicalize"]) == 0
    assert capsys.readouterr().out == captured.out


def test_bisect_limit_leaves_what_is_inside_a_pass_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(__file__).parents[1] / "filecheck" / "expand-ad.mix"
    assert main(["opt", str(file), "--pipeline=expand-ad,inline", "--bisect-limit=1"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "BISECT: running pass (1) expand-ad\nBISECT: NOT running pass (2) inline\n"
    assert "control.call" in captured.out


# --- many programs, expected errors ----------------------------------------------------------------


def test_split_input_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "many.mix"
    file.write_text(f"{PROGRAM}// -----\n{BROKEN}// -----\n{OTHER}")
    assert main(["opt", str(file), "--split-input-file", "--locations"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{PROGRAM}// -----\n{OTHER}", "the others are printed"
    assert captured.err.startswith(f"{file}:10:25: error: use of undefined value %z"), "in the file's own lines"


def test_split_keeps_line_numbers() -> None:
    parts = split("a\n// -----\nb\nc\n  // -----\nd\n// ----- no separator\n")
    assert [part.split() for part in parts] == [["a"], ["b", "c"], ["d", "//", "-----", "no", "separator"]]
    assert [part.count("\n", 0, part.index(letter)) + 1 for part, letter in zip(parts, "abd", strict=True)] == [1, 3, 6]


@pytest.mark.parametrize(
    "comment",
    [
        ("  // expected-error@+1 {{use of undefined value %z}}\n", ""),
        ("  // expected-error@below {{undefined}}\n", ""),
        ("", "  // expected-error@-1 {{undefined}}\n"),
        ("", "  // expected-error@above {{undefined}}\n"),
    ],
)
def test_expected_errors(comment: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.mix"
    before, after = BROKEN.split("    %y")
    line, rest = after.split("\n", 1)
    file.write_text(f"{before}{comment[0]}    %y{line}\n{comment[1]}{rest}")
    assert main(["opt", str(file), "--verify-diagnostics"]) == 0
    assert errors(capsys) == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (BROKEN, "f.mix:3: error: unexpected error: "),
        (
            f"// expected-error {{{{undefined}}}}\n{BROKEN}",
            'f.mix:1: error: expected error "undefined" was not produced',
        ),
        (f"// expected-error@+4 {{{{another}}}}\n{BROKEN}", "f.mix:4: error: unexpected error"),
        (f"// expected-error@+1 {{{{undefined}}}}\n{PROGRAM}", "was not produced"),
    ],
)
def test_errors_that_are_not_as_expected(
    text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.mix"
    file.write_text(text)
    assert main(["opt", str(file), "--verify-diagnostics"]) == 1
    assert complaint in errors(capsys)


def test_a_passes_error_has_no_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f.mix"
    file.write_text(f"// expected-error@unknown {{{{run linearize first}}}}\n{PROGRAM}")
    assert main(["opt", str(file), "--verify-diagnostics", "--pipeline=transpose"]) == 0


@given(st.text(alphabet="/ @+-0123456789{}expectd-rorabvlwukn\n", max_size=80))
def test_any_comment_reads(text: str) -> None:
    for each in expected_errors(text + "// expected-error@+1 {{x}}"):
        assert each.at >= 1


@settings(max_examples=150)
@given(st.integers(0, len(PROGRAM) - 1), st.binary(max_size=6), st.integers(0, 12))
def test_malformed_files_are_messages(at: int, noise: bytes, skipped: int) -> None:
    import contextlib
    import io
    import sys
    from unittest import mock

    data = PROGRAM.encode()
    given = io.TextIOWrapper(io.BytesIO(data[:at] + noise + data[at + skipped :]))
    with mock.patch.object(sys, "stdin", given), contextlib.redirect_stdout(io.StringIO()):
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            status = main(["opt", "--pipeline=canonicalize", "--split-input-file", "--verify-each"])
    assert status in (0, 1)
    assert "Traceback" not in shown.getvalue()
    assert bool(shown.getvalue()) == bool(status)

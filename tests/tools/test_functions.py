"""trace, explain and diff: the user's functions and programs on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mixad import MixadError, TensorType, parse_module
from mixad.tools.cli import main
from mixad.tools.functions import find_function, parse_arguments

MODEL = """import numpy as np


def loss(x, w):
    y = np.tanh(x @ w)
    return np.sum(y * y)


def decides(x):
    return x if x > 0 else -x


def breaks(x):
    raise RuntimeError("broken here")


class Net:
    @staticmethod
    def forward(x):
        return np.sin(x)


number = 3
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "model.py").write_text(MODEL)
    return str(tmp_path / "model.py")


def errors(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr().err
    assert shown.startswith("mixad: error: ")
    assert "Traceback" not in shown
    return shown


# --- arguments -------------------------------------------------------------------------------------


def test_arguments_are_types_and_numbers() -> None:
    found = parse_arguments("f32[3, 4],f64[] , complex<f64>[2], 2.5, -3, si8, bf16[0], float32[1], True, None")
    assert found[0] == TensorType((3, 4), np.float32)
    assert [each.text for each in found[1:3]] == ["tensor<f64>", "tensor<2xcomplex<f64>>"]
    assert found[3:5] == [2.5, -3]
    assert isinstance(found[4], int)
    assert [each.text for each in found[5:8]] == ["tensor<si8>", "tensor<0xbf16>", "tensor<1xf32>"]
    assert found[8:] == [True, None]
    assert parse_arguments("") == []


def test_arguments_with_a_seed_are_arrays() -> None:
    floats, integers = parse_arguments("f32[3,4], si32[5]", seed=1)
    assert floats.dtype == np.float32
    assert floats.shape == (3, 4)
    assert integers.dtype == np.int32
    np.testing.assert_array_equal(floats, parse_arguments("f32[3,4]", seed=1)[0])


@pytest.mark.parametrize(
    "text", ["f33[2]", "f32[2", "f32[a]", "f32[-1]", "f32[2]]", "[2]", "f32[2] f64", ",", "__import__"]
)
def test_arguments_that_do_not_read(text: str) -> None:
    with pytest.raises(MixadError, match="is no type such as"):
        parse_arguments(text)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{}:lss", "has no 'lss'; did you mean 'loss'?"),
        ("{}:number", "is a int, and a function is needed"),
        ("{}", "names no function"),
        ("{}x.py:f", "there is no file"),
        ("no_such_module:f", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_functions_that_are_not_there(spec: str, message: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", spec.format(model)]) == 1
    assert message in errors(capsys)


def test_a_function_of_a_class(model: str) -> None:
    assert find_function(f"{model}:Net.forward")(0.0) == 0.0


def test_a_function_of_an_installed_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "numpy:tanh", "--args", "f64[2]"]) == 0
    assert "tensor.tanh %" in capsys.readouterr().out


# --- trace -----------------------------------------------------------------------------------------


def test_trace_prints_a_program_that_opt_reads(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", f"{model}:loss", "--args", "f32[3,4], f32[4]", "--locations"]) == 0
    out = capsys.readouterr().out
    assert "func @loss(%x: tensor<3x4xf32>, %w: tensor<4xf32>) -> (tensor<f32>)" in out
    assert f'loc("{model}":5 "loss")' in out
    (tmp_path / "loss.mix").write_text(out)
    assert main(["opt", str(tmp_path / "loss.mix"), "--locations"]) == 0
    assert capsys.readouterr().out == out


def test_trace_of_a_derivative(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["trace", f"{model}:loss", "--args", "f32[3,4], f32[4]", "--order=2", "--pipeline=expand-ad,inline"]
    assert main(arguments) == 0
    assert len(parse_module(capsys.readouterr().out).entry.outputs) == 2


def test_a_decision_needs_numbers(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", f"{model}:decides", "--args", "f64[]"]) == 1
    assert "model.py:10" in errors(capsys)
    assert main(["trace", f"{model}:decides", "--args", "f64[]", "--seed=1"]) == 0


def test_what_the_function_raises_is_a_message(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", f"{model}:breaks", "--args", "f64[]"]) == 1
    assert "raises RuntimeError: broken here, at" in (shown := errors(capsys))
    assert "model.py:14" in shown
    assert main(["trace", f"{model}:loss"]) == 1
    assert "--args gives the arguments' types" in errors(capsys)


# --- explain ---------------------------------------------------------------------------------------


def test_explain_tells_each_step(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{model}:loss", "--args", "f32[3,4], f32[4]"]) == 0
    out = capsys.readouterr().out
    steps = [line for line in out.splitlines() if line[:1].isdigit()]
    assert steps[0] == "1. linearize{wrt=0,1} of @loss_vjp (inside expand-ad)"
    assert steps[1] == "2. transpose of @loss_vjp (inside expand-ad)"
    assert [step.split(". ")[1] for step in steps[-3:]] == ["expand-ad", "inline{custom=true}", "dce"]
    assert "Add to a function its tangents" in out
    linearize = out[out.index(steps[0]) : out.index(steps[1])]
    added = [line for line in linearize.splitlines() if line.startswith("  +") and "tensor." in line.partition("=")[2]]
    assert all("derivative of" in line for line in added)
    assert any("derivative of tensor.tanh" in line and "line 5" in line for line in added)
    assert "line 5: y = np.tanh(x @ w)" in linearize
    assert "<frozen" not in out


def test_explained_differences_add_up(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{model}:loss", "--args", "f32[3,4], f32[4]"]) == 0
    final = capsys.readouterr().out.partition("What is left")[2]
    count = int(final.split()[1])
    assert count == sum(
        "tensor." in line.partition("=")[2] or "ad." in line.partition("=")[2] for line in final.splitlines()
    )


def test_explain_to_a_given_width(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{model}:loss", "--args", "f32[3,4], f32[4]", "--width=60"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_explain_with_a_pipeline(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["explain", f"{model}:loss", "--args", "f32[3,4], f32[4]", "--order=0", "--pipeline=linearize"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "1. linearize\n" in out
    assert "2. " not in out


# --- diff ------------------------------------------------------------------------------------------

ONE = """module {
  func @f(%x: tensor<f64>) -> (tensor<f64>) {
    %0 = tensor.sin %x : tensor<f64>
    %1 = control.call %0 {callee = @g} : tensor<f64>
    %2 = tensor.mul %0, %1 : tensor<f64>
    return %2
  }
  func @g(%x: tensor<f64>) -> (tensor<f64>) {
    %0 = tensor.cos %x : tensor<f64>
    return %0
  }
}
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "a.mix").write_text(ONE)
    return tmp_path / "a.mix", tmp_path / "b.mix"


def test_renamed_programs_are_equal(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    pair[1].write_text(
        ONE.replace("%0", "%first").replace("%x", "%point").replace("@g", "@inner").replace("@f", "@outer")
    )
    assert main(["diff", *map(str, pair)]) == 0
    assert capsys.readouterr().out == ""


def test_one_more_operation_is_one_line(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    other = ONE.replace("%2 = tensor.mul %0, %1", "%e = tensor.exp %1 : tensor<f64>\n    %9 = tensor.mul %0, %1")
    pair[1].write_text(other.replace("return %2", "return %9").replace("@g", "@h"))
    assert main(["diff", *map(str, pair)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"--- {pair[0]}", f"+++ {pair[1]}"]
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert changed == ["+    %v2b0 = tensor.exp %v1 : tensor<f64>"]


def test_another_attribute_or_operand_is_shown(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    pair[1].write_text(ONE.replace("tensor.mul %0, %1", "tensor.mul %1, %0"))
    assert main(["diff", *map(str, pair)]) == 1
    changed = [line for line in capsys.readouterr().out.splitlines()[2:] if line[0] in "+-"]
    assert changed == ["-    %v2 = tensor.mul %v0, %v1 : tensor<f64>", "+    %v2 = tensor.mul %v1, %v0 : tensor<f64>"]


def test_a_function_less(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    pair[1].write_text(ONE.replace("control.call %0 {callee = @g}", "tensor.cos %0").partition("  func @g")[0] + "}\n")
    assert main(["diff", "--quiet", *map(str, pair)]) == 1
    assert capsys.readouterr().out == ""
    assert main(["diff", *map(str, reversed(pair))]) == 1
    assert "+  func @g" in capsys.readouterr().out


def test_a_diff_of_what_does_not_read(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    pair[1].write_text("module {")
    assert main(["diff", *map(str, pair)]) == 1
    assert "b.mix:1:9: error:" in capsys.readouterr().err


# --- pictures and costs ----------------------------------------------------------------------------


def test_explain_draws_a_picture_that_asks_no_server(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "explain.svg"
    assert main(["explain", f"{model}:loss", "--args", "f32[3,4], f32[4]", f"--svg={file}"]) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text()
    assert text.startswith("<svg")
    assert "linearize" in text
    assert "font-face" not in text
    assert "url(http" not in text


def test_costs_are_sorted_and_summed(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", f"{model}:loss", "--args", "f32[3,4], f32[4]", "--cost=2"]) == 0
    header, first, second, total = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert header == ["bytes", "flops", "operation", "type", "from"]
    assert first[:4] == ["12", "24", "tensor.contract", "tensor<3xf32>"]
    assert " ".join(first[4:]) == "line 5: y = np.tanh(x @ w)"
    assert second[:3] == ["12", "3", "tensor.tanh"]
    assert total == ["40", "33", "all"], "contract, tanh, mul, reduce_sum"

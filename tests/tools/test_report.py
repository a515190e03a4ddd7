"""The data of reports: identities of values over the passes, costs, and what the page's file holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.ir import Graph, Module, OpDefinition, Operation, TensorType, parse_module
from mixad.ir.errors import MixadError
from mixad.passes import PassManager
from mixad.tools.cli import main
from mixad.tools.report import Recorder, report, report_of_folder
from mixad.tools.report.build import outer_first
from mixad.tools.report.cost import MOVES, flops
from mixad.tools.report.recorder import source_lines

TRACE, NAME = 0, 1


def wave(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    hidden = np.tanh(x @ w)
    return np.sum(hidden * np.sin(x))


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    with mx.dump(tmp_path):
        mx.grad(lambda x: np.sum(mx.grad(lambda y: wave(y, np.eye(3)))(x) ** 2))(np.ones((2, 3)))
    (folder,) = tmp_path.iterdir()
    return folder


def data_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def traces(data: dict[str, Any], step: int, name: str) -> set[int]:
    rows = [data["rows"][number] for func in data["steps"][step]["functions"] for number in func["rows"]]
    return {row[TRACE] for row in rows if data["names"][row[NAME]] == name}


def test_a_dump_has_a_report_of_every_program(dump: Path) -> None:
    data = data_of((dump / "report.html").read_text())
    manifest = json.loads((dump / "manifest.json").read_text())
    assert [step["file"] for step in data["steps"]] == sorted(path.name for path in dump.glob("*.mix"))
    assert len(data["passes"]) == len(manifest["passes"])
    shown = [each["step"] for each in data["passes"] if each["step"] is not None]
    assert sorted(shown) == list(range(1, len(data["steps"])))
    for step in data["steps"]:
        module = parse_module((dump / step["file"]).read_text(), step["file"])
        assert [func["name"] for func in step["functions"]] == [f"@{graph.name}" for graph in module]
        assert [len(func["rows"]) for func in step["functions"]] == [len(g) + len(g.inputs) for g in module]


def test_operations_keep_their_identity_from_the_input_to_the_last_program(dump: Path) -> None:
    data = data_of((dump / "report.html").read_text())
    (tanh,) = traces(data, 0, "tensor.tanh")
    assert tanh in traces(data, len(data["steps"]) - 1, "tensor.tanh")
    assert traces(data, 0, "tensor.cos") == set()


def test_reports_from_files_follow_the_same_operations(dump: Path) -> None:
    data = data_of(report_of_folder(dump))
    written = data_of((dump / "report.html").read_text())
    assert [step["title"] for step in data["steps"]] == [step["title"] for step in written["steps"]]
    (tanh,) = traces(data, 0, "tensor.tanh")
    assert tanh in traces(data, len(data["steps"]) - 1, "tensor.tanh")


def test_traces_are_unique_within_a_function(dump: Path) -> None:
    for page in ((dump / "report.html").read_text(), report_of_folder(dump)):
        data = data_of(page)
        for step in data["steps"]:
            for func in step["functions"]:
                found = [data["rows"][number][TRACE] for number in func["rows"]]
                assert len(set(found)) == len(found)
                operands = {t for number in func["rows"] for t in data["rows"][number][5][::2]}
                assert operands <= set(found)


def test_a_changed_operation_has_a_new_row_and_its_old_trace() -> None:
    module = parse_module(
        "module { func @f(%x: tensor<f32>) -> (tensor<f32>) { %0 = tensor.sin %x : tensor<f32>\n"
        "%1 = tensor.sin %x : tensor<f32>\n %2 = tensor.mul %0, %1 : tensor<f32>\n return %2 } }",
        "m",
    )
    recorder = Recorder()
    recorder.step(module, "input", "a")
    PassManager("cse").run(module)
    recorder.step(module, "cse", "b")
    recorder.step(module, "again", "c")
    before, after, again = (step["functions"][0]["rows"] for step in recorder.data()["steps"])
    rows = recorder.data()["rows"]
    assert (len(before), len(after)) == (4, 3)
    assert before[:2] == after[:2]
    assert before[3] != after[2]
    assert rows[before[3]][TRACE] == rows[after[2]][TRACE]
    assert again == after


def test_copies_in_one_function_are_told_apart() -> None:
    module = parse_module(
        "module { func @f(%x: tensor<f32>) -> (tensor<f32>) {\n"
        "%0 = control.call %x {callee = @g} : tensor<f32>\n %1 = control.call %0 {callee = @g} : tensor<f32>\n"
        "return %1 }\n func @g(%x: tensor<f32>) -> (tensor<f32>) { %0 = tensor.sin %x : tensor<f32>\n return %0 } }",
        "m",
    )
    recorder = Recorder()
    recorder.step(module, "input", "a")
    PassManager("inline").run(module)
    recorder.step(module, "inline", "b")
    data = recorder.data()
    assert len(traces(data, 1, "tensor.sin")) == 2
    assert traces(data, 0, "tensor.sin") <= traces(data, 1, "tensor.sin")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('%0 = tensor.contract %x, %y {spec = "ik,kj->ij"} : tensor<2x4xf32>', 2 * 2 * 3 * 4),
        ('%0 = tensor.contract %x, %y {spec = "ik,lj->iklj"} : tensor<2x3x3x4xf32>', 2 * 3 * 3 * 4),
        ("%0 = tensor.sin %x : tensor<2x3xf32>", 6),
        ("%0 = tensor.reduce_sum %x {axes = [0, 1]} : tensor<f32>", 6),
        ("%0 = tensor.reshape %x {shape = [6]} : tensor<6xf32>", 0),
    ],
)
def test_flops(line: str, expected: int) -> None:
    result = line.rpartition(" : ")[2]
    text = f"func @f(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> ({result}) {{\n{line}\nreturn %0 }}"
    (op,) = parse_module(f"module {{ {text} }}", "m").entry
    assert flops(op) == expected


def test_calls_cost_what_their_function_costs() -> None:
    module = mx.make_graph(mx.grad(np.sin))(1.0)
    assert [flops(op) for op in module.entry if op.definition.dialect == "ad"] == [None]


def test_free_operations_exist() -> None:
    from mixad.ir import registered

    assert {name for name in MOVES if not name.startswith("func.")} <= set(registered())


def test_source_lines(dump: Path) -> None:
    data = data_of((dump / "report.html").read_text())
    lines = {text for file in data["sources"].values() for text in file.values()}
    assert "hidden = np.tanh(x @ w)" in lines


def test_only_python_files_are_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("password\n")
    module = parse_module(
        f'module {{ func @f(%x: tensor<f32>) -> (tensor<f32>) {{\n%0 = tensor.sin %x : tensor<f32> loc("{secret}":1)\n'
        "return %0 } }",
        "m",
    )
    assert source_lines([op.location for op in module.entry]) == {}


def test_page_is_one_file_that_loads_nothing(dump: Path) -> None:
    page = (dump / "report.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", page)


def test_names_cannot_leave_the_data() -> None:
    module = Module("</script><script>alert(1)</script>")
    module.add(parse_module("module { func @f() -> () { return } }", "m").entry)
    module.entry.name = "</script><script>alert(2)</script><!--"
    recorder = Recorder()
    recorder.step(module, "</script>", "00-input.mix")
    page = report(recorder, {"entry": "</title><script>alert(3)</script>", "passes": []})
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert data_of(page)["steps"][0]["functions"][0]["name"] == f"@{module.entry.name}"


def test_passes_are_listed_as_they_began() -> None:
    ended = [("a", 1), ("b", 2), ("c", 1), ("outer", 0), ("d", 1), ("later", 0)]
    listed = outer_first([{"pass": name, "depth": depth} for name, depth in ended])
    assert [each["pass"] for each in listed] == ["outer", "a", "c", "b", "later", "d"]


def test_failed_compilation_has_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mixad.passes.simplify.dce import DCE

    def broken(*_: object) -> bool:
        raise ValueError("planted")

    monkeypatch.setattr(DCE, "run", broken)
    with mx.dump(tmp_path), pytest.raises(ValueError, match="planted"):
        mx.grad(lambda x: np.sinh(x) * 3.25)(1.0)
    (page,) = tmp_path.glob("*/report.html")
    data = data_of(page.read_text())
    assert data["error"] == {"type": "ValueError", "message": "planted"}
    assert data["steps"][-1]["title"].endswith("dce, failed")
    assert data["passes"][-1]["failed"] == "planted"
    (left,) = page.parent.glob("*.failed.mix")
    left.write_text("no program")
    again = data_of(report_of_folder(page.parent))
    assert [step["title"] for step in again["steps"]] == [step["title"] for step in data["steps"][:-1]]
    assert again["error"] == data["error"]


def test_command_writes_again(dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dump / "report.html").unlink()
    assert main(["report", str(dump.parent)]) == 0
    assert capsys.readouterr().out == f"{dump / 'report.html'}\n"
    assert main(["report", str(dump), "-o", str(dump / "other.html")]) == 0
    assert (dump / "other.html").read_text() == (dump / "report.html").read_text()


def test_command_explains_mistakes(tmp_path: Path, dump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 1
    assert "holds no dump" in capsys.readouterr().err
    (dump / "manifest.json").write_text('{"passes": [{"file": "../x.mix"}]}')
    assert main(["report", str(dump)]) == 1
    assert "'../x.mix', which is not beside it" in capsys.readouterr().err
    for text in ("{", "[]", "{}", '{"passes": 3}'):
        (dump / "manifest.json").write_text(text)
        with pytest.raises(MixadError, match="not the manifest of a dump"):
            report_of_folder(dump)


def test_regions_are_programs_of_their_own() -> None:
    looping = OpDefinition("test.loop", ("x",), (), lambda types, attributes: (types[0],), regions=1)
    body = parse_module(
        "module { func @body(%i: tensor<f32>) -> (tensor<f32>) { %0 = tensor.sin %i : tensor<f32> return %0 } }", "m"
    ).entry
    graph = Graph("f")
    argument = graph.add_input(TensorType((), "f4"), "x")
    graph.set_outputs(graph.insert(Operation(looping, (argument,), {}, (argument.type,), (body,))).results)
    module = Module("m")
    module.add(graph)
    recorder = Recorder()
    recorder.step(module, "input", "a")
    data = recorder.data()
    assert [func["name"] for func in data["steps"][0]["functions"]] == ["@f", "^body of test.loop in @f"]
    assert len(traces(data, 0, "tensor.sin")) == 1
    assert "sin" in (module._repr_svg_() or "")

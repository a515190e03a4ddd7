"""Dumps: what is written, where, and when it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import mixad as mx
import numpy as np
import pytest
from mixad.ir import module_fingerprint, parse_module
from mixad.passes import PassManager
from mixad.tools.dump import DumpObserver, new_folder


def product(x: float) -> float:
    return np.sin(x) * x


def manifest(folder: Path) -> dict[str, object]:
    return json.loads((folder / "manifest.json").read_text())


def test_files(tmp_path: Path) -> None:
    with mx.dump(tmp_path) as root:
        mx.grad(mx.grad(product))(1.0)
    assert root == tmp_path
    (folder,) = root.iterdir()
    assert folder.name.startswith("0001-")
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "00-input.mix"
    assert {"01-expand-ad.linearize.mix", "01-expand-ad.linearize.diff", "manifest.json"} <= set(names)
    steps = [name for name in names if name.endswith(".mix")]
    assert [int(name[:2]) for name in steps] == list(range(len(steps)))
    assert [name for name in names if name.endswith(".py")]


def test_every_program_parses_and_says_where_it_comes_from(tmp_path: Path) -> None:
    with mx.dump(tmp_path):
        mx.grad(product)(1.0)
    for file in tmp_path.glob("*/*.mix"):
        text = file.read_text()
        parse_module(text, file.name)
        assert "test_dump.py" in text


def test_diffs_lead_from_one_file_to_the_next(tmp_path: Path) -> None:
    with mx.dump(tmp_path):
        mx.grad(product)(1.0)
    (folder,) = tmp_path.iterdir()
    for file in folder.glob("*.diff"):
        before, after, *hunks = file.read_text().splitlines()
        assert after == f"+++ {file.stem}.mix"
        old = before.removeprefix("--- ")
        if not old.startswith("@"):
            kept = [line[1:] for line in hunks if line[0] in " -"]
            lines = (folder / old).read_text().splitlines()
            assert all(line in lines for line in kept if not line.startswith("@ "))
        assert any(line[0] in "+-" for line in hunks)


def test_a_pass_that_replaces_its_function(tmp_path: Path) -> None:
    """batch makes a new function in the place of the old."""
    with mx.dump(tmp_path):
        mx.hessian(lambda x: np.sum(x**3))(np.ones(2))
    (folder,) = tmp_path.iterdir()
    diffs = [path.read_text() for path in sorted(folder.glob("*-expand-ad.batch.diff"))]
    assert len(diffs) == 2
    assert all("\n+" in text for text in diffs)


def test_manifest(tmp_path: Path) -> None:
    with mx.dump(tmp_path):
        mx.grad(product)(1.0)
    (folder,) = tmp_path.iterdir()
    found = manifest(folder)
    source = parse_module((folder / "00-input.mix").read_text(), "input")
    assert found["fingerprint"] == module_fingerprint(source)
    assert found["pipeline"] == str(PassManager(found["pipeline"]))
    assert found["operations"]["tensor.sin"] == 1
    assert set(found["versions"]) == {"mixad", "numpy", "networkx", "python"}
    assert found["backend"] == "numpy"
    assert all(nbytes > 0 for nbytes in found["planned_bytes"].values())
    linearize = next(entry for entry in found["passes"] if entry["pass"] == "linearize")
    assert linearize["options"]["wrt"] == [0]
    assert linearize["statistics"] == {"linearized": 2}
    assert linearize["seconds"] > 0
    assert (folder / linearize["file"]).exists()
    assert "error" not in found
    for name in found["programs"].values():
        compile((folder / name).read_text(), name, "exec")


def test_replaying_the_pipeline_on_the_input_gives_the_last_program(tmp_path: Path) -> None:
    with mx.dump(tmp_path):
        mx.grad(mx.grad(product))(1.0)
    (folder,) = tmp_path.iterdir()
    module = parse_module((folder / "00-input.mix").read_text(), "input")
    PassManager(manifest(folder)["pipeline"]).run(module)
    last = parse_module(max(folder.glob("*.mix")).read_text(), "last")
    assert module_fingerprint(module) == module_fingerprint(last)


def test_a_program_compiled_before_is_dumped_once(tmp_path: Path) -> None:
    gradient, jitted = mx.grad(product), mx.jit(product)
    expected = gradient(1.0), jitted(2.0)
    with mx.dump(tmp_path):
        for _ in range(3):
            assert (gradient(1.0), jitted(2.0)) == expected
    assert len(list(tmp_path.iterdir())) == 2
    assert (gradient(1.0), jitted(2.0)) == expected
    assert len(list(tmp_path.iterdir())) == 2


def test_a_second_dump_leaves_the_first_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        with mx.dump(tmp_path):
            mx.grad(product)(1.0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "notes.txt"
    assert [name[:5] for name in names[:-1]] == ["0001-", "0002-"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_dump_that_raises_is_over(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), mx.dump(tmp_path):
        raise ZeroDivisionError
    mx.grad(lambda x: np.sin(x) + x)(1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), mx.dump(tmp_path / "file"):
        pass


def test_a_failing_pass_leaves_what_there_is(tmp_path: Path) -> None:
    module = parse_module(
        "module { func @f(%x: tensor<f64>) -> (tensor<f64>) { %y = tensor.add %x, %x : tensor<f64> return %y } }", "f"
    )
    observer = DumpObserver(tmp_path)
    observer.start(module, "fixpoint(canonicalize),transpose")
    with pytest.raises(mx.MixadError) as caught:
        PassManager("fixpoint(canonicalize),transpose", [observer]).run(module)
    observer.failed(module, caught.value)
    names = sorted(path.name for path in observer.folder.iterdir())
    assert names == [
        "00-input.mix",
        "01-canonicalize.diff",
        "01-canonicalize.mix",
        "02-transpose.failed.mix",
        "error.txt",
        "manifest.json",
        "report.html",
    ]
    assert "run linearize first" in (observer.folder / "error.txt").read_text()
    found = manifest(observer.folder)
    assert found["error"]["type"] == "PassError"
    assert "linearize" in found["passes"][-1]["failed"]


def test_a_compilation_that_fails_is_dumped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mixad.runtime.numpy import NUMPY

    def broken(graph: object, module: object, annotate: bool = False) -> None:
        raise RuntimeError("no lowering today")

    monkeypatch.setattr(NUMPY, "lower", broken, raising=False)
    with mx.dump(tmp_path), pytest.raises(RuntimeError, match="no lowering today"):
        mx.grad(product)(1.0)
    (folder,) = tmp_path.iterdir()
    assert manifest(folder)["error"] == {"type": "RuntimeError", "message": "no lowering today"}


def test_threads_get_folders_of_their_own(tmp_path: Path) -> None:
    def work(number: int) -> None:
        def tower(x: float) -> float:
            for _ in range(number):
                x = np.sin(x)
            return x

        mx.grad(tower)(1.0)

    with mx.dump(tmp_path):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    folders = sorted(tmp_path.iterdir())
    assert [int(folder.name[:4]) for folder in folders] == list(range(1, len(folders) + 1))
    assert len(folders) == 8
    assert all((folder / "manifest.json").exists() for folder in folders)


@pytest.mark.slow
def test_processes_never_share_a_number(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from mixad.tools.dump import new_folder\n"
        "for _ in range(20): print(new_folder(Path(sys.argv[1]), f'f{os.getpid()}').name)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    made = [name for process in processes for name in process.communicate()[0].split()]
    assert len({name[:4] for name in made}) == 60
    assert sorted(made) == sorted(os.listdir(tmp_path))


def test_names_are_made_safe(tmp_path: Path) -> None:
    assert new_folder(tmp_path, "../<lambda>").name == "0001-lambda"
    assert new_folder(tmp_path, "..").name == "0002-program"
    assert len(new_folder(tmp_path, "f" * 500).name) < 100


@pytest.mark.slow
def test_environment(tmp_path: Path) -> None:
    program = "import numpy as np, mixad as mx; print(mx.grad(np.sin)(0.0))"
    environment = {**os.environ, "MIXAD_DUMP": "dumps"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout == "1.0\n"
    assert [path.name for path in (tmp_path / "dumps").glob("*/00-input.mix")] == ["00-input.mix"]


def test_nothing_is_observed_when_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    from mixad.runtime import compiler

    monkeypatch.setattr(compiler, "_factories", [])
    printed = []
    monkeypatch.setattr("mixad.tools.dump.print_module", lambda *args, **options: printed.append(args))
    mx.grad(lambda x: np.cos(x) * x * x)(1.0)
    assert printed == []

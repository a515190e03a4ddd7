"""The generated reference names everything that is registered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mixad.frontend.catalog import compositions
from mixad.ir import registered
from mixad.ir.types import FLOATING
from mixad.passes import registered_passes
from mixad.runtime.backend import backend_named
from mixad.tools.cli import main
from mixad.tools.reference import pages
from mixad.tools.tables import GUIDE, dtypes_text


def test_every_pass_and_operation_has_a_section() -> None:
    text = pages()
    passes, operations = text["passes.md"].splitlines(), text["operations.md"].splitlines()
    assert [name for name in registered_passes() if f"## {name}" not in passes] == []
    assert [name for name in registered() if f"### {name}" not in operations] == []


def test_every_pass_and_operation_is_documented() -> None:
    assert [name for name, cls in registered_passes().items() if len(cls.__doc__) < 20] == []
    assert [name for name, definition in registered().items() if len(definition.doc) < 20] == []


def test_every_supported_operation_has_a_row() -> None:
    _, *sections = pages()["support.md"].split("\n## ")
    assert [section.partition("\n")[0] for section in sections] == ["numpy", "triton"]
    for section in sections:
        lines = section.splitlines()
        for name in backend_named(lines[0]).support:
            (line,) = [line for line in lines if line.startswith(f"| {name} |")]
            assert line.count(" | ") == 5


def test_no_line_breaks_a_table() -> None:
    for line in pages()["support.md"].splitlines():
        assert not line.startswith("|") or line.replace("\\|", "").count("|") == 7


def test_every_composition_has_a_row() -> None:
    lines = pages()["compositions.md"].splitlines()
    for name in compositions():
        (line,) = [line for line in lines if line.startswith(f"| {name} |")]
        assert line.count(" | ") == 4


def test_the_guides_operations_exist() -> None:
    assert set(GUIDE) <= set(registered())


def test_element_types_are_named_by_class() -> None:
    assert dtypes_text(FLOATING) == "float"
    assert dtypes_text([np.dtype(np.float32), np.dtype(bool)]) == "bool f32"
    assert dtypes_text([]) == ""


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference", str(tmp_path / "docs")]) == 0
    assert {path.name: path.read_text() for path in (tmp_path / "docs").iterdir()} == pages()
    assert len(capsys.readouterr().out.splitlines()) == 4

"""What each pass does to a small program, as a diff that stands beside it: NAME.mix and NAME.mix.diff.

A program says which pass it is for (``// pass:``) and which run before it (``// before:``). ``pytest --bless`` rewrites
the diffs; what is committed is then for a person to read.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from mixad import PassManager, parse_module
from mixad.ir import print_module, verify
from mixad.passes import registered_passes

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.mix"))


def difference(file: Path) -> str:
    """The diff that the pass of a file makes."""
    text = file.read_text()
    found = dict(re.findall(r"^// (pass|before): (.*)$", text, re.MULTILINE))
    module = parse_module(text, file.name)
    PassManager(found.get("before", "")).run(module)
    before = print_module(module).splitlines(keepends=True)
    PassManager(found["pass"]).run(module)
    verify(module)
    after = print_module(module).splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, "before", f"after {found['pass']}", n=100))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pass_does_what_it_did(file: Path, bless: bool) -> None:
    golden = file.with_suffix(".mix.diff")
    found = difference(file)
    assert found, f"{file.name} shows nothing: the pass changes nothing there"
    if bless:
        golden.write_text(found)
    assert golden.is_file(), f"{golden.name} is not there; pytest --bless writes it"
    assert found == golden.read_text(), "look at the difference; where it is right, run pytest --bless"


def test_every_pass_has_one() -> None:
    ours = {name for name, cls in registered_passes().items() if cls.__module__.startswith("mixad.")}
    assert {file.stem for file in FILES} == ours

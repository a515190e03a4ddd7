"""Every Python block of README and docs runs, in a folder of its own; a text block right behind one is what it prints.

A block with a title is a file, written there. In a console block each line behind ``$`` is a command; mixad's are run,
and what follows is what they print. There ``...`` stands for what does not matter, in a line or as lines.
"""

import contextlib
import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from mixad.tools.cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    if page.name == "gpu.md":
        if importlib.util.find_spec("triton") is None:
            pytest.skip("Triton is not installed")
        monkeypatch.setenv("MIXAD_TRITON", "interpret")
    text = page.read_text()
    namespace: dict[str, object] = {"__name__": "page"}
    printed, end = "", -1
    before = set(sys.modules)
    for match in BLOCK.finditer(text):
        language, title, code = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if title:
            Path(title).write_text(code)
        elif language == "console":
            for command, expected in commands(code):
                if not command.startswith("mixad "):
                    continue
                assert same(run(command), expected), f"{page.name}:{line}: {command}\n{run(command)}"
        elif language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile("\n" * line + code, str(page), "exec"), namespace)
            printed, end = output.getvalue(), match.end()
        elif language == "text" and text[end : match.start()].strip() == "" and end > 0:
            assert same(printed, code), f"{page.name}:{line}\n{printed}"
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").exists():
            del sys.modules[name]


def commands(code: str) -> list[tuple[str, str]]:
    """Each command with what is to be printed."""
    parts = re.split(r"^\$ (.*)\n", code, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run(command: str) -> str:
    """What a command prints on standard output and standard error; ``> file`` and ``| mixad`` are understood."""
    given = ""
    for part in command.split(" | "):
        part, _, file = part.partition(" > ")
        name, *arguments = shlex.split(part)
        assert name == "mixad", f"only mixad's commands can be run, not {name}"
        output = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
            with contextlib.redirect_stderr(output):
                main(arguments)
        given = output.getvalue()
        if file:
            Path(file).write_text(given)
            given = ""
    return given


def same(printed: str, expected: str) -> bool:
    """Whether two texts agree, ``...`` standing for any lines."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in expected.rstrip().split("\n")
    ]
    return re.fullmatch("".join(lines), printed.rstrip() + "\n") is not None

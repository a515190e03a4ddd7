"""Source files of kernels: a kernel's function behind the device functions that it calls, named by its contents."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HEADER: Final = "import triton\nimport triton.language as tl\nfrom triton.language.extra import libdevice\n"
#: A heading between functions.
_SECTION: Final = re.compile(r"^# --- ", re.MULTILINE)
_NAMES: Final = re.compile(r"\b[A-Za-z_]\w*\b")


@functools.cache
def device_functions() -> dict[str, str]:
    """The source of each function of the files ``device_*.py``, by name."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("device_*.py"))]
    parts = [_SECTION.split(part)[0].strip() for text in texts for part in text.split("\n@triton.jit\n")[1:]]
    return {part[4 : part.index("(")]: f"@triton.jit\n{part}\n" for part in parts}


def helpers_of(text: str) -> list[str]:
    """The device functions that a text calls, each behind those that it calls itself."""
    functions = device_functions()
    found: dict[str, None] = {}

    def visit(part: str, own: str = "") -> None:
        for name in _NAMES.findall(part):
            if name in functions and name != own and name not in found:
                visit(functions[name], name)
                found[name] = None

    visit(text)
    return list(found)


def complete(body: str, name: str, arguments: Sequence[str], comment: str = "") -> tuple[str, str]:
    """A whole source file and its kernel's name, which says what it is and what its text hashes to."""
    helpers = [device_functions()[helper] for helper in helpers_of(body)]
    text = "\n\n".join([HEADER, *helpers, f"@triton.jit\ndef KERNEL({', '.join(arguments)}):\n{comment}{body}"])
    return hashed(text, name)


def hashed(text: str, name: str) -> tuple[str, str]:
    """A source file whose kernel is called KERNEL, with its full name there, and the name."""
    full = f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return text.replace("def KERNEL(", f"def {full}("), full


def pruned(lines: Sequence[str]) -> list[str]:
    """The lines without assignments to names that no other line reads."""
    parsed = []
    for line in lines:
        name, sign, text = line.strip().partition(" = ")
        target = name if sign and name.isidentifier() else ""
        parsed.append((line, target, set(_NAMES.findall(text if target else line))))
    while True:
        read_by: dict[str, int] = {}
        for _, target, names in parsed:
            for name in names - {target}:
                read_by[name] = read_by.get(name, 0) + 1
        kept = [each for each in parsed if not each[1] or each[1] in read_by]
        if len(kept) == len(parsed):
            return [line for line, _, _ in kept]
        parsed = kept

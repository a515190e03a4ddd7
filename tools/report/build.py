"""A compilation's report, from what was recorded and from the files of a dump."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...ir import parse_module
from ...ir.errors import MixadError
from .page import page
from .recorder import Recorder

#: What the page takes from a manifest as it is.
_FACTS = {"entry": "", "pipeline": "", "backend": None, "seconds": 0.0, "error": None}


def report(recorder: Recorder, manifest: Mapping[str, Any]) -> str:
    """The page of a compilation: the recorded programs, and ``manifest``, as a dump writes it."""
    steps = {step["file"]: number for number, step in enumerate(recorder.steps)}
    passes = [
        {
            "pass": each["pass"],
            "text": each.get("text", each["pass"]),
            "depth": each.get("depth", 0),
            "seconds": each.get("seconds"),
            "failed": each.get("failed"),
            "step": steps.get(each["file"]),
        }
        for each in outer_first(manifest["passes"])
    ]
    facts = {name: manifest.get(name, default) for name, default in _FACTS.items()}
    return page({**facts, "passes": passes, **recorder.data()})


def outer_first(passes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The passes as they were begun; a manifest has them as they ended, inner ones before the outer."""
    ended: list[list[Mapping[str, Any]]] = []
    for each in passes:
        inner: list[Mapping[str, Any]] = []
        while ended and ended[-1][0].get("depth", 0) > each.get("depth", 0):
            inner = ended.pop() + inner
        ended.append([each, *inner])
    return [each for group in ended for each in group]


def report_of_folder(folder: Path) -> str:
    """The page of one dumped compilation, made from its files.

    Texts do not say which operation is which over the passes, so the report follows those of equal name, types and
    place. Raises OSError where a file cannot be read and `MixadError` where it is not a dump's.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        names = {"00-input.mix": False} | {
            each["file"]: "failed" in each for each in manifest["passes"] if each["file"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise MixadError(f"{folder / 'manifest.json'} is not the manifest of a dump: {error!r}") from error
    recorder = Recorder(alike=True)
    for name, failed in names.items():
        if Path(name).name != name:
            raise MixadError(f"{folder / 'manifest.json'} names the file {name!r}, which is not beside it")
        try:
            module = parse_module((folder / name).read_text(encoding="utf-8"), str(folder / name))
        except MixadError:
            if failed:  # a failing pass may leave what is no program
                continue
            raise
        recorder.step(module, title_of(name), name)
    return report(recorder, manifest)


def title_of(name: str) -> str:
    """The pass that a file of a dump is named after."""
    return name.removesuffix(".mix").partition("-")[2].replace(".failed", ", failed")

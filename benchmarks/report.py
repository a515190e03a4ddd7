"""Write tables and plots: ``python -m benchmarks.report RESULTS.json PAGE.md IMAGES``.

The results are pytest-benchmark's JSON; the tables stand between two marked lines of the page, the plots in the folder
IMAGES, which lies below the page's.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .plots import draw
from .results import OWN, PEERS, Result, load
from .summary import summary

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PACKAGES = ("numpy", "autograd", "jax", "torch", "mindspore")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def machine(threads: int) -> str:
    """What a figure depends on, and nothing that tells whose machine it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    features = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return (
        f"Measured with {threads} threads for every library, on a machine of {cores} cores "
        f"({' '.join([platform.machine(), *features[-1:]])}), Python {platform.python_version()}, {versions}."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def tables(results: list[Result]) -> str:
    """One section and table for each heading."""
    sections: dict[str, list[Result]] = {}
    for result in results:
        sections.setdefault(result.section, []).append(result)
    parts = []
    for section, rows in sections.items():
        cells = [_cells(row) for row in rows]
        columns = list(dict.fromkeys(column for each in cells for column in each))
        order = [*(name for name in columns if not name.startswith("mixad / ")), *(f"mixad / {name}" for name in PEERS)]
        parts += [f"## {section}", rows[0].about, _table([name for name in order if name in columns], cells)]
    return "\n\n".join(parts)


def _cells(result: Result) -> dict[str, str]:
    """A row's text by column."""
    cells = {"": result.row, **{name: str(fact) for name, fact in result.facts.items()}}
    samples = result.samples
    if result.baseline and result.baseline in samples:
        least = min(samples[result.baseline])
        cells[result.baseline] = _time(least)
        for name, times in samples.items():
            if name != result.baseline:
                cells[f"{name} beyond {result.baseline}"] = _time(min(times) - least)
    else:
        cells[f"mixad, {result.unit}" if result.unit != "bytes" else "mixad"] = _figure(result)
        for peer in result.peers:
            cells[f"mixad / {peer}"] = _ratio(result, peer)
        cells |= {f"mixad / {name}": why for name, why in result.absent.items() if name != OWN}
        if result.cost:
            cells["gradient / function"] = f"{result.cost.median:.2g}"
    if result.target:
        cells["target"] = result.target
    return cells


def _figure(result: Result) -> str:
    if OWN not in result.samples:
        return result.absent[OWN]
    least = min(result.samples[OWN])
    return f"{least / 2**20:,.1f} MiB" if result.unit == "bytes" else _time(least / result.count)


def _ratio(result: Result, peer: str) -> str:
    if OWN not in result.samples:
        return ""
    found = result.ratio(peer)
    if result.unit == "bytes":
        return f"{found.median:.2g}"
    rounds = min(len(result.samples[name]) for name in (OWN, peer))
    return f"{found.median:.2g} ({'once' if rounds == 1 else f'{found.low:.2g} to {found.high:.2g}'})"


def _time(seconds: float) -> str:
    scale, unit = next((each for each in UNITS if abs(seconds) >= each[0]), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def _table(columns: list[str], rows: list[dict[str, str]]) -> str:
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1)]
    lines += [[row.get(column, "").replace("|", "\\|") for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(results: str, page: str, images: str) -> None:
    """Rewrite the page between its marked lines, and the plots that it shows."""
    path = Path(page)
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} has no lines {BEGIN} and {END} to write the tables between")
    found = load(results)
    relative = os.path.relpath(images, path.parent)
    pictures = [f"![{title}]({relative}/{name})" for name, title in draw(found, Path(images)).items()]
    parts: list[Any] = [machine(found[0].threads), "## Summary", summary(found), *pictures, tables(found)]
    text = "\n\n".join(parts)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

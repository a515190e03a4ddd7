"""Write the tables of docs/performance.md: ``python benchmarks/report.py RESULTS.json PAGE.md``.

The results are pytest-benchmark's JSON; the tables stand between two marked lines of the page.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def machine() -> str:
    """What a figure depends on, and nothing that tells whose machine it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    features = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    versions = ", ".join(f"{name} {found}" for name in ("numpy", "autograd", "jax") if (found := _version(name)))
    return (
        f"Measured with one thread, on a machine of {cores} cores ({' '.join([platform.machine(), *features[-1:]])}), "
        f"Python {platform.python_version()}, {versions}."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def tables(results: dict[str, Any]) -> str:
    """One section and table for each benchmark file."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for result in results["benchmarks"]:
        sections.setdefault(result["extra_info"]["section"], []).append(result["extra_info"])
    parts = [machine()]
    for section, rows in sections.items():
        columns = list(dict.fromkeys(column for row in rows for column in row["cells"]))
        parts += [f"## {section}", rows[0]["about"], _table(columns, [row["cells"] for row in rows])]
    return "\n\n".join(parts)


def _table(columns: list[str], rows: list[dict[str, str]]) -> str:
    head = ["" if number == 0 else column for number, column in enumerate(columns)]
    lines = [head, ["---"] + ["---:"] * (len(columns) - 1)]
    lines += [[row.get(column, "").replace("|", "\\|") for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(results: str, page: str) -> None:
    path = Path(page)
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} has no lines {BEGIN} and {END} to write the tables between")
    found = tables(json.loads(Path(results).read_text("utf-8")))
    path.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

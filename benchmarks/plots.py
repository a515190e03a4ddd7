"""The plots of docs/performance.md, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt

from .results import OWN, PEERS, Result

COLOURS = dict(zip((OWN, *PEERS), ("black", "tab:gray", "tab:blue", "tab:orange", "tab:red", "tab:green"), strict=True))
# Text stays text, so files are small; without a salt and a date they are the same for the same results.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "mixad", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3}


def draw(results: Sequence[Result], folder: Path) -> dict[str, str]:
    """Write the plots for which there are results; their file names with what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: list[tuple[str, str, Callable[[list[Result]], Any], list[Result]]] = [
        ("ratios", "mixad's time over each peer's, by row", _ratios, _of(results, bar="speed")),
        ("sizes", "Nanoseconds an element, by size", _sizes, _of(results, section="Element-wise gradients")),
        ("orders", "Time by order", _orders, _of(results, section="Growth with the order, compiled")),
        ("first-gradient", "Time to first gradient, by operations", _first, _of(results, bar="first gradient")),
        ("memory", "Peak memory", _memory, _of(results, bar="memory")),
    ]
    written = {}
    with plt.rc_context(STYLE):
        for name, title, make, rows in wanted:
            if rows:
                figure = make(rows)
                figure.savefig(folder / f"performance-{name}.svg", metadata={"Date": None}, bbox_inches="tight")
                plt.close(figure)
                written[f"performance-{name}.svg"] = title
    return written


def _of(results: Sequence[Result], **wanted: str) -> list[Result]:
    return [each for each in results if all(getattr(each, name) == value for name, value in wanted.items())]


def _ratios(rows: list[Result]) -> Any:
    """A dot for each peer: left of the line, mixad is faster."""
    rows = [each for each in rows if OWN in each.samples]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.17 * len(rows)))
    for peer in PEERS:
        shown = [(each.ratio(peer).median, -i) for i, each in enumerate(rows) if peer in each.samples]
        if shown:
            axes.scatter(*zip(*shown, strict=True), s=14, color=COLOURS[peer], label=peer)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="mixad's time / peer's time")
    axes.set_yticks([-i for i in range(len(rows))], [each.label for each in rows])
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _sizes(rows: list[Result]) -> Any:
    """Time an element, one panel for each element type."""
    kinds = list(dict.fromkeys(each.row.partition(",")[0] for each in rows))
    figure, panels = plt.subplots(1, len(kinds), figsize=(8, 3), sharey=True, squeeze=False)
    for axes, kind in zip(panels[0], kinds, strict=True):
        chosen = [(each, _number(each.row)) for each in rows if each.row.startswith(kind)]
        _lines(axes, chosen, lambda seconds, size: seconds / size * 1e9)
        axes.set(xscale="log", yscale="log", xlabel="elements", title=kind)
    panels[0][0].set_ylabel("ns an element")
    panels[0][-1].legend()
    return figure


def _orders(rows: list[Result]) -> Any:
    figure, axes = plt.subplots(figsize=(5, 3))
    _lines(axes, [(each, int(each.row.split()[-1])) for each in rows], lambda seconds, _: seconds * 1e3)
    axes.set(yscale="log", xlabel="order of the derivative", ylabel="ms")
    axes.legend()
    return figure


def _first(rows: list[Result]) -> Any:
    figure, axes = plt.subplots(figsize=(5, 3))
    _lines(axes, [(each, each.count) for each in rows], lambda seconds, _: seconds)
    axes.set(xscale="log", yscale="log", xlabel="operations of the function", ylabel="s to the first gradient")
    axes.legend()
    return figure


def _memory(rows: list[Result]) -> Any:
    figure, axes = plt.subplots(figsize=(8, 0.8 + 0.9 * len(rows)))
    names = [name for name in (OWN, *PEERS) if any(name in each.samples for each in rows)]
    for place, name in enumerate(names):
        shown = [
            (i + place / (len(names) + 1), each.samples[name][0]) for i, each in enumerate(rows) if name in each.samples
        ]
        axes.barh(
            [-y for y, _ in shown], [x / 2**20 for _, x in shown], 1 / (len(names) + 1), color=COLOURS[name], label=name
        )
    axes.set_yticks([-i - 0.4 for i in range(len(rows))], [each.row for each in rows])
    axes.set_xlabel("MiB beyond the arguments")
    axes.legend()
    return figure


def _lines(axes: Any, rows: list[tuple[Result, float]], scale: Callable[[float, float], float]) -> None:
    """One line for each library, of its fastest times."""
    for name in (OWN, *PEERS):
        shown = [(x, scale(min(each.samples[name]), x)) for each, x in rows if name in each.samples]
        if shown:
            axes.plot(*zip(*shown, strict=True), marker="o", markersize=3, color=COLOURS[name], label=name)


def _number(row: str) -> int:
    """The size in a row's name, such as "float32, 10,000"."""
    return int(row.partition(",")[2].replace(",", ""))

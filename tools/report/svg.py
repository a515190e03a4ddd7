"""A graph as a picture that stands alone, for notebooks and documents."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from html import escape

from ...ir import Graph, Operation
from ...ir.graph import ARGUMENT, RETURN
from ...ir.printer import Names
from .layout import HEIGHT, Box, layout

MARGIN = 20
TITLE = 24

#: One rule for light and one for dark; scoped, since a notebook is one page with many pictures.
_STYLE = """
.mixad-graph { --paper: #f5f6f8; --ink: #1b1f24; --dim: #59636e; --sel: #ffe58a; font: 12px monospace; }
.mixad-graph { --o0: #e7edf5; --o1: #ffe3c7; --o2: #e9dcff; --o3: #d3f2de; }
.mixad-graph { --e0: #5b7089; --e1: #b35c00; --e2: #6f42c1; --e3: #1a7f42; }
@media (prefers-color-scheme: dark) {
.mixad-graph { --paper: #1c2128; --ink: #e6eaf0; --dim: #9aa5b1; --sel: #6b5600; }
.mixad-graph { --o0: #263445; --o1: #4d2f10; --o2: #3b2963; --o3: #173f28; }
.mixad-graph { --e0: #8ba3bf; --e1: #f0a35a; --e2: #b794f6; --e3: #5dcb88; }
}
.mixad-graph .paper { fill: var(--paper); } .mixad-graph text { fill: var(--ink); text-anchor: middle; }
.mixad-graph .dim { fill: var(--dim); font-size: 10px; text-anchor: start; }
.mixad-graph path { fill: none; stroke: var(--dim); }
.mixad-graph .o0 { fill: var(--o0); stroke: var(--e0); } .mixad-graph .o1 { fill: var(--o1); stroke: var(--e1); }
.mixad-graph .o2 { fill: var(--o2); stroke: var(--e2); } .mixad-graph .o3 { fill: var(--o3); stroke: var(--e3); }
.mixad-graph .end { stroke-dasharray: 4 3; } .mixad-graph .sel { fill: var(--sel); stroke-width: 3; }
"""


def draw(graphs: Iterable[Graph], shown: Collection[Operation] | None = None, marked: Operation | None = None) -> str:
    """The functions side by side as one SVG; only the operations ``shown``, where these are given.

    An operation's box says its name and the order of its derivative; ``marked`` stands out.
    """
    parts: list[str] = []
    left, height = 0.0, 0.0
    for graph in graphs:
        drawn, width, high = _function(graph, shown, marked)
        parts.append(f'<g transform="translate({left:.0f} 0)">{drawn}</g>')
        left += width + MARGIN
        height = max(height, high)
    width = max(left - MARGIN, 1)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" style="max-width: 100%"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" class="mixad-graph" {size}><style>{_STYLE}</style>'
    return f"{start}{''.join(parts)}</svg>"


def _function(graph: Graph, shown: Collection[Operation] | None, marked: Operation | None) -> tuple[str, float, float]:
    names = Names()
    labels: dict[Operation, str] = {}
    for value in graph.inputs:
        labels[value.owner] = names.argument(value)
    for op in graph:
        names.results(op)
        labels[op] = op.name.removeprefix("tensor.") + (f" ∂{op.location.order}" if op.location.order else "")
    labels[graph.end] = "return"
    if shown is not None:
        labels = {op: label for op, label in labels.items() if op in shown}
    boxes = layout(labels)
    width = max([box.x + box.width / 2 for box in boxes.values()] + [len(graph.name) * 8.0]) + 2 * MARGIN
    height = max([box.y for box in boxes.values()] + [0.0]) + HEIGHT / 2 + 2 * MARGIN + TITLE
    parts = [
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}" rx="6"/>',
        f'<text class="dim" x="10" y="18">@{escape(graph.name)}</text>',
        f'<g transform="translate({MARGIN} {MARGIN + TITLE})">',
    ]
    parts += [_edges(op, boxes) for op in labels]
    parts += [_box(op, box, op is marked) for op, box in boxes.items()]
    return "".join([*parts, "</g>"]), width, height


def _edges(op: Operation, boxes: dict[Operation, Box]) -> str:
    """The edges into an operation, and the shapes of what it makes."""
    box, paths = boxes[op], []
    for value in op.operands:
        source = boxes.get(value.owner)
        if source is not None:
            top, bottom = source.y + HEIGHT / 2, box.y - HEIGHT / 2
            bend = min(60.0, (bottom - top) * 0.45)
            faint = ' opacity="0.3"' if box.layer - source.layer > 4 else ""
            curve = f"M{source.x:.0f} {top:.0f}C{source.x:.0f} {top + bend:.0f}"
            paths.append(f'<path d="{curve} {box.x:.0f} {bottom - bend:.0f} {box.x:.0f} {bottom:.0f}"{faint}/>')
    shapes = ", ".join(value.type.text.removeprefix("tensor<").removesuffix(">") for value in op.results)
    return f'{"".join(paths)}<text class="dim" x="{box.x + 5:.0f}" y="{box.y + HEIGHT / 2 + 12:.0f}">{shapes}</text>'


def _box(op: Operation, box: Box, marked: bool) -> str:
    order = op.location.order
    end = op.definition in (ARGUMENT, RETURN)
    classes = f"o{min(order, 3)}{' end' if end else ''}{' sel' if marked else ''}"
    at = f'x="{box.x - box.width / 2:.0f}" y="{box.y - HEIGHT / 2:.0f}" width="{box.width:.0f}" height="{HEIGHT}"'
    where = f" at {op.location}" if op.location else ""
    return (
        f'<g><title>{escape(op.name + where)}</title><rect class="{classes}" {at} rx="{13 if order else 3}"/>'
        f'<text x="{box.x:.0f}" y="{box.y + 4:.0f}">{escape(box.label)}</text></g>'
    )

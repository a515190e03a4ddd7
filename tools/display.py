"""How graphs, modules and values look in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..ir import Graph, Module, Operation, Value
from ..ir.display import Displayed, register_renderer
from .report.svg import draw

#: Larger programs are not drawn in a notebook: text and a hint instead.
MOST = 400
#: How far around a value its graph is drawn.
HOPS = 2


def svg(shown: Displayed) -> str | None:
    """The picture of a graph, of a module's functions, or of a value amid its neighbours; None where it has more
    than `MOST` operations or the value belongs to no graph."""
    if isinstance(shown, Value):
        graph = shown.owner.graph
        return None if graph is None else draw([graph], neighbourhood(graph, shown.owner), shown.owner)
    graphs = list(graphs_of(shown))
    return draw(graphs) if sum(map(len, graphs)) <= MOST else None


def html(shown: Displayed) -> str:
    """The picture under a heading, and the program's text to unfold."""
    picture = svg(shown)
    if isinstance(shown, Value):
        heading = f"%{shown.name}" if shown.name else f"a value of {shown.owner.name}"
        return _figure(f"{heading}: {shown.type.text}, {shown.owner.location or 'made by a pass'}", picture, "")
    count = sum(map(len, graphs_of(shown)))
    name = shown.name if isinstance(shown, Graph | Module) else ""
    hint = (
        "" if picture else f"<p>More than {MOST} operations are not drawn here; mixad.dump(folder) makes a report.</p>"
    )
    return _figure(f"@{name}: {count} operations" if name else f"{count} operations", picture, hint, str(shown))


def _figure(heading: str, picture: str | None, hint: str, text: str = "") -> str:
    unfold = f"<details><summary>text</summary><pre>{escape(text)}</pre></details>" if text else ""
    return f"<div><p><b>{escape(heading)}</b></p>{picture or ''}{hint}{unfold}</div>"


def graphs_of(shown: Displayed) -> Iterator[Graph]:
    """A module's functions, or the graph itself, each with the regions of its operations behind it."""
    for graph in shown if isinstance(shown, Module) else [shown] if isinstance(shown, Graph) else []:
        yield graph
        for op in graph:
            for region in op.regions:
                yield from graphs_of(region)


def neighbourhood(graph: Graph, start: Operation) -> set[Operation]:
    """The operations within `HOPS` edges of one, in either direction."""
    network = graph.network
    found = edge = {start}
    for _ in range(HOPS):
        edge = {near for op in edge for near in (*network.predecessors(op), *network.successors(op))} - found
        found = found | edge
    return found


register_renderer("svg", svg)
register_renderer("html", html)

"""The data of a report: programs as rows of a table, with an identity for each value that lasts over all passes."""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping
from typing import Any

from ...ir import Graph, Location, Module, Operation
from ...ir.graph import ARGUMENT
from ...ir.printer import Names, Printer
from .cost import flops

#: Longer attributes are cut.
LONGEST = 200


class Table:
    """Gives equal things one number, in the order in which they come."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, key: Any, item: Any = None) -> int:
        """The number of ``key``; ``item`` stands in the table for it."""
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.items)
            self.items.append(key if item is None else item)
        return found


class Recorder:
    """Records programs, step by step; `data` gives all of them as JSON has it.

    A row is an operation as it stands in one or more steps: ``[trace, name, types, location, attributes, operands,
    flops]``. ``trace`` is the operation's identity, unique within a function of a step. An operation that passes keep
    has one trace throughout, since it is one object. A new object, such as a clone's, takes the trace of an operation
    of the same structure (name, place, attributes, operands' traces). With ``alike``, for programs read from text,
    where no object is kept, one of the same name, types and place is enough.
    """

    def __init__(self, *, alike: bool = False) -> None:
        self.steps: list[dict[str, Any]] = []
        self._alike = alike
        self._names, self._types, self._locations, self._rows = Table(), Table(), Table(), Table()
        self._printer = Printer(locations=False)
        self._count = 0
        #: What was last seen of each operation: its operands, attributes, trace and row. It also keeps the operation
        #: alive, so that no other takes its place in memory.
        self._seen: dict[Operation, tuple[Any, Any, int, int]] = {}
        self._by_structure: dict[Any, int] = {}
        self._by_likeness: dict[Any, list[int]] = {}

    def step(self, module: Module, title: str, file: str) -> int:
        """Record a program; returns the step's number."""
        functions: list[dict[str, Any]] = []
        for graph in module:
            self._function(graph, f"@{graph.name}", functions)
        self.steps.append({"title": title, "file": file, "functions": functions})
        return len(self.steps) - 1

    def data(self) -> dict[str, Any]:
        """Tables and steps. Locations are ``[file, line, function, origin, order]``."""
        files = Table()
        locations = [[files.number(loc.file), *loc.key()[1:]] for loc in self._locations.items]
        return {
            "names": self._names.items,
            "types": [[type.text, type.nbytes] for type in self._types.items],
            "locations": locations,
            "files": files.items,
            "sources": source_lines(self._locations.items),
            "rows": self._rows.items,
            "steps": self.steps,
        }

    def _function(self, graph: Graph, name: str, functions: list[dict[str, Any]]) -> None:
        arguments = [value.owner for value in graph.inputs]
        operations = list(graph)
        traces = self._traces_kept([*arguments, *operations])
        used = set(traces.values())
        names = Names()
        shown = [names.argument(value) for value in graph.inputs]
        shown += [names.results(op).removesuffix(" = ") for op in operations]
        rows = [self._row(op, shown[at], traces, used) for at, op in enumerate(arguments)]
        rows += [self._row(op, "", traces, used) for op in operations]
        functions.append(
            {
                "name": name,
                "arguments": len(arguments),
                "rows": rows,
                "names": " ".join(shown),
                "outputs": _references(graph.end, traces),
            }
        )
        for op in operations:
            for region in op.regions:
                self._function(region, f"^{region.name} of {op.name} in {name}", functions)

    def _traces_kept(self, operations: Iterable[Operation]) -> dict[Operation, int]:
        """The traces of the operations that were seen before. Two copies that come to stand in one function cannot
        both keep theirs."""
        kept: dict[Operation, int] = {}
        used = set()
        for op in operations:
            seen = self._seen.get(op)
            if seen is not None and seen[2] not in used:
                kept[op] = seen[2]
                used.add(seen[2])
        return kept

    def _row(self, op: Operation, label: str, traces: dict[Operation, int], used: set[int]) -> int:
        seen = self._seen.get(op)
        trace = traces.get(op)
        if seen is not None and trace is not None and seen[0] is op.operands and seen[1] is op.attributes:
            return seen[3]
        name = self._names.number(op.name)
        types = [self._types.number(value.type) for value in op.results]
        location = self._locations.number(op.location)
        attributes = label if op.definition is ARGUMENT else self._attributes(op.attributes)
        operands = _references(op, traces)
        structure = (name, location, attributes, *types, None, *operands)
        if trace is None:
            trace = self._match(structure, (name, location, *types), used)
        self._by_structure.setdefault(structure, trace)
        traces[op] = trace
        used.add(trace)
        row = self._rows.number((trace, structure), [trace, name, types, location, attributes, operands, flops(op)])
        self._seen[op] = op.operands, op.attributes, trace, row
        return row

    def _match(self, structure: Any, likeness: Any, used: set[int]) -> int:
        found = self._by_structure.get(structure)
        if found is not None and found not in used:
            return found
        alike = self._by_likeness.setdefault(likeness, []) if self._alike else []
        for trace in alike:
            if trace not in used:
                return trace
        self._count += 1
        alike.append(self._count)
        return self._count

    def _attributes(self, attributes: Mapping[str, Any]) -> str:
        if not attributes:
            return ""
        text = self._printer.dictionary(attributes)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _references(op: Operation, traces: Mapping[Operation, int]) -> list[int]:
    """Operands as trace, result index, trace, result index, ..."""
    flat: list[int] = []
    for value in op.operands:
        flat += (traces[value.owner], value.index)
    return flat


def source_lines(locations: Iterable[Location]) -> dict[str, dict[int, str]]:
    """The user's lines, by file. A program read from text may name any file, so only Python's are opened."""
    lines: dict[str, dict[int, str]] = {}
    for location in locations:
        if location.file.endswith(".py") or location.file in linecache.cache:
            text = linecache.getline(location.file, location.line).strip()
            if text:
                lines.setdefault(location.file, {})[location.line] = text[:LONGEST]
    return lines

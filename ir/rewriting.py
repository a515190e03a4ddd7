"""Local rewriting: patterns by operation name, applied with a worklist until none matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .builder import Builder
from .graph import Graph, Operation, Value

#: A pattern looks at one operation and returns what replaces its results, or None to leave it.
Pattern = Callable[[Operation, Builder], Value | Sequence[Value] | None]


class PatternTable:
    """Rewrite patterns, listed by the operation that they start from."""

    def __init__(self) -> None:
        self._patterns: dict[str, list[Pattern]] = {}

    def pattern(self, *names: str) -> Callable[[Pattern], Pattern]:
        """Decorator: list a pattern under the given operation names."""

        def add(function: Pattern) -> Pattern:
            for name in names:
                self._patterns.setdefault(name, []).append(function)
            return function

        return add

    def patterns(self) -> Mapping[str, Sequence[Pattern]]:
        """All patterns by operation name, in the order they are tried."""
        return self._patterns

    def rewrite(self, graph: Graph) -> dict[str, int]:
        """Apply the patterns until none matches; returns how often each one did.

        Linear in the graph as long as each rewrite is: an operation is looked at again only when one
        of its operands was replaced, or it was made by a rewrite.
        """
        counts: dict[str, int] = {}
        pending: dict[Operation, None] = dict.fromkeys(reversed(list(graph)))
        while pending:
            op, _ = pending.popitem()
            if op.graph is not graph:
                continue
            for pattern in self._patterns.get(op.name, ()):
                values = self._apply(pattern, op, graph, pending)
                if values is not None:
                    counts[pattern.__name__] = counts.get(pattern.__name__, 0) + 1
                    break
        return counts

    @staticmethod
    def _apply(pattern: Pattern, op: Operation, graph: Graph, pending: dict[Operation, None]) -> Sequence[Value] | None:
        recorder = _Recorder(graph, op)
        found = pattern(op, Builder(recorder, None, op.location))
        if found is None:
            return None
        values = (found,) if isinstance(found, Value) else found
        users = [user for result in op.results for user, _ in graph.uses(result) if user is not graph.end]
        graph.replace(op, values)
        for touched in (*users, *reversed(recorder.made)):
            pending.pop(touched, None)
            pending[touched] = None
        return values


class _Recorder:
    """A builder's sink that inserts before one operation and remembers what it inserted."""

    __slots__ = ("before", "graph", "made")

    def __init__(self, graph: Graph, before: Operation) -> None:
        self.graph = graph
        self.before = before
        self.made: list[Operation] = []

    def append(self, op: Operation) -> None:
        self.graph.insert(op, self.before)
        self.made.append(op)

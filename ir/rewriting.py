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
        recorder = _Recorder(graph)
        builder = Builder(recorder)
        while pending:
            op, _ = pending.popitem()
            patterns = self._patterns.get(op.definition.name)
            if patterns is None or op.graph is not graph:
                continue
            recorder.before = op
            builder.location = op.location
            for pattern in patterns:
                found = pattern(op, builder)
                if found is not None:
                    counts[pattern.__name__] = counts.get(pattern.__name__, 0) + 1
                    self._replace(op, (found,) if isinstance(found, Value) else found, recorder, pending)
                    break
        return counts

    @staticmethod
    def _replace(op: Operation, values: Sequence[Value], recorder: _Recorder, pending: dict[Operation, None]) -> None:
        """Put ``values`` in place of ``op``, and look again at its users and at what the pattern made."""
        graph = recorder.graph
        users = [user for result in op.results for user, _ in graph.uses(result) if user is not graph.end]
        graph.replace(op, values)
        for touched in (*users, *reversed(recorder.made)):
            pending.pop(touched, None)
            pending[touched] = None
        recorder.made.clear()


class _Recorder:
    """A builder's sink that inserts before one operation and remembers what it inserted."""

    __slots__ = ("before", "graph", "made")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.before = graph.end
        self.made: list[Operation] = []

    def append(self, op: Operation) -> None:
        """Take an operation that a pattern makes."""
        self.graph.insert(op, self.before)
        self.made.append(op)

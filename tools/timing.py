"""Reports of a pipeline's run: times and statistics, nested as the passes were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..passes.manager import PassRecord

_WIDTH = 79


@dataclass
class Node:
    """All runs of one pass inside the pass around it."""

    text: str
    seconds: float = 0.0
    runs: int = 0
    changed: int = 0
    before: int = 0
    after: int = 0
    statistics: dict[str, int] = field(default_factory=dict)
    inner: dict[str, Node] = field(default_factory=dict)

    def add(self, record: PassRecord) -> None:
        """Count one run."""
        if not self.runs:
            self.before = record.operations_before
        self.after = record.operations_after
        self.seconds += record.seconds
        self.runs += 1
        self.changed += record.changed
        for name, count in record.statistics.items():
            self.statistics[name] = self.statistics.get(name, 0) + count

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This node and those inside it, with how deep they are."""
        yield depth, self
        for each in self.inner.values():
            yield from each.walk(depth + 1)


#: A record with the records of the passes that ran inside it.
_Run = tuple[PassRecord, "list[_Run]"]


def tree(records: Sequence[PassRecord]) -> list[Node]:
    """The records, which stand in the order in which passes ended, as a tree; runs of equal passes are one node."""
    ended: dict[int, list[_Run]] = {}
    for record in records:
        ended.setdefault(record.depth, []).append((record, ended.pop(record.depth + 1, [])))
    root = Node("")
    _merge(root, ended.get(0, []))
    return list(root.inner.values())


def _merge(into: Node, runs: Sequence[_Run]) -> None:
    for record, inner in runs:
        node = into.inner.setdefault(record.text, Node(record.text))
        node.add(record)
        _merge(node, inner)


def timing_report(records: Sequence[PassRecord]) -> str:
    """Wall time of each pass, its inner passes and instruments included, as MLIR's ``-mlir-timing`` shows it."""
    nodes = tree(records)
    total = sum(node.seconds for node in nodes)
    lines = [_title("Execution time report"), f"  Total Execution Time: {total:.4f} seconds", ""]
    lines.append("  ----Wall Time----  --Runs--  -Changed-  ----Name----")
    for node in nodes:
        for depth, each in node.walk():
            share = 100 * each.seconds / total if total else 0.0
            lines.append(
                f"  {each.seconds:8.4f} ({share:5.1f}%)  {each.runs:8}  {each.changed:9}  {'  ' * depth}{each.text}"
            )
    lines.append(f"  {total:8.4f} (100.0%)  {'':8}  {'':9}  Total")
    return "\n".join(lines) + "\n"


def statistics_report(records: Sequence[PassRecord]) -> str:
    """What each pass counted, and how many operations it found and left."""
    lines = [_title("Pass statistics report")]
    for node in tree(records):
        for depth, each in node.walk():
            indent = "  " * depth
            lines.append(f"{indent}{each.text}  [{each.before} -> {each.after} operations]")
            lines += [f"{indent}  (S) {count:7} {name}" for name, count in each.statistics.items()]
    return "\n".join(lines) + "\n"


def _title(text: str) -> str:
    rule = "===" + "-" * (_WIDTH - 6) + "==="
    return f"{rule}\n{f'... {text} ...':^{_WIDTH}}".rstrip() + f"\n{rule}"

"""Which operations run together: clusters that share one iteration dimension.

Operations are looked at in program order. Each joins the clusters that made or read its operands, where one dimension
runs through all of them and the cluster stays convex: nothing outside may stand between two operations of it. A value
that blocks add up is complete only when all have run, so no operation of its cluster reads it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...ir.graph import Graph, Operation, Value
from ...ops.contraction import PRODUCTS
from ...ops.kernel import WHOLE
from .iteration import COMBINED, Iteration, iteration

#: An outer axis is cut, even where an inner one is longer, if it has this many points ...
OUTER_POINTS: Final = 4
#: ... of at most this many elements each.
POINT_ELEMENTS: Final = 1 << 18
#: So many clusters that read a value are asked whether another reader may join them: the last.
READERS: Final = 8


def is_repeated(op: Operation) -> bool:
    """Whether an operation costs nothing, and so is repeated in every cluster that reads it."""
    if op.name == "tensor.constant":
        return bool(op.attributes["value"].is_splat)
    return op.name == "tensor.broadcast_in_dim"


@dataclass(eq=False)
class Cluster:
    """Operations that run together, along ``axes[value]`` of each value (`WHOLE` where it is read uncut).

    ``bits`` is the cluster's own in the masks of dependences, ``before`` those of all clusters that it depends on and
    ``behind`` of all that depend on it.
    """

    extent: int
    bits: int = 0
    before: int = 0
    behind: int = 0
    ops: list[Operation] = field(default_factory=list)
    axes: dict[Value, int] = field(default_factory=dict)
    #: Results to which every block adds.
    reduced: set[Value] = field(default_factory=set)
    #: Values that come from outside.
    inputs: dict[Value, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What fusion may do: the least elements of a value worth cutting, the most operations of a cluster, the most
    bytes of a sum over blocks, whether contractions take part, and whether it starts from the longest axis rather than
    from the outermost."""

    elements: int
    operations: int
    sums: int
    contractions: bool
    longest: bool = False


class Clustering:
    """The clusters of a graph, found in one walk."""

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self.graph = graph
        self.limits = limits
        #: By bit; a cluster that became part of another gives way to that one.
        self._clusters: list[Cluster] = []
        self._alive: dict[Cluster, None] = {}
        #: The cluster of an operation, by the bit it was started with.
        self._member: dict[Operation, int] = {}
        #: The clusters that an operation outside all of them reads, directly or through others outside.
        self._outside: dict[Operation, int] = {}
        self._readers: dict[Value, dict[int, None]] = {}
        for op in graph:
            self._visit(op)

    def found(self) -> Iterator[Cluster]:
        """The clusters, each with its operations in program order."""
        order = {op: number for number, op in enumerate(self.graph)}
        for cluster in self._alive:
            cluster.ops.sort(key=order.__getitem__)
            yield cluster

    # --- one operation ---------------------------------------------------------------------------

    def _visit(self, op: Operation) -> None:
        candidates = self._candidates(op)
        large = any(value.type.size >= self.limits.elements for value in (*op.operands, *op.results))
        plan = self._plan(op) if large or candidates else None
        home: Cluster | None = None
        if plan is not None:
            for cluster in candidates:
                if home is None:
                    home = cluster if self._join(op, plan, cluster) else None
                elif self._can_merge(home, cluster):
                    self._merge(home, cluster)
            if home is None and large:
                home = self._start(op, plan)
        if home is None:
            self._outside[op] = self._reached(op.operands)

    def _plan(self, op: Operation) -> Iteration | None:
        """The operation's labels, where it may take part."""
        if is_repeated(op) or (op.name in PRODUCTS and not self.limits.contractions):
            return None
        return iteration(op)

    def _candidates(self, op: Operation) -> list[Cluster]:
        """Clusters that made an operand, and the last of those that read a large one: the largest operand's first."""
        sources = sorted(_sources(op), key=lambda value: -value.type.size) if self._alive else []
        made = [self._member[value.owner] for value in sources if value.owner in self._member]
        large = [value for value in sources if value.type.size >= self.limits.elements]
        read = [bit for value in large for bit in list(self._readers.get(value, ()))[-READERS:]]
        return list(dict.fromkeys(self._clusters[bit] for bit in (*made, *read)))

    def _start(self, op: Operation, plan: Iteration) -> Cluster | None:
        """A cluster of its own; None where the operation cannot be cut along an axis worth it."""
        label = self._axis(op, plan)
        if label is None:
            return None
        cluster = Cluster(_extent(op, plan, label), 1 << len(self._clusters))
        axes, result = plan.axes_of(label)
        bound = self._bound(op, axes, cluster)
        if bound is None or all(axis == WHOLE or is_repeated(value.owner) for value, axis in bound.items()):
            return None
        self._clusters.append(cluster)
        self._alive[cluster] = None
        self._add(op, bound, result, cluster)
        return cluster

    def _axis(self, op: Operation, plan: Iteration) -> Hashable:
        """The label to cut along: the outermost that makes points of a fair size, or else the longest. One that the
        result has is better than one that is summed over."""
        sizes: dict[Hashable, tuple[int, int]] = {}
        values = [(plan.result, op.result), *zip(plan.operands, op.operands, strict=True)]
        for labels, value in values:
            for label, size in zip(labels, value.type.shape, strict=True):
                if label is not None and size > 1:
                    sizes.setdefault(label, (size, value.type.size // size))
        kept = [label for label in sizes if label in plan.result]
        for label in kept:
            points, elements = sizes[label]
            if points >= OUTER_POINTS and elements <= POINT_ELEMENTS and not self.limits.longest:
                return label
        summed = [label for label in sizes if label not in plan.result] if self._can_sum(op) else []
        return max((*kept, *summed), key=lambda label: sizes[label][0] * (8 if label in kept else 1), default=None)

    def _join(self, op: Operation, plan: Iteration, cluster: Cluster) -> bool:
        """Add ``op`` where the cluster's dimension runs through it, and say whether it does."""
        if len(cluster.ops) >= self.limits.operations:
            return False
        label = plan.label_at([self._known(value, cluster) for value in op.operands])
        if label is None or _extent(op, plan, label) != cluster.extent:
            return False
        axes, result = plan.axes_of(label)
        if result == WHOLE and not self._can_sum(op):
            return False
        bound = self._bound(op, axes, cluster)
        if bound is None or self._comes_back(bound, cluster):
            return False
        self._add(op, bound, result, cluster)
        return True

    def _known(self, value: Value, cluster: Cluster) -> int | None:
        """Along which axis the cluster runs through an operand, or through what a repeated operand reads."""
        if value in cluster.axes:
            return cluster.axes[value]
        if value.owner.name == "tensor.broadcast_in_dim":
            inner = self._known(value.owner.operands[0], cluster)
            if inner is not None and inner != WHOLE:
                plan = iteration(value.owner)
                label = plan.operands[0][inner] if plan else None
                return None if plan is None or label is None else plan.result.index(label)
        return None

    def _bound(self, op: Operation, axes: Sequence[int], cluster: Cluster) -> dict[Value, int] | None:
        """The axis along which the cluster runs through each value that ``op`` reads; None where one is read in
        another way already, or is a sum of the cluster's own."""
        found: dict[Value, int] = {}
        pending = list(zip(op.operands, axes, strict=True))
        for value, axis in pending:
            if value in cluster.reduced or cluster.axes.get(value, axis) != axis or found.get(value, axis) != axis:
                return None
            found[value] = axis
            if value.owner.name == "tensor.broadcast_in_dim":
                plan = iteration(value.owner)
                assert plan is not None
                label = plan.result[axis] if axis != WHOLE else None
                pending.append((value.owner.operands[0], plan.axes_of(label)[0][0] if label is not None else WHOLE))
        return found

    def _add(self, op: Operation, bound: dict[Value, int], result: int, cluster: Cluster) -> None:
        cluster.ops.append(op)
        bit = cluster.bits.bit_length() - 1
        self._member[op] = bit
        for value, axis in bound.items():
            if value not in cluster.axes:
                cluster.axes[value] = axis
                if not is_repeated(value.owner):
                    cluster.inputs[value] = None
                    self._readers.setdefault(value, {})[bit] = None
        cluster.axes[op.result] = result
        if result == WHOLE:
            cluster.reduced.add(op.result)
        self._depend(cluster, self._closed(self._reached(op.operands)))

    def _can_sum(self, op: Operation) -> bool:
        """Whether blocks' contributions to the result can be combined; 16-bit sums would be rounded in between."""
        type = op.result.type
        return op.name in COMBINED and type.nbytes <= self.limits.sums and type.dtype.itemsize >= 4

    # --- dependences -----------------------------------------------------------------------------

    def _reached(self, values: Sequence[Value]) -> int:
        """The clusters that values come from, directly or through operations outside."""
        mask = 0
        for value in values:
            bit = self._member.get(value.owner)
            mask |= self._outside.get(value.owner, 0) if bit is None else self._clusters[bit].bits
        return mask

    def _closed(self, mask: int) -> int:
        """A mask with all that its clusters depend on."""
        done = pending = mask
        while pending:
            cluster = self._clusters[pending.bit_length() - 1]
            done |= cluster.before
            pending &= ~(cluster.bits | cluster.before)
        return done

    def _depend(self, cluster: Cluster, mask: int) -> None:
        """Let a cluster, and whatever depends on it, depend on a closed mask."""
        new = mask & ~(cluster.before | cluster.bits)
        if new:
            cluster.before |= new
            for other in self._of(cluster.behind):
                other.before |= new
            for other in self._of(new):
                other.behind |= cluster.bits | cluster.behind

    def _of(self, mask: int) -> Iterator[Cluster]:
        """The clusters of a mask, each once."""
        while mask:
            cluster = self._clusters[mask.bit_length() - 1]
            mask &= ~cluster.bits
            yield cluster

    def _comes_back(self, values: Sequence[Value] | dict[Value, int], cluster: Cluster) -> bool:
        """Whether a value that is not the cluster's own depends on it."""
        for value in values:
            bit = self._member.get(value.owner)
            own = bit is not None and self._clusters[bit] is cluster
            if not own and not is_repeated(value.owner) and self._closed(self._reached((value,))) & cluster.bits:
                return True
        return False

    def _can_merge(self, first: Cluster, second: Cluster) -> bool:
        if first is second or first.extent != second.extent:
            return False
        if len(first.ops) + len(second.ops) > self.limits.operations:
            return False
        if any(first.axes.get(value, axis) != axis for value, axis in second.axes.items()):
            return False
        return self._takes_directly(first, second) and self._takes_directly(second, first)

    def _takes_directly(self, source: Cluster, target: Cluster) -> bool:
        """Whether all that ``target`` takes from ``source`` comes straight from it, and from no sum over its blocks."""
        for value in target.inputs:
            bit = self._member.get(value.owner)
            if bit is not None and self._clusters[bit] is source:
                if value in source.reduced:
                    return False
            elif self._closed(self._reached((value,))) & source.bits:
                return False
        return True

    def _merge(self, first: Cluster, second: Cluster) -> None:
        """Let ``second`` become part of ``first``."""
        first.bits |= second.bits
        self._clusters = [first if each is second else each for each in self._clusters]
        del self._alive[second]
        first.ops += second.ops
        first.axes.update(second.axes)
        first.reduced |= second.reduced
        made = {op.result for op in first.ops}
        first.inputs = {value: None for value in (*first.inputs, *second.inputs) if value not in made}
        first.before = (first.before | second.before) & ~first.bits
        first.behind = (first.behind | second.behind) & ~first.bits
        for other in self._of(first.behind):
            other.before |= first.bits | first.before
        for other in self._of(first.before):
            other.behind |= first.bits | first.behind


def _sources(op: Operation) -> Iterator[Value]:
    """Operands, and what repeated operations among them read."""
    pending = list(op.operands)
    while pending:
        value = pending.pop()
        if is_repeated(value.owner):
            pending += value.owner.operands
        else:
            yield value


def _extent(op: Operation, plan: Iteration, label: Hashable) -> int:
    for labels, value in zip((plan.result, *plan.operands), (op.result, *op.operands), strict=True):
        if label in labels:
            return value.type.shape[labels.index(label)]
    raise AssertionError(f"{op.name} has no label {label!r}")

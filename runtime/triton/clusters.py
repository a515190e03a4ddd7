"""Which operations run in one kernel.

A cluster is a list of operations over one iteration domain: the elements of an array, some of whose axes it may
reduce. Each of its values is *full*, an element for each point of the domain, or a *row*, one for each point of the
axes that are kept. Operations that move elements belong to no cluster: their readers read through them. Clusters run
in the order in which they were started, so an operation may join the last of those that it reads, or a later one, and
nothing can come to depend on itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...ir.graph import Graph, Operation, Value
from ...ir.types import FLOATING
from ...ops.contraction import Labels, parse_spec
from .expressions import EXPRESSIONS, LONG, TRITON_NAMES
from .points import VIEWS, Coord, Point, Shape, domain_point, reshaped, through

#: Operations that readers read through.
VIRTUAL: Final = VIEWS | {"tensor.constant", "tensor.iota", "tensor.pad", "tensor.concatenate", "tensor.insert_slice"}
REDUCTIONS: Final = frozenset(
    f"tensor.{name}"
    for name in (
        *("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or"),
        *("argmax", "argmin", "contract"),
    )
)
POINTWISE: Final = frozenset({*EXPRESSIONS, "tensor.gather"})
FUSED: Final = VIRTUAL | POINTWISE | REDUCTIONS

#: What a tile of a product does to its operand at no cost that counts, where it reads one array for it.
CHEAP: Final = frozenset(
    f"tensor.{name}" for name in ("convert", "neg", "abs", "square", "add", "sub", "mul", "maximum", "minimum")
)
#: A kernel has at most so many operations and reads and writes at most so many arrays.
MOST_OPERATIONS: Final = 96
MOST_POINTERS: Final = 32
#: At most so many functions that are long themselves: a kernel's threads compute them for one element each.
MOST_LONG: Final = 4
#: A value that readers would have to compute from so many parts is stored instead.
MOST_PARTS: Final = 8
#: How many clusters back an operation looks for one to join.
WINDOW: Final = 8
#: A contraction is tiled for the tensor cores from these sizes of rows, columns and summed elements on.
LEAST_TILE: Final = (16, 16, 16)


def has_numbers(op: Operation) -> bool:
    """Whether kernels have the element types of an operation: there are no complex numbers."""
    return all(value.type.dtype in TRITON_NAMES for value in (*op.operands, *op.results))


def is_virtual(op: Operation) -> bool:
    """Whether readers of an operation's result may read through it."""
    return op.name in VIRTUAL and (op.name == "tensor.constant" or has_numbers(op))


def _is_number(value: Value) -> bool:
    """Whether a value repeats one number."""
    op = value.owner
    return op.name == "tensor.constant" and bool(op.attributes["value"].is_splat)


@dataclass(eq=False)
class Cluster:
    """One kernel to be. ``shape`` is its domain, ``axes`` what it reduces (None as long as it reduces nothing).
    ``turned`` is an axis that its tiles are long in beside the last (see `turned.turned`)."""

    index: int
    shape: Shape
    axes: tuple[int, ...] | None = None
    tiled: Operation | None = None
    operations: list[Operation] = field(default_factory=list)
    members: dict[Value, Point] = field(default_factory=dict)
    inputs: set[Value] = field(default_factory=set)
    turned: int | None = None

    def full_point(self, shape: Shape | None = None) -> Point:
        """The point of the domain, seen in another shape of as many elements."""
        reduced = self.axes or ()
        dims = ["r" if axis in reduced else "x" for axis in range(len(self.shape))]
        names = [f"i{axis}" for axis in range(len(self.shape))]
        flat = Coord("index", frozenset({"x", "r"}))
        if self.rows == math.prod(self.shape):
            flat = Coord("xindex", frozenset({"x"}))
        point = domain_point(self.shape, names, dims, flat if self.tiled is None else None)
        return point if shape is None else reshaped(point, shape)

    def row_point(self, shape: Shape | None = None) -> Point:
        """The point of the axes that are kept."""
        kept = [axis for axis in range(len(self.shape)) if axis not in (self.axes or ())]
        names = [f"i{axis}" for axis in kept]
        flat = Coord("xindex", frozenset({"x"}))
        point = domain_point(tuple(self.shape[axis] for axis in kept), names, ["x"] * len(kept), flat)
        return point if shape is None else reshaped(point, shape)

    @property
    def long(self) -> int:
        """Operations whose code is long. They are computed neither for a reduction nor behind one, whose tiles have
        several elements a thread."""
        return sum(op.name in LONG for op in self.operations)

    @property
    def rows(self) -> int:
        """Elements of the axes that are kept."""
        return math.prod(size for axis, size in enumerate(self.shape) if axis not in (self.axes or ()))


Step = Cluster | Operation


class Clusters:
    """The steps of a graph: clusters, and operations that are steps of their own."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        #: In the order in which they run.
        self.steps: list[Step] = []
        self._home: dict[Value, int] = {}
        self._parts: dict[Value, int] = {}
        self._wanted = self._find_wanted()
        self._inlined = self._find_inlined()
        for op in graph:
            if all(value.type.size == 0 for value in op.results):
                continue
            if is_virtual(op) and op.result not in self._wanted and self._count_parts(op) <= MOST_PARTS:
                continue
            if op.name == "tensor.constant" or op.results[0] in self._inlined:
                continue
            if not has_numbers(op):
                self._step(op)
            elif op.name in POINTWISE or op.name in VIRTUAL:
                self._place(op)
            elif op.name in REDUCTIONS:
                self._reduce(op)
            else:
                self._step(op)

    def _step(self, op: Operation) -> None:
        self._home.update(dict.fromkeys(op.results, len(self.steps)))
        self.steps.append(op)

    def _find_wanted(self) -> set[Value]:
        """Values that must stand in memory: outputs, and operands of steps of their own."""
        found = set(self.graph.outputs)
        for op in self.graph:
            if op.name not in FUSED or not has_numbers(op):
                found.update(op.operands)
        return {value for value in found if value.owner.name != "tensor.constant"}

    def _find_inlined(self) -> set[Value]:
        """Values that a tiled product computes as it reads them: made of one array by cheap operations, and read by
        nothing else."""
        found: set[Value] = set()
        for op in reversed(self.graph):
            if len(op.results) != 1 or op.result in self._wanted or not self.graph.has_one_use(op.result):
                continue
            ((user, _),) = self.graph.uses(op.result)
            tiled = user.name == "tensor.contract" and is_tiled(user)
            if not tiled and not (user.results and user.results[0] in found):
                continue
            arrays = [value for value in op.operands if not _is_number(value)]
            cheap = op.name in CHEAP and has_numbers(op) and len(arrays) == 1
            if cheap or (op.name in VIEWS and is_virtual(op)):
                found.add(op.result)
        return {value for value in found if value.owner.name in CHEAP}

    def _count_parts(self, op: Operation) -> int:
        parts = sum(self._parts.get(value, 1) for value in op.operands) + (op.name not in VIEWS)
        self._parts[op.result] = parts
        return parts

    # --- what an operation reads -----------------------------------------------------------------

    def stored(self, value: Value) -> bool:
        """Whether the value stands in memory, or will."""
        return value in self._home or not (is_virtual(value.owner) or value in self._inlined)

    def _reads(self, value: Value, point: Point | None) -> Iterator[tuple[Value, Point | None]]:
        """The stored values that reading ``value`` at ``point`` reads, and where: None where that is no point of the
        domain's own."""
        while not self.stored(value) and value.owner.name in VIEWS:
            point = through(value.owner, point) if point is not None else None
            value = value.owner.operands[0]
        if self.stored(value):
            yield value, point
            return
        for operand in value.owner.operands:
            yield from self._reads(operand, None)

    def reads(self, op: Operation, points: Sequence[Point | None]) -> list[tuple[Value, Point | None]]:
        """The stored values that an operation reads with its operands at ``points``."""
        return [each for value, at in zip(op.operands, points, strict=True) for each in self._reads(value, at)]

    def _latest(self, op: Operation) -> int:
        """The last step that an operation depends on; -1 for none."""
        reads = self.reads(op, [None] * len(op.operands))
        return max((self._home.get(value, -1) for value, _ in reads), default=-1)

    def _fits(self, cluster: Cluster, op: Operation, points: Sequence[Point | None]) -> set[Value] | None:
        """What a cluster would read for the operation beside its own values; None where it reads these elsewhere."""
        reads = self.reads(op, points)
        for value, point in reads:
            own = cluster.members.get(value)
            if own is not None and (point is None or not point.same(own)):
                return None
        return {value for value, _ in reads if value not in cluster.members}

    # --- joining ---------------------------------------------------------------------------------

    def _candidates(self, latest: int) -> Iterator[Cluster]:
        first = max(latest, 0, len(self.steps) - WINDOW)
        last = [latest] if 0 <= latest < first else []
        for index in (*range(len(self.steps) - 1, first - 1, -1), *last):
            step = self.steps[index]
            if isinstance(step, Cluster) and len(step.operations) < MOST_OPERATIONS:
                yield step

    def _join(self, cluster: Cluster, op: Operation, point: Point, reads: set[Value]) -> bool:
        inputs = cluster.inputs | reads
        if len(inputs) + len(cluster.operations) > MOST_POINTERS:
            stored = sum(1 for each in cluster.operations if self._is_stored(each, cluster))
            if len(inputs) + stored > MOST_POINTERS:
                return False
        cluster.inputs = inputs
        cluster.operations.append(op)
        cluster.members[op.result] = point
        self._home[op.result] = cluster.index
        return True

    def _is_stored(self, op: Operation, cluster: Cluster) -> bool:
        return op.result in self._wanted or any(
            not user.results or user.results[0] not in cluster.members for user, _ in self.graph.uses(op.result)
        )

    def _start(self, shape: Shape, axes: tuple[int, ...] | None = None, tiled: Operation | None = None) -> Cluster:
        cluster = Cluster(len(self.steps), shape, axes, tiled)
        self.steps.append(cluster)
        return cluster

    def points(self, op: Operation, point: Point) -> list[Point | None]:
        """Where a pointwise operation reads its operands."""
        if op.name in EXPRESSIONS:
            return [point] * len(op.operands)
        if op.name == "tensor.gather":
            rank = op.operands[1].type.rank
            at = Point(point.shape[:rank], point.coords[:rank])
            if len(point.shape) == rank:
                at = Point(at.shape, at.coords, point.flat)
            return [None, *[at] * (len(op.operands) - 1)]
        if op.name in VIEWS:
            return [through(op, point), *[None] * (len(op.operands) - 1)]
        return [None] * len(op.operands)

    def _place(self, op: Operation) -> None:
        """Let a pointwise operation join a cluster, or start one."""
        shape = op.result.type.shape
        latest = self._latest(op)
        for cluster in self._candidates(latest):
            if op.name in LONG and (cluster.axes is not None or cluster.tiled is not None or cluster.long >= MOST_LONG):
                continue
            for point in _roles(cluster, shape):
                reads = self._fits(cluster, op, self.points(op, point))
                if reads is not None and self._join(cluster, op, point, reads):
                    return
        cluster = self._start(shape)
        point = cluster.full_point()
        reads = self._fits(cluster, op, self.points(op, point))
        assert reads is not None
        self._join(cluster, op, point, reads)

    def _reduce(self, op: Operation) -> None:
        shape, axes = reduced_domain(op)
        if op.name == "tensor.contract" and is_tiled(op):
            cluster = self._start(op.result.type.shape, tiled=op)
            point = cluster.full_point()
            self._join(cluster, op, point, {value for value, _ in self.reads(op, [None, None])})
            return
        for cluster in self._candidates(self._latest(op)):
            changed = self._open(cluster, shape, axes)
            if changed is None:
                continue
            reads = self._fits(changed, op, operand_points(op, changed.full_point()))
            if reads is not None and self._join(changed, op, changed.row_point(op.result.type.shape), reads):
                self.steps[cluster.index] = changed
                return
        cluster = self._start(shape, axes)
        self._join(
            cluster,
            op,
            cluster.row_point(op.result.type.shape),
            {value for value, _ in self.reads(op, operand_points(op, cluster.full_point()))},
        )

    def _open(self, cluster: Cluster, shape: Shape, axes: tuple[int, ...]) -> Cluster | None:
        """The cluster as one over ``shape`` that reduces ``axes``, if it can be."""
        if cluster.tiled is not None or cluster.long or math.prod(cluster.shape) != math.prod(shape):
            return None
        if cluster.axes is not None:
            return cluster if (cluster.shape, cluster.axes) == (shape, axes) else None
        changed = Cluster(cluster.index, shape, axes, None, list(cluster.operations), {}, set(cluster.inputs))
        for op in cluster.operations:
            point = changed.full_point(op.result.type.shape)
            if self._fits(changed, op, self.points(op, point)) is None:
                return None
            changed.members[op.result] = point
        return changed


def _roles(cluster: Cluster, shape: Shape) -> Iterator[Point]:
    """The points at which a cluster can compute an array of ``shape``."""
    size = math.prod(shape)
    if size == math.prod(cluster.shape) and (cluster.tiled is None or shape == cluster.shape):
        yield cluster.full_point(shape)
    if cluster.axes is not None and size == cluster.rows:
        yield cluster.row_point(shape)


# --- reductions ----------------------------------------------------------------------------------


def summed_labels(labels: Labels) -> str:
    """The labels that a contraction sums over."""
    return "".join(dict.fromkeys(label for label in labels.x + labels.y if label not in labels.out))


def label_sizes(op: Operation) -> dict[str, int]:
    """A contraction's sizes by label."""
    labels = parse_spec(op.attributes["spec"])
    pairs = zip((labels.x, labels.y), op.operands, strict=True)
    return {label: size for text, value in pairs for label, size in zip(text, value.type.shape, strict=True)}


def is_tiled(op: Operation) -> bool:
    """Whether a contraction is worth tiles: otherwise it is a reduction of products."""
    labels, sizes = parse_spec(op.attributes["spec"]), label_sizes(op)
    if op.operands[0].type.dtype not in FLOATING:
        return False
    inner = [label for label in labels.x if label in labels.y and label not in labels.out]
    if any(label not in labels.y + labels.out for label in labels.x):
        return False
    if any(label not in labels.x + labels.out for label in labels.y):
        return False
    rows = [label for label in labels.out if label not in labels.y]
    columns = [label for label in labels.out if label not in labels.x]
    return all(
        math.prod(sizes[label] for label in part) >= least
        for part, least in zip((rows, columns, inner), LEAST_TILE, strict=True)
    )


def reduced_domain(op: Operation) -> tuple[Shape, tuple[int, ...]]:
    """The domain of a reduction and the axes that it reduces."""
    if op.name == "tensor.contract":
        labels, sizes = parse_spec(op.attributes["spec"]), label_sizes(op)
        names = labels.out + summed_labels(labels)
        return tuple(sizes[label] for label in names), tuple(range(len(labels.out), len(names)))
    shape = op.operands[0].type.shape
    return shape, op.attributes["axes"] if "axes" in op.attributes else (op.attributes["axis"],)


def operand_points(op: Operation, point: Point) -> list[Point | None]:
    """Where a reduction reads its operands, at a point of its domain."""
    if op.name != "tensor.contract":
        return [point]
    labels = parse_spec(op.attributes["spec"])
    at = dict(zip(labels.out + summed_labels(labels), point.coords, strict=True))
    return [
        Point(value.type.shape, tuple(at[label] for label in text))
        for text, value in zip((labels.x, labels.y), op.operands, strict=True)
    ]


def needs_store(graph: Graph, clusters: Clusters, cluster: Cluster) -> list[Value]:
    """The cluster's values that something outside reads."""
    found: list[Value] = []
    outside: dict[Value, bool] = {}

    def read_outside(value: Value) -> bool:
        if value not in outside:
            outside[value] = any(_is_outside(user) for user, _ in graph.uses(value))
        return outside[value]

    def _is_outside(user: Operation) -> bool:
        if not user.results:
            return True
        if user.results[0] in cluster.members:
            return False
        return clusters.stored(user.results[0]) or read_outside(user.results[0])

    for op in cluster.operations:
        if read_outside(op.result):
            found.append(op.result)
    return found

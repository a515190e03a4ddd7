"""fuse: operations that share an iteration dimension become one kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ...ir.graph import Graph, Operation, Value, copy_operations
from ...ir.module import Module
from ...ops.contraction import PRODUCTS, multiply_adds
from ...ops.control import SWEEPS
from ...ops.kernel import FUSED, WHOLE
from ..manager import Pass, PassLog, register_pass
from .clusters import Cluster, Clustering, Limits, is_repeated

#: Operations that only rename elements: a cluster of nothing else saves no pass over the data.
_MOVES: Final = frozenset(
    ("tensor.reshape", "tensor.transpose", "tensor.slice", "tensor.reverse", "tensor.concatenate", "tensor.pad")
)
#: Products of as many multiply-adds are worth threads for themselves.
PRODUCT: Final = 1 << 23


@register_pass("fuse")
@dataclass(frozen=True)
class Fuse(Pass):
    """Put operations that run along one dimension into a `kernel.fused`, forward and backward alike.

    Values of fewer than ``min_elements`` are left alone. A kernel has at most ``max_operations``, and sums over its
    blocks into at most ``max_sum`` bytes a result. Without ``contractions`` products stay outside.
    """

    min_elements: int = 16384
    max_operations: int = 4000
    max_sum: int = 2_097_152
    contractions: bool = True

    def run(self, module: Module, log: PassLog) -> bool:
        kernels = fused = 0
        # The sweeps of a loop are parts of one function, which no kernel may tie together.
        swept = {op.attributes["body"].name for graph in module for op in graph if op.definition is SWEEPS}
        for graph in module:
            if graph.name in swept or not self._is_large(graph):
                continue
            clusters = min((self._clusters(graph, longest) for longest in (False, True)), key=partial(_traffic, graph))
            if clusters:
                _rewrite(graph, clusters)
                kernels += len(clusters)
                fused += sum(len(cluster.ops) for cluster in clusters)
        log.count("kernels", kernels)
        log.count("operations", fused)
        return kernels > 0

    def _is_large(self, graph: Graph) -> bool:
        """Whether any value is worth cutting, without which there is no kernel."""
        values = (value for op in graph for value in (*op.operands, *op.results))
        return any(value.type.size >= self.min_elements for value in values)

    def _clusters(self, graph: Graph, longest: bool) -> list[Cluster]:
        limits = Limits(self.min_elements, self.max_operations, self.max_sum, self.contractions, longest)
        return [each for each in Clustering(graph, limits).found() if _is_worthwhile(each, self.min_elements)]


def _traffic(graph: Graph, clusters: Sequence[Cluster]) -> int:
    """The bytes that operations and clusters read and write."""
    total = 0
    members = {op for cluster in clusters for op in cluster.ops}
    for cluster in clusters:
        own = set(cluster.ops)
        total += sum(value.type.nbytes for value in cluster.inputs)
        total += sum(op.result.type.nbytes for op in cluster.ops if _is_read(graph, op.result, own))
    for op in graph:
        if op not in members and not is_repeated(op):
            total += sum(value.type.nbytes for value in (*op.operands, *op.results))
    return total


def _is_worthwhile(cluster: Cluster, least: int) -> bool:
    """Whether running the operations together saves passes over memory, or gives several threads work."""
    working = [op for op in cluster.ops if op.name not in _MOVES]
    if all(op.name in PRODUCTS for op in working):
        cut = not any(cluster.axes[op.result] == WHOLE for op in working)
        return cut and sum(map(multiply_adds, working)) >= PRODUCT
    return len(working) > 1 or max(value.type.size for value in working[0].operands) >= 4 * least


def _rewrite(graph: Graph, clusters: Sequence[Cluster]) -> None:
    """Replace each cluster by one operation, everything in an order in which values are made before they are used."""
    home = {op: cluster for cluster in clusters for op in cluster.ops}
    before = list(graph)
    results: dict[Value, Value] = {}
    for unit in _ordered(graph, home):
        if isinstance(unit, Cluster):
            _replace(graph, unit, results)
        else:
            graph.move(unit, graph.end)
    for op in reversed(before):
        if (op in home or is_repeated(op)) and not graph.is_used(op):
            graph.erase(op)


def _ordered(graph: Graph, home: dict[Operation, Cluster]) -> list[Operation | Cluster]:
    """Operations and clusters, each behind what it needs, otherwise in program order."""
    done: set[Operation | Cluster] = set()
    order: list[Operation | Cluster] = []
    for op in graph:
        pending: list[Operation | Cluster] = [home.get(op, op)]
        while pending:
            unit = pending[-1]
            if unit in done:
                pending.pop()
                continue
            # What a cluster repeats it makes itself.
            needed = [home.get(value.owner, value.owner) for value in _inputs(unit)]
            missing = [each for each in needed if each not in done and each is not unit]
            if missing:
                pending += missing
            else:
                done.add(unit)
                order.append(unit)
                pending.pop()
    return order


def _inputs(unit: Operation | Cluster) -> list[Value]:
    values = unit.inputs if isinstance(unit, Cluster) else unit.operands
    return [value for value in values if value.owner.definition.name != "func.argument"]


def _replace(graph: Graph, cluster: Cluster, results: dict[Value, Value]) -> None:
    """Let one `kernel.fused` at the end of the program stand for a cluster's operations, which nothing uses then.

    ``results`` says what stands for values of earlier clusters, and is added to.
    """
    members = set(cluster.ops)
    region = Graph("region")
    mapping: dict[Value, Value] = {}
    inputs = [results.get(value, value) for value in cluster.inputs]
    for value in inputs:
        mapping[value] = region.add_input(value.type, value.name)
    for op in cluster.ops:
        _copy_repeated(op, region, mapping)
        copy_operations((op,), region, mapping)
    kept = [op.result for op in cluster.ops if _is_read(graph, op.result, members)]
    region.set_outputs([mapping[value] for value in kept])
    attributes = {
        "extent": cluster.extent,
        "axes": tuple(cluster.axes[value] for value in cluster.inputs),
        "results": tuple(cluster.axes[value] for value in kept),
    }
    types = [value.type for value in kept]
    fused = Operation(FUSED, tuple(inputs), attributes, types, (region,), cluster.ops[-1].location)
    graph.insert(fused)
    for value, result in zip(kept, fused.results, strict=True):
        graph.replace_all_uses(value, result)
        results[value] = result
        result.name = value.name


def _is_read(graph: Graph, value: Value, members: set[Operation]) -> bool:
    """Whether anything but ``members`` reads a value, or a repeated operation's result that is made from it."""
    for user, _ in graph.uses(value):
        if is_repeated(user):
            if _is_read(graph, user.result, members):
                return True
        elif user not in members:
            return True
    return False


def _copy_repeated(op: Operation, region: Graph, mapping: dict[Value, Value]) -> None:
    """Copy what ``op`` reads and every kernel makes itself."""
    for value in op.operands:
        if value not in mapping:
            _copy_repeated(value.owner, region, mapping)
            copy_operations((value.owner,), region, mapping)

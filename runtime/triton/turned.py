"""Tiles for element-wise kernels that read an array along another axis than they write.

Neighbours in memory have to be read together. A tile of one row of the result reads a transposed operand with a stride;
a square one reads lines of that operand and writes lines of the result, and Triton turns it over in shared memory.
"""

from __future__ import annotations

import math
from typing import Final

from .clusters import Cluster, Clusters
from .points import Point

#: Axes of fewer elements are left as they are, and so are smaller arrays: the cache holds the lines until all is read.
LEAST_EXTENT: Final = 16
LEAST_ELEMENTS: Final = 1 << 14


def turned(clusters: Clusters, cluster: Cluster) -> Cluster:
    """The cluster, for square tiles over the last axis and the one along which it reads an operand; or as it is."""
    shape = cluster.shape
    if cluster.axes is not None or cluster.tiled is not None or cluster.long or math.prod(shape) < LEAST_ELEMENTS:
        return cluster
    last = len(shape) - 1
    axis = _read_along(clusters, cluster)
    if axis is None or axis == last or min(shape[axis], shape[last]) < LEAST_EXTENT:
        return cluster
    found = Cluster(cluster.index, shape, (last,), None, cluster.operations, {}, cluster.inputs, axis)
    found.members = {value: found.full_point(value.type.shape) for value in cluster.members}
    return found


def _read_along(clusters: Clusters, cluster: Cluster) -> int | None:
    """The axis along which the largest of the arrays that are read another way than the last axis lie in memory."""
    names = {f"i{axis}": axis for axis in range(len(cluster.shape) - 1)}
    best, largest = None, 0
    for op in cluster.operations:
        point = Point(cluster.shape, cluster.full_point().coords)
        if op.result.type.shape != cluster.shape:
            continue
        for value, at in clusters.reads(op, clusters.points(op, point)):
            if at is None or value in cluster.members or value.type.size <= largest:
                continue
            fastest = next((coord for coord in reversed(at.coords) if coord.text != "0"), None)
            if fastest is not None and fastest.text in names:
                best, largest = names[fastest.text], value.type.size
    return best

"""Where a graph's operations are drawn: layer under layer, users below what they use.

The method is Sugiyama's (Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system
structures", 1981) without the dummy nodes on long edges: a backward operation uses a forward one over the whole depth
of the program, and dummies would grow with its square.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...ir import Operation

LAYER: Final = 58
HEIGHT: Final = 26
GAP: Final = 16
CHARACTER: Final = 7.3
SWEEPS: Final = 8


@dataclass
class Box:
    """An operation's place: its centre, its width, and its layer from the top."""

    label: str
    width: float
    layer: int
    x: float = 0.0

    @property
    def y(self) -> float:
        """The centre's height, from the top."""
        return self.layer * LAYER + HEIGHT / 2


def layout(labels: Mapping[Operation, str]) -> dict[Operation, Box]:
    """The places of operations, which come in program order, with what is written into their boxes."""
    above = {op: [value.owner for value in op.operands if value.owner in labels] for op in labels}
    below: dict[Operation, list[Operation]] = {op: [] for op in labels}
    boxes: dict[Operation, Box] = {}
    for op, owners in above.items():
        for owner in owners:
            below[owner].append(op)
        layer = max((boxes[owner].layer + 1 for owner in owners), default=0)
        boxes[op] = Box(labels[op], max(34.0, len(labels[op]) * CHARACTER + 18), layer)
    for op, owners in above.items():
        if not owners and below[op]:  # right above its first user
            boxes[op].layer = min(boxes[user].layer for user in below[op]) - 1
    lowest = min((box.layer for box in boxes.values()), default=0)
    layers: dict[int, list[Operation]] = {}
    for op, box in boxes.items():
        box.layer -= lowest
        layers.setdefault(box.layer, []).append(op)
    for operations in layers.values():
        _pack([(0.0, boxes[op]) for op in operations])
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for number in sorted(layers, reverse=bool(sweep % 2)):
            _pack([(_wanted(boxes[op], [boxes[each] for each in near[op]]), boxes[op]) for op in layers[number]])
    left = min((box.x - box.width / 2 for box in boxes.values()), default=0.0)
    for box in boxes.values():
        box.x -= left
    return boxes


def _wanted(box: Box, neighbours: Iterable[Box]) -> float:
    """The mean place of the neighbours, near ones counting more, so that chains stay straight."""
    total = weight = 0.0
    for other in neighbours:
        near = 1 / abs(box.layer - other.layer)
        total += other.x * near
        weight += near
    return total / weight if weight else box.x


def _pack(wanted: Sequence[tuple[float, Box]]) -> None:
    """Put a layer's boxes in the order of their wanted places, without overlap, and as a whole where they want to
    be."""
    end, shift = float("-inf"), 0.0
    for place, box in sorted(wanted, key=lambda pair: pair[0]):
        box.x = max(place, end + box.width / 2)
        end = box.x + box.width / 2 + GAP
        shift += place - box.x
    for _, box in wanted:
        box.x += shift / len(wanted)

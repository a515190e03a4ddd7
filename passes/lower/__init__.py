"""Lowering that no target owns: what runs together (fuse), with axes in which order (layout), after what
(schedule), in what pieces (tile)."""

from typing import Final

from .fuse import Fuse
from .layout import Layout
from .schedule import Schedule
from .tile import Tile

__all__ = ["KERNELS", "Fuse", "Layout", "Schedule", "Tile"]

#: The passes that make kernels, as a pipeline.
KERNELS: Final = "fuse,layout,schedule,tile"

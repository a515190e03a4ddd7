"""Lowering that no target owns: what runs together (fuse), with axes in which order (layout), in what pieces (tile)."""

from .fuse import Fuse
from .layout import Layout
from .tile import Tile

__all__ = ["Fuse", "Layout", "Tile"]

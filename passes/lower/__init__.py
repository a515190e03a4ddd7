"""Lowering that no target owns: which operations run together (fuse), and in what pieces (tile)."""

from .fuse import Fuse
from .tile import Tile

__all__ = ["Fuse", "Tile"]

"""Differentiation: prune-stop-gradient, linearize, transpose, seed-sens, split, and expand-ad over them."""

from . import expand, linearize, prune, seed, split, transpose

__all__ = ["expand", "linearize", "prune", "seed", "split", "transpose"]

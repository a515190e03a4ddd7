"""Differentiation and batching: the passes that answer requests, and expand-ad over them."""

from . import batch, expand, linearize, prune, seed, split, transpose

__all__ = ["batch", "expand", "linearize", "prune", "seed", "split", "transpose"]

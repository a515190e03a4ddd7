"""Differentiation and batching: the passes that answer requests, and expand-ad over them."""

from . import batch, custom, expand, keep, linearize, prune, seed, split, transpose

__all__ = ["batch", "custom", "expand", "keep", "linearize", "prune", "seed", "split", "transpose"]

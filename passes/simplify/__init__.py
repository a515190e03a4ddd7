"""Simplification: canonicalize, fold, cse, dce. `simplification` is the usual round of them."""

from ..manager import Pass
from . import scaling
from .canonicalize import Canonicalize
from .cse import CSE
from .dce import DCE
from .factors import ArrangeFactors
from .fold import Fold
from .reassociate import Reassociate
from .slices import MergeSlices
from .softmax import Reciprocals, ReuseContractions
from .strength import StrengthReduce


def simplification(function: str = "") -> tuple[Pass, ...]:
    """The passes that clean a function (all functions, where none is named), for `Fixpoint`."""
    return Canonicalize(function), Fold(function), CSE(function), DCE(function)


__all__ = [
    "CSE",
    "DCE",
    "ArrangeFactors",
    "Canonicalize",
    "Fold",
    "MergeSlices",
    "Reassociate",
    "Reciprocals",
    "ReuseContractions",
    "StrengthReduce",
    "scaling",
    "simplification",
]

"""Which operations exist: importing this package registers all of them."""

from . import (
    ad,
    arithmetic,
    contraction,
    control,
    creation,
    elementwise,
    indexing,
    logic,
    reductions,
    requests,
    shape,
    trigonometry,
)
from .definition import Op, Rules, Sample, full, operation, sample, zeros

__all__ = [
    "Op",
    "Rules",
    "Sample",
    "ad",
    "arithmetic",
    "contraction",
    "control",
    "creation",
    "elementwise",
    "full",
    "indexing",
    "logic",
    "operation",
    "reductions",
    "requests",
    "sample",
    "shape",
    "trigonometry",
    "zeros",
]

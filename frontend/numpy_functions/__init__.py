"""What NumPy's functions are, as compositions of operations. Importing this package fills the table."""

from . import (
    choices,
    closeness,
    creation,
    joining,
    linear_algebra,
    missing,
    products,
    reductions,
    scans,
    shapes,
    signals,
)

__all__ = [
    "choices",
    "closeness",
    "creation",
    "joining",
    "linear_algebra",
    "missing",
    "products",
    "reductions",
    "scans",
    "shapes",
    "signals",
]

"""What NumPy's functions are, as compositions of operations. Importing this package fills the table."""

from . import choices, creation, joining, linear_algebra, missing, products, reductions, shapes, signals, tests

__all__ = [
    "choices",
    "creation",
    "joining",
    "linear_algebra",
    "missing",
    "products",
    "reductions",
    "shapes",
    "signals",
    "tests",
]

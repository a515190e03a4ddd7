"""``mixad.scipy``: SciPy's functions that people differentiate, on traced arrays.

SciPy itself is an optional dependency (``pip install mixad[scipy]``): its routines compute the numbers.
"""

from . import linalg, special

__all__ = ["linalg", "special"]

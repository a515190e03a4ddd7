"""What is offered beside the operations: NumPy's and SciPy's functions, as the tables of dispatch hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import numpy_functions as _filled  # noqa: F401 - fills the table of functions
from .functions import FUNCTIONS, name_of
from .scipy import linalg, special
from .ufuncs import COMPOSED, ELEMENTWISE


def compositions() -> dict[str, Callable[..., Any]]:
    """The functions that are traced, by the name by which users know them, as ``np.linalg.solve``.

    NumPy's are its own objects; those of SciPy are mixad's of that name.
    """
    ufuncs = [each for each in (*ELEMENTWISE, *COMPOSED) if getattr(np, each.__name__, None) is each]
    found: dict[str, Callable[..., Any]] = {f"np.{ufunc.__name__}": ufunc for ufunc in ufuncs}
    found |= {name_of(function): function for function in FUNCTIONS}
    for module in (special, linalg):
        package = module.__name__.rpartition(".")[2]
        found |= {f"scipy.{package}.{name}": getattr(module, name) for name in module.TRACED}
    return dict(sorted(found.items()))

"""Element-wise functions that are no ufuncs; those that are, are NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    return np.clip(x, min, max)


def imag(x: Any, /) -> Any:
    return np.imag(x)


def real(x: Any, /) -> Any:
    return np.real(x)


def round(x: Any, /) -> Any:
    return np.round(x)

"""The error function, which NumPy lacks.

Method: for ``|x| <= 1``, ``erf(x) = x + x * P(x**2)``; beyond, ``erf(x) = 1 - exp(-x**2) * Q(s)`` with
``s = (x - 4) / (x + 4)``, up to 6, where erf is 1 to the last bit. P and Q are truncated Chebyshev series,
their coefficients computed from erf and erfc at 40 digits by the discrete cosine sum at Chebyshev points.

Accuracy, measured against mpmath at 20,000 random points and at 2,000 around each seam: the largest error
is 1.2 units in the last place in float64. Narrower types are computed in float64 and rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebval

from .definition import Array

_SEAM = 1.0
_END = 6.0

#: erf(x) / x - 1, as a series in x**2 over [0, 1].
_CORE = (
    -0.024523060617345903,
    -0.14226120510371365,
    0.010035582187599796,
    -0.0005768764699767485,
    2.741993125219606e-05,
    -1.1043175507344507e-06,
    3.8488755420345036e-08,
    -1.1808582533875466e-09,
    3.2334215826050907e-11,
    -7.991015947004549e-13,
    1.7990725113961456e-14,
    -3.718635487818693e-16,
    7.103599003714253e-18,
)
#: exp(x**2) * erfc(x), as a series in (x - 4) / (x + 4) over [1, 6].
_TAIL = (
    0.22896004277014242,
    -0.16243308614798768,
    0.030546548004245635,
    -0.004893614652291596,
    0.0006662818879211081,
    -7.627526890767855e-05,
    7.17253879856132e-06,
    -5.276056048140737e-07,
    2.6827997189790735e-08,
    -5.074522858022717e-10,
    -5.089140782409653e-11,
    4.625848914621038e-12,
    -4.155798504769821e-14,
    -1.6159386369237732e-14,
    7.31751943043825e-16,
    4.849547417994387e-17,
    -4.365404011250046e-18,
)
_TAIL_FIRST, _TAIL_LAST = (_SEAM - 4) / (_SEAM + 4), (_END - 4) / (_END + 4)


def _core(x: Array) -> Array:
    return np.asarray(x + x * chebval(2 * x * x - 1, _CORE))


def _tail(x: Array) -> Array:
    position = (x - 4) / (x + 4)
    middle, half = (_TAIL_LAST + _TAIL_FIRST) / 2, (_TAIL_LAST - _TAIL_FIRST) / 2
    return np.asarray(1 - np.exp(-x * x) * chebval((position - middle) / half, _TAIL))


def erf(x: Any) -> Array:
    """The error function of each element of ``x``, floating point; the result has its shape and dtype."""
    given = np.asarray(x)
    wide = given.astype(np.float64)
    size = np.abs(wide)
    small = size <= _SEAM
    result = np.empty_like(wide)
    result[small] = _core(wide[small])
    # A NaN is not small, passes the clip and comes out of the tail as NaN.
    result[~small] = np.copysign(_tail(np.minimum(size[~small], _END)), wide[~small])
    return result.astype(given.dtype)

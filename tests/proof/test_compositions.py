"""The table of compositions cannot lie: each element type that it claims gives NumPy's values and types, and second
derivatives that are those of the widest type; each that it denies is refused with an error of mixad's.

In the widest type derivatives are proved against differences: see tests/frontend/test_numpy_calls.py.
"""

from __future__ import annotations

from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.catalog import compositions
from mixad.ir.errors import MixadError
from mixad.ir.types import DTYPE_NAMES, INEXACT, bfloat16
from mixad.runtime.numpy import NUMPY
from mixad.tools.compositions import CompositionRow, arguments, composition_rows, first_samples

from ..frontend.calls import directions, leaves, quietly, real_function, reference, scales, traced
from .programs import tolerance

ROWS = composition_rows(NUMPY)


def test_every_composition_has_a_row() -> None:
    assert [name for name in compositions() if name not in first_samples()] == []
    assert {row.name for row in ROWS} == set(compositions())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_claimed_types_give_numpys_values(row: CompositionRow) -> None:
    for dtype in sorted(row.dtypes, key=str):
        args = arguments(row.sample, dtype)
        found = [np.asarray(each) for each in leaves(quietly(mx.jit(traced(row.sample)), *args))]
        if dtype == bfloat16:
            continue  # which NumPy itself knows too little of
        expected = [np.asarray(each) for each in leaves(quietly(reference(row.sample), *args))]
        assert [(each.shape, each.dtype) for each in found] == [(each.shape, each.dtype) for each in expected], dtype
        for mine, theirs in zip(found, expected, strict=True):
            bound = 40 * tolerance(theirs.dtype) if theirs.dtype in INEXACT else 0
            size = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0) if bound else 0
            np.testing.assert_allclose(mine, theirs, rtol=bound, atol=bound * size, err_msg=str(dtype))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_denied_types_are_refused(row: CompositionRow) -> None:
    for dtype in set(DTYPE_NAMES) - row.dtypes:
        with pytest.raises((MixadError, np.linalg.LinAlgError)):
            quietly(mx.jit(traced(row.sample)), *arguments(row.sample, dtype))

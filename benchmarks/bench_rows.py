"""Derivatives of programs, called again and again; the rows stand in rows.py."""

import pytest

from .rows import ROWS


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.section}: {row.name}") for row in ROWS])
def test_derivative(contest, row):
    contest.differentiate(row)

"""What every benchmark shares: the number of threads, and the fixture that compares."""

from __future__ import annotations

from . import threads  # noqa: F401  isort: skip (before any library is loaded)

import inspect
from typing import Any

import pytest

from .contest import Contest


def pytest_configure(config: pytest.Config) -> None:
    """A peer's warnings are its own affair."""
    config.addinivalue_line("filterwarnings", "ignore")


@pytest.fixture
def contest(request: pytest.FixtureRequest, benchmark: Any) -> Contest:
    """A contest in the section that the benchmark's module describes: its docstring's first line is the heading."""
    section, _, about = inspect.cleandoc(request.module.__doc__).partition("\n")
    benchmark.group = section
    return Contest(benchmark, section.rstrip("."), about.strip())

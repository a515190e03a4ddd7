"""What the tests of the Triton backend have in common."""

import importlib.util

import pytest

if importlib.util.find_spec("triton") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def interpreter(monkeypatch, tmp_path_factory):
    """GPU programs run in Triton's interpreter."""
    monkeypatch.setenv("MIXAD_TRITON", "interpret")

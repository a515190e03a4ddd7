"""What the tests of the Triton backend have in common."""

import importlib.util

import pytest

if importlib.util.find_spec("triton") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def interpreter(request, monkeypatch):
    """GPU programs run in Triton's interpreter, unless the tests are to run on a GPU."""
    if not request.config.getoption("--gpu"):
        monkeypatch.setenv("MIXAD_TRITON", "interpret")


@pytest.fixture
def without_gpu(request):
    """For tests of the interpreter itself."""
    if request.config.getoption("--gpu"):
        pytest.skip("it is about the interpreter")

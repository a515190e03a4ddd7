"""Running without NumPy's warnings: what was set before is set again, whatever happens in between."""

import numpy as np
import pytest
from mixad.runtime.numpy import quiet


def state():
    return np.geterr(), np.getbufsize()


@pytest.fixture(params=["context variable", "errstate"])
def quietly(request, monkeypatch):
    if request.param == "errstate":
        monkeypatch.setattr(quiet, "_ignoring", lambda buffers: None)
    else:
        assert quiet._ignoring(quiet.BUFFERS) is not None
    return quiet.quietly


@pytest.mark.parametrize("buffers", [512, quiet.BUFFERS])
def test_it_is_quiet_inside_and_as_before_behind(quietly, buffers):
    with np.errstate(divide="raise", over="print"):
        np.setbufsize(4096)
        before = state()
        inside = quietly(lambda *args: (args, state(), np.float64(1) / 0), buffers)(1, 2)
        assert inside == ((1, 2), (dict.fromkeys(before[0], "ignore"), buffers), np.inf)
        assert state() == before


def test_errors_and_calls_within_calls_leave_nothing_behind(quietly):
    before = state()

    def fails():
        quietly(np.log, 512)(np.zeros(1))
        assert np.getbufsize() == quiet.BUFFERS
        raise KeyError("x")

    with pytest.raises(KeyError):
        quietly(fails)()
    assert state() == before

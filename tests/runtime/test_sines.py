"""Sine and cosine from the tangent: within their bound, element by element, whatever else is in the array."""

import mixad as mx
import mpmath
import numpy as np
import pytest
from mixad.runtime.numpy import sines as module
from mixad.runtime.numpy.sines import LEAST, cosine, sine, sines

rng = np.random.default_rng(0)
MULTIPLES = np.pi / 2 * rng.integers(-60, 60, 400)
ARGUMENTS = {
    "ordinary": rng.normal(size=2000) * 3,
    "tiny": rng.normal(size=400) * 1e-6,
    "large": rng.normal(size=400) * 1e9,
    "about the largest": rng.uniform(0.9, 1.1, 400) * 2.0**48 * np.pi,
    "next to zeros": np.nextafter(MULTIPLES, rng.choice([-9.0, 9.0], 400)),
    "near zeros": MULTIPLES + rng.normal(size=400) * 1e-8,
}


def ulps(found, exact):
    return max(
        abs(mpmath.mpf(float(a)) - b) / mpmath.mpf(float(np.spacing(abs(float(b)))))
        for a, b in zip(found, exact, strict=True)
    )


@pytest.mark.parametrize("name", ARGUMENTS)
def test_both_are_within_five_units_in_the_last_place(name):
    x = ARGUMENTS[name]
    s, c = np.empty_like(x), np.empty_like(x)
    sines(x, s, c)
    with mpmath.workprec(300):
        assert ulps(s, [mpmath.sin(mpmath.mpf(float(v))) for v in x]) < 3
        assert ulps(c, [mpmath.cos(mpmath.mpf(float(v))) for v in x]) < 3
    assert np.all(np.abs([s, c]) <= 1)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_element_depends_on_itself_alone():
    x = rng.normal(size=1000) * 5
    strange = np.array([np.nan, np.inf, -np.inf, 1e300, -1e22, 0.0, -0.0, 5e-324, -5e-324])
    mixed = np.concatenate([x[:500], strange, x[500:]])
    s, c = sine(mixed), cosine(mixed)
    np.testing.assert_array_equal(np.delete(s, np.s_[500:509]), sine(x))
    np.testing.assert_array_equal(np.delete(c, np.s_[500:509]), cosine(x))
    assert s[500:509].tobytes() == np.sin(strange).tobytes()
    np.testing.assert_array_equal(c[500:509], np.cos(strange))


def test_the_argument_may_be_written_over_and_lie_anyhow():
    x = rng.normal(size=(30, 40)) * 4
    wanted = sine(x), cosine(x)
    for place in (0, 1):
        out = [np.empty_like(x), np.empty_like(x)]
        out[place] = x.copy()
        sines(out[place], *out)
        np.testing.assert_array_equal(out, wanted)
    apart = np.empty((40, 60)).T[::2]
    apart[...] = x
    out = np.empty((60, 40))[::2], np.empty((30, 80))[:, ::2]
    sines(apart, *out)
    np.testing.assert_array_equal(out, wanted)
    sines(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3)))


def test_where_the_tangent_is_slow_programs_take_numpys(monkeypatch):
    x = rng.normal(size=LEAST)
    monkeypatch.setattr(module, "tangents_are_fast", lambda: False)
    np.testing.assert_array_equal(mx.jit(lambda x: np.sin(x) + 1)(x), np.sin(x) + 1)
    monkeypatch.setattr(module, "tangents_are_fast", lambda: True)
    np.testing.assert_array_equal(mx.jit(lambda x: np.sin(x) + 2)(x), sine(x) + 2)


@pytest.mark.parametrize("size", [LEAST - 1, LEAST, 3 * LEAST + 7])
def test_programs_compute_what_they_should(size):
    x = rng.normal(size=size) * 4
    for function, derivative in (
        (lambda x: np.sin(x) * np.cos(x), np.cos(2 * x)),
        (lambda x: np.sum(np.cos(x) * x), np.cos(x) - x * np.sin(x)),
    ):
        found = mx.jit(mx.grad(lambda x, f=function: np.sum(f(x))))(x)
        np.testing.assert_allclose(found, derivative, rtol=1e-12, atol=1e-14)

"""The same and different functions from many threads at once."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import mixad as mx
import numpy as np
import pytest
from mixad.frontend.execution import clear_caches

THREADS = 8
POINTS = np.linspace(-2.0, 2.0, 40)


def race(works):
    """Run the works at once, all let go together; their results. A deadlock fails after a minute."""
    barrier = threading.Barrier(len(works))

    def start(work):
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(60) for future in [pool.submit(start, work) for work in works]]


def _wave(x):
    return np.sin(x) * x if x > 0 else x * x


def _at_points(derivative):
    return [float(derivative(x)) for x in POINTS]


def _slope(x):
    return np.where(x > 0, np.cos(x) * x + np.sin(x), 2 * x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.grad(_wave),
        lambda: mx.jit(mx.grad(_wave)),
        lambda: mx.grad(mx.jit(_wave)),
        lambda: lambda x: mx.jvp(_wave, (x,), (1.0,))[1],
        lambda: lambda x: mx.vjp(_wave, x)[1](1.0)[0],
    ],
    ids=["grad", "jit(grad)", "grad(jit)", "jvp", "vjp"],
)
def test_first_calls_of_one_function_race(make):
    for _ in range(3):
        clear_caches()
        found = race([functools.partial(_at_points, make())] * THREADS)
        for each in found:
            np.testing.assert_allclose(each, _slope(POINTS), rtol=1e-12)


def test_different_functions_at_once():
    def work(number):
        function = lambda x: np.sum(np.sin(x * number) + x**number)  # noqa: E731
        derivative = mx.jit(mx.grad(function)) if number % 2 else mx.grad(function)
        return [derivative(POINTS[POINTS > 0] + k) for k in range(5)]

    clear_caches()
    found = race([lambda number=number: work(number) for number in range(1, THREADS + 1)])
    for number, results in enumerate(found, 1):
        for k, each in enumerate(results):
            x = POINTS[POINTS > 0] + k
            np.testing.assert_allclose(each, number * np.cos(x * number) + number * x ** (number - 1), rtol=1e-10)


def test_numbers_that_vary_between_threads():
    clear_caches()

    def work(number):
        return [mx.grad(lambda x, k=number * 10 + i: k * x * x)(3.0) for i in range(20)]

    found = race([lambda number=number: work(number) for number in range(THREADS)])
    for number, results in enumerate(found):
        assert [float(each) for each in results] == [6.0 * (number * 10 + i) for i in range(20)]


def test_traces_of_one_thread_are_not_seen_by_another():
    """A thread started inside of a traced function runs plain NumPy, and traces its own functions."""

    def function(x):
        with ThreadPoolExecutor(1) as pool:
            plain = pool.submit(lambda: float(np.sin(1.0))).result(30)
            slope = pool.submit(lambda: float(mx.grad(lambda y: y * y)(3.0))).result(30)
        return x * plain + x * slope

    np.testing.assert_allclose(mx.grad(function)(1.0), np.sin(1.0) + 6)


def test_errors_in_one_thread_leave_the_others_alone():
    clear_caches()

    def fails(x):
        raise ZeroDivisionError("mine")

    def bad():
        with pytest.raises(ZeroDivisionError, match="mine"):
            mx.grad(fails)(1.0)
        return 0.0

    good = mx.grad(lambda x: x * x * 7.5)
    found = race([bad, lambda: float(good(2.0))] * (THREADS // 2))
    assert found == [0.0, 30.0] * (THREADS // 2)

"""Kernels on threads: results do not depend on how many, and what goes wrong is raised."""

import functools
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import mixad as mx
import numpy as np
import pytest
from mixad.runtime.numpy import pool
from mixad.runtime.numpy.pool import Kernel, Sum

rng = np.random.default_rng(0)
WEIGHTS = [rng.standard_normal((20, 20)) / 5 for _ in range(3)]
POINTS = rng.standard_normal((30_001, 20))


def loss(weights, x):
    for weight in weights:
        x = np.tanh(x @ weight)
    return np.mean(np.where(x > 0, np.log(1 + np.abs(x)), np.sin(x) * x)) + np.max(x)


def with_threads(monkeypatch, count):
    pool.threads.cache_clear()
    pool._helpers.cache_clear()
    monkeypatch.setenv(pool.VARIABLE, str(count))


@pytest.fixture
def three_threads(monkeypatch):
    with_threads(monkeypatch, 3)
    yield
    pool.threads.cache_clear()
    pool._helpers.cache_clear()


def bits(tree):
    value, gradients = tree
    return [np.asarray(each).tobytes() for each in (value, *gradients)]


def test_results_are_bitwise_those_of_one_thread(monkeypatch):
    try:
        found = []
        for count in (1, 2, 3, 8):
            with_threads(monkeypatch, count)
            assert pool.threads() == count
            found.append(bits(mx.value_and_grad(loss)(WEIGHTS, POINTS)))
        assert all(each == found[0] for each in found)
    finally:
        pool.threads.cache_clear()
        pool._helpers.cache_clear()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_threads_names_the_variable(monkeypatch, text):
    monkeypatch.setenv(pool.VARIABLE, text)
    pool.threads.cache_clear()
    with pytest.raises(ValueError, match=f"MIXAD_NUM_THREADS is '{text}'"):
        pool.threads()
    pool.threads.cache_clear()


@pytest.mark.usefixtures("three_threads")
def test_an_error_in_any_chunk_is_raised_once_and_the_rest_is_left():
    ran = []

    def fail(start, stop, scratch):
        ran.append(start)
        if start == 4:
            raise MemoryError("chunk 1")

    kernel = Kernel(fail, None, 64, 1, 4, 0)
    for _ in range(20):
        ran.clear()
        with pytest.raises(MemoryError, match="chunk 1"):
            kernel()
        assert len(ran) == len(set(ran)) <= 16


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_call_that_fails_leaves_no_helper_at_work(error):
    """Else the next call, which gets the same memory, would find another one writing to it."""
    caller, at_work, all_started = threading.current_thread(), set(), threading.Barrier(3)
    failures = iter([MemoryError()] if error is MemoryError else [])

    def work(start, stop, scratch):
        all_started.wait(10)
        if threading.current_thread() is caller:
            if error is KeyboardInterrupt:  # a moment later, while the caller waits for its helpers
                threading.Timer(0.1, signal.pthread_kill, [caller.ident, signal.SIGINT]).start()
            return
        if failure := next(failures, None):
            raise failure
        at_work.add(start)
        time.sleep(0.4)
        at_work.remove(start)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(error):
            Kernel(work, None, 3, 1, 1, 0)()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not at_work


@pytest.mark.usefixtures("three_threads")
def test_every_chunk_runs_once_with_its_own_points_and_errors_are_quiet():
    found = []

    def note(start, stop, scratch):
        found.append((start, stop, np.geterr()["divide"], scratch.nbytes >= 100, scratch.ctypes.data % 64))

    rest = []
    with np.errstate(all="ignore"):
        Kernel(note, lambda *given: rest.append(given[:2]), 103, 5, 20, 100)()
    assert sorted(found) == [(20 * i, min(20 * i + 20, 100), "ignore", True, 0) for i in range(5)]
    assert rest == [(100, 103)]


def summing(nbytes, wait):
    """A kernel of 16 chunks that adds up one array of so many bytes."""

    def add(start, stop, scratch, total):
        wait(start)
        total += 0.1 * np.arange(start, stop).sum()

    return Kernel(add, None, 64, 2, 4, 0, (Sum(0, np.add, 0, (nbytes // 8,), np.dtype(float)),))


@pytest.mark.parametrize("nbytes", [8, pool.PARTS // 2])
def test_parts_of_sums_are_combined_in_the_order_of_their_chunks(monkeypatch, nbytes):
    """Whoever is done first; where parts are large, few of them are there at once."""
    wanted, found = functools.reduce(operator.add, [0.1 * sum(range(i, i + 4)) for i in range(0, 64, 4)]), []
    try:
        for count in (1, 2, 5, 40):
            with_threads(monkeypatch, count)
            kernel = summing(nbytes, lambda start: time.sleep(0.01 if start % 12 == 4 else 0))
            kernel(total := np.empty(nbytes // 8))
            found.append(set(total.tolist()))
            slots = 15 if nbytes == 8 else min(15, max(count, 2))
            assert kernel.working_memory() == slots * max(nbytes, 64)
        assert found == [{wanted}] * 4
    finally:
        pool.threads.cache_clear()
        pool._helpers.cache_clear()


@pytest.mark.usefixtures("three_threads")
def test_who_waits_for_an_earlier_chunk_hears_of_its_error():
    def fail(start):
        if start == 4:
            time.sleep(0.05)
            raise MemoryError("chunk 1")

    for _ in range(5):
        with pytest.raises(MemoryError, match="chunk 1"):
            summing(pool.PARTS, fail)(np.empty(pool.PARTS // 8))


@pytest.mark.usefixtures("three_threads")
def test_kernels_of_several_callers_at_once():
    function = mx.jit(mx.value_and_grad(loss))
    wanted = bits(function(WEIGHTS, POINTS))
    found = []
    callers = [threading.Thread(target=lambda: found.append(bits(function(WEIGHTS, POINTS)))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [wanted] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own():
    program = """
import os, sys, warnings
import numpy as np, mixad as mx
warnings.simplefilter("ignore")
x = np.linspace(0, 1, 300_000)
f = mx.jit(mx.grad(lambda x: np.sum(np.sin(x) * x)))
wanted = f(x)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(f(x), wanted) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env={**os.environ, pool.VARIABLE: "3"})


@pytest.mark.parametrize(
    "x",
    [
        np.asfortranarray(rng.standard_normal((300, 400))),
        rng.standard_normal((600, 400))[::2],
        rng.standard_normal((400, 300)).T,
        np.broadcast_to(rng.standard_normal(400), (300, 400)),
    ],
    ids=["fortran", "strided", "transposed", "broadcast"],
)
def test_inputs_of_any_layout(x):
    x = x.view()
    x.flags.writeable = False
    before = x.copy()
    value, gradient = mx.value_and_grad(lambda x: np.sum(np.exp(-x * x) * np.sin(x)))(x)
    np.testing.assert_allclose(value, np.sum(np.exp(-x * x) * np.sin(x)), rtol=1e-12)
    np.testing.assert_allclose(gradient, np.exp(-x * x) * (np.cos(x) - 2 * x * np.sin(x)), rtol=1e-10, atol=1e-15)
    np.testing.assert_array_equal(x, before)


def test_nan_infinity_and_signed_zero_pass_through_blocks():
    x = np.linspace(-1, 1, 100_001)
    x[[3, 50_000, 99_999]] = np.nan, -0.0, np.inf
    value = mx.jit(lambda x: (np.max(x * 1.0 + 0), np.sum(np.abs(x) + x), x * 2 - x))(x)
    with np.errstate(all="ignore"):
        wanted = np.max(x), np.sum(np.abs(x) + x), x * 2 - x
    for each, other in zip(value, wanted, strict=True):
        np.testing.assert_array_equal(each, other)


def test_zero_times_infinity_is_zero_in_blocks(source_of):
    """Where a product has to be mended, its operand has not been written over."""
    x = rng.standard_normal(60_001)
    x[::3] = 0
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)) * np.log(np.abs(x)), x * x))  # noqa: E731
    found, source = source_of(mx.grad(f), x)
    with np.errstate(all="ignore"):
        wanted = np.where(x > 0, (np.log(np.abs(x)) / 2 + 1) / np.sqrt(np.abs(x)), 2 * x)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)
    assert "kernel0" in source
    assert "mul_no_nan(" in source


@pytest.mark.parametrize("width", [1, 3, 32, 600])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_every_block_repeats(width, dtype, source_of):
    """A row that is read often is repeated once, where rows are short; results are what they would be otherwise."""
    x, row = rng.standard_normal((20_011, width)).astype(dtype), rng.standard_normal(width).astype(dtype)
    f = lambda x, row: np.tanh(x * row) * row + np.tanh(x + row) / (1 + row * row)  # noqa: E731
    found, source = source_of(f, x, row)
    np.testing.assert_allclose(found, f(x, row), rtol=1e-5 if dtype is np.float32 else 1e-14)
    assert ("w0[...] = " in source) == (width == 32)


def test_small_matrices_are_transposed_once(source_of):
    weights = [rng.standard_normal((17, 17)) / 4 for _ in range(2)]
    x = rng.standard_normal((3001, 17))
    f = lambda weights, x: np.sum(np.tanh(np.tanh(x @ weights[0]) @ weights[1]))  # noqa: E731
    (first, second), source = source_of(mx.grad(f), weights, x)
    inner = np.tanh(x @ weights[0])
    outer = 1 - np.tanh(inner @ weights[1]) ** 2
    np.testing.assert_allclose(second, inner.T @ outer, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(first, x.T @ (outer @ weights[1].T * (1 - inner**2)), rtol=1e-11, atol=1e-11)
    assert "np.ascontiguousarray(" in source


def test_numpys_buffers_are_the_callers_own():
    before = np.getbufsize()
    mx.jit(lambda x: np.tanh(x) * x)(rng.standard_normal(100_000))
    assert np.getbufsize() == before


def test_blas_has_its_threads_back_after_the_last_of_several_callers():
    libraries = pool._blas()
    before = [each.get_num_threads() for each in libraries]
    inside, may_leave = threading.Barrier(3), threading.Event()
    found = []

    def hold():
        with pool.one_blas_thread:
            inside.wait(10)
            found.append([each.get_num_threads() for each in libraries])
            may_leave.wait(10)

    callers = [threading.Thread(target=hold) for _ in range(2)]
    for each in callers:
        each.start()
    inside.wait(10)
    with pool.one_blas_thread:
        pass
    found.append([each.get_num_threads() for each in libraries])
    may_leave.set()
    for each in callers:
        each.join()
    assert found == [[1] * len(libraries)] * 3
    assert [each.get_num_threads() for each in libraries] == before

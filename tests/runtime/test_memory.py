"""Memory: what the plan says is what a call needs, and nobody sees it twice."""

import threading

import mixad as mx
import numpy as np
import optree
import pytest
from mixad.passes.lower.arena import Lifetime, assign
from mixad.runtime.compiler import Observer, observed
from mixad.runtime.numpy import pool
from mixad.runtime.numpy.arenas import KEPT, memory

rng = np.random.default_rng(0)
X = rng.standard_normal((400, 500))
WEIGHTS = [rng.standard_normal((64, 64)) / 8 for _ in range(3)]
ROWS = rng.standard_normal((20_000, 64))


def sweep(x):
    """No kernel goes through a cumulative sum of both axes."""
    for _ in range(4):
        x = np.tanh(np.cumsum(np.sin(np.cumsum(x, 0) / 9), 1) / 9)
    return np.sum(x * x)


def network(weights, x):
    for weight in weights:
        x = np.tanh(x @ weight)
    return np.mean(np.square(x))


PROGRAMS = {
    "cumulative sums": (mx.grad(sweep), (X,)),
    "network": (mx.value_and_grad(network), (WEIGHTS, ROWS)),
    "norm": (mx.grad(lambda x: np.linalg.norm(np.sin(x) * x)), (X,)),
    "softmax along both axes": (
        mx.grad(lambda x: np.sum((np.exp(x) / np.sum(np.exp(x), 0)) ** 2) + np.sum(np.exp(x) / np.sum(np.exp(x)))),
        (X,),
    ),
    "outputs": (lambda x: (np.sin(x), np.cos(x), x @ x.T), (X,)),
    "sorted": (mx.grad(lambda x: np.sum(np.sort(x, 1) * np.sort(x * x, 0))), (X,)),
}


class Planned(Observer):
    """Notes the bytes that a compiled program says it needs."""

    def __init__(self):
        self.nbytes = []

    def finish(self, module, programs, log):
        self.nbytes += [program.nbytes for program in programs.values()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_plan_says_what_a_call_needs(name, peak_of, monkeypatch):
    monkeypatch.setattr(pool, "threads", lambda: 1)  # other threads keep their memory from call to call
    function, arguments = PROGRAMS[name]
    function = mx.jit(function)
    planned = Planned()
    with observed(lambda: planned):
        measured = peak_of(function, *arguments)
    assert measured == pytest.approx(planned.nbytes[0], rel=0.1, abs=2e4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_calls_do_not_see_each_others_memory(name):
    function, arguments = PROGRAMS[name]
    function = mx.jit(function)
    flat = lambda tree: [np.asarray(leaf) for leaf in optree.tree_leaves(tree)]  # noqa: E731
    first = flat(function(*arguments))
    kept = [leaf.copy() for leaf in first]
    doubled = optree.tree_map(lambda leaf: 2 * leaf, arguments)
    function(*doubled)
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    found = []
    threads = [threading.Thread(target=lambda: found.append(flat(function(*arguments)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for leaves in found:
        for one, other in zip(leaves, kept, strict=True):
            np.testing.assert_array_equal(one, other)


def test_memory_is_lent_once_at_a_time_and_again_afterwards():
    def check():
        with memory(1000) as one, memory(1000) as other:
            assert not np.shares_memory(one, other)
            assert one.ctypes.data % 64 == other.ctypes.data % 64 == 0
            addresses = {one.ctypes.data, other.ctypes.data}
        with memory(900) as again:
            assert again.ctypes.data in addresses
        with memory(2000) as larger:
            assert larger.nbytes >= 2000
        with memory(KEPT + 1) as huge:
            address = huge.ctypes.data
        with pytest.raises(ZeroDivisionError), memory(3000):
            raise ZeroDivisionError
        with memory(3000) as after:
            assert after.nbytes >= 3000
            assert after.ctypes.data != address

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()


def test_offsets_of_values_that_live_together_do_not_overlap():
    for seed in range(200):
        random = np.random.default_rng(seed)
        lifetimes = []
        for _ in range(random.integers(1, 30)):
            first = int(random.integers(0, 20))
            lifetimes.append(Lifetime(first, first + int(random.integers(0, 8)), int(random.integers(1, 5000))))
        offsets, total = assign(lifetimes)
        spans = list(zip(lifetimes, offsets, strict=True))
        for i, (a, at) in enumerate(spans):
            assert at % 64 == 0
            assert at + a.nbytes <= total
            for b, bt in spans[:i]:
                together = a.first <= b.last and b.first <= a.last
                assert not together or at + a.nbytes <= bt or bt + b.nbytes <= at
        steps = range(30)
        least = max(sum(each.nbytes for each in lifetimes if each.first <= step <= each.last) for step in steps)
        assert least <= total <= 2 * least + 64 * len(lifetimes)


def test_a_users_operation_that_returns_its_operand_is_not_written_over():
    x = rng.standard_normal(50_000)

    def same(x):
        y = np.cumsum(np.sin(x))
        z = mx.cond(np.sum(y) > -1e9, lambda y: y, lambda y: y * 2, y)  # the very memory of y
        w = np.cumsum(np.cos(x))
        return np.sum(np.cumsum(w) * z) + np.sum(z)

    np.testing.assert_allclose(mx.jit(same)(x), same(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.sin(x) + 1, "Unable to allocate 7.28 TiB"),
        (
            lambda x: np.sum(np.cumsum(np.cumsum(np.sin(x), 0), 1)),
            r"no room for [\d,]{18} bytes .* memory_budget=bytes",
        ),
    ],
    ids=["outputs", "intermediates"],
)
def test_what_does_not_fit_is_one_error_with_its_size(function, message):
    x = np.broadcast_to(1.0, (10**6, 10**6))
    for call in (mx.jit(function), mx.jit(mx.grad(lambda x: np.sum(function(x))))):
        with pytest.raises(MemoryError, match=r"Unable to allocate|no room for"):
            call(x)
    with pytest.raises(MemoryError, match=message):
        mx.jit(function)(x)


def test_out_that_overlaps_an_operand():
    def f(x):
        y = x * 1.0
        np.add(y[:-1], y[1:], out=y[1:])
        np.multiply(y[::2], y[1::2], out=y[: len(x) // 2])
        return np.sum(y * y)

    for size in (6, 40_000):
        x = np.linspace(0.5, 1.5, size)
        np.testing.assert_allclose(mx.jit(f)(x), f(x), rtol=1e-12)
        direction = np.cos(np.arange(size))
        slope = (f(x + 1e-5 * direction) - f(x - 1e-5 * direction)) / 2e-5
        np.testing.assert_allclose(np.sum(mx.jit(mx.grad(f))(x) * direction), slope, rtol=1e-6)

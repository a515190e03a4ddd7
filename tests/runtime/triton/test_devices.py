"""Programs on a device as users meet them, in Triton's interpreter."""

import concurrent.futures
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path

import mixad as mx
import mixad.mindspore as ms
import numpy as np
import pytest
from mixad.frontend.devices import current_backend, missing_gpu, set_default
from mixad.ir.errors import BoundsError, DeviceError, UnsupportedOperationError
from mixad.runtime.compiler import compile_module
from mixad.runtime.triton import TRITON, devices
from mixad.runtime.triton.interpreter import InterpreterDriver

RNG = np.random.default_rng(3)
GUIDE = Path(__file__).parents[3] / "examples" / "guide"


def loss(x, w):
    hidden = np.tanh(x @ w)
    return np.mean((hidden - np.max(hidden, axis=1, keepdims=True)) ** 2)


X, W = RNG.standard_normal((30, 20)), RNG.standard_normal((20, 17))


@pytest.mark.parametrize(
    "transform", [mx.grad, mx.value_and_grad, lambda f: mx.hessian(lambda v: f(X, v.reshape(20, -1)))]
)
def test_derivatives_on_a_device_are_those_of_the_cpu(transform):
    f = transform(loss)
    args = (X, W) if transform in (mx.grad, mx.value_and_grad) else (W[:, :2].ravel(),)
    wanted = f(*args)
    with mx.device("gpu"):
        found = f(*args)
    for each, expected in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, wanted)), strict=True):
        assert isinstance(each, np.ndarray | np.generic)
        np.testing.assert_allclose(each, expected, rtol=1e-12, atol=1e-14)


def softmax(x):
    powers = np.exp(x - np.max(x, axis=1, keepdims=True))
    return powers / np.sum(powers, axis=1, keepdims=True)


def layer_norm(x):
    centred = x - np.mean(x, axis=1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-5)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("columns", [100, 5000])
@pytest.mark.parametrize("rows_of", [softmax, layer_norm])
def test_derivatives_over_rows_are_one_kernel(rows_of, columns, order):
    def f(x):
        return np.sum(rows_of(x) ** 3)

    derivative = mx.grad(f) if order == 1 else mx.grad(lambda x: np.sum(mx.grad(f)(x) ** 2))
    x = np.random.default_rng(order).standard_normal((64 if columns == 100 else 5, columns))
    module = mx.make_graph(derivative)(x)
    program = compile_module(module, TRITON)[module.entry.name]
    assert len(list(program.run.plan.kernels())) == 1
    wanted = derivative(x)
    np.testing.assert_allclose(program.run(x)[0], wanted, rtol=1e-9, atol=1e-12 * np.max(np.abs(wanted)))


def test_arrays_on_a_device_decide():
    x, w = mx.to_device(X), mx.to_device(W)
    wanted = mx.grad(loss, argnums=(0, 1))(X, W)
    for f in (mx.grad(loss, argnums=(0, 1)), mx.jit(mx.grad(loss, argnums=(0, 1)))):
        for _ in range(3):
            found = f(x, w)
            assert [type(each) for each in found] == [mx.DeviceArray] * 2
            for each, expected in zip(found, wanted, strict=True):
                np.testing.assert_allclose(each.numpy(), expected, rtol=1e-12, atol=1e-14)
        assert isinstance(f(X, W)[0], np.ndarray)
    step = mx.jit(lambda w, g: w - 0.1 * g)(w, found[1])
    np.testing.assert_allclose(step.numpy(), W - 0.1 * wanted[1])


def test_arrays_on_a_device_beside_others():
    x = mx.to_device(X)
    f = mx.jit(lambda x, w, scale: np.sum(x @ w) * scale)
    np.testing.assert_allclose(float(f(x, W, 2.0)), 2 * np.sum(X @ W))
    captured = mx.grad(lambda w: np.sum((x @ w) ** 2))
    np.testing.assert_allclose(captured(mx.to_device(W)).numpy(), 2 * X.T @ X @ W)
    tree = mx.grad(lambda p: np.sum(p["x"] * p["y"]))({"x": x, "y": mx.to_device(2 * X)})
    np.testing.assert_allclose(tree["x"].numpy(), 2 * X)


def test_a_jitted_function_follows_the_device_around_it():
    f = mx.jit(lambda x: np.sin(x))
    with mx.device("gpu"):
        assert current_backend() is TRITON
        with mx.device("cpu"):
            assert current_backend() is not TRITON
        np.testing.assert_allclose(f(X), np.sin(X))
    assert current_backend() is not TRITON
    fixed = mx.jit(lambda x: np.sin(x), device="gpu")
    with mx.device("cpu"):
        np.testing.assert_allclose(fixed(X), np.sin(X))


@pytest.mark.parametrize(
    "call",
    [lambda: mx.device("tpu"), lambda: mx.device("gpu", precision="bf16"), lambda: mx.device("gpu", fallback="x")],
)
def test_wrong_choices(call):
    with pytest.raises(ValueError, match=r"it is (one of )?'"):
        call()


def test_threads_share_a_device():
    def work(number):
        x = RNG.standard_normal((8, 5)) + number
        f = mx.jit(mx.grad(lambda x: np.sum(np.sin(x) * number)), device="gpu")
        found = [f(mx.to_device(x)).numpy() if turn % 2 else f(x) for turn in range(6)]
        return all(np.allclose(each, np.cos(x) * number) for each in found)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(1, 9)))


def test_threads_share_a_choice():
    chosen, turn = mx.device("gpu"), threading.Barrier(2)

    def work(_):
        for _ in range(5):
            with chosen:
                turn.wait()  # both are inside
                assert current_backend() is TRITON
            assert current_backend() is not TRITON
            turn.wait()
        return True

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert all(pool.map(work, range(2)))


# --- loops and choices ---------------------------------------------------------------------------


def test_loops_and_choices_are_decided_by_the_host():
    def f(x):
        def body(carry, t):
            carry = mx.cond(np.sum(carry) > 3, lambda c: np.sin(c), lambda c: c * t + 1, carry)
            return carry, np.sum(carry)

        carry, ys = mx.scan(body, x, np.arange(1.0, 6.0))
        last = mx.while_loop(lambda c: np.sum(c**2) < 50, lambda c: 2 * c + 0.1, carry)
        return np.sum(last) + np.sum(ys**2)

    x = np.array([0.3, -0.2, 0.5])
    for transform in (lambda f: f, mx.grad, lambda f: mx.grad(lambda x: np.sum(mx.grad(f)(x) ** 2))):
        wanted = transform(f)(x) if transform is not f else f(x)
        np.testing.assert_allclose(mx.jit(transform(f), device="gpu")(x), mx.jit(transform(f))(x), rtol=1e-10)
        assert wanted is not None


# --- what has no kernel, what is wrong -----------------------------------------------------------


def spectrum(x):
    return np.sum(np.linalg.eigvalsh(np.sin(x) @ np.sin(x).T)[:3] ** 3)


def test_what_has_no_kernel_is_named_and_the_cpu_can_compute_it():
    x = RNG.standard_normal((4, 4))
    wanted = mx.grad(spectrum)(x)
    with mx.device("gpu"), pytest.raises(UnsupportedOperationError, match=r"'linalg.eigh'.*fallback='host'"):
        mx.grad(spectrum)(x)
    with mx.device("gpu", fallback="host"):
        np.testing.assert_allclose(mx.grad(spectrum)(x), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "x", "named"),
    [
        (lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2), np.ones(4), r"has no lowering for 'fft\.\w+'"),
        (lambda x: np.sum(np.abs(x * np.exp(1j * x))), np.ones(4), r"does not run 'tensor\.\w+' on complex<f64>"),
        (lambda x: np.sum(np.linalg.svd(x)[1]), np.eye(3), r"has no lowering for 'linalg\.\w+'"),
        (lambda x: np.sum(np.linalg.inv(x)), np.eye(3), r"has no lowering for 'linalg\.\w+'"),
    ],
)
def test_errors_name_what_has_no_kernel(f, x, named):
    with (
        mx.device("gpu"),
        pytest.raises(UnsupportedOperationError, match=rf"{named}, at .*test_devices.py:.*fallback='host'"),
    ):
        mx.grad(f)(x)
    with mx.device("gpu", fallback="host"):
        found = mx.grad(f)(x)
    np.testing.assert_allclose(found, mx.grad(f)(x), rtol=1e-12, atol=1e-14)


def test_an_index_out_of_range():
    f = mx.jit(lambda x, i: x[i] * 2, device="gpu")
    with pytest.raises(BoundsError, match=r"index 77 is out of bounds for axis 0 with size 30, at .*test_devices.py"):
        f(X, np.array([3, 77]))
    assert f(X, np.array([3, 7])).shape == (2, 20)


@pytest.mark.usefixtures("without_gpu")
def test_a_kernel_that_fails_is_an_error_and_the_device_goes_on():
    driver = devices.interpreter().driver
    driver.free(12345)
    with pytest.raises(DeviceError, match=r"a kernel failed in Triton's interpreter: KeyError"):
        driver.synchronize()
    np.testing.assert_allclose(mx.jit(np.sin, device="gpu")(X), np.sin(X))


def test_a_process_that_dies_is_an_error():
    driver = InterpreterDriver()
    driver._process.kill()
    driver._process.wait()
    with pytest.raises(DeviceError, match=r"the process of Triton's interpreter ended with status -9"):
        driver.alloc(3)
    driver.close()


def test_an_answer_that_nobody_waited_for_is_not_the_next_one(monkeypatch):
    def interrupted(stream):
        raise KeyboardInterrupt

    driver = InterpreterDriver()
    with monkeypatch.context() as patch:
        patch.setattr("mixad.runtime.triton.wire.receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            driver.alloc(3)
    with pytest.raises(DeviceError, match=r"ended with status -9: .* or a call was interrupted"):
        driver.read(0, np.empty(0))
    driver.close()


def test_a_process_that_does_not_end_is_ended():
    driver = InterpreterDriver()
    driver.synchronize()  # it has started
    os.kill(driver._process.pid, signal.SIGSTOP)
    driver.close(patience=0.1)
    assert driver._process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("without_gpu")
def test_no_gpu(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.delenv("MIXAD_TRITON")
    monkeypatch.setattr("ctypes.CDLL", missing)
    with mx.device("gpu"), pytest.raises(DeviceError, match=r"libcuda was not found.*MIXAD_TRITON=interpret"):
        mx.grad(np.sin)(1.0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with mx.device("gpu"), pytest.raises(DeviceError, match=r"needs Triton, .* pip install mixad\[gpu\]"):
        mx.grad(np.cos)(1.0)


@pytest.mark.slow
def test_the_device_of_a_process():
    code = "import mixad, numpy as np; print(mixad.frontend.devices.current_backend().name, mixad.grad(np.sin)(0.0))"
    for chosen, shown in (("", "numpy 1.0"), ("cpu", "numpy 1.0"), ("gpu", "triton 1.0")):
        environment = {**os.environ, "MIXAD_DEVICE": chosen}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == shown
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**environment, "MIXAD_DEVICE": "tpu"}
    )
    assert "device is 'tpu'; it is one of 'cpu', 'gpu'" in done.stderr


def _benchmarks(arguments, **environment):
    """Run a benchmark's command, or a script beside it."""
    given = {name: value for name, value in os.environ.items() if name != "MIXAD_TRITON"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=GUIDE.parents[1], env={**given, **environment}
    )


@pytest.mark.slow
@pytest.mark.usefixtures("without_gpu")
def test_every_row_of_the_benchmarks_runs_on_kernels_and_is_right():
    done = _benchmarks(["-m", "benchmarks.gpu", "--check"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": right (") == len(done.stdout.splitlines()) == 31
    assert "Element-wise gradients: float32, 100: right (800 bytes, 0 operations)" in done.stdout
    assert "the host decides" not in done.stdout


@pytest.mark.slow
def test_kernels_at_the_sizes_of_a_gpu_compile():
    done = _benchmarks(["-m", "benchmarks.gpu", "--compile", "attention"])
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"Layers of larger models: attention, 32 x 2,048 x 64, float32: \d+ kernels for sm_90, at most 24,576 bytes of "
        r"shared memory; \d\.\d\d GB beside the arguments\n",
        done.stdout,
    )


@pytest.mark.usefixtures("without_gpu")
def test_a_row_is_measured_beside_what_the_device_can_do():
    script = """
from benchmarks import gpu
gpu.COPIED = 1 << 16
rates = gpu.rates_of_device(0.01)
(row,) = gpu.chosen(["6-5-5-1, float32", "Networks"], tiny=True)
print(gpu.line(row, [], 0.01, {**rates, "float32": 1e12}))
"""
    done = _benchmarks(["-c", script], MIXAD_TRITON="interpret")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r" *[\d.]+ ms   [\d,]+ GB/s, \d+% of a copy's   [\d.]+ TFLOP/s, \d+% of float32 products'\n", done.stdout
    )


@pytest.mark.skipif(missing_gpu() is None, reason="there is a GPU")
def test_without_a_gpu_nothing_is_measured():
    done = _benchmarks(["-m", "benchmarks.gpu"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.match(r"nothing is measured: .*(libcuda was not found|needs Triton|no GPU).*", done.stderr)
    assert len(done.stderr.splitlines()) == 1


# --- the document's programs ---------------------------------------------------------------------


@pytest.fixture
def on_gpu(monkeypatch):
    """MindSpore's setting, which a program may have made already."""
    monkeypatch.setattr(ms.context, "_settings", dict(ms.context._settings))
    yield
    set_default(None)


PROGRAMS = {
    "input_derivation": [4.51, 2.7, 3.6, 4.51, 2.7, 3.6],
    "gradient_value_scaling": [2.211, 0.51, 1.49, 5.588, 2.68, 4.07],
    "single_output": [0.11, 1.1, 1.1, 0, 0, 0],
    "weight_derivation": [1, 21.5359993],
    "stop_gradient": [4.51, 2.7, 3.6, 4.51, 2.7, 3.6],
    "without_stop_gradient": [9.02, 5.4, 7.2, 9.02, 5.4, 7.2],
    "second_order_single_output": [-0.84147098],
    "second_order_multiple_outputs": [2, 2, 2],
    "second_order_multiple_inputs": [10, 8, 8, 0],
}


def test_every_program_is_run():
    assert {path.stem for path in GUIDE.glob("*.py")} == set(PROGRAMS)


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_guides_programs_print_the_right_numbers(name, capsys, monkeypatch):
    ms.set_context(device_target="GPU")
    assert current_backend() is TRITON
    runs = []
    monkeypatch.setattr("mixad.runtime.triton.running.device_of", lambda *_: runs.append(1) or devices.device_of())
    runpy.run_path(str(GUIDE / f"{name}.py"))
    printed = re.sub(r"Float32", "", capsys.readouterr().out)
    numbers = [float(each) for each in re.findall(r"-?\d+\.?\d*(?:e[+-]\d+)?", printed)]
    np.testing.assert_allclose(numbers, PROGRAMS[name], rtol=3e-7)
    assert runs

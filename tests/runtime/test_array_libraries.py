"""DLPack with the real PyTorch and JAX, where they are installed.

A machine without a GPU proves what does not depend on one: capsules that say "CPU" instead of "CUDA", over the memory
of a recorded driver, which is the host's. With one, ``make test-gpu`` computes with the libraries' own arrays.
"""

import gc
import importlib
import importlib.util

import mixad as mx
import numpy as np
import pytest
from mixad.frontend import devices as frontend_devices
from mixad.ir.types import bfloat16
from mixad.runtime.triton import dlpack
from mixad.runtime.triton.arrays import handed_back, is_foreign
from mixad.runtime.triton.cuda import CudaDriver
from mixad.runtime.triton.execution import Device

from .triton.recorded import RecordedLibrary

CPU = 1
DTYPES = [np.float64, np.float32, np.float16, bfloat16, np.int64, np.int8, np.uint8, np.bool_, np.complex64]


@pytest.fixture
def library(monkeypatch):
    """The recorded driver, whose memory goes by the name of the host's."""
    found = RecordedLibrary()
    device = Device(CudaDriver(0, found))
    monkeypatch.setattr(frontend_devices, "device_of", lambda *_: device)
    monkeypatch.setattr(dlpack, "CUDA", CPU)
    return found


@pytest.fixture(params=["torch", "jax"])
def other(request):
    """PyTorch or JAX."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    module = importlib.import_module(request.param)
    if request.param == "jax":
        module.config.update("jax_enable_x64", True)
    return module


def _numbers(x):
    """Another library's array as NumPy's, in float64 or complex128."""
    x = x.cpu() if hasattr(x, "cpu") else x
    if "bfloat16" in str(x.dtype):
        x = x.float() if hasattr(x, "float") else x.astype(np.float32)
    return np.asarray(x).astype(np.complex128)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_results_are_handed_over_in_place(other, library, dtype):
    array = (np.arange(6).reshape(2, 3) - 1).astype(dtype)
    x = mx.to_device(array)
    x.lender = {"torch": "torch", "jax": "jaxlib"}[other.__name__]
    lent, address = len(dlpack._lent), x.address
    found = handed_back(x)
    assert type(found).__module__.partition(".")[0] in ("torch", "jax", "jaxlib")
    assert tuple(found.shape) == (2, 3)
    assert str(np.dtype(dtype)) in str(found.dtype)
    np.testing.assert_array_equal(_numbers(found), array.astype(np.complex128))
    if other.__name__ == "torch":
        assert found.data_ptr() == address
    del x
    gc.collect()
    assert len(dlpack._lent) == lent + 1
    np.testing.assert_array_equal(_numbers(found), array.astype(np.complex128))  # what is lent is kept
    del found
    gc.collect()
    assert len(dlpack._lent) == lent
    assert address not in library.memory


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "uint8", "bool", "complex64"])
def test_their_arrays_are_read_where_they_stand(other, library, dtype):
    make = other.tensor if other.__name__ == "torch" else other.numpy.array
    x = make([[0, 1, 2], [3, 4, 5]], dtype=getattr(other if other.__name__ == "torch" else other.numpy, dtype))
    assert is_foreign(x)
    borrowed = dlpack.Borrowed(x.__dlpack__())
    assert (borrowed.device, borrowed.shape, str(borrowed.dtype)) == ((CPU, 0), (2, 3), dtype)
    assert borrowed.strides in (None, (3, 1))
    if other.__name__ == "torch":
        assert borrowed.address == x.data_ptr()
        turned = dlpack.Borrowed(x.T[1:].__dlpack__())
        assert (turned.shape, turned.strides) == ((2, 2), (1, 3))
        assert turned.address == x.data_ptr() + x.element_size()
    del x
    size = 6 * borrowed.dtype.itemsize
    found = np.frombuffer(bytes((dlpack.ctypes.c_char * size).from_address(borrowed.address)), borrowed.dtype)
    np.testing.assert_array_equal(found, np.arange(6).astype(borrowed.dtype))


def _on_gpu(name, array):
    """A library's array on the GPU; the test is skipped where it finds none."""
    module = pytest.importorskip(name)
    if name == "torch":
        found = module.tensor(array, device="cuda") if module.cuda.is_available() else None
    elif name == "jax":
        module.config.update("jax_enable_x64", True)
        found = module.numpy.asarray(array) if module.default_backend() == "gpu" else None
    else:
        found = module.asarray(array)
    if found is None:
        pytest.skip(f"{name} finds no GPU")
    return found


@pytest.mark.parametrize("name", ["torch", "cupy", "jax"])
def test_programs_on_a_gpu_take_and_give_their_arrays(request, name):
    if not request.config.getoption("--gpu"):
        pytest.skip("it takes a GPU: make test-gpu")
    x = np.random.default_rng(0).standard_normal((30, 20))
    gradient = mx.jit(mx.grad(lambda x: np.sum(np.tanh(x @ x.T))))
    given = _on_gpu(name, x)
    for _ in range(3):  # the third replays what the second one recorded
        found = gradient(given)
        assert type(found).__module__.partition(".")[0] in (name, f"{name}lib")
    host = found.get() if name == "cupy" else _numbers(found).real
    np.testing.assert_allclose(host, gradient(x), rtol=1e-9, atol=1e-12)

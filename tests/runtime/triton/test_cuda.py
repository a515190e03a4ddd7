"""The calls to NVIDIA's driver, against a library that records them: nothing here says that a GPU agrees."""

import ctypes
import importlib

import mixad as mx
import numpy as np
import pytest
from mixad.frontend import devices as frontend_devices
from mixad.ir.errors import DeviceError, DeviceMemoryError
from mixad.ir.types import bfloat16
from mixad.runtime.triton import arrays, dlpack, running
from mixad.runtime.triton.arrays import adopt, handed_back, to_device
from mixad.runtime.triton.compiler import Binary
from mixad.runtime.triton.cuda import CudaDriver
from mixad.runtime.triton.execution import Device

from .recorded import RecordedLibrary


@pytest.fixture
def library():
    return RecordedLibrary()


@pytest.fixture
def device(library, monkeypatch):
    """A recorded GPU as the one that programs run on; kernels are not compiled."""

    def compiled(kernels, target, aligned):
        assert (target.backend, target.arch) == ("cuda", 90)
        return [Binary(b"code", {"name": kernel.name, "shared": 60_000, "num_warps": 4}, {}) for kernel in kernels]

    monkeypatch.setattr("mixad.runtime.triton.cuda.compile_kernels", compiled)
    made = Device(CudaDriver(0, library))
    monkeypatch.setattr(running, "device_of", lambda *_: made)
    monkeypatch.setattr(frontend_devices, "device_of", lambda *_: made)
    return made


def _sum(x):
    return np.sum(np.sin(x) * x, axis=1)


# --- launches ------------------------------------------------------------------------------------


def test_a_program_is_loaded_once_and_launched_with_its_addresses(device, library):
    x = np.ones((5, 7))
    f = mx.jit(_sum, device="gpu")
    for _ in range(3):
        assert f(x).shape == (5,)
    assert library.calls.count("cuModuleLoadData") == 1
    assert library.calls.count("cuFuncSetAttribute") == 1  # 60,000 bytes of shared memory are asked for
    assert len(library.launches) == 3
    launch = library.launches[0]
    assert (launch["grid"], launch["block"], launch["shared"]) == ((1, 1, 1), (128, 1, 1), 60_000)
    *pointers, scratch, profile = launch["values"]
    assert len(pointers) == 2
    assert all(pointer % 256 == 0 and pointer for pointer in pointers)
    assert (scratch, profile) == (0, 0)
    staged = ctypes.string_at(pointers[0], x.nbytes)
    assert np.frombuffer(staged).tolist() == [1.0] * 35


def test_a_program_of_several_kernels_is_replayed_as_one_graph(device, library):
    f = mx.jit(lambda x: np.sort(np.sin(x)), device="gpu")
    x = np.ones(1024)
    for _ in range(4):
        f(x)
    counts = {name: library.calls.count(name) for name in ("cuStreamBeginCapture_v2", "cuGraphLaunch")}
    assert counts == {"cuStreamBeginCapture_v2": 1, "cuGraphLaunch": 3}
    once = library.calls.count("cuLaunchKernel")
    assert once == 2 * (len(library.launches) // 2)  # the first call, and the recording


def test_a_scan_is_one_graph_too(device, library):
    def f(x):
        return mx.scan(lambda carry, t: (np.sin(carry) * t, np.sum(carry)), x, np.arange(5.0))

    run = mx.jit(f, device="gpu")
    for _ in range(3):
        run(np.ones(4))
    assert library.calls.count("cuGraphLaunch") == 2
    once, rest = divmod(len(library.launches), 2)  # the first call, and the recording
    assert once >= 5
    assert rest == 0
    before = len(library.memory)
    run(np.ones(4))
    assert len(library.memory) == before


def test_numbers_are_parameters_of_four_bytes(device, library):
    mx.jit(np.argsort, device="gpu")(np.ones(1024))
    exchanges = [tuple(value & 0xFFFFFFFF for value in launch["values"][2:4]) for launch in library.launches[1:-1]]
    assert exchanges == [(2**d, 2**run) for run in range(1, 11) for d in reversed(range(run))]


def test_addresses_that_are_not_aligned_take_another_version(device, library):
    kernel = arrays.strided_copy((4, 3), (1, 4), np.dtype(np.float64))
    device.driver.launch(kernel, (0x1000, 0x2000))
    device.driver.launch(kernel, (0x1008, 0x2000))
    device.driver.launch(kernel, (0x1018, 0x2000))
    assert library.calls.count("cuModuleLoadData") == 2


def test_a_dump_has_the_compilers_stages(device, monkeypatch, tmp_path):
    def compiled(kernels, target):
        return [Binary(b"", {}, {"ttir": f"module {kernel.name}", "ptx": ".target sm_90"}) for kernel in kernels]

    backend = importlib.import_module("mixad.runtime.triton")
    monkeypatch.delenv("MIXAD_TRITON", raising=False)
    monkeypatch.setattr(backend, "compile_kernels", compiled)
    monkeypatch.setattr(backend, "missing", lambda: None)
    monkeypatch.setattr(backend, "gpu", lambda: device)
    with mx.dump(tmp_path):
        mx.jit(_sum, device="gpu")(np.ones((5, 7)))
    (source,) = tmp_path.glob("*/_sum.py")
    (ptx,) = tmp_path.glob("*/row_*.ptx")
    (ttir,) = tmp_path.glob("*/row_*.ttir")
    assert f"def {ptx.stem}(" in source.read_text()
    assert (ptx.read_text(), ttir.read_text()) == (".target sm_90", f"module {ttir.stem}")


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (RecordedLibrary(version=11080), r"for CUDA 11.8, which is too old; install one for 12.0"),
        (RecordedLibrary(count=0), r"there is no GPU 0: the driver has 0; .*CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_driver_that_does_not_do(library, message):
    with pytest.raises(DeviceError, match=message):
        CudaDriver(0, library)


def test_no_driver(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(DeviceError, match=r"libcuda was not found; install .* MIXAD_TRITON=interpret"):
        CudaDriver(0)


@pytest.mark.parametrize("status", [100, 803])
def test_a_driver_without_a_gpu(library, status):
    library.failing["cuInit"] = status
    with pytest.raises(DeviceError, match=rf"cuInit failed with {status} .*RECORDED.*; see .*nvidia-smi.*, leave out"):
        CudaDriver(0, library)
    library.version = 11080
    with pytest.raises(DeviceError, match=r"for CUDA 11.8, which is too old"):  # which may be why
        CudaDriver(0, library)


def test_a_driver_without_a_call(library):
    with pytest.raises(DeviceError, match="has no cuGraphSomething: it is too old"):
        CudaDriver(0, library).call("cuGraphSomething")


def test_out_of_memory(device, library):
    library.failing["cuMemAllocAsync"] = 2
    with pytest.raises(DeviceMemoryError, match=r"out of memory: cuMemAllocAsync failed with 2 .*RECORDED.*checkpoint"):
        mx.to_device(np.ones(3))
    assert issubclass(DeviceMemoryError, MemoryError)


def _replayed(x):
    return np.sort(np.sin(x))


@pytest.mark.parametrize("f", [_sum, _replayed])
@pytest.mark.parametrize("place", [mx.to_device, np.asarray])
def test_an_error_of_a_kernel_is_raised_by_its_call(device, library, f, place):
    """A GPU tells of it when it is waited for."""
    run, x = mx.jit(f, device="gpu"), place(np.ones((2, 1024)))
    for _ in range(2):
        run(x)
    library.failing["cuStreamSynchronize"] = 700
    with pytest.raises(DeviceError, match=r"cuStreamSynchronize failed with 700 .*lost: start the process again"):
        run(x)
    with pytest.raises(DeviceError, match="cuStreamSynchronize failed with 700"):
        mx.to_device(np.ones(3))
    del library.failing["cuStreamSynchronize"]
    run(x)


def test_a_call_without_memory_loses_nothing(device, library):
    run, x = mx.jit(_sum, device="gpu"), np.ones((2, 2))
    run(x)
    before = len(library.memory)
    library.failing["cuMemAllocAsync"] = 2
    with pytest.raises(DeviceMemoryError):
        run(mx.to_device(x))
    with pytest.raises(DeviceMemoryError):
        mx.jit(_sum, device="gpu")(np.ones((200, 200)))
    del library.failing["cuMemAllocAsync"]
    assert run(x).shape == (2,)
    assert len(library.memory) == before


def test_arrays_on_two_devices(device, monkeypatch):
    other = Device(CudaDriver(0, RecordedLibrary()))
    with pytest.raises(DeviceError, match="stand on two devices"):
        mx.jit(np.add)(mx.to_device(np.ones(3)), to_device(np.ones(3), other))


# --- arrays --------------------------------------------------------------------------------------


def test_memory_is_given_back(device, library):
    before = len(library.memory)
    x = mx.to_device(np.arange(6.0).reshape(2, 3))
    assert len(library.memory) == before + 1
    np.testing.assert_array_equal(x.numpy(), np.arange(6.0).reshape(2, 3))
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (x.shape, x.dtype, x.ndim, x.size, x.nbytes, len(x)) == ((2, 3), np.float64, 2, 6, 48, 2)
    assert repr(x).startswith("DeviceArray([[0., 1., 2.],")
    assert "Recorded GPU (gpu:0)" in repr(x)
    assert float(mx.to_device(np.float32(2.5))) == 2.5
    assert f"{mx.to_device(np.float32(2.5)):.2f} {mx.to_device(np.ones(2))}" == "2.50 [1. 1.]"
    del x
    assert len(library.memory) == before


def test_memory_is_not_given_back_in_the_middle_of_a_use(device, library):
    x = mx.to_device(np.ones(3))
    before = library.calls.count("cuMemFreeAsync")
    with device:
        with device:
            del x
        assert library.calls.count("cuMemFreeAsync") == before
    assert library.calls.count("cuMemFreeAsync") == before + 1


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, bfloat16, np.complex64], ids=str)
def test_dlpack_there_and_back(device, library, dtype):
    x = mx.to_device(np.arange(6).reshape(2, 3).astype(dtype))
    assert x.__dlpack_device__() == (dlpack.CUDA, 0)
    lent = len(dlpack._lent)
    borrowed = dlpack.Borrowed(x.__dlpack__())
    assert (borrowed.address, borrowed.shape, borrowed.dtype) == (x.address, (2, 3), np.dtype(dtype))
    assert len(dlpack._lent) == lent + 1
    address = x.address
    del x
    assert address in library.memory  # what is lent is kept
    del borrowed
    assert len(dlpack._lent) == lent
    assert address not in library.memory


def test_a_capsule_that_nobody_takes_gives_back(device):
    x, lent = mx.to_device(np.ones(3)), len(dlpack._lent)
    capsule = x.__dlpack__()
    assert len(dlpack._lent) == lent + 1
    del capsule
    assert len(dlpack._lent) == lent


def test_the_cuda_array_interface(device):
    x = mx.to_device(np.ones((2, 3), np.float32))
    lent = x.__cuda_array_interface__
    assert (lent["shape"], lent["typestr"], lent["data"]) == ((2, 3), "<f4", (x.address, False))
    assert not hasattr(mx.to_device(np.ones(3, bfloat16)), "__cuda_array_interface__")


class Foreign:
    """An array of another library."""

    def __init__(self, x, strides=None, shape=None):
        self.x, self.strides, self.shape = x, strides, shape or x.shape

    @property
    def __cuda_array_interface__(self):
        return {**self.x.__cuda_array_interface__, "strides": self.strides, "shape": self.shape}


class Lending(Foreign):
    """One that knows DLPack."""

    def __dlpack__(self, stream=None):
        assert stream is not None  # ours: the lender's work is to be done before what we ask for
        return self.x.__dlpack__()

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize("kind", [Foreign, Lending])
def test_arrays_of_other_libraries_are_taken_without_a_copy(device, library, kind, monkeypatch):
    x = mx.to_device(np.ones((2, 3)))
    calls = library.calls
    del calls[:]
    found = adopt(kind(x), lambda number: device)
    assert found.address == x.address
    assert not {"cuMemAllocAsync", "cuMemcpyDtoDAsync_v2", "cuLaunchKernel"} & set(calls)
    monkeypatch.setattr(kind, "__module__", "cupy.core")
    result = mx.jit(lambda x: np.sin(x))(kind(x))
    assert type(result) is mx.DeviceArray
    assert result.lender == "cupy"
    assert type(mx.grad(lambda x: np.sum(x**2))(kind(x))) is mx.DeviceArray


def test_an_array_that_is_not_in_c_order_is_copied_on_the_device(device, library):
    x = mx.to_device(np.ones((3, 4)))
    found = adopt(Foreign(x, strides=(8, 32), shape=(4, 3)), lambda number: device)
    assert found.shape == (4, 3)
    assert found.address != x.address
    assert library.launches[-1]["values"][:2] == [x.address, found.address]


def test_results_are_handed_back_to_the_library_that_lent(device, monkeypatch):
    import sys
    import types

    cupy = types.ModuleType("cupy")
    cupy.from_dlpack = lambda x: ("cupy's", x.address)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    x = mx.to_device(np.ones(3))
    x.lender = "cupy"
    assert handed_back(x) == ("cupy's", x.address)
    assert mx.jit(lambda x: np.sin(x))(x)[0] == "cupy's"
    monkeypatch.delitem(sys.modules, "cupy")
    assert handed_back(x) is x


def test_memory_of_the_cuda_array_interface_says_where_it_stands(device, library):
    other = RecordedLibrary(count=2)
    devices = {0: device, 1: Device(CudaDriver(1, other))}
    x = mx.to_device(np.ones((2, 3)))
    library.ordinal = 1
    found = adopt(Foreign(x), devices.__getitem__)
    assert found.device is devices[1]
    assert "cuStreamSynchronize" in other.calls  # what the lender asked for is waited for there
    assert adopt(Foreign(mx.to_device(np.ones((0, 3)))), devices.__getitem__).device is device


@pytest.mark.parametrize("kind", [Foreign, Lending])
def test_an_array_on_a_gpu_is_none_for_the_interpreter(device, kind):
    interpreter = Device(type("Other", (), {"name": "Triton's interpreter"})())
    with pytest.raises(DeviceError, match=r"of tests stands on a GPU, and programs run in Triton's interpreter: copy"):
        adopt(kind(mx.to_device(np.ones(3))), lambda number: interpreter)


def test_memory_is_lent_where_it_is(device):
    x = mx.to_device(np.ones(3))
    assert x.__dlpack__(max_version=(1, 0), dl_device=x.__dlpack_device__(), copy=False)
    for asked in ({"copy": True}, {"dl_device": (1, 0)}):
        with pytest.raises(BufferError, match=r"lent where it is; x.numpy\(\) copies"):
            x.__dlpack__(**asked)


def test_an_unknown_element_type(device):
    class Odd:
        @property
        def __cuda_array_interface__(self):
            return {"shape": (2,), "typestr": "<M8[s]", "data": (0x1000, False), "version": 3}

    with pytest.raises(TypeError, match="no element type for tests's datetime64"):
        adopt(Odd(), lambda number: device)

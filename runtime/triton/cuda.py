"""NVIDIA's driver, called directly: memory from the device's stream-ordered pool, kernels, graphs.

`ctypes` on ``libcuda`` is all that is needed: its interface is stable, so nothing has to be installed beside the
driver. Kernels are loaded as binaries made by `compiler`; their parameters are bound once, so that a launch fills in
addresses and makes one call. None of this has run on a GPU yet: its calls are checked against a recorded driver.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint8, c_uint64, c_void_p
from typing import Any, Final

import numpy as np

from ...ir.errors import DeviceError, DeviceMemoryError
from .compiler import Binary, Target, compile_kernels
from .driver import Kernel, Pointer

#: The oldest driver (CUDA 12.0) whose calls these are and that loads what Triton 3.6 compiles.
LEAST_DRIVER: Final = 12000
#: Shared memory that a kernel has without asking.
PLAIN_SHARED: Final = 48 << 10
OUT_OF_MEMORY: Final = 2
_MAJOR, _MINOR, _PROCESSORS = 75, 76, 16
_SHARED_ATTRIBUTE, _RELEASE_THRESHOLD, _NON_BLOCKING, _THREAD_LOCAL, _POINTER_ORDINAL = 8, 4, 1, 1, 9
#: Errors of a kernel after which the driver answers every call with the same one: faults, traps, failed assertions.
LOST: Final = frozenset({700, 702, 710, *range(714, 720)})
WITHOUT: Final = "leave out device='gpu', or set MIXAD_TRITON=interpret to run GPU programs, slowly, without one"
_NUMBERS: Final = {"int32": ctypes.c_int32, "int64": ctypes.c_int64}

_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuCtxSetCurrent": (c_void_p,),
    "cuCtxSynchronize": (),
    "cuStreamCreate": (POINTER(c_void_p), c_uint),
    "cuStreamSynchronize": (c_void_p,),
    "cuDeviceGetDefaultMemPool": (POINTER(c_void_p), c_int),
    "cuMemPoolSetAttribute": (c_void_p, c_int, c_void_p),
    "cuPointerGetAttribute": (c_void_p, c_int, c_uint64),
    "cuMemAllocAsync": (POINTER(c_uint64), c_size_t, c_void_p),
    "cuMemFreeAsync": (c_uint64, c_void_p),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
    "cuMemcpyDtoDAsync_v2": (c_uint64, c_uint64, c_size_t, c_void_p),
    "cuMemsetD8Async": (c_uint64, c_uint8, c_size_t, c_void_p),
    "cuModuleLoadData": (POINTER(c_void_p), c_void_p),
    "cuModuleGetFunction": (POINTER(c_void_p), c_void_p, c_char_p),
    "cuFuncSetAttribute": (c_void_p, c_int, c_int),
    "cuLaunchKernel": (c_void_p, *(c_uint,) * 7, c_void_p, c_void_p, c_void_p),
    "cuStreamBeginCapture_v2": (c_void_p, c_int),
    "cuStreamEndCapture": (c_void_p, POINTER(c_void_p)),
    "cuGraphInstantiateWithFlags": (POINTER(c_void_p), c_void_p, ctypes.c_ulonglong),
    "cuGraphLaunch": (c_void_p, c_void_p),
    "cuGraphDestroy": (c_void_p,),
    "cuGraphExecDestroy": (c_void_p,),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
}


def library() -> Any:
    """The driver's library; `DeviceError` where there is none."""
    for name in ("libcuda.so.1", "libcuda.so", "nvcuda.dll"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise DeviceError(
        f"device='gpu' needs an NVIDIA GPU and its driver, and libcuda was not found; install the driver, {WITHOUT}"
    )


class Calls:
    """The driver's functions; one that fails raises."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._functions: dict[str, Callable[..., int]] = {}
        for name, types in _SIGNATURES.items():
            function = getattr(source, name, None)
            if function is not None:
                if hasattr(function, "argtypes"):
                    function.argtypes, function.restype = types, c_int
                self._functions[name] = function

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call a function; `DeviceError` (`DeviceMemoryError` where memory ran out) for its error."""
        function = self._functions.get(name)
        if function is None:
            raise DeviceError(f"the GPU's driver has no {name}: it is too old; install one for CUDA 12.0 or later")
        status = function(*arguments)
        if status:
            self.fail(name, status)

    def fail(self, name: str, status: int) -> None:
        """Raise the error of a status."""
        texts = []
        for describe in ("cuGetErrorName", "cuGetErrorString"):
            text = c_char_p()
            if describe in self._functions and not self._functions[describe](status, byref(text)) and text.value:
                texts.append(text.value.decode(errors="replace"))
        shown = f"{name} failed with {status}" + (f" ({': '.join(texts)})" if texts else "")
        if status == OUT_OF_MEMORY:
            raise DeviceMemoryError(
                f"the GPU is out of memory: {shown}; drop device arrays that are not needed, compute with smaller ones "
                "or a narrower type, or use mixad.checkpoint"
            )
        lost = "; what stood on the GPU is lost: start the process again" if status in LOST else ""
        raise DeviceError(f"the GPU reports an error: {shown}{lost}")


class Ready:
    """A kernel that is loaded: its function, and room for its parameters, bound once."""

    def __init__(self, calls: Calls, kernel: Kernel, binary: Binary) -> None:
        metadata = binary.metadata
        if metadata.get("global_scratch_size") or metadata.get("profile_scratch_size"):
            raise DeviceError(f"the kernel {kernel.name} wants scratch memory, which is not given to kernels")
        self._keep = binary.code
        module, function = c_void_p(), c_void_p()
        calls("cuModuleLoadData", byref(module), binary.code)
        calls("cuModuleGetFunction", byref(function), module, metadata["name"].encode())
        shared = metadata["shared"]
        if shared > PLAIN_SHARED:
            calls("cuFuncSetAttribute", function, _SHARED_ATTRIBUTE, shared)
        types = [c_uint64 if isinstance(each, Pointer) else _NUMBERS[each] for each in kernel.signature]
        # Behind a kernel's own parameters Triton has two addresses of scratch memory.
        self.values = [kind(0) for kind in (*types, c_uint64, c_uint64)]
        self.parameters = (c_void_p * len(self.values))(*[ctypes.addressof(value) for value in self.values])
        self.shape = (*kernel.grid, 32 * metadata["num_warps"], 1, 1, shared)
        self.function = function


def _start(call: Calls) -> None:
    """Make the driver ready. The version comes first: an old one may fail for that."""
    version = c_int()
    call("cuDriverGetVersion", byref(version))
    if version.value < LEAST_DRIVER:
        found = f"{version.value // 1000}.{version.value % 1000 // 10}"
        raise DeviceError(f"the GPU's driver is for CUDA {found}, which is too old; install one for 12.0 or later")
    try:
        call("cuInit", 0)
    except DeviceError as error:
        raise DeviceError(f"{error}; see whether nvidia-smi and CUDA_VISIBLE_DEVICES have a GPU, {WITHOUT}") from None


class CudaDriver:
    """One GPU. ``source`` is the driver's library."""

    def __init__(self, ordinal: int = 0, source: Any = None) -> None:
        self.call = call = Calls(library() if source is None else source)
        _start(call)
        count, self._device = c_int(), c_int()
        call("cuDeviceGetCount", byref(count))
        if not 0 <= ordinal < count.value:
            raise DeviceError(
                f"there is no GPU {ordinal}: the driver has {count.value}; choose another, or check "
                "CUDA_VISIBLE_DEVICES"
            )
        call("cuDeviceGet", byref(self._device), ordinal)
        self.ordinal = ordinal
        self._context = c_void_p()
        call("cuDevicePrimaryCtxRetain", byref(self._context), self._device)
        self._enter()
        self.target = Target("cuda", 10 * self._attribute(_MAJOR) + self._attribute(_MINOR), 32)
        self.processors = self._attribute(_PROCESSORS)
        name = ctypes.create_string_buffer(256)
        call("cuDeviceGetName", name, 256, self._device)
        self.name = f"{name.value.decode()} (gpu:{ordinal})"
        self.stream = c_void_p()
        call("cuStreamCreate", byref(self.stream), _NON_BLOCKING)
        self._keep_memory()
        self._ready: dict[tuple[Kernel, bool], Ready] = {}

    def _attribute(self, number: int) -> int:
        found = c_int()
        self.call("cuDeviceGetAttribute", byref(found), number, self._device)
        return found.value

    def _enter(self) -> None:
        """Make the device's context this thread's: it is the one that other libraries use too."""
        self.call("cuCtxSetCurrent", self._context)

    def _keep_memory(self) -> None:
        """Let memory that is freed stay in the pool: asking the system for it again waits for the device."""
        pool, all_of_it = c_void_p(), c_uint64(2**64 - 1)
        self.call("cuDeviceGetDefaultMemPool", byref(pool), self._device)
        self.call("cuMemPoolSetAttribute", pool, _RELEASE_THRESHOLD, byref(all_of_it))

    # --- memory ----------------------------------------------------------------------------------

    def ordinal_of(self, address: int) -> int:
        """The number of the GPU that memory stands on."""
        self._enter()
        found = c_int()
        self.call("cuPointerGetAttribute", byref(found), _POINTER_ORDINAL, address)
        return found.value

    def alloc(self, nbytes: int) -> int:
        """See `driver.Driver`."""
        self._enter()
        address = c_uint64()
        self.call("cuMemAllocAsync", byref(address), nbytes, self.stream)
        return address.value

    def free(self, address: int) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuMemFreeAsync", address, self.stream)

    def write(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """See `driver.Driver`. Pageable memory, as NumPy's, has been read when the call returns; page-locked memory may
        not."""
        array = np.ascontiguousarray(array)
        self._enter()
        self.call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.stream)

    def read(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.stream)
        self.call("cuStreamSynchronize", self.stream)

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuMemcpyDtoDAsync_v2", target, source, nbytes, self.stream)

    def fill(self, address: int, nbytes: int, value: int) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuMemsetD8Async", address, value, nbytes, self.stream)

    # --- kernels ---------------------------------------------------------------------------------

    def prepare(self, kernels: list[Kernel], aligned: bool = True) -> None:
        """See `driver.Driver`: compile what is not known yet, in parallel, and load it."""
        missing = [kernel for kernel in kernels if (kernel, aligned) not in self._ready]
        if not missing:
            return
        self._enter()
        for kernel, binary in zip(missing, compile_kernels(missing, self.target, aligned), strict=True):
            self._ready[kernel, aligned] = Ready(self.call, kernel, binary)

    def launch(self, kernel: Kernel, arguments: tuple[int, ...]) -> None:
        """See `driver.Driver`. Addresses that are no multiples of 16 take a second version of the kernel."""
        aligned = not any(
            value % 16 for value, kind in zip(arguments, kernel.signature, strict=True) if isinstance(kind, Pointer)
        )
        ready = self._ready.get((kernel, aligned))
        if ready is None:
            self.prepare([kernel], aligned)
            ready = self._ready[kernel, aligned]
        for place, value in zip(ready.values, arguments, strict=False):
            place.value = value
        self._enter()
        self.call("cuLaunchKernel", ready.function, *ready.shape, self.stream, ready.parameters, None)

    def synchronize(self) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuStreamSynchronize", self.stream)

    def wait_for(self, stream: int) -> None:
        """Wait for what another library asked for on its own stream."""
        self._enter()
        self.call("cuStreamSynchronize", c_void_p(stream))

    def settle(self) -> None:
        """Wait for everything that any library asked of this device."""
        self._enter()
        self.call("cuCtxSynchronize")

    # --- graphs ----------------------------------------------------------------------------------

    def capture(self, work: Callable[[], None]) -> Any:
        """See `driver.Driver`: a CUDA graph."""
        self._enter()
        self.call("cuStreamBeginCapture_v2", self.stream, _THREAD_LOCAL)
        graph, executable = c_void_p(), c_void_p()
        try:
            work()
        finally:
            self.call("cuStreamEndCapture", self.stream, byref(graph))
        self.call("cuGraphInstantiateWithFlags", byref(executable), graph, 0)
        self.call("cuGraphDestroy", graph)
        return executable

    def replay(self, recording: Any) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuGraphLaunch", recording, self.stream)

    def forget(self, recording: Any) -> None:
        """See `driver.Driver`."""
        self._enter()
        self.call("cuGraphExecDestroy", recording)

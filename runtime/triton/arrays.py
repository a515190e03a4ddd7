"""Arrays on a device, and those of other libraries.

An array is memory in C order. It is read with `DeviceArray.numpy`, printed as NumPy's are, and lent to other libraries
through DLPack and ``__cuda_array_interface__``; those of CuPy, PyTorch and JAX are taken the same way. None of these is
imported here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...ir.errors import DeviceError, DTypeError
from ...ir.types import DTYPE_NAMES, TensorType, bfloat16
from . import dlpack
from .cuda import CudaDriver
from .driver import Kernel, Pointer
from .execution import Block, Device
from .expressions import TRITON_NAMES, stored
from .points import strides
from .sources import complete
from .writer import power_of_two, programs

#: How each library takes an array that is lent to it.
_TAKERS: Final[dict[str, tuple[str, str]]] = {
    "torch": ("torch", "from_dlpack"),
    "cupy": ("cupy", "from_dlpack"),
    "jax": ("jax.dlpack", "from_dlpack"),
    "jaxlib": ("jax.dlpack", "from_dlpack"),
}


class DeviceArray:
    """An array on a device. ``lender`` is the library that lent it, which results computed from it are handed to."""

    __slots__ = ("__weakref__", "_memory", "address", "device", "lender", "type")
    __array_priority__ = 100.0

    def __init__(self, device: Device, type: TensorType, memory: Any, address: int, lender: str = "") -> None:
        self.device = device
        self.type = type
        self._memory = memory
        self.address = address
        self.lender = lender

    # --- what is known ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.type.rank

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.type.nbytes

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return self.shape[0]

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", prefix="DeviceArray(")
        return f"DeviceArray({text}, dtype={self.dtype}, device={self.device.driver.name!r})"

    def __str__(self) -> str:
        return str(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)  # of one number, by the number's own

    # --- to the host -----------------------------------------------------------------------------

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy on the host. Waits for what computes the array; an error of that is raised here."""
        array = np.empty(self.shape, self.dtype)
        if array.nbytes:
            with self.device:
                self.device.driver.read(self.address, array)
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("an array on a device cannot be one of NumPy's without a copy")
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self.numpy().item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    # --- to other libraries ----------------------------------------------------------------------

    def _driver(self) -> CudaDriver:
        driver = self.device.driver
        if not isinstance(driver, CudaDriver):
            raise BufferError(f"memory of {driver.name} cannot be lent to other libraries; read it with .numpy()")
        return driver

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule of the memory itself; BufferError where a copy, or another device, is asked for."""
        driver = self._driver()
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError(f"memory of {driver.name} is lent where it is; x.numpy() copies it to the host")
        with self.device:
            driver.synchronize()  # the other library's stream is not known to wait for ours
        return dlpack.export(self, self.address, self.shape, self.dtype, driver.ordinal)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CUDA, self._driver().ordinal

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.dtype == bfloat16 or not isinstance(self.device.driver, CudaDriver):
            raise AttributeError("__cuda_array_interface__ has no bfloat16, and only GPUs have it")
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "strides": None,
            "stream": self.device.driver.stream.value,
            "version": 3,
        }


def to_device(array: Any, device: Device) -> DeviceArray:
    """A copy of a NumPy array on a device, made when this returns: page-locked memory is read in the background."""
    array = np.asarray(array)
    made = empty(device, TensorType(array.shape, array.dtype))
    if array.nbytes:
        with device:
            device.driver.write(made.address, array)
            device.driver.synchronize()
    return made


def empty(device: Device, type: TensorType, library: str = "") -> DeviceArray:
    """An array whose memory is not written yet."""
    block = Block(device, type.nbytes)
    return DeviceArray(device, type, block, block.address, library)


# --- from other libraries ------------------------------------------------------------------------


def is_foreign(x: Any) -> bool:
    """Whether ``x`` is another library's array on a GPU."""
    kind = type(x)
    if kind.__module__.partition(".")[0] in ("numpy", "builtins", "mixad"):
        return False
    if hasattr(kind, "__dlpack_device__"):
        try:
            return int(x.__dlpack_device__()[0]) == dlpack.CUDA
        except Exception:
            return False
    return hasattr(x, "__cuda_array_interface__")


def adopt(x: Any, device_of: Callable[[int], Device]) -> DeviceArray:
    """Another library's array, without a copy where it is in C order. ``device_of`` gives the GPU of a number.

    Raises `DeviceError` for memory on another kind of device, or where programs run in Triton's interpreter,
    `DTypeError` for an element type that mixad lacks.
    """
    library = type(x).__module__.partition(".")[0]
    return (_by_dlpack if hasattr(x, "__dlpack__") else _by_interface)(x, device_of, library)


def _by_dlpack(x: Any, device_of: Callable[[int], Device], library: str) -> DeviceArray:
    kind, ordinal = x.__dlpack_device__()
    if int(kind) != dlpack.CUDA:
        raise DeviceError(f"an array of {library} stands on a device of DLPack's kind {kind}; mixad takes CUDA's")
    device = device_of(int(ordinal))
    memory = dlpack.Borrowed(x.__dlpack__(stream=_cuda_of(device, library).stream.value))
    return _adopted(device, memory, memory.address, memory.shape, memory.dtype, memory.strides, library)


def _by_interface(x: Any, device_of: Callable[[int], Device], library: str) -> DeviceArray:
    lent = x.__cuda_array_interface__
    dtype = np.dtype(lent["typestr"])
    if dtype not in DTYPE_NAMES:
        raise DTypeError(f"mixad has no element type for {library}'s {dtype}: convert the array")
    steps = lent.get("strides")
    elements = None if steps is None else tuple(step // dtype.itemsize for step in steps)
    address, shape = lent["data"][0], tuple(lent["shape"])
    device = device_of(0)
    if 0 not in shape:  # memory of nothing may stand nowhere
        device = device_of(_cuda_of(device, library).ordinal_of(address))
    if lent.get("stream") is not None:
        with device:
            _cuda_of(device, library).wait_for(lent["stream"])
    return _adopted(device, x, address, shape, dtype, elements, library)


def _cuda_of(device: Device, library: str) -> CudaDriver:
    """The driver of a GPU, on which an array of another library stands."""
    if isinstance(device.driver, CudaDriver):
        return device.driver
    raise DeviceError(
        f"an array of {library} stands on a GPU, and programs run in {device.driver.name}: copy it to the host, or "
        "leave out MIXAD_TRITON"
    )


def _adopted(
    device: Device, memory: Any, address: int, shape: tuple[int, ...], dtype: Any, steps: Any, library: str
) -> DeviceArray:
    found = DeviceArray(device, TensorType(shape, dtype), memory, address, library)
    pairs = zip(shape, steps or strides(shape), strides(shape), strict=True)
    if 0 in shape or all(size == 1 or step == wanted for size, step, wanted in pairs):
        return found
    made = empty(device, found.type, library)
    kernel = strided_copy(shape, tuple(steps), np.dtype(dtype))
    with device:
        device.driver.prepare([kernel])
        device.driver.launch(kernel, (address, made.address))
        device.driver.synchronize()
    return made


def strided_copy(shape: tuple[int, ...], steps: tuple[int, ...], dtype: np.dtype[Any]) -> Kernel:
    """The kernel that puts an array with strides, in elements, into C order."""
    if dtype not in TRITON_NAMES:
        raise DeviceError(
            f"an array of {DTYPE_NAMES[dtype]} that is not in C order cannot be taken: make it contiguous"
        )
    size = math.prod(shape)
    block = min(1024, power_of_two(size))
    rows = zip(steps, strides(shape), shape, strict=True)
    terms = [f"xindex // {own} % {extent} * {step}" for step, own, extent in rows if extent > 1]
    lines = [
        f"xindex = tl.program_id(0).to(tl.int64) * {block} + tl.arange(0, {block})",
        f"xmask = xindex < {size}",
        f"tl.store(p1 + xindex, tl.load(p0 + {' + '.join(terms)}, xmask), xmask)",
    ]
    text, name = complete("".join(f"    {line}\n" for line in lines), "strided_copy", ("p0", "p1"))
    element = Pointer(stored(dtype))
    return Kernel(name, text, (element, element), (programs(size, block), 1, 1))


def handed_back(array: DeviceArray) -> Any:
    """A result as an array of the library that lent what it was computed from."""
    taker = _TAKERS.get(array.lender)
    if taker is None or taker[0] not in sys.modules:
        return array
    return getattr(sys.modules[taker[0]], taker[1])(array)

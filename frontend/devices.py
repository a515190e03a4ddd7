"""Where programs run: the CPU, or a GPU.

`device` chooses for a block of code, ``jit(device=...)`` for one function, ``MIXAD_DEVICE`` for a process. An array on
a GPU, mixad's own or another library's, decides for the program that takes it.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import numpy as np

from ..runtime.backend import Backend
from ..runtime.numpy import NUMPY
from ..runtime.triton import TRITON, Options, backend_for
from ..runtime.triton.arrays import DeviceArray, adopt, is_foreign
from ..runtime.triton.arrays import to_device as _to_device
from ..runtime.triton.devices import device_of
from ..runtime.triton.devices import missing as missing_gpu
from ..runtime.triton.tiled import PRECISIONS

__all__ = ["Device", "DeviceArray", "device", "missing_gpu", "to_device"]

NAMES: Final = ("cpu", "gpu")


@dataclass
class Device:
    """A choice of device, and of how programs are made for it. ``with`` lets it hold in a block."""

    name: str
    backend: Backend

    def __enter__(self) -> Device:
        _chosen.set((self, *_chosen.get()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        _chosen.set(_chosen.get()[1:])


#: The devices of the blocks around the code, innermost first. Threads and tasks have their own.
_chosen: contextvars.ContextVar[tuple[Device, ...]] = contextvars.ContextVar("mixad_device", default=())


def device(name: str, *, precision: str = "ieee", fallback: str = "", tune: bool = False) -> Device:
    """``"cpu"`` or ``"gpu"``, for ``with device("gpu"):`` and ``jit(f, device=device("gpu"))``.

    On a GPU ``precision`` says how matrix products of float32 numbers are made: ``"ieee"`` exactly, ``"tf32x3"`` by
    three products of TensorFloat-32, ``"tf32"`` by one, which keeps 10 bits. With ``fallback="host"`` the CPU computes
    the operations that have no kernel, between kernels; without, they are an `UnsupportedOperationError`. With ``tune``
    matrix products are tried with tiles of several sizes at their first call, and the fastest is kept, on disk. Raises
    ValueError for another name or setting. That there is no GPU is a `DeviceError` when a program first runs.
    """
    if name not in NAMES:
        raise ValueError(f"device is {name!r}; it is one of {', '.join(map(repr, NAMES))}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it is one of {', '.join(map(repr, PRECISIONS))}")
    if fallback not in ("", "host"):
        raise ValueError(f"fallback is {fallback!r}; it is 'host', or not given")
    options = Options(precision, bool(fallback), tune)
    return Device(name, backend_for(options) if name == "gpu" else NUMPY)


def as_device(given: Device | str) -> Device:
    """A device of its name."""
    return given if isinstance(given, Device) else device(given)


_first: Final = as_device(os.environ.get("MIXAD_DEVICE") or "cpu")
_default = _first


def set_default(given: Device | str | None) -> None:
    """The device of all code that chooses none; None for that of ``MIXAD_DEVICE``, or the CPU."""
    global _default
    _default = _first if given is None else as_device(given)


def current_backend() -> Backend:
    """What programs are compiled for where nothing else decides."""
    return (_chosen.get() or (_default,))[0].backend


def backend_of(arrays: Iterable[Any]) -> Backend:
    """What a program of these inputs is compiled for: a GPU where one stands on it."""
    backend = current_backend()
    if backend is NUMPY and any(type(array) is DeviceArray for array in arrays):
        return TRITON
    return backend


def to_device(array: Any) -> DeviceArray:
    """A copy of an array on the GPU, on which programs that take it run; their results stand there too."""
    return _to_device(np.asarray(array), device_of())


def adopted(leaf: Any) -> Any:
    """An array of another library on a GPU as one of mixad's, without a copy; anything else as it is."""
    return adopt(leaf, device_of) if is_foreign(leaf) else leaf

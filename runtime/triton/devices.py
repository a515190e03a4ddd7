"""Which devices there are."""

from __future__ import annotations

import functools
import importlib.util
import os

from ...ir.errors import DeviceError
from .cuda import CudaDriver
from .execution import Device
from .interpreter import InterpreterDriver


def interpreted() -> bool:
    """Whether ``MIXAD_TRITON=interpret`` asks for Triton's interpreter in place of a GPU. ValueError for another
    value."""
    chosen = os.environ.get("MIXAD_TRITON", "")
    if chosen not in ("", "interpret"):
        raise ValueError(f"MIXAD_TRITON is {chosen!r}; it is 'interpret', or not set")
    return bool(chosen)


@functools.cache
def interpreter() -> Device:
    """Triton's interpreter as a device."""
    return Device(InterpreterDriver())


@functools.cache
def gpu(ordinal: int = 0) -> Device:
    """A GPU. `DeviceError`, with the remedy, where it cannot be had."""
    if importlib.util.find_spec("triton") is None:
        raise DeviceError("device='gpu' needs Triton, which is not installed: pip install mixad[gpu]")
    return Device(CudaDriver(ordinal))


def device_of(ordinal: int = 0) -> Device:
    """The device that stands for a GPU's number."""
    return interpreter() if interpreted() else gpu(ordinal)


def missing() -> str | None:
    """Why programs cannot run on a GPU; None where they can."""
    try:
        device_of()
    except DeviceError as error:
        return str(error)
    return None

"""What a device is to a program: memory, and kernels that run in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Pointer:
    """A kernel's parameter that is an address; ``element`` names the element type it points to, as Triton does."""

    element: str


@dataclass(frozen=True)
class Kernel:
    """A kernel to launch: a function of a source text, its parameters (addresses, or integers of the named type), how
    many programs run it, and how many warps and pipeline stages each has."""

    name: str
    source: str
    signature: tuple[Pointer | str, ...]
    grid: tuple[int, int, int]
    warps: int = 4
    stages: int = 2


class Driver(Protocol):
    """A device. Everything runs in the order in which it was asked for; only `read` and `synchronize` wait."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def processors(self) -> int:
        """How many programs run at once, at the least."""

    def alloc(self, nbytes: int) -> int:
        """The address of fresh memory, aligned to 256 bytes; `DeviceMemoryError` where there is none left."""

    def free(self, address: int) -> None:
        """Give memory back, once what was asked for before is done."""

    def write(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """Copy an array, in C order, to the device."""

    def read(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """Copy memory into a C-contiguous array. An error of anything asked for before is raised here."""

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy within the device."""

    def fill(self, address: int, nbytes: int, value: int) -> None:
        """Set bytes."""

    def prepare(self, kernels: list[Kernel]) -> None:
        """Make kernels ready: written, compiled and loaded, in parallel where that is possible."""

    def launch(self, kernel: Kernel, arguments: tuple[int, ...]) -> None:
        """Run a kernel."""

    def synchronize(self) -> None:
        """Wait until everything is done; an error of it is raised here."""

    def settle(self) -> None:
        """Wait until everything is done, what other libraries asked the device for included."""

    def capture(self, work: Callable[[], None]) -> Any:
        """What ``work`` asks for (launches, copies within the device, fills), recorded instead of run."""

    def replay(self, recording: Any) -> None:
        """Run what was recorded, as one request."""

    def forget(self, recording: Any) -> None:
        """Give back what was recorded."""

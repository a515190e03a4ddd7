"""The interpreter as a device: what a machine without a GPU, such as CI, runs GPU programs on, slowly."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...ir.errors import DeviceError
from . import wire
from .driver import Kernel, Pointer
from .files import path_of

WORKER: Final = os.path.join(os.path.dirname(__file__), "interpreter_worker.py")


class InterpreterDriver:
    """A process that interprets kernels. Numbers are right and times mean nothing."""

    name = "Triton's interpreter"
    processors = 1

    def __init__(self) -> None:
        if importlib.util.find_spec("triton") is None:
            raise DeviceError("device='gpu' needs Triton, which is not installed: pip install mixad[gpu]")
        self._lock = threading.Lock()
        self._recording: list[tuple[Any, ...]] | None = None
        self._process = subprocess.Popen(
            [sys.executable, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 16
        )
        atexit.register(self.close)

    def close(self, patience: float = 10) -> None:
        """End the process, by force where that takes more than so many seconds."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:  # it is still starting, or computes what nobody waits for any more
            process.kill()
            process.wait()

    def _send(self, method: str, arguments: tuple[Any, ...], awaited: bool) -> None:
        stream = self._process.stdin
        assert stream is not None
        try:
            wire.send(stream, (method, arguments, awaited), flush=awaited)
        except (BrokenPipeError, ValueError):
            raise self._gone() from None
        except BaseException:
            self._process.kill()  # what was sent is half a message
            raise

    def _gone(self) -> DeviceError:
        return DeviceError(
            f"the process of {self.name} ended with status {self._process.wait()}: a kernel read or wrote beyond its "
            "memory, Triton failed to start (its message stands above), or a call was interrupted: start Python again"
        )

    def _tell(self, method: str, *arguments: Any) -> None:
        if self._recording is not None:
            self._recording.append((method, *arguments))
            return
        with self._lock:
            self._send(method, arguments, False)

    def _ask(self, method: str, *arguments: Any) -> Any:
        with self._lock:
            self._send(method, arguments, True)
            stream = self._process.stdout
            assert stream is not None
            try:
                failed, result = wire.receive(stream)
            except EOFError:
                raise self._gone() from None
            except BaseException:
                self._process.kill()  # its answer would be taken for the next one
                raise
        if failed is not None:
            raise DeviceError(f"a kernel failed in {self.name}: {failed}")
        return result

    def alloc(self, nbytes: int) -> int:
        """See `driver.Driver`."""
        found: int = self._ask("alloc", nbytes)
        return found

    def free(self, address: int) -> None:
        """See `driver.Driver`."""
        if self._process.poll() is None and self._process.stdin is not None and not self._process.stdin.closed:
            self._tell("free", address)

    def write(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """See `driver.Driver`."""
        self._tell("write", address, array.tobytes())

    def read(self, address: int, array: np.ndarray[Any, Any]) -> None:
        """See `driver.Driver`."""
        data = self._ask("read", address, array.nbytes)
        array.reshape(-1).view(np.uint8)[:] = np.frombuffer(data, np.uint8)

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """See `driver.Driver`."""
        self._tell("copy", target, source, nbytes)

    def fill(self, address: int, nbytes: int, value: int) -> None:
        """See `driver.Driver`."""
        self._tell("fill", address, nbytes, value)

    def prepare(self, kernels: list[Kernel]) -> None:
        """See `driver.Driver`: the interpreter reads the sources' files."""
        for kernel in kernels:
            path_of(kernel)

    def launch(self, kernel: Kernel, arguments: tuple[int, ...]) -> None:
        """See `driver.Driver`."""
        given = [
            (value, kind.element) if isinstance(kind, Pointer) else value
            for value, kind in zip(arguments, kernel.signature, strict=True)
        ]
        self._tell("launch", path_of(kernel), kernel.name, kernel.grid, given)

    def synchronize(self) -> None:
        """See `driver.Driver`."""
        self._ask("read", 0, 0)

    def settle(self) -> None:
        """See `driver.Driver`: no library knows of this device."""

    def capture(self, work: Callable[[], None]) -> Any:
        """See `driver.Driver`."""
        found: list[tuple[Any, ...]] = []
        self._recording = found
        try:
            work()
        finally:
            self._recording = None
        return found

    def replay(self, recording: Any) -> None:
        """See `driver.Driver`."""
        for message in recording:
            self._tell(*message)

    def forget(self, recording: Any) -> None:
        """See `driver.Driver`: a list of messages."""

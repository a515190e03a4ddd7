"""Where generated sources and compiled kernels stand on disk: a folder that only its user can read."""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from pathlib import Path

from ...ir.errors import DeviceError
from .driver import Kernel


def cache_folder() -> Path:
    """``MIXAD_CACHE_DIR``, or ``mixad`` in the user's cache folder; made with mode 0700. `DeviceError` where it cannot
    be made, or where another user owns it or can write to it: what stands there is run."""
    given = os.environ.get("MIXAD_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return private_folder(Path(given) if given else Path(home) / "mixad")


@functools.cache
def private_folder(path: Path) -> Path:
    """A folder of the user's own, made where it is missing."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise DeviceError(
            f"the folder of compiled kernels, {path}, cannot be made ({error.strerror}): set MIXAD_CACHE_DIR to "
            "a folder of your own"
        ) from None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise DeviceError(
            f"the folder of compiled kernels, {path}, belongs to user {found.st_uid} with mode "
            f"{stat.S_IMODE(found.st_mode):04o}; it must be yours ({os.getuid()}) and not writable by others: remove "
            "it, or set MIXAD_CACHE_DIR"
        )
    return path


def read(path: Path) -> bytes | None:
    """What a file holds; None where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds all of it or none, whoever else writes it."""
    handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@functools.lru_cache(maxsize=4096)
def path_of(kernel: Kernel) -> str:
    """The file of a kernel's source, written where it is missing or not what it should be; `DeviceError` where it
    cannot be."""
    path = private_folder(cache_folder() / "sources") / f"{kernel.name}.py"
    data = kernel.source.encode()
    if read(path) == data:
        return str(path)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DeviceError(
            f"the kernel {kernel.name} cannot be written to {path} ({error.strerror}): make room there, or set "
            "MIXAD_CACHE_DIR to another folder"
        ) from None
    return str(path)

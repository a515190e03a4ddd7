"""Kernels are compiled in processes of their own, beside each other, and what they made is kept safely."""

import errno
import importlib.util
import os
import struct
import subprocess
import sys
import threading

import pytest
from mixad.ir.errors import DeviceError
from mixad.runtime.triton import compiler, files
from mixad.runtime.triton.compiler import CDNA3, HOPPER, Binary, compile_kernels, pack, unpack
from mixad.runtime.triton.driver import Kernel, Pointer

SOURCE = """
import triton
import triton.language as tl


@triton.jit
def twice(p0, p1):
    index = tl.program_id(0) * 128 + tl.arange(0, 128)
    tl.store(p1 + index, 2 * tl.load(p0 + index))
"""
TWICE = Kernel("twice", SOURCE, (Pointer("float32"), Pointer("float32")), (1, 1, 1))


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A cache of its own."""
    monkeypatch.setenv("MIXAD_CACHE_DIR", str(tmp_path / "cache"))
    files.path_of.cache_clear()
    yield tmp_path / "cache"
    files.path_of.cache_clear()


@pytest.fixture
def pool():
    made = compiler.Pool(1)
    yield made
    made.close()


# --- what is kept --------------------------------------------------------------------------------


def test_a_kernel_is_compiled_once(folder, pool):
    (first,) = compile_kernels([TWICE], HOPPER, workers=pool)
    assert first.code.startswith(b"\x7fELF")
    assert first.metadata["name"] == "twice"
    assert first.metadata["num_warps"] == 4
    assert ".target sm_90" in first.stages["ptx"]
    assert "tt.func public @twice" in first.stages["ttir"]
    (again,) = compile_kernels([TWICE], HOPPER, workers=None)
    assert again == first
    assert len(list((folder / "kernels").iterdir())) == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:60] + b"x" + data[61:]]
)
def test_a_damaged_file_is_compiled_again(folder, pool, damage):
    compile_kernels([TWICE], HOPPER, workers=pool)
    (path,) = (folder / "kernels").iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert unpack(path.read_bytes()) is None
    (found,) = compile_kernels([TWICE], HOPPER, workers=pool)
    assert unpack(path.read_bytes()) == found


def test_the_key_is_everything_that_the_binary_depends_on(monkeypatch):
    def key(kernel=TWICE, aligned=True, target=HOPPER):
        return compiler.key_of(kernel, compiler.job_of(kernel, aligned, target))

    other = Kernel("twice", SOURCE + "\n", TWICE.signature, TWICE.grid)
    warps = Kernel("twice", SOURCE, TWICE.signature, TWICE.grid, warps=8)
    element = Kernel("twice", SOURCE, (Pointer("float64"),) * 2, TWICE.grid)
    keys = [key(), key(other), key(warps), key(element), key(aligned=False), key(target=CDNA3)]
    monkeypatch.setattr(compiler, "triton_version", lambda: "0.0.0")
    assert len({*keys, key()}) == 7


def test_writers_do_not_mind_each_other(folder):
    binaries = [Binary(bytes([number]) * 100_000, {"name": "k"}, {}) for number in range(8)]
    torn = []

    def write(binary):
        for _ in range(20):
            compiler.keep("key", binary)
            if compiler.kept("key") not in binaries:
                torn.append(binary)

    threads = [threading.Thread(target=write, args=(binary,)) for binary in binaries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torn
    assert [path.name for path in (folder / "kernels").iterdir()] == ["key"]


WRITER = """
import sys
from mixad.runtime.triton import compiler
from mixad.runtime.triton.compiler import Binary
own = Binary(sys.argv[1].encode() * 100_000, {"name": "k"}, {})
for _ in range(200):
    compiler.keep("key", own)
    found = compiler.kept("key")
    assert found is not None and len(set(found.code)) == 1 and len(found.code) == 100_000, "torn"
"""


def test_nor_do_processes(folder):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, each], stderr=subprocess.PIPE) for each in "ab"]
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors.decode()
    assert [path.name for path in (folder / "kernels").iterdir()] == ["key"]


@pytest.fixture
def forgetful():
    """Folders are looked at anew."""
    files.private_folder.cache_clear()
    yield files.private_folder.cache_clear
    files.private_folder.cache_clear()


def test_a_folder_of_others_is_not_trusted(folder, forgetful, monkeypatch):
    compiler.keep("key", Binary(b"code", {}, {}))
    assert (folder.stat().st_mode & 0o777, (folder / "kernels").stat().st_mode & 0o777) == (0o700, 0o700)
    forgetful()
    (folder / "kernels").chmod(0o777)
    with pytest.raises(DeviceError, match=r"mode 0777; it must be yours .* MIXAD_CACHE_DIR"):
        compiler.kept("key")
    (folder / "kernels").chmod(0o700)
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(DeviceError, match=rf"belongs to user {user} .* must be yours \({user + 1}\)"):
        compiler.kept("key")


def test_a_folder_that_cannot_be_is_an_error(folder, forgetful):
    folder.write_text("a file")
    with pytest.raises(DeviceError, match=r"cache.*, cannot be made \(.*\): set MIXAD_CACHE_DIR"):
        compiler.kept("key")


def test_what_cannot_be_read_counts_as_missing(folder):
    compiler.keep("key", Binary(b"code", {}, {}))
    (folder / "kernels" / "key").unlink()
    (folder / "kernels" / "key").mkdir()
    assert compiler.kept("key") is None
    compiler.keep("key", Binary(b"code", {}, {}))  # nor written, which is no error


def test_a_disk_without_room_for_a_source_is_an_error(folder, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "write_atomically", full)
    with pytest.raises(DeviceError, match=r"twice cannot be written to .*twice.py \(No space left.*MIXAD_CACHE_DIR"):
        compile_kernels([TWICE], HOPPER)


def test_what_triton_keeps_itself_is_neither_read_nor_left(folder, pool, monkeypatch, tmp_path):
    """It has no digest, and may be a folder of several users."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "rest"))
    (tmp_path / "rest").mkdir()
    assert compile_kernels([TWICE], HOPPER, workers=pool)
    assert not (tmp_path / "triton").exists()
    assert not list((tmp_path / "rest").iterdir())


def test_what_python_keeps_beside_a_source_is_not_read(folder, pool):
    path = files.path_of(TWICE)
    broken = importlib.util.cache_from_source(path)
    os.makedirs(os.path.dirname(broken))
    found = os.stat(path)
    with open(broken, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(found.st_mtime), found.st_size) + b"cut")
    assert compile_kernels([TWICE], HOPPER, workers=pool)


def test_packing():
    binary = Binary(b"\0code", {"name": "k", "shared": 3}, {"ptx": "text"})
    assert unpack(pack(binary)) == binary


def test_what_does_not_compile_is_told_with_the_kernels_file(folder, pool):
    broken = Kernel("twice", SOURCE.replace("2 * tl.load", "tl.nothing"), TWICE.signature, TWICE.grid)
    with pytest.raises(DeviceError, match=r"(?s)does not compile the kernel twice \(.*twice.py\).*nothing"):
        compile_kernels([broken], HOPPER, workers=pool)
    assert compile_kernels([TWICE], HOPPER, workers=pool)


def test_a_process_that_dies_is_an_error_and_the_next_one_works(folder, pool):
    deadly = Kernel("twice", "import os\nos._exit(7)\n", TWICE.signature, TWICE.grid)
    with pytest.raises(DeviceError, match="ended with status 7"):
        compile_kernels([deadly], HOPPER, workers=pool)
    assert compile_kernels([TWICE], HOPPER, workers=pool)


MEETING = """
import pathlib
import time

(pathlib.Path({folder!r}) / {own!r}).touch()
end = time.monotonic() + 60
while not (pathlib.Path({folder!r}) / {other!r}).exists():
    assert time.monotonic() < end, "nobody came"
    time.sleep(0.01)
"""


def test_kernels_are_compiled_beside_each_other(folder, tmp_path):
    """Each waits for the other one."""
    pool = compiler.Pool(2)
    kernels = []
    for own, other in (("one", "two"), ("two", "one")):
        text = MEETING.format(folder=str(tmp_path), own=own, other=other) + SOURCE.replace("twice", own)
        kernels.append(Kernel(own, text, TWICE.signature, TWICE.grid))
    assert [binary.metadata["name"] for binary in compile_kernels(kernels, HOPPER, workers=pool)] == ["one", "two"]
    pool.close()


def test_compiling_needs_no_more_processes_than_kernels(monkeypatch):
    monkeypatch.setenv("MIXAD_COMPILE_WORKERS", "3")
    pool = compiler.Pool()
    assert pool.limit == 3
    assert not pool._threads
    pool.close()


@pytest.mark.parametrize("given", ["-1", "0", "many"])
def test_a_count_of_processes_that_is_none(monkeypatch, given):
    monkeypatch.setenv("MIXAD_COMPILE_WORKERS", given)
    with pytest.raises(ValueError, match=rf"MIXAD_COMPILE_WORKERS is '{given}'; it is a number of processes"):
        compiler.Pool()

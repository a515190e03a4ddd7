"""A process that compiles kernels with Triton: no GPU is needed, nor are mixad or NumPy.

Run as a script; `compiler` starts it and speaks to it. Triton keeps what it compiles in a folder of its own choice and
takes what it finds there as it is, whoever wrote it: here that is a new folder, for one kernel alone.
"""

from __future__ import annotations

import os
import sys

os.environ.pop("TRITON_INTERPRET", None)
# Smaller binaries; where a kernel's lines come from is in its source.
os.environ.setdefault("TRITON_DISABLE_LINE_INFO", "1")
# The folder of a script is searched first, and this one holds modules named as others' are.
_OWN = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _OWN]

import tempfile
import types
from typing import Any


def load(path: str) -> Any:
    """A module from its file, and from nothing that Python keeps beside it."""
    module = types.ModuleType(os.path.basename(path)[:-3])
    module.__file__ = path
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


wire = load(os.path.join(_OWN, "wire.py"))

#: What a launch needs to know of a compiled kernel.
KEPT = ("name", "shared", "num_warps", "num_ctas", "global_scratch_size", "profile_scratch_size")


def compile_kernel(job: dict[str, Any]) -> dict[str, Any]:
    """The binary of a job, what a launch needs to know, and the stages that a dump shows."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    function = getattr(load(job["path"]), job["name"])
    names = function.arg_names
    signature = dict(zip(names, job["signature"], strict=True))
    attributes = {(index,): [["tt.divisibility", 16]] for index in job["aligned"]}
    source, target = ASTSource(function, signature, {}, attributes), GPUTarget(*job["target"])
    with tempfile.TemporaryDirectory(prefix="mixad-triton-") as folder:
        os.environ["TRITON_CACHE_DIR"] = folder
        found = triton.compile(source, target=target, options=job["options"])
    binary = "cubin" if job["target"][0] == "cuda" else "hsaco"
    metadata = {name: getattr(found.metadata, name, 0) for name in KEPT}
    stages = {name: found.asm[name] for name in ("ttir", "ptx", "amdgcn") if name in found.asm}
    return {"binary": found.asm[binary], "metadata": metadata, "stages": stages, "triton": triton.__version__}


if __name__ == "__main__":
    wire.serve(compile_kernel)

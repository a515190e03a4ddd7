"""A process that compiles kernels with Triton: no GPU is needed, nor are mixad or NumPy.

Run as a script; `compiler` starts it and speaks to it.
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

import importlib.util
from typing import Any


def load(path: str) -> Any:
    """A module from its file."""
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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
    found = triton.compile(
        ASTSource(function, signature, {}, attributes), target=GPUTarget(*job["target"]), options=job["options"]
    )
    binary = "cubin" if job["target"][0] == "cuda" else "hsaco"
    metadata = {name: getattr(found.metadata, name, 0) for name in KEPT}
    stages = {name: found.asm[name] for name in ("ttir", "ptx", "amdgcn") if name in found.asm}
    return {"binary": found.asm[binary], "metadata": metadata, "stages": stages, "triton": triton.__version__}


if __name__ == "__main__":
    wire.serve(compile_kernel)

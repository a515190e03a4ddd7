"""Numbers in generated programs.

Between numbers, Python's are the fastest. An operation on an array takes a 0-d array as fast as another array, and
anything else 0.2 µs slower, because NumPy makes an array of it first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.attributes import Dense
from ...ir.types import DTYPE_NAMES, bfloat16


def literal(dense: Dense) -> str | None:
    """How Python spells a number so that NumPy takes the other operand's element type; None if it cannot."""
    dtype = dense.data.dtype
    number = dense.data.item()
    if dtype == bfloat16 or dtype.kind not in "fiu" or not np.isfinite(number):
        return None
    return f"({number!r})" if str(number).startswith("-") else repr(number)


def named(dense: Dense, namespace: dict[str, Any]) -> str:
    """The name of a number as a 0-d array, which is put into ``namespace``: ``n2`` for 2.0, ``nm0_5`` for -0.5; with
    the element type where that name is taken by a number of another one."""
    text = str(dense.data[()]).removesuffix(".0").replace(".", "_").replace("-", "m").replace("+", "")
    for name in (f"n{text}", f"n{text}_{DTYPE_NAMES[dense.data.dtype]}", f"n{len(namespace)}_"):
        if name.isidentifier() and _is_same(namespace.setdefault(name, dense.data), dense.data):
            return name
    raise AssertionError(f"no name is free for {dense}")


def _is_same(x: Any, y: Any) -> bool:
    return x is y or (x.dtype == y.dtype and x.tobytes() == y.tobytes())

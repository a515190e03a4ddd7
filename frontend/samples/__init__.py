"""Sample calls of NumPy's and SciPy's functions: what the generic tests, the printed tables and the comparison with
other libraries try. Each is one public function with one choice of keywords, written as a user writes it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from . import (
    arrays,
    complex_numbers,
    data,
    elementwise,
    fourier,
    linear_algebra,
    ordering,
    products,
    reductions,
    special,
)
from .inputs import INPUTS


@dataclass(frozen=True)
class Sample:
    """One call: ``text`` is an expression of ``np``, ``scipy`` and the ``inputs`` (names of `INPUTS`); ``calls`` are
    the dotted names in it, as ``np.linalg.solve``, the outermost call's first."""

    text: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]

    def function(self, **namespaces: Any) -> Callable[..., Any]:
        """The call as a function of its inputs, with the given modules for ``np`` and ``scipy``."""
        made: Callable[..., Any] = eval(f"lambda {', '.join(self.inputs)}: {self.text}", namespaces)
        return made

    @property
    def arguments(self) -> list[Any]:
        """The arrays that the inputs stand for."""
        return [INPUTS[name] for name in self.inputs]


def sample(text: str) -> Sample:
    """The sample that a text is."""
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    calls = [ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)]
    named = [call for call in calls if call.partition(".")[0] in ("np", "scipy") and "(" not in call]
    return Sample(text, tuple(name for name in INPUTS if name in used), tuple(dict.fromkeys(named)))


_PARTS = (
    elementwise,
    reductions,
    arrays,
    products,
    linear_algebra,
    fourier,
    ordering,
    complex_numbers,
    data,
    special,
)

#: Every sample, in the order of the files.
SAMPLES: Final = tuple(sample(text) for part in _PARTS for text in part.CALLS.strip().splitlines())

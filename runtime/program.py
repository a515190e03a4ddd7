"""A compiled program: a callable on arrays, with the source that it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Program:
    """What a backend makes of a function.

    ``run`` takes the function's inputs, as arrays of exactly their types, and returns a tuple of its outputs.
    Outputs alias neither inputs nor each other. ``source`` is the generated code.
    """

    run: Callable[..., tuple[Any, ...]]
    source: str
    backend: str

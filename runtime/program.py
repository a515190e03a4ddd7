"""A compiled program: a callable on arrays, with the source that it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Program:
    """What a backend makes of a function.

    ``run`` takes the function's inputs, as arrays of exactly their types, and returns a tuple of its outputs.
    Outputs alias neither inputs nor each other. ``source`` is the generated code. ``nbytes`` is the most memory that a
    call has in use at once by the program's plan, outputs included and inputs not; 0 where nothing was planned.
    """

    run: Callable[..., tuple[Any, ...]]
    source: str
    backend: str
    nbytes: int = 0

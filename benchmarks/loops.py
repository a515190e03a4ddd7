"""A scan for libraries whose loops are Python's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def unrolled(stack: Callable[[list[Any]], Any], prepare: Callable[[Any], Any] = lambda step: step) -> Any:
    """``carry, ys = scan(step, carry, xs)`` as a loop over the leading axis of the array ``xs``."""

    def scan(step: Any, carry: Any, xs: Any) -> Any:
        step, ys = prepare(step), []
        for x in xs:
            carry, y = step(carry, x)
            ys.append(y)
        return carry, stack(ys)

    return scan

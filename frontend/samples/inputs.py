"""The arrays that the sample calls name."""

from __future__ import annotations

from typing import Any, Final

import numpy as np


def _make() -> dict[str, Any]:
    random = np.random.default_rng(11)

    def numbers(*shape: int) -> Any:
        return random.normal(size=shape)

    made: dict[str, Any] = {
        "v": numbers(8),  # a vector
        "m": numbers(4, 5),
        "cube": numbers(2, 3, 4),
        "a": numbers(3, 3) + 2 * np.eye(3),
        "s": np.array([[2.0, 0.3, -0.5], [0.3, 1.6, 0.4], [-0.5, 0.4, 1.1]]),  # symmetric and positive definite
        "stack": numbers(2, 3, 3) + 2 * np.eye(3),
        "tall": numbers(4, 3),
        "b": numbers(3, 2),
        "c": numbers(8) + 1j * numbers(8),
        "z": numbers(3, 3) + 1j * numbers(3, 3),
        "zz": numbers(2, 3, 4) + 1j * numbers(2, 3, 4),
        "knots": np.sort(numbers(6)),
        "values": numbers(6),
        "gaps": np.where(random.random((4, 5)) < 0.2, np.nan, numbers(4, 5)),
        "tensor": np.eye(24).reshape(6, 4, 2, 3, 4) + 0.1 * numbers(6, 4, 2, 3, 4),
        "n": np.array([3, 1, 4, 1, 5]),
        "f": numbers(3, 4).astype(np.float32),
        "positive": random.uniform(0.5, 2.0, size=5),
        "x": numbers(4) * 1.3,
        "y": numbers(4),
        "p": random.uniform(0.3, 2.0, size=4),
        "g": numbers(3, 4),
        "q": numbers(3, 3),
        "inside": np.array([-0.7, 0.0, 0.3]),  # the open interval from -1 to 1
        "holes": np.array([[1.0, np.nan, 3.0], [np.nan, 0.5, -2.0]]),
        "empty": np.zeros((0, 3)),
        "ints": np.array([[3, -1, 4], [1, -5, 9]]),
        "mask": np.array([True, False, True, True]),
        "block": numbers(5, 4, 2),
        "slab": numbers(4, 2),
        "thin": numbers(1, 4, 2),
        "unit": np.array([0.1, 0.45, 0.55, 0.8, 0.9]),  # between 0 and 1
    }
    for array in made.values():
        array.setflags(write=False)
    return made


INPUTS: Final = _make()

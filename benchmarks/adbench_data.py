"""The inputs of ADBench's problems: its own small files (data/adbench), larger ones generated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "data" / "adbench"


def golden() -> dict[str, Any]:
    """Objectives and Jacobians that ADBench's unit tests expect."""
    found: dict[str, Any] = json.loads((FOLDER / "golden_test_values.json").read_text("utf-8"))
    return found


def _lines(name: str) -> Iterator[list[float]]:
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.strip():
            yield [float(word) for word in line.split()]


def triangle(d: int) -> Any:
    """Of a strict lower triangle, column by column, the d x d matrix; as a matrix of d*(d-1)/2 by d*d."""
    places = [row * d + column for column in range(d) for row in range(column + 1, d)]
    return np.eye(d * d)[places]


def gmm_file(name: str) -> tuple[Any, ...]:
    """(alphas, means, icf), points, and the constant arrays of `programs_adbench.gmm`."""
    lines = _lines(name)
    d, k, n = map(int, next(lines))
    alphas = np.array([next(lines)[0] for _ in range(k)])
    means, icf = (np.array([next(lines) for _ in range(k)]) for _ in range(2))
    x = np.array([next(lines) for _ in range(n)])
    return (alphas, means, icf), x, triangle(d)


def gmm_generated(n: int, d: int, k: int) -> tuple[Any, ...]:
    random = np.random.default_rng(5)
    means, icf = random.uniform(0.0, 1.0, (k, d)), random.standard_normal((k, d * (d + 1) // 2))
    return (random.standard_normal(k), means, icf), random.standard_normal((n, d)), triangle(d)


def ba_file(name: str) -> tuple[Any, ...]:
    """Cameras, points, weights, measured features, and each observation's camera and point.

    As in ADBench one camera, point, weight and feature stand for all; observation i is of camera and point i, modulo
    their numbers.
    """
    lines = _lines(name)
    n, m, p = map(int, next(lines))
    camera, point, weight, feature = (next(lines) for _ in range(4))
    each = np.arange(p)
    return (
        np.tile(camera, (n, 1)),
        np.tile(point, (m, 1)),
        np.tile(weight, (p, 1)),
        np.tile(feature, (p, 1)),
        (each % n),
        each % m,
    )


def lstm_file(name: str) -> tuple[Any, ...]:
    """Main parameters, extra parameters, the state at the beginning, and each character with the one that follows."""
    lines = _lines(name)
    layers, count, _ = map(int, next(lines))
    main, extra, state, text = (
        np.array([next(lines) for _ in range(rows)]) for rows in (2 * layers, 3, 2 * layers, count)
    )
    return main, extra, state, np.stack([text[:-1], text[1:]], axis=1)


def hand_file(name: str, complicated: bool) -> tuple[Any, ...]:
    """Parameters, then the constant arrays of `programs_adbench.hand`: the model and the measured points.

    The complicated problem has two parameters more, shifts of the barycentric coordinates that each point has of its
    own: what they change is one point each, so that two columns hold all their derivatives.
    """
    lines = _lines(name)
    count, _ = map(int, next(lines))
    measured = np.array([next(lines) for _ in range(count)])
    chosen, points = measured[:, 0].astype(int), measured[:, 1:]
    coordinates = np.array([next(lines) for _ in range(count)]) if complicated else np.zeros((count, 0))
    theta = np.array([line[0] for line in lines])
    bones, inverses, vertices, weights, triangles = _hand_model()
    corners = triangles[chosen] if complicated else chosen[:, None]
    parameters = np.concatenate([theta, np.zeros(2 * complicated)])
    return parameters, bones, inverses, vertices, weights, _angles(), points, coordinates, corners


def parents() -> tuple[int, ...]:
    """Of each bone the one that it hangs on; -1 for the wrist."""
    return tuple(int(line.split(":")[1]) for line in (FOLDER / "hand_bones.txt").read_text("utf-8").splitlines())


def _hand_model() -> tuple[Any, ...]:
    """Bones relative to their parents (b, 4, 4), inverses of their absolute positions, homogeneous vertices (4, v),
    weights (b, v), and the vertices of each triangle."""
    rows = [line.split(":") for line in (FOLDER / "hand_bones.txt").read_text("utf-8").splitlines()]
    matrices = np.array([[float(word) for word in row[2:34]] for row in rows]).reshape(-1, 2, 4, 4)
    rows = [line.split(":") for line in (FOLDER / "hand_vertices.txt").read_text("utf-8").splitlines()]
    vertices = np.ones((4, len(rows)))
    weights = np.zeros((len(matrices), len(rows)))
    for number, row in enumerate(rows):
        vertices[:3, number] = [float(word) for word in row[:3]]
        for i in range(int(row[8])):
            weights[int(row[9 + 2 * i]), number] = float(row[10 + 2 * i])
    triangles = np.loadtxt(FOLDER / "hand_triangles.txt", int, delimiter=":")
    return matrices[:, 0], matrices[:, 1], vertices, weights, triangles


def _angles() -> Any:
    """Which parameter is which of a bone's three angles: (22 * 3, 26).

    Three bones of each finger turn, the first of them about two axes; the bone in front of them does not, nor do wrist
    and forearm.
    """
    chosen = np.zeros((22 * 3, 26))
    parameter, bone = 6, 2
    for _finger in range(5):
        for joint in range(3):
            for axis in range(2 if joint == 0 else 1):
                chosen[bone * 3 + axis, parameter] = 1.0
                parameter += 1
            bone += 1
        bone += 1
    return chosen

"""A first look: a gradient, a Hessian-vector product and a third derivative, and how they are made.

Run with ``python examples/quickstart.py``.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixad as mx
import numpy as np

x = np.array([[0.8, 0.6, 0.2], [1.8, 1.3, 1.1]], np.float32)
y = np.array([[0.11, 3.3, 1.1], [1.1, 0.2, 1.4], [1.1, 2.2, 0.3]], np.float32)
z = np.array([1.0], np.float32)


def net(x, y, z):
    """The guide's first network: the product of x * z with y, summed."""
    return np.sum(np.matmul(x * z, y))


def square_times(x, y):
    """The guide's last function: x * x * y."""
    return np.sum(x * x * y)


def sine(x):
    """The guide's function for higher orders."""
    return np.sin(x)


def show(title: str, derivative: Callable[..., Any], *arguments: Any) -> None:
    """Print a derivative and how it was made: the program before the first pass, what each pass did, the program
    behind the last one, and the Python that runs."""
    with tempfile.TemporaryDirectory() as folder, mx.dump(folder):
        print(f"\n=== {title} ===\n{derivative(*arguments)}")
        for dump in sorted(Path(folder).iterdir()):
            programs = sorted(dump.glob("*.mix"))
            print(f"\nthe program, before any pass ({programs[0].name}):\n{programs[0].read_text().rstrip()}")
            print("\nwhat the passes did:")
            for step in json.loads((dump / "manifest.json").read_text())["passes"]:
                if step["file"]:
                    counts = f"{step['operations_before']:3d} -> {step['operations_after']:3d} operations"
                    print(f"  {'  ' * step['depth']}{step['text']:{60 - 2 * step['depth']}} {counts}")
            print(f"\nthe program, behind the last pass ({programs[-1].name}):\n{programs[-1].read_text().rstrip()}")
            for source in dump.glob("*.py"):
                print(f"\nwhat runs ({source.name}):\n{source.read_text().rstrip()}")


def main() -> None:
    show("gradient of sum((x * z) @ y) with respect to x", mx.grad(net), x, y, z)
    show("the same with respect to z", mx.grad(net, argnums=2), x, y, z)
    four, five, one = (np.array([number], np.float32) for number in (4, 5, 1))
    show("Hessian of sum(x * x * y) at x = 4, y = 5, times 1", mx.hvp(square_times), four, one, five)
    show("third derivative of sin at 1, which is -cos(1)", mx.grad(mx.grad(mx.grad(sine))), 1.0)
    print("\nEvery file of such a dump, with a diff for each pass: MIXAD_DUMP=folder python your_program.py")


if __name__ == "__main__":
    main()

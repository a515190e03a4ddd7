"""A first look: a gradient, a Hessian-vector product and a third derivative, and how they are made.

Run with ``python examples/quickstart.py``.
"""

import tempfile
from pathlib import Path

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


def show_passes(folder: Path) -> None:
    """Print what a dump holds: the program before the first pass, and what each pass changed in it."""
    for compilation in sorted(folder.iterdir()):
        for file in sorted(compilation.iterdir()):
            if file.suffix in (".mix", ".py"):
                print(f"--- {file.name} ---")
                print(file.read_text().rstrip())


def main() -> None:
    print("gradient of sum((x * z) @ y) with respect to x:")
    print(mx.grad(net)(x, y, z))
    print("and with respect to z:", mx.grad(net, argnums=2)(x, y, z))

    four, five, one = (np.array([number], np.float32) for number in (4, 5, 1))
    print("\nHessian-vector product of sum(x * x * y) at x = 4, y = 5, with v = 1:")
    print(mx.hvp(square_times)(four, one, five))

    print("\nthird derivative of sin at 1, and how it is made:")
    third = mx.grad(mx.grad(mx.grad(sine)))
    with tempfile.TemporaryDirectory() as folder, mx.dump(folder):
        print(third(1.0), "=", -np.cos(1.0))
        show_passes(Path(folder))


if __name__ == "__main__":
    main()

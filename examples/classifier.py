"""Softmax regression on hand-written digits, by gradient descent and by Newton's method.

Newton's direction solves ``H p = -g`` by conjugate gradients, which need Hessian-vector products only: the
Hessian (650 x 650) is never formed. Run with ``python examples/classifier.py``.
"""

import time
from pathlib import Path

import mixad as mx
import numpy as np

L2 = 1e-3


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images scaled to 0..1 and one-hot labels: 1,500 to learn from, 297 to test with."""
    data = np.load(Path(__file__).parent / "data" / "digits.npz")
    images, labels = data["images"] / 16.0, np.eye(10)[data["labels"]]
    return images[:1500], labels[:1500], images[1500:], labels[1500:]


def scores(parameters, images):
    """Class scores of each image."""
    return images @ parameters["weights"] + parameters["bias"]


def loss(parameters, images, labels):
    """Mean cross entropy, and half the squared weights times L2."""
    logits = scores(parameters, images)
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_likelihood = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    penalty = 0.5 * L2 * np.sum(parameters["weights"] ** 2)
    return -np.sum(labels * log_likelihood) / len(images) + penalty


value_and_gradient = mx.jit(mx.value_and_grad(loss))
hessian_product = mx.jit(mx.hvp(loss))


def combine(scale, first, second):
    """scale * first + second, by parameter."""
    return {name: scale * first[name] + second[name] for name in first}


def inner(first, second):
    """The inner product of two sets of parameters."""
    return sum(float(np.sum(first[name] * second[name])) for name in first)


def newton_direction(parameters, gradient, images, labels):
    """Conjugate gradients on ``H p = -g``, to a tenth of the gradient's norm; counts its products."""
    step = {name: np.zeros_like(each) for name, each in gradient.items()}
    residual = {name: -each for name, each in gradient.items()}
    direction, squared, goal = residual, inner(residual, residual), 0.01 * inner(gradient, gradient)
    products = 0
    while squared > goal and products < 200:
        products += 1
        curved = hessian_product(parameters, direction, images, labels)
        length = squared / inner(direction, curved)
        step = combine(length, direction, step)
        residual = combine(-length, curved, residual)
        previous, squared = squared, inner(residual, residual)
        direction = combine(squared / previous, direction, residual)
    return step, products


def report(name, iteration, value, gradient, parameters, test, start, extra=""):
    images, labels = test
    right = np.mean(np.argmax(scores(parameters, images), axis=1) == np.argmax(labels, axis=1))
    norm = np.sqrt(inner(gradient, gradient))
    print(
        f"{name} {iteration:4d}  loss {value:.10f}  gradient norm {norm:8.2e}  test accuracy {right:.3f}  "
        f"{time.perf_counter() - start:5.2f} s{extra}",
        flush=True,
    )


def fit_by_gradient(parameters, train, test, iterations=500):
    """Nesterov's accelerated gradient with a fixed step."""
    start, velocity = time.perf_counter(), {name: np.zeros_like(each) for name, each in parameters.items()}
    for iteration in range(iterations + 1):
        ahead = combine(0.95, velocity, parameters)
        value, gradient = value_and_gradient(ahead, *train)
        if iteration % 100 == 0:
            report("gradient", iteration, value, gradient, ahead, test, start)
        velocity = combine(0.95, velocity, {name: -0.3 * each for name, each in gradient.items()})
        parameters = combine(1.0, velocity, parameters)
    return parameters


def fit_by_newton(parameters, train, test, iterations=20):
    """Newton's method with conjugate gradients and a halving line search."""
    start, total = time.perf_counter(), 0
    value, gradient = value_and_gradient(parameters, *train)
    for iteration in range(iterations + 1):
        report("newton  ", iteration, value, gradient, parameters, test, start, f"  {total} Hessian products")
        if inner(gradient, gradient) < 1e-20:
            break
        step, products = newton_direction(parameters, gradient, *train)
        total += products
        length, slope = 1.0, inner(gradient, step)
        while True:
            trial = combine(length, step, parameters)
            trial_value, trial_gradient = value_and_gradient(trial, *train)
            if trial_value <= value + 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2
        parameters, value, gradient = trial, trial_value, trial_gradient
    return parameters


def main() -> None:
    images, labels, *test = load()
    parameters = {"weights": np.zeros((64, 10)), "bias": np.zeros(10)}
    print(f"softmax regression on {len(images)} digits, {64 * 10 + 10} parameters")
    fit_by_gradient(parameters, (images, labels), test)
    fit_by_newton(parameters, (images, labels), test)


if __name__ == "__main__":
    main()

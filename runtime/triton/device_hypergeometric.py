# mypy: ignore-errors
"""Hypergeometric functions, as `device_functions` has functions.

Operands are float64. Sums of terms of both signs lose what cancels: digits are those of the largest term. A loop ends
when no element of the tile gains by another round. Equation numbers are those of the NIST Digital Library of
Mathematical Functions (DLMF).
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice

from .device_bessel import bessel_j
from .device_gamma import gamma_sign, is_pole
from .device_integrals import any_of


@triton.jit
def finished(total, term, k, most: tl.constexpr):
    # A sum, or NaN where it was broken off.
    return tl.where((k >= most) & (tl.abs(term) > 1e-12 * tl.abs(total)), float("nan"), total)


@triton.jit
def hyp0f1(order, x):
    # The power series (16.2.1), and 10.16.9 for numbers far below 0.
    pole = is_pole(order)
    b = tl.where(pole, 1.0, order)
    far = (x < -1.0) & (x < -tl.abs(b)) & (x > float("-inf"))
    active = (far == 0) & (tl.abs(x) < float("inf")) & (b == b)
    y = tl.where(active, x, 0.0)
    term = tl.zeros_like(y) + tl.zeros_like(b) + 1.0
    total = term
    k = tl.full([], 0.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            term = term * y / ((b + k) * (k + 1.0))
            total = tl.where(active, total + term, total)
            k = k + 1.0
        active = active & ((tl.abs(term) > 1e-17 * tl.abs(total)) | (k + b < 1.0)) & (k < 5000.0)
        active = active & (tl.abs(total) < float("inf"))
    total = finished(total, term, k, 5000.0)
    z = libdevice.sqrt(tl.where(far, -x, 1.0))
    moderate = tl.abs(b) < 165.0
    direct = libdevice.tgamma(tl.where(moderate, b, 1.0)) * libdevice.pow(z, 1.0 - b)
    logs = gamma_sign(b) * libdevice.exp(libdevice.lgamma(b) + (1.0 - b) * libdevice.log(z))
    turned = tl.where(moderate, direct, logs) * bessel_j(b - 1.0, 2.0 * z)
    found = tl.where(far, turned, tl.where(x == float("inf"), x, total))
    found = tl.where(pole | (x == float("-inf")), float("nan"), found)
    return tl.where((order == order) & (x == x), found, order + x)


@triton.jit
def ends_before(a, c):
    # Whether a parameter makes the series a polynomial before another makes it infinite.
    return is_pole(a) & ((is_pole(c) == 0) | (a >= c))


@triton.jit
def hyp1f1_scaled(a, b, x):
    # The function, where it is a polynomial, and exp(-x) times it for x >= 0: the power series (13.2.2), and 13.7.1 for
    # large numbers.
    polynomial = ends_before(a, b)
    reach = 50.0 + 2.0 * tl.abs((1.0 - a) * (b - a))
    far = (x >= tl.minimum(reach, 600.0)) & (polynomial == 0)
    active = (far == 0) & (tl.abs(x) < float("inf"))
    y = tl.where(active, x, 0.0)
    first = tl.where(polynomial, 0.0, tl.minimum(y, 600.0))
    term = libdevice.exp(-first)
    total = term
    k = tl.full([], 0.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            term = tl.where(term == 0.0, 0.0, term * (a + k) / (b + k) * y / (k + 1.0))
            total = tl.where(active, total + term, total)
            k = k + 1.0
        falling = (k > -a) & (k > -b) & (tl.abs((a + k) * y) < 0.9 * tl.abs((b + k) * k))
        active = active & ((tl.abs(term) > 1e-18 * tl.abs(total)) | (falling == 0)) & (term != 0.0) & (k < 20000.0)
    total = finished(total, term, k, 20000.0)
    series = tl.where(polynomial, total, total * libdevice.exp(first - y))
    z = tl.where(far, x, 600.0)
    p, q = tl.where(far, a, 1.0), tl.where(far, b, 1.0)
    term = tl.zeros_like(z) + 1.0
    total = term
    for k in tl.static_range(40):
        after = term * (1.0 - p + k) * (q - p + k) / (k + 1.0) / z
        term = tl.where(tl.abs(after) <= tl.abs(term), after, 0.0) if k > 8 else after
        total = total + term
    moderate = (tl.abs(p) < 165.0) & (tl.abs(q) < 165.0)
    direct = libdevice.tgamma(tl.where(moderate, q, 1.0)) / libdevice.tgamma(tl.where(moderate, p, 1.0))
    direct = direct * libdevice.pow(z, p - q)
    logs = libdevice.exp(libdevice.lgamma(q) - libdevice.lgamma(p) + (p - q) * libdevice.log(z))
    size = tl.where(moderate, direct, gamma_sign(p) * gamma_sign(q) * logs)
    return tl.where(far, size * total, series)


@triton.jit
def hyp1f1(a, b, x):
    # To the left of 0, but for polynomials, Kummer's transformation (13.2.39).
    pole = is_pole(b) & (ends_before(a, b) == 0)
    q = tl.where(pole, 1.0, b)
    left = (x < 0.0) & (ends_before(a, q) == 0)
    p = tl.where(left, q - a, a)
    scaled = hyp1f1_scaled(p, q, tl.where(left, -x, x))
    polynomial = ends_before(p, q)
    exponent = tl.where(left == polynomial, x, 0.0)
    root = libdevice.exp(0.5 * exponent)
    found = scaled * root * root
    found = tl.where((x == float("inf")) & (polynomial == 0), gamma_sign(p) * gamma_sign(q) * x, found)
    found = tl.where((x == 0.0) | (a == 0.0), 1.0, found)
    found = tl.where(pole, float("inf"), found)
    return tl.where((a == a) & (b == b) & (x == x), found, a + b + x)


@triton.jit
def gauss_series(a, b, c, x, active):
    # The function and its derivative by the power series (15.2.1): for abs(x) <= 1/2, or a polynomial.
    term = tl.zeros_like(x) + 1.0
    total, slope = term, tl.zeros_like(x)
    k = tl.full([], 0.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            factor = (a + k) * (b + k) / (c + k) / (k + 1.0)
            slope = tl.where(active & (term != 0.0), slope + term * factor * (k + 1.0), slope)
            term = tl.where(term == 0.0, 0.0, term * factor * x)
            total = tl.where(active, total + term, total)
            k = k + 1.0
        falling = tl.abs((a + k) * (b + k) * x) < 0.9 * tl.abs((c + k) * (k + 1.0))
        gains = (tl.abs(term) * k > 1e-18 * tl.abs(total)) | (falling == 0)
        active = active & gains & (term != 0.0) & (k < 20000.0)
    return finished(total, term, k, 20000.0), slope


@triton.jit
def gauss_steps(a, b, c, value, slope, gap):
    # From 1/2 to 1 - gap, the function's Taylor series at one point after the other, each of which halves the distance
    # to 1: their coefficients follow from the differential equation (15.10.1), whatever the parameters are.
    at = tl.zeros_like(gap) + 0.5
    going = gap < at
    total = a + b + 1.0
    steps = tl.full([], 0.0, tl.float64)
    while any_of(going):
        after = tl.maximum(0.5 * at, gap)
        t = tl.where(going, at - after, 0.0)
        here = 1.0 - at
        second = t / (here * at)
        turn, drift = 2.0 * at - 1.0, c - total * here
        below, term = value, slope * t
        value, slope = value + term, term
        n = tl.full([], 0.0, tl.float64)
        more = going
        while any_of(more):
            for _ in range(16):
                gain = ((n + a) * (n + b) / (n + 1.0) * below * t - (turn * n + drift) * term) * second / (n + 2.0)
                below, term = term, gain
                value = value + term
                slope = slope + (n + 2.0) * term
                n = n + 1.0
            sizes = tl.abs(below) + tl.abs(term)
            more = more & (sizes * n > 1e-18 * tl.abs(value)) & (n < 1000.0)
        # The sum of n * u[n] * t**n is t times the slope.
        slope = slope / tl.where(going, t, 1.0)
        at = tl.where(going, after, at)
        steps = steps + 1.0
        going = going & (gap < at) & (steps < 1100.0)
    return value


@triton.jit
def hyp2f1(p, q, r, x):
    # Beyond -1/2, Pfaff's transformation (15.8.1); at 1, 15.4.20.
    a, b = tl.minimum(p, q), tl.maximum(p, q)
    polynomial = ends_before(a, r) | ends_before(b, r)
    pole = is_pole(r) & (polynomial == 0)
    c = tl.where(pole, 1.0, r)
    left = (x < -0.5) & (polynomial == 0)
    y = tl.where(left, 1.0 - x, 2.0)
    gap = tl.where(left, 1.0 / y, 1.0 - x)
    usual = (polynomial == 0) & (x < 1.0) & (x > float("-inf")) & (pole == 0) & (a == a) & (b == b) & (c == c)
    gap = tl.where(usual, gap, 1.0)
    first, second = tl.where(left, b, a), tl.where(left, c - a, b)
    at = tl.where(usual, tl.minimum(1.0 - gap, 0.5), tl.where(polynomial & (tl.abs(x) < float("inf")), x, 0.0))
    value, slope = gauss_series(first, second, c, at, at != 0.0)
    found = gauss_steps(first, second, c, value, slope, gap)
    found = tl.where(left, found * libdevice.pow(y, -b), found)
    rest = c - a - b
    below = is_pole(c - a) | is_pole(c - b)
    top = libdevice.tgamma(c) * libdevice.tgamma(tl.where(rest > 0.0, rest, 1.0))
    top = top / libdevice.tgamma(tl.where(below, 1.0, c - a)) / libdevice.tgamma(tl.where(below, 1.0, c - b))
    top = tl.where(below, 0.0, top)
    found = tl.where((x == 1.0) & (polynomial == 0), tl.where(rest > 0.0, top, float("inf")), found)
    found = tl.where((x > 1.0) & (polynomial == 0), float("inf"), found)
    found = tl.where((x == 0.0) | (p == 0.0) | (q == 0.0), 1.0, tl.where(pole, float("inf"), found))
    return tl.where((p == p) & (q == q) & (r == r) & (x == x), found, p + q + r + x)

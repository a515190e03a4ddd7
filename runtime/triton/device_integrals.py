# mypy: ignore-errors
"""Integrals, as `device_functions` has functions: Triton source, of which a kernel's file takes what it uses.

Operands are float64. A loop ends when no element of the tile gains by another round. Equation numbers are those of the
NIST Digital Library of Mathematical Functions (DLMF).
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice

from .device_functions import square_root


@triton.jit
def any_of(chosen):
    # Whether a truth value of a tile, or a single one, holds.
    if len(chosen.shape) == 0:
        found = chosen
    else:
        found = tl.max(chosen.to(tl.int32), axis=None) > 0
    return found


@triton.jit
def upper_part(x):
    # The number with the lower half of its digits cleared: its square is exact.
    bits = x.to(tl.int64, bitcast=True)
    return ((bits >> 27) << 27).to(tl.float64, bitcast=True)


@triton.jit
def sine_of_pi(x):
    # Whole and half numbers give 0, 1 and -1.
    half = libdevice.nearbyint(2.0 * x)
    rest = 3.141592653589793 * (x - 0.5 * half)
    quarter = half - 4.0 * libdevice.floor(0.25 * half)
    found = tl.where((quarter == 1.0) | (quarter == 3.0), libdevice.cos(rest), libdevice.sin(rest))
    return tl.where(quarter >= 2.0, -found, found)


@triton.jit
def cosine_of_pi(x):
    half = libdevice.nearbyint(2.0 * x)
    rest = 3.141592653589793 * (x - 0.5 * half)
    quarter = half - 4.0 * libdevice.floor(0.25 * half)
    found = tl.where((quarter == 1.0) | (quarter == 3.0), libdevice.sin(rest), libdevice.cos(rest))
    return tl.where((quarter == 1.0) | (quarter == 2.0), -found, found)


# --- exponential integrals -----------------------------------------------------------------------


@triton.jit
def exponential_fraction(n: tl.constexpr, x):
    # exp(x) * E[n](x) for x >= 1: the continued fraction (8.19.17), evened, from its hundredth part.
    y = tl.where((x >= 1.0) & (x < float("inf")), x, 1.0)
    found = y + (200.0 + n)
    k = tl.full([], 100.0, tl.float64)
    for _ in range(100):
        found = y + (2.0 * k + (n - 2.0)) - k * (k + (n - 1.0)) / found
        k = k - 1.0
    return 1.0 / found


@triton.jit
def expn(x, n: tl.constexpr, digamma_of_n: tl.constexpr):
    # For n >= 1: the series (8.19.8) below 1, in which psi(n) stands, and the continued fraction above.
    y = tl.where((x > 0.0) & (x < 1.0), x, 0.5)
    total = tl.zeros_like(x)
    power = total + 1.0
    for k in tl.static_range(20):
        if k == n - 1:
            total = total + power * (digamma_of_n - libdevice.log(y))
        else:
            total = total - power / (k - n + 1.0)
        power = power * -y / (k + 1.0)
    found = tl.where(x < 1.0, total, libdevice.exp(-x) * exponential_fraction(n, x))
    found = tl.where(x == float("inf"), 0.0, found)
    if n == 1:
        found = tl.where(x == 0.0, float("inf"), found)
    else:
        found = tl.where(x == 0.0, 1.0 / (n - 1.0), found)
    return tl.where(x >= 0.0, found, float("nan"))


@triton.jit
def expi(x):
    # The series (6.6.2) from -1 to 40, to the left 6.2.6 with the continued fraction, to the right 6.12.2.
    inside = (x > -1.0) & (x < 40.0) & (x != 0.0)
    y = tl.where(inside, x, 1.0)
    term, total = y, y
    active = inside
    k = tl.full([], 2.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            term = term * y / k
            total = total + term / k
            k = k + 1.0
        active = active & (tl.abs(term) > 1e-17 * k * tl.abs(total)) & (k < 500.0)
    found = 0.5772156649015329 + libdevice.log(tl.abs(y)) + total
    left = libdevice.exp(x) * exponential_fraction(1, -x) * -1.0
    large = tl.where((x >= 40.0) & (x < float("inf")), x, 40.0)
    term = tl.zeros_like(x) + 1.0
    sum_of = term
    for k in tl.static_range(1, 40):
        term = term * (k * 1.0) / large
        sum_of = sum_of + term
    # The exponential in two factors: the quotient is finite a little further than it.
    right = libdevice.exp(0.5 * x) * (sum_of / large) * libdevice.exp(0.5 * x)
    found = tl.where(x <= -1.0, left, tl.where(x >= 40.0, right, found))
    found = tl.where(x == 0.0, float("-inf"), found)
    found = tl.where(x == float("-inf"), tl.zeros_like(x) * -1.0, tl.where(x == float("inf"), x, found))
    return tl.where(x == x, found, x)


# --- trigonometric and Fresnel integrals ---------------------------------------------------------


@triton.jit
def trigonometric_fraction(x):
    # exp(i x) * E[1](i x) for x >= 2, in two parts: the fraction of `exponential_fraction` at an imaginary number.
    # Beyond 1e9 it is 1 / (1 + i x).
    y = tl.where((x >= 2.0) & (x < 1e9), x, 1e9)
    size = 1.0 / (1.0 + y * y)
    b = tl.zeros_like(y) + 1.0
    d_re, d_im = size, -y * size
    c_re, c_im = b * 1e100, b * 0.0
    re, im = d_re, d_im
    active = y < 1e9
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            a = -k * k
            b = b + 2.0
            d_re, d_im = a * d_re + b, a * d_im + y
            size = 1.0 / (d_re * d_re + d_im * d_im)
            d_re, d_im = d_re * size, -d_im * size
            size = a / (c_re * c_re + c_im * c_im)
            c_re, c_im = b + c_re * size, y - c_im * size
            step_re, step_im = c_re * d_re - c_im * d_im, c_re * d_im + c_im * d_re
            re_next, im_next = re * step_re - im * step_im, re * step_im + im * step_re
            re, im = tl.where(active, re_next, re), tl.where(active, im_next, im)
            k = k + 1.0
        active = active & (tl.abs(step_re - 1.0) + tl.abs(step_im) > 4e-16) & (k < 500.0)
    far = x >= 1e9
    return tl.where(far, 0.0, re), tl.where(far, -1.0 / x, im)


@triton.jit
def sine_integral(x):
    # The series (6.6.5) below 2, and 6.2.13 above: pi / 2 + Im E[1](i x).
    y = tl.abs(x)
    small = tl.where(y < 2.0, y, 0.0)
    term, total = small, small
    for k in tl.static_range(1, 14):
        term = term * (small * small) / (-2.0 * k * (2.0 * k + 1.0))
        total = total + term / (2.0 * k + 1.0)
    re, im = trigonometric_fraction(y)
    large = 1.5707963267948966 + (libdevice.cos(y) * im - libdevice.sin(y) * re)
    large = tl.where(y == float("inf"), 1.5707963267948966, large)
    found = libdevice.copysign(tl.where(y < 2.0, total, large), x)
    return tl.where(x == 0.0, 0.0, found)


@triton.jit
def cosine_integral(x):
    # The series (6.6.6) below 2, and -Re E[1](i x) above.
    y = tl.abs(x)
    small = tl.where(y < 2.0, y, 1.0)
    term = tl.zeros_like(y) + 1.0
    total = tl.zeros_like(y)
    for k in tl.static_range(1, 14):
        term = term * (small * small) / (-2.0 * k * (2.0 * k - 1.0))
        total = total + term / (2.0 * k)
    total = 0.5772156649015329 + libdevice.log(small) + total
    re, im = trigonometric_fraction(y)
    large = tl.where(y == float("inf"), 0.0, -(libdevice.cos(y) * re + libdevice.sin(y) * im))
    found = tl.where(y < 2.0, tl.where(y == 0.0, float("-inf"), total), large)
    return tl.where(x == float("-inf"), float("nan"), found)


@triton.jit
def fresnel_fraction(x):
    # The auxiliary functions f and g (7.2.10, 7.2.11) for x >= 1.5: of erfc's continued fraction at a complex number,
    # and the first terms of 7.12.2 and 7.12.3 from 1e4 on.
    y = tl.where((x >= 1.5) & (x < 1e4), x, 1e4)
    square = 3.141592653589793 * (y * y)
    size = 1.0 / (1.0 + square * square)
    b = tl.zeros_like(y) + 1.0
    d_re, d_im = size, square * size
    c_re, c_im = b * 1e100, b * 0.0
    re, im = d_re, d_im
    active = y < 1e4
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            a = -k * (k + 1.0)
            b = b + 4.0
            d_re, d_im = a * d_re + b, a * d_im - square
            size = 1.0 / (d_re * d_re + d_im * d_im)
            d_re, d_im = d_re * size, -d_im * size
            size = a / (c_re * c_re + c_im * c_im)
            c_re, c_im = b + c_re * size, -square - c_im * size
            step_re, step_im = c_re * d_re - c_im * d_im, c_re * d_im + c_im * d_re
            re_next, im_next = re * step_re - im * step_im, re * step_im + im * step_re
            re, im = tl.where(active, re_next, re), tl.where(active, im_next, im)
            k = k + 2.0
        active = active & (tl.abs(step_re - 1.0) + tl.abs(step_im) > 4e-16) & (k < 1000.0)
    # 1 / 2 - C - i S is exp(i pi x**2 / 2) times (1 + i) / 2 times (x - i x) times the fraction: x times it.
    far = x >= 1e4
    inverse = 0.3183098861837907 / x
    return tl.where(far, inverse, x * im), tl.where(far, inverse * 0.3183098861837907 / x / x, x * re)


@triton.jit
def half_turns(x):
    # x**2 / 2, modulo 2: the square in three parts, the larger two exact.
    y = tl.where(x < 1e150, x, 0.0)
    upper = upper_part(y)
    lower = y - upper
    whole = upper * upper
    crossed = 2.0 * (upper * lower)
    whole = whole - 4.0 * libdevice.floor(0.25 * whole)
    return 0.5 * (whole + (crossed - 4.0 * libdevice.floor(0.25 * crossed)) + lower * lower)


@triton.jit
def fresnel_sine(x):
    # The series (7.6.4) below 1.5, and 7.5.4 above.
    y = tl.abs(x)
    small = tl.where(y < 1.5, y, 0.0)
    square = 1.5707963267948966 * (small * small)
    term = small * square
    total = term / 3.0
    for k in tl.static_range(1, 16):
        term = term * (square * square) / (-2.0 * k * (2.0 * k + 1.0))
        total = total + term / (4.0 * k + 3.0)
    f, g = fresnel_fraction(y)
    turns = half_turns(y)
    large = 0.5 - f * cosine_of_pi(turns) - g * sine_of_pi(turns)
    found = libdevice.copysign(tl.where(y < 1.5, total, tl.where(y == float("inf"), 0.5, large)), x)
    return tl.where(x == 0.0, 0.0, found)


@triton.jit
def fresnel_cosine(x):
    # The series (7.6.6) below 1.5, and 7.5.3 above.
    y = tl.abs(x)
    small = tl.where(y < 1.5, y, 0.0)
    square = 1.5707963267948966 * (small * small)
    term, total = small, small
    for k in tl.static_range(1, 16):
        term = term * (square * square) / (-2.0 * k * (2.0 * k - 1.0))
        total = total + term / (4.0 * k + 1.0)
    f, g = fresnel_fraction(y)
    turns = half_turns(y)
    large = 0.5 + f * sine_of_pi(turns) - g * cosine_of_pi(turns)
    found = libdevice.copysign(tl.where(y < 1.5, total, tl.where(y == float("inf"), 0.5, large)), x)
    return tl.where(x == 0.0, 0.0, found)


# --- others --------------------------------------------------------------------------------------


@triton.jit
def dawsn(x):
    # Of terms of one sign (7.6.3, from 7.5.1) below 6.5, and the asymptotic series (7.12.1, by 7.5.1) above.
    y = tl.abs(x)
    small = tl.where(y < 6.5, y, 0.0)
    square = small * small
    term, total = small, small
    active = small > 0.0
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(8):
            term = term * square / k
            total = total + term / (2.0 * k + 1.0)
            k = k + 1.0
        active = active & (term > 1e-17 * total) & (k < 300.0)
    upper = upper_part(small)
    powers = libdevice.exp(-upper * upper) * libdevice.exp((upper - small) * (upper + small))
    large = tl.where(y < 6.5, 6.5, y)
    inverse = 0.5 / large / large
    tail = tl.zeros_like(y) + 1.0
    for k in tl.static_range(20):
        tail = 1.0 + (39.0 - 2.0 * k) * inverse * tail
    return libdevice.copysign(tl.where(y < 6.5, powers * total, 0.5 / large * tail), x)


@triton.jit
def spence(x):
    # Bernoulli numbers' series in the logarithm (from 25.12.2) between 1/2 and 2; outside, 25.12.4 and 25.12.6.
    large = x > 2.0
    y = tl.where(large, 1.0 / x, tl.where(x > 0.0, x, 1.0))
    small = y < 0.5
    log_y, log_rest = libdevice.log(y), libdevice.log1p(-tl.where(small, y, 0.0))
    log = tl.where(small, -log_rest, -log_y)
    z = log * log
    tail = z * 4.518980029619918e-16 - 1.993929586072108e-14
    tail = z * tail + 8.921691020456452e-13
    tail = z * tail - 4.0647616451442256e-11
    tail = z * tail + 1.8978869988971e-09
    tail = z * tail - 9.185773074661964e-08
    tail = z * tail + 4.72411186696901e-06
    tail = z * tail - 0.0002777777777777778
    tail = z * tail + 0.027777777777777776
    found = log + z * (log * tail - 0.25)
    found = tl.where(small, 1.6449340668482264 - log_y * log_rest - found, found)
    found = tl.where(large, -0.5 * (log_y * log_y) - found, found)
    found = tl.where(x == 0.0, 1.6449340668482264, found)
    # As of SciPy: NaN at infinity too.
    return tl.where((x < 0.0) | (x == float("inf")), float("nan"), tl.where(x == x, found, x))


@triton.jit
def elliptic_means(x):
    # Of a parameter from 0 to 1, whose complement is x: pi / 2 over the arithmetic-geometric mean (19.8.5), and what
    # that times gives the second integral (19.8.6).
    a = tl.zeros_like(x) + 1.0
    b = square_root(x)
    total = 0.5 + 0.5 * x
    power = tl.full([], 0.5, tl.float64)
    for _ in range(14):
        c = 0.5 * (a - b)
        power = 2.0 * power
        total = total - power * (c * c)
        mean = 0.5 * (a + b)
        b = square_root(a * b)
        a = mean
    return 1.5707963267948966 / a, total


@triton.jit
def ellipk(x):
    # To the left of 0, 19.7.2.
    rest = 1.0 - x
    inside = (rest > 0.0) & (rest < float("inf"))
    rest = tl.where(inside, rest, 1.0)
    mean, _ = elliptic_means(tl.where(rest > 1.0, 1.0 / rest, rest))
    found = tl.where(rest > 1.0, mean / square_root(rest), mean)
    found = tl.where(x == 1.0, float("inf"), tl.where(x == float("-inf"), 0.0, found))
    return tl.where(x > 1.0, float("nan"), tl.where(x == x, found, x))


@triton.jit
def ellipe(x):
    rest = 1.0 - x
    inside = (rest > 0.0) & (rest < float("inf"))
    rest = tl.where(inside, rest, 1.0)
    mean, part = elliptic_means(tl.where(rest > 1.0, 1.0 / rest, rest))
    found = tl.where(rest > 1.0, square_root(rest), 1.0) * (mean * part)
    found = tl.where(x == 1.0, 1.0, tl.where(x == float("-inf"), float("inf"), found))
    return tl.where(x > 1.0, float("nan"), tl.where(x == x, found, x))

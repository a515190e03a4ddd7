# mypy: ignore-errors
"""Beta functions, incomplete gamma and beta functions, zeta: as `device_functions` has functions.

Operands are float64. A loop ends when no element of the tile gains by another round; what still does after 100,000
of them is NaN. Equation numbers are those of the
NIST Digital Library of Mathematical Functions (DLMF).
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice

from .device_functions import hurwitz_zeta, square_root
from .device_integrals import any_of, cosine_of_pi, sine_of_pi


@triton.jit
def scaled_gamma(x):
    # gamma(x) / (sqrt(2 pi / x) * (x / e)**x) for x > 0: its asymptotic series (5.11.1) from 10 on.
    small = x < 10.0
    y = tl.where(small, 10.0, x)
    z = 1.0 / y / y
    tail = z * 0.17964437236883057 - 0.029550653594771242
    tail = z * tail + 0.0064102564102564103
    tail = z * tail - 0.0019175269175269176
    tail = z * tail + 0.00084175084175084175
    tail = z * tail - 0.00059523809523809524
    tail = z * tail + 0.00079365079365079365
    tail = z * tail - 0.0027777777777777778
    tail = z * tail + 0.083333333333333333
    y = tl.where(small & (x > 0.0), x, 1.0)
    direct = libdevice.tgamma(y) * square_root(y) * 0.3989422804014327
    direct = direct * (libdevice.exp(y) * libdevice.pow(y, -y))
    return tl.where(small, direct, libdevice.exp(tail / tl.where(small, 10.0, x)))


@triton.jit
def log_of_one_plus_less(x):
    # log(1 + x) - x, with the digits of its own for small numbers: 4.6.4 without its first terms.
    near = tl.abs(x) < 0.5
    y = tl.where(near, x, 0.0)
    part = y / (2.0 + y)
    z = part * part
    tail = tl.zeros_like(x) + 1.0 / 35.0
    for k in tl.static_range(16):
        tail = z * tail + 1.0 / (33.0 - 2.0 * k)
    return tl.where(near, 2.0 * part * z * tail - y * part, libdevice.log1p(tl.where(near, 0.0, x)) - x)


@triton.jit
def excess(a, gain, ratio):
    # a * log(ratio) - gain, where the ratio is 1 + gain / a.
    near = tl.abs(gain) < 0.5 * a
    close = a * log_of_one_plus_less(tl.where(near, gain / a, 0.0))
    return tl.where(near, close, a * libdevice.log(ratio) - gain)


@triton.jit
def reciprocal_gamma_tail(x):
    # (1 / gamma(1 + x) - 1) / x for abs(x) <= 1/2 (5.7.1).
    tail = x * 1.2267786282382608e-15 - 5.348122539423018e-15
    tail = x * tail - 2.0583260535665068e-14
    tail = x * tail + 5.100370287454476e-13
    tail = x * tail - 3.6968056186422057e-12
    tail = x * tail + 7.782263439905071e-12
    tail = x * tail + 1.0434267116911005e-10
    tail = x * tail - 1.18127457048702e-09
    tail = x * tail + 5.002007644469223e-09
    tail = x * tail + 6.116095104481416e-09
    tail = x * tail - 2.056338416977607e-07
    tail = x * tail + 1.133027231981696e-06
    tail = x * tail - 1.2504934821426706e-06
    tail = x * tail - 2.013485478078824e-05
    tail = x * tail + 0.00012805028238811618
    tail = x * tail - 0.00021524167411495097
    tail = x * tail - 0.0011651675918590652
    tail = x * tail + 0.0072189432466631
    tail = x * tail - 0.009621971527876973
    tail = x * tail - 0.04219773455554433
    tail = x * tail + 0.16653861138229148
    tail = x * tail - 0.04200263503409524
    tail = x * tail - 0.6558780715202539
    return x * tail + 0.5772156649015329


# --- beta functions ------------------------------------------------------------------------------


@triton.jit
def gamma_sign(x):
    # Of gamma(x), which has a pole at whole numbers up to 0.
    floor = libdevice.floor(x)
    odd = floor - 2.0 * libdevice.floor(0.5 * floor)
    return tl.where((x < 0.0) & (odd != 0.0), -1.0, 1.0) + tl.zeros_like(x)


@triton.jit
def is_pole(x):
    return (x <= 0.0) & (libdevice.floor(x) == x)


@triton.jit
def beta_parts(p, q):
    # The beta function of positive numbers, by 5.11.1 of each gamma function: the logarithm of a factor, and the rest.
    x, y = tl.minimum(p, q), tl.maximum(p, q)
    total = x + y
    powers = tl.where(x < 1e-300, 0.0, x * libdevice.log(x / total)) - y * libdevice.log1p(x / y)
    scaled = scaled_gamma(x) * (scaled_gamma(y) / scaled_gamma(total))
    factor = 2.5066282746310002 * square_root((1.0 + x / y) / x) * scaled
    return powers, tl.where(x < 1e-300, 1.0 / x + tl.where(y < 1e-300, 1.0 / y, 0.0), factor)


@triton.jit
def beta_of(p, q, logarithm: tl.constexpr):
    # The beta function, or the logarithm of its magnitude: that of positive numbers, or its inverse, times a factor
    # that follows from reflection (5.5.3).
    x, y = tl.minimum(p, q), tl.maximum(p, q)
    total = x + y
    positive = (x > 0.0) & (y < float("inf"))
    # At a whole number up to 0 the function is finite only where the other is whole, and the sum is no more than 0.
    pole = is_pole(x) | is_pole(y)
    whole = is_pole(x) & (y > 0.0) & (libdevice.floor(y) == y) & (total < 1.0)
    mixed = (x < 0.0) & (pole == 0) & (x > float("-inf")) & (y < float("inf"))
    both = mixed & (y < 0.0)
    above, below = mixed & (y > 0.0) & (total > 0.0), mixed & (y > 0.0) & (total <= 0.0)
    sine = sine_of_pi(tl.where(mixed, x, 0.5))
    other = sine_of_pi(tl.where(both, y, 0.5))
    sum_sine = sine_of_sum(tl.where(both | below, x, 0.5), tl.where(both | below, y, 0.0))
    a = tl.where(both | above, 1.0 - x, tl.where(below | whole, 1.0 - total, tl.where(positive, x, 1.0)))
    b = tl.where(both, 1.0 - y, tl.where(above, total, tl.where(below | whole | positive, y, 1.0)))
    powers, factor = beta_parts(a, b)
    inverse = both | above
    turn = 3.141592653589793 / sine / tl.where(above, y, (1.0 - total) * other) * sum_sine
    sign = 1.0 - 2.0 * (y - 2.0 * libdevice.floor(0.5 * y))
    turn = tl.where(inverse, turn, tl.where(below, sum_sine / sine, tl.where(whole, sign, 1.0)))
    if logarithm:
        logs = powers + libdevice.log(factor)
        found = tl.where(inverse, -logs, logs) + libdevice.log(tl.abs(turn))
        end = float("-inf")
    else:
        value = libdevice.exp(powers) * factor
        found = turn * tl.where(inverse, libdevice.exp(-powers) / factor, value)
        end = 0.0
    found = tl.where(pole & (whole == 0), float("inf"), found)
    found = tl.where(y == float("inf"), tl.where(x > 0.0, end, gamma_sign(x) * float("inf")), found)
    return tl.where((p == p) & (q == q) & (x > float("-inf")), found, float("nan"))


@triton.jit
def gamma_quotient(x, y):
    # gamma(x + y) / gamma(x), where both operands of the function are positive.
    total = x + y
    inside = (x > 0.0) & (total > 0.0) & (total < float("inf")) & (x < float("inf"))
    a, b = tl.where(inside, x, 1.0), tl.where(inside, total, 1.0)
    direct = libdevice.tgamma(tl.minimum(b, 170.0)) / libdevice.tgamma(tl.minimum(a, 170.0))
    d = b - a
    ratio = b / a
    scaled = scaled_gamma(b) / scaled_gamma(a) / square_root(ratio)
    # The root of b**b / a**a * exp(a - b), which alone might overflow.
    root = libdevice.exp(0.5 * excess(a, d, ratio)) * libdevice.pow(b, tl.where(inside, 0.5 * y, 0.0))
    found = tl.where((a < 170.0) & (b < 170.0), direct, root * scaled * root)
    return tl.where(x + y == x, tl.where(y == 0.0, 1.0, libdevice.pow(x, y)), found)


@triton.jit
def sine_of_sum(x, y):
    # sin(pi * (x + y)), with what the sum rounds off.
    total = x + y
    back = total - x
    rest = (x - (total - back)) + (y - back)
    small = tl.abs(rest) < 1e-3
    part = tl.where(small, total, total - 2.0 * libdevice.floor(0.5 * total) + rest)
    return sine_of_pi(part) + 3.141592653589793 * tl.where(small, rest, 0.0) * cosine_of_pi(part)


@triton.jit
def poch(x, y):
    # gamma(x + y) / gamma(x): poles of both, of one, and reflection (5.5.3) of those at negative numbers.
    total = x + y
    left, right = x <= 0.0, total <= 0.0
    both = left & right
    quotient = gamma_quotient(tl.where(both, 1.0 - total, x), y)
    sine = sine_of_pi(tl.where(left, x, 0.5))
    total_sine = sine_of_sum(tl.where(right, x, 0.5), tl.where(right, y, 0.0))
    whole = libdevice.nearbyint(y)
    odd = whole - 2.0 * libdevice.floor(0.5 * whole)
    left_pole, right_pole = is_pole(x), right & (total_sine == 0.0)
    turned = tl.where(left_pole & right_pole, 1.0 - 2.0 * odd, sine / total_sine)
    found = tl.where(both, turned * quotient, quotient)
    # Of one sign each.
    a, b = tl.where(left, x, 0.5), tl.where(left, total, 0.5)
    up = libdevice.tgamma(b) * libdevice.tgamma(1.0 - a) * sine * 0.3183098861837907
    a, b = tl.where(right, x, 0.5), tl.where(right, total, 0.5)
    down = 3.141592653589793 / (total_sine * libdevice.tgamma(a) * libdevice.tgamma(1.0 - b))
    found = tl.where(left & (right == 0), up, tl.where(right & (left == 0), down, found))
    found = tl.where(left_pole & (right_pole == 0), 0.0, found)
    found = tl.where(right_pole & (left_pole == 0), float("inf"), found)
    found = tl.where((x > float("-inf")) & (y > float("-inf")), found, float("nan"))
    return tl.where(y == 0.0, 1.0, tl.where(x == x, found, x))


# --- zeta ----------------------------------------------------------------------------------------


@triton.jit
def zeta(s, x):
    # To the left of 0, for whole exponents: both sums of 25.11.1 over the fractional part, less what lies beyond; at 1
    # Riemann's function (25.4.1 for negative exponents).
    whole = libdevice.floor(s) == s
    floor = libdevice.floor(x)
    negative = (x < 0.0) & (floor < x)
    part = x - floor
    usual = (s > 1.0) & (s < float("inf"))
    power = tl.where(usual, s, 2.0)
    y = tl.where(x > 0.0, x, 1.0)
    found = hurwitz_zeta(power, tl.where(negative, part, tl.where(y < float("inf"), y, 1.0)))
    other = tl.where(negative, libdevice.ceil(x) - x, 0.5)
    beyond = hurwitz_zeta(power, other) - hurwitz_zeta(power, tl.where(negative, 1.0 - x, 1.0))
    odd = s - 2.0 * libdevice.floor(0.5 * s)
    found = tl.where(negative, found + tl.where(odd == 1.0, -beyond, beyond), found)
    found = tl.where(x == float("inf"), 0.0, found)
    found = tl.where((x <= 0.0) & (floor == x), float("inf"), found)
    found = tl.where(negative & (whole == 0), float("nan"), found)
    found = tl.where(s == float("inf"), tl.where(x == 1.0, 1.0, tl.where(x < 1.0, float("inf"), float("nan"))), found)
    found = tl.where(s < 1.0, float("nan"), tl.where(s == 1.0, float("inf"), found))
    found = tl.where((s < 1.0) & (x == 1.0), riemann_zeta(tl.where(s < 1.0, s, 0.0)), found)
    return tl.where((s == s) & (x == x), found, s + x)


@triton.jit
def riemann_zeta(s):
    # For s < 1.
    reflected = s < 0.0
    power = tl.where(reflected, 1.0 - s, s)
    right = hurwitz_zeta(power, tl.zeros_like(s) + 1.0)
    turned = tl.where(reflected & (s > -1e300), s, 0.0)
    # gamma(power) / (2 pi)**power, by 5.5.5 in two parts that do not overflow.
    root = libdevice.pow(tl.zeros_like(s) + 3.141592653589793, -0.5 * power)
    gamma = (libdevice.tgamma(0.5 * power) * root) * (libdevice.tgamma(0.5 * power + 0.5) * root)
    left = 0.5641895835477563 * sine_of_pi(0.5 * turned) * gamma * right
    left = tl.where(sine_of_pi(0.5 * turned) == 0.0, 0.0, left)
    left = tl.where(s == float("-inf"), float("nan"), left)
    return tl.where(reflected, left, right)


# --- incomplete functions ------------------------------------------------------------------------


@triton.jit
def gamma_density(a, x):
    # x**a * exp(-x) / gamma(a).
    return square_root(a) * 0.3989422804014327 / scaled_gamma(a) * libdevice.exp(excess(a, x - a, x / a))


@triton.jit
def upper_of_small(a, x):
    # The upper function for x < 1.1 and a <= 1/2: 8.7.3, of which 1 - x**a / gamma(1 + a) is taken at once.
    tail = reciprocal_gamma_tail(a)
    power = a * libdevice.log(x)
    first = -libdevice.expm1(power + libdevice.log1p(a * tail))
    total = tl.zeros_like(x)
    term = tl.zeros_like(x) + 1.0
    for k in tl.static_range(1, 20):
        term = term * -x / (k * 1.0)
        total = total + term / (a + k)
    return first - libdevice.exp(power) * (1.0 + a * tail) * a * total


@triton.jit
def gamma_of_large(a, x, upper: tl.constexpr):
    # For large a: the uniform expansion (8.12.3, 8.12.4) with its first two coefficients.
    relative = (x - a) / a
    half = -log_of_one_plus_less(tl.where(relative > -1.0, relative, -0.5))
    far = square_root(a * half)
    eta = libdevice.copysign(square_root(2.0 * half), relative)
    z = tl.minimum(tl.maximum(eta, -0.1), 0.1)
    c = z * 3.919263178522438e-05 - 0.0001787551440329218
    c = z * c + 0.0003527336860670194
    c = z * c + 0.0011574074074074073
    c = z * c - 0.014814814814814815
    c = z * c + 0.08333333333333333
    c = z * c - 0.3333333333333333
    d = z * 0.00020576131687242798 - 0.0009902263374485596
    d = z * d + 0.0026455026455026454
    d = z * d - 0.003472222222222222
    d = z * d - 0.001851851851851852
    rest = libdevice.exp(-a * half) * 0.3989422804014327 / square_root(a) * (c + d / a)
    sign = 1.0 if upper else -1.0
    found = 0.5 * libdevice.erfc(libdevice.copysign(far, sign * relative)) + sign * rest
    return tl.where(relative > -1.0, found, 0.0 if not upper else 1.0)


@triton.jit
def gamma_incomplete(order, x, upper: tl.constexpr):
    # The regularized functions: the series (8.11.4) to the left of the order, the continued fraction (8.9.2), by the
    # method of Lentz, to the right; one is the complement of the other.
    usual = (order > 0.0) & (order < float("inf")) & (x > 0.0) & (x < float("inf"))
    large = usual & (order > 1e6)
    usual = usual & (order <= 1e6)
    a, y = tl.where(usual, order, 1.0), tl.where(usual, x, 1.0)
    right = (y > 1.1) & (y > a)
    small = (right == 0) & (a <= 0.5) & ((a < y * 1.1) | (a * libdevice.log(tl.minimum(y, 0.5)) > -0.4))
    density = gamma_density(a, y)
    active = usual & (right == 0)
    term = tl.zeros_like(y) + 1.0
    total = term
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(8):
            term = tl.where(active, term * y / (a + k), term)
            total = tl.where(active, total + term, total)
            k = k + 1.0
        active = active & (term > 1e-17 * total) & (k < 100000.0)
    series = density / a * tl.where(term > 1e-12 * total, float("nan"), total)
    b = tl.where(right, y, a + 2.0) + 1.0 - a
    c = tl.zeros_like(y) + 1e300
    d = 1.0 / b
    total = d
    active = usual & right
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(8):
            factor = -k * (k - a)
            b = b + 2.0
            d = factor * d + b
            d = 1.0 / tl.where(tl.abs(d) < 1e-300, 1e-300, d)
            c = b + factor / c
            c = tl.where(tl.abs(c) < 1e-300, 1e-300, c)
            total = tl.where(active, total * (c * d), total)
            k = k + 1.0
        active = active & (tl.abs(c * d - 1.0) > 5e-16) & (k < 100000.0)
    fraction = density * tl.where(tl.abs(c * d - 1.0) > 1e-12, float("nan"), total)
    if upper:
        found = tl.where(right, fraction, tl.where(small, upper_of_small(a, y), 1.0 - series))
        ends = tl.where((order == 0.0) | (x == float("inf")), 0.0, 1.0)
    else:
        found = tl.where(right, 1.0 - fraction, series)
        ends = tl.where((order == 0.0) | (x == float("inf")), 1.0, 0.0)
    ends = tl.where((x == 0.0) & (order == 0.0), float("nan"), ends)
    ends = tl.where((x == float("inf")) & (order == float("inf")), float("nan"), ends)
    ends = tl.where((x >= 0.0) & (order >= 0.0), ends, float("nan"))
    far = gamma_of_large(tl.where(large, order, 1e7), tl.where(large, x, 1e7), upper)
    return tl.where(usual, found, tl.where(large, far, ends))


@triton.jit
def beta_fraction(p, q, x, active):
    # 8.17.22, two parts a round, by the method of Lentz.
    c = tl.zeros_like(x) + 1.0
    d = 1.0 - (p + q) / (p + 1.0) * x
    d = 1.0 / tl.where(tl.abs(d) < 1e-300, 1e-300, d)
    total = d
    k = tl.full([], 1.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            twice = p + 2.0 * k
            a = k * (q - k) / (twice - 1.0) / twice * x
            d = 1.0 + a * d
            d = 1.0 / tl.where(tl.abs(d) < 1e-300, 1e-300, d)
            c = 1.0 + a / c
            c = tl.where(tl.abs(c) < 1e-300, 1e-300, c)
            total = tl.where(active, total * (c * d), total)
            a = -(p + k) / twice * (p + q + k) / (twice + 1.0) * x
            d = 1.0 + a * d
            d = 1.0 / tl.where(tl.abs(d) < 1e-300, 1e-300, d)
            c = 1.0 + a / c
            c = tl.where(tl.abs(c) < 1e-300, 1e-300, c)
            total = tl.where(active, total * (c * d), total)
            k = k + 1.0
        active = active & (tl.abs(c * d - 1.0) > 5e-16) & (k < 100000.0)
    return tl.where(tl.abs(c * d - 1.0) > 1e-12, float("nan"), total)


@triton.jit
def beta_incomplete(p, q, x, upper: tl.constexpr):
    # The regularized function, or its complement: the continued fraction on the side where it converges soon.
    usual = (p > 0.0) & (q > 0.0) & (p < float("inf")) & (q < float("inf")) & (x > 0.0) & (x < 1.0)
    a, b, y = tl.where(usual, p, 1.0), tl.where(usual, q, 1.0), tl.where(usual, x, 0.5)
    rest = 1.0 - y
    total = a + b
    gain = y * b - rest * a
    powers = libdevice.exp(excess(a, gain, y * (total / a)) + excess(b, -gain, rest * (total / b)))
    scaled = scaled_gamma(total) / scaled_gamma(a) / scaled_gamma(b)
    density = 0.3989422804014327 * square_root(a) * square_root(b / total) * powers * scaled
    turned = y >= (a + 1.0) / (total + 2.0)
    first, second = tl.where(turned, b, a), tl.where(turned, a, b)
    fraction = density * beta_fraction(first, second, tl.where(turned, rest, y), usual) / first
    if upper:
        found = tl.where(turned, fraction, 1.0 - fraction)
        ends = tl.where((x == 1.0) | (p == 0.0) | (q == float("inf")), 0.0, 1.0)
        ends = tl.where((x == 0.0), 1.0, tl.where(x == 1.0, 0.0, ends))
    else:
        found = tl.where(turned, 1.0 - fraction, fraction)
        ends = tl.where((x == 1.0) | (p == 0.0) | (q == float("inf")), 1.0, 0.0)
        ends = tl.where((x == 0.0), 0.0, tl.where(x == 1.0, 1.0, ends))
    ends = tl.where((p == 0.0) & (q == 0.0), float("nan"), ends)
    ends = tl.where((p == float("inf")) & (q == float("inf")), float("nan"), ends)
    ends = tl.where((p >= 0.0) & (q >= 0.0) & (x >= 0.0) & (x <= 1.0), ends, float("nan"))
    return tl.where(usual, found, ends)

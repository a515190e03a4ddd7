# mypy: ignore-errors
"""Bessel functions of real order, as `device_functions` has functions.

Two neighbouring orders within a half of 0 are found by Temme's series, by Steed's continued fraction or by Hankel's
expansion; from there to the order the recurrence goes up, which is stable for the functions of the second kind. Those
of the first kind follow by the Wronskian from them and from the quotient of neighbouring orders, a continued fraction.
(N. M. Temme, "On the numerical evaluation of the ordinary Bessel function of the second kind", J. Comput. Phys. 21,
1976; A. R. Barnett et al., "Coulomb wave functions for all real eta and rho", Comput. Phys. Commun. 8, 1974.)

Operands are float64. Equation numbers are those of the NIST Digital Library of Mathematical Functions (DLMF). Orders
beyond 100,000 give NaN.
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice

from .device_functions import square_root
from .device_integrals import any_of, cosine_of_pi, sine_of_pi


@triton.jit
def largest_of(x):
    # The largest number of a tile, or a single one.
    if len(x.shape) == 0:
        found = x
    else:
        found = tl.max(x, axis=None)
    return found


@triton.jit
def temme_start(mu, y):
    # Of abs(mu) <= 1/2 and 0 < y <= 2: p and q, and f without the factor that the kinds differ by. The powers of mu in
    # 1 / gamma(1 + mu) (5.7.1), odd and even apart.
    z = mu * mu
    odd = z * -5.348122539423018e-15 + 5.100370287454476e-13
    odd = z * odd + 7.782263439905071e-12
    odd = z * odd - 1.18127457048702e-09
    odd = z * odd + 6.116095104481416e-09
    odd = z * odd + 1.133027231981696e-06
    odd = z * odd - 2.013485478078824e-05
    odd = z * odd - 0.00021524167411495097
    odd = z * odd + 0.0072189432466631
    odd = z * odd - 0.04219773455554433
    odd = z * odd - 0.04200263503409524
    odd = z * odd + 0.5772156649015329
    even = z * 1.2267786282382608e-15 - 2.0583260535665068e-14
    even = z * even - 3.6968056186422057e-12
    even = z * even + 1.0434267116911005e-10
    even = z * even + 5.002007644469223e-09
    even = z * even - 2.056338416977607e-07
    even = z * even - 1.2504934821426706e-06
    even = z * even + 0.00012805028238811618
    even = z * even - 0.0011651675918590652
    even = z * even - 0.009621971527876973
    even = z * even + 0.16653861138229148
    even = z * even - 0.6558780715202539
    even = z * even + 1.0
    log = 0.6931471805599453 - libdevice.log(y)
    e = mu * log
    sinh = tl.where(e == 0.0, 1.0, libdevice.sinh(e) / tl.where(e == 0.0, 1.0, e))
    sine = sine_of_pi(mu)
    factor = tl.where(mu == 0.0, 1.0, 3.141592653589793 * mu / tl.where(mu == 0.0, 1.0, sine))
    f = factor * (even * sinh * log - odd * libdevice.cosh(e))
    power = libdevice.exp(e)
    return f, power / (even + mu * odd), 1.0 / (power * (even - mu * odd))


@triton.jit
def first_series(v, x, sign: tl.constexpr):
    # J (of the sign -1) or I (of 1) by its power series (10.2.2, 10.25.2), where x**2 <= 4 (v + 1).
    z = (0.25 * sign) * (x * x)
    term = tl.zeros_like(x) + 1.0
    total = term
    for k in tl.static_range(1, 22):
        term = term * z / (k * (v + k))
        total = total + term
    large = v > 165.0
    direct = libdevice.pow(0.5 * x, v) / libdevice.tgamma(tl.where(large, 1.0, v) + 1.0)
    logs = libdevice.exp(v * libdevice.log(0.5 * x) - libdevice.lgamma(v + 1.0))
    return tl.where(v == 0.0, total, tl.where(large, logs, direct) * total)


@triton.jit
def ratio_of_orders(v, x, steps, sign: tl.constexpr):
    # The function of the first kind of order v + 1 over that of v (10.10.1, 10.33.1), from a part far down; and the
    # sign that the latter has, where that of high orders is positive.
    found = tl.zeros_like(x)
    parity = found + 1.0
    inverse = 2.0 / x
    k = libdevice.ceil(largest_of(steps))
    while k > 0.0:
        below = (v + k) * inverse + sign * found
        below = tl.where(tl.abs(below) < 1e-300, 1e-300, below)
        found = 1.0 / below
        parity = tl.where(found < 0.0, -parity, parity)
        k = k - 1.0
    return found, parity


# --- Bessel functions ----------------------------------------------------------------------------


@triton.jit
def hankel(v, x):
    # J and Y for x >= 25 and x >= v**2 / 2 (10.17.3, 10.17.4).
    square = 4.0 * v * v
    inverse = 0.125 / x
    term = tl.zeros_like(x) + 1.0
    p, q = term, tl.zeros_like(x)
    for k in tl.static_range(0, 15):
        term = term * (square - (4.0 * k + 1.0) * (4.0 * k + 1.0)) / (2.0 * k + 1.0) * inverse
        q = q + (1.0 - 2.0 * (k % 2)) * term
        term = term * (square - (4.0 * k + 3.0) * (4.0 * k + 3.0)) / (2.0 * k + 2.0) * inverse
        p = p - (1.0 - 2.0 * (k % 2)) * term
    # The angle is x - pi * (v / 2 + 1 / 4).
    turn = 0.5 * v + 0.25
    sine, cosine = libdevice.sin(x), libdevice.cos(x)
    turn_sine, turn_cosine = sine_of_pi(turn), cosine_of_pi(turn)
    c = cosine * turn_cosine + sine * turn_sine
    s = sine * turn_cosine - cosine * turn_sine
    size = 0.7978845608028654 / square_root(x)
    return size * (p * c - q * s), size * (p * s + q * c)


@triton.jit
def temme_y(mu, x):
    # Y of the orders mu and mu + 1 for 0 < x <= 2.
    f, p, q = temme_start(mu, x)
    f, p, q = f * 0.6366197723675814, p * 0.3183098861837907, q * 0.3183098861837907
    sine = sine_of_pi(0.5 * mu)
    r = tl.where(mu == 0.0, 0.0, 2.0 * sine * sine / tl.where(mu == 0.0, 1.0, mu))
    z = -0.25 * (x * x)
    c = tl.zeros_like(x) + 1.0
    total, above = f + r * q, p
    for k in tl.static_range(1, 20):
        f = (k * f + p + q) / (k * k - mu * mu)
        c = c * z / (k * 1.0)
        p = p / (k - mu)
        q = q / (k + mu)
        gain = c * (f + r * q)
        total = total + gain
        above = above + (c * p - k * gain)
    return -total, -above * (2.0 / x)


@triton.jit
def steed_y(mu, x, active):
    # Y of the orders mu and mu + 1 for 2 <= x <= 25, by J'/J = f and (J' + i Y') / (J + i Y) = p + i q.
    ratio, parity = ratio_of_orders(mu, x, tl.where(active, x + 45.0, 0.0), -1)
    f = mu / x - ratio
    a = 0.25 - mu * mu
    inverse = 1.0 / x
    p, q = -0.5 * inverse, tl.zeros_like(x) + 1.0
    b_re, b_im = 2.0 * x, q * 2.0
    factor = a * inverse / (p * p + q * q)
    c_re, c_im = b_re + q * factor, b_im + p * factor
    size = 1.0 / (b_re * b_re + b_im * b_im)
    d_re, d_im = b_re * size, -b_im * size
    step_re, step_im = c_re * d_re - c_im * d_im, c_re * d_im + c_im * d_re
    p, q = p * step_re - q * step_im, p * step_im + q * step_re
    k = tl.full([], 2.0, tl.float64)
    while any_of(active):
        for _ in tl.static_range(4):
            a = a + 2.0 * (k - 1.0)
            b_im = b_im + 2.0
            d_re, d_im = a * d_re + b_re, a * d_im + b_im
            size = a / (c_re * c_re + c_im * c_im)
            c_re, c_im = b_re + c_re * size, b_im - c_im * size
            size = 1.0 / (d_re * d_re + d_im * d_im)
            d_re, d_im = d_re * size, -d_im * size
            step_re, step_im = c_re * d_re - c_im * d_im, c_re * d_im + c_im * d_re
            p_next, q_next = p * step_re - q * step_im, p * step_im + q * step_re
            p, q = tl.where(active, p_next, p), tl.where(active, q_next, q)
            k = k + 1.0
        active = active & (tl.abs(step_re - 1.0) + tl.abs(step_im) > 4e-16) & (k < 500.0)
    # The Wronskian (10.5.2) gives their size.
    part = p - f
    j = parity * square_root(0.6366197723675814 * inverse / (part * part / q + q))
    y = j * part / q
    # Y' = q J + p Y.
    return y, mu * inverse * y - (q * j + p * y)


@triton.jit
def bessel_pair(v, x):
    # J and Y for v >= 0 and x > 0.
    far = (x >= 25.0) & (x >= 0.5 * v * v)
    n = tl.where(far, 0.0, libdevice.nearbyint(v))
    mu = v - n
    near, high = x < 2.0, x >= 25.0
    low_y, low_above = temme_y(tl.where(near, mu, 0.0), tl.where(near, x, 1.0))
    middle = (near == 0) & (high == 0)
    middle_y, middle_above = steed_y(tl.where(middle, mu, 0.0), tl.where(middle, x, 2.0), middle)
    high_x, high_mu = tl.where(high, x, 25.0), tl.where(high, mu, 0.0)
    high_j, high_y = hankel(high_mu, high_x)
    _, high_above = hankel(high_mu + 1.0, high_x)
    y = tl.where(near, low_y, tl.where(high, high_y, middle_y))
    above = tl.where(near, low_above, tl.where(high, high_above, middle_above))
    inverse = 2.0 / x
    k = tl.full([], 1.0, tl.float64)
    last = largest_of(n)
    while k <= last:
        going = k <= n
        next_one = (mu + k) * inverse * above - y
        next_one = tl.where(above == float("-inf"), above, next_one)
        y, above = tl.where(going, above, y), tl.where(going, next_one, above)
        k = k + 1.0
    small = x * x <= 4.0 * (v + 1.0)
    series = first_series(tl.where(small, v, 0.0), tl.where(small, x, 1.0), -1)
    other = (small == 0) & (far == 0)
    steps = tl.where(other, tl.maximum(x - v, 0.0) + 45.0 + 2.0 * square_root(x), 0.0)
    ratio, _ = ratio_of_orders(tl.where(other, v, 0.0), tl.where(other, x, 2.0), steps, -1)
    j = 0.3183098861837907 * inverse / (ratio * y - above)
    j = tl.where(above == float("-inf"), 0.0, j)
    return tl.where(small, series, tl.where(far, high_j, j)), y


@triton.jit
def bessel_j(v, x):
    # Negative orders by 10.4.6 and 10.4.7; numbers below 0, where the order is whole, by 10.11.1.
    order, y = tl.abs(v), tl.abs(x)
    whole = libdevice.floor(v) == v
    inside = (order <= 100000.0) & (y > 0.0) & (y < float("inf"))
    j, second = bessel_pair(tl.where(inside, order, 0.0), tl.where(inside, y, 1.0))
    turned = cosine_of_pi(order) * j - tl.where(whole, 0.0, sine_of_pi(order) * second)
    found = tl.where(v < 0.0, turned, j)
    odd = order - 2.0 * libdevice.floor(0.5 * order)
    found = tl.where((x < 0.0) & (odd == 1.0), -found, found)
    pole = tl.where(sine_of_pi(order) > 0.0, float("-inf"), float("inf"))
    at_zero = tl.where(v == 0.0, 1.0, tl.where((v > 0.0) | whole, 0.0, -pole * gamma_sign_of_order(v)))
    found = tl.where(y == 0.0, at_zero, tl.where(y == float("inf"), 0.0, found))
    found = tl.where((x < 0.0) & (whole == 0), float("nan"), found)
    found = tl.where(order <= 100000.0, found, float("nan"))
    return tl.where((v == v) & (x == x), found, v + x)


@triton.jit
def bessel_y(v, x):
    # Negative orders by 10.4.6 and 10.4.7.
    order = tl.abs(v)
    inside = (order <= 100000.0) & (x > 0.0) & (x < float("inf"))
    j, y = bessel_pair(tl.where(inside, order, 0.0), tl.where(inside, x, 1.0))
    cosine = cosine_of_pi(order)
    turned = sine_of_pi(order) * j + tl.where(cosine == 0.0, 0.0, cosine * y)
    found = tl.where(v < 0.0, turned, y)
    turned = tl.where(cosine == 0.0, 0.0, tl.where(cosine > 0.0, float("-inf"), float("inf")))
    found = tl.where(x == 0.0, tl.where(v < 0.0, turned, float("-inf")), tl.where(x == float("inf"), 0.0, found))
    found = tl.where(x < 0.0, float("nan"), found)
    found = tl.where(order <= 100000.0, found, float("nan"))
    return tl.where((v == v) & (x == x), found, v + x)


# --- modified ones -------------------------------------------------------------------------------


@triton.jit
def temme_k(mu, x):
    # K of the orders mu and mu + 1 for 0 < x <= 2.
    f, p, q = temme_start(mu, x)
    p, q = 0.5 * p, 0.5 * q
    z = 0.25 * (x * x)
    c = tl.zeros_like(x) + 1.0
    total, above = f, p
    for k in tl.static_range(1, 20):
        f = (k * f + p + q) / (k * k - mu * mu)
        c = c * z / (k * 1.0)
        p = p / (k - mu)
        q = q / (k + mu)
        total = total + c * f
        above = above + c * (p - k * f)
    return total, above * (2.0 / x)


@triton.jit
def steed_k(mu, x, active):
    # exp(x) * K of the orders mu and mu + 1 for x >= 2.
    y = tl.where(active, x, 1e8)
    part = 0.25 - mu * mu
    b = 2.0 * (1.0 + y)
    d = 1.0 / b
    gain = d
    h = d
    q1, q2 = tl.zeros_like(x), tl.zeros_like(x) + 1.0
    c = part
    q = part
    a = -part
    s = 1.0 + q * gain
    k = tl.full([], 2.0, tl.float64)
    while any_of(active):
        a = a - 2.0 * (k - 1.0)
        c = -a * c / k
        q1, q2 = q2, (q1 - b * q2) / a
        q = q + c * q2
        b = b + 2.0
        d = 1.0 / (b + a * d)
        gain = (b * d - 1.0) * gain
        h = tl.where(active, h + gain, h)
        s = tl.where(active, s + q * gain, s)
        k = k + 1.0
        active = active & (tl.abs(q * gain) > 1e-17 * tl.abs(s)) & (k < 500.0)
    found = 1.2533141373155003 / square_root(x) / s
    return found, found * ((mu + 0.5 - part * h) / x + 1.0)


@triton.jit
def modified_pair(v, x):
    # exp(-x) * I and exp(x) * K for v >= 0 and x > 0.
    n = libdevice.nearbyint(v)
    mu = v - n
    near = x < 2.0
    low, low_above = temme_k(tl.where(near, mu, 0.0), tl.where(near, x, 1.0))
    power = libdevice.exp(tl.where(near, x, 0.0))
    high, high_above = steed_k(tl.where(near, 0.0, mu), tl.where(near, 2.0, x), (near == 0) & (x < 1e8))
    below, above = tl.where(near, low * power, high), tl.where(near, low_above * power, high_above)
    inverse = 2.0 / x
    k = tl.full([], 1.0, tl.float64)
    last = largest_of(n)
    while k <= last:
        going = k <= n
        next_one = (mu + k) * inverse * above + below
        below, above = tl.where(going, above, below), tl.where(going, next_one, above)
        k = k + 1.0
    small = x * x <= 4.0 * (v + 1.0)
    y = tl.where(small, x, 1.0)
    series = first_series(tl.where(small, v, 0.0), y, 1) * libdevice.exp(-y)
    far = (x >= 25.0) & (x >= 0.5 * v * v)
    large, order = tl.where(far, x, 25.0), tl.where(far, v, 0.0)
    term = tl.zeros_like(x) + 1.0
    total = term
    for k in tl.static_range(1, 30):
        term = term * ((2.0 * k - 1.0) * (2.0 * k - 1.0) - 4.0 * order * order) / (8.0 * k) / large
        total = total + term
    total = total * 0.3989422804014327 / square_root(large)
    other = (small == 0) & (far == 0)
    steps = tl.where(other, 40.0 + 8.0 * square_root(x), 0.0)
    ratio, _ = ratio_of_orders(tl.where(other, v, 0.0), tl.where(other, x, 2.0), steps, 1)
    found = 1.0 / (x * (above + ratio * below))
    return tl.where(small, series, tl.where(far, total, found)), below


@triton.jit
def gamma_sign_of_order(v):
    # The sign of 1 / gamma(v + 1) times that of sin(pi * abs(v)), for negative orders that are not whole.
    floor = libdevice.floor(v + 1.0)
    odd = floor - 2.0 * libdevice.floor(0.5 * floor)
    sign = tl.where((v + 1.0 < 0.0) & (odd != 0.0), -1.0, 1.0) + tl.zeros_like(v)
    return tl.where(sine_of_pi(tl.abs(v)) > 0.0, sign, -sign)


@triton.jit
def bessel_i(v, x, scaled: tl.constexpr):
    # Negative orders by 10.27.2; numbers below 0, where the order is whole, by 10.27.1 and 10.34.1.
    order, y = tl.abs(v), tl.abs(x)
    whole = libdevice.floor(v) == v
    inside = (order <= 100000.0) & (y > 0.0) & (y < float("inf"))
    z = tl.where(inside, y, 1.0)
    i, k = modified_pair(tl.where(inside, order, 0.0), z)
    turned = tl.where(whole, 0.0, 0.6366197723675814 * sine_of_pi(order) * k * libdevice.exp(-2.0 * z))
    found = tl.where(v < 0.0, i + turned, i)
    if not scaled:
        root = libdevice.exp(0.5 * z)
        found = found * root * root
    odd = order - 2.0 * libdevice.floor(0.5 * order)
    found = tl.where((x < 0.0) & (odd == 1.0), -found, found)
    sine = sine_of_pi(order)
    pole = tl.where(sine > 0.0, float("inf"), float("-inf"))
    at_zero = tl.where(v == 0.0, 1.0, tl.where((v > 0.0) | whole, 0.0, pole))
    found = tl.where(y == 0.0, at_zero, found)
    if scaled:
        found = tl.where(y == float("inf"), 0.0, found)
    else:
        found = tl.where(y == float("inf"), tl.where((x < 0.0) & (odd == 1.0), float("-inf"), float("inf")), found)
    found = tl.where((x < 0.0) & (whole == 0), float("nan"), found)
    found = tl.where(order <= 100000.0, found, float("nan"))
    return tl.where((v == v) & (x == x), found, v + x)


@triton.jit
def bessel_k(v, x, scaled: tl.constexpr):
    order = tl.abs(v)
    inside = (order <= 100000.0) & (x > 0.0) & (x < float("inf"))
    z = tl.where(inside, x, 1.0)
    _, found = modified_pair(tl.where(inside, order, 0.0), z)
    if not scaled:
        root = libdevice.exp(-0.5 * z)
        found = found * root * root
    found = tl.where(x == 0.0, float("inf"), tl.where(x == float("inf"), 0.0, found))
    found = tl.where(x < 0.0, float("nan"), found)
    found = tl.where(order <= 100000.0, found, float("nan"))
    return tl.where((v == v) & (x == x), found, v + x)

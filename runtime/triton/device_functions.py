# mypy: ignore-errors
"""Functions that kernels call on the device: Triton source, of which a kernel's file takes what it uses.

Operands are float32 or float64 (16-bit numbers are computed in float32), or integers where it is said. Nothing imports
this file but Triton's own processes; `source` reads it as text.
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def spread(x, y):
    # The first number in the shape of both.
    found, _ = tl.broadcast(x, y)
    return found


@triton.jit
def multiply(x, y):
    return x * y


@triton.jit
def divide(x, y):
    # Triton's own division of float32 is approximate.
    if x.dtype == tl.float32:
        found = tl.div_rn(x, y)
    else:
        found = x / y
    return found


@triton.jit
def square_root(x):
    # Triton's own root of float32 is approximate.
    if x.dtype == tl.float32:
        found = tl.sqrt_rn(x)
    else:
        found = tl.sqrt(x)
    return found


@triton.jit
def sigmoid(x):
    small = libdevice.exp(-tl.abs(x))
    return divide(tl.where(x < 0.0, small, tl.full([], 1.0, x.dtype)), 1.0 + small)


@triton.jit
def log_sigmoid(x):
    return tl.where(x < 0.0, x, tl.full([], 0.0, x.dtype)) - libdevice.log1p(libdevice.exp(-tl.abs(x)))


@triton.jit
def entropy(x):
    found = tl.where(x > 0.0, -x * libdevice.log(x), x)
    return tl.where(x < 0.0, float("-inf"), tl.where(x == 0.0, 0.0, found))


@triton.jit
def log_ndtr(x):
    # erfcx neither under- nor overflows on the left; near 0 and on the right log1p keeps the digits.
    scaled = x * 0.7071067811865476
    left = libdevice.log(0.5 * libdevice.erfcx(-tl.where(x < -1.0, scaled, -1.0))) - scaled * scaled
    right = libdevice.log1p(-0.5 * libdevice.erfc(tl.where(x < -1.0, 0.0, scaled)))
    return tl.where(x < -1.0, left, right)


@triton.jit
def float_remainder(x, y):
    # The sign of y, as Python's and NumPy's.
    rest = libdevice.fmod(x, y)
    moved = tl.where((rest != 0.0) & ((rest < 0.0) != (y < 0.0)), rest + y, rest)
    zero = tl.zeros_like(y)
    return tl.where(moved == 0.0, tl.where(y < 0.0, zero * -1.0, zero), moved)


@triton.jit
def float_floor_divide(x, y):
    rest = libdevice.fmod(x, y)
    quotient = divide(x - rest, y)
    quotient = tl.where((rest != 0.0) & ((rest < 0.0) != (y < 0.0)), quotient - 1.0, quotient)
    # The difference is a multiple of y but for rounding.
    whole = libdevice.floor(quotient)
    whole = tl.where(quotient - whole > 0.5, whole + 1.0, whole)
    # Zeros have the sign of the quotient.
    whole = tl.where(whole == 0.0, libdevice.copysign(tl.zeros_like(y), divide(x, y)), whole)
    return tl.where(y == 0.0, divide(x, y), whole)


@triton.jit
def integer_remainder(x, y):
    # Of signed integers; 0 where y is 0, as NumPy's.
    safe = tl.where((y == 0) | (y == -1), 1, y)
    rest = x % safe
    return tl.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


@triton.jit
def integer_floor_divide(x, y):
    # Of signed integers; 0 where y is 0, as NumPy's.
    safe = tl.where((y == 0) | (y == -1), 1, y)
    quotient = x // safe
    rest = x - quotient * safe
    quotient = tl.where((rest != 0) & ((rest < 0) != (y < 0)), quotient - 1, quotient)
    return tl.where(y == 0, 0, tl.where(y == -1, -x, quotient))


@triton.jit
def unsigned_remainder(x, y):
    return tl.where(y == 0, 0, x % tl.where(y == 0, 1, y))


@triton.jit
def unsigned_floor_divide(x, y):
    return tl.where(y == 0, 0, x // tl.where(y == 0, 1, y))


@triton.jit
def greatest_common_divisor(x, y, divisions: tl.constexpr):
    for _ in range(divisions):
        done = y == 0
        rest = x % tl.where(done, 1, y)
        x = tl.where(done, x, y)
        y = tl.where(done, y, rest)
    return tl.where(x > 0, x, 0 - x)


@triton.jit
def next_after(x, y, integer: tl.constexpr):
    # On the number's bits as an integer, which count up with its magnitude.
    bits = x.to(integer, bitcast=True)
    away = (x.to(tl.float64) < y.to(tl.float64)) == (bits >= 0)
    moved = tl.where(away, bits + 1, bits - 1).to(integer)
    one = tl.full([], 1, integer)
    smallest = one.to(x.dtype, bitcast=True)
    wide = y.to(tl.float64)
    found = tl.where(
        x.to(tl.float64) == 0.0, tl.where(wide > 0.0, smallest, -smallest), moved.to(x.dtype, bitcast=True)
    )
    found = tl.where(x.to(tl.float64) == wide, y, found)
    nan = (x.to(tl.float64) != x.to(tl.float64)) | (wide != wide)
    return tl.where(nan, float("nan"), found.to(tl.float64)).to(x.dtype)


@triton.jit
def digamma(x):
    # Reflection (DLMF 5.5.4) below 1/2, the recurrence (5.5.2) up to 10, then the asymptotic series (5.11.2).
    reflected = x < 0.5
    y = tl.where(reflected, 1.0 - x, x)
    found = tl.zeros_like(x)
    for _ in tl.static_range(10):
        small = y < 10.0
        found = found - tl.where(small, divide(tl.full([], 1.0, x.dtype), y), 0.0)
        y = tl.where(small, y + 1.0, y)
    inverse = divide(tl.full([], 1.0, x.dtype), y)
    z = inverse * inverse
    tail = 0.021092796092796094 - z * 0.08333333333333333
    tail = 0.007575757575757576 - z * tail
    tail = 0.004166666666666667 - z * tail
    tail = 0.003968253968253968 - z * tail
    tail = 0.008333333333333333 - z * tail
    tail = z * (0.08333333333333333 - z * tail)
    found = found + libdevice.log(y) - 0.5 * inverse - tail
    part = x - libdevice.floor(x)
    part = tl.where(part > 0.5, part - 1.0, part)  # the tangent's period is 1 here: exact before pi rounds
    found = tl.where(
        reflected,
        found - divide(tl.full([], 3.141592653589793, x.dtype), libdevice.tan(3.141592653589793 * part)),
        found,
    )
    # As of SciPy: the limit at 0, and NaN at the other poles.
    found = tl.where((x < 0.0) & (libdevice.floor(x) == x), float("nan"), found)
    found = tl.where(x == 0.0, divide(tl.full([], -1.0, x.dtype), x), found)
    return tl.where(x == float("inf"), float("inf"), found)


@triton.jit
def hurwitz_zeta(s, x):
    # For s > 1 and x > 0, and s >= 0 at x = 1: twelve terms and the Euler-Maclaurin sum of the others (DLMF 25.11.28).
    found = tl.zeros_like(x)
    a = x
    for _ in tl.static_range(12):
        found = found + libdevice.pow(a, -s)
        a = a + 1.0
    power = libdevice.pow(a, -s)
    found = found + divide(power * a, s - 1.0) + 0.5 * power
    inverse = divide(tl.full([], 1.0, x.dtype), a * a)
    term = divide(power * s, a)
    found = found + term * 0.08333333333333333
    term = term * (s + 1.0) * (s + 2.0) * inverse
    found = found - term * 0.001388888888888889
    term = term * (s + 3.0) * (s + 4.0) * inverse
    found = found + term * 3.306878306878307e-05
    term = term * (s + 5.0) * (s + 6.0) * inverse
    found = found - term * 8.267195767195768e-07
    term = term * (s + 7.0) * (s + 8.0) * inverse
    found = found + term * 2.08767569878681e-08
    term = term * (s + 9.0) * (s + 10.0) * inverse
    found = found - term * 5.284190138687493e-10
    term = term * (s + 11.0) * (s + 12.0) * inverse
    found = found + term * 1.3382536530684679e-11
    term = term * (s + 13.0) * (s + 14.0) * inverse
    return found - term * 3.3896802963225829e-13


@triton.jit
def before(x, y, i, j):
    # Whether the element x at position i comes before y at j in a stable sort, NaN last.
    x_nan = x != x
    y_nan = y != y
    tied = (x == y) | (x_nan & y_nan)
    return tl.where(tied, i < j, (y_nan & (x == x)) | (x < y))

"""What compiled kernels say of themselves."""

import re

#: As Triton prints them: numbers that a float32 holds exactly.
EXACT = {"0.000000e+00", "1.000000e+00", "-1.000000e+00", "0x7F800000", "0xFF800000", "0x7FC00000"}


def rounded_constants(binary):
    """The float32 constants of a float64 kernel that are more than 0, 1, -1, an infinity or NaN: the interpreter
    computes literals in float64, but compiled, one that is bound to a name would be rounded."""
    pattern = r"arith.constant (?:dense<)?([^ :>]+)>? : (?:tensor<[0-9x]*)?f32"
    return set(re.findall(pattern, binary.stages["ttir"])) - EXACT

"""mixad: automatic differentiation of NumPy programs, by graph passes that can be read."""

from .frontend.jit import jit
from .frontend.transforms import grad, hvp, jvp, linearize, value_and_grad, vjp

__all__ = ["grad", "hvp", "jit", "jvp", "linearize", "value_and_grad", "vjp"]

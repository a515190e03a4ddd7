"""mixad: automatic differentiation of NumPy programs, by graph passes that can be read."""

from .frontend.graphs import make_graph
from .frontend.jacobians import hessian, jacfwd, jacrev
from .frontend.jit import jit
from .frontend.stop import stop_gradient
from .frontend.transforms import grad, hvp, jvp, linearize, value_and_grad, vjp
from .ir import Module, TensorType, parse_module
from .ir.errors import MixadError
from .passes import PassManager
from .tools.dump import dump

__all__ = [
    "MixadError",
    "Module",
    "PassManager",
    "TensorType",
    "dump",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "make_graph",
    "parse_module",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

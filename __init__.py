"""mixad: automatic differentiation of NumPy programs, by graph passes that can be read."""

from .frontend import aliases  # noqa: F401 (makes mixad.mindspore importable)
from .frontend.grad_operation import GradOperation
from .frontend.graphs import make_graph
from .frontend.jacobians import hessian, jacfwd, jacrev
from .frontend.jit import jit
from .frontend.mapping import vmap
from .frontend.parameters import Parameter, ParameterTuple
from .frontend.stop import stop_gradient
from .frontend.transforms import grad, hvp, jvp, linearize, value_and_grad, vjp
from .ir import Module, TensorType, parse_module
from .ir.errors import MixadError
from .passes import PassManager
from .tools.dump import dump

__all__ = [
    "GradOperation",
    "MixadError",
    "Module",
    "Parameter",
    "ParameterTuple",
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
    "vmap",
]

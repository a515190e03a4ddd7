"""mixad: automatic differentiation of NumPy programs, by graph passes that can be read."""

from .frontend import aliases  # noqa: F401 (makes mixad.mindspore importable)
from .frontend.checking import check_grads
from .frontend.checkpointing import checkpoint
from .frontend.control import associative_scan, cond, fori_loop, map, scan, switch, while_loop
from .frontend.custom import custom_jvp, custom_vjp
from .frontend.debugging import debug_infs, debug_nans
from .frontend.devices import DeviceArray, device, to_device
from .frontend.grad_operation import GradOperation
from .frontend.gradient_flow import gradient_report
from .frontend.graphs import make_graph
from .frontend.implicit import custom_root, fixed_point
from .frontend.jacobians import hessian, jacfwd, jacrev
from .frontend.jit import jit
from .frontend.linear_solves import custom_linear_solve
from .frontend.mapping import vmap
from .frontend.operations import operation
from .frontend.parameters import Parameter, ParameterTuple
from .frontend.raveling import ravel
from .frontend.stop import stop_gradient
from .frontend.transforms import grad, hvp, jvp, linear_transpose, linearize, value_and_grad, vjp
from .ir import Module, TensorType, parse_module
from .ir.errors import MixadError
from .passes import PassManager
from .runtime.stablehlo import to_stablehlo
from .tools import progress  # noqa: F401 (MIXAD_PROGRESS in the environment)
from .tools.dump import dump

__all__ = [
    "DeviceArray",
    "GradOperation",
    "MixadError",
    "Module",
    "Parameter",
    "ParameterTuple",
    "PassManager",
    "TensorType",
    "associative_scan",
    "check_grads",
    "checkpoint",
    "cond",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_vjp",
    "debug_infs",
    "debug_nans",
    "device",
    "dump",
    "fixed_point",
    "fori_loop",
    "grad",
    "gradient_report",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "linear_transpose",
    "linearize",
    "make_graph",
    "map",
    "operation",
    "parse_module",
    "ravel",
    "scan",
    "stop_gradient",
    "switch",
    "to_device",
    "to_stablehlo",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

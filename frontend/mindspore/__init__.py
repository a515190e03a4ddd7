"""MindSpore's face: ``import mixad.mindspore.nn as nn`` where a program says ``import mindspore.nn as nn``."""

from ..parameters import ParameterTuple
from . import context, dtype, nn, ops
from .context import GRAPH_MODE, PYNATIVE_MODE, get_context, set_context
from .dtype import (
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .functional import grad, jvp, value_and_grad, vjp
from .nn import set_seed
from .tensor import Parameter, Tensor

__all__ = [
    "GRAPH_MODE",
    "PYNATIVE_MODE",
    "Parameter",
    "ParameterTuple",
    "Tensor",
    "bfloat16",
    "bool_",
    "complex64",
    "complex128",
    "context",
    "dtype",
    "float16",
    "float32",
    "float64",
    "get_context",
    "grad",
    "int8",
    "int16",
    "int32",
    "int64",
    "jvp",
    "nn",
    "ops",
    "set_context",
    "set_seed",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    "vjp",
]

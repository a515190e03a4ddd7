"""What a program is: types, values, operations, graphs and modules, and their text."""

from .attributes import Dense, SymbolRef
from .builder import Builder
from .definition import OpDefinition, lookup, registered
from .fingerprint import Fingerprint, fingerprint, module_fingerprint
from .graph import Graph, Operation, Value
from .location import UNKNOWN, Location, user_location
from .module import Module
from .parser import parse_module
from .printer import print_graph, print_module
from .types import TensorType, bfloat16
from .verifier import verify

__all__ = [
    "UNKNOWN",
    "Builder",
    "Dense",
    "Fingerprint",
    "Graph",
    "Location",
    "Module",
    "OpDefinition",
    "Operation",
    "SymbolRef",
    "TensorType",
    "Value",
    "bfloat16",
    "fingerprint",
    "lookup",
    "module_fingerprint",
    "parse_module",
    "print_graph",
    "print_module",
    "registered",
    "user_location",
    "verify",
]

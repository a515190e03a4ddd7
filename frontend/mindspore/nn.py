"""Networks as MindSpore writes them: Cells with ``construct``, layers, activations, losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ...runtime.forks import new_lock
from ..parameters import ParameterTuple
from . import ops
from .dtype import DType, float32
from .tensor import Parameter, Tensor, numpy_dtype

_random = np.random.default_rng()
_random_lock = new_lock()


def set_seed(seed: int) -> None:
    """Make the initial weights of the layers made from now on repeatable."""
    global _random
    with _random_lock:
        _random = np.random.default_rng(seed)


class Cell:
    """A network, or a part of one: subclasses write ``construct``, and calling the Cell calls it.

    Parameters, ParameterTuples and Cells among its attributes are its own; they are read at every call.
    """

    training = False

    def __init__(self, auto_prefix: bool = True, flags: Any = None) -> None:
        pass

    def construct(self, *args: Any, **kwargs: Any) -> Any:
        """What the Cell computes."""
        raise NotImplementedError(f"{type(self).__name__} has no construct(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """``construct``'s result."""
        return self.construct(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter) and not value.name:
            value.name = name
        object.__setattr__(self, name, value)

    # --- its parts -------------------------------------------------------------------------------

    def name_cells(self) -> dict[str, Cell]:
        """The Cells among the attributes, each once, in the order of assignment."""
        found: dict[int, tuple[str, Cell]] = {}
        for name, each in vars(self).items():
            if isinstance(each, Cell):
                found.setdefault(id(each), (name, each))
        return dict(found.values())

    def cells(self) -> list[Cell]:
        """The Cells among the attributes."""
        return list(self.name_cells().values())

    def cells_and_names(self, name_prefix: str = "") -> Iterator[tuple[str, Cell]]:
        """This Cell and all within, each once, depth first, with paths such as ``"block.dense"``."""
        pending, seen = [(name_prefix, self)], set[int]()
        while pending:
            path, cell = pending.pop()
            if id(cell) in seen:
                continue
            seen.add(id(cell))
            yield path, cell
            prefix = f"{path}." if path else ""
            pending += [(prefix + name, each) for name, each in reversed(cell.name_cells().items())]

    def parameters_and_names(self, name_prefix: str = "", expand: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters, each once, with their paths: a Cell's own, then those of its Cells (with ``expand``)."""
        seen = set[int]()
        for path, cell in self.cells_and_names(name_prefix) if expand else [(name_prefix, self)]:
            prefix = f"{path}." if path else ""
            for name, value in vars(cell).items():
                group: dict[str, Any] = {name: value} if isinstance(value, Parameter) else {}
                if isinstance(value, ParameterTuple):
                    group = {f"{name}.{index}": each for index, each in enumerate(value)}
                for own, each in group.items():
                    if id(each) not in seen:
                        seen.add(id(each))
                        yield prefix + own, each

    def get_parameters(self, expand: bool = True) -> Iterator[Parameter]:
        """The parameters in the order of `parameters_and_names`."""
        return (each for _, each in self.parameters_and_names(expand=expand))

    def trainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters with ``requires_grad``: a Cell's own first, then those of its Cells."""
        return [each for each in self.get_parameters(recurse) if each.requires_grad]

    def untrainable_params(self, recurse: bool = True) -> list[Parameter]:
        """The parameters without ``requires_grad``."""
        return [each for each in self.get_parameters(recurse) if not each.requires_grad]

    def parameters_dict(self, recurse: bool = True) -> dict[str, Parameter]:
        """The parameters by path."""
        return dict(self.parameters_and_names(expand=recurse))

    def insert_child_to_cell(self, child_name: str, child_cell: Cell) -> None:
        """Add a Cell under a name."""
        setattr(self, child_name, child_cell)

    def insert_param_to_cell(self, param_name: str, param: Parameter) -> None:
        """Add a parameter under a name."""
        setattr(self, param_name, param)

    # --- settings --------------------------------------------------------------------------------

    def set_train(self, mode: bool = True) -> Cell:
        """Set ``training`` here and in all Cells within; returns the Cell."""
        for _, cell in self.cells_and_names():
            cell.training = mode
        return self

    def set_grad(self, requires_grad: bool = True) -> Cell:
        """Returns the Cell: every Cell can be differentiated."""
        return self

    def __repr__(self) -> str:
        lines = [f"({name}): {each!r}".replace("\n", "\n  ") for name, each in self.name_cells().items()]
        return f"{type(self).__name__}<{''.join(f'{chr(10)}  {line}' for line in lines)}{chr(10) if lines else ''}>"


class CellList(Cell):
    """A list of Cells, each of them a part of the Cell that owns the list."""

    def __init__(self, *cells: Any) -> None:
        super().__init__()
        self.extend(cells[0] if len(cells) == 1 and not isinstance(cells[0], Cell) else cells)

    def append(self, cell: Cell) -> CellList:
        """Add a Cell; returns the list."""
        if not isinstance(cell, Cell):
            raise TypeError(f"{type(self).__name__} holds Cells, and a {type(cell).__name__} is given")
        setattr(self, str(len(self)), cell)
        return self

    def extend(self, cells: Iterable[Cell]) -> CellList:
        """Add Cells; returns the list."""
        for cell in cells:
            self.append(cell)
        return self

    def _items(self) -> list[Cell]:
        return [each for name, each in vars(self).items() if name.isdecimal()]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._items())

    def __getitem__(self, index: Any) -> Any:
        return type(self)(self._items()[index]) if isinstance(index, slice) else self._items()[index]


class SequentialCell(CellList):
    """Cells applied one after the other."""

    def construct(self, x: Any) -> Any:
        """The last Cell's output."""
        for cell in self._items():
            x = cell(x)
        return x


def _initial(init: Any, default: Callable[[], Any], shape: tuple[int, ...], dtype: DType) -> Tensor:
    """Initial numbers: an array, a number, one of MindSpore's names, or the default."""
    if init is None:
        with _random_lock:
            numbers = default()
    elif isinstance(init, str):
        makers: dict[str, Callable[[], Any]] = {
            "zeros": lambda: np.zeros(shape),
            "ones": lambda: np.ones(shape),
            "normal": lambda: _random.normal(0.0, 0.01, shape),
            "uniform": lambda: _random.uniform(-0.07, 0.07, shape),
            "xavier_uniform": lambda: _uniform(math.sqrt(6 / sum(shape)), shape),
            "he_uniform": lambda: _uniform(math.sqrt(6 / shape[-1]), shape),
        }
        if init not in makers:
            raise ValueError(f"there is no initializer {init!r}; there are {', '.join(makers)}, arrays and numbers")
        with _random_lock:
            numbers = makers[init]()
    else:
        numbers = Tensor(init).asnumpy()
        if numbers.ndim == 0:
            numbers = np.full(shape, numbers)
    if numbers.shape != shape:
        raise ValueError(f"the initial numbers have shape {numbers.shape}, and shape {shape} is needed")
    return Tensor(np.asarray(numbers, numpy_dtype(dtype)))


def _uniform(bound: float, shape: tuple[int, ...]) -> Any:
    return _random.uniform(-bound, bound, shape)


class Dense(Cell):
    """A layer ``activation(x @ weight.T + bias)``.

    ``weight`` has shape (out_channels, in_channels), ``bias`` (out_channels,). ``weight_init`` and ``bias_init`` are
    arrays, numbers, or names such as "normal"; by default both are uniform within 1/sqrt(in_channels), as MindSpore 2
    has it. ``activation`` is a function, a Cell, or the name of one of `ops`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        weight_init: Any = None,
        bias_init: Any = None,
        has_bias: bool = True,
        activation: Any = None,
        dtype: DType = float32,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.has_bias = has_bias
        bound = 1 / math.sqrt(in_channels)

        def parameter(name: str, init: Any, shape: tuple[int, ...]) -> Parameter:
            return Parameter(_initial(init, lambda: _uniform(bound, shape), shape, dtype), name)

        self.weight = parameter("weight", weight_init, (out_channels, in_channels))
        if has_bias:
            self.bias = parameter("bias", bias_init, (out_channels,))
        self.activation = getattr(ops, activation) if isinstance(activation, str) else activation

    def construct(self, x: Any) -> Any:
        """``x`` of shape (..., in_channels) to (..., out_channels)."""
        out = ops.matmul(x, self.weight.T)
        if self.has_bias:
            out = out + self.bias
        return out if self.activation is None else self.activation(out)


class Identity(Cell):
    """The input as it is."""

    def construct(self, x: Any) -> Any:
        """``x``."""
        return x


class Flatten(Cell):
    """All axes but the first made one."""

    def construct(self, x: Any) -> Any:
        """``x`` of shape (n, ...) to (n, m)."""
        return x.reshape(x.shape[0], -1)


class _Activation(Cell):
    """A function of `ops` as a Cell; its options are given when it is made."""

    function: Callable[..., Any]
    options: tuple[str, ...] = ()

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__()
        self.settings = ops.bind_options(type(self).__name__, self.options, values, named)

    def construct(self, x: Any) -> Any:
        """The function, element by element."""
        return type(self).function(x, **self.settings)


def _activation(name: str, function: str, *options: str) -> type[_Activation]:
    made = getattr(ops, function)
    body = {"function": staticmethod(made), "options": options, "__doc__": made.__doc__, "__module__": __name__}
    return type(name, (_Activation,), body)


ReLU = _activation("ReLU", "relu")
Tanh = _activation("Tanh", "tanh")
Sigmoid = _activation("Sigmoid", "sigmoid")
GELU = _activation("GELU", "gelu")
ELU = _activation("ELU", "elu", "alpha")
SiLU = _activation("SiLU", "silu")
Softplus = _activation("Softplus", "softplus")
LeakyReLU = _activation("LeakyReLU", "leaky_relu", "alpha")
Softmax = _activation("Softmax", "softmax", "axis")
LogSoftmax = _activation("LogSoftmax", "log_softmax", "axis")


class MSELoss(Cell):
    """The squared error, reduced to its "mean" or "sum", or not ("none")."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction is {reduction!r}; it is 'mean', 'sum' or 'none'")
        self.reduction = reduction

    def construct(self, logits: Any, labels: Any) -> Any:
        """The loss of ``logits`` against ``labels``, of one shape."""
        error = ops.square(logits - labels)
        return error if self.reduction == "none" else getattr(ops, f"reduce_{self.reduction}")(error)

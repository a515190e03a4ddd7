"""jit: a function compiled whole, found by the signature of its arguments.

A call with a known signature does not run the Python function. Decisions that Python took from traced
values are guards: the program returns them beside its results, and a call that decides otherwise is
traced again with its own numbers.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, Final

import numpy as np

from ..ir.errors import TraceError
from ..runtime.backend import Backend
from ..runtime.compiler import epoch
from ..runtime.forks import new_lock
from . import trees
from .devices import Device, DeviceArray, as_device, current_backend
from .execution import entry_program, find_programs, input_arrays
from .requests import check_result, is_array, root_argument, traced
from .selection import Function, name_of
from .tracing import Trace, active, current_trace

_SCALARS = (int, float, complex)
#: How many programs a jitted function keeps: for different decisions, and for different signatures.
PROGRAMS_PER_SIGNATURE: Final = 32
SIGNATURES: Final = 1024
_BY_VALUE = frozenset((int, float, complex, bool, str, type(None)))


@dataclass
class Specialization:
    """A compiled program for one signature and one sequence of decisions."""

    run: Callable[..., tuple[Any, ...]]
    hidden: tuple[Any, ...]
    structure: Any
    count: int
    decisions: tuple[Any, ...]
    single: bool
    #: What the signature tells apart by identity, kept so that no other object takes its place.
    kept: tuple[Any, ...] = ()

    def diverges(self, results: Sequence[Any]) -> tuple[Any, ...] | None:
        """The decisions that the results show, up to the first that differs; None where all hold."""
        shown: list[Any] = []
        for result, decision in zip(results[self.count :], self.decisions, strict=True):
            shown.append(type(decision)(np.asarray(result).reshape(()).item()))
            if shown[-1] != decision:
                return tuple(shown)
        return None


class Compiled:
    """A function and its compiled programs, by signature."""

    def __init__(
        self,
        fun: Function,
        static_argnums: tuple[int, ...],
        memory_budget: int | None = None,
        device: Device | None = None,
    ) -> None:
        functools.update_wrapper(self, fun, updated=())
        self._passes = "" if memory_budget is None else f"remat{{budget={memory_budget}}}"
        self.fun = fun
        self.static = static_argnums
        self._device = device
        #: Programs by signature, the one used last first. Tuples are replaced whole, so readers need no lock.
        self._entries: dict[Hashable, tuple[Specialization, ...]] = {}
        #: The settings that the programs were made under; an object of its own before the first call.
        self._epoch: object = object()
        self._backend: Backend | None = None
        self._lock = new_lock()
        self._cells: list[Any] = []
        self._names: list[tuple[dict[str, Any], str]] = []
        #: What the variables were at the last call, and their keys.
        self._last_bound: tuple[list[Any], list[Hashable]] = ([], [])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result; recorded, where a trace is active."""
        if current_trace() is not None:
            return self.fun(*args, **kwargs)
        if self._epoch is not epoch() or (self._device is None and self._backend is not current_backend()):
            self._begin()
        if kwargs or self.static:
            return self._general(args, kwargs)
        key: list[Any] = []
        arrays: list[Any] = []
        for x in args:
            kind = type(x)
            if kind is np.ndarray:
                key += (x.shape, x.dtype)
                arrays.append(x)
            elif kind is float:
                key.append(float)
                arrays.append(np.float64(x))
            elif issubclass(kind, np.generic):
                key += ((), x.dtype)
                arrays.append(x)
            else:
                return self._general(args, kwargs)
        if self._cells or self._names:
            key += self._binding_keys()
        signature = tuple(key)
        entries = self._entries.get(signature)
        if entries is None:
            return self._trace(signature, args, args, kwargs)
        return self._run(entries, arrays, args, kwargs, signature)

    def _begin(self) -> None:
        """Start without programs: at the first call, when the variables that the function reads are defined, and after
        a change of settings."""
        current = epoch()
        self._backend = current_backend()
        self._cells, self._names = _bindings(self.fun)
        self._entries = {}
        self._epoch = current

    def __get__(self, instance: Any, owner: type) -> Any:
        """A method, where the function stands in a class."""
        return self if instance is None else MethodType(self, instance)

    def _general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call of a signature with containers, keywords or static arguments."""
        static = tuple((number, args[number]) for number in self.static if number < len(args))
        dynamic = [None if number in self.static else x for number, x in enumerate(args)]
        leaves, structure = trees.flatten((dynamic, kwargs))
        given: list[Any] = []
        parts: list[Hashable] = []
        for leaf in leaves:
            kind: type = type(leaf)
            if not _is_dynamic(leaf):
                parts.append((kind, leaf))
                continue
            parts.append(kind if kind in _SCALARS else (leaf.shape, leaf.dtype, kind is DeviceArray))
            given.append(leaf)
        key = (structure, static, tuple(parts), tuple(self._binding_keys()))
        try:
            entries = self._entries.get(key)
        except TypeError as error:
            raise TraceError(
                f"jit: an argument that is no array must be hashable, to tell calls apart: {error}"
            ) from None
        if entries is None:
            return self._trace(key, given, args, kwargs)
        arrays = [np.asarray(leaf) if type(leaf) in _SCALARS else leaf for leaf in given]
        return self._run(entries, arrays, args, kwargs, key)

    def _binding_keys(self) -> list[Hashable]:
        """What the function's own closure and global variables are now: numbers by value, others by identity."""
        bound = self._bound()
        last, keys = self._last_bound
        if len(bound) != len(last) or not all(map(operator.is_, bound, last)):  # what is the same has the same key
            keys = [(type(value), repr(value)) if type(value) in _BY_VALUE else id(value) for value in bound]
            self._last_bound = bound, keys
        return keys

    def _bound(self) -> list[Any]:
        try:
            contents = [cell.cell_contents for cell in self._cells]
        except ValueError:  # one is empty
            contents = [*map(_contents, self._cells)]
        return contents + [variables.get(name) for variables, name in self._names] if self._names else contents

    def _run(
        self, entries: tuple[Specialization, ...], arrays: Sequence[Any], args: Any, kwargs: Any, key: Hashable
    ) -> Any:
        tried = entries[0]
        while True:
            try:
                results = tried.run(*arrays, *tried.hidden)
            except Exception:
                if not tried.decisions:
                    raise
                break  # a wrong guess may run into anything: trace with this call's numbers
            if not tried.decisions:
                return results[0] if tried.single else trees.unflatten(tried.structure, results)
            shown = tried.diverges(results)
            if shown is None:
                if tried is not entries[0]:
                    self._put_first(key, tried)
                return trees.unflatten(tried.structure, results[: tried.count])
            following = next((each for each in entries if each.decisions[: len(shown)] == shown), None)
            if following is None:
                break
            tried = following
        return self._trace(key, arrays, args, kwargs)

    def _trace(self, key: Hashable, arrays: Sequence[Any], args: Any, kwargs: Any) -> Any:
        """Record the function with this call's arrays, and run it."""
        structure: Any = None
        count = 0
        decisions: tuple[Any, ...] = ()
        kept = tuple(self._bound())

        def record_program(lift: frozenset[int]) -> Trace:
            nonlocal structure, count, decisions
            root = Trace(name_of(self.fun), None, lift)
            with active(root):
                leaves = iter([root_argument(root, leaf) for leaf in arrays])
                result = self._call(leaves, args, kwargs)
                results, structure = trees.flatten(result)
                values = [traced(check_result(each, root.name), root)._value for each in results]
                guards, root.guards = root.guards, []
                count, decisions = len(values), tuple(decision for _, decision in guards)
                root.finish([*values, *(value for value, _ in guards)])
            return root

        backend = None if self._device is None else self._device.backend
        found, programs, numbers = find_programs(record_program, backend, lambda trace: self._passes)
        run = entry_program(programs).run
        inputs = input_arrays(found)
        explicit = len(arrays)
        hidden = (*inputs[explicit:], *numbers)
        made = Specialization(run, hidden, structure, count, decisions, structure == trees.LEAF, kept)
        results = run(*inputs, *numbers)
        self._put_first(key, made)
        return trees.unflatten(structure, results[:count])

    def _put_first(self, key: Hashable, used: Specialization) -> None:
        """Let ``used`` be the first program of a signature; the least recent ones are forgotten."""
        with self._lock:
            others = [each for each in self._entries.get(key, ()) if each is not used]
            self._entries[key] = (used, *others[: PROGRAMS_PER_SIGNATURE - 1])
            while len(self._entries) > SIGNATURES:
                del self._entries[next(iter(self._entries))]

    def _call(self, leaves: Any, args: Any, kwargs: Any) -> Any:
        dynamic = [None if number in self.static else x for number, x in enumerate(args)]
        flat, structure = trees.flatten((dynamic, kwargs))
        given, keywords = trees.unflatten(structure, [next(leaves) if _is_dynamic(leaf) else leaf for leaf in flat])
        for number in self.static:
            if number < len(args):
                given[number] = args[number]
        return self.fun(*given, **keywords)


def jit(
    fun: Function | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    memory_budget: int | None = None,
    device: Device | str | None = None,
) -> Any:
    """Compile a function of arrays. Usable as a decorator, with or without arguments.

    Arrays and numbers among the arguments are traced; strings, None, booleans and the arguments in
    ``static_argnums`` are part of the signature. Each new signature is traced and compiled once. The contents of
    arrays that the function captures are read at every call; other things that it reads from its surroundings are
    read when it is traced, but for its closure and global variables, which belong to the signature, as do those of
    functions in its closure. ``device`` is ``"cpu"``, ``"gpu"`` or what `mixad.device` gives; otherwise the arguments,
    or the device chosen around the call, decide where it runs.

    With ``memory_budget``, in bytes, values are computed again rather than kept where the program would need more
    than that beside its arguments and the blocks that its threads work on, each a part of a cache. Raises
    `MemoryBudgetError`, when it compiles, where that is not enough.
    """
    if memory_budget is not None and (isinstance(memory_budget, bool) or operator.index(memory_budget) < 0):
        raise ValueError(f"memory_budget is {memory_budget!r}, and has to be a number of bytes")
    if fun is None:
        return functools.partial(jit, static_argnums=static_argnums, memory_budget=memory_budget, device=device)
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    return Compiled(fun, numbers, memory_budget, None if device is None else as_device(device))


def _is_dynamic(leaf: Any) -> bool:
    return type(leaf) is np.ndarray or (is_array(leaf) and not isinstance(leaf, bool))


def _bindings(fun: Function) -> tuple[list[Any], list[tuple[dict[str, Any], str]]]:
    """The closure cells of the function, and the global variables that it reads and that hold arrays or numbers;
    of the functions in its closure too, such as ``f`` in ``grad(f)``."""
    cells: dict[int, Any] = {}
    names: list[tuple[dict[str, Any], str]] = []
    seen: set[int] = set()
    pending: list[Any] = [fun]
    while pending:
        each = pending.pop()
        each = each.fun if isinstance(each, Compiled) else getattr(each, "__func__", each)
        if not isinstance(each, FunctionType) or id(each) in seen:
            continue
        seen.add(id(each))
        variables = each.__globals__
        names += [(variables, name) for name in each.__code__.co_names if is_array(variables.get(name))]
        for cell in each.__closure__ or ():
            cells[id(cell)] = cell
            pending.append(_contents(cell))
    return list(cells.values()), names


def _contents(cell: Any) -> Any:
    """What a closure cell holds; None while it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None

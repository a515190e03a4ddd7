"""Small programs as one kernel.

Kernels of one program each, one behind the other, become functions that one kernel calls, with barriers between:
threads of one program see each other's writes behind a barrier. What is small is then launched once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .driver import Kernel, Pointer
from .slots import Launch, Slot, element_of
from .sources import HEADER, device_functions, hashed, helpers_of

#: At most so many kernels become one, with at most so many addresses.
MOST_KERNELS: Final = 16
MOST_POINTERS: Final = 48


def is_small(launch: Launch) -> bool:
    """Whether a kernel runs as one program, and there is nothing to choose about it."""
    return launch.kernel.grid == (1, 1, 1) and not launch.others


def merged(launches: Sequence[Launch]) -> list[Launch]:
    """Small launches, one behind the other, in as few as can be."""
    found: list[Launch] = []
    group: list[Launch] = []
    for launch in launches:
        if len(group) == MOST_KERNELS or len(_pointers([*group, launch])) > MOST_POINTERS:
            found.append(_one(group))
            group = []
        group.append(launch)
    return [*found, _one(group)] if group else found


def _pointers(launches: Sequence[Launch]) -> list[Slot]:
    return list(dict.fromkeys(slot for launch in launches for slot in launch.slots if not isinstance(slot, int)))


def _one(launches: Sequence[Launch]) -> Launch:
    """The kernel that calls all of them."""
    if len(launches) == 1:
        return launches[0]
    slots = _pointers(launches)
    names = {slot: f"p{number}" for number, slot in enumerate(slots)}
    calls = []
    for launch in launches:
        arguments = [str(slot) if isinstance(slot, int) else names[slot] for slot in launch.slots]
        calls.append(f"    {launch.kernel.name}({', '.join(arguments)})\n")
    parts = list(dict.fromkeys(_definition(launch.kernel) for launch in launches))
    helpers = [device_functions()[name] for name in helpers_of("\n".join(parts))]
    body = "    tl.debug_barrier()\n".join(calls)
    whole = f"@triton.jit\ndef KERNEL({', '.join(names.values())}):\n{body}"
    text, name = hashed("\n\n".join([HEADER, *helpers, *parts, whole]), "small")
    signature = tuple(Pointer(element_of(slot)) for slot in slots)
    warps, stages = (max(getattr(each.kernel, what) for each in launches) for what in ("warps", "stages"))
    return Launch(Kernel(name, text, signature, (1, 1, 1), warps, stages), tuple(slots))


def _definition(kernel: Kernel) -> str:
    """A kernel's own function, without what stands before it in its file."""
    return kernel.source[kernel.source.rindex(f"@triton.jit\ndef {kernel.name}(") :]

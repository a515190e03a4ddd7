"""What pytest-benchmark's JSON says of a run, as the report and the plots need it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .paired import Quartiles, ratio

OWN = "mixad"
#: The name under which mixad's compiled function itself takes part, to set its gradient's cost beside it.
FUNCTION = "function"
#: Peers in the order of the columns.
PEERS = ("autograd", "JAX", "PyTorch", "torch.compile", "MindSpore")


@dataclass(frozen=True)
class Result:
    """One row: see `contest.Contest` for the fields."""

    section: str
    about: str
    row: str
    bar: str
    threads: int
    count: int
    unit: str
    target: str
    baseline: str
    facts: dict[str, Any]
    absent: dict[str, str]
    samples: dict[str, list[float]]

    @property
    def label(self) -> str:
        """A name that tells what it is without its heading."""
        return f"{self.section}: {self.row}"

    @property
    def peers(self) -> list[str]:
        """The peers that have a figure."""
        return [name for name in PEERS if name in self.samples]

    def ratio(self, peer: str) -> Quartiles:
        """mixad's figure over the peer's."""
        return ratio(self.samples[OWN], self.samples[peer])

    def closest(self) -> tuple[str, float]:
        """The fastest peer, and mixad's median ratio to it."""
        return max(((peer, self.ratio(peer).median) for peer in self.peers), key=lambda pair: pair[1])

    @property
    def cost(self) -> Quartiles | None:
        """A gradient's time over its function's; None where that is not asked."""
        if OWN not in self.samples or FUNCTION not in self.samples:
            return None
        return ratio(self.samples[OWN], self.samples[FUNCTION])


def load(path: str) -> list[Result]:
    """The rows of a JSON file that pytest-benchmark wrote, in their order."""
    found = json.loads(Path(path).read_text("utf-8"))
    return [Result(**each["extra_info"]) for each in found["benchmarks"]]

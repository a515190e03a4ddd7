"""Print some rows: ``python -m benchmarks.quick [--seconds S] [--peers A,B] [WORD ...]``.

Rows whose section or name contains one of the words (those of `make bench-quick` where there is none): mixad's time in
ms, its ratio to each peer (the median over the rounds), and to mixad's own compiled function.
"""

from __future__ import annotations

from . import threads  # isort: skip (before any library is loaded)

import argparse

from .contest import contestants
from .paired import alternate, quartiles, ratio
from .results import FUNCTION
from .rows import ROWS, Row


def line(row: Row, seconds: float, peers: list[str]) -> str:
    absent = dict(row.absent)
    samples = alternate(contestants(row, absent, lambda name: not peers or name in [*peers, "mixad"]), seconds)
    if "mixad" not in samples:
        return f"mixad failed: {absent['mixad']}"
    own = samples.pop("mixad")
    cells = [f"{quartiles(own).median * 1e3:9.3f} ms"]
    for name, times in samples.items():
        shown = (
            f"x{ratio(own, times).median:.2f} of its function"
            if name == FUNCTION
            else (f"{name} {ratio(own, times).median:.2f}")
        )
        cells.append(shown)
    cells += [f"{name}: {why}" for name, why in absent.items()]
    return "   ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seconds", type=float, default=1.0, help="of rounds, for each row")
    parser.add_argument("--peers", default="", help="names, with commas between; all that are installed where empty")
    options = parser.parse_args()
    chosen = [
        row
        for row in ROWS
        if any(word.lower() in f"{row.section} {row.name}".lower() for word in options.words)
        or (row.quick and not options.words)
    ]
    print(f"{threads.THREADS} threads; mixad's time, its ratio to each peer")
    for row in chosen:
        print(
            f"{row.name:62}",
            line(row, options.seconds, [each for each in options.peers.split(",") if each]),
            flush=True,
        )


if __name__ == "__main__":
    main()

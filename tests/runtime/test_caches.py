"""How much cache a block may fill is read from the system."""

import os

import pytest
from mixad.runtime.numpy.caches import BLOCKED, USUAL, cache_bytes

FIRST = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def describe(folder, caches):
    for number, (level, size, shared) in enumerate(caches):
        cache = folder / f"cpu{FIRST}" / "cache" / f"index{number}"
        cache.mkdir(parents=True)
        for name, text in (("level", level), ("size", size), ("shared_cpu_list", shared)):
            (cache / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("size", "shared", "wanted"),
    [("512K", "3", 1 << 19), ("2048K", "0-1", 1 << 20), ("1M", "0,32", 1 << 19), ("4M", "0-1,8-9", 1 << 20)],
)
def test_a_processor_has_its_share_of_the_second_level(tmp_path, size, shared, wanted):
    describe(tmp_path, [("1", "32K", "0"), ("1", "48K", "0"), ("2", size, shared), ("3", "32M", "0-15")])
    assert cache_bytes(tmp_path) == wanted


@pytest.mark.parametrize(
    "caches", [[], [("1", "32K", "0")], [("2", "large", "0")], [("2", "2048K", "none")], [("2", "", "0")]]
)
def test_what_the_system_does_not_tell_is_the_usual(tmp_path, caches):
    describe(tmp_path, caches)
    assert cache_bytes(tmp_path) == USUAL


def test_the_pipeline_shows_it():
    assert BLOCKED.endswith(f",tile{{cache={cache_bytes() * 3 // 4}}}")

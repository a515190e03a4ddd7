"""The bounded cache that makes each entry once."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from mixad.runtime.cache import Cache


def test_an_entry_is_made_once():
    cache = Cache(4)
    made = []
    for _ in range(3):
        assert cache.get("a", lambda: made.append(1) or "value") == "value"
    assert len(made) == 1
    assert (cache.hits, cache.misses, len(cache)) == (2, 1, 1)


def test_the_least_recently_used_entry_goes_first():
    cache = Cache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, str)
    assert len(cache) == 2
    cache.get("a", lambda: pytest.fail("a was used after b, and must be there"))
    made = []
    cache.get("b", lambda: made.append(1))
    assert made == [1]


def test_threads_wait_for_the_one_that_makes():
    cache = Cache(4)
    made = []
    barrier = threading.Barrier(8)

    def make():
        made.append(1)
        return object()

    def work():
        barrier.wait(30)
        return cache.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        found = [future.result(30) for future in [pool.submit(work) for _ in range(8)]]
    assert len(made) == 1
    assert all(each is found[0] for each in found)


def test_an_error_while_making_is_raised_and_the_next_one_tries_again():
    cache = Cache(4)

    def fails():
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.get("key", fails)
    assert cache.get("key", lambda: 3) == 3


def test_clear_forgets():
    cache = Cache(4)
    cache.get("key", lambda: 1)
    cache.clear()
    assert len(cache) == 0
    assert cache.get("key", lambda: 2) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_waits_for_none_of_its_parents_threads():
    """Not for an entry that one of them makes, not for a lock, and the garbage collector runs again."""
    program = """
import gc, os, sys, threading, time, warnings
from mixad.frontend.execution import collector_paused
from mixad.runtime.cache import Cache
warnings.simplefilter("ignore")
cache, inside = Cache(4), threading.Event()

def make():
    with collector_paused():
        inside.set()
        time.sleep(60)

threading.Thread(target=lambda: cache.get("a", make), daemon=True).start()
inside.wait()
holder = threading.Thread(target=cache._lock.acquire)
holder.start()
holder.join()
child = os.fork()
if child == 0:
    os._exit(cache.get("a", lambda: 7) if gc.isenabled() else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 7

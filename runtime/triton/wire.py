"""Messages between mixad and its worker processes: pickles, each behind its length.

Only processes that mixad started itself speak this. Workers import it as a file, so it imports nothing of mixad.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from typing import IO, Any


def send(stream: IO[bytes], message: Any, flush: bool = True) -> None:
    """Write a message."""
    data = pickle.dumps(message, protocol=5)
    stream.write(struct.pack("<q", len(data)))
    stream.write(data)
    if flush:
        stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """The next message; EOFError where the other side is gone."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    (length,) = struct.unpack("<q", head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def streams() -> tuple[IO[bytes], IO[bytes]]:
    """A worker's questions and answers. What else it prints goes to the standard error."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return questions, answers


def told(error: BaseException | None) -> str:
    """What went wrong, with what caused it: of a device function that is called, the caller's line says nothing."""
    texts = []
    while error is not None:
        texts.append(f"{type(error).__name__}: {error}")
        error = error.__cause__
    return "\ncaused by ".join(texts)


def serve(answer: Callable[[Any], Any]) -> None:
    """Answer every message until the other side is gone: with (None, result), or with (what went wrong, None)."""
    questions, answers = streams()
    while True:
        try:
            message = receive(questions)
        except EOFError:
            return
        try:
            reply: Any = (None, answer(message))
        except Exception as error:
            reply = (told(error), None)
        send(answers, reply)

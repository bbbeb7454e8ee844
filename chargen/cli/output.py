"""How texts are written to stdout: as they come, and harmless to a terminal."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator

from chargen.display import printable


@contextlib.contextmanager
def until_closed() -> Iterator[None]:
    """End what is written within the context quietly where the reader closes the pipe."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # The reader has what it wanted. Nothing more must be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_text(pieces: Iterable[str], *, raw: bool = False) -> int:
    """Write a text as its pieces come, and a newline if it does not end in one.

    Unless `raw`, a terminal gets an escape for anything that it must not obey.

    Returns:
        How many pieces there were.
    """
    escape = sys.stdout.isatty() and not raw
    count, last = 0, ""
    for piece in pieces:
        sys.stdout.write(printable(piece) if escape else piece)
        sys.stdout.flush()
        count, last = count + 1, piece or last
    if not last.endswith("\n"):
        sys.stdout.write("\n")
        sys.stdout.flush()
    return count

"""The log of a run: its losses by step, one JSON object a line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chargen.checks import is_count, is_number
from chargen.errors import CheckpointError
from chargen.system.files import (
    dump_json,
    opened,
    parse_json,
    replace_file,
    require_regular,
    writing,
)

LOG_FILE = "log.jsonl"
MAX_LOG = 2**24  # bytes
MAX_LINES = 100_000
MAX_LINE = 2**12  # bytes of a line that are looked at

AMOUNTS = ("epoch", "seconds", "learning_rate", "characters_per_second")
"""What every line has, besides its kind, its step and its losses."""

LOG_KEYS = ("kind", "step", "train", "validation", "whole", *AMOUNTS)


class Log:
    """A run's log; iterating reads its lines anew, one by one.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, line: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            CheckpointError: the disk refuses, or the file is not a regular one.
        """
        with writing(self._path):
            if os.path.lexists(self._path):
                require_regular(self._path)
            with self._path.open("a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # a line that a crash cut off
                        file.write(b"\n")
                file.write(dump_json(line, indent=None))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the lines; damaged ones are left out.

        Raises:
            CheckpointError: it cannot be read, or is too long.
        """
        return filter(None, self._lines())

    def damaged(self) -> int:
        """Return how many lines are damaged: a crash may leave one that is cut off.

        Raises:
            CheckpointError: it cannot be read, or is too long.
        """
        return sum(line is None for line in self._lines())

    def _lines(self) -> Iterator[dict[str, Any] | None]:
        """Yield the lines, with None for each one that is damaged.

        Raises:
            CheckpointError: it cannot be read, or is too long.
        """
        if not os.path.lexists(self._path):
            return
        with opened(self._path) as (file, size):
            if size > MAX_LOG:
                raise CheckpointError(
                    f"{self._path} has {size:,} bytes, more than the "
                    f"{MAX_LOG:,} allowed: move it away, and the training can go on"
                )
            whole, count = True, 0
            while count < MAX_LINES and (line := file.readline(MAX_LINE)):
                count += 1
                before, whole = whole, line.endswith(b"\n")
                if not before or not line.strip():  # the rest of a line, or nothing
                    continue
                found = None
                if line.startswith(b'{"kind"'):
                    with contextlib.suppress(ValueError):
                        found = _sound(parse_json(line))
                yield found

    def cut(self, keep: Callable[[dict[str, Any]], bool]) -> None:
        """Rewrite the log with the lines that `keep` returns true for.

        Raises:
            CheckpointError: it cannot be read or written.
        """
        if self._path.exists():
            # As bytes: parsed, a long log would take far more memory.
            kept = b"".join(dump_json(line, indent=None) for line in self if keep(line))
            with writing(self._path):
                replace_file(self._path, kept)


def _sound(found: Any) -> dict[str, Any] | None:
    """Return what a line of a log has, as `writers.LogWriter` writes it, if it is one."""
    if not isinstance(found, dict) or found.get("kind") not in ("train", "evaluation"):
        return None
    losses = ["train", "validation"]
    if found["kind"] == "train":
        losses.pop()
        found.pop("validation", None)
        found.pop("whole", None)
    elif "whole" in found:
        losses.append("whole")
    if not is_count(found.get("step")) or not {*losses, *AMOUNTS} <= set(found):
        return None
    for name in (*losses, *AMOUNTS):
        value = found[name]
        fits = is_number(value) and value >= 0
        if not (fits or (value is None and name in losses)):
            return None
    return {name: value for name, value in found.items() if name in LOG_KEYS}

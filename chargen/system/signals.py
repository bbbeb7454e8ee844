"""Asking a training to stop: Ctrl-C, SIGTERM, SIGHUP. Standard library only."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType

STOPS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]


def exit_code(number: int) -> int:
    """Return the exit code of a command that a signal ended: 130 or 143."""
    return 130 if number == signal.SIGINT else 143


class StopSignals:
    """A context that remembers the first stop signal and ends the process at the second.

    Outside the main thread, where Python allows no handlers, signals keep their effect.

    Attributes:
        received: the number of the signal; None before it comes.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in STOPS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def __call__(self) -> int | None:
        """Return the signal that was received, or None."""
        return self.received

    def _handle(self, number: int, frame: FrameType | None) -> None:
        watched = sys.stderr is not None and sys.stderr.isatty()
        if self.received is not None:
            if watched:  # a progress bar may have hidden the cursor
                os.write(2, b"\x1b[?25h\nstopped; what was not saved yet is lost\n")
            os._exit(exit_code(number))
        self.received = number
        if watched:
            os.write(
                2, b"\nsaving, then stopping; once more: stopping at once, without saving\n"
            )

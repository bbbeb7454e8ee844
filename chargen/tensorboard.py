"""A run's log for TensorBoard, with the package of that name alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chargen.errors import CheckpointError, SettingsError, printable
from chargen.run import EVENTS, TENSORBOARD

TAGS = {
    "train": "loss/train",
    "validation": "loss/validation",
    "learning_rate": "learning_rate",
    "characters_per_second": "characters_per_second",
}
"""What a line of the log has → its name in TensorBoard; losses in nats a character."""


class TensorBoard:
    """Shows what log.jsonl has.

    Args:
        run: the run's folder.
        note: told once if it cannot be shown any more; the training goes on without.

    Raises:
        SettingsError: TensorBoard is not installed.
    """

    def __init__(self, run: Path, note: Callable[[str], object]) -> None:
        require_tensorboard()
        self._folder = run / TENSORBOARD
        self._note = note
        self._writer: Any = None

    def begin(self, lines: Iterable[dict[str, Any]]) -> None:
        """Begin anew with the lines of a log: what was shown past them never happened.

        Raises:
            CheckpointError: the folder is a link, or cannot be written.
        """
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.close()
        shown = printable(str(self._folder))
        if os.path.islink(self._folder):
            raise CheckpointError(f"{shown} is a link, which may lead anywhere: remove it")
        try:
            self._folder.mkdir(exist_ok=True)
            for path in self._folder.glob(f"{EVENTS}*"):
                path.unlink()
            self._writer = EventFileWriter(str(self._folder), flush_secs=5)
        except Exception as error:  # TensorFlow's own kinds, where it writes the files
            raise CheckpointError(f"cannot write to {shown}: {error}") from error
        for line in lines:
            self.add(line)

    def add(self, line: dict[str, Any]) -> None:
        """Show one more line."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if self._writer is None:
            return
        values = [
            Summary.Value(tag=tag, simple_value=line[name])
            for name, tag in TAGS.items()
            if line.get(name) is not None
        ]
        # The time axis shows the run's own time.
        event = Event(
            step=line["step"], wall_time=line["seconds"], summary=Summary(value=values)
        )
        try:
            self._writer.add_event(event)
        except Exception as error:  # see above
            self._writer = None
            self._note(f"TensorBoard's log cannot be written any more: {error}")

    def close(self) -> None:
        """Write what is left."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(Exception):  # see above; the training is over
                writer.close()


def require_tensorboard() -> None:
    """Raise a `SettingsError` where TensorBoard is not installed."""
    try:
        import tensorboard.summary.writer.event_file_writer  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "--tensorboard needs TensorBoard: pip install tensorboard, where chargen is "
            "installed"
        ) from error

"""A run's log for TensorBoard, with the package of that name alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chargen.errors import SettingsError
from chargen.run import TENSORBOARD

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

    Raises:
        SettingsError: TensorBoard is not installed.
    """

    def __init__(self, run: Path) -> None:
        require_tensorboard()
        self._folder = run / TENSORBOARD
        self._writer: Any = None

    def begin(self, lines: Iterable[dict[str, Any]]) -> None:
        """Begin anew with the lines of a log: what was shown past them never happened."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer = EventFileWriter(str(self._folder), flush_secs=5)
        for line in lines:
            self.add(line)

    def add(self, line: dict[str, Any]) -> None:
        """Show one more line."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=tag, simple_value=line[name])
            for name, tag in TAGS.items()
            if line.get(name) is not None
        ]
        # The time axis shows the run's own time.
        event = Event(
            step=line["step"], wall_time=line["seconds"], summary=Summary(value=values)
        )
        self._writer.add_event(event)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def require_tensorboard() -> None:
    """Raise a `SettingsError` where TensorBoard is not installed."""
    try:
        import tensorboard.summary.writer.event_file_writer  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "--tensorboard needs TensorBoard: pip install tensorboard, where chargen is "
            "installed"
        ) from error

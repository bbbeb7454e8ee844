"""Listeners of a trainer that write: the log, checkpoints, and TensorBoard's events."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chargen._version import __version__
from chargen.errors import CheckpointError, SettingsError
from chargen.runs.checkpoint import Checkpoint
from chargen.runs.run import EVENTS, TENSORBOARD, Run
from chargen.text.corpus import Corpus
from chargen.text.parts import Items
from chargen.text.policy import LABEL_END, Reading
from chargen.training.events import CheckpointDue, Event, RolledBack, Stepped
from chargen.training.plan import Plan
from chargen.training.settings import Settings

TAGS = {
    "train": "loss/train",
    "validation": "loss/validation",
    "learning_rate": "learning_rate",
    "characters_per_second": "characters_per_second",
}
"""TensorBoard's names for what a line of the log has; losses in nats per character."""


MAX_LABELS = 100
"""How many labels a checkpoint names, at most."""


def _comes_before(line: dict[str, Any], step: int, evaluated_step: int) -> bool:
    """Whether a line of the log precedes what is saved as `step`."""
    at = line.get("step")
    if not isinstance(at, int):
        return False
    return at < step or (
        at == step and (line.get("kind") == "train" or evaluated_step == step)
    )


class LogWriter:
    """Writes log.jsonl: a training line each percent of the run, and every evaluation.

    Args:
        run: whose log it is.
        board: also shows what the log has.
    """

    def __init__(self, run: Run, board: TensorBoard | None = None) -> None:
        self._run = run
        self._board = board
        self._percent = 0

    def begin(self, step: int, share: float, evaluated_step: int) -> None:
        """Cut off the lines that a run resumed from `step` will write again."""
        self._percent = int(share * 100)
        self._cut(step, evaluated_step)

    def __call__(self, event: Event) -> None:
        """Listen to the trainer."""
        if isinstance(event, Stepped):
            percent = int(event.progress.share * 100)
            if percent != self._percent:
                self._percent = percent
                self._write("train", event, {})
        elif isinstance(event, CheckpointDue) and event.evaluated:
            whole = {} if event.whole is None else {"whole": event.whole}
            self._write("evaluation", event, {"validation": event.validation, **whole})
        elif isinstance(event, RolledBack):
            self._cut(event.step, event.step)

    def _cut(self, step: int, evaluated_step: int) -> None:
        self._run.log.cut(lambda line: _comes_before(line, step, evaluated_step))
        if self._board is not None:
            self._board.begin(self._run.log)

    def _write(
        self, kind: str, event: Stepped | CheckpointDue, extra: dict[str, Any]
    ) -> None:
        progress = event.progress
        line = {
            "kind": kind,
            "step": progress.step,
            "epoch": progress.epoch,
            "seconds": round(progress.seconds, 3),
            "train": progress.train,
            **extra,
            "learning_rate": progress.learning_rate,
            "characters_per_second": round(progress.characters_per_second, 1),
        }
        self._run.log.append(line)
        if self._board is not None:
            self._board.add(line)


class CheckpointWriter:
    """Publishes the checkpoints that the trainer asks for.

    Args:
        run: the run to publish them in.
        settings: the run's settings, resolved.
        corpus: what the run learns from.
        plan: how steps are computed.
        threads: how many processors the training uses.
        init_from: the name of the checkpoint that the first weights are from, if any.
        written: called after each checkpoint.
    """

    def __init__(
        self,
        run: Run,
        settings: Settings,
        corpus: Corpus,
        *,
        plan: Plan,
        threads: int,
        init_from: str | None,
        written: Callable[[], None],
    ) -> None:
        self._run = run
        self._settings = settings
        self._corpus = corpus
        self._written = written
        self._text = Reading.of(settings).policy(settings.encoding or "utf-8")
        # Several files are not one value; their roles tell what they are for.
        files = [k for k, v in settings.to_dict().items() if isinstance(v, tuple)]
        left_out = (*settings.model.to_dict(), *files)
        self._training = {
            **{k: v for k, v in settings.to_dict().items() if k not in left_out},
            **plan.to_dict(),
            "threads": threads,
            "commonest_character": corpus.commonest_character,
            **({"labels": known} if (known := _labels(corpus, settings)) else {}),
            **({"init_from": init_from} if init_from is not None else {}),
        }

    def __call__(self, event: Event) -> None:
        """Listen to the trainer."""
        if not isinstance(event, CheckpointDue):
            return
        progress = event.progress
        whole = event.whole is not None
        characters = event.whole_characters if whole else event.sample_characters
        self._run.publish(
            Checkpoint(
                model=self._settings.model,
                vocabulary=self._corpus.vocabulary,
                text=self._text,
                corpus=self._corpus.sources,
                training={
                    **self._training,
                    "validation_characters": characters,
                },
                step=progress.step,
                epoch=progress.epoch,
                seconds=progress.seconds,
                train_loss=progress.train,
                validation_loss=event.whole if whole else event.validation,
                weights=event.weights,
                resume=event.resume,
                chargen=__version__,
            ),
            best=event.best,
            keep=self._settings.keep,
        )
        self._written()


def _labels(corpus: Corpus, settings: Settings) -> str:
    """Return the labels of the training items, if there are few, for `sample --label`."""
    if settings.label is None or not isinstance(corpus.train, Items):
        return ""
    found: set[str] = set()
    for label in corpus.train.labels():
        found.add(label)
        if len(found) > MAX_LABELS:
            return ""
    return LABEL_END.join(sorted(found))


class TensorBoard:
    """Shows what log.jsonl has.

    Args:
        run: the run's folder.
        note: called once with a message if the log cannot be shown any more; the training
            goes on without.

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
        if os.path.islink(self._folder):
            raise CheckpointError(
                f"{self._folder} is a link, which may lead anywhere: remove it"
            )
        try:
            self._folder.mkdir(exist_ok=True)
            for path in self._folder.glob(f"{EVENTS}*"):
                path.unlink()
            self._writer = EventFileWriter(str(self._folder), flush_secs=5)
        except Exception as error:  # TensorFlow's own kinds, where it writes the files
            raise CheckpointError(f"cannot write to {self._folder}: {error}") from error
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
            "`tensorboard` needs TensorBoard: pip install tensorboard, where chargen is "
            "installed"
        ) from error

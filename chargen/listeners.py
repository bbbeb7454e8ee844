"""Those who listen to a trainer and write: the log and the checkpoints. No TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import chargen
from chargen.checkpoint import TEXT_POLICY, Checkpoint
from chargen.config import Plan, Settings
from chargen.corpus import Corpus
from chargen.events import CheckpointDue, Event, RolledBack, Stepped
from chargen.run import Run

LOG_INTERVAL = 30.0  # seconds between two training lines at the most


def _comes_before(line: dict[str, Any], step: int, evaluated_step: int) -> bool:
    """Whether a line of the log was written by what is saved as `step`."""
    at = line.get("step")
    if not isinstance(at, int):
        return False
    return at < step or (
        at == step and (line.get("kind") == "train" or evaluated_step == step)
    )


class LogWriter:
    """Writes log.jsonl: a training line each percent of the run, and every evaluation.

    Where a percent takes longer than 30 seconds, there are lines in between.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._percent = 0
        self._written = time.monotonic()

    def begin(self, step: int, share: float, evaluated_step: int) -> None:
        """Cut off what a run that is resumed from `step` will write again."""
        self._percent = int(share * 100)
        self._run.cut_log(lambda line: _comes_before(line, step, evaluated_step))

    def __call__(self, event: Event) -> None:
        """Listen to the trainer."""
        if isinstance(event, Stepped):
            percent = int(event.progress.share * 100)
            late = time.monotonic() - self._written > LOG_INTERVAL
            if percent != self._percent or late:
                self._percent = percent
                self._write("train", event, {})
        elif isinstance(event, CheckpointDue) and event.evaluated:
            self._write("evaluation", event, {"validation": event.validation})
        elif isinstance(event, RolledBack):
            self._run.cut_log(lambda line: _comes_before(line, event.step, event.step))

    def _write(
        self, kind: str, event: Stepped | CheckpointDue, extra: dict[str, Any]
    ) -> None:
        self._written = time.monotonic()
        progress = event.progress
        self._run.append(
            {
                "kind": kind,
                "step": progress.step,
                "epoch": progress.epoch,
                "seconds": round(progress.seconds, 3),
                "train": progress.train,
                **extra,
                "learning_rate": progress.learning_rate,
                "characters_per_second": round(progress.characters_per_second, 1),
            }
        )


class CheckpointWriter:
    """Publishes the checkpoints that the trainer asks for.

    Args:
        run: where to.
        settings: of the run, resolved.
        corpus: what it learns from.
        plan: how steps are computed.
        threads: how many processors it uses.
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
        written: Callable[[], None],
    ) -> None:
        self._run = run
        self._settings = settings
        self._corpus = corpus
        self._written = written
        model = settings.model.to_dict()
        self._training = {
            **{k: v for k, v in settings.to_dict().items() if k not in model},
            **plan.to_dict(),
            "threads": threads,
            "commonest_character": corpus.commonest_character,
        }

    def __call__(self, event: Event) -> None:
        """Listen to the trainer."""
        if not isinstance(event, CheckpointDue):
            return
        progress = event.progress
        self._run.publish(
            Checkpoint(
                model=self._settings.model,
                vocabulary=self._corpus.vocabulary,
                text={"encoding": self._settings.encoding, **TEXT_POLICY},
                corpus=tuple(text.source for text in self._corpus.sources),
                training={
                    **self._training,
                    "validation_characters": event.validation_characters,
                },
                step=progress.step,
                epoch=progress.epoch,
                seconds=progress.seconds,
                train_loss=progress.train,
                validation_loss=event.validation,
                weights=event.weights,
                resume=event.resume,
                chargen=chargen.__version__,
            ),
            best=event.best,
        )
        self._written()

"""Those who listen to a trainer and write: the log and the checkpoints. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chargen
from chargen.checkpoint import TEXT_POLICY, Checkpoint
from chargen.config import Plan, Settings
from chargen.corpus import Corpus
from chargen.events import CheckpointDue, Event, RolledBack, Stepped
from chargen.run import Run
from chargen.tensorboard import TensorBoard


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

    Args:
        run: whose log it is.
        board: shows what the log has, too.
    """

    def __init__(self, run: Run, board: TensorBoard | None = None) -> None:
        self._run = run
        self._board = board
        self._percent = 0

    def begin(self, step: int, share: float, evaluated_step: int) -> None:
        """Cut off what a run that is resumed from `step` will write again."""
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
            self._write("evaluation", event, {"validation": event.validation})
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
        run: where to.
        settings: of the run, resolved.
        corpus: what it learns from.
        plan: how steps are computed.
        threads: how many processors it uses.
        init_from: the name of the checkpoint that the first weights are of, if any.
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
        model = settings.model.to_dict()
        self._training = {
            **{k: v for k, v in settings.to_dict().items() if k not in model},
            **plan.to_dict(),
            "threads": threads,
            "commonest_character": corpus.commonest_character,
            **({"init_from": init_from} if init_from is not None else {}),
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
            keep=self._settings.keep,
        )
        self._written()

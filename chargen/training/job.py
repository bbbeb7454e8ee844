"""A training that is ready to start: it runs the trainer, and the files are written."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chargen._version import __version__
from chargen.checks import is_count
from chargen.errors import TrainingError
from chargen.runs.checkpoint import NEWEST, Checkpoint, read_manifest
from chargen.runs.claim import Claim
from chargen.runs.items import write_items
from chargen.runs.repair import go_back
from chargen.runs.run import Run
from chargen.system.clock import Clock
from chargen.text.documents import item_hash
from chargen.text.parts import Items
from chargen.training.events import Listener, Note
from chargen.training.plan import PLANNED, Plan
from chargen.training.resolve import Resolved
from chargen.training.settings import Settings
from chargen.training.writers import CheckpointWriter, LogWriter, TensorBoard

if TYPE_CHECKING:
    from chargen.training.tf.runtime import Runtime
    from chargen.training.tf.trainer import Trainer


class Job:
    """A training that is ready to start.

    Args:
        resolved: what is to be trained, and how.
        claim: the run's folder, which is kept from other processes meanwhile.
        notes: what the user should know before it starts.

    Attributes:
        resolved, notes: see above.
        settings: the settings, resolved; once it trains, with the precision in use.
        run: the run's folder.
    """

    def __init__(self, resolved: Resolved, claim: Claim, notes: tuple[str, ...]) -> None:
        self.resolved = resolved
        self.notes = notes
        self.settings = resolved.settings
        self.run: Run = claim.run
        self._claim = claim

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint that training goes on from; None if it starts afresh."""
        return self.resolved.read.checkpoint

    def train(
        self,
        listeners: Sequence[Listener] = (),
        *,
        stop: Callable[[], int | None] = lambda: None,
        started: float | None = None,
        tensorboard: bool = False,
        runtime: Runtime | None = None,
    ) -> bool:
        """Train, and write the log and the checkpoints.

        Args:
            listeners: called with each event after the log and the checkpoint are
                written.
            stop: returns the number of a signal that asked for a stop, or None.
            started: when the process started, by `time.perf_counter`; None for now.
            tensorboard: whether to show the log in TensorBoard, too, in
                `RUN/tensorboard`.
            runtime: what `start_tensorflow` returned; None to start TensorFlow here.

        Returns:
            Whether there was anything left to do.

        Raises:
            Interrupted: a signal asked for a stop.
            TrainingError: TensorFlow is missing, or the loss cannot be kept finite.
            CheckpointError: a checkpoint cannot be written.
            SettingsError: TensorBoard is wanted and not installed.
        """
        started = time.perf_counter() if started is None else started
        board = None

        def tell(text: str) -> None:
            for listener in listeners:
                listener(Note(text))

        try:
            if tensorboard:
                board = TensorBoard(self.run.folder, tell)
            runtime = runtime or start_tensorflow(self.settings)
            plan, notes, checking = self._plan(runtime)
            for note in notes:
                tell(note)
            return self._train(listeners, stop, started + checking, board, plan, runtime)
        finally:
            if board is not None:
                board.close()

    def _plan(self, runtime: Runtime) -> tuple[Plan, list[str], float]:
        """Return how to compute steps, notes, and how many seconds it took to find out."""
        notes = list(runtime.notes)
        before = self.checkpoint.training.get("threads") if self.checkpoint else None
        if is_count(before) and before != runtime.threads:
            notes.append(
                f"trained on {before} processors so far and on {runtime.threads} from here "
                "on: the result may differ in its last bits"
            )
        checking = time.perf_counter()
        plan = self._plan_before(runtime)
        if plan is None:
            from chargen.training.tf.runtime import choose_plan

            end = self.resolved.corpus.vocabulary.end
            plan, more = choose_plan(self.settings, runtime, end=end)
            notes += more
        return plan, notes, time.perf_counter() - checking

    def _plan_before(self, runtime: Runtime) -> Plan | None:
        """Return how the resumed run was computed; None if there is a free choice.

        The same plan gives the same weights, however many processors there are now.
        """
        if self.checkpoint is None or runtime.gpu:
            return None
        training: Mapping[str, Any] = self.checkpoint.training
        try:
            return Plan(**{name: training[name] for name in PLANNED})
        except (KeyError, ValueError):
            return None

    def _train(
        self,
        listeners: Sequence[Listener],
        stop: Callable[[], int | None],
        started: float,
        board: TensorBoard | None,
        plan: Plan,
        runtime: Runtime,
    ) -> bool:
        from chargen.training.tf.trainer import Trainer

        resolved, checkpoint, back = self.resolved, self.checkpoint, self.resolved.read.back
        self.settings = replace(self.settings, precision=plan.precision, stock=plan.stock)
        log = LogWriter(self.run, board)
        writer = CheckpointWriter(
            self.run,
            self.settings,
            resolved.corpus,
            plan=plan,
            threads=runtime.threads,
            init_from=resolved.origin,
            written=self._claim.published,
        )
        trainer = Trainer(
            self.settings,
            resolved.corpus,
            resolved.batches,
            listeners=[log, writer, *listeners],
            clock=Clock(
                started=started,
                spent=checkpoint.seconds if checkpoint else 0.0,
                # A run that is resumed has already paid for one start.
                free="start" if checkpoint else None,
            ),
            stop=stop,
            recall=lambda: self.run.read("best", resume=True),
            plan=plan,
            checkpoint=checkpoint,
            initial=resolved.initial,
        )
        if checkpoint is not None and trainer.nothing_left():
            if back is None:
                self._describe(finished=True)  # a crash may have prevented that
            return False
        if back is not None:  # nothing can be refused any more
            go_back(self.run, back)
        self._describe()
        self._remember_items()
        evaluated = trainer.counters.evaluated_step
        log.begin(trainer.progress.step, trainer.progress.share, evaluated)
        trainer.run()
        if trainer.counters.stale:
            self._settle_best(trainer)
        self._describe(finished=True)
        return True

    def _settle_best(self, trainer: Trainer) -> None:
        """Score the best checkpoint, an earlier one, as the last one was.

        `best` is the better one of the two, and says its loss on the whole part.
        """
        best = self.run.read("best", resume=True)
        found = trainer.judge(best.weights)
        if found is None:
            return
        loss, characters = found
        last = read_manifest(self.run.step_folder("latest"))
        comparable = last.training.get("validation_characters") == characters
        if comparable and last.validation_loss is not None and last.validation_loss <= loss:
            self.run.point("best", self.run.step_folder("latest").name)
            return
        training = {**best.training, "validation_characters": characters}
        best = replace(best, validation_loss=loss, training=training)
        self.run.publish(best, best=True, keep=self.settings.keep, latest=False)

    def _remember_items(self) -> None:
        """Keep the hashes of the training items, if that is asked for."""
        train = self.resolved.corpus.train
        if self.settings.remember_items and isinstance(train, Items):
            labelled = self.settings.label is not None
            hashes = [item_hash(text) for text in train.texts(labelled=labelled)]
            write_items(self.run.folder, np.unique(np.array(hashes, np.uint64)))

    def _describe(self, *, finished: bool = False) -> None:
        import importlib.metadata  # slow, and only training needs it

        description = {
            "format": NEWEST,
            "chargen": __version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        given = dict(self.resolved.read.given)
        if self.run.exists():
            before = self.run.description()
            description["created"] = str(before.get("created", description["created"]))[:40]
            kept = before.get("given", {})
            given = {
                **{k: v for k, v in kept.items() if hasattr(self.settings, k)},
                **given,
            }
        name = self.resolved.origin
        origin = {"init_from": name} if name is not None else {}
        self.run.write_description(
            {
                **description,
                **origin,
                "given": given,
                "settings": self.settings.to_dict(),
                "finished": finished,
                "corpus": [source.to_dict() for source in self.resolved.corpus.sources],
                "versions": {
                    "python": platform.python_version(),
                    **{
                        name: importlib.metadata.version(name)
                        for name in ("numpy", "tensorflow", "keras")
                    },
                },
            }
        )


def start_tensorflow(settings: Settings) -> Runtime:
    """Import TensorFlow and let it set itself up, which takes seconds.

    Raises:
        TrainingError: TensorFlow is missing or cannot be loaded, or a GPU is asked for and
            there is none; the message says what to do.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from chargen.training.tf.runtime import prepare_tensorflow
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing in ("tensorflow", "keras"):
            raise TrainingError(_missing_tensorflow()) from error
        raise TrainingError(
            f"training needs the package {missing}, which is not installed here: "
            f"pip install {missing}"
        ) from error
    except ImportError as error:  # a library that does not fit into memory, say
        reason = str(error).strip().splitlines()[-1:] or ["no reason is given"]
        raise TrainingError(f"TensorFlow cannot be loaded: {reason[0]}") from error
    return prepare_tensorflow(settings)


def _missing_tensorflow() -> str:
    return (
        "training needs TensorFlow 2.21 and Keras, which cannot be imported here "
        f"(Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}). They come with chargen on CPython 3.11 to 3.13 on "
        "Linux, Windows (x86-64) and Macs with Apple silicon, unless it is installed "
        "without its dependencies: install it whole on such a machine, train there, and "
        "bring the checkpoint here. Sampling works without them"
    )

"""One training job: settings resolved, folder chosen, trainer run, files written.

`prepare` reads and checks everything that can be wrong, without TensorFlow; `Job.train`
imports it and trains. The command `chargen train` is a thin layer over these two.

    >>> from chargen.job import prepare
    >>> job = prepare("poems.txt", {"units": 128, "seconds": 60.0})
    >>> job.train()
    >>> model = chargen.load(str(job.run.folder))
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chargen
from chargen.checkpoint import Checkpoint
from chargen.clock import Clock
from chargen.config import (
    FIXED,
    LENGTHS,
    PLANNED,
    ModelConfig,
    Plan,
    Settings,
    is_count,
)
from chargen.corpus import Corpus, Shuffled, Streams, cut_windows, split, vocabulary_of
from chargen.errors import CheckpointError, SettingsError, TrainingError, printable
from chargen.events import Listener, Note
from chargen.growth import grow
from chargen.library import (
    RUNS,
    find_checkpoint,
    find_corpus,
    open_checkpoint,
    run_to_resume,
    take_folder,
)
from chargen.listeners import CheckpointWriter, LogWriter
from chargen.resolve import (
    check_model,
    check_size,
    check_unchanged,
    read_held_out,
    recommended,
    resolve,
    settings_of,
)
from chargen.run import RUN_FILE, Run, is_step, read_step
from chargen.tensorboard import TensorBoard
from chargen.tensors import Arrays
from chargen.text import read_text

if TYPE_CHECKING:
    from chargen.runtime import Runtime


@dataclass
class Job:
    """A training that is ready to start.

    Attributes:
        corpus_name: the corpus as it was asked for: a path or a name.
        files: "validation" and "test", where they are files → those as asked for.
        settings: resolved.
        given: the settings that were asked for.
        corpus: what it learns from.
        batches: its training part, cut.
        run: the run's folder.
        checkpoint: what training goes on from; None: from the start.
        initial: weights to start from; None: random ones.
        init_from: the checkpoint of those, as it was asked for.
        drop_unused: whether characters of that which the corpus lacks were left out.
        notes: what the user should know before it starts.
    """

    corpus_name: str
    files: Mapping[str, str]
    settings: Settings
    given: Mapping[str, Any]
    corpus: Corpus
    batches: Streams | Shuffled
    run: Run
    checkpoint: Checkpoint | None
    initial: Arrays | None = None
    init_from: str | None = None
    drop_unused: bool = False
    notes: list[str] = field(default_factory=list)
    _replaced: Path | None = None
    _created: bool = False
    _back: Path | None = None  # an older step of the run, to go back to
    _latest: int | None = None  # the step that `latest` named

    def train(
        self,
        listeners: Sequence[Listener] = (),
        *,
        stop: Callable[[], int | None] = lambda: None,
        started: float | None = None,
        tensorboard: bool = False,
    ) -> bool:
        """Train, and write the log and the checkpoints.

        Args:
            listeners: called with each event after the log and the checkpoint are
                written.
            stop: returns the number of a signal that asked for a stop, or None.
            started: when the process started, by `time.perf_counter`; None: now.
            tensorboard: show the log in TensorBoard, too: in `RUN/tensorboard`.

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
            return self._train(listeners, stop, started, board)
        finally:
            if board is not None:
                board.close()
            self.tidy()

    def _lock(self) -> str | None:
        """Keep other processes from the run; return what to know, if anything.

        Raises:
            CheckpointError: another process trains it, or has done so since `prepare`.
        """
        note = self.run.lock()
        if self.run.latest_step() != self._latest:
            raise CheckpointError(
                f"{printable(str(self.run.folder))} has been trained on since this job was "
                "prepared: start it anew"
            )
        return note

    def _train(
        self,
        listeners: Sequence[Listener],
        stop: Callable[[], int | None],
        started: float,
        board: TensorBoard | None,
    ) -> bool:
        locked = self._lock()
        runtime = start_tensorflow(self.settings)
        from chargen.trainer import Trainer

        notes = [*filter(None, [locked]), *runtime.notes]
        before = self.checkpoint.training.get("threads") if self.checkpoint else None
        if is_count(before) and before != runtime.threads:
            notes.append(
                f"trained on {before} processors so far and on {runtime.threads} from here "
                "on: the result may differ in its last bits"
            )
        plan = self._plan_before(runtime)
        if plan is None:
            from chargen.runtime import choose_plan

            checking = time.perf_counter()
            plan, more = choose_plan(self.settings, runtime)
            started += time.perf_counter() - checking  # not a part of the run
            notes += more
        self.settings = replace(self.settings, precision=plan.precision, stock=plan.stock)
        for note in notes:
            for listener in listeners:
                listener(Note(note))
        log = LogWriter(self.run, board)
        writer = CheckpointWriter(
            self.run,
            self.settings,
            self.corpus,
            plan=plan,
            threads=runtime.threads,
            init_from=self._origin,
            written=self._published,
        )
        trainer = Trainer(
            self.settings,
            self.corpus,
            self.batches,
            listeners=[log, writer, *listeners],
            clock=Clock(
                started=started,
                spent=self.checkpoint.seconds if self.checkpoint else 0.0,
                # A run that is resumed has paid for a start once.
                free="start" if self.checkpoint else None,
            ),
            stop=stop,
            plan=plan,
            resume=self.checkpoint,
            initial=self.initial,
        )
        if self.checkpoint is not None and trainer.nothing_left():
            if self._back is None:
                self._describe(finished=True)  # a crash may have come before that
            return False
        if self._back is not None:  # nothing can be refused any more
            self.run.go_back(self._back)
        self._describe()
        evaluated = trainer.counters.evaluated_step
        log.begin(trainer.progress.step, trainer.progress.share, evaluated)
        trainer.run()
        self._describe(finished=True)
        return True

    def _plan_before(self, runtime: Runtime) -> Plan | None:
        """Return how the run that is resumed was computed; None: it is free to choose.

        The same plan gives the same weights, however many processors there are now.
        """
        if self.checkpoint is None or runtime.gpu:
            return None
        training: Mapping[str, Any] = self.checkpoint.training
        try:
            return Plan(**{name: training[name] for name in PLANNED})
        except (KeyError, ValueError):
            return None

    @property
    def _origin(self) -> str | None:
        """The name, without folders, of the checkpoint that the weights come from."""
        if self.checkpoint is not None:
            found = self.checkpoint.training.get("init_from")
            return found if isinstance(found, str) else None
        if self.init_from is None:
            return None
        return printable(Path(self.init_from).resolve().name)

    @property
    def scorable(self) -> int:
        """How many characters of the validation part can be scored."""
        return len(self.corpus.validation) - (not len(self.corpus.context))

    def _published(self) -> None:
        """The run's first checkpoint is safe: what it replaces may go."""
        if self._replaced is not None:
            shutil.rmtree(self._replaced, ignore_errors=True)
            self._replaced = None

    def _describe(self, *, finished: bool = False) -> None:
        import importlib.metadata  # slow, and only training needs it

        description = {
            "format": 1,
            "chargen": chargen.__version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        given = dict(self.given)
        if self.run.exists():
            before = self.run.description()
            description["created"] = str(before.get("created", description["created"]))[:40]
            kept = before.get("given", {})
            given = {
                **{k: v for k, v in kept.items() if hasattr(self.settings, k)},
                **given,
            }
        origin = {"init_from": self._origin} if self._origin is not None else {}
        self.run.describe(
            {
                **description,
                **origin,
                "given": given,
                "settings": self.settings.to_dict(),
                "finished": finished,
                "corpus": [text.source for text in self.corpus.sources],
                "versions": {
                    "python": platform.python_version(),
                    **{
                        name: importlib.metadata.version(name)
                        for name in ("numpy", "tensorflow", "keras")
                    },
                },
            }
        )

    def tidy(self) -> None:
        """Leave no folder without a checkpoint, and bring back a run not replaced.

        Other processes may train the run then. `train` does it; a job that is given up
        before needs it.
        """
        if not self._created or self.run.has("latest") or self.run.has("best"):
            self.run.unlock()
            return
        if not self.run.locked:
            try:
                self.run.lock()
            except CheckpointError:  # another process has taken the folder: it is its own
                return
        self.run.unlock()
        self._created = False  # what is there from now on is not ours
        shutil.rmtree(self.run.folder, ignore_errors=True)
        if self.run.folder.parent == RUNS:
            with contextlib.suppress(OSError):  # there are other runs in it
                RUNS.rmdir()
        if self._replaced is not None:
            os.rename(self._replaced, self.run.folder)


def prepare(
    corpus_name: str,
    given: Mapping[str, Any] | None = None,
    *,
    out: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | None = None,
    drop_unused: bool = False,
    dry_run: bool = False,
) -> Job:
    """Read the corpus, resolve the settings and take a folder for the run.

    What was not asked for is chosen by `recipe`, unless a run is resumed.

    Args:
        corpus_name: a text file, or the name of a bundled corpus.
        given: settings by name, as `Settings` has them; `validation` may be a file.
        out: the run's folder; None: a new one, `checkpoints/<corpus>`.
        resume: go on with the run in `out`, or with the newest of this corpus. Where
            `out` is a step directory, newer ones are removed once it trains.
        overwrite: replace the run in `out`.
        init_from: a checkpoint, by path or name, whose model is trained further.
        drop_unused: leave out the characters of its vocabulary that the corpus lacks.
        dry_run: take no folder; the job can be looked at, and not trained.

    Raises:
        TextError: the corpus cannot be read, or is too small.
        SettingsError: a setting is wrong, or contradicts the run that is resumed.
        CheckpointError: the run that is to be resumed or the checkpoint to start from is
            damaged, or another process is training the run.
    """
    given = dict(given or {})
    if out is not None and not out.name:  # `.`: its name and its parent are wanted below
        out = Path(os.path.abspath(out))
    path = find_corpus(corpus_name)
    if resume and overwrite:
        raise SettingsError("--resume goes on with a run and --overwrite replaces it")
    if resume and init_from is not None:
        raise SettingsError("--resume goes on with a run and --init-from starts a new one")
    if drop_unused and init_from is None:
        raise SettingsError("--drop-unused is for the vocabulary of --init-from")
    if sum(name in given for name in LENGTHS) > 1:
        raise SettingsError("give one of --for, --epochs and --steps")
    old = run_to_resume(path, out) if resume else None
    before = old.description() if old else {}
    base = settings_of(before)
    text = read_text(path, encoding=given.get("encoding", base.get("encoding")))
    if "encoding" in given:
        given["encoding"] = text.encoding
    held_out = read_held_out(given, base, path, text)
    given |= {part: held.name for part, held in held_out.texts.items() if part in given}
    texts = [text, *held_out.texts.values()]
    if old:
        check_unchanged(old, before, given, texts)
    if any(name in given for name in LENGTHS):
        base = {k: v for k, v in base.items() if k not in LENGTHS}
    try:
        settings = Settings.from_dict({**base, **given})
    except (ValueError, TypeError) as error:
        raise SettingsError(str(error)) from error

    notes: list[str] = []
    checkpoint, trained, vocabulary = None, None, None
    back = out if old and out is not None and is_step(out) else None
    if old:
        checkpoint = _take_up(old, back, settings.model, notes, dry_run=dry_run)
        vocabulary = checkpoint.vocabulary if checkpoint else None
    if resume and checkpoint is None:
        if "init_from" in before:
            raise SettingsError(
                "the run was stopped before the weights that it was to start from were "
                "saved: start it again with --init-from and --overwrite"
            )
        notes.append("there is nothing to resume yet: starting")
    fixed: dict[str, Any] = {}
    if init_from is not None:
        trained = open_checkpoint(init_from)
        check_model(trained.model, given)
        fixed = {name: getattr(trained.model, name) for name in FIXED}
        settings = replace(settings, **fixed)
        known = "" if drop_unused else "".join(trained.vocabulary.characters)
        vocabulary = vocabulary_of(texts, known)
        notes.append(f"starting from {printable(str(find_checkpoint(init_from)))}")
    corpus = split(text, held_out.validation, vocabulary, test=held_out.test)
    if old is None:
        settings, note = recommended(settings, {**given, **fixed}, len(corpus.train))
        notes.append(note)
    batches = cut_windows(corpus.train, settings)
    resolved = resolve(settings, text, held_out, corpus, batches, notes)
    check_size(resolved, len(corpus.vocabulary))
    initial = grow(trained, corpus, seed=settings.seed) if trained else None
    latest = old.latest_step() if old else None
    # Nothing can fail any more once the folder is taken.
    if dry_run:
        run, replaced, created = Run(out or RUNS / path.stem), None, False
    else:
        run, replaced, created = take_folder(path, out, old, overwrite)
    if replaced is not None:
        notes.append(
            f"the run that was there is in {printable(str(replaced))} until this one's "
            "first checkpoint"
        )
    if out is None and created and run.folder.name != path.stem:
        earlier = printable(str(RUNS / path.stem))
        notes.append(f"{earlier} is taken: --resume goes on with the newest run instead")
    return Job(
        corpus_name=corpus_name,
        files=held_out.files,
        settings=resolved,
        given=given,
        corpus=corpus,
        batches=batches,
        run=run,
        checkpoint=checkpoint,
        initial=initial,
        init_from=init_from,
        drop_unused=drop_unused,
        notes=notes,
        _replaced=replaced,
        _created=created,
        _back=back,
        _latest=latest,
    )


def _take_up(
    run: Run, back: Path | None, model: ModelConfig, notes: list[str], *, dry_run: bool
) -> Checkpoint | None:
    """Put a run in order, and read what training goes on from, if there is anything.

    Where that is an older step, `back`, nothing is changed yet: see `Job.train`.
    """
    if back is None and not dry_run:
        run.lock()
        try:
            run.repair()
        finally:
            run.unlock()
    if back is None and not run.has("latest") and not run.steps():
        return None
    if back is not None:
        checkpoint = read_step(back, resume=True)
    else:
        checkpoint = run.read("latest", resume=True)
    if checkpoint.model != model:
        raise CheckpointError(
            f"{printable(str(run.folder))} is damaged: its {RUN_FILE} and its checkpoint "
            "are of different models"
        )
    notes.append(f"going on from step {checkpoint.step:,} of {printable(str(run.folder))}")
    order = [step.name for step in run.steps()]
    newer = order[order.index(back.name) + 1 :] if back and back.name in order else []
    if newer:
        notes.append(f"{', '.join(newer)} will be removed")
    return checkpoint


def start_tensorflow(settings: Settings) -> Runtime:
    """Import TensorFlow and let it set itself up, which takes seconds.

    Raises:
        TrainingError: there is none, or no GPU where one is asked for; the message says
            what to do.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from chargen.runtime import prepare_tensorflow
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("tensorflow", "keras"):
            raise
        raise TrainingError(_missing_tensorflow()) from error
    return prepare_tensorflow(settings)


def _missing_tensorflow() -> str:
    return (
        "training needs TensorFlow 2.21 and Keras, which cannot be imported here "
        f"(Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}). They come with chargen on CPython 3.11 to 3.13 on "
        "Linux, Windows (x86-64) and Macs with Apple silicon: install chargen there, "
        "train, and bring the checkpoint here; sampling works without them"
    )

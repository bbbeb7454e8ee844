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
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chargen
from chargen.checkpoint import Checkpoint
from chargen.clock import Clock
from chargen.config import PLANNED, Plan, Settings
from chargen.corpus import Corpus, Shuffled, Streams, cut_windows, split
from chargen.errors import SettingsError, TrainingError, printable
from chargen.events import Listener, Note
from chargen.library import RUNS, find_corpus, run_to_resume, take_folder
from chargen.listeners import CheckpointWriter, LogWriter
from chargen.options import format_value, option
from chargen.resolve import (
    LENGTHS,
    check_unchanged,
    read_validation,
    recommended,
    resolve,
    settings_of,
)
from chargen.run import Run
from chargen.text import Text, read_text

if TYPE_CHECKING:
    from chargen.runtime import Runtime


@dataclass
class Job:
    """A training that is ready to start.

    Attributes:
        corpus_name: the corpus as it was asked for: a path or a name.
        validation_name: the validation file as it was asked for, if one was.
        settings: resolved.
        given: the settings that were asked for.
        corpus: what it learns from.
        batches: its training part, cut.
        run: the run's folder.
        checkpoint: what training goes on from; None: from the start.
        notes: what the user should know before it starts.
    """

    corpus_name: str
    validation_name: str | None
    settings: Settings
    given: Mapping[str, Any]
    corpus: Corpus
    batches: Streams | Shuffled
    run: Run
    checkpoint: Checkpoint | None
    notes: list[str] = field(default_factory=list)
    _replaced: Path | None = None
    _created: bool = False

    def train(
        self,
        listeners: Sequence[Listener] = (),
        *,
        stop: Callable[[], int | None] = lambda: None,
        started: float | None = None,
    ) -> bool:
        """Train, and write the log and the checkpoints.

        Args:
            listeners: called with each event after the log and the checkpoint are
                written.
            stop: returns the number of a signal that asked for a stop, or None.
            started: when the process started, by `time.perf_counter`; None: now.

        Returns:
            Whether there was anything left to do.

        Raises:
            Interrupted: a signal asked for a stop.
            TrainingError: TensorFlow is missing, or the loss cannot be kept finite.
            CheckpointError: a checkpoint cannot be written.
        """
        started = time.perf_counter() if started is None else started
        try:
            return self._train(listeners, stop, started)
        finally:
            self.tidy()

    def _train(
        self,
        listeners: Sequence[Listener],
        stop: Callable[[], int | None],
        started: float,
    ) -> bool:
        runtime = start_tensorflow(self.settings)
        from chargen.trainer import Trainer

        notes = list(runtime.notes)
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
        log = LogWriter(self.run)
        writer = CheckpointWriter(
            self.run,
            self.settings,
            self.corpus,
            plan=plan,
            threads=runtime.threads,
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
            ),
            stop=stop,
            plan=plan,
            resume=self.checkpoint,
        )
        if self.checkpoint is not None and trainer.nothing_left():
            return False
        self._describe()
        evaluated = trainer.counters.evaluated_step
        log.begin(trainer.progress.step, trainer.progress.share, evaluated)
        trainer.run()
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
    def train_command(self) -> str:
        """What chargen is to be told to repeat this run, every setting written out."""
        words = ["train", self.corpus_name]
        values = self.settings.to_dict()
        if values.get("seconds") and values.get("steps"):  # the default length
            del values["seconds"], values["steps"]
        if self.settings.windows == "streams":
            del values["stride"]
        if self.validation_name is not None:
            values["validation"] = self.validation_name
        if values.pop("stock"):
            words.append("--stock")
        for name, value in values.items():
            words += [option(name), format_value(name, value)]
        return shlex.join(words)

    @property
    def resume_command(self) -> str:
        """What chargen is to be told to go on with this run."""
        words = ["train", self.corpus_name, "--resume"]
        words += ["--out", str(self.run.folder)]
        if self.validation_name is not None:
            words += ["--validation", self.validation_name]
        return shlex.join(words)

    @property
    def longer_command(self) -> str:
        """What chargen is to be told to train this run for twice its length."""
        settings = self.settings
        seconds = settings.seconds
        name = "seconds" if seconds else "epochs" if settings.epochs else "steps"
        twice = format_value(name, 2 * getattr(settings, name))
        return f"{self.resume_command} {option(name)} {twice}"

    @property
    def scorable(self) -> int:
        """How many characters of the validation part can be scored."""
        return len(self.corpus.validation) - (not len(self.corpus.context))

    def _published(self) -> None:
        """The run's first checkpoint is safe: what it replaces may go."""
        if self._replaced is not None:
            shutil.rmtree(self._replaced, ignore_errors=True)
            self._replaced = None

    def _describe(self) -> None:
        import importlib.metadata  # slow, and only training needs it

        description = {
            "format": 1,
            "chargen": chargen.__version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        given = dict(self.given)
        if self.run.exists():
            before = self.run.description()
            description["created"] = before.get("created", description["created"])
            given = {**before.get("given", {}), **given}
        self.run.describe(
            {
                **description,
                "given": given,
                "settings": self.settings.to_dict(),
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

        `train` does it; a job that is given up before needs it.
        """
        published = self.run.has("latest") or self.run.has("best")
        if published or not self._created:
            return
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
    dry_run: bool = False,
) -> Job:
    """Read the corpus, resolve the settings and take a folder for the run.

    What was not asked for is chosen by `recipe`, unless a run is resumed.

    Args:
        corpus_name: a text file, or the name of a bundled corpus.
        given: settings by name, as `Settings` has them; `validation` may be a file.
        out: the run's folder; None: a new one, `checkpoints/<corpus>`.
        resume: go on with the run in `out`; None: with the newest of this corpus.
        overwrite: replace the run in `out`.
        dry_run: take no folder; the job can be looked at, and not trained.

    Raises:
        TextError: the corpus cannot be read, or is too small.
        SettingsError: a setting is wrong, or contradicts the run that is resumed.
        CheckpointError: the run that is to be resumed is damaged.
    """
    given = dict(given or {})
    path = find_corpus(corpus_name)
    if resume and overwrite:
        raise SettingsError("--resume goes on with a run and --overwrite replaces it")
    if sum(name in given for name in LENGTHS) > 1:
        raise SettingsError("give one of --for, --epochs and --steps")
    old = run_to_resume(path, out) if resume else None
    before = old.description() if old else {}
    base = settings_of(before)
    text = read_text(path, encoding=given.get("encoding", base.get("encoding")))
    if "encoding" in given:
        given["encoding"] = text.encoding
    validation, validation_name = read_validation(given, base, before, path)
    if isinstance(validation, Text):
        given["validation"] = validation.name if "validation" in given else None
        given = {k: v for k, v in given.items() if v is not None}
    if old:
        check_unchanged(old, before, given, text, validation)
    if any(name in given for name in LENGTHS):
        base = {k: v for k, v in base.items() if k not in LENGTHS}
    try:
        settings = Settings.from_dict({**base, **given})
    except (ValueError, TypeError) as error:
        raise SettingsError(str(error)) from error

    corpus = split(text, validation)
    notes: list[str] = []
    if old is None:
        settings, note = recommended(settings, given, len(corpus.train))
        notes.append(note)
    batches = cut_windows(corpus.train, settings)
    resolved = resolve(settings, text, validation, corpus, batches, notes)
    checkpoint = None
    if old:
        old.repair()
    if old and old.has("latest"):
        checkpoint = old.read("latest", resume=True)
        notes.append(
            f"going on from step {checkpoint.step:,} of {printable(str(old.folder))}"
        )
    elif resume:
        notes.append("there is nothing to resume yet: starting")
    if dry_run:
        run, replaced, created = Run(out or RUNS / path.stem), None, False
    else:
        run, replaced, created = take_folder(path, out, old, overwrite)
    if out is None and created and run.folder.name != path.stem:
        earlier = printable(str(RUNS / path.stem))
        notes.append(f"{earlier} is taken: --resume goes on with the newest run instead")
    return Job(
        corpus_name=corpus_name,
        validation_name=validation_name,
        settings=resolved,
        given=given,
        corpus=corpus,
        batches=batches,
        run=run,
        checkpoint=checkpoint,
        notes=notes,
        _replaced=replaced,
        _created=created,
    )


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

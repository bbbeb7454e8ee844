"""`chargen train`: train on a text file, or go on with a run."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from chargen.cli.advice import (
    advice,
    ended_by_patience,
    invoked_as,
    longer_command,
    resume_command,
    train_command,
)
from chargen.cli.command import Command, Number, Whole
from chargen.config import (
    CELLS,
    DEVICES,
    LENGTHS,
    OPTIMIZERS,
    PRECISIONS,
    WINDOWS,
    Settings,
)
from chargen.errors import Interrupted, printable
from chargen.job import Job, prepare, start_tensorflow
from chargen.options import format_seconds
from chargen.recipe import CHOSEN
from chargen.report import describe_loss, verdict, xz_nats
from chargen.signals import StopSignals
from chargen.tensorboard import require_tensorboard

F = TypeVar("F", bound=Callable[..., Any])
DEFAULTS = Settings()


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A duration such as 90s, 5m or 1h30m."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, float | int):
            return float(value)
        number = r"(\d+(?:\.\d+)?)"
        match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s)?", value.lower())
        if not value or not match:
            self.fail(f"{value!r} is no duration: write 90s, 5m or 1h30m", param, ctx)
        parts = zip(match.groups(), (3600.0, 60.0, 1.0), strict=True)
        seconds = sum(float(part) * unit for part, unit in parts if part)
        if seconds <= 0:
            self.fail("a duration must be above 0", param, ctx)
        return seconds


class HeldOut(click.ParamType):  # type: ignore[type-arg]
    """A fraction in [0, 1), or a file."""

    name = "fraction or file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Return the number, or the file's name."""
        if not isinstance(value, str) or os.path.isfile(value):
            return value  # type: ignore[no-any-return]
        try:
            fraction = float(value)
        except ValueError:
            self.fail(f"there is no file {value!r}, and it is no number", param, ctx)
        if not 0 <= fraction < 1:
            self.fail(f"{value} is not in the range 0<=x<1", param, ctx)
        return fraction


def setting(name: str, kind: Any, help_text: str, *, flag: str = "") -> Callable[[F], F]:
    """An option for a setting, with the default that `Settings` gives it."""
    default = getattr(DEFAULTS, name)
    shown: bool | str = default is not None
    if name == "save_every":
        default = format_seconds(default)
    elif name in CHOSEN:
        shown = "by the text and the length"
    return click.option(
        flag or f"--{name.replace('_', '-')}",
        name,
        type=kind,
        default=default,
        show_default=shown,
        help=help_text,
    )


ABOVE_0 = Number(min=0, min_open=True)
FROM_0 = Number(min=0)
SHARE = Number(min=0, max=1, max_open=True)
COUNT = Whole(min=1)


@click.command(cls=Command, short_help="Train a model on a text, or go on with a run.")
@click.argument("corpus")
@setting(
    "seconds",
    Duration(),
    "Length: a time such as 90s, 5m, 1h30m.  [default: 5m]",
    flag="--for",
)
@setting("epochs", COUNT, "Length: passes over the training text.")
@setting("steps", COUNT, "Length: updates.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The run's folder.  [default: a new one, checkpoints/<corpus>]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --out, or with the corpus's newest. With a step of a run "
    "in --out: from there; newer ones are removed.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@click.option(
    "--init-from",
    metavar="CHECKPOINT",
    help="Start from this model, which may have learned from another text.",
)
@click.option(
    "--drop-unused",
    is_flag=True,
    help="With --init-from: leave out characters that CORPUS lacks.",
)
@setting("cell", click.Choice(CELLS, case_sensitive=False), "The recurrent cell.")
@setting("units", COUNT, "Size of each recurrent layer.")
@setting("layers", COUNT, "Number of recurrent layers.")
@setting("embedding_size", COUNT, "Size of a character's vector.")
@setting("dropout", SHARE, "Share of each layer's units dropped in training.")
@setting("batch_size", COUNT, "Streams or windows a step.")
@setting("seq_length", COUNT, "Characters a window: gradients reach back so far.")
@setting(
    "windows",
    click.Choice(WINDOWS, case_sensitive=False),
    "Streams carry the state on; shuffled windows each start from zero.",
)
@setting("stride", COUNT, "Characters between the starts of shuffled windows.")
@setting(
    "validation",
    HeldOut(),
    "Held out: the text's last part, or a file.  [default: 0.1; 0 for a short text]",
)
@setting(
    "test",
    HeldOut(),
    "Held out from validation, too, for `chargen eval --part test`: the text's very last "
    "part, or a file.  [default: none]",
)
@setting("encoding", str, "Of the corpus.  [default: UTF-8, or by the byte order mark]")
@setting(
    "optimizer",
    click.Choice(OPTIMIZERS, case_sensitive=False),
    "SOAP needs far fewer updates; AdamW is what is common.",
)
@setting("learning_rate", ABOVE_0, "Peak rate.")
@setting("warmup", SHARE, "Share of the run during which the rate rises.")
@setting("weight_decay", FROM_0, "Decoupled weight decay; biases have none.")
@setting("clip_norm", FROM_0, "Bound on the gradient's global norm; 0 for none.")
@setting(
    "eval_every",
    COUNT,
    "Steps between evaluations.  [default: 20 a run, if they fit into 5 % of its time]",
)
@setting("save_every", Duration(), "Time between checkpoints at the most.")
@setting("keep", COUNT, "Newest checkpoints that stay; the best stays in any case.")
@setting(
    "patience",
    COUNT,
    "Stop after so many evaluations without progress.  [default: never]",
)
@setting("seed", Whole(min=0), "Of the weights, the data order and dropout.")
@setting(
    "precision",
    click.Choice(("auto", *PRECISIONS), case_sensitive=False),
    "Of the operands of matrix products; auto: bfloat16 where the CPU multiplies it.",
)
@setting("threads", COUNT, "Processors to use.  [default: all]")
@setting(
    "device",
    click.Choice(DEVICES, case_sensitive=False),
    "Where to train; auto: a GPU if there is one.",
)
@click.option("--stock", is_flag=True, help="Train with Keras's own layers, slower.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print what would be trained, and the command that says so; train nothing.",
)
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Show the log in TensorBoard, too: in the folder tensorboard of the run.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--verbose", is_flag=True, help="Show TensorFlow's own messages.")
@click.pass_context
def train(
    ctx: click.Context,
    /,
    corpus: str,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    init_from: str | None,
    drop_unused: bool,
    dry_run: bool,
    tensorboard: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Train a model on CORPUS, a text file or the name of a bundled text.

    The run goes to a folder of its own. Ctrl-C saves it, and --resume goes on.

    \b
    chargen train novel.txt
    chargen train harbour-plays --for 1m --units 128
    chargen train novel.txt --resume --for 10m
    chargen train letters.txt --init-from novel
    """
    given = {
        name: value
        for name, value in settings.items()
        if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
    }
    typed = {
        name
        for name in LENGTHS
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
    }
    if typed:  # a length on the command line comes before one in the environment
        given = {k: v for k, v in given.items() if k not in LENGTHS or k in typed}
    if sum(name in given for name in LENGTHS) > 1:
        raise click.UsageError("give one of --for, --epochs and --steps")
    options: dict[str, Any] = {
        "out": out,
        "resume": resume,
        "overwrite": overwrite,
        "init_from": init_from,
        "drop_unused": drop_unused,
    }
    if tensorboard:
        require_tensorboard()  # before a folder is taken
    mended = advice("--out" if init_from is None else "--init-from")
    if dry_run:
        with mended:
            job = prepare(corpus, given, **options, dry_run=True)
        for line in plan_lines(job):
            click.echo(printable(line))
        return
    with StopSignals() as stop:
        with mended:
            job = prepare(corpus, given, **options)
        try:
            _run(job, stop, tensorboard=tensorboard, quiet=quiet, verbose=verbose)
        finally:
            job.tidy()


def _run(
    job: Job, stop: StopSignals, *, tensorboard: bool, quiet: bool, verbose: bool
) -> None:
    from rich.console import Console

    from chargen.cli import STARTED
    from chargen.cli.terminal import Terminal

    def say(text: str) -> None:
        if not quiet:
            with contextlib.suppress(OSError):  # the terminal may be gone: SIGHUP
                click.echo(printable(text), err=True)

    say(f"run: {job.run.folder}")
    for note in job.notes:
        say(f"note: {note}")
    say(f"{size(job)}. Loading TensorFlow …")
    with tensorflow_silenced(verbose):
        start_tensorflow(job.settings)
    program = invoked_as()
    terminal = Terminal(job, Console(stderr=True, quiet=quiet, highlight=False))
    try:
        with terminal:
            trained = job.train(
                [terminal], stop=stop, started=STARTED, tensorboard=tensorboard
            )
    except Interrupted as error:
        if not error.saved:
            say("interrupted before the first step: nothing to save")
        else:
            say(f"interrupted; saved in {job.run.folder}. To sample from it:")
            say(f"  {program} sample {shlex.quote(str(job.run.folder))}")
            say("to go on:")
            say(f"  {program} {resume_command(job)}")
        raise
    if not trained:
        why = "lengths are totals, and the run has had"
        if ended_by_patience(job):
            why = f"--patience {job.settings.patience} has ended the run, after"
        say(f"nothing is left to do: {why}")
        say(f"  {had(job)}. To train on:")
        say(f"  {program} {longer_command(job)}")
        return
    for line in summary(job, program):
        say(line)


def had(job: Job) -> str:
    """How long a run that is resumed has been."""
    done = job.checkpoint
    if done is None:
        return "nothing"
    seconds = format_seconds(float(round(done.seconds)))
    return f"{done.step:,} steps, {done.epoch:.1f} epochs, {seconds}"


def plan_lines(job: Job) -> Iterator[str]:
    """What a training would do, and the command that repeats it."""
    yield size(job)
    yield from job.notes
    yield f"{invoked_as()} {train_command(job)}"


def size(job: Job) -> str:
    """What there is to learn from, and how large the model is."""
    corpus, different = job.corpus, len(job.corpus.vocabulary)
    return (
        f"{len(corpus.train):,} characters to learn from, {len(corpus.validation):,} to "
        f"validate on, {different:,} different ones; "
        f"{job.settings.model.parameters(different):,} parameters"
    )


def summary(job: Job, program: str) -> Iterator[str]:
    """The last lines of a training: how good it is, and what to type next."""
    best, longer = job.run.read("best"), True
    if best.validation_loss is not None:
        yield f"best validation loss: {describe_loss(best.validation_loss)}"
        scored = best.training.get("validation_characters")
        xz = xz_nats(job.corpus) if scored == job.scorable else None
        if xz is not None:
            yield f"(the file compressor xz needs {xz:.4f} nats for the same text)"
        judged = verdict(job.run.log)
        yield judged.text
        longer = judged.longer
    elif best.train_loss is not None:
        yield f"training loss: {describe_loss(best.train_loss)}"
        yield "nothing was held out: it may know the text by heart"
    yield "to sample from it:"
    yield f"  {program} sample {shlex.quote(str(job.run.folder))} --seed 1"
    if longer:
        yield "to train it for longer:"
        yield f"  {program} {longer_command(job)}"
    if "init_from" not in best.training or job.init_from is not None:
        yield "to repeat this run:" if job.checkpoint is None else "to start such a run:"
        yield f"  {program} {train_command(job)}"
    yield f"run: {job.run.folder}"


@contextlib.contextmanager
def tensorflow_silenced(verbose: bool) -> Iterator[None]:
    """Keep TensorFlow's start-up messages off the terminal, unless starting fails.

    Its C++ part writes to the file descriptor before any log level is obeyed, so the
    descriptor itself is turned to a file.
    """
    if verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed: there is nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            captured.seek(0)
            os.write(2, captured.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)

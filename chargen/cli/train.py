"""`chargen train`: train on texts, or go on with a run."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from chargen.cli.advice import (
    advice,
    ended_by_patience,
    invoked_as,
    longer_command,
    resume_command,
)
from chargen.cli.command import Command
from chargen.cli.options import as_options, own, settings, together
from chargen.cli.summary import had, plan_lines, size, summary
from chargen.display import printable
from chargen.errors import ChargenError, Interrupted
from chargen.system.signals import StopSignals
from chargen.training.job import Job, start_tensorflow
from chargen.training.prepare import claim
from chargen.training.read import read
from chargen.training.request import Request
from chargen.training.resolve import resolve
from chargen.training.settings import GROUPS, LENGTHS, Settings
from chargen.training.writers import require_tensorboard

own_options = together(
    own(
        "--out",
        group="saving",
        common=True,
        type=click.Path(path_type=Path),
        help="The run's folder.  [default: a new one, checkpoints/<corpus>]",
    ),
    own(
        "--resume",
        group="saving",
        common=True,
        is_flag=True,
        help="Go on with the run in --out, or with the corpus's newest. With a step of a "
        "run in --out: from there; newer ones are removed.",
    ),
    own(
        "--overwrite",
        group="saving",
        common=True,
        is_flag=True,
        help="Replace the run in --out.",
    ),
    own(
        "--init-from",
        group="model",
        metavar="CHECKPOINT",
        help="Start from this model, which may have learned from another text.",
    ),
    own(
        "--drop-unused",
        group="model",
        is_flag=True,
        help="With --init-from: leave out characters that CORPUS lacks.",
    ),
    own(
        "--cache",
        group="data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where a large text is kept once it is read.  [default: the user's cache "
        "folder; chargen cache shows it]",
    ),
    own(
        "--no-cache",
        group="data",
        is_flag=True,
        help="Read a large text anew each time.",
    ),
    own(
        "--dry-run",
        group="output",
        common=True,
        is_flag=True,
        help="Print what would be trained, and the command for it; train nothing.",
    ),
    own(
        "--tensorboard",
        group="output",
        is_flag=True,
        help="Write the log for TensorBoard, too, to the run's folder tensorboard.",
    ),
    own(
        "--quiet",
        group="output",
        is_flag=True,
        help="Print nothing but errors, and the run's folder.",
    ),
    own(
        "--verbose",
        group="output",
        is_flag=True,
        help="Show TensorFlow's own messages.",
    ),
)
"""The options that are not settings, by group in the order of the help."""

WISHES = (
    *("out", "resume", "overwrite", "init_from", "drop_unused"),
    *("cache", "no_cache"),
)
"""Those of them that say what is asked for, rather than how it is shown."""


@click.command(
    cls=Command,
    groups=GROUPS,
    short_help="Train a model on a text, or go on with a run.",
)
@click.argument("corpus", nargs=-1, required=True)
@settings(Settings)
@own_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    corpus: tuple[str, ...],
    dry_run: bool,
    tensorboard: bool,
    quiet: bool,
    verbose: bool,
    **values: Any,
) -> None:
    """Train a model on CORPUS: text files, folders, names of bundled texts, or - .

    The run goes to a folder of its own. Ctrl-C saves it, and --resume goes on.

    \b
    chargen train novel.txt
    chargen train stories/ letters.docx --for 10m
    chargen train names.csv --column name --label country
    chargen train harbour-plays --for 1m --units 128
    chargen train novel.txt --resume --for 10m
    chargen train letters.txt --init-from novel
    """
    if tensorboard:
        require_tensorboard()  # before a folder is taken
    wishes = {name: values.pop(name) for name in WISHES}
    request = Request(corpus, _given(ctx, values), **wishes, dry_run=dry_run)
    mended = advice("--out" if request.init_from is None else "--init-from")
    with mended, contextlib.ExitStack() as open_contexts:
        stop = open_contexts.enter_context(StopSignals())
        resolved = resolve(read(request))
        if dry_run:
            for line in plan_lines(resolved):
                click.echo(printable(line))
            return
        job = open_contexts.enter_context(claim(resolved))
        _run(job, stop, tensorboard=tensorboard, quiet=quiet, verbose=verbose)


def _given(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given, on the command line or in the environment."""
    sources = {name: ctx.get_parameter_source(name) for name in values}
    given = {k: v for k, v in values.items() if sources[k] != ParameterSource.DEFAULT}
    typed = {name for name in LENGTHS if sources[name] == ParameterSource.COMMANDLINE}
    if typed:  # a length on the command line comes before one in the environment
        given = {k: v for k, v in given.items() if k not in LENGTHS or k in typed}
    if sum(name in given for name in LENGTHS) > 1:
        raise click.UsageError("give one of --for, --epochs and --steps")
    return given


def _run(
    job: Job, stop: StopSignals, *, tensorboard: bool, quiet: bool, verbose: bool
) -> None:
    from rich.console import Console

    from chargen.cli import STARTED
    from chargen.cli.terminal import Terminal

    resolved = job.resolved

    def say(text: str) -> None:
        if not quiet:
            with contextlib.suppress(OSError):  # the terminal may be gone: SIGHUP
                click.echo(printable(text), err=True)

    say(f"run: {job.run.folder}")
    for note in job.notes:
        say(f"note: {as_options(note)}")
    say(f"{size(resolved)}. Loading TensorFlow …")
    with tensorflow_silenced(verbose):
        runtime = start_tensorflow(job.settings)
    program = invoked_as()
    terminal = Terminal(job, Console(stderr=True, quiet=quiet, highlight=False))
    try:
        with terminal:
            trained = job.train(
                [terminal],
                stop=stop,
                started=STARTED,
                tensorboard=tensorboard,
                runtime=runtime,
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
    else:
        for line in summary(job, program):
            say(line)
    _write_folder(job.run.folder)


def _write_folder(folder: Path) -> None:
    """Write the run's folder to stdout, where a script finds it."""
    with contextlib.suppress(OSError):  # nobody reads
        shown = printable(str(folder)) if sys.stdout.isatty() else os.fsencode(folder)
        click.echo(shown)


@contextlib.contextmanager
def tensorflow_silenced(verbose: bool) -> Iterator[None]:
    """Keep TensorFlow's start-up messages off the terminal, unless starting fails.

    Its C++ part writes to the file descriptor before it obeys any log level, so the
    descriptor itself is redirected to a file.
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
        except ChargenError:  # which says all that there is to say
            raise
        except BaseException:
            os.dup2(kept, 2)
            captured.seek(0)
            os.write(2, captured.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)

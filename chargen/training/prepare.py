"""From what is asked for to a job that is ready: request → read → resolve → claim.

Each step takes the value of the one before and returns one of its own, which is never
changed; with it come the notes that the user should know. Whatever is wrong with a request
shows here, before TensorFlow is loaded.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from chargen.runs.claim import claim_new, claim_old
from chargen.runs.find import RUNS
from chargen.training.events import Listener
from chargen.training.job import Job
from chargen.training.read import read
from chargen.training.request import Request
from chargen.training.resolve import Resolved, resolve
from chargen.training.settings import GivenSettings

Corpora = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""What a training learns from: one text or several."""


@contextlib.contextmanager
def claim(resolved: Resolved) -> Iterator[Job]:
    """Take the run's folder, and yield the job that trains in it.

    Whatever happens within the context, a new run without a checkpoint is not left behind,
    and the run that it was to replace is brought back.

    Raises:
        SettingsError: the folder is taken.
        CheckpointError: another process trains the run.
    """
    read, request = resolved.read, resolved.read.request
    if read.run is not None:
        claimed = claim_old(read.run, read.latest)
    else:
        claimed = claim_new(read.name, request.out, overwrite=request.overwrite)
    with claimed as folder:
        notes = []
        if folder.replaced is not None:
            notes.append(
                f"the run that was there is in {folder.replaced} until this one's first "
                "checkpoint"
            )
        if folder.created and request.out is None and folder.run.folder.name != read.name:
            notes.append(
                f"{RUNS / read.name} is taken: `resume=True` goes on with the newest run "
                "instead"
            )
        yield Job(resolved, folder, (*resolved.notes, *notes, *folder.notes))


@contextlib.contextmanager
def prepare(
    corpus: Corpora,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | os.PathLike[str] | None = None,
    drop_unused: bool = False,
    cache: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    **settings: Unpack[GivenSettings],
) -> Iterator[Job]:
    """Prepare a training: a context whose `Job` is ready to train.

    Args:
        corpus: a text file, a folder of them, or the name of a bundled corpus; or several,
            in a list.
        out: the run's folder; None for a new one, `checkpoints/<corpus>`.
        resume: whether to go on with the run in `out`, or with the newest of this corpus.
        overwrite: whether to replace the run in `out`.
        init_from: a checkpoint, by path or name, whose model is trained further.
        drop_unused: whether to leave out the characters of its vocabulary that the corpus
            lacks.
        cache: where a large text is kept once it is read; None for the user's cache folder.
        no_cache: whether to read it anew each time.
        settings: settings by name, as `chargen.Settings` has them: `units=64`,
            `seconds=60.0`, `steps=500`. What is not given is chosen for the text.

    Raises:
        ChargenError: what is wrong, and what to do.
    """
    request = Request(
        corpus=_plain(corpus),
        given={name: _plain(value) for name, value in settings.items()},
        out=None if out is None else Path(out),
        resume=resume,
        overwrite=overwrite,
        init_from=_plain(init_from),
        drop_unused=drop_unused,
        cache=None if cache is None else Path(cache),
        no_cache=no_cache,
    )
    with claim(resolve(read(request))) as job:
        yield job


def train(
    corpus: Corpora,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | os.PathLike[str] | None = None,
    drop_unused: bool = False,
    cache: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    listeners: Sequence[Listener] = (),
    **settings: Unpack[GivenSettings],
) -> Path:
    """Train a model, as the command `chargen train` does.

    Nothing is printed except what TensorFlow writes to stderr when it is loaded.

    Args:
        corpus, out, resume, overwrite, init_from, drop_unused, cache, no_cache, settings:
            see `prepare`.
        listeners: called with each event of the training: `Stepped`, `CheckpointDue`,
            `RolledBack`, `Note`.

    Returns:
        The run's folder.

    Raises:
        ChargenError: what is wrong, and what to do.
    """
    with prepare(
        corpus,
        out=out,
        resume=resume,
        overwrite=overwrite,
        init_from=init_from,
        drop_unused=drop_unused,
        cache=cache,
        no_cache=no_cache,
        **settings,
    ) as job:
        job.train(listeners)
        return job.run.folder


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return os.fspath(value) if isinstance(value, os.PathLike) else value

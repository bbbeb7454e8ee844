"""What tests of training share: a text, and runs of it that no training wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers import tiny_checkpoint

from chargen.runs.run import Run
from chargen.text.vocabulary import Vocabulary
from chargen.training.read import Read, read
from chargen.training.request import Request
from chargen.training.resolve import Resolved, resolve
from chargen.training.settings import Settings

STORY = "Once upon a time there was a clerk who counted salt.\n"


def looked_at(
    corpus: str | tuple[str, ...] = "story.txt",
    given: Mapping[str, Any] | None = None,
    **wishes: Any,
) -> Read:
    """What a request speaks of."""
    return read(Request(corpus, given or {}, **wishes))


def asked(
    corpus: str | tuple[str, ...] = "story.txt",
    given: Mapping[str, Any] | None = None,
    **wishes: Any,
) -> Resolved:
    """What a training would be."""
    return resolve(looked_at(corpus, given, **wishes))


def begun(
    given: Mapping[str, Any],
    corpus: str = "story.txt",
    *,
    out: Path | None = None,
    created: str = "2026-01-01T00:00:00+00:00",
) -> Run:
    """A run as a training leaves it that is killed before its first checkpoint."""
    resolved = asked(corpus, given, dry_run=True)
    run = Run(out or Path("checkpoints") / resolved.read.name)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.write_description(
        {
            "format": 2,
            "created": created,
            "given": dict(resolved.read.given),
            "settings": resolved.settings.to_dict(),
            "corpus": [source.to_dict() for source in resolved.corpus.sources],
        }
    )
    return run


def trained(
    given: Mapping[str, Any],
    corpus: str = "story.txt",
    *,
    out: Path | None = None,
    created: str = "2026-01-01T00:00:00+00:00",
    **parts: Any,
) -> Run:
    """A run with a checkpoint, of random weights; `parts` are others of the checkpoint."""
    run = begun(given, corpus, out=out, created=created)
    publish(run, asked(corpus, given, dry_run=True).corpus.vocabulary, **parts)
    return run


def publish(run: Run, vocabulary: Vocabulary, *, best: bool = True, **parts: Any) -> None:
    """Write a checkpoint of the model that a run's description has."""
    model = Settings.from_dict(run.description()["settings"]).model
    checkpoint = tiny_checkpoint(
        model.cell,
        units=model.units,
        layers=model.layers,
        embedding_size=model.embedding_size,
        characters="".join(vocabulary.characters),
        model=model,
        **parts,
    )
    run.publish(checkpoint, best=best, keep=3)

"""The parts of a run's texts: found again by hash, and divided as for the training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargen.checks import is_number
from chargen.errors import CheckpointError, MissingTextError, SettingsError, TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.text.corpus import split, whole
from chargen.text.encoded import Encoded
from chargen.text.ingest import encode
from chargen.text.parts import Part
from chargen.text.policy import Reading
from chargen.text.sources import (
    BUNDLED_CORPORA,
    HELD_OUT,
    Input,
    Source,
    find_inputs,
    in_role,
    is_bare,
    title,
)
from chargen.text.vocabulary import Ids


@dataclass(frozen=True)
class HeldOut:
    """A part of a text that a model was not trained on.

    Attributes:
        name: the part and the file that it is from, for people.
        part: its ids.
        context: the ids that a model reads just before it, which are not scored.
        unknown: how many characters of it the model never saw.
        train: the training part of the same text; None where the part is of another.
    """

    name: str
    part: Part
    context: Ids
    unknown: int = 0
    train: Part | None = None


def reading_of(checkpoint: Checkpoint) -> Reading:
    """Return how the texts of a checkpoint are read.

    Raises:
        CheckpointError: what it says of its texts contradicts itself.
    """
    text, settings = checkpoint.text, checkpoint.training
    columns = {name: _name(settings, name) for name in ("column", "label", "group_by")}
    try:
        return Reading(
            # UTF-8 is what is read without being asked for, and so found on the disk again.
            encoding=None if text.encoding == "utf-8" else text.encoding,
            newlines=text.newlines,
            normalize=text.normalize,
            lowercase=text.lowercase,
            documents=text.documents,
            backward=text.backward,
            **columns,
        )
    except ValueError as error:
        raise CheckpointError(f"the checkpoint is damaged: {error}") from error


def _name(settings: Mapping[str, Any], name: str) -> str | None:
    found = settings.get(name)
    return found if isinstance(found, str) else None


def find_part(
    checkpoint: Checkpoint,
    part: str,
    files: Sequence[str] = (),
    *,
    cache: Path | None = None,
) -> HeldOut:
    """Return a part of the text that a checkpoint was trained on.

    Args:
        checkpoint: what was trained.
        part: "validation" or "test".
        files: where to look for the texts; if there are none, they are looked for by their
            names in the current folder and among the bundled texts.
        cache: where large texts are kept once they are read; None for no such place.

    Raises:
        SettingsError: the run has no such part, or the files are not its texts.
        TextError: a text cannot be found or read.
        CheckpointError: what the checkpoint says of its parts contradicts itself.
    """
    own = in_role(checkpoint.corpus, part)
    held = checkpoint.training.get(part)
    if not own and (held is None or held == 0):
        trained = "without `test`"
        if part == "validation":
            trained = "with `validation=0` or from a text too short for it"
        raise SettingsError(f"there is no {part} part: the model was trained {trained}")
    if not own and isinstance(held, str):
        raise CheckpointError("the checkpoint does not say what it was validated on")
    sources = own or in_role(checkpoint.corpus, "train")
    if not sources:
        raise CheckpointError("the checkpoint does not say what it was trained on")
    text = find_text(checkpoint, sources, part, files, cache)
    name = title(sources)
    vocabulary, backward = checkpoint.vocabulary, checkpoint.text.backward
    if own:
        found, context = whole(text, vocabulary, name, backward=backward)
        return HeldOut(name, found, context)
    validation, test = (
        0.0 if in_role(checkpoint.corpus, role) else _share(checkpoint.training.get(role))
        for role in HELD_OUT
    )
    corpus = split(text, validation, vocabulary, test=test, backward=backward, name=name)
    found, context = corpus.validation, corpus.context
    if part == "test":
        found, context = corpus.test, corpus.test_context
    return HeldOut(f"{part} part of {name}", found, context, train=corpus.train)


def _share(held: Any) -> float:
    """Return the share of the text that a part takes."""
    if held is None:
        return 0.0
    if not (is_number(held) and 0 <= held < 1):
        raise CheckpointError("the checkpoint does not say how its text was split")
    return float(held)


def find_text(
    checkpoint: Checkpoint,
    sources: Sequence[Source],
    part: str,
    files: Sequence[str],
    cache: Path | None,
) -> Encoded:
    """Return the text that some sources of a checkpoint are.

    Args:
        checkpoint, files, cache: see `find_part`.
        sources: the sources of one role, in order.
        part: what is looked for, for messages.

    Raises:
        SettingsError: the files are not these.
        TextError: a text cannot be found or read.
    """
    glob = _name(checkpoint.training, "glob")
    reading = reading_of(checkpoint)
    if files:
        given = find_inputs(files, glob=glob)
        for inputs in _orders(given, sources):
            text = encode(inputs, reading, cache)
            if _are(inputs, text, sources):
                return text
        learned = ", ".join(source.name for source in sources)
        raise SettingsError(
            f"{', '.join(files)} is not the text that the model was trained on, "
            f"{learned}: its SHA-256 differs. To score it as any other text, leave out "
            f"`part={part!r}`"
        )
    places = [_places(source) for source in sources]
    tried = [[path] for path in places[0]] if len(sources) == 1 else []
    if len(sources) > 1 and all(places):
        tried = [[paths[0] for paths in places]]
    for paths in tried:
        # A name such as `-` must not be taken for anything but a file's.
        names = [os.path.join(os.curdir, path) for path in paths]
        try:
            inputs = find_inputs(names, glob=glob)
            text = encode(inputs, reading, cache)
        except TextError:  # it is another text of the same name
            continue
        if _are(inputs, text, sources):
            return text
    missing = next((s for s, at in zip(sources, places, strict=True) if not at), sources[0])
    raise MissingTextError(
        f"the {part} part of this model is of {missing.name}, which is neither in this "
        "folder nor with the texts that ship, or has changed since: say where it is",
        name=missing.name,
    )


def _orders(given: list[Input], sources: Sequence[Source]) -> list[list[Input]]:
    """Return in which ways the files that are given may be the sources."""
    if len(sources) == 1:
        return [[each] for each in given]
    return [given] if len(given) == len(sources) else []


def _are(inputs: Sequence[Input], text: Encoded, sources: Sequence[Source]) -> bool:
    """Whether files that were read are the sources, by their hashes."""
    files = iter(text.files)
    hashes = [
        each.source("train", [next(files) for _ in each.files]).sha256 for each in inputs
    ]
    return hashes == [source.sha256 for source in sources]


def _places(source: Source) -> list[Path]:
    """Return the files, or the folders, that have the name of a checkpoint's source.

    A path is not followed: the checkpoint may be anybody's.
    """
    name = source.name
    if not is_bare(name):
        return []
    is_kind = os.path.isfile if source.files is None else os.path.isdir
    return [path for path in (Path(name), BUNDLED_CORPORA / name) if is_kind(path)]

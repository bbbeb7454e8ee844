"""The parts of a run's texts: found again by hash, and cut as for the training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chargen.checks import is_number
from chargen.errors import CheckpointError, MissingTextError, SettingsError, TextError
from chargen.runs.checkpoint import Checkpoint
from chargen.text.corpus import split
from chargen.text.reading import Text, read_text
from chargen.text.sources import BUNDLED_CORPORA, HELD_OUT, Source, in_role


@dataclass(frozen=True)
class Part:
    """A part of a text.

    Attributes:
        name: the part and the file that it is from, for people.
        characters: the part.
        context: what stands just before it, and may be read but is not scored.
    """

    name: str
    characters: str
    context: str = ""


def find_part(checkpoint: Checkpoint, part: str, files: Sequence[Path] = ()) -> Part:
    """Return a part of the text that a checkpoint was trained on.

    Args:
        checkpoint: what was trained.
        part: "validation" or "test".
        files: where to look for the text; if there are none, it is looked for by its name
            in the current folder and among the bundled texts.

    Raises:
        SettingsError: the run has no such part, or none of the files is its text.
        TextError: the text cannot be found or read.
        CheckpointError: what the checkpoint says of its parts contradicts itself.
    """
    held = checkpoint.training.get(part)
    if held is None or held == 0:
        trained = "without `test`"
        if part == "validation":
            trained = "with `validation=0` or from a text too short for it"
        raise SettingsError(f"there is no {part} part: the model was trained {trained}")
    encoding = checkpoint.text["encoding"]
    if isinstance(held, str):  # a file of its own
        source = in_role(checkpoint.corpus, part)
        if source is None or source.name != held:
            raise CheckpointError("the checkpoint does not say what it was validated on")
        text = _find(source, part, files, encoding)
        return Part(text.name, text.characters)
    source = in_role(checkpoint.corpus, "train")
    if source is None:
        raise CheckpointError("the checkpoint does not say what it was trained on")
    validation, test = (_share(checkpoint.training.get(name)) for name in HELD_OUT)
    text = _find(source, part, files, encoding)
    corpus = split(text, validation, checkpoint.vocabulary, test=test)
    ids, context = (
        (corpus.validation, corpus.context)
        if part == "validation"
        else (corpus.test, corpus.test_context)
    )
    decode = corpus.vocabulary.decode
    return Part(f"{part} part of {text.name}", decode(ids), decode(context))


def _share(held: Any) -> float:
    """Return the share of the text that a part takes: 0 if it has a file of its own."""
    if held is None or isinstance(held, str):
        return 0.0
    if not (is_number(held) and 0 <= held < 1):
        raise CheckpointError("the checkpoint does not say how its text was split")
    return float(held)


def _find(source: Source, part: str, files: Sequence[Path], encoding: str) -> Text:
    """Return the text that a checkpoint names."""
    for path in files or _places(source.name):
        if _sha256(path) == source.sha256:
            return read_text(path, encoding=encoding)
    if files:
        given = ", ".join(str(path) for path in files)
        raise SettingsError(
            f"{given} is not the text that the model was trained on, {source.name}: its "
            f"SHA-256 differs. To score it as any other text, leave out `part={part!r}`"
        )
    raise MissingTextError(
        f"the {part} part of this model is of {source.name}, which is neither in this "
        "folder nor with the texts that ship, or has changed since: say where it is",
        name=source.name,
    )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise TextError(f"cannot read {path}: {reason}") from error


def _places(name: str) -> list[Path]:
    """Return the files that have the name that a checkpoint gives.

    A path is not followed: the checkpoint may be anybody's.
    """
    if Path(name).name != name:
        return []
    places = (Path(name), BUNDLED_CORPORA / name)
    return [path for path in places if os.path.isfile(path)]

"""One checkpoint: a step directory, format 1 or 2.

docs/checkpoints.md is the contract. Reading runs no code from the file and allocates
nothing beyond the limits below: sizes, names, shapes and dtypes are checked before a
weight is touched. Everything that opens a checkpoint goes through `read`.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chargen.checks import is_count, is_number
from chargen.errors import CheckpointError
from chargen.model.cells import CELLS
from chargen.model.shape import MAX_PARAMETERS, ModelConfig
from chargen.runs.tensors import MAX_HEADER, Arrays, Entry, read_tensors, tensor_bytes
from chargen.system.files import MAX_MESSAGE, dump_json, read_json, sync_folder, write_file
from chargen.text.policy import DIRECTIONS, DOCUMENTS, NEWLINES, NORMALIZE, TextPolicy
from chargen.text.sources import PARTS, Source, recorded_sources
from chargen.text.vocabulary import MAX_CHARACTERS, Vocabulary

NEWEST = 2
"""The newest format that is read; the oldest that can express a model is written."""

MANIFEST = "checkpoint.json"
WEIGHTS = "weights.safetensors"
RESUME = "resume.safetensors"

RESUME_KINDS = ("counter", "optimizer", "state", "weight")
"""How the names in the resume part begin, up to the first full stop."""

MAX_STATES = 2**28  # bytes of recurrent states in the resume part
MAX_SOURCES = 1_000
MAX_SETTINGS = 1_000

MARKS = ("end", "unknown")

_SHAPE = ("cell", "units", "layers", "embedding_size", "dropout")
MODEL: Mapping[int, tuple[str, ...]] = {1: _SHAPE, 2: (*_SHAPE, "tied")}
"""The keys of `model`, by format."""

TEXT_VALUES: Mapping[int, Mapping[str, tuple[object, ...]]] = {
    1: {
        "newlines": ("lf",),
        "normalize": ("none",),
        "lowercase": (False,),
        "documents": ("none",),
    },
    2: {
        "newlines": NEWLINES,
        "normalize": NORMALIZE,
        "lowercase": (False, True),
        "documents": DOCUMENTS,
        "label": (False, True),
        "direction": DIRECTIONS,
    },
}
"""What may stand under the keys of `text` besides the encoding, by format."""

TEXT = {version: ("encoding", *values) for version, values in TEXT_VALUES.items()}
"""The keys of `text`, by format."""

KEYS = (
    "format",
    "chargen",
    "model",
    "vocabulary",
    "marks",
    "text",
    "corpus",
    "training",
    "step",
    "epoch",
    "seconds",
    "losses",
    "files",
)


@dataclass(frozen=True)
class Checkpoint:
    """What a step directory holds.

    Attributes:
        model: the model's shape.
        vocabulary: its characters.
        text: how the text was read.
        corpus: the files that the model learned from, and those that were held out.
        training: the settings as resolved, by name: numbers, strings and booleans.
        step: updates done. epoch: passes over the training text. seconds: time spent.
        train_loss, validation_loss: nats per character; None if not measured.
        weights: float32 arrays by name; see `ModelConfig.weight_shapes`.
        resume: the resume part: what else a training needs to go on; empty if not read.
        chargen: the version that wrote it.
        files: the size in bytes of each file that it was read from, by name; empty before
            it is written.
    """

    model: ModelConfig
    vocabulary: Vocabulary
    text: TextPolicy
    corpus: tuple[Source, ...]
    training: Mapping[str, float | int | str | bool]
    step: int
    epoch: float
    seconds: float
    train_loss: float | None
    validation_loss: float | None
    weights: Arrays = field(repr=False)
    resume: Arrays = field(repr=False, default_factory=dict)
    chargen: str = ""
    files: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def format(self) -> int:
        """The lowest format that can express it."""
        known = replace(TextPolicy(), encoding=self.text.encoding)
        settings = dict(self.training)
        old = [source.to_dict(1) for source in self.corpus]
        same = recorded_sources(old, settings) == self.corpus
        plain = not self.vocabulary.marks and not self.model.tied
        return 1 if self.text == known and same and plain else 2


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a step directory, which must not exist, and flush it to the disk.

    `resume.safetensors` is left out where `checkpoint.resume` is empty.

    Raises:
        OSError: the disk or the file system refuses.
    """
    contents = {WEIGHTS: tensor_bytes(checkpoint.weights)}
    if checkpoint.resume:
        contents[RESUME] = tensor_bytes(checkpoint.resume)
    manifest = {
        "format": checkpoint.format,
        "chargen": checkpoint.chargen,
        "model": {n: getattr(checkpoint.model, n) for n in MODEL[checkpoint.format]},
        "vocabulary": list(checkpoint.vocabulary.characters),
        "marks": checkpoint.vocabulary.marks,
        "text": {name: getattr(checkpoint.text, name) for name in TEXT[checkpoint.format]},
        "corpus": [source.to_dict(checkpoint.format) for source in checkpoint.corpus],
        "training": dict(checkpoint.training),
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "seconds": checkpoint.seconds,
        "losses": {
            "train": checkpoint.train_loss,
            "validation": checkpoint.validation_loss,
        },
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in contents.items()
        },
    }
    folder.mkdir()
    for name, data in contents.items():
        write_file(folder / name, data)
    write_file(folder / MANIFEST, dump_json(manifest))
    sync_folder(folder)


def read_manifest(folder: Path) -> Checkpoint:
    """Read what a step directory says of itself, and none of its arrays.

    Raises:
        CheckpointError: its manifest is missing, damaged, or of a newer format.
    """
    return _read_manifest(folder)[0]


def read(folder: Path, *, resume: bool = False) -> Checkpoint:
    """Read a step directory.

    Args:
        folder: the step directory.
        resume: whether to read the resume part, too.

    Raises:
        CheckpointError: something is missing, damaged, beyond the limits, or written in
            a newer format.
    """
    checkpoint, files = _read_manifest(folder)
    with _blaming(folder / WEIGHTS):
        weights = _read_weights(folder, files, checkpoint)
    extra: Arrays = {}
    if resume:
        with _blaming(folder / RESUME):
            extra = _read_resume(folder, files, checkpoint)
    return Checkpoint(**{**vars(checkpoint), "weights": weights, "resume": extra})


def _read_manifest(folder: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Read checkpoint.json: everything but the arrays, and what it says of their files."""
    manifest = read_json(folder / MANIFEST)
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version > NEWEST:
        raise CheckpointError(
            f"{folder / MANIFEST}: format {str(version)[:40]} is newer "
            f"than format {NEWEST}, the newest that this version of chargen reads: "
            "upgrade chargen"
        )
    with _blaming(folder / MANIFEST):
        return _parse(manifest)


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Turn a ValueError into a CheckpointError that names a file."""
    try:
        yield
    except ValueError as error:
        reason = str(error)[:MAX_MESSAGE]
        raise CheckpointError(f"{path}: {reason}") from error


def _parse(manifest: object) -> tuple[Checkpoint, dict[str, Any]]:
    """Check every key of checkpoint.json; a ValueError says what is wrong."""
    top = _object(manifest, "the file", KEYS)
    version = top["format"]
    known = type(version) is int and version in TEXT
    _demand(known, f"format is not one of 1 to {NEWEST}")
    _demand(isinstance(top["chargen"], str), "chargen is not a version")
    model = ModelConfig(**_object(top["model"], "model", MODEL[version]))
    characters = top["vocabulary"]
    _demand(isinstance(characters, list), "vocabulary is not a list")
    _demand(0 < len(characters) <= MAX_CHARACTERS, "vocabulary has no plausible size")
    vocabulary = _parse_vocabulary(characters, top["marks"], version)
    parameters = model.parameters(len(vocabulary))
    _demand(
        parameters <= MAX_PARAMETERS,
        f"{parameters:,} parameters are more than the {MAX_PARAMETERS:,} allowed",
    )
    files = _parse_files(top["files"])
    training = _parse_training(top["training"])
    return (
        Checkpoint(
            model=model,
            vocabulary=vocabulary,
            text=_parse_text(top["text"], version, vocabulary),
            corpus=recorded_sources(_parse_corpus(top["corpus"], version), training),
            training=training,
            step=_count(top["step"], "step"),
            epoch=_amount(top["epoch"], "epoch"),
            seconds=_amount(top["seconds"], "seconds"),
            **_parse_losses(top["losses"]),
            weights={},
            chargen=top["chargen"],
            files={name: item["bytes"] for name, item in files.items()},
        ),
        files,
    )


def _parse_vocabulary(characters: list[Any], marks: object, version: int) -> Vocabulary:
    """Return the vocabulary; its marks have the ids that come after the characters."""
    if not isinstance(marks, dict):
        raise ValueError("marks is not an object")
    _demand(version > 1 or not marks, "it has marks, which format 1 does not have")
    _demand(set(marks) <= set(MARKS), f"marks may be {' and '.join(MARKS)}, no others")
    vocabulary = Vocabulary(characters, end="end" in marks, unknown="unknown" in marks)
    same = marks == vocabulary.marks and all(type(x) is int for x in marks.values())
    _demand(same, f"marks must be {vocabulary.marks}: they come after the characters")
    return vocabulary


def _parse_text(value: object, version: int, vocabulary: Vocabulary) -> TextPolicy:
    text = _object(value, "text", TEXT[version])
    _demand(isinstance(text["encoding"], str), "text.encoding is not a name")
    for name, allowed in TEXT_VALUES[version].items():
        found = text[name]
        kinds = [known for known in allowed if type(known) is type(found)]
        _demand(
            found in kinds,
            f"text.{name} is {found!r}, which this version of chargen cannot follow",
        )
    policy = TextPolicy(**text)
    items = policy.documents != "none"
    _demand(
        items == (vocabulary.end is not None),
        "text.documents and marks contradict each other: a text of items has the mark end, "
        "and no other text has it",
    )
    _demand(items or not policy.label, "text.label is true, and there are no items")
    _demand(
        not (policy.label and policy.backward),
        "text.label is true and text.direction backward: a label comes before its item",
    )
    return policy


def _parse_corpus(value: object, version: int) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_SOURCES:
        raise ValueError("corpus is not a list of files")
    keys = ("name", "bytes", "sha256", *(("role", "files") if version > 1 else ()))
    sources = []
    for item in value:
        source = _object(item, "a corpus entry", keys)
        _demand(isinstance(source["name"], str), "a corpus name is not a string")
        _count(source["bytes"], "a corpus entry's bytes")
        _hash(source["sha256"])
        if version > 1:
            role = isinstance(source["role"], str) and source["role"] in PARTS
            _demand(role, f"a corpus entry's role is none of {', '.join(PARTS)}")
            if source["files"] is not None:
                _count(source["files"], "a corpus entry's files")
        sources.append(source)
    return sources


def _parse_training(value: object) -> dict[str, Any]:
    _demand(
        isinstance(value, dict) and len(value) <= MAX_SETTINGS,
        "training is not an object",
    )
    settings: dict[str, Any] = dict(value)  # type: ignore[call-overload]
    for name, item in settings.items():
        flat = isinstance(item, str | bool) or is_number(item)
        _demand(flat, f"training.{name} is not a number, string or boolean")
    return settings


def _parse_losses(value: object) -> dict[str, Any]:
    losses = _object(value, "losses", ("train", "validation"))
    return {
        f"{name}_loss": loss if loss is None else _amount(loss, f"losses.{name}")
        for name, loss in losses.items()
    }


def _parse_files(value: object) -> dict[str, Any]:
    _demand(isinstance(value, dict), "files is not an object")
    files: dict[str, Any] = dict(value)  # type: ignore[call-overload]
    known = set(files) <= {WEIGHTS, RESUME} and WEIGHTS in files
    _demand(known, f"files must be {WEIGHTS} and, perhaps, {RESUME}")
    for name, item in files.items():
        entry = _object(item, f"files.{name}", ("bytes", "sha256"))
        _count(entry["bytes"], f"files.{name}.bytes")
        _hash(entry["sha256"])
    return files


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _object(value: object, what: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    missing, unknown = sorted(set(keys) - set(value)), sorted(set(value) - set(keys))
    if missing or unknown:
        raise ValueError(f"{what} lacks {missing}, and has the unknown {unknown[:8]}")
    return value


def _count(value: object, what: str) -> int:
    if not is_count(value):
        raise ValueError(f"{what} is not a whole number of at least 0")
    return value


def _amount(value: Any, what: str) -> float:
    if not is_number(value) or value < 0:
        raise ValueError(f"{what} is not a number of at least 0")
    return float(value)


def _hash(value: object) -> None:
    hexadecimal = isinstance(value, str) and set(value) <= set("0123456789abcdef")
    _demand(hexadecimal and len(str(value)) == 64, "a sha256 is not a hash")


def _read_weights(folder: Path, files: dict[str, Any], checkpoint: Checkpoint) -> Arrays:
    """Read the weights, whose names, shapes and dtype follow from the model."""
    expected = checkpoint.model.weight_shapes(len(checkpoint.vocabulary))

    def check(header: dict[str, Entry]) -> None:
        missing = sorted(set(expected) - set(header))
        unknown = sorted(set(header) - set(expected))
        _demand(
            not (missing or unknown),
            f"the model of {MANIFEST} is another: it lacks {missing}, and has the unknown "
            f"{unknown[:8]}",
        )
        for name, shape in expected.items():
            found = header[name]
            _demand(
                (found.dtype, found.shape) == ("F32", shape),
                f"{name} must be float32 {shape}, as {MANIFEST} has the model; it is "
                f"{found.dtype} {found.shape}",
            )

    size = 4 * sum(math.prod(shape) for shape in expected.values())
    found = _read_part(folder, WEIGHTS, files, size, check)
    return {name: found[name] for name in expected}  # in Keras's order


def _read_resume(folder: Path, files: dict[str, Any], checkpoint: Checkpoint) -> Arrays:
    """Read the resume part; it is the trainer that knows its names and shapes."""
    if RESUME not in files:
        raise CheckpointError(
            f"{folder} has no {RESUME}: it can be sampled from, but its "
            "training cannot be resumed"
        )
    model = checkpoint.model
    batch_size = checkpoint.training.get("batch_size")
    if not is_count(batch_size):
        raise ValueError(f"{MANIFEST} does not give the batch size")
    states = 4 * batch_size * len(CELLS[model.cell].states) * model.layers * model.units

    def check(header: dict[str, Entry]) -> None:
        for name in header:
            known = name.split(".")[0] in RESUME_KINDS
            _demand(known, f"it has the unknown {name[:80]!a}")

    weights = model.parameters(len(checkpoint.vocabulary))
    size = 24 * weights + 8 * model.embedding_size**2 + min(states, MAX_STATES)
    return _read_part(folder, RESUME, files, size, check)


def _read_part(
    folder: Path,
    name: str,
    files: dict[str, Any],
    limit: int,
    check: Callable[[dict[str, Entry]], None],
) -> Arrays:
    """Read a safetensors file whose arrays have at most `limit` bytes."""
    size = files[name]["bytes"]
    _demand(size <= limit + MAX_HEADER + 8, f"{size:,} bytes are too many for this model")
    return read_tensors(folder / name, size, files[name]["sha256"], check)

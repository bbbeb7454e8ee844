"""One checkpoint: a step directory, format 1. Imports layers 0–1, NumPy and safetensors.

docs/checkpoints.md is the contract. Reading runs no code of the file's and allocates
nothing that the limits below do not allow: sizes, names, shapes and dtypes are checked
before a weight is touched. Everything that opens a checkpoint goes through `read`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from chargen.config import MAX_PARAMETERS, ModelConfig, is_number
from chargen.errors import CheckpointError, printable
from chargen.files import (
    dump_json,
    parse_json,
    read_file,
    read_json,
    sync_folder,
    write_file,
)
from chargen.vocabulary import MAX_CHARACTERS, Vocabulary

FORMAT = 1
MANIFEST = "checkpoint.json"
WEIGHTS = "weights.safetensors"
RESUME = "resume.safetensors"

MAX_HEADER = 2**20
MAX_STATES = 2**28  # bytes of recurrent states in the resume part
RESUME_TYPES = ("F32", "F64", "I32", "I64")
MAX_SOURCES = 100_000
MAX_SETTINGS = 1_000

TEXT_POLICY = {
    "newlines": "lf",
    "normalize": "none",
    "lowercase": False,
    "documents": "none",
}
"""How this release reads texts; the encoding comes on top."""

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

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """What a step directory holds.

    Attributes:
        model: the model's shape.
        vocabulary: its characters.
        text: how the text was read: encoding, newlines, normalize, lowercase, documents.
        corpus: name, bytes and sha256 of each file.
        training: settings as resolved: name → number, string or boolean.
        step: updates done. epoch: passes over the training text. seconds: time spent.
        train_loss, validation_loss: nats per character; None where not measured.
        weights: float32 arrays by name, see `ModelConfig.weight_shapes`.
        resume: what a training needs besides to go on; empty if not read.
        chargen: the version that wrote it.
    """

    model: ModelConfig
    vocabulary: Vocabulary
    text: Mapping[str, Any]
    corpus: tuple[Mapping[str, Any], ...]
    training: Mapping[str, float | int | str | bool]
    step: int
    epoch: float
    seconds: float
    train_loss: float | None
    validation_loss: float | None
    weights: Arrays = field(repr=False)
    resume: Arrays = field(repr=False, default_factory=dict)
    chargen: str = ""


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a step directory, which must not exist, and flush it to the disk.

    `resume.safetensors` is left out where `checkpoint.resume` is empty.

    Raises:
        OSError: the disk or the file system refuses.
    """
    contents = {WEIGHTS: _tensor_bytes(checkpoint.weights)}
    if checkpoint.resume:
        contents[RESUME] = _tensor_bytes(checkpoint.resume)
    manifest = {
        "format": FORMAT,
        "chargen": checkpoint.chargen,
        "model": checkpoint.model.to_dict(),
        "vocabulary": list(checkpoint.vocabulary.characters),
        "marks": {},
        "text": dict(checkpoint.text),
        "corpus": [dict(source) for source in checkpoint.corpus],
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


def _tensor_bytes(arrays: Arrays) -> bytes:
    # safetensors writes an array's memory as it lies, whatever its strides.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors.numpy.save(whole)


def read(folder: Path, *, resume: bool = False) -> Checkpoint:
    """Read a step directory.

    Args:
        folder: the step directory.
        resume: read what a training needs to go on, too.

    Raises:
        CheckpointError: something is missing, damaged, beyond the limits, or written in
            a newer format.
    """
    manifest = read_json(folder / MANIFEST)
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise CheckpointError(
            f"{printable(str(folder / MANIFEST))}: format {version} is newer than format "
            f"{FORMAT}, the newest that this version of chargen reads: upgrade chargen"
        )
    part = MANIFEST
    try:
        checkpoint, files = _parse(manifest)
        part = WEIGHTS
        weights = _read_weights(folder, files, checkpoint)
        part = RESUME
        extra = _read_resume(folder, files, checkpoint) if resume else {}
    except (ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"{printable(str(folder / part))}: {printable(str(error))}"
        ) from error
    return Checkpoint(**{**vars(checkpoint), "weights": weights, "resume": extra})


def _parse(manifest: object) -> tuple[Checkpoint, dict[str, Any]]:
    """Check every key of checkpoint.json; a ValueError says what is wrong."""
    top = _object(manifest, "the file", KEYS)
    _demand(type(top["format"]) is int and top["format"] == FORMAT, "format is not 1")
    _demand(isinstance(top["chargen"], str), "chargen is not a version")
    names = ("cell", "units", "layers", "embedding_size", "dropout")
    model = ModelConfig(**_object(top["model"], "model", names))
    characters = top["vocabulary"]
    _demand(isinstance(characters, list), "vocabulary is not a list")
    _demand(0 < len(characters) <= MAX_CHARACTERS, "vocabulary has no plausible size")
    vocabulary = Vocabulary(characters)
    parameters = model.parameters(len(vocabulary))
    _demand(
        parameters <= MAX_PARAMETERS,
        f"{parameters:,} parameters are more than the {MAX_PARAMETERS:,} allowed",
    )
    _demand(isinstance(top["marks"], dict), "marks is not an object")
    _demand(not top["marks"], "it has marks, which this version of chargen cannot use")
    return (
        Checkpoint(
            model=model,
            vocabulary=vocabulary,
            text=_parse_text(top["text"]),
            corpus=_parse_corpus(top["corpus"]),
            training=_parse_training(top["training"]),
            step=_count(top["step"], "step"),
            epoch=_amount(top["epoch"], "epoch"),
            seconds=_amount(top["seconds"], "seconds"),
            **_parse_losses(top["losses"]),
            weights={},
            chargen=top["chargen"],
        ),
        _parse_files(top["files"]),
    )


def _parse_text(value: object) -> dict[str, Any]:
    text = _object(value, "text", ("encoding", *TEXT_POLICY))
    _demand(isinstance(text["encoding"], str), "text.encoding is not a name")
    for name, known in TEXT_POLICY.items():
        same = text[name] == known and type(text[name]) is type(known)
        _demand(
            same,
            f"text.{name} is {text[name]!r}, which this version of chargen cannot follow",
        )
    return text


def _parse_corpus(value: object) -> tuple[dict[str, Any], ...]:
    _demand(
        isinstance(value, list) and len(value) <= MAX_SOURCES,
        "corpus is not a list of files",
    )
    sources = []
    for item in value:  # type: ignore[attr-defined]  # a list, as just demanded
        source = _object(item, "a corpus entry", ("name", "bytes", "sha256"))
        _demand(isinstance(source["name"], str), "a corpus name is not a string")
        _count(source["bytes"], "a corpus entry's bytes")
        _hash(source["sha256"])
        sources.append(source)
    return tuple(sources)


def _parse_training(value: object) -> dict[str, Any]:
    _demand(
        isinstance(value, dict) and len(value) <= MAX_SETTINGS,
        "training is not an object",
    )
    settings: dict[str, Any] = dict(value)  # type: ignore[call-overload]
    for name, item in settings.items():
        flat = isinstance(item, str | bool) or is_number(item)
        _demand(flat, f"training.{name} is no number, string or boolean")
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
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{what} is no whole number, at least 0")
    return value


def _amount(value: Any, what: str) -> float:
    if not is_number(value) or value < 0:
        raise ValueError(f"{what} is no number, at least 0")
    return float(value)


def _hash(value: object) -> None:
    hexadecimal = isinstance(value, str) and set(value) <= set("0123456789abcdef")
    _demand(hexadecimal and len(str(value)) == 64, "a sha256 is no hash")


def _read_weights(folder: Path, files: dict[str, Any], checkpoint: Checkpoint) -> Arrays:
    """Read the weights, whose names, shapes and dtype follow from the model."""
    expected = checkpoint.model.weight_shapes(len(checkpoint.vocabulary))
    size = 4 * sum(math.prod(shape) for shape in expected.values())
    data, header = _read_tensor_file(folder, WEIGHTS, files, size)
    missing = sorted(set(expected) - set(header))
    unknown = sorted(set(header) - set(expected))
    _demand(
        not (missing or unknown),
        f"the model of {MANIFEST} is another: it lacks {missing}, and has the unknown "
        f"{unknown[:8]}",
    )
    for name, shape in expected.items():
        found = (header[name]["dtype"], header[name]["shape"])
        _demand(
            found == ("F32", list(shape)),
            f"{name} must be float32 {shape}, as {MANIFEST} has the model; it is "
            f"{str(found[0])[:20]} {str(found[1])[:80]}",
        )
    weights = safetensors.numpy.load(data)
    for name, array in weights.items():
        _demand(bool(np.isfinite(array).all()), f"{name} has values that are not finite")
    return weights


def _read_resume(folder: Path, files: dict[str, Any], checkpoint: Checkpoint) -> Arrays:
    """Read what else a training needs; the trainer knows its names and shapes."""
    if RESUME not in files:
        raise CheckpointError(
            f"{printable(str(folder))} has no {RESUME}: it can be sampled from, but its "
            "training cannot be resumed"
        )
    parameters = checkpoint.model.parameters(len(checkpoint.vocabulary))
    data, header = _read_tensor_file(folder, RESUME, files, 24 * parameters + MAX_STATES)
    for name, entry in header.items():
        _demand(entry["dtype"] in RESUME_TYPES, f"{name} is of the type {entry['dtype']}")
    return safetensors.numpy.load(data)


def _read_tensor_file(
    folder: Path, name: str, files: dict[str, Any], limit: int
) -> tuple[bytes, dict[str, Any]]:
    """Read a safetensors file of the recorded size and hash; return it and its header.

    `limit` bounds the tensors' bytes.
    """
    size = files[name]["bytes"]
    _demand(size <= limit + MAX_HEADER + 8, f"{size:,} bytes are too many for this model")
    data = read_file(folder / name, size + 1)
    _demand(len(data) == size, f"damaged: it has {len(data)} bytes and should have {size}")
    same = hashlib.sha256(data).hexdigest() == files[name]["sha256"]
    _demand(same, "damaged: its SHA-256 is not the recorded one")
    length = int.from_bytes(data[:8], "little")
    _demand(length <= MAX_HEADER, f"its header is longer than {MAX_HEADER:,} bytes")
    header = parse_json(data[8 : 8 + length])
    _demand(isinstance(header, dict), "its header is not an object")
    for tensor, entry in header.items():
        described = isinstance(entry, dict) and {"dtype", "shape"} <= set(entry)
        _demand(described, f"{tensor[:80]} is no tensor")
    return data, header

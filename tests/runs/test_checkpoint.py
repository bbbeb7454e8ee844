"""Strict reading: a checkpoint is sound, or a CheckpointError says what is wrong."""

from __future__ import annotations

import copy
import functools
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from helpers import CHARACTERS, ROOT, edit_manifest, replace_weights, tiny_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import CheckpointError
from chargen.model.shape import ModelConfig
from chargen.runs import checkpoint as module
from chargen.runs.checkpoint import (
    MANIFEST,
    MAX_SETTINGS,
    MAX_SOURCES,
    NEWEST,
    RESUME,
    TEXT_VALUES,
    WEIGHTS,
    Checkpoint,
    read,
    read_manifest,
    write,
)
from chargen.runs.tensors import MAX_HEADER
from chargen.system import files
from chargen.system.files import dump_json, parse_json, read_file
from chargen.text.policy import DIRECTIONS, DOCUMENTS, NEWLINES, NORMALIZE, TextPolicy
from chargen.text.sources import PARTS, Source
from chargen.text.vocabulary import Vocabulary

Manifest = dict[str, Any]


def refused(step: Path, *words: str, resume: bool = False) -> str:
    """Assert that reading fails as it should; return the message."""
    with pytest.raises(CheckpointError) as caught:
        read(step, resume=resume)
    message = str(caught.value)
    for word in (step.name, *words):
        assert word in message
    return message


def put(manifest: Manifest, path: tuple[Any, ...], value: object) -> None:
    *ways, last = path
    functools.reduce(lambda found, key: found[key], ways, manifest)[last] = value


def marked_checkpoint(
    *, end: bool = True, unknown: bool = True, tied: bool = False, **parts: Any
) -> Checkpoint:
    """A checkpoint of format 2: of items with labels from a folder, if it has an end."""
    vocabulary = Vocabulary(CHARACTERS, end=end, unknown=unknown)
    model = ModelConfig("lstm", 5, 1, 3, 0.1, tied)
    shapes = model.weight_shapes(len(vocabulary))
    items = TextPolicy("gb18030", "any", "nfkc", True, "column", label=True)
    given = {
        "model": model,
        "vocabulary": vocabulary,
        "weights": {name: np.ones(shape, np.float32) for name, shape in shapes.items()},
        "text": items if end else TextPolicy(newlines="keep"),
        "corpus": (
            Source("train", "poems", 2**40, SHA, 12),
            Source("train", "more.csv", 4, SHA),
            Source("validation", "valid.csv", 5, SHA),
            Source("test", "test", 0, SHA, 1),
        ),
    }
    return tiny_checkpoint(**{**given, **parts})


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A step directory of format 2 with everything that it adds."""
    folder = tmp_path / "step-00000001"
    write(folder, marked_checkpoint())
    return folder


# --- sound checkpoints ----------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_round_trip(tmp_path: Path, cell: str, layers: int) -> None:
    checkpoint = tiny_checkpoint(cell, layers=layers, validation_loss=1.25, step=2**40)
    comes_back(tmp_path / "step", checkpoint)
    assert written_format(tmp_path / "step") == 1


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_round_trip_of_a_tied_model(tmp_path: Path, cell: str) -> None:
    comes_back(tmp_path / "step", tiny_checkpoint(cell, layers=2, tied=True))
    manifest = json.loads((tmp_path / "step" / MANIFEST).read_bytes())
    assert (manifest["format"], manifest["model"]["tied"]) == (2, True)


def test_weights_of_a_model_that_is_tied_or_not_and_says_the_other(tmp_path: Path) -> None:
    for tied in (False, True):
        step = tmp_path / str(tied)
        write(step, marked_checkpoint(tied=tied))
        edit_manifest(step, lambda m, tied=tied: m["model"].update(tied=not tied))
        refused(step, WEIGHTS, "dense.kernel must be float32")


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("unknown", [False, True])
def test_round_trip_with_marks(tmp_path: Path, end: bool, unknown: bool) -> None:
    comes_back(tmp_path / "step", marked_checkpoint(end=end, unknown=unknown))
    manifest = json.loads((tmp_path / "step" / MANIFEST).read_bytes())
    size = len(CHARACTERS)
    marks = {"end": size} if end else {}
    assert manifest["marks"] == marks | ({"unknown": size + end} if unknown else {})
    assert manifest["format"] == 2


POLICIES = st.builds(
    TextPolicy,
    encoding=st.sampled_from(["utf-8", "gb18030", "auto", ""]),
    newlines=st.sampled_from(NEWLINES),
    normalize=st.sampled_from(NORMALIZE),
    lowercase=st.booleans(),
    documents=st.sampled_from(DOCUMENTS),
    label=st.booleans(),
    direction=st.sampled_from(DIRECTIONS),
).filter(
    lambda policy: not policy.label or (policy.documents != "none" and not policy.backward)
)
SOURCES = st.builds(
    Source,
    st.sampled_from(PARTS),
    st.text(max_size=3).filter(lambda text: text.isprintable()),
    st.integers(0, 2**63 - 1),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.none() | st.integers(0, 2**63 - 1),
)


@settings(max_examples=150, deadline=None)
@given(POLICIES, st.booleans(), st.lists(SOURCES, max_size=4), st.booleans())
def test_what_is_said_of_a_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    policy: TextPolicy,
    unknown: bool,
    sources: list[Source],
    held_out: bool,
) -> None:
    folder = tmp_path_factory.mktemp("made") / "step"
    checkpoint = marked_checkpoint(
        end=policy.documents != "none",
        unknown=unknown,
        text=policy,
        corpus=tuple(sources),
        training={"validation": "valid.txt" if held_out else 0.1},
        resume={},
    )
    write(folder, checkpoint)
    found = read(folder)
    assert found.text == policy
    assert type(found.text.lowercase) is type(found.text.label) is bool
    assert found.corpus == tuple(sources)
    assert found.vocabulary.marks == checkpoint.vocabulary.marks
    assert written_format(folder) == found.format == checkpoint.format

    # The lowest format: 1 if, and only if, there is nothing that it cannot say.
    kept = TextPolicy(encoding=policy.encoding)
    roles = ("train", "validation" if held_out else "train", "train", "train")
    old = all(
        source.files is None and source.role == role
        for source, role in zip(sources, roles, strict=False)
    )
    assert checkpoint.format == (1 if policy == kept and not unknown and old else 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("newlines", "any"),
        ("newlines", "keep"),
        ("normalize", "nfc"),
        ("normalize", "nfkc"),
        ("lowercase", True),
    ],
)
def test_each_choice_of_a_text_needs_format_2(name: str, value: object) -> None:
    assert tiny_checkpoint().format == 1
    assert tiny_checkpoint(text=TextPolicy(encoding="auto")).format == 1
    assert tiny_checkpoint(text=TextPolicy(**{name: value})).format == 2


@pytest.mark.parametrize(
    ("corpus", "training", "version"),
    [
        ([], {}, 1),
        (["train"], {}, 1),
        (["train"], {"validation": 0.1}, 1),
        (["train", "validation"], {"validation": "v"}, 1),
        (["train", "test"], {"test": "t", "validation": 0.2}, 1),
        (["train", "validation", "test"], {"validation": "v", "test": "t"}, 1),
        (["train", "validation"], {}, 2),
        (["train", "train"], {}, 1),
        (["train", "train"], {"validation": "v"}, 2),
        (["train", "validation", "validation"], {}, 2),
        (["train", "test", "validation"], {"validation": "v", "test": "t"}, 2),
        (["test"], {"test": "t"}, 2),
    ],
)
def test_roles_that_their_order_tells_need_no_format_2(
    tmp_path: Path, corpus: list[str], training: dict, version: int
) -> None:
    sources = tuple(Source(role, f"{i}.txt", i, SHA) for i, role in enumerate(corpus))
    write(tmp_path / "step", tiny_checkpoint(corpus=sources, training=training))
    assert written_format(tmp_path / "step") == version
    assert read_manifest(tmp_path / "step").corpus == sources


def test_a_folder_is_an_entry_of_its_own(marked: Path) -> None:
    corpus = json.loads((marked / MANIFEST).read_bytes())["corpus"]
    assert corpus[0] == {
        "role": "train",
        "name": "poems",
        "bytes": 2**40,
        "sha256": SHA,
        "files": 12,
    }
    assert corpus[1]["files"] is None
    folder = Source("train", "poems", 1, SHA, files=0)  # not None, though it is false
    assert tiny_checkpoint(corpus=(folder,)).format == 2


def written_format(step: Path) -> object:
    return json.loads((step / MANIFEST).read_bytes())["format"]


def comes_back(step: Path, checkpoint: Checkpoint) -> None:
    """Assert that a checkpoint is read as it was written."""
    write(step, checkpoint)
    found = read(step, resume=True)
    for name, value in vars(checkpoint).items():
        if name in ("weights", "resume"):
            arrays = getattr(found, name)
            assert set(arrays) == set(value)
            for key, array in value.items():
                np.testing.assert_array_equal(arrays[key], array, strict=True)
        elif name == "vocabulary":
            assert found.vocabulary.characters == value.characters
            assert found.vocabulary.marks == value.marks
        elif name == "files":
            sizes = {path.name: path.stat().st_size for path in step.glob("*.s*")}
            assert found.files == sizes
        else:
            assert getattr(found, name) == value, name


def test_resume_is_read_only_when_asked_for(step: Path) -> None:
    assert read(step).resume == {}
    assert set(read(step, resume=True).resume) == {"counter.step", "state.0"}


def test_a_checkpoint_without_resume_part_can_be_sampled_from(tmp_path: Path) -> None:
    write(tmp_path / "step", tiny_checkpoint(resume={}))
    assert not (tmp_path / "step" / RESUME).exists()
    assert read(tmp_path / "step").step == 1
    refused(tmp_path / "step", RESUME, "resumed", resume=True)


def test_a_moved_checkpoint_works(step: Path, tmp_path: Path) -> None:
    moved = tmp_path / "other place" / "ünïcode 中"
    moved.parent.mkdir()
    step.rename(moved)
    assert read(moved).step == 1


def test_other_files_in_the_folder_are_left_alone(step: Path) -> None:
    (step / "notes.txt").write_text("mine")
    assert read(step).step == 1


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 0x110000 - 2**17])
def test_as_many_characters_as_are_allowed_fit(tmp_path: Path, first: int) -> None:
    codes = [code for code in range(first, 0x110000) if not 0xD800 <= code < 0xE000]
    characters = "".join(map(chr, codes[: 2**17]))
    assert len(characters) == 2**17
    everything = tiny_checkpoint(
        "rnn", units=1, embedding_size=1, characters=characters, scale=0.0
    )
    write(tmp_path / "step", everything)
    assert read(tmp_path / "step").vocabulary.characters == tuple(characters)


def test_writing_does_not_replace(step: Path) -> None:
    before = {path.name: path.read_bytes() for path in step.iterdir()}
    with pytest.raises(FileExistsError):
        write(step, tiny_checkpoint(seed=9))
    assert {path.name: path.read_bytes() for path in step.iterdir()} == before


# --- files that are missing, damaged or not files --------------------------------------


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_a_missing_file(step: Path, name: str) -> None:
    (step / name).unlink()
    refused(step, name)


def test_a_missing_resume_part_matters_to_resuming_only(step: Path) -> None:
    (step / RESUME).unlink()
    assert read(step).step == 1
    refused(step, RESUME, resume=True)


def test_a_missing_folder(tmp_path: Path) -> None:
    refused(tmp_path / "step-00000009", MANIFEST)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, RESUME])
def test_a_file_cut_off_anywhere(step: Path, name: str) -> None:
    data = (step / name).read_bytes()
    for length in [0, 1, 7, 8, 9, len(data) // 2, len(data) - 2]:
        (step / name).write_bytes(data[:length])
        refused(step, name, resume=True)


@pytest.mark.parametrize("name", [WEIGHTS, RESUME])
def test_a_file_with_one_byte_more(step: Path, name: str) -> None:
    (step / name).write_bytes((step / name).read_bytes() + b"\0")
    refused(step, name, "damaged", "bytes", resume=True)


@pytest.mark.parametrize("name", [WEIGHTS, RESUME])
def test_a_flipped_bit_anywhere(step: Path, name: str) -> None:
    data = (step / name).read_bytes()
    for place in range(0, len(data), 37):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        (step / name).write_bytes(flipped)
        # Within the header, what the header says may be found wrong before the hash is.
        inside = place < 8 + int.from_bytes(data[:8], "little")
        refused(step, name, *([] if inside else ["SHA-256"]), resume=True)


def test_a_flipped_bit_in_the_manifest_is_no_other_error(step: Path) -> None:
    data = (step / MANIFEST).read_bytes()
    refusals = 0
    for place in range(0, len(data), 2):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        (step / MANIFEST).write_bytes(flipped)
        try:
            read(step)  # a digit of a loss may be another digit: nothing can tell
        except CheckpointError as error:
            refusals += 1
            assert step.name in str(error)
    assert refusals > len(data) // 4


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, RESUME])
def test_a_folder_in_place_of_a_file(step: Path, name: str) -> None:
    (step / name).unlink()
    (step / name).mkdir()
    refused(step, name, "regular", resume=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, RESUME])
def test_a_fifo_in_place_of_a_file_does_not_block(step: Path, name: str) -> None:
    (step / name).unlink()
    os.mkfifo(step / name)
    refused(step, name, "regular", resume=True)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="the system has no devices")
@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_a_link_to_an_endless_device(step: Path, name: str) -> None:
    (step / name).unlink()
    (step / name).symlink_to("/dev/zero")
    refused(step, name, "link")


def test_a_link_to_itself(step: Path) -> None:
    (step / WEIGHTS).unlink()
    (step / WEIGHTS).symlink_to(WEIGHTS)
    refused(step, WEIGHTS)


@pytest.mark.parametrize(
    ("name", "size"), [(MANIFEST, files.MAX_JSON + 1), (WEIGHTS, 10**13), (RESUME, 10**13)]
)
def test_a_file_of_enormous_size_is_not_read(step: Path, name: str, size: int) -> None:
    with (step / name).open("r+b") as file:
        try:
            file.truncate(size)  # sparse: takes no room
        except OSError:
            pytest.skip("the file system has no sparse files of this size")
    if name != MANIFEST:
        edit_manifest(step, lambda m: m["files"][name].update(bytes=size))
    refused(step, name, resume=True)


def test_read_file_reads_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_file(tmp_path / "file", 5) == b"12345"
    with pytest.raises(CheckpointError, match="file has 5 bytes, more than the 4"):
        read_file(tmp_path / "file", 4)


@pytest.mark.skipif(sys.platform != "linux", reason="limits its own memory")
def test_a_small_checkpoint_needs_little_memory(step: Path) -> None:
    """The limit on a file's size is no size to allocate."""
    code = (
        "import resource, sys, pathlib\n"
        "from chargen.runs.checkpoint import read\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "print(read(pathlib.Path(sys.argv[1]), resume=True).step)\n"
    )
    command = [sys.executable, "-c", code, str(step)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "1\n", done.stderr


# --- JSON that is not strict ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "1",
        '"format"',
        "{}",
        "{} {}",
        "{'format': 1}",
        '{"format": 1,}',
        '// no\n{"format": 1}',
        "\x00",
        "[" * 500_000,
        "[" * 100_000 + "]" * 100_000,
        '{"format":' * 100_000 + "1" + "}" * 100_000,
        "9" * 10_000,
        '{"format": 1e999}',
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_no_checkpoint_json(step: Path, text: str) -> None:
    (step / MANIFEST).write_text(text, encoding="utf-8")
    refused(step, MANIFEST)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_json_in_another_encoding(step: Path, encoding: str) -> None:
    text = (step / MANIFEST).read_text(encoding="utf-8")
    (step / MANIFEST).write_bytes(text.encode(encoding))
    refused(step, MANIFEST)


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xe4"])
def test_bytes_that_are_no_utf8(step: Path, data: bytes) -> None:
    text = (step / MANIFEST).read_bytes()
    assert b'"0.1.0"' in text
    (step / MANIFEST).write_bytes(text.replace(b"0.1.0", data))
    refused(step, MANIFEST)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("key", ["epoch", "seconds", "step", "format"])
def test_numbers_that_json_has_not(step: Path, key: str, literal: str) -> None:
    edit_manifest(step, lambda m: m.update({key: "@"}))
    text = (step / MANIFEST).read_text(encoding="utf-8")
    (step / MANIFEST).write_text(text.replace('"@"', literal), encoding="utf-8")
    refused(step, MANIFEST, literal.removeprefix("-"))


@pytest.mark.parametrize(
    "entry",
    [
        '"format": 1',
        '"step": 1',
        '"units": 5',
        '"newlines": "lf"',
        '"name": "tiny.txt"',
        '"seed": 0',
        '"train": 2.5',
    ],
)
def test_a_key_that_occurs_twice(step: Path, entry: str) -> None:
    edit_manifest(step, lambda m: None)
    text = (step / MANIFEST).read_text(encoding="utf-8")
    assert text.count(entry) == 1
    (step / MANIFEST).write_text(text.replace(entry, f"{entry}, {entry}"))
    refused(step, MANIFEST, "twice")


def test_two_entries_of_one_file(step: Path) -> None:
    text = (step / MANIFEST).read_text(encoding="utf-8")
    assert text.count(f'"{RESUME}"') == 1
    (step / MANIFEST).write_text(text.replace(RESUME, WEIGHTS), encoding="utf-8")
    refused(step, MANIFEST, "twice")


@pytest.mark.parametrize(
    "path",
    [
        ("model", "cell"),
        ("model", "dropout"),
        ("vocabulary",),
        ("vocabulary", 0),
        ("marks",),
        ("text", "normalize"),
        ("training", "seed"),
        ("corpus", 0, "name"),
        ("losses", "train"),
        ("files",),
        ("format",),
    ],
    ids=str,
)
def test_deep_nesting_at_any_key(step: Path, path: tuple[Any, ...]) -> None:
    """Around the depth at which the parser gives up, what follows must not fail either."""
    manifest = json.loads((step / MANIFEST).read_bytes())
    put(manifest, path, "@")
    text = json.dumps(manifest)
    depths = [10, 1_500, 20_000, *range(600, 1_000, 20)]
    for depth in depths:
        nested = text.replace('"@"', "[" * depth + "]" * depth)
        (step / MANIFEST).write_text(nested, encoding="utf-8")
        refused(step, MANIFEST)


# --- keys ------------------------------------------------------------------------------

LEVELS: list[tuple[Any, ...]] = [
    (),
    ("model",),
    ("text",),
    ("corpus", 0),
    ("losses",),
    ("files", WEIGHTS),
    ("files", RESUME),
]


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_unknown_keys_at_every_level(step: Path, level: tuple[Any, ...]) -> None:
    edit_manifest(step, lambda m: put(m, (*level, "surplus"), 1))
    refused(step, MANIFEST, "surplus")


def test_missing_keys_at_every_level(step: Path) -> None:
    whole = json.loads((step / MANIFEST).read_bytes())
    removed = 0
    for level in LEVELS:
        for key in functools.reduce(lambda found, k: found[k], level, whole):
            manifest = copy.deepcopy(whole)
            del functools.reduce(lambda found, k: found[k], level, manifest)[key]
            (step / MANIFEST).write_text(json.dumps(manifest))
            refused(step, MANIFEST, key)
            removed += 1
    assert removed == 13 + 5 + 5 + 3 + 2 + 2 + 2


@pytest.mark.parametrize(
    ("level", "key"),
    [
        (("text",), "label"),
        (("text",), "direction"),
        (("model",), "tied"),
        (("corpus", 0), "role"),
        (("corpus", 0), "files"),
        (("corpus", 3), "role"),
        (("corpus", 3), "files"),
    ],
)
def test_keys_of_the_other_format(
    step: Path, marked: Path, level: tuple[Any, ...], key: str
) -> None:
    """Format 2 has to have its keys, and format 1 must not have them."""
    values = {"label": False, "direction": "forward", "role": "train", "files": None}
    value = (values | {"tied": False})[key]
    edit_manifest(marked, lambda m: functools.reduce(lambda x, k: x[k], level, m).pop(key))
    refused(marked, MANIFEST, f"lacks ['{key}']")
    write(step.with_name("one"), tiny_checkpoint(corpus=(Source("train", "", 0, SHA),) * 4))
    edit_manifest(step.with_name("one"), lambda m: put(m, (*level, key), value))
    refused(step.with_name("one"), MANIFEST, f"unknown ['{key}']")


def test_a_manifest_under_the_other_format(step: Path, marked: Path) -> None:
    edit_manifest(step, lambda m: m.update(format=2))
    refused(step, MANIFEST, "model lacks ['tied']")
    edit_manifest(step, lambda m: m["model"].update(tied=False))
    refused(step, MANIFEST, "text lacks ['direction', 'label']")
    edit_manifest(step, lambda m: m["text"].update(label=False, direction="forward"))
    refused(step, MANIFEST, "a corpus entry lacks ['files', 'role']")
    edit_manifest(step, lambda m: m["corpus"][0].update(role="train", files=None))
    found = read(step)  # nothing says that it could have been written in format 1
    assert found.corpus[0].role == "train"
    assert found.format == 1

    edit_manifest(marked, lambda m: m.update(format=1))
    refused(marked, MANIFEST, "model ", "unknown ['tied']")
    edit_manifest(marked, lambda m: m["model"].pop("tied"))
    refused(marked, MANIFEST, "marks, which format 1 does not have")
    edit_manifest(marked, lambda m: m.update(marks={}))
    refused(marked, MANIFEST, "text ", "unknown ['direction', 'label']")
    edit_manifest(marked, lambda m: (m["text"].pop("label"), m["text"].pop("direction")))
    refused(marked, MANIFEST, "text.newlines is 'any'")


@pytest.mark.parametrize("name", TEXT_VALUES[1])
def test_format_1_has_no_choice(step: Path, name: str) -> None:
    whole = (step / MANIFEST).read_bytes()
    refusals = 0
    for value in TEXT_VALUES[2][name]:
        (step / MANIFEST).write_bytes(whole)
        edit_manifest(step, lambda m, value=value: m["text"].update({name: value}))
        if value in TEXT_VALUES[1][name]:
            assert getattr(read(step).text, name) == value
        else:
            refused(step, MANIFEST, f"text.{name} is {value!r}")
            refusals += 1
    assert refusals == len(TEXT_VALUES[2][name]) - 1


def test_files_must_be_the_weights_and_perhaps_the_resume_part(step: Path) -> None:
    entry = {"bytes": 1, "sha256": "0" * 64}
    whole = (step / MANIFEST).read_bytes()
    for name in ("../../secret", "/etc/passwd", "notes.txt", "", "Weights.safetensors"):
        (step / MANIFEST).write_bytes(whole)
        edit_manifest(step, lambda m, name=name: m["files"].update({name: entry}))
        refused(step, MANIFEST, "files")
    (step / MANIFEST).write_bytes(whole)
    edit_manifest(step, lambda m: m["files"].pop(WEIGHTS))
    refused(step, MANIFEST, WEIGHTS)


# --- values ----------------------------------------------------------------------------

SHA = "0123456789abcdef" * 4
WRONG: dict[tuple[Any, ...], list[Any]] = {
    ("format",): [None, True, "1", 0, -1, [1], {}, 1.5],
    ("chargen",): [None, 1, True, [], {}],
    ("model",): [None, [], "lstm", 1],
    ("model", "cell"): [None, "LSTM", "", "transformer", 1, ["lstm"], {"lstm": 1}],
    ("model", "units"): [None, True, 0, -1, 5.0, "5", 16_385, 10**30, [5]],
    ("model", "layers"): [None, True, 0, -1, 1.0, "1", 17, 10**30],
    ("model", "embedding_size"): [None, True, 0, -1, 3.0, "3", 16_385, 10**30],
    ("model", "dropout"): [None, True, -0.1, 1, 1.0, 1e300, "0", [0]],
    ("vocabulary",): [None, {}, "abc", 1, []],
    ("marks",): [None, [], 0, False, "", {"end": 12}, {"unknown": None}],
    ("text",): [None, [], "utf-8"],
    ("text", "encoding"): [None, 1, True, [], {}],
    ("text", "newlines"): [None, "crlf", "LF", 1, ["lf"], True],
    ("text", "normalize"): [None, "nfc", False, ""],
    ("text", "lowercase"): [None, True, 0, 0.0, "false", ""],
    ("text", "documents"): [None, "lines", False, ""],
    ("corpus",): [None, {}, "tiny.txt", 1],
    ("corpus", 0): [None, [], "tiny.txt", 1],
    ("corpus", 0, "name"): [None, 1, True, ["tiny.txt"]],
    ("corpus", 0, "bytes"): [None, True, -1, 4.0, "4", 2**63, 10**400],
    ("corpus", 0, "sha256"): [None, 0, "", SHA[:-1], SHA + "0", SHA.upper(), "g" * 64],
    ("training",): [None, [], 1, ""],
    ("training", "seed"): [None, [], {}, [1]],
    ("step",): [None, True, -1, 1.0, "1", 2**63, 10**400],
    ("epoch",): [None, True, -0.5, "1", [], {}],
    ("seconds",): [None, True, -0.5, "1", [], {}],
    ("losses",): [None, [], 2.5],
    ("losses", "train"): [True, -0.5, "1", [], {}],
    ("losses", "validation"): [False, -0.5, "1", [], {}],
    ("files",): [None, [], {}, WEIGHTS],
    ("files", WEIGHTS): [None, [], 960],
    ("files", WEIGHTS, "bytes"): [None, True, -1, 960.0, "960", 2**63, 10**400],
    ("files", WEIGHTS, "sha256"): [None, 0, "", SHA[:-1], SHA + "0", SHA.upper()],
    ("files", RESUME, "bytes"): [None, True, -1, 1.5],
    ("files", RESUME, "sha256"): [None, "x" * 64],
}
SIZE = len(CHARACTERS)
WRONG_IN_FORMAT_2: dict[tuple[Any, ...], list[Any]] = {
    ("format",): [None, True, "2", 2.0, [2], 0],
    ("marks",): [
        *(None, [], 0, False, "", [["end", SIZE]]),
        {"end": SIZE, "unknown": SIZE + 1, "begin": SIZE + 2},
        {"end": SIZE, "unknown": SIZE + 1, "": SIZE + 2},
        {"End": SIZE, "unknown": SIZE + 1},
        {"end": SIZE + 1, "unknown": SIZE},  # the end mark comes first
        {"end": SIZE, "unknown": SIZE},
        {},
        {"unknown": SIZE},
    ],
    ("marks", "end"): [
        *(None, True, False, 0, -1, str(SIZE), float(SIZE), [SIZE], {}),
        *(SIZE - 1, SIZE + 1, SIZE + 2, 2**31, 2**63, 10**400),
    ],
    ("marks", "unknown"): [
        *(None, True, False, 0, -1, str(SIZE + 1), SIZE + 1.0, [SIZE + 1], {}),
        *(SIZE, SIZE + 2, 2**31, 2**63, 10**400),
    ],
    ("model", "tied"): [None, 0, 1, 0.0, 1.0, "false", "", [], {}],
    ("text", "newlines"): [None, "crlf", "LF", "", 1, ["any"], True, {}],
    ("text", "normalize"): [None, "NFC", "nfd", "nfkd", False, "", 0, []],
    ("text", "lowercase"): [None, 0, 1, 0.0, 1.0, "false", "", []],
    ("text", "documents"): [None, "none", "items", "Lines", False, "", ["lines"], 1],
    ("text", "label"): [None, 0, 1, 1.0, "title", "", []],
    ("text", "direction"): [
        *(None, "", "Backward", "backwards", "forward ", 0, True, ["backward"], {}),
        "x" * 10**6,
    ],
    ("corpus", 0, "role"): [None, "", "Train", "corpus", 0, True, ["train"], {"train": 1}],
    ("corpus", 3, "role"): [None, "tests"],
    ("corpus", 0, "files"): [True, False, -1, 1.0, "12", [], {}, 2**63, 10**400],
    ("corpus", 1, "files"): [False, 0.0, ""],
}


@pytest.mark.parametrize("path", WRONG_IN_FORMAT_2, ids=str)
def test_wrong_values_in_format_2(marked: Path, path: tuple[Any, ...]) -> None:
    wrong_values(marked, path, WRONG_IN_FORMAT_2[path])


@pytest.mark.parametrize("path", WRONG, ids=str)
def test_wrong_values(step: Path, path: tuple[Any, ...]) -> None:
    wrong_values(step, path, WRONG[path])


def wrong_values(step: Path, path: tuple[Any, ...], values: list[Any]) -> None:
    """Assert that each of these values is refused at its place, and why."""
    whole = json.loads((step / MANIFEST).read_bytes())
    for value in values:
        manifest = copy.deepcopy(whole)
        put(manifest, path, value)
        (step / MANIFEST).write_text(json.dumps(manifest))
        message = refused(step, MANIFEST)
        key = path[-1] if isinstance(path[-1], str) else path[0]
        assert str(key).removesuffix(".safetensors") in message, (value, message)


@pytest.mark.parametrize(
    "path",
    [
        ("epoch",),
        ("seconds",),
        ("losses", "train"),
        ("losses", "validation"),
        ("training", "seed"),
        ("model", "dropout"),
    ],
    ids=str,
)
@pytest.mark.parametrize("value", [10**400, -(10**400), 10**4000], ids=["+", "-", "++"])
def test_a_whole_number_that_no_float_holds(
    step: Path, path: tuple[Any, ...], value: int
) -> None:
    edit_manifest(step, lambda m: put(m, path, value))
    refused(step, MANIFEST)


@pytest.mark.parametrize("value", [1.0, 2.0, True, "1", 0])
def test_a_format_is_written_as_a_whole_number(step: Path, value: object) -> None:
    edit_manifest(step, lambda m: m.update(format=value))
    refused(step, MANIFEST, "format is not one of 1 to 2")


@pytest.mark.parametrize(
    ("end", "change"),
    [
        (True, lambda m: m["text"].update(documents="none", label=False)),
        (True, lambda m: (m["marks"].clear(), m["marks"].update(unknown=SIZE))),
        (False, lambda m: m["text"].update(documents="lines")),
        (False, lambda m: m["marks"].update(end=SIZE, unknown=SIZE + 1)),
    ],
)
def test_items_and_the_end_mark_belong_together(
    tmp_path: Path, end: bool, change: Any
) -> None:
    write(tmp_path / "step", marked_checkpoint(end=end))
    edit_manifest(tmp_path / "step", change)
    refused(tmp_path / "step", MANIFEST, "text.documents and marks contradict each other")


def test_only_items_have_labels(tmp_path: Path) -> None:
    write(tmp_path / "step", marked_checkpoint(end=False))
    edit_manifest(tmp_path / "step", lambda m: m["text"].update(label=True))
    refused(tmp_path / "step", MANIFEST, "text.label is true, and there are no items")


@pytest.mark.parametrize("end", [False, True])
def test_a_backward_model_needs_format_2(tmp_path: Path, end: bool) -> None:
    documents = "lines" if end else "none"
    policy = TextPolicy(documents=documents, direction="backward")
    checkpoint = marked_checkpoint(end=end, unknown=False, text=policy)
    comes_back(tmp_path / "step", checkpoint)
    assert read(tmp_path / "step").text.backward
    assert written_format(tmp_path / "step") == 2
    comes_back(tmp_path / "one", tiny_checkpoint(text=TextPolicy(direction="forward")))
    assert written_format(tmp_path / "one") == 1


def test_no_label_is_read_after_its_item(marked: Path) -> None:
    edit_manifest(marked, lambda m: m["text"].update(direction="backward"))
    refused(marked, MANIFEST, "text.label is true and text.direction backward")
    edit_manifest(marked, lambda m: m["text"].update(label=False))
    assert read(marked).text.backward


def test_marks_count_among_the_ids(marked: Path) -> None:
    found = read(marked)
    assert len(found.vocabulary) == SIZE + 2
    assert found.weights["embedding"].shape == (SIZE + 2, 3)
    assert found.weights["dense.bias"].shape == (SIZE + 2,)
    edit_manifest(marked, lambda m: m["marks"].pop("unknown"))
    refused(marked, WEIGHTS, "embedding")


@pytest.mark.parametrize("version", [NEWEST + 1, 1000, 10**30])
def test_a_newer_format_asks_for_an_upgrade(step: Path, version: int) -> None:
    edit_manifest(step, lambda m: m.update(format=version))
    refused(step, MANIFEST, str(version), "newer", "upgrade")
    # Whatever else that format has changed.
    (step / MANIFEST).write_text(json.dumps({"format": version, "weights": "elsewhere"}))
    refused(step, MANIFEST, str(version), "newer", "upgrade")


@pytest.mark.parametrize(
    ("characters", "word"),
    [
        (["a", "b", "a"], "twice"),
        (["a", "ab"], "ab"),
        (["a", ""], "single"),
        (["a", "\ud800"], "surrogate"),
        (["\udfff"], "surrogate"),
        (["a", None], "single"),
        (["a", 98], "single"),
        (["a", ["b"]], "single"),
        (["a", "e\u0301"], "single"),
        ([], "vocabulary"),
    ],
)
def test_vocabularies_that_are_none(step: Path, characters: list, word: str) -> None:
    edit_manifest(step, lambda m: m.update(vocabulary=characters))
    refused(step, MANIFEST, word)


def test_a_vocabulary_of_another_size_does_not_fit_the_weights(step: Path) -> None:
    edit_manifest(step, lambda m: m["vocabulary"].pop())
    refused(step, WEIGHTS, "embedding")


def test_a_vocabulary_beyond_unicode(step: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 11)
    refused(step, MANIFEST, "vocabulary")


def test_at_most_so_many_entries(step: Path) -> None:
    whole = (step / MANIFEST).read_bytes()
    numbers = {str(i): i for i in range(MAX_SETTINGS)}
    edit_manifest(step, lambda m: m.update(training=numbers))
    assert len(read(step).training) == MAX_SETTINGS
    edit_manifest(step, lambda m: m["training"].update(one_more=1))
    refused(step, MANIFEST, "training")
    (step / MANIFEST).write_bytes(whole)
    source: dict[str, Any] = {"name": "", "bytes": 0, "sha256": SHA}
    edit_manifest(step, lambda m: m.update(corpus=[source] * MAX_SOURCES))
    assert len(read(step).corpus) == MAX_SOURCES
    edit_manifest(step, lambda m: m["corpus"].append(source))
    refused(step, MANIFEST, "corpus")


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        ({"units": 16_384, "layers": 16, "embedding_size": 16_384}, "parameters"),
        ({"units": 16_384}, "parameters"),
        ({"units": 4_000}, WEIGHTS),
        ({"layers": 16}, WEIGHTS),
        ({"embedding_size": 16_384}, WEIGHTS),
        ({"cell": "gru"}, WEIGHTS),
        ({"cell": "rnn"}, WEIGHTS),
    ],
)
def test_declared_sizes_that_the_weights_do_not_have(
    step: Path, sizes: dict[str, Any], word: str
) -> None:
    edit_manifest(step, lambda m: m["model"].update(sizes))
    refused(step, MANIFEST, word)


def test_messages_do_not_steer_the_terminal(step: Path) -> None:
    hostile = "\x1b[2J\u202e\x07"
    edit_manifest(step, lambda m: m.update({hostile: 1}))
    message = refused(step, MANIFEST)
    assert not set(hostile[:1] + hostile[-2:]) & set(message)
    edit_manifest(step, lambda m: (m.pop(hostile), m["text"].update(newlines=hostile)))
    message = refused(step, MANIFEST)
    assert not set(hostile[:1] + hostile[-2:]) & set(message)


# --- weights with matching hashes that are not those of the model -----------------------


def weights_of(step: Path) -> dict[str, np.ndarray]:
    return dict(safetensors.numpy.load((step / WEIGHTS).read_bytes()))


def test_replaced_weights_are_read(step: Path) -> None:
    """The helper that the tests below rest on makes sound checkpoints."""
    weights = weights_of(step)
    weights["dense.bias"] = weights["dense.bias"] + 1
    replace_weights(step, safetensors.numpy.save(weights))
    np.testing.assert_array_equal(read(step).weights["dense.bias"], weights["dense.bias"])


NAMES = list(tiny_checkpoint().weights)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(step: Path, name: str, value: float) -> None:
    weights = weights_of(step)
    weights[name] = weights[name].copy()
    weights[name].flat[-1] = value
    replace_weights(step, safetensors.numpy.save(weights))
    refused(step, WEIGHTS, name, "finite")


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_another_shape(step: Path, name: str) -> None:
    whole = weights_of(step)
    right = whole[name]
    for wrong in (
        right[:-1],
        right.reshape(-1, 1),
        right[None],
        np.zeros((0,), np.float32),
        np.zeros((), np.float32),
        np.concatenate([right, right]),
        *([np.ascontiguousarray(right.T)] if right.ndim == 2 else []),
    ):
        arrays = {**whole, name: np.array(wrong, order="C")}
        replace_weights(step, safetensors.numpy.save(arrays))
        refused(step, WEIGHTS, name, "float32")


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "uint8", "bool"])
def test_weights_of_another_dtype(step: Path, dtype: str) -> None:
    weights = weights_of(step)
    weights["dense.bias"] = weights["dense.bias"].astype(dtype)
    replace_weights(step, safetensors.numpy.save(weights))
    known = dtype in ("float64", "int32")
    refused(step, WEIGHTS, "dense.bias", "must be float32" if known else "of the type")


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_missing(step: Path, name: str) -> None:
    weights = weights_of(step)
    del weights[name]
    replace_weights(step, safetensors.numpy.save(weights))
    refused(step, WEIGHTS, name)


@pytest.mark.parametrize("name", ["rnn.1.kernel", "", "embedding2", "Embedding", "\x1b["])
def test_weights_that_are_too_many(step: Path, name: str) -> None:
    arrays = {**weights_of(step), name: np.zeros(1, np.float32)}
    replace_weights(step, safetensors.numpy.save(arrays))
    message = refused(step, WEIGHTS, "unknown")
    assert "\x1b" not in message


def safetensors_file(header: object, data: bytes = b"") -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        b"\xff" * 8,
        struct.pack("<Q", MAX_HEADER + 1) + b" " * (MAX_HEADER + 1),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 100) + b"{}",
        safetensors_file(b""),
        safetensors_file(b"{"),
        safetensors_file(b"[]"),
        safetensors_file(b"[" * 100_000),
        safetensors_file(b"\xff\xfe"),
        safetensors_file({}),
        safetensors_file({}, b"surplus"),
        safetensors_file({"embedding": {}}),
        safetensors_file({"embedding": {**ONE, "dtype": "F33"}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "shape": [2]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "shape": [-1]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "shape": [1.0]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "shape": [2**62, 4]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "shape": [1] * 100}}, b"1234"),
        safetensors_file(
            {"embedding": {**ONE, "shape": [0, 2**64 - 1], "data_offsets": [0, 0]}}
        ),
        safetensors_file(
            {"embedding": {**ONE, "shape": [0, 2**62], "data_offsets": [0, 0]}}
        ),
        safetensors_file({"embedding": {**ONE, "data_offsets": [0, 2**40]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "data_offsets": [4, 0]}}, b"1234"),
        safetensors_file({"embedding": {**ONE, "data_offsets": [2, 6]}}, b"123456"),
        safetensors_file({"embedding": ONE, "dense.bias": ONE}, b"1234"),
        safetensors_file({"__metadata__": {"a": "b"}}),
        b"\x80\x04\x95 a pickle",
        b"PK\x03\x04 an archive",
    ],
    ids=lambda data: ascii(data[:40])[2:-1],
)
def test_no_safetensors_file(step: Path, data: bytes) -> None:
    replace_weights(step, data)
    refused(step, WEIGHTS)
    replace_weights(step, safetensors.numpy.save(dict(tiny_checkpoint().weights)))
    if data[8:10] != b"{}" and data[8:20] != b'{"__metadata':
        replace_weights(step, data, name=RESUME)
        with pytest.raises(CheckpointError):
            read(step, resume=True)


SIZES = {"F4": 0.5, "F6_E2M3": 0.75, "F6_E3M2": 0.75, "BF16": 2, "C64": 8}


@pytest.mark.parametrize(
    "dtype",
    [*SIZES, "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"],
)
@pytest.mark.parametrize("name", [WEIGHTS, RESUME])
def test_dtypes_that_chargen_does_not_write(step: Path, name: str, dtype: str) -> None:
    size = int(8 * SIZES.get(dtype, 1))
    about = {"dtype": dtype, "shape": [8], "data_offsets": [0, size]}
    replace_weights(step, safetensors_file({"embedding": about}, bytes(size)), name=name)
    refused(step, name, resume=True)


# --- JSON, by itself --------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, 1, 2, -1, 2**31, 2**63, 2**64, 10**400, -(10**400), 1.0, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["lstm", "\ud800", "\x00", "lf", SHA, WEIGHTS, "../x", "a" * 1000])
    | st.sampled_from([SIZE, SIZE + 1, "nfc", "lines", "none", "train", "test"]),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from([WEIGHTS, RESUME, "bytes", "format"]),
            children,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(json_values)
def test_json_comes_back(value: object) -> None:
    try:
        data = dump_json(value)
    except UnicodeEncodeError:  # a surrogate has no UTF-8, and an escape hides it
        with pytest.raises(ValueError, match="surrogate"):
            parse_json(json.dumps(value).encode("ascii"))
        return
    found = parse_json(data)
    assert found == value
    assert type(found) is type(value)


def test_a_character_beyond_16_bits_may_be_written_as_a_pair() -> None:
    assert parse_json(b'["\\ud83d\\ude00"]') == ["😀"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_no_json_is_written_that_is_none(value: object) -> None:
    with pytest.raises(ValueError):
        dump_json(value)


def test_json_is_written_as_it_reads() -> None:
    assert dump_json({"b": "é中", "a": [1, 0.5]}, indent=None) == (
        '{"b": "é中", "a": [1, 0.5]}\n'.encode()
    )


# --- whatever someone does to a value ---------------------------------------------------


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += places(item, (*path, i))
    return found


@pytest.fixture(scope="module", params=[1, 2])
def mutable(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("mutable") / "step"
    checkpoint = tiny_checkpoint() if request.param == 1 else marked_checkpoint()
    write(folder, checkpoint)
    assert written_format(folder) == request.param
    return folder


PLACES = places(
    {
        "format": 1,
        "chargen": "",
        "model": dict.fromkeys(
            ("cell", "units", "layers", "embedding_size", "dropout", "tied")
        ),
        "vocabulary": [0, 1],
        "marks": dict.fromkeys(("end", "unknown")),
        "text": dict.fromkeys(
            (
                *("encoding", "newlines", "normalize", "lowercase", "documents"),
                *("label", "direction"),
            )
        ),
        "corpus": [dict.fromkeys(("name", "bytes", "sha256", "role", "files"))],
        "training": {"seed": 0},
        "step": 1,
        "epoch": 1,
        "seconds": 1,
        "losses": dict.fromkeys(("train", "validation")),
        "files": {
            WEIGHTS: dict.fromkeys(("bytes", "sha256")),
            RESUME: dict.fromkeys(("bytes", "sha256")),
        },
    }
)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(PLACES), value=json_values)
def test_any_value_anywhere_is_read_or_refused(
    mutable: Path, path: tuple[Any, ...], value: object
) -> None:
    whole = (mutable / MANIFEST).read_bytes()
    try:
        edit_manifest(mutable, lambda m: put(m, path, value))
        try:
            found = read(mutable, resume=True)
        except CheckpointError as error:
            assert mutable.name in str(error)
        else:
            assert isinstance(found, Checkpoint)
            assert set(found.weights) == set(NAMES)
    finally:
        (mutable / MANIFEST).write_bytes(whole)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 2000))
def test_any_bytes_for_weights_are_refused(mutable: Path, data: bytes, cut: int) -> None:
    before = {name: (mutable / name).read_bytes() for name in (MANIFEST, WEIGHTS)}
    damaged = before[WEIGHTS][:cut] + data + before[WEIGHTS][cut + len(data) :]
    try:
        replace_weights(mutable, damaged)
        try:
            found = read(mutable)
        except CheckpointError as error:
            assert WEIGHTS in str(error)
        else:  # other weights, and sound ones
            shapes = found.model.weight_shapes(len(found.vocabulary))
            assert {k: v.shape for k, v in found.weights.items()} == shapes
            assert all(np.isfinite(array).all() for array in found.weights.values())
    finally:
        for name, content in before.items():
            (mutable / name).write_bytes(content)

"""Checkpoints and runs from somebody who means harm: each threat, and many mutations.

    PYTHONPATH=tests python tests/runs/test_hostile.py --examples 1000000 --seed 7

reads as many mutated runs as asked for; every outcome must be a correct load or a
`ChargenError`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from click.testing import CliRunner
from helpers import ROOT, edit_manifest, replace_weights, tiny_checkpoint, write_run
from item_models import write_item_run
from rich.console import Console

import chargen
from chargen.cli import cli
from chargen.cli.output import write_text
from chargen.cli.runs import summary
from chargen.cli.terminal import Terminal
from chargen.errors import ChargenError, CheckpointError
from chargen.runs import held_out, log
from chargen.runs.checkpoint import MANIFEST, RESUME, WEIGHTS, read, read_manifest
from chargen.runs.curves import read_curve
from chargen.runs.find import open_checkpoint
from chargen.runs.held_out import find_part
from chargen.runs.items import ITEMS, MAX_ITEMS, has_items, read_items, write_items
from chargen.runs.repair import repair
from chargen.runs.run import Run
from chargen.system import files
from chargen.text.documents import item_hash
from chargen.text.sources import find_inputs
from chargen.training.events import Note

ESCAPE = "\x1b[2J\x1b]0;owned\x07\u202e"
NAME = "\x1b[2J\u202e"
TEXT = "a bad bed, a dead deed\n" * 100


# --- what is done to a sound run --------------------------------------------------------


def outside(run: Path) -> Path:
    """A place that nothing in the run may lead to."""
    place = run.parent / "outside"
    place.mkdir(exist_ok=True)
    (place / "secret").write_text("secret", encoding="utf-8")
    return place


def manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        edit_manifest(run / "step-00000001", change)

    return spoil


def written(name: str, data: bytes) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        path = run / name
        if path.exists():
            path.unlink()
        path.write_bytes(data)

    return spoil


def linked(name: str, target: str = "outside/secret") -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        outside(run)
        path = run / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        absolute = target if target.startswith("/") else str(run.parent / target)
        path.symlink_to(absolute)

    return spoil


def link_to_the_right_file(name: str) -> Callable[[Path], None]:
    """A link to what would be right: it is refused because it is a link."""

    def spoil(run: Path) -> None:
        path = run / name
        moved = outside(run) / path.name
        path.rename(moved)
        path.symlink_to(moved)

    return spoil


def special(name: str) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return spoil


def weights(data: bytes) -> Callable[[Path], None]:
    return lambda run: replace_weights(run / "step-00000001", data)


def header(value: object, data: bytes = b"") -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack("<Q", len(text)) + text + data


def changed_weights(change: Callable[[dict[str, np.ndarray]], object]) -> bytes:
    arrays = dict(tiny_checkpoint(seed=1).weights)
    change(arrays)
    return safetensors.numpy.save(arrays)


def spoiled(arrays: dict[str, np.ndarray], value: float) -> None:
    arrays["dense.kernel"] = arrays["dense.kernel"].copy()
    arrays["dense.kernel"][1, 2] = value


def overlapping() -> bytes:
    """Sound arrays whose places are all the same bytes."""
    arrays = tiny_checkpoint(seed=1).weights
    size = max(array.nbytes for array in arrays.values())
    entries = {
        name: {"dtype": "F32", "shape": a.shape, "data_offsets": [0, a.nbytes]}
        for name, a in arrays.items()
    }
    return header(entries, bytes(size))


def vocabulary(*characters: str) -> Callable[[Path], None]:
    def change(found: dict[str, Any]) -> None:
        found["vocabulary"][-len(characters) :] = characters

    return manifest(change)


def sized(found: dict[str, Any]) -> None:
    found["model"].update(units=16_384, layers=16, embedding_size=16_384)


TINY = b'{"a":[],'
MANIFESTS: dict[str, Callable[[Path], None]] = {
    "code in the cell's name": manifest(lambda m: m["model"].update(cell="os.system")),
    "a model of half a petabyte": manifest(
        lambda m: m["model"].update(units=2**40, layers=2**40)
    ),
    "a model at its limits": manifest(sized),
    "a number of a million digits": written(
        f"step-00000001/{MANIFEST}", b'{"format": ' + b"9" * 10**6 + b"}"
    ),
    "two megabytes of empty lists": written(
        f"step-00000001/{MANIFEST}", b"[" + b"[]," * 699_000 + b"[]]"
    ),
    "two megabytes of empty objects": written(
        f"step-00000001/{MANIFEST}", b"[" + b"{}," * 699_000 + b"{}]"
    ),
    "a hundred thousand nested lists": written(
        f"step-00000001/{MANIFEST}",
        ("[" + ",".join(["[" * 900 + "]" * 900] * 1160) + ',"😀\\ud83d\\ude00"]').encode(),
    ),
    "two megabytes of strings": written(
        f"step-00000001/{MANIFEST}",
        ("[" + '"Ā",' * 419_000 + '"😀\\ud83d\\ude00"]').encode(),
    ),
    "as many objects as there may be": written(
        f"step-00000001/{MANIFEST}",
        (
            "["
            + "".join(f'{{"Ā{i:05}":"Āa"}},' for i in range(24_990))
            + '"Ā",' * 300_000
            + '"😀\\ud83d\\ude00"]'
        ).encode(),
    ),
    "a key of 300,000 characters": manifest(lambda m: m.update({"\x9b" * 300_000: 1})),
    "a policy of 300,000 characters": manifest(
        lambda m: m["text"].update(normalize="\x9b" * 300_000)
    ),
    "a setting's name of 300,000 characters": manifest(
        lambda m: m["training"].update({"\x9b" * 300_000: []})
    ),
    "a character of 300,000 characters": vocabulary("\x9b" * 300_000),
    "two megabytes of keys": written(
        f"step-00000001/{MANIFEST}",
        b"{" + b",".join(b'"%x":0' % i for i in range(200_000)) + b"}",
    ),
    "a file beyond the limit": written(
        f"step-00000001/{MANIFEST}", b" " * (files.MAX_JSON + 1)
    ),
    "a million brackets": written(f"step-00000001/{MANIFEST}", b"[" * 10**6),
    "a megabyte of nested objects": written(
        f"step-00000001/{MANIFEST}", b'{"a":' * 200_000
    ),
    "a vocabulary of two characters in one": vocabulary("ab"),
    "a vocabulary with a surrogate": vocabulary("\ud800"),
    "a vocabulary with the empty character": vocabulary(""),
    "a vocabulary with a character twice": vocabulary("a", "a"),
    "a vocabulary of numbers": manifest(lambda m: m.update(vocabulary=[1, 2, 3])),
    "a vocabulary beyond the limit": manifest(
        lambda m: m.update(vocabulary=[chr(0x10000 + i) for i in range(131_073)])
    ),
    "a file of another name": manifest(
        lambda m: m["files"].update({"../outside/secret": m["files"][WEIGHTS]})
    ),
    "another file for the weights": manifest(
        lambda m: m.update(files={"../../outside/secret": m["files"][WEIGHTS]})
    ),
    "a negative size": manifest(lambda m: m["files"][WEIGHTS].update(bytes=-1)),
    "an enormous size": manifest(lambda m: m["files"][WEIGHTS].update(bytes=2**62)),
    "a hash of another length": manifest(lambda m: m["files"][WEIGHTS].update(sha256="0")),
    "a hash that is no string": manifest(lambda m: m["files"][WEIGHTS].update(sha256=[])),
    "another text policy": manifest(lambda m: m["text"].update(normalize="eval")),
    "an escape in every string": manifest(
        lambda m: m.update(chargen=ESCAPE, training={ESCAPE: ESCAPE}, marks={ESCAPE: 1})
    ),
    "an escape in a key": manifest(lambda m: m.update({ESCAPE: 1})),
}


def items(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Put a run of format 2 there: its ids are those of abc, of an end mark, and 4."""

    def spoil(run: Path) -> None:
        shutil.rmtree(run)
        write_item_run(run, "abc", label=True)
        edit_manifest(run / "step-00000001", change)

    return spoil


def no_items(found: dict[str, Any]) -> None:
    found.update(marks={})
    found["text"].update(documents="none")


OF_ITEMS: dict[str, Callable[[Path], None]] = {
    "a mark of enormous id": items(lambda m: m["marks"].update(end=2**62)),
    "a mark of four thousand digits": items(lambda m: m["marks"].update(unknown=10**4000)),
    "a mark that is a character": items(lambda m: m["marks"].update(end=0)),
    "marks in the other order": items(lambda m: m.update(marks={"end": 4, "unknown": 3})),
    "two marks of one id": items(lambda m: m.update(marks={"end": 3, "unknown": 3})),
    "a mark that is true": items(lambda m: m.update(vocabulary=["a"], marks={"end": True})),
    "forty thousand marks": items(
        lambda m: m["marks"].update({f"m{i}": i for i in range(40_000)})
    ),
    "an escape in a mark's name": items(lambda m: m["marks"].update({ESCAPE: 5})),
    "an end mark without items": items(
        lambda m: m["text"].update(documents="none", label=False)
    ),
    "items without an end mark": items(lambda m: m["marks"].clear()),
    "labels without items": items(no_items),
    "an escape in the documents": items(lambda m: m["text"].update(documents=ESCAPE)),
    "documents of 300,000 characters": items(
        lambda m: m["text"].update(documents="\x9b" * 300_000)
    ),
    "documents that are a list": items(lambda m: m["text"].update(documents=["lines"])),
    "a label that is a column's name": items(lambda m: m["text"].update(label=ESCAPE)),
    "an escape in the direction": items(lambda m: m["text"].update(direction=ESCAPE)),
    "a direction of 300,000 characters": items(
        lambda m: m["text"].update(direction="\x9b" * 300_000)
    ),
    "a direction that is a list": items(lambda m: m["text"].update(direction=["forward"])),
    "a direction that is true": items(lambda m: m["text"].update(direction=True)),
    "no direction": items(lambda m: m["text"].pop("direction")),
    "a label after its item": items(lambda m: m["text"].update(direction="backward")),
    "a direction in format 1": manifest(lambda m: m["text"].update(direction="forward")),
    "a lower case that is a number": items(lambda m: m["text"].update(lowercase=1)),
    "an escape in a role": items(lambda m: m["corpus"][0].update(role=ESCAPE)),
    "a role of 300,000 characters": items(
        lambda m: m["corpus"][0].update(role="\x9b" * 300_000)
    ),
    "a role that is a list": items(lambda m: m["corpus"][0].update(role=["train"])),
    "a folder of -1 files": items(lambda m: m["corpus"][0].update(files=-1)),
    "a folder of half a file": items(lambda m: m["corpus"][0].update(files=0.5)),
    "a folder of more files than there are": items(
        lambda m: m["corpus"][0].update(files=2**63)
    ),
    "a folder whose files are listed": items(lambda m: m["corpus"][0].update(files=["a"])),
    "keys of format 2 in format 1": manifest(lambda m: m["text"].update(label=False)),
    "a role in format 1": manifest(lambda m: m["corpus"][0].update(role="train")),
    "a tied model in format 1": manifest(lambda m: m["model"].update(tied=True)),
    "tied to something": items(lambda m: m["model"].update(tied="embedding")),
    "marks in format 1": manifest(lambda m: m.update(marks={"end": 12})),
    "format 1 under the name of format 2": manifest(lambda m: m.update(format=2)),
    "format 2 under the name of format 1": items(lambda m: m.update(format=1)),
    "format 3": items(lambda m: m.update(format=3)),
}


WEIGHT_FILES: dict[str, Callable[[Path], None]] = {
    "weights that are not a number": weights(
        changed_weights(lambda w: spoiled(w, float("nan")))
    ),
    "weights that are infinite": weights(changed_weights(lambda w: spoiled(w, np.inf))),
    "weights of another type": weights(
        changed_weights(lambda w: w.update({"dense.bias": w["dense.bias"].astype("f8")}))
    ),
    "weights of another shape": weights(
        changed_weights(lambda w: w.update({"dense.bias": w["dense.bias"][None]}))
    ),
    "weights for another model, hash and all": weights(
        safetensors.numpy.save(dict(tiny_checkpoint("gru").weights))
    ),
    "a header that is longer than the file": weights(struct.pack("<Q", 2**63) + b"{}"),
    "a header beyond the limit": weights(header(b" " * (2**20 + 1))),
    "a header of empty objects": weights(header(b"[" + b"{}," * 349_000 + b"{}]")),
    "a header of a hundred thousand arrays": weights(
        header(b"{" + b",".join(b'"%x":{}' % i for i in range(90_000)) + b"}")
    ),
    "a header of brackets": weights(header(b"[" * 10**6)),
    "a shape of enormous product": weights(
        header(
            {"embedding": {"dtype": "F32", "shape": [2**40] * 8, "data_offsets": [0, 0]}}
        )
    ),
    "an empty array of enormous sides": weights(
        header({"embedding": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}})
    ),
    "arrays that overlap": weights(overlapping()),
    "metadata": weights(header({"__metadata__": {"a": ESCAPE}})),
    "an escape in an array's name": weights(
        header({ESCAPE: {"dtype": ESCAPE, "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
    ),
    "a pickle": weights(b"\x80\x04\x95" + b"cos\nsystem\n(S'touch owned'\ntR."),
}
PLACES: dict[str, Callable[[Path], None]] = {
    **{
        f"best is {name!r}": written("best", name.encode())
        for name in (
            "../outside",
            "/etc",
            "step-00000001/../../outside",
            "step-00000001\0",
            "step-00000001\nstep-00000002",
            "step-٠٠٠٠٠٠٠١",
            "C:\\Windows",
            ESCAPE,
            "step-" + "1" * 200,
        )
    },
    "best is a link outside": linked("best"),
    "best is a link to the right file": link_to_the_right_file("best"),
    "best is a device": linked("best", "/dev/zero"),
    "best is a FIFO": special("best"),
    "the step is a link outside": linked("step-00000001", "outside"),
    "the step is a link to the right folder": link_to_the_right_file("step-00000001"),
    "the manifest is a link": linked(f"step-00000001/{MANIFEST}"),
    "the manifest is a link to the right file": link_to_the_right_file(
        f"step-00000001/{MANIFEST}"
    ),
    "the manifest is a device": linked(f"step-00000001/{MANIFEST}", "/dev/zero"),
    "the manifest is a FIFO": special(f"step-00000001/{MANIFEST}"),
    "the weights are a link to the right file": link_to_the_right_file(
        f"step-00000001/{WEIGHTS}"
    ),
    "the weights are a device": linked(f"step-00000001/{WEIGHTS}", "/dev/zero"),
    "the weights are a FIFO": special(f"step-00000001/{WEIGHTS}"),
    "the weights are a link to themselves": linked(
        f"step-00000001/{WEIGHTS}", f"run/step-00000001/{WEIGHTS}"
    ),
}
THREATS = {**MANIFESTS, **OF_ITEMS, **WEIGHT_FILES, **PLACES}

needs_links = pytest.mark.skipif(os.name == "nt", reason="the system has no such files")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a sound run, `run`, of one step, and a corpus, `text.txt`."""
    write_run(tmp_path / "run", 1)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    outside(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def harmless(arguments: list[str], place: Path) -> str:
    """Run a command that must end in an error and touch nothing; return its output."""
    before = contents(place / "outside")
    found = CliRunner().invoke(cli, arguments)
    assert contents(place / "outside") == before
    assert isinstance(found.exception, SystemExit), found.exception
    assert found.exit_code == 1
    assert not any(c in found.output for c in "\x1b\x07\x00\u202e"), found.output
    assert len(found.output) < 5_000
    return found.output


@needs_links
@pytest.mark.parametrize("threat", THREATS)
def test_each_threat_is_refused_by_every_command_that_reads(place: Path, threat: str):
    THREATS[threat](place / "run")
    assert "Error: " in harmless(["sample", "run", "--length", "1"], place)
    assert "Error: " in harmless(["info", "run"], place)
    assert "Error: " in harmless(["eval", "run", "text.txt"], place)
    assert "damaged" in harmless(["verify", "run"], place)
    arguments = ["train", "text.txt", "--init-from", "run", "--dry-run"]
    assert "Error: " in harmless(arguments, place)
    with pytest.raises(CheckpointError):
        chargen.load("run")


@pytest.mark.parametrize("threat", OF_ITEMS)
def test_what_format_2_adds_is_refused_before_a_weight_is_looked_at(
    place: Path, threat: str
):
    OF_ITEMS[threat](place / "run")
    with pytest.raises(CheckpointError, match=MANIFEST) as caught:
        read_manifest(place / "run" / "step-00000001")
    assert len(str(caught.value)) < 1_000


def describe(run: Path, **changes: Any) -> None:
    """Write a run.json with which the run could be resumed, but for the changes."""
    settings = {"units": 5, "layers": 1, "embedding_size": 3, "steps": 9, "dropout": 0.1}
    data = TEXT.encode()
    source = {"name": "text.txt", "bytes": len(data)}
    source["sha256"] = hashlib.sha256(data).hexdigest()
    found = {"format": 1, "given": {}, "settings": settings, "corpus": [source], **changes}
    (run / "run.json").write_text(json.dumps(found), encoding="utf-8")


RUNS: dict[str, Callable[[Path], None]] = {
    "run.json is a list": written("run.json", b"[]"),
    "run.json is a bomb": written("run.json", b'{"given":[' + b"[]," * 690_000 + b"0]}"),
    "run.json is a FIFO": special("run.json"),
    "run.json is a link": linked("run.json"),
    "settings are a list": lambda run: describe(run, settings=[1]),
    "settings are unknown": lambda run: describe(run, settings={ESCAPE: 1}),
    "settings are of another kind": lambda run: describe(run, settings={"units": "x"}),
    "a setting is enormous": lambda run: describe(run, settings={"batch_size": 2**80}),
    "given is a list": lambda run: describe(run, given=[1]),
    "the corpus is an object": lambda run: describe(run, corpus={}),
    "the corpus is a list of numbers": lambda run: describe(run, corpus=[1]),
    "the corpus has a name of 300,000 characters": lambda run: describe(
        run, corpus=[{"name": "\x9b" * 300_000}]
    ),
    "the resume part has an unknown array": lambda run: replace_weights(
        run / "step-00000001",
        safetensors.numpy.save({"more": np.zeros(3)}),
        name=RESUME,
    ),
    "the resume part is larger than the model": lambda run: replace_weights(
        run / "step-00000001",
        safetensors.numpy.save({"state.0": np.zeros(2**20)}),
        name=RESUME,
    ),
    "the batch has no size": lambda run: edit_manifest(
        run / "step-00000001", lambda m: m.update(training={})
    ),
    "the corpus has an escape": lambda run: describe(run, corpus=[{"name": ESCAPE}]),
    "the encoding is a list": lambda run: describe(run, settings={"encoding": []}),
    "a text is a surrogate": lambda run: describe(run, given={"encoding": "\ud800"}),
    "a length is enormous": lambda run: describe(run, settings={"steps": 10**400}),
    "the encoding is punycode": lambda run: describe(
        run, settings={"encoding": "punycode"}
    ),
    "the corpus is empty": lambda run: describe(run, corpus=[]),
    "the encoding runs code": lambda run: describe(run, settings={"encoding": "zlib"}),
    "the validation file is elsewhere": lambda run: describe(
        run, settings={"validation": "/etc/passwd"}
    ),
    "the validation file is above": lambda run: describe(
        run, settings={"validation": "../outside/secret"}
    ),
    "one of several validation files is elsewhere": lambda run: describe(
        run, settings={"validation": ["text.txt", "/etc/passwd"]}
    ),
    "the validation files are numbers": lambda run: describe(
        run, settings={"validation": [1, 2]}
    ),
    "the documents are an escape": lambda run: describe(
        run, settings={"documents": ESCAPE}
    ),
    "there is no column": lambda run: describe(run, settings={"documents": "column"}),
    "items are remembered twice": lambda run: describe(run, settings={"remember_items": 2}),
    "a role is an escape": lambda run: describe(
        run, corpus=[{"role": ESCAPE, "name": ESCAPE}]
    ),
    **{
        f"the validation file is {name!r}": lambda run, name=name: describe(
            run, settings={"validation": name}
        )
        for name in ("", ".", "..")
    },
    "the model is another": lambda run: describe(run, settings={"units": 7, "steps": 1}),
    "latest is a link": linked("latest"),
    "the lock is a link": linked(".lock"),
    "the lock is a link to nothing": linked(".lock", "outside/new"),
    "the resume part is a link": link_to_the_right_file(f"step-00000001/{RESUME}"),
    "the resume part is not finite": lambda run: replace_weights(
        run / "step-00000001",
        safetensors.numpy.save({"counter.step": np.array(np.nan)}),
        name=RESUME,
    ),
    "the resume part is of other types": lambda run: replace_weights(
        run / "step-00000001",
        safetensors.numpy.save({"counter.step": np.array([True])}),
        name=RESUME,
    ),
}


# Where another check would stand in for the one that is meant.
REASONS = {
    "the resume part has an unknown array": "it has the unknown 'more'",
    "the resume part is larger than the model": "are too many for this model",
    "the resume part is not finite": "has values that are not finite",
    "the validation file is elsewhere": "its validation part is a path",
    "the validation file is above": "its validation part is a path",
    "one of several validation files is elsewhere": "its validation part is a path",
    "the validation file is ''": "its validation part is a path",
    "the validation file is '..'": "its validation part is a path",
    "the model is another": "are of different models",
}


@needs_links
@pytest.mark.parametrize("threat", RUNS)
def test_each_threat_is_refused_by_resume(place: Path, threat: str):
    describe(place / "run")
    RUNS[threat](place / "run")
    output = harmless(["train", "text.txt", "--resume", "--out", "run"], place)
    assert "Error: " in output
    assert REASONS.get(threat, "") in output
    assert not (place / "outside" / "new").exists()


@needs_links
def test_a_log_that_is_a_link_is_neither_read_nor_written(place: Path):
    linked("log.jsonl")(place / "run")
    run = Run(place / "run")
    for use in (
        lambda: run.log.append({"kind": "train"}),
        lambda: run.log.cut(lambda line: True),
        lambda: list(run.log),
    ):
        with pytest.raises(CheckpointError, match=r"log\.jsonl is a link"):
            use()
    assert (place / "outside" / "secret").read_text(encoding="utf-8") == "secret"


def beyond_the_limit(run: Path) -> None:
    with (run / ITEMS).open("r+b") as file:
        file.truncate(8 * MAX_ITEMS + 8)  # sparse: takes no room


def folder_of_items(run: Path) -> None:
    (run / ITEMS).unlink()
    (run / ITEMS).mkdir()


HASHES = np.array([item_hash(text) for text in ("a", "b", "abc")], np.uint64)
ITEM_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link outside": (linked(ITEMS), "is a link"),
    "a link to the right file": (link_to_the_right_file(ITEMS), "is a link"),
    "a link to nothing": (linked(ITEMS, "outside/new"), "is a link"),
    "a device": (linked(ITEMS, "/dev/zero"), "is a link"),
    "a FIFO": (special(ITEMS), "is not a regular file"),
    "a folder": (folder_of_items, "is not a regular file"),
    "beyond the limit": (beyond_the_limit, "more than the 536,870,912 allowed"),
    "of an odd size": (written(ITEMS, bytes(15)), "not a multiple of 8 bytes"),
    "not sorted": (written(ITEMS, b"\1" * 8 + bytes(8)), "not in ascending order"),
    "with a number twice": (written(ITEMS, b"\1" * 16), "not in ascending order"),
}


@needs_links
@pytest.mark.parametrize("threat", ITEM_FILES)
def test_hashes_of_items_that_are_none_are_refused_by_what_reads_them(
    place: Path, threat: str
):
    run = write_item_run(place / "items", "abc").folder
    write_items(run, HASHES)
    spoil, reason = ITEM_FILES[threat]
    asked = (
        ["sample", "items", "--new", "--seed", "1"],
        ["eval", "items", "--items", "--count", "2"],
    )
    for arguments in asked:
        assert CliRunner().invoke(cli, arguments).exit_code == 0
    spoil(run)
    for arguments in asked:
        output = harmless(arguments, place)
        assert output.startswith("Error: items/items.u64") and reason in output
        assert output.count("\n") == 1
    output = harmless(["verify", "items"], place)
    assert "  items.u64: damaged: items/items.u64" in output and reason in output
    assert "the newest sound checkpoint is step-00000001" in output
    for arguments in (["info", "items"], ["runs", "items"], ["sample", "items"]):
        found = CliRunner().invoke(cli, arguments)  # which have no use for it
        assert found.exit_code == 0 and "damaged" not in found.output


@needs_links
def test_hashes_of_items_are_not_written_through_a_link(place: Path):
    linked(ITEMS)(place / "run")
    write_items(place / "run", HASHES)
    assert (place / "outside" / "secret").read_text(encoding="utf-8") == "secret"
    assert sorted(read_items(place / "run")) == sorted(HASHES)
    folder_of_items(place / "run")
    with pytest.raises(CheckpointError, match=r"cannot write .*items\.u64"):
        write_items(place / "run", HASHES)


@pytest.mark.parametrize(
    "training",
    [
        {"column": ESCAPE},
        {"column": ""},
        {"column": 5},
        {"column": "text", "label": ESCAPE},
        {"column": "text", "group_by": ESCAPE},
        {"label": ESCAPE},
        {"column": "text", "glob": ESCAPE},
        {},
    ],
    ids=ascii,
)
def test_what_a_checkpoint_says_of_its_columns_is_not_trusted(
    place: Path, training: dict[str, Any]
):
    write_item_run(place / "items", "abc", documents="column", label=True)
    table = place / "texts"
    table.mkdir()
    (table / "t.csv").write_text("text\nabc\ncab\n" * 20, encoding="utf-8")
    entry = {"name": "texts", "bytes": 1, "sha256": "0" * 64, "role": "train", "files": 1}
    edit_manifest(
        place / "items" / "step-00000001",
        lambda m: m.update(training={"validation": 0.1, **training}, corpus=[entry]),
    )
    for arguments in (
        ["eval", "items", "--part", "validation"],
        ["eval", "items", "texts", "--part", "validation"],
        *([] if "glob" in training else [["eval", "items", "texts"]]),
        *(
            []
            if "glob" in training
            else [["sample", "items", "--new", "--corpus", "texts"]]
        ),
    ):
        assert harmless(arguments, place).splitlines()[-1].startswith("Error: "), arguments


@pytest.mark.parametrize("files_of_it", [None, 3])
@pytest.mark.parametrize(
    "name", ["", ".", "..", "outside", "text.txt", "../text.txt", "/etc", ESCAPE, "\0"]
)
def test_only_what_has_the_bare_name_and_the_kind_is_read(
    place: Path, name: str, files_of_it: int | None, monkeypatch: pytest.MonkeyPatch
):
    looked: list[Path] = []

    def spy(names: list[str], **options: Any) -> list[Any]:
        looked.extend(Path(each) for each in names)
        return find_inputs(names, **options)

    monkeypatch.setattr(held_out, "find_inputs", spy)
    write_item_run(place / "items", "abc")
    entry = {"bytes": 1, "sha256": "0" * 64, "role": "train", "name": name}
    edit_manifest(
        place / "items" / "step-00000001",
        lambda m: m.update(
            training={"validation": 0.1}, corpus=[{**entry, "files": files_of_it}]
        ),
    )
    output = harmless(["eval", "items"], place)
    assert output.startswith("Error: ") and output.count("\n") == 1
    right = {None: "text.txt", 3: "outside"}[files_of_it]
    assert looked == ([Path(right)] if name == right else [])


@needs_links
def test_links_with_temporary_names_are_removed_and_not_followed(place: Path):
    run = Run(place / "run")
    for name in ("step", "latest", "best"):
        link = place / "run" / f".tmp-{name}-{os.getpid()}"
        link.symlink_to(place / "outside" / ("" if name == "step" else "secret"))
    repair(run)
    assert [p.name for p in (place / "run").glob(".tmp-*")] == []
    for name in ("latest", "best"):
        link = place / "run" / f".tmp-{name}-{os.getpid()}"
        link.symlink_to(place / "outside" / "secret")
    run.publish(tiny_checkpoint(step=2), best=True, keep=1)
    assert run.read("latest").step == 2
    assert [p.name for p in (place / "outside").iterdir()] == ["secret"]
    assert (place / "outside" / "secret").read_text(encoding="utf-8") == "secret"


@pytest.mark.parametrize(
    "damaged",
    [
        {"step": 7.0},
        {"step": 1.5},
        {"rollbacks": -1.0},
        {"stale": 1e300},
        {"origin": -1.0},
        {"rollbacks": 3.0},
        {"loss_sum": 1e308},
        {"loss_weight": 2.0},
        {"share": 1.5},
    ],
    ids=str,
)
def test_counters_that_no_run_has_counted(damaged: dict[str, float]):
    from chargen.training.cadence import Counters

    arrays = Counters(step=1).to_arrays()
    arrays.update({f"counter.{name}": np.array(v) for name, v in damaged.items()})
    if damaged == {"step": 7.0}:
        assert Counters.from_arrays(arrays).step == 7  # sound, if not of this checkpoint
        return
    with pytest.raises(ValueError, match=next(iter(damaged))):
        Counters.from_arrays(arrays)


def test_sound_strings_with_escapes_are_shown_escaped(place: Path):
    change = {"corpus": [{"name": ESCAPE, "bytes": 1, "sha256": "0" * 64}]}
    edit_manifest(place / "run" / "step-00000001", lambda m: m.update(change))
    edit_manifest(
        place / "run" / "step-00000001",
        lambda m: m["training"].update({ESCAPE: ESCAPE, "seed": ESCAPE}),
    )
    found = CliRunner().invoke(cli, ["info", "run"])
    assert found.exit_code == 0
    assert "\\x1b[2J" in found.output
    assert not any(c in found.output for c in "\x1b\x07\u202e")


@needs_links
def test_names_of_files_and_runs_do_not_steer_the_terminal(place: Path):
    run, text = f"run{NAME}", f"text{NAME}.txt"
    shutil.copytree(place / "run", place / run)
    describe(place / run, corpus=[{"name": ESCAPE}], created=ESCAPE)
    shutil.copytree(place / run, place / f"damaged{NAME}")
    (place / f"damaged{NAME}" / "best").unlink()
    (place / text).write_text(TEXT, encoding="utf-8")
    for arguments, code in (
        (["runs", "."], 0),
        (["verify", run], 0),
        (["verify", f"damaged{NAME}"], 1),
        (["info", run], 0),
        (["info", run, "harbour-plays"], 0),
        (["eval", run, text], 0),
        (["plot", run], 1),
        (["sample", f"nothing{NAME}"], 1),
        (["sample", f"damaged{NAME}"], 1),
        (["train", f"nothing{NAME}"], 1),
        (["train", text, "--dry-run"], 0),
        (["train", text, "--init-from", run, "--dry-run"], 0),
    ):
        found = CliRunner().invoke(cli, arguments)
        assert found.exit_code == code, (arguments, found.output)
        assert "\\x1b[2J" in found.output, arguments
        assert not any(c in found.output for c in "\x1b\x07\u202e"), arguments
    for arguments in (["runs", "."], ["info", run], ["verify", run], ["eval", run, text]):
        found = CliRunner().invoke(cli, [*arguments, "--json"])
        assert found.exit_code == 0
        assert found.stdout.isascii() and "\x1b" not in found.stdout, arguments
        assert "u001b[2J" in found.stdout, arguments


def test_notes_do_not_steer_the_terminal():
    shown = io.StringIO()
    Terminal(SimpleNamespace(), Console(file=shown, width=80))(Note(ESCAPE))
    assert "\\x1b[2J" in shown.getvalue() and "\x1b" not in shown.getvalue()


@pytest.mark.parametrize(
    ("terminal", "raw", "written"),
    [(True, False, "\\x1b\n"), (True, True, "\x1b\n"), (False, False, "\x1b\n")],
)
def test_generated_text_is_escaped_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, raw: bool, written: str
):
    stdout = io.StringIO()
    monkeypatch.setattr(stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdout", stdout)
    write_text(["\x1b"], raw=raw)
    assert stdout.getvalue() == written


@pytest.mark.parametrize("what", ["chargen", "training"])
def test_a_sound_string_of_a_megabyte_fills_no_terminal(place: Path, what: str):
    long = "\x9b" * 10**5
    value = long if what == "chargen" else {"long": long, long: 1}
    edit_manifest(place / "run" / "step-00000001", lambda m: m.update({what: value}))
    for arguments in (["info", "run"], ["info", "run", "harbour-plays"]):
        found = CliRunner().invoke(cli, arguments)
        assert found.exit_code == 0
        assert len(found.output) < 30_000


@needs_links
def test_a_pointer_that_is_a_link_to_a_step_elsewhere_is_refused(place: Path):
    write_run(place / "other", 2)
    pointer = place / "run" / "latest"
    pointer.unlink()
    pointer.symlink_to(place / "other" / "step-00000002")
    for arguments in (["info", "run/latest"], ["sample", "run/latest"]):
        assert "Error: " in harmless(arguments, place)


def test_a_validation_loss_of_no_number_is_left_out_of_the_log(place: Path):
    line = {"kind": "train", "step": 1, "epoch": 0.1, "seconds": 1.0, "train": 2.5}
    amounts = {"learning_rate": 0.01, "characters_per_second": 5.0}
    run = Run(place / "run")
    run.log.append({**line, **amounts, "validation": []})
    run.log.append({**line, **amounts, "kind": "evaluation", "validation": []})
    assert list(run.log) == [{**line, **amounts}]


def test_lines_of_a_log_that_say_nothing_count(place: Path):
    (place / "run" / "log.jsonl").write_bytes(b"\n" * 150_000 + b'{"kind": "train"}')
    looked = []
    parse = log.parse_json
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "parse_json", lambda x: looked.append(x) or parse(x))
        assert list(Run(place / "run").log) == []
    assert looked == []


# --- what a refusal costs ---------------------------------------------------------------

MEASURE = """
import sys, time
from pathlib import Path
import chargen.sampling.engine
from chargen.errors import ChargenError
from chargen.runs.find import open_checkpoint
from chargen.runs.run import Run

def memory(what):  # in bytes; getrusage would count the process that started this one, too
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))

run = Run(Path(sys.argv[1]))
before, slowest, refused = memory("VmRSS"), 0.0, 0
for look in (
    lambda: open_checkpoint(sys.argv[1]),
    run.description,
    lambda: sum(1 for _ in run.log),
    lambda: run.read("latest", resume=True),
):
    started = time.perf_counter()
    try:
        look()
    except ChargenError:
        refused += 1
    slowest = max(slowest, time.perf_counter() - started)
print(memory("VmHWM") - before, slowest, refused)
"""


def reading_cost(run: Path) -> tuple[int, float, int]:
    """Read a run in a process of its own, as `sample` and as `train --resume` do.

    Returns:
        The bytes of memory that the process grew by at most, the seconds that the slowest
        of the readings took, and how many of them were refused. What starting Python and
        importing chargen take is in neither.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(run)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    grown, seconds, refused = done.stdout.split()
    return int(grown), float(seconds), int(refused)


BOMBS = [
    "two megabytes of strings",
    "a model at its limits",
    "two megabytes of empty lists",
    "two megabytes of empty objects",
    "two megabytes of keys",
    "as many objects as there may be",
    "a hundred thousand nested lists",
    "a key of 300,000 characters",
    "a file beyond the limit",
    "a megabyte of nested objects",
    "a vocabulary beyond the limit",
    "forty thousand marks",
    "a role of 300,000 characters",
    "a header of empty objects",
    "a header of a hundred thousand arrays",
    "a header that is longer than the file",
    "a shape of enormous product",
    "an empty array of enormous sides",
    "the weights are a device",
    "run.json is a bomb",
]


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's memory figures")
@pytest.mark.parametrize(
    "threat",
    [BOMBS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in BOMBS[1:])],
)
def test_a_refusal_takes_at_most_64_megabytes(place: Path, threat: str):
    {**THREATS, **RUNS}[threat](place / "run")
    grown, _, refused = reading_cost(place / "run")
    assert refused, "nothing was refused"
    assert grown < 64 * 10**6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's memory figures")
def test_a_sound_checkpoint_is_read_in_pieces(place: Path):
    shutil.rmtree(place / "run")
    big = {"units": 1024, "layers": 2, "embedding_size": 128}
    run = write_run(place / "run", 1, **big)
    size = sum(array.nbytes for array in run.read().weights.values())
    assert size > 50 * 10**6
    grown, _, refused = reading_cost(place / "run")
    assert not refused
    assert size < grown < size + 16 * 10**6


# --- mutations --------------------------------------------------------------------------

TOKENS = [
    *(b"null", b"true", b"-1", b"0", b"1e308", b"9" * 30, b"NaN", b"[]", b"{}", b'""'),
    *(b'"a"', b'"\\ud800"', b'"\\u0000"', b"\xff", b"\xed\xa0\x80", b"[" * 50, b"{" * 50),
    *(b",", b":", b'"', b"\n", b"../", b"/", b"\0", b"18446744073709551616", b"0.5"),
]
VALUES = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2**31,
    2**63,
    0.5,
    1e308,
    "",
    "a",
    "ab",
    "\x1b",
    [],
    {},
]
VALUES += [[0], [[]], {"a": 1}, "F32", "F64", "I64", "lstm", "gru", 2**64, "../x", "😀"]
VALUES += [2, 3, 4, "lines", "none", "nfkc", "any", "test", ".."]
TARGETS = [
    *(f"step-00000001/{MANIFEST}", f"step-00000001/{WEIGHTS}", f"step-00000001/{RESUME}"),
    *("best", "latest", "run.json", "log.jsonl"),
]


def bytes_mutated(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes: flip, cut, repeat, insert."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.choice([1, 2, 8, 64]))
        kind = chance.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at:end]
        elif kind == 2:
            changed[at:at] = changed[at:end]
        else:
            changed[at:end] = chance.choice(TOKENS)
    return bytes(changed)


def json_mutated(data: bytes, chance: random.Random) -> bytes:
    """Change some values or keys of a JSON document."""
    document = json.loads(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        places: list[tuple[Any, Any]] = []

        def collect(value: Any, places: list[tuple[Any, Any]] = places) -> None:
            for key in value if isinstance(value, dict) else range(len(value)):
                places.append((value, key))
                if isinstance(value[key], dict | list):
                    collect(value[key])

        collect(document)
        if not places:
            break
        parent, key = chance.choice(places)
        kind = chance.randrange(4)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[chance.choice(["a", "format", "shape", "\x1b", ""])] = parent.pop(key)
        elif kind == 2:
            other, place = chance.choice(places)
            if place in other if isinstance(other, dict) else place < len(other):
                parent[key] = json.loads(json.dumps(other[place]))
        else:
            parent[key] = json.loads(json.dumps(chance.choice(VALUES)))  # a copy
    return json.dumps(document).encode("utf-8", "surrogatepass")


def mutated(name: str, data: bytes, chance: random.Random) -> bytes:
    """Return a file of a run, mutated where it matters."""
    if name.endswith(".safetensors"):
        length = struct.unpack("<Q", data[:8])[0]
        text, rest = data[8 : 8 + length], data[8 + length :]
        kind = chance.randrange(4)
        if kind == 0:
            return bytes_mutated(data, chance)
        text = (json_mutated if kind < 3 else bytes_mutated)(text, chance)
        return struct.pack("<Q", len(text)) + text + rest
    if name.endswith((".json", "log.jsonl")) and chance.random() < 0.6:
        first, newline, rest = (
            data.partition(b"\n") if name == "log.jsonl" else (data, b"", b"")
        )
        return json_mutated(first, chance) + newline + rest
    return bytes_mutated(data, chance)


def fuzz(folder: Path, examples: int, seed: int) -> Counter[str]:
    """Read mutated runs; return how many there were of each outcome.

    Raises:
        Exception: what is neither a correct load nor a `ChargenError`.
    """
    runs = [write_run(folder / "run", 1), write_item_run(folder / "items", "abc\n")]
    line = {"kind": "train", "step": 1, "epoch": 0.1, "seconds": 1.0, "train": 2.5}
    for run in runs:
        describe(run.folder)
        run.log.append({**line, "learning_rate": 0.01, "characters_per_second": 5.0})
    write_items(runs[1].folder, HASHES)
    places = [TARGETS, [*TARGETS, ITEMS]]
    whole = [
        {name: (run.folder / name).read_bytes() for name in names}
        for run, names in zip(runs, places, strict=True)
    ]
    outcomes: Counter[str] = Counter()
    for example in range(examples):
        chance = random.Random(f"{seed} {example}")
        run, sound = chance.choice(list(zip(runs, whole, strict=True)))
        name = chance.choice(list(sound))
        data = mutated(name, sound[name], chance)
        (run.folder / name).write_bytes(data)
        if name.endswith(".safetensors") and chance.random() < 0.9:  # deeper than the hash
            replace_weights(
                run.folder / TARGETS[0].split("/")[0], data, name=Path(name).name
            )
        try:
            outcomes[f"{name}: {_outcome(run)}"] += 1
        except Exception:
            print(f"example {example} of seed {seed}: {name}", file=sys.stderr)
            raise
        (run.folder / name).write_bytes(sound[name])
        (run.folder / TARGETS[0]).write_bytes(sound[TARGETS[0]])
    return outcomes


def _outcome(run: Run) -> str:
    """Read a run as every command would; say whether all of it was sound."""
    refused = 0
    try:
        model = chargen.load(str(run.folder))
        assert all(
            np.isfinite(a).all() for a in open_checkpoint(str(run.folder)).weights.values()
        )
        text = "".join(chargen.generate(model, length=2, seed=1, temperature=1.0))
        assert len(text) == 2 or (model.vocabulary.end is not None and len(text) < 2)
    except ChargenError:
        refused += 1
    for look in (
        lambda: run.read("latest", resume=True),
        run.description,
        lambda: list(run.log),
        lambda: read(run.folder / "step-00000001", resume=True),
        lambda: read_curve(run, "run", "steps"),
        lambda: has_items(run.folder) and read_items(run.folder),
    ):
        try:
            look()
        except ChargenError:
            refused += 1
    with contextlib.suppress(ChargenError):  # its text is nowhere
        find_part(run.read(), "validation")
    shown = summary(run, bare=False)
    assert json.dumps(shown).isascii()
    return "refused" if refused else "loaded"


@pytest.mark.parametrize("examples", [500, pytest.param(50_000, marks=pytest.mark.slow)])
def test_a_mutated_run_is_loaded_or_refused(tmp_path: Path, examples: int):
    outcomes = fuzz(tmp_path, examples, seed=examples)
    assert outcomes.total() == examples
    for name in TARGETS[:4]:
        assert outcomes[f"{name}: refused"] > examples / 50
    assert outcomes[f"{ITEMS}: refused"] > examples / 100
    loaded = sum(count for outcome, count in outcomes.items() if "loaded" in outcome)
    assert loaded > examples / 50  # mutations that matter to nothing, or change a value


def main() -> None:
    """Read as many mutated runs as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for outcome, count in sorted(
            fuzz(Path(folder), asked.examples, asked.seed).items()
        ):
            print(f"{count:9,}  {outcome}")


if __name__ == "__main__":
    main()

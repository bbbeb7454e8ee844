"""`chargen cache`: what is kept of large texts, shown and removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from chargen.cli import cli
from chargen.text import encoded as encoding
from chargen.text import ingest
from chargen.text.ingest import encode
from chargen.text.policy import Reading
from chargen.text.sources import find_inputs
from chargen.text.store import ABOUT, default_cache, stored


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    for place in (ingest, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    return tmp_path


def keep(*names, cache=None):
    """Read files of these names as large texts are read."""
    for name in names:
        Path(name).write_text(f"the text of {name}\n", encoding="utf-8")
    encode(find_inputs(names), Reading(), cache or default_cache()).codes.close()


def run(*words):
    done = CliRunner().invoke(cli, ["cache", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_empty_cache(folder):
    assert run() == f"{default_cache()}: 0 bytes\n"
    assert run("--json") == "[]\n"
    assert run("--clear") == f"removed 0 bytes from {default_cache()}\n"
    assert not default_cache().exists()


def test_each_text_is_a_line_with_its_size_and_files():
    keep("a.txt")
    keep("a.txt", "b.txt", "c.txt", "d.txt", "e.txt")
    first, *lines = run().splitlines()
    sizes = {each.names: each.size for each in stored(default_cache())}
    assert first == f"{default_cache()}: {sum(sizes.values()):,} bytes"
    assert sorted(line.split(maxsplit=1)[1] for line in lines) == [
        "a.txt",
        "a.txt, b.txt, c.txt and 2 more",
    ]
    assert {line.split()[0] for line in lines} == {f"{s:,}" for s in sizes.values()}


def test_json():
    keep("a.txt", "b.txt")
    ((text,),) = [json.loads(run("--json"))]
    (each,) = stored(default_cache())
    expected = {"folder": str(each.folder), "bytes": each.size, "files": ["a.txt", "b.txt"]}
    assert text == expected


def test_clearing():
    keep("a.txt")
    keep("b.txt")
    size = sum(each.size for each in stored(default_cache()))
    assert size > 0
    assert run("--clear") == f"removed {size:,} bytes from {default_cache()}\n"
    assert stored(default_cache()) == []


def test_clearing_leaves_everything_else_of_the_folder_alone():
    keep("a.txt")
    other = default_cache() / "corpora" / "fetched.txt"
    other.parent.mkdir()
    other.write_text("fetched")
    run("--clear")
    assert other.read_text() == "fetched"


def test_clearing_with_json_shows_what_is_left():
    keep("a.txt")
    assert run("--clear", "--json") == "[]\n"


def test_another_folder():
    keep("a.txt", cache=Path("here"))
    assert run() == f"{default_cache()}: 0 bytes\n"
    assert run("--cache", "here").splitlines()[1].endswith("a.txt")
    assert run("--cache", "nowhere") == "nowhere: 0 bytes\n"
    assert not Path("nowhere").exists()
    run("--clear", "--cache", "here")
    assert stored(Path("here")) == []


def test_a_file_is_no_cache():
    Path("file").write_text("")
    done = CliRunner().invoke(cli, ["cache", "--cache", "file"])
    assert done.exit_code == 2
    assert "file" in done.output


def test_what_is_damaged_or_being_written_is_said():
    keep("a.txt")
    (each,) = stored(default_cache())
    (each.folder / ABOUT).unlink()
    assert run().splitlines()[1].endswith("damaged, or not complete")
    assert json.loads(run("--json"))[0]["files"] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_names_of_files_cannot_steer_the_terminal():
    keep("\x1b[31mred\n.txt")
    shown = run()
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in json.loads(run("--json"))[0]["files"][0]


def test_long_names_are_cut():
    keep("n" * 100 + ".txt", "b.txt")
    line = run().splitlines()[1]
    assert len(line) < 80

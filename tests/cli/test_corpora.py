"""`chargen corpora`: the list, fetching, and a look at a text."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from chargen.cli import cli
from chargen.text import fetch
from chargen.text.fetch import PublicText
from chargen.text.sources import BUNDLED_CORPORA

DATA = b"To be, or not to be\n"
HAMLET = PublicText(
    "hamlet",
    "https://example.invalid/hamlet.txt",
    hashlib.sha256(DATA).hexdigest(),
    len(DATA),
    "public domain",
    "a line of a play",
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, an empty cache, and a manifest of one text."""
    monkeypatch.chdir(tmp_path)
    cache = str(tmp_path / "cache")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: cache)
    monkeypatch.setattr(fetch, "MANIFEST", (HAMLET,))
    return tmp_path


def invoke(*arguments, code=0, given=None, **environment):
    done = CliRunner().invoke(cli, ["corpora", *arguments], input=given, env=environment)
    assert done.exit_code == code, done.output
    return done


def put(text=HAMLET):
    """Do what fetching does, without a server."""
    text.path.parent.mkdir(parents=True, exist_ok=True)
    text.path.write_bytes(DATA)
    return text.path


# --- the list and fetching --------------------------------------------------------------


def test_the_list_has_what_is_here_and_names_what_is_not():
    done = invoke()
    assert "hamlet" not in done.stdout
    assert done.stderr.splitlines()[-1].endswith(" corpora fetch hamlet")
    put()
    done = invoke()
    assert done.stdout.splitlines()[-1].split() == ["hamlet", "20", "20", "10"]
    assert done.stderr == ""
    found = json.loads(invoke("--json").stdout)
    assert [row["name"] for row in found][-1] == "hamlet"
    assert found[-1] == {"name": "hamlet", "bytes": 20, "characters": 20, "vocabulary": 10}


def test_fetch_says_what_it_is_and_writes_where_it_is(monkeypatch):
    monkeypatch.setattr(fetch, "fetch", put)
    done = invoke("fetch", "hamlet")
    assert done.stdout == f"{HAMLET.path}\n"
    for part in ("a line of a play", "20 bytes", "public domain", HAMLET.url):
        assert part in done.stderr
    assert done.stderr.splitlines()[-1].endswith(" train hamlet")


def test_what_is_there_is_not_fetched():
    path = put()
    assert invoke("fetch", "hamlet").stdout == f"{path}\n"


def test_there_is_no_such_text_to_fetch(monkeypatch):
    monkeypatch.setattr(fetch, "MANIFEST", (HAMLET, replace(HAMLET, name="lear")))
    done = invoke("fetch", "macbeth", code=1)
    assert "no text macbeth to fetch. There are: hamlet, lear" in done.stderr
    assert done.stdout == ""


def test_no_command_of_that_name():
    assert "No such command 'tiny'" in invoke("tiny", code=2).stderr


def test_an_option_of_the_list_is_not_one_of_its_commands():
    assert "--json comes after the command" in invoke("--json", "fetch", "x", code=2).stderr
    put()
    invoke("fetch", "hamlet", CHARGEN_CORPORA_JSON="1")
    json.loads(invoke(CHARGEN_CORPORA_JSON="1").stdout)


@pytest.mark.parametrize("command", ["fetch", "inspect"])
def test_every_command_has_an_example_and_its_options_a_text(command):
    done = invoke(command, "--help")
    assert f"\n  chargen corpora {command} " in done.stdout
    assert f"  {command} " in invoke("-h").stdout
    from chargen.cli.corpora import corpora

    for parameter in corpora.commands[command].params:
        assert parameter.param_type_name == "argument" or parameter.help


# --- a look at a text -------------------------------------------------------------------


def rows(output):
    """Return the rows of a report by name, lines that were broken joined again."""
    found, name = {}, ""
    for line in output.splitlines():
        name = line[:14].strip() or name
        found[name] = f"{found.get(name, '')} {line[14:].strip()}".strip()
    return found


def test_inspect_says_what_there_is():
    found = rows(invoke("inspect", "harbour-plays").stdout)
    assert found["text"] == "114,116 characters, 68 different ones"
    assert found["kind"] == "running text"
    assert found["plain counts"].startswith("1.3074 nats a character on the last tenth")
    assert found["in 5 minutes"].startswith("about ")
    assert found["coverage"].endswith("68 all of it")
    assert found["lines"] == "2,811; the longest has 74 characters"
    assert found["items"] == "--documents lines 2,811, blank-lines 1,121, files 1"
    assert "size" not in found
    listed = rows(invoke("inspect", "minerals").stdout)
    assert listed["kind"] == "a list of items, one a line"
    assert "on every tenth line" in listed["plain counts"]


def test_the_last_line_is_the_command_to_type_next():
    path = Path("my novel.txt")
    path.write_text("día\r\n", encoding="latin-1", newline="")
    done = invoke("inspect", "my novel.txt", "minerals", "--encoding", "latin-1")
    assert done.stdout.splitlines()[-2] == "to learn from it:"
    words = shlex.split(done.stdout.splitlines()[-1])
    expected = ["train", "--encoding", "latin-1", "my novel.txt", "minerals"]
    assert words[-len(expected) :] == expected
    path.rename("-novel.txt")
    done = invoke("inspect", "--encoding", "latin-1", "--", "-novel.txt")
    assert shlex.split(done.stdout.splitlines()[-1])[-2:] == ["--", "-novel.txt"]
    assert " -- " not in invoke("inspect", "minerals").stdout


ODD = 'Caf\u00c3\u00a9 “hi” "you"\r\nd\u0435ar \ufffd x\x01y\ne\u0301\u202ete\u00a0\n'


def test_what_may_be_wrong_is_said_and_shown_harmlessly():
    Path("odd.txt").write_bytes(ODD.encode())
    output = invoke("inspect", "odd.txt").stdout
    assert "to look into:" in output
    for part in ("Ã©", "U+0001", "U+202E", "U+00A0", "CRLF", "dеar", "\ufffd", "e\u0301"):
        assert part in output
    assert not {"\x01", "\u202e"} & set(output)
    assert "small: a model soon knows it by heart" in output
    assert "to look into:" not in invoke("inspect", "harbour-plays").stdout


@pytest.mark.parametrize("text", [ODD, "x" * 300_000, "мaма " * 9, f"{'Ã©' * 99}\n"])
def test_a_report_is_no_wider_than_a_terminal(text):
    Path("odd.txt").write_bytes(text.encode())
    lines = invoke("inspect", "odd.txt").stdout.splitlines()
    assert max(map(cell_len, lines[:-1])) <= 80


def test_several_files_are_one_text_each_on_lines_of_its_own():
    Path("a.txt").write_bytes(b"one\ntwo")
    Path("b.txt").write_bytes(b"three\r")
    Path("empty.txt").touch()
    Path("c.txt").write_bytes(b"four\n")
    names = ("a.txt", "b.txt", "empty.txt", "c.txt")
    found = json.loads(invoke("inspect", *names, "--json").stdout)
    assert found["lines"] == 4
    assert found["characters"] == len("one\ntwo\nthree\nfour\n")
    assert found["files"] == 4


def test_standard_input_and_folders():
    assert "4 characters" in invoke("inspect", "-", given="abc\n").stdout
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("abc\n")
    assert "4 characters" in invoke("inspect", "folder").stdout


def test_json_has_all_of_it_in_ascii():
    Path("odd.txt").write_bytes(ODD.encode())
    output = invoke("inspect", "odd.txt", "--json").stdout
    assert output.isascii()
    found = json.loads(output)
    assert found["small"] is True and found["counted_loss"] is None
    assert found["command"] == ["chargen", "train", "odd.txt"]
    assert found["passes"] > 0
    kinds = [finding["kind"] for finding in found["findings"]]
    assert kinds[:3] == ["replacement", "mojibake", "control"]
    assert json.loads(invoke("inspect", "odd.txt", CHARGEN_INSPECT_JSON="1").stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.txt",), "there is no file nowhere.txt"),
        (("empty.txt",), "empty.txt: there is no text in it"),
        (("latin.txt",), "latin.txt is not UTF-8"),
        (("latin.txt", "--encoding", "nonsense"), "unknown encoding"),
    ],
)
def test_what_cannot_be_looked_at(arguments, message):
    Path("empty.txt").touch()
    Path("latin.txt").write_bytes("día".encode("latin-1"))
    done = invoke("inspect", *arguments, code=1)
    assert message in done.stderr
    assert done.stdout == ""


def test_rare_characters_and_repeated_lines_are_counted():
    play = (BUNDLED_CORPORA / "harbour-plays.txt").read_text("utf-8")
    Path("play.txt").write_text(play + "春\n" + play.split("\n")[0] + "\n", "utf-8")
    found = rows(invoke("inspect", "play.txt").stdout)
    assert found["rare"].startswith("4 different ones, each seen fewer than 10 times: ")
    assert found["repeated"] == "866 of 2,813 lines are the same as an earlier one"


def test_of_a_long_text_its_end_is_said_to_be_scored(monkeypatch):
    monkeypatch.setattr("chargen.cli.corpora.TAIL", 50_000)
    counts = rows(invoke("inspect", "harbour-plays").stdout)["plain counts"]
    assert "on the last tenth of the last 50,000 characters" in counts
    assert " of the last " not in rows(invoke("inspect", "minerals").stdout)["plain counts"]

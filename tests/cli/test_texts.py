"""Texts of every kind through the command line: what a training reads, and what it does."""

from __future__ import annotations

import gzip
import io
import json
import os
import shlex
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chargen.cli import cli
from chargen.runs.find import open_checkpoint

STORY = "Once upon a time there was a clerk who counted salt, and nothing else.\n"
POEM = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
TINY = ("--units", "8", "--layers", "1", "--steps", "4", "--quiet", "--stock")


LAST_FIFTH = ("--validation", "0.2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("a.txt").write_text(STORY * 40, encoding="utf-8")
    Path("b.txt").write_text("A day in the city is long.\n" * 40, encoding="utf-8")
    Path("more").mkdir()
    Path("more/c.md").write_text("The sea, and the sky above it.\n" * 40, "utf-8")
    Path("more/d.txt").write_text("Night came over the hills.\n" * 40, "utf-8")
    Path("more/e.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    return tmp_path


def planned(*words: str, data: bytes | None = None, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["train", *words, "--dry-run"], input=data)
    assert done.exit_code == code, done.output
    return done


def characters(done: Result) -> list[int]:
    """How many characters there are to learn from, and to validate on."""
    words = done.stdout.splitlines()[0].replace(",", "").split()
    return [int(words[0]), int(words[5])]


def test_files_and_folders_are_one_text_in_the_order_given() -> None:
    done = planned("a.txt", "more", "--validation", "0")
    assert "1 files in more are not texts" in done.stdout
    expected = 40 * sum(map(len, (STORY, "The sea, and the sky above it.\n")))
    expected += 40 * len("Night came over the hills.\n")
    assert characters(done) == [expected, 0]
    only = planned("a.txt", "more", "--glob", "*.md", "--validation", "0")
    assert characters(only)[0] == expected - 40 * len("Night came over the hills.\n")


def test_parts_are_any_number_of_files() -> None:
    done = planned(
        "a.txt", "--validation", "b.txt", "--validation", "more", "--test", "b.txt"
    )
    learned, validated = characters(done)
    assert learned == len(STORY) * 40
    assert validated == 40 * sum(
        len(line)
        for line in ("A day in the city is long.\n", "Night came over the hills.\n")
    ) + 40 * len("The sea, and the sky above it.\n")
    refused = planned("a.txt", "--validation", "b.txt", "--validation", "0.1", code=2)
    assert "one fraction, or files" in refused.output


@pytest.mark.parametrize(
    "words",
    [
        ("a.txt", "more", "--validation", "b.txt", "--validation", "more"),
        ("more", "--glob", "*.md", "--normalize", "nfkc", "--lowercase", *LAST_FIFTH),
        ("n.csv", "--column", "name", "--label", "land", "--validation", "0.2"),
        ("a.txt", "--documents", "lines", "--validation", "0", "--min-count", "3"),
    ],
)
def test_the_command_of_a_plan_gives_the_same_plan(words: tuple[str, ...]) -> None:
    rows = [f"Ann{i} of {i * 7 % 60},{'AB'[i % 2]}" for i in range(60)]
    Path("n.csv").write_text("\n".join(["name,land", *rows]), encoding="utf-8")
    done = planned(*words, "--steps", "5")
    again = shlex.split(done.stdout.splitlines()[-1])
    repeated = planned(*again[again.index("train") + 1 :])
    assert repeated.stdout.splitlines()[0] == done.stdout.splitlines()[0]
    assert repeated.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]


def test_standard_input_is_a_text() -> None:
    done = planned("-", "--validation", "0", data=(STORY * 30).encode())
    assert characters(done) == [len(STORY) * 30, 0]
    assert "is empty" in planned("-", data=b"", code=1).output


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("void.txt", b"", "is empty"),
        ("blank.txt", b" \n\n \n", "all white space"),
        ("same.txt", b"aaaa", "one character repeated"),
        ("x.zip", b"PK\x03\x04" + bytes(40), "x.zip is an archive"),
        ("x.doc", b"\xd0\xcf\x11\xe0" + bytes(40), "save it as plain text in UTF-8"),
        ("x.csv", b"name,land\na,b\nc,d\n", "no column 'peom'"),
    ],
)
def test_what_cannot_be_learned_from_is_said(name: str, data: bytes, message: str) -> None:
    Path(name).write_bytes(data)
    column = ("--column", "peom") if name == "x.csv" else ("--documents", "none")
    done = planned(name, *column, "--validation", "0.5", code=1)
    assert message in done.output
    assert "Traceback" not in done.output


def test_an_empty_folder_and_a_missing_one_are_named() -> None:
    Path("void").mkdir()
    assert "the folder void holds no text" in planned("void", code=1).output
    assert "there is no file nowhere" in planned("nowhere", code=1).output
    glob = planned("more", "--glob", "*.html", code=1)
    assert "no file that matches '*.html'" in glob.output


def test_a_list_is_found_out_and_the_user_is_told() -> None:
    done = planned("minerals")
    assert "each line is learned by itself" in done.stdout
    assert "--documents none takes it as one running text" in done.stdout
    assert "learned by itself" not in planned("minerals", "--documents", "none").stdout
    assert "learned by itself" not in planned("harbour-plays").stdout


def epub(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="b.opf"/></rootfiles></container>',
        )
        archive.writestr(
            "b.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="c" '
            'href="c.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="c"/></spine></package>',
        )
        page = "".join(f"<p>{line}</p>" for line in text.splitlines())
        archive.writestr(
            "c.xhtml",
            f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{page}</body></html>',
        )
    return data.getvalue()


def test_chinese_end_to_end() -> None:
    """A folder in GB 18030, a chat log in UTF-16 and a book become one model."""
    Path("诗").mkdir()
    for i in range(3):
        Path(f"诗/{i}.txt").write_text(f"{POEM}\n" * 20, encoding="gb18030")
    Path("聊天.txt").write_text(f"小王：{POEM}\r\n" * 20, encoding="utf-16")
    Path("书.epub").write_bytes(epub(f"{POEM}\n" * 20))
    words = ["诗", "聊天.txt", "书.epub", "--encoding", "auto", "--documents", "none"]
    done = CliRunner().invoke(cli, ["train", *words, *TINY, "--out", "run"])
    assert done.exit_code == 0, done.output
    found = open_checkpoint("run")
    assert set(found.vocabulary.characters) == {*POEM, *"小王：\n"}
    assert [source.name for source in found.corpus] == ["诗", "聊天.txt", "书.epub"]
    assert found.corpus[0].files == 3
    sampled = CliRunner().invoke(cli, ["sample", "run", "--length", "30", "--seed", "1"])
    assert set(sampled.stdout) <= {*POEM, *"小王：\n"}
    scored = CliRunner().invoke(cli, ["eval", "run", "--json"])
    assert scored.exit_code == 0, scored.output
    nats = json.loads(scored.stdout)["texts"][0]["carried"]["nats"]
    assert nats == pytest.approx(found.validation_loss, abs=1e-4)


def test_items_end_to_end_with_labels() -> None:
    rows = [f"Ann{i % 50} of {i * 7 % 60}\t{'AB'[i % 2]}" for i in range(300)]
    Path("n.tsv.gz").write_bytes(gzip.compress("\n".join(["name\tland", *rows]).encode()))
    words = ("n.tsv.gz", "--column", "name", "--label", "land", "--remember-items")
    done = CliRunner().invoke(cli, ["train", *words, *TINY])
    assert done.exit_code == 0, done.output
    assert done.stdout == "checkpoints/n\n" or done.stdout == "checkpoints/n.tsv\n"
    run = done.stdout.strip()
    assert open_checkpoint(run).text.label
    more = ("--count", "3", "--length", "20", "--seed", "1")
    sampled = CliRunner().invoke(cli, ["sample", run, *more, "--label", "A", "--new"])
    assert sampled.exit_code == 0, sampled.output
    assert len(sampled.stdout.splitlines()) == 3
    unknown = CliRunner().invoke(cli, ["sample", run, *more, "--label", "Ü"])
    assert unknown.exit_code == 2
    assert "there is no label 'Ü'" in unknown.output
    card = CliRunner().invoke(cli, ["eval", run, "--items", "--count", "5", "--json"])
    assert json.loads(card.stdout)["items"]["new"] is not None, card.stdout


def test_a_label_that_was_never_seen_is_refused_with_those_there_are() -> None:
    rows = [f"Ann{i} of {i * 7 % 60},{('Norway', 'Japan')[i % 2]}" for i in range(200)]
    Path("n.csv").write_text("\n".join(["name,land", *rows]), encoding="utf-8")
    words = ("n.csv", "--column", "name", "--label", "land")
    done = CliRunner().invoke(cli, ["train", *words, *TINY])
    assert done.exit_code == 0, done.output
    found = CliRunner().invoke(cli, ["sample", "n", "--label", "Norwai"])
    assert found.exit_code == 2
    scored = CliRunner().invoke(cli, ["eval", "n", "n.csv", "--lines"])
    (first, *_) = [row.split("\t")[3:] for row in scored.stdout.splitlines()]
    assert first == ["Norway", "Ann0 of 0"]
    Path("old.txt").write_text("Ann0 of 0\n", encoding="utf-8")
    new = ("--new", "--corpus", "old.txt", "--length", "9", "--seed", "1")
    assert CliRunner().invoke(cli, ["sample", "n", *new]).exit_code == 0
    said = " ".join(found.stderr.split())
    assert "no label 'Norwai'. Did you mean Norway? There are: Japan, Norway" in said


def test_a_run_is_found_by_its_name_beside_the_folder_that_it_learned_from() -> None:
    done = CliRunner().invoke(cli, ["train", "more", *TINY, "--documents", "none"])
    assert done.exit_code == 0, done.output
    found = CliRunner().invoke(cli, ["sample", "more", "--length", "5", "--seed", "1"])
    assert (found.exit_code, len(found.stdout)) == (0, 6)


def test_what_may_be_meant_otherwise_is_said() -> None:
    Path("n.csv").write_text("name,land\n" + "Ann,A\n" * 400, encoding="utf-8")
    assert (
        "n.csv is a table, and is learned as it stands: --column" in planned("n.csv").stdout
    )
    held = planned("more", "a.txt", "--validation", "more/c.md", "--validation", "b.txt")
    assert "1 of the files of --validation are learned from, too" in held.stdout
    Path("more/f.txt").write_text("Où est-il allé ?\n" * 40, encoding="cp1252")
    failed = planned("more", code=1).output
    assert (
        "f.txt is not UTF-8" in failed
        and "--encoding auto finds out that of each" in failed
    )
    auto = planned("more", "--encoding", "auto")
    assert "2 files are read as utf-8 (at least 100% sure)" in auto.stdout
    assert "f.txt is read as cp1252" in auto.stdout


def test_a_pipe_is_read_like_standard_input() -> None:
    read, write = os.pipe()
    os.write(write, (STORY * 30).encode())
    os.close(write)
    try:
        done = planned(f"/dev/fd/{read}", "--validation", "0")
    finally:
        os.close(read)
    assert characters(done) == [len(STORY) * 30, 0]

"""From names to texts, and what a text is for."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chargen.errors import TextError
from chargen.text.encoded import ReadFile
from chargen.text.sources import (
    BUNDLED_CORPORA,
    BUNDLED_DOCUMENTS,
    Input,
    Source,
    bundled_corpora,
    bundled_documents,
    find_corpus,
    find_inputs,
    in_role,
    listing_hash,
    recorded_sources,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- names ------------------------------------------------------------------------------


def test_bundled_corpora() -> None:
    found = bundled_corpora()
    assert [path.stem for path in found] == ["harbour-plays", "minerals", "sishi-jueju"]
    for path in found:
        assert find_corpus(path.stem) == find_corpus(path.name) == path
        assert path.is_file()


def test_a_file_wins_over_a_bundled_corpus(folder: Path) -> None:
    (folder / "minerals.txt").write_text("mine")
    assert find_corpus("minerals.txt") == Path("minerals.txt")
    assert find_corpus("minerals") == BUNDLED_CORPORA / "minerals.txt"
    assert find_corpus(str(folder / "minerals.txt")).read_text() == "mine"


@pytest.mark.parametrize("name", ["novel.txt", "minerals.md", "README", "../corpora"])
def test_an_unknown_corpus_lists_the_bundled_ones(name: str) -> None:
    with pytest.raises(TextError, match="harbour-plays, minerals, sishi-jueju") as caught:
        find_corpus(name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", [".", "", "texts"])
def test_a_folder_is_not_a_corpus(folder: Path, name: str) -> None:
    (folder / "texts").mkdir()
    with pytest.raises(TextError, match="is a folder"):
        find_corpus(name)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stroy.txt", "Story.txt"), ("story.md", "Story.txt"), ("mineral", "minerals")],
)
def test_a_name_that_is_nearly_right_is_suggested(
    folder: Path, typed: str, meant: str
) -> None:
    (folder / "Story.txt").write_text("abc")
    with pytest.raises(TextError, match=f"Did you mean {meant}"):
        find_corpus(typed)


@pytest.mark.parametrize("name", ["xyz", "xyz.txt"])
def test_a_name_that_is_like_nothing_is_not(folder: Path, name: str) -> None:
    (folder / "Story.txt").write_text("abc")
    with pytest.raises(TextError, match=r"sishi-jueju\)\.$"):
        find_corpus(name)


@pytest.mark.parametrize(
    "name", ["n" * 300, "n" * 5000, "a/" * 3000], ids=["a name", "longer", "a path"]
)
def test_a_name_that_is_too_long_for_a_file(name: str) -> None:
    with pytest.raises(TextError, match="there is no file"):
        find_corpus(name)


@pytest.mark.parametrize("name", ["\x1b[2J", "\u202egpj"])
def test_the_terminal_is_not_steered(name: str) -> None:
    with pytest.raises(TextError) as caught:
        find_corpus(name)
    assert name[0] not in str(caught.value)


# --- inputs -----------------------------------------------------------------------------


def written(*names: str, data: bytes = b"abc\n") -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def found_in(name: str, *, glob: str | None = None) -> list[str]:
    """The files of a folder that are taken, by their paths below it."""
    (given,) = find_inputs([name], glob=glob)
    assert given.folder == Path(name)
    return [file.relative_to(name).as_posix() for file in given.files]


def test_files_and_names_stay_in_the_order_given() -> None:
    written("b.txt", "a.txt")
    found = find_inputs(["b.txt", "minerals", "a.txt", "b.txt"])
    assert [each.name for each in found] == ["b.txt", "minerals.txt", "a.txt", "b.txt"]
    assert [each.files for each in found] == [
        (Path("b.txt"),),
        (BUNDLED_CORPORA / "minerals.txt",),
        (Path("a.txt"),),
        (Path("b.txt"),),
    ]
    assert all(each.folder is None and not each.passing for each in found)


def test_a_folder_is_read_folder_by_folder_in_the_order_of_names() -> None:
    names = ["b/z.txt", "b/a/2.txt", "b/a/10.txt", "a.txt", "c.txt", "B.txt", "b.txt"]
    written(*(f"all/{name}" for name in reversed(names)))
    assert found_in("all") == [
        *("B.txt", "a.txt"),
        *("b/a/10.txt", "b/a/2.txt", "b/z.txt"),
        *("b.txt", "c.txt"),
    ]


def test_hidden_files_and_folders_are_left_out() -> None:
    written("all/a.txt", "all/.b.txt", "all/.git/c.txt", "all/d/.e", "all/d/f.txt")
    assert found_in("all") == ["a.txt", "d/f.txt"]
    assert found_in("all", glob="*") == ["a.txt", "d/f.txt"]
    (given,) = find_inputs(["all"])
    assert given.skipped == 0


def test_a_hidden_folder_can_be_named(folder: Path) -> None:
    written(".notes/a.txt")
    assert found_in(".notes") == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
def test_links_to_folders_are_not_followed() -> None:
    written("all/a.txt", "elsewhere/b.txt", "c.txt")
    Path("all/loop").symlink_to(Path("all").resolve())
    Path("all/elsewhere").symlink_to(Path("elsewhere").resolve())
    Path("all/z.txt").symlink_to(Path("c.txt").resolve())
    Path("all/broken.txt").symlink_to("nowhere")
    assert found_in("all") == ["a.txt", "z.txt"]
    Path("link").symlink_to("all")
    assert found_in("link") == ["a.txt", "z.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_file_is_left_out() -> None:
    written("all/a.txt")
    os.mkfifo("all/pipe")
    assert found_in("all") == ["a.txt"]


def test_files_that_are_no_texts_are_skipped_and_counted() -> None:
    written("all/a.txt", "all/README", "all/page.html", "all/b.txt.gz")
    written("all/picture.png", "all/archive", data=b"PK\x03\x04\0\0\0")
    written("all/x/program", data=b"\x7fELF" + b"\0" * 99)
    Path("all/b.txt.gz").write_bytes(gzip.compress(b"abc"))
    (given,) = find_inputs(["all"])
    assert [path.name for path in given.files] == [
        "README",
        "a.txt",
        "b.txt.gz",
        "page.html",
    ]
    assert given.skipped == 3


@pytest.mark.parametrize("sign", ["run.json", "checkpoint.json"])
def test_runs_among_the_files_are_left_out(sign: str) -> None:
    written("all/a.txt", f"all/checkpoints/a/{sign}", "all/checkpoints/a/log.txt")
    assert found_in("all") == ["a.txt"]
    assert found_in("all", glob="*") == ["a.txt"]


def test_a_file_that_cannot_be_looked_at_is_taken_for_a_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that reading it says what is wrong."""

    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    written("all/a.txt")
    monkeypatch.setattr("chargen.text.formats.registry.is_text_like", closed)
    assert found_in("all") == ["a.txt"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.txt", ["a.txt", "d/b.txt", "d/e/c.txt"]),
        ("*", ["a.txt", "d/b.md", "d/b.txt", "d/e/c.txt", "picture.png"]),
        ("d/*", ["d/b.md", "d/b.txt"]),
        ("e/*.txt", ["d/e/c.txt"]),
        ("[ab].txt", ["a.txt", "d/b.txt"]),
        ("*.png", ["picture.png"]),
    ],
)
def test_which_files_of_a_folder_are_taken_can_be_said(
    glob: str, expected: list[str]
) -> None:
    written("all/a.txt", "all/d/b.txt", "all/d/b.md", "all/d/e/c.txt", "all/picture.png")
    assert found_in("all", glob=glob) == expected
    (given,) = find_inputs(["all"], glob=glob)
    assert given.skipped == 0


def test_a_pattern_chooses_among_the_files_of_folders_alone() -> None:
    written("a.txt", "all/b.md", "all/c.txt")
    found = find_inputs(["a.txt", "all"], glob="*.md")
    assert [len(each.files) for each in found] == [1, 1]


@pytest.mark.parametrize("glob", ["", "."])
def test_a_pattern_that_can_match_nothing_is_refused(glob: str) -> None:
    written("all/a.txt")
    with pytest.raises(TextError, match="`glob`"):
        find_inputs(["all"], glob=glob)


def test_a_folder_without_a_text_is_named() -> None:
    Path("empty/deep").mkdir(parents=True)
    written("pictures/a.png", data=b"\x89PNG")
    for name in ("empty", "pictures"):
        with pytest.raises(TextError, match=f"the folder {name} holds no text"):
            find_inputs([name])
    with pytest.raises(TextError, match=r"holds no file that matches '\*\.md'"):
        find_inputs(["pictures"], glob="*.md")


def test_a_folder_that_cannot_be_looked_into_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written("all/a.txt", "all/closed/b.txt")
    opened = Path.iterdir

    def iterdir(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(TextError, match=r"cannot look into .*closed: Permission denied"):
        find_inputs(["all"])


@pytest.mark.parametrize("name", ["-v.txt", "--help", "-"])
def test_a_file_may_be_called_like_an_option(name: str) -> None:
    written(name)
    (given,) = find_inputs([f"./{name}"])
    assert (given.name, given.passing) == (name, False)
    assert given.files[0].read_bytes() == b"abc\n"


def test_a_folder_is_called_by_its_name(folder: Path) -> None:
    written("all/a.txt")
    for name in ("all", "all/", "./all", "all/../all", str(folder / "all")):
        (given,) = find_inputs([name])
        assert (given.name, given.stem) == ("all", "all")
    os.chdir("all")
    (given,) = find_inputs(["."])
    assert given.name == "all"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("novel.txt", "novel"),
        ("novel.txt.gz", "novel"),
        ("novel.TXT.GZ", "novel"),
        ("novel.gz", "novel"),
        ("names.csv.zst", "names"),
        ("war.and.peace.txt", "war.and.peace"),
        ("README", "README"),
        (".hidden", ".hidden"),
        (".gz", ".gz"),
    ],
)
def test_what_a_run_is_called(name: str, stem: str) -> None:
    assert Input(name, (Path(name),)).stem == stem


def test_standard_input_is_read_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"caf\xe9\r\n\0\xff" * 9
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (given,) = find_inputs(["-"])
    assert (given.name, given.stem, given.folder) == ("stdin", "stdin", None)
    assert given.passing
    assert given.files[0].read_bytes() == data
    assert given.files[0].name == "standard input"  # what messages call it


def test_the_copy_of_standard_input_is_removed(folder: Path) -> None:
    code = (
        "from chargen.text.sources import find_inputs\n"
        "print(find_inputs(['-'])[0].files[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"abc", capture_output=True, check=True
    )
    copy = Path(done.stdout.decode().strip())
    assert copy.is_absolute()
    assert not copy.exists()
    assert not copy.parent.exists()


# --- what is recorded -------------------------------------------------------------------


def read_as(data: bytes) -> ReadFile:
    return ReadFile("", "utf-8", None, len(data), 0, hashlib.sha256(data).hexdigest())


def test_the_source_of_a_file_is_its_hash() -> None:
    written("a.txt")
    (given,) = find_inputs(["a.txt"])
    found = given.source("test", [read_as(b"abc\n")])
    sha256 = hashlib.sha256(b"abc\n").hexdigest()
    assert found == Source("test", "a.txt", 4, sha256, None)


def test_the_source_of_a_folder_is_the_hash_of_a_listing() -> None:
    contents = {"B.txt": b"one", "a/b c.txt": b"two", "z.txt": b"", "é.txt": b"three"}
    for name, data in contents.items():
        written(f"all/{name}", data=data)
    (given,) = find_inputs(["all"])
    found = given.source("train", [read_as(data) for data in contents.values()])
    assert (found.name, found.size, found.files) == ("all", 11, 4)
    lines = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in contents.items()
    )
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    if shutil.which("sha256sum"):
        listed = subprocess.run(
            ["sha256sum", *contents], cwd="all", capture_output=True, check=True
        )
        assert listed.stdout.decode() == lines


def test_a_listing_tells_names_order_and_contents_apart() -> None:
    pairs = [("a", "0" * 64), ("b", "1" * 64)]
    others = [
        pairs[::-1],
        pairs[:1],
        [("a", "1" * 64), ("b", "0" * 64)],
        [("a", "0" * 64), ("c", "1" * 64)],
    ]
    assert len({listing_hash(each) for each in (pairs, *others)}) == 5
    assert listing_hash([("\udcff", "0" * 64)]) != listing_hash([("\udcfe", "0" * 64)])


def test_bundled_texts_carry_their_kind(folder: Path) -> None:
    for path in bundled_corpora():
        assert bundled_documents(find_inputs([path.stem])) == BUNDLED_DOCUMENTS[path.stem]
    assert bundled_documents(find_inputs(["minerals", "minerals"])) is None
    assert bundled_documents(find_inputs([str(BUNDLED_CORPORA)])) is None
    written("minerals.txt")
    assert bundled_documents(find_inputs(["minerals.txt"])) is None


# --- roles ------------------------------------------------------------------------------


def source(role: str, name: str) -> Source:
    return Source(role, name, 3, "0" * 64)


ENTRIES = [source("train", name).to_dict(1) for name in ("a.txt", "b.txt", "c.txt")]


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        ({}, ["train"]),
        ({"validation": 0.1, "test": 0.2}, ["train"]),
        ({"validation": "b.txt"}, ["train", "validation"]),
        ({"validation": 0.1, "test": "b.txt"}, ["train", "test"]),
        ({"test": "c.txt", "validation": "b.txt"}, ["train", "validation", "test"]),
    ],
)
def test_recorded_sources_have_their_roles_by_place(
    settings: dict[str, object], roles: list[str]
) -> None:
    entries = ENTRIES[: len(roles)]
    found = recorded_sources(entries, settings)
    assert [item.role for item in found] == roles
    assert [item.to_dict(1) for item in found] == entries


def test_more_sources_than_there_should_be_are_not_lost() -> None:
    found = recorded_sources(ENTRIES, {"validation": 0.1})
    assert [item.role for item in found] == ["train"] * 3
    assert [item.to_dict(1) for item in found] == ENTRIES


def test_what_is_recorded_of_a_source_may_be_missing() -> None:
    assert recorded_sources([{}], {}) == (Source("train", "", 0, ""),)


def test_the_sources_in_a_role() -> None:
    sources = [source("train", "a"), source("test", "b"), source("test", "c")]
    assert in_role(sources, "train") == sources[:1]
    assert in_role(sources, "test") == sources[1:]
    assert in_role(sources, "validation") == []


def test_format_2_records_roles_and_folders() -> None:
    sources = (source("test", "a"), replace(source("train", "b"), files=7))
    entries = [item.to_dict() for item in sources]
    assert entries[1] == {
        "role": "train",
        "name": "b",
        "bytes": 3,
        "sha256": "0" * 64,
        "files": 7,
    }
    assert recorded_sources(entries, {"validation": "a"}) == sources

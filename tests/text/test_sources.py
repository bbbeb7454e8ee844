"""From names to texts, and what a text is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargen.errors import TextError
from chargen.text.reading import read_text
from chargen.text.sources import (
    BUNDLED_CORPORA,
    Source,
    bundled_corpora,
    find_corpus,
    in_role,
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


# --- roles ------------------------------------------------------------------------------


def source(role: str, name: str) -> Source:
    return Source(role, name, 3, "0" * 64)


ENTRIES = [source("train", name).to_dict() for name in ("a.txt", "b.txt", "c.txt")]


def test_a_text_as_a_source(folder: Path) -> None:
    (folder / "a.txt").write_bytes("é\r\n".encode())
    found = Source.of(read_text(Path("a.txt")), "test")
    assert (found.role, found.name, found.size) == ("test", "a.txt", 4)
    assert found.to_dict() == {"name": "a.txt", "bytes": 4, "sha256": found.sha256}


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
    assert [item.to_dict() for item in found] == entries


def test_more_sources_than_there_should_be_are_not_lost() -> None:
    found = recorded_sources(ENTRIES, {"validation": 0.1})
    assert [item.role for item in found] == ["train"] * 3
    assert [item.to_dict() for item in found] == ENTRIES


def test_what_is_recorded_of_a_source_may_be_missing() -> None:
    assert recorded_sources([{}], {}) == (Source("train", "", 0, ""),)


def test_the_first_source_in_a_role() -> None:
    sources = [source("train", "a"), source("test", "b"), source("test", "c")]
    assert in_role(sources, "train") == sources[0]
    assert in_role(sources, "test") == sources[1]
    assert in_role(sources, "validation") is None

"""The texts that a model is said to copy from, read as its corpus was."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from helpers import tiny_checkpoint
from item_models import item_checkpoint

from chargen.cli.known import corpus_blocks
from chargen.errors import TextError
from chargen.text.policy import TextPolicy
from chargen.text.sources import BUNDLED_CORPORA

RUNNING = tiny_checkpoint()
COLUMN = item_checkpoint(documents="column", training={"column": "name"})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text, encoding="utf-8"):
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode(encoding))


def texts(found, *names):
    return ["".join(blocks) for blocks in corpus_blocks(found, names)]


def test_each_file_is_a_text():
    write("a.txt", "one\n")
    write("texts/b.txt", "two")
    write("texts/c.txt", "three")
    assert texts(RUNNING, "a.txt", "texts") == ["one\n", "two", "three"]


def test_a_bundled_text_has_a_name():
    shipped = (BUNDLED_CORPORA / "minerals.txt").read_text(encoding="utf-8")
    assert texts(RUNNING, "minerals") == [shipped]


def test_a_long_text_comes_in_blocks():
    write("a.txt", "abcdefg\n" * 100_000)
    ((*blocks,),) = corpus_blocks(RUNNING, ["a.txt"])
    assert max(map(len, blocks)) < 100_000
    assert "".join(blocks) == "abcdefg\n" * 100_000


def test_texts_are_prepared_as_the_corpus_was():
    policy = TextPolicy("cp1252", newlines="any", normalize="nfkc", lowercase=True)
    write("a.txt", "É ½\r\nA\rB", "cp1252")
    assert texts(tiny_checkpoint(text=policy), "a.txt") == ["é 1⁄2\na\nb"]
    write("a.txt", "É ½\r\nA\rB")
    assert texts(RUNNING, "a.txt") == ["É ½\nA\rB"]


def test_a_text_for_a_backward_model_comes_in_reading_order():
    write("a.txt", "abc")
    assert texts(tiny_checkpoint(text=TextPolicy(direction="backward")), "a.txt") == ["abc"]


def test_documents_are_opened():
    Path("a.html.gz").write_bytes(gzip.compress(b"<p>Call me <b>Ishmael</b>.</p>"))
    assert texts(RUNNING, "a.html.gz") == ["Call me Ishmael.\n"]


@pytest.mark.parametrize("documents", ["lines", "blank-lines", "files"])
def test_a_file_of_items_is_one_text(documents):
    write("a.txt", "ab\n\nc\n")
    assert texts(item_checkpoint(documents=documents), "a.txt") == ["ab\n\nc\n"]


@pytest.mark.parametrize("label", [False, True])
def test_the_items_of_a_column_are_texts_without_labels(label):
    training = {"column": "name"} | ({"label": "kind"} if label else {})
    found = item_checkpoint(documents="column", label=label, training=training)
    write("a.csv", 'kind,name\nx,ab\ny,\nx,"c\nd"\n')
    write("b.txt", "ef\n\ng\n")  # a plain list beside the table
    assert texts(found, "a.csv", "b.txt") == ["ab", "c\nd", "ef", "g"]


def test_empty_files_are_left_out():
    write("a.txt", "")
    write("b.txt", "b")
    assert texts(RUNNING, "a.txt", "b.txt", "a.txt") == ["b"]


@pytest.mark.parametrize(("found", "table"), [(RUNNING, ""), (COLUMN, "name\n")])
def test_nothing_at_all_is_an_error(found, table):
    write("a.txt", "")
    write("b.csv", table)
    with pytest.raises(TextError, match=r"there is no text in a.txt, b.csv"):
        texts(found, "a.txt", "b.csv")


def test_a_file_that_is_missing_is_an_error():
    with pytest.raises(TextError, match=r"no-such.txt"):
        texts(RUNNING, "no-such.txt")

"""A look at a text before training."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text import inspect as module
from chargen.text.corpus import vocabulary_of
from chargen.text.counts import floor
from chargen.text.documents import split_items
from chargen.text.encoded import encode_text
from chargen.text.inspect import inspect
from chargen.text.parts import Plain
from chargen.text.sources import BUNDLED_CORPORA
from chargen.text.vocabulary import Folding, Vocabulary

property_of = settings(max_examples=40, deadline=None, derandomize=True)
PLAYS = (BUNDLED_CORPORA / "harbour-plays.txt").read_text("utf-8")
MINERALS = (BUNDLED_CORPORA / "minerals.txt").read_text("utf-8")

wild = st.text(st.sampled_from("ab é\u0301\r\n\n\t春"), max_size=60)


def items(text: str, documents: str) -> list[str]:
    named = {"column": None, "label": None, "group_by": None}
    return [item.text for item in split_items([text], documents, name="a.txt", **named)]


@property_of
@given(wild, st.integers(1, 9))
def test_it_is_what_a_plain_look_says_whatever_the_pieces(text, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        found = inspect([text])
    unix = re.sub("\r\n?", "\n", text)
    lines = items(unix, "lines")
    assert found.lines == len(lines)
    assert found.paragraphs == len(items(unix, "blank-lines"))
    if "\u0301" not in text:  # which may be joined to what is in another piece
        assert found.characters == len(unix)
        assert found.distinct == len(set(unix))
        assert found.longest_line == max(map(len, unix.split("\n")))
        counts = Counter(unix)
        assert found.rare_characters == sum(c for c in counts.values() if c < 10)
        assert found.rare == sum(c < 10 for c in counts.values())


@property_of
@given(st.lists(wild, max_size=5))
def test_where_blocks_are_cut_makes_no_difference(blocks):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", 7)
        assert inspect(blocks) == inspect(["".join(blocks)])


@property_of
@given(wild)
def test_repeated_lines(text):
    found = inspect([text])
    lines = items(module.PREPARED.prepare(text), "lines")
    assert found.compared_lines == len(lines)
    assert found.repeated_lines == len(lines) - len(set(lines))


def test_lines_longer_than_a_piece(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 10)
    found = inspect(["short\n", "long" * 20, "\nshort\n", "x" * 100])
    assert (found.lines, found.longest_line, found.paragraphs) == (4, 100, 1)
    assert (found.compared_lines, found.repeated_lines) == (2, 1)
    blank = inspect([" " * 30, "\na\n"])
    assert (blank.lines, blank.longest_line, blank.paragraphs) == (1, 30, 1)
    late = inspect([" " * 30, "x\n"])
    assert (late.lines, late.longest_line, late.compared_lines) == (1, 31, 0)


def test_only_the_first_lines_are_compared(monkeypatch):
    monkeypatch.setattr(module, "COMPARED", 4)
    found = inspect(["a\nb\na\n\nc\na\na\n"])
    assert (found.lines, found.compared_lines, found.repeated_lines) == (6, 4, 1)


def test_coverage():
    found = inspect(["a" * 980 + "b" * 15 + "c" * 4 + "d"])
    assert found.coverage == {0.99: 2, 0.999: 3, 1.0: 4}
    assert (found.rare, found.rare_characters) == (2, 5)


def test_the_characters_that_are_kept_are_those_that_a_training_keeps():
    common = "".join(chr(0x4E00 + i) for i in range(1100)) * 20
    rare = "".join(chr(0x3400 + i) for i in range(15))
    for text in (
        common + rare,
        common + rare * 2,
        common[:5000] + rare,
        common + "㐀" * 30,
    ):
        encoded = encode_text(text)
        vocabulary = vocabulary_of([encoded], folding=Folding())
        assert inspect([text]).kept == len(vocabulary.characters), len(text)


def test_of_running_text_the_last_tenth_is_scored():
    ids = Vocabulary.from_text(PLAYS).encode(PLAYS)
    cut = len(ids) - len(ids) // 10
    train, scored = Plain(ids[:cut]), Plain(ids[cut:])
    expected = floor(train, scored, ids.max() + 1, context=train)
    found = inspect([PLAYS])
    assert not found.is_list
    assert found.counted_loss == expected


def test_of_a_list_every_tenth_line_is_scored():
    lines = MINERALS.splitlines(keepends=True)
    held_out = "".join(lines[9::10])
    del lines[9::10]
    vocabulary = Vocabulary.from_text(MINERALS)
    train, scored = (Plain(vocabulary.encode(text)) for text in ("".join(lines), held_out))
    expected = floor(train, scored, len(vocabulary))
    found = inspect([MINERALS])
    assert found.is_list
    assert found.counted_loss == expected


def test_a_long_text_is_scored_by_its_end(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(module, "TAIL", 30_000)
    assert inspect([PLAYS]).counted_loss == inspect([PLAYS[-30_000:]]).counted_loss


def test_only_the_beginning_tells_whether_it_is_a_list(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(module, "HEAD", 3_000)
    assert inspect([MINERALS, "\n", PLAYS]).is_list
    assert not inspect([PLAYS, "\n", MINERALS]).is_list


@pytest.mark.parametrize("text", ["", "\n \n", "a", "aaaa\n" * 3, "x" * 999])
def test_little_has_no_loss_and_is_small(text):
    found = inspect([text])
    assert found.counted_loss is None
    assert found.small
    assert found.characters == len(text)


def test_less_is_enough_for_a_list():
    names = MINERALS[:5000].rsplit("\n", 1)[0]
    found = inspect([names])
    assert found.is_list and not found.small
    assert inspect([PLAYS[:19_999]]).small and not inspect([PLAYS[:20_000]]).small


def test_it_can_be_written_as_json():
    found = inspect(["“a” 'b'\r\nb\n" * 30])
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["characters"] == found.characters
    assert list(said["coverage"]) == ["0.99", "0.999", "1"]
    assert said["small"] is True
    assert {finding["kind"] for finding in said["findings"]} == {"newlines"}

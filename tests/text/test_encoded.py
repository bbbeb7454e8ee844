"""A text as codes: what goes in comes out, however it came and wherever it is kept."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chargen.text import encoded as module
from chargen.text.documents import item_hash
from chargen.text.encoded import END, FIRST, Encoder, encode_text, read_at

property_of = settings(max_examples=60, deadline=None, derandomize=True)
texts = st.text(max_size=300)


@pytest.fixture(params=["in memory", "on disk"])
def anywhere(request, monkeypatch):
    """Keep codes in memory, or spill them to a file from the second block on."""
    if request.param == "on disk":
        monkeypatch.setattr(module, "IN_MEMORY", 0)
        monkeypatch.setattr(module, "SCANNED", 7)
    return request.param


@contextlib.contextmanager
def encoded(*blocks, items=()):
    """Encode blocks or (item, group) pairs; the file is closed in the end."""
    encoder = Encoder()
    for block in blocks:
        encoder.add(block)
    for item, group in items:
        encoder.add_item(item, group)
    found = encoder.finish([])
    try:
        yield found
    finally:
        if found.on_disk:
            found.codes.close()


def different(count):
    """So many different characters, with none of ASCII."""
    return "".join(map(chr, range(0x10000, 0x10000 + count)))


def same(one, other):
    assert one.characters == other.characters
    assert one.dtype == other.dtype
    assert one.counts.tolist() == other.counts.tolist()
    assert one.read(0, len(one)).tolist() == other.read(0, len(other)).tolist()
    assert one.starts.tolist() == other.starts.tolist()
    assert one.hashes.tolist() == other.hashes.tolist()


@property_of
@given(texts)
@example("")
@example("a\0\x7f\x80\xffé中😀\U0010ffff\ud7ff\ue000\u0301\u200d\ufeff")
def test_a_text_comes_out_as_it_went_in(text):
    found = encode_text(text)
    assert len(found) == len(text)
    assert found.text(0, len(text)) == text
    middle = len(text) // 2
    assert found.text(0, middle) + found.text(middle, len(text)) == text


def test_codes_below_128_are_those_of_ascii():
    ascii_ones = "".join(map(chr, range(128)))
    found = encode_text("é" + ascii_ones)
    assert found.read(1, 129).tolist() == list(range(128))
    assert found.dtype == np.uint8


def test_other_characters_have_codes_in_the_order_of_their_first_occurrence():
    found = encode_text("a中éa中😀é")
    assert found.characters == "中é😀"
    assert found.read(0, 7).tolist() == [97, 129, 130, 97, 129, 131, 130]
    assert found.code_points[FIRST:].tolist() == [ord(c) for c in "中é😀"]


@property_of
@given(texts, st.lists(st.integers(0, 300)))
def test_where_blocks_are_cut_makes_no_difference(text, cuts):
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    blocks = [text[a:b] for a, b in itertools.pairwise(places)]
    with encoded(*blocks) as one, encoded(text) as other:
        same(one, other)


@pytest.mark.parametrize(
    ("count", "dtype"),
    [(127, "uint8"), (128, "uint16"), (2**16 - 129, "uint16"), (2**16 - 128, "uint32")],
)
def test_codes_are_of_the_smallest_type_that_holds_them(anywhere, count, dtype):
    text = different(count)
    blocks = [text[i : i + 20_000] for i in range(0, len(text), 20_000)]
    blocks[0] = "before it widens " + blocks[0]
    with encoded(*blocks) as found:
        assert found.dtype == dtype
        assert found.on_disk is (anywhere == "on disk")
        assert found.text(0, len(found)) == "".join(blocks)


def test_codes_that_are_widened_twice_are_kept(anywhere):
    blocks = ["abc" * 9, different(200), "xyz", different(2**16), "\nend"]
    with encoded(*blocks) as found:
        assert found.dtype == np.uint32
        assert found.text(0, len(found)) == "".join(blocks)
        assert found.text(20, 40) == "".join(blocks)[20:40]


def test_where_codes_are_kept_makes_no_difference(monkeypatch):
    blocks = ["one é ", different(300), " two\n" * 30]
    with encoded(*blocks) as one:
        monkeypatch.setattr(module, "IN_MEMORY", 100)
        with encoded(*blocks) as other:
            assert (one.on_disk, other.on_disk) == (False, True)
            same(one, other)


def test_codes_go_to_the_file_that_is_opened_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 3)
    path = tmp_path / "codes"
    encoder = Encoder(lambda: path.open("x+b"))
    encoder.add("abc")
    assert not path.exists()
    encoder.add("def")
    found = encoder.finish([])
    assert path.read_bytes() == b"abcdef"
    found.codes.close()


def test_a_file_that_ends_too_early_is_noticed(tmp_path):
    path = tmp_path / "codes"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        assert read_at(file, 1, 2) == b"bc"
        with pytest.raises(OSError, match="end after 3 bytes"):
            read_at(file, 1, 3)


@property_of
@given(texts)
def test_counts(text):
    found = encode_text(text)
    points = found.code_points.tolist()
    counted = {chr(points[i]): n for i, n in enumerate(found.counts.tolist()) if n}
    assert counted == Counter(text)


def test_counts_of_a_stretch(anywhere):
    text = "ab中" * 40
    with encoded(text) as found:
        counts = found.count(31, 95)
    found = [counts[ord("a")], counts[ord("b")], counts[FIRST]]
    assert found == [text[31:95].count(c) for c in "ab中"]
    assert counts.sum() == 64


def test_blocks_are_the_codes(monkeypatch):
    monkeypatch.setattr(module, "SCANNED", 7)
    found = encode_text("abcdefghijklmnopqrstuvwxyz")
    assert [len(block) for block in found.blocks(2, 20)] == [7, 7, 4]
    assert bytes(np.concatenate([*found.blocks()])) == b"abcdefghijklmnopqrstuvwxyz"


# Items


ITEMS = [("one", "g"), ("中文", "中文"), ("two\nlines", "g"), ("x", "x")]


def test_each_item_is_ended_by_a_mark(anywhere):
    with encoded(items=ITEMS) as found:
        assert found.starts.tolist() == [0, 4, 7, 17, 19]
        codes = found.read(0, 19)
        assert np.flatnonzero(codes == END).tolist() == [3, 6, 16, 18]
        assert found.counts[END] == 4
        assert len(found) == 19


def test_no_end_mark_is_printed():
    with encoded(items=ITEMS) as found:
        assert found.text(0, 19) == "one中文two\nlinesx"
        assert found.text(3, 4) == ""


def test_the_group_decides_on_the_hash():
    with encoded(items=ITEMS) as found:
        assert found.hashes.tolist() == [item_hash(group) for _, group in ITEMS]
        assert found.hashes.dtype == np.uint64


def test_a_running_text_has_no_items():
    found = encode_text("abc")
    assert (len(found.starts), len(found.hashes)) == (0, 0)
    assert found.counts[END] == 0


def test_no_items_are_no_text():
    with encoded(items=[]) as found:
        assert len(found) == len(found.starts) == len(found.hashes) == 0


def test_items_that_wait_for_their_codes_are_not_lost(monkeypatch):
    items = [(f"item {n}", str(n)) for n in range(50)]
    with encoded(items=items) as one:
        monkeypatch.setattr(module, "SCANNED", 20)
        with encoded(items=items) as other:
            same(one, other)


@property_of
@given(st.lists(st.tuples(st.text("ab中", min_size=1, max_size=9), st.integers(0, 2))))
def test_counts_by_part(items):
    chosen = np.array([part for _, part in items], np.uint8)
    with encoded(items=[(text, text) for text, _ in items]) as found:
        if not items:
            return
        counts = found.count_by_part(chosen)
        code_of = {"a": 97, "b": 98, **dict.fromkeys(found.characters, FIRST)}
        for part in range(3):
            mine = "".join(text for text, p in items if p == part)
            for c, code in code_of.items():
                assert counts[part, code] == mine.count(c)
            assert counts[part, END] == int((chosen == part).sum())
        assert counts.sum(axis=0).tolist() == found.counts.tolist()


def test_counts_by_part_do_not_depend_on_blocks(monkeypatch):
    items = [(f"item {n} é", str(n)) for n in range(50)]
    chosen = (np.arange(50) % 3).astype(np.uint8)
    with encoded(items=items) as found:
        whole = found.count_by_part(chosen)
        monkeypatch.setattr(module, "SCANNED", 13)
        assert found.count_by_part(chosen).tolist() == whole.tolist()


@pytest.mark.parametrize("surrogate", ["\ud800", "\udc80", "\udfff"])
def test_a_surrogate_is_no_character(surrogate):
    with pytest.raises(UnicodeError):
        encode_text(f"a{surrogate}b")

"""Items: cut from files that come in any pieces, and divided into parts by their hashes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text import documents
from chargen.text.documents import Item, item_hash, parts_of, split_items
from chargen.text.policy import SEPARATORS, TextPolicy

TRICKY = st.text(st.sampled_from('ab "\n\t ,;\r\x00\ufeff\u2028诗é😀'), max_size=60)
VALUES = st.text(st.sampled_from('ab "\n\t ,;诗é😀'), max_size=12)


def items(blocks, mode="lines", *, name="poems.txt", **options):
    """Return (the items, how many rows had none)."""
    blocks = [blocks] if isinstance(blocks, str) else blocks
    options = {"column": None, "label": None, "group_by": None, **options}
    found = []
    generator = split_items(iter(blocks), mode, name=name, **options)
    while True:
        try:
            found.append(next(generator))
        except StopIteration as stop:
            return found, stop.value


def texts(blocks, mode="lines", **options):
    return [item.text for item in items(blocks, mode, **options)[0]]


def column(blocks, name="poems.csv", **options):
    return items(blocks, "column", name=name, **{"column": "poem", **options})


def failure(blocks, **options):
    with pytest.raises(TextError) as caught:
        column(blocks, **options)
    return str(caught.value)


def cut(text, places):
    """Cut a text at places, of which some may be equal or beyond its end."""
    places = [0, *sorted(places), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


# Lines, blank lines, files.


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("lines", "", []),
        ("lines", "\n \n\t\n", []),
        ("lines", "one", ["one"]),
        ("lines", "one\n\n  two \nthree\n", ["one", "  two ", "three"]),
        ("lines", "a\u2028b\x0bc\x85d\n", ["a\u2028b\x0bc\x85d"]),  # one line each
        ("lines", "kept\r\n\r\n", ["kept\r"]),
        ("blank-lines", "", []),
        ("blank-lines", "\n\n \n", []),
        ("blank-lines", "one", ["one"]),
        ("blank-lines", "\n\none\n two\n\n \n\nthree\n", ["one\n two", "three"]),
        ("blank-lines", "one\r\ntwo\r\n\r\nthree\r\n", ["one\r\ntwo", "three"]),
        ("files", "", []),
        ("files", "\n \n", []),
        ("files", "\n\none\n\ntwo \n\n", ["one\n\ntwo "]),
    ],
)
def test_an_item_is_what_its_mode_says(mode, text, expected):
    assert texts(text, mode) == expected


@given(TRICKY, st.lists(st.integers(0, 60), max_size=6))
@pytest.mark.parametrize("mode", ["lines", "blank-lines", "files"])
def test_where_the_blocks_are_cut_makes_no_difference(mode, text, places):
    assert texts(cut(text, places), mode) == texts(text, mode)


@given(TRICKY)
@pytest.mark.parametrize("mode", ["lines", "blank-lines", "files"])
def test_no_item_is_blank(mode, text):
    assert all(item.strip() for item in texts(text, mode))


@given(st.lists(st.text("ab ,诗", min_size=1).filter(str.strip), max_size=8))
@pytest.mark.parametrize("mode", ["lines", "blank-lines"])
def test_items_with_their_separator_are_the_text(mode, lines):
    assert texts(SEPARATORS[mode].join(lines), mode) == lines


def test_an_item_without_a_label_decides_on_its_part_itself():
    assert items("one\ntwo") == ([Item("one", "", "one"), Item("two", "", "two")], 0)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("lines", {}),
        ("blank-lines", {}),
        ("files", {}),
        ("column", {"name": "a.csv", "column": "poem"}),
        ("column", {"name": "a.jsonl", "column": "poem"}),
    ],
)
def test_memory_is_bounded_by_the_largest_item(mode, options, monkeypatch):
    """A file is given up once more of it was read than an item may have."""
    monkeypatch.setattr(documents, "MAX_ITEM", 10_000)
    taken = []

    def endless():
        yield "poem\n" * options.get("name", "").endswith("csv") + '{"poem": "'
        for block in range(1_000):
            taken.append(block)
            yield "a" * 100

    with pytest.raises(TextError, match="10,000 characters"):
        items(endless(), mode, **options)
    assert len(taken) < 110


def test_lines_are_yielded_as_they_are_read():
    def blocks():
        yield "one\ntw"
        raise OSError

    generator = split_items(
        blocks(), "lines", name="a", column=None, label=None, group_by=None
    )
    assert next(generator).text == "one"


# Columns.


@given(
    st.lists(st.tuples(VALUES, VALUES), max_size=6),
    st.lists(st.integers(0, 99), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".CSV.gz", ",")]),
)
def test_a_table_is_read_as_it_was_written(rows, places, newline, kind):
    suffix, delimiter = kind
    written = io.StringIO(newline="")
    writer = csv.writer(
        written,
        delimiter=delimiter,
        lineterminator=newline,
        # Before old Mac line ends, the module leaves some fields without their quotes.
        quoting=csv.QUOTE_ALL if newline == "\r" else csv.QUOTE_MINIMAL,
    )
    writer.writerows([("title", "poem"), *rows])
    blocks = cut(written.getvalue(), places)
    found, skipped = column(blocks, f"poems{suffix}", label="title")
    kept = [(title, poem.strip("\n")) for title, poem in rows if poem.strip()]
    assert [item.text for item in found] == [poem for _, poem in kept]
    assert [item.label for item in found] == [
        title.replace("\t", " ").replace("\n", " ").strip() for title, _ in kept
    ]
    assert skipped == len(rows) - len(kept)


@given(
    st.lists(st.tuples(VALUES, VALUES), max_size=6),
    st.lists(st.integers(0, 99), max_size=6),
    st.booleans(),
)
def test_json_lines_are_read_as_they_were_written(rows, places, escaped):
    lines = (
        json.dumps({"title": title, "poem": poem}, ensure_ascii=escaped)
        for title, poem in rows
    )
    found, skipped = column(cut("\n".join(lines), places), "poems.jsonl")
    kept = [poem.strip("\n") for _, poem in rows if poem.strip()]
    assert [item.text for item in found] == kept
    assert skipped == len(rows) - len(kept)


def test_quoted_newlines_and_quotes_belong_to_a_field():
    text = 'title,poem\nA,"one ""1""\r\ntwo\r\n"\r\nB,three\r\n'
    assert column(text)[0] == [
        Item('one "1"\ntwo', "", 'one "1"\ntwo'),
        Item("three", "", "three"),
    ]


def test_a_byte_order_mark_and_spaces_are_no_part_of_a_column_s_name():
    assert texts("\ufeffpoem , title\nx,y\n", "column", name="a.csv", column="poem") == [
        "x"
    ]
    line = '\ufeff{"poem": "x"}'
    assert texts(line, "column", name="a.jsonl", column="poem") == ["x"]


def test_a_field_may_hold_nul_characters_and_be_huge():
    usual = csv.field_size_limit()
    huge = "诗\0" * 200_000
    assert [item.text for item in column(f"poem\n{huge}\n")[0]] == [huge]
    assert csv.field_size_limit() == usual


def test_the_field_limit_of_the_process_is_never_left_changed(monkeypatch):
    usual = csv.field_size_limit()
    monkeypatch.setattr(documents, "MAX_ITEM", 50)
    generator = split_items(
        ["poem\none\ntwo\n", "a" * 40 + "\n" + "a" * 51],
        "column",
        name="a.csv",
        column="poem",
        label=None,
        group_by=None,
    )
    next(generator)
    assert csv.field_size_limit() == usual  # while the caller has an item
    with pytest.raises(TextError):
        list(generator)
    assert csv.field_size_limit() == usual


def test_numbers_are_read_as_they_are_written():
    lines = ['{"poem": 1.50}', '{"poem": 12345678901234567890123}', '{"poem": true}']
    assert [i.text for i in column("\n".join(lines), "a.ndjson")[0]] == [
        "1.50",
        "12345678901234567890123",
        "true",
    ]
    digits = "7" * 5_000  # more than Python turns into an int
    assert texts(f'{{"poem": {digits}}}', "column", name="a.jsonl", column="poem") == [
        digits
    ]


def test_rows_without_an_item_are_counted():
    lines = ['{"poem": "x"}', '{"poem": null}', '{"title": "y"}', '{"poem": NaN}', ""]
    assert column("\n".join([*lines, '{"poem": " "}']), "a.jsonl") == (
        [Item("x", "", "x")],
        4,
    )
    assert column("title,poem\na,\nb\n\nc,x\n") == ([Item("x", "", "x")], 2)


def test_a_table_without_rows_has_no_items():
    assert column("") == ([], 0)
    assert column("title,poem\n") == ([], 0)
    assert column("", "a.jsonl") == ([], 0)


def test_a_group_is_the_group_s_column_or_else_the_label_and_the_item():
    rows = "title,poem,poet\nA,x,Li\nA,y,\n,z,Du\n,z,\n"
    assert column(rows, label="title", group_by="poet")[0] == [
        Item("x", "A", "Li"),
        Item("y", "A", "A\ty"),
        Item("z", "", "Du"),
        Item("z", "", "\tz"),
    ]


def test_values_are_prepared_and_the_table_around_them_is_not():
    """A full-width quote or comma that became ASCII's would change the table."""
    prepare = TextPolicy(normalize="nfkc", lowercase=True).prepare
    rows = "Title,Poem\nÉ，＂,“Ｘ，＂\n"
    found, _ = column(rows, column="Poem", label="Title", prepare=prepare)
    assert found == [Item('“x,"', 'é,"', 'é,"\t“x,"')]
    line = r'{"Poem": "E\u0301\r\nX"}'  # escapes hide from whoever prepares the file
    found, _ = column(line, "a.jsonl", column="Poem", prepare=prepare)
    assert found[0].text == "é\nx"


def test_a_column_that_there_is_not_is_named_with_those_that_there_are():
    message = failure("title,poem,poet\na,b,c\n", column="peom")
    assert message == (
        "poems.csv has no column 'peom'; its columns are title, poem, poet. "
        "Did you mean poem?"
    )
    assert "no column 'poets'" in failure("title,poem,poet\n", label="poets")
    assert "no column 'by'" in failure("title,poem,poet\n", group_by="by")
    lines = '{"title": "a", "poem": "b"}\n{"author": "c"}'
    message = failure(lines, name="a.jsonl", label="authors")
    assert "no column 'authors'; its columns are title, poem, author." in message
    assert message.endswith("Did you mean author?")


def test_a_message_does_not_list_columns_without_end():
    message = failure(",".join(f"c{i}" for i in range(5_000)))
    assert "c19 and 4980 more" in message
    assert "c20," not in message
    lines = "\n".join(f'{{"c{i}": ""}}' for i in range(5_000))
    assert "c19 and 980 more" in failure(lines, name="a.jsonl")


@pytest.mark.parametrize("name", ["-", "poems.txt", "poems.csv.zip", ".gz", "csv"])
def test_a_file_that_is_no_table_has_no_columns(name):
    assert ".csv, .tsv, .jsonl, .ndjson" in failure("poem\nx\n", name=name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('poem\nx\n"y\nz\n', "the row that begins at line 3"),
        ('poem\n"x" y\n', "the row that begins at line 2"),
        ("title,poem\na,x\n\nb,roses are red, violets are blue\n", "line 4: there are 3"),
    ],
)
def test_a_malformed_row_is_named(text, expected):
    message = failure(text)
    assert message.startswith("poems.csv")
    assert expected in message


def test_empty_fields_beyond_the_columns_do_no_harm():
    assert [item.text for item in column("title,poem\na,x,,\n")[0]] == ["x"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"poem": "x"', "a.jsonl, line 2 is not JSON: Expecting ',' delimiter at char"),
        ("[1]", "a.jsonl, line 2 is no object"),
        ("[" * 100_000, "a.jsonl, line 2 is nested too deeply"),
        ('{"poem": ["x"]}', "a.jsonl, line 2, 'poem' holds a list"),
        ('{"poem": {"x": 1}}', "a.jsonl, line 2, 'poem' holds an object"),
        (r'{"poem": "\ud800"}', "a.jsonl, line 2, 'poem' holds surrogates"),
    ],
)
def test_a_malformed_object_is_named(line, expected):
    assert failure('{"poem": "x"}\n' + line, name="a.jsonl").startswith(expected)


# Parts.


def hashes_of(groups):
    return np.array([item_hash(group) for group in groups], np.uint64)


def test_a_hash_is_that_of_the_utf_8_bytes():
    expected = hashlib.blake2b("诗".encode(), digest_size=8).digest()
    assert item_hash("诗") == int.from_bytes(expected, "big")
    assert item_hash("\udc80") != item_hash("\udc81")  # undecodable bytes of a shell


HASHES = st.lists(
    st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1])),
    max_size=30,
)
SHARE = st.sampled_from([0.0, 1e-9, 0.1, 0.3, 0.49])


@given(HASHES, SHARE, SHARE, st.randoms())
def test_the_split_depends_on_nothing_but_the_hashes(hashes, validation, test, random):
    needed = 1 + (validation > 0) + (test > 0)
    array = np.array(hashes, np.uint64)
    if len(set(hashes)) < needed:
        with pytest.raises(ValueError, match=r"no items|too few"):
            parts_of(array, validation, test)
        return
    parts = parts_of(array, validation, test)
    assert parts.dtype == np.uint8
    assert parts.shape == array.shape
    by_hash = dict(zip(hashes, parts, strict=True))
    assert [by_hash[value] for value in hashes] == list(parts)  # duplicates: one side
    assert set(parts) == {0, *([1] if validation else []), *([2] if test else [])}
    shuffled = random.sample(hashes, len(hashes)) + hashes[:3]
    again = parts_of(np.array(shuffled, np.uint64), validation, test)
    assert [by_hash[value] for value in shuffled] == list(again)


def test_the_shares_are_as_asked_for():
    hashes = hashes_of(f"item {i}" for i in range(10_000))
    counts = np.bincount(parts_of(hashes, 0.1, 0.05))
    for count, share in zip(counts, (0.85, 0.1, 0.05), strict=True):
        deviation = (10_000 * share * (1 - share)) ** 0.5
        assert abs(count - 10_000 * share) < 4 * deviation


def test_more_items_do_not_move_the_others():
    hashes = hashes_of(f"item {i}" for i in range(1_000))
    np.testing.assert_array_equal(
        parts_of(hashes, 0.1, 0.1)[:500], parts_of(hashes[:500], 0.1, 0.1)
    )


def test_a_sorted_list_has_every_initial_in_both_parts():
    names = [f"{initial}{i}" for initial in "abcdefgh" for i in range(100)]
    parts = parts_of(hashes_of(names), 0.1, 0.0)
    held_out = {name[0] for name, part in zip(names, parts, strict=True) if part}
    trained = {name[0] for name, part in zip(names, parts, strict=True) if not part}
    assert held_out == trained == set("abcdefgh")


@pytest.mark.parametrize(
    ("hashes", "validation", "test", "expected"),
    [
        ([7], 0.0, 0.0, [0]),
        ([9, 7, 9], 0.0, 0.0, [0, 0, 0]),
        ([2**64 - 1, 2**64 - 2], 0.1, 0.0, [0, 1]),
        ([1, 2, 2], 0.1, 0.0, [1, 0, 0]),
        ([3, 1, 2], 0.1, 0.1, [0, 2, 1]),
        ([2**64 - 1, 2**64 - 3, 2**64 - 2], 0.1, 0.1, [0, 2, 1]),
    ],
)
def test_with_few_items_the_nearest_hashes_fill_a_part(hashes, validation, test, expected):
    parts = parts_of(np.array(hashes, np.uint64), validation, test)
    assert parts.tolist() == expected


def test_too_few_items_to_hold_some_out_are_refused():
    def refusal(groups, *shares):
        with pytest.raises(ValueError) as caught:
            parts_of(hashes_of(groups), *shares)
        return str(caught.value)

    assert refusal("", 0.0, 0.0) == "there are no items"
    assert refusal("aaa", 0.1, 0.0) == (
        "there is 1 item, too few to hold some out: use `validation=0`"
    )
    assert refusal("ab", 0.1, 0.1) == (
        "there are 2 different items, too few to hold some out: use `validation=0` "
        "and `test=0`"
    )

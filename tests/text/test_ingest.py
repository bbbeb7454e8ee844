"""From files to codes: one text, however many files it came in and wherever it is kept."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

from chargen.errors import TextError
from chargen.text import encoded as encoding
from chargen.text import ingest as module
from chargen.text.batches import Shuffled, Streams
from chargen.text.corpus import split
from chargen.text.encoded import END
from chargen.text.ingest import encode, files_of, is_a_list, items_of, labelled
from chargen.text.policy import Reading
from chargen.text.reading import TextFile
from chargen.text.scored import lay_out
from chargen.text.sources import find_inputs

LINES = [f"{n % 7} line {n}, é中{chr(0x4E00 + n)}\n" for n in range(300)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stored(monkeypatch):
    """Keep every text on the disk; return the cache folder."""
    for place in (module, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    return Path("cache")


def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))


def read(*names, cache=None, **options):
    return encode(find_inputs(names), Reading(**options), cache)


def whole(text):
    """A text as it is read, and closed if it lies on the disk."""
    found = text.text(0, len(text))
    if text.on_disk:
        text.codes.close()
    return found


def items(text):
    """The items of a text, with what their marks are written as."""
    points = text.code_points[text.read(0, len(text))].tolist()
    end = text.code_points[END]
    return "".join("|" if point == end else chr(point) for point in points)


# --- one file or many -------------------------------------------------------------------


def test_files_follow_each_other_line_by_line():
    write("a.txt", "one\ntwo")
    write("b.txt", "three\n")
    write("c.txt", "")
    write("d.txt", "four")
    text = read("a.txt", "b.txt", "c.txt", "d.txt", "a.txt")
    assert whole(text) == "one\ntwo\nthree\nfour\none\ntwo"


def test_an_empty_file_adds_nothing():
    write("a.txt", "one\r\n")
    write("b.txt", codecs.BOM_UTF8)
    write("c.txt", "")
    assert whole(read("a.txt", "b.txt", "c.txt")) == "one\n"
    write("a.txt", "one")
    assert whole(read("c.txt", "a.txt", "c.txt", "b.txt")) == "one"


def test_each_file_has_its_own_mark_encoding_and_newlines():
    write("a.txt", codecs.BOM_UTF8 + "é\r\n".encode())
    write("b.txt", "中文\r".encode("utf-16"))
    write("c.txt", "x\n\ufeffy")
    text = read("a.txt", "b.txt", "c.txt")
    assert whole(text) == "é\n中文\nx\n\ufeffy"
    assert [file.encoding for file in text.files] == ["utf-8", "utf-16", "utf-8"]


def test_files_are_known_in_their_order(folder):
    write("all/b.txt", "b")
    write("all/a.txt", "a")
    write("c.txt", "c")
    text = read("c.txt", "all")
    names = [str(folder / name) for name in ("c.txt", "all/a.txt", "all/b.txt")]
    assert [file.path for file in text.files] == names
    assert [file.size for file in text.files] == [1, 1, 1]
    modified = [Path(name).stat().st_mtime_ns for name in names]
    assert [file.modified for file in text.files] == modified
    assert files_of(find_inputs(["c.txt", "all"])) == [
        *(Path("c.txt"), Path("all/a.txt"), Path("all/b.txt"))
    ]


def test_encodings_that_are_found_out_are_recorded_with_how_sure_they_are():
    write("a.txt", ("床前明月光，疑是地上霜。\n" * 60).encode("gb18030"))
    write("b.txt", "café")
    text = read("a.txt", "b.txt", encoding="auto")
    assert [file.encoding for file in text.files] == ["gb18030", "utf-8"]
    assert text.files[0].sureness >= 0.5
    assert text.files[1].sureness == 1


def parts(names, cache=None, **options):
    """Everything that a training on some files sees: batches, layouts, vocabulary."""
    text = read(*names, cache=cache, **options)
    corpus = split(text, 0.2, test=0.1)
    seen = [corpus.vocabulary.characters, corpus.vocabulary.marks, corpus.counts.tolist()]
    for cut in (
        Streams(corpus.train, batch_size=3, seq_length=20, seed=1),
        Shuffled(corpus.train, batch_size=3, seq_length=20, stride=3, seed=1),
    ):
        steps = range(cut.steps_per_epoch + 3)
        seen += [[array.tolist() for array in cut.batch(step)[:2]] for step in steps]
    for part, context in (
        (corpus.validation, corpus.context),
        (corpus.test, corpus.test_context),
    ):
        layout = lay_out(part, context)
        window = layout.window(0, layout.length)
        seen += [window.inputs.tolist(), window.targets.tolist(), window.scored.tolist()]
    if text.on_disk:
        text.codes.close()
    return seen


@pytest.mark.parametrize("documents", ["none", "lines"])
def test_batches_and_layouts_do_not_depend_on_where_a_text_came_from(
    documents, monkeypatch
):
    write("one.txt", "".join(LINES))
    for n in range(10):
        write(f"ten/{n}.txt", "".join(LINES[30 * n : 30 * n + 30]))
        write(f"bare/{n}.txt", "".join(LINES[30 * n : 30 * n + 30])[:-1] + "\n" * (n == 9))
    names = [f"ten/{n}.txt" for n in range(10)]
    expected = parts(["one.txt"], documents=documents)
    assert parts(names, documents=documents) == expected
    assert parts(["ten"], documents=documents) == expected
    assert parts(["bare"], documents=documents) == expected
    for place in (module, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    cache = Path("cache")
    for given in (["one.txt"], names):
        for _ in range(2):  # as it is written, and as it is read again
            assert parts(given, cache, documents=documents) == expected
        assert parts(given, None, documents=documents) == expected
    assert len(list(Path("cache/texts").iterdir())) == 2


# --- items ------------------------------------------------------------------------------


def test_items_of_lines():
    write("a.txt", "one\r\n\n  \n two \nthree")
    write("b.txt", "four\n")
    assert items(read("a.txt", "b.txt", documents="lines")) == "one| two |three|four|"


def test_items_between_blank_lines():
    write("a.txt", "one\ntwo\n\n\nthree\r\n \r\nfour")
    write("b.txt", "five\n\n")
    found = items(read("a.txt", "b.txt", documents="blank-lines"))
    assert found == "one\ntwo|three|four|five|"


def test_items_of_files():
    write("a.txt", "one\n\ntwo\n")
    write("b.txt", " \n")
    write("c.txt", "three")
    assert items(read("a.txt", "b.txt", "c.txt", documents="files")) == "one\n\ntwo|three|"


def test_items_of_a_column():
    write("a.csv", "name,country\nAnn,uk\n,de\nBob,us\n")
    write("b.jsonl", '{"name": "Zoë", "country": "nl"}\n{"country": "nl"}\n')
    text = read("a.csv", "b.jsonl", column="name", label="country")
    assert items(text) == "uk\tAnn|us\tBob|nl\tZoë|"
    assert text.skipped == 2


def test_items_are_prepared():
    write("a.csv", 'x\n"ＡＢ\r\nC"\n')
    assert items(read("a.csv", column="x", normalize="nfkc", lowercase=True)) == "ab\nc|"


def test_a_group_decides_instead_of_the_item():
    write("a.csv", "x,g\none,1\ntwo,1\nthree,2\n")
    text = read("a.csv", column="x", group_by="g")
    assert text.hashes[0] == text.hashes[1] != text.hashes[2]
    alone = read("a.csv", column="x")
    assert len(set(alone.hashes.tolist())) == 3


@pytest.mark.parametrize("documents", ["lines", "blank-lines", "files"])
@pytest.mark.parametrize("content", ["", "\n\n", " \n\t\n \r\n"])
def test_white_space_has_no_items(documents, content):
    write("a.txt", content)
    text = read("a.txt", documents=documents)
    assert len(text) == len(text.hashes) == 0
    with pytest.raises(TextError, match="is empty"):
        split(text, None)


def test_items_of_one_file():
    write("a.csv", "x,y\none,1\n,2\n")
    found = items_of(TextFile(Path("a.csv")), Reading(column="x", label="y"))
    item = next(found)
    assert labelled(item, Reading(column="x", label="y")) == "1\tone"
    assert labelled(item, Reading(column="x")) == "one"
    with pytest.raises(StopIteration) as end:
        next(found)
    assert end.value.value == 1


def test_a_file_without_the_column_is_named():
    write("a.csv", "name\nAnn\n")
    with pytest.raises(TextError, match=r"a\.csv has no column 'nmae'.*Did you mean name"):
        read("a.csv", column="nmae")


def test_surrogates_in_a_table_are_no_characters():
    write("a.jsonl", json.dumps({"x": "a\ud800b"}))
    with pytest.raises(TextError, match="surrogates"):
        read("a.jsonl", column="x")


@pytest.mark.parametrize("number", ["&#xD800;", "&#55357;&#56832;"])
def test_surrogates_in_a_page_are_no_characters(number):
    write("a.html", f"<p>a{number}b</p>")
    assert not any("\ud800" <= c <= "\udfff" for c in whole(read("a.html")))
    assert read("a.html").counts[END] == 0


# --- lists ------------------------------------------------------------------------------


def test_a_list_is_known_by_its_beginning():
    assert is_a_list(find_inputs(["minerals"]), Reading())
    assert not is_a_list(find_inputs(["harbour-plays"]), Reading())


def test_a_list_may_be_in_another_encoding():
    names = (ROOT / "corpora" / "minerals.txt").read_text("utf-8")
    write("names.txt", names.encode("utf-16-le"))
    inputs = find_inputs(["names.txt"])
    assert is_a_list(inputs, Reading(encoding="utf-16-le"))
    with pytest.raises(TextError, match="full of NUL"):
        is_a_list(inputs, Reading())


def test_of_a_long_text_only_the_beginning_is_looked_at(monkeypatch):
    names = (ROOT / "corpora" / "minerals.txt").read_text("utf-8")
    write("names.txt", names)
    write("bad.txt", b"\xff")
    monkeypatch.setattr(module, "HEAD", 1_000)
    assert is_a_list(find_inputs(["names.txt", "bad.txt"]), Reading())
    monkeypatch.setattr(module, "HEAD", 10**6)
    with pytest.raises(TextError, match=r"bad\.txt"):
        is_a_list(find_inputs(["names.txt", "bad.txt"]), Reading())


# --- texts that are kept ----------------------------------------------------------------


def never(*_, **__):
    pytest.fail("the text is read again")


def test_a_large_text_is_read_once(stored, monkeypatch):
    write("a.txt", "".join(LINES))
    write("b.txt", "the end")
    one = read("a.txt", "b.txt", cache=stored)
    monkeypatch.setattr(module, "read_blocks", never)
    other = read("a.txt", "b.txt", cache=stored)
    assert one.on_disk and other.on_disk
    assert one.files == other.files
    assert one.characters == other.characters
    assert one.counts.tolist() == other.counts.tolist()
    assert one.dtype == other.dtype == np.uint16
    assert whole(one) == whole(other) == "".join(LINES) + "the end"


@pytest.mark.parametrize(
    "options",
    [
        {"documents": "lines"},
        {"lowercase": True},
        {"normalize": "none"},
        {"newlines": "keep"},
        {"encoding": "latin-1"},
    ],
)
def test_a_text_that_is_read_in_another_way_is_another(stored, options):
    write("a.txt", "ÀE\u0301\r\n" * 99)
    assert whole(read("a.txt", cache=stored)) == "ÀÉ\n" * 99
    found = []
    for cache in (stored, stored, None):
        text = read("a.txt", cache=cache, **options)
        found.append(items(text))
        text.codes.close()
    assert found[0] == found[1] == found[2] != "ÀÉ\n" * 99
    assert len(list((stored / "texts").iterdir())) == 2


def test_a_text_is_kept_once_for_both_directions(stored, monkeypatch):
    write("a.txt", "".join(LINES))
    one = read("a.txt", cache=stored, backward=True)
    monkeypatch.setattr(module, "read_blocks", never)
    assert whole(one) == whole(read("a.txt", cache=stored)) == "".join(LINES)
    assert len(list((stored / "texts").iterdir())) == 1


def test_items_are_kept(stored, monkeypatch):
    write("a.csv", "x,y\n" + "".join(f"item {n},{n}\n,\n" for n in range(99)))
    options = {"column": "x", "label": "y", "cache": stored}
    one = read("a.csv", **options)
    monkeypatch.setattr(module, "read_blocks", never)
    other = read("a.csv", **options)
    assert one.skipped == other.skipped == 99
    assert one.starts.tolist() == other.starts.tolist()
    assert one.hashes.tolist() == other.hashes.tolist()
    assert items(one) == items(other)
    one.codes.close()
    other.codes.close()


def test_a_small_text_is_not_kept(folder):
    write("a.txt", "abc")
    assert not read("a.txt", cache=Path("cache")).on_disk
    assert not Path("cache").exists()


def test_without_a_cache_nothing_is_left_behind(stored, folder):
    write("a.txt", "".join(LINES))
    text = read("a.txt")
    assert text.on_disk
    assert whole(text) == "".join(LINES)
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


def test_standard_input_is_not_kept(stored, monkeypatch):
    """Its copy has another name each time: nobody would find it again."""
    import io
    import sys

    stdin = io.TextIOWrapper(io.BytesIO("".join(LINES).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert whole(read("-", cache=stored)) == "".join(LINES)
    assert not stored.exists()


def test_a_file_that_is_large_and_has_little_text_is_not_kept(stored):
    write("a.html", "<p>ab</p>" + "<!-- nothing -->" * 99)
    assert whole(read("a.html", cache=stored)).strip() == "ab"
    assert list((stored / "texts").iterdir()) == []

"""What a file is, and how its text is read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import registry
from chargen.text.formats.refused import BEGINNINGS, INSIDE, SUFFIXES, RefusedError
from chargen.text.formats.registry import (
    DOCUMENTS,
    Compressed,
    is_text_like,
    kind_of,
    look_into,
    pieces,
)
from formats.made import docx, epub, odt, pdf, word_paragraph, zipped

DATA = {
    ".docx": docx(word_paragraph("Call me Ishmael.")),
    ".odt": odt("<text:p>Call me Ishmael.</text:p>"),
    ".epub": epub({"a.xhtml": "<p>Call me Ishmael.</p>"}),
    ".pdf": pdf("Call me Ishmael."),
    ".html": b"<p>Call me Ishmael.</p>",
}
PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.fixture
def write(tmp_path):
    """Write bytes into a file and return its path."""

    def written(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return written


def read(path, **options):
    with path.open("rb") as file:
        content = look_into(file, path)
        if content.document is None:
            return content.file.read()
        return "".join(pieces(content, **options))


@pytest.mark.parametrize("suffix", DATA)
class TestDocuments:
    def test_the_name_says_what_it_is(self, suffix, write):
        path = write(DATA[suffix], "Novel" + suffix.upper())
        assert read(path) == "Call me Ishmael.\n"
        assert is_text_like(path)

    @pytest.mark.parametrize("packed", PACK)
    def test_the_inner_name_says_what_it_is(self, suffix, packed, write):
        path = write(PACK[packed](DATA[suffix]), f"novel{suffix}{packed}")
        assert read(path) == "Call me Ishmael.\n"
        assert is_text_like(path)

    def test_it_may_come_through_a_pipe(self, suffix):
        class Pipe(io.BytesIO):
            def seekable(self):
                return False

        file = io.BufferedReader(Pipe(DATA[suffix]))
        content = look_into(file, Path("novel" + suffix))
        assert "".join(pieces(content)) == "Call me Ishmael.\n"


@pytest.mark.parametrize("suffix", [suffix for suffix in DATA if suffix != ".html"])
def test_the_first_bytes_say_what_it_is_where_the_name_does_not(suffix, write):
    assert kind_of(Path("novel"), DATA[suffix][: registry.HEAD]) is DOCUMENTS[suffix]
    assert read(write(DATA[suffix], "novel.txt")) == "Call me Ishmael.\n"


@pytest.mark.parametrize("packed", PACK)
def test_compressed_text_is_text(packed, write):
    data = PACK[packed]("床前明月光\n".encode("gb18030") * 9_000)
    for name in ("novel.txt" + packed, "novel" + packed, "novel.txt"):
        path = write(data, name)
        assert read(path) == "床前明月光\n".encode("gb18030") * 9_000
        assert is_text_like(path)


@pytest.mark.parametrize(
    "head",
    [b"", b"plain", b"BZh", b"<html>", "漢字".encode("utf-16"), "a b".encode("utf-16-le")],
)
@pytest.mark.parametrize("name", ["novel", "novel.txt", "novel.py", "-.csv", ".bashrc"])
def test_plain_text_is_left_alone(name, head):
    assert kind_of(Path(name), head) is None


def test_an_encoding_is_for_pages_of_html(write):
    page = write("<p>é".encode("cp1252"), "a.html")
    assert read(page, encoding="cp1252") == "é\n"
    with pytest.raises(TextError, match=r"a.html is not UTF-8"):
        read(page)
    assert read(write(DATA[".docx"], "a.docx"), encoding="cp1252") == "Call me Ishmael.\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_refused_by_name(suffix, write):
    path = write(b"data", "novel" + suffix.upper())
    with pytest.raises(RefusedError, match=r"is .* and not plain text: "):
        kind_of(path, b"data")
    assert not is_text_like(path)


@pytest.mark.parametrize(
    "head",
    [
        *(head.ljust(300, b"x") for head in BEGINNINGS),
        *(b"x" * place + inner for place, inner in INSIDE),
        b"\0" * 20,
        b"\x00\x01\x02\x03data" * 10,
    ],
)
def test_refused_by_the_first_bytes(head, write):
    with pytest.raises(RefusedError, match=r"novel.txt is .* and not plain text: "):
        kind_of(Path("novel.txt"), head)
    assert not is_text_like(write(head, "novel.txt"))
    assert not is_text_like(write(gzip.compress(head), "novel.txt.gz"))


def test_the_error_says_what_to_do():
    with pytest.raises(RefusedError) as caught:
        kind_of(Path("a/novel.doc"), b"")
    assert str(caught.value) == (
        "novel.doc is an old document of Word, or one with a password, and not plain text: "
        "open it in its program, and save it as plain text in UTF-8 (.txt)"
    )
    with pytest.raises(RefusedError, match="an archive and not plain text: unpack it"):
        kind_of(Path("novels.tar"), b"")


def test_a_docx_with_a_password_is_told_from_one_that_is_damaged(write):
    path = write(b"\xd0\xcf\x11\xe0" + bytes(500), "novel.docx")
    with pytest.raises(RefusedError, match="one with a password"):
        read(path)
    path = write(b"Dear diary,", "novel.docx")
    assert is_text_like(path)
    with pytest.raises(TextError, match=r"novel.docx is damaged"):
        read(path)


def test_an_archive_is_no_document(write):
    data = zipped({"a.txt": "a"})
    assert zipfile.is_zipfile(io.BytesIO(data))
    assert not is_text_like(write(data, "novel"))
    assert not is_text_like(write(gzip.compress(data), "novels.tar.gz"))


def test_compressed_twice(write):
    path = write(gzip.compress(bz2.compress(b"text")), "novel.bz2.gz")
    with pytest.raises(RefusedError, match=r"novel.bz2.gz is compressed twice"):
        read(path)
    assert not is_text_like(path)


def test_a_damaged_file_is_meant_to_be_read(write):
    path = write(gzip.compress(b"text")[:12], "novel.txt.gz")
    assert kind_of(path, b"") == Compressed(".gz")
    assert is_text_like(path)
    with pytest.raises(TextError, match="cut off"):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OSError):
        is_text_like(tmp_path / "novel.txt")


def test_only_the_beginning_is_looked_at(tmp_path):
    path = tmp_path / "novel.txt"
    with path.open("wb") as file:
        file.write(b"x" * 10**6)
        file.truncate(2**40)  # no file system takes this up
    assert is_text_like(path)


def test_a_packed_document_has_a_largest_size(write, monkeypatch):
    path = write(gzip.compress(DATA[".pdf"]), "novel.pdf.gz")
    monkeypatch.setattr(registry, "MAX_TOTAL", len(DATA[".pdf"]))
    assert read(path) == "Call me Ishmael.\n"
    monkeypatch.setattr(registry, "MAX_TOTAL", len(DATA[".pdf"]) - 1)
    with pytest.raises(TextError, match=r"novel.pdf.gz has more than .* unpack it first"):
        read(path)


def test_plain_text_cannot_be_extracted():
    content = registry.Content(io.BufferedReader(io.BytesIO(b"text")), "novel", None)
    with pytest.raises(ValueError, match="plain text"):
        next(pieces(content))


NAMES = ["a" + suffix for suffix in (*DATA, *PACK, ".txt", ".doc", ".zst", ".html.gz")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.binary(max_size=200), st.sampled_from(list(BEGINNINGS)))
def test_arbitrary_bytes_under_any_name_raise_only_text_errors(name, data, beginning):
    for content in (data, beginning + data):
        file = io.BufferedReader(io.BytesIO(content))
        try:
            found = look_into(file, Path(name))
            if found.document is not None:
                assert all(isinstance(piece, str) for piece in pieces(found))
        except TextError as error:
            assert name[:-5] in str(error)

"""PDF, by way of pypdf."""

from __future__ import annotations

import builtins
import io
import logging

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import pdf as module
from chargen.text.formats.pdf import extract_pdf
from formats.made import pdf, text_of

NOVEL = pdf("Call me Ishmael.", "", "Some years ago")


def refused(data, match):
    with pytest.raises(TextError, match=match):
        text_of(extract_pdf, data)


def encrypted(password):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(NOVEL))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_pages_come_in_their_order():
    assert text_of(extract_pdf, NOVEL) == "Call me Ishmael.\nSome years ago\n"


def test_pages_come_one_by_one():
    assert next(extract_pdf(io.BytesIO(NOVEL), "novel")) == "Call me Ishmael.\n"


def test_a_scan():
    refused(pdf("", ""), "no text in it, only pictures.*OCR")


def test_one_with_a_password():
    refused(encrypted("secret"), "encrypted: save a copy without a password")


def test_one_that_everybody_may_read():
    assert text_of(extract_pdf, encrypted("")).startswith("Call me")


def test_one_that_takes_another_library_to_decrypt(monkeypatch):
    def decrypt(*_):
        raise pypdf.errors.DependencyError("cryptography is needed")

    monkeypatch.setattr(pypdf.PdfReader, "decrypt", decrypt)
    refused(encrypted(""), "encrypted: save a copy without a password")


def test_too_many_pages(monkeypatch):
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    refused(NOVEL, "more than 2 pages: save it in parts")


def test_too_many_characters(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 20)
    refused(NOVEL, "more than 20 characters")


def test_time_runs_out_between_pages(monkeypatch):
    pages = extract_pdf(io.BytesIO(NOVEL), "novel")
    next(pages)
    monkeypatch.setattr(module.time, "monotonic", lambda: 10.0**9)
    with pytest.raises(TextError, match="novel takes more than 600 seconds"):
        next(pages)


def test_time_runs_out_within_a_page(monkeypatch):
    times = iter([0.0, 0.0, 0.0])  # the start, the page, and one operator of it
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times, 10.0**9))
    refused(NOVEL, "takes more than 600 seconds")


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.4", b"Dear diary,", NOVEL[:-200], NOVEL[:90]]
)
def test_a_damaged_one(data):
    try:
        assert text_of(extract_pdf, data).startswith("Call me")
    except TextError as error:
        assert "novel is damaged" in str(error)


def test_flaws_are_not_told(capfd):
    try:
        text_of(extract_pdf, NOVEL.replace(b"startxref\n", b"startxref\n9"))
    finally:
        assert capfd.readouterr() == ("", "")
    assert logging.getLogger("pypdf").handlers


def test_without_pypdf_the_error_says_how_to_install_it(monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **more):
        if name == "pypdf":
            raise ImportError(name)
        return imported(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    refused(NOVEL, "pip install pypdf, where chargen is")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(NOVEL)), st.integers(0, 40))
def test_arbitrary_bytes_give_text_or_a_text_error(data, place, cut):
    for content in (data, NOVEL[:place] + data + NOVEL[place + cut :]):
        try:
            text_of(extract_pdf, content).encode()
        except TextError as error:
            assert "novel" in str(error)

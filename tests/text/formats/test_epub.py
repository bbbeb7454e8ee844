"""Electronic books."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats.epub import extract_epub
from formats.made import BOMB, epub, text_of, zipped


def chapter(*paragraphs, head="<title>T</title>"):
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head>{head}</head><body>{body}</body></html>"
    )


def refused(data, match):
    with pytest.raises(TextError, match=match):
        text_of(extract_epub, data)


def test_a_chinese_book_in_its_reading_order():
    book = epub(
        {
            "z.xhtml": chapter("第二回", "却说那日&#12290;"),
            "a.xhtml": chapter("第一回", "此开卷第一回也。", "作者自云："),
        },
        ["a.xhtml", "z.xhtml"],
    )
    expected = "第一回\n此开卷第一回也。\n作者自云：\n第二回\n却说那日。\n"
    assert text_of(extract_epub, book) == expected


def test_a_chapter_of_another_encoding():
    page = (
        chapter("床前明月光").replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")
    )
    assert text_of(extract_epub, epub({"a.xhtml": page})) == "床前明月光\n"


def test_names_are_escaped_as_in_addresses():
    assert text_of(extract_epub, epub({"a%20%E5%9B%9E.xhtml": chapter("x")})) == "x\n"


def test_a_closed_script_hides_nothing():
    book = epub({"a.xhtml": chapter("x", head="<script src='a.js'/><title/>")})
    assert text_of(extract_epub, book) == "x\n"


def test_an_entity_bomb_in_a_chapter_stays_what_it_is():
    book = epub({"a.xhtml": BOMB + "<html><body><p>x &j;</p></body></html>"})
    assert text_of(extract_epub, book) == "x &j;\n"


def test_an_entity_bomb_in_the_list_of_chapters():
    refused(epub({"a.xhtml": chapter("x")}, before=BOMB), "declares entities of its own")


def test_a_chapter_that_is_a_bomb():
    refused(epub({"a.xhtml": chapter(" " * 10**7)}), "more than 200 times its size")


def test_a_chapter_that_is_missing():
    members = {"META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>'}
    members["b.opf"] = (
        '<p><item id="a" href="../../a.html" media-type="text/html"/>'
        '<itemref idref="a"/></p>'
    )
    refused(zipped(members), r"it has no ../../a.html")


@pytest.mark.parametrize(
    "members, match",
    [
        ({}, "it has no META-INF/container.xml"),
        ({"META-INF/container.xml": "<c/>"}, "does not say where the book is"),
        ({"META-INF/container.xml": "<c"}, "damaged"),
    ],
)
def test_what_is_no_book(members, match):
    refused(zipped(members), match)


def test_a_book_without_chapters():
    refused(epub({}), "its list of chapters is empty")


def test_a_protected_book_and_one_whose_fonts_are():
    def encrypted(name):
        return f'<e><CipherReference URI="{name}"/></e>'

    chapters = {"a.xhtml": chapter("x")}
    refused(epub(chapters, encryption=encrypted("OEBPS/a.xhtml")), "copy-protected")
    book = epub(chapters, encryption=encrypted("OEBPS/font.otf"))
    assert text_of(extract_epub, book) == "x\n"


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_arbitrary_bytes_give_text_or_a_text_error(data, kept):
    for content in (data, epub({"a.xhtml": data}), epub({"a.xhtml": "x"})[:kept] + data):
        try:
            assert isinstance(text_of(extract_epub, content), str)
        except TextError as error:
            assert "novel" in str(error)

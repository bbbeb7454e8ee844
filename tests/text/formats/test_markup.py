"""HTML and XHTML as a reader reads them."""

from __future__ import annotations

import codecs
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import markup
from chargen.text.formats.markup import extract_html
from formats.made import BOMB, text_of

READ = {
    "paragraphs": ("<p>One.</p><p>Two.</p>", "One.\nTwo.\n"),
    "paragraphs left open": ("<p>One.<p>Two.", "One.\nTwo.\n"),
    "inline elements": ("a<b>b</b> <i> c</i><span>d</span>", "ab cd\n"),
    "white space": ("<p>\n  one\n  two\n</p>\n", "one two\n"),
    "line breaks": ("one<br>two<br/>three<BR><br>four", "one\ntwo\nthree\n\nfour\n"),
    "headings and lists": ("<h1>H</h1>x<ul><li>a<li>b</ul>y", "H\nx\na\nb\ny\n"),
    "a table": (
        "<table><tr><th>a</th><th>b</th></tr>\n<tr><td>c<td>d</table>e",
        "a\tb\nc\td\ne\n",
    ),
    "paragraphs in cells": ("<tr><td><p>a</p></td> <td><p>b</p></td></tr>", "a\tb\n"),
    "entities": (
        "&lt;p&gt; &amp;amp; &eacute;&#233;&#xE9; &nbsp;&copy",
        "<p> &amp; ééé \u00a0©\n",
    ),
    "what is no entity": (
        "AT&T, a & b, &nosuchthing; R&D",
        "AT&T, a & b, &nosuchthing; R&D\n",
    ),
    "a surrogate": ("&#xD800;", "\ufffd\n"),
    "what is not read": (
        "<head><title>T</title><style>p > a {}</style></head><script>if (a < b) {'<p>x'}"
        "</script><body>y<noscript>n</noscript><template><p>t</p></template>",
        "y\n",
    ),
    "a head left open": ("<html><head><title>T</title><p>x", "x\n"),
    "a script with a tag in it": ("a<script>document.write('<b>')</SCRIPT >b", "ab\n"),
    "comments": ("a<!-- <p>x</p> -- > -->b<!-->c<!--->d<!-- x --!>e", "abcde\n"),
    "declarations": (
        "<!DOCTYPE html><?php echo 1 ?>a<![if x]>b<![endif]>c</>d</ x>e",
        "abcde\n",
    ),
    "a > in an attribute": ("<a title='1 > 0' alt=\"<p>\">x</a>", "x\n"),
    "quotes that are none": ("<a it's>x</a> <a b=c'd>y</a>", "x y\n"),
    "less than": ("1 < 2 <3 <<b>x</b>< <", "1 < 2 <3 <x< <\n"),
    "preformatted": ("a<pre>\n  one\n\n\ttwo &amp;\n</pre>b", "a\n  one\n\n\ttwo &\nb\n"),
    "ruby": ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</ruby>だ", "漢字だ\n"),
    "ruby left open": ("<ruby>漢<rt>かん<p>x</p>", "漢\nx\n"),
    "a picture in letters": (
        "a<svg><title>T</title><text>x</text><svg></svg>y</svg>b",
        "ab\n",
    ),
    "everything left open": ("<div><table><tr><td><pre><b>x<a href='y", "x\n"),
    "a comment left open": ("x<!-- y", "x\n"),
    "a tag left open": ("x<y", "x\n"),
    "an entity left open": ("x &amp", "x &\n"),
    "a script left open": ("x<script>y</scri", "x\n"),
    "ends without a beginning": ("</p></pre></b>x</td></tr></table></ruby>", "x\n"),
    "a script that looks closed": ("<script/>x</script>y", "y\n"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("page, text", READ.values(), ids=READ)
def test_reads(page, text):
    assert text_of(extract_html, page.encode()) == text


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize("page, text", READ.values(), ids=READ)
def test_where_blocks_end_does_not_matter(page, text, block, monkeypatch):
    monkeypatch.setattr(markup, "BLOCK", block)
    assert text_of(extract_html, page.encode(), encoding="utf-8") == text


def test_a_number_that_python_does_not_convert():
    page = b"&#" + b"1" * 5_000 + b";"
    assert text_of(extract_html, page) == "\ufffd" + "1" * 5_000 + ";\n"


XHTML = {
    "closed tags": ("<title/>a<script src='x'/>b<p/>c<pre/>d <svg/> e", "ab\nc\nd e\n"),
    "verbatim text": ("<p><![CDATA[1 < 2 &amp; <p>]] ]]>x</p>", "1 < 2 &amp; <p>]] x\n"),
    "entities of its own": (BOMB + "<p>&j; x</p>", "&j; x\n"),
    "a long closed tag": (f"a<script src='{'x' * 300}'/>b", "ab\n"),
}


@pytest.mark.parametrize("block", [1, 7, 2**16])
@pytest.mark.parametrize("page, text", XHTML.values(), ids=XHTML)
def test_reads_xhtml(page, text, block, monkeypatch):
    monkeypatch.setattr(markup, "BLOCK", block)
    assert text_of(extract_html, page.encode(), xml=True) == text


def test_a_page_says_by_itself_that_it_is_xhtml():
    assert text_of(extract_html, b"<?xml version='1.0'?><title/>a") == "a\n"


CHINESE = "<p>床前明月光，疑是地上霜。</p>"


class TestEncoding:
    def test_utf_8_is_what_is_read_unless_something_else_is_said(self):
        assert text_of(extract_html, CHINESE.encode()) == "床前明月光，疑是地上霜。\n"

    @pytest.mark.parametrize(
        "said",
        [
            "<meta charset=gb2312>",
            '<META CHARSET="GBK">',
            "<meta http-equiv='Content-Type' content='text/html; charset=gb18030'/>",
            "<?xml version='1.0' encoding='GB18030'?>",
        ],
    )
    def test_the_page_says_it(self, said):
        page = (said + CHINESE).encode("gb18030")
        assert text_of(extract_html, page) == "床前明月光，疑是地上霜。\n"

    def test_a_byte_order_mark_is_believed_first(self):
        page = ("<meta charset=gbk>" + CHINESE).encode("utf-16")
        assert text_of(extract_html, page, encoding="big5") == "床前明月光，疑是地上霜。\n"
        page = codecs.BOM_UTF8 + "<meta charset=gbk>é".encode()
        assert text_of(extract_html, page) == "é\n"

    def test_the_setting_is_believed_before_the_page(self):
        page = ("<meta charset=gbk>" + "é").encode("cp1252")
        assert text_of(extract_html, page, encoding="cp1252") == "é\n"

    def test_auto_asks_the_page_and_then_finds_out(self):
        page = ("<meta charset=cp1251>" + "é").encode("cp1252")
        assert text_of(extract_html, page, encoding="auto") == "й\n"
        page = (CHINESE * 20).encode("gb18030")
        assert text_of(extract_html, page, encoding="auto").startswith("床前明月光")

    def test_windows_1252_is_meant_by_latin_1(self):
        page = "<meta charset=iso-8859-1>“€”".encode("cp1252")
        assert text_of(extract_html, page) == "“€”\n"

    def test_an_unknown_encoding_counts_for_nothing_on_a_page(self):
        assert text_of(extract_html, "<meta charset=hex>é".encode()) == "é\n"

    def test_an_unknown_encoding_is_an_error_as_a_setting(self):
        with pytest.raises(TextError, match="unknown encoding 'klingon'"):
            text_of(extract_html, b"x", encoding="klingon")

    @pytest.mark.parametrize("block", [5, 2**16])
    def test_what_cannot_be_decoded_is_an_error_that_says_where(self, block, monkeypatch):
        monkeypatch.setattr(markup, "BLOCK", block)
        with pytest.raises(TextError, match=r"byte 0xe9 at offset 7.*`encoding`"):
            text_of(extract_html, "<p>1 ñ é".encode()[:7] + b"\xe9 ...")


def hostile(piece: bytes, first: bytes = b"", size: int = 10**6) -> bytes:
    return first + piece * (size // len(piece))


HOSTILE = {
    "an endless comment": hostile(b"x", b"<!--"),
    "comments that begin": hostile(b"<!--"),
    "an endless tag": hostile(b"x ", b"<a "),
    "an endless value": hostile(b"x ", b"<a b='"),
    "spaces before a value": hostile(b" ", b"<a b="),
    "endless values": hostile(b"a =\"' ", b"<a "),
    "an endless name": hostile(b"x", b"<x"),
    "tags that begin": hostile(b"<a "),
    "an endless script": hostile(b"</scrip ", b"<script>"),
    "declarations": hostile(b"<!"),
    "less than": hostile(b"<"),
    "entities that begin": hostile(b"&"),
    "elements in elements": hostile(b"<pre><svg>"),
}


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_memory_is_bounded_whatever_comes(page):
    file = io.BytesIO(page)
    tracemalloc.start()
    for _ in extract_html(file, "page"):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("xml", [False, True])
def test_nothing_is_kept_for_the_next_block_but_a_few_characters(page, xml):
    shown = markup._Page(xml=xml)
    scanner = markup._Scanner(shown, xml=xml)
    text = page.decode()
    for i in range(0, len(text), 2**16):
        scanner.feed(text[i : i + 2**16])
        assert len(scanner._rest) <= 2 * markup.LONGEST


@given(st.binary(max_size=400))
def test_arbitrary_bytes_give_text_or_a_text_error(data):
    try:
        assert isinstance(text_of(extract_html, data), str)
    except TextError as error:
        assert "novel is not" in str(error)


SIGNS = ("<", ">", "</", "<!--", "-->", "--", "<!", "<![CDATA[", "]]>", "[", "]", "&amp;")
OTHERS = ("'", '"', "=", "/", " ", "\n", "&", "p", "script", "pre", "br", "td", "rt", "svg")
MARKUP = st.lists(st.sampled_from(SIGNS + OTHERS), max_size=40).map("".join)


@given(MARKUP, st.integers(1, 20), st.booleans())
def test_markup_in_any_order_reads_the_same_in_any_blocks(page, block, xml):
    def read(size):
        shown = markup._Page(xml=xml)
        scanner = markup._Scanner(shown, xml=xml)
        for i in range(0, len(page), size):
            scanner.feed(page[i : i + size])
        scanner.feed("", last=True)
        assert not scanner._rest
        return shown.lines.finish()

    assert read(block) == read(1_000)

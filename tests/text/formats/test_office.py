""".docx and .odt: what they say, and what strangers may put into them."""

from __future__ import annotations

import builtins
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import archive, office
from chargen.text.formats.office import extract_docx, extract_odt
from formats.made import BOMB, docx, odt, text_of, word_paragraph, zipped


def cell(text):
    return f"<w:tc>{word_paragraph(text)}</w:tc>"


def row(*texts):
    return f"<w:tr>{''.join(map(cell, texts))}</w:tr>"


WORD = {
    "paragraphs": (word_paragraph("One.") + word_paragraph("二。"), "One.\n二。\n"),
    "an empty paragraph": (
        word_paragraph("a") + "<w:p/>" + word_paragraph("b"),
        "a\n\nb\n",
    ),
    "entities and spaces": (word_paragraph("  1 &lt; 2  &amp;  3"), "  1 < 2  &  3\n"),
    "tabs and line breaks": (
        "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>",
        "a\tb\nc\n",
    ),
    "a page break": (
        '<w:p><w:r><w:t>a</w:t><w:br w:type="page"/><w:t>b</w:t></w:r></w:p>',
        "ab\n",
    ),
    "a table in its place": (
        word_paragraph("a")
        + f"<w:tbl>{row('1', '2')}{row('', '4')}</w:tbl>"
        + word_paragraph("b"),
        "a\n1\t2\n\t4\nb\n",
    ),
    "tracked changes": (
        "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
        "new\n",
    ),
    "a content control": (
        f"<w:sdt><w:sdtContent>{word_paragraph('a')}</w:sdtContent></w:sdt>",
        "a\n",
    ),
    "a text box, once": (
        "<w:p><w:r><w:t>a</w:t><mc:AlternateContent><mc:Choice Requires='wps'>"
        f"<w:drawing>{word_paragraph('box')}</w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<v:shape><v:textbox><w:txbxContent>{word_paragraph('box')}</w:txbxContent>"
        "</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>",
        "a\nbox\n",
    ),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("body, text", WORD.values(), ids=WORD)
def test_reads_docx(body, text):
    assert text_of(extract_docx, docx(body)) == text


def test_notes_come_after_the_text():
    refer = '<w:p><w:r><w:t>a</w:t></w:r><w:r><w:footnoteReference w:id="5"/></w:r></w:p>'
    notes = f'<w:footnote w:id="5">{word_paragraph("note")}</w:footnote>'
    found = text_of(extract_docx, docx(refer + word_paragraph("b"), notes))
    assert found == "a\nb\nnote\n"


def paragraph(text):
    return f"<text:p>{text}</text:p>"


ODT = {
    "paragraphs and headings": (
        "<text:h>H</text:h>\n  " + paragraph("二\n  。") + "\n",
        "H\n二 。\n",
    ),
    "an empty paragraph": (paragraph("a") + "<text:p/>" + paragraph("b"), "a\n\nb\n"),
    "white space": (
        paragraph('a <text:s text:c="3"/>b<text:tab/>c<text:line-break/>d<text:s/>e'),
        "a    b\tc\nd e\n",
    ),
    "spans": (paragraph("a<text:span>b </text:span><text:a> c</text:a>"), "ab c\n"),
    "a table": (
        "<table:table>"
        + (
            f"<table:table-row><table:table-cell>{paragraph('1')}</table:table-cell>"
            f"<table:table-cell>{paragraph('2')}</table:table-cell></table:table-row>"
        )
        * 2
        + "</table:table>"
        + paragraph("b"),
        "1\t2\n1\t2\nb\n",
    ),
    "a footnote follows its paragraph": (
        paragraph(
            "a<text:note><text:note-citation>1</text:note-citation><text:note-body>"
            + paragraph("note")
            + "</text:note-body></text:note> b"
        )
        + paragraph("c"),
        "a b\nnote\nc\n",
    ),
    "what is not read": (
        "<text:tracked-changes><x>" + paragraph("old") + "</x></text:tracked-changes>"
        "loose"
        + paragraph("a<office:annotation>" + paragraph("x") + "</office:annotation>")
        + "<draw:frame><svg:title>t</svg:title></draw:frame>",
        "a\n",
    ),
    "a text box on a page": (
        "<draw:frame><draw:text-box>" + paragraph("box") + "</draw:text-box></draw:frame>",
        "box\n",
    ),
    "countless spaces": (
        paragraph('a<text:s text:c="99999999999999999999"/>b'),
        "a" + " " * office.MAX_REPEAT + "b\n",
    ),
    "a wrong number of spaces": (paragraph('a<text:s text:c="-x"/>b'), "a b\n"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("body, text", ODT.values(), ids=ODT)
def test_reads_odt(body, text):
    assert text_of(extract_odt, odt(body)) == text


def test_an_old_odt_may_name_its_dtd():
    before = '<!DOCTYPE office:document-content PUBLIC "-//OO//DTD" "office.dtd">'
    assert text_of(extract_odt, odt(paragraph("a"), before=before)) == "a\n"


EXTRACT = {"docx": extract_docx, "odt": extract_odt}
PLAIN = {
    "docx": docx(word_paragraph("a" * 3_000)),
    "odt": odt("<text:p>" + "a" * 3_000 + "</text:p>"),
}


@pytest.mark.parametrize("kind", EXTRACT)
class TestHostile:
    def refused(self, kind, data, match):
        with pytest.raises(TextError, match=match):
            text_of(EXTRACT[kind], data)

    def test_a_billion_laughs(self, kind):
        document = BOMB + "<x>&j;</x>"
        bomb = docx("", document=document) if kind == "docx" else odt("", before=BOMB)
        self.refused(kind, bomb, "declares entities of its own")

    def test_a_zip_bomb(self, kind):
        body = " " * 30_000_000
        bomb = docx(body) if kind == "docx" else odt(body)
        assert len(bomb) < 100_000
        self.refused(kind, bomb, "more than 200 times its size")

    def test_more_than_one_member_may_hold(self, kind, monkeypatch):
        monkeypatch.setattr(archive, "MAX_MEMBER", 2_000)
        self.refused(kind, PLAIN[kind], "too much for a document")

    def test_more_than_all_members_may_hold(self, kind, monkeypatch):
        monkeypatch.setattr(archive, "MAX_TOTAL", 3_010)
        self.refused(kind, PLAIN[kind], "too much for a document")

    def test_endless_nesting(self, kind):
        deep = "<x>" * 300 + "</x>" * 300
        data = docx(deep) if kind == "docx" else odt(deep)
        self.refused(kind, data, "nested too deeply, more than 256")

    def test_it_is_no_archive(self, kind):
        self.refused(kind, b"Dear diary,", "novel is damaged or not what its name says")

    def test_it_is_another_archive(self, kind):
        self.refused(kind, zipped({"a.txt": "a"}), "novel is damaged")

    def test_it_is_cut_off(self, kind):
        self.refused(kind, PLAIN[kind][:-30], "novel is damaged")

    def test_it_is_changed(self, kind):
        data = bytearray(PLAIN[kind])
        data[100:140] = bytes(40)
        self.refused(kind, bytes(data), "damaged")

    @settings(max_examples=40, deadline=None)
    @given(data=st.binary(max_size=300))
    def test_arbitrary_bytes_are_a_text_error(self, kind, data):
        for content in (data, PLAIN[kind] + data, PLAIN[kind][:200] + data):
            try:
                assert isinstance(text_of(EXTRACT[kind], content), str)
            except TextError as error:
                assert "novel" in str(error)

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def test_arbitrary_xml_in_it_gives_text_or_a_text_error(self, kind, data):
        tags = ["<w:p>", "</w:p>", "<w:tbl>", "</w:tbl>", "<w:r/>", "<w:tr/>", "<w:t>x"]
        tags += [
            "</w:t>",
            "<w:tc/>",
            "<text:p>",
            "</text:p>",
            "<text:note-body/>",
            "&",
            "<",
        ]
        body = "".join(data.draw(st.lists(st.sampled_from(tags), max_size=10)))
        try:
            assert isinstance(
                text_of(EXTRACT[kind], docx(body) if kind == "docx" else odt(body)), str
            )
        except TextError as error:
            assert "novel" in str(error)


def test_a_docx_of_too_much_xml(monkeypatch):
    monkeypatch.setattr(office, "MAX_WORD", 2_000)
    with pytest.raises(TextError, match="more than 2,000 bytes of XML"):
        text_of(extract_docx, PLAIN["docx"])


def test_a_docx_deeper_than_mammoth_can_follow():
    def nested(depth):
        inner = "<w:ins>" * depth + "<w:r><w:t>a</w:t></w:r>" + "</w:ins>" * depth
        return docx(f"<w:p>{inner}</w:p>")

    assert text_of(extract_docx, nested(40)) == "a\n"
    with pytest.raises(TextError, match=r"nested too deeply$"):
        text_of(extract_docx, nested(250))


def test_a_docx_whose_document_lies_elsewhere_is_not_followed(tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_text("<x/>")
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        f'relationships/officeDocument" Target="../../..{secret}"/></Relationships>'
    )
    with pytest.raises(TextError, match="damaged"):
        text_of(extract_docx, zipped({"_rels/.rels": relations}))


def test_without_mammoth_the_error_says_how_to_install_it(monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **more):
        if name == "mammoth":
            raise ImportError(name)
        return imported(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TextError, match="pip install mammoth, where chargen is"):
        text_of(extract_docx, PLAIN["docx"])


def test_an_encrypted_odt():
    manifest = '<manifest><encryption-data checksum="x"/></manifest>'
    with pytest.raises(TextError, match="encrypted: save a copy without a password"):
        text_of(extract_odt, odt("", manifest=manifest))


def test_a_docx_packed_in_another_way():
    data = zipped({"word/document.xml": "<x/>"}, zipfile.ZIP_LZMA)
    with pytest.raises(TextError, match="packed as no document is"):
        text_of(extract_docx, data)

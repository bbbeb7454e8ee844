"""Small files of many formats, made in code."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import unquote

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ODF = "urn:oasis:names:tc:opendocument:xmlns:"

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{of};" * 10}">'
        for of, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)
"""Ten levels of entities, each ten times the one before: a billion laughs."""


def zipped(members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            # What tells an .epub and an .odt from other archives is not compressed.
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return file.getvalue()


def docx(body: str, notes: str = "", **more: str | bytes) -> bytes:
    """Return a .docx; `more` replaces its parts: document, content_types."""
    document = (
        f'<w:document xmlns:w="{WORD}" '
        'xmlns:v="urn:schemas-microsoft-com:vml" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<w:body>{body}</w:body></w:document>"
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{RELATION}/officeDocument" '
        'Target="word/document.xml"/></Relationships>',
        "word/document.xml": more.get("document", document),
    }
    if notes:
        parts["word/footnotes.xml"] = f'<w:footnotes xmlns:w="{WORD}">{notes}</w:footnotes>'
    return zipped(parts)


def word_paragraph(text: str) -> str:
    return f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def odt(body: str, *, before: str = "", **more: str | bytes) -> bytes:
    spaces = " ".join(
        f'xmlns:{short}="{ODF}{name}:1.0"'
        for short, name in (
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("draw", "drawing"),
            ("svg", "svg-compatible"),
        )
    )
    content = (
        f'<?xml version="1.0"?>{before}<office:document-content {spaces}><office:body>'
        f"<office:text>{body}</office:text></office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": content,
            "META-INF/manifest.xml": more.get("manifest", "<manifest/>"),
        }
    )


def epub(
    chapters: dict[str, str | bytes],
    order: list[str] | None = None,
    *,
    before: str = "",
    **more: str | bytes,
) -> bytes:
    """Return an .epub of chapters by their addresses; `order` is its spine."""
    names = list(chapters)
    items = "".join(
        f'<item id="i{names.index(n)}" href="{n}" media-type="application/xhtml+xml"/>'
        for n in names
    )
    spine = "".join(f'<itemref idref="i{names.index(n)}"/>' for n in order or names)
    package = (
        f'{before}<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="cover" href="cover.png" media-type="image/png"/>'
        f'{items}</manifest><spine><itemref idref="cover"/>{spine}</spine></package>'
    )
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:'
        'xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles>'
        "</container>",
        "OEBPS/book.opf": package,
        **{f"OEBPS/{unquote(name)}": data for name, data in chapters.items()},
    }
    if "encryption" in more:
        members["META-INF/encryption.xml"] = more["encryption"]
    return zipped(members)


def pdf(*pages: str) -> bytes:
    """Return a PDF of one line a page, in Latin letters."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids "
        f"[{' '.join(f'{4 + 2 * i} 0 R' for i in range(len(pages)))}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode() if text else b""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} "
            "0 R /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(
            b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream"
        )
    file = io.BytesIO()
    file.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    size = len(objects) + 1
    file.write(b"trailer << /Root 1 0 R /Size %d >>\n" % size)
    file.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return file.getvalue()


def text_of(extract, data: bytes, name: str = "novel", **options) -> str:
    return "".join(extract(io.BytesIO(data), name, **options))

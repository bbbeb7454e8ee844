"""PDF: the text of the pages, in their order, as pypdf makes it out.

pypdf has a permissive licence, needs nothing else and bounds what a page's streams unpack
to. A PDF says where letters stand, not what a paragraph is: its lines stay lines.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from typing import BinaryIO

from chargen.errors import TextError
from chargen.text.formats.office import MISSING

MAX_PAGES = 20_000
MAX_SECONDS = 600.0  # for all pages
MAX_CHARACTERS = 500 * 10**6

_SURROGATES = re.compile("[\ud800-\udfff]")
_NOWHERE = logging.NullHandler()


def extract_pdf(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield the text of a PDF, page by page.

    Args:
        file: the PDF; it can seek.
        name: what messages call it.

    Raises:
        TextError: pypdf is not installed; or the PDF is damaged or encrypted, has no text
            or too many pages, or takes too long.
    """
    try:
        import pypdf
    except ImportError as error:
        raise TextError(MISSING.format(name=name, library="pypdf")) from error
    logging.getLogger("pypdf").addHandler(_NOWHERE)  # it tells of every small flaw
    deadline = time.monotonic() + MAX_SECONDS

    def in_time(*_: object) -> None:
        if time.monotonic() > deadline:
            raise TextError(
                f"{name} takes more than {MAX_SECONDS:g} seconds to read: {SAVE}"
            )

    found = 0
    try:
        reader = pypdf.PdfReader(file)
        # Without a password, everybody may read it; some need a library to do so.
        if reader.is_encrypted and not reader.decrypt(""):
            raise TextError(f"{name} is encrypted: save a copy without a password")
        if len(reader.pages) > MAX_PAGES:
            raise TextError(f"{name} has more than {MAX_PAGES:,} pages: {SAVE}")
        for page in reader.pages:
            in_time()
            text = page.extract_text(visitor_operand_before=in_time).strip("\n")
            found += len(text.strip())
            if found > MAX_CHARACTERS:
                raise TextError(
                    f"{name} has more than {MAX_CHARACTERS:,} characters: {SAVE}"
                )
            if text:
                yield _SURROGATES.sub("\ufffd", text) + "\n"
    except TextError:
        raise
    except pypdf.errors.DependencyError as error:
        raise TextError(f"{name} is encrypted: save a copy without a password") from error
    except Exception as error:  # a PDF can be wrong in more ways than pypdf has names for
        raise TextError(f"{name} is damaged: pypdf cannot read it ({error})") from error
    if not found:
        raise TextError(
            f"{name} has no text in it, only pictures: it may be a scan. Let a program for "
            "text recognition (OCR) read it, and train on what that writes"
        )


SAVE = "save it in parts, or as plain text in UTF-8 (.txt)"

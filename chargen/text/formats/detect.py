"""Finding out the encoding of a text by its bytes.

Byte order marks are certain, and so, nearly, is UTF-8: what is not UTF-8 hardly ever
decodes as it. Everything else is a guess by charset-normalizer, which is good at scripts
other than Latin, from some hundred bytes on: Chinese, Japanese, Korean, Cyrillic, Greek,
Hebrew, Arabic and Thai, and UTF-16 without a mark. It is bad at telling Latin encodings
apart, which share most of their letters; there the alphabets of languages decide. What
few bytes allow for several readings stays a guess: one name with an accent, a text of
signs only, or two encodings in one file. An encoding of seven bits (ISO-2022-JP, UTF-7)
counts as UTF-8. Of encodings that contain one another the largest is chosen (GB 18030 for
GB 2312 and GBK, cp932 for Shift-JIS, cp949 for EUC-KR), so that no later character is in
the way.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from chargen.errors import TextError

MAX_SAMPLE = 2**18  # bytes that a guess is based on
DAMAGED = 10  # sound characters beyond ASCII for each bad byte: UTF-8 that is damaged
GUESSED = 0.99  # how sure a guess can be
RIVAL = 0.5  # how sure one can be where another encoding fits as well

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)

CANDIDATES = (
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
    *("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "mac_cyrillic"),
    *("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "iso8859_15", "mac_roman"),
    *("cp1253", "iso8859_7", "cp1255", "cp1256", "cp874", "cp437", "cp850", "cp852"),
    *("utf_16_le", "utf_16_be"),
)
"""What charset-normalizer is let choose from: what people's files are in."""

_SIGNS = "‘’‚“”„‹›«»–—…•°§€£©·¡¿½\u00a0\u00ad"
_WESTERN = (
    "àâæçèéêëîïôœùûüÿ",
    "äöüß",
    "áéíñóúüçàèòïªº",
    "áâãàçéêíóôõúü",
    "àèéìíîòóùú",
    "åäöæøéü",
    "áðéíóúýþæö",
    "áéëïóöüèĳ",
)
_CENTRAL = (
    "áčďéěíňóřšťúůýž",
    "ąćęłńóśźż",
    "áäčďéíĺľňóôŕšťúýž",
    "áéíóöőúüű",
    "čćđšž",
    "ăâîșțşţ",
)
ALPHABETS = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "iso8859_15": _WESTERN,
    "cp1254": ("çğıiöşüâîû",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž"),
}
"""The letters beyond ASCII of languages that are written in an encoding.

Of encodings that fit equally well the first is chosen.
"""


@dataclass(frozen=True)
class Detected:
    """The encoding of a text, as far as one can tell.

    Attributes:
        encoding: Python's name of it; "utf-16" and "utf-32" stand for a mark.
        confidence: in [0, 1]; 1 for a byte order mark and for UTF-8, at most `GUESSED` for
            the rest, and at most `RIVAL` where another encoding fits as well.
    """

    encoding: str
    confidence: float


def marked(head: bytes) -> str | None:
    """Return the encoding that a byte order mark stands for."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    return None


def wide(head: bytes) -> str | None:
    """Return the encoding of a text without a mark that has 2 or 4 bytes a character.

    Spaces and line ends have their NULs on one side. The other side is not free of them:
    that of 一 is NUL, too.
    """
    for step, encoding in _WIDE:
        whole = head[: len(head) // step * step]
        top = step - 1 if encoding.endswith("le") else 0
        other = whole[step - 1 - top :: step].count(0)
        if whole[top::step].count(0) <= SIDES * other:
            continue
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(whole)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text) is None:
            return encoding
    return None


SIDES = 3  # NULs on one side for each on the other
_WIDE = ((4, "utf-32-le"), (4, "utf-32-be"), (2, "utf-16-le"), (2, "utf-16-be"))
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")


def detect_encoding(sample: bytes, *, name: str = "the text") -> Detected:
    """Find out the encoding of a text.

    Args:
        sample: how it begins; `MAX_SAMPLE` bytes of it are looked at, up to a line end.
        name: what messages call it.

    Raises:
        TextError: nothing fits.
    """
    encoding = marked(sample)
    if encoding is not None:
        return Detected(encoding, 1.0)
    sample = sample[:MAX_SAMPLE]
    encoding = wide(sample)
    if encoding is not None:
        return Detected(encoding, 1.0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError as error:
        _refuse_damaged(sample, name, error)
        return _guess(sample, name)
    return Detected("utf-8", 1.0)


def _refuse_damaged(sample: bytes, name: str, error: UnicodeDecodeError) -> None:
    tried = sample.decode("utf-8", "replace")
    bad = tried.count("\ufffd")
    if len(_NOT_ASCII.findall(tried)) - bad > DAMAGED * bad:
        raise TextError(
            f"{name} is UTF-8 with some bad bytes, the first at offset {error.start}: "
            "mend them, or take the text from where it came from again"
        )


_NOT_ASCII = re.compile("[^\x00-\x7f]")


def _guess(sample: bytes, name: str) -> Detected:
    import charset_normalizer  # slow, and few texts need it

    # A cut character would rule its encoding out. That of UTF-16 has no line end to see.
    lines, pairs = sample[: sample.rfind(b"\n") + 1], sample[: len(sample) // 2 * 2]
    for part in filter(None, (lines, pairs, sample)):
        matches = charset_normalizer.from_bytes(part, cp_isolation=list(CANDIDATES))
        best = matches.best()
        if best is not None:
            break
    if (best is None or best.encoding == "cp874") and _is_everyday_chinese(lines or sample):
        return Detected("gb18030", GUESSED)
    if best is None:
        raise TextError(
            f"{name} is in no encoding that chargen knows of, if it is a text at all: "
            "name its encoding with `encoding`"
        )
    if best.encoding in ALPHABETS:
        return _by_alphabets(sample)
    rivals = [
        match
        for match in matches
        if match.encoding != best.encoding
        and match.chaos <= best.chaos
        and match.coherence >= best.coherence
    ]
    sure = min(GUESSED, 1.0 - best.chaos) * (RIVAL if rivals else 1.0)
    return Detected(codecs.lookup(best.encoding).name, sure)


def _is_everyday_chinese(sample: bytes) -> bool:
    """Whether a sample reads as simplified Chinese, in common characters and signs.

    Short lines, as of poems, look like Thai to charset-normalizer.
    """
    try:
        beyond = _NOT_ASCII.findall(sample.decode("gb18030"))
        common = [c for c in beyond if c.encode("gb2312", "replace")[0] in COMMON]
    except UnicodeDecodeError:
        return False
    return len(common) > EVERYDAY * len(beyond)


EVERYDAY = 0.9
COMMON = frozenset((*range(0xA1, 0xAA), *range(0xB0, 0xD8)))
"""The first bytes of the signs of GB 2312, and of its 3,755 most common characters."""


def _by_alphabets(sample: bytes) -> Detected:
    """Choose among the Latin encodings; one of them decodes the sample."""
    beyond = bytes(byte for byte in sample if byte > 0x7F)
    scores = {}
    for encoding, alphabets in ALPHABETS.items():
        try:
            text = beyond.decode(encoding).lower()
        except UnicodeDecodeError:
            continue
        usual = max(sum(text.count(c) for c in set(a + _SIGNS)) for a in alphabets)
        scores[encoding] = usual / len(text)
    best = max(scores, key=lambda encoding: scores[encoding])
    return Detected(codecs.lookup(best).name, min(GUESSED, scores[best]))

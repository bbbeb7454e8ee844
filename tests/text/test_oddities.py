"""What may be wrong with a text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.text.oddities import KINDS, Finding, Oddities, findings


def found(text: str) -> dict[str, Finding]:
    oddities = Oddities()
    oddities.add(text)
    seen = Counter(re.sub("\r\n?", "\n", text))
    return {finding.kind: finding for finding in findings(seen, oddities)}


@pytest.mark.parametrize(
    ("text", "kind", "count", "examples"),
    [
        ("lost \ufffd and \ufffd", "replacement", 2, ("\ufffd",)),
        ("a\x00b\x00c\x1b", "control", 3, ("\x00", "\x1b")),
        ("\ue012", "private", 1, ("\ue012",)),
        ("\U000e0fff", "unassigned", 1, ("\U000e0fff",)),
        ("a\u200bb\ufeff\u200b", "invisible", 3, ("\u200b", "\ufeff")),
        ("a\u00adb\u2028", "invisible", 2, ("\u00ad", "\u2028")),
        ("a\u00a0b", "spaces", 1, ("\u00a0",)),
        ("one\r\ntwo\nthree\n", "newlines", 1, ("CRLF",)),
        ("one\r\ntwo\r\nthree\rfour\n", "newlines", 2, ("LF", "CR")),
        ("e\u0301te\u0301, か\u3099", "decomposed", 3, ("e\u0301", "か\u3099")),
        ("\u1112\u1161\u11ab", "decomposed", 1, ("\u1112\u1161\u11ab",)),
        ("\u0301a b \u0301", "stray-marks", 2, ("\u0301",)),
        ('“a” "b" “c”', "quotes", 2, ('"',)),
        ("it's it's it’s", "quotes", 1, ("’",)),
        ("好，好，好, ", "widths", 1, (",",)),
        ("ＡＢ A A B", "widths", 2, ("Ａ", "Ｂ")),
        ("dеar dear", "mixed-scripts", 1, ("dеar",)),
        ("мaма Ηello", "mixed-scripts", 2, ("мaма", "Ηello")),
        ("锟斤拷", "mojibake", 1, ("锟斤拷",)),
    ],
)  # fmt: skip
def test_each_kind_is_found(text, kind, count, examples):
    assert found(text)[kind] == Finding(kind, count, examples)


@pytest.mark.parametrize(
    "right", ["é", "ü", "’", "“", "春", "Привет", "😀", "…", "\ufeffa"]
)
@pytest.mark.parametrize("wrong", ["cp1252", "latin-1"])
def test_utf_8_in_another_encoding_is_mojibake(right, wrong):
    data = f"it is {right} here".encode()
    try:
        text = data.decode(wrong)
    except UnicodeDecodeError:  # cp1252 lacks five bytes
        text = "".join(
            bytes([b]).decode("cp1252" if b not in b"\x81\x8d\x8f\x90\x9d" else "latin-1")
            for b in data
        )
    (sequence, *_) = found(text)["mojibake"].examples
    assert sequence in text
    assert "mojibake" not in found(right)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain text.\n\tIndented.\n",
        "one\r\ntwo\r\n",
        "old\rmac\r",
        "« Voilà », dit-il… « l’été », « là-bas »… “À”…",
        "LIBERTÉ» – GRÖßE“ – IRMÃ” – voilà…” – l’été’” – café®",
        "Привет, iPhone и USB-кабель: Δx = α + β",
        "床前明月光，疑是地上霜。\n　　举头望明月",
        "سلام می\u200cخواهم",  # which takes a joiner
        "👨\u200d👩\u200d👧",
        "“curly” and ‘curly’",
        "x\u0304 has no character of its own",
        unicodedata.normalize("NFC", "Tiếng Việt, Ångström, 한국어, がぎぐ"),
    ],
)
def test_what_texts_are_made_of_is_not_found(text):
    kept = {kind for kind in found(text) if kind != "spaces"}
    assert kept == set()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("aé\u0301\r\n\t\x00“\"'’Ａ，Aа，Â©Ã\ufffd\ue000\u200b ")))
def test_findings_come_in_order_and_are_there(text):
    kinds = list(found(text))
    assert kinds == [kind for kind in KINDS if kind in kinds]
    for finding in found(text).values():
        assert finding.count >= len(finding.examples) > 0
        if finding.kind != "newlines":
            assert all(example in text for example in finding.examples)

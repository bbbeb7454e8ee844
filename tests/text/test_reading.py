"""Reading text files: encodings, newlines, and failures that say what to do."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text import reading as module
from chargen.text.policy import NEWLINES, NORMALIZE, TextPolicy
from chargen.text.reading import (
    TextFile,
    prepared,
    read_blocks,
    read_text,
    suggest_encoding,
)

CHINESE = {
    "a greeting": "你好",
    "a line": "床前明月光，疑是地上霜。",
    "a heading": "第1章 开始",
    "speech": "“你好。”他说，“今天天气很好……”\n",
    "with English": "Hello, 世界! Python 3 是一种编程语言。\n",
    "traditional": "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。\n",
    "a novel": "此开卷第一回也。作者自云：因曾历过一番梦幻之后，故将真事隐去。\n" * 200,
}
TAIWANESE = {
    "a tale": "從前有一座山，山裡有一座廟，廟裡有個老和尚在講故事。",
    "talk": "「他說了什麼？」國語課本與圖書館的電腦檔案，讀者們都覺得很有趣。\n",
    "mixed": "這個 program 很好用，version 2 比 version 1 快。",
}
WESTERN = {
    "a word": "café",
    "a capital": "Élève",
    "a quotation": "“Hello,” she said.",
    "a contraction": "It’s late; don’t wait.",
    "a price": "It costs € 5 – no more…",
    "French": "Où est-il allé ? À Noël, il neigeait déjà sur l'hôtel.\n",
    "guillemets": "« Ça va ? » demanda-t-elle, très émue.\n",
    "German": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n",
    "more German": "Die Größe der Füße ist süß; draußen fährt für Müller ein Zug.\n",
    "Spanish": "¡Qué año! El niño comió piñas en la montaña.\n",
    "a French novel": (
        "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, "
        "mes yeux se fermaient si vite que je n’avais pas le temps de me dire : « Je "
        "m’endors. » Et, une demi-heure après, la pensée qu’il était temps de chercher le "
        "sommeil m’éveillait.\n"
    )
    * 100,
    "a German novel": (
        "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in "
        "seinem Bett zu einem ungeheueren Ungeziefer verwandelt. Er lag auf seinem "
        "panzerartig harten Rücken und sah, wenn er den Kopf ein wenig hob, seinen "
        "gewölbten, braunen, von bogenförmigen Versteifungen geteilten Bauch.\n"
    )
    * 100,
}
JAPANESE = {
    "a greeting": "こんにちは",
    "a word": "日本語",
    "a line": "吾輩は猫である。名前はまだ無い。",
    "speech": "「何だ」と彼は言った。\n",
    "a heading": "第1章 はじまり",
    "with English": "Tokyo（東京）へ行く！\n",
    "kana": "ねこのコーヒーをください。\n",
    "a novel": "どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で"
    "ニャーニャー泣いていた事だけは記憶している。\n" * 200,
}


@pytest.fixture
def write(tmp_path):
    """Write bytes into a file and return its path."""

    def written(data, name="novel.txt"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return written


def failure(path, **options):
    with pytest.raises(TextError) as caught:
        read_text(path, **options)
    return str(caught.value)


def test_utf_8_is_the_default(write):
    text = read_text(write("Où? 中😀\n".encode()))
    assert text.characters == "Où? 中😀\n"
    assert text.encoding == "utf-8"


def test_a_text_knows_its_file(write):
    data = "Où?\r\n".encode()
    text = read_text(write(data, "a b.txt"))
    assert (text.name, text.size) == ("a b.txt", 6)
    assert text.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_a_byte_order_mark_of_utf_8_is_no_part_of_the_text(write, encoding):
    text = read_text(write(codecs.BOM_UTF8 + b"abc"), encoding=encoding)
    assert text.characters == "abc"
    assert text.encoding == "utf-8"


def test_only_one_byte_order_mark_is_taken_away(write):
    assert read_text(write("\ufeff\ufeffa\ufeff".encode())).characters == "\ufeffa\ufeff"


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_tells_utf_16_and_utf_32(write, encoding, order):
    data = "\ufeffOù? 中😀\r\n".encode(f"{encoding}-{order}")
    text = read_text(write(data))
    assert text.characters == "Où? 中😀\n"
    assert text.encoding == encoding


@pytest.mark.parametrize("order", ["le", "be"])
def test_a_mark_is_taken_away_where_the_byte_order_is_given(write, order):
    encoding = f"utf-16-{order}"
    path = write("\ufeffabc".encode(encoding))
    assert read_text(path, encoding=encoding).characters == "abc"


@pytest.mark.parametrize(
    ("encoding", "characters"),
    [
        ("gb18030", CHINESE["speech"]),
        ("big5", "春眠不覺曉"),
        ("shift_jis", JAPANESE["speech"]),
        ("euc_jp", JAPANESE["speech"]),
        ("cp1252", WESTERN["French"]),
        ("cp1251", "Я помню чудное мгновенье"),
    ],
)
def test_other_encodings_are_read_when_they_are_named(write, encoding, characters):
    text = read_text(write(characters.encode(encoding)), encoding=encoding)
    assert text.characters == characters
    assert text.encoding == encoding


@pytest.mark.parametrize("spelling", ["utf8", "UTF-8", "U8", "utf_8"])
def test_one_encoding_has_one_spelling(write, spelling):
    assert read_text(write(b"abc"), encoding=spelling).encoding == "utf-8"


def test_a_named_encoding_wins_over_what_would_be_utf_8(write):
    assert read_text(write("é".encode()), encoding="cp1252").characters == "Ã©"


def test_crlf_becomes_lf_and_nothing_else_changes(write):
    characters = read_text(write(b" a\r\nb\n\r\nc\rd\te  \r\r\n")).characters
    assert characters == " a\nb\n\nc\rd\te  \r\n"


def test_newlines_are_normalised_after_decoding(write):
    path = write("a\r\nb\u0d0a\u0a0d".encode("utf-16"))
    assert read_text(path).characters == "a\nb\u0d0a\u0a0d"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.text("ab\r", max_size=5).filter(lambda line: line[-1:] != "\r")))
def test_both_newlines_give_one_text(lines):
    prepare = TextPolicy().prepare
    assert prepare("\r\n".join(lines)) == prepare("\n".join(lines))


def test_composed_and_decomposed_letters_stay_apart(write):
    assert read_text(write("é e\u0301 ﬁ Ａ".encode())).characters == "é e\u0301 ﬁ Ａ"


def test_an_empty_file_is_an_empty_text(write):
    text = read_text(write(b""))
    assert (text.characters, text.size) == ("", 0)


def test_a_missing_file_is_named(tmp_path):
    message = failure(tmp_path / "nowhere.txt")
    assert "nowhere.txt" in message
    assert "No such file" in message


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_a_name_that_no_file_can_have(name):
    message = failure(Path(name))
    assert message.startswith("cannot read a")
    message.encode("utf-8")


def test_bytes_that_a_codec_refuses_without_details(write):
    assert "novel.txt is not PUNYCODE" in failure(write(b"a-\xff"), encoding="punycode")


def test_a_folder_is_no_text(tmp_path):
    assert str(tmp_path) in failure(tmp_path)


def test_the_name_of_a_missing_file_cannot_steer_the_terminal(tmp_path):
    message = failure(tmp_path / "red\x1b[31m.txt")
    assert "\x1b" not in message
    assert r"red\x1b[31m.txt" in message


def test_the_name_of_an_undecodable_file_cannot_steer_the_terminal(write):
    message = failure(write(b"\xff", "red\x1b[31m.txt"))
    assert "\x1b" not in message
    assert r"red\x1b[31m.txt" in message


def test_a_decoding_failure_names_file_encoding_byte_and_offset(write):
    message = failure(write(b"un caf\xe9 8", "verses.txt"))
    assert message.startswith("verses.txt is not UTF-8")
    assert "byte 0xe9 at offset 6 " in message
    assert "`encoding='cp1252'`" in message


def test_the_offset_counts_bytes_and_not_characters(write):
    assert "byte 0xff at offset 6 " in failure(write("中文".encode() + b"\xff"))


def test_a_failure_of_a_named_encoding_says_so(write):
    message = failure(write(b"ab\x80"), encoding="ascii")
    assert "is not ASCII: byte 0x80 at offset 2" in message


def test_a_failure_without_a_suggestion_asks_for_the_encoding(write):
    message = failure(write(b"\x81\xff\x81 \xff"))
    assert message.endswith("Name its encoding with `encoding`.")


def cases(examples):
    return pytest.mark.parametrize("characters", examples.values(), ids=list(examples))


@cases(CHINESE)
def test_gb18030_is_suggested_for_chinese(write, characters):
    message = failure(write(characters.encode("gb18030")))
    assert message.endswith("add `encoding='gb18030'`")


@cases(WESTERN)
def test_cp1252_is_suggested_for_western_languages(write, characters):
    message = failure(write(characters.encode("cp1252")))
    assert message.endswith("add `encoding='cp1252'`")


@cases(JAPANESE)
def test_shift_jis_is_suggested_for_japanese(write, characters):
    message = failure(write(characters.encode("shift_jis")))
    assert message.endswith("add `encoding='shift_jis'`")


@cases(TAIWANESE)
def test_big5_is_suggested_for_traditional_chinese(write, characters):
    message = failure(write(characters.encode("big5")))
    assert message.endswith("add `encoding='big5'`")


def test_utf_8_is_suggested_where_another_encoding_was_named(write):
    message = failure(write("春眠不觉晓".encode()), encoding="gb18030")
    assert message.endswith("It can be read as UTF-8: leave `encoding` out.")


def test_utf_16_without_a_mark_is_no_utf_8(write):
    message = failure(write("It was a night.\n".encode("utf-16-le")))
    assert "full of NUL" in message
    assert message.endswith("try `encoding='utf-16-le'`")
    assert read_text(write(("a" * 10 + "\0").encode())).characters == "a" * 10 + "\0"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_what_is_suggested_can_decode_the_bytes(data):
    suggestion = suggest_encoding(data)
    eastern = ("gb18030", "big5", "shift_jis", "cp932")
    known = ("cp1252", *eastern, "utf-16", "utf-32", None)
    assert suggestion in known
    if suggestion is not None:
        data.decode(suggestion)


@pytest.mark.parametrize("encoding", ["utf-9", "klingon", "", "a\0b", "\udcff", "é"])
def test_an_unknown_encoding_is_named_and_others_are_offered(write, encoding):
    message = failure(write(b"abc"), encoding=encoding)
    assert message.startswith(f"unknown encoding {encoding!r}")
    assert "gb18030" in message
    message.encode("utf-8")


@pytest.mark.parametrize("encoding", ["rot13", "hex", "base64", "zlib", "undefined"])
def test_a_codec_that_is_no_text_encoding_is_unknown(write, encoding):
    message = failure(write(b"616263"), encoding=encoding)
    assert message.startswith(f"unknown encoding {encoding!r}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("Der Hund ist größer als die Katze.\n".encode("cp1252"), "cp1252"),
        ("l’État, c’est moi.\n".encode("cp1252"), "cp1252"),
        ("créée".encode("cp1252"), "cp1252"),
        (("The cat sat on the mat.\n" * 9000 + "I don’t know.").encode("cp1252"), "cp1252"),
        ("第①章　吾輩は猫である。名前はまだ無い。\n".encode("cp932"), "cp932"),
        ("Où est-il ? ".encode() * 50 + b"\xff", None),  # damaged UTF-8
        (b"\xff\xfea", None),  # damaged UTF-16
        ("ab".encode("utf-16"), "utf-16"),
    ],
)
def test_what_is_suggested(data, expected):
    assert suggest_encoding(data) == expected


@pytest.mark.parametrize(
    ("data", "encoding"), [(b"+2AA-", "utf-7"), (b"\\ud800", "unicode_escape")]
)
def test_surrogates_are_no_text(write, data, encoding):
    assert "surrogates" in failure(write(data), encoding=encoding)


@pytest.mark.parametrize("encoding", [None, "latin-1"])
@pytest.mark.parametrize(
    ("begins", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Word"),
        (b"{\\rtf1\\ansi", ".rtf"),
    ],
)
def test_a_refused_document_is_no_text_in_any_encoding(tmp_path, begins, what, encoding):
    path = tmp_path / "letter"
    path.write_bytes(begins + b"and more")
    with pytest.raises(TextError, match=f"{what}.*save it as plain text"):
        read_text(path, encoding=encoding)


# --- blocks -----------------------------------------------------------------------------

MIXED = (
    "Où? 中文\r\n床前明月光\r「何だ」\n\r\n e\u0301\u0323 \u1112\u1161\u11ab 한 مُحَمَّد "
    "👩\u200d👩\u200d👧🏳\ufe0f\u200d🌈 ΟΔΟΣ ΑΣ'Α Σ'\r\n\ufeff𝚺ﬁＡ" * 3
)
POLICIES = [
    TextPolicy(newlines=newlines, normalize=normalize, lowercase=lowercase)
    for newlines, normalize, lowercase in itertools.product(
        NEWLINES, NORMALIZE, (False, True)
    )
]


def blocks_of(path, **options):
    return [*read_blocks(TextFile(path), **options)]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("policy", [POLICIES[i] for i in (0, 3, 9, 17)], ids=str)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]
)
def test_where_blocks_end_makes_no_difference(write, monkeypatch, encoding, policy, block):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "NULS", 1)
    found = blocks_of(write(MIXED.encode(encoding)), encoding=encoding, policy=policy)
    assert "".join(found) == policy.prepare(MIXED)
    assert len(found) > 3


@pytest.mark.parametrize("block", [1, 2, 5])
@pytest.mark.parametrize("encoding", ["shift_jis", "big5", "euc_jp", "cp949"])
def test_characters_of_several_bytes_may_lie_across_blocks(
    write, monkeypatch, encoding, block
):
    monkeypatch.setattr(module, "BLOCK", block)
    text = "日本 語\nabc 一\n" * 5
    assert "".join(blocks_of(write(text.encode(encoding)), encoding=encoding)) == text


@pytest.mark.parametrize("size", [module.BLOCK - 2, module.BLOCK - 1, module.BLOCK])
def test_blocks_of_the_usual_size(write, size):
    text = "a" * size + "中\r\né e\u0301 " * 9
    policy = TextPolicy(newlines="any", normalize="nfc")
    found = blocks_of(write(text.encode()), policy=policy)
    assert "".join(found) == policy.prepare(text)
    assert len(found) > 1


# Letters and signs that depend on others: marks, jamo, joiners, sigma and what lies
# between it and the letters that decide on it; and what a text may be cut at.
WILD = (
    "aB1\r\n \t'.:^`-!ΣσΑ𝚺\u0301\u0323\u0345\u00ad\u1112\u1161\u11ab가"
    "かガ\u3099ﾞ中한é👩\u200d\ufe0f"
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.text(WILD, max_size=12), st.text(max_size=5)), max_size=8),
    st.sampled_from(POLICIES),
)
def test_a_text_is_prepared_as_if_it_came_whole(pieces, policy):
    assert "".join(prepared(pieces, policy)) == policy.prepare("".join(pieces))


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None)
@given(st.lists(st.text(WILD, max_size=6), max_size=8), st.sampled_from(POLICIES))
def test_any_text_is_prepared_as_if_it_came_whole(pieces, policy):
    assert "".join(prepared(pieces, policy)) == policy.prepare("".join(pieces))


@pytest.mark.parametrize(
    "pieces",
    [
        ["ΑΣ", "a", "b"],
        ["ΑΣ'", "Α-", "x"],
        ["Α", "'Σ", " "],
        ["ΑΣ.", "b"],
        ["x", "'", "Σ"],
    ],
)
def test_whether_a_sigma_is_the_last_letter_is_known(pieces):
    policy = TextPolicy(lowercase=True)
    assert "".join(prepared(pieces, policy)) == policy.prepare("".join(pieces))


@pytest.mark.parametrize(
    "line", ["ACGT" * 16, "no newline ", "床前明月光", "かなカナ", "a1+/" * 16]
)
def test_a_text_of_one_endless_line_is_not_held(line):
    pieces = itertools.repeat(line * (2**12 // len(line)), 100)
    found = [*prepared(pieces, POLICIES[-1])]
    assert len(found) > 90
    assert max(map(len, found)) < 3 * 2**12


def test_a_line_without_any_place_to_cut_is_cut_at_last(monkeypatch):
    monkeypatch.setattr(module, "MOST_HELD", 1_000)
    found = [*prepared(["ééé"] * 2_000, TextPolicy())]
    assert "".join(found) == "é" * 6_000
    assert max(map(len, found)) <= 1_003


def test_each_file_has_a_byte_order_mark_of_its_own(write):
    paths = [write(codecs.BOM_UTF8 + b"abc", name) for name in ("a.txt", "b.txt")]
    assert [read_text(path).characters for path in paths] == ["abc", "abc"]


@pytest.mark.parametrize("block", [1, 3, 6, 100])
def test_only_the_first_mark_is_none_of_the_text_however_blocks_end(
    write, monkeypatch, block
):
    monkeypatch.setattr(module, "BLOCK", block)
    assert read_text(write("\ufeff\ufeffa\ufeff".encode())).characters == "\ufeffa\ufeff"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "shift_jis"])
def test_the_offset_of_a_bad_byte_counts_from_the_beginning(write, monkeypatch, encoding):
    monkeypatch.setattr(module, "BLOCK", 5)
    data = "日本語です".encode(encoding)
    message = failure(write(data * 3 + b"\xff" + data), encoding=encoding)
    assert f"byte 0xff at offset {3 * len(data)} " in message


def test_a_text_that_ends_within_a_character_is_refused(write):
    assert "at offset 3 (unexpected end of data)" in failure(write("中文".encode()[:-1]))


def test_a_text_with_a_few_nuls_is_read(write):
    text = ("x" * 99 + "\0") * 1_000
    assert read_text(write(text.encode())).characters == text


# --- what is known of a file ------------------------------------------------------------


def test_a_file_is_known_once_it_is_read(write):
    path = write("Où?\r\n中".encode("utf-16"))
    os.utime(path, ns=(5, 1_234_567_890_123_456_789))
    file = TextFile(path)
    assert "".join(read_blocks(file)) == "Où?\n中"
    assert (file.encoding, file.sureness) == ("utf-16", None)
    assert file.size == path.stat().st_size
    assert file.modified == path.stat().st_mtime_ns
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_compressed_file_is_that_of_its_own_bytes(write):
    path = write(gzip.compress(b"abc\n" * 9), "novel.txt.gz")
    text = read_text(path)
    assert text.characters == "abc\n" * 9
    assert text.size == path.stat().st_size
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_page_is_that_of_its_own_bytes(write):
    path = write("<p>café</p><!-- no more -->".encode(), "page.html")
    text = read_text(path)
    assert text.characters.strip() == "café"
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", [b"caf\xe9.txt", "ゲ.txt".encode("shift_jis")])
def test_the_name_of_a_file_need_not_be_utf_8(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    try:
        path.write_bytes(b"abc\xff")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    message = failure(path)
    assert "is not UTF-8" in message
    message.encode("utf-8")
    path.write_bytes(b"abc")
    text = read_text(path)
    assert text.characters == "abc"
    text.name.encode("utf-8")


# --- files that change ------------------------------------------------------------------


def half_read(path):
    """Begin to read a file of two blocks."""
    file = TextFile(path)
    blocks = read_blocks(file)
    next(blocks)
    return file, blocks


@pytest.fixture
def long(write):
    return write(b"a line\n" * module.BLOCK)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.open("a").write("more"),
        lambda path: os.truncate(path, 100_000),
        lambda path: os.utime(path, ns=(1, 1)),
    ],
    ids=["longer", "shorter", "another time"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_that_changes_while_it_is_read_is_refused(long, change):
    _, blocks = half_read(long)
    change(long)
    with pytest.raises(TextError, match=r"novel\.txt changed while it was read: try again"):
        list(blocks)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
@pytest.mark.parametrize("again", [False, True])
def test_a_file_that_vanishes_is_read_to_its_end(long, again):
    """What is known of it is of what was read, even if another one took its place."""
    data, modified = long.read_bytes(), long.stat().st_mtime_ns
    file, blocks = half_read(long)
    long.unlink()
    if again:
        long.write_bytes(data[::-1])
    rest = "".join(blocks)
    assert data.decode().endswith(rest)
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.modified == modified


def test_a_file_that_is_not_read_to_its_end_is_closed(long):
    _, blocks = half_read(long)
    blocks.close()
    os.truncate(long, 0)
    assert read_text(long).characters == ""


# --- encodings that are found out -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding", "found", "sure"),
    [
        ("Où est-il ?\n", "utf-8", "utf-8", 1.0),
        ("Où est-il ?\n", "utf-16", "utf-16", 1.0),
        (CHINESE["a novel"], "gb18030", "gb18030", 0.5),
        (TAIWANESE["a tale"] * 40, "big5", "big5", 0.4),
        (JAPANESE["a novel"], "cp932", "cp932", 0.4),
        (WESTERN["a French novel"], "cp1252", "cp1252", 0.9),
        ("".join(f"{n}: hello 床\r\n" for n in range(99)), "utf-16-le", "utf-16-le", 1.0),
    ],
)
def test_auto_finds_out_the_encoding_and_says_how_sure_it_is(
    write, text, encoding, found, sure
):
    file = TextFile(write(text.encode(encoding)))
    characters = "".join(read_blocks(file, encoding="auto"))
    assert characters == text.replace("\r\n", "\n")
    assert file.encoding == found
    assert sure <= file.sureness <= 1


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_what_is_not_found_out_is_as_sure_as_the_user(write, encoding):
    file = TextFile(write(b"abc"))
    "".join(read_blocks(file, encoding=encoding))
    assert file.sureness is None


def test_auto_names_the_file_that_is_damaged(write):
    path = write("Où est-il ? ".encode() * 50 + b"\xff", "hurt.txt")
    assert failure(path, encoding="auto").startswith(
        "hurt.txt is UTF-8 with some bad bytes"
    )

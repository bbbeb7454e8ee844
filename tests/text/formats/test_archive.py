"""Zip archives and XML from strangers."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from chargen.errors import TextError
from chargen.text.formats import archive
from chargen.text.formats.archive import Archive, parse_xml
from formats.made import zipped


def opened(data):
    return Archive(io.BytesIO(data), "novel")


def test_members_are_read():
    found = opened(zipped({"a": "one", "b/c": "two"}))
    assert found.members == ("a", "b/c")
    assert found.read("b/c") == b"two"


def test_a_member_that_is_not_there():
    with pytest.raises(TextError, match="novel is damaged: it has no c"):
        opened(zipped({"a": "one"})).read("c")


def test_too_many_entries(monkeypatch):
    data = zipped({f"{i}": "" for i in range(11)}, zipfile.ZIP_STORED)
    monkeypatch.setattr(archive, "MAX_ENTRIES", 11)
    assert len(opened(data).members) == 11
    monkeypatch.setattr(archive, "MAX_ENTRIES", 10)
    with pytest.raises(TextError, match="has 11 entries, more than any document"):
        opened(data)


def test_an_absurd_number_of_entries_is_refused_before_they_are_read():
    """The end of the archive says that there is one; zipfile reads all that there are."""
    data = zipped({"a": ""}, zipfile.ZIP_STORED)
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entries = data[start:end] * 100_000
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entries), start, 0)
    with pytest.raises(TextError, match=r"lists more entries .*4,700,000 bytes"):
        opened(data[:start] + entries + tail)


def test_an_entry_that_lies_about_its_size_yields_no_more_than_it_says():
    data = bytearray(zipped({"a": "x" * 5_000}))
    for place in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[place : place + 4] = struct.pack("<L", 10)
    with pytest.raises(TextError, match="damaged"):
        opened(bytes(data)).read("a")


def test_an_encrypted_member():
    data = bytearray(zipped({"a": "x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(TextError, match="encrypted: save a copy without a password"):
        opened(bytes(data)).read("a")


def test_small_members_may_be_packed_as_they_like():
    blank = " " * archive.UNSUSPICIOUS
    assert opened(zipped({"a": blank})).read("a") == blank.encode()
    with pytest.raises(TextError, match="200 times"):
        opened(zipped({"a": blank + " "})).read("a")


def parsed(data, **calls):
    for _ in parse_xml(io.BytesIO(data), "novel", **calls):
        pass


def test_elements_and_characters_are_found():
    found = []
    parsed(
        b'<a xmlns="u" b="c">1 &lt;<d/></a>',
        start=lambda name, attributes: found.append((name, attributes)),
        end=found.append,
        text=found.append,
    )
    assert found == [("u a", {"b": "c"}), "1 <", ("u d", {}), "u d", "u a"]


@pytest.mark.parametrize("block", [1, 100])
def test_blocks_do_not_matter(block, monkeypatch):
    monkeypatch.setattr(archive, "BLOCK", block)
    found = []
    parsed("<a>漢字&#233;</a>".encode(), text=found.append)
    assert "".join(found) == "漢字é"


def test_a_huge_tag_is_refused_and_huge_text_is_not(monkeypatch):
    monkeypatch.setattr(archive, "MAX_TOKEN", 10**5)
    sizes = []
    parsed(b"<a>" + b"x " * 10**6 + b"</a>", text=lambda text: sizes.append(len(text)))
    assert sum(sizes) == 2 * 10**6
    with pytest.raises(TextError, match="a tag of more than 100,000 bytes"):
        parsed(b"<a b='" + b"x " * 10**6 + b"'/>")


@pytest.mark.parametrize("data", [b"", b"<a>", b"<a></b>", b"<a>&b;</a>", b"\xff\xfe\x00"])
def test_what_is_no_xml(data):
    with pytest.raises(TextError, match="novel is damaged"):
        parsed(data)


@pytest.mark.parametrize("subset", ["<!ENTITY a 'b'>", "<!ENTITY % a SYSTEM 'b'>", ""])
def test_a_dtd_of_its_own_is_refused(subset):
    with pytest.raises(TextError, match="declares entities of its own"):
        parsed(f"<!DOCTYPE a [ {subset} ]><a/>".encode())


def test_an_external_entity_is_not_read(tmp_path):
    (tmp_path / "a.dtd").write_text("<!ENTITY b 'secret'>")
    found = []
    dtd = (tmp_path / "a.dtd").as_uri()
    parsed(f"<!DOCTYPE a SYSTEM '{dtd}'><a>x&b;</a>".encode(), text=found.append)
    assert found == ["x"]

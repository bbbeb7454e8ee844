"""The file of an edited text: opened, saved, protected, rescued."""

from __future__ import annotations

import os

import pytest

from chargen.cli.manuscript import Manuscript
from chargen.errors import TextError

posix = pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")


def test_a_file_that_is_not_there_is_an_empty_text(tmp_path):
    found = Manuscript(tmp_path / "poem.txt")
    assert found.saved == "" and not (tmp_path / "poem.txt").exists()
    assert Manuscript().saved == "" and Manuscript().path is None


def test_what_is_saved_is_read_again(tmp_path):
    path, text = tmp_path / "poem.txt", "春夜\n\tá “”\r\x1b\n\n"
    found = Manuscript(path)
    found.save(text, path)
    assert found.saved == text == Manuscript(path).saved
    assert path.read_bytes() == text.encode()
    assert [p.name for p in tmp_path.iterdir()] == ["poem.txt"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\r\nb\n", "a\r\nb\n"),  # mixed line ends stay as they are
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"\xef\xbb\xbfa\r\n", "a\n"),
        (b"", ""),
    ],
)
def test_line_ends_and_a_byte_order_mark_stay_what_they_are(tmp_path, data, text):
    path = tmp_path / "poem.txt"
    path.write_bytes(data)
    found = Manuscript(path)
    assert found.saved == text
    found.save(found.saved, path)
    assert path.read_bytes() == data


def test_bytes_of_a_terminal_that_are_not_utf_8_come_out_again(tmp_path):
    Manuscript().save("a\udcff", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"a\xff"


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    with pytest.raises(TextError, match=r"latin is not UTF-8: save it as UTF-8 first"):
        Manuscript(tmp_path / "latin")
    with pytest.raises(TextError, match="is not a regular file"):
        Manuscript(tmp_path)


@posix
def test_a_device_is_neither_opened_nor_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TextError, match="is not a regular file"):
        Manuscript(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a regular file"):
        Manuscript().save("a", tmp_path / "pipe")
    assert not (tmp_path / "pipe").is_file()


@posix
def test_a_link_and_a_mode_stay_what_they_are(tmp_path):
    (tmp_path / "real").write_text("a")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    found = Manuscript(tmp_path / "link")
    found.save("b", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "b"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600
    assert found.rescue("c").stat().st_mode & 0o777 == 0o600


def test_only_what_it_comes_from_is_replaced_without_asking(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text("a")
    other.write_text("b")
    found = Manuscript(mine)
    assert not found.would_lose(mine) and not found.would_lose(tmp_path / "new")
    assert found.would_lose(other)
    mine.write_text("changed by somebody else")
    assert found.would_lose(mine)
    found.save("c", mine)
    assert not found.would_lose(mine)
    assert Manuscript(tmp_path / "new").would_lose(tmp_path / "new") is False
    late = Manuscript(tmp_path / "late")
    (tmp_path / "late").write_text("made meanwhile")
    assert late.would_lose(tmp_path / "late")


def test_a_failure_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text("a")
    found = Manuscript(path)
    with pytest.raises(UnicodeEncodeError):
        found.save("\ud800", path)
    with pytest.raises(FileNotFoundError):
        found.save("b", tmp_path / "nowhere" / "poem.txt")
    assert (path.read_text(), found.path, found.saved) == ("a", path, "a")


# --- what is rescued ---------------------------------------------------------------------


def test_it_is_rescued_beside_the_file_and_removed_once_it_is_saved(tmp_path):
    found = Manuscript(tmp_path / "poem.txt")
    assert found.earlier() is None
    assert found.rescue("a") == found.rescue("ab") == tmp_path / "poem.txt.rescued"
    assert found.rescued.read_text() == "ab"
    assert Manuscript(tmp_path / "poem.txt").earlier() == tmp_path / "poem.txt.rescued"
    found.save("ab", tmp_path / "poem.txt")
    assert found.rescued is None
    assert [p.name for p in tmp_path.iterdir()] == ["poem.txt"]


def test_what_was_rescued_before_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Manuscript().rescue(str(number))
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    names = ["chargen-write.rescued", "chargen-write.rescued-2", "chargen-write.rescued-3"]
    assert found == dict(zip(names, "012", strict=True))


def test_it_is_rescued_to_the_home_folder_where_there_is_no_place_beside(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    found = Manuscript(tmp_path / "gone" / "poem.txt")
    assert found.rescue("a") == tmp_path / "poem.txt.rescued"
    monkeypatch.setenv("HOME", str(tmp_path / "gone"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "gone"))
    with pytest.raises(OSError):
        Manuscript(tmp_path / "gone" / "poem.txt").rescue("b")
    assert (tmp_path / "poem.txt.rescued").read_text() == "a"


def test_a_file_with_a_long_name_can_be_rescued(tmp_path):
    path = tmp_path / ("海" * 80 + ".txt")  # 244 bytes of the 255 that a name may have
    found = Manuscript(path)
    found.save("saved", path)
    rescued = found.rescue("not saved")
    assert rescued.parent == tmp_path and rescued.read_text("utf-8") == "not saved"
    assert rescued.name.startswith("海" * 60)

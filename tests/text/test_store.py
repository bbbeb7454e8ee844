"""Texts that are kept on the disk: used again, or not, and never half."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chargen.errors import TextError
from chargen.system.files import TEMPORARY
from chargen.text import encoded as encoding
from chargen.text import ingest, store
from chargen.text.ingest import encode
from chargen.text.policy import Reading
from chargen.text.sources import find_inputs
from chargen.text.store import (
    ABOUT,
    CODES,
    ITEMS,
    clear,
    default_cache,
    key_of,
    new_store,
    open_store,
    publish,
    stored,
    texts_in,
)

TEXT = "".join(f"line {n}, é中{chr(0x4E00 + n)}\n" for n in range(300))
CACHE = Path("cache")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a text that is large enough to be kept."""
    monkeypatch.chdir(tmp_path)
    for place in (ingest, encoding):
        monkeypatch.setattr(place, "IN_MEMORY", 10)
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def files():
    """Codes that are read from the disk; they are closed in the end."""
    with contextlib.ExitStack() as opened:

        def read(*names, **options):
            text = encode(find_inputs(names or ["a.txt"]), Reading(**options), CACHE)
            opened.callback(text.codes.close)
            return text

        yield read


@pytest.fixture
def reads(monkeypatch):
    """How often each file is read."""
    found = []

    def spy(file, **options):
        found.append(file.path.name)
        return original(file, **options)

    original = ingest.read_blocks
    monkeypatch.setattr(ingest, "read_blocks", spy)
    return found


def whole(text):
    return text.text(0, len(text))


def folders():
    """What lies in the cache, by name."""
    return sorted(path.name for path in texts_in(CACHE).iterdir())


def only_store():
    (name,) = folders()
    return texts_in(CACHE) / name


# --- used again -------------------------------------------------------------------------


def test_a_store_is_used_again(files, reads):
    one = files()
    assert sorted(path.name for path in only_store().iterdir()) == [CODES, ITEMS, ABOUT]
    other = files()
    assert reads == ["a.txt"]
    assert whole(one) == whole(other) == TEXT
    assert dataclasses.replace(one, codes=None, counts=None, starts=None, hashes=None) == (
        dataclasses.replace(other, codes=None, counts=None, starts=None, hashes=None)
    )
    assert one.counts.tolist() == other.counts.tolist()


def test_a_text_is_found_from_another_folder(files, reads, folder, monkeypatch):
    files()
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    found = encode(find_inputs(["../a.txt"]), Reading(), folder / "cache")
    assert whole(found) == TEXT
    assert found.files[0].path == str(folder / "a.txt")
    found.codes.close()
    assert reads == ["a.txt"]


def test_another_order_is_another_text(files, reads):
    Path("b.txt").write_text(TEXT[::-1], encoding="utf-8")
    one, other = files("a.txt", "b.txt"), files("b.txt", "a.txt")
    assert whole(one) != whole(other)
    assert len(folders()) == 2


def test_keys_tell_files_and_readings_apart():
    keys = [
        key_of([Path("a"), Path("b")], {"x": 1}),
        key_of([Path("b"), Path("a")], {"x": 1}),
        key_of([Path("a")], {"x": 1}),
        key_of([Path("a"), Path("b")], {"x": 2}),
        key_of([Path(os.fsdecode(b"\xff"))], {"x": 1}),
        key_of([Path(os.fsdecode(b"\xfe"))], {"x": 1}),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of([Path("./a").absolute(), Path("b")], {"x": 1}) == keys[0]


@pytest.mark.parametrize("name", [b"caf\xe9.txt", "\u202e\x1b[2J.txt".encode()])
def test_any_name_can_be_kept(files, reads, name):
    path = Path(os.fsdecode(name))
    try:
        path.write_text(TEXT, encoding="utf-8")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    one, other = files(str(path)), files(str(path))
    assert len(reads) == 1
    assert whole(one) == whole(other) == TEXT
    assert one.files == other.files
    ((shown,),) = [each.names for each in stored(CACHE)]
    assert shown.isprintable() and shown.encode("utf-8")


def test_nothing_is_stored_that_says_where_a_file_was(files, folder):
    files()
    assert str(folder) not in (only_store() / ABOUT).read_text("utf-8")


# --- files that change ------------------------------------------------------------------


def test_a_file_with_another_time_is_read_for_its_hash_alone(files, reads):
    one = files()
    os.utime("a.txt", ns=(1, 1))
    other = files()
    assert reads == ["a.txt"]
    assert other.files[0] == dataclasses.replace(one.files[0], modified=1)
    assert whole(other) == TEXT


def test_the_new_time_is_noted(files, monkeypatch):
    files()
    os.utime("a.txt", ns=(1, 1))
    files()
    monkeypatch.setattr(store.hashlib, "file_digest", None)  # no hash is needed any more
    assert files().files[0].modified == 1


@pytest.mark.parametrize("same_time", [False, True])
def test_another_content_is_read_anew(files, reads, same_time):
    status = os.stat("a.txt")
    files()
    Path("a.txt").write_text(TEXT + "more", encoding="utf-8")
    if same_time:
        os.utime("a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert whole(files()) == TEXT + "more"
    assert whole(files()) == TEXT + "more"
    assert reads == ["a.txt", "a.txt"]
    assert len(folders()) == 1


def test_another_content_of_the_same_size_is_read_anew(files, reads):
    files()
    Path("a.txt").write_text(TEXT.replace("line", "LINE"), encoding="utf-8")
    os.utime("a.txt", ns=(1, 1))
    assert whole(files()) == TEXT.replace("line", "LINE")
    assert reads == ["a.txt", "a.txt"]


def test_a_file_replaced_while_it_is_read_is_read_anew(files, monkeypatch):
    """What is recorded is of the file that was read, not of the one in its place."""
    original, replaced = ingest.read_blocks, []

    def replacing(file, **options):
        yield from original(file, **options)
        if not replaced:
            Path("b.txt").write_text(TEXT.replace("line", "LINE"), encoding="utf-8")
            os.utime("b.txt", ns=(7, 7))
            os.replace("b.txt", "a.txt")
            replaced.append(True)

    monkeypatch.setattr(ingest, "read_blocks", replacing)
    assert whole(files()) == TEXT
    assert whole(files()) == TEXT.replace("line", "LINE")


def test_one_changed_file_of_many_is_enough(files, reads):
    for n in range(5):
        Path(f"{n}.txt").write_text(TEXT, encoding="utf-8")
    names = [f"{n}.txt" for n in range(5)]
    files(*names)
    Path("3.txt").write_text("other", encoding="utf-8")
    assert whole(files(*names)) == TEXT * 3 + "other\n" + TEXT
    assert len(reads) == 10


def test_a_file_that_is_gone_is_missed(files):
    files()
    os.remove("a.txt")
    with pytest.raises(TextError, match=r"a\.txt"):
        encode(
            [dataclasses.replace(find_inputs(["minerals"])[0], files=(Path("a.txt"),))],
            Reading(),
            CACHE,
        )


# --- damage -----------------------------------------------------------------------------


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def damages():
    for name in (CODES, ITEMS, ABOUT):
        yield f"{name} is missing", lambda folder, name=name: (folder / name).unlink()
        yield f"{name} is empty", lambda folder, name=name: (folder / name).write_bytes(b"")
        yield (
            f"{name} is cut off",
            lambda folder, name=name: os.truncate(
                folder / name, max(0, (folder / name).stat().st_size - 8)
            ),
        )
        yield (
            f"{name} is too long",
            lambda folder, name=name: (folder / name).write_bytes(
                (folder / name).read_bytes() + b"\0" * 8
            ),
        )
    for data in (b"[]", b"{}", b"null", b'"a"', b"{", b"\xff", b"[" * 100_000):
        yield (
            f"{ABOUT} is {data[:4]!r}",
            lambda folder, data=data: (folder / ABOUT).write_bytes(data),
        )


DAMAGES = dict(damages())


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("documents", ["none", "lines"])
def test_a_damaged_store_is_not_used_and_mended(files, reads, damage, documents):
    expected = whole(files(documents=documents))
    damage(only_store())
    again = files(documents=documents)
    assert whole(again) == expected
    files(documents=documents)
    assert len(reads) in (1, 2)
    assert len(folders()) == 1


def test_any_flipped_bit_is_noticed(files, reads):
    files(documents="lines")
    folder = only_store()
    for name in (CODES, ITEMS, ABOUT):
        size = (folder / name).stat().st_size
        for place in range(0, size, max(1, size // 40)):
            flip(folder / name, place)
            key = folder.name
            assert open_store(CACHE, key, [Path("a.txt")]) is None, (name, place)
            flip(folder / name, place)
    found = open_store(CACHE, folder.name, [Path("a.txt")])
    assert found is not None
    found.codes.close()


def test_the_store_of_another_text_is_not_used(files, reads):
    Path("b.txt").write_text(TEXT[::-1], encoding="utf-8")
    files("a.txt")
    mine = only_store()
    files("b.txt")
    (other,) = set(folders()) - {mine.name}
    shutil.rmtree(mine)
    shutil.copytree(texts_in(CACHE) / other, mine)
    assert whole(files("a.txt")) == TEXT
    assert reads == ["a.txt", "b.txt", "a.txt"]


def test_the_store_of_more_files_is_not_used(files):
    files()
    assert open_store(CACHE, only_store().name, [Path("a.txt"), Path("a.txt")]) is None


def test_a_store_of_another_version_is_not_used(files, reads, monkeypatch):
    files()
    monkeypatch.setattr(store, "VERSION", 2)
    about = json.loads((only_store() / ABOUT).read_text("utf-8"))
    assert about["version"] == 1
    assert open_store(CACHE, only_store().name, [Path("a.txt")]) is None


def test_a_text_in_memory_is_not_published(tmp_path):
    with pytest.raises(ValueError, match="in memory"):
        publish(tmp_path, CACHE, "0", encoding.encode_text("ab"))


# --- several at once --------------------------------------------------------------------


def test_two_that_write_at_once_both_have_the_text(files):
    """Whoever is slower keeps its own copy as long as it lives."""
    text = files()
    key = only_store().name
    shutil.rmtree(texts_in(CACHE))
    found = []
    with contextlib.ExitStack() as both:
        for _ in range(2):
            temporary = both.enter_context(new_store(CACHE, key))
            codes = both.enter_context(store.open_codes(temporary))
            codes.write(text.read(0, len(text)).tobytes())
            codes.flush()
            found.append((temporary, dataclasses.replace(text, codes=codes)))
        assert found[0][0] != found[1][0]
        published = [publish(temporary, CACHE, key, each) for temporary, each in found]
        for each in published:
            assert whole(each) == TEXT
    assert folders() == [key]
    again = open_store(CACHE, key, [Path("a.txt")])
    assert whole(again) == TEXT
    again.codes.close()


def test_one_that_is_overtaken_has_its_text(files, monkeypatch):
    """Another process puts its store there between the removal and the renaming."""
    text = files()
    key, rename = only_store().name, os.rename
    elsewhere = Path("elsewhere")
    shutil.copytree(only_store(), elsewhere)

    def overtaken(one, other):
        if Path(other).name == key:
            shutil.copytree(elsewhere, other)
        rename(one, other)

    monkeypatch.setattr(os, "rename", overtaken)
    with new_store(CACHE, key) as temporary:
        codes = store.open_codes(temporary)
        codes.write(text.read(0, len(text)).tobytes())
        codes.flush()
        mine = publish(temporary, CACHE, key, dataclasses.replace(text, codes=codes))
    assert whole(mine) == TEXT
    mine.codes.close()
    assert folders() == [key]


def _read_in_another_process(barrier, results):
    for place in (ingest, encoding):
        place.IN_MEMORY = 10
    barrier.wait()
    for _ in range(5):
        text = encode(find_inputs(["a.txt"]), Reading(), CACHE)
        results.put(whole(text) == TEXT)
        text.codes.close()
        clear(CACHE)


@pytest.mark.slow
def test_processes_that_write_read_and_clear_at_once():
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_read_in_another_process, args=(barrier, results))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in range(20)]
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert found == [True] * 20
    assert folders() == []


# --- what cannot be written, and what is left -------------------------------------------


def test_a_cache_that_cannot_be_written_is_named(files):
    CACHE.write_text("a file")
    with pytest.raises(
        TextError, match=r"cannot keep the text in cache.*`cache`.*"
    ) as error:
        files()
    assert "`no_cache=True`" in str(error.value)
    assert CACHE.read_text() == "a file"


def test_a_disk_that_is_full_is_said(files, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ingest, "open_codes", full)
    with pytest.raises(TextError, match=r"No space left on device.*`no_cache=True`"):
        files()
    assert folders() == []


def test_a_text_that_cannot_be_decoded_leaves_nothing_behind(files):
    Path("a.txt").write_bytes(TEXT.encode() * 200 + b"\xff")
    with pytest.raises(TextError, match="is not UTF-8"):
        files()
    assert folders() == []


def test_a_store_that_cannot_be_completed_can_be_used_once(files, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_sealed", full)
    assert whole(files()) == TEXT
    assert folders() == []


KILLED = """
import os
from pathlib import Path
from chargen.text import encoded, ingest
from chargen.text.ingest import encode
from chargen.text.policy import Reading
from chargen.text.sources import find_inputs
ingest.IN_MEMORY = encoded.IN_MEMORY = 10
ingest.publish = lambda *_: os._exit(9)
encode(find_inputs(["a.txt"]), Reading(), Path("cache"))
"""


def test_what_a_killed_process_leaves_is_removed_later(files):
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode == 9
    (left,) = folders()
    assert left.startswith(TEMPORARY)
    assert whole(files()) == TEXT
    assert left in folders()  # a moment ago, it was being written
    for path in (texts_in(CACHE) / left, *(texts_in(CACHE) / left).iterdir()):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    Path("b.txt").write_text(TEXT, encoding="utf-8")
    files("b.txt")
    assert left not in folders()
    assert len(folders()) == 2


def test_clearing_removes_what_a_killed_process_left():
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode == 9
    (left,) = stored(CACHE)
    assert left.names == ()
    assert left.size > 0
    assert clear(CACHE) == left.size
    assert folders() == []


# --- looking at them, and removing them -------------------------------------------------


def test_what_is_stored_is_shown(files):
    Path("b.txt").write_text("other text", encoding="utf-8")
    files()
    files("a.txt", "b.txt")
    found = sorted(stored(CACHE), key=lambda each: each.names)
    assert [each.names for each in found] == [("a.txt",), ("a.txt", "b.txt")]
    for each in found:
        assert each.size == sum(path.stat().st_size for path in each.folder.iterdir())
        assert each.folder.parent == texts_in(CACHE)


def test_nothing_is_stored_in_a_folder_that_is_not_there():
    assert stored(CACHE) == []
    assert clear(CACHE) == 0
    assert not CACHE.exists()


def test_a_damaged_store_is_shown_without_names(files):
    files()
    (only_store() / ABOUT).write_text("{}")
    (found,) = stored(CACHE)
    assert found.names == ()


def test_a_stray_file_is_no_store(files):
    files()
    (texts_in(CACHE) / "note.txt").write_text("mine")
    assert len(stored(CACHE)) == 1
    clear(CACHE)
    assert folders() == ["note.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_text_can_be_read_on_when_the_cache_is_cleared(files):
    written, read = files(), files()
    size = sum(path.stat().st_size for path in only_store().iterdir())
    assert clear(CACHE) == size
    assert folders() == []
    assert whole(written) == whole(read) == TEXT


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_text_can_be_written_on_when_the_cache_is_cleared(files, monkeypatch):
    def cleared(*arguments):
        clear(CACHE)
        return publish(*arguments)

    monkeypatch.setattr(ingest, "publish", cleared)
    assert whole(files()) == TEXT
    assert folders() == []


def test_the_cache_is_where_the_system_has_such_folders(cache_folder):
    if sys.platform == "linux":
        assert default_cache() == cache_folder / "chargen"
    assert default_cache().is_absolute()

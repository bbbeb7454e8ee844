"""The hashes of items that a run keeps: written whole, read strictly."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import CheckpointError
from chargen.runs import items
from chargen.runs.items import ITEMS, has_items, read_items, write_items

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(HASHES)
def test_what_is_written_is_read_sorted_and_once(tmp_path_factory, hashes):
    folder = tmp_path_factory.mktemp("run")
    write_items(folder, np.array(hashes, np.uint64))
    found = read_items(folder)
    assert found.dtype == np.uint64
    assert found.tolist() == sorted(set(hashes))
    assert [path.name for path in folder.iterdir()] == [ITEMS]


def test_the_file_is_little_endian(tmp_path):
    write_items(tmp_path, np.array([258, 1], np.uint64))
    expected = b"\1\0\0\0\0\0\0\0" + b"\2\1\0\0\0\0\0\0"
    assert (tmp_path / ITEMS).read_bytes() == expected


def test_a_run_has_items_or_not(tmp_path):
    assert not has_items(tmp_path)
    write_items(tmp_path, np.zeros(0, np.uint64))
    assert has_items(tmp_path)


def test_items_replace_those_that_are_there(tmp_path, monkeypatch):
    write_items(tmp_path, np.array([1, 2], np.uint64))
    write_items(tmp_path, np.array([3], np.uint64))
    assert read_items(tmp_path).tolist() == [3]

    def fail(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CheckpointError, match=r"cannot write .*items\.u64: No space"):
        write_items(tmp_path, np.array([4], np.uint64))
    assert read_items(tmp_path).tolist() == [3]
    assert [path.name for path in tmp_path.iterdir()] == [ITEMS]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(7), "not a multiple of 8"),
        (bytes(17), "not a multiple of 8"),
        (b"\2" + bytes(7) + b"\1" + bytes(7), "not in ascending order"),
        (bytes(16), "not in ascending order"),
        (b"\xff" * 8 + bytes(8), "not in ascending order"),
    ],
)
def test_a_damaged_file_is_refused(data, message, tmp_path):
    (tmp_path / ITEMS).write_bytes(data)
    with pytest.raises(CheckpointError, match=message):
        read_items(tmp_path)


def test_what_is_no_file_of_the_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot read"):
        read_items(tmp_path)
    (tmp_path / ITEMS).mkdir()
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_items(tmp_path)
    (tmp_path / ITEMS).rmdir()
    other = Path(tmp_path / "other")
    other.write_bytes(bytes(8))
    (tmp_path / ITEMS).symlink_to(other)
    with pytest.raises(CheckpointError, match="is a link"):
        read_items(tmp_path)


def test_too_many_items_are_neither_written_nor_read(tmp_path, monkeypatch):
    monkeypatch.setattr(items, "MAX_ITEMS", 3)
    write_items(tmp_path, np.array([1, 2, 3, 3], np.uint64))
    assert len(read_items(tmp_path)) == 3
    with pytest.raises(CheckpointError, match=r"4 items .* leave out `remember_items`"):
        write_items(tmp_path, np.arange(4, dtype=np.uint64))
    (tmp_path / ITEMS).write_bytes(np.arange(4, dtype="<u8").tobytes())
    with pytest.raises(CheckpointError, match="more than the 24 allowed"):
        read_items(tmp_path)

"""Compressed files: what is in them, with bounded memory, and what is wrong with them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import compressed
from chargen.text.formats.compressed import compressed_as, unpack
from chargen.text.formats.refused import RefusedError

PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
TEXT = "床前明月光，疑是地上霜。\n".encode() * 5_000


def unpacked(data, suffix, name="novel.txt"):
    return unpack(io.BytesIO(data), name + suffix, suffix).read()


@pytest.mark.parametrize("suffix", PACK)
class TestEach:
    def test_what_was_packed_comes_out(self, suffix):
        packed = PACK[suffix](TEXT)
        assert compressed_as(packed) == suffix
        assert unpacked(packed, suffix) == TEXT

    def test_an_empty_text(self, suffix):
        assert unpacked(PACK[suffix](b""), suffix) == b""

    def test_parts_that_follow_one_another_are_one(self, suffix):
        pack = PACK[suffix]
        assert unpacked(pack(b"one ") + pack(b"") + pack(b"two"), suffix) == b"one two"

    def test_nuls_between_and_after_parts_are_passed_over(self, suffix):
        pack, filler = PACK[suffix], b"\0" * 70_000
        data = pack(b"one ") + filler + pack(b"two") + filler
        assert unpacked(data, suffix) == b"one two"

    @pytest.mark.parametrize("kept", [1, 20, -9, -1])
    def test_a_truncated_file_is_an_error(self, suffix, kept):
        with pytest.raises(TextError, match=r"novel.txt.* is (cut off|damaged)"):
            unpacked(PACK[suffix](TEXT)[:kept], suffix)

    def test_garbage_after_the_end_is_an_error(self, suffix):
        with pytest.raises(TextError, match="something else follows"):
            unpacked(PACK[suffix](TEXT) + b"what is this?", suffix)

    def test_a_changed_byte_is_an_error(self, suffix):
        data = bytearray(PACK[suffix](TEXT))
        data[len(data) // 2] ^= 0xFF
        with pytest.raises(TextError, match="damaged"):
            unpacked(bytes(data), suffix)

    def test_nothing_at_all_is_cut_off(self, suffix):
        with pytest.raises(TextError, match="cut off"):
            unpacked(b"", suffix)

    @given(data=st.binary(max_size=200), real=st.booleans())
    def test_arbitrary_bytes_give_bytes_or_a_text_error(self, suffix, data, real):
        try:
            assert unpacked(PACK[suffix](data) if real else data, suffix) == data
        except TextError:
            assert not real

    def test_memory_is_bounded(self, suffix):
        packed = PACK[suffix](bytes(range(256)) * 80_000)  # 20 MB
        tracemalloc.start()
        size = 0
        with unpack(io.BytesIO(packed), "novel", suffix) as file:
            while block := file.read(2**16):
                size += len(block)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size == 256 * 80_000
        assert peak < 10**7  # the window of .xz alone is 8 MB

    def test_a_suspicious_ratio_is_refused(self, suffix, monkeypatch):
        monkeypatch.setattr(compressed, "UNSUSPICIOUS", 10**6)
        monkeypatch.setattr(compressed, "MAX_RATIO", 100)
        packed = PACK[suffix](b"\n" * 2 * 10**6)
        with pytest.raises(TextError, match="more than 100 times its size"):
            unpacked(packed, suffix)
        assert unpacked(PACK[suffix](b"\n" * 10**6), suffix) == b"\n" * 10**6


def test_the_limits_let_a_corpus_through():
    assert compressed.MAX_RATIO == 1_000
    assert compressed.UNSUSPICIOUS == 100_000_000


def test_xz_may_not_ask_for_endless_memory(monkeypatch):
    packed = lzma.compress(TEXT, preset=6)
    monkeypatch.setattr(compressed, "MAX_WINDOW", 2**20)
    with pytest.raises(TextError, match=r"(?i)memory"):
        unpacked(packed, ".xz")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it has zstd")
def test_zst_says_how_to_unpack_it():
    with pytest.raises(RefusedError, match=r"Python 3.14.*zstd -d novel.txt.zst"):
        unpacked(b"\x28\xb5\x2f\xfd", ".zst")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="it has no zstd")
def test_zst():
    from compression import zstd

    assert unpacked(zstd.compress(TEXT) * 2, ".zst") == TEXT * 2


def test_a_text_may_begin_like_a_bz2():
    assert compressed_as(b"BZh is a name") is None

"""The ZLIB layer: round trips, both libraries, and bodies made to do harm."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zlib_ng import zlib_ng

from coronapas.errors import DecodeError
from coronapas.hcert import _compression as compression

if TYPE_CHECKING:
    from types import ModuleType


def bomb(megabytes: int) -> bytes:
    """A stream that inflates to so many mebibytes of zeros: one block, written again and again."""
    encoder = zlib.compressobj(9, wbits=-15)
    block = encoder.compress(bytes(1 << 20)) + encoder.flush(zlib.Z_FULL_FLUSH)
    checksum = ((megabytes << 20) % 65521) << 16 | 1  # Adler-32 (RFC 1950) of zeros
    return b"\x78\xda" + megabytes * block + b"\x03\x00" + checksum.to_bytes(4, "big")


def test_the_bomb_is_a_whole_stream() -> None:
    assert zlib.decompress(bomb(3)) == bytes(3 << 20)


@given(st.binary(max_size=2000))
def test_inflating_undoes_compressing(data: bytes) -> None:
    assert compression.inflate(compression.compress(data)) == data


@given(st.binary(max_size=900), st.binary(max_size=300), st.integers(-5, 1300))
def test_a_block_of_its_own_changes_nothing_for_the_reader(
    text: bytes, tail: bytes, span: int
) -> None:
    for length in (len(tail), span):
        stream = compression.compress(text + tail, random_tail=length)
        assert zlib.decompress(stream) == zlib_ng.decompress(stream) == text + tail
        assert compression.inflate(stream) == text + tail


@pytest.mark.parametrize("library", [zlib, zlib_ng])
def test_the_tail_may_begin_at_any_bit(
    library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "_zlib", library)
    tail = bytes(range(256))
    # Characters of eight and of nine bits in the fixed table end at every bit of a byte; long texts
    # have tables of their own, several blocks, or matches out of a small window's reach.
    short = [bytes(nine * [0xFF]) + bytes(eight) for nine in range(9) for eight in range(3)]
    long = [bytes(range(256)) * times + bytes(times) for times in (9, 70, 300)]
    for text in (*short[1:], *long, *(str(number).encode() * 40 for number in range(90))):
        stream = compression.compress(text + tail, random_tail=len(tail))
        assert zlib.decompress(stream) == zlib_ng.decompress(stream) == text + tail


@pytest.mark.parametrize("size", [0xFFFF, 0x10000])
def test_a_tail_of_any_length_is_read_back(size: int) -> None:
    data = b"text" + bytes(size)
    assert zlib.decompress(compression.compress(data, random_tail=size)) == data


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_each_library_reads_what_the_other_wrote(data: bytes, level: int) -> None:
    ours = compression.compress(data)
    assert zlib.decompress(ours) == zlib_ng.decompress(ours) == data
    assert compression.inflate(zlib.compress(data, level)) == data
    assert compression.inflate(zlib_ng.compress(data, level)) == data


@given(st.binary(max_size=500))
def test_the_first_byte_is_the_one_that_verifiers_test(data: bytes) -> None:
    compressed = compression.compress(data)
    assert compressed[0] == 0x78
    assert compression.looks_compressed(compressed)


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_the_cap_is_inclusive(size: int) -> None:
    data = bytes(size)
    assert compression.inflate(zlib.compress(data), limit=100) == data


@pytest.mark.parametrize("size", [101, 102, 10_000])
def test_beyond_the_cap_the_body_is_refused(size: int) -> None:
    with pytest.raises(DecodeError) as caught:
        compression.inflate(zlib.compress(bytes(size)), limit=100)
    assert caught.value.code == "compression.too-large"


def test_a_bomb_of_a_gibibyte_costs_no_more_memory_than_the_cap() -> None:
    data = bomb(1024)
    tracemalloc.start()
    with pytest.raises(DecodeError, match="inflates beyond"):
        compression.inflate(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The unread rest of the input is held once by the decoder; beyond it, only the capped output.
    assert peak < len(data) + 4 * compression.MAX_INFLATED


STREAM = zlib.compress(b"one pass, quite short" * 5)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "truncated"),
        (STREAM[:1], "truncated"),
        (STREAM[:-1], "truncated"),
        (STREAM + b"\x00", "trailing-bytes"),
        (STREAM + STREAM, "trailing-bytes"),
        (STREAM[:-1] + bytes([STREAM[-1] ^ 1]), "malformed"),
        (b"\x78\xda\xff\xff", "malformed"),
        (b"\xd2\x84\x40", "malformed"),
        (zlib.compressobj(zdict=b"one pass").flush(), "malformed"),
    ],
)
def test_each_fault_has_its_code(data: bytes, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        compression.inflate(data)
    assert caught.value.code == f"compression.{code}"


@given(st.binary(max_size=3000))
def test_any_bytes_inflate_or_are_refused_with_a_code(data: bytes) -> None:
    try:
        compression.inflate(data, limit=1000)
    except DecodeError as error:
        assert error.layer == "compression"

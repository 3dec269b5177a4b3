"""Compression (hcert-spec, section 4.1: ZLIB, RFC 1950 around DEFLATE, RFC 1951).

A pass states nothing about its inflated size, so the reader stops at a cap: a body that inflates
beyond it is refused after at most that many bytes, whatever it would have become.

zlib-ng does the work where it is installed and the standard library's zlib elsewhere; each reads
what the other writes. The first byte is the 0x78, for a window of 15 bits, that some verifiers test
for.

A signature is random: it does not compress, and it spoils the code table of the text before it. So
the text gets a block of its own, and the signature follows as it is, in a stored block (RFC 1951,
section 3.2.4). That makes passes 1 to 2 per cent smaller than level 9 alone makes them, and the QR
code coarser; and there are fewer tables to compute (``docs/decisions/0003-zlib-ng.md``).
"""

from __future__ import annotations

from typing import Final, cast

from coronapas.errors import DecodeError

try:
    from zlib_ng import zlib_ng as _zlib
except ImportError:  # no wheel for this platform: the slower twin does the same
    import zlib as _zlib  # type: ignore[no-redef]

_ZlibError: Final = cast("type[Exception]", _zlib.error)
_decompressobj: Final = _zlib.decompressobj

MAX_INFLATED: Final = 65_536
"""Default cap on the inflated body, in bytes, inclusive. Real passes stay under 2 KiB."""

_LEVEL: Final = 9
_WINDOW_BITS: Final = 15
# Level 9 and a window of 15 bits (RFC 1950, section 2.2). A stream may use less of the window than
# it declares: the text of a pass is shorter than one of 11 bits. What is smaller is prepared
# sooner, and leaves more of the processor's caches to what comes after. Level 4 of memory is room
# for 1,024 literals and matches in a block; the text of a pass has less than half of them.
_HEADER: Final = b"\x78\xda"
_TEXT_WINDOW_BITS: Final = 11
_TEXT_MEMORY: Final = 4
# zlib's name for ending a block without a marker; zlib-ng has the same number.
_END_BLOCK: Final = 5
_LONGEST_STORED: Final = 0xFFFF

# The first byte of every stream with the 15-bit window that passes use; a stream may declare a
# smaller window, so this is only a hint for `looks_compressed`.
_METHOD_DEFLATE: Final = 8


def compress(data: bytes, *, random_tail: int = 0) -> bytes:
    """`data` as a ZLIB stream.

    `random_tail` is how many bytes at the end are as good as random: a signature with its frame.
    It changes the size of the stream, never what is in it.
    """
    if not 0 < random_tail <= _LONGEST_STORED or random_tail >= len(data):
        return _zlib.compress(data, _LEVEL, _WINDOW_BITS)
    cut = len(data) - random_tail
    encoder = _zlib.compressobj(_LEVEL, _zlib.DEFLATED, -_TEXT_WINDOW_BITS, _TEXT_MEMORY)
    text = encoder.compress(data[:cut]) + encoder.flush(_END_BLOCK)
    # Up to seven bits of the text's block are still inside the encoder. To end the stream now, it
    # writes them and an empty last block: the bits 1, 1, 0 and then nothing but zeros. So the
    # highest one in the last bytes tells where the text ends, and there the stored block begins:
    # the bits 1, 0, 0, zeros up to the next byte, the length, its complement, and the bytes.
    ending = int.from_bytes(encoder.flush(), "little")
    left = ending.bit_length() - 2
    begun = ending & (1 << left) - 1 | 1 << left
    return b"".join(
        (
            _HEADER,
            text,
            begun.to_bytes(left + 10 >> 3, "little"),
            random_tail.to_bytes(2, "little"),
            (random_tail ^ _LONGEST_STORED).to_bytes(2, "little"),
            data[cut:],
            _zlib.adler32(data).to_bytes(4, "big"),
        )
    )


def inflate(data: bytes, *, limit: int = MAX_INFLATED) -> bytes:
    """The bytes inside a ZLIB stream, at most `limit` of them (inclusive).

    Raises DecodeError: ``compression.malformed`` (no ZLIB stream, a wrong checksum, a preset
    dictionary), ``compression.truncated``, ``compression.trailing-bytes`` or
    ``compression.too-large``.
    """
    decoder = _decompressobj(_WINDOW_BITS)
    try:
        inflated = decoder.decompress(data, limit + 1)
        if decoder.eof and len(inflated) <= limit and not decoder.unused_data:
            return inflated
        if not decoder.eof and len(inflated) <= limit:
            # Exactly at the cap the stream's end may not have been read yet.
            inflated += decoder.decompress(decoder.unconsumed_tail, 1)
    except _ZlibError:
        raise DecodeError("compression", "malformed", "the body is no intact ZLIB stream") from None
    if len(inflated) > limit:
        raise DecodeError("compression", "too-large", f"the body inflates beyond {limit} bytes")
    if not decoder.eof:
        raise DecodeError("compression", "truncated", "the ZLIB stream ends too early")
    if decoder.unused_data:
        raise DecodeError("compression", "trailing-bytes", "bytes follow the ZLIB stream")
    return inflated


def looks_compressed(data: bytes) -> bool:
    """Whether `data` begins with a ZLIB header (RFC 1950, section 2.2)."""
    return (
        len(data) >= 2
        and data[0] & 0x0F == _METHOD_DEFLATE
        and data[0] >> 4 <= 7
        and (data[0] << 8 | data[1]) % 31 == 0
    )

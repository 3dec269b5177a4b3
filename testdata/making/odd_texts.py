"""Oddities of the text and of its compression (hcert-spec, chapter 4)."""

from __future__ import annotations

import zlib
from typing import Final

from coronapas.hcert import _base45 as base45
from coronapas.hcert import _compression as compression
from coronapas.hcert._envelope import PREFIX
from making.recipe import Recipe, fails, forgiven, identical, refused

_BOMB: Final = 4_000_000
"""Bytes that a few thousand inflate to: many times what a reader should take."""


def recipes() -> tuple[Recipe, ...]:
    """All of them."""
    return (*_texts(), *_compressions())


def _texts() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "white-space-around-the-text",
            "A space stands before the text, a line break behind it.",
            forgiven("prefix.whitespace"),
            expected={"UNPREFIX": None},
            text=lambda body: f" {PREFIX}{body}\r\n",
        ),
        Recipe(
            "no-prefix",
            "The text lacks HC1: at its beginning.",
            refused("prefix.missing"),
            expected={"UNPREFIX": False},
            text=str,
        ),
        Recipe(
            "lower-case-text",
            "The Base45 text is in lower case.",
            fails("base45.illegal-character"),
            expected={"B45DECODE": False},
            base45=lambda data: base45.encode(data).lower(),
        ),
        Recipe(
            "base45-group-above-its-range",
            "A group of three characters means more than two bytes can hold.",
            fails("base45.group-overflow"),
            expected={"B45DECODE": False},
            base45=lambda data: ":::" + base45.encode(data)[3:],
        ),
        Recipe(
            "base45-with-a-dangling-character",
            "A single character stands behind the last group.",
            fails("base45.dangling-character"),
            expected={"B45DECODE": False},
            base45=_with_dangling_character,
        ),
    )


def _compressions() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "not-compressed",
            "The message is not compressed.",
            refused("compression.missing"),
            expected={"COMPRESSION": False},
            compress=identical,
        ),
        Recipe(
            "compressed-by-another-compressor",
            "The ZLIB stream stores the message uncompressed in blocks, which is compression to a "
            "reader (first bytes 7801).",
            compress=lambda data: zlib.compress(data, 0),
        ),
        Recipe(
            "compressed-without-frame",
            "The body is a bare DEFLATE stream, without ZLIB's frame.",
            fails("compression.malformed"),
            expected={"COMPRESSION": False},
            compress=lambda data: compression.compress(data)[2:-4],
        ),
        Recipe(
            "compressed-body-cut-off",
            "The last ten bytes of the compressed body are missing.",
            fails("compression.truncated"),
            expected={"COMPRESSION": False},
            compress=lambda data: compression.compress(data)[:-10],
        ),
        Recipe(
            "trailing-bytes-behind-the-compressed-body",
            "Four bytes follow the ZLIB stream.",
            fails("compression.trailing-bytes"),
            expected={"COMPRESSION": False},
            compress=lambda data: compression.compress(data) + bytes(4),
        ),
        Recipe(
            "inflates-beyond-the-cap",
            "The body inflates to four million bytes.",
            fails("compression.too-large"),
            compress=lambda _: zlib.compress(bytes(_BOMB), 9),
            without=frozenset({"JSON", "CBOR", "COSE"}),
        ),
    )


def _with_dangling_character(data: bytes) -> str:
    text = base45.encode(data)
    # Groups have three characters, the last one two where the bytes are odd in number.
    return text + "0" if len(text) % 3 == 0 else text[:-1]

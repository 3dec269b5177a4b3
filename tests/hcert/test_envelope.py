"""The envelope: every layer open, every oddity told, and no text that makes it misbehave."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.errors import DecodeError
from coronapas.hcert import (
    _base45 as base45,
)
from coronapas.hcert import (
    _compression as compression,
)
from coronapas.hcert import (
    _cose as cose,
)
from coronapas.hcert import _envelope as envelope

TEXT = backend.forge(backend.claims())
MESSAGE = envelope.decode(TEXT).cose


def refused(text: Any, code: str, **options: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        envelope.decode(text, **options)
    assert caught.value.code == code
    assert "PROEVESEN" not in str(caught.value)


def codes(text: str | bytes) -> list[str]:
    return [deviation.code for deviation in envelope.decode(text).deviations]


def test_every_layer_is_visible() -> None:
    seen = envelope.decode(TEXT)
    assert seen.prefix + seen.body == seen.text == TEXT
    assert base45.decode(seen.body) == seen.compressed
    assert zlib.decompress(seen.compressed) == seen.cose
    assert cbor2.loads(seen.cose).value[2] == seen.payload
    assert seen.message == cose.read(seen.cose)
    assert seen.signature == seen.message.signature
    assert seen.algorithm == cose.ES256
    assert seen.kid == backend.dsc().certificate.kid
    assert seen.issuer == "DK"
    assert seen.issued_at == int(backend.NOW.timestamp())
    assert seen.expires == int(backend.LATER.timestamp())
    assert seen.dcc == backend.DCC
    assert seen.deviations == ()


@given(st.binary(max_size=500))
def test_the_text_holds_what_was_put_into_it(message: bytes) -> None:
    text = envelope.encode(message)
    assert text.startswith("HC1:")
    assert compression.inflate(base45.decode(text[4:])) == message


def test_the_dcc_is_a_copy() -> None:
    seen = envelope.decode(TEXT)
    seen.dcc["v"].clear()
    assert seen.dcc == backend.DCC


def test_a_pass_without_dcc_has_none() -> None:
    assert envelope.decode(backend.forge(backend.claims(hcert=...))).dcc is None
    assert envelope.decode(backend.forge(backend.claims(hcert={3: {}}))).dcc is None


@pytest.mark.parametrize("white", [" ", "\n", "\r\n", "\t", " \n\u00a0"])
def test_white_space_around_the_text_is_told(white: str) -> None:
    for text in (white + TEXT, TEXT + white, white + TEXT + white):
        assert codes(text) == ["prefix.whitespace"]


def test_bytes_are_read_as_text() -> None:
    assert envelope.decode(TEXT.encode()).cose == MESSAGE
    assert envelope.decode(memoryview(TEXT.encode())).cose == MESSAGE  # type: ignore[arg-type]


def test_a_missing_prefix_is_told() -> None:
    assert codes(TEXT[4:]) == ["prefix.missing"]


@pytest.mark.parametrize("prefix", ["HC2:", "HL0:", "HC1;", "hc1:", "HC1", "DK3:", ":"])
def test_another_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(DecodeError):
        envelope.decode(prefix + TEXT[4:])


def test_a_foreign_context_is_told_from_a_missing_one() -> None:
    refused("HC2:" + TEXT[4:], "prefix.unknown")


@pytest.mark.parametrize("first", [b"\x78\xda", b"\x78\x9c", b"\x78\x01"])
def test_no_stream_looks_like_a_foreign_context(first: bytes) -> None:
    for rest in range(0x10000):
        body = base45.encode(first + rest.to_bytes(2, "big"))
        assert not envelope._FOREIGN.match(body)


def test_other_prefixes_are_read_where_they_are_asked_for() -> None:
    seen = envelope.decode("DK3:" + TEXT[4:], prefixes=("HC1:", "DK3:"))
    assert (seen.prefix, seen.deviations) == ("DK3:", ())


def test_a_body_that_is_not_compressed_is_told() -> None:
    for message in (MESSAGE, MESSAGE[1:], b"\xd8\x3d" + MESSAGE):
        assert "compression.missing" in codes("HC1:" + base45.encode(message))


def test_the_size_of_an_uncompressed_body_is_capped_too() -> None:
    text = "HC1:" + base45.encode(MESSAGE)
    refused(text, "compression.too-large", limits=envelope.Limits(inflated=len(MESSAGE) - 1))
    assert envelope.decode(text, limits=envelope.Limits(inflated=len(MESSAGE))).cose == MESSAGE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "compression.truncated"),
        ("HC1:", "compression.truncated"),
        ("HC1:A", "base45.dangling-character"),
        ("HC1:é", "base45.illegal-character"),
        ("HC1:" + base45.encode(b"no stream"), "compression.malformed"),
        ("HC1:" + base45.encode(zlib.compress(b"\x01")), "cose.structure"),
        ("HC1:" + base45.encode(zlib.compress(b"\xff")), "cbor.malformed"),
        (b"HC1:\xff", "prefix.not-text"),
        (None, "prefix.not-text"),
        (5, "prefix.not-text"),
        ("HC1:" + "0" * 65_536, "prefix.too-long"),
    ],
)
def test_each_layer_that_cannot_be_opened_has_its_code(text: Any, code: str) -> None:
    refused(text, code)


def test_no_repr_shows_content() -> None:
    shown = repr(envelope.decode(TEXT))
    assert "Mathilde" not in shown
    assert "1990" not in shown
    assert backend.dsc().certificate.kid.hex() in shown
    assert "(no prefix)" in repr(envelope.decode(TEXT[4:]))


@pytest.mark.parametrize(("issuer", "shown"), [("DK", "'DK'"), ("Hemmelighed", "None")])
def test_a_repr_shows_an_issuer_only_where_it_can_be_a_country(issuer: str, shown: str) -> None:
    opened = envelope.decode(backend.forge(backend.claims(iss=issuer), kid=b"k" * 99))
    assert repr(opened) == f"<Envelope HC1: issuer={shown} kid={'6b' * 8}>"


@given(st.text(max_size=3000) | st.text(alphabet=base45.ALPHABET, max_size=3000))
def test_any_text_is_opened_or_refused_with_a_code(text: str) -> None:
    for candidate in (text, "HC1:" + text):
        try:
            envelope.decode(candidate)
        except DecodeError as error:
            assert error.code.startswith(error.layer)


@given(st.binary(max_size=800))
def test_any_bytes_behind_good_outer_layers_are_opened_or_refused(data: bytes) -> None:
    for message in (data, b"\xd2\x84" + data, MESSAGE[:20] + data):
        try:
            envelope.decode(envelope.encode(message))
        except DecodeError as error:
            assert error.layer in ("cbor", "cose", "cwt")


# What a text of 64 Ki characters may cost at most. Real texts cost under 0.1 ms and 10 KiB.
SECONDS = 3.0
BYTES = 64 << 20


def hostile() -> dict[str, str]:
    """Texts within the caps, each made to cost a layer as much as it can."""

    def wrapped(message: bytes) -> str:
        return envelope.encode(message)

    many_keys = b"\xb9\x4e\x20" + b"".join(cbor2.dumps(number) + b"\0" for number in range(20_000))
    colliding = [(2**61 - 1) * factor for factor in range(8)]
    collisions = cbor2.dumps(dict.fromkeys(colliding, 0))
    pairs = b"".join(cbor2.dumps([number, 7]) + b"\0" for number in range(8_000))
    head = b"\xd2\x84\x43\xa1\x01\x26\xa0"
    return {
        "long Base45": "HC1:" + "0" * 65_532,
        "faulty at its end": "HC1:" + "0" * 65_528 + "!",
        "spaces": " " * 65_000 + TEXT[:500],
        "a bomb": "HC1:" + base45.encode(zlib.compress(bytes(40 << 20), 9)),
        "deep": wrapped(b"\x81" * 65_000),
        "deep tags": wrapped(b"\xc6" * 65_000),
        "many keys": wrapped(head + cbor2.dumps(many_keys) + b"\x41\0"),
        "many small items": wrapped(b"\x9f" + b"\x80" * 65_000 + b"\xff"),
        "colliding keys": wrapped(head + cbor2.dumps(collisions) + b"\x41\0"),
        "keys that are arrays": wrapped(head + cbor2.dumps(b"\xb9\x1f\x40" + pairs) + b"\x41\0"),
        "tagged everywhere": wrapped(
            head + cbor2.dumps(b"\xa1\x01\x99\x4e\x20" + b"\xc0\x61a" * 20_000) + b"\x41\0"
        ),
    }


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_text_costs_bounded_time_and_memory(name: str) -> None:
    text = hostile()[name]
    tracemalloc.start()
    try:
        began = time.process_time()
        try:
            envelope.decode(text)
        except DecodeError as error:
            assert error.code
        took = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < SECONDS
    assert peak < BYTES

"""Base64 is decoded strictly, in both alphabets, and never beyond its bound."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import _base64 as codec
from coronapas.errors import KeyMaterialError

STRANGE = "!.:\u00e9\u2028\x00*"


@given(st.binary(max_size=200))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert codec.decode(codec.encode(data)) == data
    assert codec.decode_any(codec.encode_url(data)) == data
    assert codec.decode_any(codec.encode(data).encode()) == data
    assert codec.encode(data) == base64.b64encode(data).decode()
    assert codec.encode_url(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(st.binary(min_size=1, max_size=60), st.sampled_from(" \n\r\t"), st.data())
def test_white_space_is_ignored_in_the_standard_form_alone(
    data: bytes, space: str, draw: st.DataObject
) -> None:
    text = codec.encode(data)
    place = draw.draw(st.integers(0, len(text)))
    spaced = text[:place] + space + text[place:]
    assert codec.decode(spaced) == codec.decode(spaced.encode()) == data
    with pytest.raises(KeyMaterialError, match="the text is not base64"):
        codec.decode_any(spaced)


@given(st.binary(min_size=1, max_size=60), st.sampled_from(STRANGE), st.data())
def test_a_character_outside_the_alphabet_is_refused(
    data: bytes, character: str, draw: st.DataObject
) -> None:
    text = codec.encode(data)
    place = draw.draw(st.integers(0, len(text)))
    strange = text[:place] + character + text[place:]
    for decode in (codec.decode, codec.decode_any):
        with pytest.raises(KeyMaterialError, match="the kid is not base64"):
            decode(strange, "the kid")


@pytest.mark.parametrize("text", ["-_8=", "AAA", "A", "AAAA=A"])
def test_the_standard_form_has_its_own_alphabet_and_its_padding(text: str) -> None:
    with pytest.raises(KeyMaterialError):
        codec.decode(text)


def test_a_text_beyond_the_bound_is_refused_undecoded() -> None:
    assert codec.decode("AAAA", limit=4) == codec.decode_any("AAAA", limit=4) == bytes(3)
    for decode in (codec.decode, codec.decode_any):
        with pytest.raises(KeyMaterialError, match="the kid has more than 4 characters"):
            decode("AAAA ", "the kid", limit=4)
        with pytest.raises(KeyMaterialError, match="more than"):
            decode(b"A" * (codec.MAX_CHARACTERS + 1))

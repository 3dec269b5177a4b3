"""The two forms of a signature, held against the library's."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from coronapas import _signatures as signatures

HALVES = st.sampled_from((32, 48, 66))


@given(st.data(), HALVES)
def test_der_is_what_the_library_makes(data: st.DataObject, half: int) -> None:
    bound = 1 << 8 * half
    # Small numbers and ones with the highest bit set are where DER has its corners.
    number = st.one_of(
        st.integers(0, 300), st.integers(0, bound - 1), st.integers(bound >> 1, bound - 1)
    )
    r, s = data.draw(number), data.draw(number)
    raw = r.to_bytes(half, "big") + s.to_bytes(half, "big")
    assert signatures.to_der(raw) == encode_dss_signature(r, s)
    assert decode_dss_signature(signatures.to_der(raw)) == (r, s)
    assert signatures.from_der(signatures.to_der(raw), half) == raw


def test_numbers_too_long_for_the_form_are_refused() -> None:
    with pytest.raises(OverflowError):
        signatures.from_der(encode_dss_signature(1 << 256, 1), 32)


def test_bytes_that_are_no_der_are_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library words it
        signatures.from_der(b"\x30\x02\x01", 32)

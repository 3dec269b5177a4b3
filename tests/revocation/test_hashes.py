"""The hashes that name a pass on revocation lists."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.dcc import _uvci as uvci
from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.hcert._envelope import Envelope, decode, encode
from coronapas.revocation import HashType, hashes_json, hashes_of, uvci_spellings
from coronapas.revocation._hashes import country_code_uci_hash, signature_hash, uci_hash
from revoking import envelope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UVCI = "URN:UVCI:V1:DE:MNI5SHBAVDC5JWF0WI63I5IQ68"


def opened(dcc: object, *, issuer: object = "DK", algorithm: int = cose.ES256) -> Envelope:
    """A pass with this content and a signature of 64 bytes that means nothing."""
    payload = cbor.dump({1: issuer, 4: 2, 6: 1, -260: {1: dcc}})
    message = cose.sign1(
        payload, algorithm=algorithm, kid=bytes(8), sign=lambda _: bytes(range(64))
    )
    return decode(encode(message))


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def test_the_published_samples_have_their_published_hashes(official: Path) -> None:
    samples = json.loads((official / "revocation" / "hash-samples.json").read_text("utf-8"))
    assert len(samples) == 3
    for sample in samples:
        assert hashes_json(sample["barcodeData"]) == {
            "uci": sample["expUCI"],
            "countrycodeuci": sample["expCOUNTRYCODEUCI"],
            "signature": sample["expSIGNATURE"],
        }


def test_a_known_identifier_has_its_known_hashes() -> None:
    # Source: the EU gateway's documentation of revocation.
    assert uci_hash(UVCI).hex() == "bc542ed65062e7034ee424bfde50a7f3"
    assert country_code_uci_hash("DE", UVCI).hex() == "452028e396896bef1eee57a4426b3341"


@given(
    st.sampled_from(("URN:UVCI:", "urn:uvci:", "")),
    st.from_regex("01:[A-Z]{2}:[A-Z0-9]{1,20}(/[A-Z0-9]{1,9})?", fullmatch=True),
    st.sampled_from(("", "#A", "#Z", "#0", "#/", "#:")),
    st.sampled_from((str, str.lower)),
)
def test_the_spellings_of_an_identifier_are_the_same_whichever_is_given(
    prefix: str, core: str, check: str, case: Callable[[str], str]
) -> None:
    given_ = case(prefix + core + check)
    found = uvci_spellings(given_)
    assert found[0] == given_
    assert all(uvci.same(one, core) for one in found)
    assert {one for one in found if one.startswith("URN:UVCI:")} >= {
        f"URN:UVCI:{core}",
        *(f"URN:UVCI:{core}#{one}" for one in "AZ09/:"),
    }
    assert {f"URN:UVCI:{core}", core, core.lower(), f"urn:uvci:{core}"} <= set(found)
    assert len(found) == len(set(found)) <= 320


def test_the_identifier_is_hashed_as_it_is_written() -> None:
    assert len({uci_hash(text) for text in ("urn:a#X", "URN:A#X", "URN:A", " URN:A")}) == 4


def test_an_ecdsa_signature_counts_by_its_first_half_and_an_rsa_one_whole() -> None:
    signature = bytes(range(64))
    assert signature_hash(signature, cose.ES256) == sha(signature[:32])
    assert signature_hash(signature, cose.PS256) == sha(signature)
    assert signature_hash(signature, None) is None


def test_a_signature_altered_in_its_second_half_is_found_all_the_same() -> None:
    signature = bytes(range(64))
    altered = signature[:32] + bytes(32)
    assert signature_hash(signature, cose.ES256) == signature_hash(altered, cose.ES256)


def test_both_countries_give_a_candidate_and_equal_ones_give_one() -> None:
    found = hashes_of(opened({"v": [{"ci": "X", "co": "DE"}]}, issuer="DK"))
    assert found.country_code_uci == (sha(b"DKX"), sha(b"DEX"))
    assert found.countries == {"DK", "DE"}
    same = hashes_of(opened({"r": [{"ci": "X", "co": "DK"}]}, issuer="DK"))
    assert same.country_code_uci == (sha(b"DKX"),)
    without_issuer = hashes_of(opened({"t": [{"ci": "X", "co": "DE"}]}, issuer=5))
    assert without_issuer.country_code_uci == (sha(b"DEX"),)


def test_the_whole_digest_begins_with_the_short_hash() -> None:
    found = hashes_of(envelope())
    assert found.uvci_sha256 is not None
    assert found.uci == found.uvci_sha256[:16]
    assert [kind for kind, _ in found.candidates] == list(HashType)


def test_a_pass_with_several_events_is_named_by_each() -> None:
    found = hashes_of(opened({"v": [{"ci": "A"}, {"ci": "B"}], "r": [{"ci": "C"}]}))
    assert dict(found.candidates)[HashType.UCI] == (sha(b"A"), sha(b"B"), sha(b"C"))
    assert found.uci == sha(b"A")


@pytest.mark.parametrize(
    "dcc",
    [None, [], "v", 5, {}, {"v": None}, {"v": {}}, {"v": [None]}, {"v": [{}]}, {"v": [{"ci": 5}]}],
)
def test_a_pass_without_an_identifier_has_its_signature_alone(dcc: Any) -> None:
    found = hashes_of(opened(dcc))
    assert found.uci is None
    assert found.uvci_sha256 is None
    assert found.country_code_uci == ()
    assert [kind for kind, _ in found.candidates] == [HashType.SIGNATURE]


def test_an_unknown_algorithm_leaves_no_signature_hash() -> None:
    found = hashes_of(opened({}, algorithm=-999))
    assert found.signature is None
    assert found.candidates == ()


def test_what_a_pass_has_not_is_null_for_the_command_line() -> None:
    assert hashes_json(opened({}, algorithm=-999).text) == {
        "uci": None,
        "countrycodeuci": None,
        "signature": None,
    }


def test_a_text_that_is_no_pass_is_a_decode_error() -> None:
    with pytest.raises(DecodeError):
        hashes_json("HC1:nothing")


def test_thousands_of_events_cost_no_thousands_of_hashes() -> None:
    found = hashes_of(opened({"v": [{"ci": str(number)} for number in range(1000)]}))
    assert len(dict(found.candidates)[HashType.UCI]) == 16


def test_a_repr_shows_no_hash() -> None:
    found = hashes_of(envelope())
    assert found.uci is not None
    assert repr(found) == "<PassHashes of 3 types>"


@given(st.text())
def test_every_text_has_a_hash(text: str) -> None:
    assert len(uci_hash(text)) == 16

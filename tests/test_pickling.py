"""Values that go to other processes: signers, issuers, passes, facts, and results of every kind.

A result takes along whatever was decoded, and no more of the trust than it tells. Also what a
result shares with what it hands out, and how it tells its moment.
"""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
from coronapas import _signatures as signatures
from coronapas._time import moment
from coronapas.dcc import Alternatives, ContentPolicy, ValueSets
from coronapas.errors import Fault, IssueError
from coronapas.facts import EventKind, Holder
from coronapas.hcert import _cbor as cbor
from coronapas.hcert._envelope import Envelope, decode
from coronapas.issue import Issuer
from coronapas.signing import Signer
from coronapas.tolerances import Deviation
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import Source, TrustList
from coronapas.trust._store import TrustStore
from coronapas.verify._result import Verification
from coronapas.verify._verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.keys import KeyPair

NOW = backend.NOW
GOOD = backend.forge(backend.claims())

# What cbor2 makes beside the plain values, as items and as the keys of maps.
KEYS: st.SearchStrategy[Any] = st.recursive(
    st.integers(-9, 9) | st.text(max_size=3) | st.binary(max_size=3) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(inner, inner, max_size=2).map(cbor2.frozendict)
    ),
    max_leaves=4,
)
ITEMS: st.SearchStrategy[Any] = st.recursive(
    st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.sampled_from((None, True, cbor2.undefined, cbor2.CBORSimpleValue(99)))
    | st.builds(cbor2.CBORTag, st.sampled_from((4, 1000)), KEYS)
    | st.just(cbor2.CBORTag(0, "2021-09-01T12:00:00Z")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(cbor2.CBORTag, st.sampled_from((4, 258, 1000)), inner)
    ),
    max_leaves=8,
)


def away(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def shown(value: Any) -> Any:
    """A value with the types of all that is in it, so that NaN equals NaN."""
    if isinstance(value, (dict, cbor2.frozendict)):
        return type(value), [(shown(key), shown(inner)) for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shown(inner) for inner in value]
    if type(value) is cbor2.CBORTag:
        return value.tag, shown(value.value)
    return type(value), repr(value)


def told(result: Verification) -> Any:
    """Everything that a result says."""
    return (
        type(result),
        result.ok,
        result.checks,
        result.deviations,
        result.certificate,
        result.sources,
        result.at,
        result.revocation,
        repr(result.facts),
        result.facts,
        repr(result),
        shown(result.payload),
        shown(result.envelope),
    )


@given(ITEMS)
@settings(max_examples=200)
def test_every_value_that_cbor_can_say_can_be_copied_and_pickled(item: Any) -> None:
    found, _ = cbor.load(cbor2.dumps([item, {1: item}]))
    for again in (cbor.unpack(cbor.pack(found)), cbor.copy(found)):
        assert shown(again) == shown(found)
        assert again is not found


def test_the_one_undefined_value_stays_the_one() -> None:
    assert cbor.unpack(cbor.pack(cbor2.undefined)) is cbor2.undefined


def test_nothing_is_registered_for_pickles_of_the_whole_process() -> None:
    code = """
import copyreg, cbor2, coronapas.verify._verifier
kinds = cbor2.frozendict, cbor2.CBORTag, cbor2.CBORSimpleValue, type(cbor2.undefined)
print({*kinds} & {*copyreg.dispatch_table})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout == "set()\n"


def test_a_copy_shares_nothing_changeable_under_a_tag() -> None:
    item = {"a": cbor2.CBORTag(1000, [1])}
    cbor.copy(item)["a"].value.append(2)
    assert item["a"].value == [1]


@given(ITEMS)
@settings(max_examples=100)
def test_a_result_says_the_same_in_another_process(item: Any) -> None:
    verifier = Verifier(backend.trust())
    for content in (item, {**backend.DCC, "extra": item}):
        result = verifier.verify(backend.forge(backend.claims(content)), NOW)
        assert result.signed
        for again in (away(result), copy.copy(result), copy.deepcopy(result)):
            assert told(again) == told(result)


@pytest.mark.parametrize(
    "text",
    [GOOD, f"{GOOD}\n", GOOD[4:], "HC1:?", "", backend.forge(backend.claims(exp=...))],
    ids=["good", "line", "no prefix", "unreadable", "empty", "no end"],
)
@pytest.mark.parametrize("opened", [False, True])
def test_every_kind_of_result_can_be_pickled(text: str, opened: bool) -> None:
    for verifier in (Verifier(backend.trust()), Verifier(backend.trust(), accept=("eu", "dk"))):
        for at in (NOW, NOW + timedelta(900)):
            result = verifier.verify(text, at)
            if opened:
                assert result.envelope is None or result.envelope.text == text
            assert told(away(result)) == told(result)


@pytest.mark.parametrize("text", [GOOD, f"{GOOD}\n", GOOD[4:]], ids=["good", "line", "bare"])
def test_an_envelope_can_be_pickled(text: str) -> None:
    opened = decode(text)
    assert away(opened) == opened
    assert type(away(opened)) is Envelope


@pytest.mark.parametrize("tail", ["", "\n"], ids=["quick", "close"])
def test_a_result_takes_one_certificate_along_and_not_the_whole_store(tail: str) -> None:
    mine = backend.dsc().certificate
    assert mine.der is not None
    others = [Certificate(mine.der, kid=bytes([n, 9]), country="XX") for n in range(200)]
    listed = TrustList(Source("germany", "a", issued=NOW), (mine, *others))
    for store in (TrustStore([mine, *others]), TrustStore.from_lists(listed)):
        result = Verifier(store).verify(GOOD + tail, NOW)
        assert told(away(result)) == told(result)
        assert len(result.sources) == 1
        assert len(pickle.dumps(result)) < 8_000


@pytest.mark.parametrize("tail", ["", "\n"], ids=["quick", "close"])
def test_what_is_changed_in_the_envelope_does_not_change_what_is_trusted(tail: str) -> None:
    result = Verifier(backend.trust()).verify(GOOD + tail, NOW)
    facts = result.facts
    assert facts is not None
    assert result.envelope is not None
    assert result.envelope.claims.hcert is not None
    result.envelope.claims.hcert[1]["nam"]["fn"] = "Eksempel"
    assert result.payload["nam"]["fn"] == "Prøvesen"
    assert result.facts == facts
    again = away(result)
    assert again.payload["nam"]["fn"] == "Prøvesen"
    assert again.facts == facts


def test_the_moment_of_a_check_can_be_told_at_the_calendar_s_ends() -> None:
    first, last = (each.replace(tzinfo=UTC) for each in (datetime.min, datetime.max))
    east = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    west = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    verifier = Verifier(backend.trust())
    for at, shown_ in ((last, last), (first, first), (east, first), (west, last), (NOW, NOW)):
        for text in (GOOD, "HC1:"):
            assert verifier.verify(text, at).at == shown_


@given(st.floats())
def test_every_number_of_seconds_has_its_nearest_moment(seconds: float) -> None:
    if math.isnan(seconds):
        with pytest.raises(ValueError, match="NaN"):
            moment(seconds)
    else:
        begin = datetime.min.replace(tzinfo=UTC)
        assert begin <= moment(seconds) <= datetime.max.replace(tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_of_the_calendar_is_told_as_it_is(at: datetime) -> None:
    assert abs(moment(at.timestamp()) - at) <= timedelta(microseconds=32)


def digest_signer(digest: bytes) -> bytes:
    """What stands in for a service: a function of a module, so that pickle can name it."""
    key = backend.dsc().private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(digest, ec.ECDSA(Prehashed(SHA256())))


def remote() -> Signer:
    return Signer.remote(backend.dsc().certificate, digest_signer, signature_form="der")


def signed_by(signer: Signer) -> bool:
    message = b"The very bytes."
    key = signer.public_key
    signature = signer.sign(message)
    if isinstance(key, ec.EllipticCurvePublicKey):
        der = signatures.to_der(signature)
        key.verify(der, message, ec.ECDSA(SHA256()))
    else:
        key.verify(signature, message, PSS(MGF1(SHA256()), 32), SHA256())
    return len(signature) == signer.signature_length


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
@pytest.mark.parametrize("kid", [None, b"12345678"])
def test_a_local_signer_signs_in_another_process(key: str, kid: bytes | None) -> None:
    pair = backend.dsc(key=key)
    signer = Signer(pair.private_key, pair.certificate, kid=kid)
    again = away(signer)
    assert signed_by(again)
    assert (again.kid, again.algorithm) == (signer.kid, signer.algorithm)
    assert again.certificate == signer.certificate
    assert again.public_key == signer.public_key


def test_a_signer_without_a_certificate_and_a_deterministic_one_stay_so() -> None:
    signer = Signer(backend.dsc().private_key, kid=b"12345678", deterministic=True)
    again = away(signer)
    assert again.certificate is None
    assert again.sign(b"x") == signer.sign(b"x")


def test_a_remote_signer_asks_the_same_function_in_another_process() -> None:
    again = away(remote())
    assert signed_by(again)
    assert again.certificate == backend.dsc().certificate


def test_a_remote_signer_goes_no_further_than_its_function() -> None:
    signer = Signer.remote(backend.dsc().certificate, lambda digest: digest)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(signer)
    assert copy.deepcopy(signer) is signer


@pytest.mark.parametrize("made", [backend.dsc().signer(), remote()], ids=["local", "remote"])
def test_a_copy_of_a_signer_is_the_signer(made: Signer) -> None:
    assert copy.copy(made) is made
    assert copy.deepcopy(made) is made


def test_no_repr_shows_a_private_key() -> None:
    pair = backend.dsc()
    numbers = pair.private_key.private_numbers()
    assert isinstance(numbers, ec.EllipticCurvePrivateNumbers)
    secret = numbers.private_value
    issuer = Issuer("DK", pair.signer())
    hidden = (secret.to_bytes(32, "big").hex(), str(secret), "PrivateKey", "PRIVATE")
    for value in (pair, away(pair), pair.signer(), away(pair.signer()), issuer, away(issuer)):
        assert not [text for text in hidden if text in repr(value)]
    assert not [text for text in hidden if text in repr(pair.signer()._source)]


@pytest.mark.parametrize("pair", [backend.dsc(), backend.csca()], ids=["DSC", "CSCA"])
def test_a_pair_of_key_and_certificate_can_be_copied_and_pickled(pair: KeyPair) -> None:
    for again in (away(pair), copy.copy(pair), copy.deepcopy(pair)):
        assert type(again) is type(pair)
        assert again.key_pem() == pair.key_pem()
        assert again.certificate == pair.certificate


@pytest.mark.parametrize("make", [lambda: backend.dsc().signer(), remote], ids=["local", "remote"])
def test_an_issuer_says_and_issues_the_same_in_another_process(make: Callable[[], Signer]) -> None:
    issuer = Issuer(
        "DK",
        make(),
        name="Invented Health Agency",
        version="1.3.0",
        language="uk",
        value_sets=ValueSets.default(),
        policy=ContentPolicy(dropped_letters=True, alternatives=Alternatives(o_diaeresis="O")),
    )
    terms: dict[str, Any] = {
        "expires": timedelta(90),
        "issued_at": NOW,
        "uvci": "URN:UVCI:01:DK:ABC",
    }
    holder = Holder("Гончар", "Björn 7", date(1990, 4, 1))
    for again in (away(issuer), copy.copy(issuer), copy.deepcopy(issuer)):
        issued = [each.issue(holder, backend.VACCINATION, **terms) for each in (issuer, again)]
        assert decode(issued[0].text).payload == decode(issued[1].text).payload
        wrong = replace(backend.VACCINATION, product="Nonsense", doses=0)
        faults = [each.faults(holder, wrong, **terms) for each in (issuer, again)]
        assert faults[0] == faults[1] != ()


def test_passes_facts_and_faults_can_be_copied_and_pickled() -> None:
    issued = backend.issue()
    facts = Verifier(backend.trust()).verify(issued.text, NOW).facts
    fault = Fault("holder", "holder.type", "Wrong.", "Mend it.")
    deviation = Deviation("cose.untagged", "", "the message lacks its tag 18")
    for value in (
        *(issued, facts, fault, deviation, IssueError([fault]), EventKind.TEST),
        *(backend.HOLDER, backend.VACCINATION, ContentPolicy(), ValueSets.default()),
    ):
        for again in (away(value), copy.copy(value), copy.deepcopy(value)):
            assert type(again) is type(value)
            assert repr(again) == repr(value)
            assert isinstance(value, IssueError) or again == value
    assert away(IssueError([fault])).faults == (fault,)

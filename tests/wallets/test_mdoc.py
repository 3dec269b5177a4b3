"""mdoc: the standard's Annex D with every byte flipped, and every rule broken in turn."""

from __future__ import annotations

import base64
import json
import pickle
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from wallet_world import (
    ISSUED,
    LIFE,
    NOW,
    RECOVERY,
    TRANSCRIPT,
    annex_d,
    dcc_of,
    holder,
    holder_private,
    holder_public,
    keys,
    signer,
    trust,
)

from coronapas.dcc import facts_of
from coronapas.errors import CredentialError, IssueError
from coronapas.keys import make_key
from coronapas.signing import Signer
from coronapas.trust import TrustStore
from coronapas.verify import Outcome, Verification
from coronapas.wallets import (
    MDL,
    MICOV,
    MdocVerifier,
    Session,
    StatusReference,
    elements_in,
    issue_elements,
    issue_mdoc,
    jwk_of,
    make_status_list,
    openid4vp_transcript,
    present_mdoc,
    read_status_list,
    read_transcript,
)
from coronapas.wallets import _mdoc_structure as parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THEN = datetime(2020, 12, 1, tzinfo=UTC)
VTR = "org.micov.vtr.1"
ALL = {VTR: ["fn", "gn", "dob", "v_RA01_2"]}


def named(each: object) -> str:
    return getattr(each, "__name__", str(each))


def verify(data: bytes, session: Session | None = None, **more: Any) -> Verification:
    return MdocVerifier(trust(), **more).verify(data, NOW, session=session)


def failures(found: Verification) -> list[str]:
    return [check.code for check in found.failures]


def issued(**more: Any) -> bytes:
    terms: dict[str, Any] = {
        "expires": LIFE,
        "issued_at": ISSUED,
        "device_key": holder_public(),
    } | more
    return issue_mdoc(dcc_of(), signer(), **terms).data


def presented(**more: Any) -> bytes:
    terms: dict[str, Any] = {"transcript": TRANSCRIPT, "device": holder()} | more
    return present_mdoc(issued(), ALL, **terms)


# Annex D of ISO/IEC 18013-5.


def test_annex_d_verifies_at_its_time_with_its_mac(official: Path) -> None:
    response, store, transcript, reader = annex_d(official)
    session = Session(transcript, reader)
    found = MdocVerifier(store).verify(response, THEN, session=session)
    assert found.ok
    passed = [check.name for check in found.checks if check.outcome is Outcome.PASS]
    assert {"signature", "key usage", "disclosure", "time", "holder binding"} <= set(passed)
    doc_type, elements = elements_in(response)
    assert doc_type == MDL
    assert len(elements["org.iso.18013.5.1"]) == 6
    content: Any = found.content
    assert content.type == MDL
    assert found.facts is None
    stated = json.loads((official / "wallets/mdoc/annex-d-keys.json").read_text("utf-8"))
    x = base64.urlsafe_b64encode(bytes.fromhex(stated["static_device_key"]["x"]))
    assert content.holder_key["x"] == x.rstrip(b"=").decode()


def test_annex_d_is_refused_at_another_time_and_in_another_session(official: Path) -> None:
    response, store, transcript, reader = annex_d(official)
    verifier = MdocVerifier(store)
    late = verifier.verify(response, datetime(2021, 11, 1, tzinfo=UTC))
    assert failures(late) == ["validity.over", "time.expired"]
    early = verifier.verify(response, datetime(2020, 9, 1, tzinfo=UTC))
    assert "time.not-yet" in failures(early)
    other = Session(TRANSCRIPT, reader)
    assert failures(verifier.verify(response, THEN, session=other)) == ["binding.signature"]
    stranger = ec.generate_private_key(ec.SECP256R1())
    wrong = Session(read_transcript(transcript), stranger)
    assert failures(verifier.verify(response, THEN, session=wrong)) == ["binding.signature"]
    without = Session(transcript)
    assert failures(verifier.verify(response, THEN, session=without)) == ["binding.reader-key"]
    foreign = Session(transcript, ec.generate_private_key(ec.SECP384R1()))
    assert failures(verifier.verify(response, THEN, session=foreign)) == ["binding.reader-key"]
    assert failures(MdocVerifier(trust()).verify(response, THEN)) == ["identifier.unknown"]


def test_every_byte_of_annex_d_counts(official: Path) -> None:
    response, store, transcript, reader = annex_d(official)
    verifier, session = MdocVerifier(store), Session(transcript, reader)
    accepted = []
    for place in range(len(response)):
        changed = bytearray(response)
        changed[place] ^= 1 << place % 8
        if verifier.verify(bytes(changed), THEN, session=session).ok:
            accepted.append(place)
    assert accepted == []


def test_every_shorter_response_is_refused(official: Path) -> None:
    response, store, transcript, reader = annex_d(official)
    verifier, session = MdocVerifier(store), Session(transcript, reader)
    for length in range(0, len(response), 97):
        assert not verifier.verify(response[:length], THEN, session=session).ok
    assert not verifier.verify(response + b"\0", THEN, session=session).ok


# What is issued and presented here.


def test_a_credential_of_ours_states_the_facts_and_is_bound_to_its_session() -> None:
    found = verify(presented(), Session(TRANSCRIPT))
    assert found.ok, failures(found)
    assert found.profile == "mdoc"
    facts = found.facts
    assert facts is not None
    assert facts.event == facts_of(dcc_of())[0].event  # type: ignore[union-attr]
    assert facts.uvci == dcc_of()["v"][0]["ci"]
    again = pickle.loads(pickle.dumps(found))
    assert (again.ok, again.facts, again.checks) == (True, facts, found.checks)
    assert "Markerfamily" not in repr(found) + repr(found.content)


def test_a_mac_binds_as_a_signature_does() -> None:
    reader = ec.generate_private_key(ec.SECP256R1())
    text = presented(device=holder_private(), reader_key=reader.public_key())
    assert verify(text, Session(TRANSCRIPT, reader)).ok
    other = openid4vp_transcript("x509_san_dns:verifier.example", "m", "https://v.example/r")
    assert failures(verify(text, Session(other, reader))) == ["binding.signature"]
    with pytest.raises(CredentialError):
        presented(device=holder_private())


def test_the_handover_of_openid4vp_has_its_parts() -> None:
    transcript = cbor2.loads(openid4vp_transcript("client", "nonce", "https://r", b"\1" * 32))
    assert transcript[:2] == [None, None]
    assert transcript[2][0] == "OpenID4VPHandover"
    made = {
        openid4vp_transcript(*parts)
        for parts in (
            ("a", "b", "c", None),
            ("x", "b", "c", None),
            ("a", "x", "c", None),
            ("a", "b", "x", None),
            ("a", "b", "c", b"x"),
        )
    }
    assert len(made) == 5


def test_the_handover_is_that_of_the_standards_example() -> None:
    """OpenID4VP 1.0, appendix B.2.6.1."""
    thumbprint = "4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047"
    made = openid4vp_transcript(
        "x509_san_dns:example.com",
        "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA",
        "https://example.com/response",
        bytes.fromhex(thumbprint),
    )
    digest = "048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
    assert made.hex() == f"83f6f682714f70656e494434565048616e646f7665725820{digest}"


def test_no_repr_of_what_was_read_shows_the_holder() -> None:
    opened = parts.open_mdoc(presented())
    shown = repr(opened) + repr(opened.items) + repr(opened.mso) + str(opened)
    assert "Markerfamily" not in shown
    assert "1971" not in shown


@pytest.mark.parametrize("extra", [b"\0", b"\xf6", b"\xff"])
def test_nothing_may_follow_and_no_member_may_stand_twice(extra: bytes) -> None:
    data = issued()
    assert failures(verify(data + extra)) == ["format.malformed"]
    members = parts._members_in(data)
    key, value = next(iter(members.items()))
    # The same name with its length in a byte of its own.
    again = b"\x78" + bytes((key[0] & 31,)) + key[1:] + value
    both = b"\xa3" + b"".join(name + each for name, each in members.items()) + again
    assert failures(verify(both)) == ["format.malformed"]


def test_an_issued_mdoc_has_the_form_of_the_standard() -> None:
    top = cbor2.loads(issued(), semantic_decoders={0: tagged(0), 1004: tagged(1004)})
    protected, unprotected, payload, signature = top["issuerAuth"]
    assert cbor2.loads(protected) == {1: -7}
    assert list(unprotected) == [33]
    assert isinstance(unprotected[33], bytes)
    assert len(signature) == 64
    assert payload[:2] == b"\xd8\x18"
    decoders = {0: tagged(0), 1004: tagged(1004)}
    mso = cbor2.loads(cbor2.loads(payload).value, semantic_decoders=decoders)
    assert mso["docType"] == MICOV
    assert mso["validityInfo"]["signed"] == cbor2.CBORTag(0, "2023-01-15T12:00:00Z")
    identifiers = [
        cbor2.loads(item.value, semantic_decoders=decoders)["digestID"]
        for item in top["nameSpaces"][VTR]
    ]
    assert sorted(identifiers) == sorted(mso["valueDigests"][VTR]) == list(range(4))


def tagged(number: int) -> Callable[[Any, bool], object]:
    return lambda value, _: cbor2.CBORTag(number, value)


def test_what_has_no_place_is_refused() -> None:
    for payload in (dcc_of(RECOVERY), {**dcc_of(), "r": dcc_of(RECOVERY)["r"]}):
        with pytest.raises(CredentialError):
            issue_mdoc(payload, signer(), device_key=holder_public(), expires=LIFE)
    with pytest.raises(IssueError):
        issue_mdoc({**dcc_of(), "dob": "x"}, signer(), device_key=holder_public(), expires=LIFE)
    with pytest.raises(CredentialError):
        issued(device_key=ec.generate_private_key(ec.SECP384R1()).public_key())
    stranger = Signer(make_key(), kid=bytes(8))
    with pytest.raises(CredentialError):
        issue_mdoc(dcc_of(), stranger, device_key=holder_public(), expires=LIFE, issued_at=ISSUED)
    with pytest.raises(CredentialError):
        presented(device=stranger)
    with pytest.raises(CredentialError):
        present_mdoc(issued(), {VTR: ["nothing"]}, transcript=TRANSCRIPT, device=holder())


# Every rule broken in turn: a response is taken apart, changed and put together again.


def raw(item: Any) -> Any:
    return cbor2.loads(item, semantic_decoders={0: tagged(0), 1004: tagged(1004)})


def thawed(item: Any) -> Any:
    """A decoded item that can be changed."""
    if hasattr(item, "items"):
        return {key: thawed(value) for key, value in item.items()}
    return [thawed(each) for each in item] if isinstance(item, list | tuple) else item


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    response = thawed(raw(presented()))
    change(response)
    return cbor2.dumps(response)


def document(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response["documents"][0]
    return found


def signed_part(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document(response)["issuerSigned"]
    return found


def forged_namespace(response: dict[str, Any]) -> None:
    item = cbor2.dumps(
        {
            "digestID": 0,
            "random": bytes(32),
            "elementIdentifier": "forged",
            "elementValue": True,
        }
    )
    signed_part(response)["nameSpaces"]["org.forged"] = [cbor2.CBORTag(24, item)]


def another_value(response: dict[str, Any]) -> None:
    items = signed_part(response)["nameSpaces"][VTR]
    items[0] = cbor2.CBORTag(24, items[0].value.replace(b"Markerfamily", b"Otherfamily0"))


def another_identifier(response: dict[str, Any]) -> None:
    items = signed_part(response)["nameSpaces"][VTR]
    content = thawed(raw(items[0].value))
    content["digestID"] = 77
    items[0] = cbor2.CBORTag(24, cbor2.dumps(content))


def little_randomness(response: dict[str, Any]) -> None:
    items = signed_part(response)["nameSpaces"][VTR]
    content = thawed(raw(items[0].value))
    content["random"] = bytes(15)
    items[0] = cbor2.CBORTag(24, cbor2.dumps(content))


def twice(response: dict[str, Any]) -> None:
    items = signed_part(response)["nameSpaces"][VTR]
    items.append(items[0])


def swapped(response: dict[str, Any]) -> None:
    document(response)["docType"] = MDL


def moved_namespace(response: dict[str, Any]) -> None:
    spaces = signed_part(response)["nameSpaces"]
    spaces["org.micov.attestation.1"] = spaces.pop(VTR)


def two_documents(response: dict[str, Any]) -> None:
    response["documents"] *= 2


def no_documents(response: dict[str, Any]) -> None:
    del response["documents"]


def bad_status(response: dict[str, Any]) -> None:
    response["status"] = 10


def bad_version(response: dict[str, Any]) -> None:
    response["version"] = "2.0"


def unknown_member(response: dict[str, Any]) -> None:
    response["more"] = 1


def other_signature(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][3] = bytes(64)


def other_algorithm(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][0] = cbor2.dumps({1: -35})


def no_chain(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][1] = {}


def other_chain(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][1] = {33: keys()[0].certificate.der}


def kid_beside(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][1][4] = b"12345678"


def tagged_auth(response: dict[str, Any]) -> None:
    part = signed_part(response)
    part["issuerAuth"] = cbor2.CBORTag(18, part["issuerAuth"])


def bare_item(response: dict[str, Any]) -> None:
    items = signed_part(response)["nameSpaces"][VTR]
    items[0] = items[0].value


def no_payload(response: dict[str, Any]) -> None:
    signed_part(response)["issuerAuth"][2] = None


RESPONSES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (forged_namespace, "disclosure.unreferenced"),
    (another_value, "disclosure.digest"),
    (another_identifier, "disclosure.unreferenced"),
    (little_randomness, "format.random"),
    (twice, "disclosure.repeated"),
    (swapped, "type.swapped"),
    (moved_namespace, "disclosure.unreferenced"),
    (two_documents, "format.documents"),
    (no_documents, "format.documents"),
    (bad_status, "format.status"),
    (bad_version, "format.version"),
    (unknown_member, "format.unknown-member"),
    (other_signature, "signature.invalid"),
    (other_algorithm, "format.algorithm"),
    (no_chain, "format.certificates"),
    (other_chain, "signature.invalid"),
    (kid_beside, "format.certificates"),
    (tagged_auth, "format.malformed"),
    (bare_item, "format.malformed"),
    (no_payload, "format.malformed"),
]


@pytest.mark.parametrize(("change", "code"), RESPONSES, ids=named)
def test_each_changed_response_is_refused(
    change: Callable[[dict[str, Any]], None], code: str
) -> None:
    found = verify(changed(change))
    assert code in failures(found)
    assert found.facts is None or code.startswith("type.")


def test_a_response_put_together_again_is_right() -> None:
    assert verify(changed(lambda _: None), Session(TRANSCRIPT)).ok


def no_device_auth(response: dict[str, Any]) -> None:
    document(response)["deviceSigned"]["deviceAuth"] = {}


def two_proofs(response: dict[str, Any]) -> None:
    auth = document(response)["deviceSigned"]["deviceAuth"]
    auth["deviceMac"] = auth["deviceSignature"]


def attached(response: dict[str, Any]) -> None:
    document(response)["deviceSigned"]["deviceAuth"]["deviceSignature"][2] = b"x"


def mac_algorithm(response: dict[str, Any]) -> None:
    document(response)["deviceSigned"]["deviceAuth"]["deviceSignature"][0] = cbor2.dumps({1: 5})


def device_elements(response: dict[str, Any]) -> None:
    own = cbor2.CBORTag(24, cbor2.dumps({VTR: {"fn": "Other"}}))
    document(response)["deviceSigned"]["nameSpaces"] = own


def other_proof(response: dict[str, Any]) -> None:
    document(response)["deviceSigned"]["deviceAuth"]["deviceSignature"][3] = bytes(64)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (no_device_auth, "binding.malformed"),
        (two_proofs, "binding.malformed"),
        (attached, "binding.malformed"),
        (mac_algorithm, "binding.malformed"),
        (device_elements, "binding.not-authorised"),
        (other_proof, "binding.signature"),
    ],
    ids=named,
)
def test_each_changed_device_part_is_refused(
    change: Callable[[dict[str, Any]], None], code: str
) -> None:
    assert failures(verify(changed(change), Session(TRANSCRIPT))) == [code]


@pytest.mark.parametrize(
    ("authorised", "code"),
    [
        ({"nameSpaces": [VTR]}, None),
        ({"dataElements": {VTR: ["fn"]}}, None),
        ({"dataElements": {VTR: ["gn"]}}, "binding.not-authorised"),
        ({"dataElements": {VTR: 5}}, "binding.not-authorised"),
        ({"dataElements": 5, "nameSpaces": 5}, "binding.not-authorised"),
        ({}, "binding.not-authorised"),
    ],
)
def test_the_device_states_what_its_issuer_allows(
    authorised: dict[str, Any], code: str | None
) -> None:
    data = resigned(lambda mso: mso["deviceKeyInfo"].update(keyAuthorizations=authorised))
    own = parts.encoded(cbor2.dumps({VTR: {"fn": "Other"}}))
    payload = parts.device_authentication(TRANSCRIPT, MICOV, own)
    protected = cbor2.dumps({1: -7})
    signature = holder().sign(parts.signature_input(protected, payload))
    response = {
        "version": "1.0",
        "documents": [
            {
                "docType": MICOV,
                "issuerSigned": thawed(raw(data)),
                "deviceSigned": {
                    "nameSpaces": raw(own),
                    "deviceAuth": {"deviceSignature": [protected, {}, None, signature]},
                },
            }
        ],
        "status": 0,
    }
    found = verify(cbor2.dumps(response), Session(TRANSCRIPT))
    assert failures(found) == ([] if code is None else [code])


def resigned(change: Callable[[dict[str, Any]], object]) -> bytes:
    """An issued mdoc whose MSO was changed, and signed again by its issuer."""
    top = thawed(raw(issued()))
    auth = top["issuerAuth"]
    mso = thawed(raw(raw(auth[2]).value))
    change(mso)
    auth[2] = parts.encoded(cbor2.dumps(mso))
    auth[3] = signer().sign(cbor2.dumps(["Signature1", auth[0], b"", auth[2]]))
    return cbor2.dumps(top)


def test_an_mso_signed_again_is_right() -> None:
    assert verify(resigned(lambda _: None)).ok


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("version",), "2.0", "format.version"),
        (("digestAlgorithm",), "SHA-1", "format.digest"),
        (("digestAlgorithm",), "SHA-512", "disclosure.digest"),
        (("valueDigests",), [], "format.malformed"),
        (("valueDigests", VTR), [], "format.malformed"),
        (("valueDigests", VTR), {}, "disclosure.unreferenced"),
        (("valueDigests", VTR), {"0": b""}, "format.malformed"),
        (("docType",), 5, "format.malformed"),
        (("deviceKeyInfo",), None, "format.malformed"),
        (("deviceKeyInfo", "deviceKey"), None, "format.device-key"),
        (("deviceKeyInfo", "deviceKey", -1), 2, "format.device-key"),
        (("deviceKeyInfo", "deviceKey", -2), b"", "format.device-key"),
        (("deviceKeyInfo", "deviceKey", -2), bytes(32), "format.device-key"),
        (("deviceKeyInfo", "keyAuthorizations"), [], "format.malformed"),
        (("validityInfo",), [], "format.malformed"),
        (("validityInfo", "signed"), "2023-01-15T12:00:00Z", "format.time"),
        (("validityInfo", "signed"), cbor2.CBORTag(0, "2023-01-15T12:00:00.5Z"), "format.time"),
        (("validityInfo", "signed"), cbor2.CBORTag(0, "2023-01-15T12:00:00+00:00"), "format.time"),
        (("validityInfo", "signed"), cbor2.CBORTag(0, "2023-02-30T12:00:00Z"), "format.time"),
        (("validityInfo", "validFrom"), cbor2.CBORTag(0, "2023-02-02T00:00:00Z"), "time.not-yet"),
        (("validityInfo", "validUntil"), cbor2.CBORTag(0, "2023-01-31T00:00:00Z"), "time.expired"),
        (("validityInfo", "signed"), cbor2.CBORTag(0, "2022-01-01T00:00:00Z"), "validity"),
        (("status",), {"status_list": {"idx": 1}}, "revocation.malformed"),
        (("status",), 5, "revocation.malformed"),
    ],
)
def test_each_changed_mso_is_refused_though_its_issuer_signed_it(
    path: tuple[Any, ...], value: Any, code: str
) -> None:
    def change(mso: dict[str, Any]) -> None:
        for step in path[:-1]:
            mso = mso[step]
        mso[path[-1]] = value

    found = verify(resigned(change), Session(TRANSCRIPT))
    assert any(each.startswith(code) for each in failures(found)), failures(found)


def no_namespaces(response: dict[str, Any]) -> None:
    signed_part(response)["nameSpaces"] = []


def odd_namespace(response: dict[str, Any]) -> None:
    signed_part(response)["nameSpaces"][VTR] = 5


def odd_doc_type(response: dict[str, Any]) -> None:
    document(response)["docType"] = 5


def no_device(response: dict[str, Any]) -> None:
    del document(response)["deviceSigned"]


@pytest.mark.parametrize("change", [no_namespaces, odd_namespace, odd_doc_type, no_device])
def test_parts_of_the_wrong_type_are_malformed(change: Callable[[dict[str, Any]], None]) -> None:
    assert failures(verify(changed(change))) == ["format.malformed"]


def test_nothing_disclosed_is_genuine_and_no_pass() -> None:
    top = thawed(raw(issued()))
    del top["nameSpaces"]
    found = verify(cbor2.dumps(top))
    assert found.ok
    assert found.check("content").code == "content.partial"


def test_an_mdoc_without_a_device_cannot_be_bound() -> None:
    assert verify(issued()).ok
    assert failures(verify(issued(), Session(TRANSCRIPT))) == ["binding.missing"]
    assert failures(verify(presented(), Session(b"\x80"))) == ["binding.malformed"]


def test_a_lengthened_item_counts_by_its_own_bytes() -> None:
    """The digest is of the bytes as received: the same item with a longer length is another."""
    whole = presented()
    place = whole.index(b"\xd8\x18\x58")
    size = whole[place + 3]
    longer = whole[: place + 2] + b"\x59" + bytes((0, size)) + whole[place + 4 :]
    assert raw(longer) == raw(whole)
    assert "disclosure.digest" in failures(verify(longer))


def test_the_issuer_policy_of_doc_types() -> None:
    elements = {"org.iso.18013.5.1": {"family_name": "X"}}
    terms: dict[str, Any] = {
        "device_key": holder_public(),
        "issued_at": ISSUED,
        "expires": ISSUED + LIFE,
    }
    licence = issue_elements(elements, signer(), doc_type=MDL, **terms)
    assert failures(verify(licence)) == ["usage.purpose"]
    other = issue_elements(elements, signer(), doc_type="org.other", **terms)
    assert verify(other).ok
    assert failures(verify(other, purposes={"org.other": "1.2.3"})) == ["usage.purpose"]
    assert failures(verify(other, doc_types=[MICOV])) == ["type.not-accepted"]


def test_a_status_in_the_mso_is_looked_up() -> None:
    uri = "https://status.example/1"
    data = issued(status=StatusReference(1, uri))
    listed = make_status_list([0, 1], uri, signer(), issued_at=ISSUED, form="cwt")
    read = read_status_list(listed, trust(), at=NOW)
    assert failures(verify(data, status_lists=[read])) == ["revocation.revoked"]


def test_times_count_to_the_second() -> None:
    data, verifier = issued(), MdocVerifier(trust())
    end = ISSUED + LIFE
    for at, ok in ((ISSUED, True), (end, True), (end + timedelta(seconds=1), False)):
        assert verifier.verify(data, at).ok is ok
    assert not verifier.verify(data, ISSUED - timedelta(seconds=301)).ok


@given(st.binary(max_size=300))
def test_no_bytes_make_the_verifier_raise(data: bytes) -> None:
    assert not verify(data, Session(TRANSCRIPT)).ok


@given(st.data())
@settings(max_examples=150)
def test_no_change_of_a_response_makes_the_verifier_raise_or_passes(data: st.DataObject) -> None:
    whole = bytearray(shared())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= data.draw(st.integers(1, 255))
    found = verify(bytes(whole), Session(TRANSCRIPT))
    assert not found.ok or bytes(whole) == shared()


@cache
def shared() -> bytes:
    return presented()


def test_depth_and_size_are_bounded() -> None:
    assert failures(verify(b"\x81" * 5000 + b"\x80")) == ["format.malformed"]
    assert failures(verify(bytes(1024 * 1024 + 1))) == ["format.too-large"]
    assert failures(verify(b"\xbf" * 100_000)) == ["format.malformed"]
    many = {
        "nameSpaces": {VTR: [cbor2.CBORTag(24, b"\xa0")] * 2000},
        "issuerAuth": [b"", {}, b"", b""],
    }
    assert not verify(cbor2.dumps(many)).ok
    crowd = {"nameSpaces": {VTR: [0] * 200_000}, "issuerAuth": []}
    assert failures(verify(cbor2.dumps(crowd))) == ["format.too-large"]


@given(
    st.recursive(
        st.integers(-1, 300) | st.binary(max_size=30) | st.text(max_size=30) | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.text(max_size=3), inner, max_size=4)
            | inner.map(lambda value: cbor2.CBORTag(24, value))
        ),
    ),
)
def test_slices_are_the_items_that_a_decoder_finds(value: Any) -> None:
    for whole in (cbor2.dumps([value, value]), b"\x9f" + cbor2.dumps(value) * 2 + b"\xff"):
        assert parts._items_in(whole) == [cbor2.dumps(value)] * 2
    named = b"\xbf\x61a" + cbor2.dumps(value) + b"\xff"
    for whole in (cbor2.dumps({"a": value}), named):
        assert parts._members_in(whole) == {b"\x61a": cbor2.dumps(value)}
    assert parts._items_in(b"\x81\x5f\x41a\x41b\xff") == [b"\x5f\x41a\x41b\xff"]
    for broken in (b"", b"\x82\x01", b"\x01", b"\x9f\x01"):
        with pytest.raises(CredentialError):
            parts._items_in(broken)


def test_the_holder_key_is_told_as_a_jwk() -> None:
    content: Any = verify(issued()).content
    assert content.holder_key == jwk_of(holder_public())
    assert {loss.field for loss in content.losses} >= {"nam.fnt", "ver"}


def test_a_trust_store_of_the_certificate_itself_is_enough() -> None:
    store = TrustStore([keys()[1].certificate])
    assert MdocVerifier(store).verify(issued(), NOW).ok

"""WHO's documents: the statements that are signed, and everything that must not slip past them.

Most documents are our own, and one set of statements was written down by hand from the published
recipe. The published documents themselves are in `test_gdhcn_published.py`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import string
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import der_writer
import list_makers as make
from coronapas import _base64 as codec
from coronapas import _signatures as signatures
from coronapas import keys, trust
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.facts import EventKind
from coronapas.trust import GdhcnEntry, Listing, Pin, TrustStore
from coronapas.trust import _anchors as anchors
from coronapas.trust import _did_proof as did_proof
from coronapas.trust import _jose as jose
from coronapas.trust import _store as storing
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import TrustList
from coronapas.trust._lists import gdhcn

PIN = make.list_signer().certificate
HOUR = timedelta(hours=1)
Document = dict[str, Any]

LETTERS = string.ascii_letters + string.digits + "-_"


def entry(number: int = 0, **more: Any) -> GdhcnEntry:
    return GdhcnEntry(make.dsc(number).certificate, "DNK", (make.csca().certificate,), **more)


def document(*entries: GdhcnEntry, **more: Any) -> Document:
    made: Document = json.loads(make.did_document(entries or (entry(),), **more))
    return made


def read(content: Document, *, pins: Any = PIN, **about: Any) -> TrustList:
    return gdhcn.read(make.dumped(content), pins=pins, **about)


def signed(content: Document, environment: str | None = None) -> Document:
    """The document with a new proof, whatever was changed in it."""
    proof = {name: value for name, value in content["proof"].items() if name != "jws"}
    plain = {name: value for name, value in content.items() if name != "proof"}
    pair = make.list_signer()

    def sign(data: bytes) -> bytes:
        return signatures.to_der(make.raw_signature(pair, data))

    return did_proof.sign(plain, proof, sign, environment=environment)


def in_old_form(content: Document) -> Document:
    """The document as lists were written before May 2026, not signed anew."""
    old = copy.deepcopy(content)
    old["@context"] = list(did_proof.CONTEXTS)
    for method in filter(did_proof.is_coded, old["verificationMethod"]):
        for member in did_proof.CODE_LISTS:
            code = method[member]["code"].removeprefix("#")
            method[member]["code"] = "SCA" if code == "CSCA" else code
    return old


def reasons(found: TrustList) -> list[str]:
    return [drop.reason for drop in found.dropped]


def test_the_statements_are_those_of_the_published_recipe() -> None:
    content = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": "did:web:example.org:list",
        "controller": "did:web:example.org",
        "verificationMethod": [
            "did:web:example.org:other#1",
            {
                "id": "did:web:example.org:list:DCC:DNK:DSC#a+b/c=",
                "type": "JsonWebKey2020",
                "controller": "did:web:example.org:list",
                "publicKeyJwk": {"kty": "EC", "a": 'quote " and \\'},
                "domain": {"code": "DCC"},
                "participant": {"code": "DNK"},
                "keyusage": {"code": "DSC"},
            },
        ],
    }
    security, list_ = "https://w3id.org/security#", "<did:web:example.org:list>"
    method = "<did:web:example.org:list:DCC:DNK:DSC#a+b/c=>"
    codes = "https://smart.who.int/trust/ValueSet-"
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    assert did_proof.document_quads(content, "uat") == {
        f"{list_} <{security}controller> <did:web:example.org> .\n",
        f"{list_} <{security}verificationMethod> <did:web:example.org:other#1> .\n",
        f"{list_} <{security}verificationMethod> {method} .\n",
        f"{method} <{rdf}type> <{security}JsonWebKey2020> .\n",
        f"{method} <{security}controller> {list_} .\n",
        f"{method} <{security}publicKeyJwk> "
        r'"{\"a\":\"quote \\\" and \\\\\",\"kty\":\"EC\"}"'
        f"^^<{rdf}JSON> .\n",
        f"{method} <{codes}Domains-UAT.jsonld> <{codes}Domains-UAT.jsonld#DCC> .\n",
        f"{method} <{codes}Participants-UAT.jsonld> <{codes}Participants-UAT.jsonld#DNK> .\n",
        f"{method} <{codes}KeyUsage-UAT.jsonld> <{codes}KeyUsage-UAT.jsonld#DSC> .\n",
    }
    proof = {
        "type": "JsonWebSignature2020",
        "created": "2026-08-22T06:00:00Z",
        "nonce": "n\n1",
        "proofPurpose": "assertionMethod",
        "verificationMethod": "did:web:example.org:signer#k",
        "jws": "left..out",
    }
    assert did_proof.proof_quads(proof) == {
        "_:c14n0 <http://purl.org/dc/terms/created> "
        '"2026-08-22T06:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n',
        f"_:c14n0 <{rdf}type> <{security}JsonWebSignature2020> .\n",
        f'_:c14n0 <{security}nonce> "n\\n1" .\n',
        f"_:c14n0 <{security}proofPurpose> <{security}assertionMethod> .\n",
        f"_:c14n0 <{security}verificationMethod> <did:web:example.org:signer#k> .\n",
    }


@pytest.mark.parametrize("environment", did_proof.ENVIRONMENTS)
def test_a_list_of_every_environment_is_verified_in_both_forms(environment: str) -> None:
    content = document(environment=environment)
    for each in (content, signed(in_old_form(content), environment)):
        found = read(each)
        assert found.signature == "verified"
        assert found.issued == make.ISSUED
        assert found.environment == environment
        assert found.certificates[0].listing == Listing("DCC", "DNK", "DSC", environment)


def test_the_environment_of_the_old_form_is_not_known_unverified() -> None:
    assert read(in_old_form(document()), pins=()).environment is None
    content = in_old_form(document())
    content["id"] = "did:web:tng-cdn-uat.who.int:v2:trustlist"
    assert read(content, pins=()).environment == "uat"


@pytest.mark.parametrize("environment", did_proof.ENVIRONMENTS)
def test_a_list_does_not_verify_for_another_environment(environment: str) -> None:
    content = document()
    content["@context"] = did_proof.contexts(environment)
    if environment == "production":
        assert read(content).signature == "verified"
        return
    with pytest.raises(TrustListError) as caught:
        read(content)
    assert caught.value.code == "trust.signature"


@pytest.mark.parametrize(
    "contexts",
    [
        did_proof.contexts("uat")[::-1],
        did_proof.contexts("uat")[1:],
        did_proof.contexts("uat")[2],
        [*did_proof.contexts("uat"), did_proof.contexts("uat")[2]],
        [*did_proof.contexts("uat"), {}],
        [did_proof.contexts("uat")],
        [*did_proof.CONTEXTS, {"keyusages": {"@id": "@id"}}],
        [*did_proof.CONTEXTS, {"keyusage": {"@id": "@none"}}],
    ],
)
def test_contexts_in_no_known_form_are_refused(contexts: object) -> None:
    content = document()
    content["@context"] = contexts
    with pytest.raises(TrustListError) as caught:
        read(content, pins=())
    assert caught.value.code == "trust.malformed"


@pytest.mark.parametrize("member", did_proof.CODE_LISTS)
def test_a_code_of_the_other_form_is_refused(member: str) -> None:
    """It would resolve to another address than the one that is judged here."""
    new, old = document(), in_old_form(document())
    new["verificationMethod"][0][member]["code"] = "DCC"
    old["verificationMethod"][0][member]["code"] = "#DCC"
    for content in (new, old):
        with pytest.raises(TrustListError) as caught:
            read(content, pins=())
        assert caught.value.code == "trust.malformed"


def test_an_authority_is_one_by_both_names() -> None:
    authority = GdhcnEntry(make.csca().certificate, "DNK", usage="SCA")
    written = document(authority)
    method = written["verificationMethod"][0]
    assert method["keyusage"] == {"code": "#CSCA"}
    assert ":DNK:SCA#" in method["id"]
    method["keyusage"] = {"code": "#SCA"}
    for content in (document(authority), signed(written)):
        found = read(content)
        assert found.authorities == (make.csca().certificate,)
        assert found.authorities[0].listing == Listing("DCC", "DNK", "SCA", "production")


def test_an_authority_of_another_business_is_none_here() -> None:
    content = document(GdhcnEntry(make.csca().certificate, "DNK", usage="DECA"))
    found = read(content)
    assert (found.certificates, found.authorities) == ((), ())
    assert reasons(found) == ["the key's usage is not the signing of passes"]
    content = document(entry(usage="SCA"))
    assert reasons(read(content)) == [
        "the certificate of an authority must be one by its extensions"
    ]


def test_one_certificate_in_two_domains_is_two_entries() -> None:
    found = read(document(entry(), entry(domain="PH4H"), entry(domain="PH4H")))
    assert [each.domain for each in found.certificates] == ["DCC", "PH4H"]
    assert len(set(found.certificates)) == 1
    assert found.to_json()["domains"] == {"DCC": 1, "PH4H": 1}
    store = TrustStore.from_lists(found)
    (certificate,) = store
    for each in (store, storing.parse(storing.dump(store)), TrustStore(found.certificates)):
        listed = [source.listing for source in each.sources_of(certificate)]
        assert [listing and listing.domain for listing in listed] == ["DCC", "PH4H"]
    assert len(store.sources) == 1
    loose = TrustStore(found.certificates)
    assert storing.parse(storing.dump(loose)) == loose


def test_what_a_list_states_leaves_with_the_list() -> None:
    first = read(document(entry()), name="network")
    later = read(document(entry(domain="PH4H")), name="network")
    store = TrustStore.from_lists(first).update(later)
    (certificate,) = store
    assert [each.listing for each in store.sources_of(certificate)] == [
        Listing("PH4H", "DNK", "DSC", "production")
    ]


def test_references_are_named_and_never_followed() -> None:
    other = "did:web:tng-cdn-dev.who.int:trustlist"
    content = json.loads(make.did_document((), references=[other, other, make.DID]))
    found = read(content)
    assert (found.format, found.signature) == ("gdhcn-references", "verified")
    assert found.references == (other, make.DID)
    assert (found.certificates, found.dropped) == ((), ())
    mixed = read(json.loads(make.did_document([entry()], references=[other])))
    assert (mixed.format, mixed.references) == ("gdhcn", (other,))
    assert len(mixed.certificates) == 1


def in_version_1(**more: Any) -> Document:
    item = jose.write_jwk(make.dsc(0).certificate, chain=(make.csca().certificate,))
    method = {
        "id": f"did:web:tng-cdn.who.int:trustlist:dnk#{item.pop('kid')}",
        "type": "JsonWebKey2020",
        "controller": "did:web:tng-cdn.who.int:trustlist:dnk",
        "publicKeyJwk": item,
    }
    content = {**document(), "@context": [*did_proof.CONTEXTS], "verificationMethod": [method]}
    return {**content, "id": "did:web:tng-cdn.who.int:trustlist", **more}


def test_version_1_is_never_verified_whatever_is_pinned() -> None:
    for content in (in_version_1(), signed(in_version_1())):
        for pins in ((), PIN, make.dsc(1).certificate):
            found = read(content, pins=pins)
            assert (found.format, found.signature) == ("gdhcn-v1", "not verified")
            assert found.certificates[0].listing == Listing(None, "DNK", "DSC", "production")
            with pytest.raises(TrustListError) as caught:
                TrustStore.from_lists(found)
            assert caught.value.code == "trust.unverified"


def test_a_key_that_signs_lists_signs_no_passes() -> None:
    content = in_version_1()
    del content["proof"], content["verificationMethod"][0]["publicKeyJwk"]["x5c"]
    for pins in ((), PIN):
        found = read(content, pins=pins)
        assert (found.format, found.signature) == ("gdhcn-key", "not verified")
        assert (found.certificates, found.authorities) == ((), ())


def signing_document(environment: str) -> bytes:
    item = jose.write_jwk(Certificate.from_public_key(PIN.spki))
    name = f"did:web:example.org:tng-participants-{environment}:main:WHO:signing:DID"
    method = {"id": name, "type": "JsonWebKey2020", "controller": name, "publicKeyJwk": item}
    return make.dumped({"id": name, "controller": name, "verificationMethod": [method]})


def test_a_pin_for_one_environment_signs_no_list_of_another() -> None:
    """Whoever pins the keys of several environments trusts each for its own."""
    assert read(document(), pins=signing_document("prod")).signature == "verified"
    both = [signing_document("dev"), signing_document("prod")]
    assert read(document(), pins=both).signature == "verified"
    content = document(environment="development")
    assert read(content, pins=signing_document("dev")).environment == "development"
    for pin in (signing_document("prod"), Pin(PIN, environment="uat")):
        for each in (content, signed(in_old_form(content), "development")):
            with pytest.raises(TrustListError) as caught:
                read(each, pins=pin)
            assert caught.value.code == "trust.signer"


def test_the_pin_tells_the_environment_of_a_document_that_does_not() -> None:
    content = in_old_form(json.loads(make.did_document((), references=[make.DID])))
    assert read(signed(content), pins=PIN).environment is None
    assert read(signed(content), pins=signing_document("uat")).environment == "uat"


CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=1, max_size=12)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), CODES, CODES, st.sampled_from(("DSC", "SCA"))),
        max_size=6,
        unique=True,
    ),
    st.sampled_from(sorted(did_proof.ENVIRONMENTS)),
)
def test_what_is_written_is_read(listed: list[tuple[int, str, str, str]], environment: str) -> None:
    entries = []
    for number, domain, participant, usage in listed:
        authority = make.csca().certificate
        which = make.dsc(number).certificate if usage == "DSC" else authority
        chain = (authority,) if usage == "DSC" else ()
        entries.append(GdhcnEntry(which, participant, chain, usage, domain))
    found = read(document(*entries, environment=environment) if entries else empty(environment))
    written = [
        (each.certificate, Listing(each.domain, each.participant, each.usage, environment))
        for each in entries
    ]
    told = [(each, each.listing) for each in (*found.certificates, *found.authorities)]
    assert set(told) == set(written)
    assert (found.dropped, found.environment) == ((), environment)


def empty(environment: str) -> Document:
    made: Document = json.loads(make.did_document((), environment=environment))
    return made


@cache
def of_two_domains() -> bytes:
    return make.dumped(document(entry(), entry(1, domain="PH4H")))


@given(st.integers(0, 1 << 20), st.integers(0x20, 0x7E))
def test_no_single_character_can_be_changed(number: int, new: int) -> None:
    genuine = of_two_domains()
    place = number % len(genuine)
    assume(new != genuine[place])
    changed = genuine[:place] + bytes([new]) + genuine[place + 1 :]
    with pytest.raises(TrustListError):
        trust.read(changed, pins=PIN)


def test_the_last_character_of_a_signature_has_no_other_spelling() -> None:
    content = document()
    plain = content["proof"]["jws"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet.replace(plain[-1], ""):
        content["proof"]["jws"] = plain[:-1] + last
        with pytest.raises(TrustListError):
            read(content)


@given(st.binary(max_size=300) | st.from_regex(rb'\{"verificationMethod":.{0,200}\}'))
def test_any_bytes_are_a_list_or_a_typed_error(data: bytes) -> None:
    try:
        gdhcn.read(data, pins=PIN)
    except TrustListError as error:
        assert error.form == "gdhcn"


def test_the_raw_form_of_a_signature_is_read_too() -> None:
    content = document()
    head, _, tail = content["proof"]["jws"].partition("..")
    content["proof"]["jws"] = (
        f"{head}..{codec.encode_url(signatures.from_der(codec.decode_any(tail), 32))}"
    )
    assert read(content).signature == "verified"


def test_a_signature_has_one_spelling() -> None:
    content = document()
    signed = content["proof"]["jws"]
    head, _, tail = signed.partition("..")
    raw = signatures.from_der(codec.decode_any(tail), 32)
    proof = codec.encode_url(raw)  # 64 bytes: the last letter has four bits that mean nothing
    spellings = [
        proof[:-1] + letter for letter in LETTERS if codec.decode_any(proof[:-1] + letter) == raw
    ]
    assert len(spellings) == 16
    for spelling in spellings:
        content["proof"]["jws"] = f"{head}..{spelling}"
        if spelling == proof:
            assert read(content).signature == "verified"
        else:
            with pytest.raises(TrustListError) as caught:
                read(content)
            assert caught.value.code == "trust.malformed"


def test_the_coordinates_of_the_keys_are_not_looked_at() -> None:
    content = document()
    item = content["verificationMethod"][0]["publicKeyJwk"]
    for change in (
        {"x": codec.encode_url(b"\0" + bytes(32))},
        {"y": "AAAA"},
        {"crv": "UNKNOWN CURVE"},
    ):
        item |= change
    assert read(signed(content)).certificates[0].spki == make.dsc(0).certificate.spki


def spoil(path: str, value: object) -> Callable[[Document], None]:
    def change(content: Document) -> None:
        *way, last = path.split(".")
        place: Any = content
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "did:web:elsewhere.example.org"),
        ("controller", "did:web:elsewhere.example.org"),
        ("verificationMethod.0.id", make.DID + ":DCC:DNK:DSC#AAAAAAAAAAA="),
        ("verificationMethod.0.controller", make.DID + ":other"),
        ("verificationMethod.0.publicKeyJwk.kid", "AAAAAAAAAAA="),
        ("verificationMethod.0.publicKeyJwk.x", "AAAA"),
        ("verificationMethod.0.publicKeyJwk.more", "member"),
        ("verificationMethod.0.participant.code", "#SWE"),
        ("verificationMethod.0.domain.code", "#ICVP"),
        ("verificationMethod.0.keyusage.code", "#SCA"),
        ("verificationMethod", []),
        ("proof.created", "2031-01-01T00:00:00Z"),
        ("proof.nonce", "another"),
        ("proof.verificationMethod", make.DID),
    ],
)
def test_a_change_of_anything_that_is_signed_is_found(path: str, value: object) -> None:
    content = document()
    spoil(path, value)(content)
    with pytest.raises(TrustListError) as caught:
        read(content)
    assert caught.value.code == "trust.signature"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("service", []),
        ("@context", ["https://elsewhere.example.org/context.jsonld"]),
        ("@context", [{"controller": "https://elsewhere.example.org/x"}]),
        ("@context", "keys"),
        ("@context", [5]),
        ("id", None),
        ("id", "relative"),
        ("id", "did:web:a> <b:c> <d:e"),
        ("controller", ["did:web:a"]),
        ("verificationMethod", {}),
        ("verificationMethod.0", 5),
        ("verificationMethod.0", "did:web:a\n<b:c>"),
        ("verificationMethod.0.type", "Ed25519VerificationKey2018"),
        ("verificationMethod.0.publicKeyBase58", "a"),
        ("verificationMethod.0.publicKeyJwk", []),
        ("verificationMethod.0.id", 'did:web:a"b'),
        ("verificationMethod.0.keyusage", "DSC"),
        ("verificationMethod.0.keyusage.code", "D SC"),
        ("verificationMethod.0.keyusage.display", "DSC"),
        ("proof", []),
        ("proof.domain", "a"),
        ("proof.type", "Ed25519Signature2018"),
        ("proof.proofPurpose", "authentication"),
        ("proof.created", 5),
        ("proof.nonce", 5),
        ("proof.verificationMethod", "x y"),
    ],
)
@pytest.mark.parametrize("pinned", [True, False])
def test_what_would_not_be_under_the_signature_is_refused(
    path: str, value: object, pinned: bool
) -> None:
    content = document()
    spoil(path, value)(content)
    with pytest.raises(TrustListError) as caught:
        read(content, pins=PIN if pinned else ())
    assert caught.value.code == "trust.malformed"


@pytest.mark.parametrize(
    "jws",
    [
        "",
        "a..b",
        "!..!",
        codec.encode_url(b'{"alg":"ES256"}') + "..AAAA",
        codec.encode_url(b'{"alg":"none","b64":false,"crit":["b64"]}') + "..AAAA",
        codec.encode_url(b'{"alg":"ES256","b64":false,"crit":["b64"]}') + "..",
        5,
    ],
)
def test_a_proof_of_another_kind_is_refused(jws: object) -> None:
    content = document()
    content["proof"]["jws"] = jws
    with pytest.raises(TrustListError) as caught:
        read(content)
    assert caught.value.code == "trust.malformed"


def test_a_list_without_a_proof_is_unsigned() -> None:
    content = document()
    del content["proof"]
    with pytest.raises(TrustListError) as caught:
        read(content)
    assert caught.value.code == "trust.unsigned"
    found = read(content, pins=())
    assert (found.signature, found.issued, len(found.certificates)) == ("not verified", None, 1)


def test_known_contexts_in_any_arrangement_are_read() -> None:
    content = in_old_form(document())
    address = "https://smart.who.int/trust/ValueSet-KeyUsage-DEV.jsonld"
    content["@context"] = [*did_proof.CONTEXTS, {"keyusage": {"@id": address, "@type": "@id"}}]
    assert read(signed(content)).signature == "verified"


def test_a_pin_of_another_kind_does_not_verify() -> None:
    with pytest.raises(TrustListError) as caught:
        read(document(), pins=make.dsc(key="RSA-2048").certificate)
    assert caught.value.code == "trust.signature"


def test_the_date_of_the_proof_is_the_lists() -> None:
    content = document()
    content["proof"]["created"] = "2021-09-01T11:00:00"
    assert read(signed(content)).issued == make.ISSUED
    content["proof"]["created"] = "yesterday"
    with pytest.raises(TrustListError) as caught:
        read(signed(content))
    assert caught.value.code == "trust.malformed"
    with pytest.raises(TrustListError) as caught:
        read(document(), at=make.BEGIN)
    assert caught.value.code in ("trust.not-yet", "trust.signer")


def test_version_1_states_the_kid_in_the_identifier_and_no_usage() -> None:
    first, authority = make.dsc(0).certificate, make.csca().certificate
    methods = []
    for each, above in ((first, (authority,)), (authority, ())):
        item = jose.write_jwk(each, chain=above)
        kid = item.pop("kid").replace("+", "%2B").replace("/", "%2F")
        methods.append(
            {
                "id": f"{make.DID}:dnk#{kid}",
                "type": "JsonWebKey2020",
                "controller": f"{make.DID}:dnk",
                "publicKeyJwk": item,
            }
        )
    content = {**document(), "verificationMethod": methods}
    found = read(signed(content))
    assert found.certificates == (first,)
    assert found.authorities == (authority,)
    assert found.remarks == ()


def test_a_kid_may_hold_every_sign_of_base64() -> None:
    kid = bytes([251, 255, 191, 0, 0, 0, 0, 0])
    assert set("+/=") <= set(codec.encode(kid))
    found = read(document(GdhcnEntry(Certificate.load(make.dsc(0).certificate, kid=kid), "DNK")))
    assert found.certificates[0].kid == kid
    assert sorted(remark.code for remark in found.remarks) == ["chain.no-issuer", "list.kid"]


def test_keys_for_other_uses_sign_no_passes() -> None:
    authority = GdhcnEntry(make.csca().certificate, "DNK", usage="SCA")
    other = entry(1, usage="UP")
    found = read(document(entry(), authority, other))
    assert len(found.certificates) == 1
    assert found.authorities == (make.csca().certificate,)
    assert reasons(found) == ["the key's usage is not the signing of passes"]
    assert found.dropped[0].kid == make.dsc(1).certificate.kid


def test_a_dsc_that_the_next_certificate_did_not_sign_is_dropped() -> None:
    other = keys.make_csca("DK", valid_from=make.BEGIN)
    found = read(document(GdhcnEntry(make.dsc(0).certificate, "DNK", (other.certificate,))))
    assert reasons(found) == ["the signature does not hold under the issuer's key"]


def test_an_issuer_that_is_odd_in_other_ways_is_remarked() -> None:
    # The authority's key, in a certificate that is no authority's.
    same_key = Certificate(der_writer.certificate(key=make.csca().certificate.spki))
    found = read(document(GdhcnEntry(make.dsc(0).certificate, "DNK", (same_key,))))
    assert [each.spki for each in found.certificates] == [make.dsc(0).certificate.spki]
    assert [remark.code for remark in found.remarks] == ["chain.no-issuer"]


def test_a_method_without_certificate_or_kid_is_dropped() -> None:
    content = document(entry(0), entry(1), entry(2), entry(3))
    methods = content["verificationMethod"]
    del methods[0]["publicKeyJwk"]["x5c"]
    del methods[1]["publicKeyJwk"]
    methods[2]["publicKeyJwk"]["kid"] = "!"
    methods.append(f"{make.DID}#AAAAAAAAAAA=")
    methods.append(f"{make.DID}#")
    found = read(signed(content))
    assert [each.kid for each in found.certificates] == [make.dsc(3).certificate.kid]
    assert [drop.kid for drop in found.dropped] == [
        make.dsc(0).certificate.kid,
        make.dsc(1).certificate.kid,
        None,
        bytes(8),
        None,
    ]


def test_several_keys_of_one_identifier_count_where_nothing_can_be_confused() -> None:
    content = document(entry(0), entry(1))
    methods = content["verificationMethod"]
    methods[1]["id"] = methods[0]["id"]
    assert len(read(signed(content)).certificates) == 2
    methods[1]["keyusage"] = {"code": "#CSCA"}
    found = read(signed(content))
    assert found.certificates == ()
    assert set(reasons(found)) == {"the identifier stands for keys of different usage"}


def test_a_certificate_that_only_carries_a_key_has_a_kid_of_its_own() -> None:
    purposes = der_writer.key_usages("1.3.6.1.4.1.1847.2022.1.22")
    raw = Certificate(der_writer.certificate(der_writer.tlv(0x30, purposes)), kid=b"rawkey00")
    found = read(document(GdhcnEntry(raw, "DNK")))
    assert [each.kid for each in found.certificates] == [b"rawkey00"]
    assert [remark.code for remark in found.remarks] == ["chain.no-issuer"]


def test_a_bare_key_cannot_be_written() -> None:
    bare = Certificate.from_public_key(make.dsc().certificate.spki, kid=b"12345678")
    with pytest.raises(KeyMaterialError):
        make.did_document([GdhcnEntry(bare, "DNK")])


def test_usages_of_a_dsc_stay_those_of_its_certificate() -> None:
    pair = make.csca().issue_dsc(valid_from=make.BEGIN, usages=[EventKind.TEST])
    found = read(document(GdhcnEntry(pair.certificate, "DNK", (make.csca().certificate,))))
    assert found.certificates[0].usages == {EventKind.TEST}


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just({"code": "DSC"})


@given(st.data())
def test_no_change_of_a_member_goes_unnoticed(data: st.DataObject) -> None:
    genuine = document()
    content = copy.deepcopy(genuine)
    place = content
    for _ in range(data.draw(st.integers(0, 3))):
        inner = [each for each in place.values() if isinstance(each, dict)]
        inner += [each for each in place.get("verificationMethod", []) if isinstance(each, dict)]
        if inner:
            place = data.draw(st.sampled_from(inner))
    name = data.draw(st.sampled_from(sorted(place)))
    place[name] = data.draw(JSON)
    if content == genuine:
        return
    try:
        found = read(content)
    except TrustListError:
        return
    # Contexts are not signed; all the rest is.
    assert name == "@context"
    assert [each.kid for each in found.certificates] == [make.dsc(0).certificate.kid]


# The chains are verified when the keys are asked for, and nothing else shows it.


def lying(content: Document, place: int) -> Document:
    """The list, signed anew, with another authority after the DSC in the x5c of one method."""
    key = content["verificationMethod"][place]["publicKeyJwk"]
    key["x5c"] = [key["x5c"][0], codec.encode(make.csca("DK", 1).certificate.der or b"")]
    return signed(content)


def judged(monkeypatch: pytest.MonkeyPatch) -> list[Certificate]:
    """Collect the certificates whose signatures are verified from now on."""
    found: list[Certificate] = []
    verify = anchors.signature_fault

    def noted(certificate: Certificate, issuer: Certificate) -> str | None:
        found.append(certificate)
        return verify(certificate, issuer)

    monkeypatch.setattr(anchors, "signature_fault", noted)
    monkeypatch.setattr(gdhcn, "_found", {})
    return found


def test_reading_leaves_the_chains_until_the_keys_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = document(entry(0), entry(1), entry(2))
    seen = judged(monkeypatch)
    found = read(content)
    assert found.signature == "verified"
    assert found.limited(HOUR).source.max_age == HOUR
    assert seen == []
    assert len(found.certificates) == 3
    assert set(seen) == set(found.certificates)
    count = len(seen)
    assert (found.dropped, found.remarks) == ((), ())
    assert len(read(content).certificates) == 3
    assert len(seen) == count


@pytest.mark.parametrize("member", ["certificates", "dropped", "remarks"])
def test_whatever_is_asked_first_the_answers_are_the_same(member: str) -> None:
    content = lying(document(entry(0), entry(1), entry(2)), 1)
    first, second = read(content), read(content)
    answer = getattr(first, member)
    assert [each.kid for each in second.certificates] == [
        make.dsc(n).certificate.kid for n in (0, 2)
    ]
    assert [drop.kid for drop in second.dropped] == [make.dsc(1).certificate.kid]
    assert reasons(second) == ["the signature does not hold under the issuer's key"]
    assert [drop.source for drop in second.dropped] == ["gdhcn, method 2"]
    assert answer == getattr(second, member)
    assert first == second


def test_a_list_that_nobody_asked_is_compared_copied_and_pickled_as_any() -> None:
    content = lying(document(entry(0), entry(1)), 0)
    asked = read(content)
    assert len(asked.certificates) == 1
    for copied in (
        copy.copy(read(content)),
        copy.deepcopy(read(content)),
        pickle.loads(pickle.dumps(read(content))),
        dataclasses.replace(read(content), references=()),
    ):
        assert copied == asked
        assert hash(copied) == hash(asked)
    assert repr(read(content)) == repr(asked)
    assert read(content).to_json() == asked.to_json()
    assert read(content).limited(HOUR) == asked.limited(HOUR)
    assert TrustStore.from_lists(read(content)) == TrustStore.from_lists(asked)
    with pytest.raises(AttributeError):
        _ = read(content).nothing  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        read(content).source = asked.source  # type: ignore[misc]


def test_drops_and_remarks_keep_the_order_of_the_list() -> None:
    content = document(*(entry(number) for number in range(4)))
    for place in (0, 2):
        del content["verificationMethod"][place]["publicKeyJwk"]["x5c"]
    found = read(lying(content, 1))
    places = [drop.source for drop in found.dropped]
    assert places == ["gdhcn, method 1", "gdhcn, method 2", "gdhcn, method 3"]

"""What is peculiar to each national list."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import list_makers as make
from coronapas import _base64 as codec
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.facts import EventKind
from coronapas.trust import (
    VerifierServiceResponse,
    decode_kid,
    read_austrian_rules,
    read_austrian_value_sets,
    write_jwks,
    write_verifier_service,
)
from coronapas.trust import _anchors as anchors
from coronapas.trust import _jose as jose
from coronapas.trust import _reading as reading
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import TrustList
from coronapas.trust._lists import (
    austria,
    france,
    germany,
    jwks,
    key_list,
    netherlands,
    plain,
    sweden,
    switzerland,
    verifier_service,
)

PIN = make.list_signer().certificate


def code(caught: pytest.ExceptionInfo[TrustListError]) -> str:
    return caught.value.code


def reasons(found: TrustList) -> list[str]:
    return [drop.reason for drop in found.dropped]


# Germany.


def test_the_german_signature_covers_every_byte_after_the_first_newline() -> None:
    data = make.make_germany(make.certificates()).data
    for changed in (data + b" ", data.replace(b"\n", b"\n ", 1)):
        with pytest.raises(TrustListError) as caught:
            germany.read(changed, pins=PIN)
        assert code(caught) == "trust.signature"


@pytest.mark.parametrize("line", [b"", b"AAAA", b"!" * 88, b"A" * 5000])
def test_a_german_line_that_is_no_signature_is_refused(line: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        germany.read(line + b"\n{}", pins=PIN)
    assert code(caught) == "trust.malformed"


def test_a_german_entry_that_is_wrong_is_dropped_alone() -> None:
    good = make.german_entry(make.dsc(0).certificate)
    rows = [
        good,
        {**good, "certificateType": "UPLOAD"},
        {**good, "thumbprint": "00"},
        {**good, "kid": "!"},
        5,
    ]
    found = germany.read(make.german({"certificates": rows}), pins=PIN)
    assert len(found.certificates) == 1
    assert reasons(found) == [
        "the certificateType of the entry must be DSC",
        "the thumbprint is not the certificate's",
        "the kid is not base64",
        "the entry has no 'certificateType' of the right type",
    ]
    assert found.dropped[0].kid == make.dsc(0).certificate.kid


def test_a_german_pin_of_another_kind_does_not_verify() -> None:
    rsa = make.dsc(key="RSA-2048").certificate
    data = make.make_germany(make.certificates(0)).data
    with pytest.raises(TrustListError) as caught:
        germany.read(data, pins=rsa)
    assert code(caught) == "trust.signature"


@pytest.mark.parametrize("form", ["germany", "austria", "gdhcn", "sweden", "netherlands"])
def test_a_signer_that_is_not_valid_any_more_is_not_trusted(form: str) -> None:
    (row,) = (each for each in make.FORMS if each.name == form)
    files, pin = row.make(make.certificates(0)), row.pin()
    last = make.list_signer().certificate.not_after
    assert last is not None
    assert pin is not None
    with pytest.raises(TrustListError) as caught:
        reading.read(files.data, pins=pin, beside=files.beside, at=last + timedelta(seconds=1))
    assert code(caught) == "trust.signer"


# Austria.


def test_the_austrian_signature_is_over_the_digest_of_the_content() -> None:
    files = make.make_austria(make.certificates(0))
    other = make.make_austria(make.certificates(1))
    with pytest.raises(TrustListError) as caught:
        austria.read(other.data, beside=files.beside, pins=PIN)
    assert code(caught) == "trust.signature"
    with pytest.raises(TrustListError) as caught:
        austria.read(other.data, beside=files.beside, pins=())
    assert code(caught) == "trust.signature"


def test_an_austrian_list_without_its_signature_file_is_incomplete() -> None:
    files = make.make_austria(make.certificates(0))
    with pytest.raises(TrustListError) as caught:
        austria.read(files.data, pins=PIN)
    assert code(caught) == "trust.incomplete"
    assert austria.read(files.data, pins=()).signature == "not verified"


@pytest.mark.parametrize(
    "life",
    [
        {"version": 1},
        {"ends": None},
        {"ends": "tomorrow"},
        {"ends": True},
        {"begins": 1e300},
        {"digest": 5},
    ],
)
def test_an_austrian_signature_file_of_another_form_is_refused(life: dict[str, Any]) -> None:
    files = make.austrian({"c": []}, **life)
    with pytest.raises(TrustListError) as caught:
        austria.read(files.data, beside=files.beside, pins=PIN)
    assert code(caught) == "trust.malformed"


@pytest.mark.parametrize("signature", [b"", b"\xff", b"\x80", bytes(5 * 1024 * 1024)])
def test_an_austrian_signature_file_that_is_no_cose_is_refused(signature: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        austria.read(cbor2.dumps({"c": []}), beside=(signature,), pins=PIN)
    assert code(caught) in ("trust.malformed", "trust.too-large")


def test_an_austrian_list_begins_five_minutes_early_at_the_most() -> None:
    files = make.make_austria(make.certificates(0))
    begin = make.ISSUED - timedelta(minutes=5)
    assert austria.read(files.data, beside=files.beside, pins=PIN, at=begin).issued == make.ISSUED
    with pytest.raises(TrustListError) as caught:
        austria.read(files.data, beside=files.beside, pins=PIN, at=begin - timedelta(seconds=1))
    assert code(caught) == "trust.not-yet"


@pytest.mark.parametrize("data", [b"\xa1\x61c", cbor2.dumps({"x": 1}), cbor2.dumps([1])])
def test_austrian_content_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        austria.read(data, pins=())
    assert code(caught) == "trust.malformed"


def test_austrian_rules_and_value_sets_travel_in_the_same_envelope() -> None:
    rules = make.austrian({"r": [{"i": "GR-AT-1", "r": '{"a": 1}'}, {"i": "x", "r": "{"}]})
    found = read_austrian_rules(rules.data, rules.beside[0], pins=PIN, at=make.NOW)
    assert [(each.name, each.value) for each in found.documents] == [("GR-AT-1", {"a": 1})]
    assert len(found.dropped) == 1
    assert found.source.signature == "verified"
    sets = make.austrian({"v": [{"n": "country-2-codes", "v": "[]"}]})
    values = read_austrian_value_sets(sets.data, sets.beside[0], pins=PIN)
    assert [(each.name, each.value) for each in values.documents] == [("country-2-codes", [])]
    with pytest.raises(TrustListError):
        read_austrian_value_sets(sets.data, rules.beside[0], pins=PIN)


# Sweden.


def swedish(**countries: object) -> TrustList:
    claims = {
        "iat": int(make.ISSUED.timestamp()),
        "exp": int(make.EXPIRES.timestamp()),
        "dsc_trust_list": countries,
    }
    return sweden.read(make.signed_json(claims), pins=make.root().certificate)


def test_the_numbers_of_a_jwk_have_at_most_1024_bytes() -> None:
    def modulus(size: int) -> dict[str, str]:
        return {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xff" * size).decode()}

    assert jose.read_jwk(modulus(1024)).key_kind == "RSA-8192"
    with pytest.raises(KeyMaterialError, match="1024 bytes"):
        jose.read_jwk(modulus(1025))


def test_a_key_that_is_dropped_from_the_swedish_list_keeps_its_kid() -> None:
    found = swedish(DK={"keys": [{"kid": "AAAAAAAAAAA=", "kty": "none"}, {"kid": 5}, "no key"]})
    assert [each.kid for each in found.dropped] == [bytes(8), None, None]


def test_key_purposes_on_the_swedish_list_count_where_the_certificate_has_none() -> None:
    item = jose.write_jwk(make.dsc(0).certificate)
    tests = ["1.3.6.1.4.1.1847.2021.1.1", {}, "1.2.3"]
    found = swedish(DK={"eku": {item["kid"]: tests, "!": 1}, "keys": [item]})
    assert found.certificates[0].usages == {EventKind.TEST}
    restricted = make.csca().issue_dsc(valid_from=make.BEGIN, usages=[EventKind.RECOVERY])
    own = jose.write_jwk(restricted.certificate)
    stated = swedish(DK={"eku": {own["kid"]: tests}, "keys": [own]})
    assert stated.certificates[0].usages == {EventKind.RECOVERY}
    useless = swedish(DK={"eku": {item["kid"]: 5}, "keys": [item]})
    assert useless.certificates[0].usages == frozenset()


def test_the_swedish_writer_states_key_purposes_and_countries() -> None:
    pair = make.csca().issue_dsc(valid_from=make.BEGIN, usages=[EventKind.TEST])
    claims = json.loads(jose.read_jws(make.make_sweden([pair.certificate]).data, "sweden").payload)
    (purposes,) = claims["dsc_trust_list"]["DK"]["eku"].values()
    assert purposes == ["1.3.6.1.4.1.1847.2021.1.1"]
    bare = Certificate.from_public_key(pair.certificate.spki, kid=b"12345678")
    with pytest.raises(KeyMaterialError):
        make.make_sweden([bare])


def test_the_certificate_on_the_swedish_list_is_normative() -> None:
    item = {**jose.write_jwk(make.dsc(0).certificate), "x": "AAAA", "crv": "UNKNOWN CURVE"}
    without = {name: value for name, value in item.items() if name != "x5c"}
    found = swedish(DK={"keys": [item, without, {**item, "x5c": []}, {"kid": "!"}]})
    assert found.certificates[0].spki == make.dsc(0).certificate.spki
    assert len(found.certificates) == 1
    assert len(found.dropped) == 3
    assert found.dropped[0].source == "sweden, DK, key 2"


def test_a_list_signed_by_its_own_x5c_alone_is_not_trusted() -> None:
    stranger = make.list_signer("stranger", of="another root")
    claims: dict[str, object] = {"dsc_trust_list": {}}
    data = jose.sign(
        make.dumped(claims),
        stranger.private_key,
        [stranger.certificate, make.root("another root").certificate],
    )
    with pytest.raises(TrustListError) as caught:
        sweden.read(data, pins=make.root().certificate)
    assert code(caught) == "trust.signer"
    assert sweden.read(data, pins=make.root("another root").certificate).signature == "verified"


# Switzerland.


def swiss(keys: Sequence[object], active: list[Certificate], **more: object) -> TrustList:
    pages = make.signed_json({"certs": keys})
    return switzerland.read(pages, make.swiss_active(active, **more), pins=make.root().certificate)


def test_only_the_active_swiss_keys_count() -> None:
    first, second = make.certificates(0, 1)
    found = swiss([make.swiss_key(first), make.swiss_key(second)], [second])
    assert [each.kid for each in found.certificates] == [second.kid]
    assert [(drop.kid, drop.reason) for drop in found.dropped] == [
        (first.kid, "the key is not among the active ones")
    ]


def test_the_use_of_a_swiss_key_restricts_it() -> None:
    (each,) = make.certificates(0)
    rows = [make.swiss_key(each, use) for use in ("sig", "tv", "x")]
    found = swiss(rows, [each])
    assert [key.usages for key in found.certificates] == [
        frozenset(),
        {EventKind.TEST, EventKind.VACCINATION},
    ]
    assert reasons(found) == ["the use of a key must be given by the letters t, v and r"]


def test_rs256_on_the_swiss_list_merely_says_that_a_key_is_rsa() -> None:
    rsa = make.dsc(key="RSA-2048").certificate
    item = jose.write_jwk(rsa)
    row = {"keyId": item["kid"], "alg": "RS256", "use": "sig", "n": item["n"], "e": item["e"]}
    found = swiss([row, {**row, "alg": "none"}, {**row, "n": ""}], [rsa])
    assert [each.spki for each in found.certificates] == [rsa.spki]
    assert found.certificates[0].key_kind == "RSA-2048"
    assert len(found.dropped) == 2


def test_without_the_active_keys_a_swiss_list_is_never_verified() -> None:
    files = make.make_switzerland(make.certificates())
    found = reading.read(files.data, pins=make.root().certificate)
    assert found.signature == "not verified"
    assert [remark.code for remark in found.remarks] == ["list.no-active-keys"]
    with pytest.raises(TrustListError) as caught:
        reading.read(files.beside[0], pins=make.root().certificate)
    assert code(caught) == "trust.incomplete"


def test_the_files_of_a_swiss_list_come_in_any_order_and_number() -> None:
    first, second = make.certificates(0, 1)
    pages = [make.signed_json({"certs": [make.swiss_key(each)]}) for each in (first, second)]
    active = make.swiss_active([first, second])
    pin = make.root().certificate
    found = reading.read(active, pins=pin, beside=pages)
    assert [each.kid for each in found.certificates] == [first.kid, second.kid]


@pytest.mark.parametrize(
    "more",
    [
        {"validDuration": "long"},
        {"validDuration": -1},
        {"validDuration": True},
        {"activeKeyIds": ["!"]},
        {"activeKeyIds": [5]},
        {"iat": "now"},
        {"activeKeyIds": None},
    ],
)
def test_a_swiss_list_of_active_keys_that_cannot_be_read_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(TrustListError) as caught:
        swiss([], [], **more)
    assert code(caught) == "trust.malformed"


def test_a_swiss_duration_counts_from_the_fetch_where_no_date_is_stated() -> None:
    signer = make.list_signer()
    active = jose.sign(
        make.dumped({"activeKeyIds": [], "validDuration": 1000.0}),
        signer.private_key,
        [signer.certificate],
    )
    pages, pin = make.signed_json({"certs": []}), make.root().certificate
    found = switzerland.read(pages, active, pins=pin, fetched=make.NOW)
    assert found.expires == make.NOW + timedelta(seconds=1)
    assert switzerland.read(pages, active, pins=pin).expires is None
    endless = jose.sign(make.dumped({"activeKeyIds": []}), signer.private_key, [signer.certificate])
    assert switzerland.read(pages, endless, pins=pin, fetched=make.NOW).expires is None
    forever = make.swiss_active([], validDuration=1e30, exp=int(make.EXPIRES.timestamp()))
    assert switzerland.read(pages, forever, pins=pin).expires == make.EXPIRES


# The Netherlands.


def dutch(by_kid: object) -> TrustList:
    return netherlands.read(make.dutch({"eu_keys": by_kid}), pins=make.root().certificate)


def test_a_kid_has_at_most_512_characters_and_is_named_by_its_first_24() -> None:
    (each,) = make.certificates(0)
    longest, too_long = "A" * 512, "A" * 516
    found = dutch({longest: [make.dutch_key(each)], too_long: [make.dutch_key(each)]})
    assert [key.kid for key in found.certificates] == [bytes(384)]
    (dropped,) = found.dropped
    assert repr("A" * 24) in str(dropped)
    assert "512 characters" in str(dropped)
    (dropped,) = dutch({longest: [{"subjectPk": 5}]}).dropped
    assert repr("A" * 24) in str(dropped)


def test_letters_restrict_a_dutch_key() -> None:
    (each,) = make.certificates(0)
    kid = codec.encode(each.kid)
    rows = [make.dutch_key(each, *letters) for letters in ((), ("t",), ("v", "r"), ("s",))]
    found = dutch({kid: [*rows, {**rows[0], "keyUsage": 7}], "!": rows})
    assert [key.usages for key in found.certificates] == [
        frozenset(),
        {EventKind.TEST},
        {EventKind.VACCINATION, EventKind.RECOVERY},
    ]
    assert reasons(found) == [
        "the use of a key must be given by the letters t, v and r",
        "the entry has no 'keyUsage' of the right type",
        "the kid is not base64",
    ]


@pytest.mark.parametrize(
    ("stated", "country"), [("nl", "NL"), ("NLD", None), (None, None), (5, None)]
)
def test_the_issuer_of_a_dutch_key_is_a_country_where_it_looks_like_one(
    stated: object, country: str | None
) -> None:
    (each,) = make.certificates(0)
    found = dutch({codec.encode(each.kid): {**make.dutch_key(each), "ian": stated}})
    assert found.certificates[0].country == country


def test_a_dutch_list_with_a_foreign_or_broken_cms_is_refused() -> None:
    stranger = make.list_signer("stranger", of="another root")
    for data, expected in (
        (make.dutch({"eu_keys": {}}, stranger), "trust.signer"),
        (make.dumped({"payload": "e30=", "signature": "AAAA"}), "trust.signature"),
        (make.dumped({"payload": "!", "signature": "AAAA"}), "trust.malformed"),
        (make.dumped({"payload": "e30="}), "trust.malformed"),
    ):
        with pytest.raises(TrustListError) as caught:
            netherlands.read(data, pins=make.root().certificate)
        assert code(caught) == expected


# The verifier service.


def test_certificates_of_the_verifier_service_count_where_the_status_names_them() -> None:
    first, second, third = make.certificates()
    responses = [make.response(first, 1), make.response(second, 2), make.response(first, 3)]
    status = [codec.encode(first.kid), codec.encode(third.kid)]
    found = verifier_service.read(responses, status)
    assert found.certificates == (first,)
    assert [remark.code for remark in found.remarks] == ["list.repeated"]
    assert [(drop.kid, drop.reason) for drop in found.dropped] == [
        (second.kid, "the status does not name the key"),
        (third.kid, "the status names the key, but no response held it"),
    ]
    assert len(verifier_service.read(responses, None).certificates) == 2


def test_a_response_that_is_no_certificate_is_dropped() -> None:
    rows = [
        VerifierServiceResponse("AAAAAAAAAAA=", b"no base64"),
        VerifierServiceResponse("!", b""),
        VerifierServiceResponse("AAAAAAAAAAA=", bytes(17 * 1024 * 1024)),
    ]
    found = verifier_service.read(rows, None)
    assert found.certificates == ()
    assert [drop.kid for drop in found.dropped] == [bytes(8), None, bytes(8)]


def test_a_status_of_something_else_than_kids_is_refused() -> None:
    for status in (["!"], [5]):
        with pytest.raises(TrustListError):
            verifier_service.read([], status)  # type: ignore[arg-type]


def test_a_fetch_without_a_status_is_kept_in_a_file_too() -> None:
    (first,) = make.certificates(0)
    rows = [VerifierServiceResponse(codec.encode(first.kid), make.text(first.der).encode())]
    found = verifier_service.read_file(write_verifier_service(rows, None))
    assert len(found.certificates) == 1
    assert [remark.code for remark in found.remarks] == ["list.no-status"]
    with pytest.raises(TrustListError):
        verifier_service.read_file(b'{"status": 5, "responses": []}')


# UK, Norway, France; JWKS; plain files.


def test_a_bare_key_has_no_country_and_no_validity() -> None:
    found = key_list.read(make.make_key_list(make.certificates(0)).data)
    (key,) = found.certificates
    assert (key.country, key.not_after, key.der) == (None, None, None)


def test_bytes_that_are_no_key_are_dropped() -> None:
    rows = [{"kid": "AAAAAAAAAAA=", "publicKey": "MAA="}, {"kid": "AAAAAAAAAAA="}]
    found = key_list.read(make.dumped(rows))
    assert found.certificates == ()
    assert [drop.kid for drop in found.dropped] == [bytes(8)] * 2


def test_the_french_list_holds_certificates_and_keys_once_or_twice_in_base64() -> None:
    first, second, third = make.certificates()
    members = {
        codec.encode(first.kid): make.text(first.der),
        codec.encode(second.kid): make.text(make.text(second.spki).encode()),
        codec.encode(third.kid): 5,
        "AAAAAAAAAAA=": make.text(b"neither"),
        "!": "",
    }
    found = france.read(make.dumped({"certificatesDCC": members}))
    assert [(each.kid, each.der is None) for each in found.certificates] == [
        (first.kid, False),
        (second.kid, True),
    ]
    assert [drop.kid for drop in found.dropped] == [third.kid, bytes(8), None]


def test_a_jwk_without_certificate_is_read_by_the_value_of_its_numbers() -> None:
    (each,) = make.certificates(0)
    x, y = make.point(each)
    row = {"kty": "EC", "crv": "P-256", "kid": codec.encode(each.kid), "y": codec.encode_url(y)}
    for form in (x, b"\0" + x, x.lstrip(b"\0")):
        found = jwks.read(make.dumped({"keys": [{**row, "x": codec.encode_url(form)}]}))
        assert [key.spki for key in found.certificates] == [each.spki]


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct"},
        {"kty": 5},
        {"crv": "UNKNOWN CURVE"},
        {"x": ""},
        {"x": "!"},
        {"x": "AAAA"},
        {"y": None},
        {"x": "A" * 4000},
        {"kid": None},
        {"kid": 5},
        {"x5c": "MAA="},
        {"x5c": [5]},
        {"x5c": ["MAA="] * 9},
        {"kty": "RSA", "n": "AQ", "e": "AQ"},
    ],
)
def test_a_jwk_that_is_no_key_is_dropped(change: dict[str, Any]) -> None:
    (each,) = make.certificates(0)
    row = {**jose.write_jwk(each), **change}
    if "x5c" not in change:
        del row["x5c"]
    found = jwks.read(make.dumped({"keys": [row]}))
    assert found.certificates == ()
    assert len(found.dropped) == 1


def test_jwks_written_of_every_kind_of_key_are_read_back() -> None:
    pairs = [make.dsc(0), make.dsc(key="RSA-2048"), make.dsc(key="RSA-3072")]
    bare = [
        Certificate.from_public_key(pair.certificate.spki, kid=bytes([n]) * 8)
        for n, pair in enumerate(pairs)
    ]
    written = write_jwks([*(pair.certificate for pair in pairs), *bare])
    found = jwks.read(written)
    assert [(each.kid, each.spki) for each in found.certificates] == [
        (each.kid, each.spki) for each in (*(pair.certificate for pair in pairs), *bare)
    ]
    other = Certificate.load((make.PROJECT / "testdata/keys/dsc-ed25519.cert.pem").read_bytes())
    with pytest.raises(KeyMaterialError):
        write_jwks([other])


def test_plain_files_come_as_der_pem_bundles_and_base64() -> None:
    first, second, third = make.certificates()
    files = {
        "a.der": first.der or b"",
        "b.pem": second.pem() + third.pem(),
        "c.txt": base64.encodebytes(first.der or b""),
        "d.pem": b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "e.pem": b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
        "f.crt": b"no certificate",
    }
    found = plain.read(files, name="folder")
    assert found.certificates == (first, second, third)
    assert sorted(drop.source for drop in found.dropped) == [
        "folder, d.pem",
        "folder, e.pem",
        "folder, f.crt",
    ]
    assert [remark.code for remark in found.remarks] == ["list.repeated"]


def test_an_authority_among_plain_files_signs_no_passes_and_checks_the_others() -> None:
    first = make.dsc(0).certificate
    swede = make.dsc(0, "SE").certificate
    files = {"csca": make.csca().certificate.pem(), "dsc": first.pem(), "other": swede.pem()}
    found = plain.read(files)
    assert found.certificates == (first, swede)
    assert found.authorities == (make.csca().certificate,)
    assert [(remark.kid, remark.code) for remark in found.remarks] == [
        (swede.kid, "chain.no-issuer")
    ]


def test_too_many_plain_bytes_are_refused() -> None:
    with pytest.raises(TrustListError) as caught:
        plain.read({"a": bytes(9 * 1024 * 1024), "b": bytes(9 * 1024 * 1024)})
    assert code(caught) == "trust.too-large"


# Signed JSON and pins.


@pytest.mark.parametrize(
    ("signer", "algorithm"), [("P-256", "ES256"), ("RSA-2048", "PS256"), ("RSA-2048", "RS256")]
)
def test_every_algorithm_of_signed_json_is_verified(signer: str, algorithm: str) -> None:
    pair = make.list_signer(f"{signer} signer", signer)
    data = jose.sign(b"{}", pair.private_key, [pair.certificate], rsa_algorithm=algorithm)
    opened = anchors.open_jws(data, pair.certificate, make.NOW, "sweden")
    assert opened.header["alg"] == algorithm
    assert opened.signature == "verified"


def changed_header(data: bytes, **change: object) -> bytes:
    head, rest = data.split(b".", 1)
    header = json.loads(codec.decode_any(head.decode())) | change
    return codec.encode_url(make.dumped(header)).encode() + b"." + rest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"alg": "none"}, "trust.signature"),
        ({"alg": "HS256"}, "trust.signature"),
        ({"alg": None}, "trust.signature"),
        ({"crit": ["b64"]}, "trust.malformed"),
        ({"x5c": ["MAA="]}, "trust.malformed"),
        ({"x5c": 5}, "trust.malformed"),
        ({"x5c": []}, "trust.malformed"),
    ],
)
def test_signed_json_with_a_header_of_another_kind_is_refused(
    change: dict[str, object], expected: str
) -> None:
    data = changed_header(make.signed_json({}), **change)
    with pytest.raises(TrustListError) as caught:
        anchors.open_jws(data, make.root().certificate, None, "sweden")
    assert code(caught) == expected


@pytest.mark.parametrize("data", [b"a.b", b"a.b.c.d", b"!.!.!", b"\xff.\xff.\xff", b"W10.W10.W10"])
def test_what_is_no_signed_json_is_refused(data: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        anchors.open_jws(data, (), None, "sweden")
    assert code(caught) == "trust.malformed"


def test_a_key_of_another_kind_than_the_algorithm_never_verifies() -> None:
    rsa, curve = make.list_signer("rsa", "RSA-2048"), make.list_signer()
    data = jose.sign(b"{}", curve.private_key)
    for pin in (rsa.certificate, make.dsc(1).certificate):
        with pytest.raises(TrustListError) as caught:
            anchors.open_jws(data, pin, None, "sweden")
        assert code(caught) == "trust.signature"
    by_rsa = jose.sign(b"{}", rsa.private_key)
    with pytest.raises(TrustListError):
        anchors.open_jws(by_rsa, curve.certificate, None, "sweden")
    wrong = changed_header(by_rsa, alg="ES256")
    with pytest.raises(TrustListError):
        anchors.open_jws(wrong, rsa.certificate, None, "sweden")
    short = data.rpartition(b".")[0] + b".AAAA"
    with pytest.raises(TrustListError):
        anchors.open_jws(short, curve.certificate, None, "sweden")


def test_signed_json_without_x5c_is_verified_by_the_pinned_key_itself() -> None:
    pair = make.list_signer()
    data, last = jose.sign(b"{}", pair.private_key), pair.certificate.not_after
    assert last is not None
    assert anchors.open_jws(data, make.public_pem(pair), last, "sweden").signature == "verified"
    with pytest.raises(TrustListError) as caught:
        anchors.open_jws(data, pair.certificate, last + timedelta(seconds=1), "sweden")
    assert code(caught) == "trust.signer"


def test_lists_are_signed_on_p_256() -> None:
    with pytest.raises(KeyMaterialError):
        jose.sign(b"{}", make.p384_key())


def test_a_pin_may_name_the_signer_that_an_authority_certified() -> None:
    data = make.signed_json({})
    root = make.root().certificate
    named = anchors.Pin(root, "list signer")
    assert anchors.open_jws(data, named, None, "sweden").signature == "verified"
    for name in ("another", "list", "list signer,C=SE"):
        with pytest.raises(TrustListError) as caught:
            anchors.open_jws(data, anchors.Pin(root, name), None, "sweden")
        assert code(caught) == "trust.signer"


def test_a_chain_longer_than_any_real_one_is_not_walked() -> None:
    leaf, root = make.list_signer().certificate, make.root().certificate
    trusted = anchors.pinned(make.root("another root").certificate)
    assert anchors.trusted_signer([leaf, *[root] * 9], trusted, None) is not None


def test_a_key_too_short_for_rsa_signs_no_list() -> None:
    data = jose.sign(b"{}", make.list_signer("rsa", "RSA-2048").private_key)
    wrong = changed_header(data, alg="RS512")
    short = make.short_rsa_key()
    for changed, pin in ((wrong, make.list_signer("rsa", "RSA-2048").certificate), (data, short)):
        with pytest.raises(TrustListError):
            anchors.open_jws(changed, pin, None, "sweden")


def test_a_name_with_a_comma_in_it_is_no_other_name() -> None:
    sly = make.list_signer("x,CN=list signer")
    data = jose.sign(b"{}", sly.private_key, [sly.certificate])
    with pytest.raises(TrustListError):
        anchors.open_jws(data, anchors.Pin(make.root().certificate, "list signer"), None, "sweden")


def test_a_pin_is_a_key_or_certificate_in_any_form() -> None:
    pair = make.list_signer()
    certificate = pair.certificate
    spki = certificate.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    document = {"verificationMethod": [{"publicKeyJwk": jose.write_jwk(certificate)}]}
    forms: list[anchors.OnePin] = [
        certificate,
        anchors.Pin(certificate),
        certificate.der or b"",
        certificate.pem(),
        certificate.pem().decode(),
        make.text(certificate.der),
        spki,
        make.text(spki),
        make.public_pem(pair),
        json.dumps(jose.write_jwk(certificate)),
        make.dumped(document),
    ]
    for form in forms:
        (pin,) = anchors.pinned(form)
        assert pin.certificate.public_key == certificate.public_key
    assert len(anchors.pinned(forms)) == len(forms)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"{}",
        b"0\x00",
        b'{"verificationMethod": []}',
        b'{"verificationMethod": [{}]}',
        b'{"verificationMethod": [{}, {}]}',
        b"-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
    ],
)
def test_a_pin_that_is_neither_key_nor_certificate_is_refused(wrong: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        anchors.pinned(wrong)


def test_a_chain_in_the_header_leads_to_the_pin_or_to_nothing() -> None:
    leaf, root = make.list_signer().certificate, make.root().certificate
    other = make.root("another root").certificate
    for chain, pin, trusted in (
        ([leaf], root, True),
        ([leaf, root], root, True),
        ([leaf], leaf, True),
        ([leaf, other], other, False),
        ([leaf, root], other, False),
        ([leaf], make.dsc(0).certificate, False),
    ):
        objection = anchors.trusted_signer(chain, anchors.pinned(pin), make.NOW)
        assert (objection is None) is trusted


@pytest.mark.parametrize("text", ["", "=", "a" * 600, "!", "A"])
def test_a_kid_that_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(KeyMaterialError):
        decode_kid(text)


def test_a_kid_is_read_in_both_alphabets_padded_or_not() -> None:
    kid = bytes([251, 255, 254, 0, 1, 2, 3, 4])
    for text in (
        codec.encode(kid),
        codec.encode(kid).rstrip("="),
        codec.encode_url(kid),
        f" {codec.encode_url(kid)}",
    ):
        assert decode_kid(text) == kid

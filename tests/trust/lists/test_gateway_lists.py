"""The gateway's rules, each broken alone; the archive's; signed rules and value sets."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

import list_makers as make
from coronapas import _base64 as codec
from coronapas import keys
from coronapas.errors import CmsError, KeyMaterialError, TrustListError
from coronapas.trust import _cms as cms
from coronapas.trust import gateway_entry, read_documents
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import open_message
from coronapas.trust._list import TrustList
from coronapas.trust._lists import ec_zip, gateway


def read(entries: list[Any], **about: Any) -> TrustList:
    return gateway.read(make.dumped(entries), pins=make.anchor().certificate, **about)


def entries(**by: Any) -> list[dict[str, Any]]:
    return list(make.gateway_entries(make.certificates(0), **by))


def reasons(found: TrustList) -> list[str]:
    return [drop.reason for drop in found.dropped]


def test_authorities_and_uploaders_come_apart_from_the_keys_of_passes() -> None:
    found = read(entries())
    assert found.certificates == tuple(make.certificates(0))
    assert found.authorities == (make.csca().certificate,)
    assert found.uploaders == (make.uploader().certificate,)


def test_a_dsc_uploaded_by_a_stranger_is_dropped_though_its_cms_and_its_chain_hold() -> None:
    stranger = make.csca().issue_dsc(valid_from=make.BEGIN, name="no uploader")
    found = read(entries(by=stranger))
    assert found.certificates == ()
    assert reasons(found) == ["no UPLOAD certificate of the list signed the DSC"]
    assert found.dropped[0].kid == make.dsc(0).certificate.kid
    assert found.dropped[0].source == "gateway, entry 3"


def test_a_dsc_signed_by_the_anchor_instead_of_an_uploader_is_dropped() -> None:
    found = read(entries(by=make.anchor()))
    assert reasons(found) == ["no UPLOAD certificate of the list signed the DSC"]


def test_a_dsc_uploaded_by_another_country_is_dropped() -> None:
    foreign = make.uploader("SE")
    anchor = make.anchor()
    listed = [
        *entries(by=foreign),
        gateway_entry(
            foreign.certificate,
            "UPLOAD",
            anchor.private_key,
            anchor.certificate,
            timestamp=make.ISSUED,
        ),
    ]
    found = read(listed)
    assert reasons(found) == ["an UPLOAD certificate of another country signed the DSC"]


def test_a_dsc_of_an_authority_that_is_not_on_the_list_is_dropped() -> None:
    other = keys.make_csca("DK", valid_from=make.BEGIN, name="DK CSCA")
    impostor = other.issue_dsc(valid_from=make.BEGIN).certificate
    found = read(list(make.gateway_entries([impostor])))
    assert found.certificates == ()
    assert reasons(found) == ["the signature does not hold under the issuer's key"]


def test_a_dsc_of_another_countrys_authority_is_dropped() -> None:
    swede = make.csca("SE")
    anchor = make.anchor()
    listed = [
        *entries(),
        gateway_entry(
            swede.certificate, "CSCA", anchor.private_key, anchor.certificate, timestamp=make.ISSUED
        ),
    ]
    dane = gateway_entry(
        make.dsc(0, "SE").certificate,
        "DSC",
        make.uploader().private_key,
        make.uploader().certificate,
        timestamp=make.ISSUED,
    )
    found = read([*listed, dane, {**dane, "country": "DK"}])
    assert reasons(found) == [
        "an UPLOAD certificate of another country signed the DSC",
        "the stated country is not the certificate's",
    ]


@pytest.mark.parametrize("row", [0, 1], ids=["CSCA", "UPLOAD"])
def test_an_authority_or_uploader_that_the_anchor_did_not_sign_counts_for_nothing(row: int) -> None:
    listed = entries()
    false = make.gateway_entries([], trusted=keys.make_csca("EU", valid_from=make.BEGIN))
    listed[row] = false[row]
    found = read(listed)
    assert found.certificates == ()
    assert reasons(found)[0] == "the entry is not signed by the pinned trust anchor"
    assert len(found.dropped) == 2


def test_a_dsc_whose_cms_is_over_another_certificate_is_dropped() -> None:
    listed = entries()
    other = make.certificates(3)[0]
    listed[2] |= {
        "rawData": make.text(other.der),
        "thumbprint": hashlib.sha256(other.der or b"").hexdigest(),
        "kid": codec.encode(other.kid),
    }
    found = read(listed)
    assert found.certificates == ()
    assert reasons(found)[0].startswith("CMS: ")


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("thumbprint", "0" * 64, "the thumbprint is not the certificate's"),
        ("country", "SE", "the stated country is not the certificate's"),
        ("country", None, "the entry has no 'country' of the right type"),
        ("rawData", None, "the entry has no 'rawData' of the right type"),
        ("rawData", "MAA=", "ASN.1"),
        ("signature", "", "CMS"),
        ("signature", True, "the entry has no 'signature' of the right type"),
        ("certificateType", "ROOT", "the certificateType of the entry is unknown"),
        ("certificateType", ["DSC"], "the certificateType of the entry is unknown"),
    ],
)
def test_an_entry_with_one_member_wrong_is_dropped_alone(
    member: str, value: object, reason: str
) -> None:
    listed = list(make.gateway_entries(make.certificates(0, 1)))
    found = read([*listed[:3], {**listed[3], member: value}])
    assert found.certificates == tuple(make.certificates(0))
    assert len(found.dropped) == 1
    assert reason in found.dropped[0].reason


def test_the_stated_kid_is_not_signed_and_does_not_count() -> None:
    listed = entries()
    listed[2]["kid"] = codec.encode(b"12345678")
    found = read(listed)
    assert found.certificates == tuple(make.certificates(0))
    assert [(remark.kid, remark.code) for remark in found.remarks] == [(b"12345678", "list.kid")]


def test_an_authentication_certificate_signs_no_passes() -> None:
    anchor = make.anchor()
    entry = gateway_entry(
        make.dsc(5).certificate,
        "AUTHENTICATION",
        anchor.private_key,
        anchor.certificate,
        timestamp=make.ISSUED,
    )
    found = read([*entries(), entry])
    assert make.dsc(5).certificate not in found.certificates
    assert [remark.code for remark in found.remarks] == ["list.authentication"]


def test_an_anchor_that_is_not_valid_at_that_time_vouches_for_nothing() -> None:
    last = make.anchor().certificate.not_after
    assert last is not None
    assert len(read(entries(), at=last).certificates) == 1
    assert read(entries(), at=last + timedelta(seconds=1)).certificates == ()


def test_a_list_split_by_type_is_read_together() -> None:
    listed = entries()
    parts = [make.dumped([entry]) for entry in listed]
    pin = make.anchor().certificate
    assert len(gateway.read(parts[2], pins=pin, beside=parts[:2]).certificates) == 1
    assert gateway.read(parts[2], pins=pin).certificates == ()
    assert len(gateway.read(parts[2], pins=()).certificates) == 1


def test_without_a_pin_uploaders_and_authorities_on_the_list_still_have_to_fit() -> None:
    stranger = make.csca().issue_dsc(valid_from=make.BEGIN)
    data = make.dumped(entries(by=stranger))
    assert gateway.read(data, pins=()).certificates == ()


@pytest.mark.parametrize("content", [{}, {"a": []}, 1, None])
def test_a_list_that_is_no_array_is_refused(content: object) -> None:
    with pytest.raises(TrustListError) as caught:
        gateway.read(make.dumped(content), pins=())
    assert caught.value.code == "trust.malformed"


def test_a_bare_key_cannot_be_written_to_the_gateway() -> None:
    bare = Certificate.from_public_key(make.dsc().certificate.spki, kid=b"12345678")
    anchor = make.anchor()
    with pytest.raises(KeyMaterialError):
        gateway_entry(bare, "DSC", anchor.private_key, anchor.certificate, timestamp=make.ISSUED)


def test_an_entry_without_a_country_in_its_certificate_takes_the_stated_one() -> None:
    import der_writer

    plain = Certificate(der_writer.certificate(subject=der_writer.name(None)))
    entry = gateway_entry(
        plain,
        "DSC",
        make.uploader().private_key,
        make.uploader().certificate,
        timestamp=make.ISSUED,
    )
    opened = gateway.open_entry({**entry, "country": "dk"})
    assert opened.certificate.country == "DK"
    assert opened.signer == make.uploader().certificate


# The Commission's archive.


def archive(files: dict[str, bytes], **more: Any) -> TrustList:
    return ec_zip.read(make.zipped(files), pins=make.anchor().certificate, **more)


def test_the_archive_without_its_authority_gives_no_key() -> None:
    files = {n: d for n, d in make.ec_files(make.certificates(0)).items() if n[:4] != "CSCA"}
    found = archive(files)
    assert found.certificates == ()
    assert reasons(found) == ["no authority on the list has the name or key of the issuer"]


def test_an_authority_in_the_archive_has_to_be_signed_by_the_anchor() -> None:
    false = keys.make_csca("EU", valid_from=make.BEGIN)
    found = archive(make.ec_files(make.certificates(0), trusted=false))
    assert found.certificates == ()
    assert reasons(found)[0] == "the CSCA is not signed by the pinned trust anchor"


def test_the_signer_of_a_dsc_in_the_archive_is_an_uploader_or_of_its_country() -> None:
    swede = make.uploader("SE")
    files = make.ec_files(make.certificates(0), by=swede)
    assert reasons(archive(files)) == ["the signer of the DSC is of another country"]
    assert len(archive(files, uploaders=[swede.certificate]).certificates) == 1
    mine = make.ec_files(make.certificates(0))
    told = archive(mine, uploaders=[swede.certificate])
    assert reasons(told) == ["the signer of the DSC is not one of the given UPLOAD certificates"]


def test_a_certificate_without_its_signature_file_is_dropped() -> None:
    files = make.ec_files(make.certificates(0))
    gone = next(name for name in files if name.startswith("DSC") and name.endswith(".sig.txt"))
    del files[gone]
    assert reasons(archive(files)) == ["the signature file is missing"]


def test_names_and_folders_of_the_archive_are_checked_or_remarked() -> None:
    files = {
        name.replace("DSC/DCC/DK/", "DSC/DCC/DK/x"): data
        for name, data in make.ec_files(make.certificates(0)).items()
    }
    found = archive(files | {"README": b"", "DSC/readme.pem.sig": b""})
    assert [remark.code for remark in found.remarks] == ["list.thumbprint"]
    assert reasons(found) == ["the name of the file is not that of a certificate of the archive"]
    moved = {name.replace("/DK/", "/SE/"): data for name, data in files.items()}
    assert set(reasons(archive(moved))) == {"the folder's country is not the certificate's"}


def test_signature_files_may_be_der_or_pem_and_cover_the_pem_file() -> None:
    files = make.ec_files([])
    pair, pem = make.uploader(), make.dsc(0).certificate.pem()
    name = hashlib.sha256(make.dsc(0).certificate.der or b"").hexdigest()
    message = cms.sign(pem, pair.private_key, pair.certificate)
    wrapped = b"-----BEGIN CMS-----\n" + base64.encodebytes(message) + b"-----END CMS-----\n"
    for form in (message, wrapped, base64.encodebytes(message)):
        more = {f"DSC/DCC/DK/{name}.pem": pem, f"DSC/DCC/DK/{name}.pem.sig": form}
        assert len(archive(files | more).certificates) == 1
    forged = cms.sign(b"other", pair.private_key, pair.certificate)
    more = {f"DSC/DCC/DK/{name}.pem": pem, f"DSC/DCC/DK/{name}.sig": forged}
    assert reasons(archive(files | more))[0].startswith("CMS")


def test_an_archive_may_not_unpack_to_more_than_its_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = make.zipped({"DSC/DCC/DK/a.pem": bytes(ec_zip.MAX_FILE_BYTES + 1)})
    assert len(bomb) < 1000
    for attribute, limit in ((None, 0), ("MAX_UNPACKED_BYTES", 10), ("MAX_FILES", 1)):
        data = bomb
        if attribute is not None:
            monkeypatch.setattr(ec_zip, attribute, limit)
            data = make.make_ec_zip(make.certificates(0)).data
        with pytest.raises(TrustListError) as caught:
            ec_zip.unpack(data)
        assert caught.value.code == "trust.too-large"


def test_a_file_that_stands_twice_in_an_archive_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as written:
        written.writestr("DSC/DCC/DK/a.pem", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            written.writestr("DSC/DCC/DK/a.pem", b"two")
    with pytest.raises(TrustListError, match="twice"):
        ec_zip.unpack(target.getvalue())


def test_files_of_another_layout_are_no_archive_of_the_commission() -> None:
    with pytest.raises(TrustListError) as caught:
        ec_zip.read_files({"a.txt": b""}, pins=())
    assert caught.value.code == "trust.malformed"


def test_a_certificate_without_a_country_takes_its_folders() -> None:
    import der_writer

    plain = Certificate(der_writer.certificate(subject=der_writer.name(None)))
    files = {"DSC/DCC/DK/a.pem": plain.pem(), "DSC/DCC/DK/a.sig.txt": b""}
    pair = make.uploader()
    files["DSC/DCC/DK/a.sig.txt"] = cms.sign(plain.der or b"", pair.private_key, pair.certificate)
    found = ec_zip.read_files(files, pins=())
    assert [each.country for each in found.certificates] == ["DK"]


# Rules and value sets.

RULE = {"Identifier": "GR-DK-0001", "Country": "DK", "Logic": {"==": [1, 1]}}


def message(content: object, by: keys.KeyPair | None = None) -> str:
    pair = by or make.uploader()
    data = make.dumped(content)
    return make.text(cms.sign(data, pair.private_key, pair.certificate, detached=False))


def test_a_signed_rule_is_handed_on_as_its_json() -> None:
    data = make.dumped({"GR-DK-0001": [{"version": "1.0.0", "cms": message(RULE)}]})
    found = read_documents(data, signers=[make.uploader().certificate])
    (document,) = found.documents
    assert document.value == RULE
    assert json.loads(document.data) == RULE
    assert document.name == "GR-DK-0001"
    assert document.signer == make.uploader().certificate
    assert found.source.signature == "verified"


def test_value_sets_come_in_an_array_too() -> None:
    data = make.dumped([{"id": "sct", "cms": message({"valueSetId": "sct"})}, 5])
    found = read_documents(data, signers=[make.uploader().certificate])
    assert [document.name for document in found.documents] == ["sct"]
    assert len(found.dropped) == 1


@pytest.mark.parametrize(
    ("content", "by", "reason"),
    [
        (RULE, "SE", "the rule's country is not its signer's"),
        (RULE, "stranger", "the signer of the document is not one of the given certificates"),
        ({**RULE, "Country": 1}, "DK", "the rule's country is not its signer's"),
    ],
)
def test_a_rule_signed_by_the_wrong_certificate_is_dropped(
    content: object, by: str, reason: str
) -> None:
    pair = make.dsc(7) if by == "stranger" else make.uploader(by)
    data = make.dumped({"GR-DK-0001": {"cms": message(content, pair)}})
    signers = [make.uploader("DK").certificate, make.uploader("SE").certificate]
    found = read_documents(data, signers=signers)
    assert found.documents == ()
    assert [drop.reason for drop in found.dropped] == [reason]


def test_a_tampered_or_unreadable_rule_is_dropped() -> None:
    raw = base64.b64decode(message(RULE)).replace(b"GR-DK-0001", b"GR-DK-0002")
    pair = make.uploader()
    no_json = cms.sign(b"{", pair.private_key, pair.certificate, detached=False)
    data = make.dumped({"a": [{"cms": make.text(raw)}, {"cms": make.text(no_json)}, {}]})
    found = read_documents(data, signers=[pair.certificate])
    assert found.documents == ()
    assert len(found.dropped) == 3


def test_one_message_is_opened_for_one_country() -> None:
    raw, signers = base64.b64decode(message(RULE)), [make.uploader().certificate]
    assert open_message(raw, "r", signers, country="DK").value == RULE
    with pytest.raises(KeyMaterialError, match="country"):
        open_message(raw, "r", signers, country="SE")
    with pytest.raises(CmsError):
        open_message(raw[:-3], "r", signers)


def test_an_answer_that_is_no_object_is_refused() -> None:
    with pytest.raises(TrustListError):
        read_documents(b"5", signers=[])


def test_an_entry_that_states_no_kid_and_no_thumbprint_is_read() -> None:
    listed = entries()
    del listed[2]["kid"]
    del listed[2]["thumbprint"]
    assert read(listed).certificates == tuple(make.certificates(0))

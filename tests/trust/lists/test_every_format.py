"""What holds for every format of trust list: genuine, tampered, expired, cut off, empty, huge."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

import der_writer
import list_makers as make
from coronapas import _base64 as codec
from coronapas import keys
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import FORMATS, TrustStore
from coronapas.trust import _documents as documents
from coronapas.trust import _reading as reading
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import Source, TrustList

FORMS = pytest.mark.parametrize("form", make.FORMS, ids=lambda form: form.name)
SIGNED = pytest.mark.parametrize(
    "form", [form for form in make.FORMS if form.signed], ids=lambda form: form.name
)


@cache
def genuine(form: make.Form) -> make.Files:
    return form.make(make.certificates())


def read(form: make.Form, files: make.Files, *, pinned: bool = True) -> TrustList:
    pin = form.pin() if pinned else None
    return reading.read(
        files.data,
        pins=() if pin is None else pin,
        beside=files.beside,
        at=make.NOW,
        fetched=make.NOW,
        name="the list",
    )


def keys_of(found: TrustList) -> list[tuple[bytes, bytes]]:
    return [(each.kid, each.spki) for each in found.certificates]


def expected(*numbers: int) -> list[tuple[bytes, bytes]]:
    return [(each.kid, each.spki) for each in make.certificates(*numbers)]


@FORMS
def test_a_genuine_list_is_recognised_and_gives_its_keys(form: make.Form) -> None:
    found = read(form, genuine(form))
    assert found.format == form.name
    assert found.signature == ("verified" if form.signed else "none")
    assert keys_of(found) == expected()
    assert found.dropped == ()
    assert found.remarks == ()
    assert found.source.name == "the list"
    assert found.source.fetched == make.NOW
    if not form.bare:
        assert [each.country for each in found.certificates] == ["DK"] * 3
        # Whatever list it came from, it is the same certificate.
        assert list(found.certificates) == make.certificates()


@FORMS
def test_the_format_is_told_from_the_content_alone(form: make.Form) -> None:
    assert reading.format_of(genuine(form).data) == form.name
    assert form.name in {known.name for known in FORMATS}


@SIGNED
def test_without_a_pin_a_signed_list_is_read_and_said_to_be_unverified(form: make.Form) -> None:
    found = read(form, genuine(form), pinned=False)
    assert found.signature == "not verified"
    assert keys_of(found) == expected()


@SIGNED
def test_a_list_signed_by_another_key_gives_no_key(form: make.Form) -> None:
    other = keys.make_csca("SE", valid_from=make.BEGIN, name="signing root")
    files = genuine(form)
    try:
        found = reading.read(files.data, pins=other.certificate, beside=files.beside)
    except TrustListError as error:
        assert error.code in ("trust.signature", "trust.signer")
        assert error.form == form.name
    else:
        assert form.each_signed
        assert found.certificates == ()
        assert len(found.dropped) >= 3


def spoilt_certificate(data: bytes) -> bytes:
    """Another certificate's bytes in the place of the first one's, wherever the format has them."""
    first, second = make.certificates(0, 3)
    forms = [(first.der, second.der), (first.spki, second.spki)]
    forms += [(a[27:59], b[27:59]) for a, b in [(first.spki, second.spki)]]
    for before, after in forms:
        for encode in (
            bytes,
            base64.b64encode,
            lambda data: base64.b64encode(base64.b64encode(data)),
        ):
            old, new = encode(before or b""), encode(after or b"")
            if old in data and len(old) == len(new):
                return data.replace(old, new)
    raise AssertionError("the format hides its keys too well")


def inside(data: bytes, change: object) -> bytes:
    """Change the middle of a compact JWS."""
    head, body, tail = data.split(b".")
    padded = base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    assert callable(change)
    return b".".join((head, base64.urlsafe_b64encode(change(padded)).rstrip(b"="), tail))


@SIGNED
def test_tampered_content_gives_no_key_that_was_not_signed(form: make.Form) -> None:
    files = genuine(form)
    kid = base64.b64encode(make.dsc(0).certificate.kid)
    other = base64.b64encode(make.dsc(3).certificate.kid)
    assert len(kid) == len(other)

    def change(data: bytes) -> bytes:
        try:
            return data.replace(kid, other) if kid in data else spoilt_certificate(data)
        except AssertionError:
            return data[:-40] + bytes((data[-40] ^ 1,)) + data[-39:]

    if form.name in ("sweden", "switzerland"):
        data = inside(files.data, change)
    elif form.name == "netherlands":
        whole = json.loads(files.data)
        whole["payload"] = make.text(change(base64.b64decode(whole["payload"])))
        data = make.dumped(whole)
    elif form.name == "gateway":
        data = files.data.replace(
            base64.b64encode(make.dsc(0).certificate.der or b""),
            base64.b64encode(make.dsc(3).certificate.der or b""),
        )
    else:
        data = change(files.data)
    assert data != files.data
    try:
        found = read(form, replace(files, data=data))
    except TrustListError as error:
        assert error.code in ("trust.signature", "trust.signer", "trust.malformed")
    else:
        assert form.each_signed
        assert set(keys_of(found)) < set(expected())
        assert found.dropped


def broken_signature(form: make.Form, files: make.Files) -> make.Files:
    """The same list, a byte of (each) signature changed."""

    def spoil(encoded: str) -> str:
        raw = bytearray(base64.b64decode(encoded))
        raw[-5] ^= 1
        return make.text(bytes(raw))

    data = files.data
    match form.name:
        case "gateway":
            entries = json.loads(data)
            for entry in entries:
                entry["signature"] = spoil(entry["signature"])
            return make.Files(make.dumped(entries))
        case "ec-zip":
            spoilt = {
                name: spoil(content.decode()).encode() if name.endswith(".sig.txt") else content
                for name, content in make.ec_files(make.certificates()).items()
            }
            return make.Files(make.zipped(spoilt))
        case "germany":
            line, _, body = data.partition(b"\n")
            return make.Files(spoil(line.decode()).encode() + b"\n" + body)
        case "austria":
            (signature,) = files.beside
            return make.Files(
                data, (signature[:-5] + bytes((signature[-5] ^ 1,)) + signature[-4:],)
            )
        case "sweden" | "switzerland":
            head, body, tail = data.split(b".")
            raw = base64.urlsafe_b64decode(tail + b"==")
            changed = base64.urlsafe_b64encode(raw[:-1] + bytes((raw[-1] ^ 1,))).rstrip(b"=")
            return make.Files(b".".join((head, body, changed)), files.beside)
        case "netherlands":
            whole = json.loads(data)
            whole["signature"] = spoil(whole["signature"])
            return make.Files(make.dumped(whole))
        case _:
            document = json.loads(data)
            head, _, tail = document["proof"]["jws"].partition("..")
            whole_tail = bytearray(base64.urlsafe_b64decode(tail + "=="))
            whole_tail[-1] ^= 1
            changed_tail = base64.urlsafe_b64encode(bytes(whole_tail)).rstrip(b"=").decode()
            document["proof"]["jws"] = f"{head}..{changed_tail}"
            return make.Files(make.dumped(document))


@SIGNED
def test_a_tampered_signature_gives_no_key(form: make.Form) -> None:
    try:
        found = read(form, broken_signature(form, genuine(form)))
    except TrustListError as error:
        assert error.code == "trust.signature"
    else:
        assert form.each_signed
        assert found.certificates == ()
        assert len(found.dropped) >= 4


@pytest.mark.parametrize(
    "form", [form for form in make.FORMS if form.expires], ids=lambda form: form.name
)
def test_a_list_ends_when_it_says_so_and_not_a_second_earlier(form: make.Form) -> None:
    files, pin = genuine(form), form.pin()
    end = make.NOW + timedelta(hours=46 if form.name == "switzerland" else 47)
    assert pin is not None
    found = reading.read(files.data, pins=pin, beside=files.beside, at=end)
    assert found.expires == end
    with pytest.raises(TrustListError) as caught:
        reading.read(files.data, pins=pin, beside=files.beside, at=end + timedelta(seconds=1))
    assert caught.value.code == "trust.expired"


@FORMS
def test_a_list_past_its_age_limit_vouches_for_nothing(form: make.Form) -> None:
    store = TrustStore.from_lists(read(form, genuine(form)), max_age=timedelta(hours=2))
    begin = make.ISSUED if store.sources[0].issued is not None else make.NOW
    for certificate in store:
        assert store.trusted_until(certificate) == begin + timedelta(hours=2)
    assert len(store.valid_at(begin + timedelta(hours=2))) == 3
    late = store.valid_at(begin + timedelta(hours=2, seconds=1))
    assert len(late) == 0
    assert {drop.reason for drop in late.dropped} == {"the list is too old"}


@FORMS
def test_a_list_cut_off_anywhere_is_refused_or_gives_fewer_keys(form: make.Form) -> None:
    files = genuine(form)
    for part in (1, 2, 3, 5, 7):
        cut = replace(files, data=files.data[: len(files.data) * part // 8])
        try:
            found = read(form, cut)
        except TrustListError as error:
            assert error.code in (
                "trust.malformed",
                "trust.unknown-format",
                "trust.signature",
                "trust.signer",
            )
        else:
            assert form.name == "plain"
            assert set(keys_of(found)) < set(expected())
            assert found.dropped


@pytest.mark.parametrize("first", "09AZaz+/")
def test_a_german_list_is_known_whatever_its_signature_begins_with(first: str) -> None:
    data = f"{first}{'A' * 85}==\n{{}}".encode()
    assert reading.format_of(data) == "germany"


@FORMS
def test_a_list_without_entries_is_a_list_without_keys(form: make.Form) -> None:
    empty = form.make([])
    try:
        found = read(form, empty)
    except TrustListError as error:
        # Nothing in an empty file or array says what it was.
        assert form.name in ("plain", "key-list")
        assert error.code == "trust.unknown-format"
    else:
        assert found.format == form.name
        assert found.certificates == ()
        assert found.dropped == ()


def test_no_bytes_at_all_are_no_list() -> None:
    with pytest.raises(TrustListError) as caught:
        reading.read(b"", pins=())
    assert caught.value.code == "trust.unknown-format"


@FORMS
def test_one_kid_may_stand_for_several_keys_and_none_is_lost(form: make.Form) -> None:
    first, second = make.certificates(0, 1)
    if not form.states_kid:
        found = read(form, form.make([first, second, first]))
        assert keys_of(found) == expected(0, 1)
        if form.name != "ec-zip":
            assert [remark.code for remark in found.remarks] == ["list.repeated"]
        return
    second = Certificate.load(second, kid=first.kid)
    files = form.make([first, second])
    if form.name == "france":
        with pytest.raises(TrustListError, match="twice"):
            read(form, files)
        return
    found = read(form, files)
    assert keys_of(found) == [(first.kid, first.spki), (first.kid, second.spki)]
    assert len(TrustStore.from_lists(found).by_kid(first.kid)) == 2
    if not form.bare:
        assert [remark.code for remark in found.remarks] == ["list.kid"]


@FORMS
def test_a_huge_list_is_refused_before_it_is_read(form: make.Form) -> None:
    files = genuine(form)
    huge = files.data + b" " * documents.MAX_BYTES
    with pytest.raises(TrustListError) as caught:
        read(form, replace(files, data=huge))
    assert caught.value.code == "trust.too-large"


def test_a_list_of_too_many_parts_is_refused_before_it_is_read() -> None:
    with pytest.raises(TrustListError) as caught:
        reading.read(b"[" + b"{}," * documents.MAX_PARTS + b"{}]", pins=())
    assert caught.value.code == "trust.too-large"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_json_nested_too_deep_is_refused(opening: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        reading.read(opening * 100_000, pins=())
    assert caught.value.code == "trust.malformed"


@FORMS
def test_the_summary_for_machines_is_plain_json(form: make.Form) -> None:
    shown = json.loads(json.dumps(read(form, genuine(form)).to_json()))
    assert shown["format"] == form.name
    assert shown["keys"] == 3
    assert shown["dropped"] == []
    assert shown["signature"] == ("verified" if form.signed else "none")
    assert sorted(shown["kids"]) == sorted(map(codec.encode, (k for k, _ in expected())))


@FORMS
@given(data=st.data())
def test_no_change_of_a_byte_makes_a_signed_list_give_a_foreign_key(
    form: make.Form, data: st.DataObject
) -> None:
    files = genuine(form)
    place = data.draw(st.integers(0, len(files.data) - 1))
    changed = bytearray(files.data)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = read(form, replace(files, data=bytes(changed)))
    except TrustListError:
        return
    # A change may make the bytes another format, one that is not signed; the format says so.
    if found.format == form.name and form.signed:
        assert set(keys_of(found)) <= set(expected())


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_reason(data: bytes) -> None:
    try:
        found = reading.read(data, pins=make.root().certificate)
    except TrustListError as error:
        assert re.fullmatch(r"trust\.[a-z-]+", error.code)
    else:
        assert found.certificates == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "kid",
                    "keys",
                    "x5c",
                    "kty",
                    "x",
                    "publicKey",
                    "rawData",
                    "country",
                    "id",
                    "payload",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MEMBERS = (
    "verificationMethod",
    "keys",
    "certificatesDCC",
    "responses",
    "payload",
    "signature",
    "certificates",
    "proof",
    "status",
)


@given(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3) | st.lists(VALUES, max_size=3))
def test_json_of_any_shape_is_refused_or_dropped_with_a_reason(content: object) -> None:
    for pins in ((), make.root().certificate):
        try:
            found = reading.read(make.dumped(content), pins=pins)
        except TrustListError:
            continue
        assert found.certificates == ()
        json.dumps(found.to_json())


@given(
    st.sampled_from(["dsc_trust_list", "certs", "activeKeyIds", "eku"]),
    VALUES,
    st.dictionaries(st.sampled_from(["iat", "exp", "validDuration"]), VALUES),
)
def test_signed_json_of_any_shape_is_refused_or_dropped(
    member: str, value: object, more: dict[str, object]
) -> None:
    data = make.signed_json({member: value, **more})
    try:
        found = reading.read(data, pins=make.root().certificate, at=make.NOW)
    except TrustListError:
        return
    assert found.certificates == ()


@FORMS
def test_a_moment_without_a_zone_is_the_callers_mistake(form: make.Form) -> None:
    files, pin = genuine(form), form.pin()
    with pytest.raises(ValueError, match="zone") as caught:
        reading.read(
            files.data,
            pins=() if pin is None else pin,
            beside=files.beside,
            at=make.NOW.replace(tzinfo=None),
        )
    assert not isinstance(caught.value, TrustListError)


def test_a_certificate_in_base64_is_a_list_of_one() -> None:
    der = make.dsc(0).certificate.der
    found = reading.read(base64.encodebytes(der or b""), pins=())
    assert (found.format, found.certificates) == ("plain", tuple(make.certificates(0)))


@pytest.mark.parametrize(
    "data",
    [b"e30.e30.AA", b"\xa1\x61x\x00", b"\xa1\x61x", b"{}", b"[]", b'[{"a": 1}]', b"e30.W10.AA"],
)
def test_well_formed_bytes_that_are_no_list_are_refused(data: bytes) -> None:
    with pytest.raises(TrustListError) as caught:
        reading.read(data, pins=())
    assert caught.value.code in ("trust.unknown-format", "trust.malformed")
    assert caught.value.form == "trust list"


CHAINED = ("gateway", "ec-zip", "gdhcn", "plain")


@pytest.mark.parametrize(
    "form", [form for form in make.FORMS if form.name in CHAINED], ids=lambda form: form.name
)
@pytest.mark.parametrize("beyond", [False, True])
def test_what_is_odd_about_a_chain_is_remarked_and_the_key_is_kept(
    form: make.Form, beyond: bool
) -> None:
    csca, odd = make.csca(), make.odd_dsc() if beyond else make.dsc(0).certificate
    files = form.make([csca.certificate, odd] if form.name == "plain" else [odd])
    found = read(form, files)
    assert [each.spki for each in found.certificates] == [odd.spki]
    assert [remark.code for remark in found.remarks] == (["chain.validity"] if beyond else [])


def test_a_country_that_cannot_be_read_is_counted_without_a_name() -> None:
    broken = Certificate(der_writer.certificate(subject=der_writer.tlv(0x30, b"\x30\x00")))
    shown = TrustList(Source("plain"), (broken,)).to_json()
    assert shown["countries"] == {"": 1}


def test_a_pin_that_is_none_is_the_callers_mistake() -> None:
    with pytest.raises(KeyMaterialError):
        reading.read(genuine(make.FORMS[2]).data, pins=b"no key")

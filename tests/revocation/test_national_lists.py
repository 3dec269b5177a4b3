"""The German, Italian and Swiss lists."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from coronapas import keys
from coronapas.errors import RevocationListError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.revocation import HashType, RevocationStore, hashes_of
from coronapas.revocation._hashes import uci_hash
from coronapas.revocation._lists import germany, italy, switzerland
from coronapas.signing import Signer
from coronapas.trust import _jose as jose
from coronapas.trust._certificate import Certificate
from revoking import BEGIN, DAY, KID, NOW, OTHER_KID, ask, authority, digest, envelope, pair

if TYPE_CHECKING:
    from collections.abc import Mapping

UCI = HashType.UCI
UVCIS = ["URN:UVCI:01:IT:EXAMPLE1#A", "URN:UVCI:01:IT:EXAMPLE2#B", "URN:UVCI:01:IT:EXAMPLE3#C"]
ITALIAN = frozenset({"IT"})


def code_of(caught: pytest.ExceptionInfo[RevocationListError]) -> str:
    return caught.value.code


# --- Germany ---

SIGNER = pair("DE").signer()
GROUPS = {
    (KID, UCI): [digest(number) for number in range(300)],
    (KID, HashType.SIGNATURE): [digest(1000)],
    (OTHER_KID, HashType.COUNTRYCODEUCI): [digest(2000), digest(2001)],
}


def german(files: Mapping[str, bytes], key: Certificate | None = None) -> RevocationStore:
    return RevocationStore([germany.read(files, key or pair("DE").certificate, as_of=NOW)])


def file(content: object, signer: Signer = SIGNER) -> bytes:
    return cose.sign1(
        cbor.dump(content), algorithm=signer.algorithm, kid=signer.kid, sign=signer.sign
    )


@pytest.mark.parametrize("deep", [False, True])
def test_german_files_that_were_made_are_read(deep: bool) -> None:
    store = german(germany.write(GROUPS, SIGNER, at=NOW, deep=deep))
    for (kid, kind), values in GROUPS.items():
        assert all(ask(store, v, kid=kid, kind=kind).code == "revocation.revoked" for v in values)
        assert ask(store, digest(9999), kid=kid, kind=kind).code == "revocation.ok"
    assert store.sources[0].gaps == ()
    assert len(store) == 303


def test_german_files_signed_with_rsa_are_read() -> None:
    rsa = authority("DE").issue_dsc(valid_from=BEGIN, key="RSA-2048")
    files = germany.write(GROUPS, rsa.signer(), at=NOW)
    assert len(german(files, rsa.certificate)) == 303


def test_an_empty_german_list_revokes_nothing() -> None:
    assert ask(german(germany.write({}, SIGNER, at=NOW)), digest(1)).code == "revocation.ok"


def test_german_maps_may_have_numbers_for_bytes() -> None:
    path = f"{KID.hex()}0b"
    value = digest(1)
    files = {
        "kid.lst": file({KID: {0x0B: 1}}),
        f"{path}/index.lst": file({value[0]: [0, 1]}),
        f"{path}/{value[0]:02x}/chunk.lst": file([value]),
    }
    assert ask(german(files), value).code == "revocation.revoked"


def test_a_german_file_that_is_absent_leaves_a_gap_of_its_first_bytes_only() -> None:
    files = germany.write(GROUPS, SIGNER, at=NOW)
    value = digest(5)
    del files[f"{KID.hex()}0b/{value[0]:02x}/chunk.lst"]
    store = german(files)
    assert ask(store, value).code == "revocation.list-incomplete"
    other = next(v for v in map(digest, range(5000, 6000)) if v[0] != value[0])
    assert ask(store, other).code == "revocation.ok"
    assert ask(store, value, kid=OTHER_KID).code == "revocation.ok"


@pytest.mark.parametrize("deep", [False, True])
def test_a_german_index_that_is_absent_leaves_a_gap_of_its_kid_and_type(deep: bool) -> None:
    files = germany.write(GROUPS, SIGNER, at=NOW, deep=deep)
    del files[f"{KID.hex()}0b/index.lst"]
    store = german(files)
    assert ask(store, digest(9999)).code == "revocation.list-incomplete"
    assert ask(store, digest(9999), kid=OTHER_KID).code == "revocation.ok"


@pytest.mark.parametrize("which", ["kid.lst", "index.lst", "chunk.lst"])
@pytest.mark.parametrize("how", ["content", "signature", "key", "cut", "empty"])
def test_a_german_file_that_was_tampered_with_is_not_believed(which: str, how: str) -> None:
    files = germany.write({(KID, UCI): [digest(1)]}, SIGNER, at=NOW)
    (path,) = (path for path in files if path.endswith(which))
    data = files[path]
    files[path] = {
        "content": data.replace(digest(1), digest(2)).replace(KID, OTHER_KID)
        if which != "index.lst"
        else data.replace(bytes((0x41, digest(1)[0])), b"\x41\x77"),
        "signature": data[:-1] + bytes((data[-1] ^ 1,)),
        "key": germany.write({(KID, UCI): [digest(1)]}, pair("SE").signer(), at=NOW)[path],
        "cut": data[:-1],
        "empty": b"",
    }[how]
    assert files[path] != data
    if which == "kid.lst":
        with pytest.raises(RevocationListError) as caught:
            german(files)
        assert code_of(caught) in {"list.signature", "list.malformed"}
    else:
        assert ask(german(files), digest(1)).code == "revocation.list-incomplete"


def test_the_german_kid_list_has_to_be_there() -> None:
    with pytest.raises(RevocationListError) as caught:
        german({})
    assert code_of(caught) == "list.inconsistent"


def test_german_files_of_several_states_leave_a_gap() -> None:
    old = germany.write({(KID, UCI): [digest(1)]}, SIGNER, at=NOW)
    new = germany.write({(KID, UCI): [digest(1), digest(2)]}, SIGNER, at=NOW)
    mixed = {**new, f"{KID.hex()}0b/index.lst": old[f"{KID.hex()}0b/index.lst"]}
    assert ask(german(mixed), digest(3)).code == "revocation.list-incomplete"
    chunk = f"{KID.hex()}0b/{digest(1)[0]:02x}/chunk.lst"
    replayed = {**new, chunk: file([])}
    assert ask(german(replayed), digest(1)).code == "revocation.list-incomplete"
    elsewhere = {**new, chunk: file([digest(2)])}
    store = german(elsewhere)
    assert ask(store, digest(1)).code == "revocation.list-incomplete"
    assert ask(store, digest(2)).code == "revocation.revoked"


def test_an_unknown_german_type_leaves_a_gap_of_its_kid() -> None:
    store = german({"kid.lst": file({KID: {b"\x0f": 3}})})
    assert ask(store, digest(1)).code == "revocation.list-incomplete"
    assert ask(store, digest(1), kid=OTHER_KID).code == "revocation.ok"


@pytest.mark.parametrize(
    "content",
    [
        [],
        {5: {}},
        {b"short": {}},
        {KID: 5},
        {KID: {"a": 1}},
        {KID: {b"ab": 1}},
        {KID: {300: 1}},
        {KID: {b"\x0b": -1}},
        {KID: {b"\x0b": True}},
    ],
    ids=str,
)
def test_a_german_kid_list_that_is_none_is_refused(content: object) -> None:
    with pytest.raises(RevocationListError) as caught:
        german({"kid.lst": file(content)})
    assert code_of(caught) == "list.malformed"


@pytest.mark.parametrize(
    "index",
    [
        [],
        {b"\x01": 5},
        {b"\x01": [0]},
        {b"\x01": [0, -1]},
        {b"\x01": [0, 1, 5]},
        {"x": [0, 1]},
        {b"\x01": [0, 1, {b"\x02": 5}]},
        {b"\x01": [0, 1, {b"\x02": [0]}]},
        {b"\x01": [0, 1, {}, 0]},
    ],
    ids=str,
)
def test_a_german_index_that_is_none_leaves_a_gap(index: object) -> None:
    files = {"kid.lst": file({KID: {b"\x0b": 1}}), f"{KID.hex()}0b/index.lst": file(index)}
    assert ask(german(files), digest(1)).code == "revocation.list-incomplete"


@pytest.mark.parametrize("chunk", [{}, [5], [bytes(15)], "x"], ids=str)
def test_a_german_chunk_that_is_none_leaves_a_gap(chunk: object) -> None:
    files = germany.write({(KID, UCI): [digest(1)]}, SIGNER, at=NOW)
    (path,) = (path for path in files if path.endswith("chunk.lst"))
    store = german({**files, path: file(chunk)})
    assert ask(store, digest(1)).code == "revocation.list-incomplete"


def test_an_index_without_a_deeper_map_names_chunks_of_the_first_byte() -> None:
    value = digest(1)
    path = f"{KID.hex()}0b"
    nothing: list[object] = [None, {}]
    for deeper in nothing:
        files = {
            "kid.lst": file({KID: {b"\x0b": 1}}),
            f"{path}/index.lst": file({value[:1]: [0, 1, deeper]}),
            f"{path}/{value[0]:02x}/chunk.lst": file([value]),
        }
        assert ask(german(files), value).code == "revocation.revoked"


def test_a_german_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(germany, "MAX_FILE", 10)
    with pytest.raises(RevocationListError) as caught:
        german(germany.write({}, SIGNER, at=NOW))
    assert code_of(caught) == "list.too-large"


def test_a_key_that_cannot_be_read_is_told() -> None:
    broken = Certificate.from_public_key(b"\x30\x02\x05\x00", kid=bytes(8))
    with pytest.raises(RevocationListError) as caught:
        german({}, broken)
    assert code_of(caught) == "list.signer"


# --- Italy ---


def italian(*chunks: bytes, **more: Any) -> RevocationStore:
    return RevocationStore([italy.read(chunks, as_of=NOW, **more)])


def ask_uvci(store: RevocationStore, uvci: str, countries: frozenset[str] = ITALIAN) -> str:
    return ask(store, uci_hash(uvci), countries=countries).code


@pytest.mark.parametrize("size", [1, 2, 100])
def test_an_italian_list_that_was_made_is_read_in_any_order(size: int) -> None:
    store = italian(*reversed(italy.write(UVCIS, version=7, chunk_size=size)))
    assert {ask_uvci(store, uvci) for uvci in UVCIS} == {"revocation.revoked"}
    assert ask_uvci(store, "URN:UVCI:01:IT:EXAMPLE4") == "revocation.ok"
    assert store.sources[0].signature == "none"


def test_an_entry_is_the_whole_digest_of_the_identifier() -> None:
    (chunk,) = italy.write(UVCIS[:1], version=1)
    (entry,) = json.loads(chunk)["revokedUcvi"]
    assert base64.b64decode(entry) == hashlib.sha256(UVCIS[0].encode()).digest()
    found = hashes_of(envelope())
    assert found.uvci_sha256 is not None
    listed = json.dumps({"revokedUcvi": [base64.b64encode(found.uvci_sha256).decode()]})
    store = italian(listed.encode())
    assert store.status(envelope(), at=NOW).code == "revocation.revoked"


def test_the_italian_list_has_no_say_on_a_foreign_pass_that_it_does_not_hold() -> None:
    store = italian(*italy.write(UVCIS, version=7))
    danish = frozenset({"DK"})
    assert ask_uvci(store, "URN:UVCI:01:DK:X", danish) == "revocation.no-data"
    assert ask_uvci(store, UVCIS[0], danish) == "revocation.revoked"
    wide = italian(*italy.write(UVCIS, version=7), countries=None)
    assert ask_uvci(wide, "URN:UVCI:01:DK:X", danish) == "revocation.ok"


def test_an_empty_italian_list_revokes_nothing() -> None:
    assert ask_uvci(italian(*italy.write([], version=1)), UVCIS[0]) == "revocation.ok"


def test_an_italian_change_takes_away_and_adds() -> None:
    store = italian(*italy.write(UVCIS, version=7))
    change = italy.write_change(["NEW"], UVCIS[:1], from_version=7, version=8)
    after = store.apply(italy.read([change], as_of=NOW + DAY))
    assert ask_uvci(after, UVCIS[0]) == "revocation.ok"
    assert ask_uvci(after, UVCIS[1]) == ask_uvci(after, "NEW") == "revocation.revoked"
    with pytest.raises(RevocationListError) as caught:
        after.apply(italy.read([change], as_of=NOW + DAY))
    assert code_of(caught) == "list.inconsistent"
    with pytest.raises(RevocationListError) as caught:
        after.apply(italy.read(italy.write(UVCIS, version=7), as_of=NOW + DAY))
    assert code_of(caught) == "list.rollback"


def test_an_italian_change_may_have_one_half_only() -> None:
    read = italy.read([b'{"delta": {"deletions": []}}'], as_of=NOW)
    assert (read.complete, read.hash_count, read.removed_hashes) == (False, 0, b"")


def test_an_italian_chunk_that_is_absent_makes_silence_unknown() -> None:
    store = italian(*italy.write(UVCIS, version=7, chunk_size=1)[:2])
    assert ask_uvci(store, UVCIS[0]) == "revocation.revoked"
    assert ask_uvci(store, UVCIS[2]) == "revocation.list-incomplete"


def test_an_italian_list_expires_when_the_caller_says() -> None:
    store = italian(*italy.write([], version=1), valid_until=NOW - DAY)
    assert ask_uvci(store, UVCIS[0]) == "revocation.list-expired"


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([], "list.malformed"),
        ([b""], "list.malformed"),
        ([b"{}"], "list.malformed"),
        ([b"[]"], "list.malformed"),
        ([b'{"revokedUcvi": [5]}'], "list.malformed"),
        ([b'{"revokedUcvi": ["AAAA"]}'], "list.malformed"),
        ([b'{"revokedUcvi": ["*"]}'], "list.malformed"),
        ([b'{"revokedUcvi": [], "version": "1"}'], "list.malformed"),
        ([b'{"revokedUcvi": [], "revokedUcvi": []}'], "list.malformed"),
        ([b'{"delta": 5}'], "list.malformed"),
        ([b'{"revokedUcvi": [], "lastChunk": 999999}'], "list.too-large"),
        ([*italy.write(["A"], version=1), *italy.write(["A"], version=2)], "list.inconsistent"),
        (italy.write(["A"], version=1) * 2, "list.inconsistent"),
        ([b'{"delta": {}}', b'{"revokedUcvi": []}'], "list.inconsistent"),
        ([italy.write(["A"], version=1)[0][:-5]], "list.malformed"),
    ],
    ids=str,
)
def test_what_is_no_italian_list_is_refused(chunks: list[bytes], code: str) -> None:
    with pytest.raises(RevocationListError) as caught:
        italy.read(chunks, as_of=NOW)
    assert code_of(caught) == code


# --- Switzerland ---

ROOT = authority("CH", "root")
LEAF = ROOT.issue_dsc(valid_from=BEGIN, valid_for=200 * DAY)
RSA_LEAF = ROOT.issue_dsc(valid_from=BEGIN, key="RSA-2048")
SWISS = frozenset({"CH"})


def token(uvcis: list[str] = UVCIS, by: keys.KeyPair = LEAF, chain: Any = None) -> bytes:
    return switzerland.write(
        uvcis, valid_for=2 * DAY, key=by.private_key, chain=chain or [by.certificate]
    )


def swiss(data: bytes, *trusted: Certificate, **more: Any) -> RevocationStore:
    pinned = trusted or (ROOT.certificate,)
    return RevocationStore([switzerland.read(data, pinned, **{"as_of": NOW, **more})])


def refused(data: bytes, *trusted: Certificate, **more: Any) -> str:
    with pytest.raises(RevocationListError) as caught:
        swiss(data, *trusted, **more)
    assert not any(uvci in str(caught.value) for uvci in UVCIS)
    return caught.value.code


@pytest.mark.parametrize("by", [LEAF, RSA_LEAF], ids=["ES256", "RS256"])
def test_a_swiss_token_that_was_made_is_read(by: keys.KeyPair) -> None:
    store = swiss(token(by=by))
    assert {ask_uvci(store, uvci, SWISS) for uvci in UVCIS} == {"revocation.revoked"}
    assert ask_uvci(store, "OTHER", SWISS) == "revocation.ok"
    assert ask_uvci(store, "OTHER", frozenset({"DK"})) == "revocation.no-data"
    assert store.sources[0].signature == "verified"


def test_a_swiss_list_is_valid_for_as_long_as_it_says() -> None:
    (source,) = swiss(token()).sources
    assert source.valid_until == NOW + 2 * DAY
    store = swiss(token())
    late = ask(store, uci_hash("X"), countries=SWISS, at=NOW + 2 * DAY + timedelta(seconds=1))
    assert late.code == "revocation.list-expired"


def test_the_signer_s_own_certificate_can_be_pinned() -> None:
    assert swiss(token(), LEAF.certificate)
    with pytest.raises(RevocationListError) as caught:
        switzerland.read(token(), [], as_of=NOW)
    assert code_of(caught) == "list.signer"


def test_a_chain_of_several_steps_is_followed_to_the_root() -> None:
    middle = authority("CH", "middle")
    below = middle.issue_dsc(valid_from=BEGIN)
    chain = [below.certificate, middle.certificate]
    assert refused(token(by=below, chain=chain)) == "list.signer"
    assert swiss(token(by=below, chain=chain), middle.certificate)


def test_an_empty_swiss_list_revokes_nothing() -> None:
    assert ask_uvci(swiss(token([])), UVCIS[0], SWISS) == "revocation.ok"


def test_a_swiss_change_adds_to_the_list() -> None:
    later = switzerland.read(
        token(["NEW"]), [ROOT.certificate], as_of=NOW + DAY, complete=False, countries=None
    )
    after = swiss(token()).apply(later)
    assert ask_uvci(after, "NEW", SWISS) == ask_uvci(after, UVCIS[0], SWISS)


def test_a_swiss_token_that_was_tampered_with_is_refused() -> None:
    head, payload, signature = token().split(b".")
    other = token(["X"]).split(b".")[1]
    assert refused(b".".join((head, other, signature))) == "list.signature"
    flipped = b"A" if signature[:1] != b"A" else b"B"
    assert refused(b".".join((head, payload, flipped + signature[1:]))) == "list.signature"
    assert refused(b".".join((head, payload, b"AAAA"))) == "list.signature"


def test_a_token_whose_own_chain_is_not_trusted_is_refused() -> None:
    stranger = authority("CH", "stranger")
    leaf = stranger.issue_dsc(valid_from=BEGIN)
    assert refused(token(by=leaf)) == "list.signer"
    assert refused(token(by=leaf, chain=[leaf.certificate, ROOT.certificate])) == "list.signer"
    assert refused(token(by=leaf, chain=[LEAF.certificate])) == "list.signature"


def test_a_leaf_is_no_authority() -> None:
    assert refused(token(by=RSA_LEAF), LEAF.certificate) == "list.signer"


def test_a_certificate_below_the_root_has_to_be_valid_then() -> None:
    assert refused(token(), as_of=NOW + 1000 * DAY) == "list.signer"


@pytest.mark.parametrize(
    "data", [b"", b".", b"..", b"a.b.c", b"a.b", b"a.b.c.d", b"\xff.\xff.\xff"]
)
def test_what_is_no_token_is_refused(data: bytes) -> None:
    assert refused(data) == "list.malformed"


def test_a_token_that_was_cut_off_is_refused() -> None:
    assert refused(token()[:-1]) in {"list.signature", "list.malformed"}
    assert refused(token()[: len(token()) // 2]) == "list.malformed"


def test_a_token_that_is_too_large_is_not_read() -> None:
    assert refused(token() + b"A" * (16 * 1024 * 1024)) == "list.too-large"


def head_changed(**changes: object) -> bytes:
    head, payload, signature = token().split(b".")
    members = json.loads(base64.urlsafe_b64decode(head + b"==")) | changes
    new = base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=")
    return b".".join((new, payload, signature))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"alg": "none"}, "list.signature"),
        ({"alg": "HS256"}, "list.signature"),
        ({"alg": "RS256"}, "list.signature"),
        ({"alg": None}, "list.signature"),
        ({"crit": ["b64"]}, "list.malformed"),
        ({"x5c": [5]}, "list.malformed"),
        ({"x5c": ["AAAA"]}, "list.malformed"),
        ({"typ": "JWT"}, "list.signature"),
    ],
    ids=str,
)
def test_a_token_with_another_header_is_refused(changes: dict[str, object], code: str) -> None:
    assert refused(head_changed(**changes)) == code


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b'{"revokedCerts": 5, "validDuration": 1}',
        b'{"revokedCerts": []}',
        b'{"revokedCerts": [5], "validDuration": 1}',
        b'{"revokedCerts": [], "validDuration": -1}',
        b'{"revokedCerts": [], "validDuration": ' + b"9" * 30 + b"}",
    ],
)
def test_a_signed_payload_that_is_no_list_is_refused(content: bytes) -> None:
    signed = jose.sign(content, LEAF.private_key, [LEAF.certificate])
    assert refused(signed) == "list.malformed"


def test_no_list_s_repr_shows_a_uvci() -> None:
    read = switzerland.read(token(), [ROOT.certificate], as_of=NOW)
    assert not any(uvci in repr(read) for uvci in UVCIS)

"""Two phases: what is prepared without a key and completed without the facts is what is issued."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

import backend
import gdhcn_world
from coronapas import Verifier, decode, keys
from coronapas import _signatures as signatures
from coronapas.dcc import build_dcc
from coronapas.denmark import DanishIssuer, DatedEvent
from coronapas.errors import IssueError, SigningError
from coronapas.gdhcn import IcvpIssuer, LinkIssuer, build_link
from coronapas.issue import Issuer
from coronapas.signing import SignatureCheck, Signer, SignerSet
from coronapas.wallets import (
    MdocVerifier,
    SdJwtVerifier,
    issue_mdoc,
    issue_sd_jwt,
    prepare_mdoc,
    prepare_sd_jwt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW, LATER = backend.NOW, backend.LATER
SECRETS = ("Prøvesen", "PROEVESEN", "Mathilde", "1990", *gdhcn_world.SECRETS)


def signer(key: str = "P-256") -> Signer:
    return backend.dsc(key=key).signer(deterministic=True)


def detached(key: str = "P-256") -> Signer:
    return Signer.detached(backend.dsc(key=key).certificate)


def trust() -> Any:
    return backend.trust(backend.dsc(key="P-256"))


def a_pass(by: Signer) -> Any:
    return Issuer("DK", by).prepare(
        backend.HOLDER, backend.VACCINATION, expires=LATER, issued_at=NOW, uvci="URN:UVCI:01:DK:A"
    )


def a_dk2(by: Signer) -> Any:
    return DanishIssuer(by).prepare_dk2(backend.HOLDER, issued_at=NOW)


def a_dk3(by: Signer) -> Any:
    dated = DatedEvent(backend.VACCINATION, LATER)
    return DanishIssuer(by).prepare_dk3(backend.HOLDER, [dated], issued_at=NOW)


def a_dk1(by: Signer) -> Any:
    return DanishIssuer(by).prepare_dk1(issued_at=NOW)


def dcc() -> dict[str, Any]:
    return build_dcc(
        backend.HOLDER,
        backend.VACCINATION,
        country="DK",
        issuer="DK",
        uvci="URN:UVCI:01:DK:A",
        on=NOW,
    )


def a_credential(by: Signer) -> Any:
    return prepare_sd_jwt(dcc(), by, issued_at=NOW, expires=LATER)


def an_mdoc(by: Signer) -> Any:
    device = ec.generate_private_key(ec.SECP256R1()).public_key()
    return prepare_mdoc(dcc(), by, device_key=device, issued_at=NOW, expires=LATER)


PREPARED = [a_pass, a_dk1, a_dk2, a_dk3, a_credential, an_mdoc]


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
def test_a_pass_in_two_phases_is_the_pass_that_is_issued(key: str) -> None:
    issuer = Issuer("DK", signer(key))
    prepared = a_pass(detached(key))
    assert prepared.kid == signer(key).kid
    assert prepared.algorithm == signer(key).algorithm
    completed = prepared.complete(signer(key).sign_digest(prepared.digest))
    assert Verifier(backend.trust(backend.dsc(key=key))).verify(completed.text, NOW).ok
    if key == "P-256":  # PSS has a random salt
        assert completed == issuer.issue(
            backend.HOLDER,
            backend.VACCINATION,
            expires=LATER,
            issued_at=NOW,
            uvci="URN:UVCI:01:DK:A",
        )
    assert prepared.digest == sha256(decode(completed.text).message.signed_bytes).digest()


@pytest.mark.parametrize("make", PREPARED)
def test_what_is_prepared_travels_without_a_key_and_is_completed_elsewhere(
    make: Callable[[Signer], Any],
) -> None:
    prepared = make(detached())
    sent = pickle.dumps(prepared)
    back = pickle.loads(sent)
    assert back.digest == prepared.digest
    signature = signer().sign_digest(back.digest)
    assert back.complete(signature) == prepared.complete(signature)
    # The same bytes as by the signer itself.
    assert make(signer()).kid == back.kid


@pytest.mark.parametrize("make", PREPARED)
def test_a_signature_of_another_key_or_another_pass_completes_nothing(
    make: Callable[[Signer], Any],
) -> None:
    prepared = make(detached())
    stranger = keys.make_csca("DK", valid_from=backend.BEGIN).issue_dsc(valid_from=backend.BEGIN)
    wrong = (
        stranger.signer().sign_digest(prepared.digest),
        signer().sign_digest(sha256(prepared.digest).digest()),
        b"",
        bytes(64),
        signature_in_der(prepared.digest),
    )
    for signature in wrong:
        with pytest.raises(SigningError):
            prepared.complete(signature)
    assert prepared.complete(signature_in_der(prepared.digest), form="der")


def signature_in_der(digest: bytes) -> bytes:
    return signatures.to_der(signer().sign_digest(digest))


@pytest.mark.parametrize("make", PREPARED)
def test_nothing_prepared_shows_its_holder(make: Callable[[Signer], Any]) -> None:
    prepared = make(detached())
    text = f"{prepared!r} {prepared}"
    assert not [secret for secret in SECRETS if secret in text]
    assert "URN" not in text


@pytest.mark.parametrize("make", PREPARED)
def test_nothing_prepared_can_be_changed(make: Callable[[Signer], Any]) -> None:
    prepared = make(detached())
    with pytest.raises(AttributeError):
        prepared.digest = b""


def test_a_completed_token_and_a_completed_credential_verify() -> None:
    for make in (a_dk1, a_dk2, a_dk3):
        prepared = make(detached())
        token = prepared.complete(signer().sign_digest(prepared.digest))
        assert Verifier(trust(), accept=("dk",)).verify(token.text, NOW).ok
    credential, mdoc = a_credential(detached()), an_mdoc(detached())
    text = credential.complete(signer().sign_digest(credential.digest)).text
    assert SdJwtVerifier(trust()).verify(text, at=NOW).ok
    data = mdoc.complete(signer().sign_digest(mdoc.digest)).data
    assert MdocVerifier(trust()).verify(data, at=NOW).signed


def test_a_completed_claim_of_who_is_the_one_that_is_issued() -> None:
    own = gdhcn_world.dsc()
    by = Signer.detached(own.certificate)
    prepared = IcvpIssuer(by, "XXA", gdhcn_world.catalogue()).prepare(
        gdhcn_world.TRAVELLER, gdhcn_world.DOSE, expires=gdhcn_world.END, issued_at=gdhcn_world.NOW
    )
    assert not [secret for secret in gdhcn_world.SECRETS if secret in repr(prepared)]
    signature = own.signer(deterministic=True).sign_digest(prepared.digest)
    assert pickle.loads(pickle.dumps(prepared)).complete(signature) == gdhcn_world.issued()
    link = build_link(f"https://example.org/{'A' * 43}", key=b"\1" * 32)
    claim = LinkIssuer(by).prepare(link, expires=gdhcn_world.END, issued_at=gdhcn_world.NOW)
    text = claim.complete(own.signer().sign_digest(claim.digest)).text
    assert gdhcn_world.verifier("link").verify(text, gdhcn_world.NOW).ok


def test_a_detached_signer_prepares_and_does_not_sign() -> None:
    by = detached()
    with pytest.raises(SigningError, match="cannot sign"):
        by.sign(b"anything")
    with pytest.raises(SigningError, match="cannot sign"):
        Issuer("DK", by).issue(backend.HOLDER, backend.VACCINATION, expires=LATER, issued_at=NOW)
    away = pickle.loads(pickle.dumps(by))
    assert (away.kid, away.certificate) == (by.kid, by.certificate)
    assert b"PRIVATE" not in pickle.dumps(by)
    assert a_pass(away).digest == a_pass(signer()).digest


def test_preparing_is_as_strict_as_issuing() -> None:
    short = backend.csca().issue_dsc(valid_from=backend.BEGIN, valid_for=timedelta(days=300))
    issuer = Issuer("DK", Signer.detached(short.certificate))
    wrong = replace(backend.VACCINATION, dose_number=0)
    given: dict[str, Any] = {"expires": LATER, "issued_at": NOW}
    with pytest.raises(IssueError) as caught:
        issuer.prepare(backend.HOLDER, wrong, **given)
    assert caught.value.faults == issuer.faults(backend.HOLDER, wrong, **given)
    codes = {fault.code for fault in caught.value.faults}
    assert codes == {"dose.number-below-one", "certificate.outlived"}


def test_a_prepared_pass_names_the_signer_of_a_set_that_must_sign_it() -> None:
    old = signer()
    new = backend.csca().issue_dsc(valid_from=NOW).signer()
    issuer = Issuer("DK", SignerSet([old, new]))
    given: dict[str, Any] = {"expires": LATER, "uvci": "URN:UVCI:01:DK:A"}
    before = issuer.prepare(
        backend.HOLDER, backend.VACCINATION, issued_at=NOW - timedelta(seconds=1), **given
    )
    after = issuer.prepare(backend.HOLDER, backend.VACCINATION, issued_at=NOW, **given)
    assert (before.kid, after.kid) == (old.kid, new.kid)
    with pytest.raises(SigningError):
        after.complete(old.sign_digest(after.digest))


@given(st.binary(max_size=300))
def test_a_signature_over_a_digest_is_one_over_the_message(message: bytes) -> None:
    by = signer()
    digest = sha256(message).digest()
    assert by.sign_digest(digest) == by.sign(message)
    assert by.check(by.sign(message), digest) == by.sign(message)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_digest_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        signer().sign_digest(bytes(length))


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
def test_a_check_holds_the_public_key_alone_and_can_be_pickled(key: str) -> None:
    check = signer(key).check
    away = pickle.loads(pickle.dumps(check))
    digest = sha256(b"a message").digest()
    signature = signer(key).sign_digest(digest)
    assert away(signature, digest) == signature
    assert (away.algorithm, away.signature_length) == (check.algorithm, len(signature))
    assert away.public_key == check.public_key
    with pytest.raises(SigningError):
        away(signature, sha256(b"another").digest())
    with pytest.raises(AttributeError, match="immutable"):
        check.algorithm = 0
    with pytest.raises(SigningError, match="must return bytes, got str"):
        check("text", digest)  # type: ignore[arg-type]
    assert SignatureCheck(check.public_key)(signature, digest) == signature


def test_issuing_a_credential_is_preparing_and_signing_it() -> None:
    assert (
        SdJwtVerifier(trust())
        .verify(issue_sd_jwt(dcc(), signer(), issued_at=NOW, expires=LATER).text, at=NOW)
        .ok
    )
    device = ec.generate_private_key(ec.SECP256R1()).public_key()
    mdoc = issue_mdoc(dcc(), signer(), device_key=device, issued_at=NOW, expires=LATER)
    assert MdocVerifier(trust()).verify(mdoc.data, at=NOW).signed


def test_the_moment_of_a_prepared_pass_is_shown() -> None:
    assert repr(a_pass(detached())) == (
        "<PreparedPass from 2021-09-01T12:00Z to 2022-02-28T12:00Z>"
    )
    assert a_pass(detached()).iat == int(datetime(2021, 9, 1, 12, tzinfo=UTC).timestamp())

"""The cost of wallet credentials: to issue, present and verify one, against one bare verification.

The measure is one ECDSA verification by OpenSSL through `cryptography`, as everywhere: an issued
credential needs one signature, a bound presentation two verifications.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.rounds import interleave, timed
from coronapas import Holder, Signer, TrustStore, Vaccination, keys, wallets
from coronapas.dcc import build_dcc

if TYPE_CHECKING:
    from collections.abc import Callable

ITEMS = 50
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
NOW = datetime(2023, 2, 1, tzinfo=UTC)


def contenders() -> dict[str, Callable[[], object]]:
    """Return what is measured, by name; each works on the same payload."""
    csca = keys.make_csca("DK", valid_from=BEGIN)
    dsc = csca.issue_dsc(valid_from=BEGIN)
    signer, private = dsc.signer(), keys.make_key()
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    phone, device_key = Signer(private, kid=bytes(8)), private.public_key()
    dcc = build_dcc(
        Holder("Prøvesen", "Åse Marie", date(1987, 5, 4)),
        Vaccination("Comirnaty", 2, 2, date(2022, 11, 17)),
        country="DK",
        issuer="Health Data",
        uvci="URN:UVCI:01:DK:187/37512422923",
        on=BEGIN,
    )
    ends, life = BEGIN + timedelta(days=90), timedelta(days=90)
    asked = wallets.KeyBinding("https://verifier.example", "nonce")
    transcript = wallets.openid4vp_transcript("client", "nonce", "https://verifier.example")
    text = wallets.issue_sd_jwt(
        dcc, signer, expires=life, issued_at=BEGIN, holder_key=device_key
    ).text
    shown = list(wallets.to_claims(dcc).content)
    presented = wallets.present_sd_jwt(text, shown, holder=phone, binding=asked, at=NOW)
    mdoc = wallets.issue_mdoc(
        dcc, signer, device_key=device_key, expires=ends, issued_at=BEGIN
    ).data
    elements = wallets.to_elements(dcc).content
    response = wallets.present_mdoc(mdoc, elements, transcript=transcript, device=phone)
    by_jwt = wallets.SdJwtVerifier(TrustStore([dsc.certificate]))
    by_mdoc = wallets.MdocVerifier(TrustStore([dsc.certificate]))
    through = wallets.SdJwtVerifier(TrustStore([csca.certificate]))
    session = wallets.Session(transcript)
    assert by_jwt.verify(presented, NOW, binding=asked).ok
    assert through.verify(presented, NOW, binding=asked).ok
    assert by_mdoc.verify(response, NOW, session=session).ok
    signature, scheme = private.sign(b"message", ec.ECDSA(SHA256())), ec.ECDSA(SHA256())
    return {
        "one bare verification": lambda: device_key.verify(signature, b"message", scheme),
        "issue an SD-JWT VC": lambda: wallets.issue_sd_jwt(
            dcc, signer, expires=life, issued_at=BEGIN, holder_key=device_key
        ),
        "present it": lambda: wallets.present_sd_jwt(
            text, shown, holder=phone, binding=asked, at=NOW
        ),
        "verify it, unbound": lambda: by_jwt.verify(text, NOW),
        "verify it, bound": lambda: by_jwt.verify(presented, NOW, binding=asked),
        "verify it, bound, by its chain": lambda: through.verify(presented, NOW, binding=asked),
        "issue an mdoc": lambda: wallets.issue_mdoc(
            dcc, signer, device_key=device_key, expires=ends, issued_at=BEGIN
        ),
        "present the mdoc": lambda: wallets.present_mdoc(
            mdoc, elements, transcript=transcript, device=phone
        ),
        "verify it, no session": lambda: by_mdoc.verify(mdoc, NOW),
        "verify it, in its session": lambda: by_mdoc.verify(response, NOW, session=session),
    }


def repeated(work: Callable[[], object]) -> Callable[[], None]:
    """Return what does the same thing `ITEMS` times."""

    def all_of_them() -> None:
        for _ in range(ITEMS):
            work()

    return all_of_them


def run(rounds: int = 9) -> None:
    """Print what each operation costs, as a ratio to one bare verification."""
    print("wallet credentials:")
    found = contenders()
    base = next(iter(found))
    measured = interleave({name: timed(repeated(work)) for name, work in found.items()}, rounds)
    for name in found:
        cost, ratio = measured.each(name, ITEMS), measured.ratio(name, base)
        print(f"  {name:32} {cost:8.1f} µs {ratio:6.2f}")


if __name__ == "__main__":
    run()

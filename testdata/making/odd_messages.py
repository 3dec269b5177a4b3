"""Oddities of the COSE_Sign1 message: frame, headers, signature (RFC 9052; hcert-spec, 3)."""

from __future__ import annotations

from typing import Final

import cbor2

from coronapas import _signatures as signatures
from coronapas.hcert import _cose as cose
from making.identities import EDDSA, Identity, identity
from making.payloads import payload
from making.recipe import Recipe, Run, fails, forgiven, headers, message

_UNSEEN: Final = dict.fromkeys(
    ("VERIFY", "DECODE", "SCHEMAVALIDATION", "EXPIRATIONCHECK", "KEYUSAGE"), False
)
"""What the steps say of a message that is none."""
_CRITICAL_LABEL: Final = 99


def recipes() -> tuple[Recipe, ...]:
    """All of them."""
    return (*_frames(), *_headers(), *_signatures())


def _frames() -> tuple[Recipe, ...]:
    both = ("cose.cwt-tag", "cose.untagged")
    return (
        Recipe(
            "untagged",
            "The COSE_Sign1 array lacks its tag 18.",
            forgiven("cose.untagged"),
            message=message(tags=()),
        ),
        Recipe(
            "cwt-tag-around",
            "A CWT tag (61) stands around the COSE_Sign1 tag.",
            forgiven("cose.cwt-tag"),
            message=message(tags=(18, 61)),
        ),
        Recipe(
            "cwt-tag-alone",
            "A CWT tag (61) stands around an array without the COSE_Sign1 tag.",
            (Run(deviations=both), Run(both[:1], both, tolerate="strict")),
            message=message(tags=(61,)),
        ),
        Recipe(
            "tag-of-another-message",
            "The message says to be a COSE_Mac0 (tag 17).",
            fails("cose.unexpected-tag"),
            expected=_UNSEEN,
            message=message(tags=(17,)),
        ),
        Recipe(
            "detached-payload",
            "The payload is nil: it would have to come from elsewhere.",
            fails("cose.structure"),
            expected=_UNSEEN,
            message=_detached,
        ),
    )


def _headers() -> tuple[Recipe, ...]:
    def kid(by: Identity) -> dict[int, object]:
        return {cose.HEADER_KID: by.certificate.kid}

    def algorithm(by: Identity) -> dict[int, object]:
        return {cose.HEADER_ALG: by.algorithm}

    short = b"\x07\x08\x09"
    return (
        Recipe(
            "kid-in-unprotected-header",
            "The kid is in the unprotected header alone.",
            forgiven("cose.kid-unprotected"),
            message=message(protected=algorithm, unprotected=kid),
        ),
        Recipe(
            "algorithm-in-unprotected-header",
            "The algorithm is in the unprotected header alone.",
            forgiven("cose.alg-unprotected"),
            message=message(protected=kid, unprotected=algorithm),
        ),
        Recipe(
            "all-headers-unprotected",
            "The protected header is empty, the unprotected one states kid and algorithm.",
            forgiven("cose.kid-unprotected", "cose.alg-unprotected"),
            message=message(protected=lambda _: {}, unprotected=headers),
        ),
        Recipe(
            "another-kid-in-unprotected-header",
            "The unprotected header states another kid than the protected one, which counts.",
            forgiven("cose.kid-ambiguous"),
            message=message(
                unprotected=lambda _: {cose.HEADER_KID: identity("dsc-other").certificate.kid}
            ),
        ),
        Recipe(
            "another-algorithm-in-unprotected-header",
            "The unprotected header states another algorithm than the protected one, which counts.",
            forgiven("cose.alg-ambiguous"),
            message=message(unprotected=lambda _: {cose.HEADER_ALG: cose.PS256}),
        ),
        Recipe(
            "kid-of-three-bytes",
            "The kid has three bytes, and the trust list knows the certificate by it.",
            (
                Run(("cose.kid-length",), ("cose.kid-length",), kid=short.hex()),
                Run(
                    deviations=("cose.kid-length",),
                    tolerate=("field", "cose.kid-length"),
                    kid=short.hex(),
                ),
            ),
            expected={"VERIFY": False},
            message=message(protected=lambda by: {**algorithm(by), cose.HEADER_KID: short}),
        ),
        Recipe(
            "no-kid",
            "No header states a kid.",
            fails("identifier.missing"),
            expected={"VERIFY": False},
            message=message(protected=algorithm),
        ),
        Recipe(
            "critical-header",
            "A critical header asks for the understanding of a label that nobody knows.",
            fails("cose.critical-header"),
            expected=_UNSEEN,
            message=message(
                protected=lambda by: {
                    **headers(by),
                    cose.HEADER_CRIT: [_CRITICAL_LABEL],
                    _CRITICAL_LABEL: True,
                }
            ),
        ),
    )


def _signatures() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "signed-with-eddsa",
            "Signed with EdDSA and an Ed25519 key: a good signature, and an algorithm that passes "
            "may not use.",
            fails("cose.algorithm"),
            expected={"VERIFY": False},
            by="dsc-ed25519",
            message=message(protected=lambda by: {**headers(by), cose.HEADER_ALG: EDDSA}),
        ),
        Recipe(
            "no-algorithm",
            "No header states an algorithm.",
            fails("cose.algorithm"),
            expected={"VERIFY": False},
            message=message(protected=lambda by: {cose.HEADER_KID: by.certificate.kid}),
        ),
        Recipe(
            "p384-key-with-es256",
            "ES256 by a P-384 key: SHA-256 and 96 bytes of signature.",
            forgiven("certificate.key-kind"),
            by="dsc-p-384",
        ),
        Recipe(
            "rsa-key-of-4096-bits",
            "PS256 by an RSA key of 4096 bits.",
            forgiven("certificate.key-kind"),
            by="dsc-rsa-4096",
        ),
        Recipe(
            "key-on-secp256k1",
            "ES256 by a key on secp256k1, a curve of 256 bits that passes do not use.",
            fails("signature.algorithm"),
            expected={"VERIFY": False},
            by="dsc-secp256k1",
        ),
        Recipe(
            "signature-padded-with-zeros",
            "r and s have 33 bytes each, with a zero in front.",
            fails("signature.length"),
            expected={"VERIFY": False},
            message=message(sign=lambda by, data: _padded(by.sign(data))),
        ),
        Recipe(
            "signature-of-zeros",
            "r and s are zero, which a careless verifier takes for a signature of everything.",
            fails("signature.invalid"),
            expected={"VERIFY": False},
            message=message(sign=lambda _, __: bytes(64)),
        ),
        Recipe(
            "signature-in-der",
            "The ECDSA signature is in DER instead of r and s.",
            fails("signature.length"),
            expected={"VERIFY": False},
            message=message(sign=lambda by, data: _in_der(by.sign(data))),
        ),
        Recipe(
            "content-changed-after-signing",
            "The holder's birth date was changed after the signing.",
            fails("signature.invalid"),
            payload(dob="1949-04-14"),
            {"VERIFY": False},
            message=message(
                sign=lambda by, data: by.sign(data.replace(b"1949-04-14", b"1979-04-14"))
            ),
        ),
    )


def _detached(by: Identity, data: bytes) -> bytes:
    protected = cbor2.dumps(headers(by))
    signature = by.sign(cose.signed_bytes(protected, data))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, None, signature]))


def _padded(signature: bytes) -> bytes:
    half = len(signature) // 2
    return b"\0" + signature[:half] + b"\0" + signature[half:]


def _in_der(signature: bytes) -> bytes:
    return signatures.to_der(signature)

"""Oddities of the certificate: encodings that strict parsers refuse, usages, validities.

hcert-spec, chapter 4; RFC 5280. Such certificates are on real trust lists.
"""

from __future__ import annotations

from typing import Final

from making.payloads import payload
from making.recipe import Recipe, fails, forgiven, refused

_NOT_ALLOWED: Final = {"KEYUSAGE": False}
_NOT_TIMELY: Final = {"EXPIRATIONCHECK": False}


def recipes() -> tuple[Recipe, ...]:
    """All of them."""
    return (*_encodings(), *_usages(), *_validities())


def _encodings() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "certificate-with-an-explicit-default",
            "The certificate's BasicConstraints write cA FALSE out, and its usage is vaccination.",
            forgiven("certificate.encoding"),
            by="dsc-explicit-default",
        ),
        Recipe(
            "certificate-with-an-explicit-default-and-another-usage",
            "The certificate's BasicConstraints write cA FALSE out, and its usage is vaccination "
            "where the pass is a test.",
            fails("usage.not-allowed", deviations=("certificate.encoding",)),
            payload("NAAT"),
            _NOT_ALLOWED,
            by="dsc-explicit-default",
        ),
        Recipe(
            "certificate-with-an-empty-extension-list",
            "The certificate's list of extensions is there and empty: it may sign everything.",
            by="dsc-empty-extension-list",
        ),
        Recipe(
            "certificate-with-an-empty-list-of-purposes",
            "The certificate's extended key usage lists nothing: it may sign everything.",
            forgiven("certificate.encoding"),
            dcc=payload("recovery"),
            by="dsc-no-purposes",
        ),
        Recipe(
            "certificate-with-a-repeated-extension",
            "The certificate states its extended key usage twice, tests and recoveries: both "
            "count.",
            forgiven("certificate.encoding"),
            dcc=payload("recovery"),
            by="dsc-repeated-extension",
        ),
        Recipe(
            "certificate-with-null-parameters",
            "The certificate's signature algorithm has NULL parameters, which ECDSA has not.",
            forgiven("certificate.encoding"),
            by="dsc-null-parameters",
        ),
        Recipe(
            "certificate-with-an-unreadable-key",
            "The certificate's key is on a curve that nobody knows.",
            fails("identifier.unreadable"),
            expected={"VERIFY": False},
            by="dsc-unreadable-key",
        ),
    )


def _usages() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "usage-in-the-old-arc",
            "The certificate's usage, vaccination, is of the old arc.",
            by="dsc-old-arc",
        ),
        Recipe(
            "another-usage-in-the-old-arc",
            "The certificate's usage, vaccination, is of the old arc, and the pass is a recovery.",
            fails("usage.not-allowed"),
            payload("recovery"),
            _NOT_ALLOWED,
            by="dsc-old-arc",
        ),
        Recipe(
            "usages-in-both-arcs",
            "The certificate's usages are test in the new arc and vaccination in the old one.",
            by="dsc-both-arcs",
        ),
        Recipe(
            "neither-usage-of-both-arcs",
            "The certificate's usages are test in the new arc and vaccination in the old one, and "
            "the pass is a recovery.",
            fails("usage.not-allowed"),
            payload("recovery"),
            _NOT_ALLOWED,
            by="dsc-both-arcs",
        ),
        Recipe(
            "all-usages",
            "The certificate states all three usages.",
            dcc=payload("recovery"),
            by="dsc-all-kinds",
        ),
        Recipe(
            "another-purpose-alone",
            "The certificate's only purpose is TLS clients, which restricts no pass.",
            by="dsc-client-auth",
        ),
        Recipe(
            "another-purpose-and-a-usage",
            "The certificate's purposes are TLS clients and tests, and the pass is a vaccination.",
            fails("usage.not-allowed"),
            expected=_NOT_ALLOWED,
            by="dsc-client-auth-and-test",
        ),
        Recipe(
            "signed-by-an-authority",
            "The certificate is a CA's by its basic constraints.",
            refused("certificate.authority"),
            by="dsc-authority",
        ),
        Recipe(
            "key-for-key-agreement-alone",
            "The certificate's key usage is key agreement, without digital signatures.",
            fails("usage.no-signature"),
            by="dsc-key-agreement",
        ),
    )


def _validities() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "pass-outlives-its-certificate",
            "The certificate ends three months before the pass, and has not ended yet.",
            forgiven("certificate.outlived"),
            expected=_NOT_TIMELY,
            by="dsc-ends-early",
        ),
        Recipe(
            "certificate-over",
            "The certificate has ended before the check.",
            fails("validity.over", deviations=("certificate.outlived",)),
            expected=_NOT_TIMELY,
            by="dsc-over",
        ),
        Recipe(
            "issued-before-the-certificate",
            "The pass was issued before its certificate began.",
            fails("validity.not-when-issued"),
            expected=_NOT_TIMELY,
            by="dsc-begins-late",
        ),
    )

"""Pins: the keys and authorities that a caller trusts to sign lists.

Nothing that travels with a list is trusted for itself. A signature counts where its key is a pinned
key, or is in a certificate that a pinned authority issued.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from coronapas.errors import KeyMaterialError
from coronapas.trust import _jwk as jwk
from coronapas.trust import _material as material
from coronapas.trust._certificate import Certificate, bare_key
from coronapas.trust._chain import fault_between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----"
_MAX_CHAIN = 5


@dataclass(frozen=True, slots=True)
class Pin:
    """One trusted key or authority.

    `certificate` may be the signer's own, its authority's, or a bare key. With `common_name` only a
    signer whose subject has that CN is taken: an authority that also certifies others needs it.
    """

    certificate: Certificate
    common_name: str | None = None


OnePin: TypeAlias = Pin | Certificate | str | bytes
Pins: TypeAlias = OnePin | Iterable[OnePin]
"""One or several of: `Pin`, `Certificate`, or what `key_or_certificate` reads. An empty collection
means that the list is read without its signature being verified, and says so."""


def pinned(pins: Pins) -> tuple[Pin, ...]:
    """Every pin; raises KeyMaterialError for what is none."""
    if isinstance(pins, Pin | Certificate | str | bytes):
        return (_pin(pins),)
    return tuple(map(_pin, pins))


def _pin(source: OnePin) -> Pin:
    if not isinstance(source, Pin):
        source = Pin(source if isinstance(source, Certificate) else key_or_certificate(source))
    _ = source.certificate.public_key  # a pin that cannot be used is the caller's mistake
    return source


def key_or_certificate(
    source: str | bytes, *, kid: bytes | None = None, country: str | None = None
) -> Certificate:
    """A certificate or a bare public key: DER, PEM, base64 of DER, a JWK, or a DID document.

    A DID document has to hold exactly one key; nothing of it is verified, because it is the pin.

    A bare key's kid, where none is given, is that of its SubjectPublicKeyInfo's SHA-256. Raises
    KeyMaterialError for anything else.
    """
    data = source.encode("utf-8") if isinstance(source, str) else bytes(source)
    if data.lstrip()[:1] == b"{":
        return _from_jwk(data)
    if _PUBLIC_KEY.encode() in data:
        body = data.partition(_PUBLIC_KEY.encode())[2].partition(b"-----END")[0]
        data = material.from_base64(body)
    der = material.to_der(data)
    try:
        return Certificate(der, kid=kid, country=country)
    except KeyMaterialError as refusal:
        try:
            key = bare_key(der, kid=kid, country=country)
        except KeyMaterialError:
            raise refusal from None
        return key


def _from_jwk(data: bytes) -> Certificate:
    try:
        item = json.loads(data)
    except (ValueError, RecursionError):
        raise KeyMaterialError("the pin begins like JSON and is none") from None
    methods = item.get("verificationMethod")
    if isinstance(methods, list):
        if len(methods) != 1 or not isinstance(methods[0], dict):
            raise KeyMaterialError("the DID document does not hold exactly one key")
        item = {**_object(methods[0].get("publicKeyJwk")), "kid": None}
    return jwk.read(item)


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def trusted_signer(
    chain: Sequence[Certificate], pins: Sequence[Pin], at: datetime | None
) -> str | None:
    """Why the signer ``chain[0]`` is not trusted, as a sentence; None where it is.

    `chain` holds the signer's certificate and those that were sent with it, each the issuer of the
    one before. The walk ends at a pin: the same key, or the authority that issued the certificate
    at hand. With `at`, every certificate on the way has to be valid then, the pin's too.
    """
    reason = "the signer is not the pinned one, nor certified by it"
    for pin in pins:
        found = _reaches(chain[:_MAX_CHAIN], pin, at)
        if found is None:
            return None
        reason = found or reason
    return reason


def _reaches(chain: Sequence[Certificate], pin: Pin, at: datetime | None) -> str | None:
    """None where the chain leads to the pin; else why not, or an empty text if it never meets."""
    for place, certificate in enumerate(chain):
        met = certificate.spki == pin.certificate.spki
        if met or fault_between(certificate, pin.certificate) is None:
            return _objection(chain[: place + 1], pin, at)
        following = chain[place + 1 : place + 2]
        if not following or fault_between(certificate, following[0]) is not None:
            break
    return ""


def _objection(way: Sequence[Certificate], pin: Pin, at: datetime | None) -> str | None:
    if pin.common_name is not None and way[0].common_name != pin.common_name:
        return "the signer's certificate has another name than the pinned one"
    if at is not None and not all(each.valid_at(at) for each in (*way, pin.certificate)):
        return "a certificate of the signer is not valid at that time"
    return None

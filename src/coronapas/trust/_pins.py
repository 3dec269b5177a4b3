"""Pins: the keys and authorities that a caller trusts to sign lists.

Nothing that travels with a list is trusted for its own sake. A signature counts if its key is a
pinned key, or is in a certificate that a pinned authority issued.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _jwk as jwk
from coronapas.trust import _material as material
from coronapas.trust._certificate import Certificate
from coronapas.trust._chain import fault_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----"
_MAX_CHAIN = 5


@dataclass(frozen=True, slots=True)
class Pin:
    """One trusted key or authority.

    `certificate` is the signer's own, its authority's, or a bare key. With `common_name`, only a
    signer whose subject has that CN is accepted: an authority that also certifies others needs it.
    With `environment` (``production``, ``uat``, ``development``), the key signs lists of WHO's
    network for that environment alone; the DID documents of the network's keys state it.
    """

    certificate: Certificate
    common_name: str | None = None
    environment: str | None = None


OnePin: TypeAlias = Pin | Certificate | str | bytes
Pins: TypeAlias = OnePin | Iterable[OnePin]
"""One or several of: `Pin`, `Certificate`, or a key or certificate in DER, PEM, base64, a JWK or a
DID document. With an empty collection a list is read without its signature being verified."""


def pinned(pins: Pins) -> tuple[Pin, ...]:
    """Return every pin; raise KeyMaterialError for anything that cannot be one."""
    if isinstance(pins, Pin | Certificate | str | bytes):
        return (_pin(pins),)
    return tuple(map(_pin, pins))


def _pin(source: OnePin) -> Pin:
    if isinstance(source, Certificate):
        source = Pin(source)
    elif not isinstance(source, Pin):
        data = source.encode("utf-8") if isinstance(source, str) else bytes(source)
        source = Pin(key_or_certificate(data), environment=_environment(data))
    _ = source.certificate.public_key  # a pin that cannot be used is the caller's mistake
    return source


def key_or_certificate(
    source: str | bytes, *, kid: bytes | None = None, country: str | None = None
) -> Certificate:
    """Return the certificate or bare public key in DER, PEM, base64, a JWK or a DID document.

    A DID document must hold exactly one key; none of it is verified, because it is itself the pin.
    The kid of a bare key defaults to the first 8 bytes of the SHA-256 of its SubjectPublicKeyInfo.
    Raises KeyMaterialError.
    """
    data = source.encode("utf-8") if isinstance(source, str) else bytes(source)
    if data.lstrip()[:1] == b"{":
        return _from_jwk(data)
    if _PUBLIC_KEY.encode() in data:
        body = data.partition(_PUBLIC_KEY.encode())[2].partition(b"-----END")[0]
        data = base64.decode(body, "the public key")
    der = material.to_der(data)
    try:
        return Certificate(der, kid=kid, country=country)
    except KeyMaterialError as refusal:
        try:
            key = Certificate.from_public_key(der, kid=kid, country=country)
            _ = key.public_key  # bytes that are neither are refused as a certificate
        except KeyMaterialError:
            raise refusal from None
        return key


def _from_jwk(data: bytes) -> Certificate:
    item = _json(data)
    methods = item.get("verificationMethod")
    if isinstance(methods, list):
        if len(methods) != 1 or not isinstance(methods[0], dict):
            raise KeyMaterialError("the DID document must hold exactly one key")
        item = {**_object(methods[0].get("publicKeyJwk")), "kid": None}
    return jwk.read(item)


def _json(data: bytes) -> dict[str, object]:
    try:
        item: dict[str, object] = json.loads(data)
    except (ValueError, RecursionError):
        raise KeyMaterialError("the pin begins like JSON and cannot be read as JSON") from None
    return item


def _environment(data: bytes) -> str | None:
    """Return the environment that the identifier of a DID document names, or None."""
    if data.lstrip()[:1] != b"{":
        return None
    identifier = _json(data).get("id")
    found = _REPOSITORY.search(identifier) if isinstance(identifier, str) else None
    return None if found is None else _OF_REPOSITORY[found[1]]


# Where WHO publishes the keys that sign the lists of each environment.
_REPOSITORY = re.compile(r":tng-participants-(prod|uat|dev):")
_OF_REPOSITORY = {"prod": "production", "uat": "uat", "dev": "development"}


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def trusted_signer(
    chain: Sequence[Certificate], pins: Sequence[Pin], at: datetime | None
) -> str | None:
    """Return why the signer ``chain[0]`` is not trusted, as a sentence; None if it is trusted.

    `chain` holds the signer's certificate and those that were sent with it, each followed by its
    issuer. The walk ends at a pin: the same key, or the authority that issued the current
    certificate. With `at`, every certificate on the way must be valid then, the pin's too.
    """
    reason = "the signer is neither pinned nor certified by a pinned authority"
    for pin in pins:
        objection = _reaches(chain[:_MAX_CHAIN], pin, at)
        if objection is None:
            return None
        reason = objection or reason
    return reason


def judge_pins(
    pins: Sequence[Pin], holds: Callable[[Certificate], bool], at: datetime | None, form: str
) -> None:
    """Require that a signature holds under a pin's own key, and that the pin is valid at `at`.

    `holds` judges the signature under the key of one certificate. Raises TrustListError of the
    format `form`: ``trust.signature``, or ``trust.signer`` for a pin that is not valid then.
    """
    signer = next((pin.certificate for pin in pins if holds(pin.certificate)), None)
    if signer is None:
        raise TrustListError(form, "signature", "the signature holds under none of the pinned keys")
    if at is not None and not signer.valid_at(at):
        raise TrustListError(form, "signer", "the pinned certificate is not valid at that time")


def _reaches(chain: Sequence[Certificate], pin: Pin, at: datetime | None) -> str | None:
    """Return None if the chain leads to the pin, else why not; an empty text if they never meet."""
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

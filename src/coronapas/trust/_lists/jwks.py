"""JSON Web Key Sets, with certificates (x5c) or without (RFC 7517, chapter 5): reader and writer.

``{keys: [JWK]}``, unsigned. The certificate of a key counts if it has one; else its numbers and its
kid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _jose as jose
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "jwks"


def read(
    data: bytes,
    *,
    pins: Pins = (),
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the keys of a set; raise TrustListError if the whole cannot be read."""
    builder = ListBuilder(NAME, about)
    content = documents.whole(builder.json(data), dict, NAME, "the object")
    entries = documents.whole(content.get("keys"), list, NAME, "'keys'")

    def key(entry: Any) -> None:
        found = jose.read_jwk(entry)
        if found.der is not None:
            builder.match_kid(found, found.kid)
        elif entry.get("kid") is None:
            raise KeyMaterialError(
                "the key must have a kid or a certificate, else no pass can name it"
            )
        builder.keep(found)

    builder.each(entries, key)
    return builder.list("none")


def write_jwks(certificates: Iterable[Certificate]) -> bytes:
    """Return the set of these keys; raise KeyMaterialError unless all are EC or RSA keys."""
    return documents.dump({"keys": [jose.write_jwk(certificate) for certificate in certificates]})


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_member("keys")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="no", write=write_jwks)

"""The Swiss revocation list: a signed token (JWS) that lists UVCIs as they are.

The payload is JSON: ``{revokedCerts: [UVCI], validDuration}``, the latter in milliseconds since the
list was fetched. The chain in the token's header leads to the Swiss root, which the caller pins.

The UVCIs become ``UCI`` hashes at once and are kept nowhere else. By default the list has its say
on Swiss passes only, and on those of the Principality of Liechtenstein, which the Swiss system
issued (from memory, not checked [K]); a pass that is on it is revoked wherever it was issued.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import RevocationListError, TrustListError
from coronapas.revocation._documents import Document
from coronapas.revocation._hashes import HashType, uci_hash
from coronapas.revocation._list import Batch, ListFormat, RevocationList, naming
from coronapas.trust import _jose as jose
from coronapas.trust._anchors import open_jws

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.revocation._list import Found, Part
    from coronapas.trust._certificate import Certificate

NAME: Final = "switzerland"
COUNTRIES: Final = frozenset({"CH", "LI"})


def read(
    token: bytes,
    trusted: Collection[Certificate],
    *,
    as_of: datetime,
    complete: bool = True,
    countries: Collection[str] | None = COUNTRIES,
    source: str = "CH",
) -> RevocationList:
    """Return the list in a token that one of `trusted` signed, or a certificate below one.

    `as_of` is when the token was fetched: its validity counts from there. `complete` is False for a
    token that holds only what was revoked since an earlier one. Raises RevocationListError.
    """
    document = Document.parse(_payload(token, trusted, as_of), form=NAME, what="the list")
    packed = bytearray()
    for item in document.items("revokedCerts"):
        if not isinstance(item, str):
            raise RevocationListError(NAME, "malformed", "an entry must be a string")
        packed += uci_hash(item)
    try:
        valid_until = as_of + timedelta(milliseconds=document.number("validDuration"))
    except OverflowError:
        document.fail("`validDuration` is beyond the calendar")
    return RevocationList(
        source=source,
        as_of=as_of,
        valid_until=valid_until,
        batches=(Batch(f"{as_of:%Y-%m-%dT%H:%M:%S%z}", HashType.UCI, bytes(packed)),),
        complete=complete,
        countries=None if countries is None else frozenset(countries),
        form=NAME,
        signature="verified",
    )


# A JWS in its compact form (RFC 7515, section 7.1).
_TOKEN: Final = re.compile(rb"\s*[\w-]+\.[\w-]+\.[\w-]+\s*")


def _recognise(data: bytes, content: Any) -> bool:
    return content is None and _TOKEN.fullmatch(data) is not None


def _read_parts(parts: Sequence[Part], pins: Sequence[Certificate]) -> Iterator[Found]:
    """Yield the one list: of several tokens, each would take the place of the one before."""
    if len(parts) > 1:
        problem = f"{parts[1].name}: there is more than one list"
        raise RevocationListError(NAME, "inconsistent", problem)
    (part,) = parts
    with naming(part.name):
        yield read(part.data, pins, as_of=part.fetched), parts


def _payload(token: bytes, trusted: Collection[Certificate], at: datetime) -> bytes:
    if not trusted:
        raise RevocationListError(NAME, "signer", "no key is trusted to sign the list")
    try:
        return open_jws(token, tuple(trusted), at, NAME).payload
    except TrustListError as error:
        raise RevocationListError(NAME, error.code.partition(".")[2], error.message) from error


def write(
    uvcis: Iterable[str],
    *,
    valid_for: timedelta,
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    chain: Collection[Certificate],
) -> bytes:
    """Return a token that lists `uvcis`; `chain` has the key's own certificate first."""
    content = {
        "revokedCerts": list(uvcis),
        "validDuration": valid_for // timedelta(milliseconds=1),
    }
    return jose.sign(json.dumps(content).encode(), key, tuple(chain), rsa_algorithm="RS256")


FORMAT: Final = ListFormat(NAME, True, _recognise, _read_parts, write)

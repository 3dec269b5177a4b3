"""CWT claims (RFC 8392, hcert-spec, section 3.2): who states it, since when, until when, and what.

Claim 1 ``iss`` is the issuing country, 4 ``exp`` and 6 ``iat`` are seconds since
1970-01-01T00:00:00Z, and -260 ``hcert`` maps 1 to the DCC. Claim 1 may be missing. Times are
integers; floating-point ones occur and are read down to the second (down for ``exp`` shortens, down
for ``iat`` is what a clock would show), and the caller is told. A time that is no finite number is
no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.tolerances import COUNTRIES, Deviation, _step

ISSUER: Final = 1
EXPIRES: Final = 4
ISSUED_AT: Final = 6
HCERT: Final = -260
DCC: Final = 1

# Tag 0 is this one byte; only claims whose bytes hold it can hold a tagged date-time.
_TAG_0: Final = 0xC0

_IN_DCC: Final = (str(HCERT), str(DCC))

_KNOWN: Final = frozenset((ISSUER, EXPIRES, ISSUED_AT, HCERT))


class Claims(NamedTuple):
    """The claims of a pass as they were read.

    `issued_at` and `expires` are None where the claim is absent or no finite number. `tree` is the
    decoded map itself, shared and not to be changed.
    """

    issuer: str | None
    """Claim 1, ``iss``; None where it is absent or no text."""
    issued_at: int | None
    expires: int | None
    hcert: Mapping[Any, Any] | None
    """Claim -260; None where it is absent or no map."""
    tree: Mapping[Any, Any]
    deviations: tuple[Deviation, ...] = ()
    """What departed from the specifications and was read all the same, in the order met."""

    def __repr__(self) -> str:
        # What is no country's code may be anything, the holder's name too.
        issuer = self.issuer if self.issuer in COUNTRIES else None
        return f"<Claims issuer={issuer!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        return cbor.rebuild, (type(self), cbor.pack(tuple(self)))


def dump(*, issuer: str, issued_at: int, expires: int, hcert: Mapping[int, object]) -> bytes:
    """The CBOR of the claims."""
    return cbor.dump({ISSUER: issuer, EXPIRES: expires, ISSUED_AT: issued_at, HCERT: hcert})


def read(data: bytes) -> Claims:
    """The claims that `data` holds.

    Raises DecodeError, of the layer ``cbor`` where `data` is no CBOR and with the code
    ``cwt.structure`` where it is no map.
    """
    tree, indefinite = cbor.load(data)
    if type(tree) is not dict:
        raise DecodeError("cwt", "structure", "the claims are no map")
    hcert = tree.get(HCERT)
    for labels in (tree, hcert if type(hcert) is dict else ()):
        # `true` and `1.0` would pass for 1.
        if any(type(label) is bool or type(label) is float for label in labels):
            raise DecodeError("cwt", "label", "a claim's label must be an integer or a text")
    deviations: list[Deviation] = []
    if indefinite:
        deviations.append(
            Deviation("cbor.indefinite-length", "", "the claims use indefinite lengths")
        )
    if _TAG_0 in data:
        _tagged(tree, (), deviations)
    issuer = tree.get(ISSUER)
    if ISSUER in tree and not (type(issuer) is str and issuer in COUNTRIES):
        deviations.append(Deviation("cwt.issuer", "iss", "the issuer is no two capitals"))
    issued_at, expires = tree.get(ISSUED_AT), tree.get(EXPIRES)
    if type(issued_at) is not int:
        issued_at = _seconds(issued_at, "iat", deviations)
    if type(expires) is not int:
        expires = _seconds(expires, "exp", deviations)
    if issued_at is None:
        deviations.append(Deviation("cwt.missing-iat", "iat", "no usable time of issue is stated"))
    if not tree.keys() <= _KNOWN:
        deviations.extend(
            Deviation("cwt.extra-claim", _step(key), "the claim is not one of a pass's")
            for key in tree
            if key not in _KNOWN
        )
    if type(hcert) is dict and DCC in hcert and len(hcert) > 1:
        deviations.extend(
            Deviation("cwt.extra-claim", f"{HCERT}.{_step(key)}", "beside the DCC stands more")
            for key in hcert
            if key != DCC
        )
    return Claims(
        issuer if type(issuer) is str else None,
        issued_at,
        expires,
        hcert if type(hcert) is dict else None,
        tree,
        tuple(dict.fromkeys(deviations)),
    )


def holds_tagged(tree: Mapping[Any, Any]) -> bool:
    """Whether a date-time under tag 0 is anywhere inside the claims."""
    deviations: list[Deviation] = []
    _tagged(tree, (), deviations)
    return bool(deviations)


def _seconds(value: object, name: str, deviations: list[Deviation]) -> int | None:
    if type(value) is not float:
        return None
    deviations.append(Deviation("cwt.float-time", name, "the time is a floating-point number"))
    return math.floor(value) if math.isfinite(value) else None


def _tagged(item: object, path: tuple[str, ...], deviations: list[Deviation]) -> None:
    """Report every date-time under tag 0; places in the DCC are named as they are elsewhere."""
    if isinstance(item, cbor.TaggedText):
        place = path[2:] if path[:2] == _IN_DCC else path
        deviations.append(
            Deviation(
                "cbor.tagged-date-time", ".".join(place), "the date-time stands under CBOR tag 0"
            )
        )
    elif isinstance(item, Mapping):
        for key, value in item.items():
            _tagged(value, (*path, _step(key)), deviations)
    elif isinstance(item, (list, tuple)):
        for index, value in enumerate(item):
            _tagged(value, (*path, str(index)), deviations)

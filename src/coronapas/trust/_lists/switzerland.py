"""The Swiss lists: keys in one JWS, the identifiers of the active ones in another.

``{certs: [{keyId, alg, use, crv, x, y, n, e}]}`` with numbers in standard base64; `use` is ``sig``
for all kinds of event, or letters of ``tvr``. ``{activeKeyIds, validDuration}``: only these keys
count, for so many milliseconds. "RS256" merely says that a key is RSA.

Keys that are not active are dropped with that reason. Without the list of active keys, withdrawn
keys could not be recognised, so that such a reading is never ``verified``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _documents as documents
from coronapas.trust import _jose as jose
from coronapas.trust._anchors import open_jws
from coronapas.trust._certificate import Certificate, usages_of
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder, later

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList

NAME: Final = "switzerland"

_KINDS: Final = {"ES256": "EC", "RS256": "RSA", "PS256": "RSA"}
_EVERYTHING: Final = "sig"
_MAX_DURATION: Final = timedelta(days=3660)


class _Active(NamedTuple):
    kids: frozenset[bytes]
    claims: dict[str, Any]
    duration: timedelta | None
    state: SignatureState


def read(
    data: bytes,
    active: bytes | None,
    *,
    pins: Pins,
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the keys of `data` (and of further pages, `beside`) that the list `active` names.

    Signers must be pinned or certified by a pin. The list lasts for its `validDuration`, counted
    from its ``iat``, else from `fetched`; a stated ``exp`` ends it, too. Raises TrustListError.
    """
    builder = ListBuilder(NAME, about)
    chosen = None if active is None else _active(active, pins, builder)
    states: list[SignatureState] = []
    for page in (data, *beside):
        opened = open_jws(page, pins, builder.at, NAME)
        states.append(opened.signature)
        claims = documents.whole(builder.json(opened.payload), dict, NAME, "the object")
        entries = documents.whole(claims.get("certs"), list, NAME, "'certs'")
        builder.each(entries, lambda entry: _key(entry, chosen, builder))
    if chosen is None:
        note = "the list of active keys is missing: withdrawn keys cannot be recognised"
        builder.remark(None, "list.no-active-keys", note)
        return builder.list("not verified")
    verified = all(state == "verified" for state in (chosen.state, *states))
    issued, expires = _life(chosen, builder)
    return builder.list("verified" if verified else "not verified", issued, expires)


def _key(entry: Any, chosen: _Active | None, builder: ListBuilder) -> None:
    kid = documents.kid_part(entry, "keyId")
    if chosen is not None and kid not in chosen.kids:
        raise KeyMaterialError("the key is not among the active ones")
    algorithm = documents.part(entry, "alg", str)
    if algorithm not in _KINDS:
        raise KeyMaterialError(f"the algorithm must be one of {', '.join(_KINDS)}")
    use = documents.part(entry, "use", str)
    usages = None if use == _EVERYTHING else usages_of(use)
    spki = jose.spki({**entry, "kty": _KINDS[algorithm]})
    builder.keep(Certificate.from_public_key(spki, kid=kid, usages=usages))


def _active(data: bytes, pins: Pins, builder: ListBuilder) -> _Active:
    opened = open_jws(data, pins, builder.at, NAME)
    claims = documents.whole(builder.json(opened.payload), dict, NAME, "the object")
    stated = documents.whole(claims.get("activeKeyIds"), list, NAME, "'activeKeyIds'")
    try:
        found = frozenset(
            documents.decode_kid(documents.whole(k, str, NAME, "a key id")) for k in stated
        )
    except KeyMaterialError as error:
        raise builder.error("malformed", f"an active key's identifier: {error}") from error
    return _Active(found, claims, _duration(claims.get("validDuration"), builder), opened.signature)


def _duration(value: object, builder: ListBuilder) -> timedelta | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise builder.error(
            "malformed", "'validDuration' must be a number of milliseconds, not negative"
        )
    return min(timedelta(milliseconds=min(value, 1e15)), _MAX_DURATION)


def _life(chosen: _Active, builder: ListBuilder) -> tuple[datetime | None, datetime | None]:
    issued = documents.moment(chosen.claims.get("iat"), NAME, "'iat'")
    ends = [documents.moment(chosen.claims.get("exp"), NAME, "'exp'")]
    base = issued or builder.fetched
    if chosen.duration is not None and base is not None:
        ends.append(later(base, chosen.duration))
    return issued, min((end for end in ends if end is not None), default=None)


def _read_in_any_order(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read pages of keys and the list of active keys, whichever of them comes first."""
    pages: list[bytes] = []
    active: bytes | None = None
    for part in (data, *beside):
        claims = documents.load(jose.read_jws(part, NAME).payload, NAME)
        if isinstance(claims, dict) and "activeKeyIds" in claims:
            active = part
        else:
            pages.append(part)
    if not pages:
        raise TrustListError(NAME, "incomplete", "the list of the keys is missing")
    return read(pages[0], active, pins=pins, beside=pages[1:], **about)


def _recognise(content: Content) -> bool:
    return content.shape == "jws" and content.has_member("certs", "activeKeyIds")


FORMAT: Final = ListFormat(NAME, _recognise, _read_in_any_order, signed="whole")

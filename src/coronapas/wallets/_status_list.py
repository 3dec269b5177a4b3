"""Token Status List: the state of many credentials in one signed list.

Implements draft-ietf-oauth-status-list-20 (June 2026), a draft: names and numbers are its. A list
has 1, 2, 4 or 8 bits for each credential, the lowest bits of a byte first, compressed with zlib. It
is signed as a JWT (``statuslist+jwt``) or as a CWT (header 16 ``application/statuslist+cwt``).

Nothing is fetched: the caller hands the token over. 0 is valid, 1 revoked, 2 suspended.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import cbor2

from coronapas import _base64 as base64
from coronapas import _signatures as signatures
from coronapas._time import moment, seconds
from coronapas.errors import CredentialError, DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.verify._keyring import DEFAULT_POLICY
from coronapas.wallets import _jose as jose
from coronapas.wallets._issuers import Issuers, certificates_of, chain_of
from coronapas.wallets._result import SD_JWT, Findings

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.signing import Signer
    from coronapas.trust import Certificate, TrustStore
    from coronapas.verify import TrustPolicy

DRAFT: Final = "draft-ietf-oauth-status-list-20"
"""The version of the draft that is implemented."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest list, decompressed, in bytes, inclusive."""

_JWT_TYPE: Final = "statuslist+jwt"
_CWT_TYPE: Final = "application/statuslist+cwt"
_BITS: Final = (1, 2, 4, 8)
_SUB, _EXP, _IAT, _TTL, _LIST, _TYP, _X5CHAIN = 2, 4, 6, 65534, 65533, 16, 33


@dataclass(frozen=True, slots=True)
class StatusList:
    """A status list whose signature held.

    Attributes:
        uri: The address that credentials name it by.
        bits: The bits of each status: 1, 2, 4 or 8.
        data: The statuses, decompressed.
        issued_at: When it was issued, in seconds since 1970-01-01T00:00:00Z.
        expires: When it ends, in the same seconds (exclusive); None where it states no end.

    """

    uri: str
    bits: int
    data: bytes = field(repr=False)
    issued_at: float
    expires: float | None = None

    def __len__(self) -> int:
        return len(self.data) * 8 // self.bits

    def status_of(self, index: int) -> int | None:
        """Return the status at an index, from 0; None where the list has none."""
        if not 0 <= index < len(self):
            return None
        place, rest = divmod(index * self.bits, 8)
        return self.data[place] >> rest & ((1 << self.bits) - 1)

    def valid_at(self, now: float, skew: float = 0.0) -> bool:
        """Whether the list may be used at a moment, in seconds since 1970-01-01T00:00:00Z."""
        ended = self.expires is not None and now >= self.expires
        return not ended and self.issued_at <= now + skew


def read_status_list(
    token: str | bytes, trust: TrustStore, *, at: datetime, policy: TrustPolicy = DEFAULT_POLICY
) -> StatusList:
    """Return the list in a token, a JWT (text) or a CWT (bytes), after its signature held.

    Args:
        token: What was fetched from the list's address.
        trust: Whom to believe: keys, certificates, or the authorities of the signer's chain.
        at: The moment at which the signer's certificate must be valid.
        policy: Which listed keys count.

    Raises:
        CredentialError: The token is malformed, is not a status list, or is not signed by a key
            that `trust` vouches for (``status.signer``).

    """
    now = seconds(at)
    if isinstance(token, bytes) and token[:3] == b"eyJ":
        token = token.decode("ascii", "replace")
    if isinstance(token, str):
        return _from_jwt(token.strip(), trust, policy, now)
    return _from_cwt(token, trust, policy, now)


def _believed(
    chain: Sequence[Certificate],
    kid: bytes | None,
    algorithm: object,
    signature: bytes,
    signed: bytes,
    trust: TrustStore,
    policy: TrustPolicy,
    now: float,
) -> None:
    found = Findings(frozenset())
    issuers = Issuers(trust, 0.0, "now", SD_JWT, policy)
    certificate = issuers.signer(
        chain,
        kid,
        lambda key: signatures.holds(key, algorithm, signature, signed),
        None,
        now,
        found,
    )
    if (
        certificate is None
        or not certificate.valid_at(moment(now))
        or not certificate.may_sign_data
        or certificate.is_authority
    ):
        raise CredentialError("status.signer", "the status list is not signed by a trusted key")


def _from_jwt(text: str, trust: TrustStore, policy: TrustPolicy, now: float) -> StatusList:
    jws = jose.read(text, "the status list")
    if jws.type != _JWT_TYPE:
        raise CredentialError("status.type", "the token is not a status list")
    chain = jose.certificates(jws.header)
    _believed(chain, None, jws.algorithm, jws.signature, jws.signed, trust, policy, now)
    claims = jose.load_object(jws.payload, "the status list")
    listed = claims.get("status_list")
    content = listed if isinstance(listed, dict) else {}
    packed = content.get("lst")
    if not isinstance(packed, str):
        raise CredentialError("status.malformed", "the status list is malformed")
    data = _unpack(jose.decode(packed, "the status list"))
    return _list(claims.get("sub"), content.get("bits"), data, claims.get("iat"), claims.get("exp"))


def _from_cwt(token: bytes, trust: TrustStore, policy: TrustPolicy, now: float) -> StatusList:
    if len(token) > MAX_BYTES:
        raise CredentialError("status.malformed", "the status list is too large")
    try:
        message = cose.read(token)
        claims, _ = cbor.load(message.payload)
    except DecodeError as error:
        raise CredentialError("status.malformed", str(error)) from None
    if message.headers.get(_TYP) != _CWT_TYPE:
        raise CredentialError("status.type", "the token is not a status list")
    algorithm = cose.ALGORITHMS.get(message.algorithm or 0)
    chain = certificates_of(message.headers.get(_X5CHAIN, message.unprotected.get(_X5CHAIN)))
    signed = message.signed_bytes
    _believed(chain, message.kid, algorithm, message.signature, signed, trust, policy, now)
    content = claims.get(_LIST) if isinstance(claims, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(content.get("lst"), bytes):
        raise CredentialError("status.malformed", "the status list is malformed")
    data = _unpack(content["lst"])
    return _list(claims.get(_SUB), content.get("bits"), data, claims.get(_IAT), claims.get(_EXP))


def _unpack(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error:
        raise CredentialError("status.malformed", "the list is not compressed") from None
    if len(found) > MAX_BYTES:
        raise CredentialError("status.malformed", "the list is too large")
    if not stream.eof or stream.unused_data:
        raise CredentialError("status.malformed", "the list is cut off, or bytes follow it")
    return found


def is_number(value: object) -> bool:
    """Whether a value is a NumericDate (RFC 7519): a number that is neither boolean nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _list(sub: Any, bits: Any, data: bytes, iat: Any, exp: Any) -> StatusList:
    if not isinstance(sub, str) or type(bits) is not int or bits not in _BITS:
        raise CredentialError("status.malformed", "the status list is malformed")
    if not is_number(iat) or not (exp is None or is_number(exp)):
        raise CredentialError("status.malformed", "the status list states no usable times")
    return StatusList(sub, bits, data, iat, exp)


def make_status_list(
    statuses: Sequence[int],
    uri: str,
    signer: Signer,
    *,
    issued_at: datetime,
    expires: datetime | None = None,
    bits: int = 1,
    form: Literal["jwt", "cwt"] = "jwt",
    chain: Sequence[Certificate] = (),
) -> str | bytes:
    """Return a signed list: a text for ``jwt``, bytes for ``cwt``.

    Args:
        statuses: The status of each index, each within `bits`.
        uri: The address that credentials name the list by.
        signer: The key; its certificate is stated.
        issued_at: The moment of issue.
        expires: The end (exclusive); by default none.
        bits: 1, 2, 4 or 8.
        form: The form of the token.
        chain: The certificates between the signer's and the trust anchor.

    Raises:
        ValueError: `bits` is another number, or a status does not fit.

    """
    if bits not in _BITS or not all(0 <= each < 1 << bits for each in statuses):
        raise ValueError("bits must be 1, 2, 4 or 8, and every status must fit")
    data = bytearray(-(-len(statuses) * bits // 8))
    for index, status in enumerate(statuses):
        place, rest = divmod(index * bits, 8)
        data[place] |= status << rest
    packed = zlib.compress(bytes(data), 9)
    begin, end = int(seconds(issued_at)), None if expires is None else int(seconds(expires))
    stated = chain_of(signer, chain)
    if form == "jwt":
        claims: dict[str, Any] = {"sub": uri, "iat": begin}
        if end is not None:
            claims["exp"] = end
        claims["status_list"] = {"bits": bits, "lst": base64.encode_url(packed)}
        header: dict[str, Any] = {"typ": _JWT_TYPE}
        if stated:
            header["x5c"] = jose.x5c(stated)
        return jose.sign(header, jose.dump(claims), signer)
    labels: dict[int, Any] = {_SUB: uri, _IAT: begin}
    if end is not None:
        labels[_EXP] = end
    labels[_LIST] = {"bits": bits, "lst": packed}
    payload = cbor.dump(labels)
    ders = [each.der for each in stated]
    protected_map: dict[int, Any] = {1: signer.algorithm, _TYP: _CWT_TYPE}
    if not ders:
        protected_map[4] = signer.kid
    protected = cbor.dump(protected_map)
    unprotected = {_X5CHAIN: ders[0] if len(ders) == 1 else ders} if ders else {}
    signature = signer.sign(cose.signed_bytes(protected, payload))
    return cbor.dump(cbor2.CBORTag(18, [protected, unprotected, payload, signature]))

"""The quick look at a good EU pass with nothing odd about it, as most are (decision 0008).

What this says of a pass `Verifier` says of it too, with an object for every layer and a record of
every fault on the way; here nothing is made that a caller may not ask for. Whatever is not as plain
as can be is left to the verifier. Without this module everything works, only slower.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.dcc import _chronology as chronology
from coronapas.dcc import _reader as reader
from coronapas.errors import DecodeError
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.hcert._compression import inflate
from coronapas.hcert._envelope import PREFIX
from coronapas.tolerances import COUNTRIES
from coronapas.verify._profiles.eu import EU
from coronapas.verify._result import ALL_PASSED, Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.dcc import Examiner
    from coronapas.facts import EventKind
    from coronapas.hcert import Limits
    from coronapas.trust import Certificate
    from coronapas.verify._keyring import KeyRing

# How the Sig_structure begins (RFC 9052, section 4.4), and its empty external data.
_SIGNATURE1: Final = b"\x84\x6aSignature1"
_EMPTY_BYTES: Final = b"\x40"
_CLAIMS: Final = 4
# A date-time under tag 0 is told by this one byte, which may also be one of a number.
_TAG_0: Final = 0xC0


class _Key(NamedTuple):
    """A key that alone has its kid and has nothing odd about it; times in seconds since 1970."""

    first: float
    last: float
    until: float
    algorithm: int | None
    signature_length: int
    usages: frozenset[EventKind]
    participants: frozenset[str]
    country: str | None
    holds: Callable[[bytes, bytes], bool]
    certificate: Certificate


class QuickLook:
    """Verifies plain EU passes for a verifier that asks no revocation data."""

    def __init__(
        self, ring: KeyRing, examiner: Examiner, granted: frozenset[str], limits: Limits
    ) -> None:
        self._ring = ring
        self._examiner = examiner
        self._granted = granted
        self._limits = limits
        self._keys: dict[bytes, _Key | None] = {}
        self._day = chronology.day_around(0)

    def __getstate__(self) -> dict[str, Any]:
        # Loaded keys do not travel to another process.
        return {**self.__dict__, "_keys": {}}

    def verify(self, text: object, now: float) -> Verification | None:
        """Return the result for a good, plain pass; None for any other text."""
        if (
            type(text) is not str
            or text[:4] != PREFIX
            or text[-1] <= " "  # a line's end; noticing it here spares a reading in vain
            or len(text) > self._limits.text
        ):
            return None
        try:
            data = inflate(base45.decode(text[4:]), limit=self._limits.inflated)
            message = _split(data)
            if message is None:
                return None
            kid, algorithm, signed, payload, signature = message
            claims = _plain_claims(payload)
        except DecodeError:
            return None
        keys = self._keys
        key = keys[kid] if kid in keys else self._key(kid)
        if claims is None or key is None:
            return None
        issuer, issued_at, expires, dcc = claims
        if not (
            key.first <= issued_at <= now <= expires <= key.last
            and now <= key.until
            and algorithm == key.algorithm
            and len(signature) == key.signature_length
            and (issuer == key.country or key.country is None)
            and type(dcc) is dict
            and (not key.participants or self._ring.policy.names(issuer, key.participants))
        ):
            return None
        deviations = self._examiner.examine(dcc)
        if deviations:
            for deviation in deviations:
                # A field that the schema does not name may be another profile's mark.
                if deviation.code not in self._granted or deviation.code == "content.unknown-field":
                    return None
        if (
            (key.usages and reader.kind_of(dcc) not in key.usages)
            or not chronology.is_past(dcc, now, self._latest_day(now))
            or not key.holds(signature, signed)
        ):
            return None
        return Verification(
            ALL_PASSED,
            now,
            envelope=(text, self._limits),
            certificate=key.certificate,
            deviations=deviations,
            profile=EU,
            payload=dcc,
            trust=self._ring.trust,
        )

    def _latest_day(self, now: float) -> str:
        begins, ends, latest = self._day
        if not begins <= now < ends:
            self._day = begins, ends, latest = chronology.day_around(now)
        return latest

    def _key(self, kid: bytes) -> _Key | None:
        found = self._ring.keys_of(kid)
        if not found:
            # A kid that the store does not hold is not remembered: strangers choose those.
            return None
        admitted = [(key, self._ring.admission(key, EU)) for key in found]
        admitted = [(key, said) for key, said in admitted if said.objection is None]
        if len(admitted) != 1:
            self._keys[kid] = None
            return None
        ((key, said),) = admitted
        first, last = key.not_before, key.not_after
        if key.deviations or not key.signs or first is None or last is None:
            self._keys[kid] = None
            return None
        plain = self._keys[kid] = _Key(
            first,
            last,
            said.until,
            key.algorithm,
            key.signature_length,
            key.usages,
            said.participants,
            key.certificate.country,
            key.holds,
            key.certificate,
        )
        return plain


def _split(data: bytes) -> tuple[bytes, int, bytes, bytes, bytes] | None:
    """Take apart a message that is as plain as most are; None for any other.

    Returns kid, algorithm, signed bytes, payload and signature. Plain is a message under tag 18
    whose protected header (of less than 24 bytes) states just the kid and the algorithm, whose
    unprotected header is empty, and whose other lengths take one or two bytes and no more than
    they need. This needs no CBOR decoder for the frame; `coronapas.hcert` says the same of the
    message, more slowly.
    """
    try:
        after = (data[2] & 0x3F) + 4
        beginning = _beginning(data[:after])
        if beginning is None:
            return None
        # Two strings, each with a length of one or two bytes and no more than it needs.
        head, size = data[after], data[after + 1]
        if head == 0x59 and size:
            start = after + 3
            end = start + (size << 8 | data[after + 2])
        elif head == 0x58 and size >= 0x18:
            start = after + 2
            end = start + size
        else:
            return None
        head, size = data[end], data[end + 1]
        if head == 0x58 and size >= 0x18:
            begin = end + 2
            last = begin + size
        elif head == 0x59 and size:
            begin = end + 3
            last = begin + (size << 8 | data[end + 2])
        else:
            return None
    except IndexError:
        return None
    if last != len(data):
        return None
    kid, algorithm, signed = beginning
    # The payload stands in the Sig_structure just as it stands in the message.
    return kid, algorithm, signed + data[after:end], data[start:end], data[begin:]


@lru_cache(maxsize=256)
def _beginning(beginning: bytes) -> tuple[bytes, int, bytes] | None:
    """Return what follows from how a message begins, if it does so as most do; else None.

    `beginning` is all before the payload: the tag, the array's head, the protected header with the
    kid and the algorithm, and an empty map. Returns kid, algorithm, and how the Sig_structure
    begins. An issuer's passes all begin alike, hence the cache; it holds nothing but what the bytes
    themselves say, and no more than 67 bytes of them.
    """
    string = beginning[2:-1]
    if beginning != b"\xd2\x84" + string + b"\xa0" or not 0x40 <= string[0] < 0x58:
        return None
    headers, indefinite = cbor.load(string[1:])
    if indefinite or type(headers) is not dict or sorted(map(repr, headers)) != ["1", "4"]:
        return None
    kid, algorithm = headers[cose.HEADER_KID], headers[cose.HEADER_ALG]
    if type(kid) is not bytes or len(kid) != cose.KID_LENGTH or type(algorithm) is not int:
        return None
    return kid, algorithm, _SIGNATURE1 + string + _EMPTY_BYTES


def _plain_claims(data: bytes) -> tuple[str, int, int, Any] | None:
    """Return ``iss``, ``iat``, ``exp`` and the DCC of claims as plain as most are; else None.

    Plain are the four claims in their proper types, nothing else and no tagged date-time: those of
    which the reader of claims reports no deviation.
    """
    tree, indefinite = cbor.load(data)
    if indefinite or type(tree) is not dict or len(tree) != _CLAIMS:
        return None
    try:
        hcert = tree[cwt.HCERT]
        issued_at, expires, issuer = tree[cwt.ISSUED_AT], tree[cwt.EXPIRES], tree[cwt.ISSUER]
        if not (
            type(issuer) is str
            and issuer in COUNTRIES
            and type(issued_at) is int
            and type(expires) is int
            and type(hcert) is dict
            and len(hcert) == 1
            and (_TAG_0 not in data or not cwt.holds_tagged(tree))
        ):
            return None
        # `true` and `1.0` equal 1, and are no labels.
        for label in tree:
            if type(label) is not int:
                return None
        for label in hcert:
            if type(label) is not int:
                return None
        return issuer, issued_at, expires, hcert[cwt.DCC]
    except KeyError:
        return None

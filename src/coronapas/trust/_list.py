"""A trust list, its source and participants, and the builder that all readers share.

A fault of the list's frame is a `TrustListError`, and nothing is read; a fault of one entry drops
that entry alone, with its reason and place. A list that is too old fails closed: keys that only
such lists vouch for are not trusted, and are still distinct from keys that no list knows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import (
    dataclass,
    field,
    fields,
    replace,
)
from datetime import UTC, datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypedDict,
)

from coronapas import _base64 as base64
from coronapas.errors import CmsError, KeyMaterialError, TrustListError
from coronapas.hcert._cose import KID_LENGTH
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import (
    Certificate,
    Listing,
    key_work,
    signature_work,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The network's participants, by the country codes of passes (ISO 3166-1).
#
# A pass names its issuer by alpha-2, a list of WHO's network names the participant by alpha-3, or
# by a code that the network made up. The two are compared through this table and never by their
# letters: ``PT`` is ``PRT``, and ``IO`` is ``IOM`` on the network and another territory in ISO.

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# ISO 3166-1, all 249 entries as of 2024: alpha-2 and alpha-3 of each, without a space between them.
_ISO: Final = """
ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA
AZAZE BABIH BBBRB BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES
BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK
CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA
DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO FRFRA
GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS
GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD
IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA
KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA
LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ
MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC
NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM
PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC
SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV
SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR
TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR
VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
"""

# Codes of the network's own, as they stand in the names of its certificates and on its lists of
# 2026-08-22; XK is Kosovo's code by custom. Most test participants are XXA for XA, and so on.
_OF_NETWORK: Final = (
    ("IO", "IOM"),
    ("WH", "WHO"),
    ("XK", "XKX"),
    ("XL", "XCL"),
    ("XM", "XML"),
)


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    iso = ((each[:2], each[2:]) for each in _ISO.split())
    tests = ((f"X{letter}", f"XX{letter}") for letter in _LETTERS)
    for first, second in (*iso, *_OF_NETWORK, *tests):
        found[first] = found.get(first, frozenset()) | {second}
    return found


PARTICIPANTS: Final[Mapping[str, frozenset[str]]] = _table()
"""The participants that each alpha-2 code may stand for. Copy and extend it for others."""

_REAL: Final = frozenset(("XK", "XKX"))

TEST_PARTICIPANTS: Final[frozenset[str]] = (
    frozenset(f"X{end}" for end in (*_LETTERS, *(a + b for a in _LETTERS for b in _LETTERS)))
    - _REAL
)
"""The participants that WHO tests with: all codes of two or three letters that begin with X.

ISO 3166-1 leaves those to its users, and no country has one but Kosovo (XK, XKX), which is not in
the set. Production lists such a participant, with keys that testers hold.
"""


def is_participant(
    issuer: str, participant: str, table: Mapping[str, frozenset[str]] = PARTICIPANTS
) -> bool:
    """Return whether the issuer that a pass names is the network's `participant`.

    `issuer` is alpha-2, as in most passes, or the participant's own code; `table` has the
    participants of each alpha-2 code.
    """
    return issuer == participant or participant in table.get(issuer, ())


SignatureState = Literal["verified", "not verified", "none"]
"""``verified`` under a pin, ``not verified`` without pins, ``none`` for unsigned formats."""


class Circumstances(TypedDict, total=False):
    """Keyword arguments of every reader: what the caller knows about a list.

    - `name`: the name of the list (a file's name, an address); it stays with each certificate.
    - `at`: the aware datetime at which the list must be valid: a list after its end or before its
      beginning is then an error, and so is a signer's certificate that is not valid. Without it the
      dates are only recorded, and the store judges them whenever a key is used.
    - `fetched`: the aware datetime at which the caller got the list, for lists without a date.
    """

    name: str
    at: datetime | None
    fetched: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """One list as the origin of certificates. All datetimes are aware.

    `issued` and `expires` (inclusive) are what the list states, `fetched` is when the caller got
    it, `max_age` is the greatest age that the caller accepts (inclusive); each may be None.
    `environment` is that of WHO's network (``production``, ``uat``, ``development``), None for
    other lists and where it is not known. `listing` is what the list states about one certificate,
    where this is the source of a certificate; None for the list itself.
    """

    format: str
    """The name of the format, one of `coronapas.trust.FORMATS`."""
    name: str = ""
    """What the caller calls the list."""
    signature: SignatureState = "none"
    """Whether its signature was verified, was not, or does not exist."""
    issued: datetime | None = None
    expires: datetime | None = None
    fetched: datetime | None = None
    max_age: timedelta | None = None
    environment: str | None = None
    listing: Listing | None = None

    def __post_init__(self) -> None:
        for moment in (self.issued, self.expires, self.fetched):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("the dates of a list must have a time zone")
        if self.max_age is not None and self.max_age < timedelta(0):
            raise ValueError("max_age must not be negative")

    @property
    def dated(self) -> datetime | None:
        """The moment from which the age counts: the earlier of `issued` and `fetched`."""
        return min((day for day in (self.issued, self.fetched) if day is not None), default=None)

    @property
    def until(self) -> datetime | None:
        """The last moment (inclusive) at which the list may be used; None for no limit.

        The earlier of `expires` and the end of `max_age`; with a `max_age` and no date to count it
        from, the first moment of the calendar.
        """
        ends = [] if self.expires is None else [self.expires]
        if self.max_age is not None:
            ends.append(_BEGIN if self.dated is None else later(self.dated, self.max_age))
        return min(ends, default=None)

    @property
    def itself(self) -> Source:
        """The list, without what it states about one certificate."""
        return self if self.listing is None else replace(self, listing=None)

    def limited(self, max_age: timedelta) -> Source:
        """Return the source with this age limit, or with its own if that is stricter."""
        if self.max_age is not None and self.max_age <= max_age:
            return self
        return replace(self, max_age=max_age)

    def to_json(self) -> dict[str, Any]:
        """Return the source for display and for saving: times in ISO 8601, the age in seconds."""
        return {
            "format": self.format,
            "name": self.name,
            "signature": self.signature,
            "issued": _text(self.issued),
            "expires": _text(self.expires),
            "fetched": _text(self.fetched),
            "max_age": None if self.max_age is None else self.max_age.total_seconds(),
            "environment": self.environment,
            "listing": None if self.listing is None else self.listing._asdict(),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, object]) -> Source:
        """Return the source that `to_json` wrote; ValueError, TypeError or KeyError for others."""
        form, name, signature = item["format"], item["name"], item["signature"]
        if signature not in _STATES or not isinstance(form, str) or not isinstance(name, str):
            raise ValueError("a source must state its format, name and signature")
        age = item["max_age"]
        if age is not None and not isinstance(age, int | float):
            raise TypeError("max_age must be a number of seconds")
        environment = item.get("environment")
        if environment is not None and not isinstance(environment, str):
            raise TypeError("an environment must be a string")
        return cls(
            form,
            name,
            _STATES[signature],
            _moment(item["issued"]),
            _moment(item["expires"]),
            _moment(item["fetched"]),
            None if age is None else timedelta(seconds=age),
            environment,
            _listing(item.get("listing")),
        )


_STATES: Final[dict[object, SignatureState]] = {
    "verified": "verified",
    "not verified": "not verified",
    "none": "none",
}
_BEGIN: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)

GIVEN: Final = Source("given")
"""The source of certificates that the caller put into a store without a list."""


def later(moment: datetime, by: timedelta) -> datetime:
    """Return `moment` + `by`, at most the last moment of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return _END


def _listing(item: object) -> Listing | None:
    """Return the listing that `Source.to_json` wrote; TypeError or ValueError for anything else."""
    if item is None:
        return None
    if not isinstance(item, dict) or item.keys() != set(Listing._fields):
        raise ValueError("a listing must state its domain, participant, usage and environment")
    if item["usage"] is None or not all(isinstance(code, str | None) for code in item.values()):
        raise TypeError("the codes of a listing must be strings")
    return Listing(**item)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("a date must be a string")
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something unusual about a certificate that was kept nevertheless.

    `code` is stable (``chain.sha-1``), `note` a sentence for a person; `kid` is None for a remark
    on the list as a whole.
    """

    kid: bytes | None
    code: str
    note: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A certificate that was on a list and is not in the store.

    `kid` is None where the list does not state it, `reason` is a sentence for a person, `source`
    is the name of the list and the place on it, as far as the reader knows them.
    """

    kid: bytes | None
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class TrustList:
    """A list as it was read.

    - `certificates`: the keys that may sign passes, equal ones once, several of one kid each. One
      that is listed in several domains is there for each.
    - `authorities`: the CSCAs on the list; they sign DSCs and never passes.
    - `uploaders`: the gateway's UPLOAD certificates; they sign DSCs, rules and revocation batches.
    - `dropped`: what was on the list and was not kept, with the reasons.
    - `remarks`: what is unusual about what was kept.
    - `references`: the identifiers of other lists that this one names; they are never followed.

    A reader may leave what costs most, reading hundreds of certificates and verifying their
    signatures, until `certificates`, `dropped` or `remarks` is asked for; the answers are the same.
    """

    source: Source
    """Where the list comes from."""
    certificates: tuple[Certificate, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    remarks: tuple[Remark, ...] = ()
    authorities: tuple[Certificate, ...] = ()
    uploaders: tuple[Certificate, ...] = ()
    references: tuple[str, ...] = ()
    _unsettled: Callable[[], _Settled] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @classmethod
    def _to_settle(
        cls,
        source: Source,
        settle: Callable[[], _Settled],
        *,
        authorities: tuple[Certificate, ...] = (),
        uploaders: tuple[Certificate, ...] = (),
        references: tuple[str, ...] = (),
    ) -> TrustList:
        """Return a list whose certificates are settled when they are first asked for."""
        new = object.__new__(cls)
        for name, value in (
            ("source", source),
            ("authorities", authorities),
            ("uploaders", uploaders),
            ("references", references),
            ("_unsettled", settle),
        ):
            object.__setattr__(new, name, value)
        return new

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Settle the list: only what was not set yet is asked for here."""
            settle = self._unsettled if name in _SETTLED else None
            if settle is not None:
                for each, value in zip(_SETTLED, settle(), strict=True):
                    object.__setattr__(self, each, value)
                object.__setattr__(self, "_unsettled", None)
            return object.__getattribute__(self, name)

    def __reduce__(self) -> tuple[object, ...]:
        members = (each.name for each in fields(self) if each.init)
        return TrustList, tuple(getattr(self, name) for name in members)

    @property
    def format(self) -> str:
        """The name of the format, one of those in `coronapas.trust.FORMATS`."""
        return self.source.format

    @property
    def signature(self) -> SignatureState:
        """Whether the signature was verified under a pin, was not, or does not exist."""
        return self.source.signature

    @property
    def issued(self) -> datetime | None:
        """The date of issue that the list states, or None."""
        return self.source.issued

    @property
    def expires(self) -> datetime | None:
        """The last moment (inclusive) that the list states for itself, or None."""
        return self.source.expires

    @property
    def environment(self) -> str | None:
        """The environment of WHO's network: ``production``, ``uat``, ``development``, or None."""
        return self.source.environment

    def limited(self, max_age: timedelta) -> TrustList:
        """Return the list with an age limit, counted from the earlier of `issued` and `fetched`."""
        source = self.source.limited(max_age)
        if self._unsettled is None:
            return replace(self, source=source)
        return TrustList._to_settle(
            source,
            lambda: (self.certificates, self.dropped, self.remarks),
            authorities=self.authorities,
            uploaders=self.uploaders,
            references=self.references,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a summary of strings, numbers, lists and maps; kids are in base64.

        `keys` counts the certificates that may sign passes; `countries`, `domains` and
        `participants` count them by what is stated of them.
        """
        source = self.source.to_json()
        del source["max_age"], source["listing"]
        return {
            **source,
            "keys": len(self.certificates),
            "kids": [_kid(certificate.kid) for certificate in self.certificates],
            "countries": dict(sorted(Counter(map(_country, self.certificates)).items())),
            "domains": _counted(each.domain for each in self.certificates),
            "participants": _counted(each.participant for each in self.certificates),
            "authorities": len(self.authorities),
            "references": list(self.references),
            "dropped": [
                {"kid": _kid(drop.kid), "reason": drop.reason, "place": drop.source}
                for drop in self.dropped
            ],
            "remarks": [
                {"kid": _kid(remark.kid), "code": remark.code, "note": remark.note}
                for remark in self.remarks
            ],
        }


_Settled: TypeAlias = tuple[tuple[Certificate, ...], tuple[Dropped, ...], tuple[Remark, ...]]
"""The certificates of a list, what was dropped, and the remarks."""

_SETTLED: Final = ("certificates", "dropped", "remarks")


def _counted(codes: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(code for code in codes if code is not None).items()))


def _kid(kid: bytes | None) -> str | None:
    return None if kid is None else base64.encode(kid)


def _country(certificate: Certificate) -> str:
    try:
        return certificate.country or ""
    except KeyMaterialError:
        return ""


MAX_ENTRIES: Final = 20_000
"""A list with more entries is refused (inclusive); the largest real ones have some 3,000."""

MAX_WORK: Final = 200_000
"""The most work that the keys and signatures of a list may cost, in units of some ten
microseconds; a list that asks for more is refused. It is that of 20,000 signatures of P-256."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the date of a list may lie in the future (inclusive). Its end has no such margin."""

# The members in which the formats state the kid of an entry.
_KID_NAMES: Final = ("kid", "keyId", "i")


class ListBuilder:
    """Collector of what one reader finds on one list; for a single thread."""

    def __init__(self, form: str, about: Circumstances) -> None:
        self.form = form
        self.at = about.get("at")
        self._name = about.get("name", "")
        self.fetched = about.get("fetched")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("at must have a time zone")
        self._found: list[Certificate | Dropped | Remark | _Pending] = []
        self._entry: tuple[bytes | None, str] = (None, "")
        self._entries = 0
        self._work = 0
        self.authorities: list[Certificate] = []
        self.uploaders: list[Certificate] = []
        self.references: list[str] = []
        self.environment: str | None = None

    def error(self, code: str, message: str) -> TrustListError:
        """Return an error of this format, to be raised."""
        return TrustListError(self.form, code, message)

    def each(self, entries: Iterable[Any], read: Callable[[Any], None]) -> None:
        """Read every entry; those whose reading raises KeyMaterialError or CmsError are dropped."""
        for number, entry in enumerate(entries, start=1):
            self.read(f"entry {number}", entry, read, stated_kid(entry))

    def read(
        self, place: str, entry: Any, read: Callable[[Any], None], kid: bytes | None = None
    ) -> None:
        """Read one entry, or drop it with its `place` and `kid`."""
        self._count()
        self._entry = kid, place
        try:
            read(entry)
        except (KeyMaterialError, CmsError) as error:
            self._found.append(self._drop(kid, str(error), place))

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise self.error("too-large", f"the list has more than {MAX_ENTRIES} entries")

    def spend(self, signer: Certificate) -> None:
        """Count the work of a signature under the key of `signer`; TrustListError for too much."""
        self._spend(signature_work(signer.spki))

    def check(self, certificate: Certificate) -> None:
        """Read every part of a certificate, its key too; KeyMaterialError if that fails."""
        self._spend(key_work(certificate.spki))
        certificate.check()

    def _spend(self, work: int) -> None:
        self._work += work
        if self._work > MAX_WORK:
            raise self.error("too-large", "the keys and signatures of the list cost too much work")

    def keep(
        self, certificate: Certificate, judge: Callable[[], Iterable[Remark]] | None = None
    ) -> None:
        """Keep a key that may sign passes; raise KeyMaterialError if it cannot be read.

        With `judge`, all of this waits until the list's certificates are first asked for. `judge`
        returns remarks, or raises KeyMaterialError for a key that is to be dropped.
        """
        if judge is not None:
            self._spend(key_work(certificate.spki))
            self._found.append(_Pending(certificate, judge, *self._entry))
            return
        plain = _plainly(certificate)
        self.check(plain)
        self._found.append(plain)

    def drop(self, kid: bytes | None, reason: str, place: str) -> None:
        """Record something that is not kept."""
        self._count()
        self._found.append(self._drop(kid, reason, place))

    def _drop(self, kid: bytes | None, reason: str, place: str) -> Dropped:
        return Dropped(kid, reason, f"{self._name or self.form}, {place}")

    def remark(self, kid: bytes | None, code: str, note: str) -> None:
        """Record something unusual about what is kept."""
        self._found.append(Remark(kid, code, note))

    def match_kid(self, certificate: Certificate, stated: bytes) -> None:
        """Add a remark if `stated` is not the first 8 bytes of the certificate's SHA-256."""
        self._found += kid_remarks(certificate, stated)

    def list(
        self,
        signature: SignatureState,
        issued: datetime | None = None,
        expires: datetime | None = None,
    ) -> TrustList:
        """Return the list; raise TrustListError if it is not valid at the moment `at`."""
        self.in_time(issued, expires)
        source = Source(
            self.form,
            self._name,
            signature,
            issued,
            expires,
            self.fetched,
            environment=self.environment,
        )
        return TrustList._to_settle(
            source,
            self._settle,
            authorities=_each_listed(self.authorities),
            uploaders=tuple(dict.fromkeys(self.uploaders)),
            references=tuple(dict.fromkeys(self.references)),
        )

    def _settle(self) -> _Settled:
        kept: list[Certificate] = []
        dropped: list[Dropped] = []
        remarks: list[Remark] = []
        for each in self._found:
            if isinstance(each, Certificate):
                kept.append(each)
            elif isinstance(each, Dropped):
                dropped.append(each)
            elif isinstance(each, Remark):
                remarks.append(each)
            else:
                try:
                    found = each.judge()
                    plain = _plainly(each.certificate)
                    plain.check()
                    kept.append(plain)
                    remarks += found
                except KeyMaterialError as error:
                    dropped.append(self._drop(each.kid, str(error), each.place))
        # One certificate may be listed in several domains: each is an entry.
        unique = _each_listed(kept)
        repeated = len(kept) - len(unique)
        if repeated:
            note = f"{repeated} entries repeat others and are kept once"
            remarks.append(Remark(None, "list.repeated", note))
        return unique, tuple(dropped), tuple(dict.fromkeys(remarks))

    def in_time(self, issued: datetime | None, expires: datetime | None) -> None:
        """Raise TrustListError if the list has ended, or has not begun, at the moment `at`."""
        if self.at is None:
            return
        if expires is not None and self.at > expires:
            raise self.error("expired", "the list has expired")
        if issued is not None and issued - self.at > CLOCK_SKEW:
            raise self.error("not-yet", "the list is dated in the future")

    def json(self, data: bytes) -> Any:
        """Return the value of JSON (`documents.load`)."""
        return documents.load(data, self.form)


class _Pending(NamedTuple):
    """A key to be judged yet; `kid` and `place` are those of its entry."""

    certificate: Certificate
    judge: Callable[[], Iterable[Remark]]
    kid: bytes | None
    place: str


def kid_remarks(certificate: Certificate, stated: bytes) -> tuple[Remark, ...]:
    """Return a remark if `stated` is not the first 8 bytes of the certificate's SHA-256."""
    plain = certificate.overrides["kid"] is None and certificate.der is not None
    own = certificate.kid if plain else _digest(certificate.der or b"")
    note = "the list states another kid than the certificate's"
    return () if own == stated else (Remark(stated, "list.kid", note),)


def _each_listed(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Return the certificates, those that are equal and listed alike once."""
    return tuple({(each, each.listing): each for each in certificates}.values())


def _digest(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()[:KID_LENGTH]


def _plainly(certificate: Certificate) -> Certificate:
    """Return the certificate without overrides that repeat it, so that lists agree on it."""
    said = certificate.overrides
    if certificate.der is None or (said["kid"] is None and said["country"] is None):
        return certificate
    own = Certificate.load(certificate, kid=None, country=None)
    kid = None if said["kid"] == own.kid else said["kid"]
    country = said["country"]
    if country is not None and country == own.country:
        country = None
    if kid is None and country is None:
        return own
    return Certificate.load(own, kid=kid, country=country)


def stated_kid(entry: object) -> bytes | None:
    """Return the kid that an entry states, or None; to name what was dropped."""
    if not isinstance(entry, dict):
        return None
    for name in _KID_NAMES:
        found = entry.get(name)
        if isinstance(found, bytes):
            return found
        if isinstance(found, str):
            return documents.kid_or_none(found)
    return None

"""Read the Danish domestic tokens: from the text to typed values, with no trust implied.

A token has the container of a pass: ``prefix:`` + Base45 + zlib + COSE_Sign1 + CWT, and the prefix
says what the claims hold beside 1 ``iss``, 4 ``exp`` and 6 ``iat``:

- ``DK1`` ("valid", and nothing else): 7 ``cti``, the text of a UUID as bytes;
- ``DK2`` (to be compared with an identity document): 7 ``cti``, ``legalName``, ``dateOfBirth``;
- ``DK3`` (the holder's own page, never presented): an EU DCC in -260/1 with several entries, each
  with an ``xdu``, the absolute end of its validity, exclusive.

Source: the public source and the test tokens of the Danish app (Sundhedsdatastyrelsen/
Coronapas.Mobile, September 2021). Tokens and passes deviate from different
rules: several entries, their ``xdu`` and the claims above are correct in a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc._examiner import NOTES, Examiner, default_examiner
from coronapas.dcc._reader import facts_of
from coronapas.dcc._schema import GROUPS, release_for
from coronapas.dcc._text import read_birth_date, read_moment
from coronapas.errors import DecodeError
from coronapas.facts import EventKind, Holder, PartialDate, PassFacts
from coronapas.facts._model import COVID_19
from coronapas.hcert._cwt import (
    DCC,
    EXPIRES,
    HCERT,
    ISSUED_AT,
    ISSUER,
)
from coronapas.hcert._envelope import (
    DEFAULT_LIMITS,
    PREFIX,
    Envelope,
    Limits,
    decode,
)
from coronapas.tolerances import Deviation, _step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CTI: Final = 7
"""Claim 7 ``cti`` (RFC 8392, section 3.1.7): the token's own identifier, a byte string."""
CONFIRMATION: Final = 8
"""Claim 8 ``cnf`` (RFC 8747): the key of the holder's device; this project's addition."""
LEGAL_NAME: Final = "legalName"
BIRTH_DATE: Final = "dateOfBirth"
XDU: Final = "xdu"
"""The field of a DK3's entry that states the end of its validity."""

MOST_ENTRIES: Final = 64
"""The most entries of a DK3 that are read, inclusive; more are a deviation (`content.schema`)."""

_LONGEST_TEXT: Final = 1000
_ORDINARY_HEAD: Final = {
    "nam": {"fn": "A", "gn": "A", "fnt": "A", "gnt": "A"},
    "dob": "1990-01-01",
}
_ORDINARY_ENTRY: Final = {
    "tg": COVID_19,
    "vp": "1119349007",
    "mp": "EU/1/20/1528",
    "ma": "ORG-100030215",
    "dn": 1,
    "sd": 2,
    "dt": "2021-06-01",
    "co": "DK",
    "is": "DK",
    "ci": "URN:UVCI:01:DK:ABCDEF#Z",
}


class TokenKind(StrEnum):
    """What a text is, by its prefix."""

    DK1 = "DK1"
    """Valid, and nothing else (``dk-min``)."""
    DK2 = "DK2"
    """Valid, with name and birth date (``dk-max``)."""
    DK3 = "DK3"
    """All evidence, for the holder's own page (``dk-info``)."""
    HC1 = "HC1"
    """An EU DCC."""


_DOMESTIC: Final = {kind.value: kind for kind in TokenKind if kind is not TokenKind.HC1}
_CLAIMS: Final[dict[TokenKind, frozenset[object]]] = {
    TokenKind.DK1: frozenset({ISSUER, EXPIRES, ISSUED_AT, CTI, CONFIRMATION}),
    TokenKind.DK2: frozenset(
        {ISSUER, EXPIRES, ISSUED_AT, CTI, CONFIRMATION, LEGAL_NAME, BIRTH_DATE}
    ),
    TokenKind.DK3: frozenset({ISSUER, EXPIRES, ISSUED_AT, HCERT}),
}


@dataclass(frozen=True, slots=True)
class Token:
    """What all domestic tokens have: every layer, and what in them departs from the rules.

    `deviations` are those of the layers and of the content. Nothing here is verified.
    """

    envelope: Envelope = field(repr=False)
    """Every layer of the text."""
    deviations: tuple[Deviation, ...] = field(repr=False)

    @property
    def kind(self) -> TokenKind:
        """The kind of token, by its prefix."""
        return _DOMESTIC[self.envelope.prefix[:3]]

    @property
    def issued_at(self) -> datetime | None:
        """Claim ``iat`` in UTC; None where it is missing or beyond the calendar."""
        return _moment(self.envelope.issued_at)

    @property
    def expires(self) -> datetime | None:
        """Claim ``exp`` in UTC, exclusive: the token has expired at this very moment."""
        return _moment(self.envelope.expires)


@dataclass(frozen=True, slots=True)
class Dk1(Token):
    """A DK1: its holder is valid. `identifier` is the ``cti``, None if missing or unreadable."""

    identifier: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dk2(Token):
    """A DK2: whoever has this name and this birth date is valid.

    `birth_date` may be known in part; it is None if missing or unreadable.
    `coronapas.denmark.compare_token` compares both with an identity document.
    """

    identifier: str | None = field(repr=False)
    """The token's identifier; None where it is missing."""
    legal_name: str | None = field(repr=False)
    """The name as the token writes it; None where it is missing."""
    birth_date: date | PartialDate | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DatedEntry:
    """One entry of a DK3.

    `place` is its path in the payload (``v.0``). `facts` are None where it cannot be read.
    `valid_until` is the ``xdu`` in UTC, exclusive; None if missing or unreadable.
    """

    place: str
    facts: PassFacts | None
    valid_until: datetime | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dk3(Token):
    """A DK3: the holder, and all entries in the order of v, t, r and of the token.

    `holder` is None where no entry can be read.
    """

    holder: Holder | None
    entries: tuple[DatedEntry, ...]
    """The entries, each with the moment until which it counts."""


def kind_of(text: object) -> TokenKind | None:
    """Return what a text claims to be by its prefix alone; None for any other prefix.

    White space before it is ignored; the domestic prefixes need no colon.
    """
    if isinstance(text, str):
        start = text.lstrip()[:4]
    elif isinstance(text, bytes | bytearray | memoryview):
        start = bytes(text).lstrip()[:4].decode("latin-1")
    else:
        return None
    return TokenKind.HC1 if start == PREFIX else _DOMESTIC.get(start[:3])


def read(
    text: str | bytes, *, limits: Limits = DEFAULT_LIMITS, examiner: Examiner | None = None
) -> Dk1 | Dk2 | Dk3:
    """Read a domestic token, with no trust implied.

    A prefix without its colon is read as a deviation (``prefix.no-colon``). `examiner` judges the
    entries of a DK3; the default one has the bundled value sets.

    Raises DecodeError if a layer cannot be opened or the prefix is not that of a domestic token
    (``prefix.unknown``), and nothing else, whatever the text. Time and memory are bounded by
    `limits` and `MOST_ENTRIES`.
    """
    kind = kind_of(text)
    if kind is None or kind is TokenKind.HC1:
        if not isinstance(text, str | bytes | bytearray | memoryview):
            raise DecodeError("prefix", "not-text", "a token must be text")
        raise DecodeError("prefix", "unknown", "the text does not begin as a Danish token does")
    prefix = f"{kind}:"
    envelope = decode(text, limits=limits, prefixes=(prefix,), colonless=(prefix,))
    return token_of(envelope, kind, examiner or default_examiner())


def token_of(envelope: Envelope, kind: TokenKind, examiner: Examiner) -> Dk1 | Dk2 | Dk3:
    """Read an opened text as a token of a kind; no trust implied.

    `kind` is one of DK1, DK2 and DK3. The token's envelope has the deviations of the layers as a
    token knows them: its own claims are no extra claims.
    """
    tree = envelope.claims.tree
    kept = [deviation for deviation in envelope.deviations if deviation.code != "cwt.extra-claim"]
    envelope = envelope._replace(deviations=(*kept, *_extra_claims(tree, _CLAIMS[kind])))
    found = list(envelope.deviations)
    if kind is TokenKind.DK3:
        holder, entries = _dated(envelope, examiner, found)
        return Dk3(envelope, tuple(dict.fromkeys(found)), holder, entries)
    identifier = _identifier(tree, found)
    if CONFIRMATION in tree:
        found.append(Deviation("content.bound", "cnf", "bound to a device that is to prove itself"))
    if kind is TokenKind.DK1:
        return Dk1(envelope, tuple(found), identifier)
    name, born = _person(tree, found)
    return Dk2(envelope, tuple(found), identifier, name, born)


def shown_entry(token: Dk3, at: datetime) -> DatedEntry | None:
    """Return the entry that the holder's page shows: the one that ends last, if after `at`.

    Ends are exclusive: an entry that ends at `at` is over. Of entries with the same end the first
    counts. `at` must have a time zone (ValueError).
    """
    if at.utcoffset() is None:
        raise ValueError("at must have a time zone")
    ahead = [
        (entry.valid_until, entry)
        for entry in token.entries
        if entry.valid_until is not None and entry.valid_until > at
    ]
    return max(ahead, key=lambda pair: pair[0])[1] if ahead else None


def _extra_claims(tree: Mapping[Any, Any], expected: frozenset[object]) -> Iterator[Deviation]:
    for label in tree:
        if label not in expected:
            yield Deviation("cwt.extra-claim", _step(label), "not a claim of this token")


def _moment(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _identifier(tree: Mapping[Any, Any], found: list[Deviation]) -> str | None:
    value = tree.get(CTI)
    if type(value) is bytes and 0 < len(value) <= _LONGEST_TEXT:
        try:
            return value.decode("ascii")
        except UnicodeDecodeError:
            pass
    found.append(Deviation("content.schema", "cti", "identifier missing or not text"))
    return None


def _person(
    tree: Mapping[Any, Any], found: list[Deviation]
) -> tuple[str | None, date | PartialDate | None]:
    name, written = tree.get(LEGAL_NAME), tree.get(BIRTH_DATE)
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_TEXT:
        found.append(Deviation("content.no-name", LEGAL_NAME, "no legal name"))
        name = None
    if not isinstance(written, str):
        found.append(Deviation("content.schema", BIRTH_DATE, "birth date missing or not text"))
        return name, None
    born, codes = read_birth_date(written.strip())
    found.extend(Deviation(code, BIRTH_DATE, NOTES[code]) for code in codes)
    return name, born


def _dated(
    envelope: Envelope, examiner: Examiner, found: list[Deviation]
) -> tuple[Holder | None, tuple[DatedEntry, ...]]:
    """Read each entry of a DK3, examined as the one event of a pass."""
    hcert = envelope.claims.hcert
    dcc = None if hcert is None else hcert.get(DCC)
    if type(dcc) is not dict:
        found.append(Deviation("content.schema", "", "no DCC"))
        return None, ()
    places = [*_places(dcc, found)]
    if not places:
        found.append(Deviation("content.no-event", "", "no event"))
    if len(places) > MOST_ENTRIES:
        note = f"more than {MOST_ENTRIES} entries; the others are not read"
        found.append(Deviation("content.schema", "", note))
    if not places:
        return None, ()
    # The head is read once, beside an entry without oddities, and each entry below such a head: a
    # token cannot have a long head read again for each of its entries.
    head = {name: value for name, value in dcc.items() if name not in GROUPS}
    beside = {**head, EventKind.VACCINATION.group: [_ORDINARY_ENTRY]}
    found.extend(each for each in examiner.examine(beside) if not each.field.startswith("v.0"))
    stated = facts_of(beside)[0]
    ordinary = {**_ORDINARY_HEAD, "ver": release_for(_trimmed(dcc.get("ver"))).version}
    entries = []
    for group, index, entry in places[:MOST_ENTRIES]:
        place = f"{group}.{index}"
        bare = entry
        if isinstance(entry, dict):
            bare = {name: value for name, value in entry.items() if name != XDU}
        single = {**ordinary, group: [bare]}
        for each in examiner.examine(single):
            path = place + each.field.removeprefix(f"{group}.0")
            own = each.field.startswith(f"{group}.0")
            found.append(replace(each, field=path) if own else each)
        facts = facts_of(single)[0]
        if facts is not None and stated is not None:
            facts = replace(facts, holder=stated.holder, schema_version=stated.schema_version)
        entries.append(DatedEntry(place, facts, _xdu(entry, f"{place}.{XDU}", found)))
    holder = next((each.facts.holder for each in entries if each.facts is not None), None)
    return holder, tuple(entries)


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _places(dcc: dict[Any, Any], found: list[Deviation]) -> Iterator[tuple[str, int, object]]:
    for group in GROUPS:
        value = dcc.get(group)
        if isinstance(value, list):
            yield from ((group, index, entry) for index, entry in enumerate(value))
        elif value is not None:
            found.append(Deviation("content.schema", group, "group not an array"))
        elif group in dcc:
            found.append(Deviation("content.null-group", group, "group empty"))


def _xdu(entry: object, path: str, found: list[Deviation]) -> datetime | None:
    value = entry.get(XDU) if isinstance(entry, dict) else None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        found.append(Deviation("content.schema", path, "no end of validity"))
        return None
    moment, codes = read_moment(value)
    found.extend(Deviation(code, path, NOTES[code]) for code in codes)
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        found.append(Deviation("content.date", path, NOTES["content.date"]))
        return None

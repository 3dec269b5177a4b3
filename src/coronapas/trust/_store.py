"""The certificates a verifier trusts, found by their kid (hcert-spec, trust lists).

A certificate is trusted because it is in the store: a list's reader verifies signatures and chains
before it puts a certificate here, and a certificate that leaves its list is revoked. A kid is only
eight bytes of a digest and may belong to several certificates: each of them must be tried.

A store is saved to one file: a line with the format's name and version, a line with the SHA-256 of
the rest, then JSON. The file is written to a temporary one and moved into place, so that a reader
finds the old file or the new one. Version, checksum, size and the form of every part are checked on
loading. The checksum finds damage; it is not a signature: whoever can write the file can write it.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NoReturn,
    TypeVar,
)

from coronapas import _base64 as base64
from coronapas import files
from coronapas.errors import KeyMaterialError, TrustListError, TrustStoreError
from coronapas.facts import EventKind
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate, Listing
from coronapas.trust._list import (
    GIVEN,
    MAX_ENTRIES,
    Dropped,
    Source,
)
from coronapas.trust._x509 import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime, timedelta

    from coronapas.trust._list import TrustList
    from coronapas.trust._x509 import Material

K = TypeVar("K")
V = TypeVar("V")


class TrustStore:
    """Certificates by kid, in the order in which they came, equal ones once. Immutable.

    The same certificate under two kids, or with different overrides by two lists, is kept twice.
    For certificates from lists, the store knows which lists vouch for each of them, and until when:
    a verifier needs `trusted_until` as well as `by_kid`.
    """

    certificates: tuple[Certificate, ...]
    """Every certificate, in the order in which they came."""
    dropped: tuple[Dropped, ...]
    """What was on the lists and is not in the store, with the reasons."""

    _by_kid: dict[bytes, tuple[Certificate, ...]]
    _lists: tuple[Source, ...]
    _sources: Mapping[Certificate, tuple[Source, ...]]

    def __init__(
        self,
        certificates: Iterable[Certificate] = (),
        dropped: Iterable[Dropped] = (),
        *,
        sources: Mapping[Certificate, tuple[Source, ...]] | None = None,
        lists: Iterable[Source] = (),
    ) -> None:
        """Create a store; `sources` gives the lists that vouch for each certificate.

        `lists` are all lists that were read for the store, also those that vouch for nothing: an
        older edition is recognised by comparison with their dates.
        """
        given = tuple(certificates)
        unique = tuple(dict.fromkeys(given))
        known = _with_listings(given, sources or {})
        self.__dict__.update(
            certificates=unique,
            dropped=tuple(dict.fromkeys(dropped)),
            _by_kid=_grouped((certificate.kid, certificate) for certificate in unique),
            _sources={each: known[each] for each in unique if known.get(each)} if known else {},
            _lists=tuple(lists),
        )

    @classmethod
    def from_lists(
        cls,
        *lists: TrustList,
        max_age: timedelta | None = None,
        allow_unverified: bool = False,
    ) -> TrustStore:
        """Return a store of the lists' certificates, sources, dates and dropped certificates.

        `max_age` is the greatest age of a list (inclusive), counted from its date, or from when it
        was fetched if that is earlier. Beyond it, and beyond the end that a list states itself, a
        list vouches for nothing. Raises TrustListError for a list of a signed format that was not
        verified (``trust.unverified``) unless `allow_unverified`, and with `max_age` for a list
        without any date (``trust.undated``).
        """
        sources: dict[Certificate, tuple[Source, ...]] = {}
        dropped: list[Dropped] = []
        read: list[Source] = []
        for each in lists:
            source = each.source if max_age is None else each.source.limited(max_age)
            _admit(source, allow_unverified=allow_unverified)
            read.append(source)
            dropped.extend(each.dropped)
            listed: dict[Listing | None, Source] = {None: source}
            for certificate in each.certificates:
                own = listed.get(certificate.listing)
                if own is None:
                    own = replace(source, listing=certificate.listing)
                    listed[certificate.listing] = own
                sources[certificate] = (*sources.get(certificate, ()), own)
        return cls(sources, dropped, sources=sources, lists=read)

    @classmethod
    def from_certificates(
        cls,
        sources: Iterable[Certificate | Material] | str | bytes,
        *,
        on_error: Literal["raise", "drop"] = "raise",
    ) -> TrustStore:
        """Return a store of certificates in any form; PEM texts may be bundles of several.

        Anything else raises KeyMaterialError, or is recorded in `dropped` with
        ``on_error="drop"``; both name its place, counted from 1. `sources` may be a single text,
        too. Faults deeper inside a certificate show when it is used (`Certificate.check` finds
        them).
        """
        certificates: list[Certificate] = []
        dropped: list[Dropped] = []
        for place, found in _loaded(sources):
            if isinstance(found, Certificate):
                certificates.append(found)
            elif on_error == "raise":
                raise KeyMaterialError(f"{place}: {found}") from found
            else:
                dropped.append(Dropped(None, str(found), place))
        return cls(certificates, dropped)

    def by_kid(self, kid: bytes) -> tuple[Certificate, ...]:
        """Return every certificate with this kid; empty for an unknown one."""
        return self._by_kid.get(kid, ())

    def by_country(self, country: str) -> tuple[Certificate, ...]:
        """Return every certificate of this country (ISO 3166-1 alpha-2, in any case)."""
        return self._by_country.get(country.upper(), ())

    @cached_property
    def _by_country(self) -> dict[str | None, tuple[Certificate, ...]]:
        return _grouped((_country(certificate), certificate) for certificate in self.certificates)

    def sources_of(self, certificate: Certificate) -> tuple[Source, ...]:
        """Return the lists that vouch for a certificate; empty if the store does not hold it.

        Each states what its list says of this certificate (`Source.listing`). A certificate that
        the caller put in without a list has one source of the format ``given``.
        """
        found = self._sources.get(certificate)
        if found is not None:
            return found
        return (GIVEN,) if certificate in self else ()

    def listed_sources(self, certificate: Certificate) -> tuple[Source, ...] | None:
        """Return the lists that vouch for a certificate; None for one put in without a list."""
        return self._sources.get(certificate)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every list that was read for the store, and every other source of its certificates."""
        vouching = (source.itself for each in self for source in self.sources_of(each))
        return tuple(dict.fromkeys((*self._lists, *vouching)))

    @property
    def lists(self) -> tuple[Source, ...]:
        """The lists that were read for the store, also those that vouch for none of its keys."""
        return self._lists

    @cached_property
    def _until(self) -> dict[Certificate, datetime]:
        """The end of the trust in each certificate, for those with an end."""
        ends = {}
        for certificate, sources in self._sources.items():
            known = [source.until for source in sources]
            limits = [end for end in known if end is not None]
            if len(limits) == len(known):
                ends[certificate] = max(limits)
        return ends

    @property
    def limited(self) -> bool:
        """Whether the trust in any certificate of the store ends with the age of its lists."""
        return bool(self._until)

    def trusted_until(self, certificate: Certificate) -> datetime | None:
        """Return the last moment (inclusive) at which any list vouches for the certificate.

        None without such an end. This is about the lists, not about the certificate's validity.
        """
        return self._until.get(certificate)

    def trusted_until_ts(self, certificate: Certificate) -> float:
        """Return `trusted_until` in seconds since 1970-01-01 UTC; infinity for None."""
        until = self._until.get(certificate)
        return math.inf if until is None else until.timestamp()

    def dropped_with(self, kid: bytes) -> tuple[Dropped, ...]:
        """Return what was dropped with this kid: the reason why a key is unknown."""
        return self._dropped_by_kid.get(kid, ())

    @cached_property
    def _dropped_by_kid(self) -> dict[bytes | None, tuple[Dropped, ...]]:
        # A list can drop a million entries, and every pass with an unknown kid asks.
        return _grouped((drop.kid, drop) for drop in self.dropped)

    def valid_at(self, at: datetime) -> TrustStore:
        """Return a store of what may be used at `at`: certificate valid, list not too old.

        The others are in `dropped`, with the reasons. A verifier does not need such a store,
        because it judges the dates of each key itself; this is for exports and for display. Raises
        ValueError for a datetime without a time zone.
        """
        if at.tzinfo is None:
            raise ValueError("the moment must have a time zone to be compared with a validity")
        kept: list[Certificate] = []
        dropped = list(self.dropped)
        for certificate in self.certificates:
            reason = self._unusable(certificate, at)
            if reason is None:
                kept.append(certificate)
            else:
                dropped.append(Dropped(certificate.kid, reason, _names(self, certificate)))
        return TrustStore(kept, dropped, sources=self._sources, lists=self._lists)

    def _unusable(self, certificate: Certificate, at: datetime) -> str | None:
        until = self.trusted_until(certificate)
        if until is not None and until < at:
            return "the list is too old"
        try:
            return None if certificate.valid_at(at) else "the certificate is not valid at that time"
        except KeyMaterialError as error:
            return str(error)

    def merge(self, *others: TrustStore) -> TrustStore:
        """Return a store of all their certificates and of all that they dropped.

        A certificate in several of them has the sources of all. To replace a list with a newer
        edition, so that keys that left it are gone, use `update`.
        """
        stores = (self, *others)
        certificates = dict.fromkeys(each for store in stores for each in store.certificates)
        return TrustStore(
            certificates,
            (drop for store in stores for drop in store.dropped),
            sources=_joined(stores, certificates),
            lists=dict.fromkeys(source for store in stores for source in store.lists),
        )

    def update(
        self,
        fresh: TrustList,
        *,
        max_age: timedelta | None = None,
        allow_unverified: bool = False,
    ) -> TrustStore:
        """Return a store in which `fresh` replaces the list with the same format and name.

        What only the former list vouched for is gone: leaving the list is how keys are revoked.
        Raises TrustListError as `from_lists` does, and ``trust.rolled-back`` if `fresh` states an
        earlier date than the former list, or no date while that states one, or was fetched earlier
        while neither states one.
        """
        mine = fresh.source.format, fresh.source.name
        former = [each for each in self.sources if (each.format, each.name) == mine]
        if any(_is_older(fresh.source, source) for source in former):
            raise TrustListError(
                fresh.format, "rolled-back", "the list is older than the one in the store"
            )
        kept = {
            each: rest
            for each in self.certificates
            if (rest := tuple(s for s in self.sources_of(each) if (s.format, s.name) != mine))
        }
        place = _place(fresh.source)
        dropped = (drop for drop in self.dropped if not drop.source.startswith(place))
        others = (source for source in self._lists if (source.format, source.name) != mine)
        remaining = TrustStore(kept, dropped, sources=kept, lists=others)
        return remaining.merge(
            TrustStore.from_lists(fresh, max_age=max_age, allow_unverified=allow_unverified)
        )

    def difference(self, other: TrustStore) -> TrustStore:
        """Return a store of what this one holds and `other` does not; `dropped` is empty."""
        theirs = frozenset(other.certificates)
        return TrustStore(
            (mine for mine in self.certificates if mine not in theirs), sources=self._sources
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the store to one file, whole or not at all; raise OSError.

        A temporary file is created in the folder of `path` and moved into place: an existing file
        is replaced at once, with its permissions kept, or stays as it is where anything fails. A
        new file is readable by everybody, as certificates are public.
        """
        _save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrustStore:
        """Return the store that `save` wrote; raise TrustStoreError for any other file."""
        return parse(files.read(path, MAX_BYTES))

    def to_bytes(self) -> bytes:
        """Return the content of the file that `save` writes; TrustStoreError beyond its bound."""
        return dump(self)

    def __contains__(self, certificate: object) -> bool:
        return isinstance(certificate, Certificate) and certificate in self.by_kid(certificate.kid)

    def __len__(self) -> int:
        return len(self.certificates)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self.certificates)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrustStore):
            return NotImplemented
        mine, theirs = frozenset(self.certificates), frozenset(other.certificates)
        return (
            mine == theirs
            and frozenset(self.lists) == frozenset(other.lists)
            and frozenset(self.dropped) == frozenset(other.dropped)
            and all(
                frozenset(self.sources_of(each)) == frozenset(other.sources_of(each))
                for each in self.certificates
            )
        )

    def __hash__(self) -> int:
        return hash((frozenset(self.certificates), frozenset(self.dropped)))

    def __repr__(self) -> str:
        return f"<TrustStore of {len(self)} certificates, {len(self.dropped)} dropped>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a TrustStore is immutable; merge and difference return new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a TrustStore is immutable; merge and difference return new ones")


def _with_listings(
    certificates: Iterable[Certificate], known: Mapping[Certificate, tuple[Source, ...]]
) -> Mapping[Certificate, tuple[Source, ...]]:
    """Return `known`, and sources for certificates that came with a listing and without a list."""
    loose = [each for each in certificates if each.listing is not None and each not in known]
    if not loose:
        return known
    found = dict(known)
    for each in loose:
        own = replace(GIVEN, listing=each.listing)
        found[each] = tuple(dict.fromkeys((*found.get(each, ()), own)))
    return found


def _is_older(fresh: Source, former: Source) -> bool:
    if former.issued is not None:
        return fresh.issued is None or fresh.issued < former.issued
    if fresh.issued is not None or former.fetched is None or fresh.fetched is None:
        return False
    return fresh.fetched < former.fetched


def _admit(source: Source, *, allow_unverified: bool) -> None:
    if source.signature == "not verified" and not allow_unverified:
        raise TrustListError(
            source.format, "unverified", "the list is signed and was not verified under a pin"
        )
    if source.max_age is not None and source.dated is None:
        raise TrustListError(
            source.format, "undated", "the list has no date from which its age could be counted"
        )


def _joined(
    stores: Iterable[TrustStore], certificates: Iterable[Certificate]
) -> dict[Certificate, tuple[Source, ...]] | None:
    """Return the sources of each certificate in all stores; None if there are none."""
    stores = tuple(stores)
    if not any(store._sources for store in stores):
        return None
    return {
        each: tuple(dict.fromkeys(s for store in stores for s in store.sources_of(each)))
        for each in certificates
    }


def _names(store: TrustStore, certificate: Certificate) -> str:
    return ", ".join(source.name or source.format for source in store.sources_of(certificate))


def _place(source: Source) -> str:
    """Return how the place of something dropped begins (see `ListBuilder.drop`)."""
    return f"{source.name or source.format}, "


def _loaded(
    sources: Iterable[Certificate | Material] | str | bytes,
) -> Iterator[tuple[str, Certificate | KeyMaterialError]]:
    """Yield each certificate of each source, or the error for it, with its place."""
    whole = [sources] if isinstance(sources, str | bytes) else sources
    for number, source in enumerate(whole, start=1):
        try:
            parts = [source] if isinstance(source, Certificate) else _pieces(source)
        except KeyMaterialError as error:
            yield f"source {number}", error
            continue
        for part_number, part in enumerate(parts, start=1):
            place = f"source {number}" + (f", part {part_number}" if len(parts) > 1 else "")
            try:
                yield place, Certificate.load(part)
            except KeyMaterialError as error:
                yield place, error


def _pieces(source: Material) -> list[Material]:
    found = list(islice(pieces(source), MAX_ENTRIES + 1))
    if len(found) > MAX_ENTRIES:
        raise KeyMaterialError(f"a bundle must hold at most {MAX_ENTRIES} certificates")
    return found


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(group) for key, group in groups.items()}


def _country(certificate: Certificate) -> str | None:
    try:
        return certificate.country
    except KeyMaterialError:  # raised again when the certificate is used
        return None


# The saved file.

VERSION: Final = 1
MAX_BYTES: Final = documents.MAX_BYTES
"""The size of the largest file that is written or read (bytes, inclusive)."""

SAVED: Final = "store"
"""The name of the saved form where lists have a format."""

_NAME: Final = b"coronapas trust store "
_SUM: Final = 64


def is_saved(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins like a saved store; False for a folder. Raises OSError."""
    place = Path(path)
    return not place.is_dir() and files.read(place, len(_NAME) - 1).startswith(_NAME)


def _save(store: TrustStore, path: str | os.PathLike[str]) -> None:
    files.write(path, dump(store))


def dump(store: TrustStore) -> bytes:
    """Return the store as the bytes of a file; TrustStoreError beyond `MAX_BYTES`."""
    # Lists that vouch for nothing are kept, too: older editions are recognised by their dates.
    places = {source: place for place, source in enumerate(store.lists)}
    certificates = []
    for certificate in store:
        known = store.listed_sources(certificate)
        vouching = None if known is None else [places.setdefault(s, len(places)) for s in known]
        certificates.append(_pack(certificate, vouching))
    content = documents.dump(
        {
            "sources": [source.to_json() for source in places],
            "lists": len(store.lists),
            "certificates": certificates,
            "dropped": [[_text(drop.kid), drop.reason, drop.source] for drop in store.dropped],
        }
    )
    digest = hashlib.sha256(content).hexdigest().encode("ascii")
    data = b"".join((_NAME, str(VERSION).encode(), b"\n", digest, b"\n", content))
    if len(data) > MAX_BYTES:
        raise TrustStoreError("too-large", f"the file would have more than {MAX_BYTES} bytes")
    if documents.parts(content) > documents.MAX_PARTS:
        raise TrustStoreError("too-large", "the file would hold too much to be read again")
    return data


def parse(data: bytes) -> TrustStore:
    """Return the store in the bytes of a file; raise TrustStoreError for any fault."""
    if len(data) > MAX_BYTES:
        raise TrustStoreError("too-large", f"the file has more than {MAX_BYTES} bytes")
    content = _checked(data)
    try:
        whole = documents.load(content, "trust store")
        sources = [Source.from_json(item) for item in whole["sources"]]
        lists = sources[: _count(whole["lists"], len(sources))]
        by_certificate: dict[Certificate, tuple[Source, ...]] = {}
        certificates = []
        for item in whole["certificates"]:
            certificate, vouching = _unpack(item)
            if vouching is not None:
                own = tuple(_picked(sources, vouching))
                certificate = _listed(certificate, own)
                by_certificate[certificate] = own
            certificates.append(certificate)
        dropped = [_dropped(item) for item in whole["dropped"]]
    except TrustListError as error:
        raise TrustStoreError(error.code.partition(".")[2], error.message) from None
    except (KeyMaterialError, TypeError, ValueError, LookupError, OverflowError) as error:
        raise TrustStoreError("malformed", f"the content cannot be read: {error}") from error
    return TrustStore(certificates, dropped, sources=by_certificate, lists=lists)


def _checked(data: bytes) -> bytes:
    first, _, rest = data.partition(b"\n")
    if not first.startswith(_NAME):
        raise TrustStoreError("malformed", "the file is not a saved trust store")
    if first != _NAME + str(VERSION).encode():
        raise TrustStoreError("version", f"the file must be of version {VERSION}")
    digest, newline, content = rest[:_SUM], rest[_SUM : _SUM + 1], rest[_SUM + 1 :]
    if newline != b"\n" or digest != hashlib.sha256(content).hexdigest().encode("ascii"):
        raise TrustStoreError("checksum", "the file was changed, or is incomplete")
    return content


def _pack(certificate: Certificate, sources: list[int] | None) -> list[Any]:
    said = certificate.overrides
    usages = said["usages"]
    bare = certificate.der is None
    return [
        "key" if bare else "certificate",
        _text(certificate.spki if bare else certificate.der),
        _text(said["kid"]),
        said["country"],
        None if usages is None else sorted(kind.value for kind in usages),
        sources,
    ]


def _unpack(item: Any) -> tuple[Certificate, Any]:
    form, data, kid, country, usages, sources = item
    if country is not None and not isinstance(country, str):
        raise TypeError("a country must be a string")
    kinds = None if usages is None else [EventKind(kind) for kind in usages]
    own, stated = _bytes(data), None if kid is None else _bytes(kid)
    if form == "certificate":
        return Certificate(own, kid=stated, country=country, usages=kinds), sources
    if form != "key" or stated is None:
        raise ValueError("an entry must be a certificate or a key with its kid")
    return Certificate.from_public_key(own, kid=stated, country=country, usages=kinds), sources


def _listed(certificate: Certificate, sources: Iterable[Source]) -> Certificate:
    """Return the certificate with what the first of its lists that states anything says of it."""
    listing = next((source.listing for source in sources if source.listing is not None), None)
    return certificate if listing is None else Certificate.load(certificate, listing=listing)


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.encode(data)


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("a base64 value must be a string")
    return base64.decode(text)


def _count(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("the number of lists must not exceed that of the sources")
    return value


def _picked(sources: list[Source], places: Any) -> list[Source]:
    if not places or not all(type(p) is int and 0 <= p < len(sources) for p in places):
        raise ValueError("the sources of a certificate must be those of the file")
    return [sources[place] for place in places]


def _dropped(item: Any) -> Dropped:
    kid, reason, source = item
    if not isinstance(reason, str) or not isinstance(source, str):
        raise TypeError("a dropped entry must state its reason and source")
    return Dropped(None if kid is None else _bytes(kid), reason, source)

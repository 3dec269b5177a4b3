"""The certificates a verifier trusts, found by their kid (hcert-spec, trust lists).

Presence in the store is the whole of the trust: a list's reader checks signatures and chains before
it puts a certificate here, and what leaves the list is revoked. A kid is only eight bytes of a
digest and may lead to several certificates: each of them has to be tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from coronapas.errors import KeyMaterialError
from coronapas.trust.certificate import Certificate
from coronapas.trust.material import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.trust.material import Material


K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A certificate that was on a list and is not in the store.

    `kid` is None where the list does not say it, `reason` is a sentence for a person, `source`
    names the list, and the place on it, as far as the reader knows them.
    """

    kid: bytes | None
    reason: str
    source: str = ""


class TrustStore:
    """Certificates by kid, in the order in which they came, equal ones once. Immutable.

    The same certificate under two kids, or with different overrides by two lists, stays twice.
    """

    certificates: tuple[Certificate, ...]
    dropped: tuple[Dropped, ...]
    """What the lists held and the store does not, with the reasons."""

    _by_kid: dict[bytes, tuple[Certificate, ...]]

    def __init__(
        self, certificates: Iterable[Certificate] = (), dropped: Iterable[Dropped] = ()
    ) -> None:
        unique = tuple(dict.fromkeys(certificates))
        self.__dict__.update(
            certificates=unique,
            dropped=tuple(dict.fromkeys(dropped)),
            _by_kid=_grouped((certificate.kid, certificate) for certificate in unique),
        )

    @classmethod
    def from_certificates(
        cls,
        sources: Iterable[Certificate | Material] | str | bytes,
        *,
        on_error: Literal["raise", "drop"] = "raise",
    ) -> TrustStore:
        """A store of certificates in any form: PEM texts may be bundles of several.

        What is no certificate raises KeyMaterialError, or with ``on_error="drop"`` is recorded in
        `dropped`; both name its place, counted from 1. One PEM text alone will do, too. Faults that
        a certificate hides deeper show when it is used (`Certificate.check` looks for them).
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
        """Every certificate with this kid; none if it is unknown."""
        return self._by_kid.get(kid, ())

    def by_country(self, country: str) -> tuple[Certificate, ...]:
        """Every certificate of this country (ISO 3166-1 alpha-2, any case)."""
        return self._by_country.get(country.upper(), ())

    @cached_property
    def _by_country(self) -> dict[str | None, tuple[Certificate, ...]]:
        return _grouped((_country(certificate), certificate) for certificate in self.certificates)

    def merge(self, *others: TrustStore) -> TrustStore:
        """A store of what any of them holds, and of what any of them dropped."""
        stores = (self, *others)
        return TrustStore(
            (certificate for store in stores for certificate in store.certificates),
            (drop for store in stores for drop in store.dropped),
        )

    def difference(self, other: TrustStore) -> TrustStore:
        """A store of what this one holds and `other` does not; nothing counts as dropped."""
        theirs = frozenset(other.certificates)
        return TrustStore(mine for mine in self.certificates if mine not in theirs)

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
        return mine == theirs and frozenset(self.dropped) == frozenset(other.dropped)

    def __hash__(self) -> int:
        return hash((frozenset(self.certificates), frozenset(self.dropped)))

    def __repr__(self) -> str:
        return f"<TrustStore of {len(self)} certificates, {len(self.dropped)} dropped>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a TrustStore does not change; merge and difference make new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a TrustStore does not change; merge and difference make new ones")


def _loaded(
    sources: Iterable[Certificate | Material] | str | bytes,
) -> Iterator[tuple[str, Certificate | KeyMaterialError]]:
    """Each certificate of each source, or why there is none, with its place among them."""
    whole = [sources] if isinstance(sources, str | bytes) else sources
    for number, source in enumerate(whole, start=1):
        try:
            parts = [source] if isinstance(source, Certificate) else list(pieces(source))
        except KeyMaterialError as error:
            yield f"source {number}", error
            continue
        for part_number, part in enumerate(parts, start=1):
            place = f"source {number}" + (f", part {part_number}" if len(parts) > 1 else "")
            try:
                yield place, Certificate.load(part)
            except KeyMaterialError as error:
                yield place, error


def _grouped(pairs: Iterable[tuple[K, Certificate]]) -> dict[K, tuple[Certificate, ...]]:
    groups: dict[K, list[Certificate]] = {}
    for key, certificate in pairs:
        groups.setdefault(key, []).append(certificate)
    return {key: tuple(group) for key, group in groups.items()}


def _country(certificate: Certificate) -> str | None:
    try:
        return certificate.country
    except KeyMaterialError:  # it is told when the certificate is used
        return None

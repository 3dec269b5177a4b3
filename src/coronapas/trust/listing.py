"""What a reader of a list gives: certificates, what was dropped and why, dates, provenance.

The same for all formats, so that whoever reads `a list` need not know which it was.
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from coronapas.errors import KeyMaterialError
from coronapas.trust.source import SignatureState, Source
from coronapas.trust.store import Dropped, TrustStore

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from coronapas.trust.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a certificate that was kept all the same.

    `code` is stable (``chain.sha-1``), `note` a sentence for a person; `kid` is None for a remark
    on the list as a whole.
    """

    kid: bytes | None
    code: str
    note: str


@dataclass(frozen=True, slots=True)
class TrustList:
    """A list as it was read.

    - `certificates`: the keys that may sign passes, equal ones once, several of one kid each.
    - `authorities`: the CSCAs on the list; they sign DSCs and never passes.
    - `uploaders`: the gateway's UPLOAD certificates; they sign DSCs, rules and revocation batches.
    - `dropped`: what was on the list and is not kept, with the reasons.
    - `remarks`: what is odd about what was kept.
    """

    source: Source
    certificates: tuple[Certificate, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    remarks: tuple[Remark, ...] = ()
    authorities: tuple[Certificate, ...] = ()
    uploaders: tuple[Certificate, ...] = ()

    @property
    def format(self) -> str:
        """The format's name, one of `coronapas.trust.sniffing.FORMATS`."""
        return self.source.format

    @property
    def signature(self) -> SignatureState:
        """Whether the signature was verified against a pin, was not, or does not exist."""
        return self.source.signature

    @property
    def issued(self) -> datetime | None:
        """When the list was issued, as it states."""
        return self.source.issued

    @property
    def expires(self) -> datetime | None:
        """The last moment (inclusive) of the list, as it states."""
        return self.source.expires

    def limited(self, max_age: timedelta) -> TrustList:
        """The same list with an age limit, counted from its date or from when it was fetched."""
        return replace(self, source=self.source.limited(max_age))

    def store(
        self, *, max_age: timedelta | None = None, allow_unverified: bool = False
    ) -> TrustStore:
        """A store of this list alone; see `TrustStore.from_lists`."""
        return TrustStore.from_lists(self, max_age=max_age, allow_unverified=allow_unverified)

    def to_json(self) -> dict[str, Any]:
        """A summary for machines, of strings, numbers, lists and maps; kids are base64.

        `keys` counts the certificates that may sign passes, `countries` counts them by country.
        """
        source = self.source.to_json()
        del source["max_age"]
        return {
            **source,
            "keys": len(self.certificates),
            "kids": [_kid(certificate.kid) for certificate in self.certificates],
            "countries": dict(sorted(Counter(map(_country, self.certificates)).items())),
            "authorities": len(self.authorities),
            "dropped": [
                {"kid": _kid(drop.kid), "reason": drop.reason, "place": drop.source}
                for drop in self.dropped
            ],
            "remarks": [
                {"kid": _kid(remark.kid), "code": remark.code, "note": remark.note}
                for remark in self.remarks
            ],
        }


def _kid(kid: bytes | None) -> str | None:
    return None if kid is None else base64.b64encode(kid).decode("ascii")


def _country(certificate: Certificate) -> str:
    try:
        return certificate.country or ""
    except KeyMaterialError:
        return ""

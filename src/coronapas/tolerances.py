"""What a reader may forgive: tolerances by name, and the deviations that used them.

A *deviation* is a place where a pass departs from the specification although it can be read. Readers
report every deviation they meet and judge none. Whoever verifies names the tolerances that are granted:
a deviation whose `code` is not granted fails the check of its layer.

`FIELD` grants what passes of real countries needed; `STRICT` grants nothing. Both are plain frozen
sets: ``FIELD | {"prefix.missing"}`` and ``FIELD - {"cwt.float-time"}`` are how single ones are chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Deviation:
    """One departure from the specification that did not stop the reading.

    `code` is the name of the tolerance that forgives it and starts with the layer; `field` is the path
    in the pass (``v.0.mp``) or empty; `note` says what was found, without the holder's data.
    """

    code: str
    field: str
    note: str

    @property
    def layer(self) -> str:
        """The layer at fault: ``prefix``, ``cbor``, ``cose``, ``cwt`` or ``content``."""
        return self.code.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One named tolerance: what it forgives, where that was seen, and whether `FIELD` grants it."""

    name: str
    forgives: str
    seen: str
    field: bool


_TABLE: Final = (
    Tolerance("prefix.whitespace", "white space around the scanned text", "scanners, copied text", True),
    Tolerance("prefix.missing", "no `HC1:` before the Base45 text", "H3 of the EU's list", False),
    Tolerance("compression.missing", "a body that is not compressed", "Z2 of the EU's list", False),
    Tolerance("cbor.indefinite-length", "strings or maps of indefinite length", "Java issuers", True),
    Tolerance("cose.untagged", "COSE_Sign1 without its tag 18", "ES", True),
    Tolerance("cose.cwt-tag", "a CWT tag (61) around the COSE tag", "SE, CO28", True),
    Tolerance("cose.kid-unprotected", "the kid in the unprotected header only", "DE BG CZ LV SM", True),
    Tolerance("cose.alg-unprotected", "the algorithm in the unprotected header only", "", False),
    Tolerance("cose.kid-length", "a kid that is not 8 bytes long", "old vectors", False),
    Tolerance("cose.kid-ambiguous", "another kid in the unprotected header: the protected one counts", "CO21", True),
    Tolerance("cwt.float-time", "`exp` or `iat` as a floating-point number", "HU ES", True),
    Tolerance("cwt.missing-iat", "no `iat`", "", False),
    Tolerance("cwt.extra-claim", "claims beyond iss, exp, iat and hcert", "claims 2 and 7", True),
)

TOLERANCES: Final[Mapping[str, Tolerance]] = MappingProxyType({row.name: row for row in _TABLE})
"""Every tolerance by its name."""

STRICT: Final[frozenset[str]] = frozenset()
"""Grants nothing: the specification to the letter."""

FIELD: Final[frozenset[str]] = frozenset(row.name for row in _TABLE if row.field)
"""Grants what real passes were seen to need; the default."""

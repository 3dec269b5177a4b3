"""Named tolerances, and the deviations from the specification that they forgive.

A *deviation* is a place where a pass departs from the specification although it can be read.
Readers report every deviation they meet and judge none. A verifier is given the names of the
tolerances to grant: a deviation whose `code` is not granted fails the check of its layer.

`FIELD` grants what passes of real countries needed; `STRICT` grants nothing. Both are plain frozen
sets: use ``FIELD | {"prefix.missing"}`` or ``FIELD - {"cwt.float-time"}`` to add or remove one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from coronapas import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COUNTRIES",
    "FIELD",
    "STRICT",
    "TOLERANCES",
    "Deviation",
    "Tolerance",
]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A departure from the specification that did not stop the reading."""

    code: str
    """The name of the tolerance that forgives it; it starts with the layer."""
    field: str
    """The path in the pass (``v.0.mp``), or empty."""
    note: str
    """What was found, as a lower-case fragment without the holder's data."""

    @property
    def layer(self) -> str:
        """The layer at fault: ``prefix``, ``cbor``, ``cose``, ``cwt`` or ``content``."""
        return self.code.partition(".")[0]

    def note_in(self, language: str) -> str:
        """Return what was found, in a language of the catalogue; `note` for ``en``.

        In another language it is the catalogue's sentence for the code, without what the note adds.
        Raises ValueError for a language that the catalogue does not have.
        """
        if catalogue.language(language) != "en":
            try:
                return catalogue.sentence(self.code, language)
            except LookupError:
                pass
        return self.note

    def to_json(self, *, language: str = "en") -> dict[str, str]:
        """Return ``code``, ``field`` and ``note``, the note in a language."""
        return {"code": self.code, "field": self.field, "note": self.note_in(language)}


COUNTRIES: Final = frozenset(map("".join, product(ascii_uppercase, repeat=2)))
"""All texts with the form of an ISO 3166-1 alpha-2 code: two capitals, assigned or not."""

_NAME: Final = re.compile("[a-z]{1,3}")


def _step(key: object) -> str:
    """Return what a deviation's path may show of a key or label of an untrusted pass.

    That is an integer from -999 to 999, or a name of one to three lower-case letters, as all names
    of the schema are; ``?`` stands for anything else, because a key can hold personal data too.
    """
    if type(key) is int and -1000 < key < 1000:
        return str(key)
    return key if isinstance(key, str) and _NAME.fullmatch(key) else "?"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A named tolerance."""

    name: str
    """The code of the deviations that it forgives (``cose.untagged``)."""
    forgives: str
    """What it forgives, as a lower-case fragment."""
    seen: str
    """Where that was seen: countries, documents or test vectors; empty where it was not."""
    granted_by_field: bool
    """Whether `FIELD` grants it."""


_TABLE: Final = (
    Tolerance(
        "prefix.whitespace", "white space around the scanned text", "scanners, copied text", True
    ),
    Tolerance("prefix.missing", "no `HC1:` before the Base45 text", "H3 of the EU's list", False),
    Tolerance(
        "prefix.no-colon", "a Danish prefix (DK1, DK2, DK3) without its colon", "DK's own app", True
    ),
    Tolerance("compression.missing", "a body that is not compressed", "Z2 of the EU's list", False),
    Tolerance("cbor.tagged-date-time", "a date-time under CBOR tag 0", "HU SE LT", True),
    Tolerance(
        "cbor.indefinite-length", "strings or maps of indefinite length", "Java issuers", True
    ),
    Tolerance("cose.untagged", "COSE_Sign1 without its tag 18", "ES", True),
    Tolerance("cose.cwt-tag", "a CWT tag (61) around the COSE tag", "SE, CO28", True),
    Tolerance(
        "cose.kid-unprotected", "the kid in the unprotected header only", "DE BG CZ LV SM", True
    ),
    Tolerance("cose.alg-unprotected", "the algorithm in the unprotected header only", "CO20", True),
    Tolerance("cose.kid-length", "a kid that is not 8 bytes long", "old vectors", False),
    Tolerance(
        "cose.kid-ambiguous",
        "another kid in the unprotected header: the protected one counts",
        "CO21",
        True,
    ),
    Tolerance(
        "cose.alg-ambiguous",
        "another algorithm in the unprotected header: the protected one counts",
        "",
        True,
    ),
    Tolerance("cwt.issuer", "an `iss` that is not two capitals", "", True),
    Tolerance(
        "cwt.issuer-country", "an `iss` of another country than the certificate's", "", False
    ),
    Tolerance("cwt.float-time", "`exp` or `iat` as a floating-point number", "HU ES", True),
    Tolerance("cwt.missing-iat", "no usable `iat`", "", False),
    Tolerance(
        "cwt.missing-exp",
        "no usable `exp` in an ICVP, whose own validity it does not limit",
        "WHO's test passes",
        True,
    ),
    Tolerance(
        "cwt.extra-claim",
        "claims beyond iss, exp, iat and hcert, or more in hcert than the DCC",
        "claims 2 and 7",
        True,
    ),
    Tolerance("certificate.encoding", "a certificate that strict parsing refuses", "FI ES", True),
    Tolerance(
        "certificate.authority", "a pass signed with the certificate of a CA", "ES vectors", False
    ),
    Tolerance("certificate.key-kind", "a key of another kind than the profile's", "ES P-384", True),
    Tolerance(
        "certificate.outlived", "a pass that outlives the certificate that signed it", "", True
    ),
    Tolerance(
        "certificate.participant",
        "a pass whose issuer is not the participant whose key signed it",
        "",
        True,
    ),
    Tolerance(
        "content.positive-test",
        "a positive test",
        "",
        False,
    ),
    Tolerance("content.unknown-result", "a test whose result is in no value set", "", False),
    Tolerance("content.sampled-in-future", "a sample taken after the check", "DGC8", False),
    Tolerance(
        "content.in-future",
        "a dose, a first positive test, a result or a birth after the check",
        "",
        False,
    ),
    Tolerance("content.born-after", "a birth after the dose, test or recovery", "", False),
    Tolerance("content.disease", "another disease than COVID-19", "ES vectors", False),
    Tolerance(
        "content.version",
        "a release 1.x.y of the schema that does not exist: the nearest is applied",
        "",
        True,
    ),
    Tolerance(
        "content.version-unknown",
        "a `ver` that is not a version, or of another major version",
        "",
        False,
    ),
    Tolerance("content.whitespace", "white space around a value", "GR ES", True),
    Tolerance("content.control-character", "a control character inside a text", "", True),
    Tolerance("content.not-nfc", "text that is not in Unicode's normal form NFC", "", True),
    Tolerance("content.null-group", "a group null or empty next to the real one", "BG", True),
    Tolerance("content.null-field", "an optional field that is null", "LV", True),
    Tolerance("content.empty-field", "a text that is empty instead of left out", "HU NL", True),
    Tolerance(
        "content.unknown-field", "a field that the release of the schema does not name", "NL", True
    ),
    Tolerance(
        "content.centre-missing",
        "no `tc` where the test or the release requires it",
        "real passes",
        True,
    ),
    Tolerance(
        "content.test-fields",
        "`ma` with a NAAT, `nm` with a RAT, a RAT without `ma`",
        "CY DE DK ES GR HR IS",
        True,
    ),
    Tolerance(
        "content.surname-missing", "no `fnt` but a `gnt`, before 1.3.2 admitted it", "", True
    ),
    Tolerance(
        "content.name-alphabet", "`fnt` or `gnt` with characters beyond A-Z and `<`", "NO", True
    ),
    Tolerance(
        "content.bound",
        "a Danish token that is bound to its holder's device, without asking for the proof",
        "",
        False,
    ),
    Tolerance("content.no-name", "no name that is not empty", "", False),
    Tolerance(
        "content.birth-date",
        "a birth date in a form of another release, or with 00",
        "official vectors",
        True,
    ),
    Tolerance(
        "content.date-with-time", "a date followed by a time, or by milliseconds", "BG SG", True
    ),
    Tolerance(
        "content.date-time-form",
        "fractions, no seconds, or `t`, `z`, space in a date-time",
        "CY",
        True,
    ),
    Tolerance(
        "content.date-time-offset", "an offset as `+0200`, `+02` or `+0`", "official vectors", True
    ),
    Tolerance(
        "content.date-time-zone",
        "a date-time without a zone, read as UTC",
        "official vectors",
        True,
    ),
    Tolerance("content.date", "a date that does not exist or cannot be read", "", False),
    Tolerance("content.date-order", "a recovery whose validity ends before it starts", "ES", True),
    Tolerance("content.whole-float", "`dn` or `sd` as a whole floating-point number", "IE", True),
    Tolerance(
        "content.dose-limit", "a dose number above 9 before release 1.3.0", "official vectors", True
    ),
    Tolerance("content.length", "a text longer than the release admits", "HU", True),
    Tolerance(
        "content.value-set",
        "a code beyond the value sets at hand (they changed weekly)",
        "ES HU",
        True,
    ),
    Tolerance(
        "content.product",
        "a kind of vaccine or a manufacturer that is not the product's",
        "BE BG CY ES FI HR IS",
        True,
    ),
    Tolerance(
        "content.uvci",
        "a UVCI not of the form `URN:UVCI:01:CC:...`",
        "BE BG CY CZ DE ES FI GR HR IS",
        True,
    ),
    Tolerance("content.several-events", "more than one event", "RO/2, SK/3", False),
    Tolerance("content.no-event", "no event at all", "", False),
    Tolerance("content.older-shape", "an ICVP in an older shape (A1, A2, B0)", "test passes", True),
    Tolerance(
        "content.field-missing",
        "an ICVP without a field that its shape requires and a verifier can do without",
        "WHO's test passes",
        True,
    ),
    Tolerance(
        "content.issued-early",
        "an ICVP issued before 2025-09-19, when the regulations began to admit it",
        "WHO's test passes",
        True,
    ),
    Tolerance(
        "content.several-doses", "an ICVP of several doses, as its shape A2 allowed", "", True
    ),
    Tolerance(
        "content.version-ambiguous",
        "an ICVP whose version is not known: read as the latest, and the check `UNKNOWN`",
        "",
        True,
    ),
    Tolerance(
        "content.link-form",
        "a link stated as an object or a list, without its scheme, or several of them",
        "WHO's validator, IHE",
        True,
    ),
    Tolerance(
        "content.link-member",
        "a member of a link in another form, of another name, or too long",
        "IHE, HL7 and WHO's examples",
        True,
    ),
    Tolerance(
        "content.link-key", "a link without a key, or with one that is not 32 bytes", "IHE", True
    ),
    Tolerance("content.schema", "any other breach of the schema of the pass's release", "", False),
    Tolerance("qr.mode", "a QR code in a mode other than alphanumeric (Q2)", "CY", True),
)

TOLERANCES: Final[Mapping[str, Tolerance]] = MappingProxyType({row.name: row for row in _TABLE})
"""Every tolerance by its name."""

STRICT: Final[frozenset[str]] = frozenset()
"""Grants nothing: the specification to the letter."""

FIELD: Final[frozenset[str]] = frozenset(row.name for row in _TABLE if row.granted_by_field)
"""Grants what real passes were found to need; the default."""

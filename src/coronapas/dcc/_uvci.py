"""The unique vaccination certificate identifier: making, reading and comparing UVCIs.

Implements the eHealth Network's guidelines on verifiable vaccination certificates, annex 2 (as
transcribed publicly): ``URN:UVCI:01:<country>:`` and then one of three forms, ``<opaque>``,
``<issuer>/<opaque>`` or ``<issuer>/<vaccine>/<opaque>``, with ``#`` and a checksum where one is
wanted.

Making is strict and reading is tolerant. A checksum never decides whether a pass is valid: issuers
compute it in many ways, and most checksums in the public test data do not hold.

An identifier is the holder's: no error and no `repr` here shows one.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from string import ascii_uppercase, digits
from typing import Final

from coronapas.errors import Fault, FaultsError

MAX_LENGTH: Final = 80
"""Characters that a UVCI may have, inclusive, prefix and checksum counted (DCC schema, ``ci``)."""

OPAQUE_LENGTH: Final = 22
"""Characters of an opaque part that `make` draws: 22 characters of 32 kinds, 110 bits of entropy.

The guidelines call 27 to 30 characters ideal. Whether ``URN:UVCI:`` counts is uncertain; here it
does not, as 30 characters with it would leave 15 for the opaque part (77.5 bits at most). So an
identifier without issuer is 28 characters long from its version on, 30 with a checksum (37 and 39
with the prefix). The 32 kinds are the letters and digits without 0, 1, I and O, which people
misread.
"""

_ALPHABET: Final = ascii_uppercase + digits + "/:"
_SINGLE: Final = {char: point for point, char in enumerate(_ALPHABET)}
_DOUBLED: Final = {char: sum(divmod(2 * point, 38)) for char, point in _SINGLE.items()}

# 32 divides 256, so that a random byte gives each of the kinds with the same probability.
_DRAWN: Final = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789" * 8

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_PART: Final = re.compile(r"[A-Z0-9]+")
# Seen in official data: no prefix, URN:UCI, dgci, V1 for 01, no separator or another one. What
# follows the country has a letter or a digit: a separator alone is no value.
_TOLERANT: Final = re.compile(
    r"(?:(?:URN[:#/])?(?:UV?CI|DGCI)[:#/])?(01|V1)[:#/ ]?([A-Z]{2})[:#/]?"
    r"(?=[!-~]*[A-Z0-9])([!-~]+)",
    re.ASCII | re.IGNORECASE,
)


class UvciForm(StrEnum):
    """How much an identifier says besides its country."""

    OPAQUE = "opaque"
    ISSUER = "issuer"
    VACCINE = "vaccine"


@dataclass(frozen=True, slots=True)
class Uvci:
    """An identifier that was read.

    `country` is the ISO 3166-1 alpha-2 code in capitals, not held against any list; `version` is
    ``01`` (or ``V1``, as some issuers write it). `issuer` and `vaccine` are None where the form has
    none. The parts and `checksum` stand as written; `checksum` is one character, or None. `text` is
    the whole as written, without white space around it.
    """

    country: str
    form: UvciForm
    """How much it says besides its country."""
    version: str = field(repr=False)
    issuer: str | None = field(repr=False)
    vaccine: str | None = field(repr=False)
    opaque: str = field(repr=False)
    """The opaque unique string."""
    checksum: str | None = field(repr=False)
    text: str = field(repr=False)

    @property
    def canonical(self) -> str:
        """The identifier in capitals, with its full prefix and without a checksum."""
        parts = (part for part in (self.issuer, self.vaccine, self.opaque) if part is not None)
        return f"URN:UVCI:{self.version}:{self.country}:{'/'.join(parts)}".upper()


def make(
    country: str,
    *,
    issuer: str | None = None,
    vaccine: str | None = None,
    opaque: str | None = None,
    checksum: bool = False,
) -> str:
    """Make an identifier, by default one that says nothing but its country.

    `country` is two capitals; the other parts are A-Z and 0-9. Without `opaque`, one is drawn from
    the operating system's randomness (`OPAQUE_LENGTH`). `vaccine` needs an `issuer` before it. The
    result has at most `MAX_LENGTH` characters, inclusive.

    Raises `FaultsError` with every fault; the fields are ``country``, ``issuer``, ``vaccine``,
    ``opaque`` and, for the whole, ``uvci``.
    """
    faults = _part_faults(country, issuer, vaccine, opaque)
    parts = [part for part in (issuer, vaccine) if part is not None]
    parts.append(_random_opaque() if opaque is None else opaque)
    text = f"URN:UVCI:01:{country}:{'/'.join(parts)}"
    if len(text) + 2 * checksum > MAX_LENGTH:
        faults.append(
            Fault(
                "uvci",
                "uvci.too-long",
                f"The identifier would have more than {MAX_LENGTH} characters.",
                "Shorten the issuer, the vaccine or the opaque part.",
            )
        )
    if faults:
        raise FaultsError(faults)
    return f"{text}#{_check_character(text)}" if checksum else text


def parse(text: str) -> Uvci:
    """Read an identifier as countries write it.

    Forgiven: lower case, white space around it, a prefix that is missing or is ``URN:UCI`` or
    ``dgci``, ``V1`` for ``01``, and missing separators or ``#`` and ``/`` in their place. What
    follows the country is split at ``/`` into the parts of a form; where it fits none, all of it is
    opaque. A last character after ``#`` is the checksum; it is neither needed nor checked
    (`checksum_holds`).

    Raises `FaultsError` (field ``uvci``) for text longer than `MAX_LENGTH`, or without version,
    country and, after them, something with a letter or a digit.
    """
    trimmed = text.strip()
    if len(trimmed) > MAX_LENGTH:
        raise FaultsError(
            [
                Fault(
                    "uvci",
                    "uvci.too-long",
                    f"The identifier has more than {MAX_LENGTH} characters.",
                    "Give the identifier alone.",
                )
            ]
        )
    body, check = _split_checksum(trimmed)
    match = _TOLERANT.fullmatch(body)
    if match is None:
        raise FaultsError(
            [
                Fault(
                    "uvci",
                    "uvci.unreadable",
                    "The text is no identifier: version 01, a country and a value are needed.",
                    "Write it as URN:UVCI:01:<country>:<value>.",
                )
            ]
        )
    version, country, rest = match.groups()
    parts = rest.split("/")
    if len(parts) > len(UvciForm) or not all(parts):
        parts = [rest]
    form = tuple(UvciForm)[len(parts) - 1]
    return Uvci(
        country=country.upper(),
        form=form,
        version=version.upper(),
        issuer=parts[0] if form is not UvciForm.OPAQUE else None,
        vaccine=parts[1] if form is UvciForm.VACCINE else None,
        opaque=parts[-1],
        checksum=check,
        text=trimmed,
    )


def checksum(text: str) -> str:
    """The check character of an identifier: Luhn mod 38 over the whole of it, prefix and all.

    Computed over capitals and without white space around them; a checksum that `text` already has
    is left out. Raises `FaultsError` (field ``uvci``) where a character is none of A-Z, 0-9, ``/``,
    ``:``.
    """
    body, _ = _split_checksum(text.strip())
    try:
        return _check_character(body.upper())
    except KeyError:
        raise FaultsError(
            [
                Fault(
                    "uvci",
                    "uvci.checksum-alphabet",
                    "A character has no place in the checksum's alphabet.",
                    "Use A-Z, 0-9, / and : alone.",
                )
            ]
        ) from None


def checksum_holds(text: str) -> bool | None:
    """Whether the identifier's checksum is the computed one; None where it has no checksum.

    False is no reason to refuse a pass. It is also the answer where none can be computed.
    """
    body, check = _split_checksum(text.strip())
    if check is None:
        return None
    try:
        return _check_character(body.upper()) == check.upper()
    except KeyError:
        return False


def normalise(text: str) -> str:
    """The form in which identifiers are compared: capitals, full prefix, no checksum.

    Text that `parse` refuses is put in capitals without white space around it or a checksum;
    nothing is ever raised.
    """
    try:
        return parse(text).canonical
    except FaultsError:
        return _split_checksum(text.strip())[0].upper()


def same(a: str, b: str) -> bool:
    """Whether two texts are one identifier, whatever their case, prefix and checksum."""
    return normalise(a) == normalise(b)


def _check_character(text: str) -> str:
    total = sum(map(_DOUBLED.__getitem__, text[::-2])) + sum(map(_SINGLE.__getitem__, text[-2::-2]))
    return _ALPHABET[-total % 38]


def _split_checksum(text: str) -> tuple[str, str | None]:
    # From the end and not at the first `#`: some issuers separate the parts with it, and it occurs
    # as a check character too.
    return (text[:-2], text[-1]) if text[-2:-1] == "#" else (text.removesuffix("#"), None)


def opaque_of(drawn: bytes) -> str:
    """Return the opaque part that bytes stand for, a character for each: five bits of it count."""
    return drawn.translate(_DRAWN).decode()


def _random_opaque() -> str:
    return opaque_of(secrets.token_bytes(OPAQUE_LENGTH))


def _part_faults(
    country: str, issuer: str | None, vaccine: str | None, opaque: str | None
) -> list[Fault]:
    faults = []
    if not _COUNTRY.fullmatch(country):
        faults.append(
            Fault(
                "country",
                "uvci.country",
                "The country is no pair of capitals.",
                "Give the ISO 3166-1 alpha-2 code, such as DK.",
            )
        )
    if vaccine is not None and issuer is None:
        faults.append(
            Fault(
                "issuer",
                "uvci.issuer-missing",
                "A vaccine cannot stand without an issuer.",
                "Give the issuer, or leave the vaccine out.",
            )
        )
    for name, part in (("issuer", issuer), ("vaccine", vaccine), ("opaque", opaque)):
        if part is not None and not _PART.fullmatch(part):
            faults.append(
                Fault(
                    name,
                    f"uvci.{name}",
                    "The part is empty, or has characters besides A-Z and 0-9.",
                    "Use capitals and digits alone.",
                )
            )
    return faults

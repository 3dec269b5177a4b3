"""One file in the EU's test-vector format (eu-digital-green-certificates/dgc-testdata).

A vector is a JSON object with a pass at several layers (``JSON``, ``CBOR`` … ``2DCODE``), what is
needed to judge it (``TESTCTX``) and what each step must do (``EXPECTEDRESULTS``). Files of many
countries depart from the format in small ways. These are read as well: a byte-order mark,
``EXPECTEDRESULTS`` inside ``EXPECTEDRESULTS``, null or empty text for an input that is absent,
white space in hexadecimal, any form of certificate, clocks with and without zone and fractions.

Reading a file decides only whether it is a vector. An input is opened when it is asked for, so that
one that cannot be opened makes the steps fail that need it, and no others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import _json
from coronapas.dcc._text import read_moment
from coronapas.errors import CoronapasError
from coronapas.trust import Certificate

if TYPE_CHECKING:
    from datetime import datetime

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest file that is read, in bytes, inclusive."""

EXTENSION: Final = "CORONAPAS"
"""The key of this project's own expectations (``schemas/test-vector.schema.json``)."""

MAX_DEPTH: Final = 64
"""How deep the JSON may nest, inclusive; a vaccination's field stands at depth 4."""

_RESULTS: Final = "EXPECTEDRESULTS"
_DEEPEST: Final = 4
_SHOWN_NAME: Final = 60


class NotAVectorError(CoronapasError, ValueError):
    """A file that is not a test vector; the message says why."""


class VectorInputError(CoronapasError, ValueError):
    """An input of a vector that is there and cannot be opened."""


class Statement(NamedTuple):
    """One entry of EXPECTEDRESULTS: its name and what it says, which may be no boolean."""

    name: str
    """The expectation's name."""
    value: object
    """What the file says of it."""


@dataclass(frozen=True, slots=True)
class TestVector:
    """One test vector. `name` is its path, `document` the file as JSON.

    The properties give an input opened, and None where it is absent (missing, null or empty); they
    raise VectorInputError where it is there and cannot be opened.
    """

    __test__ = False  # pytest would collect the class by its name

    name: str
    document: Mapping[str, Any] = field(repr=False)

    @property
    def json(self) -> Mapping[str, Any] | None:
        """The DCC as JSON."""
        return _object(self.document, "JSON")

    @property
    def cbor(self) -> bytes | None:
        """The CBOR of the DCC, in some files of the whole CWT."""
        return _hexadecimal(self.document, "CBOR")

    @property
    def cose(self) -> bytes | None:
        """The COSE_Sign1 message."""
        return _hexadecimal(self.document, "COSE")

    @property
    def compressed(self) -> bytes | None:
        """The compressed message."""
        return _hexadecimal(self.document, "COMPRESSED")

    @property
    def base45(self) -> str | None:
        """The Base45 text without its prefix."""
        return _text(self.document, "BASE45")

    @property
    def prefix(self) -> str | None:
        """The whole text of the pass."""
        return _text(self.document, "PREFIX")

    @property
    def picture(self) -> bytes | None:
        """The image file with the QR code."""
        text = _text(self.document, "2DCODE")
        if text is None:
            return None
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise VectorInputError("2DCODE is not base64") from error

    @property
    def schema(self) -> str | None:
        """The release of the DCC schema by which the JSON is judged."""
        return _text(self._context, "SCHEMA")

    @property
    def certificate(self) -> Certificate | None:
        """The DSC; raises KeyMaterialError where it is not a certificate."""
        text = _text(self._context, "CERTIFICATE")
        return None if text is None else Certificate.load(text)

    @property
    def clock(self) -> datetime | None:
        """The moment of the check; without a zone it is UTC."""
        text = _text(self._context, "VALIDATIONCLOCK")
        return None if text is None else moment(text)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Every entry of EXPECTEDRESULTS in its order, also those that nobody understands.

        Where EXPECTEDRESULTS holds another one, the entries of both count.
        """
        return tuple(_statements(self.document[_RESULTS], 0))

    @property
    def extension(self) -> object:
        """What the file says under ``CORONAPAS``; None where it says nothing."""
        return self.document.get(EXTENSION)

    @property
    def _context(self) -> Mapping[str, Any]:
        return _object(self.document, "TESTCTX") or {}


def read(data: bytes, name: str = "") -> TestVector:
    """Read a vector from the content of a file; `name` is what reports call it.

    Raises:
        NotAVectorError: It is not a JSON object with EXPECTEDRESULTS.

    """
    try:
        # Of a member that stands twice the last counts, and texts may be such as no CBOR can hold:
        # the files are judged, not believed.
        document = _json.load(
            data, limit=MAX_BYTES, depth=MAX_DEPTH, keep_doubled=True, half_pairs=True
        )
    except _json.JsonError as error:
        match error.reason:
            case "too-large":
                problem = f"the file has more than {MAX_BYTES} bytes"
            case "too-deep":
                problem = f"the JSON nests deeper than {MAX_DEPTH}"
            case _:
                problem = "the file is not JSON"
        raise NotAVectorError(problem) from None
    if not isinstance(document, dict) or not isinstance(document.get(_RESULTS), dict):
        raise NotAVectorError("the file has no EXPECTEDRESULTS")
    return TestVector(name, document)


def moment(text: str) -> datetime:
    """Read a moment in any of the forms that vectors use; UTC where it has no zone.

    Raises:
        VectorInputError: It is not a moment.

    """
    found = read_moment(text.strip())[0]
    if found is None:
        raise VectorInputError("the clock is not a date-time")
    return found


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = document.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        raise VectorInputError(f"{key} must be an object, got {type(value).__name__}")
    return value


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise VectorInputError(f"{key} must be a string, got {type(value).__name__}")
    return value


def _hexadecimal(document: Mapping[str, Any], key: str) -> bytes | None:
    text = _text(document, key)
    if text is None:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise VectorInputError(f"{key} is not hexadecimal") from error


def _statements(entries: Mapping[str, Any], depth: int) -> list[Statement]:
    found: list[Statement] = []
    for name, value in entries.items():
        if name == _RESULTS and isinstance(value, dict) and depth < _DEEPEST:
            found += _statements(value, depth + 1)
        else:
            found.append(Statement(name if len(name) <= _SHOWN_NAME else f"{name[:57]}...", value))
    return found

"""Test vectors (eu-digital-green-certificates/dgc-testdata), and what they expect.

There is a function for each expectation, on the library's own layers alone. It returns None where
its step holds and otherwise the reason why it does not. An error in the step is such a reason:
`judge` turns it into one, so that nothing hostile in a vector stops a run. A step is judged on its
inputs alone; a vector that lacks one of them says nothing about the step.

Two decoded payloads mean the same (RFC 8949, section 5.6) whatever the order of their maps; strings
are compared in Unicode's form NFC, numbers by value (2 equals 2.0, but not true), and two
date-times are equal when they are the same instant in whole seconds: a vector's JSON may state its
times in another zone than its CBOR.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypeVar,
)

from coronapas import _json
from coronapas.dcc import _reader as reader
from coronapas.dcc import _schema as schema
from coronapas.dcc._text import normal, read_moment
from coronapas.errors import CoronapasError, MissingExtraError, ScanError
from coronapas.facts import _json as facts_json
from coronapas.hcert import (
    PREFIX,
)
from coronapas.hcert import (
    _base45 as base45,
)
from coronapas.hcert import (
    _cbor as cbor,
)
from coronapas.hcert import (
    _compression as compression,
)
from coronapas.hcert import (
    _cose as cose,
)
from coronapas.hcert import (
    _cwt as cwt,
)
from coronapas.tolerances import FIELD, STRICT, TOLERANCES
from coronapas.trust import Certificate, TrustStore
from coronapas.trust._certificate import VerifyingKey
from coronapas.verify import Verifier

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.tolerances import Deviation

# One file in the EU's test-vector format (eu-digital-green-certificates/dgc-testdata).
#
# A vector is a JSON object with a pass at several layers (``JSON``, ``CBOR`` … ``2DCODE``), what is
# needed to judge it (``TESTCTX``) and what each step must do (``EXPECTEDRESULTS``). Files of many
# countries depart from the format in small ways. These are read as well: a byte-order mark,
# ``EXPECTEDRESULTS`` inside ``EXPECTEDRESULTS``, null or empty text for an input that is absent,
# white space in hexadecimal, any form of certificate, clocks with and without zone and fractions.
#
# Reading a file decides only whether it is a vector. An input is opened when it is asked for, so
# that one that cannot be opened makes the steps fail that need it, and no others.

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


def difference(one: object, other: object, path: str = "") -> str | None:
    """Return the path of the first difference, or None where both mean the same.

    The root's path is ``the whole``. Only names of fields go into a path, never values.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _of_maps(one, other, path)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return path or "the whole"
        steps = (
            difference(a, b, f"{path}.{index}" if path else str(index))
            for index, (a, b) in enumerate(zip(one, other, strict=True))
        )
        return next((found for found in steps if found is not None), None)
    return None if _same_value(one, other) else path or "the whole"


def _of_maps(one: Mapping[object, object], other: Mapping[object, object], path: str) -> str | None:
    for key in [*one, *(key for key in other if key not in one)]:
        below = f"{path}.{key}" if path else str(key)
        if key not in one or key not in other:
            return below
        found = difference(one[key], other[key], below)
        if found is not None:
            return found
    return None


def _same_value(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _same_text(one, other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


def _same_text(one: str, other: str) -> bool:
    if one == other or normal(one) == normal(other):
        return True
    moments = read_moment(one)[0], read_moment(other)[0]
    if moments[0] is None or moments[1] is None:
        return False
    return moments[0].replace(microsecond=0) == moments[1].replace(microsecond=0)


T = TypeVar("T")


class MissingInputError(CoronapasError):
    """An input without which a step cannot be judged is absent; the message names it."""


def _valid_object(vector: TestVector) -> str | None:
    release = _need(vector.schema, "SCHEMA")
    document = _need(vector.json, "JSON")
    if schema.version_number(release) is None:
        raise MissingInputError("SCHEMA names no release")
    return _violation(document, release)


def _encode(vector: TestVector) -> str | None:
    document, stated = _need(vector.json, "JSON"), _need(vector.cbor, "CBOR")
    encoded, _ = cbor.load(cbor.dump(document))
    return _different(encoded, _dcc_in(stated), "the JSON in CBOR", "CBOR")


def _picture(vector: TestVector) -> str | None:
    from coronapas.presentation import scan

    text, picture = _need(vector.prefix, "PREFIX"), _need(vector.picture, "2DCODE")
    if any(found.text == text for found in scan(picture)):
        return None
    return "the QR code holds another text than PREFIX"


def _unprefix(vector: TestVector) -> str | None:
    text, body = _need(vector.prefix, "PREFIX"), _need(vector.base45, "BASE45")
    return None if text == PREFIX + body else f"PREFIX is not {PREFIX} and BASE45"


def _base45(vector: TestVector) -> str | None:
    body, compressed = _need(vector.base45, "BASE45"), _need(vector.compressed, "COMPRESSED")
    return None if base45.decode(body) == compressed else "BASE45 decodes to other bytes"


def _compression(vector: TestVector) -> str | None:
    compressed, message = _need(vector.compressed, "COMPRESSED"), _need(vector.cose, "COSE")
    return None if compression.inflate(compressed) == message else "COMPRESSED inflates to others"


def _verify(vector: TestVector) -> str | None:
    data, certificate = _need(vector.cose, "COSE"), _certificate(vector)
    message = cose.read(data)
    if message.kid is None:
        return "the message names no key"
    if message.kid != certificate.kid:
        return f"the kid {message.kid.hex()} is not the certificate's {certificate.kid.hex()}"
    return VerifyingKey(certificate).fault(message)


def _decode(vector: TestVector) -> str | None:
    document, dcc = _need(vector.json, "JSON"), _dcc_of(_claims(vector))
    found = _different(dcc, document, "the DCC in COSE", "JSON")
    if found is None and vector.cbor is not None:
        found = _different(dcc, _dcc_in(vector.cbor), "the DCC in COSE", "CBOR")
    return found


def _valid_json(vector: TestVector) -> str | None:
    stated, document = _need(vector.cbor, "CBOR"), _need(vector.json, "JSON")
    return _different(_dcc_in(stated), document, "CBOR", "JSON")


def _schema_validation(vector: TestVector) -> str | None:
    if vector.cose is None:
        dcc: object = _need(vector.json, "the DCC, in COSE or JSON,")
    else:
        dcc = _dcc_of(_claims(vector))
    fault = schema.groups_fault(dcc)
    return _violation(dcc, None) if fault is None else f"{fault.path} {fault.problem}".strip()


def _expiration(vector: TestVector) -> str | None:
    certificate, clock = _certificate(vector), _need(vector.clock, "VALIDATIONCLOCK")
    claims = _claims(vector)
    names = ("the certificate's start", "iat", "the clock", "exp", "the certificate's end")
    times = (
        *(certificate.not_before_ts, claims.issued_at),
        *(clock.timestamp(), claims.expires, certificate.not_after_ts),
    )
    for name, time in zip(names, times, strict=True):
        if time is None:
            return f"{name} is not stated"
    for place in range(len(times) - 1):
        earlier, later = times[place], times[place + 1]
        if earlier is not None and later is not None and earlier > later:
            return f"{names[place]} is after {names[place + 1]}"
    return None


def _key_usage(vector: TestVector) -> str | None:
    certificate, dcc = _certificate(vector), _dcc_of(_claims(vector))
    kind = reader.kind_of(dcc)
    if kind is None:
        return "the DCC is of no kind, or of several"
    return None if certificate.may_sign(kind) else f"the certificate may not sign a {kind} pass"


EXPECTATIONS: Final[Mapping[str, Callable[[TestVector], str | None]]] = MappingProxyType(
    {
        "EXPECTEDVALIDOBJECT": _valid_object,
        "EXPECTEDENCODE": _encode,
        "EXPECTEDPICTUREDECODE": _picture,
        "EXPECTEDUNPREFIX": _unprefix,
        "EXPECTEDB45DECODE": _base45,
        "EXPECTEDCOMPRESSION": _compression,
        "EXPECTEDVERIFY": _verify,
        "EXPECTEDDECODE": _decode,
        "EXPECTEDVALIDJSON": _valid_json,
        "EXPECTEDSCHEMAVALIDATION": _schema_validation,
        "EXPECTEDEXPIRATIONCHECK": _expiration,
        "EXPECTEDKEYUSAGE": _key_usage,
    }
)
"""Every expectation by its name, in the order of the layers from the payload outwards and back."""


class Judgement(NamedTuple):
    """Whether a step holds (None where that cannot be judged), and why not."""

    holds: bool | None
    reason: str


def judge(step: Callable[[TestVector], str | None], vector: TestVector) -> Judgement:
    """Judge one step of one vector; never raises, whatever the vector holds."""
    try:
        fault = step(vector)
    except MissingInputError as missing:
        return Judgement(None, f"not judged: {missing}")
    except MissingExtraError as missing:
        return Judgement(None, f"not judged: {missing}")
    # A step that meets what it cannot read does not hold; the library's errors name no values.
    except CoronapasError as error:
        return Judgement(False, str(error))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return Judgement(False, type(error).__name__)
    return Judgement(fault is None, fault or "")


def _need(value: T | None, name: str) -> T:
    if value is None:
        raise MissingInputError(f"{name} is absent")
    return value


def _certificate(vector: TestVector) -> Certificate:
    return _need(vector.certificate, "CERTIFICATE")


def _claims(vector: TestVector) -> cwt.Claims:
    return cwt.read(cose.read(_need(vector.cose, "COSE")).payload)


def _dcc_of(claims: cwt.Claims) -> Any:
    if claims.hcert is None or cwt.DCC not in claims.hcert:
        raise VectorInputError("the claims hold no DCC")
    return claims.hcert[cwt.DCC]


def _dcc_in(data: bytes) -> Any:
    """Return the DCC in a vector's CBOR: in some files the DCC alone, in others the whole CWT."""
    item, _ = cbor.load(data)
    if isinstance(item, Mapping) and cwt.HCERT in item:
        return _dcc_of(cwt.read(data))
    return item


def _violation(dcc: object, release: str | None) -> str | None:
    found = schema.violations(dcc, release)
    return f"{found[0].path or 'the whole'}: {found[0].problem}" if found else None


def _different(one: object, other: object, one_name: str, other_name: str) -> str | None:
    place = difference(one, other)
    return None if place is None else f"{one_name} and {other_name} differ at {place}"


# The one extension of the test-vector format: what the library's own verifier must find.
#
# The EU's expectations judge single steps. They cannot say that a positive test is refused (DGC7),
# that a QR code is in the wrong mode (Q2), or which tolerance a pass needs. A vector may therefore
# state under ``CORONAPAS`` one or several runs of the `Verifier`;
# ``schemas/test-vector.schema.json`` has the form, and ``docs/explanation/conformance.md`` explains
# it.


NAME: Final = f"{EXTENSION}.verify"
"""The name under which a run is counted; of several, each has its number from 1 behind it."""

_FIELDS: Final = frozenset(
    ("ok", "failures", "deviations", "tolerate", "at", "from", "kid", "facts")
)
_CODE: Final = re.compile(r"[a-z0-9]+([.][a-z0-9-]+)+")
_HEXADECIMAL: Final = re.compile("([0-9A-Fa-f]{2})*")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PRESETS: Final = {"field": FIELD, "strict": STRICT}


class NotUnderstoodError(CoronapasError, ValueError):
    """A part of the extension that does not follow its schema; the message says which."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One run of the verifier and what it must find; None is what is not looked at.

    `failures` and `deviations` are codes. `at` of None means the vector's clock, `kid` of None the
    certificate's own.
    """

    ok: bool
    failures: frozenset[str] | None = None
    deviations: frozenset[str] | None = None
    tolerate: frozenset[str] = FIELD
    at: datetime | None = None
    from_picture: bool = False
    kid: bytes | None = None
    facts: Mapping[str, Any] | None = field(default=None, repr=False)

    def __call__(self, vector: TestVector) -> str | None:
        """Run the verifier: None where it finds what is expected, else the first thing amiss."""
        certificate, at = vector.certificate, self.at or vector.clock
        if certificate is None or at is None:
            raise MissingInputError("CERTIFICATE or VALIDATIONCLOCK is absent")
        trust = TrustStore([Certificate.load(certificate, kid=self.kid)])
        found: tuple[Deviation, ...] = ()
        try:
            text, found = self._text(vector)
        except ScanError as error:
            return self._compare(False, {error.code}, set(), None)
        verification = Verifier(trust, tolerate=self.tolerate).verify(text, at=at)
        deviations = {deviation.code for deviation in (*found, *verification.deviations)}
        refused = {deviation.code for deviation in found} - self.tolerate
        facts = verification.facts
        return self._compare(
            verification.ok and not refused,
            refused | {check.code for check in verification.failures},
            deviations,
            None if facts is None else facts_json.to_json(facts.holder, facts.event),
        )

    def _text(self, vector: TestVector) -> tuple[str, tuple[Deviation, ...]]:
        if not self.from_picture:
            if vector.prefix is None:
                raise MissingInputError("PREFIX is absent")
            return vector.prefix, ()
        if vector.picture is None:
            raise MissingInputError("2DCODE is absent")
        from coronapas.presentation import scan

        found = scan(vector.picture)
        if len(found) != 1:
            raise VectorInputError(f"the picture holds {len(found)} QR codes, not one")
        return found[0].text, found[0].deviations

    def _compare(
        self,
        ok: bool,
        failures: Collection[str],
        deviations: Collection[str],
        facts: Mapping[str, Any] | None,
    ) -> str | None:
        if ok is not self.ok:
            return f"the pass is {'ok' if ok else f'not ok: {_list(failures)}'}"
        if self.failures is not None and self.failures != set(failures):
            return f"the failures are {_list(failures)}, not {_list(self.failures)}"
        if self.deviations is not None and self.deviations != set(deviations):
            return f"the deviations are {_list(deviations)}, not {_list(self.deviations)}"
        if self.facts is None:
            return None
        if facts is None:
            return "no facts can be read"
        place = difference(self.facts, facts)
        return None if place is None else f"the facts differ at {place}"


def expected(extension: object) -> tuple[tuple[str, Expected], ...]:
    """Return the runs that a vector's extension asks for, with the names that count them.

    Raises NotUnderstoodError where it does not follow the schema.
    """
    if not isinstance(extension, Mapping) or extension.keys() != {"verify"}:
        raise NotUnderstoodError(f"{EXTENSION} must be an object with verify alone")
    stated = extension["verify"]
    if isinstance(stated, Mapping):
        return ((NAME, _expected(stated)),)
    if not isinstance(stated, list) or not stated:
        raise NotUnderstoodError("verify must be an object, or a list of at least one")
    return tuple(
        (f"{NAME}.{number}", _expected(each)) for number, each in enumerate(stated, start=1)
    )


def _expected(stated: object) -> Expected:
    if not isinstance(stated, Mapping):
        raise NotUnderstoodError("verify must hold objects")
    if not stated.keys() <= _FIELDS:
        raise NotUnderstoodError(f"verify knows {', '.join(sorted(_FIELDS))} alone")
    if not isinstance(stated.get("ok"), bool):
        raise NotUnderstoodError("ok must be true or false")
    source, facts = stated.get("from", "text"), stated.get("facts")
    if source not in ("text", "picture"):
        raise NotUnderstoodError("from must be text or picture")
    if "facts" in stated and not isinstance(facts, Mapping):
        raise NotUnderstoodError("facts must be an object")
    return Expected(
        ok=stated["ok"],
        failures=_codes(stated, "failures"),
        deviations=_codes(stated, "deviations"),
        tolerate=_tolerances(stated.get("tolerate", "field")),
        at=_at(stated),
        from_picture=source == "picture",
        kid=_kid(stated),
        facts=facts,
    )


def _codes(stated: Mapping[str, Any], name: str) -> frozenset[str] | None:
    if name not in stated:
        return None
    codes = stated[name]
    if not isinstance(codes, list) or not all(
        isinstance(code, str) and _CODE.fullmatch(code) for code in codes
    ):
        raise NotUnderstoodError(f"{name} must be a list of codes")
    if len(set(codes)) < len(codes):
        raise NotUnderstoodError(f"{name} must state each code once")
    return frozenset(codes)


def _tolerances(stated: object) -> frozenset[str]:
    if isinstance(stated, str) and stated in _PRESETS:
        return _PRESETS[stated]
    if not isinstance(stated, list) or not all(
        isinstance(name, str) and (name in TOLERANCES or name == "field") for name in stated
    ):
        raise NotUnderstoodError("tolerate must be field, strict, or a list of tolerances")
    if len(set(stated)) < len(stated):
        raise NotUnderstoodError("tolerate must state each tolerance once")
    return frozenset(stated) - {"field"} | (FIELD if "field" in stated else STRICT)


def _at(stated: Mapping[str, Any]) -> datetime | None:
    if "at" not in stated:
        return None
    try:
        if isinstance(stated["at"], str) and _MOMENT.fullmatch(stated["at"]):
            return moment(stated["at"])
    except VectorInputError:
        pass
    raise NotUnderstoodError("at must be a date-time")


def _kid(stated: Mapping[str, Any]) -> bytes | None:
    if "kid" not in stated:
        return None
    kid = stated["kid"]
    if not isinstance(kid, str) or not _HEXADECIMAL.fullmatch(kid):
        raise NotUnderstoodError("kid must be hexadecimal")
    return bytes.fromhex(kid)


def _list(codes: Collection[str]) -> str:
    return ", ".join(sorted(codes)) or "none"

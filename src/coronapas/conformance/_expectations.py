"""What each expectation of a test vector means (eu-digital-green-certificates/dgc-testdata).

There is a function for each, on the library's own layers alone. It returns None where its step
holds and otherwise the reason why it does not. An error in the step is such a reason: `judge` turns
it into one, so that nothing hostile in a vector stops a run. A step is judged on its inputs alone;
a vector that lacks one of them says nothing about the step.

Two decoded payloads mean the same (RFC 8949, section 5.6) whatever the order of their maps; strings
are compared in Unicode's form NFC, numbers by value (2 equals 2.0, but not true), and two
date-times are equal when they are the same instant in whole seconds: a vector's JSON may state its
times in another zone than its CBOR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import (
    Any,
    Final,
    NamedTuple,
    TypeVar,
)

from coronapas.conformance._vectors import TestVector, VectorInputError
from coronapas.dcc import _reader as reader
from coronapas.dcc import _schema as schema
from coronapas.dcc._dates import read_moment
from coronapas.dcc._text import normal
from coronapas.errors import CoronapasError, MissingExtraError
from coronapas.hcert import PREFIX
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
from coronapas.trust import Certificate
from coronapas.trust._verifying_key import VerifyingKey


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

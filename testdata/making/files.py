"""Writing the vectors, and telling whether one that is there says the same already.

Two things differ from run to run or from machine to machine and mean nothing: the random salt of a
PS256 signature, and which of many correct ZLIB streams a compressor makes. A file that differs in
nothing else is left as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coronapas.errors import DecodeError
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _compression as compression
from coronapas.hcert import _cose as cose
from coronapas.trust import Certificate
from coronapas.trust._certificate import VerifyingKey

_WIRE = ("COSE", "COMPRESSED", "BASE45", "PREFIX", "2DCODE")


def write(path: Path, vector: dict[str, Any]) -> bool:
    """Write a vector unless the file says the same; True where it was written."""
    if path.exists() and same(json.loads(path.read_text("utf-8")), vector):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(vector, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", "utf-8")
    return True


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two vectors say the same: see `meaning`."""
    return meaning(one) == meaning(other)


def meaning(vector: dict[str, Any]) -> dict[str, Any]:
    """A vector with its wire layers opened as far as they can be.

    A PS256 signature becomes what the vector's certificate says of it, a ZLIB stream what it holds
    or why it cannot be read, a picture the fact that there is one: the conformance run reads it.
    """
    by = Certificate.load(vector["TESTCTX"]["CERTIFICATE"])
    body = vector["BASE45"]
    opened: dict[str, Any] = {
        "BASE45": _body(body, by),
        "PREFIX": vector["PREFIX"].replace(body, "(body)"),
    }
    if "COMPRESSED" in vector:
        opened["COMPRESSED"] = _stream(bytes.fromhex(vector["COMPRESSED"]), by)
    if "COSE" in vector:
        opened["COSE"] = _message(bytes.fromhex(vector["COSE"]), by)
    if "2DCODE" in vector:
        opened["2DCODE"] = bool(vector["2DCODE"])
    return {**{name: vector[name] for name in vector if name not in _WIRE}, **opened}


def _body(text: str, by: Certificate) -> object:
    try:
        return _stream(base45.decode(text), by)
    except DecodeError as error:
        return error.code


def _stream(data: bytes, by: Certificate) -> object:
    if not compression.looks_compressed(data):
        # Uncompressed, or a compressor's stream without its frame.
        return _message(data, by)
    try:
        return _message(compression.inflate(data), by)
    except DecodeError as error:
        return error.code


def _message(data: bytes, by: Certificate) -> object:
    try:
        message = cose.read(data)
    except DecodeError:
        return data
    if message.algorithm != cose.PS256:
        return data
    return message.protected, message.unprotected, message.payload, VerifyingKey(by).fault(message)

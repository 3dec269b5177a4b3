"""The German lists (CovPass): small signed files, fetched one by one as they are needed.

Every file is a COSE_Sign1 message, its payload CBOR:

- ``kid.lst``: ``{kid (8 bytes): {type: count}}``, the types being 0x0a SIGNATURE, 0x0b UCI, 0x0c
  COUNTRYCODEUCI;
- ``<kid><type>/index.lst`` (both in hexadecimal): ``{b1: [time, count, {b2: [time, count]}]}``,
  where b1 and b2 are the first and second byte of the hashes;
- ``<kid><type>/<b1>/chunk.lst``, or ``<kid><type>/<b1>/<b2>/chunk.lst`` where the index goes on to
  b2: ``[hash (16 bytes)]``.

Not every file has to be there: what is missing leaves a gap of just its kid, type and first bytes.
Keys of the maps are byte strings; whole numbers are read too. That the times are seconds since
1970 is recalled and was not checked [K]; they are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.errors import DecodeError, KeyMaterialError, RevocationListError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.revocation._hashes import HASH_LENGTH, HashType
from coronapas.revocation._list import (
    Batch,
    Gap,
    ListFormat,
    RevocationList,
    pack,
)
from coronapas.trust._certificate import VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from coronapas.revocation._list import Found, Part
    from coronapas.signing import Signer
    from coronapas.trust._certificate import Certificate

NAME: Final = "germany"
TYPES: Final = {
    0x0A: HashType.SIGNATURE,
    0x0B: HashType.UCI,
    0x0C: HashType.COUNTRYCODEUCI,
}

MAX_FILE: Final = 4 * 1024 * 1024
"""Larger files are refused unread, in bytes: enough for 240,000 hashes in one chunk."""

KID_LIST: Final = "kid.lst"


class _Place(NamedTuple):
    """Where a chunk is: under which kid and type, at which first bytes, with how many hashes."""

    kid: bytes
    type_code: int
    first: bytes
    size: int

    @property
    def path(self) -> str:
        steps = [f"{self.kid.hex()}{self.type_code:02x}", *(f"{byte:02x}" for byte in self.first)]
        return "/".join((*steps, "chunk.lst"))


def read(
    files: Mapping[str, bytes],
    key: Certificate,
    *,
    as_of: datetime,
    valid_until: datetime | None = None,
    source: str = "DE CovPass",
) -> RevocationList:
    """Return the list in `files`, by their paths, each signed with `key`'s key.

    `as_of` is when ``kid.lst`` was fetched; the files state no validity. Raises
    RevocationListError where ``kid.lst`` is missing or must not be believed; any other file that is
    missing, must not be believed, or does not match its index leaves a gap.
    """
    reader = _Reader(files, key)
    kids = _map(reader.payload(KID_LIST), KID_LIST)
    for kid, types in kids.items():
        if type(kid) is not bytes or len(kid) != cose.KID_LENGTH:
            raise RevocationListError(NAME, "malformed", f"a kid in {KID_LIST} must have 8 bytes")
        for code, count in _map(types, KID_LIST).items():
            reader.group(kid, _byte(code, KID_LIST), _count(count, KID_LIST))
    return RevocationList(
        source=source,
        as_of=as_of,
        valid_until=valid_until,
        batches=tuple(reader.batches),
        gaps=tuple(reader.gaps),
        form=NAME,
        signature="verified",
    )


def _recognise(data: bytes, content: Any) -> bool:
    return False  # the files of a list are told apart by their paths alone


def _read_parts(parts: Sequence[Part], pins: Sequence[Certificate]) -> Iterator[Found]:
    if len(pins) != 1:
        raise RevocationListError(NAME, "signer", "name the one key that signs German lists")
    files = {part.name: part for part in parts if part.name.endswith(".lst")}
    data = {name: part.data for name, part in files.items()}
    yield read(data, pins[0], as_of=files[KID_LIST].fetched), [files[KID_LIST], *parts[1:]]


class _Reader:
    """Collects batches and gaps while it goes through the files."""

    def __init__(self, files: Mapping[str, bytes], key: Certificate) -> None:
        try:
            self._key = VerifyingKey(key)
        except KeyMaterialError as error:
            raise RevocationListError(NAME, "signer", str(error)) from error
        self._files = files
        self._paths: set[str] = set()
        self.batches: list[Batch] = []
        self.gaps: list[Gap] = []

    def payload(self, path: str) -> Any:
        """Return what a file holds, its signature verified; no file may be named twice.

        The byte 0x0a and the number 10 are two keys of a map, and mean the same.
        """
        if path in self._paths:
            raise RevocationListError(NAME, "inconsistent", f"{path} stands twice")
        self._paths.add(path)
        data = self._files.get(path)
        if data is None:
            raise RevocationListError(NAME, "inconsistent", f"{path} is missing")
        if len(data) > MAX_FILE:
            raise RevocationListError(NAME, "too-large", f"{path} has more than {MAX_FILE} bytes")
        try:
            message = cose.read(data)
            if self._key.fault(message) is not None:
                raise RevocationListError(NAME, "signature", f"{path}: invalid signature")
            return cbor.load(message.payload)[0]
        except DecodeError as error:
            raise RevocationListError(NAME, "malformed", f"{path}: {error}") from error

    def group(self, kid: bytes, code: int, count: int) -> None:
        """All chunks of one kid and one type."""
        hash_type = TYPES.get(code)
        if hash_type is None:
            self.gaps.append(Gap(f"type {code:#04x} is unknown", kid))
            return
        path = f"{kid.hex()}{code:02x}/index.lst"
        try:
            places = list(_places(kid, code, self.payload(path), path))
        except RevocationListError as error:
            self.gaps.append(Gap(error.message, kid, hash_type))
            return
        if sum(place.size for place in places) != count:
            self.gaps.append(Gap(f"{path} is not of {KID_LIST}'s state", kid, hash_type))
        for place in places:
            self._chunk(place, hash_type)

    def _chunk(self, place: _Place, hash_type: HashType) -> None:
        def gap(reason: str) -> None:
            self.gaps.append(Gap(reason, place.kid, hash_type, place.first.hex(), place.path))

        try:
            hashes = self.payload(place.path)
        except RevocationListError as error:
            gap(error.message)
            return
        if not isinstance(hashes, list | tuple) or not all(
            type(value) is bytes and len(value) == HASH_LENGTH for value in hashes
        ):
            gap(f"{place.path} must hold hashes of 16 bytes")
            return
        if len(hashes) != place.size or not all(value.startswith(place.first) for value in hashes):
            gap(f"{place.path} is not of the index's state")
        self.batches.append(Batch(place.path, hash_type, pack(hashes), place.kid))


def _places(kid: bytes, code: int, index: Any, path: str) -> Iterator[_Place]:
    """Yield the chunks that an index names."""
    for first, entry in _map(index, path).items():
        if not isinstance(entry, list | tuple) or not 2 <= len(entry) <= 3:
            raise RevocationListError(NAME, "malformed", f"{path} holds a wrong entry")
        start = bytes((_byte(first, path),))
        deeper = _map(entry[2], path) if len(entry) == 3 and entry[2] is not None else {}
        if not deeper:
            yield _Place(kid, code, start, _count(entry[1], path))
        for second, inner in deeper.items():
            if not isinstance(inner, list | tuple) or len(inner) != 2:
                raise RevocationListError(NAME, "malformed", f"{path} holds a wrong entry")
            second_byte = bytes((_byte(second, path),))
            yield _Place(kid, code, start + second_byte, _count(inner[1], path))


def _map(value: Any, path: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise RevocationListError(NAME, "malformed", f"{path} must hold a map")
    return value


def _byte(value: Any, path: str) -> int:
    if type(value) is bytes and len(value) == 1:
        return value[0]
    if type(value) is int and 0 <= value <= 0xFF:
        return value
    raise RevocationListError(NAME, "malformed", f"{path} holds a key that is not a byte")


def _count(value: Any, path: str) -> int:
    if type(value) is int and value >= 0:
        return value
    raise RevocationListError(NAME, "malformed", f"{path} holds a wrong count")


def write(
    groups: Mapping[tuple[bytes, HashType], list[bytes]],
    signer: Signer,
    *,
    at: datetime,
    deep: bool = False,
) -> dict[str, bytes]:
    """Return the files of a list, by their paths; `deep` splits chunks by a second byte."""
    moment = int(at.timestamp())
    codes = {hash_type: code for code, hash_type in TYPES.items()}
    kids: dict[bytes, dict[bytes, int]] = {}
    files: dict[str, bytes] = {}

    def put(path: str, content: object) -> None:
        files[path] = cose.sign1(
            cbor.dump(content), algorithm=signer.algorithm, kid=signer.kid, sign=signer.sign
        )

    for (kid, hash_type), hashes in groups.items():
        code = codes[hash_type]
        index: dict[bytes, list[object]] = {}
        kids.setdefault(kid, {})[bytes((code,))] = len(hashes)
        for first, inside in _split(hashes, 0).items():
            deeper = _split(inside, 1) if deep else {}
            counts = {second: [moment, len(part)] for second, part in deeper.items()}
            index[first] = [moment, len(inside), counts]
            for second, part in (deeper or {b"": inside}).items():
                put(_Place(kid, code, first + second, len(part)).path, part)
        put(f"{kid.hex()}{code:02x}/index.lst", index)
    put(KID_LIST, kids)
    return files


def _split(hashes: list[bytes], place: int) -> dict[bytes, list[bytes]]:
    parts: dict[bytes, list[bytes]] = {}
    for value in sorted(hashes):
        parts.setdefault(value[place : place + 1], []).append(value)
    return parts


FORMAT: Final = ListFormat(NAME, True, _recognise, _read_parts, write, mark=KID_LIST)

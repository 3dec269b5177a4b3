"""CBOR (RFC 8949) as passes use it, read from hostile bytes.

cbor2 does the decoding. This module decides what it may do:

- nesting is capped at `MAX_DEPTH` containers and tags;
- a map that states a key twice is refused, and so are bytes after the item;
- strings, arrays and maps of indefinite length are read, and the caller is told;
- no tag is interpreted. Text under tag 0 (a date-time) is handed on as `TaggedText`, which *is*
  the text;
  every other tag stays a `CBORTag`. A decoder that obeys tags builds patterns, addresses,
  messages and shared references out of whatever a stranger sends.

cbor2's own values can be neither pickled nor deep-copied. What holds such values is pickled by way
of `pack` and `unpack`, which know them; nothing is registered for the whole process.
"""

from __future__ import annotations

import copyreg
import os
import pickle
from collections.abc import Mapping
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import cbor2

from coronapas.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH: Final = 16
"""How deep containers and tags may nest, inclusive; a vaccination entry stands at depth 5."""

MASK: Final = "(masked)"
"""What stands in JSON in the place of a value that may be the holder's."""

_INSIDE: Final = MAX_DEPTH - 1  # cbor2 does not count the outermost one


class TaggedText(str):
    """A date-time that stood under CBOR tag 0, as the text it was."""

    __slots__ = ()


# Every tag that cbor2 would interpret by itself. The tests try all tags below 66,000.
_INTERPRETED: Final = (
    *range(1, 6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip


def _keep(number: int) -> cbor2.SemanticDecoderCallback:
    def keep(value: Any, _immutable: bool) -> object:
        return cbor2.CBORTag(number, value)

    return keep


def _date_time(value: Any, _immutable: bool) -> object:
    return TaggedText(value) if type(value) is str else cbor2.CBORTag(0, value)


_TAGS: Final[dict[int, Any]] = {0: _date_time, **{number: _keep(number) for number in _INTERPRETED}}


# cbor2 does not tell where an item ended. So the item is read as the first of an array of two,
# whose second is a byte string that nobody outside this process knows: were there bytes after the
# item, they would be the second.
_SENTINEL: Final = os.urandom(16)
_ARRAY_OF_TWO: Final = b"\x82"
_END: Final = b"\x50" + _SENTINEL
_loads: Final = cbor2.loads


# Up to here the keys of a hostile map are too few to be worth a look: a millisecond of collisions.
_SMALL: Final = 4096
# An even number that no count ever comes near: such a container ends by a mark of its own.
_ENDLESS: Final = -(2**80)
_ARRAY, _MAP, _TAG = 4, 5, 6


def has_container_key(data: bytes, most: int | None = None) -> bool:
    """Return whether a map in `data` has an array, a map or a tag as a key; False if malformed.

    Raises OverflowError if `data` has more than `most` items.

    Their hashes can be made to collide, and then reading the map takes time by the square of its
    size. Nobody outside can choose the hashes of texts and byte strings, and few integers collide.
    """
    # How many items each open container still lacks, and whether it is a map.
    lacking: list[int] = []
    maps: list[bool] = []
    place, size = 0, len(data)
    left = size if most is None else most
    try:
        while place < size:
            if not left:
                raise OverflowError("there are too many items")
            left -= 1
            head = data[place]
            major, info = head >> 5, head & 0x1F
            place += 1
            if head == 0xFF:  # the end of a container of indefinite length
                if not lacking or lacking[-1] >= 0:
                    return False
                lacking.pop()
                maps.pop()
            else:
                value = info
                if 24 <= info < 28:
                    wide = 1 << (info - 24)
                    value = int.from_bytes(data[place : place + wide], "big")
                    place += wide
                if lacking:
                    # Of an even number of items lacking, and of an even number below zero for a
                    # map of indefinite length, the next one is a key.
                    if maps[-1] and lacking[-1] % 2 == 0 and major in (_ARRAY, _MAP, _TAG):
                        return True
                    lacking[-1] -= 1
                if major in (2, 3) and info != 31:
                    place += value
                elif major == _TAG:
                    lacking.append(1)
                    maps.append(False)
                elif major in (_ARRAY, _MAP) or (major in (2, 3) and info == 31):
                    count = value * (2 if major == _MAP else 1)
                    lacking.append(_ENDLESS if info == 31 else count)
                    maps.append(major == _MAP)
            while lacking and lacking[-1] == 0:
                lacking.pop()
                maps.pop()
            if not lacking:
                return False
    except IndexError:
        return False
    return False


def load(data: bytes, *, layer: str = "cbor") -> tuple[Any, bool]:
    """Return the one item that `data` encodes, and whether it used indefinite lengths.

    Raises DecodeError for `layer` with the code ``malformed``, ``truncated``, ``trailing-bytes``,
    ``duplicate-key``, ``too-deep`` or ``container-key``.
    """
    if len(data) > _SMALL and has_container_key(data):
        raise DecodeError(layer, "container-key", "a map has an array, a map or a tag as a key")
    try:
        item, end = _loads(
            b"".join((_ARRAY_OF_TWO, data, _END)),
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_TAGS,
        )
    except Exception:  # whatever it is, the second reading gives it a name
        return _load_again(data, layer)
    return (item, False) if end == _SENTINEL else _load_again(data, layer)


def _load_again(data: bytes, layer: str) -> tuple[Any, bool]:
    """What `load` gives, or the reason why it cannot, by asking for one liberty after the other."""
    for indefinite in (False, True):
        stream = BytesIO(data)
        try:
            item = cbor2.load(
                stream,
                max_depth=_INSIDE,
                allow_indefinite=indefinite,
                allow_duplicate_keys=False,
                semantic_decoders=_TAGS,
            )
        except Exception as error:
            if not indefinite:
                continue
            if isinstance(error, cbor2.CBORDecodeEOF):
                raise DecodeError(layer, "truncated", "the item ends too early") from None
            raise _reason(data, layer) from None
        if stream.tell() != len(data):
            raise DecodeError(layer, "trailing-bytes", "bytes follow the item")
        return item, indefinite
    raise AssertionError("unreachable: the second round returns or raises")


def _reason(data: bytes, layer: str) -> DecodeError:
    """Which of the bounds was hit: the one without which the item could be read."""
    attempts = (
        ("duplicate-key", "a map states a key twice", {"max_depth": _INSIDE}),
        (
            "too-deep",
            f"containers nest deeper than {MAX_DEPTH}",
            {"max_depth": 10 * MAX_DEPTH, "allow_duplicate_keys": False},
        ),
    )
    for code, message, options in attempts:
        try:
            cbor2.loads(data, semantic_decoders=_TAGS, **options)  # type: ignore[arg-type]
        except Exception:  # noqa: S112 - not this bound, then
            continue
        return DecodeError(layer, code, message)
    return DecodeError(layer, "malformed", "the bytes are no well-formed CBOR")


def copy(item: Any) -> Any:
    """A copy of a decoded item that shares nothing changeable with it.

    Changeable are maps, arrays, and those of them that stand under a tag; all else is shared.
    """
    if type(item) is dict:
        return {key: copy(value) for key, value in item.items()}
    if type(item) is list:
        return [copy(value) for value in item]
    if type(item) is cbor2.CBORTag:
        return cbor2.CBORTag(item.tag, copy(item.value))
    return item


def _undefined() -> Any:
    """Return the only `undefined`; its type cannot be called."""
    return cbor2.undefined


class _Pickler(pickle.Pickler):
    """A pickler that also knows the values of cbor2."""

    dispatch_table: Mapping[type, Callable[[Any], Any]] = {
        **copyreg.dispatch_table,
        cbor2.frozendict: lambda item: (cbor2.frozendict, (dict(item),)),
        cbor2.CBORTag: lambda item: (cbor2.CBORTag, (item.tag, item.value)),
        cbor2.CBORSimpleValue: lambda item: (cbor2.CBORSimpleValue, (item.value,)),
        type(cbor2.undefined): lambda _: (_undefined, ()),
    }


def pack(item: object) -> bytes:
    """Return a pickle of anything that was decoded, or that holds such values."""
    target = BytesIO()
    _Pickler(target).dump(item)
    return target.getvalue()


def unpack(data: bytes) -> Any:
    """Return what `pack` was given. As with any pickle, `data` must come from a trusted source."""
    return pickle.loads(data)  # noqa: S301 - part of a pickle that the caller chose to load


def rebuild(kind: Callable[..., Any], data: bytes) -> Any:
    """Call `kind` with the packed arguments: what the `__reduce__` of a result refers to."""
    return kind(*unpack(data))


def dump(item: object) -> bytes:
    """`item` in definite lengths and shortest forms, map keys in the order given."""
    return cbor2.dumps(item)


def byte_string(data: bytes) -> bytes:
    """`data` as a CBOR byte string; the hot paths build their frames from it."""
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,)) + data
    if size < 0x100:
        return bytes((0x58, size)) + data
    if size < 0x1_0000:
        return b"\x59" + size.to_bytes(2, "big") + data
    return b"\x5a" + size.to_bytes(4, "big") + data


def to_json(value: object) -> object:
    """Return a decoded item as JSON has it: bytes as hexadecimal, other foreign types as text."""
    if isinstance(value, Mapping):
        return {str(to_json(name)): to_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, str | int):
        return value
    return value if isinstance(value, float) and isfinite(value) else str(value)

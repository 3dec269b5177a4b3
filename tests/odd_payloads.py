"""Payloads for the tests of reading: valid ones of every release, and ways to break them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cbor2 import CBORTag, undefined
from hypothesis import strategies as st

RELEASES = ("1.0.0", "1.0.1", "1.1.0", "1.2.0", "1.2.1", "1.3.0", "1.3.1", "1.3.2", "1.3.3")

NAM = {
    "fn": "Ærtebjerg-Testsen",
    "fnt": "AERTEBJERG<TESTSEN",
    "gn": "Prøve Maria",
    "gnt": "PROEVE<MARIA",
}
COMMON = {
    "tg": "840539006",
    "co": "DK",
    "is": "Example Health Authority",
    "ci": "URN:UVCI:01:DK:0EXAMPLE0000000000001#Q",
}
VACCINATION: dict[str, Any] = {
    **COMMON,
    "vp": "1119349007",
    "mp": "EU/1/20/1528",
    "ma": "ORG-100030215",
    "dn": 2,
    "sd": 2,
    "dt": "2021-06-11",
}
NAAT = {
    **COMMON,
    "tt": "LP6464-4",
    "nm": "Example PCR",
    "sc": "2021-08-20T10:03:12Z",
    "tr": "260415000",
    "tc": "Example Test Centre",
}
RAT = {
    **COMMON,
    "tt": "LP217198-3",
    "ma": "1232",
    "sc": "2021-08-20T10:03:12+02:00",
    "tr": "260415000",
    "tc": "Example Test Centre",
}
RECOVERY = {**COMMON, "fr": "2021-04-21", "df": "2021-05-02", "du": "2021-10-18"}

ENTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "vaccination": ("v", VACCINATION),
    "NAAT": ("t", NAAT),
    "RAT": ("t", RAT),
} | {"recovery": ("r", RECOVERY)}


def fresh(value: Any) -> Any:
    """Copy the lists and dicts in a value; all else stays what it is (some cannot be copied)."""
    if isinstance(value, dict):
        return {key: fresh(inner) for key, inner in value.items()}
    return [fresh(inner) for inner in value] if isinstance(value, list) else value


def payload(kind: str = "vaccination", version: str = "1.3.2", **changes: Any) -> dict[str, Any]:
    """A valid payload whose entry has the changes; the value ... takes a field out."""
    group, entry = ENTRIES[kind]
    changed = {**entry, **changes}
    kept = {name: value for name, value in changed.items() if value is not ...}
    return {"ver": version, "nam": dict(NAM), "dob": "1979-04-14", group: [fresh(kept)]}


VALID = [payload(kind, version) for kind in ENTRIES for version in RELEASES]

PLAIN_VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 9, 10, 2.0, 1.5, 10**30, float("nan"), float("inf")),
    *("", " ", "x", "x" * 50, "x" * 51, "x" * 80, "x" * 81, "A\n", "A\nB", "A<B", "a", "DK", "dk"),
    *("A ", "\u00a0A", "A\u0308", "\u00c4", "\x7f", "-"),
    *("1990", "1990-01", "1990-00", "1990-13", "1990-02-29", "2000-02-29", "1990-01-01T00:00:00"),
    *("2021-06-11", "2021-06-31", "0000-01-01", "2021-06-11T00:00:00.000Z", "2021-06-11\n"),
    *("2021-08-20T10:03:12+0200", "2021-08-20T10:03:12+0", "2021-08-20T10:03:12"),
    *("2021-08-20T10:03:12.5Z", "2021-08-20T24:00:00Z", "\u0661990"),
    *("1.0.0", "1.2.1", "1.3.0", "1.3.9", "2.0.0", "1.3", "1a3b0", "13000"),
    *("LP6464-4", "LP217198-3", "260373001", "EU/1/20/1528", "840539006", "urn:uvci:01:dk:x"),
    *([], {}, [{}], [None], [[]]),
]
"""Values that JSON knows, near the bounds of the rules."""

CBOR_VALUES: list[Any] = [
    *(b"bytes", undefined, CBORTag(99, "x"), CBORTag(0, "2021-08-20T10:03:12Z")),
    *(datetime(2021, 8, 20, tzinfo=UTC), ("x",), ({},), frozenset({1}), {1: 2}, {("a",): "b"}),
    *({b"v": []}, 2**200, -(2**200), object()),
]
"""Values that only CBOR decoders give, and some that none should."""

NAMES = ["ver", "nam", "dob", "v", "t", "r", "dr", "tc", "nm", "ma", "fn", "gn", "fnt", "gnt", "x"]


@st.composite
def mutated(draw: st.DrawFn, values: list[Any] = PLAIN_VALUES) -> Any:
    """A valid payload of any release and kind with up to four things broken or replaced."""
    document: Any = fresh(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 4))):
        spots = list(_spots(document))
        if not spots:
            break
        holder, key = draw(st.sampled_from(spots))
        match draw(st.sampled_from(("take out", "replace", "replace", "text", "add"))):
            case "take out":
                del holder[key]
            case "replace":
                holder[key] = fresh(draw(st.sampled_from(values)))
            case "text":
                holder[key] = draw(st.text(max_size=90))
            case _ if isinstance(holder, list):
                holder.append(fresh(holder[key]))
            case _:
                other = fresh(draw(st.sampled_from([*values, holder[key]])))
                holder[draw(st.sampled_from(NAMES))] = other
    return document


def _spots(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from _spots(inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield value, index
            yield from _spots(inner)


ANYTHING = st.recursive(
    st.one_of(
        st.sampled_from(PLAIN_VALUES + CBOR_VALUES),
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.binary(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from([*NAMES, *VACCINATION, *NAAT, 1, None]), inner, max_size=6),
    ),
    max_leaves=12,
)
"""Objects of every shape, payloads or not."""

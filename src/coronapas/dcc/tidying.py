"""A decoded DCC made even: what real passes carry around the values is taken off, and reported.

Takes off white space around texts, null and empty fields that may be absent, null and empty groups
next to a real one, and fields that no release names; brings texts to NFC and whole floats to
integers. What is left is the content that the rules of the schema and the readers of values are
asked about, so that each oddity is reported once, under its own name.

Implements the payload's chapter "absent fields are left out, never empty or null" and NFC (DCC
schema, hcert-spec 3.3), in the direction of reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from coronapas.dcc.composing import is_normal, normal
from coronapas.dcc.schema import GROUPS, field_names, release_for
from coronapas.tolerances import Deviation, step

CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
"""The control characters (C0, DEL, C1) as the inside of a regular expression's character class."""

MOST_REPORTS: Final = 128
"""No more deviations than this, each another one, are kept: a hostile DCC costs little."""

_CONTROL: Final = re.compile(f"[{CONTROLS}]")
_NAMES: Final = frozenset({"fn", "gn", "fnt", "gnt"})
_OPTIONAL: Final = frozenset({"nm", "ma", "tc", "dr"})
_MAY_BE_NULL: Final = {"nam": _NAMES, "t": _OPTIONAL}
_MAY_GO_WHEN_EMPTY: Final = {"nam": frozenset({"fn", "gn"}), "t": _OPTIONAL}
_MUST_SAY_SOMETHING: Final = frozenset({"is", "ci", "fnt", "gnt"})
_DOSES: Final = frozenset({"dn", "sd"})
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Tidy:
    """A DCC made even, with the deviations met on the way.

    `release` is the version of the release by which the DCC is judged.
    """

    dcc: dict[str, Any] = field(repr=False)
    release: str
    deviations: tuple[Deviation, ...]

    @property
    def entries(self) -> list[tuple[str, str, Any]]:
        """Every entry of every group, as (group, path, entry); an entry may be of any type."""
        return [
            (group, f"{group}.{index}", entry)
            for group in GROUPS
            if isinstance(self.dcc.get(group), list)
            for index, entry in enumerate(self.dcc[group])
        ]


def tidy(dcc: Mapping[Any, Any]) -> Tidy:
    """Make a decoded DCC even; never raises, and leaves the given one as it is."""
    out: list[Deviation] = []
    version = dcc.get("ver")
    release = release_for(version.strip() if isinstance(version, str) else version).version
    known = field_names(release)
    result = _record(dcc, known[""], "", "", out)
    if isinstance(result.get("nam"), Mapping):
        result["nam"] = _record(result["nam"], known["nam"], "nam", "nam", out)
    empty = []
    for group in GROUPS:
        value = result.get(group)
        if isinstance(value, list | tuple) and value:
            result[group] = [
                _record(entry, known[group], group, f"{group}.{index}", out)
                if isinstance(entry, Mapping)
                else entry
                for index, entry in enumerate(value)
            ]
        elif group in result and (value is None or isinstance(value, list | tuple)):
            empty.append(group)
    if any(isinstance(result.get(group), list) and result[group] for group in GROUPS):
        for group in empty:
            del result[group]
            _report(out, "content.null-group", group, "The group is there but empty.")
    return Tidy(result, release, tuple(out))


def _record(
    record: Mapping[Any, Any], known: frozenset[str], kind: str, path: str, out: list[Deviation]
) -> dict[str, Any]:
    """Make the values of one object even; `kind` is ``nam``, a group, or empty at the top."""
    result: dict[str, Any] = {}
    for name, value in record.items():
        if not isinstance(name, str) or name not in known:
            _unknown(name, path, out)
            continue
        where = f"{path}.{name}" if path else name
        if value is None and name in _MAY_BE_NULL.get(kind, _NOTHING):
            _report(out, "content.null-field", where, "The field is null.")
        elif isinstance(value, str):
            text = _text(value, where, out)
            absent = not text and name in _MAY_GO_WHEN_EMPTY.get(kind, _NOTHING)
            if absent or (not text and name in _MUST_SAY_SOMETHING):
                _report(out, "content.empty-field", where, "The field is empty.")
            if not absent:
                result[name] = text
        elif isinstance(value, float) and value.is_integer() and name in _DOSES:
            _report(out, "content.whole-float", where, "The number is a whole float.")
            result[name] = int(value)
        else:
            result[name] = value
    return result


def _text(value: str, path: str, out: list[Deviation]) -> str:
    text = value.strip()
    if text != value:
        _report(out, "content.whitespace", path, "There is white space around the text.")
    if _CONTROL.search(text):
        _report(out, "content.control-character", path, "A control character is in the text.")
    if text.isascii() or is_normal(text):
        return text
    _report(out, "content.not-nfc", path, "The text is not in Unicode's normal form NFC.")
    return normal(text)


def _unknown(name: object, path: str, out: list[Deviation]) -> None:
    """Report a field that the release does not name."""
    where = f"{path}.{step(name)}" if path else step(name)
    _report(out, "content.unknown-field", where, "The release of the schema has no such field.")


def _report(out: list[Deviation], code: str, path: str, note: str) -> None:
    found = Deviation(code, path, note)
    if len(out) < MOST_REPORTS and found not in out:
        out.append(found)

r"""The payload's JSON Schema, release by release, as tables that check a decoded DCC directly.

Implements the releases 1.0.0 to 1.3.3 of the EU's DCC schema (eu-dcc-schema,
``DCC.combined-schema``). Each release is one row of `_RELEASES`; the row is unfolded into a tree of
`Record`, `Group`, `Text` and `Whole` when it is first needed. `coronapas.dcc._schema`
writes the same trees as JSON Schemas.

The verdicts are those of the official releases under the ``jsonschema`` package, which the EU's own
checks of the test vectors use:

- ``format: date`` and ``date-time`` assert nothing (JSON Schema 2020-12, 7.2.1); whether a date
  exists is for `coronapas.dcc._examiner` to say;
- a pattern is searched for, ``\d`` is any decimal digit of Unicode, and ``$`` admits one final
  newline;
- ``2.0`` is an integer, ``true`` is none; fields that a release does not name are free;
- in a DCC that CBOR gave, a tuple counts as an array, and any mapping as an object.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from coronapas.dcc._valuesets import ValueSets

GROUPS: Final = ("v", "t", "r")
"""The groups of events: vaccinations, tests, recoveries."""

MOST_VIOLATIONS: Final = 64
"""No more violations than this are listed for one DCC."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule of the schema that a DCC breaks.

    `path` leads to the value at fault, or to where a missing one belongs (``t.0.tc``; empty for the
    whole DCC); `keyword` is JSON Schema's (``required``, ``type``, ``pattern``, …); `problem` is a
    lower-case fragment for a person, without the value.
    """

    path: str
    keyword: str
    problem: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most `longest` characters (inclusive), in which `pattern` is found."""

    longest: int | None = None
    pattern: re.Pattern[str] | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`, both inclusive."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """An object with all `required` fields, any of `any_of` and exactly one of `one_of`.

    An empty tuple asks for nothing.
    """

    fields: Mapping[str, Text | Whole | Record | Group]
    required: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """An array of one to `most` entries (both inclusive)."""

    entry: Record
    most: int | None


@dataclass(frozen=True, slots=True)
class Release:
    """What sets one release of the schema apart (eu-dcc-schema, releases 1.0.0 to 1.3.3).

    `text_length` bounds names, issuers, UVCIs and test centres, `test_name_length` the field
    ``nm``. `coded` names the fields that the release binds to a value set, beyond tg, vp, mp, ma
    and tr.
    """

    version: str
    """The release, such as ``1.3.0``."""
    birth_date: str
    """The regular expression of ``dob``."""
    coded: frozenset[str] = frozenset({"tt", "co"})
    text_length: int = 80
    test_name_length: int | None = 80
    highest_dose: int | None = None
    """The largest ``dn`` and ``sd``, inclusive; None: no bound."""
    result_time: bool = False
    """Whether a test may state ``dr``, the time of its result."""
    centre_required: bool = False
    """Whether every test must state its centre."""
    single_event: bool = True
    """Whether a pass has one event only."""
    surname_required: bool = False
    """Whether ``fnt`` is required; otherwise ``fnt`` or ``gnt``."""
    birth_date_format: str | None = None
    """The format that the schema names for ``dob``; None where it names none."""


_FULL: Final = r"(19|20)\d{2}-\d{2}-\d{2}"
_PARTIAL: Final = r"^(19|20)\d\d(-\d\d){0,2}$"
_PARTIAL_OR_EMPTY: Final = r"^((19|20)\d\d(-\d\d){0,2}){0,1}$"


# The releases write ^\d+.\d+.\d+$, whose dots stand for any character, digits too. On a long row of
# digits that takes cubic time; this finds the same texts in linear time: those with two separators,
# with one (the other is one of the digits) and with none.
_VERSION_FORM: Final = r"^(?:\d+[^\d\n]\d+[^\d\n]\d+|\d+[^\d\n]\d{3,}|\d{3,}[^\d\n]\d+|\d{5,})$"


def _before_1_3(version: str, birth_date: str, coded: str, result_time: bool) -> Release:
    return Release(
        version,
        birth_date,
        coded=frozenset(coded.split()),
        text_length=50,
        test_name_length=None,
        highest_dose=9,
        result_time=result_time,
        centre_required=True,
        single_event=False,
        surname_required=True,
        birth_date_format="date" if birth_date == _FULL else None,
    )


RELEASES: Final[Mapping[str, Release]] = MappingProxyType(
    {
        row.version: row
        for row in (
            _before_1_3("1.0.0", _FULL, "", True),
            _before_1_3("1.0.1", _FULL, "tt", True),
            _before_1_3("1.1.0", _PARTIAL, "tt", True),
            _before_1_3("1.2.0", _PARTIAL, "tt", False),
            _before_1_3("1.2.1", _PARTIAL, "tt", False),
            Release("1.3.0", _PARTIAL_OR_EMPTY, surname_required=True),
            Release("1.3.1", _PARTIAL_OR_EMPTY, surname_required=True),
            Release("1.3.2", _PARTIAL_OR_EMPTY),
            Release("1.3.3", _PARTIAL_OR_EMPTY),
        )
    }
)
"""Every release by its version, oldest first."""

LATEST: Final = tuple(RELEASES)[-1]

_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?")


def version_number(version: object) -> tuple[int, int, int] | None:
    """Major, minor and patch of a ``ver`` (the patch may be left out, and is 0 then), or None."""
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        return None
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)


def release_for(version: object) -> Release:
    """The release by which a DCC of this ``ver`` is judged.

    The named release where there is one. For a version 1.x.y that was never released: the newest
    release not above it, or the oldest one where all are above it. For anything else: the newest.
    """
    if isinstance(version, str) and version in RELEASES:
        return RELEASES[version]
    number = version_number(version)
    if number is None or number[0] != 1:
        return RELEASES[LATEST]
    known = sorted((version_number(name), name) for name in RELEASES)
    below = [name for released, name in known if released is not None and released <= number]
    return RELEASES[below[-1] if below else known[0][1]]


@cache
def tree(version: str) -> Record:
    """The rules of one release; `version` is a key of `RELEASES`."""
    row = RELEASES[version]
    text = Text(row.text_length)
    code, day, moment = Text(), Text(format="date"), Text(format="date-time")
    country = Text(pattern=re.compile("[A-Z]{1,10}"))
    standard = Text(row.text_length, re.compile("^[A-Z<]*$"))
    dose = Whole(1, row.highest_dose)
    shared: dict[str, Text] = {"tg": code, "co": country, "is": text, "ci": text}
    person = Record(
        {"fn": text, "fnt": standard, "gn": text, "gnt": standard},
        required=("fnt",) if row.surname_required else (),
        any_of=() if row.surname_required else ("fnt", "gnt"),
    )
    vaccination = Record(
        {**shared, "vp": code, "mp": code, "ma": code, "dn": dose, "sd": dose, "dt": day},
        required=("tg", "vp", "mp", "ma", "dn", "sd", "dt", "co", "is", "ci"),
    )
    centre = ("tc",) if row.centre_required else ()
    test = Record(
        {
            **shared,
            "tt": code,
            "nm": Text(row.test_name_length),
            "ma": code,
            "sc": moment,
            "tr": code,
            "tc": text,
            **({"dr": moment} if row.result_time else {}),
        },
        required=("tg", "tt", "sc", "tr", *centre, "co", "is", "ci"),
    )
    recovery = Record(
        {**shared, "fr": day, "df": day, "du": day},
        required=("tg", "fr", "co", "is", "df", "du", "ci"),
    )
    most = 1 if row.single_event else None
    return Record(
        {
            "ver": Text(pattern=re.compile(_VERSION_FORM)),
            "nam": person,
            "dob": Text(pattern=re.compile(row.birth_date), format=row.birth_date_format),
            "v": Group(vaccination, most),
            "t": Group(test, most),
            "r": Group(recovery, most),
        },
        required=("ver", "nam", "dob"),
        one_of=GROUPS if row.single_event else (),
    )


@cache
def field_names(version: str) -> Mapping[str, frozenset[str]]:
    """Name the fields of one release: at the top (under ``""``), in ``nam``, and in v, t and r."""
    top = tree(version).fields
    names = {"": frozenset(top)}
    for name, rule in top.items():
        record = rule.entry if isinstance(rule, Group) else rule
        if isinstance(record, Record):
            names[name] = frozenset(record.fields)
    return MappingProxyType(names)


def violations(dcc: object, version: str | None = None) -> tuple[Violation, ...]:
    """Every rule of the schema that a decoded DCC breaks; empty for a valid one.

    `version` names the release to judge by, the DCC's own ``ver`` where it is None; `release_for`
    says what happens to versions that were never released. Any object may be given: this never
    raises. At most `MOST_VIOLATIONS` are listed.

    Source: eu-dcc-schema, the release in question.
    """
    if version is None and isinstance(dcc, Mapping):
        version = dcc.get("ver")
    found: list[Violation] = []
    _check_record(tree(release_for(version).version), dcc, "", found)
    return tuple(found[:MOST_VIOLATIONS])


def groups_fault(dcc: object) -> Violation | None:
    """Say what keeps a DCC from having exactly one of v, t, r with exactly one entry, or None.

    A group that is there but null or empty counts as there. The schemas before 1.3.0 do not ask for
    this, the EU's test vectors do (EXPECTEDSCHEMAVALIDATION). Never raises.
    """
    present = [name for name in GROUPS if name in dcc] if isinstance(dcc, Mapping) else []
    if not isinstance(dcc, Mapping) or not present:
        return Violation("", "required", "one of the groups v, t and r is needed")
    if len(present) > 1:
        return Violation("", "oneOf", f"there are {len(present)} groups of events instead of one")
    group = dcc[present[0]]
    if not isinstance(group, list | tuple):
        return Violation(present[0], "type", "the group of events is not an array")
    if len(group) != 1:
        keyword = "maxItems" if group else "minItems"
        return Violation(present[0], keyword, f"the group holds {len(group)} events instead of one")
    return None


def _below(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _check(
    rule: Text | Whole | Record | Group, value: object, path: str, out: list[Violation]
) -> None:
    match rule:
        case Text():
            _check_text(rule, value, path, out)
        case Whole():
            _check_whole(rule, value, path, out)
        case Group():
            _check_group(rule, value, path, out)
        case _:
            _check_record(rule, value, path, out)


def _check_text(rule: Text, value: object, path: str, out: list[Violation]) -> None:
    if not isinstance(value, str):
        out.append(Violation(path, "type", "the value is not a string"))
        return
    if rule.longest is not None and len(value) > rule.longest:
        out.append(
            Violation(path, "maxLength", f"the text is longer than {rule.longest} characters")
        )
    if rule.pattern is not None and rule.pattern.search(value) is None:
        out.append(Violation(path, "pattern", "the text does not have the required form"))


def _check_whole(rule: Whole, value: object, path: str, out: list[Violation]) -> None:
    whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    if not whole or not isinstance(value, int | float):
        out.append(Violation(path, "type", "the value is not a whole number"))
    elif value < rule.least:
        out.append(Violation(path, "minimum", f"the number is below {rule.least}"))
    elif rule.most is not None and value > rule.most:
        out.append(Violation(path, "maximum", f"the number is above {rule.most}"))


def _check_group(rule: Group, value: object, path: str, out: list[Violation]) -> None:
    if not isinstance(value, list | tuple):
        out.append(Violation(path, "type", "the value is not an array"))
        return
    if not value:
        out.append(Violation(path, "minItems", "the group holds no event"))
    if rule.most is not None and len(value) > rule.most:
        out.append(Violation(path, "maxItems", f"the group holds {len(value)} events"))
    for index, entry in enumerate(value):
        if len(out) >= MOST_VIOLATIONS:
            return
        _check_record(rule.entry, entry, f"{path}.{index}", out)


def _check_record(rule: Record, value: object, path: str, out: list[Violation]) -> None:
    if not isinstance(value, Mapping):
        out.append(Violation(path, "type", "the value is not an object"))
        return
    for name in rule.required:
        if name not in value:
            out.append(Violation(_below(path, name), "required", f"the field {name} is missing"))
    if rule.any_of and not any(name in value for name in rule.any_of):
        names = " and ".join(rule.any_of)
        out.append(Violation(path, "anyOf", f"none of the fields {names} is present"))
    if rule.one_of:
        count = sum(name in value for name in rule.one_of)
        if count != 1:
            out.append(
                Violation(path, "oneOf", f"there are {count} groups of events instead of one")
            )
    for name, inner in rule.fields.items():
        if name in value:
            _check(inner, value[name], _below(path, name), out)


# Which field of an entry is coded, by which value set, and in which release.
#
# Implements the bindings of the DCC schema (``valueset-uri``), releases 1.0.0 to 1.3.3: ``tt`` is
# bound from 1.0.1 on, ``co`` from 1.3.0 on, all others always.


VALUE_SETS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "v": MappingProxyType(
            {
                "tg": "disease-agent-targeted",
                "vp": "sct-vaccines-covid-19",
                "mp": "vaccines-covid-19-names",
                "ma": "vaccines-covid-19-auth-holders",
                "co": "country-2-codes",
            }
        ),
        "t": MappingProxyType(
            {
                "tg": "disease-agent-targeted",
                "tt": "covid-19-lab-test-type",
                "ma": "covid-19-lab-test-manufacturer-and-name",
                "tr": "covid-19-lab-result",
                "co": "country-2-codes",
            }
        ),
        "r": MappingProxyType({"tg": "disease-agent-targeted", "co": "country-2-codes"}),
    }
)
"""The id of the value set of each coded field, by group."""

_LATER_BOUND: Final = frozenset({"tt", "co"})

Codes = Mapping[str, Mapping[str, frozenset[str]]]
"""The codes that a coded field may hold, by group and field."""


def codes_for(release: str, value_sets: ValueSets) -> Codes:
    """Collect the codes of each coded field under one release, active or not.

    A field is left out where the release does not bind it, or where its value set is not among
    those given: its codes cannot be judged then.
    """
    free = _LATER_BOUND - RELEASES[release].coded
    return {
        group: {
            name: frozenset(value_sets.sets[set_id].entries)
            for name, set_id in fields.items()
            if name not in free and set_id in value_sets.sets
        }
        for group, fields in VALUE_SETS.items()
    }


# The payload's rules as JSON Schemas: ``schemas/payload-<version>.schema.json``.
#
# Written from the tables of `coronapas.dcc._schema`, so that the two cannot drift apart: a test
# holds the files against `json_schema`, and both against the official releases where those are
# present. After a change to the tables, ``python -m coronapas.dcc._schema schemas`` writes the
# files anew.
#
# Implements the EU's DCC schema, releases 1.0.0 to 1.3.3 (JSON Schema draft 2020-12).


def json_schema(version: str) -> dict[str, Any]:
    """The rules of one release as a JSON Schema; `version` is a key of `RELEASES`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"DCC payload, release {version}",
        "$comment": "Agrees with release "
        f"{version} of eu-dcc-schema; formats annotate and assert nothing.",
        **_of_record(tree(version)),
    }


def file_name(version: str) -> str:
    """The name under which the schema of a release lies in ``schemas/``."""
    return f"payload-{version}.schema.json"


def write(folder: Path) -> None:
    """Write the schema of every release into `folder`."""
    for version in RELEASES:
        text = json.dumps(json_schema(version), indent=2)
        (folder / file_name(version)).write_text(text + "\n", encoding="utf-8")


def _of(rule: Text | Whole | Record | Group) -> dict[str, Any]:
    match rule:
        case Text():
            return _of_text(rule)
        case Whole():
            most = {} if rule.most is None else {"maximum": rule.most}
            return {"type": "integer", "minimum": rule.least, **most}
        case Group():
            most = {} if rule.most is None else {"maxItems": rule.most}
            return {"type": "array", "minItems": 1, **most, "items": _of(rule.entry)}
        case _:
            return _of_record(rule)


def _of_text(rule: Text) -> dict[str, Any]:
    stated = {
        "maxLength": rule.longest,
        "pattern": None if rule.pattern is None else rule.pattern.pattern,
        "format": rule.format,
    }
    return {
        "type": "string",
        **{name: value for name, value in stated.items() if value is not None},
    }


def _of_record(rule: Record) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if rule.required:
        schema["required"] = list(rule.required)
    if rule.any_of:
        schema["anyOf"] = [{"required": [name]} for name in rule.any_of]
    if rule.one_of:
        schema["oneOf"] = [{"required": [name]} for name in rule.one_of]
    schema["properties"] = {name: _of(inner) for name, inner in rule.fields.items()}
    return schema


if __name__ == "__main__":
    write(Path(sys.argv[1]))

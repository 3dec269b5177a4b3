"""The tables by which names are transliterated, compiled from ``data/transliteration.json``.

Implements the tables of ICAO Doc 9303 part 3, section 6 (Latin, Cyrillic, Arabic), and ELOT 743
(Greek). The data states the source and the confidence of each group of entries; those of confidence
``K``, all of Greek among them, are recalled and uncertain.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from coronapas.dcc.languages import language_fault, primary
from coronapas.errors import FaultsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Unit(NamedTuple):
    """What one letter, or several that are read together, can give; the default stands first."""

    forms: tuple[str, ...]
    option: str | None = None


class Reading(NamedTuple):
    """What letters read together give: as a rule, at the start, before voiceless sounds."""

    anywhere: Unit
    first: Unit | None
    voiceless: Unit | None


class Tables(NamedTuple):
    """The tables of one language.

    `first` and `final` overrule `letters` at the ends of a component.
    """

    letters: dict[str, Unit]
    first: dict[str, Unit]
    final: dict[str, Unit]
    sequences: dict[str, Reading]
    voiceless: frozenset[str]
    separators: frozenset[str]
    silent: frozenset[str]
    doubling: str


class _Group(TypedDict, total=False):
    script: str
    language: str
    gives: dict[str, str]
    first: dict[str, str]
    final: dict[str, str]
    alternatives: dict[str, dict[str, list[str]]]
    sequences: list[dict[str, str]]
    voiceless: str


class _Punctuation(TypedDict):
    separators: list[str]
    silent: list[str]
    doubling: str


class _Source(TypedDict):
    groups: list[_Group]
    punctuation: _Punctuation


@cache
def _source() -> _Source:
    from importlib.resources import files

    text = files("coronapas.dcc").joinpath("data/transliteration.json").read_text("utf-8")
    source: _Source = json.loads(text)
    return source


@cache
def load_tables(language: str | None) -> Tables:
    """The tables of a language; ``""`` is one without exceptions, None any: the forms of all."""
    groups = _source()["groups"]
    general = [group for group in groups if "language" not in group]
    special = [
        group for group in groups if "language" in group and language in {None, group["language"]}
    ]
    letters = {char: Unit((char,)) for char in ascii_uppercase}
    for group in general:
        letters.update((char, Unit((form,))) for form, char in _rows(group.get("gives", {})))
        for option, forms in group.get("alternatives", {}).items():
            letters.update((char, Unit(tuple(row), option)) for char, row in forms.items())
    for group in special:
        for form, char in _rows(group.get("gives", {})):
            letters[char] = _with_form(letters[char], form, replace=language is not None)
    return Tables(
        letters=letters,
        first={
            char: _with_form(letters[char], form, replace=language is not None)
            for group in special
            for form, char in _rows(group.get("first", {}))
        },
        final={
            char: Unit((form,)) for group in general for form, char in _rows(group.get("final", {}))
        },
        sequences={
            row["letters"]: _reading(row) for group in general for row in group.get("sequences", ())
        },
        voiceless=frozenset("".join(group.get("voiceless", "") for group in general)),
        separators=_characters(_source()["punctuation"]["separators"]),
        silent=_characters(_source()["punctuation"]["silent"]),
        doubling="".join(_characters([_source()["punctuation"]["doubling"]])),
    )


def _rows(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((form, char) for form, chars in table.items() for char in chars)


def _with_form(unit: Unit, form: str, *, replace: bool) -> Unit:
    return Unit((form,) if replace else tuple(dict.fromkeys((*unit.forms, form))))


def _reading(row: Mapping[str, str]) -> Reading:
    forms = {key: form for key, form in row.items() if key != "letters"}

    def unit(key: str) -> Unit | None:
        if key not in forms:
            return None
        return Unit((forms[key], *(form for other, form in forms.items() if other != key)))

    return Reading(Unit(tuple(forms.values())), unit("first"), unit("before_voiceless"))


def _characters(code_points: Iterable[str]) -> frozenset[str]:
    return frozenset(chr(int(point.removeprefix("U+"), 16)) for point in code_points)


@cache
def _languages() -> frozenset[str]:
    return frozenset(group["language"] for group in _source()["groups"] if "language" in group)


@lru_cache(maxsize=64)
def known_language(tag: str | None) -> str | None:
    """The key of `load_tables` for a language tag: ``""`` where the language has no exceptions.

    Raises FaultsError (field ``language``) for what is no tag of a language of ISO 639-1.
    """
    if tag is None:
        return None
    wrong = language_fault(tag)
    if wrong is not None:
        raise FaultsError([wrong])
    language = primary(tag)
    return language if language in _languages() else ""

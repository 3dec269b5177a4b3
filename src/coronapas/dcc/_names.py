"""Names for the machine-readable zone (``fnt``, ``gnt``), and comparing names with such a zone.

Implements ICAO Doc 9303 part 3, section 6, for Latin, Cyrillic and Arabic letters. ICAO has no
Greek: Greek follows ELOT 743, recalled without a source and so uncertain, like the entries of
confidence ``K`` in ``data/transliteration.json``, which holds the whole table with the source of
each group.

The rules, in the order in which they apply:

1. The name is composed (NFC) and put in capitals. A letter without an entry gives what its base
   letter gives (NFD), or what it is a compatibility form of (ligatures, full-width letters, Roman
   numerals).
2. White space, dashes and commas separate components. Apostrophes, full stops and the tatweel give
   nothing. Marks on a letter give nothing of their own, except that a shadda doubles its letter.
3. Anything else, digits included, is dropped and told (`Transliteration.dropped`).
4. Components are joined by one ``<``; none stands at the ends. Suffixes (Jr, III) are components.
5. What is longer than the limit is shortened from its end: the last component becomes its initial,
   then the one before it, and so on up to the second; if that does not do, initials are left out
   from the end; a first component that is too long alone is cut. Part 3 leaves the choice to the
   issuing state: this one keeps as many leading components whole, and as many initials, as fit.

The doubling by a shadda is read as doubling the letter that bears it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from string import ascii_uppercase
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict
from unicodedata import category, normalize

from coronapas.dcc._text import normal
from coronapas.errors import Fault, FaultsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# Language tags: ISO 639-1, and BCP 47 for the subtags. A mistyped tag would silently drop the
# exceptions of the language that was meant, so every tag is checked against the list of codes in
# ``data/languages.json``, which names its source.

# BCP 47 separates subtags by hyphens; locale names, which are often used as tags, by underscores.
_TAG: Final = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]{1,8})*", re.ASCII | re.IGNORECASE)


class _Languages(NamedTuple):
    codes: frozenset[str]
    meant: dict[str, str]


@cache
def _known_languages() -> _Languages:
    from importlib.resources import files

    text = files("coronapas.dcc").joinpath("data/languages.json").read_text("utf-8")
    source = json.loads(text)
    return _Languages(frozenset(" ".join(source["codes"]).split()), source["meant"])


def primary(tag: str) -> str:
    """The language of a tag, in lower case: what stands before the first hyphen or underscore."""
    return tag.replace("_", "-").partition("-")[0].lower()


def language_fault(tag: object) -> Fault | None:
    """What is wrong with the tag of a language; None where it is good.

    Good is None (no language is named), and a two-letter code of ISO 639-1 in any case, with or
    without further subtags (``uk``, ``sr-Latn``, ``be_BY``), which are not looked at. Three-letter
    codes are not taken: BCP 47 has the shorter one wherever there is one, and no exception of a
    transliteration belongs to a language without one.
    """
    if tag is None:
        return None
    return _fault(tag if isinstance(tag, str) else "")


@lru_cache(maxsize=64)
def _fault(tag: str) -> Fault | None:
    found = _TAG.fullmatch(tag)
    if found is not None and found[1].lower() in _known_languages().codes:
        return None
    meant = _known_languages().meant.get(primary(tag))
    hint = f"{meant} is probably meant." if meant else "Give its code, such as uk for Ukrainian."
    if found is None:
        return Fault(
            "language",
            "language.form",
            "It is no tag of a language: two letters of ISO 639-1, and subtags if wanted.",
            hint,
        )
    return Fault("language", "language.unknown", "ISO 639-1 has no such language.", hint)


# Transliteration tables, compiled from ``data/transliteration.json``.


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


MAX_LENGTH: Final = 80
"""Characters that ``fnt`` and ``gnt`` may have, inclusive (DCC schema 1.3.0 and later)."""

_MRZ: Final = re.compile(r"[A-Z<]*")
_WORDS: Final = re.compile(r"[A-Z]+(?:<[A-Z]+)*")


@dataclass(frozen=True, slots=True)
class Alternatives:
    """What an issuing state writes for the letters for which part 3 leaves it a choice.

    Each field names its letter; the default is the first form that part 3 gives. ``A`` for Ä is
    recalled without a source. Raises `FaultsError` (field ``alternatives.<name>``) for a form that
    is not among those of the letter.
    """

    a_ring: str = "AA"
    """Å: ``AA`` or ``A``."""
    a_diaeresis: str = "AE"
    """Ä: ``AE`` or ``A``."""
    o_diaeresis: str = "OE"
    """Ö: ``OE`` or ``O``."""
    u_diaeresis: str = "UE"
    """Ü: ``UE``, ``UXX`` or ``U``."""
    n_tilde: str = "N"
    """Ñ: ``N`` or ``NXX``."""

    def __post_init__(self) -> None:
        faults = []
        for unit in load_tables(None).letters.values():
            if unit.option is not None and getattr(self, unit.option) not in unit.forms:
                faults.append(
                    Fault(
                        f"alternatives.{unit.option}",
                        "name.alternative",
                        "This is no form of the letter.",
                        f"Choose one of {', '.join(unit.forms)}.",
                    )
                )
        if faults:
            raise FaultsError(faults)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Characters of one Unicode general category that a transliteration left out.

    `category` is its two-letter name (``Nd`` digits, ``Lo`` letters of scripts without a table),
    `count` how many were left out, `first` the position of the first one, from 0, in the name as
    composed and put in capitals. The characters themselves are the holder's and are not repeated.
    """

    category: str
    count: int
    first: int


class Transliteration(NamedTuple):
    """A name as the machine-readable zone has it.

    `mrz` matches ``[A-Z<]*`` and is empty where no letter of the name has an entry; `dropped` tells
    what was left out, in order of first appearance; `truncated` tells that components were
    shortened.
    """

    mrz: str
    dropped: tuple[Dropped, ...] = ()
    truncated: bool = False

    def __repr__(self) -> str:
        return f"<Transliteration dropped={self.dropped!r} truncated={self.truncated}>"


class MrzMatch(Enum):
    """How a machine-readable name relates to a name."""

    EXACT = "exact"
    """One of the forms of the name."""
    TRUNCATED = "truncated"
    """A beginning of one: components, from the first, whole or cut, and perhaps not all of them."""
    NONE = "none"
    """Neither."""


def transliterate(
    name: str,
    *,
    language: str | None = None,
    choices: Alternatives | None = None,
    limit: int = MAX_LENGTH,
) -> Transliteration:
    """Write `name` (any script and case, one or several names) for the machine-readable zone.

    `language` (two letters of ISO 639-1, subtags allowed, any case) picks the exceptions for
    Cyrillic: ``be``, ``bg``, ``mk``, ``sr``, ``uk``; others have none. `choices` are the issuing
    state's forms, by default the first of each letter. The result has at most `limit` characters,
    inclusive.

    Raises ValueError for a limit below 1, FaultsError (which is one too; field ``language``) for a
    language that ISO 639-1 does not have, and nothing for any name.
    """
    if limit < 1:
        raise ValueError("The limit of a transliteration must be 1 or more.")
    known = "" if language is None else known_language(language) or ""
    if name.isascii() and name.isalpha() and len(name) <= limit:
        return Transliteration(name.upper())
    capitals = _capitals(name)
    plain = _plain(capitals, _shortcut(known, choices))
    if len(plain) <= limit and _WORDS.fullmatch(plain):
        return Transliteration(plain)
    if _MRZ.fullmatch(plain):
        return _join(plain.split("<"), limit, ())
    components, dropped = _units(capitals, load_tables(known))
    written = ("".join(_chosen(unit, choices) for unit in component) for component in components)
    return _join(written, limit, dropped)


def match_mrz(name: str, mrz: str, *, language: str | None = None) -> MrzMatch:
    """Compare `name` with a name from a machine-readable zone, by every form that part 3 allows.

    The forms are all alternatives that an issuing state can choose and, where `language` is None,
    the exceptions of all languages. Fillers (``<``) around `mrz` and repeated ones do not count. A
    truncation can be a single letter, so it proves little by itself: it is plausible where the
    field was full, which the caller knows (see `mrz_matches`). An empty `mrz` matches nothing, nor
    does one of more than `MAX_LENGTH` characters or with others than A-Z and ``<``. What
    `transliterate` would drop from the name is not compared. Time grows linearly with the name.
    Raises FaultsError for a language that ISO 639-1 does not have.
    """
    tables = load_tables(known_language(language))
    words = _words(mrz)
    if not words:
        return MrzMatch.NONE
    components, _ = _units(_capitals(name), tables)
    return _compare(components, words)


def mrz_matches(
    name: str, mrz: str, *, language: str | None = None, limit: int = MAX_LENGTH
) -> bool:
    """Whether `mrz` can be `name`, by every form that part 3 allows, truncation included.

    `limit` is the number of positions that this name had: 80 in a pass; in a travel document what
    the name field (TD1 30, TD2 31, TD3 39) leaves beside the other name and the two fillers. A
    truncation counts only where the longest form of the name exceeds the limit; a longer `mrz`
    never matches. See `match_mrz` for the rest.
    """
    tables = load_tables(known_language(language))
    words = _words(mrz)
    if not words or sum(map(len, words)) + len(words) - 1 > limit:
        return False
    components, _ = _units(_capitals(name), tables)
    found = _compare(components, words)
    if found is MrzMatch.TRUNCATED:
        longest = sum(max(map(len, unit.forms)) for component in components for unit in component)
        return longest + len(components) - 1 > limit
    return found is MrzMatch.EXACT


class _Shortcut(NamedTuple):
    """A quick way through the tables of a language, for names without marks of their own.

    `alone` and `rest` are for `str.translate`, one before and one after the replacements. `alone`
    writes the letters that give the same in every place, and only takes the accents from the
    others, so that `placed` can see them; `rest` writes what `placed` left of those. `placed` finds
    what gives something else where it stands; its last group tells which of `forms` that is.
    """

    alone: dict[int, str]
    placed: re.Pattern[str]
    forms: dict[int | None, str]
    rest: dict[int, str]


def _plain(capitals: str, shortcut: _Shortcut) -> str:
    """What `capitals` gives, if that is A-Z and ``<`` alone; else a string that has others too."""
    plain = capitals.translate(shortcut.alone)
    if plain.isascii():
        return plain
    forms = shortcut.forms
    return shortcut.placed.sub(lambda match: forms[match.lastindex], plain).translate(shortcut.rest)


@lru_cache(maxsize=64)
def _shortcut(language: str, choices: Alternatives | None) -> _Shortcut:
    tables = load_tables(language)
    given = {char: _chosen(unit, choices) for char, unit in tables.letters.items()}
    # A letter that gives nothing still stands between its neighbours, so it must stay visible.
    silent = {char for char, form in given.items() if not form}
    visible = silent.union(tables.first, tables.final, tables.voiceless, *tables.sequences)
    alone = {char: form for char, form in given.items() if char not in visible}
    placed = [*_placed(tables)]
    return _Shortcut(
        {point: alone.get(base, base) for point, base in _single(language).items()},
        re.compile("|".join(f"{pattern}()" for pattern, _ in placed)),
        {index: _chosen(unit, choices) for index, (_, unit) in enumerate(placed, 1)},
        {ord(char): form for char, form in {**given, "<": "<"}.items()},
    )


@lru_cache(maxsize=8)
def _single(language: str) -> dict[int, str]:
    """What is read as one letter of the tables, as ``<`` or as nothing, by its code point.

    Looks at the entries and at the rows of 256 code points in which the letters among them stand:
    the accented letters in use are there too. What is left out takes the long way.
    """
    tables = load_tables(language)
    rows = {ord(char) >> 8 for char in tables.letters}
    chars = {chr(point) for row in rows for point in range(row << 8, (row + 1) << 8)}
    capitals = {char for char in chars if not char.islower()}
    read = {
        char: _readable(char, tables)
        for char in capitals.union(tables.letters, tables.silent, tables.separators)
    }
    known = {*tables.letters, "<", ""}
    return {ord(char): base for char, base in read.items() if base is not None and base in known}


def _placed(tables: Tables) -> Iterator[tuple[str, Unit]]:
    """Patterns of what gives something else where it stands, in the order in which `_read` looks.

    Each begins with its letters, by which the search for it is quick.
    """
    for letters, reading in tables.sequences.items():
        if reading.first is not None:
            yield f"{letters}(?<![^<]{letters})", reading.first
        if reading.voiceless is not None:
            yield f"{letters}(?![^<{''.join(tables.voiceless)}])", reading.voiceless
        yield letters, reading.anywhere
    for char, unit in tables.final.items():
        yield f"{char}(?![^<])", unit
    for char, unit in tables.first.items():
        yield f"{char}(?<![^<]{char})", unit


def _capitals(name: str) -> str:
    # Folded first: in capitals ß becomes two letters, but ẞ stays one. Composed before and after:
    # the capitals of a composed letter can be a letter and a mark.
    return normal(normal(name).casefold().upper())


def _readable(char: str, tables: Tables) -> str | None:
    """`char` as letters of the tables, marks, ``<``; empty where it is silent, None if unknown."""
    if char in tables.letters:
        return char
    if char in tables.silent:
        return ""
    kind = category(char)
    if char in tables.separators or kind == "Pd" or char.isspace():
        return "<"
    if kind[0] == "M":
        return char
    base = normalize("NFD", char)[0]
    if base in tables.letters:
        return base
    compatible = _capitals(normalize("NFKD", char)).lstrip()
    if compatible == char or not (kind[0] == "L" or kind == "Nl"):
        return None
    pieces = [_readable(piece, tables) for piece in compatible]
    return None if None in pieces else "".join(piece for piece in pieces if piece is not None)


def _units(capitals: str, tables: Tables) -> tuple[list[list[Unit]], tuple[Dropped, ...]]:
    """The name's components, none empty, as what their letters can give; and what was left out."""
    components: list[list[tuple[str, bool]]] = [[]]
    dropped: dict[str, Dropped] = {}
    seen: dict[str, str | None] = {}
    bears = False  # whether a mark at this place belongs to a letter that was kept
    for index, char in enumerate(capitals):
        if char not in seen:
            seen[char] = _readable(char, tables)
        pieces = seen[char]
        for piece in char if pieces is None else pieces:
            if piece in tables.letters:
                components[-1].append((piece, False))
                bears = True
            elif piece == "<":
                components.append([])
                bears = False
            elif bears and pieces is not None:
                if piece == tables.doubling:
                    components[-1][-1] = (components[-1][-1][0], True)
            else:
                kind = category(piece)
                earlier = dropped.get(kind, Dropped(kind, 0, index))
                dropped[kind] = Dropped(kind, earlier.count + 1, earlier.first)
                bears = False
    units = ([unit for unit in _read(letters, tables) if any(unit.forms)] for letters in components)
    return [component for component in units if component], tuple(dropped.values())


def _read(letters: Sequence[tuple[str, bool]], tables: Tables) -> Iterator[Unit]:
    """What each letter of one component gives where it stands."""
    index = 0
    while index < len(letters):
        char, doubled = letters[index]
        following = letters[index + 1][0] if index + 1 < len(letters) else ""
        reading = tables.sequences.get(char + following)
        if reading is not None:
            after = letters[index + 2][0] if index + 2 < len(letters) else None
            voiceless = after is None or after in tables.voiceless
            special = (reading.first if index == 0 else None) or (
                reading.voiceless if voiceless else None
            )
            yield special or reading.anywhere
            index += 2
            continue
        unit = tables.letters[char]
        if index == 0:
            unit = tables.first.get(char, unit)
        if not following:
            unit = tables.final.get(char, unit)
        yield Unit((unit.forms[0] * 2, *unit.forms)) if doubled else unit
        index += 1


def _chosen(unit: Unit, choices: Alternatives | None) -> str:
    if choices is None or unit.option is None:
        return unit.forms[0]
    form: str = getattr(choices, unit.option)
    return form


def _join(components: Iterable[str], limit: int, dropped: tuple[Dropped, ...]) -> Transliteration:
    kept = [component for component in components if component]
    mrz = "<".join(kept)
    if len(mrz) <= limit:
        return Transliteration(mrz, dropped)
    return Transliteration(_shortened(kept, len(mrz), limit), dropped, truncated=True)


def _shortened(components: list[str], length: int, limit: int) -> str:
    for index in range(len(components) - 1, 0, -1):
        length -= len(components[index]) - 1
        components[index] = components[index][0]
        if length <= limit:
            return "<".join(components)
    first = components[0][:limit]
    initials = (limit - len(first)) // 2
    return "<".join((first, *components[1 : 1 + initials]))


def _words(mrz: str) -> list[str]:
    if len(mrz) > MAX_LENGTH or not _MRZ.fullmatch(mrz):
        return []
    return [word for word in mrz.split("<") if word]


def _compare(components: Sequence[Sequence[Unit]], words: Sequence[str]) -> MrzMatch:
    if len(words) > len(components):
        return MrzMatch.NONE
    exact = len(words) == len(components)
    for units, word in zip(components, words, strict=False):
        whole, beginning = _reach(units, word)
        if not (whole or beginning):
            return MrzMatch.NONE
        exact = exact and whole
    return MrzMatch.EXACT if exact else MrzMatch.TRUNCATED


def _reach(units: Sequence[Unit], word: str) -> tuple[bool, bool]:
    """Whether some choice of forms spells `word`, and whether some choice only begins with it.

    Follows all choices at once, as the set of places in `word` that they can have come to.
    """
    places = {0}
    beginning = False
    for unit in units:
        reached = set()
        for place in places:
            for form in unit.forms:
                if word.startswith(form, place):
                    reached.add(place + len(form))
                elif form.startswith(word[place:]):
                    beginning = True
        places = reached
        if not places:
            break
    return len(word) in places, beginning

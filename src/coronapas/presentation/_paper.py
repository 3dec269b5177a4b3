"""A pass on paper: the EU's sheet of A4, to fold or flat, as a PDF (extra ``paper``).

The layout follows the EU's reference program for issuing (dgca-issuance-web): four panels of A6,
which are the cover (1), the QR code with the holder (2), the state's panel (3) and the event (4).
On the sheet to fold, 1 and 2 are the lower half, and 3 and 4 stand on their heads in the upper one,
so that the cover and the code lie outside. The terms are those of Regulation (EU) 2021/953, annex,
in English and in a second language. Codes are shown in the words of the value sets, dates as the
QR code has them.

What is printed is read from the text of the pass itself, so that the words and the code cannot
disagree. Nothing is verified: print what was just issued, or what a verifier found to be good.

typst sets the sheet. What a pass says goes in as data (JSON) and is never read as markup or code.
A sheet is PDF/UA-1 and PDF/A-2a at once: tagged, in reading order, with its fonts embedded, and the
QR code as vectors. The same pass gives the same bytes with the same version of typst and the same
fonts: the document is dated with the pass's own issue.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from coronapas.dcc._reader import facts_of
from coronapas.dcc._valuesets import (
    COUNTRY,
    DISEASE,
    MANUFACTURER,
    PRODUCT,
    PROPHYLAXIS,
    TEST_DEVICE,
    TEST_RESULT,
    TEST_TYPE,
    ValueSets,
)
from coronapas.errors import Fault, MissingExtraError, PaperError
from coronapas.facts import Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.hcert._envelope import decode
from coronapas.presentation._qr import qr

if TYPE_CHECKING:
    import typst

    from coronapas.facts import PassFacts
    from coronapas.presentation._qr import Qr

Sheet = Literal["fold", "flat"]
"""How the four panels lie on the sheet: to be folded twice, or all upright."""

SHEETS: Final[tuple[Sheet, ...]] = get_args(Sheet)
"""The sheets, by name."""

QR_MM: Final = 60.0
"""The side of the symbol on the sheet in millimetres, without its quiet zone."""

MAX_VALUE: Final = 500
"""The longest value of a pass that is set, in characters, inclusive."""

MAX_TEXT: Final = 2000
"""The longest text that a caller gives, in characters, inclusive."""

_STANDARDS: Final = ("ua-1", "a-2a")
_DEFAULT_FONT: Final = "Libertinus Serif"
"""Free (OFL), and part of typst: Latin, Greek and Cyrillic. For other letters typst falls back on
DejaVu Sans Mono, which it carries too and which has Arabic."""

_LAST_MOMENT: Final = 253_402_300_799
"""9999-12-31T23:59:59Z: the last moment that a PDF can state."""

_MORE_LINES: Final = 3
"""So many lines more than values fit into a panel at the usual size, whatever their letters."""

_LINE: Final = 24.0
"""How many sizes of the font a line is long at the usual size of 10 points."""

_UNBROKEN: Final = 20
"""After how many letters a word that may be longer than a line is cut."""

_WIDEST: Final = frozenset("WMmw")
_WIDTHS: Final = {"Lu": 0.8, "Ll": 0.65, "Nd": 0.6}
"""How wide letters are in the default font, at most, by their category."""

_JOINERS: Final = frozenset("\u200c\u200d")
_WORDS: Final = re.compile("[^ -]+|[ -]+")
_MARKS: Final = frozenset("<:/#")
_MOMENT: Final = "{moment}"

_Said = tuple[str, str]
"""A text with its language before it."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A field of the sheet: which text is its label, its values, and where the pass has them."""

    label: str
    path: str
    values: tuple[_Said, ...] = field(repr=False)


class Paper:
    """Prints passes on sheets of one kind; immutable and thread-safe, and can be pickled.

    Args:
        sheet: ``fold`` for the EU's sheet to be folded twice, ``flat`` for four upright panels.
        language: The language beside English, as a tag (``da``, ``da-DK``); ``en`` for English
            alone. By default the language of the pass's issuing country, as far as it is one of
            `languages`, and English alone otherwise.
        texts: Texts that replace the bundled ones, by language and name. A language that is not
            bundled needs all of them; the names are those of ``texts_of("en")``.
        fonts: Folders with fonts beside those of typst. The system's fonts are not looked at.
        families: The families to set in, the first that has a letter being taken. By default
            Libertinus Serif, and DejaVu Sans Mono for Arabic; both come with typst.
        value_sets: The value sets whose words are printed; by default the bundled release.

    """

    def __init__(
        self,
        sheet: Sheet = "fold",
        *,
        language: str | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
        fonts: Sequence[str | os.PathLike[str]] = (),
        families: Sequence[str] = (),
        value_sets: ValueSets | None = None,
    ) -> None:
        """Check the settings.

        Raises:
            PaperError: With every fault: an unknown sheet or language, a text that is missing, has
                an unknown name or cannot be set, a font family that is not there.
            MissingExtraError: typst is not installed.

        """
        faults: list[Fault] = []
        if sheet not in SHEETS:
            faults.append(
                _fault("sheet", "sheet-unknown", "There is no such sheet.", "Choose fold or flat.")
            )
        self._sheet = sheet
        self._texts = _all_texts(texts or {}, faults)
        self._language = None if language is None else _tag(language)
        if self._language is not None and self._language not in self._texts:
            faults.append(_unknown_language(self._texts))
        self._folders = tuple(os.fspath(folder) for folder in fonts)
        self._families = tuple(families)
        self._value_sets = value_sets
        self._local = _Local(self._folders)
        if not set(self._families) <= set(self._local.fonts.families()):
            faults.append(
                _fault(
                    "families",
                    "font-unknown",
                    "No font of a family was found.",
                    "Name the folder that has it with `fonts`.",
                )
            )
        if faults:
            raise PaperError(sorted(faults, key=lambda fault: fault.field))

    def __reduce__(self) -> tuple[object, ...]:
        own = {tag: texts for tag, texts in self._texts.items() if texts != _bundled().get(tag)}
        arguments = (self._sheet, self._language, own, self._folders, self._families)
        return _paper, (*arguments, self._value_sets)

    @property
    def sheet(self) -> Sheet:
        """How the panels lie on the sheet."""
        return self._sheet

    @property
    def language(self) -> str | None:
        """The language beside English; None for that of each pass's country."""
        return self._language

    @staticmethod
    def languages() -> tuple[str, ...]:
        """Return the languages whose texts are bundled (ISO 639-1), English first."""
        return tuple(_bundled())

    @staticmethod
    def texts_of(language: str) -> dict[str, str]:
        """Return the bundled texts of a language by name; raises LookupError for another one."""
        return dict(_bundled()[language])

    def pdf(self, text: str, *, language: str | None = None) -> bytes:
        """Return the sheet of a pass, which is given by its text (``HC1:…``).

        `language` is the language beside English of this sheet alone.

        Raises:
            DecodeError: The text is not that of a pass, or is damaged.
            PaperError: It is not an EU DCC with one event, a letter is in none of the fonts, or
                there is more than the sheet can hold. No fault quotes the pass.
            QrError: The text cannot be the QR code of a pass.

        """
        chosen = self._language if language is None else _tag(language)
        if chosen is not None and chosen not in self._texts:
            raise PaperError([_unknown_language(self._texts)])
        envelope = decode(text)
        facts, _ = facts_of(envelope.dcc)
        if facts is None or facts.others:
            raise PaperError(
                [
                    _fault(
                        "",
                        "no-event",
                        "The pass is not an EU DCC with one event that can be read.",
                        "Give a pass of one vaccination, test or recovery.",
                    )
                ]
            )
        symbol = qr(envelope.text.strip())
        content = _Content(self, facts, chosen, envelope.issuer or "", envelope.expires)
        content.check_lengths()
        issued_at = envelope.issued_at or 0
        return self._compiled(content, symbol, min(max(issued_at, 0), _LAST_MOMENT))

    def _compiled(self, content: _Content, symbol: Qr, issued_at: int) -> bytes:
        inputs = {
            "data": json.dumps(content.document(symbol)),
            "symbol": symbol.svg(module_mm=QR_MM / symbol.side),
        }
        try:
            return self._local.compile(_template(), inputs, issued_at)
        except RuntimeError as error:  # typst's message quotes the sheet
            found = str(error)
        if "the panel is full" in found:
            raise PaperError([_TOO_LONG])
        paths = [path for path, words in content.stated() if not self._sets(words)]
        paths = paths or [path for path, words in content.worded() if not self._sets(words)]
        if not paths:
            raise PaperError(
                [_fault("", "failed", "The sheet could not be set.", "Report this as a bug.")]
            )
        raise PaperError(
            [
                _fault(
                    path,
                    "glyph-missing",
                    "None of the fonts has a letter that stands here.",
                    "Name a font that has it, with the folder where it is.",
                )
                for path in dict.fromkeys(paths)
            ]
        )

    def _sets(self, words: str) -> bool:
        """Tell whether the fonts have every letter of a text."""
        inputs = {"data": json.dumps({"fonts": self._named(), "text": words})}
        try:
            self._local.compile(_PROOF, inputs, 0)
        except RuntimeError:
            return False
        return True

    def _named(self) -> list[str]:
        return [*self._families, _DEFAULT_FONT]


_PROOF: Final = b"""#let data = json(bytes(sys.inputs.data))
#set document(title: "proof")
#set text(font: data.fonts)
#data.text
"""


class _Local(threading.local):
    """The compiler of each thread: typst's can be used by one thread at a time."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        try:
            import typst
        except ImportError as missing:
            raise MissingExtraError("paper", "typst") from missing
        self.fonts = typst.Fonts(include_system_fonts=False, font_paths=list(folders))
        self._compiler: typst.Compiler = typst.Compiler(font_paths=self.fonts)

    def compile(self, template: bytes, inputs: dict[str, str], issued_at: int) -> bytes:
        """Return the PDF; RuntimeError (typst's own) where it cannot be made."""
        made = self._compiler.compile(
            input=template,
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=list(_STANDARDS),
            timestamp=issued_at,
        )
        assert isinstance(made, bytes)  # noqa: S101 - no output file is named, and there is one PDF
        return made


class _Content:
    """The texts of one sheet, ready to be set."""

    def __init__(
        self,
        paper: Paper,
        facts: PassFacts,
        language: str | None,
        country: str,
        expires: int | None,
    ) -> None:
        self._paper = paper
        self._texts = paper._texts
        self._sets = paper._value_sets or ValueSets.default()
        self._country = _settable(country)
        self._languages = ["en"]
        second = language or _language_of(country)
        if second != "en":
            self._languages.append(second)
        self._expires = expires
        self._kind = facts.kind.value
        self._person = list(self._person_rows(facts))
        self._event = [row for row in self._event_rows(facts) if row.values]

    def document(self, symbol: Qr) -> dict[str, Any]:
        """Return what the template takes."""
        member = self._country in _document()["members"]
        title = "title" if member else "title_other"
        return {
            "sheet": self._paper._sheet,
            "fonts": self._paper._named(),
            "language": "en",
            "usual": self._usual(),
            "title": self._texts["en"][title],
            "cover": self._said(title),
            "member": member,
            "country": self._country,
            "kind": self._said(self._kind),
            "scale": (symbol.side + 2 * symbol.border) / symbol.side,
            "alternative": " / ".join(text for _, text in self._said("code")),
            "heading": self._said("information"),
            "notices": [self._said("notice"), *self._verifiable()],
            "folding": self._said("folding"),
            "person": [self._row(row) for row in self._person],
            "event": [self._row(row) for row in self._event],
        }

    def check_lengths(self) -> None:
        """Raise PaperError for a value that no sheet can hold, before it costs any time."""
        if any(len(text) > MAX_VALUE for row in self._rows() for _, text in row.values):
            raise PaperError([_TOO_LONG])

    def _usual(self) -> bool:
        """Tell whether all that is set is known to fit without being measured."""
        return (
            not self._paper._families
            and all(self._texts[tag] is _bundled().get(tag) for tag in self._languages)
            and all(
                sum(_lines(text) - 1 for row in panel for _, text in row.values) <= _MORE_LINES
                for panel in (self._person, self._event)
            )
        )

    def stated(self) -> Iterator[tuple[str, str]]:
        """Yield every text that the pass states, after the path where it stands."""
        for row in self._rows():
            for _, text in row.values:
                yield row.path, text
        yield "issuer", self._country

    def worded(self) -> Iterator[tuple[str, str]]:
        """Yield every text of the sheet itself, after the path where it comes from."""
        for tag in self._languages:
            for name, text in self._texts[tag].items():
                yield f"texts.{tag}.{name}", text

    def _rows(self) -> Iterator[_Row]:
        yield from self._person
        yield from self._event

    def _said(self, name: str) -> list[_Said]:
        return [(tag, self._texts[tag][name]) for tag in self._languages]

    def _verifiable(self) -> Iterator[list[_Said]]:
        if self._expires is None or not 0 <= self._expires <= _LAST_MOMENT:
            return
        moment = f"{datetime.fromtimestamp(self._expires, UTC):%Y-%m-%d %H:%M} UTC"
        yield [(tag, text.replace(_MOMENT, moment)) for tag, text in self._said("verifiable")]

    def _row(self, row: _Row) -> dict[str, Any]:
        values = [
            {"language": tag, "pieces": _pieces(text), "leftwards": _direction(text) in ("R", "AL")}
            for tag, text in row.values
        ]
        return {"labels": self._said(row.label), "values": values}

    def _person_rows(self, facts: PassFacts) -> Iterator[_Row]:
        holder = facts.holder
        comma = "، " if _direction(holder.family_name or "") == "AL" else ", "
        name = _joined(holder.family_name, holder.given_name, by=comma)
        machine = _joined(holder.family_name_mrz, holder.given_name_mrz, by="<<")
        yield self._stated("name", "holder", name or machine)
        if machine and not _latin(name):
            yield self._stated("name_mrz", "holder", machine)
        yield self._stated("birth_date", "holder.birth_date", holder.birth_date)
        yield self._stated("uvci", "uvci", facts.uvci)

    def _event_rows(self, facts: PassFacts) -> Iterator[_Row]:
        event = facts.event
        match event:
            case Vaccination():
                yield self._coded("disease", "vaccination.disease", DISEASE, event.disease)
                yield from self._vaccination_rows(event)
            case Test():
                yield self._coded("disease", "test.disease", DISEASE, event.disease)
                yield from self._test_rows(event)
            case Recovery():
                yield self._coded("disease", "recovery.disease", DISEASE, event.disease)
                yield self._stated(
                    "first_positive", "recovery.first_positive", event.first_positive
                )
                yield self._coded("test_country", "recovery.country", COUNTRY, event.country)
        yield self._optional("issuer", "issuer", facts.issuer)
        if isinstance(event, Recovery):
            yield self._stated("valid_from", "recovery.valid_from", event.valid_from)
            yield self._stated("valid_until", "recovery.valid_until", event.valid_until)

    def _vaccination_rows(self, event: Vaccination) -> Iterator[_Row]:
        yield self._coded("vaccine", "vaccination.vaccine", PROPHYLAXIS, event.vaccine)
        yield self._coded("product", "vaccination.product", PRODUCT, event.product)
        yield self._coded(
            "manufacturer", "vaccination.manufacturer", MANUFACTURER, event.manufacturer
        )
        number = f"{event.dose_number}/{event.doses}"
        yield self._stated("dose", "vaccination.dose_number", number)
        yield self._stated("vaccination_date", "vaccination.date", event.date)
        yield self._coded("vaccination_country", "vaccination.country", COUNTRY, event.country)

    def _test_rows(self, event: Test) -> Iterator[_Row]:
        if isinstance(event.kind, TestKind):
            yield self._worded("test_type", "test.kind", event.kind.name.lower())
        else:
            yield self._coded("test_type", "test.kind", TEST_TYPE, event.kind)
        yield self._optional("test_name", "test.name", event.name)
        yield self._coded("test_device", "test.device", TEST_DEVICE, event.device)
        yield self._stated("sampled_at", "test.sampled_at", _moment(event.sampled_at))
        if isinstance(event.result, TestResult):
            yield self._worded("test_result", "test.result", event.result.name.lower())
        else:
            yield self._coded("test_result", "test.result", TEST_RESULT, event.result)
        yield self._optional("test_centre", "test.centre", event.centre)
        yield self._coded("test_country", "test.country", COUNTRY, event.country)

    def _stated(self, label: str, path: str, value: object) -> _Row:
        """Return a row that stands on the sheet even where the pass has no value for it."""
        row = self._optional(label, path, None if value is None else str(value))
        return row if row.values else self._worded(label, path, "unknown")

    def _optional(self, label: str, path: str, value: str | None) -> _Row:
        text = _settable(value or "")
        return _Row(label, path, ((_UNDETERMINED, text),) if text else ())

    def _worded(self, label: str, path: str, name: str) -> _Row:
        """Return a row whose value is one of the sheet's texts, in each language once."""
        said = {text: tag for tag, text in reversed(self._said(name))}
        return _Row(label, path, tuple((tag, text) for text, tag in reversed(said.items())))

    def _coded(self, label: str, path: str, set_id: str, code: str | None) -> _Row:
        """Return a row with the value set's words for a code, or the code that it does not have."""
        display = self._sets.display(set_id, code) if code else None
        if display is None:
            return self._optional(label, path, code)
        return _Row(label, path, (("en", _settable(display)),))


_UNDETERMINED: Final = "und"
"""ISO 639-2: the language of a name, which no pass states."""


def _fault(place: str, code: str, problem: str, hint: str) -> Fault:
    return Fault(place, f"paper.{code}", problem, hint)


def _unknown_language(texts: Mapping[str, object]) -> Fault:
    return _fault(
        "language",
        "language-unknown",
        "The sheet has no texts in this language.",
        f"Choose {', '.join(texts)}, or give `texts` for it.",
    )


_TOO_LONG: Final = _fault(
    "",
    "too-long",
    "The pass says more than the sheet can hold.",
    "Print its QR code alone.",
)


def _paper(
    sheet: Sheet,
    language: str | None,
    texts: Mapping[str, Mapping[str, str]],
    fonts: tuple[str, ...],
    families: tuple[str, ...],
    value_sets: ValueSets | None,
) -> Paper:
    return Paper(
        sheet,
        language=language,
        texts=texts,
        fonts=fonts,
        families=families,
        value_sets=value_sets,
    )


@cache
def _document() -> dict[str, Any]:
    data = files("coronapas.presentation").joinpath("data/paper.json").read_bytes()
    document: dict[str, Any] = json.loads(data)
    return document


@cache
def _template() -> bytes:
    return files("coronapas.presentation").joinpath("data/paper.typ").read_bytes()


@cache
def _bundled() -> dict[str, dict[str, str]]:
    return {tag: each["texts"] for tag, each in _document()["languages"].items()}


def _language_of(country: str) -> str:
    """Return the bundled language of a country; English where there is none."""
    languages = _document()["languages"]
    return next((tag for tag, each in languages.items() if country in each["countries"]), "en")


def _tag(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].strip().lower()


def _all_texts(
    given: Mapping[str, Mapping[str, str]], faults: list[Fault]
) -> dict[str, dict[str, str]]:
    """Return the texts by language, those given in the place of the bundled ones."""
    texts = dict(_bundled())
    known = texts["en"].keys()
    for language, own in given.items():
        tag = _tag(language)
        if not (tag.isascii() and tag.isalpha() and 2 <= len(tag) <= 3):
            faults.append(
                _fault(
                    "texts",
                    "language-form",
                    "A language must be two or three letters (ISO 639).",
                    "Write it as in da or da-DK.",
                )
            )
            continue
        whole = {**texts.get(tag, {}), **own}
        for name in [*own, *(name for name in known if name not in whole)]:
            fault = _text_fault(tag, name, whole.get(name), name in known)
            if fault is not None:
                faults.append(fault)
        texts[tag] = whole
    return texts


def _text_fault(tag: str, name: str, text: object, known: bool) -> Fault | None:
    place = f"texts.{tag}.{name}"
    if not known:
        return _fault("texts", "text-unknown", "The sheet has no such text.", "Leave it out.")
    if text is None:
        return _fault(place, "text-missing", "The text is missing.", "Give it in the language.")
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT or not text.isprintable():
        return _fault(
            place,
            "text-form",
            f"The text must be a line of 1 to {MAX_TEXT} printable characters.",
            "Shorten it, and write it without line breaks.",
        )
    return None


def _joined(*names: str | None, by: str) -> str:
    return by.join(name for name in names if name)


def _latin(text: str) -> bool:
    """Tell whether every letter of a text is Latin; not for an empty text."""
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and all("LATIN" in unicodedata.name(letter, "") for letter in letters)


def _moment(moment: datetime) -> str:
    """Write a moment with its offset, to the minute as on the EU's sheet."""
    offset = moment.isoformat(timespec="minutes")[16:]
    return f"{moment:%Y-%m-%d %H:%M} {'UTC' if offset in ('', '+00:00') else f'UTC{offset}'}"


def _settable(text: str) -> str:
    """Return a text in NFC as one line, without characters that steer and show nothing.

    Among them are the overrides of the direction of writing, with which a name could be made to
    read as another. The joiners stay: Persian and the scripts of India need them.
    """
    shown = []
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            shown.append(" ")
        elif character in _JOINERS or unicodedata.category(character) not in _STEERING:
            shown.append(character)
    return " ".join("".join(shown).split())


_STEERING: Final = frozenset({"Cc", "Cf", "Cs"})


def _pieces(text: str) -> list[dict[str, Any]]:
    """Return a text in pieces; words that may not fit into a line are cut into tight ones.

    A line may end between tight pieces. A zero-width space would do the same, and be in the text
    that is copied out of the document.
    """
    pieces: list[tuple[str, bool]] = []
    for word in _WORDS.findall(text):
        if sum(map(_width, word)) > _LINE:
            pieces += ((piece, True) for piece in _cut(word))
        elif pieces and not pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + word, False)
        else:
            pieces.append((word, False))
    return [{"text": piece, "tight": tight} for piece, tight in pieces]


def _width(letter: str) -> float:
    """Return how wide a letter may be, in parts of the font's size."""
    if letter in _WIDEST:
        return 1.0
    return _WIDTHS.get(unicodedata.category(letter), 1.0)


def _lines(text: str) -> int:
    """Return how many lines a value takes at the usual size, at most."""
    return max(1, math.ceil(sum(map(_width, text)) / _UNBROKEN))


def _cut(word: str) -> Iterator[str]:
    """Cut a word behind marks, and where it gets too long; never before a combining letter."""
    start = 0
    for place in range(1, len(word)):
        joined = unicodedata.combining(word[place]) or not _JOINERS.isdisjoint(
            word[place - 1 : place + 1]
        )
        long = place - start >= _UNBROKEN and not joined
        if long or (word[place - 1] in _MARKS and word[place] not in _MARKS):
            yield word[start:place]
            start = place
    yield word[start:]


def _direction(text: str) -> str:
    """Return the direction of a text by its first letter: L, R (Hebrew), AL (Arabic), or "".

    Unicode Standard Annex 9, rule P2.
    """
    kinds = map(unicodedata.bidirectional, text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "")

"""People of a register, read into numbers and judged; what many state alike is read once.

A person is a line, or rows of a table. What is not seen to be in order is left to
`History.from_json`, and to the planner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import compress, repeat
from typing import Any, Final, NamedTuple

from coronapas._json import PAIRS, YEARS, calendar_day, may_be_deep, read_pairs, value_of
from coronapas._time import as_utc
from coronapas.errors import HistoryError
from coronapas.facts._history import LARGEST, History
from coronapas.programmes._clock import local_day
from coronapas.programmes._invitations import (
    Asker,
    Invitation,
    InvitationRecord,
    ToLookAt,
    invitation,
    is_settled,
)
from coronapas.programmes._keys import Plain, PlainDose
from coronapas.programmes._reasons import Reason
from coronapas.programmes._tables import (
    Alike,
    Columns,
    event_of,
    record_of,
    text_of,
)

RegisterAnswer = Invitation[str | int] | ToLookAt[str | int]
"""What a register's row comes to, where it comes to anything."""


class Answered(NamedTuple):
    """The answers about people who were gone through, in their order."""

    places: list[int]
    """The place of each answer's person among those people."""
    answers: list[RegisterAnswer]


LONGEST: Final = LARGEST + 1000
"""The most bytes of a line, inclusive: a history's, and what stands around it."""

_MOST: Final = 50_000
"""The most statements whose reading is kept at once."""
_LONG: Final = "The line is too long."
_READ: Final = PAIRS.raw_decode
_NOTHING: Final[list[Any]] = []
_NEW: Final[Any] = object()
"""Stands for what was not read before."""
_OURS: Final = frozenset({"id", "history", "invitation"})
_PLAIN_DOSE: Final = frozenset({"date", "product", "dose_number", "doses"})
_ASIDE: Final = frozenset({"uvci", "batch", "place", "country", "vaccine", "manufacturer"})
"""Members of a dose that decide nothing where its number and its day are its own."""
_USUAL: Final = re.compile(
    r'\{"id": ?(?:(0|-?[1-9][0-9]{0,17})|"([^"\\\x00-\x1f]*)"), ?"history": ?'
    r'\{"birth_date": ?"([^"\\]*)", ?"groups": ?\[([^][{}\\]*)\]'
    r'(?:, ?"vaccinations": ?\[(?:\{([^][\\]*)\})?\])?(?:, ?"tests": ?\[(?:\{([^][\\]*)\})?\])?'
    r'(?:, ?"infections": ?\[(?:\{([^][\\]*)\})?\])?\}\}'
)
"""A line as `History.to_json` and most writers of JSON make it, without anything of its own."""
_USUAL_LENGTH: Final = 4000
_SAMPLED: Final = re.compile(r'"sampled_at": ?"([^"]*)"')
_ASIDES: Final = re.compile(
    rf', ?"({"|".join(sorted(_ASIDE))})": ?'
    r'"[^"\x00-\x1f]*?[^\s"\x00-\x1f][^"\x00-\x1f]*"(?=,|$)'
)
_ASIDE_NAME: Final = re.compile(rf'"(?:{"|".join(sorted(_ASIDE))})"')
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def unreadable(
    identifier: str | int | None,
    line: int,
    code: str,
    text: str,
    carried: Mapping[str, Any] | None = None,
) -> ToLookAt[str | int]:
    """Return somebody to be looked at for one reason."""
    return ToLookAt(identifier, line, False, (Reason(code, text),), carried)


def _faulty(
    identifier: str | int, line: int, error: HistoryError, carried: Mapping[str, Any] | None
) -> ToLookAt[str | int]:
    reasons = tuple(Reason(fault.code, f"history.{fault}") for fault in error.faults)
    return ToLookAt(identifier, line, False, reasons, carried)


class People:
    """Reads people, with what many of them state alike kept in numbers."""

    def __init__(self, inviter: Asker) -> None:
        self._inviter = inviter
        self._disease = inviter.programme.disease
        self._zone = inviter.programme.zone
        self._identifiers: list[str | int | None] = []
        self._lines: list[int] = []
        self._statements: dict[Any, tuple[PlainDose | None, int, int]] = {}
        self._doses: dict[Any, PlainDose | None] = {}
        self._births: dict[Any, int | None] = {}
        self._groups: dict[Any, frozenset[str] | None] = {}
        self._infections: dict[Any, int | None] = {}
        self._dose_texts: dict[str, PlainDose | None] = {}
        self._test_texts: dict[str, bool | None] = {}
        self._infection_texts: dict[str, int | None] = {}
        self._tests: dict[Any, bool | None] = {}
        self._events: dict[Any, PlainDose | int | dict[str, Any] | None] = {}

    def gone_through(self) -> tuple[list[str | int | None], list[int]]:
        """Return who was gone through since the last time, with the place of their first row.

        The identifier is None where it cannot be read.
        """
        found = self._identifiers, self._lines
        self._identifiers, self._lines = [], []
        return found

    def of_lines(self, content: bytes, first: int) -> Answered:
        """Answer for the people of lines that are not blank."""
        identifiers, numbers = self._identifiers, self._lines
        places: list[int] = []
        answers: list[RegisterAnswer] = []
        try:
            lines = content.decode().split("\n")
        except UnicodeError:
            lines = [_text(line) for line in content.split(b"\n")]
        usual, judge = self._usual, self._inviter.judge
        for number, line in enumerate(lines, first):
            known = usual(line)
            if known is not None:
                identifier, plain = known
                found = judge(plain)
                if found is not True:
                    identifiers.append(identifier)
                    numbers.append(number)
                    if found is not False:
                        places.append(len(numbers) - 1)
                        answers.append(invitation(found, identifier))
                    continue
            pairs: Any = None
            try:
                pairs, end = _READ(line)
            except (ValueError, RecursionError):
                if not line or line.isspace():
                    continue
                end = -1
            if end != len(line) or may_be_deep(line):
                pairs = _pairs(line)
            identifiers.append(None)
            numbers.append(number)
            answer = self._of_line(line, pairs, number)
            if answer is not None:
                places.append(len(numbers) - 1)
                answers.append(answer)
        return Answered(places, answers)

    def _usual(self, line: str) -> tuple[str | int, Plain] | None:
        """Return the person of a line in the usual form, in numbers; None for any other.

        The parts of such a line, whose texts recur in many, are read as JSON once each.
        """
        found = _USUAL.fullmatch(line) if len(line) <= _USUAL_LENGTH else None
        if found is None:
            return None
        number, name, birth, words, vaccinations, tests, infections = found.groups()
        born = self._births.get(birth, _NEW)
        groups = self._groups.get(words, _NEW)
        if born is _NEW or groups is _NEW:
            born = self._birth(birth)
            groups = self._words(_listed(words))
            _remember(self._groups, words, groups)
        if born is None or groups is None:
            return None
        doses: tuple[Any, ...] = ()
        days: tuple[Any, ...] = ()
        if vaccinations:
            doses = self._in_pieces(vaccinations, self._dose_texts, self._dose)
            if None in doses:
                return None
        if infections:
            days = self._in_pieces(infections, self._infection_texts, self._infection)
            if len(days) > _MOST_INFECTIONS:
                return None
        if tests:
            pieces = _pieces(tests)
            if len(pieces) > _MOST_TESTS:
                return None
            days += tuple([self._test_of(piece, born) for piece in pieces])
        if days:
            if None in days:
                return None
            days = tuple(sorted(filter(None, days)))
        return (int(number) if name is None else name), (born, groups, doses, days)

    def _in_pieces(
        self, objects: str, kept: dict[str, Any], read: Callable[[Any], Any]
    ) -> tuple[Any, ...]:
        """Return what each of the objects says, None for an odd one."""
        pieces = _pieces(objects)
        try:
            return tuple([kept[piece] for piece in pieces])
        except KeyError:
            pass
        found = []
        for piece in pieces:
            core = _without_asides(piece) if kept is self._dose_texts else piece
            value = kept.get(core, _NEW)
            if value is _NEW:
                value = read(_piece(core))
                _remember(kept, core, value)
            found.append(value)
        return tuple(found)

    def _test_of(self, piece: str, born: int) -> int | None:
        """Return what `_test` says of a test that is not alone."""
        cut = _SAMPLED.search(piece)
        at = None if cut is None else _sampled_at(cut[1], born)
        if cut is None or at is None:
            return None
        rest = piece[: cut.start(1)] + piece[cut.end(1) :]
        positive = self._test_texts.get(rest, _NEW)
        if positive is _NEW:
            statement = _piece(piece)
            positive = None if statement is None else self._is_positive(statement, alone=False)
            _remember(self._test_texts, rest, positive)
        return None if positive is None else self._day(at) if positive else 0

    def _of_line(self, line: str, pairs: Any, number: int) -> RegisterAnswer | None:
        if len(line) > LONGEST // 4 and len(line.encode(errors="replace")) > LONGEST:
            return unreadable(None, number, "register.long-line", _LONG)
        if pairs is None:
            text = "The line must be JSON in UTF-8."
            return unreadable(None, number, "register.line", text)
        document = dict(pairs) if type(pairs) is tuple else {}
        if "id" not in document or "history" not in document:
            text = "The line must be an object with id and history."
            return unreadable(None, number, "register.line", text)
        identifier = document["id"]
        if type(identifier) is not str and type(identifier) is not int:
            text = "id must be a string or an integer."
            return unreadable(None, number, "register.id", text)
        self._identifiers[-1] = identifier
        if len(document) < len(pairs):
            text = "The line states a member twice."
            whom = identifier if [name for name, _ in pairs].count("id") == 1 else None
            return unreadable(whom, number, "json.doubled", text)
        record = None
        if "invitation" in document:
            record = record_of(value_of(document["invitation"]))
            if record is None:
                text = "invitation must have a known state, and maybe a dose from 1 to 99."
                carried = _carried(document)
                return unreadable(identifier, number, "register.invitation", text, carried)
        return self._of_history(identifier, document["history"], number, record, document)

    def _of_history(
        self,
        identifier: str | int,
        history: Any,
        line: int,
        record: InvitationRecord | None,
        document: Mapping[str, Any],
    ) -> RegisterAnswer | None:
        """Answer for a history as `_READ` reads it; what is not ours in `document` is carried."""
        if type(history) is not tuple:
            text = "history must be an object."
            return unreadable(identifier, line, "register.history", text, _carried(document))
        found = self._inviter.judge(self._plain(history))
        if found is False:
            return None
        carried = _carried(document)
        if found is not True:
            settled = record is not None and is_settled(record, found.dose)
            return None if settled else invitation(found, identifier, carried)
        try:
            return self._inviter.decide(
                identifier, None, value_of(history), History.from_json, line, record, carried
            )
        except HistoryError as error:
            return _faulty(identifier, line, error, carried)

    # Histories in numbers. Whatever is not seen to be in order is left to `History.from_json`.

    def _plain(self, pairs: tuple[tuple[str, Any], ...]) -> Plain | None:
        history = dict(pairs)
        members = len(pairs)
        try:
            born = self._births.get(history["birth_date"], _NEW)
            words = tuple(history["groups"]) if type(history["groups"]) is list else None
            groups = self._groups.get(words, _NEW)
        except (KeyError, TypeError):
            return None
        if born is _NEW or groups is _NEW:
            born = self._birth(history["birth_date"])
            groups = self._words(words)
        if born is None or groups is None:
            return None
        members -= 2
        doses: tuple[PlainDose, ...] = ()
        if "vaccinations" in history:
            members -= 1
            stated = history["vaccinations"]
            if type(stated) is not list:
                return None
            for statement in stated:
                dose = self._dose(statement)
                if dose is None:
                    return None
                doses += (dose,)
        infections: tuple[int, ...] = ()
        if members:
            infected, tests = history.get("infections", _NOTHING), history.get("tests", _NOTHING)
            members -= (infected is not _NOTHING) + (tests is not _NOTHING)
            if infected != _NOTHING or tests != _NOTHING:
                found = self._days(infected, tests, born)
                if found is None:
                    return None
                infections = found
        # A member that stands twice, or that is not known, is counted here and not above.
        return None if members else (born, groups, doses, infections)

    def _birth(self, text: Any) -> int | None:
        day = calendar_day(text) if isinstance(text, str) else None
        found = None if day is None or day.year not in YEARS else day.toordinal()
        _remember(self._births, text, found)
        return found

    def _words(self, words: tuple[Any, ...] | None) -> frozenset[str] | None:
        found = None
        if words is not None and all(isinstance(word, str) for word in words):
            stated = _history({"groups": list(words)})
            found = None if stated is None else stated.groups
        _remember(self._groups, words, found)
        return found

    def _dose(self, statement: Any) -> PlainDose | None:
        if type(statement) is not tuple:
            return None
        number: Any
        doses: Any
        try:
            if len(statement) == 4 and (kept := self._statements.get(statement)) is not None:
                found, number_at, doses_at = kept
                number, doses = statement[number_at][1], statement[doses_at][1]
                # In Python, true is 1 and 1.0 is 1: only whole numbers share what was kept.
                return found if type(number) is int and type(doses) is int else None
        except TypeError:
            return None
        stated = dict(statement)
        if stated.keys() < _PLAIN_DOSE or len(stated) < len(statement):
            return None
        more = stated.keys() - _PLAIN_DOSE - {"disease"}
        if len(stated) != len(more) + 4 + ("disease" in stated) or not more <= _ASIDE:
            return None
        if not all(type(stated[name]) is str and stated[name].strip() for name in more):
            return None
        number, doses = stated["dose_number"], stated["doses"]
        if type(number) is not int or type(doses) is not int:
            return None
        key = stated["date"], stated["product"], number, doses, stated.get("disease")
        try:
            found = self._doses.get(key, _NEW)
        except TypeError:
            return None
        if found is _NEW:
            found = self._new_dose(stated)
            _remember(self._doses, key, found)
        if len(statement) == 4:
            names = [name for name, _ in statement]
            kept = found, names.index("dose_number"), names.index("doses")
            _remember(self._statements, statement, kept)
        return found

    def _new_dose(self, statement: dict[str, Any]) -> PlainDose | None:
        stated = _history({"vaccinations": [statement]})
        if stated is None:
            return None
        (dose,) = stated.doses
        return self._inviter.plain_dose(
            dose.date, dose.product, dose.dose_number, dose.doses, dose.disease
        )

    def _days(self, stated: Any, tests: Any, born: int) -> tuple[int, ...] | None:
        """Return the days of infections and positive tests, in order; None where one is odd."""
        days = []
        if type(stated) is not list or type(tests) is not list:
            return None
        if len(tests) > _MOST_TESTS or len(stated) > _MOST_INFECTIONS:
            return None
        for each in stated:
            day = self._infection(each, alone=len(stated) == 1)
            if day is None:
                return None
            if day:
                days.append(day)
        for each in tests:
            day = self._test(each, born, alone=len(tests) == 1)
            if day is None:
                return None
            if day:
                days.append(day)
        days.sort()
        return tuple(days)

    def _infection(self, statement: Any, *, alone: bool = False) -> int | None:
        """Return the day of an infection, 0 for one that does not count, None for an odd one."""
        if type(statement) is not tuple or not (alone or "uvci" not in dict(statement)):
            return None
        try:
            found: int | None = self._infections.get(statement, _NEW)
        except TypeError:
            return None
        if found is _NEW:
            found = None
            stated = _history({"infections": [value_of(statement)]})
            if stated is not None:
                (each,) = stated.infections
                ours = each.disease is None or each.disease == self._disease
                found = each.first_positive.toordinal() if ours else 0
            _remember(self._infections, statement, found)
        return found

    def _test(self, statement: Any, born: int, *, alone: bool) -> int | None:
        """Return the day of a positive test, 0 for another one, None for an odd one."""
        if type(statement) is not tuple:
            return None
        at = _sampled_at(dict(statement).get("sampled_at"), born)
        if at is None:
            return None
        positive = self._is_positive(statement, alone=alone)
        return None if positive is None else self._day(at) if positive else 0

    def _is_positive(self, statement: tuple[Any, ...], *, alone: bool) -> bool | None:
        """Return whether a test is one of our disease that is positive, None for an odd one."""
        members = dict(statement)
        if len(members) < len(statement) or ("uvci" in members and not alone):
            return None
        rest = tuple([item for item in statement if item[0] != "sampled_at"])
        try:
            positive: bool | None = self._tests.get(rest, _NEW)
        except TypeError:
            return None
        if positive is _NEW:
            positive = None
            stated = _history({"tests": [members]})
            if stated is not None:
                (each,) = stated.tests
                ours = each.disease is None or each.disease == self._disease
                positive = bool(each.positive) and ours
            _remember(self._tests, rest, positive)
        return positive

    def _day(self, at: datetime) -> int:
        return local_day(as_utc(at), self._zone).toordinal()

    # Tables

    def of_table(self, table: Any, first: int) -> Answered:
        """Answer for the people of a table of whole people."""
        if "history" in table.schema.names:
            return self._of_texts(table, first)
        return self._of_events(table, first)

    def _of_texts(self, table: Any, first: int) -> Answered:
        columns = Columns(table)
        found: dict[int, RegisterAnswer] = {}
        texts = table.column("history").to_pylist()
        for place, identifier in enumerate(columns.identifiers(every=True)):
            line, carried = first + place, columns.carried(place)
            self._identifiers.append(identifier)
            self._lines.append(line)
            if identifier is None:
                found[place] = unreadable(None, line, "register.id", _NO_ID, carried)
                continue
            try:
                record = columns.record(place)
                answer = self.of_text(identifier, texts[place], line, record, carried)
            except HistoryError as error:
                answer = _faulty(identifier, line, error, carried)
            if answer is not None:
                found[place] = answer
        return Answered(list(found), list(found.values()))

    def of_text(
        self,
        identifier: str | int,
        text: str | None,
        line: int,
        record: InvitationRecord | None = None,
        carried: Mapping[str, Any] | None = None,
    ) -> RegisterAnswer | None:
        """Answer for a person whose history is JSON."""
        text = text or ""
        try:
            # An escape can be half a character, and a text too large: `History.from_json` sees it.
            if "\\u" in text or len(text) > LARGEST:
                return self._inviter.decide(
                    identifier, None, text, History.from_json, line, record, carried
                )
            return self._of_history(identifier, read_pairs(text), line, record, carried or {})
        except HistoryError as error:
            return _faulty(identifier, line, error, carried)
        except ValueError:
            problem = "history must be JSON."
            return unreadable(identifier, line, "register.history", problem, carried)

    def _of_events(self, table: Any, first: int) -> Answered:
        columns = Columns(table)
        rows, different = columns.events()
        codes: list[int] = rows.to_pylist()
        events = [self._event(columns.names, each) for each in different]
        births = [self._births.get(each, _NEW) for each in columns.births]
        for place, born in enumerate(births):
            if born is _NEW:
                cell = columns.births[place]
                births[place] = self._birth(text_of(cell))
                _remember(self._births, cell, births[place])
        groups = [self._words_of(words) for words in columns.groups]
        starts, born_at, groups_at = columns.starts, columns.born_at, columns.groups_at
        ends = [*starts[1:], len(codes)]

        def plain(place: int) -> Plain | None:
            born, named = births[born_at[place]], groups[groups_at[place]]
            if born is None or named is None or place in columns.contradicting:
                return None
            own = codes[starts[place] : ends[place]]
            return self._in_numbers(columns, starts[place], own, events, born, named)

        judge = self._inviter.judge
        alike = Alike(columns, rows, events, births, groups, self._inviter.days)
        judged = [judge(plain(place), shared=True) for place in alike.examples()]
        places, terms, alone = alike.members(judged, self._inviter.days[0].dated)
        identifiers = columns.identifiers()
        records, odd = columns.records()
        self._identifiers += identifiers
        self._lines += [first + start for start in starts]
        closely = {place for place, each in enumerate(identifiers) if each is None}
        closely.update(alone, odd)
        if closely or records:
            kept = [
                place not in closely
                and (place not in records or not is_settled(records[place], each.dose))
                for place, each in zip(places, terms, strict=True)
            ]
            places, terms = list(compress(places, kept)), list(compress(terms, kept))
        whose: Iterable[Any] = map(identifiers.__getitem__, places)
        carried: Iterable[dict[str, Any] | None] = repeat(None)
        if columns.carries:
            carried = map(columns.carried, map(starts.__getitem__, places))
        answers: list[RegisterAnswer] = list(map(invitation, terms, whose, carried))
        if not closely:
            return Answered(places, answers)
        found = dict(zip(places, answers, strict=True))
        for place in closely:
            identifier, start = identifiers[place], starts[place]
            line, theirs = first + start, columns.carried(start)
            answer: RegisterAnswer | None
            if identifier is None:
                answer = unreadable(None, line, "register.id", _NO_ID, theirs)
            elif place in odd:
                answer = _faulty(identifier, line, odd[place], theirs)
            else:
                own, record = (start, ends[place]), records.get(place)
                try:
                    answer = self._inviter.decide(
                        identifier, plain(place), own, columns.history, line, record, theirs
                    )
                except HistoryError as error:
                    answer = _faulty(identifier, line, error, theirs)
            if answer is not None:
                found[place] = answer
        places = sorted(found)
        return Answered(places, [found[place] for place in places])

    def _words_of(self, words: tuple[str, ...] | None) -> frozenset[str] | None:
        """Return the groups that words name, or None."""
        if words is None:
            return None
        found = self._groups.get(words, _NEW)
        return self._words(words) if found is _NEW else found

    def _event(
        self, names: list[str], cells: tuple[Any, ...]
    ) -> PlainDose | int | dict[str, Any] | None:
        """Return a dose, the day of an infection, a test as it is, 0 for no event, None if odd."""
        found: PlainDose | int | dict[str, Any] | None = self._events.get(cells, _NEW)
        if found is not _NEW:
            return found
        event = event_of(dict(zip(names, cells, strict=True)))
        found = None
        if not event:
            found = 0
        elif len(event) == 1:
            ((kind, statement),) = event.items()
            if kind == "vaccinations":
                found = self._dose(tuple(statement.items()))
            elif kind == "infections":
                found = self._infection(tuple(statement.items()), alone=True)
            else:
                found = statement
        _remember(self._events, cells, found)
        return found

    def _in_numbers(
        self,
        columns: Columns,
        start: int,
        own: list[int],
        events: list[Any],
        born: int,
        groups: frozenset[str],
    ) -> Plain | None:
        """Return a person of a table in numbers, or None where anything is odd."""
        doses: tuple[PlainDose, ...] = ()
        days = []
        others = 0
        for row, code in enumerate(own, start):
            each = events[code]
            if type(each) is tuple:
                doses += (each,)
                continue
            if isinstance(each, dict):
                moment = columns.sampled_at(row)
                stated = (*each.items(), ("sampled_at", moment))
                each = self._test(stated, born, alone=True)
                others += 1
            elif each:
                others += 1
            if each is None:
                return None
            if each:
                days.append(each)
        # What one identifier joins is found from the history alone.
        if others > 1 and columns.has_identifiers:
            return None
        return born, groups, doses, tuple(sorted(days))


def _carried(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the members that are not ours."""
    if document.keys() <= _OURS:
        return None
    return {name: value_of(each) for name, each in document.items() if name not in _OURS}


def _sampled_at(moment: Any, born: int) -> datetime | None:
    """Return the moment of a test; None for an odd one, or one too near to the birth."""
    if type(moment) is not str or not _MOMENT.fullmatch(moment):
        return None
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return None if at.toordinal() <= born + 1 or not 1890 <= at.year < 2200 else at


def _pieces(objects: str) -> list[str]:
    """Return the texts between the braces of objects, given that between the outermost ones.

    The objects have no arrays and no escapes. A cut inside a string leaves an open quotation mark
    before it, so that the piece is not JSON.
    """
    return objects.split("}, {" if "}, {" in objects else "},{")


def _without_asides(piece: str) -> str:
    """Return a dose without members that decide nothing, and that are hardly alike in two doses.

    Each is taken out from the comma before it up to the next comma, or to the end. If that comma
    stood inside a string, what is left would not be JSON: the string would end where the next
    member begins.
    """
    parts = _ASIDES.split(piece)
    names = parts[1::2]
    core = "".join(parts[::2])
    if len(set(names)) < len(names) or _ASIDE_NAME.search(core):
        return piece
    return core


def _piece(text: str) -> Any:
    """Return what an object states, given the text between its braces; None if it is not JSON."""
    return _pairs(f"{{{text}}}")


def _listed(words: str) -> tuple[Any, ...] | None:
    """Return the members of an array, given the text between its brackets."""
    found = _pairs(f"[{words}]")
    return None if found is None else tuple(found)


def _pairs(text: str) -> Any:
    """Return what a text states, blanks around it or not; None where it is not JSON to us."""
    try:
        return read_pairs(text)
    except ValueError:
        return None


def _text(line: bytes) -> str:
    """Return a line as text, which is no JSON where it is not UTF-8."""
    try:
        return line.decode()
    except UnicodeError:
        return "\ufffd" + line.decode(errors="replace")


_NO_ID: Final = "The row has no id."
_MOST_TESTS: Final = 5000
_MOST_INFECTIONS: Final = 100


def _history(document: dict[str, Any]) -> History | None:
    try:
        return History.from_json(document)
    except HistoryError:
        return None


def _remember(kept: dict[Any, Any], key: Any, found: Any) -> None:
    if len(kept) >= _MOST:
        kept.clear()
    kept[key] = found

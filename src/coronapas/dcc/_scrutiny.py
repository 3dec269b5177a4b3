"""The single values of a DCC: texts, codes, days, moments and counts, each checked strictly.

`Scrutiny` holds what the checks of one pass share and collects their faults. Every check returns
the value as the payload writes it. For a wrong value it adds one `Fault` and returns something with
which the other checks can go on, so that all faults are found together. The path of a good value is
short on purpose: issuing a pass should cost little more than its signature.

Implements the DCC schema 1.3.x (types, lengths, patterns) and what the schema cannot say:
membership of the value sets, real dates, NFC, nothing empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from unicodedata import is_normalized, normalize

from coronapas.dcc import _valuesets as vs
from coronapas.dcc._chronology import MOST_DOSES
from coronapas.errors import Fault

if TYPE_CHECKING:
    from coronapas.dcc._names import Alternatives
    from coronapas.dcc._valuesets import ValueSets

MAX_LENGTH: Final = 80
"""Characters, after NFC, that a text may have, inclusive (DCC schema 1.3.x)."""

# NFC makes a text shorter, but never to less than a fourth: beyond this, normalising is in vain.
_HOPELESS: Final = 4 * MAX_LENGTH

_NO_CODES: Final[frozenset[str]] = frozenset()
_MINUTE: Final = timedelta(minutes=1)
_EARLIEST_ZONE: Final = timedelta(hours=14)  # no clock on earth is further ahead of UTC

# What no name or label can need, as it shows nothing, shows differently everywhere, or makes one
# text look like another. The variation selectors are not among it: Han names are written with them.
_NEEDLESS: Final = (
    "\x00-\x1f\x7f-\x9f"  # controls
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # halves of surrogate pairs
    "\ue000-\uf8ff\U000f0000-\U0010ffff"  # private use
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters, and two in every further plane:
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 15))
    + "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions
    "\xad\u200b\u2060-\u2065\u206a-\u206f\ufeff\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # unseen
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # annotations, controls of notations
    "\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufffc\ufffd"  # fillers, and what stands for the lost
)
# The last row above is printable by Python's account; all others are not.
_PRINTABLE: Final = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufffc\ufffd")
# Where a joiner or non-joiner can stand after a letter: Arabic and its kin, the scripts of India
# and of South East Asia, Mongolian. Everywhere else it is unseen and needless.
_JOINING: Final = (
    "\u0600-\u0dff\u1000-\u109f\u1780-\u18af\u1a20-\u1aaf\u1b00-\u1c4f\u1cd0-\u1cff\ua800-\uaaff"
    "\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00010fff\U00011000-\U00011fff"
    "\U0001e900-\U0001e95f"
)
_UNWRITABLE: Final = re.compile(f"[{_NEEDLESS}]|(?<![{_JOINING}])[\u200c\u200d]")


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What an issuing country may see differently from another."""

    one_dose_after_recovery: bool = True
    """Allow 1/1 of a product with a longer course, for one dose after a recovery."""
    inactive_codes: bool = False
    """Allow codes that are inactive in their value set."""
    other_encodings: bool = False
    """Allow a prophylaxis code or manufacturer other than the product's encoding instructions."""
    dropped_letters: bool = False
    """Allow names of which characters are left out because they have no transliteration.

    `coronapas.dcc.name_notices` reports such names.
    """
    alternatives: Alternatives | None = None
    """How the state writes the letters for which ICAO leaves a choice; None for the defaults."""
    earliest_event: date | None = date(2020, 1, 1)
    """The first day, inclusive, of an event; None for no bound.

    The default assumes that there was neither a vaccine nor a test for COVID-19 before 2020.
    """
    recovery_from_days: int | None = 11
    """The least number of days, inclusive, from the first positive test to the first day of a
    recovery's validity (Regulation (EU) 2021/953); None for no bound."""
    recovery_until_days: int | None = 180
    """The greatest number of days, inclusive, from the first positive test to the last day of a
    recovery's validity (Regulation (EU) 2021/953); None for no bound."""


class Scrutiny:
    """The checks of one pass, with what they share: value sets, policy, day of issue, faults.

    `latest` is the day of issue, in the zone of its moment where it is one (`has_begun` knows the
    days of other zones); `moment` is None where only the day is known.
    """

    __slots__ = ("earliest", "faults", "latest", "moment", "policy", "undated", "value_sets")

    def __init__(
        self, value_sets: ValueSets, policy: ContentPolicy, issued_on: date | datetime
    ) -> None:
        self.value_sets = value_sets
        self.undated = value_sets.undated
        self.policy = policy
        self.faults: list[Fault] = []
        self.earliest = policy.earliest_event or date.min
        self.moment: datetime | None = None
        if type(issued_on) is date:
            self.latest = issued_on
        else:
            self._issued_on(issued_on)

    def _issued_on(self, value: object) -> None:
        self.latest = date.max
        if isinstance(value, datetime):
            self.latest = value.date()
            self.moment = value
            if value.utcoffset() is None:
                self.moment = None
                self.add("on", "on.no-zone", "The moment has no time zone.", "Give it one.")
        elif isinstance(value, date):
            self.latest = value
        else:
            self.add("on", "on.type", "The value is no day.", "Give the day of issue as a date.")

    def add(self, path: str, code: str, problem: str, hint: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(path, code, problem, hint))

    def text(self, path: str, value: object) -> str:
        """Check a text that must be there: 1 to 80 characters in NFC, none of them unwritable.

        Text that is not in NFC is brought into it; that changes no letter. Unwritable is what no
        name or label can need: characters of control, of direction, of private use, unseen ones. A
        joiner or non-joiner (U+200D, U+200C) is writable after a letter of a script that joins.
        """
        if (
            type(value) is str
            and value.isascii()
            and value.isprintable()
            and 0 < len(value) <= MAX_LENGTH
            and value[0] != " " != value[-1]
        ):
            return value
        return self._careful_text(path, value)

    def _careful_text(self, path: str, value: object) -> str:
        if not isinstance(value, str):
            self.add(path, "text.type", "The value is not a string.", "Give a string.")
            return ""
        text = str.__str__(value)
        if len(text) <= _HOPELESS and not is_normalized("NFC", text):
            text = normalize("NFC", text)
        inner = text.strip()
        if len(inner) > MAX_LENGTH:
            self.add(
                path,
                "text.too-long",
                f"The text has more than {MAX_LENGTH} characters.",
                "Shorten it.",
            )
        if inner and inner != text:
            self.add(
                path,
                "text.outer-whitespace",
                "White space precedes or follows the text.",
                "Trim it.",
            )
        if not (inner.isprintable() and _PRINTABLE.isdisjoint(inner)):
            seen = _UNWRITABLE.sub("", inner)
            if seen != inner:
                self.add(
                    path,
                    "text.unwritable-character",
                    "The text contains a character that no name or label needs: a control"
                    " character, half a surrogate pair, a line break, a direction mark, an"
                    " invisible one or one of private use.",
                    "Remove it.",
                )
                inner = seen.strip()
        if not inner:
            self.add(path, "text.empty", "The text is empty.", "Leave it out (None) or fill it.")
        return text

    def code(self, path: str, set_id: str, value: object, day: date | None) -> str:
        """Check a code of a value set for an event of that day (None where the day is faulty)."""
        if type(value) is str and value in self.undated.get(set_id, _NO_CODES):
            return value
        return self._careful_code(path, set_id, value, day)

    def _careful_code(self, path: str, set_id: str, value: object, day: date | None) -> str:
        if not isinstance(value, str):
            self.add(path, "text.type", "The value is not a string.", "Give a code as a string.")
            return ""
        code = str.__str__(value)
        entry = self.value_sets.code(set_id, code)
        if entry is None:
            self._unknown_code(path, set_id, code)
        elif not self.policy.inactive_codes:
            if entry.valid_until is None and not entry.active:
                self._given_up(path, set_id, code)
            elif day is not None and not entry.usable_on(day):
                self.add(
                    path,
                    "code.expired",
                    f"The code of the value set {set_id} had expired before the event.",
                    "Give a code that was valid on the event's day.",
                )
        return code

    def _unknown_code(self, path: str, set_id: str, code: str) -> None:
        each = self.value_sets.sets.get(set_id)
        similar = self.value_sets.similar_product(code) if set_id == vs.PRODUCT else None
        if each is None:
            hint = "Load the value set: these value sets do not have it."
        elif not each.complete:
            hint = "Load the list in force: the one at hand is only an example (ValueSets.replace)."
        else:
            hint = f"Give a code of the set (issued {each.date}), or load a newer one."
        if similar is not None:
            hint = f"Did you mean {similar}? {hint}"
        self.add(path, "code.unknown", f"The code is not in the value set {set_id}.", hint)

    def _given_up(self, path: str, set_id: str, code: str) -> None:
        product = self.value_sets.products.get(code)
        heir = product.replaced_by if product else None
        self.add(
            path,
            "code.inactive",
            f"The code of the value set {set_id} must not be used for new passes any more.",
            f"Use {heir}." if heir else "Give an active code.",
        )

    def day(self, path: str, value: object) -> date | None:
        """Check the day of an event: a date, not too early by the policy, nor in the future.

        The day is a local one of a place unknown; see `has_begun` for when it is in the future.
        """
        if type(value) is date and self.earliest <= value <= self.latest:
            return value
        day = self.plain_day(path, value)
        if day is None:
            return None
        return day if self._in_time(path, day, future=not self.has_begun(day)) else None

    def has_begun(self, day: date) -> bool:
        """Whether a local day can have begun when the pass is issued.

        Where only the day of issue is known, that is the last one. At a moment of issue it is the
        day of the moment's own zone, or the day at UTC+14, where days begin first on earth: the
        event's place is not known, and no register has to write the moment in that place's zone.
        """
        return day <= self.latest or (self.moment is not None and begun_at(day, self.moment))

    def plain_day(self, path: str, value: object) -> date | None:
        """Check that the value is a date, and no datetime: its day depends on the zone."""
        if type(value) is date:
            return value
        if isinstance(value, date) and not isinstance(value, datetime):
            return date(value.year, value.month, value.day)
        self.add(
            path,
            "date.type",
            "The value is not a date (a datetime is not one either).",
            "Give a datetime.date: the local day.",
        )
        return None

    def _in_time(self, path: str, day: date, *, future: bool) -> bool:
        if future:
            self.add(
                path,
                "date.future",
                "The event is later than the issuing.",
                "Correct the date, or issue later.",
            )
        elif day < self.earliest:
            self.add(
                path,
                "date.too-early",
                "The event is earlier than the first day that the policy allows.",
                "Correct the date, or set earliest_event in the policy.",
            )
        else:
            return True
        return False

    def moment_of(self, path: str, value: object) -> tuple[str, date | None]:
        """Check a date-time with a zone; give it as the payload writes it, and its local day.

        ``YYYY-MM-DDThh:mm:ss`` and ``Z`` or ``±hh:mm``; a fraction of a second is cut; an offset
        that has seconds is turned into UTC. Where only the day of issue is known, a moment counts
        as future when both its local and its UTC day are later.
        """
        if not isinstance(value, datetime):
            self.add(path, "date-time.type", "The value is not a datetime.", "Give a datetime.")
            return "", None
        offset = value.utcoffset()
        if offset is None:
            self.add(
                path,
                "date-time.no-zone",
                "The moment has no time zone.",
                "Give it a time zone (tzinfo).",
            )
            return "", None
        day = value.date()
        if self.moment is not None:
            future = value > self.moment
        else:
            future = day > self.latest and value >= _end_of(self.latest)
        if (future or day < self.earliest) and not self._in_time(path, day, future=future):
            return "", None
        if not offset:
            return value.isoformat(timespec="seconds")[:19] + "Z", day
        if offset % _MINUTE:
            return self._in_utc(path, value), day
        return value.isoformat(timespec="seconds"), day

    def _in_utc(self, path: str, value: datetime) -> str:
        try:
            return value.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
        except OverflowError:
            self.add(
                path, "date-time.type", "In UTC the moment is outside the calendar.", "Correct it."
            )
            return ""

    def count(self, path: str, value: object) -> int | None:
        """Check dn or sd: an integer from 1 to `MOST_DOSES`, both inclusive; a bool is none."""
        if type(value) is int and 0 < value <= MOST_DOSES:
            return value
        if not isinstance(value, int) or isinstance(value, bool):
            self.add(path, "dose.type", "The value is not a whole number.", "Give an integer.")
            return None
        if value < 1:
            self.add(path, "dose.number-below-one", "Doses are counted from 1.", "Give 1 or more.")
            return None
        if value > MOST_DOSES:
            self.add(
                path,
                "dose.number-too-high",
                f"There are more than {MOST_DOSES} doses.",
                "Correct the number.",
            )
            return None
        return int(value)


def begun_at(day: date, moment: datetime) -> bool:
    """Whether a day has begun anywhere on earth at a moment (with its time zone)."""
    try:
        first = datetime(day.year, day.month, day.day, tzinfo=UTC) - _EARLIEST_ZONE
    except OverflowError:  # the calendar's first day
        return True
    return moment >= first


def _end_of(day: date) -> datetime:
    following = day + timedelta(1)
    return datetime(following.year, following.month, following.day, tzinfo=UTC)

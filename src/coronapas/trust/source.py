"""Where a certificate comes from: which list, how it was checked, and how long it may be used.

A list that is too old fails closed: a key that only lists beyond their age vouch for is not
trusted, which is told apart from a key that no list knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

SignatureState = Literal["verified", "not verified", "none"]
"""``verified`` against a pin, ``not verified`` for want of one, ``none`` for unsigned formats."""


class Circumstances(TypedDict, total=False):
    """What a reader is told beside the list itself; each reader takes these by name.

    - `name`: what the list is called (a file's name, an address); it stays with each certificate.
    - `at`: the moment at which the list has to be good (with its zone): a list past its end or
      before its begin is then an error, and so is a signer's certificate that is not valid. Without
      it the dates are only carried along, and the store judges them whenever a key is used.
    - `fetched`: when the caller got the list (with its zone), for lists that state no date.
    """

    name: str
    at: datetime | None
    fetched: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """One list as the origin of certificates. All times have their zones.

    `issued` and `expires` (inclusive) are what the list states, `fetched` is when the caller got
    it, `max_age` how old the caller lets it become; each may be None.
    """

    format: str
    name: str = ""
    signature: SignatureState = "none"
    issued: datetime | None = None
    expires: datetime | None = None
    fetched: datetime | None = None
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        for moment in (self.issued, self.expires, self.fetched):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a list's dates need their time zones")
        if self.max_age is not None and self.max_age < timedelta(0):
            raise ValueError("an age cannot be negative")

    @property
    def dated(self) -> datetime | None:
        """The moment from which the age counts: the earlier one of `issued` and `fetched`."""
        return min((day for day in (self.issued, self.fetched) if day is not None), default=None)

    @property
    def until(self) -> datetime | None:
        """The last moment (inclusive) at which the list may be used; None for no limit.

        The earlier one of `expires` and the end of `max_age`; with a `max_age` and no date to count
        it from, the beginning of time.
        """
        ends = [] if self.expires is None else [self.expires]
        if self.max_age is not None:
            ends.append(_BEGIN if self.dated is None else later(self.dated, self.max_age))
        return min(ends, default=None)

    def limited(self, max_age: timedelta) -> Source:
        """The same source with an age limit, where it has no stricter one."""
        if self.max_age is not None and self.max_age <= max_age:
            return self
        return replace(self, max_age=max_age)

    def to_json(self) -> dict[str, str | float | None]:
        """For people's eyes and for saving: times in ISO 8601, the age in seconds."""
        return {
            "format": self.format,
            "name": self.name,
            "signature": self.signature,
            "issued": _text(self.issued),
            "expires": _text(self.expires),
            "fetched": _text(self.fetched),
            "max_age": None if self.max_age is None else self.max_age.total_seconds(),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, object]) -> Source:
        """The source that `to_json` wrote; raises ValueError, TypeError or KeyError for others."""
        form, name, signature = item["format"], item["name"], item["signature"]
        if signature not in _STATES or not isinstance(form, str) or not isinstance(name, str):
            raise ValueError("no source")
        age = item["max_age"]
        if age is not None and not isinstance(age, int | float):
            raise TypeError("no age")
        return cls(
            form,
            name,
            _STATES[signature],
            _moment(item["issued"]),
            _moment(item["expires"]),
            _moment(item["fetched"]),
            None if age is None else timedelta(seconds=age),
        )


_STATES: Final[dict[object, SignatureState]] = {
    "verified": "verified",
    "not verified": "not verified",
    "none": "none",
}
_BEGIN: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)

GIVEN: Final = Source("given")
"""The source of certificates that the caller put into a store by hand."""


def later(moment: datetime, by: timedelta) -> datetime:
    """A moment and a duration together; the last moment of the calendar for all beyond it."""
    try:
        return moment + by
    except OverflowError:
        return _END


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("no date")
    return datetime.fromisoformat(text)

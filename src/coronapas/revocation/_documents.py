"""Strict reading of the JSON of revocation lists: bounded, no name twice, no partial base64."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from coronapas import _base64 as base64
from coronapas import _json
from coronapas._time import iso_utc
from coronapas.errors import KeyMaterialError, RevocationListError
from coronapas.hcert._cose import KID_LENGTH

if TYPE_CHECKING:
    from coronapas.revocation._hashes import HashType

MAX_BYTES: Final = 128 * 1024 * 1024
"""Larger documents are refused unread: enough for 2 million base64 digests in one."""

MAX_PARTS: Final = 4_000_000
"""A document with more commas, colons and brackets than this is refused unread: its values would
fill the memory."""

FREE_PARTS: Final = 100_000
"""As many a document may have however small it is; beyond them, one for every `BYTES_A_PART`."""

BYTES_A_PART: Final = 6
"""A batch on a gateway's list has 11 parts in 80 bytes or more, a hash one in 27."""


class Document:
    """One JSON object of a list, read member by member; every error names the member."""

    __slots__ = ("_members", "_what", "form")

    def __init__(self, members: dict[str, Any], *, form: str, what: str) -> None:
        self._members = members
        self.form = form
        self._what = what

    @classmethod
    def parse(cls, data: bytes, *, form: str, what: str) -> Document:
        """Return the object in `data`; `what` names it in errors."""
        return cls.of(parse(data, form=form, what=what), form=form, what=what)

    @classmethod
    def of(cls, value: object, *, form: str, what: str) -> Document:
        """Return the object that a parser made."""
        if not isinstance(value, dict):
            raise RevocationListError(form, "malformed", f"{what} must be an object")
        return cls(value, form=form, what=what)

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def text(self, name: str) -> str:
        """Return a string that is not empty."""
        value = self._members.get(name)
        if not isinstance(value, str) or not value:
            self.fail(f"`{name}` must be a string that is not empty")
        return value

    def number(self, name: str) -> int:
        """Return a whole number, 0 or more."""
        value = self._members.get(name)
        if type(value) is not int or value < 0:
            self.fail(f"`{name}` must be a whole number, 0 or more")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean; False where the member is missing."""
        value = self._members.get(name, False)
        if type(value) is not bool:
            self.fail(f"`{name}` must be true or false")
        return value

    def items(self, name: str) -> list[Any]:
        """Return an array."""
        value = self._members.get(name)
        if not isinstance(value, list):
            self.fail(f"`{name}` must be an array")
        return value

    def objects(self, name: str) -> list[Document]:
        """Return the objects of an array."""
        what = f"an item of `{name}`"
        return [Document.of(item, form=self.form, what=what) for item in self.items(name)]

    def members(self, name: str) -> dict[str, Any]:
        """Return an object, by the names of its members."""
        value = self._members.get(name)
        if not isinstance(value, dict):
            self.fail(f"`{name}` must be an object")
        return value

    def moment(self, name: str) -> datetime:
        """Return a moment in ISO 8601; one without a time zone is taken as UTC."""
        return moment(self.text(name), form=self.form, what=f"`{name}`")

    def kid(self, name: str) -> bytes:
        """Return a key identifier of 8 bytes, given in base64."""
        return kid(self.text(name), form=self.form)

    def fail(self, problem: str) -> NoReturn:
        """Raise RevocationListError (``list.malformed``) for this object."""
        raise RevocationListError(self.form, "malformed", f"{self._what}: {problem}")


def parse(data: bytes, *, form: str, what: str) -> Any:
    """The value of a JSON text of at most `MAX_BYTES`, in which no object states a name twice."""
    try:
        parts = min(MAX_PARTS, FREE_PARTS + len(data) // BYTES_A_PART)
        return _json.load(data, limit=MAX_BYTES, parts=parts)
    except _json.JsonError as error:
        code = "too-large" if error.reason == "too-large" else "malformed"
        raise RevocationListError(form, code, f"{what} cannot be read: {error}") from None


def moment(text: str, *, form: str, what: str) -> datetime:
    """Return a moment in ISO 8601 as a UTC datetime; one without a zone is taken as UTC."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RevocationListError(
            form, "malformed", f"{what} must be a time in ISO 8601"
        ) from error


def stamp(at: datetime) -> str:
    """A moment as the lists write it: ISO 8601 in UTC, whole seconds, ``Z``."""
    return iso_utc(at)


def from_base64(text: str, *, form: str, what: str) -> bytes:
    """Return the bytes of base64, of the standard or the URL-safe alphabet, padded or not."""
    try:
        return base64.decode_any(text, what)
    except KeyMaterialError as error:
        raise RevocationListError(form, "malformed", f"{what} must be base64") from error


def kid(text: str, *, form: str) -> bytes:
    """Return a key identifier of 8 bytes, given in base64."""
    found = from_base64(text, form=form, what="a kid")
    if len(found) != KID_LENGTH:
        raise RevocationListError(form, "malformed", f"a kid must have {KID_LENGTH} bytes")
    return found


def hash_type(text: str, *, form: str) -> HashType:
    """Return a type of hash by its name."""
    from coronapas.revocation._hashes import HashType

    try:
        return HashType(text)
    except ValueError as error:
        raise RevocationListError(form, "unsupported", "a type of hash is unknown") from error

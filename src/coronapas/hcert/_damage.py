"""What happened to the text of a pass on its way: wrapped, encoded, quoted, or robbed of a sign.

Base45 uses nine signs beside letters and figures (RFC 9285), each of which some program treats as
its own: mail programs wrap at blanks, shells replace ``$``, addresses encode ``%``. `damage` names
what is seen. It never repeats the text, and a text without damage may still not be a pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PERCENT: Final = re.compile("%(?:3A|2[0-9A-F])")
"""The colon, the blank and other signs of Base45 as an address writes them (RFC 3986)."""

_FEWEST_ENCODED: Final = 3
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb<>()[]{}"
_LONG: Final = 300
"""From this length on nearly every pass has each of the 45 characters.

In two of three places a character is as likely as the others: a given one is missing from 300 in
one text of a hundred.
"""


def damage(text: str) -> str | None:
    """Return what happened to the text of a pass, as a lower-case fragment; None if unknown.

    What is certain comes first: characters that no pass has. A missing sign is a guess, which makes
    sense for a text that cannot be opened.
    """
    found = "; ".join(_damages(text))
    return found or None


def _damages(text: str) -> Iterator[str]:
    body = text.strip()
    inner = body.strip(_QUOTES + " ")
    if inner != body:
        yield "quotation marks or brackets stand around it"
    encoded = " " not in inner and "$" not in inner
    encoded = encoded and len(_PERCENT.findall(inner.upper())) >= _FEWEST_ENCODED
    if encoded:
        yield "it is percent-encoded, as in a web address"
    if any(end in inner for end in "\r\n\t"):
        yield "it is wrapped into lines"
    if any(letter.islower() for letter in inner if letter.isascii()) and not encoded:
        lower = not any(letter.isupper() for letter in inner)
        yield "its letters are lower-case" if lower else "it holds lower-case letters"
    if not inner.isascii():
        yield "it holds letters or signs that no pass has"
    if encoded or len(inner) < _LONG:
        return
    missing = [name for sign, name in ((" ", "blanks"), ("$", "dollar signs")) if sign not in inner]
    if missing:
        yield f"there are no {' and '.join(missing)} in it: they were probably lost"

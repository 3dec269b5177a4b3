"""Unicode's normal forms, in time that grows no faster than the text (Unicode, UAX #15).

To put a run of combining marks into order takes time by the square of its length, and a stranger
chooses the run: thirty thousand marks fit into one QR code, and took two seconds. Names have a few
marks in a row; the Stream-Safe Text Format (UAX #15, section 13) admits 30. A text with a longer
run is in no normal form here, and is left as it is.
"""

from __future__ import annotations

from typing import Final, Literal
from unicodedata import combining, is_normalized, normalize

LONGEST_RUN: Final = 30
"""Combining marks in a row that a text may have, inclusive (UAX #15, section 13)."""

CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
"""The control characters (C0, DEL, C1) as the inside of a regular expression's character class."""

# So many characters are put into order at once, whatever they are.
_SHORT: Final = 320

# Marks by their decomposition, though their own combining class is 0 (UAX #15, non-starter
# decompositions).
_MARKS_OF_CLASS_0: Final = "\u0f73\u0f75\u0f81"

Form = Literal["NFC", "NFD"]


def is_normal(text: str, form: Form = "NFC") -> bool:
    """Whether `text` is in the normal form, with no run beyond `LONGEST_RUN` if it is long."""
    return (len(text) <= _SHORT or _in_bounds(text)) and is_normalized(form, text)


def normal(text: str, form: Form = "NFC") -> str:
    """`text` in the normal form; one that is long and has a run beyond `LONGEST_RUN` as it is."""
    return normalize(form, text) if len(text) <= _SHORT or _in_bounds(text) else text


def _in_bounds(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if combining(character) or character in _MARKS_OF_CLASS_0 else 0
        if run > LONGEST_RUN:
            return False
    return True

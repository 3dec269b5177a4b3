"""What every picture of a timeline shares: colours, hatches, the legend, the breaking of lines."""

from __future__ import annotations

from textwrap import wrap
from typing import Final

COLOURS: Final = (
    ("first", "first dose"),
    ("primary", "completed course"),
    ("extra", "extra dose"),
    ("booster", "booster"),
    ("recovery", "recovery"),
    ("test", "negative test"),
    ("primary doubtful-bar", "counts in some readings only"),
    ("suspension", "suspended"),
    ("answer-valid", "valid"),
    ("answer-exempt", "exempt by age"),
    ("answer-open", "ambiguous"),
    ("answer-not", "not valid"),
    ("required-in-force", "pass asked for"),
    ("required-lifted", "lifted"),
    ("required-ended", "ended"),
)
"""The classes of bars with their words, in the order of the legend."""

STYLE: Final = """
text{font-family:'DejaVu Sans','Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#1d2733}
.paper{fill:#fff}.heading{font-size:19px;font-weight:bold}.label{font-size:12px}
.strong{font-size:14px;font-weight:bold}.small{font-size:11px;fill:#4a5663}
.year{font-size:11px;font-weight:bold;fill:#4a5663}.number{font-size:10.5px;fill:#fff}
.revision{fill:#f4f6f9}.revision.odd{fill:#e8edf3}.revision-line{stroke:#9fb0c3;stroke-width:1}
.month-line{stroke:#c9d2dd;stroke-width:.6;stroke-dasharray:2 3}
.year-line{stroke:#8796a8;stroke-width:1}
.badge{fill:#34506e}.badge.doubtful{fill:#a8620b}
.first{fill:#8fbcdb}.primary,.single,.recovered{fill:#2f7fb8}.extra{fill:#4a5fb0}
.booster{fill:#6b3fa0}.recovery{fill:#c98a1b}.test{fill:#3a9a93}
.doubtful-bar{fill-opacity:.35;stroke:#b07100;stroke-width:1.2;stroke-dasharray:4 2}
.event{fill:#fff;stroke:#1d2733;stroke-width:2}.suspension{fill:#b4413c}
.answer-valid{fill:#2e8b57}.answer-not{fill:url(#not)}.answer-open{fill:url(#open)}
.answer-exempt{fill:#7fb3d5}
.required-in-force{fill:#34506e}.required-lifted{fill:#b8c4d2}
.required-ended{fill:#fff;stroke:#9fb0c3}
"""

HATCHES: Final = (
    '<pattern id="not" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#eadfdd"/>'
    '<path d="M0 8L8 0" stroke="#d3bdb9" stroke-width="1.2"/></pattern>'
    '<pattern id="open" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#f7d58a"/>'
    '<path d="M0 8L8 0M-2 2L2 -2M6 10L10 6" stroke="#c98a1b" stroke-width="2"/></pattern>'
)


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` characters."""
    return wrap(text, width) or [""]

"""The page of the documentation that shows the mapping, made from its data.

Run this file after the data changed; a test compares the two.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from coronapas.wallets import Form, Row, losses, rows

PAGE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "wallet-mapping.md"
_TITLES: Final = {
    "pass": "The payload",
    "nam": "The holder",
    "birth": "The holder",
    "holder": "The holder",
    "v": "A vaccination",
    "t": "A test",
    "r": "A recovery",
}
_NAMES: Final[dict[Form, str]] = {
    "dcc": "an EU pass",
    "sd-jwt": "an SD-JWT VC of this project",
    "micov": "an mdoc `org.micov.1`",
    "icvp": "WHO's digital ICVP",
}
_DIRECTIONS: Final[tuple[tuple[Form, Form], ...]] = (
    ("dcc", "sd-jwt"),
    ("sd-jwt", "dcc"),
    ("dcc", "micov"),
    ("micov", "dcc"),
    ("sd-jwt", "micov"),
    ("micov", "sd-jwt"),
    ("dcc", "icvp"),
    ("icvp", "dcc"),
    ("sd-jwt", "icvp"),
    ("icvp", "sd-jwt"),
    ("micov", "icvp"),
    ("icvp", "micov"),
)


def page() -> str:
    """Return the page in Markdown."""
    data = json.loads(files("coronapas.wallets").joinpath("data/mapping.json").read_bytes())
    lines = [
        "# The same facts in four forms",
        "",
        "This page is made from the data that the library maps by (`coronapas.wallets.rows`,",
        "`losses`). In the middle stands the payload of the EU pass: rules and facts know it.",
        "[The how-to](../how-to/wallets.md) says how to use it.",
        "",
        "To WHO's certificate the caller adds what a pass does not state (`to_icvp`): the product",
        "by WHO's code, the batch, the sex and the nationality. From it come claims of an SD-JWT",
        "(`from_icvp`) and no pass, which states more of a vaccination.",
        "",
        f"Status of the names (version {data['version']} of the table): {data['status']}.",
        "",
        "Sources:",
        "",
        *(f"- {_NAMES[_FORMS[name]]}: {text}" for name, text in data["sources"].items()),
        "",
    ]
    title = ""
    for row in rows():
        if _TITLES[row.group] != title:
            title = _TITLES[row.group]
            lines += ["", f"## {title}", "", _HEAD, "|---|---|---|---|---|---|---|"]
        lines.append(_line(row))
    lines += ["", "## What each direction loses", ""]
    for source, target in _DIRECTIONS:
        lost = losses(source, target)
        lines += [f"### From {_NAMES[source]} to {_NAMES[target]}", ""]
        lines += [f"- `{each.field}`: {each.reason}" for each in lost] or ["Nothing."]
        lines.append("")
    text = "\n".join(lines) + "\n"
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


_FORMS: Final[dict[str, Form]] = {
    "dcc": "dcc",
    "sd_jwt": "sd-jwt",
    "micov": "micov",
    "icvp": "icvp",
}
_HEAD: Final = "| what | facts | EU pass | SD-JWT VC | org.micov.1 | ICVP | note |"


def _line(row: Row) -> str:
    names = (row.path if row.dcc else None, row.sd_jwt, row.micov, row.icvp)
    cells = (f"`{name}`" if name else "–" for name in names)
    facts = f"`{row.facts}`" if row.facts else "–"
    return f"| {row.title} | {facts} | {' | '.join(cells)} | {row.note} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")

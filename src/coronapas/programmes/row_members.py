"""The members that every row of a programme has: its name, source, confidence and doubts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from coronapas.programmes.json_rows import RowReader

CONFIDENCES: Final = ("S", "P", "K", "U")


class RowMembers(TypedDict):
    """The members of `coronapas.programmes.model.Row`."""

    id: str
    source: str
    confidence: str
    note: str | None
    uncertain: str | None


def row_members(
    row: RowReader, *, identified: bool = True, default_id: str | None = None
) -> RowMembers:
    """Read them; a row without a source is no fault here but one that linting finds."""
    needs_id = identified and default_id is None
    return {
        "id": row.text("id", required=needs_id, default=default_id or "") if identified else "",
        "source": row.text("source"),
        "confidence": row.choice("confidence", CONFIDENCES, default="U"),
        "note": row.maybe_text("note"),
        "uncertain": row.maybe_text("uncertain"),
    }

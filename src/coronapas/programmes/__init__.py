"""Dated national programmes: whether evidence is valid, and when the next dose is due.

A programme is data (`coronapas.programmes.model`); two engines judge a holder's history against it
and are kept apart, as "a booster is due" and "the pass is valid" are two questions::

    programme = load("denmark")
    check(programme, history, at)       # is the evidence valid at this moment?
    timeline(programme, history)        # and at every other one
    next_dose(programme, history, on)   # which dose is next, and when?
    invitations(programme, rows, on)    # whom of a register to invite

Names are loaded when they are first used, so that importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coronapas.programmes.clock import Period, Reckoning
    from coronapas.programmes.comparing import Change, diff
    from coronapas.programmes.course import Ambiguous
    from coronapas.programmes.history import Dose, History, Infection, Tested, merge
    from coronapas.programmes.inviting import Invitation, invitations
    from coronapas.programmes.linting import Finding, lint
    from coronapas.programmes.loading import BUNDLED, load
    from coronapas.programmes.model import Mark, Programme, Requirement, Revision, Stage
    from coronapas.programmes.picture import timeline_svg
    from coronapas.programmes.planning import NextDose, Status, next_dose
    from coronapas.programmes.reasons import Reason
    from coronapas.programmes.timelines import Timeline, timeline
    from coronapas.programmes.validity import Validity, check, is_valid

_HOMES: Final = {
    "Period": "clock",
    "Reckoning": "clock",
    "Change": "comparing",
    "diff": "comparing",
    "Ambiguous": "course",
    "Dose": "history",
    "History": "history",
    "Infection": "history",
    "Tested": "history",
    "merge": "history",
    "Invitation": "inviting",
    "invitations": "inviting",
    "Finding": "linting",
    "lint": "linting",
    "BUNDLED": "loading",
    "load": "loading",
    "Mark": "model",
    "Programme": "model",
    "Requirement": "model",
    "Revision": "model",
    "Stage": "model",
    "timeline_svg": "picture",
    "NextDose": "planning",
    "Status": "planning",
    "next_dose": "planning",
    "Reason": "reasons",
    "Timeline": "timelines",
    "timeline": "timelines",
    "Validity": "validity",
    "check": "validity",
    "is_valid": "validity",
}

__all__ = [
    "BUNDLED",
    "Ambiguous",
    "Change",
    "Dose",
    "Finding",
    "History",
    "Infection",
    "Invitation",
    "Mark",
    "NextDose",
    "Period",
    "Programme",
    "Reason",
    "Reckoning",
    "Requirement",
    "Revision",
    "Stage",
    "Status",
    "Tested",
    "Timeline",
    "Validity",
    "check",
    "diff",
    "invitations",
    "is_valid",
    "lint",
    "load",
    "merge",
    "next_dose",
    "timeline",
    "timeline_svg",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

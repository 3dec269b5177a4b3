"""The European Vaccination Card (EUVABECO pilot, 2026): recognised and named, not read.

It travels in the same container, with its content directly in ``hcert`` and without a prefix. Its
members must not be taken for sub-claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion

_UNREAD: Final = ("content.other-profile", "A European Vaccination Card cannot be read.")


def _examine(envelope: Envelope, _occasion: Occasion) -> Examined:
    return Examined(envelope, fault=_UNREAD)


def _no_facts(_payload: Any) -> None:
    return None


EVC: Final = Profile(
    name="evc",
    family="evc",
    title="a European Vaccination Card",
    noun="card",
    plural="European Vaccination Cards",
    prefix="",
    # A DCC that is misplaced in `hcert` has the same names, save the region of a dose.
    marks=frozenset({"reg"}),
    required=frozenset({"reg"}),
    examine=_examine,
    facts=_no_facts,
    revocable=False,
)

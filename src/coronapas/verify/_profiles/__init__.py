"""The profiles that the verifier knows, one row for each payload.

A new payload is one module that defines a `Profile`, and its line in `PROFILES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coronapas.verify._profile import owner
from coronapas.verify._profiles.denmark import DK1, DK2, DK3
from coronapas.verify._profiles.eu import EU
from coronapas.verify._profiles.icvp import ICVP
from coronapas.verify._profiles.link import LINK
from coronapas.verify._profiles.unread import DDCC, EVC

if TYPE_CHECKING:
    from coronapas.hcert import Claims
    from coronapas.verify._profile import Profile

PROFILES: Final[tuple[Profile, ...]] = (EU, DK1, DK2, DK3, ICVP, LINK)

RECOGNISED: Final[tuple[Profile, ...]] = (DDCC, EVC)
"""Payloads that are named where they are seen, and that nobody can accept."""


def profile_of(claims: Claims) -> Profile | None:
    """Return what a content is by its own claims; None for a mixture, or for none that is known.

    A prefix is not asked, and nothing is verified. Not all that is known can be accepted.
    """
    known = (*PROFILES, *RECOGNISED)
    return owner(claims, known, known)

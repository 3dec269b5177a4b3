"""The formats of revocation lists, one module each.

A new format is a module with a `FORMAT` and its line in `FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coronapas.revocation._lists import (
    distribution,
    gateway,
    germany,
    italy,
    switzerland,
)
from coronapas.revocation._lists.distribution import read as read_distribution
from coronapas.revocation._lists.distribution import write as write_distribution
from coronapas.revocation._lists.gateway import read as read_gateway
from coronapas.revocation._lists.germany import read as read_germany
from coronapas.revocation._lists.germany import write as write_germany
from coronapas.revocation._lists.italy import read as read_italy
from coronapas.revocation._lists.italy import write as write_italy
from coronapas.revocation._lists.italy import write_change as write_italy_change
from coronapas.revocation._lists.switzerland import read as read_switzerland
from coronapas.revocation._lists.switzerland import write as write_switzerland

if TYPE_CHECKING:
    from coronapas.revocation._list import ListFormat

__all__ = [
    "FORMATS",
    "distribution",
    "gateway",
    "germany",
    "italy",
    "read_distribution",
    "read_gateway",
    "read_germany",
    "read_italy",
    "read_switzerland",
    "switzerland",
    "write_distribution",
    "write_germany",
    "write_italy",
    "write_italy_change",
    "write_switzerland",
]

FORMATS: Final[tuple[ListFormat, ...]] = (
    distribution.FORMAT,
    gateway.FORMAT,
    germany.FORMAT,
    italy.FORMAT,
    switzerland.FORMAT,
)
"""Every format; the first that recognises a file has it."""

"""Whom to trust: certificates, the store that holds them, and one module for each list format.

hcert-spec, chapter 4; RFC 5280. Below `signing` and `verifying`, above `hcert`.

`read_any` reads a list from bytes whatever its format is, `read_path` from a file or folder; a
`TrustList` says what was kept, what was dropped and why, and `TrustStore.from_lists` makes one
store of several. The formats' modules are loaded when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas.trust.certificate import Certificate
from coronapas.trust.listing import Remark, TrustList
from coronapas.trust.source import Source
from coronapas.trust.store import Dropped, TrustStore

if TYPE_CHECKING:
    from coronapas.trust.loading import read_path as read_path
    from coronapas.trust.pins import Pin as Pin
    from coronapas.trust.sniffing import read_any as read_any

__all__ = [
    "Certificate",
    "Dropped",
    "Pin",
    "Remark",
    "Source",
    "TrustList",
    "TrustStore",
    "read_any",
    "read_path",
]

_LATE = {"Pin": "pins", "read_any": "sniffing", "read_path": "loading"}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module 'coronapas.trust' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"coronapas.trust.{_LATE[name]}"), name)
    globals()[name] = value
    return value

"""Revoked passes: the hashes that name them, the lists that hold those, and the store.

One module a list format: `gateway` and `distribution` (EU), `germany`, `italy`, `switzerland`; each
reads what its publisher sends and makes the same. `bloom` and `prefixes` are what the distribution
service's slices are made of. `store` answers for a pass: revoked, not revoked, or unknown.

A module is loaded when one of its names is first used: most verifiers start without any.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coronapas.revocation.hashes import HashType as HashType
    from coronapas.revocation.hashes import PassHashes as PassHashes
    from coronapas.revocation.hashes import hashes_json as hashes_json
    from coronapas.revocation.hashes import hashes_of as hashes_of
    from coronapas.revocation.lists import Batch as Batch
    from coronapas.revocation.lists import Gap as Gap
    from coronapas.revocation.lists import RevocationList as RevocationList
    from coronapas.revocation.lists import Slice as Slice
    from coronapas.revocation.status import RevocationAnswer as RevocationAnswer
    from coronapas.revocation.status import RevocationOutcome as RevocationOutcome
    from coronapas.revocation.status import RevocationSource as RevocationSource
    from coronapas.revocation.store import RevocationStore as RevocationStore

_HOME: Final = {
    **dict.fromkeys(("HashType", "PassHashes", "hashes_json", "hashes_of"), "hashes"),
    **dict.fromkeys(("Batch", "Gap", "RevocationList", "Slice"), "lists"),
    **dict.fromkeys(("RevocationAnswer", "RevocationOutcome", "RevocationSource"), "status"),
    "RevocationStore": "store",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'coronapas.revocation' has no attribute {name!r}")
    value = getattr(import_module(f"coronapas.revocation.{_HOME[name]}"), name)
    globals()[name] = value
    return value

"""Revoked passes: the hashes that name them, the lists that hold those, and the store.

One module a list format: `gateway` and `distribution` (EU), `germany`, `italy`, `switzerland`; each
reads what its publisher sends and makes the same. `bloom` and `prefixes` are what the distribution
service's slices are made of. `store` answers for a pass: revoked, not revoked, or unknown.

A module is loaded when one of its names is first used: most verifiers start without any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.revocation._bloom import BloomFilter as BloomFilter
    from coronapas.revocation._documents import Document as Document
    from coronapas.revocation._hashes import HASH_LENGTH as HASH_LENGTH
    from coronapas.revocation._hashes import HashType as HashType
    from coronapas.revocation._hashes import PassHashes as PassHashes
    from coronapas.revocation._hashes import country_code_uci_hash as country_code_uci_hash
    from coronapas.revocation._hashes import hashes_json as hashes_json
    from coronapas.revocation._hashes import hashes_of as hashes_of
    from coronapas.revocation._hashes import uci_hash as uci_hash
    from coronapas.revocation._holding import hold as hold
    from coronapas.revocation._list import Batch as Batch
    from coronapas.revocation._list import Gap as Gap
    from coronapas.revocation._list import RevocationList as RevocationList
    from coronapas.revocation._list import Slice as Slice
    from coronapas.revocation._list import pack as pack
    from coronapas.revocation._status import RevocationAnswer as RevocationAnswer
    from coronapas.revocation._status import RevocationOutcome as RevocationOutcome
    from coronapas.revocation._status import RevocationSource as RevocationSource
    from coronapas.revocation._store import RevocationStore as RevocationStore
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_bloom": "BloomFilter",
            "_hashes": (
                "HASH_LENGTH HashType PassHashes country_code_uci_hash hashes_json "
                "hashes_of uci_hash"
            ),
            "_list": "Batch Gap RevocationList Slice pack",
            "_status": "RevocationAnswer RevocationOutcome RevocationSource",
            "_store": "RevocationStore",
            "_holding": "hold",
            "_documents": "Document",
        },
    )

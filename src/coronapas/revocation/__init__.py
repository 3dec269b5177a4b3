"""Revoked passes: the hashes that name them, the lists that hold those, and the store.

`read_path` reads lists of any format, and saved stores, from files and folders; `read_gateway` and
its siblings read one format from bytes. `RevocationStore` answers for a pass: revoked, not revoked,
or unknown. The slices of the EU's distribution service hold a `BloomFilter` or a `PrefixList`.

A module is loaded when one of its names is first used: most verifiers start without any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.revocation._filters import BloomFilter as BloomFilter
    from coronapas.revocation._filters import PrefixList as PrefixList
    from coronapas.revocation._hashes import HASH_LENGTH as HASH_LENGTH
    from coronapas.revocation._hashes import HashType as HashType
    from coronapas.revocation._hashes import PassHashes as PassHashes
    from coronapas.revocation._hashes import RevocationAnswer as RevocationAnswer
    from coronapas.revocation._hashes import RevocationOutcome as RevocationOutcome
    from coronapas.revocation._hashes import RevocationSource as RevocationSource
    from coronapas.revocation._hashes import country_code_uci_hash as country_code_uci_hash
    from coronapas.revocation._hashes import hashes_json as hashes_json
    from coronapas.revocation._hashes import hashes_of as hashes_of
    from coronapas.revocation._hashes import uci_hash as uci_hash
    from coronapas.revocation._hashes import uvci_spellings as uvci_spellings
    from coronapas.revocation._list import Batch as Batch
    from coronapas.revocation._list import Found as Found
    from coronapas.revocation._list import Gap as Gap
    from coronapas.revocation._list import ListFormat as ListFormat
    from coronapas.revocation._list import Membership as Membership
    from coronapas.revocation._list import Part as Part
    from coronapas.revocation._list import RevocationList as RevocationList
    from coronapas.revocation._list import Slice as Slice
    from coronapas.revocation._list import pack as pack
    from coronapas.revocation._lists import FORMATS as FORMATS
    from coronapas.revocation._lists import read_distribution as read_distribution
    from coronapas.revocation._lists import read_gateway as read_gateway
    from coronapas.revocation._lists import read_germany as read_germany
    from coronapas.revocation._lists import read_italy as read_italy
    from coronapas.revocation._lists import read_switzerland as read_switzerland
    from coronapas.revocation._lists import write_distribution as write_distribution
    from coronapas.revocation._lists import write_germany as write_germany
    from coronapas.revocation._lists import write_italy as write_italy
    from coronapas.revocation._lists import write_italy_change as write_italy_change
    from coronapas.revocation._lists import write_switzerland as write_switzerland
    from coronapas.revocation._lists.distribution import DistributionFiles as DistributionFiles
    from coronapas.revocation._lists.distribution import RevokedHashes as RevokedHashes
    from coronapas.revocation._lists.distribution import SliceMode as SliceMode
    from coronapas.revocation._lists.distribution import SliceType as SliceType
    from coronapas.revocation._lists.gateway import BatchEntry as BatchEntry
    from coronapas.revocation._lists.gateway import read_batch as read_batch
    from coronapas.revocation._lists.gateway import write_batch as write_batch
    from coronapas.revocation._lists.gateway import write_batch_list as write_batch_list
    from coronapas.revocation._reading import Reading as Reading
    from coronapas.revocation._reading import format_of as format_of
    from coronapas.revocation._reading import read_path as read_path
    from coronapas.revocation._store import RevocationStore as RevocationStore
    from coronapas.revocation._store import SourceSummary as SourceSummary
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_filters": "BloomFilter PrefixList",
            "_hashes": (
                "HASH_LENGTH HashType PassHashes country_code_uci_hash hashes_json hashes_of "
                "uci_hash uvci_spellings RevocationAnswer RevocationOutcome RevocationSource"
            ),
            "_list": "Batch Found Gap ListFormat Membership Part RevocationList Slice pack",
            "_lists": (
                "FORMATS read_distribution read_gateway read_germany read_italy "
                "read_switzerland write_distribution write_germany write_italy "
                "write_italy_change write_switzerland"
            ),
            "_lists.distribution": "DistributionFiles RevokedHashes SliceMode SliceType",
            "_lists.gateway": "BatchEntry read_batch write_batch write_batch_list",
            "_reading": "Reading format_of read_path",
            "_store": "RevocationStore SourceSummary",
        },
    )

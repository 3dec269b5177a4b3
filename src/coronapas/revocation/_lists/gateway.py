"""The EU gateway's revocation batches (EU DCC gateway, revocation interface).

A batch is an attached CMS message around JSON: ``{country, expires, kid, hashType, entries:
[{hash}]}`` with 1 to 1,000 entries; the kid is base64 or ``UNKNOWN_KID``. It is signed with the
upload certificate of its country. The batch list is JSON in pages: ``{more, batches: [{batchId,
country, date, deleted}]}``, oldest first, and is not signed.

`read` takes the pages and the batches that were fetched. A batch that the list names and that is
missing, or must not be believed, leaves a gap: the list then never says of any pass that it is not
revoked, but what it does hold counts.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.errors import CmsError, KeyMaterialError, RevocationListError
from coronapas.revocation import _documents as documents
from coronapas.revocation._documents import Document
from coronapas.revocation._hashes import HASH_LENGTH, HashType
from coronapas.revocation._list import (
    Batch,
    Gap,
    ListFormat,
    RevocationList,
    naming,
    pack,
)
from coronapas.trust import _cms as cms
from coronapas.trust._x509 import from_base64

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.revocation._list import Found, Part
    from coronapas.trust._certificate import Certificate

NAME: Final = "gateway"
MAX_ENTRIES: Final = 1000
"""Entries that a batch may have, inclusive; it has one at least."""

MAX_BATCHES: Final = 1_000_000
"""Batches that a list may name, inclusive, over all pages."""

UNKNOWN_KID: Final = "UNKNOWN_KID"


class BatchEntry(NamedTuple):
    """One line of the batch list. A deleted batch is named once more, without its content."""

    id: str
    """The identifier of the batch."""
    country: str
    """The country that uploaded it, ISO 3166-1 alpha-2."""
    date: datetime
    """When it was uploaded or deleted."""
    deleted: bool
    """Whether it was deleted."""


def read(
    pages: Iterable[bytes],
    batches: Mapping[str, bytes],
    uploaders: Collection[Certificate],
    *,
    as_of: datetime,
    valid_until: datetime | None = None,
    complete: bool = True,
    source: str = "EU gateway",
) -> RevocationList:
    """Return the list of all `pages`, with the `batches` that were fetched, by their ids.

    `uploaders` are the upload certificates that are trusted, with their countries. `as_of` is when
    the pages were fetched: the gateway states no validity, so `valid_until` is the caller's, too.
    `complete` is False for pages from a later date on, which change an earlier list. Raises
    RevocationListError where a page cannot be read; what is wrong with single batches becomes gaps.
    """
    entries, more = _entries(pages)
    gaps = [Gap("the list's next page was not fetched")] if more else []
    found: list[Batch] = []
    for entry in entries:
        if entry.deleted:
            continue
        message = batches.get(entry.id)
        if message is None:
            gaps.append(Gap(f"batch {entry.id} was not fetched", id=entry.id))
            continue
        try:
            found.append(read_batch(message, uploaders, batch_id=entry.id, country=entry.country))
        except RevocationListError as error:
            gaps.append(Gap(f"batch {entry.id}: {error.message}", id=entry.id))
    return RevocationList(
        source=source,
        as_of=as_of,
        valid_until=valid_until,
        batches=tuple(found),
        gaps=tuple(gaps),
        complete=complete,
        removed=frozenset(entry.id for entry in entries if entry.deleted),
        form=NAME,
        signature="verified",
    )


def read_batch(
    message: bytes, uploaders: Collection[Certificate], *, batch_id: str, country: str | None = None
) -> Batch:
    """Return one batch, signed with the key of one of the `uploaders`.

    `batch_id` is the one under which the gateway lists it, `country` the one that it lists. Raises
    RevocationListError: ``list.signature`` where the message does not hold, ``list.signer`` where
    its certificate is none of the uploaders' or another country's, else ``list.malformed``,
    ``list.unsupported`` or ``list.inconsistent``.
    """
    try:
        content, certificate = cms.verify_attached(message)
    except CmsError as error:
        raise RevocationListError(NAME, "signature", error.message) from error
    signer = next((known for known in uploaders if known.der == certificate.der), None)
    if signer is None:
        raise RevocationListError(NAME, "signer", "the signer is not a trusted uploader")
    batch = Document.parse(content, form=NAME, what="the batch")
    stated = batch.text("country")
    if signer.country != stated.upper():
        raise RevocationListError(NAME, "signer", "the signer is of another country")
    if country is not None and country.upper() != stated.upper():
        raise RevocationListError(NAME, "inconsistent", "the list states another country")
    entries = batch.objects("entries")
    if not 1 <= len(entries) <= MAX_ENTRIES:
        batch.fail(f"it has {len(entries)} entries instead of 1 to {MAX_ENTRIES}")
    kid = batch.text("kid")
    return Batch(
        id=batch_id,
        hash_type=documents.hash_type(batch.text("hashType"), form=NAME),
        hashes=b"".join(_hash(entry) for entry in entries),
        kid=None if kid == UNKNOWN_KID else documents.kid(kid, form=NAME),
        expires=batch.moment("expires"),
        country=stated.upper(),
    )


def _recognise(data: bytes, content: Any) -> bool:
    if content is not None:
        return isinstance(content, dict) and "batches" in content
    if data[:1] == b"M":
        with suppress(KeyMaterialError):
            return from_base64(data)[:1] == b"0"
    return data[:1] == b"0"


def _read_parts(parts: Sequence[Part], pins: Sequence[Certificate]) -> Iterator[Found]:
    """Yield one list; a batch's id is its file's name, with or without the ending."""
    pages: list[Part] = []
    batches: dict[str, bytes] = {}
    for part in parts:
        if part.data[:64].lstrip()[:1] == b"{":
            pages.append(part)
            continue
        data = part.data if part.data[:1] == b"0" else from_base64(part.data)
        path = PurePath(part.name)
        batches |= {path.name: data, path.stem: data}
    if not pages:
        problem = f"{parts[0].name}: the batch list is missing"
        raise RevocationListError(NAME, "inconsistent", problem)
    with naming(pages[0].name):
        as_of = min(page.fetched for page in pages)
        found = read([page.data for page in pages], batches, pins, as_of=as_of)
    yield found, (*pages, *(part for part in parts if part not in pages))


def _hash(entry: Document) -> bytes:
    value = documents.from_base64(entry.text("hash"), form=NAME, what="a hash")
    if len(value) != HASH_LENGTH:
        entry.fail(f"the hash has {len(value)} bytes instead of {HASH_LENGTH}")
    return value


def _entries(pages: Iterable[bytes]) -> tuple[list[BatchEntry], bool]:
    """Return what is listed, each batch by its latest line, and whether there is more."""
    latest: dict[str, BatchEntry] = {}
    more = True
    for data in pages:
        page = Document.parse(data, form=NAME, what="the batch list")
        more = page.flag("more")
        for item in page.objects("batches"):
            where = item.text("batchId"), item.text("country")
            entry = BatchEntry(*where, item.moment("date"), item.flag("deleted"))
            before = latest.get(entry.id)
            # A deleted batch never comes back: its id is not used again.
            if before is None or not before.deleted:
                latest[entry.id] = entry
        if len(latest) > MAX_BATCHES:
            raise RevocationListError(NAME, "too-large", f"more than {MAX_BATCHES} batches")
    return list(latest.values()), more


def write_batch(
    hashes: Collection[bytes],
    hash_type: HashType,
    *,
    country: str,
    expires: datetime,
    kid: bytes | None,
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    certificate: Certificate,
) -> bytes:
    """Return a batch of 1 to 1,000 hashes, signed for the upload to the gateway.

    `kid` None stands for ``UNKNOWN_KID``. Raises ValueError for other numbers of hashes, hashes
    that are not 16 bytes long and an `expires` without its time zone, and KeyMaterialError for a
    certificate that is not the key's.
    """
    if not 1 <= len(hashes) <= MAX_ENTRIES:
        raise ValueError(f"a batch must have 1 to {MAX_ENTRIES} entries")
    pack(hashes)
    content = {
        "country": country,
        "expires": documents.stamp(expires),
        "kid": UNKNOWN_KID if kid is None else base64.b64encode(kid).decode(),
        "hashType": hash_type.value,
        "entries": [{"hash": base64.b64encode(value).decode()} for value in hashes],
    }
    return cms.sign(json.dumps(content).encode(), key, certificate, detached=False)


def write_batch_list(entries: Iterable[BatchEntry], *, more: bool = False) -> bytes:
    """Return one page of a batch list."""
    lines = [
        {
            "batchId": entry.id,
            "country": entry.country,
            "date": documents.stamp(entry.date),
            "deleted": entry.deleted,
        }
        for entry in entries
    ]
    return json.dumps({"more": more, "batches": lines}).encode()


FORMAT: Final = ListFormat(NAME, True, _recognise, _read_parts, write_batch)

"""What comes after issuing: passes issued again, and revocation lists of those that are to go.

Issuing again takes passes and no register: see `coronapas.reissue`. A row has all passes of one
person, the one to issue again first. What each new pass replaces is a column of the results, and
`RevokeKernel` makes the revocation list from there.

A revocation list is made from identifiers, or from a table of passes and conditions on its columns.
The results name the hashes; `BatchWriter` signs them in batches for the gateway, at most 1,000
hashes each and one key identifier in each, in the commit of their part.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from coronapas.bulk._columns import (
    PASSES,
    UNIQUE,
    Trouble,
    faults_batch,
    is_text,
    readable,
    records_of,
    texts_of,
    with_records,
)
from coronapas.bulk._inputs import chunks, plan
from coronapas.bulk._kernels import IssueKernel, Outcome, _Opening, passes_columns
from coronapas.bulk._manifest import Manifest
from coronapas.errors import DecodeError, FaultsError
from coronapas.hcert import decode
from coronapas.reissue import (
    DEFAULT_POLICY,
    Action,
    PreparedReissue,
    Reissue,
    ReissuePolicy,
    prepare_reissue,
    reissue,
)
from coronapas.revocation import (
    HashType,
    country_code_uci_hash,
    hashes_of,
    uci_hash,
    uvci_spellings,
    write_batch,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from coronapas.bulk._keys import KeySource
    from coronapas.bulk._run import PartFiles
    from coronapas.verify import Verifier

_TEXT: Final = pa.string()
_BATCH: Final = 1_000
"""The most hashes of a batch, inclusive: the gateway's bound."""

_REPLACED: Final = pa.list_(
    pa.struct(
        [
            pa.field("uvci", _TEXT, nullable=False),
            pa.field("until", pa.int64(), nullable=False),
            pa.field("uci", _TEXT),
            pa.field("signature", _TEXT),
        ]
    )
)

REISSUES: Final = pa.schema(
    [
        pa.field("record", _TEXT, nullable=False, metadata=UNIQUE),
        pa.field("text", _TEXT),
        pa.field("texts", pa.list_(_TEXT)),
    ]
)
"""Passes to issue again: ``text`` of a single one, or ``texts`` of all that a person has.

In CSV ``texts`` holds a pass on each line of the cell.
"""

REISSUED: Final = pa.schema([*PASSES, pa.field("replaced", _REPLACED, nullable=False)])
"""Passes that were issued again, with those that they replace: until when a list must hold them, in
seconds since 1970, and their hashes in hexadecimal."""

REVOCATIONS: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("uvci", _TEXT),
        pa.field("text", _TEXT),
        pa.field("iat", pa.int64()),
        pa.field("exp", pa.int64()),
        pa.field("kid", _TEXT),
        pa.field("replaced", _REPLACED),
    ]
)
"""What revoking reads: a table of passes, or of identifiers alone.

Where there is a column ``replaced``, the passes in it are meant and not those of the rows.
"""

REVOKED: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("type", _TEXT, nullable=False),
        pa.field("hash", _TEXT, nullable=False),
        pa.field("kid", _TEXT),
    ]
)
"""Hashes to be put on a revocation list, hexadecimal, with the key identifier of the pass."""


@dataclass(frozen=True)
class ReissueKernel(_Opening):
    """Issues passes again (`REISSUES` to `REISSUED`).

    Attributes:
        issuing: What issues: country, keys, validity, moment, and the campaign of the new
            identifiers, which must be another one than before.
        verifier: What judges the passes; give it revocation data.
        action: What is done with the passes.
        policy: What the country grants.
        about: What the manifest is to say of the verifier.

    """

    issuing: IssueKernel
    verifier: Verifier = field(repr=False)
    action: Action
    policy: ReissuePolicy = DEFAULT_POLICY
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "reissue"
    results: ClassVar[str] = "passes"
    columns: ClassVar[pa.Schema] = REISSUES
    schema: ClassVar[pa.Schema] = REISSUED
    others: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what decides about the passes, as JSON; of the secret only a check value."""
        policy = self.policy
        return {
            **self.issuing.settings(),
            "action": str(self.action),
            "before": policy.before.total_seconds(),
            "after": policy.after.total_seconds(),
            "extends": sorted(policy.extends),
            "unsure_names": policy.unsure_names,
            "about": dict(self.about),
        }

    def keys(self) -> tuple[str, ...]:
        """Open the keys, and return the SHA-256 digests of their certificates in hexadecimal."""
        return self.issuing.keys()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Issue the passes of each row of a batch again."""
        issuer, signing, identifiers = self.issuing._office
        column, records = records_of(batch)
        done: list[Reissue] = []
        prepared: list[PreparedReissue] = []
        good: list[int] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        for place, (record, texts) in enumerate(zip(records, _texts(batch), strict=True)):
            if record is None:
                refused.append((record, place, (("record", "record.missing"),)))
                continue
            terms: dict[str, Any] = {
                "verifier": self.verifier,
                "issuer": issuer,
                "expires": self.issuing.expires,
                "at": self.issuing.issued_at,
                "uvci": identifiers(record),
                "policy": self.policy,
            }
            try:
                if signing.is_remote:
                    prepared.append(prepare_reissue(texts, self.action, **terms))
                else:
                    done.append(reissue(texts, self.action, **terms))
            except FaultsError as error:
                trouble = tuple((fault.field, fault.code) for fault in error.faults)
                refused.append((record, place, tuple(dict.fromkeys(trouble))))
            else:
                good.append(place)
        if signing.is_remote:
            done = signing.sign([(each.prepared.kid, each) for each in prepared])
        kids = [decode(each.issued.text).kid or b"" for each in done]
        passes = [(each.issued, kid) for each, kid in zip(done, kids, strict=True)]
        made = passes_columns(column.take(pa.array(good, pa.int64())), passes)
        made.append(pa.array([_replaced(each) for each in done], _REPLACED))
        schema = with_records(REISSUED, column.type)
        return Outcome(pa.record_batch(made, schema=schema), faults_batch(refused, column.type))


def _texts(batch: pa.RecordBatch) -> list[list[str]]:
    """Return the passes of each row: those of ``texts``, or else that of ``text``."""
    names = batch.schema.names
    found: list[list[str]] = [[] for _ in range(len(batch))]
    for name in ("text", "texts"):
        if name not in names:
            continue
        column = batch.column(names.index(name))
        if not pa.types.is_list(column.type):
            column, _ = readable(column)
        for place, value in enumerate(column.to_pylist()):
            if isinstance(value, str):
                found[place] = value.split("\n") if name == "texts" else [value]
            elif value:
                found[place] = [each or "" for each in value]
    return found


def _replaced(done: Reissue) -> list[dict[str, Any]]:
    return [
        {
            "uvci": each.uvci,
            "until": int(each.until.timestamp()),
            "uci": _hex(each.hashes.uci),
            "signature": _hex(each.hashes.signature),
        }
        for each in done.replaced
    ]


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


_SECONDS: Final = re.compile("-?[0-9]{1,18}")
_CONDITION: Final = re.compile(r"(record|uvci|iat|exp|kid)\s*(=|!=|<=|>=|<|>)\s*(.+)")
_COMPARE: Final = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a column of a table of passes.

    Attributes:
        column: ``record``, ``uvci``, ``iat``, ``exp`` or ``kid``.
        operator: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        value: What the column is compared with; for ``iat`` and ``exp`` in seconds since 1970.

    """

    column: str
    operator: str
    value: str | int

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition: ``kid=0011223344556677``, ``iat>=2021-09-01T00:00:00Z``.

        Raises:
            ValueError: It is not one.

        """
        found = _CONDITION.fullmatch(text.strip())
        if found is None:
            raise ValueError("a condition must be a column, an operator and a value")
        column, operator, value = found[1], found[2], found[3].strip()
        if column not in ("iat", "exp"):
            return cls(column, operator, value)
        if value.isascii() and value.isdecimal():
            return cls(column, operator, int(value))
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment must have a time zone")
        return cls(column, operator, int(moment.timestamp()))

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"

    def holds(self, batch: pa.RecordBatch) -> pa.Array:
        """Return for each row of a batch whether the condition holds; a null never does."""
        column, _ = self._read(batch)
        value = pa.scalar(self.value, column.type)
        return pc.fill_null(_COMPARE[self.operator](column, value), False)

    def unreadable(self, batch: pa.RecordBatch) -> list[int]:
        """Return the rows of a batch, from 0, whose value is there and cannot be compared."""
        return self._read(batch)[1]

    def _read(self, batch: pa.RecordBatch) -> tuple[pa.Array, list[int]]:
        kind = pa.int64() if self.column in ("iat", "exp") else _TEXT
        place = batch.schema.get_field_index(self.column)
        if place < 0:
            return pa.nulls(len(batch), kind), []
        column, lost = readable(batch.column(place))
        if kind == _TEXT or not is_text(column.type):
            return column.cast(kind), lost
        texts = column.to_pylist()
        seconds = [int(each) if each and _SECONDS.fullmatch(each) else None for each in texts]
        lost += [row for row, each in enumerate(texts) if each and seconds[row] is None]
        return pa.array(seconds, kind), lost


@dataclass(frozen=True)
class RevokeKernel(_Opening):
    """Names passes for a revocation list (`REVOCATIONS` to `REVOKED`).

    Attributes:
        hash_type: What the hashes are made of; of signatures the table must have the texts.
        country: The issuing country, for hashes of country and identifier.
        exact: Whether the identifiers stand as the passes carry them. Otherwise every spelling that
            passes carry is hashed, about 200 for each.
        conditions: Which rows count: those for which all conditions hold.
        records: The records that count; None for all.
        about: What the manifest is to say of the batches, such as the digest of the certificate
            that signs them.

    """

    hash_type: HashType = HashType.UCI
    country: str | None = None
    exact: bool = True
    conditions: tuple[Condition, ...] = ()
    records: frozenset[str] | None = field(default=None, repr=False)
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "revoke"
    results: ClassVar[str] = "hashes"
    columns: ClassVar[pa.Schema] = REVOCATIONS
    schema: ClassVar[pa.Schema] = REVOKED
    others: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what decides about the hashes, as JSON."""
        return {
            "hash_type": str(self.hash_type),
            "country": self.country,
            "exact": self.exact,
            "conditions": [str(each) for each in self.conditions],
            "records": None if self.records is None else _digest_of(sorted(self.records)),
            "about": dict(self.about),
        }

    def keys(self) -> tuple[str, ...]:
        """Return nothing: the kernel signs nothing."""
        return ()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Name the passes of each row of a batch that counts."""
        column, records = records_of(batch)
        counts = self._counts(batch, records)
        unreadable: dict[int, list[str]] = {}
        for condition in self.conditions:
            for place in condition.unreadable(batch):
                unreadable.setdefault(place, []).append(condition.column)
        names = batch.schema.names
        found: list[tuple[int, str, str | None]] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        cells = {name: texts_of(batch, name) for name in ("uvci", "text", "kid")}
        replaced: list[Any] | None = None
        if "replaced" in names:
            replaced = batch.column(names.index("replaced")).to_pylist()
        for place, counted in enumerate(counts):
            if place in unreadable:
                # Nobody can know whether it is to be revoked: it must not pass in silence.
                trouble = tuple(dict.fromkeys((name, "json.type") for name in unreadable[place]))
                refused.append((records[place], place, trouble))
                continue
            if not counted:
                continue
            uvci, text, kid = (cells[name][place] for name in ("uvci", "text", "kid"))
            if replaced is not None:
                hashes, kid = self._replaced(replaced[place] or ()), None
            else:
                hashes = self._hashes(uvci, text)
            if isinstance(hashes, list):
                found += ((place, each.hex(), kid) for each in hashes)
            else:
                refused.append((records[place], place, hashes))
        kind = column.type
        places = pa.array([place for place, _, _ in found], pa.int64())
        made = pa.record_batch(
            [
                column.take(places),
                pa.array([str(self.hash_type)] * len(found), _TEXT),
                pa.array([each for _, each, _ in found], _TEXT),
                pa.array([kid for _, _, kid in found], _TEXT),
            ],
            schema=with_records(REVOKED, kind),
        )
        return Outcome(made, faults_batch(refused, kind))

    def _counts(self, batch: pa.RecordBatch, records: Sequence[str | None]) -> list[bool]:
        counts = [True] * len(batch)
        for condition in self.conditions:
            holds = condition.holds(batch).to_pylist()
            counts = [a and b for a, b in zip(counts, holds, strict=True)]
        if self.records is not None:
            known = self.records
            counts = [a and b in known for a, b in zip(counts, records, strict=True)]
        return counts

    def _replaced(self, replaced: Iterable[Mapping[str, Any]]) -> list[bytes] | Trouble:
        """Return the hashes of the passes that a new one replaces."""
        found: list[bytes] = []
        for each in replaced:
            if self.hash_type is HashType.SIGNATURE:
                if not each["signature"]:
                    return (("replaced", "list.unsupported"),)
                found.append(bytes.fromhex(each["signature"]))
                continue
            hashes = self._hashes(each["uvci"], None)
            if not isinstance(hashes, list):
                return hashes
            found += hashes
        return found

    def _hashes(self, uvci: str | None, text: str | None) -> list[bytes] | Trouble:
        """Return the hashes of a pass, or why there are none."""
        if self.hash_type is HashType.SIGNATURE:
            if text is None:
                return (("text", "json.missing"),)
            try:
                signature = hashes_of(decode(text)).signature
            except DecodeError as error:
                return (("text", error.code),)
            return (("text", "list.unsupported"),) if signature is None else [signature]
        if uvci is None:
            return (("uvci", "json.missing"),)
        try:
            spellings: Iterable[str] = (uvci,) if self.exact else uvci_spellings(uvci)
        except FaultsError as error:
            return tuple((fault.field, fault.code) for fault in error.faults)
        if self.hash_type is HashType.UCI:
            return [uci_hash(each) for each in spellings]
        return [country_code_uci_hash(self.country or "", each) for each in spellings]


def unmet_records(folder: str | os.PathLike[str], records: Collection[str]) -> frozenset[str]:
    """Return those of some records that a complete run of `RevokeKernel` did not meet.

    It named no hash of theirs, and refused no row of theirs: they are in none of its inputs, or do
    not satisfy its conditions.

    Raises:
        BulkError: The run is not complete, or a file of it cannot be read.
        OSError: There is no run, or a file of it is gone.

    """
    run = Manifest.read(folder)
    paths = [*run.results(), *run.files("faults")]
    column = pa.schema([REVOCATIONS.field("record")])
    missing = set(records)
    for part in plan(paths, column, others=True).parts if paths else ():
        for chunk in chunks(part, column, others=True):
            missing.difference_update(filter(None, records_of(chunk.batch)[1]))
    return frozenset(missing)


def _digest_of(values: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(values).encode()).hexdigest()


@dataclass(frozen=True)
class BatchWriter:
    """Signs the hashes of a part in batches for the gateway, into the folder ``batches``.

    Attributes:
        country: The country that revokes.
        expires: Until when the batches count.
        hash_type: What the hashes are made of.
        source: Where the UPLOAD key and its certificate are.

    """

    country: str
    expires: datetime
    hash_type: HashType
    source: KeySource

    def begin(self, files: PartFiles) -> BatchSink:
        """Return what takes the hashes of a part."""
        return BatchSink(self, files)


class BatchSink:
    """The hashes of one part, by the key identifiers of their passes."""

    def __init__(self, writer: BatchWriter, files: PartFiles) -> None:
        self._writer = writer
        self._files = files
        self._hashes: dict[str | None, dict[bytes, None]] = {}
        self._count = 0

    def add(self, batch: pa.RecordBatch, outcome: Outcome) -> None:
        """Take the hashes of a batch; equal ones count once."""
        good = outcome.good
        for value, kid in zip(
            good.column(good.schema.get_field_index("hash")).to_pylist(),
            good.column(good.schema.get_field_index("kid")).to_pylist(),
            strict=True,
        ):
            own = self._hashes.setdefault(kid, {})
            own[bytes.fromhex(value)] = None
            if len(own) == _BATCH:
                self._write(kid)

    def close(self) -> None:
        """Write what is left."""
        for kid in list(self._hashes):
            if self._hashes[kid]:
                self._write(kid)

    def _write(self, kid: str | None) -> None:
        writer = self._writer
        key, certificate = writer.source.private_key()
        signed = write_batch(
            list(self._hashes[kid]),
            writer.hash_type,
            country=writer.country,
            expires=writer.expires,
            kid=None if kid is None else bytes.fromhex(kid),
            key=key,
            certificate=certificate,
        )
        self._files.create("batches", f"-{self._count:03}.der").write(signed)
        self._count += 1
        self._hashes[kid] = {}

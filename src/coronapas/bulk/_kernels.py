"""The kernels of bulk work: a batch of rows in, the good rows and the faults of the others out.

A kernel is pure. It reads no clock and writes no file, and the same batch gives the same result in
any process on any machine, as far as its keys sign alike. It can be pickled, and holds no key:
keys, certificates and secrets are described (`KeySource`) and opened where the first batch is
worked on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

import pyarrow as pa

from coronapas.bulk._columns import (
    FACTS,
    PASSES,
    TEXTS,
    UNIQUE,
    VERIFICATIONS,
    FactsRow,
    FactsTable,
    Trouble,
    closely,
    faults_batch,
    records_of,
    texts_of,
    with_records,
)
from coronapas.bulk._keys import Identifiers, KeySource, Signing, fingerprints, read_secret
from coronapas.dcc._scrutiny import ContentPolicy
from coronapas.errors import HistoryError, IssueError
from coronapas.facts import History, kind_of
from coronapas.issue import DEFAULT_VERSION, Issuer
from coronapas.programmes import ToLookAt
from coronapas.programmes._invitations import Asker
from coronapas.programmes._people import People
from coronapas.signing import (
    Signer,
    SignerSet,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from coronapas.dcc import ValueSets
    from coronapas.facts import Event
    from coronapas.issue import Pass, PreparedPass
    from coronapas.programmes import Invitation, Programme
    from coronapas.rules import Question, RuleSet
    from coronapas.verify import Verifier

_TEXT: Final = pa.string()

HISTORIES: Final = pa.schema(
    [
        pa.field("record", _TEXT, nullable=False, metadata=UNIQUE),
        pa.field("history", _TEXT, nullable=False, metadata={"json": "history.schema.json"}),
    ]
)
"""A register for invitations: ``history`` is JSON that follows ``schemas/history.schema.json``."""

INVITATIONS: Final = pa.schema(
    [
        pa.field("record", _TEXT, nullable=False),
        pa.field("status", _TEXT, nullable=False),
        pa.field("dose", pa.int32(), nullable=False),
        pa.field("earliest", pa.date32(), nullable=False),
        pa.field("latest", pa.date32()),
        pa.field("products", pa.list_(_TEXT), nullable=False),
        pa.field("offer", _TEXT, nullable=False),
        pa.field("marks", pa.list_(_TEXT), nullable=False),
        pa.field("warnings", pa.list_(_TEXT), nullable=False),
    ]
)
"""Whom to invite. Rows of the register that are not to be invited have none."""

VERDICTS: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("country", _TEXT, nullable=False),
        pa.field("outcome", _TEXT, nullable=False),
        pa.field("rules", pa.list_(_TEXT), nullable=False),
    ]
)
"""What the rules of a country say of a pass: ``rules`` are those that failed or are open."""


class Outcome(NamedTuple):
    """What a kernel makes of a batch: the results, and the faults of the rows without any.

    The column ``row`` of the faults is a row's place in the batch, from 0. Columns of `good` beyond
    the kernel's `schema` go to the writers of a part, and not into its results.
    """

    good: pa.RecordBatch
    """The results."""
    faults: pa.RecordBatch
    """The faults of the rows without a result."""


class Kernel(Protocol):
    """What bulk work is made of: picklable, and without a key."""

    name: ClassVar[str]
    """The name of the work (``issue``)."""
    results: ClassVar[str]
    """The name of its results (``passes``), which is that of their folder."""
    columns: ClassVar[pa.Schema]
    """The columns that it reads."""
    schema: ClassVar[pa.Schema]
    """The columns of its results."""
    others: ClassVar[bool]
    """Whether it lets columns be that it does not read."""

    def settings(self) -> dict[str, Any]:
        """Return what decides about the results, as JSON without secrets."""
        ...

    def keys(self) -> tuple[str, ...]:
        """Open the keys, and return the SHA-256 digests of their certificates in hexadecimal."""
        ...

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Work on a batch."""
        ...


class _Opening:
    """Opens what a kernel needs once in each process; what was opened is not pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}

    def _once(self, make: Callable[[], Any]) -> Any:
        found = self.__dict__.get("_opened")
        if found is None:
            found = make()
            self.__dict__["_opened"] = found
        return found


@dataclass(frozen=True)
class IssueKernel(_Opening):
    """Issues a pass for each row of facts (`FACTS` to `PASSES`).

    Attributes:
        country: The issuing country, two capital letters.
        sources: Where the keys are; of several, `SignerSet` chooses.
        campaign: What the identifiers belong to. A campaign of its own gives other identifiers.
        secret: Where the secret of the identifiers is: ``env:NAME`` or the path of a file.
        expires: The last moment of validity, or the time from the issue to it, where a row does not
            state one.
        issued_at: The moment of issue, where a row does not state one.
        issuer: The organisation that the passes name; None for the country.
        version: The release of the DCC schema.
        language: The language of the holders' names, where their script depends on it.
        policy: What an issuing country may see differently.
        value_sets: The value sets by which codes are judged; None for the bundled release.

    """

    country: str
    sources: tuple[KeySource, ...]
    campaign: str
    secret: str
    expires: datetime | timedelta
    issued_at: datetime
    issuer: str | None = None
    version: str = DEFAULT_VERSION
    language: str | None = None
    policy: ContentPolicy = field(default_factory=ContentPolicy)
    value_sets: ValueSets | None = field(default=None, repr=False)

    name: ClassVar[str] = "issue"
    results: ClassVar[str] = "passes"
    columns: ClassVar[pa.Schema] = FACTS
    schema: ClassVar[pa.Schema] = PASSES
    others: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Return what decides about the passes, as JSON; of the secret only a check value."""
        identifiers = self._office.identifiers
        sets = self.value_sets
        return {
            "country": self.country,
            "campaign": self.campaign,
            "secret_check": identifiers.check,
            "expires": _stated(self.expires),
            "issued_at": _stated(self.issued_at),
            "issuer": self.issuer,
            "version": self.version,
            "language": self.language,
            "policy": _digest(dataclasses.asdict(self.policy)),
            "value_sets": None if sets is None else _digest(sets.for_rules()),
            "deterministic": all(source.deterministic for source in self.sources),
        }

    def keys(self) -> tuple[str, ...]:
        """Open the keys, and return the SHA-256 digests of their certificates in hexadecimal."""
        return fingerprints(self._office.signing.signers)

    @property
    def _office(self) -> Office:
        """What issues, opened once in each process."""
        found: Office = self._once(self._open)
        return found

    def _open(self) -> Office:
        signing = Signing(self.sources)
        issuer = Issuer(
            self.country,
            signing.signers,
            name=self.issuer,
            version=self.version,
            language=self.language,
            value_sets=self.value_sets,
            policy=self.policy,
        )
        identifiers = Identifiers(read_secret(self.secret), self.campaign, self.country)
        return Office(issuer, signing, identifiers)

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Issue a pass for each row of a batch of facts."""
        issuer, signing, identifiers = self._office
        table = FactsTable(batch)
        kid_of = _kids(signing.signers)
        passes: list[tuple[Pass, bytes]] = []
        prepared: list[PreparedPass] = []
        good: list[int] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        usual, issued, remote = self.expires, self.issued_at, signing.is_remote
        for row in table.rows():
            event, terms = row.event, row.terms
            trouble = None
            if event is not None and row.record is not None:
                start, end = terms.issued_at or issued, terms.expires or usual
                uvci = terms.uvci or identifiers(row.record)
                try:
                    if remote:
                        prepared.append(
                            issuer.prepare(
                                row.holder, event, expires=end, issued_at=start, uvci=uvci
                            )
                        )
                    else:
                        made = issuer.issue(
                            row.holder, event, expires=end, issued_at=start, uvci=uvci
                        )
                        passes.append((made, kid_of(event, start)))
                except IssueError as error:
                    trouble = self._troubles(table, row, error)
                else:
                    good.append(row.place)
                    continue
            if trouble is None:
                trouble = self._troubles(table, row, None)
            refused.append((row.record, row.place, trouble))
        if remote:
            signed = signing.sign([(each.kid, each) for each in prepared])
            passes = [(made, each.kid) for made, each in zip(signed, prepared, strict=True)]
        kind = table.record.type
        columns = passes_columns(table.record.take(pa.array(good, pa.int64())), passes)
        made_batch = pa.record_batch(columns, schema=with_records(PASSES, kind))
        return Outcome(made_batch, faults_batch(refused, kind))

    def _troubles(self, table: FactsTable, row: FactsRow, error: IssueError | None) -> Trouble:
        """Return every fault of a row that no pass could be issued for."""
        issuer, _, identifiers = self._office
        terms = row.terms

        def judge(holder: Any, event: Any) -> tuple[Any, ...]:
            return issuer.faults(
                holder,
                event,
                expires=terms.expires or self.expires,
                issued_at=terms.issued_at or self.issued_at,
                uvci=terms.uvci or identifiers(row.record or "0"),
            )

        found, _, _ = closely(table, row.place, judge)
        if not found and error is not None:  # pragma: no cover - both ways read a row alike
            return tuple((fault.field, fault.code) for fault in error.faults)
        return found


class Office(NamedTuple):
    """What issues: an issuer, its keys, and the identifiers of a campaign."""

    issuer: Issuer
    signing: Signing
    identifiers: Identifiers


def passes_columns(records: pa.Array, passes: Sequence[tuple[Pass, bytes]]) -> list[pa.Array]:
    """Return the columns of `PASSES`, given the passes with the kids of their keys."""
    return [
        records,
        pa.array([made.uvci for made, _ in passes], _TEXT),
        pa.array([made.text for made, _ in passes], _TEXT),
        pa.array([made.iat for made, _ in passes], pa.int64()),
        pa.array([made.exp for made, _ in passes], pa.int64()),
        pa.array([kid.hex() for _, kid in passes], _TEXT),
    ]


def _kids(signers: Signer | SignerSet) -> Callable[[Event, datetime], bytes]:
    """Return a function that says which key signs a pass."""
    if isinstance(signers, Signer):
        kid = signers.kid
        return lambda _event, _start: kid

    def chosen(event: Event, start: datetime) -> bytes:
        signer = signers.choose(kind_of(event), start)
        return b"" if signer is None else signer.kid

    return chosen


def _stated(value: datetime | timedelta | date | None) -> str | None:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f}s"
    return None if value is None else value.isoformat()


def _digest(value: object) -> str:
    """Return the digest of settings that are too long to be written down."""
    text = json.dumps(value, sort_keys=True, default=_settled)
    return hashlib.sha256(text.encode()).hexdigest()


def _settled(value: object) -> object:
    """Return a value that JSON does not have in a form that is the same in every process."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


@dataclass(frozen=True)
class VerifyKernel(_Opening):
    """Verifies passes (`TEXTS` to `VERIFICATIONS`); one that fails has the checks as its faults.

    Attributes:
        verifier: What verifies.
        at: The moment of the check.
        about: What the manifest is to say of the verifier, such as the digests of its lists; a run
            with another `about` is other work.

    """

    verifier: Verifier = field(repr=False)
    at: datetime
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "verify"
    results: ClassVar[str] = "verifications"
    columns: ClassVar[pa.Schema] = TEXTS
    schema: ClassVar[pa.Schema] = VERIFICATIONS
    others: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what decides about the answers, as JSON."""
        accepted = list(self.verifier.accepted)
        return {"at": _stated(self.at), "accept": accepted, "about": dict(self.about)}

    def keys(self) -> tuple[str, ...]:
        """Return nothing: no key signs."""
        return ()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Verify each pass of a batch."""
        verify, at = self.verifier.verify, self.at
        column, records = records_of(batch)
        good: list[int] = []
        found: list[tuple[str, str | None, str | None, str]] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        for place, (record, text) in enumerate(zip(records, texts_of(batch, "text"), strict=True)):
            result = verify(text or "", at)
            if not result.ok:
                trouble = tuple((check.name, check.code) for check in result.failures)
                refused.append((record, place, trouble))
                continue
            good.append(place)
            signer = result.certificate
            found.append(
                (
                    result.profile or "",
                    None if signer is None else signer.country,
                    None if signer is None else signer.kid.hex(),
                    str(result.check("revocation").outcome),
                )
            )
        columns = list(zip(*found, strict=True)) or [()] * 4
        made = pa.record_batch(
            [
                column.take(pa.array(good, pa.int64())),
                *(pa.array(list(values), _TEXT) for values in columns),
            ],
            schema=with_records(VERIFICATIONS, column.type),
        )
        return Outcome(made, faults_batch(refused, column.type))


@dataclass(frozen=True)
class DecideKernel(_Opening):
    """Asks the rules of countries about passes (`TEXTS` to `VERDICTS`).

    A pass that does not verify is not asked about: it has the checks that failed as its faults.

    Attributes:
        verifier: What verifies.
        rules: The rules.
        questions: What is asked: a question for each country.
        at: The moment of arrival.
        about: What the manifest is to say of the verifier and the rules.

    """

    verifier: Verifier = field(repr=False)
    rules: RuleSet = field(repr=False)
    questions: tuple[Question, ...]
    at: datetime
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "decide"
    results: ClassVar[str] = "verdicts"
    columns: ClassVar[pa.Schema] = TEXTS
    schema: ClassVar[pa.Schema] = VERDICTS
    others: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what decides about the verdicts, as JSON."""
        return {
            "at": _stated(self.at),
            "accept": list(self.verifier.accepted),
            "countries": [question.country for question in self.questions],
            "about": dict(self.about),
        }

    def keys(self) -> tuple[str, ...]:
        """Return nothing: no key signs."""
        return ()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Ask the rules about each pass of a batch."""
        column, records = records_of(batch)
        good: list[int] = []
        found: list[tuple[str, str, list[str]]] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        for place, (record, text) in enumerate(zip(records, texts_of(batch, "text"), strict=True)):
            result = self.verifier.verify(text or "", self.at)
            if not result.ok:
                trouble = tuple((check.name, check.code) for check in result.failures)
                refused.append((record, place, trouble))
                continue
            for question in self.questions:
                verdict = self.rules.decide(result, question, at=self.at)
                named = [each.rule.identifier for each in (*verdict.failures, *verdict.open)]
                good.append(place)
                found.append((question.country, str(verdict.outcome), named))
        columns = list(zip(*found, strict=True)) or [()] * 3
        made = pa.record_batch(
            [
                column.take(pa.array(good, pa.int64())),
                pa.array(list(columns[0]), _TEXT),
                pa.array(list(columns[1]), _TEXT),
                pa.array(list(columns[2]), pa.list_(_TEXT)),
            ],
            schema=with_records(VERDICTS, column.type),
        )
        return Outcome(made, faults_batch(refused, column.type))


@dataclass(frozen=True)
class InviteKernel(_Opening):
    """Says whom of a register to invite (`HISTORIES` to `INVITATIONS`).

    A row whose history cannot be read has its faults; one whose readings lead to different answers
    has ``ambiguous`` for its code. Who is not to be invited has no row in the results.

    Attributes:
        programme: Whose schedule decides.
        on: The local day.
        since: An earlier day; those who were to be invited on it already are left out.
        about: What the manifest is to say of the programme.

    """

    programme: Programme = field(repr=False)
    on: date
    since: date | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "invite"
    results: ClassVar[str] = "invitations"
    columns: ClassVar[pa.Schema] = HISTORIES
    schema: ClassVar[pa.Schema] = INVITATIONS
    others: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Return what decides about the invitations, as JSON."""
        return {
            "programme": self.programme.id,
            "on": _stated(self.on),
            "since": _stated(self.since),
            "about": dict(self.about),
        }

    def keys(self) -> tuple[str, ...]:
        """Return nothing: no key signs."""
        return ()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Judge each history of a batch."""
        record, records = records_of(batch)
        refused: list[tuple[str | None, int | None, Trouble]] = []
        found: list[Invitation[Any]] = []
        people: People = self._once(
            lambda: People(Asker(self.programme, self.on, since=self.since))
        )
        for place, text in enumerate(texts_of(batch, "history")):
            if records[place] is None:
                refused.append((None, place, (("record", "record.missing"),)))
                continue
            answer = people.of_text(place, text, place)
            if isinstance(answer, ToLookAt):
                trouble = (("history", "ambiguous"),) if answer.ambiguous else _faults(text)
                refused.append((records[place], place, trouble))
            elif answer is not None:
                found.append(answer)
        made = pa.record_batch(
            [
                record.take(pa.array([each.id for each in found], pa.int64())),
                pa.array([str(each.status) for each in found], _TEXT),
                pa.array([each.dose for each in found], pa.int32()),
                pa.array([each.earliest for each in found], pa.date32()),
                pa.array([each.latest for each in found], pa.date32()),
                pa.array([list(each.products) for each in found], pa.list_(_TEXT)),
                pa.array([each.offer for each in found], _TEXT),
                pa.array([[mark.row for mark in each.marks] for each in found], pa.list_(_TEXT)),
                pa.array([list(each.warnings) for each in found], pa.list_(_TEXT)),
            ],
            schema=with_records(INVITATIONS, record.type),
        )
        return Outcome(made, faults_batch(refused, record.type))


def _faults(text: str | None) -> Trouble:
    """Return the faults of a history that cannot be read."""
    try:
        History.from_json(text or "")
    except HistoryError as error:
        return tuple((fault.field, fault.code) for fault in error.faults)
    return (("history", "json.syntax"),)  # pragma: no cover - both ways read a history alike

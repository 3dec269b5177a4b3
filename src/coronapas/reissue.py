"""Issue a pass again: with a longer validity, a corrected numbering, or out of several passes.

Modelled on the German service (Digitaler-Impfnachweis/certification-apis, ``dcc-reissue-api``),
whose answer is a certificate and its relations to those that were handed in. Nothing is taken from
a register: what a pass states is issued again, so every pass must prove itself first. In order:

1. There is a pass, and no more than `MOST_PASSES`.
2. Every pass verifies, for a verifier of the caller's: signature, certificate, content, revocation.
   One that has expired must have been in order at its last second, and not be over for longer than
   the policy grants. One that a revocation list once held counts as revoked.
3. It is an EU pass of the issuer's own country, with one event and an identifier of that country,
   and stands there once.
4. All are of one person: the same name and the same date of birth.
5. No two doses are of one day.
6. The action's own conditions hold; see `Action`.
7. What comes out follows the strict rules of the issuer.

Every fault is reported at once, with the place of its pass (``passes.1``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from coronapas.dcc import lengths
from coronapas.dcc._uvci import normalise, parse
from coronapas.errors import Fault, FaultsError, ReissueError
from coronapas.facts import (
    Agreement,
    Event,
    EventKind,
    Holder,
    Recovery,
    Vaccination,
    compare_holders,
    kind_of,
)
from coronapas.revocation._hashes import PassHashes, hashes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.facts import PassFacts
    from coronapas.issue import Issuer, Pass, PreparedPass
    from coronapas.signing._signer import SignatureForm
    from coronapas.verify import Verification, Verifier

__all__ = [
    "DEFAULT_POLICY",
    "MOST_PASSES",
    "Action",
    "PreparedReissue",
    "Reissue",
    "ReissuePolicy",
    "Relation",
    "Replaced",
    "prepare_reissue",
    "reissue",
    "renumber",
]

MOST_PASSES: Final = 32
"""The most passes of one request, inclusive."""

_WAS_REVOKED: Final = "revocation.entry-expired"
_EXPIRED: Final = frozenset({"time.expired", "validity.over"})


class Action(StrEnum):
    """What is to be done with the passes; the first of them is the subject of the first two."""

    RENEW = "renew"
    """Correct the numbering of the first pass, a vaccination, by what all of them state."""
    EXTEND = "extend"
    """Give the first pass a new validity: the newest vaccination or a recovery, near its end."""
    COMBINE = "combine"
    """State the newest vaccination, numbered by what all of them state, in place of its passes."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What the new pass is to one that was handed in."""

    index: int
    """The place of the pass that was handed in, from 0."""
    action: Literal["replace"] = "replace"
    """What happens to it."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A pass that the new one replaces, and all that a revocation list needs of it."""

    index: int
    """The place of the pass that was handed in, from 0."""
    uvci: str = field(repr=False)
    """Its identifier."""
    until: datetime
    """Until when a list must hold it, in UTC: as long as it could be issued again, which is longer
    than it is valid."""
    hashes: PassHashes
    """The hashes by which lists name it."""


def renumber(dose: Vaccination, events: Sequence[Event]) -> Vaccination:
    """Return a dose with the numbers that Implementing Decision (EU) 2021/2301 gives it.

    A dose is numbered on from the ones before it; its own number counts where it is larger, for not
    every pass may be at hand. After a course of one dose the series stays 1, after a longer one it
    grows with the number. What the first known dose states, or the length of its product's course,
    says which of the two it is.

    Args:
        dose: The dose to number.
        events: What else is known; only the doses before it count.

    """
    known = [each for each in events if isinstance(each, Vaccination) and each.date <= dose.date]
    # Of several statements of one dose the larger number counts.
    ordered = sorted((*known, dose), key=lambda each: each.dose_number)
    by_day = {each.date: each for each in ordered}
    first, number = by_day[min(by_day)], 0
    for day in sorted(by_day):
        number = max(by_day[day].dose_number, number + 1)
    course = lengths(first.product, first.date) or frozenset({first.doses})
    if first.doses == 1 or course == {1}:
        return replace(dose, dose_number=number, doses=1)
    length = max(first.doses, 2) if first.doses in course else min(course)
    return replace(dose, dose_number=number, doses=max(number, length))


@dataclass(frozen=True, slots=True)
class ReissuePolicy:
    """What an issuing country grants; the defaults are those of the German service.

    Attributes:
        before: How long before its end a pass may be extended (inclusive).
        after: How long after its end a pass may be issued again (inclusive).
        extends: The kinds of passes that may be extended.
        unsure_names: Whether names that only may be the same count as the same.
        number: How a dose is numbered, given what all passes state; see `renumber`.

    """

    before: timedelta = timedelta(days=28)
    after: timedelta = timedelta(days=90)
    extends: frozenset[EventKind] = frozenset({EventKind.VACCINATION, EventKind.RECOVERY})
    unsure_names: bool = False
    number: Callable[[Vaccination, Sequence[Event]], Vaccination] = renumber


DEFAULT_POLICY: Final = ReissuePolicy()
"""The policy of `reissue` where none is given."""


@dataclass(frozen=True, slots=True)
class Reissue:
    """The new pass, and what becomes of those that were handed in."""

    action: Action
    """What was done."""
    issued: Pass
    """The new pass."""
    replaced: tuple[Replaced, ...]
    """The passes that it replaces, in the order in which they were handed in: to be revoked."""

    @property
    def relations(self) -> tuple[Relation, ...]:
        """What the new pass is to those that were handed in."""
        return tuple(Relation(each.index) for each in self.replaced)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as ``schemas/reissue.schema.json`` describes it; it is personal."""
        return {
            "action": self.action.value,
            "certificate": self.issued.to_json(),
            "relations": [{"index": each.index, "action": each.action} for each in self.relations],
            "revoke": [
                {
                    "index": each.index,
                    "uvci": each.uvci,
                    "until": each.until.isoformat(),
                    "uci": _hex(each.hashes.uci),
                    "signature": _hex(each.hashes.signature),
                }
                for each in self.replaced
            ],
        }


@dataclass(frozen=True, slots=True)
class PreparedReissue:
    """A new pass that waits for its signature; see `coronapas.issue.PreparedPass`."""

    action: Action
    """What is done."""
    prepared: PreparedPass
    """The new pass, unsigned."""
    replaced: tuple[Replaced, ...]
    """The passes that it replaces."""

    @property
    def digest(self) -> bytes:
        """What is to be signed: the SHA-256 digest of the message, 32 bytes."""
        return self.prepared.digest

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> Reissue:
        """Return the answer with the signed pass; raises SigningError for a wrong signature."""
        return Reissue(self.action, self.prepared.complete(signature, form=form), self.replaced)


def reissue(
    passes: Sequence[str],
    action: Action | Literal["renew", "extend", "combine"],
    *,
    verifier: Verifier,
    issuer: Issuer,
    expires: datetime | timedelta,
    at: datetime | None = None,
    uvci: str | None = None,
    policy: ReissuePolicy = DEFAULT_POLICY,
) -> Reissue:
    """Issue a pass again, and say what it replaces.

    Args:
        passes: The texts of the passes; for `RENEW` and `EXTEND` the first is the subject, and the
            others are what else is known of the person.
        action: What is to be done.
        verifier: Whoever judges the passes. Give it revocation data, and let it refuse where that
            is missing: a revoked pass must not become a new one.
        issuer: Whoever issues the new pass, in its country's name.
        expires: The last moment of the new pass's validity, or the time from the issue to it.
        at: The moment of the check and of the issue; by default now.
        uvci: The new identifier; by default a random one.
        policy: What the country grants.

    Raises:
        ReissueError: With every fault, of all passes and of the action.
        IssueError: With every fault of what would be issued.
        SigningError: A remote signer failed.
        ValueError: There is no such action.

    """
    moment = datetime.now(UTC) if at is None else at
    found = _examined(passes, Action(action), verifier, issuer, moment, policy)
    issued = issuer.issue(found.holder, found.event, expires=expires, issued_at=moment, uvci=uvci)
    return Reissue(Action(action), issued, found.replaced)


def prepare_reissue(
    passes: Sequence[str],
    action: Action | Literal["renew", "extend", "combine"],
    *,
    verifier: Verifier,
    issuer: Issuer,
    expires: datetime | timedelta,
    at: datetime | None = None,
    uvci: str | None = None,
    policy: ReissuePolicy = DEFAULT_POLICY,
) -> PreparedReissue:
    """Return what `reissue` would issue, before it is signed; no key is used.

    The arguments and the errors are those of `reissue`.
    """
    moment = datetime.now(UTC) if at is None else at
    found = _examined(passes, Action(action), verifier, issuer, moment, policy)
    prepared = issuer.prepare(
        found.holder, found.event, expires=expires, issued_at=moment, uvci=uvci
    )
    return PreparedReissue(Action(action), prepared, found.replaced)


class _Found(NamedTuple):
    """What is to be issued, and what it replaces."""

    holder: Holder
    event: Event
    replaced: tuple[Replaced, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    """One pass that was handed in and may be issued again, as far as it goes by itself."""

    index: int
    facts: PassFacts
    uvci: str
    expires: datetime
    hashes: PassHashes

    def replaced(self, policy: ReissuePolicy) -> Replaced:
        return Replaced(self.index, self.uvci, self.expires + policy.after, self.hashes)


def _examined(
    passes: Sequence[str],
    action: Action,
    verifier: Verifier,
    issuer: Issuer,
    at: datetime,
    policy: ReissuePolicy,
) -> _Found:
    if isinstance(passes, str):
        raise TypeError("passes must be a sequence of texts, got str")
    if not 0 < len(passes) <= MOST_PASSES:
        raise ReissueError(
            [
                Fault(
                    "passes",
                    "reissue.number",
                    f"There must be 1 to {MOST_PASSES} passes.",
                    "Give the pass to issue again first, and what else is known behind it.",
                )
            ]
        )
    faults: list[Fault] = []
    given = []
    for index, text in enumerate(passes):
        found = _given(index, text, verifier, issuer.country, at, policy, faults)
        if found is not None:
            given.append(found)
    if faults:
        raise ReissueError(faults)
    _check_together(given, policy, faults)
    if faults:
        raise ReissueError(faults)
    subject, event, replaced = _ACTIONS[action](given, at, policy, faults)
    if faults:
        raise ReissueError(faults)
    return _Found(subject.facts.holder, event, tuple(each.replaced(policy) for each in replaced))


def _given(
    index: int,
    text: str,
    verifier: Verifier,
    country: str,
    at: datetime,
    policy: ReissuePolicy,
    faults: list[Fault],
) -> _Given | None:
    """Return what one pass states; None where it cannot be issued again, with the faults."""
    path = f"passes.{index}"
    result = _verified(text, verifier, at)
    if not result.ok:
        faults += (
            Fault(path, check.code, check.sentence, "Give a pass that verifies.")
            for check in result.failures
        )
        return None
    answer = result.revocation
    if answer is not None and answer.code == _WAS_REVOKED:
        # For a verifier that is unknown, and the pass is over anyway. Here it would come to life.
        faults.append(Fault(path, answer.code, answer.sentence, "Issue a new one, if any."))
        return None
    facts, envelope, expires = result.facts, result.envelope, result.expires
    if (
        result.profile != "eu"
        or facts is None
        or envelope is None
        or expires is None
        or not _is_readable(facts.event)
    ):
        faults.append(
            Fault(
                path,
                "reissue.payload",
                "Only an EU pass whose end and event can be read can be issued again.",
                "Issue a new one from the register.",
            )
        )
        return None
    before = len(faults)
    if at > expires + policy.after:
        faults.append(
            Fault(
                path,
                "reissue.expired",
                "The pass has been over for too long.",
                "Issue a new one from the register.",
            )
        )
    if result.issuer != country:
        faults.append(
            Fault(
                path,
                "reissue.country",
                "Another country issued the pass.",
                "Only its issuer can issue it again.",
            )
        )
    if facts.others:
        faults.append(
            Fault(
                path,
                "reissue.events",
                "The pass states several events.",
                "Issue a new one for each from the register.",
            )
        )
    uvci = facts.uvci
    if uvci is None or not _is_of(uvci, country):
        faults.append(
            Fault(
                path,
                "reissue.identifier",
                "The pass has no identifier of the issuing country.",
                "Issue a new one from the register.",
            )
        )
    if len(faults) > before or uvci is None:
        return None
    return _Given(index, facts, uvci, expires, hashes_of(envelope))


def _verified(text: str, verifier: Verifier, at: datetime) -> Verification:
    """Return the result for now, or that of the last second of a pass that is merely over."""
    result = verifier.verify(text, at)
    codes = {check.code for check in result.failures}
    if codes and codes <= _EXPIRED and result.expires is not None and result.expires < at:
        return verifier.verify(text, result.expires)
    return result


def _is_readable(event: Event) -> bool:
    """Whether all that is compared here was read; of an odd pass that is accepted, some is not."""
    if not isinstance(event, Vaccination):
        return True
    # The types promise more than odd passes keep.
    read: tuple[object, ...] = (event.date, event.dose_number, event.doses, event.product)
    return None not in read


def _is_of(uvci: str, country: str) -> bool:
    try:
        return parse(uvci).country == country
    except FaultsError:
        return False


def _check_together(given: Sequence[_Given], policy: ReissuePolicy, faults: list[Fault]) -> None:
    """Add what keeps the passes from being one person's, each once."""
    seen: set[str] = set()
    days: dict[object, Vaccination] = {}
    first = given[0].facts.holder
    for each in given:
        path = f"passes.{each.index}"
        compared = compare_holders(first, each.facts.holder)
        alike = (Agreement.MATCH, Agreement.UNSURE) if policy.unsure_names else (Agreement.MATCH,)
        if compared.name not in alike:
            faults.append(
                Fault(
                    path,
                    "reissue.name",
                    "The names of the passes are not the same.",
                    "Give passes of one person.",
                )
            )
        if compared.birth_date is not Agreement.MATCH:
            faults.append(
                Fault(
                    path,
                    "reissue.birth-date",
                    "The dates of birth are not the same.",
                    "Give passes of one person.",
                )
            )
        identifier = normalise(each.uvci)
        if identifier in seen:
            faults.append(
                Fault(
                    path,
                    "reissue.repeated",
                    "The pass was given already.",
                    "Give each pass once.",
                )
            )
        seen.add(identifier)
        event = each.facts.event
        if not isinstance(event, Vaccination):
            continue
        other = days.setdefault(event.date, event)
        if _is_other_dose(event, other):
            faults.append(
                Fault(
                    path,
                    "reissue.same-day",
                    "Two different doses are of one day.",
                    "Correct the register, and issue from it.",
                )
            )


def _is_other_dose(dose: Vaccination, other: Vaccination) -> bool:
    """Whether two doses of one day are two: of another product, or numbered otherwise than 1/1."""
    if dose.product != other.product:
        return True
    first, second = sorted(((dose.dose_number, dose.doses), (other.dose_number, other.doses)))
    # One dose stated twice, before and after a correction of its numbers.
    return first != second and first[0] != second[0] and first != (1, 1)


_Outcome = tuple[_Given, Event, Sequence[_Given]]


def _renew(
    given: Sequence[_Given], _at: datetime, policy: ReissuePolicy, faults: list[Fault]
) -> _Outcome:
    subject = given[0]
    event = subject.facts.event
    if not isinstance(event, Vaccination):
        faults.append(_wrong_kind(subject, "Only a vaccination has a numbering to correct."))
        return subject, event, ()
    numbered = policy.number(event, _events(given))
    if numbered == event:
        faults.append(_nothing(subject))
    return subject, numbered, (subject,)


def _extend(
    given: Sequence[_Given], at: datetime, policy: ReissuePolicy, faults: list[Fault]
) -> _Outcome:
    subject = given[0]
    event, path = subject.facts.event, f"passes.{subject.index}"
    if kind_of(event) not in policy.extends:
        faults.append(_wrong_kind(subject, "Passes of this kind are not extended."))
    if at < subject.expires - policy.before:
        faults.append(
            Fault(
                path,
                "reissue.too-early",
                "The pass is valid for a long time yet.",
                "Extend it nearer to its end.",
            )
        )
    if isinstance(event, Vaccination) and any(each.date > event.date for each in _doses(given)):
        faults.append(
            Fault(
                path,
                "reissue.not-newest",
                "There is a newer vaccination.",
                "Extend the pass of the newest one.",
            )
        )
    return subject, event, (subject,)


def _combine(
    given: Sequence[_Given], _at: datetime, policy: ReissuePolicy, faults: list[Fault]
) -> _Outcome:
    known = [each for each in given if isinstance(each.facts.event, Vaccination | Recovery)]
    doses = [
        (each, each.facts.event) for each in known if isinstance(each.facts.event, Vaccination)
    ]
    if len(known) < 2 or not doses:
        faults.append(
            Fault(
                "passes",
                "reissue.too-few",
                "Combining takes a vaccination and another vaccination or recovery.",
                "Give all passes that belong together.",
            )
        )
        return given[0], given[0].facts.event, ()
    newest = max((dose for _, dose in doses), key=lambda dose: (dose.date, dose.dose_number))
    same = [each for each, dose in doses if dose.date == newest.date]
    numbered = policy.number(newest, _events(given))
    if numbered == newest and len(same) == 1:
        faults.append(_nothing(same[0]))
    return max(same, key=lambda each: each.expires), numbered, same


_ACTIONS: Final = {Action.RENEW: _renew, Action.EXTEND: _extend, Action.COMBINE: _combine}


def _events(given: Sequence[_Given]) -> list[Event]:
    return [each.facts.event for each in given]


def _doses(given: Sequence[_Given]) -> list[Vaccination]:
    return [event for event in _events(given) if isinstance(event, Vaccination)]


def _nothing(given: _Given) -> Fault:
    return Fault(
        f"passes.{given.index}",
        "reissue.nothing",
        "The numbering is right already.",
        "Keep the pass, or give the passes that show otherwise.",
    )


def _wrong_kind(given: _Given, problem: str) -> Fault:
    hint = "Give a pass of another kind, or issue from the register."
    return Fault(f"passes.{given.index}", "reissue.kind", problem, hint)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()

"""A set of rules, and the questions put to it.

::

    rules = RuleSet.load("business-rules")
    verdict = rules.decide(verification, country="FI", at=datetime(2022, 3, 1, tzinfo=UTC))
    verdict.outcome, verdict.text()

`eu_travel` gives the EU's dated travel rules as business rules of the project's own (country
``EU``): what the regulations and recommendations asked of travellers from 2021-06-14 to 2023-06-30
(270 days for a primary course, boosters, tests, recoveries, minors). Each version of a rule is a
file below ``data/eu-travel``, with tests on both sides of its bounds; its members ``Source``,
``Confidence`` and ``Note`` say where it comes from (``S`` read in the source, ``P`` press or
another secondary source, ``K`` recalled). The identifiers (``VR-EU-1001`` and on) are the
project's own. Member states could ask for less, and some asked for more: a country's own rules
come first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from coronapas.rules import _loading as loading
from coronapas.rules._loading import (
    DEFAULT,
    Candidates,
    Policy,
    Scope,
    candidates,
)
from coronapas.rules._model import CertificateType, Rule, RuleType
from coronapas.rules._search import (
    EARLIEST,
    EFFORT,
    LATEST,
    timeline,
)
from coronapas.rules._subject import Subject, codes, external, wallet_subject
from coronapas.rules._verdict import Case, WalletVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike
    from typing import Self

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.rules._loading import Loaded, Unread
    from coronapas.rules._subject import Judged
    from coronapas.rules._timeline import Timeline
    from coronapas.rules._verdict import Verdict

_NONE: Final[tuple[Rule, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the rules about a pass, but for the moment.

    What the pass's container says (`issuer_country`, `kid`, `iat`, `exp`) is taken from the pass
    where it is None here.

    Attributes:
        country: The country of arrival, two letters (``FI``).
        value_sets: Those in which rules look codes up, also as lists of codes by id; None for the
            bundled release, whose list of rapid tests is only an example.
        region: The region of arrival, for rules of its own.
        issuer_country: The country of issue, which selects the invalidation rules.
        kid: The key identifier, 8 bytes.
        iat: When the container was issued: seconds since 1970, or a moment with a time zone.
        exp: When it expires, as `iat`.
        language: The language of the rules' descriptions; English where a rule does not have it.
        policy: How rules are selected, and what their results mean.

    """

    country: str
    value_sets: ValueSets | Mapping[str, Any] | None = field(default=None, repr=False)
    region: str | None = None
    issuer_country: str | None = None
    kid: bytes | None = None
    iat: datetime | int | None = None
    exp: datetime | int | None = None
    language: str = "en"
    policy: Policy = DEFAULT


class QuestionParts(TypedDict, total=False):
    """The attributes of `Question` as keywords."""

    country: str
    """`Question.country`."""
    value_sets: ValueSets | Mapping[str, Any] | None
    """`Question.value_sets`."""
    region: str | None
    """`Question.region`."""
    issuer_country: str | None
    """`Question.issuer_country`."""
    kid: bytes | None
    """`Question.kid`."""
    iat: datetime | int | None
    """`Question.iat`."""
    exp: datetime | int | None
    """`Question.exp`."""
    language: str
    """`Question.language`."""
    policy: Policy
    """`Question.policy`."""


class RuleSet:
    """Business rules of any number of countries, in all versions at hand; immutable.

    `unread` are those that could not be read, `passed_over` the files that hold no rules.
    """

    __slots__ = ("_acceptance", "_invalidation", "_rules", "passed_over", "unread")

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        unread: Iterable[Unread] = (),
        passed_over: Iterable[str] = (),
    ) -> None:
        self._rules = tuple(dict.fromkeys(rules))
        self.unread = tuple(unread)
        self.passed_over = tuple(passed_over)
        acceptance: dict[str, list[Rule]] = {}
        for rule in self._rules:
            if rule.type is RuleType.ACCEPTANCE:
                acceptance.setdefault(rule.country, []).append(rule)
        self._acceptance = {country: tuple(found) for country, found in acceptance.items()}
        self._invalidation = tuple(
            rule for rule in self._rules if rule.type is RuleType.INVALIDATION
        )

    @classmethod
    def load(cls, *sources: str | PathLike[str] | Mapping[str, Any] | Rule | Iterable[Any]) -> Self:
        """Read rules from paths (folders, files), from JSON (a rule, a list of them), from `Rule`s.

        A rule that cannot be read is among `unread`.

        Raises:
            OSError: A path cannot be read.
            TypeError: A source is bytes; `from_json` takes those.

        """
        found = loading.Loaded()
        rules: list[Rule] = []
        for source in sources:
            if isinstance(source, (str, os.PathLike)):
                _extend(found, _from_path(Path(source)))
            elif isinstance(source, Mapping):
                found.add_one(dict(source), "rule")
            elif isinstance(source, Rule):
                rules.append(source)
            elif isinstance(source, RuleSet):
                rules += source
                found.unread += source.unread
                found.passed_over += source.passed_over
            elif isinstance(source, (bytes, bytearray)):
                raise TypeError(
                    "a source of rules must be a path, JSON, or rules; bytes: see from_json"
                )
            else:
                given = list(source)
                rules += [item for item in given if isinstance(item, Rule)]
                found.add([item for item in given if not isinstance(item, Rule)], "rules")
        return cls([*rules, *found.rules], found.unread, found.passed_over)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read rules from a JSON text: one rule, or a list of them."""
        return cls._of(loading.from_json(data))

    @classmethod
    def from_gateway(
        cls, document: Mapping[str, Any], content_of: Callable[[str], bytes | str]
    ) -> Self:
        """Read rules from the gateway's answer.

        Args:
            document: The answer: ``{identifier: [{version, validFrom, validTo, cms}]}``.
            content_of: Returns the JSON in a CMS message (base64) once its signature has been
                verified with the country's upload certificate; where it raises a `CoronapasError`,
                the rule is among `unread`.

        """
        return cls._of(loading.from_gateway(document, content_of))

    @classmethod
    def from_service(
        cls, index: Iterable[Mapping[str, Any]], bodies: Mapping[str, bytes | str]
    ) -> Self:
        """Read rules from a verifier service.

        Args:
            index: Its list of ``{identifier, version, country, hash}``.
            bodies: Each rule by its hash, the SHA-256 of its bytes; a rule whose body is missing or
                has another hash is among `unread`.

        """
        return cls._of(loading.from_service(index, bodies))

    @classmethod
    def _of(cls, found: Loaded) -> Self:
        return cls(found.rules, found.unread, found.passed_over)

    # Looking in

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __repr__(self) -> str:
        return f"<RuleSet: {len(self)} rules, {len(self.unread)} unread>"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules in the order of loading, each once."""
        return self._rules

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries that have rules here, sorted."""
        return tuple(sorted({rule.country for rule in self._rules}))

    def to_json(self) -> list[dict[str, Any]]:
        """Return all rules in the gateway's form."""
        return [rule.to_json() for rule in self._rules]

    def write(self, folder: str | PathLike[str]) -> None:
        """Write the rules as ``<country>/<identifier>/rule.json``.

        Where an identifier has several versions or regions, each has a folder named after them.

        Raises:
            ValueError: Two rules would have one file, or a name would lead out of the folder.
            OSError: A file cannot be written.

        """
        loading.write(self._rules, Path(folder))

    def candidates(self, scope: Scope, policy: Policy = DEFAULT) -> Candidates:
        """Return the rules that some moment may select in a scope, in all their versions."""
        of_country = self._acceptance.get(scope.country, _NONE)
        return candidates((*of_country, *self._invalidation), scope, policy)

    # Deciding

    def decide(
        self,
        judged: Judged,
        question: Question | None = None,
        *,
        at: datetime | None = None,
        **parts: Unpack[QuestionParts],
    ) -> Verdict:
        """Return what the rules of a country, and of the country of issue, say of a pass.

        Args:
            judged: A verification, or an envelope or a bare payload (no trust implied). A
                verification that is not ok is REFUSED, whatever the rules are, and so is one at a
                moment at which the pass itself is not valid (``time.not-begun``, ``time.over``);
                to judge such a pass nevertheless, give its `envelope`.
            question: What is asked; without it, its parts are given as keywords.
            at: The moment asked about, with a time zone; by default the moment of the
                verification, otherwise now.
            **parts: The attributes of `Question` (``country="FI"``); beside `question` they
                replace its own.

        Raises:
            TypeError: `judged` has no payload that rules can judge, or there is no country.
            ValueError: A moment has no time zone, or the country is empty.

        """
        return self.case(judged, question, **parts).at(_moment(at, judged))

    def case(
        self, judged: Judged, question: Question | None = None, **parts: Unpack[QuestionParts]
    ) -> Case:
        """Return all of a decision but its moment; the parameters are those of `decide`."""
        return self._case_of(Subject.of(judged), _asked(question, parts))

    def timeline(
        self,
        judged: Judged,
        question: Question | None = None,
        *,
        at: datetime | None = None,
        first: datetime = EARLIEST,
        last: datetime = LATEST,
        effort: int = EFFORT,
        **parts: Unpack[QuestionParts],
    ) -> Timeline:
        """Return which verdict holds from when until when.

        The intervals are exact, and found from the rules themselves.

        Args:
            judged: As for `decide`.
            question: As for `decide`.
            at: The moment around which the intervals are found first; by default as for `decide`.
            first: The first moment looked at, inclusive.
            last: The last moment looked at, inclusive.
            effort: The work after which the search ends, in visits of a node of an expression; the
                default is a second or a few. Where it does not suffice, the timeline covers what is
                next to `at`, and its `complete` is false.
            **parts: As for `decide`.

        Raises:
            ValueError: As for `decide`, or `last` lies before `first`.
            TypeError: As for `decide`.

        """
        case = self.case(judged, question, **parts)
        around = _moment(at, judged)
        return timeline(case, first=first, last=last, around=around, effort=effort)

    def decide_wallet(
        self,
        passes: Iterable[Judged],
        question: Question | None = None,
        *,
        at: datetime | None = None,
        same_holder: bool = True,
        unsure_names: bool = False,
        **parts: Unpack[QuestionParts],
    ) -> WalletVerdict:
        """Return what the rules say of several passes of one holder: of each, and of all together.

        The passes are put together as one payload: the entries of all of them, the newest first.
        Of their containers only the country of issue is kept, where all name the same.

        Args:
            passes: 1 to 100 passes (inclusive), each as for `decide`.
            question: As for `decide`.
            at: As for `decide`; by default the latest moment of the verifications.
            same_holder: Whether names and dates of birth must fit one holder
                (`coronapas.facts.compare_holders`).
            unsure_names: Whether names that may be one person's count as the same.
            **parts: As for `decide`.

        Raises:
            WalletError: There are no passes, too many, or (with `same_holder`) they are not of one
                holder.
            TypeError: As for `decide`.
            ValueError: As for `decide`.

        """
        judged = tuple(passes)
        asked = _asked(question, parts)
        subjects = [Subject.of(item) for item in judged]
        moment = _moment(at, *judged)
        each = tuple(self._case_of(subject, asked).at(moment) for subject in subjects)
        wallet = wallet_subject(subjects, same_holder=same_holder, unsure_names=unsure_names)
        return WalletVerdict(self._case_of(wallet, asked).at(moment), each)

    def wallet_timeline(
        self,
        passes: Iterable[Judged],
        question: Question | None = None,
        *,
        at: datetime | None = None,
        same_holder: bool = True,
        unsure_names: bool = False,
        **parts: Unpack[QuestionParts],
    ) -> Timeline:
        """Return from when until when which verdict holds of several passes put together.

        The parameters, and what is raised, are those of `decide_wallet`; `at` is the moment around
        which the intervals are found first.
        """
        judged = tuple(passes)
        subjects = [Subject.of(each) for each in judged]
        wallet = wallet_subject(subjects, same_holder=same_holder, unsure_names=unsure_names)
        case = self._case_of(wallet, _asked(question, parts))
        return timeline(case, around=_moment(at, *judged))

    def _case_of(self, subject: Subject, question: Question) -> Case:
        issued_at, expires = _seconds(question.iat), _seconds(question.exp)
        policy = question.policy
        scope = Scope(
            question.country,
            CertificateType.of_payload(subject.payload),
            question.issuer_country or subject.issuer,
            question.region,
        )
        parameter = external(
            country=scope.country,
            value_sets=codes(question.value_sets),
            region=scope.region,
            issuer_country=scope.issuer_country,
            kid=subject.kid if question.kid is None else question.kid,
            issued_at=subject.issued_at if issued_at is None else issued_at,
            expires=subject.expires if expires is None else expires,
        )
        unread = (
            tuple(
                rule for rule in self.unread if rule.concerns(scope.country, scope.issuer_country)
            )
            if policy.unread_is_open
            else ()
        )
        refusals = subject.refusals
        selected = Candidates((), policy) if refusals else self.candidates(scope, policy)
        return Case(
            subject.payload,
            parameter,
            scope,
            selected,
            unread,
            question.language,
            refusals,
            subject.lifetime,
        )


def _asked(question: Question | None, parts: QuestionParts) -> Question:
    if question is None:
        return Question(**parts)
    return replace(question, **parts) if parts else question


def _extend(found: Loaded, more: Loaded) -> None:
    found.rules += more.rules
    found.unread += more.unread
    found.passed_over += more.passed_over


def _from_path(path: Path) -> Loaded:
    return loading.from_folder(path) if path.is_dir() else loading.from_file(path)


def _moment(at: datetime | None, *judged: Judged) -> datetime:
    if at is not None:
        return at
    from coronapas.verify._result import Verification
    from coronapas.wallets._result import CredentialVerification

    results = (Verification, CredentialVerification)
    moments = [item.at for item in judged if isinstance(item, results)]
    return max(moments) if moments else datetime.now(UTC)


def _seconds(moment: datetime | int | None) -> int | None:
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise ValueError("the moment must have a time zone")
    return int(moment.timestamp() // 1)


@cache
def eu_travel() -> RuleSet:
    """Return the EU's travel rules (country ``EU``), read once; outside their dates: NO RULES."""
    with as_file(files("coronapas.rules").joinpath("data/eu-travel")) as folder:
        return RuleSet.load(folder)

"""A set of rules, and the questions put to it.

rules = RuleSet.load("business-rules")
verdict = rules.decide(verification, country="FI", at=datetime(2022, 3, 1, tzinfo=UTC))
verdict.outcome, verdict.text()
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas.rules import _decision as decision
from coronapas.rules import _loading as loading
from coronapas.rules import _subject as subject
from coronapas.rules._decision import Case
from coronapas.rules._model import CertificateType, Rule, RuleType
from coronapas.rules._search import EARLIEST, LATEST, timeline
from coronapas.rules._selection import (
    DEFAULT,
    Policy,
    Scope,
    candidates,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike
    from typing import Self

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.rules._decision import WalletVerdict
    from coronapas.rules._loading import Loaded, Unread
    from coronapas.rules._selection import Candidates
    from coronapas.rules._subject import Judged
    from coronapas.rules._timeline import Timeline
    from coronapas.rules._verdict import Verdict

_NONE: Final[tuple[Rule, ...]] = ()


class RuleSet:
    """Business rules of any number of countries, in all versions at hand; immutable.

    `unread` are those that could not be read, `passed_over` the files that are no rules.
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
        """Rules from folders and files (paths), from JSON (one rule, a list of them), from `Rule`s.

        A rule that cannot be read does not raise: it is among `unread`. Raises OSError where a path
        cannot be read.
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
                raise TypeError("Rules are loaded from paths, from JSON, or from rules.")
            else:
                given = list(source)
                rules += [one for one in given if isinstance(one, Rule)]
                found.add([one for one in given if not isinstance(one, Rule)], "rules")
        return cls([*rules, *found.rules], found.unread, found.passed_over)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Rules from a JSON text: one rule, or a list of them."""
        return cls._of(loading.from_json(data))

    @classmethod
    def from_gateway(
        cls, document: Mapping[str, Any], content_of: Callable[[str], bytes | str]
    ) -> Self:
        """Rules from the gateway's answer; see `coronapas.rules._loading.from_gateway`."""
        return cls._of(loading.from_gateway(document, content_of))

    @classmethod
    def from_service(
        cls, index: Iterable[Mapping[str, Any]], bodies: Mapping[str, bytes | str]
    ) -> Self:
        """Rules from a verifier service; see `coronapas.rules._loading.from_service`."""
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
        """All rules, in the order of loading, a rule that came twice once."""
        return self._rules

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries that have rules here, sorted."""
        return tuple(sorted({rule.country for rule in self._rules}))

    def to_json(self) -> list[dict[str, Any]]:
        """All rules in the gateway's form."""
        return [rule.to_json() for rule in self._rules]

    def write(self, folder: str | PathLike[str]) -> None:
        """Write the rules as ``<country>/<identifier>/rule.json``; see `loading.write`."""
        loading.write(self._rules, Path(folder))

    def candidates(self, scope: Scope, policy: Policy = DEFAULT) -> Candidates:
        """The rules that some moment may select in a scope, in all their versions."""
        of_country = self._acceptance.get(scope.country, _NONE)
        return candidates((*of_country, *self._invalidation), scope, policy)

    # Deciding

    def decide(
        self,
        judged: Judged,
        *,
        country: str,
        at: datetime | None = None,
        value_sets: ValueSets | Mapping[str, Any] | None = None,
        region: str | None = None,
        issuer_country: str | None = None,
        kid: bytes | None = None,
        iat: datetime | int | None = None,
        exp: datetime | int | None = None,
        language: str = "en",
        policy: Policy = DEFAULT,
    ) -> Verdict:
        """What the rules of `country` (and of the country of issue) say of a pass.

        `judged` is a verification, or an envelope or bare payload (no trust implied). `at` is the
        moment asked about, with a time zone; by default that of the verification, else now.
        `value_sets` are those that rules look codes up in, also as lists of codes by id; by default
        the bundled release, whose list of rapid tests is only an example. What the pass's
        container says (`issuer_country`, `kid`, `iat`, `exp` in seconds since 1970) is taken from
        it where not given. `language` is that of the rules' descriptions.

        Raises:
            VerificationError: `judged` is a verification that is not ok.
            TypeError: it is nothing that rules can judge.
            ValueError: a moment has no time zone, or the country is empty.

        """
        case = self.case(
            judged,
            country=country,
            value_sets=value_sets,
            region=region,
            issuer_country=issuer_country,
            kid=kid,
            iat=iat,
            exp=exp,
            language=language,
            policy=policy,
        )
        return case.at(_moment(at, judged))

    def case(
        self,
        judged: Judged,
        *,
        country: str,
        value_sets: ValueSets | Mapping[str, Any] | None = None,
        region: str | None = None,
        issuer_country: str | None = None,
        kid: bytes | None = None,
        iat: datetime | int | None = None,
        exp: datetime | int | None = None,
        language: str = "en",
        policy: Policy = DEFAULT,
    ) -> Case:
        """All of a decision but its moment; the parameters are those of `decide`."""
        of = subject.Subject.of(judged)
        issued_at, expires = _seconds(iat), _seconds(exp)
        return self._case(
            of.payload,
            Scope(
                country, CertificateType.of_payload(of.payload), issuer_country or of.issuer, region
            ),
            value_sets,
            language,
            policy,
            kid=of.kid if kid is None else kid,
            issued_at=of.issued_at if issued_at is None else issued_at,
            expires=of.expires if expires is None else expires,
        )

    def timeline(
        self,
        judged: Judged,
        *,
        country: str,
        at: datetime | None = None,
        first: datetime = EARLIEST,
        last: datetime = LATEST,
        value_sets: ValueSets | Mapping[str, Any] | None = None,
        region: str | None = None,
        issuer_country: str | None = None,
        language: str = "en",
        policy: Policy = DEFAULT,
    ) -> Timeline:
        """From when until when which verdict holds, between `first` and `last` (both inclusive).

        The intervals are exact, and found from the rules themselves
        (`coronapas.rules._search`); `at` is the moment around which they are found first.
        The other parameters, and what is raised, are as for `decide`.
        """
        case = self.case(
            judged,
            country=country,
            value_sets=value_sets,
            region=region,
            issuer_country=issuer_country,
            language=language,
            policy=policy,
        )
        return timeline(case, first=first, last=last, around=_moment(at, judged))

    def decide_wallet(
        self,
        passes: Iterable[Judged],
        *,
        country: str,
        at: datetime | None = None,
        value_sets: ValueSets | Mapping[str, Any] | None = None,
        region: str | None = None,
        issuer_country: str | None = None,
        language: str = "en",
        policy: Policy = DEFAULT,
        same_holder: bool = True,
    ) -> WalletVerdict:
        """What the rules say of several passes of one holder: of each, and of all put together.

        How they are put together is told in `coronapas.rules._decision`. Of the containers only the
        country of issue is kept where all name the same. The other parameters, and what is raised,
        are as for `decide`.

        Raises:
            WalletError: no passes, more than 100, or (with `same_holder`) not of one holder.

        """
        judged = tuple(passes)
        subjects = [subject.Subject.of(one) for one in judged]
        moment = _moment(at, *judged)
        each = tuple(
            self.decide(
                one,
                country=country,
                at=moment,
                value_sets=value_sets,
                region=region,
                issuer_country=issuer_country,
                language=language,
                policy=policy,
            )
            for one in judged
        )
        payload = decision.together(subjects, same_holder=same_holder)
        scope = Scope(
            country,
            CertificateType.of_payload(payload),
            issuer_country or decision.common_issuer(subjects),
            region,
        )
        case = self._case(payload, scope, value_sets, language, policy)
        return decision.WalletVerdict(case.at(moment), each)

    def _case(
        self,
        payload: Mapping[str, Any],
        scope: Scope,
        value_sets: ValueSets | Mapping[str, Any] | None,
        language: str,
        policy: Policy,
        *,
        kid: bytes | None = None,
        issued_at: int | None = None,
        expires: int | None = None,
    ) -> Case:
        parameter = subject.external(
            country=scope.country,
            value_sets=subject.codes(value_sets),
            region=scope.region,
            issuer_country=scope.issuer_country,
            kid=kid,
            issued_at=issued_at,
            expires=expires,
        )
        unread = (
            tuple(one for one in self.unread if one.concerns(scope.country, scope.issuer_country))
            if policy.unread_is_open
            else ()
        )
        found = self.candidates(scope, policy)
        return Case(payload, parameter, scope, found, unread, language)


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

    moments = [one.at for one in judged if isinstance(one, Verification)]
    return max(moments) if moments else datetime.now(UTC)


def _seconds(moment: datetime | int | None) -> int | None:
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise ValueError("The moment needs a time zone.")
    return int(moment.timestamp() // 1)


__all__ = ["RuleSet"]


# The EU's dated travel rules as business rules of the project's own (country ``EU``).
#
# eu_travel().decide(verification, country="EU", at=moment)
#
# What the regulations and recommendations asked of travellers from 2021-06-14 to 2023-06-30: 270
# days for a primary course, boosters, tests, recoveries, minors. Each version of a rule is a file
# below ``data/eu-travel``, with tests on both sides of its bounds; its members ``Source``,
# ``Confidence`` and ``Note`` say where it comes from (``S`` read in the source, ``P`` press or
# another secondary source, ``K`` recalled). The identifiers (``VR-EU-1001`` and on) are the
# project's own.
#
# Member states could ask for less, and some asked for more: a country's own rules come first.


@cache
def eu_travel() -> RuleSet:
    """The rule set; it is read once. Outside of its dates it has no rules: NO RULES."""
    with as_file(files("coronapas.rules").joinpath("data/eu-travel")) as folder:
        return RuleSet.load(folder)

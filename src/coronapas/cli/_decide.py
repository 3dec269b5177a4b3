"""``coronapas decide``: whether passes are accepted in countries, why, and until when.

A pass is verified before any rule is asked, and one that does not verify is REFUSED. Only with
``--unverified`` do rules judge what nobody vouches for, and then no answer is an acceptance.

Several passes are one holder's wallet. A rule does not say whether it is written for one pass or
for the whole wallet, so both are asked: the answer is the best that one pass alone gives, or that
of all together where it is better. One pass that is refused refuses the wallet.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from coronapas.catalogue import word
from coronapas.cli._options import (
    day_or_moment,
    rules_from,
    shown_in,
    value_sets_from,
    value_sets_option,
    zone_option,
)
from coronapas.cli._output import plain, sentence
from coronapas.cli._passes import Item, passes_of
from coronapas.cli._verifier import NAMES, from_options, verifier_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, tzinfo
    from pathlib import Path

    from coronapas.cli._verifier import Judge
    from coronapas.rules import (
        Bound,
        Judged,
        Question,
        RuleSet,
        Timeline,
        Verdict,
        Window,
    )
    from coronapas.verify import Check

_UNVERIFIED: Final = "UNVERIFIED"
_COLOURS: Final = {
    "PASS": "green",
    "FAIL": "red",
    "OPEN": "yellow",
    "NO RULES": "yellow",
    "REFUSED": "red",
    _UNVERIFIED: "yellow",
}
_HEAD: Final = ("country", "verdict", "from", "until")


@dataclass(frozen=True)
class Decision:
    """The verdict of one country and the time around it.

    Attributes:
        verdict: What the rules of the country say, or that the passes are refused.
        timeline: What they say at other moments; None where they were not asked.
        countries: The countries that have rules.
        place: The pass of a wallet that decided; None where all did together, or there is one.
        unverified: Whether nobody vouches for the passes, so that no answer is an acceptance.

    """

    verdict: Verdict
    timeline: Timeline | None
    countries: tuple[str, ...]
    place: str | None = None
    unverified: bool = False

    @property
    def outcome(self) -> str:
        """PASS, FAIL, OPEN, NO RULES, REFUSED, or UNVERIFIED whatever the rules say."""
        return _UNVERIFIED if self.unverified else str(self.verdict.outcome)

    @property
    def window(self) -> Window | None:
        """The interval around the moment asked about in which the outcome stays."""
        return None if self.timeline is None else self.timeline.window_at(self.verdict.at)

    @property
    def later(self) -> Window | None:
        """The next interval in which the pass is accepted, where it is not now."""
        if self.verdict or self.timeline is None:
            return None
        return next((at for at in self.timeline.accepted if at.first > self.verdict.at), None)

    def refusals(self, language: str) -> Iterator[str]:
        """Yield why the passes are refused, a line for each check that failed."""
        for check in self.verdict.refusals:
            yield f"  FAIL  {word(check.name, language)}: {plain(check.sentence_in(language))}"

    def lines(self, *, personal: bool, language: str = "en", zone: tzinfo = UTC) -> Iterator[str]:
        """Yield the verdict, its reasons and how long it lasts; with `personal` also the facts."""
        from coronapas.cli._codes import (
            headline,
            interval,
            meaning,
            with_names,
        )

        verdict = self.verdict
        condition = f"If the pass is genuine: {verdict.outcome}. " if self.unverified else ""
        yield f"{_coloured(self.outcome)}  {condition}{plain(headline(verdict, language))}"
        if self.place is not None:
            yield plain(f"  Decided by {self.place}.")
        for result in (*verdict.failures, *verdict.open):
            yield plain(f"  - {result.description} ({result.rule})")
            facts = result.because if personal else ()
            for fact in facts or (meaning(result.code, language),):
                yield plain(f"      {with_names(fact)}")
        for unread in verdict.unread:
            told = word("A rule could not be read: {place}", language, place=unread.place)
            yield plain(f"  - {told}")
        if self.timeline is not None and verdict.country not in self.countries:
            known = ", ".join(self.countries) or word("no country", language)
            told = word("The rules at hand are of {countries}.", language, countries=known)
            yield plain(f"  {told}")
        for window in filter(None, (self.window, self.later)):
            yield plain(f"  {interval(window, language, zone)}")
        if self.timeline is not None and not self.timeline.complete:
            text = "Before or after that the rules change too often to say."
            yield f"  {word(text, language)}"

    def row(self, zone: tzinfo = UTC) -> tuple[str, str, str, str]:
        """Return the cells of the table: country, outcome, start and end in a time zone."""
        window = self.window
        start, end = (None, None) if window is None else (window.start, window.end)
        return self.verdict.country, self.outcome, _bound(start, zone), _bound(end, zone)

    def to_json(self, *, personal: bool, language: str = "en") -> dict[str, Any]:
        """Return the JSON form; `because`, the facts that decided, only with `personal`."""
        from coronapas.cli._codes import headline, meaning

        window, later, timeline = self.window, self.later, self.timeline
        document = self.verdict.to_json(reasons=personal)
        document["sentence"] = headline(self.verdict, language)
        document["outcome"] = self.outcome
        if self.unverified:
            document["if_genuine"] = str(self.verdict.outcome)
            document["sentence"] = f"{_WARNING} If it is genuine: {self.verdict.sentence}"
        document["decided_by"] = None if self.place is None else plain(self.place)
        document["reasons"] = [
            {
                "rule": None,
                "version": None,
                "description": check.sentence,
                "code": check.code,
                "meaning": f"The check failed: {check.name}.",
            }
            for check in self.verdict.refusals
        ] + [
            {
                "rule": result.rule.identifier,
                "version": str(result.rule.version),
                "description": result.description,
                "code": result.code,
                "meaning": meaning(result.code, language),
            }
            for result in (*self.verdict.failures, *self.verdict.open)
        ]
        document["window"] = None if window is None else window.to_json()
        document["accepted_later"] = None if later is None else later.to_json()
        document["complete"] = timeline is None or timeline.complete
        expires = None if timeline is None else timeline.expires
        document["expires"] = None if expires is None else expires.isoformat()
        return document


def decided(rules: RuleSet, judged: Judged, question: Question, at: datetime) -> Decision:
    """Return what the rules say at a moment, and all the time around it."""
    verdict = rules.decide(judged, question, at=at)
    return Decision(verdict, rules.timeline(judged, question, at=at), rules.countries)


def decided_wallet(
    rules: RuleSet, passes: Sequence[tuple[str, Judged]], question: Question, at: datetime
) -> Decision:
    """Return what the rules say of the passes of one holder, each with its place.

    Raises WalletError for passes of several holders.
    """
    judged = [each for _, each in passes]
    verdict = rules.decide_wallet(judged, question, at=at)
    alone = decided(rules, judged[verdict.best], question, at)
    if verdict.together and not alone.verdict:
        timeline = rules.wallet_timeline(judged, question, at=at)
        return Decision(verdict.together, timeline, rules.countries)
    return replace(alone, place=passes[verdict.best][0])


def table(decisions: Iterable[Decision], zone: tzinfo = UTC) -> Iterator[str]:
    """Yield a line for each country, in the order asked for; moments are in a time zone."""
    rows = [_HEAD, *(decision.row(zone) for decision in decisions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [plain(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]))
        yield "  ".join(cells).rstrip()


def _coloured(outcome: str) -> str:
    return click.style(outcome, fg=_COLOURS[outcome])


def _bound(bound: Bound | None, zone: tzinfo) -> str:
    """Return a bound for a cell; a dash where no change is known."""
    if bound is None:
        return "-"
    included = "included" if bound.included else "not included"
    return f"{shown_in(bound.moment, zone)} ({included})"


_WARNING: Final = "The pass is not verified, so anybody may have made it."


class _Reading(NamedTuple):
    """One pass as it was given: what rules judge of it, and the checks that it failed."""

    place: str
    judged: Judged
    failures: tuple[Check, ...] = ()


@click.command("decide", short_help="Say where a pass is accepted, and until when.")
@click.argument(
    "files",
    nargs=-1,
    metavar="[PASS]...",
    type=click.Path(exists=True, allow_dash=True),
)
@click.option("--text", "texts", multiple=True, metavar="PASS", help="A pass itself.")
@click.option(
    "--country",
    "countries",
    required=True,
    multiple=True,
    metavar="CC",
    help="The country of arrival; may be given several times.",
)
@click.option(
    "--rules",
    "rules",
    required=True,
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="A folder or file of rules; eu-travel for the EU's travel rules, with --country EU.",
)
@verifier_options(trust_required=False)
@click.option(
    "--unverified",
    is_flag=True,
    help="In the place of --trust: ask the rules about a pass that nobody vouches for. The answer "
    "is UNVERIFIED, and never an acceptance.",
)
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of arrival; a date alone means midnight UTC. Default: now.",
)
@value_sets_option
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@click.option("--region", metavar="R", help="The region of arrival, where it has its own rules.")
@click.option(
    "--language",
    default="en",
    show_default=True,
    metavar="LANG",
    help="The language of the rules' descriptions, and of what is said of them (en, da, de); "
    "English where there is nothing in it.",
)
@zone_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--show-personal-data", is_flag=True, help="Also show the facts in the pass that decided."
)
def command(
    files: tuple[str, ...],
    texts: tuple[str, ...],
    countries: tuple[str, ...],
    rules: tuple[str, ...],
    unverified: bool,
    at: datetime | None,
    value_sets: tuple[Path, ...],
    whole: bool,
    region: str | None,
    language: str,
    zone: tzinfo,
    as_json: bool,
    show_personal_data: bool,
    **given: Any,
) -> None:
    """Say whether a pass is accepted, by which rules, and from when until when.

    PASS is a text file or a picture with one pass, or - for standard input. Several are the passes
    of one holder. Each is verified first, and REFUSED where it is not ok. The period shown is the
    one in which the rules say the same; it follows from the dates in the pass, so that it can
    reveal them.

    Exit codes: 0 accepted in every country; 1 not accepted, refused, not decided, unverified or
    without rules in some; 2 wrong usage, or an input that cannot be read.
    """
    from datetime import datetime

    from coronapas.cli._codes import spoken
    from coronapas.rules import Question

    if not files and not texts:
        raise click.UsageError("Name a file, - for standard input, or give --text.")
    _require_trust(unverified)
    places = tuple(dict.fromkeys(country.strip().upper() for country in countries))
    if not all(places):
        raise click.BadParameter("The country is empty.", param_hint="--country")
    items = [
        *_from_texts(texts),
        *(item for file in files for item in passes_of(file, whole=whole)),
    ]
    words = spoken(language)
    moment = at or datetime.now(UTC)
    rule_set, sets = rules_from(rules), value_sets_from(value_sets)
    if unverified:
        click.echo(f"{_WARNING} --trust verifies it.", err=True)
        passes = [_opened(item) for item in items]
    else:
        judge = from_options(at=moment, value_sets=sets, **given)
        passes = [_verified(item, judge, moment) for item in items]
    question = Question(country=places[0], value_sets=sets, region=region, language=language)
    try:
        decisions = [
            replace(
                _decision(rule_set, passes, replace(question, country=place), moment),
                unverified=unverified,
            )
            for place in places
        ]
    except TypeError:
        named = ", ".join(plain(each.place) for each in passes)
        raise click.UsageError(f"{named}: it holds no payload that rules can judge.") from None
    if as_json:
        document = {
            **_header(passes, moment, verified=not unverified),
            "decisions": [
                each.to_json(personal=show_personal_data, language=words) for each in decisions
            ],
        }
        click.echo(json.dumps(document))
    else:
        click.echo("\n".join(_lines(decisions, show_personal_data, words, zone)))
    accepted = all(decision.verdict for decision in decisions)
    sys.exit(0 if accepted and not unverified else 1)


def _require_trust(unverified: bool) -> None:
    """Refuse a command line that says neither whom to trust nor that nobody is, or says both."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    stated = {name for name in NAMES if context.get_parameter_source(name) is not default}
    if unverified and stated:
        raise click.UsageError("--unverified leaves no room for options on trust.")
    if not unverified and "trust" not in stated:
        raise click.UsageError(
            "Give --trust, so that the pass is verified; or --unverified, for an answer that is no "
            "acceptance."
        )


def _from_texts(texts: tuple[str, ...]) -> Iterator[Item]:
    for number, text in enumerate(texts, start=1):
        yield Item("--text" if len(texts) == 1 else f"--text {number}", text, 0)


def _opened(item: Item) -> _Reading:
    from coronapas import wallets
    from coronapas.hcert import decode

    credential = wallets.credential_in(item.text)
    if credential is None:
        return _Reading(item.place, decode(item.text))
    if isinstance(credential, str):
        payload = wallets.from_claims(wallets.claims_in(credential))
    else:
        payload = wallets.from_elements(wallets.elements_in(credential)[1])
    if payload is None:
        raise click.UsageError(plain(f"{item.place}: it holds no payload that rules can judge."))
    return _Reading(item.place, payload)


def _verified(item: Item, judge: Judge, at: datetime) -> _Reading:
    """Return what is true of a pass; standard error says what is not known of a good one."""
    from coronapas.verify import Outcome

    found = judge.verify(item.text, at)
    failures = (*_of_code(item, judge.granted), *found.failures, *judge.objections(found))
    for check in () if failures else found.checks:
        if check.outcome is Outcome.UNKNOWN:
            click.echo(plain(f"Not known: {check.name}: {check.sentence}"), err=True)
    return _Reading(item.place, found, failures)


def _of_code(item: Item, granted: frozenset[str]) -> tuple[Check, ...]:
    """Return the failures of the QR code that the pass was read from."""
    from coronapas.verify import Check, Outcome

    return tuple(
        Check("qr code", Outcome.FAIL, found.code, sentence(found.note))
        for found in item.deviations
        if found.code not in granted
    )


def _decision(
    rules: RuleSet, passes: Sequence[_Reading], question: Question, at: datetime
) -> Decision:
    """Return the decision of one country; no rule is asked where a pass is refused."""
    from coronapas.rules import Scope, Verdict

    failures = tuple(dict.fromkeys(check for each in passes for check in each.failures))
    if failures:
        scope = Scope(question.country, frozenset(), region=question.region)
        return Decision(Verdict((), scope, at, refusals=failures), None, rules.countries)
    if len(passes) == 1:
        return decided(rules, passes[0].judged, question, at)
    return decided_wallet(rules, [(each.place, each.judged) for each in passes], question, at)


def _header(passes: Sequence[_Reading], at: datetime, *, verified: bool) -> dict[str, Any]:
    """Return what the JSON says of the passes before any rule was asked."""
    each = [
        {
            "place": plain(found.place),
            "verified": verified and not found.failures,
            "failures": [check.code for check in found.failures],
        }
        for found in passes
    ]
    return {
        "place": each[0]["place"] if len(each) == 1 else None,
        "at": at.astimezone(UTC).isoformat(),
        "verified": all(found["verified"] for found in each),
        "failures": [check.code for found in passes for check in found.failures],
        "passes": each,
    }


def _lines(decisions: list[Decision], personal: bool, language: str, zone: tzinfo) -> list[str]:
    """Return what a person reads: with several countries a table first, then each by itself."""
    from coronapas.cli._codes import ending

    first = decisions[0]
    expires = None if first.timeline is None else first.timeline.expires
    included = first.timeline is None or first.timeline.end_included
    lines = [f"{_coloured(_UNVERIFIED)}  {_WARNING}"] if decisions[0].unverified else []
    lines += [*table(decisions, zone), ""] if len(decisions) > 1 else []
    for decision in decisions:
        lines += decision.lines(personal=personal, language=language, zone=zone)
    lines += first.refusals(language)
    return (
        lines if expires is None else [*lines, ending(expires, language, zone, included=included)]
    )

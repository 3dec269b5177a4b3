"""``coronapas decide``: whether a pass is accepted in countries, why, and until when."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.catalogue import word
from coronapas.cli._certificates import (
    beside_option,
    pin_option,
    trust_from,
    unverified_option,
)
from coronapas.cli._options import (
    day_or_moment,
    rules_from,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._output import plain, sentence
from coronapas.cli._passes import Item, one_pass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from coronapas.rules import (
        Bound,
        Judged,
        Question,
        RuleSet,
        Timeline,
        Verdict,
        Window,
    )
    from coronapas.trust import TrustStore
    from coronapas.verify import Check

_COLOURS: Final = {"PASS": "green", "FAIL": "red", "OPEN": "yellow", "NO RULES": "yellow"}
_HEAD: Final = ("country", "verdict", "from", "until")


@dataclass(frozen=True)
class Decision:
    """The verdict of one country and the time around it; `countries` are those with rules."""

    verdict: Verdict
    timeline: Timeline
    countries: tuple[str, ...]

    @property
    def expiry(self) -> str | None:
        """Until when the pass itself is valid, as a sentence, where that is known."""
        expires = self.timeline.expires
        if expires is None:
            return None
        return f"The pass itself is valid until {_moment(expires)} (included)."

    @property
    def window(self) -> Window | None:
        """The interval around the moment asked about in which the outcome stays."""
        return self.timeline.window_at(self.verdict.at)

    @property
    def later(self) -> Window | None:
        """The next interval in which the pass is accepted, where it is not now."""
        if self.verdict:
            return None
        return next((at for at in self.timeline.accepted if at.first > self.verdict.at), None)

    def lines(self, *, personal: bool, language: str = "en") -> Iterator[str]:
        """Yield the verdict, its reasons and how long it lasts; with `personal` also the facts."""
        from coronapas.cli._verdicts import headline, interval, meaning

        verdict = self.verdict
        yield f"{_coloured(str(verdict.outcome))}  {plain(headline(verdict, language))}"
        for result in (*verdict.failures, *verdict.open):
            yield plain(f"  - {result.description} ({result.rule})")
            facts = result.because if personal else ()
            for fact in facts or (meaning(result.code, language),):
                yield plain(f"      {fact}")
        for unread in verdict.unread:
            told = word("A rule could not be read: {place}", language, place=unread.place)
            yield plain(f"  - {told}")
        if verdict.country not in self.countries:
            known = ", ".join(self.countries) or word("no country", language)
            told = word("The rules at hand are of {countries}.", language, countries=known)
            yield plain(f"  {told}")
        for window in filter(None, (self.window, self.later)):
            yield plain(f"  {interval(window, language)}")
        if not self.timeline.complete:
            text = "Before or after that the rules change too often to say."
            yield f"  {word(text, language)}"

    def row(self) -> tuple[str, str, str, str]:
        """Return the cells of the table: country, outcome, start and end."""
        window = self.window
        start, end = (None, None) if window is None else (window.start, window.end)
        return self.verdict.country, str(self.verdict.outcome), _bound(start), _bound(end)

    def to_json(self, *, personal: bool, language: str = "en") -> dict[str, Any]:
        """Return the JSON form; `because`, the facts that decided, only with `personal`."""
        from coronapas.cli._verdicts import headline, meaning

        window, later = self.window, self.later
        document = self.verdict.to_json(reasons=personal)
        document["sentence"] = headline(self.verdict, language)
        document["reasons"] = [
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
        document["complete"] = self.timeline.complete
        expires = self.timeline.expires
        document["expires"] = None if expires is None else expires.isoformat()
        return document


def decided(rules: RuleSet, judged: Judged, question: Question, at: datetime) -> Decision:
    """Return what the rules say at a moment, and all the time around it."""
    verdict = rules.decide(judged, question, at=at)
    return Decision(verdict, rules.timeline(judged, question, at=at), rules.countries)


def table(decisions: Iterable[Decision]) -> Iterator[str]:
    """Yield a line for each country, in the order asked for."""
    rows = [_HEAD, *(decision.row() for decision in decisions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [plain(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]))
        yield "  ".join(cells).rstrip()


def _coloured(outcome: str) -> str:
    return click.style(outcome, fg=_COLOURS[outcome])


def _bound(bound: Bound | None) -> str:
    """Return a bound for a cell; a dash where no change is known."""
    if bound is None:
        return "-"
    return f"{_moment(bound.moment)} ({'included' if bound.included else 'not included'})"


def _moment(at: datetime) -> str:
    from coronapas.rules import moment

    return moment(at)


_UNVERIFIED: Final = "The pass is not verified, so anybody may have made it: give --trust."


@click.command("decide", short_help="Say where a pass is accepted, and until when.")
@click.argument(
    "file",
    required=False,
    metavar="PASS",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--text", metavar="PASS", help="The pass itself.")
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
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of arrival; a date alone means midnight UTC. Default: now.",
)
@value_sets_option
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Verify the pass first, with the certificates or trust lists in a file or folder.",
)
@pin_option
@beside_option
@unverified_option
@click.option("--region", metavar="R", help="The region of arrival, where it has its own rules.")
@click.option(
    "--language",
    default="en",
    show_default=True,
    metavar="LANG",
    help="The language of the rules' descriptions, and of what is said of them (en, da, de); "
    "English where there is nothing in it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--show-personal-data", is_flag=True, help="Also show the facts in the pass that decided."
)
def command(
    file: str | None,
    text: str | None,
    countries: tuple[str, ...],
    rules: tuple[str, ...],
    at: datetime | None,
    value_sets: tuple[Path, ...],
    trust: tuple[Path, ...],
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    unverified_trust: bool,
    region: str | None,
    language: str,
    as_json: bool,
    show_personal_data: bool,
) -> None:
    """Say whether a pass is accepted, by which rules, and from when until when.

    PASS is a text file or a picture with one pass, or - for standard input. Without --trust the
    pass is not verified. The period shown is the one in which the rules say the same; it follows
    from the dates in the pass, so that it can reveal them.

    Exit codes: 0 accepted in every country; 1 not accepted, not decided or without rules in some,
    or the pass does not verify; 2 wrong usage, or an input that cannot be read.
    """
    from datetime import UTC, datetime

    from coronapas.cli._verdicts import spoken
    from coronapas.rules import Question

    if (file is None) == (text is None):
        raise click.UsageError("Name one file, - for standard input, or give --text.")
    if not trust and (pins or beside or unverified_trust):
        raise click.UsageError("--pin, --beside and --unverified-trust need --trust.")
    places = tuple(dict.fromkeys(country.strip().upper() for country in countries))
    if not all(places):
        raise click.BadParameter("The country is empty.", param_hint="--country")
    item = Item("--text", text, 0) if text is not None else one_pass(file or "")
    words = spoken(language)
    moment = at or datetime.now(UTC)
    rule_set, sets = rules_from(rules), value_sets_from(value_sets)
    document: dict[str, Any] = {
        "place": plain(item.place),
        "at": moment.astimezone(UTC).isoformat(),
        "verified": bool(trust),
        "failures": [],
        "decisions": [],
    }
    store = None
    if trust:
        store = trust_from(trust, pins=pins, beside=beside, unverified=unverified_trust)
    judged, failures = _judged(item, store, moment)
    if judged is None:
        document |= {"verified": False, "failures": [check.code for check in failures]}
        lines = [word("The pass does not verify, so no rule was applied.", words)]
        lines += [
            f"  FAIL  {word(check.name, words)}: {plain(check.sentence_in(words))}"
            for check in failures
        ]
        click.echo(json.dumps(document) if as_json else "\n".join(lines))
        sys.exit(1)
    question = Question(country=places[0], value_sets=sets, region=region, language=language)
    try:
        decisions = [
            decided(rule_set, judged, replace(question, country=place), moment) for place in places
        ]
    except TypeError:
        raise click.UsageError(f"{item.place}: it holds no payload that rules can judge.") from None
    if as_json:
        document["decisions"] = [
            decision.to_json(personal=show_personal_data, language=words) for decision in decisions
        ]
        click.echo(json.dumps(document))
    else:
        click.echo("\n".join(_lines(decisions, show_personal_data, words)))
    sys.exit(0 if all(decision.verdict for decision in decisions) else 1)


def _lines(decisions: list[Decision], personal: bool, language: str) -> list[str]:
    """Return what a person reads: with several countries a table first, then each by itself."""
    from coronapas.cli._verdicts import ending

    lines = [*table(decisions), ""] if len(decisions) > 1 else []
    for decision in decisions:
        lines += decision.lines(personal=personal, language=language)
    expires = decisions[0].timeline.expires
    return lines if expires is None else [*lines, ending(expires, language)]


def _judged(
    item: Item, store: TrustStore | None, at: datetime
) -> tuple[Judged | None, tuple[Check, ...]]:
    """Return what rules judge; with a `store`, None and the failures of what does not verify."""
    if store is None:
        from coronapas.hcert import decode

        click.echo(_UNVERIFIED, err=True)
        return decode(item.text), ()
    from coronapas.tolerances import FIELD
    from coronapas.verify import Check, Outcome, Verifier

    verification = Verifier(store).verify(item.text, at=at)
    odd = [oddity for oddity in item.deviations if oddity.code not in FIELD]
    failures = tuple(
        Check("qr code", Outcome.FAIL, found.code, sentence(found.note)) for found in odd
    )
    failures += verification.failures
    if failures:
        return None, failures
    for check in verification.checks:
        if check.outcome is Outcome.UNKNOWN:
            click.echo(plain(f"Not known: {check.name}: {check.sentence}"), err=True)
    return verification, ()

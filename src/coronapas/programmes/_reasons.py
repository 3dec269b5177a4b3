"""Why an answer is as it is: reasons in words, with the rule and revision of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from coronapas import catalogue
from coronapas.facts._history import births
from coronapas.programmes._clock import FOREVER, Period, age_words, midnight
from coronapas.programmes._course import DoseGiven, is_recognised
from coronapas.programmes._evidence import (
    Holding,
    Suspended,
    View,
    all_holdings,
    describe,
    exemptions,
    fits,
    other_end,
)
from coronapas.programmes._model import (
    TEST_KINDS,
    Access,
    Audience,
    Programme,
    Requirement,
    Revision,
    Row,
    Stage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from coronapas.facts._history import History
    from coronapas.programmes._course import Course, Events, GivenDose
    from coronapas.programmes._evidence import Person
    from coronapas.programmes._model import (
        EvidenceRule,
        Offer,
        PlacedRow,
        Suspension,
        Term,
        Wait,
    )

MOST_OTHERS: Final = 20
"""The most pieces of evidence named that do not count at the moment: the latest."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    `code` is stable: ``holds``, ``lapsed``, ``not-yet``, ``suspended``, ``exempt``, ``no-rule``,
    ``no-evidence``, ``ambiguous``, ``no-revision``, ``requirement``, ``birth-date``, ``disputed``,
    ``product``, ``group``, ``sector``, ``contradiction``, ``probably-same``, ``reckoning``,
    ``place``, ``region``, ``together``; and those of the next dose: ``due``, ``eligible``,
    ``too-early``, ``not-offered``, ``audience``, ``access``, ``waiting``, ``overdue``, ``groups``,
    ``reading``, and the status of a limit on a product.
    `text` may hold the holder's dates. `row` is the rule or revision that the reason comes from.
    """

    code: str
    text: str = field(repr=False)
    row: str | None = None
    revision: str | None = None
    """The identifier of the revision that it comes from; None where there is none."""
    source: str | None = None
    """The source that the row states."""
    confidence: str | None = None
    """The confidence that the row states: ``S``, ``P``, ``K`` or ``U``."""

    def sentence_in(self, language: str) -> str:
        """Return the reason in a language of the catalogue; for ``en`` that is `text`.

        In another language it is the catalogue's sentence for the code, without dates and names.
        Raises ValueError for a language that the catalogue does not have.
        """
        if catalogue.language(language) != "en":
            try:
                return catalogue.sentence(self.code, language)
            except LookupError:
                pass
        return self.text

    def to_json(self) -> dict[str, str]:
        """Return the reason as a JSON object, without members that are None."""
        members = {
            "code": self.code,
            "text": self.text,
            "row": self.row,
            "revision": self.revision,
            "source": self.source,
            "confidence": self.confidence,
        }
        return {name: value for name, value in members.items() if value is not None}


def reasons_of(
    programme: Programme,
    revision: Revision,
    history: History,
    people: Sequence[Person],
    events: Events,
    course: Course,
    views: tuple[View, ...],
    valid: bool | None,
    moment: datetime,
) -> tuple[Reason, ...]:
    """Return the reasons of one check, the deciding ones first."""
    writer = _Writer(programme, revision, moment)
    found: list[Reason] = []
    found += writer.exempt(people)
    found += writer.suspended(views)
    found += writer.evidence(views, with_past=valid is not True)
    found += writer.reckoning(views)
    if valid is not True:
        found += writer.without_rule(events, course, views, people[0])
    if valid is None:
        found += writer.ambiguous(history, course)
    if not (events.doses or events.tests or events.infections or found):
        found.append(Reason("no-evidence", "The history holds no event up to this moment."))
    elif valid is False and not found:
        text = "No rule that applies to the holder here accepts any of the evidence."
        found.append(writer.without_any(text))
    found += writer.about_the_data(history, events)
    found += remarks(programme, history, events)
    found += writer.requirement(people[0])
    return tuple(dict.fromkeys(found))


class _Writer:
    def __init__(self, programme: Programme, revision: Revision, moment: datetime) -> None:
        self.programme = programme
        self.revision = revision
        self.moment = moment

    def _said(self, code: str, text: str, row: Row | None = None) -> Reason:
        row = row or self.revision
        return Reason(code, text, row.id, self.revision.id, row.source, row.confidence)

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.programme.zone):%Y-%m-%d %H:%M}"

    def _interval(self, one: Holding | Suspended) -> str:
        if one.end is FOREVER:
            return f"from {self._local(one.start)}, without end"
        return f"from {self._local(one.start)} until {self._local(one.end)} (exclusive)"

    def without_any(self, text: str) -> Reason:
        return self._said("no-rule", text)

    def reckoning(self, views: tuple[View, ...]) -> Iterator[Reason]:
        """Name both ends of the evidence whose months can be counted in two ways."""
        other = self.programme.other_reckoning
        if other is None:
            return
        for holding in all_holdings(views):
            end = other_end(self.programme, holding)
            if end is not None and holding.start <= self.moment < max(end, holding.end):
                what = describe(holding.evidence, self.programme)
                text = (
                    f"The months of the {what} can be counted in two ways: it counts until "
                    f"{self._local(holding.end)} by the one taken here, and until "
                    f"{self._local(end)} by the other (both exclusive)."
                )
                yield self._said("reckoning", text, other)

    def exempt(self, people: Sequence[Person]) -> Iterator[Reason]:
        zone = self.programme.zone
        for person in people:
            for (start, end), text, row in exemptions(zone, self.revision, person):
                if start <= self.moment < end:
                    until = "" if end is FOREVER else f", until {self._local(end)}"
                    yield self._said("exempt", f"{text.removesuffix('.')}{until}.", row)

    def suspended(self, views: tuple[View, ...]) -> Iterator[Reason]:
        for suspension in views[0].shared.suspensions:
            if suspension.start <= self.moment < suspension.end:
                what = "positive test" if suspension.kind == "test" else "infection"
                time = self._interval(suspension)
                text = f"The {what} {suspension.number} suspends the pass {time}."
                yield self._said("suspended", text, self.revision.suspension)
            elif suspension.lifted and self.moment >= suspension.end:
                number = suspension.number
                text = f"A later negative test lifted the suspension by positive test {number}."
                yield self._said("lifted", text, self.revision.suspension)

    def evidence(self, views: tuple[View, ...], *, with_past: bool) -> Iterator[Reason]:
        others = []
        for each in all_holdings(views):
            if not each.start <= self.moment < each.end:
                others.append(each)
                continue
            what = describe(each.evidence, self.programme)
            yield self._said("holds", f"The {what} counts {self._interval(each)}.", each.rule)
        if not with_past:
            return
        others.sort(key=lambda each: each.end, reverse=True)
        for each in others[:MOST_OTHERS]:
            what = describe(each.evidence, self.programme)
            if each.end <= self.moment:
                text = f"The {what} counted {self._interval(each)}."
                yield self._said("lapsed", text, each.rule)
            else:
                text = f"The {what} does not count yet: {self._interval(each)}."
                yield self._said("not-yet", text, each.rule)
        if len(others) > MOST_OTHERS:
            text = f"{len(others) - MOST_OTHERS} earlier pieces of evidence have lapsed too."
            yield self._said("lapsed", text)

    def without_rule(
        self, events: Events, course: Course, views: tuple[View, ...], person: Person
    ) -> Iterator[Reason]:
        """Name the doses that no rule of the revision accepts, in any reading."""
        used = {dose.evidence.number for each in views for dose in each.doses}
        for place in range(len(events.doses)):
            if place + 1 in used:
                continue
            stages = {world[place] for world in course.worlds}
            if stages == {Stage.UNCOUNTED}:
                continue
            why = "no rule of this revision accepts it"
            words = " or ".join(sorted(stages))
            for rule in self.revision.vaccinations:
                if (
                    (rule.needs or rule.preceded_by)
                    and not rule.stages.isdisjoint(stages)
                    and fits(rule, person)
                ):
                    what = f"Dose {place + 1} ({words})"
                    yield self._said("together", f"{what} counts {condition_words(rule)}.", rule)
            yield self._said("no-rule", f"Dose {place + 1} ({words}) does not count: {why}.")

    def ambiguous(self, history: History, course: Course) -> Iterator[Reason]:
        if course.too_many:
            text = "Too many doses can be read in several ways to try every combination."
            yield self._said("ambiguous", text)
        for each in course.ambiguous():
            words = " or ".join(each.readings)
            settled = "; ".join(each.settled_by)
            text = f"Dose {each.dose} can be read as {words}. What would settle it: {settled}."
            yield self._said("ambiguous", text)
        if not course.ambiguous() and not course.too_many:
            text = "The birth date is known only in part, and the answer depends on the age."
            yield self._said("birth-date", text)

    def about_the_data(self, history: History, events: Events) -> Iterator[Reason]:
        by_age = self.revision.exempt_below is not None or any(
            rule.age_from is not None or rule.age_below is not None for rule in self.revision.rules
        )
        if history.birth_date is None and by_age:
            text = "The birth date is unknown: the holder is judged as an adult."
            yield self._said("birth-date", text)

    def requirement(self, person: Person) -> Iterator[Reason]:
        revision = self.revision
        place, region = person.place, person.region
        free = sorted(
            name for name, each in revision.places.items() if each is not Requirement.IN_FORCE
        )
        if place is not None or region is not None:
            where = place, region, person.sector
            asked = revision.requirement_at(*where) is Requirement.IN_FORCE
            row = next((one for one in revision.requirements if one.holds(*where)), None)
            words = "a pass is asked for." if asked else "no pass is asked for."
            if place is not None:
                yield self._said("place", f"At this place {words}", row)
            else:
                yield self._said("region", f"In this region {words}", row)
            if asked:
                return
        elif free:
            yield self._said("place", f"No pass is asked for at: {', '.join(free)}.")
        if self.revision.requirement is Requirement.LIFTED:
            text = "No pass is asked for at this time; the rules of evidence stay."
            yield self._said("requirement", text)
        elif self.revision.requirement is Requirement.ENDED:
            yield self._said("requirement", "The requirement of a pass has ended.")


# What is odd about a history, whatever the answer.

SHORTEST: Final = 14
"""Days between two doses below which the history is doubted: this project's bound."""


def remarks(programme: Programme, history: History, events: Events) -> tuple[Reason, ...]:
    """Return what is odd about a history: products, words, contradictions, doubtful doubles."""
    doses = events.doses
    found: list[Reason] = []
    days = births(history.birth_date)
    born = None if days is None else days[0]
    before = None
    for place, dose in enumerate(doses, 1):
        if dose.product is None or dose.product not in programme.products:
            found += _product(programme, place, dose)
        if born is not None and dose.date < born:
            found.append(_contradiction(f"Dose {place} was given before the holder was born."))
        if before is not None and (
            (dose.date - before.date).days < SHORTEST
            or (dose.dose_number or 0) - (before.dose_number or 0) != 1
        ):
            found += _sequence(place, before, dose)
        if dose.disputed:
            text = (
                f"Sources disagree about dose {place}: the earliest day counts, and the dose is "
                "read by each product and number that they state."
            )
            found.append(Reason("disputed", text))
        if isinstance(dose, DoseGiven) and dose.probably:
            text = (
                f"Dose {place} is stated twice, a day apart: the statements are probably about "
                "one dose. What would settle it: the batch, or the register of vaccinations."
            )
            found.append(Reason("probably-same", text))
        before = dose
    found += _unknown_words(programme, history)
    if born is not None:
        birth = midnight(born, programme.zone)
        if any(infection.first_positive < born for infection in events.infections) or any(
            test.sampled_at < birth for test in events.tests
        ):
            text = "A test or an infection is dated before the holder was born."
            found.append(_contradiction(text))
    return tuple(found)


def _unknown_words(programme: Programme, history: History) -> Iterator[Reason]:
    """Name the groups and the sector of a history that a programme with a list does not know."""
    for meant in _unknown(history.groups or (), programme.groups):
        yield Reason("group", f"The history names a group that the programme does not know.{meant}")
    sector = () if history.sector is None else (history.sector,)
    for meant in _unknown(sector, programme.sectors):
        yield Reason(
            "sector", f"The history names a sector that the programme does not know.{meant}"
        )


def _unknown(words: Iterable[str], known: Mapping[str, Term]) -> Iterator[str]:
    """Yield for each word that is not on a list, unless that is empty, what was probably meant."""
    for word in sorted(set(words) - known.keys()) if known else ():
        close = get_close_matches(word.casefold(), known, n=1, cutoff=0.75)
        yield f" Did you mean {close[0]}?" if close else ""


def _contradiction(text: str) -> Reason:
    return Reason("contradiction", text)


def _sequence(place: int, before: GivenDose, dose: GivenDose) -> Iterator[Reason]:
    apart = (dose.date - before.date).days
    if apart < SHORTEST:
        yield _contradiction(f"Doses {place - 1} and {place} are only {apart} days apart.")
    earlier, later = before.dose_number, dose.dose_number
    if earlier is None or later is None or later == earlier + 1:
        return
    if later <= earlier:
        text = f"Dose {place} has number {later}, and the dose before it has number {earlier}."
    else:
        text = f"Dose {place} has number {later}, and the dose before it only {earlier}."
    yield _contradiction(f"{text} The numbers do not follow each other.")


def _product(programme: Programme, place: int, dose: GivenDose) -> Iterator[Reason]:
    recognised = is_recognised(programme, dose)
    if recognised is False:
        text = f"Dose {place} does not count: its product is not recognised by the programme."
        yield Reason("product", text)
    elif recognised is None and dose.product is not None:
        text = f"The product of dose {place} is unknown, and may be one that counts."
        meant = suggestion(programme, dose.product)
        yield Reason("product", text + (f" Did you mean {meant}?" if meant else ""))


def suggestion(programme: Programme, text: str) -> str | None:
    """Return the name of the programme's product that a misspelt name resembles most, or None."""
    close = get_close_matches(text.strip().casefold(), programme.names, n=1, cutoff=0.75)
    return programme.product_name(programme.names[close[0]]) if close else None


# Rules and offers in words, for comparisons and pictures.


def rule_words(rule: EvidenceRule) -> str:
    """Describe when a rule lets its evidence count, and for whom."""
    event = {"test": "sampling", "recovery": "the positive test", "vaccination": "the dose"}
    after = event[rule.evidence]
    start = (
        f"at once from {after}" if rule.starts == Period() else f"from {rule.starts} after {after}"
    )
    if rule.evidence == "test" and rule.starts == Period():
        start = "from sampling"
    end = "without end" if rule.ends is None else f"until {rule.ends} after {after}"
    words = f"{start}, {end}"
    if rule.last_day_counts:
        words += ", the last day included"
    if rule.age_from is not None:
        words += f", {age_words(rule.age_from)} of age and over"
    if rule.age_below is not None:
        words += f", below {age_words(rule.age_below)} of age"
    words += where_words(rule)
    if rule.products is not None:
        words += f", products {', '.join(sorted(rule.products))}"
    if rule.proved_from is not None:
        words += f", for tests from {rule.proved_from} on"
    if rule.needs or rule.preceded_by:
        words += f", {condition_words(rule)}"
    return words


def where_words(row: PlacedRow) -> str:
    """Describe where a row applies, beginning with a comma; empty for everywhere."""
    return "".join(
        f", {kind} {' or '.join(sorted(words))}"
        for kind, words in (
            ("in the sector", row.sectors),
            ("at the place", row.places),
            ("in the region", row.regions),
            ("not at the place", row.except_places),
            ("not in the region", row.except_regions),
        )
        if words
    )


def condition_words(rule: EvidenceRule) -> str:
    """Describe what a rule asks for beside its evidence."""
    parts = []
    if rule.needs:
        kinds = {"test": "a negative test", "recovery": "a recovery"}
        needed = " or ".join(f"{kinds[need.evidence]} ({need.id})" for need in rule.needs)
        parts.append(f"only together with {needed}")
    if rule.preceded_by is not None:
        least, most = rule.preceded_by.at_least, rule.preceded_by.at_most
        within = [f"at least {least}"] if least else []
        within += [f"at most {most}"] if most else []
        event = "a dose" if rule.preceded_by.event == "dose" else "an infection"
        parts.append(
            f"only {' and '.join(within)} after {event}".replace("only  after", "only after")
        )
    return ", and ".join(parts)


def suspension_words(suspension: Suspension | None) -> str:
    """Describe what a positive test does."""
    if suspension is None:
        return "a positive test suspends nothing"
    kinds = " or ".join(TEST_KINDS[kind] for kind in sorted(suspension.kinds))
    words = f"a positive {kinds} test suspends the pass for {suspension.lasts}"
    if suspension.lifted_for:
        positive = " or ".join(TEST_KINDS[kind] for kind in sorted(suspension.lifted_for))
        negative = " or ".join(TEST_KINDS[kind] for kind in sorted(suspension.lifted_by))
        words += f", unless a negative {negative} test follows a positive {positive} one"
    return words


def offer_subject(offer: Offer, programme: Programme) -> str:
    """Describe whom an offer is made to, and after what."""
    after = " or ".join(sorted("no dose" if each is None else str(each) for each in offer.after))
    whom = "; or ".join(audience_words(audience) for audience in offer.audiences)
    words = f"after {after}, to {whom}"
    if offer.previous is not None:
        names = " or ".join(programme.product_name(code) for code in sorted(offer.previous))
        words += f", last dose {names}"
    if offer.had is not None:
        names = " or ".join(programme.product_name(code) for code in sorted(offer.had))
        words += f", a dose of {names} among them"
    if offer.numbers is not None:
        words += f", as dose {' or '.join(map(str, sorted(offer.numbers)))}"
    if offer.last_dose_from is not None:
        words += f", last dose from {offer.last_dose_from}"
    if offer.last_dose_until is not None:
        words += f", last dose before {offer.last_dose_until}"
    return words


def offer_words(offer: Offer, programme: Programme) -> str:
    """Describe what is offered, and when."""
    if offer.why is not None:
        return offer.why
    words = " or ".join(programme.product_name(code) for code in offer.products)
    for label, period in (
        ("earliest", offer.earliest),
        ("recommended", offer.recommended),
        ("latest", offer.latest),
    ):
        if period is not None:
            words += f", {label} {period}"
    words += " after the last dose" if offer.earliest or offer.latest else ""
    if offer.opens is not None:
        words += f", given from {offer.opens}"
    if offer.variants:
        words += f", as {' or '.join(offer.variants)}"
    if offer.access is not Access.INVITATION:
        words += f" ({offer.access.replace('-', ' ')})"
    return words


def wait_subject(wait: Wait, programme: Programme) -> str:
    """Describe which doses an infection keeps waiting."""
    words = "Wait after infection"
    if wait.after is not None:
        stages = sorted("no dose" if each is None else str(each) for each in wait.after)
        words += f", after {' or '.join(stages)}"
    if wait.products is not None:
        words += (
            f", {' or '.join(programme.product_name(product) for product in sorted(wait.products))}"
        )
    ages = Audience(age_from=wait.age_from, age_below=wait.age_below)
    return words if ages == Audience() else f"{words}, {audience_words(ages)}"


def wait_words(wait: Wait) -> str:
    """Describe how long an infection keeps doses waiting."""
    return f"no dose for {wait.lasts} after an infection"


def audience_words(audience: Audience) -> str:
    """Describe whom an offer is made to."""
    parts = []
    if audience.born is not None:
        first, end = audience.born
        until = None if end is None else end - timedelta(days=1)
        born = [f"{word} {day}" for word, day in (("from", first), ("to", until)) if day]
        parts.append(f"born {' '.join(born)}")
    if audience.groups is not None:
        parts.append("members of " + " or ".join(sorted(audience.groups)))
    low, high = audience.age_from, audience.age_below
    if isinstance(low, int) and isinstance(high, int):
        parts.append(f"{low} to {high - 1} years of age")
    else:
        if low is not None:
            parts.append(f"{age_words(low)} of age and over")
        if high is not None:
            parts.append(f"below {age_words(high)} of age")
    if audience.reached is not None:
        age, first, last = audience.reached
        words = str(age) if isinstance(age, int) else age_words(age)
        parts.append(f"those turning {words} from {first}" + (f" until {last}" if last else ""))
    if audience.except_groups:
        whom = ", ".join(parts) or "everyone"
        return f"{whom}, not members of {' or '.join(sorted(audience.except_groups))}"
    return ", ".join(parts) or "everyone"

"""Rules and offers in words, for comparisons and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas.programmes.clock import Period
from coronapas.programmes.plan_reasons import audience_words

if TYPE_CHECKING:
    from coronapas.programmes.model import Offer, Programme, Rule, Suspension

KINDS = {"naat": "PCR", "rat": "antigen"}


def rule_words(rule: Rule) -> str:
    """Say when a rule lets its evidence count, and for whom."""
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
        words += f", {rule.age_from} years of age and over"
    if rule.age_below is not None:
        words += f", below {rule.age_below} years of age"
    if rule.sectors:
        words += f", in the sector {' or '.join(sorted(rule.sectors))}"
    if rule.products is not None:
        words += f", products {', '.join(sorted(rule.products))}"
    if rule.proved_from is not None:
        words += f", for tests from {rule.proved_from} on"
    return words


def suspension_words(suspension: Suspension | None) -> str:
    """Say what a positive test does."""
    if suspension is None:
        return "a positive test suspends nothing"
    kinds = " or ".join(KINDS[kind] for kind in sorted(suspension.kinds))
    words = f"a positive {kinds} test suspends the pass for {suspension.lasts}"
    if suspension.lifted_for:
        positive = " or ".join(KINDS[kind] for kind in sorted(suspension.lifted_for))
        negative = " or ".join(KINDS[kind] for kind in sorted(suspension.lifted_by))
        words += f", unless a negative {negative} test follows a positive {positive} one"
    return words


def offer_words(offer: Offer, programme: Programme) -> str:
    """Say what an offer offers, to whom and when."""
    after = " or ".join(sorted("no dose" if one is None else str(one) for one in offer.after))
    whom = "; or ".join(audience_words(one) for one in offer.audiences)
    words = f"after {after}, to {whom}"
    if offer.previous is not None:
        names = " or ".join(programme.product_name(code) for code in sorted(offer.previous))
        words += f", last dose {names}"
    if offer.why is not None:
        return f"{words}: {offer.why}"
    names = " or ".join(programme.product_name(code) for code in offer.products)
    words = f"{names} {words}"
    for label, period in (
        ("earliest", offer.earliest),
        ("recommended", offer.recommended),
        ("latest", offer.latest),
    ):
        if period is not None:
            words += f", {label} {period}"
    return words + (" after the last dose" if offer.earliest else "")

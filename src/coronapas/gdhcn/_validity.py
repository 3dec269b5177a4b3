"""Whether a dose protects its holder under the International Health Regulations, and until when.

The rules (smart-icvp, decision logic; IHR annex 7), in the order in which they are applied:

1. The product must be one of the catalogue, approved on the day of the dose. Without a catalogue
   nothing can be said: OPEN.
2. The batch and the day of the dose must be stated.
3. Yellow fever: valid from the tenth day after the dose (inclusive), for life. A stated end of an
   older certificate does not end it (since 2016-07-11), and is reported.
4. Poliomyelitis: valid from the dose, without end.
5. Any other disease: no rule of the regulations; OPEN, within the validity that is stated. A stated
   last day counts to its end.
6. Temporary recommendations are the caller's (`Recommendation`): a dose must lie so many days
   before the day of travel at least, and so many months at most.

The signature has an end of its own, which is another matter: it is handed through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.gdhcn._catalogue import POLIO, YELLOW_FEVER
from coronapas.programmes._clock import add_months

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coronapas.gdhcn._catalogue import Catalogue, Product
    from coronapas.gdhcn._icvp import Prophylaxis

YELLOW_FEVER_WAIT: Final = timedelta(days=10)
"""From the day of the dose to the first day of protection."""


class Protection(StrEnum):
    """What can be said of a dose on a day."""

    VALID = "VALID"
    INVALID = "INVALID"
    OPEN = "OPEN"
    """It cannot be decided from what is at hand."""


class Reason(NamedTuple):
    """One reason: a stable code, and a sentence for a person without the holder's data."""

    code: str
    """The stable code."""
    sentence: str
    """The sentence, in English."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A temporary recommendation that the caller applies, such as WHO's on poliomyelitis.

    Attributes:
        disease: The ICD-11 code of the disease.
        name: What it is called.
        days_before: The fewest days from the dose to the day of travel, inclusive.
        months_before: The most calendar months from the dose to the day of travel, inclusive; None
            for no limit.

    """

    disease: str
    name: str
    days_before: int = 28
    months_before: int | None = 12


@dataclass(frozen=True, slots=True)
class Validity:
    """What is true of one dose on one day.

    Attributes:
        protection: Valid, invalid, or open.
        reasons: Why; those that decide come first.
        disease: The ICD-11 code of the disease, by the catalogue; None where it is not known.
        product: The product of the catalogue; None where it is not known.
        valid_from: The first day of protection (inclusive); None where it is not known.
        valid_until: The last day (inclusive); None where there is no end, or it is not known.
        signature_until: The end of the signature (inclusive), in UTC, as the caller gave it.

    """

    protection: Protection
    reasons: tuple[Reason, ...]
    disease: str | None = None
    product: Product | None = None
    valid_from: date | None = field(default=None, repr=False)
    valid_until: date | None = field(default=None, repr=False)
    signature_until: datetime | None = None


_NO_CATALOGUE: Final = Reason(
    "product.no-catalogue", "No catalogue of products was given: what the product is is not known."
)
_UNKNOWN: Final = Reason("product.unknown", "The product is not one of the catalogue.")
_NOT_APPROVED: Final = Reason(
    "product.not-approved", "The product was not approved on the day of the dose."
)
_NO_BATCH: Final = Reason("batch.missing", "The batch is not stated.")
_NO_DATE: Final = Reason("date.missing", "The day of the dose is not stated.")
_OTHER_DISEASE: Final = Reason(
    "disease.differs", "The certificate names another disease than the product's."
)
_NO_RULE: Final = Reason("disease.no-rule", "The regulations have no rule for this disease.")
_TOO_EARLY: Final = Reason("dose.too-recent", "The protection has not begun yet.")
_OVER: Final = Reason("validity.over", "The stated validity is over.")
_END_IGNORED: Final = Reason(
    "validity.end-ignored",
    "The certificate states an end; for yellow fever the protection is for life.",
)
_GOOD: Final = Reason("dose.valid", "The dose protects its holder on that day.")


def judge(
    dose: Prophylaxis,
    on: date,
    *,
    catalogue: Catalogue | None = None,
    recommendations: Iterable[Recommendation] = (),
    signature_until: datetime | None = None,
) -> Validity:
    """Return what is true of a dose on the day `on`, the local day of the border.

    `signature_until` is handed through: whether the signature still counts is the verifier's.
    """
    product = None if catalogue is None else catalogue.find(dose.product or "")
    if product is None or dose.given_on is None:
        open_ = catalogue is None and dose.given_on is not None and dose.batch is not None
        reasons = (
            *((_NO_CATALOGUE,) if catalogue is None else () if product else (_UNKNOWN,)),
            *((_NO_BATCH,) if dose.batch is None else ()),
            *((_NO_DATE,) if dose.given_on is None else ()),
        )
        protection = Protection.OPEN if open_ else Protection.INVALID
        return Validity(protection, reasons, product=product, signature_until=signature_until)
    wrong: list[Reason] = []
    remarks: list[Reason] = []
    if not product.approved_on(dose.given_on):
        wrong.append(_NOT_APPROVED)
    if dose.batch is None:
        wrong.append(_NO_BATCH)
    if dose.disease is not None and dose.disease != product.disease:
        wrong.append(_OTHER_DISEASE)
    first, last = _window(dose, dose.given_on, product.disease, remarks)
    for each in recommendations:
        if each.disease == product.disease:
            first, last = _narrowed(first, last, dose.given_on, each)
    if on < first:
        wrong.append(_TOO_EARLY)
    if last is not None and on > last:
        wrong.append(_OVER)
    if wrong:
        protection, reasons = Protection.INVALID, (*wrong, *remarks)
    elif product.disease in (YELLOW_FEVER, POLIO):
        protection, reasons = Protection.VALID, (_GOOD, *remarks)
    else:
        protection, reasons = Protection.OPEN, (_NO_RULE, *remarks)
    return Validity(protection, reasons, product.disease, product, first, last, signature_until)


def _window(
    dose: Prophylaxis, given: date, disease: str, remarks: list[Reason]
) -> tuple[date, date | None]:
    """Return the first and the last day of protection; None for no end."""
    if disease == YELLOW_FEVER:
        if dose.valid_until is not None:
            remarks.append(_END_IGNORED)
        return _later(given, YELLOW_FEVER_WAIT), None
    if disease == POLIO:
        return given, None
    stated = dose.valid_from
    return given if stated is None else max(given, stated), dose.valid_until


def _narrowed(
    first: date, last: date | None, given: date, by: Recommendation
) -> tuple[date, date | None]:
    first = max(first, _later(given, timedelta(days=by.days_before)))
    if by.months_before is not None:
        try:
            end = add_months(given, by.months_before)
        except ValueError:
            end = date.max
        last = end if last is None else min(last, end)
    return first, last


def _later(day: date, time: timedelta) -> date:
    try:
        return day + time
    except OverflowError:
        return date.max

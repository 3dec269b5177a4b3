"""The events' claims: the one entry of ``v``, ``t`` or ``r`` (DCC schema 1.3.x and its value sets).

Rules 2 to 6 of `coronapas.dcc.claims`. Every function here fills what is the event's own; ``is``,
``ci`` and, where the event names no country, ``co`` are the issuer's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from coronapas.dcc import valuesets as vs
from coronapas.dcc.doses import lengths, misnumbering
from coronapas.facts import Recovery, Test, TestKind, TestResult, Vaccination

if TYPE_CHECKING:
    from datetime import date

    from coronapas.dcc.claim_values import Scrutiny


def event_claims(
    scrutiny: Scrutiny, event: object, entry: dict[str, Any]
) -> tuple[str, date | None]:
    """Fill the entry; give its group in the payload, and the event's day where that is sound."""
    if isinstance(event, Vaccination):
        return "v", _vaccination(scrutiny, event, entry)
    if isinstance(event, Test):
        return "t", _test(scrutiny, event, entry)
    if isinstance(event, Recovery):
        return "r", _recovery(scrutiny, event, entry)
    scrutiny.add(
        "event",
        "event.type",
        "The value is no event.",
        "Give a Vaccination, a Test or a Recovery.",
    )
    return "v", None


def _vaccination(scrutiny: Scrutiny, event: Vaccination, entry: dict[str, Any]) -> date | None:
    day = scrutiny.day("vaccination.date", event.date)
    entry["tg"] = scrutiny.code("vaccination.disease", vs.DISEASE, event.disease, day)
    product = _product(scrutiny, event, entry, day)
    number = scrutiny.count("vaccination.dose_number", event.dose_number)
    doses = scrutiny.count("vaccination.doses", event.doses)
    if number is not None and doses is not None:
        course = lengths(product.code, day or scrutiny.latest) if product else None
        wrong = misnumbering(
            number,
            doses,
            course,
            one_dose_after_recovery=scrutiny.policy.one_dose_after_recovery,
        )
        if wrong:
            scrutiny.add("vaccination.dose_number", *wrong)
    entry["dn"] = number
    entry["sd"] = doses
    entry["dt"] = day.isoformat() if day else ""
    if event.country is not None:
        entry["co"] = scrutiny.code("vaccination.country", vs.COUNTRY, event.country, day)
    return day


def _product(
    scrutiny: Scrutiny, event: Vaccination, entry: dict[str, Any], day: date | None
) -> vs.Product | None:
    """Fill in the product, its prophylaxis code and its manufacturer."""
    named: object = event.product
    product = scrutiny.value_sets.product(named) if isinstance(named, str) else None
    code = scrutiny.code("vaccination.product", vs.PRODUCT, product.code if product else named, day)
    codes = product.prophylaxis if product else ()
    makers = (product.manufacturer,) if product and product.manufacturer else ()
    entry["vp"] = _of_product(
        scrutiny, "vaccine", vs.PROPHYLAXIS, event.vaccine, codes, product, day
    )
    entry["mp"] = code
    entry["ma"] = _of_product(
        scrutiny, "manufacturer", vs.MANUFACTURER, event.manufacturer, makers, product, day
    )
    return product


def _of_product(
    scrutiny: Scrutiny,
    name: str,
    set_id: str,
    value: object,
    instructed: tuple[str, ...],
    product: vs.Product | None,
    day: date | None,
) -> str:
    """Take the code from the encoding instructions, or hold the given one against them."""
    path = f"vaccination.{name}"
    if value is None:
        if instructed:
            return scrutiny.code(path, set_id, instructed[0], day)
        if product is not None:
            scrutiny.add(
                path,
                f"{name}.missing",
                "The product has no encoding instructions that it could follow from.",
                "Give its code.",
            )
        return ""
    before = len(scrutiny.faults)
    code = scrutiny.code(path, set_id, value, day)
    if (
        len(scrutiny.faults) == before
        and instructed
        and code not in instructed
        and not scrutiny.policy.other_encodings
    ):
        scrutiny.add(
            path,
            f"{name}.not-of-product",
            "The encoding instructions give the product another code.",
            "Leave it out (None): it follows from the product.",
        )
    return code


def _test(scrutiny: Scrutiny, event: Test, entry: dict[str, Any]) -> date | None:
    sampled, day = scrutiny.moment_of("test.sampled_at", event.sampled_at)
    entry["tg"] = scrutiny.code("test.disease", vs.DISEASE, event.disease, day)
    kind, result = _kind(event.kind), _result(event.result)
    if kind is None:
        scrutiny.add(
            "test.kind", "test.kind-unknown", "It is no kind of test.", "Give NAAT or RAT."
        )
    else:
        entry["tt"] = scrutiny.code("test.kind", vs.TEST_TYPE, kind.value, day)
    if event.name is not None:
        entry["nm"] = scrutiny.text("test.name", event.name)
    if event.device is not None:
        entry["ma"] = scrutiny.code("test.device", vs.TEST_DEVICE, event.device, day)
    entry["sc"] = sampled
    if result is None:
        scrutiny.add(
            "test.result",
            "test.result-unknown",
            "It is no result of a test.",
            "Give 'detected' or 'not detected'.",
        )
    else:
        entry["tr"] = scrutiny.code("test.result", vs.TEST_RESULT, result.value, day)
    if event.centre is not None:
        entry["tc"] = scrutiny.text("test.centre", event.centre)
    if event.country is not None:
        entry["co"] = scrutiny.code("test.country", vs.COUNTRY, event.country, day)
    if kind is TestKind.NAAT:
        _naat(scrutiny, event)
    elif kind is TestKind.RAT:
        _rat(scrutiny, event)
    return day


def _kind(value: object) -> TestKind | None:
    return TestKind.of(value) if isinstance(value, str) else None


def _result(value: object) -> TestResult | None:
    return TestResult.of(value) if isinstance(value, str) else None


def _naat(scrutiny: Scrutiny, event: Test) -> None:
    if event.centre is None:
        scrutiny.add(
            "test.centre", "test.centre-missing", "A NAAT states its test centre.", "Give it."
        )
    if event.device is not None:
        scrutiny.add(
            "test.device",
            "test.device-of-naat",
            "A NAAT states no device.",
            "Leave it out (None); the test's name may be given.",
        )


def _rat(scrutiny: Scrutiny, event: Test) -> None:
    if event.device is None:
        scrutiny.add(
            "test.device",
            "test.device-missing",
            "A RAT states its device.",
            "Give the device's number on the common list.",
        )
    if event.name is not None:
        scrutiny.add(
            "test.name",
            "test.name-of-rat",
            "A RAT states no name: its device names it.",
            "Leave it out (None).",
        )


def _recovery(scrutiny: Scrutiny, event: Recovery, entry: dict[str, Any]) -> date | None:
    first = scrutiny.day("recovery.first_positive", event.first_positive)
    entry["tg"] = scrutiny.code("recovery.disease", vs.DISEASE, event.disease, first)
    start = scrutiny.plain_day("recovery.valid_from", event.valid_from)
    end = scrutiny.plain_day("recovery.valid_until", event.valid_until)
    if start is not None and end is not None and end < start:
        scrutiny.add(
            "recovery.valid_until",
            "recovery.period-reversed",
            "The last day of validity lies before the first.",
            "Mend one of the days.",
        )
    if first is not None:
        _recovery_bounds(scrutiny, first, start, end)
    entry["fr"] = first.isoformat() if first else ""
    if event.country is not None:
        entry["co"] = scrutiny.code("recovery.country", vs.COUNTRY, event.country, first)
    entry["df"] = start.isoformat() if start else ""
    entry["du"] = end.isoformat() if end else ""
    return first


def _recovery_bounds(scrutiny: Scrutiny, first: date, start: date | None, end: date | None) -> None:
    least, most = scrutiny.policy.recovery_from_days, scrutiny.policy.recovery_until_days
    if least is not None and start is not None and start - first < timedelta(least):
        scrutiny.add(
            "recovery.valid_from",
            "recovery.starts-too-early",
            f"The validity begins less than {least} days after the positive test.",
            f"Begin it {least} days after the test at the earliest.",
        )
    if most is not None and end is not None and end - first > timedelta(most):
        scrutiny.add(
            "recovery.valid_until",
            "recovery.ends-too-late",
            f"The validity ends more than {most} days after the positive test.",
            f"End it {most} days after the test at the latest.",
        )

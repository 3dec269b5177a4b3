"""Ordinary passes: what the library's own `Issuer` makes of facts, every kind and key of it.

Each states the facts that must be read back. They are written down as a register would have them
beside what the pass adds to them (codes that follow from the product, standardised names).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coronapas import Issuer
from coronapas.facts import (
    Event,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.facts import _json as facts_json
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.signing import Signer
from making import pictures
from making.identities import COUNTRY, identity
from making.payloads import ISSUER
from making.recipe import EXPIRES, ISSUED_AT, Recipe, Run

_UVCI: Final = "URN:UVCI:01:DK:0EXAMPLE0000000000001"
_MRZ: Final = ("PROEVESEN<AERLIGST", "TESTINE<FIKTIVA")
_HOLDER: Final = Holder("Prøvesen-Ærligst", "Testine Fiktiva", date(1979, 4, 14))
_DOSE: Final = Vaccination("Comirnaty", 2, 2, date(2021, 12, 20))
_COMIRNATY: Final = ("EU/1/20/1528", "1119349007", "ORG-100030215")
_JANSSEN: Final = ("EU/1/20/1525", "29061000087103", "ORG-100001417")
_SAMPLED: Final = datetime(2022, 1, 10, 7, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """Facts to be issued, and what the pass must say beyond them.

    `mrz` are the standardised family name and given name, `product` the codes of a vaccination's
    product, vaccine and manufacturer.
    """

    name: str
    description: str
    event: Event = _DOSE
    holder: Holder = _HOLDER
    mrz: tuple[str | None, str | None] = _MRZ
    product: tuple[str, str, str] = _COMIRNATY
    by: str = "dsc"
    version: str = "1.3.2"
    language: str | None = None


_NAAT: Final = Test(
    TestKind.NAAT,
    _SAMPLED,
    TestResult.NOT_DETECTED,
    centre="Example Test Centre",
    name="Example PCR",
)
_RAT: Final = Test(TestKind.RAT, _SAMPLED, TestResult.NOT_DETECTED, device="1232")
_RECOVERY: Final = Recovery(date(2021, 12, 1), date(2021, 12, 12), date(2022, 5, 30))

_EXAMPLES: Final = (
    Example("first-dose", "The first of two doses.", replace(_DOSE, dose_number=1)),
    Example("full-course", "The second of two doses."),
    Example(
        "single-dose",
        "One dose of a product that needs one.",
        Vaccination("EU/1/20/1525", 1, 1, date(2021, 12, 20)),
        product=_JANSSEN,
    ),
    Example(
        "booster-after-a-single-dose",
        "A booster after a course of one dose: 2/1.",
        Vaccination("EU/1/20/1525", 2, 1, date(2021, 12, 20)),
        product=_JANSSEN,
    ),
    Example(
        "booster-after-two-doses",
        "A booster after a course of two doses: 3/3.",
        replace(_DOSE, dose_number=3, doses=3),
    ),
    Example("naat", "A NAAT that found nothing.", _NAAT),
    Example(
        "naat-without-a-name",
        "A NAAT with no field that is not asked for.",
        replace(_NAAT, name=None),
    ),
    Example("rat", "A rapid antigen test that found nothing.", _RAT),
    Example(
        "rat-with-a-centre",
        "A rapid antigen test whose sample was taken in another zone than UTC.",
        replace(
            _RAT,
            sampled_at=datetime.fromisoformat("2022-01-10T08:30:00+01:00"),
            centre="Example Test Centre",
        ),
    ),
    Example("recovery", "A recovery.", _RECOVERY),
    Example("rsa-2048", "Signed with an RSA key of 2048 bits.", by="dsc-rsa-2048"),
    Example("rsa-3072", "Signed with an RSA key of 3072 bits.", by="dsc-rsa-3072"),
    Example(
        "test-signed-for-tests",
        "A test, signed with a certificate for tests alone.",
        _NAAT,
        by="dsc-test",
    ),
    Example("release-1.3.0", "The payload's release is 1.3.0.", version="1.3.0"),
    Example(
        "cyrillic-name",
        "The holder's name is in Ukrainian Cyrillic.",
        holder=Holder("Вигаданенко", "Пробослава", date(1979, 4, 14)),
        mrz=("VYHADANENKO", "PROBOSLAVA"),
        language="uk",
    ),
    Example(
        "arabic-name",
        "The holder's name is in Arabic script.",
        holder=Holder("اختبار", "مثال", date(1979, 4, 14)),
        mrz=("AXKHTBAR", "MXTHAL"),
    ),
    Example(
        "greek-name",
        "The holder's name is in Greek script.",
        holder=Holder("Δοκιμόπουλος", "Φανταστικός", date(1979, 4, 14)),
        mrz=("DOKIMOPOULOS", "FANTASTIKOS"),
    ),
    Example(
        "long-name",
        "The holder's family name has eighty letters, and its standardised form is cut.",
        holder=Holder("Ä" * 80, "Testine", date(1979, 4, 14)),
        mrz=("AE" * 40, "TESTINE"),
    ),
    Example(
        "given-name-alone",
        "The holder has a given name alone.",
        holder=Holder(None, "Fiktiva", date(1979, 4, 14)),
        mrz=(None, "FIKTIVA"),
    ),
    Example(
        "birth-month-alone",
        "Only the year and the month of birth are known.",
        holder=replace(_HOLDER, birth_date=PartialDate(1979, 4)),
    ),
    Example(
        "birth-year-alone",
        "Only the year of birth is known.",
        holder=replace(_HOLDER, birth_date=PartialDate(1979)),
    ),
    Example(
        "birth-unknown",
        "Nothing is known of the date of birth.",
        holder=replace(_HOLDER, birth_date=None),
    ),
)


def recipes() -> tuple[Recipe, ...]:
    """All of them, each with the picture of its QR code."""
    return tuple(map(_recipe, _EXAMPLES))


def _recipe(example: Example) -> Recipe:
    message = _issued(example)
    facts = _facts(example)
    return Recipe(
        example.name,
        example.description,
        (Run(facts=facts), Run(facts=facts, tolerate="strict", source="picture")),
        cwt.read(cose.read(message).payload).tree[cwt.HCERT][cwt.DCC],
        by=example.by,
        message=lambda _by, _payload: message,
        picture=pictures.good,
    )


def _issued(example: Example) -> bytes:
    """The message of the issued pass, the same at every run where the key is an EC key."""
    by = identity(example.by)
    if isinstance(by.key, Ed25519PrivateKey):
        raise TypeError("passes are not signed with Ed25519")
    issuer = Issuer(
        COUNTRY,
        Signer(by.key, by.certificate, deterministic=True),
        name=ISSUER,
        version=example.version,
        language=example.language,
    )
    made = issuer.issue(
        example.holder,
        example.event,
        issued_at=datetime.fromtimestamp(ISSUED_AT, UTC),
        expires=datetime.fromtimestamp(EXPIRES, UTC),
        uvci=_UVCI,
    )
    return made.message


def _facts(example: Example) -> dict[str, Any]:
    """The facts that must be read: those issued, and what the pass says beyond them."""
    surname, given_name = example.mrz
    holder = replace(example.holder, family_name_mrz=surname, given_name_mrz=given_name)
    event = replace(example.event, country=COUNTRY)
    if isinstance(event, Vaccination):
        product, vaccine, manufacturer = example.product
        event = replace(event, product=product, vaccine=vaccine, manufacturer=manufacturer)
    return facts_json.to_json(holder, event)

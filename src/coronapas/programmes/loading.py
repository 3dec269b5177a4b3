"""Loading a programme from JSON, with all of its faults at once.

The format is that of ``schemas/programme.schema.json``. The loader also refuses what a schema
cannot say: rows that name a rule or a product that is not there, revisions out of order, doubled
names. Programmes that load may still be unwise: see `coronapas.programmes.linting`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from coronapas.errors import ProgrammeError
from coronapas.programmes.clock import Reckoning
from coronapas.programmes.json_rows import Faults, RowReader
from coronapas.programmes.loading_rules import read_revisions, read_rules, read_suspensions
from coronapas.programmes.loading_schedule import read_schedule
from coronapas.programmes.model import ExtraDose, Policy, Programme, Reading
from coronapas.programmes.products import Product
from coronapas.programmes.row_members import row_members

BUNDLED: Final = ("denmark", "eu-travel")
"""The names of the programmes that come with the library."""

LARGEST: Final = 4_000_000
"""How many bytes a programme's file may have, inclusive."""


def load(source: str | Path | Mapping[str, object]) -> Programme:
    """Load a programme: a bundled one by its name, a file by its path, or a parsed document.

    Raises ProgrammeError with every fault; FileNotFoundError for a path without a file.
    """
    if isinstance(source, str) and source in BUNDLED:
        return _bundled(source)
    if isinstance(source, Mapping):
        return read_programme(source)
    path = Path(source)
    if not path.is_file():
        names = ", ".join(BUNDLED)
        raise FileNotFoundError(f"There is no file of this name, and the bundled ones are {names}.")
    return _parse(path.read_bytes() if path.stat().st_size <= LARGEST else b"")


@cache
def _bundled(name: str) -> Programme:
    return _parse(files("coronapas.programmes").joinpath(f"data/{name}.json").read_bytes())


def _parse(data: bytes) -> Programme:
    faults = Faults()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        mend = f"Give JSON in UTF-8 of at most {LARGEST} bytes."
        faults.note("", "json.syntax", "The file is no JSON document, or too large.", mend)
        raise ProgrammeError(faults.found) from None
    return read_programme(document)


def read_programme(document: object) -> Programme:
    """Make a programme from a parsed document; raises ProgrammeError with every fault."""
    faults = Faults()
    top = RowReader(document, "", faults)
    top.take("$schema")
    top.take("about")
    products = _products(top)
    names = _names(products)
    zone = _zone(top)
    rules = read_rules(top, names)
    suspensions = read_suspensions(top)
    readings = top.row("readings", required=True) or RowReader({}, "readings", Faults())
    programme = Programme(
        id=top.text("id", required=True),
        title=top.text("title", required=True),
        zone=zone,
        reckoning=Reckoning(top.choice("reckoning", list(Reckoning), required=True) or "utc"),
        products=products,
        names=names,
        single_then_other=_reading(
            readings, "single_then_other", (Policy.AMBIGUOUS, Policy.PRIMARY, Policy.BOOSTER)
        ),
        one_dose_recovered=_reading(
            readings, "one_dose_recovered", (Policy.AMBIGUOUS, Policy.FIRST, Policy.RECOVERED)
        ),
        extra_dose=_extra_dose(readings),
        revisions=read_revisions(top, rules, suspensions, zone),
        schedule=read_schedule(top, names),
    )
    readings.close()
    top.close()
    if faults.found:
        raise ProgrammeError(faults.found)
    return programme


def _zone(top: RowReader) -> ZoneInfo:
    name = top.text("time_zone", required=True, default="UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        mend = "Give an IANA name; where the system has no database install the package tzdata."
        top.faults.note("time_zone", "programme.zone", "The time zone is unknown here.", mend)
        return ZoneInfo("UTC")


def _products(top: RowReader) -> Mapping[str, Product]:
    found: dict[str, Product] = {}
    for row in top.rows("products"):
        code = row.text("code", required=True)
        also = row.words("also") or ()
        doses = row.take("doses")
        lengths = None
        if doses is not None:
            whole = isinstance(doses, list) and all(
                isinstance(number, int) and 1 <= number <= 9 for number in doses
            )
            if not whole or not doses:
                mend = "Give a list of whole numbers from 1 to 9."
                row.faults.note(f"{row.path}.doses", "json.list", "These are no numbers.", mend)
            else:
                lengths = frozenset(doses)
        if code in found:
            row.faults.note(
                f"{row.path}.code", "programme.doubled", "The product is here twice.", "Leave one."
            )
        found[code] = Product(code, row.text("name", required=True), also, lengths)
        row_members(row, identified=False)
        row.close()
    return MappingProxyType(found)


def _names(products: Mapping[str, Product]) -> Mapping[str, str]:
    return MappingProxyType(
        {
            name.casefold(): code
            for code, product in products.items()
            for name in (*product.also, product.name, code)
        }
    )


def _reading(readings: RowReader, name: str, policies: tuple[Policy, ...]) -> Reading:
    row = readings.row(name, required=True) or RowReader({}, name, Faults())
    policy = Policy(row.choice("is", policies, required=True) or Policy.AMBIGUOUS)
    reading = Reading(policy=policy, **row_members(row, default_id=name))
    row.close()
    return reading


def _extra_dose(readings: RowReader) -> ExtraDose | None:
    row = readings.row("extra_dose")
    if row is None:
        return None
    group = row.text("group", required=True)
    within, booster_from = (
        row.period("within", required=True),
        row.period("booster_from", required=True),
    )
    members = row_members(row, default_id="extra_dose")
    row.close()
    if within is None or booster_from is None:
        return None
    return ExtraDose(group=group, within=within, booster_from=booster_from, **members)

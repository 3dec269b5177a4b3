"""Load a programme from JSON, with all of its faults at once.

The format is that of ``schemas/programme.schema.json``. The loader also refuses what a schema
cannot say: rows that name a rule or a product that does not exist, revisions out of order, names
used twice. A null is not an absent member: it stands for none in a revision's ``exempt_below`` and
``suspension`` alone. Programmes that load may still be unwise: see `coronapas.programmes.lint`.

A document that ``extends`` a programme is an overlay: its rows replace those of the same name and
are added to the others, and ``without`` names rows that are left out. Every row of an overlay has
a source of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from coronapas import _json
from coronapas._json import Faults, Reader
from coronapas.errors import ProgrammeError
from coronapas.programmes._clock import Reckoning
from coronapas.programmes._model import (
    COVID_19,
    EvidenceRule,
    OtherReckoning,
    Product,
    Programme,
    Revision,
    Schedule,
    Term,
)
from coronapas.programmes._rows import (
    Named,
    read_exemptions,
    read_products,
    read_readings,
    read_requirements,
    read_revisions,
    read_rules,
    read_schedule,
    read_suspensions,
    row_members,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.programmes._model import Row

BUNDLED: Final = ("denmark", "eu-travel", "germany", "yellow-fever-measles")
"""The names of the programmes that come with the library."""

LARGEST: Final = 4_000_000
"""The most bytes of a programme's file, inclusive."""

MOST_DISEASES: Final = 50
"""The most diseases that a programme is about, inclusive: this project's bound."""

DEEPEST: Final = 4
"""The most overlays that lie on each other, inclusive."""


def load(source: str | Path | Mapping[str, object]) -> Programme:
    """Load a programme: a bundled one by its name, a file by its path, or a parsed document.

    What an overlay extends is a bundled programme, or a file in the folder of the overlay's own.
    Raises ProgrammeError with every fault; FileNotFoundError for a path without a file.
    """
    if isinstance(source, str) and source in BUNDLED:
        return _bundled(source)
    if isinstance(source, Mapping):
        return read_programme(source)
    path = Path(source)
    return read_programme(_from_file(path), path.parent)


def _from_file(path: Path) -> object:
    if not path.is_file():
        names = ", ".join(BUNDLED)
        raise FileNotFoundError(
            f"Neither a file nor a bundled programme; the bundled ones are {names}."
        )
    return _parse(path.read_bytes() if path.stat().st_size <= LARGEST else b"")


@cache
def _bundled(name: str) -> Programme:
    return read_programme(_bundled_document(name))


def _bundled_document(name: str) -> object:
    return _parse(files("coronapas.programmes").joinpath(f"data/{name}.json").read_bytes())


def _parse(data: bytes) -> object:
    faults = Faults()
    try:
        return _json.load(data, limit=LARGEST, keep_doubled=True)
    except _json.JsonError:
        hint = f"Give JSON in UTF-8 of at most {LARGEST} bytes."
        faults.note("", "json.syntax", "The file must be a JSON document and not too large.", hint)
        raise ProgrammeError(faults.found) from None


def read_programme(document: object, folder: Path | None = None) -> Programme:
    """Make a programme from a parsed document; raises ProgrammeError with every fault.

    `folder` is that of the files that an overlay can extend; None: it can extend none.
    """
    faults = Faults()
    if isinstance(document, Mapping) and "extends" in document:
        document = _extended(document, faults, folder, DEEPEST)
        if faults.found:
            raise ProgrammeError(faults.found)
    top = Reader(document, "", faults)
    top.string("$schema", least=0)
    top.take("about", nullable=True)
    known = read_products(top)
    zone = _zone(top)
    rules = read_rules(top, known)
    suspensions = read_suspensions(top)
    exemptions, requirements = read_exemptions(top), read_requirements(top)
    readings = read_readings(top)
    programme = Programme(
        id=top.text("id", required=True),
        title=top.text("title", required=True),
        zone=zone,
        reckoning=Reckoning(top.choice("reckoning", list(Reckoning), required=True) or "utc"),
        products=known.products,
        names=known.names,
        readings=readings,
        revisions=read_revisions(
            top, Named(rules, suspensions, exemptions, requirements), readings, zone
        ),
        schedule=read_schedule(top, known),
        other_reckoning=_other_reckoning(top),
        groups=_terms(top, "groups"),
        sectors=_terms(top, "sectors"),
        places=_terms(top, "places"),
        regions=_terms(top, "regions"),
        diseases=_terms(top, "diseases", most=MOST_DISEASES),
        document=MappingProxyType(dict(top.values)),
    )
    used = {row.id for row in _used(programme)}
    named = (*rules, *suspensions, *exemptions, *requirements)
    programme = replace(
        programme,
        disease=top.text("disease", default=next(iter(programme.diseases), COVID_19)),
        unused=tuple(dict.fromkeys(name for name in named if name not in used)),
    )
    _check_diseases(programme, faults)
    top.close()
    if faults.found:
        raise ProgrammeError(faults.found)
    return _for_its_diseases(programme)


def _used(programme: Programme) -> Iterator[Row]:
    """Yield the rows that a revision takes, and those that another row needs."""
    for revision in programme.revisions:
        yield from revision.rules
        yield from (needed for rule in revision.rules for needed in rule.needs)
        yield from (revision.suspension,) if revision.suspension else ()
        yield from revision.exemptions
        yield from revision.requirements


def _zone(top: Reader) -> ZoneInfo:
    name = top.text("time_zone", required=True, default="UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = "Give an IANA name; where the system has no database install the package tzdata."
        top.faults.note("time_zone", "programme.zone", "The time zone is unknown here.", hint)
        return ZoneInfo("UTC")


def _terms(top: Reader, name: str, *, most: int = 10_000) -> Mapping[str, Term]:
    """Read the words of a kind that the programme knows, at most `most` of them."""
    found: dict[str, Term] = {}
    for row in top.rows(name, most=most):
        members = row_members(row, of_a_disease=False)
        term = Term(meaning=row.text("meaning", required=True), **members)
        if term.id in found:
            row.faults.note(
                f"{row.path}.id", "programme.doubled", "The word is here twice.", "Leave one."
            )
        found[term.id] = term
        row.close()
    return MappingProxyType(found)


def _other_reckoning(top: Reader) -> OtherReckoning | None:
    row = top.row("other_reckoning")
    if row is None:
        return None
    reckoning = Reckoning(row.choice("is", list(Reckoning), required=True) or "utc")
    members = row_members(row, default_id="other_reckoning", of_a_disease=False)
    row.close()
    return OtherReckoning(reckoning=reckoning, **members)


# Programmes for several diseases.


def _check_diseases(programme: Programme, faults: Faults) -> None:
    """Note the diseases that rows name and the programme is not about."""
    listed = {*programme.diseases, programme.disease}
    if programme.diseases and programme.disease not in programme.diseases:
        faults.note(
            "disease",
            "programme.disease",
            "The disease is not among those that are listed.",
            "Add it to diseases, or leave it out.",
        )
    schedule = programme.schedule
    rows = (
        *_used(programme),
        *schedule.offers,
        *schedule.limits,
        *schedule.waits,
        *schedule.groups,
    )
    named = {row.disease for row in rows if row.disease is not None}
    for product in programme.products.values():
        named |= product.diseases
    if not named <= listed:
        faults.note(
            "diseases",
            "programme.disease",
            "A row is about a disease that is not listed.",
            "Add it to diseases, or correct the row.",
        )


def _for_its_diseases(programme: Programme) -> Programme:
    """Return the programme for its first disease, which knows those for the others."""
    if not programme.diseases:
        return programme
    parts: dict[str, Programme] = {}
    order = dict.fromkeys((programme.disease, *programme.diseases))
    for code in order:
        parts[code] = replace(_part(programme, code), parts=MappingProxyType(parts))
    return parts[programme.disease]


def _part(programme: Programme, code: str) -> Programme:
    """Return what a programme says about one disease."""

    def concerns(row: Row) -> bool:
        return (row.disease or programme.disease) == code

    def protects(product: Product) -> bool:
        return code in (product.diseases or {programme.disease})

    def kept(rules: tuple[EvidenceRule, ...]) -> tuple[EvidenceRule, ...]:
        return tuple(filter(concerns, rules))

    def of_revision(one: Revision) -> Revision:
        suspension = one.suspension
        return replace(
            one,
            tests=kept(one.tests),
            recoveries=kept(one.recoveries),
            vaccinations=kept(one.vaccinations),
            suspension=suspension if suspension and concerns(suspension) else None,
            exemptions=tuple(filter(concerns, one.exemptions)),
            requirements=tuple(filter(concerns, one.requirements)),
        )

    schedule = programme.schedule
    products = {name: each for name, each in programme.products.items() if protects(each)}
    return replace(
        programme,
        disease=code,
        products=MappingProxyType(products),
        elsewhere=frozenset(programme.products.keys() - products.keys()),
        revisions=tuple(map(of_revision, programme.revisions)),
        schedule=Schedule(
            offers=tuple(filter(concerns, schedule.offers)),
            limits=tuple(filter(concerns, schedule.limits)),
            waits=tuple(filter(concerns, schedule.waits)),
            groups=tuple(filter(concerns, schedule.groups)),
        ),
    )


# Overlays.


_LISTS: Final[Mapping[str, str]] = MappingProxyType(
    {"products": "code"}
    | dict.fromkeys(
        (
            "groups",
            "sectors",
            "places",
            "regions",
            "diseases",
            "rules",
            "suspensions",
            "exemptions",
            "requirements",
            "revisions",
        ),
        "id",
    )
)
"""The lists of rows of a programme, with the member that names a row."""
_SCHEDULE: Final = ("offers", "limits", "waits", "target_groups")

_Document = Mapping[str, Any]


def _extended(overlay: _Document, faults: Faults, folder: Path | None, deepest: int) -> _Document:
    """Lay an overlay on what it extends; the result is checked when it is read."""
    base = _base(overlay, faults, folder)
    if base is None:
        return overlay
    if "extends" in base:
        if deepest <= 1:
            hint = "Put several of them into one."
            faults.note("extends", "programme.overlay", "Too many overlays lie here.", hint)
            return overlay
        base = _extended(base, faults, folder, deepest - 1)
    merged = deepcopy(dict(base))
    _leave_out(merged, overlay.get("without"), faults)
    for name, value in overlay.items():
        if name in {"extends", "without"}:
            continue
        if name in _LISTS:
            merged[name] = _merged(merged.get(name), value, _LISTS[name], name, faults)
        elif name == "schedule" and isinstance(value, Mapping):
            merged[name] = _merged_schedule(merged.get(name), value, faults)
        elif name == "readings" and isinstance(value, Mapping):
            _require_sources(value.values(), name, faults)
            merged[name] = {**_rows(merged.get(name)), **value}
        else:
            merged[name] = value
    if isinstance(merged.get("revisions"), list):
        merged["revisions"].sort(key=lambda row: str(_rows(row).get("from")))
    return merged


def _base(overlay: _Document, faults: Faults, folder: Path | None) -> _Document | None:
    """Return the document that an overlay extends; None, and a fault, where it is not there."""
    name = Reader(overlay, "", faults).text("extends", required=True)
    document: object = None
    if name in BUNDLED:
        document = _bundled_document(name)
    elif name and folder is not None and name == Path(name).name:
        with suppress(FileNotFoundError, ValueError):
            document = _from_file(folder / name)
    if isinstance(document, Mapping):
        return document
    if name:
        hint = f"Name a programme's file beside it, or one of {', '.join(BUNDLED)}."
        faults.note("extends", "programme.overlay", "What it extends is not there.", hint)
    return None


def _rows(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _merged_schedule(base: object, overlay: _Document, faults: Faults) -> dict[str, Any]:
    merged = _rows(base)
    for name, rows in overlay.items():
        if name in _SCHEDULE:
            rows = _merged(merged.get(name), rows, "id", "schedule." + name, faults)
        merged[name] = rows
    return merged


def _merged(base: object, rows: object, key: str, path: str, faults: Faults) -> object:
    """Put the rows of an overlay in the places of those that they name, and the others after."""
    if not isinstance(rows, list) or not isinstance(base, list | None):
        return rows
    _require_sources(rows, path, faults)
    new = {_name(row, key): row for row in rows}
    kept = [new.pop(_name(row, key), row) for row in base or []]
    return [*kept, *(row for row in rows if _name(row, key) in new)]


def _name(row: object, key: str) -> str | None:
    name = _rows(row).get(key)
    return name if isinstance(name, str) else None


def _require_sources(rows: Iterable[object], path: str, faults: Faults) -> None:
    if any(not _rows(row).get("source") for row in rows):
        faults.note(
            path,
            "programme.overlay-source",
            "A row of the overlay has no source.",
            "State the source of every row that replaces another or is added.",
        )


def _leave_out(merged: dict[str, Any], without: object, faults: Faults) -> None:
    """Leave out the rows that an overlay names by their list, as in ``{"offers": ["a"]}``."""
    if without is None:
        return
    named = Reader(without, "without", faults)
    for name in list(named.values):
        wanted = set(named.words(name) or ())
        place = _rows(merged.get("schedule")) if name in _SCHEDULE else merged
        rows, key = place.get(name), _LISTS.get(name, "id")
        if name not in _LISTS and name not in _SCHEDULE:
            rows = None
        found = rows if isinstance(rows, list) else []
        if not wanted <= {_name(row, key) for row in found}:
            faults.note(
                named.at(name),
                "programme.overlay",
                "A row to be left out is not there.",
                "Name rows of the programme that the overlay extends.",
            )
        place[name] = [row for row in found if _name(row, key) not in wanted]
        if name in _SCHEDULE:
            merged["schedule"] = place

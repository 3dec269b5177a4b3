"""The same facts as a pass, as claims of an SD-JWT VC, elements of an mdoc, and a digital ICVP.

``data/mapping.json`` holds the table; this module reads it and does what it says. In the middle
stands the EU payload (DCC), because rules, schemas and facts know it. Every direction returns what
it loses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import cbor2

from coronapas._json import calendar_day
from coronapas._time import iso_utc
from coronapas.dcc._names import transliterate
from coronapas.dcc._text import read_moment
from coronapas.errors import CredentialError
from coronapas.facts import COVID_19
from coronapas.gdhcn._icvp import LATEST_VERSION, Icvp, Prophylaxis, Shape, Traveller, write

Form = Literal["dcc", "sd-jwt", "micov", "icvp"]
"""The forms that the table has a column for."""

VTR: Final = "org.micov.vtr.1"
"""The namespace of a holder and the vaccinations (org.micov.1)."""
ATTESTATION: Final = "org.micov.attestation.1"
"""The namespace of tests and attestations (org.micov.1)."""

_COLUMNS: Final[Mapping[Form, str]] = {
    "dcc": "dcc",
    "sd-jwt": "sd_jwt",
    "micov": "micov",
    "icvp": "icvp",
}
_GROUPS: Final = ("v", "t", "r")
_TEST: Final = "RA01_test"
_VACCINATION: Final = re.compile("v_RA01_([0-9]{1,2})")
_FULL_DATE: Final = 1004
_DATE_TIME: Final = 0
_RELEASE: Final = "1.3.0"
_MAX_DOSES: Final = 99


class Row(NamedTuple):
    """One row of the table: the names of one fact in every form; None where a form has no place.

    Attributes:
        group: ``pass``, ``nam``, ``birth``, ``holder``, or the group of the event: ``v``, ``t``,
            ``r``.
        kind: ``text``, ``number``, ``date``, ``moment``, ``birth`` or ``partial``.
        title: What it is, for a person.
        facts: The attribute of `PassFacts`; empty where a pass does not state it.
        dcc: The field in the EU payload.
        sd_jwt: The claim of the SD-JWT VC.
        micov: The element, or the member of the vaccination's or test's element.
        icvp: The claim of WHO's digital ICVP.
        note: What else is to be said.
        lost: Why a form has no place for it, by the name of the form's column.

    """

    group: str
    kind: str
    title: str
    facts: str
    dcc: str | None
    sd_jwt: str | None
    micov: str | None
    icvp: str | None
    note: str = ""
    lost: Mapping[str, str] = MappingProxyType({})

    def name_in(self, form: Form) -> str | None:
        """Return the name in one form."""
        found: str | None = getattr(self, _COLUMNS[form])
        return found

    @property
    def path(self) -> str:
        """The field with its group: ``nam.fn``, ``v.mp``, ``dob``; else what it is."""
        if self.dcc is None:
            return self.title
        return self.dcc if self.group in ("pass", "birth") else f"{self.group}.{self.dcc}"

    def reason(self, form: Form) -> str:
        """Return why a form has no place for it."""
        return self.lost.get(_COLUMNS[form], "there is no place for it")


class Loss(NamedTuple):
    """Something that a form cannot state: the field of the payload, and why."""

    field: str
    """The field of the payload, such as ``v.0.lot``."""
    reason: str
    """Why the form has no place for it."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The content in another form, and what was lost on the way."""

    content: dict[str, Any] = field(repr=False)
    """The content in the other form."""
    losses: tuple[Loss, ...]
    """What the source states and this form has no place for."""


@cache
def rows() -> tuple[Row, ...]:
    """Return the table."""
    data = files("coronapas.wallets").joinpath("data/mapping.json").read_bytes()
    return tuple(Row(**row) for row in json.loads(data)["rows"])


def losses(source: Form, target: Form) -> tuple[Loss, ...]:
    """Return everything that `target` has no place for, of what `source` can state."""
    found = dict.fromkeys(
        Loss(row.path, row.reason(target))
        for row in rows()
        if row.name_in(source) is not None and row.name_in(target) is None
    )
    return tuple(found)


def unstated(form: Form, names: Collection[str]) -> tuple[Loss, ...]:
    """Return what a payload has no place for, of what is stated under these names of a form."""
    return tuple(
        Loss(row.path, row.reason("dcc"))
        for row in rows()
        if row.dcc is None and row.name_in(form) in names
    )


def _entry(dcc: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the group and the one event of a payload."""
    found = [
        (group, entry)
        for group in _GROUPS
        if isinstance(entries := dcc.get(group), Sequence)
        for entry in entries
    ]
    if len(found) != 1 or not isinstance(found[0][1], Mapping):
        raise CredentialError("issue.events", "a credential states exactly one event")
    return found[0]


def _values(dcc: Mapping[str, Any]) -> list[tuple[Row, Any]]:
    """Return the rows that a payload has a value for, with the values."""
    group, entry = _entry(dcc)
    stated = dcc.get("nam")
    names = stated if isinstance(stated, Mapping) else {}
    partial = calendar_day(dcc.get("dob")) is None
    homes: dict[str, Mapping[str, Any]] = {"pass": dcc, "nam": names, group: entry}
    found = []
    for row in rows():
        if row.dcc is None:
            continue
        if row.group == "birth":
            if "dob" in dcc and partial is (row.kind == "partial"):
                found.append((row, dcc["dob"]))
        elif row.group in homes and homes[row.group].get(row.dcc) is not None:
            found.append((row, homes[row.group][row.dcc]))
    return found


def to_claims(dcc: Mapping[str, Any]) -> Mapped:
    """Return the claims of an SD-JWT VC that states what a payload does.

    Raises CredentialError for a payload of several events, or none.
    """
    return Mapped({str(row.sd_jwt): value for row, value in _values(dcc) if row.sd_jwt}, ())


def from_claims(claims: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the payload that claims state; None where they state none, or not enough of one.

    Claims of two kinds of event are a CredentialError: ``content.mixed-events``.
    """
    own = [row for row in rows() if row.dcc and row.sd_jwt and row.sd_jwt in claims]
    shared = _shared()
    groups = {row.group for row in own if row.group in _GROUPS and row.sd_jwt not in shared}
    if len(groups) > 1:
        raise CredentialError("content.mixed-events", "the claims state several kinds of event")
    if not groups:
        return None
    (group,) = groups
    dcc = _empty()
    entry: dict[str, Any] = {}
    for row in own:
        value = claims[str(row.sd_jwt)]
        home = {group: entry, "nam": dcc["nam"]}.get(row.group, dcc)
        if row.group in (group, "nam", "pass", "birth"):
            home[str(row.dcc)] = value
    return _whole(dcc, group, entry)


@cache
def _shared() -> frozenset[str]:
    """The claims that events of every kind have."""
    by_group = [{row.sd_jwt for row in rows() if row.group == group} for group in _GROUPS]
    return frozenset(str(name) for name in set.intersection(*by_group))


def to_elements(dcc: Mapping[str, Any]) -> Mapped:
    """Return the elements of an ``org.micov.1`` by namespace, for a vaccination or a test.

    Raises CredentialError for a recovery, another disease, or several events.
    """
    group, entry = _entry(dcc)
    if group == "r":
        raise CredentialError("issue.no-place", "org.micov.1 has no place for a recovery")
    if entry.get("tg") != COVID_19:
        raise CredentialError("issue.no-place", "only COVID-19 has elements in org.micov.1 here")
    holder: dict[str, Any] = {}
    event: dict[str, Any] = {}
    lost = []
    for row, value in _values(dcc):
        if row.micov is None:
            lost.append(Loss(row.path, row.reason("micov")))
        elif row.group in _GROUPS:
            event[row.micov] = _element(row.kind, value)
        else:
            holder[row.micov] = _element(row.kind, value)
    if group == "t":
        return Mapped({VTR: holder, ATTESTATION: {_TEST: event}}, tuple(lost))
    number = entry.get("dn")
    holder[f"v_RA01_{min(number, _MAX_DOSES) if isinstance(number, int) else 1}"] = event
    return Mapped({VTR: holder}, tuple(lost))


def _element(kind: str, value: Any) -> Any:
    if kind in ("date", "birth"):
        return cbor2.CBORTag(_FULL_DATE, value)
    if kind == "moment":
        sampled = read_moment(str(value))[0]
        if sampled is None:
            raise CredentialError("issue.moment", "the moment of sampling cannot be read")
        return cbor2.CBORTag(_DATE_TIME, iso_utc(sampled.astimezone(UTC)))
    return value


def from_elements(elements: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the payload that elements of an ``org.micov.1`` state; None where not enough is there.

    Of several vaccinations, the one with the latest date counts: a payload has one.
    """
    holder = elements.get(VTR, {})
    found = [
        (str(_plain(entry.get("dt", ""))), entry)
        for name, entry in holder.items()
        if _VACCINATION.fullmatch(name) and isinstance(entry, Mapping)
    ]
    test = elements.get(ATTESTATION, {}).get(_TEST)
    if found:
        group, entry = "v", max(found, key=lambda each: each[0])[1]
    elif isinstance(test, Mapping):
        group, entry = "t", {**test}
    else:
        return None
    dcc = _empty()
    event: dict[str, Any] = {"tg": COVID_19} if group == "t" else {}
    for row in rows():
        if row.micov is None or row.dcc is None:
            continue
        if row.group == group and row.micov in entry:
            event[row.dcc] = _read(row.kind, entry[row.micov])
        elif row.group == "nam" and row.micov in holder:
            dcc["nam"][row.dcc] = _read(row.kind, holder[row.micov])
        elif row.group == "birth" and row.micov in holder:
            dcc["dob"] = _read(row.kind, holder[row.micov])
    for name in ("fn", "gn"):
        written = dcc["nam"].get(name)
        if isinstance(written, str) and written:
            dcc["nam"][f"{name}t"] = transliterate(written).mrz
    return _whole(dcc, group, event)


def to_icvp(
    dcc: Mapping[str, Any],
    *,
    product: str,
    batch: str,
    sex: str,
    nationality: str,
    authority: str | None = None,
    clinician: str | None = None,
) -> Mapped:
    """Return the claim of a digital ICVP that states the vaccination of a payload.

    Nothing is issued or judged: `coronapas.gdhcn.IcvpIssuer` does both.

    Args:
        dcc: The payload of a vaccination.
        product: The product by WHO's code, which follows from none of the EU's.
        batch: The batch, which a pass does not state; as little as the following two.
        sex: A code of FHIR's AdministrativeGender.
        nationality: An ISO 3166-1 alpha-3 code.
        authority: The issuing authority: a participant of WHO's network.
        clinician: The name of the supervising clinician.

    Raises CredentialError for a test, a recovery, or a date of birth that is known in part.

    """
    group, entry = _entry(dcc)
    if group != "v":
        raise CredentialError("issue.no-place", "a digital ICVP states vaccinations alone")
    born, given = calendar_day(dcc.get("dob")), calendar_day(entry.get("dt"))
    if born is None or given is None:
        raise CredentialError("issue.no-place", "a digital ICVP needs whole dates")
    stated = dcc.get("nam")
    names = stated if isinstance(stated, Mapping) else {}
    parts = [str(names[part]) for part in ("gn", "fn") if names.get(part)]
    certificate = Icvp(
        Shape.B,
        Traveller(" ".join(parts), born, sex, nationality),
        (Prophylaxis(product, given, batch, clinician, authority),),
        LATEST_VERSION,
    )
    # The product and the issuer stand in other codes than the pass's.
    lost = tuple(
        Loss(row.path, row.reason("icvp"))
        for row, _ in _values(dcc)
        if row.icvp is None or (row.group, row.dcc) == ("v", "is")
    )
    return Mapped(write(certificate), lost)


def from_icvp(certificate: Icvp) -> Mapped:
    """Return the claims of an SD-JWT that state what a digital ICVP does.

    They are not those of a pass, which states more of a vaccination (the disease, the number of the
    dose, an identifier), so no payload comes of them.

    Raises CredentialError for a certificate of several doses, or none.
    """
    if len(certificate.doses) != 1:
        raise CredentialError("issue.events", "a credential states exactly one event")
    claim = write(replace(certificate, shape=Shape.B))
    stated = {**claim, **claim[Shape.B.container]}
    claims: dict[str, Any] = {}
    lost = []
    for row in rows():
        if row.icvp not in stated or row.group in ("nam", "t", "r"):
            continue
        if row.sd_jwt is None:
            lost.append(Loss(row.path, row.reason("sd-jwt")))
        elif row.sd_jwt == "nationalities":
            claims[row.sd_jwt] = [stated[row.icvp]]
        else:
            claims[row.sd_jwt] = stated[row.icvp]
    return Mapped(claims, tuple(lost))


def _plain(value: Any) -> Any:
    """Return a date or moment with or without its tag as plain text."""
    if isinstance(value, cbor2.CBORTag):
        value = value.value if value.tag in (_FULL_DATE, _DATE_TIME) else value
    return str(value) if isinstance(value, str) else value


def _read(kind: str, value: Any) -> Any:
    plain = _plain(value)
    # The public sample states dose numbers as text, the public type list as numbers.
    if kind == "number" and isinstance(plain, str) and plain.isdecimal() and len(plain) < 4:
        return int(plain)
    return plain


def _empty() -> dict[str, Any]:
    return {"ver": _RELEASE, "nam": {}}


_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "v": frozenset({"tg", "vp", "mp", "ma", "dn", "sd", "dt", "co", "is", "ci"}),
    "t": frozenset({"tg", "tt", "sc", "tr", "co", "is", "ci"}),
    "r": frozenset({"tg", "fr", "df", "du", "co", "is", "ci"}),
}


def _whole(dcc: dict[str, Any], group: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return the payload where all that its schema needs is there; else None."""
    if "dob" not in dcc or not dcc["nam"] or not _NEEDED[group] <= entry.keys():
        return None
    return {**dcc, group: [entry]}

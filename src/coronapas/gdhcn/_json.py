"""A traveller and a dose as JSON: documents that follow ``schemas/icvp.schema.json``.

Reading judges the shape alone; whether a certificate can be issued of it is the issuer's to say.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json
from coronapas.errors import FactsError, Fault
from coronapas.gdhcn._icvp import Icvp, Prophylaxis, Traveller

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST: Final = 65_536
"""The largest document, in bytes, inclusive."""

_PERSON: Final = ("name", "sex", "nationality", "document_id", "document_type", "guardian")
_DOSE: Final = ("product", "batch", "clinician", "authority")
_STATED: Final = ("disease", "dose", "market_holder", "manufacturer", "manufacturer_id")


def read_facts(document: bytes | str | Mapping[str, Any]) -> tuple[Traveller, Prophylaxis]:
    """Read the facts of a certificate: a JSON text, or what a JSON parser returned for one.

    Raises FactsError with every fault of the shape.
    """
    if isinstance(document, bytes | str):
        try:
            document = _json.load(document, limit=LARGEST, keep_doubled=True)
        except _json.JsonError as error:
            problem = f"The facts cannot be read: {error}."
            hint = "Give a JSON document that follows icvp.schema.json."
            raise FactsError([Fault("", "json.malformed", problem, hint)]) from None
    faults = _json.Faults()
    reader = _json.Reader(document, "", faults)
    reader.string("$schema", least=0)
    person, dose = reader.row("traveller", required=True), reader.row("dose", required=True)
    reader.close()
    traveller, given = Traveller(), Prophylaxis()
    if person is not None:
        texts = {
            name: person.maybe_text(name, required=name in ("name", "sex", "nationality"))
            for name in _PERSON
        }
        traveller = Traveller(birth_date=person.day("birth_date", required=True), **texts)
        person.close()
    if dose is not None:
        given = Prophylaxis(
            dose.text("product", required=True),
            dose.day("given_on", required=True),
            dose.text("batch", required=True),
            dose.maybe_text("clinician"),
            dose.maybe_text("authority"),
        )
        dose.close()
    if faults.found:
        raise FactsError(faults.found)
    return traveller, given


def certificate_to_json(certificate: Icvp) -> dict[str, Any]:
    """Return a certificate as JSON, with all that it says of its holder.

    A certificate of one dose in today's shape gives a document that `read_facts` reads, but for
    ``shape``, ``version`` and ``issued_on``.
    """
    doses = [
        _members(dose, ("given_on", *_DOSE, *_STATED, "valid_from", "valid_until"))
        for dose in certificate.doses
    ]
    return {
        "shape": str(certificate.shape),
        "version": certificate.version,
        "issued_on": None if certificate.issued_on is None else certificate.issued_on.isoformat(),
        "traveller": _members(certificate.traveller, ("birth_date", *_PERSON)),
        "doses": doses,
    }


def _members(value: Traveller | Prophylaxis, names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        stated = getattr(value, name)
        if stated is not None:
            found[name] = stated.isoformat() if isinstance(stated, date) else str(stated)
    return found

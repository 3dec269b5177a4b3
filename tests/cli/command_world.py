"""A country's keys in files, and a pass, for the tests of the commands; and what runs a command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner, Result

from coronapas.cli._app import coronapas
from coronapas.facts import Event, Holder, Vaccination
from coronapas.issue import Issuer
from coronapas.keys import make_csca

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.issue import Pass
    from coronapas.keys import Authority, KeyPair

ISSUED: Final = datetime(2023, 1, 15, 12, tzinfo=UTC)
AT: Final = ("--at", "2023-02-01T00:00:00Z")
FAMILY: Final = "Markerfamily"
GIVEN: Final = "Markergiven"
DATES: Final = ("1971-03-09", "2022-11-17")
FACTS: Final[dict[str, Any]] = {
    "holder": {"family_name": FAMILY, "given_name": GIVEN, "birth_date": DATES[0]},
    "vaccination": {"product": "Comirnaty", "dose_number": 2, "doses": 2, "date": DATES[1]},
}
HOLDER: Final = Holder(FAMILY, GIVEN, date.fromisoformat(DATES[0]))
DOSE: Final = Vaccination("Comirnaty", 2, 2, date.fromisoformat(DATES[1]))


@cache
def keys() -> tuple[Authority, KeyPair]:
    """A CSCA and a DSC; made once, for making them takes long."""
    authority = make_csca("DK", valid_from=ISSUED - timedelta(days=30))
    return authority, authority.issue_dsc(valid_from=ISSUED - timedelta(days=20))


def issue(event: Event = DOSE, holder: Holder = HOLDER) -> Pass:
    issuer = Issuer("DK", keys()[1].signer(deterministic=True))
    return issuer.issue(holder, event, expires=timedelta(days=90), issued_at=ISSUED)


@dataclass(frozen=True)
class Country:
    """A folder with the keys, and a pass."""

    folder: Path
    text: str
    uvci: str

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def trust(self) -> tuple[str, str]:
        return "--trust", self.path("dsc.pem")

    @property
    def key(self) -> tuple[str, str, str, str]:
        return "--key", self.path("dsc.key.pem"), "--cert", self.path("dsc.pem")

    @property
    def markers(self) -> tuple[str, ...]:
        """What must not be seen unless it is asked for."""
        names = (FAMILY, GIVEN, FAMILY.upper(), GIVEN.upper(), *DATES)
        return (*names, self.uvci, self.text[4:40], FAMILY.encode().hex())


def make_country(folder: Path) -> Country:
    authority, pair = keys()
    issued = issue()
    country = Country(folder, issued.text, issued.uvci)
    country.file("csca.pem", authority.certificate_pem())
    country.file("csca.key.pem", authority.key_pem())
    country.file("dsc.pem", pair.certificate_pem())
    country.file("dsc.key.pem", pair.key_pem())
    country.file("facts.json", json.dumps(FACTS))
    return country


def run(*arguments: str, **options: Any) -> Result:
    """Run a command in this process; anything but an orderly end would be a traceback."""
    result = CliRunner().invoke(coronapas, arguments, prog_name="coronapas", **options)
    if result.exception is not None:
        assert isinstance(result.exception, SystemExit), repr(result.exception)
    return result

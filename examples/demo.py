"""A folder with all that both services need, made for trying out: keys, lists and rules.

``keys/`` is the issuer's secret: a DSC for each kind of pass and one for domestic tokens.
``lists/`` is what a verifier loads: a trust store, a revocation store and rules of two countries.
The rules are invented. A real issuer has its keys certified by its country, and a real verifier
fetches its lists.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from coronapas import EventKind, TrustStore, certlogic, decode, keys
from coronapas.revocation import (
    BatchEntry,
    HashType,
    RevocationStore,
    hashes_of,
    read_gateway,
    write_batch,
    write_batch_list,
)

COUNTRY: Final = "DK"
DAYS: Final = {"DK": 270, "DE": 180}
"""How long a vaccination counts by the invented rules, in days."""


def make(folder: Path) -> None:
    """Make the folder, unless it has keys already."""
    if (folder / "keys").is_dir():
        return
    now = datetime.now(UTC)
    start = now - timedelta(days=1)
    csca = keys.make_csca(COUNTRY, valid_from=start)
    secret, lists = folder / "keys", folder / "lists"
    secret.mkdir(parents=True, mode=0o700)
    (lists / "rules").mkdir(parents=True)
    certificates = []
    usages: dict[str, list[EventKind]] = {kind.value: [kind] for kind in EventKind}
    for name, kinds in {**usages, "domestic": []}.items():
        pair = csca.issue_dsc(valid_from=start, usages=kinds, name=f"{name} DSC")
        key = secret / f"{name}.key.pem"
        key.touch(mode=0o600)
        key.write_bytes(pair.key_pem())
        (secret / f"{name}.pem").write_bytes(pair.certificate_pem())
        certificates.append(pair.certificate)
    TrustStore(certificates).save(lists / "trust.store")
    revoke(folder)
    for country, days in DAYS.items():
        for rule in _rules(country, days):
            (lists / "rules" / f"{rule['Identifier']}.json").write_text(json.dumps(rule, indent=1))


def facts() -> dict[str, Any]:
    """Return the facts of an invented holder, whose vaccination counts today."""
    day = datetime.now(UTC).date() - timedelta(days=60)
    holder = {"family_name": "Prøvesen", "given_name": "Åse Marie", "birth_date": "1987-05-04"}
    dose = {"product": "Comirnaty", "dose_number": 2, "doses": 2, "date": day.isoformat()}
    return {"holder": holder, "vaccination": dose}


def revoke(folder: Path, *texts: str) -> None:
    """Write a revocation store with these passes of the demonstration's issuer, and no others."""
    now = datetime.now(UTC)
    upload = keys.make_csca(COUNTRY, valid_from=now - timedelta(days=1), name="upload")
    entries, batches = [], {}
    for number, certificate in enumerate(TrustStore.load(folder / "lists/trust.store")):
        passes = [decode(text) for text in texts]
        hashes = (hashes_of(each).uci for each in passes if each.kid == certificate.kid)
        found = [each for each in hashes if each is not None]
        name = f"batch-{number}"
        entries.append(BatchEntry(name, COUNTRY, now, deleted=False))
        batches[name] = write_batch(
            # A batch cannot be empty; no pass has this hash.
            found or [bytes(16)],
            HashType.UCI,
            country=COUNTRY,
            expires=now + timedelta(days=365),
            kid=certificate.kid,
            key=upload.private_key,
            certificate=upload.certificate,
        )
    page = write_batch_list(entries)
    RevocationStore([read_gateway([page], batches, [upload.certificate], as_of=now)]).save(
        folder / "lists/revocation.store"
    )


def _rules(country: str, days: int) -> list[dict[str, Any]]:
    """Return three acceptance rules: doses, tests and recoveries, as the EU writes rules."""
    clock = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
    dose, test, recovery = (f"payload.{group}.0" for group in "vtr")

    def after(path: str, number: int, unit: str = "day") -> dict[str, Any]:
        return {"plusTime": [{"var": path}, number, unit]}

    booster = {">": [{"var": f"{dose}.dn"}, {"var": f"{dose}.sd"}]}
    whole = {">=": [{"var": f"{dose}.dn"}, {"var": f"{dose}.sd"}]}
    waited = {"if": [booster, True, {"not-before": [clock, after(f"{dose}.dt", 14)]}]}
    logic = {
        "Vaccination": {"and": [whole, waited, {"before": [clock, after(f"{dose}.dt", days)]}]},
        "Test": {
            "and": [
                {"===": [{"var": f"{test}.tr"}, "260415000"]},
                {"before": [clock, after(f"{test}.sc", 72, "hour")]},
            ]
        },
        "Recovery": {
            "and": [
                {"not-before": [clock, after(f"{recovery}.fr", 11)]},
                {"before": [clock, after(f"{recovery}.fr", 180)]},
            ]
        },
    }
    words = {
        "Vaccination": (
            f"The course must be complete for 14 days and not older than {days} days.",
            f"Vaccinationen skal være færdig i 14 dage og højst {days} dage gammel.",
            f"Die Impfserie muss 14 Tage abgeschlossen und höchstens {days} Tage alt sein.",
        ),
        "Test": (
            "The test must be negative and less than 72 hours old.",
            "Testen skal være negativ og under 72 timer gammel.",
            "Der Test muss negativ und weniger als 72 Stunden alt sein.",
        ),
        "Recovery": (
            "The first positive test must be 11 to 180 days old.",
            "Den første positive test skal være 11 til 180 dage gammel.",
            "Der erste positive Test muss 11 bis 180 Tage alt sein.",
        ),
    }
    return [
        {
            "Identifier": f"{kind[0]}R-{country}-0001",
            "Type": "Acceptance",
            "Country": country,
            "Version": "1.0.0",
            "SchemaVersion": "1.0.0",
            "Engine": "CERTLOGIC",
            "EngineVersion": "1.0.0",
            "CertificateType": kind,
            "Description": [
                {"lang": language, "desc": text}
                for language, text in zip(("en", "da", "de"), words[kind], strict=True)
            ],
            "ValidFrom": "2021-07-01T00:00:00Z",
            "ValidTo": "2099-12-31T00:00:00Z",
            "AffectedFields": sorted(
                field.removeprefix("payload.")
                for field in certlogic.affected_fields(rule)
                if field.startswith("payload.")
            ),
            "Logic": rule,
        }
        for kind, rule in logic.items()
    ]

"""A register of made-up people, as tables of facts in every form, whole and spoilt."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from coronapas import keys
from coronapas.bulk import FACTS, IssueKernel, KeySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = dict[str, Any]

BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
NOW = datetime(2021, 9, 1, 12, tzinfo=UTC)
SECRET = bytes(range(32))

FAMILIES = ("Prøvesen", "Østergård-Prøve", "Παραδειγματίδου", "Musterhus", "Testdóttir")
GIVEN = ("Mathilde", "Søren Ægir", "Ελένη", "Agathe", "Ulla, Ane")


def row(number: int, draw: Random) -> Row:
    """One good row of facts, in Python's own types."""
    found: Row = {
        "record": f"r{number:07}",
        "family_name": draw.choice(FAMILIES),
        "given_name": draw.choice(GIVEN),
        "birth_date": (date(1930, 1, 1) + timedelta(days=draw.randrange(30_000))).isoformat(),
    }
    chance = draw.random()
    if chance < 0.02:
        found["birth_date"] = "unknown"
    elif chance < 0.05:
        found["birth_date"] = found["birth_date"][: draw.choice((4, 7))]
    chance = draw.random()
    if chance < 0.7:
        found |= {
            "kind": "vaccination",
            "vaccination_product": draw.choice(("EU/1/20/1528", "Spikevax")),
            "vaccination_dose_number": 2,
            "vaccination_doses": 2,
            "vaccination_date": date(2021, 5, 1) + timedelta(days=draw.randrange(60)),
        }
    elif chance < 0.9:
        found |= {
            "kind": "test",
            "test_kind": "NAAT",
            "test_sampled_at": NOW - timedelta(minutes=draw.randrange(2_000)),
            "test_result": "not detected",
            "test_centre": "Testcenter Nord",
        }
    else:
        found |= {
            "kind": "recovery",
            "recovery_first_positive": date(2021, 5, 1),
            "recovery_valid_from": date(2021, 5, 12),
            "recovery_valid_until": date(2021, 10, 20),
        }
    return found


def rows(count: int, seed: int = 1) -> list[Row]:
    """Good rows, the same for the same seed."""
    draw = Random(seed)
    return [row(number, draw) for number in range(count)]


@dataclass(frozen=True)
class Spoil:
    """A kind of fault: what it does to a row of vaccination, and the faults that must be found."""

    spoil: Callable[[Row], object]
    faults: frozenset[tuple[str, str]]
    text_only: bool = False


def _set(**values: Any) -> Callable[[Row], object]:
    return lambda found: found.update(values)


def _spoil(name: str, code: str, text_only: bool = False, **values: Any) -> Spoil:
    return Spoil(_set(**values), frozenset({(name, code)}), text_only)


SECRETIVE = "SECRETIVE"
"""Stands in every spoilt value that can hold text, so that it can be looked for."""

SPOILS: dict[str, Spoil] = {
    "no birth date": _spoil("birth_date", "json.missing", birth_date=None),
    "no such day": _spoil("birth_date", "json.date", birth_date="1979-02-30"),
    "filled up": _spoil("birth_date", "json.date", birth_date="1963-00-00"),
    "no date": _spoil("birth_date", "json.date", birth_date=f"{SECRETIVE} 1963"),
    "no kind": _spoil("kind", "record.kind", kind=None),
    "strange kind": _spoil("kind", "record.kind", kind=SECRETIVE),
    "other kind": _spoil("test_centre", "record.other-kind", test_centre=SECRETIVE),
    "no product": _spoil("vaccination_product", "json.missing", vaccination_product=" "),
    "strange product": _spoil("vaccination_product", "code.unknown", vaccination_product=SECRETIVE),
    "no dose": _spoil("vaccination_dose_number", "json.missing", vaccination_dose_number=None),
    "dose none": _spoil(
        "vaccination_dose_number", "dose.number-below-one", vaccination_dose_number=0
    ),
    "dose in words": _spoil(
        "vaccination_dose_number", "json.type", True, vaccination_dose_number=SECRETIVE
    ),
    "no day": _spoil("vaccination_date", "json.missing", vaccination_date=None),
    "day in words": _spoil("vaccination_date", "json.date", True, vaccination_date=SECRETIVE),
    "strange country": _spoil("country", "code.unknown", country=SECRETIVE),
    "strange disease": _spoil("disease", "code.unknown", disease=SECRETIVE),
    "no moment": _spoil("expires", "json.date-time", True, expires=f"2021-12-01 {SECRETIVE}"),
}


def spoilt(found: Row, name: str) -> Row:
    """Return a copy of a row with a kind of fault."""
    new = {
        key: value
        for key, value in found.items()
        if key in ("record", "family_name", "given_name", "birth_date")
    }
    new |= {
        "kind": "vaccination",
        "vaccination_product": "EU/1/20/1528",
        "vaccination_dose_number": 1,
        "vaccination_doses": 2,
        "vaccination_date": date(2021, 5, 1),
    }
    SPOILS[name].spoil(new)
    return new


def write(path: Path, table: Sequence[Row]) -> Path:
    """Write rows in the form of the file's ending."""
    names = [name for name in FACTS.names if any(found.get(name) is not None for found in table)]
    names = [name for name in FACTS.names if name in names or not FACTS.field(name).nullable]
    if path.suffix == ".parquet":
        schema = pa.schema([FACTS.field(name).with_nullable(True) for name in names])
        pq.write_table(pa.Table.from_pylist([*table], schema=schema), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([_text(found.get(name)) for name in names] for found in table)
    else:
        lines = (json.dumps(_members(found), ensure_ascii=False) for found in table)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


class CsvWriter:
    """Writes rows as CSV one by one, with every column."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)

    def __enter__(self) -> CsvWriter:
        self._writer.writerow(FACTS.names)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, found: Row) -> None:
        """Write a row."""
        self._writer.writerow([_text(found.get(name)) for name in FACTS.names])


def _members(found: Row) -> Row:
    return {
        name: value if isinstance(value, int | str) else _text(value)
        for name, value in found.items()
        if value is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)


def make_keys(folder: Path) -> None:
    """Write a DSC with its key, and the secret of a campaign, into a folder."""
    pair = keys.make_csca("DK", valid_from=BEGIN).issue_dsc(valid_from=BEGIN)
    (folder / "dsc.key").write_bytes(pair.key_pem())
    (folder / "dsc.pem").write_bytes(pair.certificate_pem())
    (folder / "secret").write_bytes(SECRET)


def kernel(folder: Path, **changes: Any) -> IssueKernel:
    """Return the kernel of a campaign with the keys of a folder."""
    source = KeySource(key=str(folder / "dsc.key"), certificate=str(folder / "dsc.pem"))
    settings: Row = {
        "country": "DK",
        "sources": (source,),
        "campaign": "autumn",
        "secret": str(folder / "secret"),
        "expires": timedelta(days=365),
        "issued_at": NOW,
        "issuer": "Prøvestyrelsen",
    }
    return IssueKernel(**(settings | changes))


def read_results(files: Iterable[Path]) -> list[Row]:
    """Return the rows of Parquet files."""
    return [found for path in sorted(files) for found in pq.read_table(path).to_pylist()]


def passes(out: Path) -> list[Row]:
    """Return the passes in the folder of a run."""
    return read_results((out / "passes").glob("*.parquet"))


def faults(out: Path) -> list[Row]:
    """Return the refused rows in the folder of a run."""
    return read_results((out / "faults").glob("*.parquet"))

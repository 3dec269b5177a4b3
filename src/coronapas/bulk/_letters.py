"""Letters by the million: a sheet of paper for each pass, and where it is to be sent.

The kernel prints each pass of a table (`LETTERS` to `ADDRESSES`). `LetterFiles` puts the sheets of
a part into one ZIP, with the addresses of that part beside them as ``addresses.csv``: a ZIP is what
goes to whoever prints and posts. A sheet's file is named by a digest of its pass, so that the name
says nothing of the holder and is the same whenever the part is done again.

Nothing is verified here: print a run of ``verify``'s passes, or what was just issued.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pyarrow as pa

from coronapas.bulk._columns import Trouble, faults_batch, records_of, texts_of, with_records
from coronapas.bulk._kernels import Outcome
from coronapas.errors import DecodeError, FaultsError
from coronapas.presentation import Paper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coronapas.bulk._run import PartFiles

_TEXT: Final = pa.string()
_ADDRESS: Final = (
    "recipient",
    "address_1",
    "address_2",
    "address_3",
    "address_4",
    "postcode",
    "city",
    "address_country",
)

LETTERS: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("text", _TEXT, nullable=False),
        pa.field("language", _TEXT),
        *(pa.field(name, _TEXT) for name in _ADDRESS),
    ]
)
"""What printing reads: passes, the language of each sheet, and where it is to be sent.

Other columns of a table of passes are let be. Where ``language`` is not filled, the run's counts.
"""

ADDRESSES: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("file", _TEXT, nullable=False),
        *(pa.field(name, _TEXT) for name in _ADDRESS),
    ]
)
"""Which file of the part's ZIP is to be sent where."""

_SHEET: Final = "sheet"
_CSV: Final = "addresses.csv"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment that a ZIP can state: the same passes give the same bytes."""


@dataclass(frozen=True)
class PrintKernel:
    """Prints each pass of a table; a pass that cannot be printed has codes as its faults.

    Attributes:
        paper: What prints.
        about: What the manifest is to say of the paper, such as digests of its texts and fonts; a
            run with another `about` is other work.

    """

    paper: Paper = field(repr=False)
    about: Mapping[str, str] = field(default_factory=dict)

    name: ClassVar[str] = "print"
    results: ClassVar[str] = "addresses"
    columns: ClassVar[pa.Schema] = LETTERS
    schema: ClassVar[pa.Schema] = ADDRESSES
    others: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return what decides about the sheets, as JSON."""
        paper = self.paper
        return {"sheet": paper.sheet, "language": paper.language, "about": dict(self.about)}

    def keys(self) -> tuple[str, ...]:
        """Return nothing: no key signs."""
        return ()

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Print each pass of a batch; the sheets are one column more than the results have."""
        record, records = records_of(batch)
        texts = texts_of(batch, "text")
        languages = texts_of(batch, "language")
        good: list[int] = []
        names: list[str] = []
        sheets: list[bytes] = []
        refused: list[tuple[str | None, int | None, Trouble]] = []
        for place, text in enumerate(texts):
            try:
                sheet = self.paper.pdf(text or "", language=languages[place])
            except FaultsError as error:
                found = tuple((_column(fault.field), fault.code) for fault in error.faults)
                refused.append((records[place], place, tuple(dict.fromkeys(found))))
            except DecodeError as error:
                refused.append((records[place], place, (("text", error.code),)))
            else:
                good.append(place)
                sheets.append(sheet)
                names.append(hashlib.sha256((text or "").encode()).hexdigest()[:32] + ".pdf")
        rows = pa.array(good, pa.int64())
        made = pa.record_batch(
            [
                record.take(rows),
                pa.array(names, _TEXT),
                *(pa.array(texts_of(batch, name), _TEXT).take(rows) for name in _ADDRESS),
                pa.array(sheets, pa.large_binary()),
            ],
            schema=with_records(ADDRESSES, record.type).append(
                pa.field(_SHEET, pa.large_binary(), nullable=False)
            ),
        )
        return Outcome(made, faults_batch(refused, record.type))


def _column(place: str) -> str:
    """Return the column in which a fault of a sheet is: all but the language stands in the text."""
    return "language" if place == "language" else "text"


@dataclass(frozen=True, slots=True)
class LetterFiles:
    """Writes the sheets of each part and their addresses into ``letters/part-NNNNN.zip``."""

    def begin(self, files: PartFiles) -> LetterSink:
        """Return what takes the sheets of a part."""
        return LetterSink(files)


class LetterSink:
    """The ZIP of one part, which is made with its first sheet."""

    def __init__(self, files: PartFiles) -> None:
        self._files = files
        self._zip: ZipFile | None = None
        self._addresses = StringIO(newline="")
        self._rows = csv.writer(self._addresses, lineterminator="\n")
        self._rows.writerow(ADDRESSES.names)

    def add(self, batch: pa.RecordBatch, outcome: Outcome) -> None:
        """Take the sheets of a batch."""
        if self._zip is None and len(outcome.good):
            self._zip = ZipFile(self._files.create("letters", ".zip"), "w", ZIP_STORED)
        for row in outcome.good.to_pylist():
            self._put(row["file"], row.pop(_SHEET))
            self._rows.writerow([row[name] for name in ADDRESSES.names])

    def close(self) -> None:
        """Write the addresses, and the end of the ZIP."""
        if self._zip is not None:
            self._put(_CSV, self._addresses.getvalue().encode())
            self._zip.close()

    def _put(self, name: str, content: bytes) -> None:
        if self._zip is not None:
            self._zip.writestr(ZipInfo(name, _EPOCH), content)

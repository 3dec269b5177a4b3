"""Sheets of paper: pages a second, and how long a million letters take by calculation.

Times are processor time, which neighbours on the machine do not lengthen. The passes differ in
name and identifier, as letters do; every fourth is a test, another a recovery. The memory is the
peak of the process after all pages: it must not grow with their number.
"""

from __future__ import annotations

from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.memory import peak
from benchmarks.sample import sample
from coronapas.presentation import SHEETS, Paper, qr

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES: Final = 60
ROUNDS: Final = 3
LETTERS: Final = 1_000_000


def run(pages: int = PAGES) -> None:
    """Print the table."""
    print(f"paper, {pages} passes, English and Danish, processor time of one core:")
    texts = [made.text for made in sample(1 + pages // 6).passes][:pages]
    _row("the QR code alone", texts, lambda text: qr(text).svg())
    printed = [Paper(sheet, language="da") for sheet in SHEETS]
    for sheet, paper in zip(SHEETS, printed, strict=True):
        size = sum(len(paper.pdf(text)) for text in texts) // len(texts)
        _row(f"{sheet}, {size:,} bytes", texts, paper.pdf)
    before = peak()
    for text in texts:
        printed[0].pdf(text)
    print(f"  {'memory at its peak':28} {peak():9.0f} MiB, {peak() - before:.1f} more for a round")


def _row(name: str, texts: list[str], make: Callable[[str], object]) -> None:
    make(texts[0])
    seconds = []
    for _ in range(ROUNDS):
        began = process_time()
        for text in texts:
            make(text)
        seconds.append((process_time() - began) / len(texts))
    each = median(seconds)
    hours = each * LETTERS / 3600
    print(
        f"  {name:28} {each * 1e3:9.1f} ms  {1 / each:7.0f} a second  "
        f"{hours:6.1f} core-hours for {LETTERS:,}"
    )

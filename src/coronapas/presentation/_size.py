"""The printed size of a QR code, compared with the advised size.

hcert-spec 1.0.8, QR code: a diagonal of 35 to 60 mm is recommended. It does not say whether the
quiet zone counts; ISO/IEC 18004 calls the modules alone the symbol, so the symbol is what is judged
here, and the size with the quiet zone is stated beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ADVISED_DIAGONAL_MM: Final = (35.0, 60.0)
"""The recommended diagonal of the symbol in millimetres, both bounds inclusive."""

DEFAULT_DIAGONAL_MM: Final = sum(ADVISED_DIAGONAL_MM) / 2
"""The diagonal of a symbol, in millimetres, by default: the middle of the advice."""

MM_PER_INCH: Final = 25.4

_MOST_DOTS: Final = 10**9
_PRECISION: Final = 9
"""Decimals of a millimetre that count: the bounds stay inclusive in floating-point arithmetic."""


@dataclass(frozen=True, slots=True)
class SizeReport:
    """The printed size of a symbol.

    Attributes:
        modules: The modules a side, without the quiet zone.
        border: The width of the quiet zone on every side, in modules.
        module_mm: The side of a module in millimetres.
        dpi: The resolution in dots an inch, where the size was asked for by one.

    """

    modules: int
    border: int
    module_mm: float
    dpi: float | None = None

    @property
    def side_mm(self) -> float:
        """The side of the symbol in millimetres, without the quiet zone."""
        return self.modules * self.module_mm

    @property
    def diagonal_mm(self) -> float:
        """The diagonal of the symbol in millimetres, without the quiet zone."""
        return self.side_mm * math.sqrt(2)

    @property
    def side_with_border_mm(self) -> float:
        """The side in millimetres, quiet zone included: the room that the code takes on a page."""
        return (self.modules + 2 * self.border) * self.module_mm

    @property
    def diagonal_with_border_mm(self) -> float:
        """The diagonal in millimetres, quiet zone included."""
        return self.side_with_border_mm * math.sqrt(2)

    @property
    def smallest_module_mm(self) -> float:
        """The smallest module, in millimetres, at which the symbol meets the advice."""
        return module_for_diagonal(self.modules, ADVISED_DIAGONAL_MM[0])

    @property
    def largest_module_mm(self) -> float:
        """The largest module, in millimetres, at which the symbol meets the advice."""
        return module_for_diagonal(self.modules, ADVISED_DIAGONAL_MM[1])

    @property
    def scales(self) -> range:
        """The whole dots a module at `dpi` that meet the advice; empty where no number does."""
        if self.dpi is None:
            return range(0)
        dots_per_mm = self.dpi / MM_PER_INCH
        first = math.ceil(round(self.smallest_module_mm * dots_per_mm, _PRECISION))
        last = math.floor(round(self.largest_module_mm * dots_per_mm, _PRECISION))
        return range(first, last + 1)

    @property
    def meets_advice(self) -> bool:
        """Whether the symbol's diagonal lies within 35 to 60 mm, both inclusive."""
        smallest, largest = ADVISED_DIAGONAL_MM
        return smallest <= round(self.diagonal_mm, _PRECISION) <= largest

    def __str__(self) -> str:
        verdict = "within" if self.meets_advice else "outside"
        smallest, largest = ADVISED_DIAGONAL_MM
        return (
            f"module {self.module_mm:.3f} mm, diagonal {self.diagonal_mm:.1f} mm "
            f"({self.diagonal_with_border_mm:.1f} mm with the quiet zone), "
            f"{verdict} the advised {smallest:g} to {largest:g} mm"
        )


def module_for_diagonal(modules: int, diagonal_mm: float) -> float:
    """Return the module's side in mm at which `modules` a side have that diagonal in mm."""
    return diagonal_mm / (modules * math.sqrt(2))


def scale_for_diagonal(modules: int, diagonal_mm: float, dpi: float) -> int:
    """Return the whole dots a module, at least 1, that come nearest to a diagonal in mm at `dpi`.

    A diagonal within the advice stays within it where any whole number of dots does.
    """
    per_module = module_for_diagonal(modules, diagonal_mm) * (dpi / MM_PER_INCH)
    nearest = max(1, round(min(per_module, _MOST_DOTS)))
    smallest, largest = ADVISED_DIAGONAL_MM
    advised = SizeReport(modules, 0, module_for_diagonal(modules, diagonal_mm), dpi).scales
    if not advised or not smallest <= diagonal_mm <= largest:
        return nearest
    return min(max(nearest, advised.start), advised.stop - 1)

"""Values cannot be changed: what was verified, judged or read stays what it was."""

from __future__ import annotations

import dataclasses
import pkgutil
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING

from coronapas.programmes import BUNDLED, load
from coronapas.programmes._booking import SecondDose
from coronapas.programmes._course import DoseGiven
from coronapas.trust import Source, TrustList

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = ("verify", "hcert", "trust", "revocation", "rules", "programmes")
MODULES = ("coronapas.issue", "coronapas.reissue")

BUILT_UP = {
    "coronapas.revocation._reading._Collected",
    "coronapas.rules._loading.Loaded",
    "coronapas.programmes._register.RegisterRun",
}
"""What a reader or a run fills while it works; nobody keeps it for a value."""

WITH_CACHES = {
    "coronapas.programmes._keys.Terms",
    "coronapas.revocation._holding.Holding",
    "coronapas.rules._model.Rule",
    "coronapas.rules._timeline.Window",
    "coronapas.rules._timeline.Timeline",
}
"""Values that keep what they compute once."""


def dataclasses_of_the_rooms() -> Iterator[type]:
    names = list(MODULES)
    for room in ROOMS:
        package = import_module(f"coronapas.{room}")
        modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [each.name for each in modules]
    for name in names:
        found = (each for each in vars(import_module(name)).values() if isinstance(each, type))
        yield from (each for each in found if each.__module__ == name and is_a_value(each))


def is_a_value(kind: type) -> bool:
    return dataclasses.is_dataclass(kind)


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def test_values_are_frozen() -> None:
    found = list(dataclasses_of_the_rooms())
    assert len(found) > 100
    changeable = {name_of(kind) for kind in found if not vars(kind)["__dataclass_params__"].frozen}
    assert changeable == BUILT_UP


def test_values_take_no_further_attributes() -> None:
    open_ones = {
        name_of(kind) for kind in dataclasses_of_the_rooms() if "__slots__" not in vars(kind)
    }
    assert open_ones == WITH_CACHES


def test_a_programme_is_shown_by_its_name_and_no_table_of_it() -> None:
    for programme in map(load, BUNDLED):
        assert repr(programme) == (
            f"Programme(id={programme.id!r}, title={programme.title!r}, unused={programme.unused})"
        )


def test_nothing_of_a_dose_is_shown_but_whether_sources_agree() -> None:
    dose = DoseGiven(date(2021, 6, 1), "EU/1/20/1528", 3, 4, numbers=((5, 6),))
    assert repr(dose) == "DoseGiven(disputed=False, probably=False)"


def test_the_days_of_a_second_dose_are_not_shown() -> None:
    on = date(2021, 6, 1)
    assert "2021" not in repr(SecondDose(on, on, on, ("EU/1/20/1528",)))


def test_a_list_is_shown_by_what_it_is_and_not_by_how_it_is_read() -> None:
    assert "unsettled" not in repr(TrustList(Source("given")))

"""Faults as text, and as those of a larger input."""

from __future__ import annotations

import pytest

from coronapas.errors import Fault, FaultsError


def fault(field: str) -> Fault:
    return Fault(field, "a.code", "It is wrong.", "Mend it.")


def test_a_fault_names_its_field_and_one_of_the_whole_input_names_none() -> None:
    assert str(fault("a.b")) == "a.b: It is wrong. Mend it."
    assert str(fault("")) == "It is wrong. Mend it."
    assert str(FaultsError([fault(""), fault("a")])).splitlines() == [
        "It is wrong. Mend it.",
        "a: It is wrong. Mend it.",
    ]


@pytest.mark.parametrize(("field", "path"), [("a.b", "3.a.b"), ("", "3")])
def test_a_fault_of_a_part_stands_at_its_place_in_the_whole(field: str, path: str) -> None:
    assert fault(field).within("3") == fault(path)

"""Partial evaluation: what is left of an expression when some of the data is known."""

from __future__ import annotations

from typing import Any

import pytest

from coronapas import certlogic
from coronapas.certlogic._partial import MAX_WRITTEN_ITEMS


def var(path: str) -> dict[str, str]:
    return {"var": path}


KNOWN: dict[str, Any] = {
    "a": 1,
    "zero": 0,
    "text": "2021-06-01",
    "none": None,
    "half": 0.5,
    "two": 2.0,
    "list": ["x", "y"],
    "mixed": ["x", None],
    "long": ["x"] * (MAX_WRITTEN_ITEMS + 1),
    "open": {"b": 2, "inner": {"c": 3}},
    "whole": {"b": 2},
    "hollow": {},
}
U = var("unknown")
TIME = {"plusTime": [var("text"), 14, "day"]}


@pytest.mark.parametrize(
    ("expression", "residual"),
    [
        (var("a"), 1),
        (var("two"), var("two")),
        ({"+": [var("two"), 1]}, 3),
        (var("open.b"), 2),
        (var("open.inner.c.d"), {"var": "open.inner.c.d"}),
        (var("open.x"), var("open.x")),
        (var("none"), var("none")),
        (var("half"), var("half")),
        (var("list"), var("list")),
        (var("list.1"), "y"),
        (var("list.2"), var("list.2")),
        (var("open"), var("open")),
        ([var("a"), U], [1, U]),
        ({"if": [var("a"), U, 0]}, U),
        ({"if": [var("none"), U, {"+": [var("a"), 1]}]}, 2),
        ({"if": [var("open"), U, 0]}, U),
        ({"if": [var("hollow"), U, 0]}, {"if": [var("hollow"), U, 0]}),
        ({"if": [var("list.2"), U, 0]}, 0),
        ({"if": [[U], 1, 0]}, 1),
        ({"if": [U, {"+": [var("a"), 1]}, 0]}, {"if": [U, 2, 0]}),
        ({"if": [var("half"), 1, 0]}, {"if": [var("half"), 1, 0]}),
        ({"and": [var("a"), U]}, {"and": [True, U]}),
        ({"and": [var("a"), {"!": [U]}]}, {"!": [U]}),
        ({"and": [U, var("zero"), var("other")]}, {"and": [U, 0]}),
        ({"and": [var("zero"), U]}, 0),
        ({"and": [U, var("a"), var("text")]}, {"and": [U, "2021-06-01"]}),
        ({"and": [U, var("a"), var("other")]}, {"and": [U, var("other")]}),
        ({"and": [var("a"), var("half")]}, {"and": [True, var("half")]}),
        ({"!": [{"and": [U, False]}]}, {"!": [{"and": [U, False]}]}),
        ({"if": [[{"+": [U, 1]}], 1, 0]}, {"if": [[{"+": [U, 1]}], 1, 0]}),
        ({"!": [var("a")]}, False),
        ({"!": [U]}, {"!": [U]}),
        ({"===": [var("a"), 1]}, True),
        ({"===": [var("list"), var("list")]}, True),
        ({"===": [var("list"), ["x", "y"]]}, False),
        ({"===": [U, var("a")]}, {"===": [U, 1]}),
        ({"===": [U, var("list")]}, {"===": [U, var("list")]}),
        ({"in": ["x", var("list")]}, True),
        ({"in": ["x", var("none")]}, False),
        ({"in": [U, var("list")]}, {"in": [U, ["x", "y"]]}),
        ({"in": [U, var("mixed")]}, {"in": [U, var("mixed")]}),
        ({"in": [U, var("long")]}, {"in": [U, var("long")]}),
        ({"in": [U, [var("a")]]}, {"in": [U, [1]]}),
        ({"in": ["x", var("a")]}, {"in": ["x", 1]}),
        ({"<": [var("zero"), var("a"), 3]}, True),
        ({"<": [var("zero"), U]}, {"<": [0, U]}),
        ({"<": [var("zero"), var("text")]}, {"<": [0, "2021-06-01"]}),
        ({"+": [var("a"), U]}, {"+": [1, U]}),
        ({"after": [TIME, {"dccDateOfBirth": [var("text")]}]}, True),
        (
            {"after": [TIME, {"plusTime": [U, 0, "day"]}]},
            {"after": [{"plusTime": ["2021-06-01", 14, "day"]}, {"plusTime": [U, 0, "day"]}]},
        ),
        ({"dccDateOfBirth": [U]}, {"dccDateOfBirth": [U]}),
        ({"extractFromUVCI": [var("text"), 0]}, "2021-06-01"),
        ({"extractFromUVCI": [U, 0]}, {"extractFromUVCI": [U, 0]}),
        ({"reduce": [var("none"), U, var("a")]}, 1),
        ({"reduce": [[], U, var("other")]}, var("other")),
        ({"reduce": [var("list"), {"+": [var("accumulator"), 1]}, 0]}, 2),
        ({"reduce": [var("list"), {"+": [var("accumulator"), "1"]}, 0]},
         {"reduce": [["x", "y"], {"+": [var("accumulator"), "1"]}, 0]}),
        ({"reduce": [U, {"+": [var("accumulator"), var("data.a")]}, var("zero")]},
         {"reduce": [U, {"+": [var("accumulator"), 1]}, 0]}),
        ({"reduce": [var("list"), {"if": [var("data.unknown"), var("data"), 1]}, 0]},
         {"reduce": [["x", "y"], {"if": [var("data.unknown"), var("data"), 1]}, 0]}),
        ({"reduce": [U, {"reduce": [var("current"), var("data.data.a"), 0]}, 0]},
         {"reduce": [U, {"reduce": [var("current"), 1, 0]}, 0]}),
    ],
)  # fmt: skip
def test_what_is_known_is_done_and_the_rest_is_left(expression: Any, residual: Any) -> None:
    assert certlogic.to_json(certlogic.partial(expression, KNOWN)) == residual


def test_an_object_that_is_whole_lacks_what_it_lacks() -> None:
    rule = {"if": [var("open.x"), U, 3]}
    assert certlogic.to_json(certlogic.partial(rule, KNOWN)) == rule
    assert certlogic.to_json(certlogic.partial(rule, KNOWN, ["open"])) == 3
    assert certlogic.to_json(certlogic.partial(rule, KNOWN, [""])) == 3
    assert certlogic.to_json(certlogic.partial(U, KNOWN, [""])) == U
    assert certlogic.to_json(certlogic.partial({"!": [U]}, KNOWN, [""])) is True
    assert certlogic.to_json(certlogic.partial({"!": [var("hollow")]}, KNOWN, ["hollow"])) is True


def test_all_that_is_left_of_a_rule_for_one_pass_is_about_the_clock() -> None:
    rule = {
        "if": [
            var("payload.v.0"),
            {
                "and": [
                    {">=": [var("payload.v.0.dn"), var("payload.v.0.sd")]},
                    {
                        "not-after": [
                            {"plusTime": [var("payload.v.0.dt"), 14, "day"]},
                            {"plusTime": [var("external.validationClock"), 0, "day"]},
                        ]
                    },
                ]
            },
            True,
        ]
    }
    payload = {"v": [{"dn": 2, "sd": 2, "dt": "2021-06-01"}]}
    residual = certlogic.partial(rule, {"payload": payload}, ["payload"])
    assert certlogic.to_text(residual) == (
        '"2021-06-01" + 14 days is not after external.validationClock + 0 days'
    )
    assert certlogic.data_accesses(residual) == ("external.validationClock",)

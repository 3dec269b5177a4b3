"""What is proved of an expression holds for all data; and known dead ends are found."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coronapas import certlogic
from coronapas.rules._lint.dead_ends import Budget, Facts, _shortest, dead_ends

CLOCK = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
DN, SD = {"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}


def dose(amount: int, unit: str = "day") -> dict[str, Any]:
    return {"plusTime": [{"var": "payload.v.0.dt"}, amount, unit]}


NEVER, TWICE = ["contradiction", "unreachable"], ["contradiction", "contradiction"]


def found(logic: Any) -> list[str]:
    return [end.code for end in dead_ends(certlogic.parse(logic)).found]


@pytest.mark.parametrize(
    ("logic", "codes"),
    [
        # the same condition again, and its opposite
        ({"if": [DN, {"if": [DN, True, False]}, False]}, ["unreachable"]),
        ({"if": [{"!": [DN]}, {"if": [DN, True, False]}, False]}, ["unreachable"]),
        ({"if": [True, True, False]}, ["unreachable"]),
        ({"and": [False, {"if": [True, 1, 2]}]}, []),
        # integers
        ({"if": [{">": [DN, SD]}, {"if": [{"<": [DN, SD]}, 1, 2]}, 3]}, NEVER),
        ({"if": [{">": [DN, 2]}, {"if": [{">": [DN, 1]}, 1, 2]}, 3]}, ["always", "unreachable"]),
        ({"if": [{"===": [DN, 1]}, {"if": [{">=": [DN, 2]}, 1, 2]}, 3]}, NEVER),
        ({"and": [{"<": [DN, SD]}, {"<": [SD, 3]}, {">": [DN, 1]}]}, TWICE),
        ({"and": [{">": [{"+": [DN, 1]}, 3]}, {"<": [DN, 3]}]}, TWICE),
        ({"if": [{">": [DN, SD]}, 1, {"if": [{"===": [DN, SD]}, 2, {"<": [DN, SD]}]}]}, ["always"]),
        # date-times
        ({"not-after": [dose(22), CLOCK, dose(10)]}, ["contradiction"]),
        ({"and": [{"before": [CLOCK, dose(14)]}, {"after": [CLOCK, dose(14)]}]}, TWICE),
        ({"not-after": [dose(1, "month"), CLOCK, dose(27)]}, ["contradiction"]),
        ({"not-before": [CLOCK, dose(-1, "year"), dose(0)]}, ["contradiction"]),
        ({"before": [{"plusTime": ["2021", 0, "day"]}, {"plusTime": ["2020", 0, "day"]}]},
         ["contradiction"]),
        ({"after": [{"dccDateOfBirth": [{"var": "payload.dob"}]},
                    {"plusTime": [{"var": "payload.dob"}, 0, "day"]}]}, ["contradiction"]),
        # texts, lists, paths
        ({"if": [{"===": [DN, "a"]}, {"if": [{"===": ["b", DN]}, 1, 2]}, 3]}, ["unreachable"]),
        ({"if": [{"===": [DN, "a"]}, {"if": [{"in": [DN, ["b"]]}, 1, 2]}, 3]}, ["unreachable"]),
        ({"if": [{"===": [DN, "a"]}, {"if": [{"in": [DN, ["a"]]}, 1, 2]}, 3]}, ["unreachable"]),
        ({"if": [{"!": [{"var": "payload.v.0"}]}, {"if": [DN, 1, 2]}, 3]}, ["unreachable"]),
        ({"and": [DN, {"!": [{"var": "payload.v"}]}]}, ["contradiction"]),
        # conditions that are conditions
        ({"if": [{"if": [DN, SD, False]}, {"if": [SD, 1, 2]}, 3]}, ["unreachable"]),
        ({"if": [{"!": [{"and": [DN, SD]}]}, {"if": [{"and": [SD, DN]}, 1, 2]}, 3]}, []),
        ({"if": [DN, {"if": [{"and": [DN, SD]}, 1, {"if": [SD, 2, 3]}]}, 3]}, ["unreachable"]),
        # a lambda has data of its own
        ({"if": [DN, {"reduce": [{"var": "b"}, {"if": [DN, 1, 2]}, 0]}, 0]}, []),
        ({"reduce": [{"var": "b"}, {"if": [True, 1, 2]}, 0]}, ["unreachable"]),
    ],
)  # fmt: skip
def test_a_known_dead_end_is_found(logic: Any, codes: list[str]) -> None:
    assert found(logic) == codes


@pytest.mark.parametrize(
    "logic",
    [
        {"if": [DN, {"if": [SD, True, False]}, False]},
        {"not-after": [dose(14), CLOCK, dose(270)]},
        {"not-after": [dose(14), CLOCK, dose(14)]},
        {"not-after": [dose(1, "month"), CLOCK, dose(28)]},
        {"not-after": [dose(1, "year"), CLOCK, dose(365)]},
        {"and": [{">": [DN, 1]}, {"<": [DN, 3]}]},
        {"if": [{">": [DN, SD]}, True, {"if": [{"===": [DN, SD]}, True, False]}]},
        {"if": [{"===": [DN, "a"]}, 1, {"if": [{"===": [DN, "b"]}, 2, 3]}]},
        {"if": [{"in": [DN, {"var": "external.valueSets.x"}]}, 1, 2]},
        {"before": [{"plusTime": ["no date", 0, "day"]}, CLOCK]},
    ],
)
def test_what_can_happen_is_let_be(logic: Any) -> None:
    assert found(logic) == []


NUMBERS = st.sampled_from([DN, SD, {"+": [DN, 1]}, {"+": [SD, -1]}, 0, 1, 2, 3])
DATES = st.sampled_from(
    [
        *(CLOCK, dose(0), dose(2), dose(-2), dose(1, "month"), dose(-1, "month"), dose(31)),
        *(dose(1, "year"), dose(28), {"plusTime": ["2021-01-31", 0, "day"]}),
    ]
)


def comparisons(
    operators: list[str], operands: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda operator, values: {operator: values},
        st.sampled_from(operators),
        st.lists(operands, min_size=2, max_size=3),
    )


GUARDS = st.recursive(
    comparisons(["<", ">", "<=", ">="], NUMBERS)
    | comparisons(["after", "before", "not-after", "not-before"], DATES)
    | st.builds(lambda one, other: {"===": [one, other]}, NUMBERS, NUMBERS | st.just("a"))
    | st.builds(lambda one: {"in": [one, [1, 2, "a"]]}, NUMBERS)
    | st.sampled_from([DN, {"var": "payload.v"}, True, False]),
    lambda inner: (
        st.builds(lambda one: {"!": [one]}, inner)
        | st.builds(lambda some: {"and": some}, st.lists(inner, min_size=2, max_size=3))
        | st.builds(lambda some: {"if": some}, st.lists(inner, min_size=3, max_size=3))
    ),
    max_leaves=5,
)
WORLDS = [
    {"payload": {"v": [{"dn": dn, "sd": sd, "dt": date}]}, "external": {"validationClock": clock}}
    for dn in (0, 1, 2, 3)
    for sd in (0, 1, 2, 3)
    for date, clock in [
        ("2021-01-31", "2021-01-31"),
        ("2021-01-31", "2021-02-28"),
        ("2021-01-29", "2021-03-01"),
        ("2021-02-28", "2021-03-28"),
        ("2020-02-29", "2021-03-01"),
        ("2021-03-31", "2021-03-01"),
        ("2021-03-31", "2021-03-03"),
    ]
]


@settings(max_examples=150)
@given(st.lists(st.tuples(GUARDS, st.booleans()), min_size=1, max_size=3))
def test_no_data_does_what_is_held_impossible(path: list[tuple[Any, bool]]) -> None:
    facts: Facts | None = Facts(Budget())
    for guard, holds in path:
        facts = None if facts is None else facts.assume(certlogic.parse(guard), holds)
    if facts is None:
        assert not [world for world in WORLDS if all(agrees(world, *step) for step in path)]


def agrees(world: Any, guard: Any, holds: bool) -> bool:
    try:
        return bool(certlogic.evaluate(guard, world)) is holds
    except certlogic.CertLogicError:
        return False


def test_a_hostile_expression_costs_bounded_work() -> None:
    guard: Any = DN
    for depth in range(90):
        guard = {"if": [guard, {">": [DN, depth]}, {"<": [SD, depth]}]}
    assert isinstance(found({"if": [guard, guard, 0]}), list)
    many = {"and": [{"<": [{"var": f"a{n}"}, {"var": f"a{n + 1}"}]} for n in range(300)]}
    assert found(many) == []
    far = {"before": [dose(2**40, "month"), dose(2**40, "hour")]}
    assert isinstance(found(far), list)


def test_what_is_not_looked_at_for_want_of_work_is_said() -> None:
    expression = certlogic.parse({"and": [{"<": [DN, 2]}, {">": [DN, 3]}]})
    assert dead_ends(expression).complete
    assert [end.code for end in dead_ends(expression).found] == TWICE
    assert dead_ends(expression, work=5) == ((), False)


def test_the_work_counts_the_nodes_and_the_differences_looked_at() -> None:
    budget = Budget()
    facts: Facts | None = Facts(budget)
    spent = []
    for number in range(40):
        before = budget.left
        step = {"<": [{"var": f"a{number}"}, {"var": f"a{number + 1}"}]}
        facts = facts and facts.assume(certlogic.parse(step), True)
        spent.append(before - budget.left)
    # Each comparison has more truths to copy and more differences to look at than the one before.
    assert spent == sorted(spent)
    assert spent[-1] > spent[0] + 39


def test_a_large_dead_end_is_named_and_not_written_out() -> None:
    wide = certlogic.parse({"if": [True, 1, {"and": [DN] * 1000}]})
    assert dead_ends(wide).found[0].text == 'an "and" of 1001 values'


def test_a_dead_end_is_shown_in_the_notation_of_the_language() -> None:
    (end,) = dead_ends(certlogic.parse({"not-after": [dose(22), CLOCK, dose(10)]})).found
    assert "payload.v.0.dt + 22 days" in end.text
    assert "\n" not in end.text
    wide = certlogic.parse({"if": [True, 1, {"in": ["x" * 90, ["y" * 90, "z" * 90]]}]})
    assert len(dead_ends(wide).found[0].text) == 200


def test_a_bound_costs_no_more_rounds_than_it_takes() -> None:
    nodes = [("node", number) for number in range(50)]
    # In the order of the way each round finds all; in the other order it finds one.
    way = [(step, 1) for step in pairwise(nodes)]
    for edges, rounds in ((dict(way), 2), (dict(reversed(way)), 49)):
        budget = Budget()
        before = budget.left
        assert _shortest(edges, nodes[-1], nodes[0], budget) == 49
        assert before - budget.left == rounds * len(edges)
        tight = Budget(rounds * len(edges) - 1)
        assert _shortest(edges, nodes[-1], nodes[0], tight) is None

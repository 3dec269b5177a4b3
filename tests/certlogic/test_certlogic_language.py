"""What each operation does and refuses, in the interpreter and compiled alike."""

from __future__ import annotations

import ast
import dis
import json
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest

from certlogic.outcomes import exactly, outcome
from coronapas import certlogic
from coronapas.certlogic import _compiler as compiler
from coronapas.certlogic._expressions import Literal, children, operator_of, size, walk

CLOCK = "2022-03-01T12:00:00Z"
DATA: dict[str, Any] = {
    "null": None,
    "yes": True,
    "no": False,
    "zero": 0,
    "one": 1,
    "two": 2.0,
    "half": 0.5,
    "minus": -0.0,
    "text": "abc",
    "empty": "",
    "date": "2021-06-01",
    "list": ["abc", 1, None, True, 0.5, [1]],
    "nothing": [],
    "object": {"a": {"0": "zero", "b": [{"c": 7}]}},
    "hollow": {},
    "0": "key of a digit",
    "uvci": "URN:UVCI:01:DK:A1B2#X",
}


def var(path: str) -> dict[str, str]:
    return {"var": path}


def check(expression: Any, expected: Any, data: Any = DATA) -> None:
    """The value, from the interpreter, compiled, and explained."""
    assert exactly(certlogic.evaluate(expression, data)) == exactly(expected)
    assert exactly(certlogic.compile(expression)(data)) == exactly(expected)
    assert exactly(certlogic.explain(expression, data).value) == exactly(expected)


def refused(expression: Any, code: str, data: Any = DATA) -> None:
    """The refusal's code, from the interpreter and compiled, and no data in its words."""
    for run in (certlogic.evaluate, lambda json, data: certlogic.compile(json)(data)):
        with pytest.raises(certlogic.EvaluationError) as caught:
            run(expression, data)
        assert caught.value.code == code
        assert caught.value.expr is not None
        assert "abc" not in str(caught.value)


TRUTHY = ("yes", "one", "two", "text", "list", "object")
FALSY = ("null", "no", "zero", "minus", "empty", "nothing", "hollow", "missing", "missing.below")


@pytest.mark.parametrize("path", TRUTHY + FALSY)
def test_truth_is_as_the_language_has_it(path: str) -> None:
    truthy = path in TRUTHY
    check({"if": [var(path), "then", "else"]}, "then" if truthy else "else")
    check({"!": [var(path)]}, not truthy)
    check({"and": [var(path), "last"]}, "last" if truthy else DATA.get(path))
    check({"if": [{"and": [var(path), var("yes")]}, 1, 2]}, 1 if truthy else 2)


@pytest.mark.parametrize(
    "without", [var("half"), {"plusTime": [CLOCK, 0, "day"]}, {"plusTime": [var("date"), 0, "day"]}]
)
def test_fractions_and_date_times_have_no_truth(without: Any) -> None:
    refused({"if": [without, 1, 2]}, "operand.no-truth")
    refused({"!": [without]}, "operand.no-truth")
    refused({"and": [without, True]}, "operand.no-truth")
    refused({"and": [True, without]}, "operand.no-truth")
    refused({"if": [{"and": [True, without]}, 1, 2]}, "operand.no-truth")
    check({"and": [False, without]}, False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", DATA),
        ("text", "abc"),
        ("list.0", "abc"),
        ("list.5.0", 1),
        ("list.6", None),
        ("list.-1", None),
        ("list.00", "abc"),
        ("list.length", None),
        ("list.²", None),
        ("list.0.0", None),
        ("list.9999999999", None),
        ("text.0", None),
        ("text.length", None),
        ("one.0", None),
        ("yes.a", None),
        ("null.a.b", None),
        ("object.a.b.0.c", 7),
        ("object.a.0", "zero"),
        ("object.a.1", None),
        ("object.a.b.0.c.d", None),
        ("0", "key of a digit"),
        ("hollow.toString", None),
    ],
)
def test_a_path_leads_through_objects_and_arrays_and_nowhere_else(path: str, expected: Any) -> None:
    check(var(path), expected)


@pytest.mark.parametrize("data", [None, True, 1, "abc", [], [5], {}, {"a": [5]}])
def test_any_json_can_be_data(data: Any) -> None:
    check(var(""), data, data)
    check(var("0"), 5 if data == [5] else None, data)
    check(var("a.0"), 5 if data == {"a": [5]} else None, data)


def test_other_mappings_and_tuples_pass_as_objects_and_arrays() -> None:
    data = MappingProxyType({"v": (MappingProxyType({"dn": 2}),), "l": ("a", "b"), "e": ()})
    check({"if": [var("v.0"), var("v.0.dn"), 0]}, 2, data)
    check({"in": ["b", var("l")]}, True, data)
    check({"!": [var("e")]}, True, data)
    check({"reduce": [var("l"), {"+": [var("accumulator"), 1]}, 0]}, 2, data)
    check({"===": [var("v"), var("v")]}, True, data)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1, True),
        (1, 2, False),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        ("a", "a", True),
        (True, True, True),
        ([], [], False),
        ([1], [1], False),
        (var("one"), 1, True),
        (var("one"), True, False),
        (1, var("yes"), False),
        (var("yes"), True, True),
        (var("yes"), var("one"), False),
        (var("two"), 2, True),
        (var("half"), var("half"), True),
        (var("text"), "abc", True),
        (var("text"), var("list.0"), True),
        (var("text"), var("one"), False),
        (var("null"), var("missing"), True),
        (var("null"), var("no"), False),
        (var("null"), "x", False),
        (var("list"), var("list"), True),
        (var("list"), [1], False),
        (var("object"), var("object.a"), False),
        (var("hollow"), var("nothing"), False),
        ({"!": [var("one")]}, var("no"), True),
        ({"!": [1]}, {"!": [2]}, True),
        ({"+": [1, 1]}, {"+": [2, 0]}, True),
        ({"+": [1, 1]}, 2, True),
        ({"+": [0, 1]}, 1, True),
        ({"+": [0, 1]}, True, False),
        ({"plusTime": [CLOCK, 0, "day"]}, {"plusTime": [CLOCK, 0, "day"]}, False),
        ({"plusTime": [CLOCK, 0, "day"]}, CLOCK, False),
        ({"extractFromUVCI": [var("uvci"), 1]}, "DK", True),
        ({"extractFromUVCI": ["a:b", 1]}, {"extractFromUVCI": ["b", 0]}, True),
    ],
)
def test_equality_is_of_the_same_kind_and_value_and_of_containers_with_themselves(
    left: Any, right: Any, expected: bool
) -> None:
    check({"===": [left, right]}, expected)
    check({"===": [right, left]}, expected)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("abc", ["abc", "x"], True),
        ("y", ["abc", "x"], False),
        (1, ["1", 1], True),
        (True, [1, 0], False),
        (1, ["a", "b"], False),
        ("a", [], False),
        (var("text"), ["abc"], True),
        (var("list"), ["abc"], False),
        (var("null"), ["abc"], False),
        (var("yes"), [1, True], True),
        (var("yes"), [1, 0], False),
        ("abc", var("list"), True),
        (1, var("list"), True),
        (var("null"), var("list"), True),
        (var("yes"), var("list"), True),
        (var("no"), var("list"), False),
        (var("list.5"), var("list"), True),
        ([1], var("list"), False),
        ("a", var("null"), False),
        ("a", var("missing"), False),
        ({"plusTime": [CLOCK, 0, "day"]}, var("list"), False),
        ({"plusTime": [CLOCK, 0, "day"]}, ["x"], False),
        ({"plusTime": [CLOCK, 0, "day"]}, [1], False),
        ({"extractFromUVCI": [var("uvci"), 1]}, ["DK"], True),
        ({"if": [True, "abc", "x"]}, ["abc", "d"], True),
        ({"if": [var("yes"), "abc", "x"]}, var("list"), True),
        ("abc", {"if": [var("no"), [], var("list")]}, True),
    ],
)
def test_in_looks_for_an_equal_item(left: Any, right: Any, expected: bool) -> None:
    check({"in": [left, right]}, expected)
    check({"if": [{"in": [left, right]}, True, False]}, expected)


@pytest.mark.parametrize("array", ["abc", 1, True, var("text"), var("object"), {"!": [1]}])
def test_in_refuses_what_is_no_array(array: Any) -> None:
    refused({"in": ["a", array]}, "operand.array")


@pytest.mark.parametrize("operator", ["<", ">", "<=", ">="])
@pytest.mark.parametrize(
    "numbers", [[1, 2], [2, 2], [3, 2], [1, 2, 3], [1, 1, 2], [3, 2, 1], [1, 3, 2]]
)
def test_integers_compare_in_twos_and_threes(operator: str, numbers: list[int]) -> None:
    holds = {"<": int.__lt__, ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__}[operator]
    expected = all(holds(a, b) for a, b in pairwise(numbers))
    check({operator: numbers}, expected)
    check({operator: [var(str(n)) for n in range(len(numbers))]}, expected, numbers)
    check(
        {operator: [var(str(n)) for n in range(len(numbers))]}, expected, list(map(float, numbers))
    )


@pytest.mark.parametrize(
    "operand", ["1", True, [1], var("half"), var("null"), var("yes"), var("text")]
)
def test_what_is_no_integer_is_not_compared_or_added(operand: Any) -> None:
    refused({"<": [1, operand]}, "operand.integer")
    refused({"<": [3, 2, operand]}, "operand.integer")
    refused({"+": [operand, 1]}, "operand.integer")


def test_sums_are_of_two_integers() -> None:
    check({"+": [1, -3]}, -2)
    check({"+": [var("one"), var("two")]}, 3)


@pytest.mark.parametrize("operator", ["after", "before", "not-after", "not-before"])
def test_date_times_compare_in_twos_and_threes(operator: str) -> None:
    signs = {"after": ">", "before": "<", "not-after": "<=", "not-before": ">="}
    days = ("2021-06-01", "2021-06-02")
    for first in days:
        for second in days:
            for third in (*days, None):
                texts = [text for text in (first, second, third) if text is not None]
                numbers = [days.index(text) for text in texts]
                expected = certlogic.evaluate({signs[operator]: numbers}, None)
                literal = [{"plusTime": [text, 0, "hour"]} for text in texts]
                check({operator: literal}, expected)
                read = [{"plusTime": [var(str(n)), 0, "hour"]} for n in range(len(texts))]
                check({operator: read}, expected, texts)


@pytest.mark.parametrize("operand", [CLOCK, 1, [1], var("date"), var("null")])
def test_what_is_no_date_time_is_not_compared_as_one(operand: Any) -> None:
    time = {"plusTime": [CLOCK, 0, "day"]}
    refused({"after": [time, operand]}, "operand.date-time")
    refused({"after": [operand, time]}, "operand.date-time")
    # All operands are evaluated, though the first two decide.
    refused({"after": [time, {"plusTime": [CLOCK, 1, "day"]}, operand]}, "operand.date-time")


def test_time_is_added_to_texts_alone() -> None:
    for operand in (
        1,
        True,
        [CLOCK],
        var("null"),
        var("one"),
        var("list"),
        {"dccDateOfBirth": ["2004"]},
    ):
        refused({"plusTime": [operand, 0, "day"]}, "operand.string")
        refused({"dccDateOfBirth": [operand]}, "operand.string")
    for text in ("abcd", var("text"), "2021-02-30"):
        assert outcome(certlogic.evaluate, {"plusTime": [text, 0, "day"]}, DATA)[0] == "refused"
        assert outcome(certlogic.compile({"dccDateOfBirth": [text]}), DATA)[0] == "refused"
    refused({"plusTime": [var("date"), 10**15, "day"]}, "date-time.range")
    refused({"plusTime": [var("date"), 10**15, "year"]}, "date-time.range")
    refused({"plusTime": ["2021", -(10**15), "hour"]}, "date-time.range")
    refused({"dccDateOfBirth": [var("clock")]}, "date-time.birth-format", {"clock": CLOCK})
    refused({"dccDateOfBirth": [CLOCK]}, "date-time.birth-format")


def test_a_date_time_comes_out_as_an_aware_datetime_wherever_it_stands() -> None:
    read = {"plusTime": [var("date"), 0, "day"]}
    born = {"dccDateOfBirth": [var("date")]}
    moment = certlogic.evaluate({"plusTime": ["2021-06-01", 0, "day"]}, None)
    assert moment.isoformat() == "2021-06-01T00:00:00+00:00"
    check(read, moment)
    check(born, moment)
    check([read, [born], 1], [moment, [moment], 1])
    check({"if": [var("yes"), read, born]}, moment)
    check({"if": [var("yes"), read, 3]}, moment)
    check({"if": [var("no"), read, [born]]}, [moment])
    check({"reduce": [[1], {"dccDateOfBirth": ["2021-06-01"]}, read]}, moment)
    check({"reduce": [[read], var("current"), 0]}, moment)
    check({"reduce": [[[read]], var("current.0"), 0]}, moment)


def test_date_times_pass_through_ifs_reduces_and_arrays() -> None:
    read = {"plusTime": [var("date"), 0, "day"]}
    later = {"plusTime": [var("date"), 1, "month"]}
    inside = {"plusTime": [var("data.date"), 0, "day"]}
    born = {"reduce": [[1], {"dccDateOfBirth": [var("data.date")]}, later]}
    check({"after": [later, {"if": [var("yes"), read, later]}]}, True)
    check({"after": [later, {"if": [var("yes"), born, later]}]}, True)
    check({"after": [later, {"if": [{"if": [var("yes"), False, True]}, later, born]}]}, True)
    check({"before": [born, {"reduce": [[], 1, later]}]}, True)
    check({"reduce": [[read, later], {"after": [var("current"), inside]}, False]}, True)
    check({"reduce": [[read], {"===": [var("current"), var("current")]}, 0]}, True)
    refused({"after": [later, {"if": [var("yes"), 3, later]}]}, "operand.date-time")
    refused({"if": [{"reduce": [[read], var("current"), 0]}, 1, 2]}, "operand.no-truth")
    refused({"and": [1, {"if": [var("yes"), read, 3]}, 3]}, "operand.no-truth")


@pytest.mark.parametrize(
    ("uvci", "index", "expected"),
    [
        ("URN:UVCI:01:DK:A1B2#X", 1, "DK"),
        ("URN:UVCI:01:DK:A1B2#X", 3, "X"),
        ("URN:UVCI:01:DK:A1B2#X", 4, None),
        ("URN:UVCI:01", -1, None),
        ("", 0, ""),
        ("", 1, None),
        ("urn:uvci:01", 0, "urn"),
        ("URN:UVCI:URN:UVCI:01", 1, "UVCI"),
        (None, 0, None),
    ],
)
def test_a_fragment_of_a_uvci_is_found_by_its_index(
    uvci: str | None, index: int, expected: str | None
) -> None:
    check({"extractFromUVCI": [var("ci"), index]}, expected, {"ci": uvci})
    if uvci is not None:
        check({"extractFromUVCI": [uvci, index]}, expected)
        check({"extractFromUVCI": [{"extractFromUVCI": [uvci, index]}, 0]}, expected)


@pytest.mark.parametrize(
    "operand", [1, True, [], var("one"), var("list"), {"plusTime": [CLOCK, 0, "day"]}]
)
def test_what_is_neither_text_nor_null_has_no_fragments(operand: Any) -> None:
    refused({"extractFromUVCI": [operand, 0]}, "operand.string")


def test_a_reduce_sees_the_item_the_accumulator_and_the_data() -> None:
    count = {"+": [var("accumulator"), {"if": [{"===": [var("current"), var("data.one")]}, 1, 0]}]}
    check({"reduce": [var("list"), count, 10]}, 11)
    check({"reduce": [var("missing"), count, 10]}, 10)
    check({"reduce": [[], count, var("text")]}, "abc")
    check({"reduce": [[1, 2], var(""), 0]}, {
        "accumulator": {"accumulator": 0, "current": 1, "data": DATA}, "current": 2, "data": DATA
    })  # fmt: skip
    check({"reduce": [[1], var("one"), 0]}, None)
    check({"reduce": [[1], var("one.0.x"), 0]}, None)
    check({"reduce": [[1], var("data.list.0"), 0]}, "abc")
    check({"reduce": [[1], var("data"), 0]}, DATA)
    check({"reduce": [[{"if": [True, [7], 0]}], var("current.0"), 0]}, 7)
    inner = {"reduce": [var("current"), {"+": [var("accumulator"), var("data.data.one")]}, 0]}
    check({"reduce": [[[1, 2], [3]], {"+": [var("accumulator"), inner]}, 0]}, 3)
    outer = {"reduce": [[1], {"+": [var("data.accumulator"), var("current")]}, 0]}
    check({"reduce": [[5], outer, 40]}, 41)
    check({"reduce": [[1, 2], {"in": [var("current"), [2, 3]]}, 0]}, True)
    check({"reduce": [[1, 2], {"in": [1, var("data.list")]}, 0]}, True)


@pytest.mark.parametrize("operand", [1, "abc", True, var("text"), var("object"), {"!": [1]}])
def test_a_reduce_goes_through_arrays_alone(operand: Any) -> None:
    refused({"reduce": [operand, 1, 2]}, "operand.array")
    below = var(f"data.{operand['var']}") if operand in (var("text"), var("object")) else operand
    refused({"reduce": [[1], {"reduce": [below, 1, 2]}, 0]}, "operand.array")


def test_branches_not_taken_are_not_evaluated() -> None:
    bad = {"plusTime": [var("text"), 0, "day"]}
    check({"if": [var("yes"), 1, bad]}, 1)
    check({"if": [{"===": [1, 2]}, bad, {"if": [1, 2, bad]}]}, 2)
    check({"and": [var("no"), {"after": [bad, bad]}]}, False)
    check({"if": [{"and": [var("yes"), var("null"), {"after": [bad, bad]}]}, bad, 3]}, 3)
    check({"!": [{"and": [var("no"), {"after": [bad, bad]}]}]}, True)
    check({"===": [{"and": [var("zero"), bad]}, 0]}, True)
    check({"===": [{"and": [var("one"), var("text"), {"in": [1, var("list")]}]}, True]}, True)


def test_what_a_guard_has_shown_is_used_in_its_branches() -> None:
    guard = {"and": [var("v.0"), {"!": [{"!": [var("w")]}]}, {"in": [var("v.0.x"), ["a"]]}]}
    rule = {"if": [guard, {"===": [var("v.0.x"), var("w.x")]}, {"if": [var("w"), 1, 2]}]}
    check(rule, True, {"v": [{"x": "a"}], "w": {"x": "a"}})
    check(rule, 1, {"v": [{"x": "b"}], "w": {"x": "a"}})
    check(rule, 2, {"v": [{"x": "b"}]})
    check(rule, 2, {"v": None})
    nested = {
        "and": [
            {"and": [var("v"), var("v.0")]},
            {"!": [{"and": [var("w"), var("w.x")]}]},
            var("v.0.x"),
        ]
    }
    check(nested, "a", {"v": [{"x": "a"}]})
    check({"if": [{"!": [var("v")]}, 1, var("v.0")]}, {"x": 1}, {"v": [{"x": 1}]})


def test_the_code_is_made_of_constants_and_never_read_from_the_expression() -> None:
    hostile = '__import__("os")'
    rule = {"and": [{"var": hostile}, {"===": [{"var": "slow"}, "slow(data)"]}]}
    compiled = certlogic.compile(rule)
    assert compiled({hostile: 1, "slow": "slow(data)"}) is True
    names = set(compiled.__code__.co_names)  # type: ignore[attr-defined]
    assert hostile not in names
    assert compiled.__globals__["__builtins__"] == {}  # type: ignore[attr-defined]
    assert dis.code_info(compiled)
    assert isinstance(compiler.syntax_tree(certlogic.parse(rule)), ast.Module)


def test_what_the_generator_does_not_take_on_is_interpreted() -> None:
    deep: Any = {"var": "current"}
    for _ in range(12):
        deep = {"reduce": [[1], deep, 0]}
    check(deep, 1)
    wide = {"and": [{"===": [{"var": "one"}, 1]}] * 3000}
    check(wide, True)
    check({"in": [1, [0] * 30_000]}, False)
    many = {"+": [{"var": "accumulator"}, {"if": [{"and": [True] * 130}, 1, 0]}]}
    check({"reduce": [[0] * 200, many, 0]}, 200)


def test_the_tree_can_be_walked_and_measured() -> None:
    expr = certlogic.parse(
        {"if": [{"in": [var("a"), ["x", {"extractFromUVCI": ["b", 0]}]]}, 1, {"!": [2]}]}
    )
    assert [operator_of(node) or "-" for node in walk(expr)] == [
        *("if", "in", "var", "-", "-", "extractFromUVCI", "-", "-", "!", "-")
    ]
    assert size(expr) == 10
    assert len(children(expr)) == 3
    assert Literal(True) != Literal(1)
    assert Literal(1) != 1
    assert len({Literal(True), Literal(1), Literal(1)}) == 2


def test_what_is_refused_says_which_operation_and_never_the_data() -> None:
    expression = {"and": [True, {"<": [1, var("text")]}]}
    with pytest.raises(certlogic.EvaluationError) as caught:
        certlogic.compile(expression)(DATA)
    assert str(caught.value) == '"<" compares integers, not string'
    assert certlogic.to_json(caught.value.expr) == {"<": [1, var("text")]}  # type: ignore[arg-type]
    for value, name in ((True, "boolean"), (0.5, "fraction"), ([], "array"), ({}, "object")):
        with pytest.raises(certlogic.EvaluationError, match=f"not {name}"):
            certlogic.evaluate({"<": [1, var("x")]}, {"x": value})


def test_json_is_what_comes_out_of_a_json_reader() -> None:
    document = json.loads('{"+": [1.0, {"var": "x"}]}')
    assert certlogic.to_json(certlogic.parse(document)) == {"+": [1, var("x")]}
    check(document, 3, json.loads('{"x": 2.0}'))

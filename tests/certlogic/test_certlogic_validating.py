"""The issues of what is no expression, in the official words; type checks; paths that are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coronapas import certlogic
from coronapas.certlogic._analysis import type_issues
from coronapas.certlogic._parser import javascript_text

VARX = {"var": "x"}


def messages(document: Any) -> list[str]:
    return [issue.message for issue in certlogic.validate(document)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, ["invalid CertLogic expression"]),
        (0.5, ["0.5 is a non-integer number"]),
        ([1, None, [2.5]], ["invalid CertLogic expression", "2.5 is a non-integer number"]),
        ((1, 2), ["invalid CertLogic expression"]),
        ({}, ["expression object must have exactly one key, but it has 0"]),
        ({"a": 1, "b": 2}, ["expression object must have exactly one key, but it has 2"]),
        ({"all": 1}, ['operation not of the form { "<operator>": [ <values...> ] }']),
        ({"all": []}, ['unrecognised operator: "all"']),
        ({"or": [1, 2]}, ['unrecognised operator: "or"']),
        ({"var": ["x"]}, ['not of the form { "var": "<path>" }']),
        ({"var": "x..y"}, ["data access path doesn't have a valid format: x..y"]),
        ({"var": ".x"}, ["data access path doesn't have a valid format: .x"]),
        ({"var": "x\ny"}, []),
        ({"if": [1, 2]}, ['an "if"-operation must have exactly 3 values/operands, but it has 2']),
        (
            {"if": [1, 2, 3, None]},
            ['an "if"-operation must have exactly 3 values/operands, but it has 4'],
        ),
        (
            {"and": [None]},
            [
                'an "and" operation must have at least 2 operands, but it has 1',
                "invalid CertLogic expression",
            ],
        ),
        ({"and": [1] * 9}, []),
        (
            {"<": [1, 2, 3, None]},
            ['an operation with operator "<" must have 2 or 3 operands, but it has 4'],
        ),
        (
            {"not-after": [1]},
            ['an operation with operator "not-after" must have 2 or 3 operands, but it has 1'],
        ),
        (
            {"===": [1, 2, 3]},
            ['an operation with operator "===" must have 2 operands, but it has 3'],
        ),
        ({"in": []}, ['an operation with operator "in" must have 2 operands, but it has 0']),
        (
            {"!": [None, 1]},
            ["a !-operation (logical not/negation) must have exactly 1 operand, but it has 2"],
        ),
        ({"!": [0.5]}, ["0.5 is a non-integer number"]),
        (
            {"plusTime": [None, "1", "week", 4]},
            [
                'a "plusTime"-operation must have exactly 3 values/operands, but it has 4',
                "invalid CertLogic expression",
                '"amount" argument (#2) of "plusTime" must be an integer, but it is: 1',
                '"unit" argument (#3) of "plusTime" must be a string equal to one of '
                "year, month, day, hour, but it is: week",
            ],
        ),
        (
            {"plusTime": []},
            ['a "plusTime"-operation must have exactly 3 values/operands, but it has 0'],
        ),
        (
            {"plusTime": ["x", True, [1, None]]},
            [
                '"amount" argument (#2) of "plusTime" must be an integer, but it is: true',
                '"unit" argument (#3) of "plusTime" must be a string equal to one of '
                "year, month, day, hour, but it is: 1,",
            ],
        ),
        ({"plusTime": ["x", 1.0, "day"]}, []),
        (
            {"reduce": [VARX, 1]},
            ['a "reduce"-operation must have exactly 3 values/operands, but it has 2'],
        ),
        (
            {"extractFromUVCI": [VARX]},
            ['an "extractFromUVCI"-operation must have exactly 2 values/operands, but it has 1'],
        ),
        (
            {"extractFromUVCI": [None, {}]},
            [
                "invalid CertLogic expression",
                '"index" argument (#2) of "extractFromUVCI" must be an integer, '
                "but it is: [object Object]",
            ],
        ),
        (
            {"dccDateOfBirth": []},
            ['a "dccDateOfBirth"-operation must have exactly 1 value/operand, but it has 0'],
        ),
    ],
)
def test_every_fault_of_the_format_is_told_in_the_official_words(
    document: Any, expected: list[str]
) -> None:
    assert messages(document) == expected
    if expected:
        with pytest.raises(certlogic.InvalidExpressionError) as caught:
            certlogic.parse(document)
        assert str(caught.value) == "; ".join(expected)


def test_an_issue_holds_the_expression_that_has_it() -> None:
    (issue,) = certlogic.validate({"and": [True, {"!": [1, 2]}]})
    assert issue.to_json() == {"expr": {"!": [1, 2]}, "message": issue.message}
    assert "!" not in repr(issue).partition("message")[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((None, "null"), (True, "true"), (False, "false"), (3, "3"), ("a", "a"), ([], "")),
        *(([1, [2, 3], None, {}], "1,2,3,,[object Object]"), (3.14, "3.14"), (-0.5, "-0.5")),
        *((0.0, "0"), (-0.0, "0"), (1e21, "1e+21"), (1e20, "100000000000000000000")),
        *((1.5e300, "1.5e+300"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1.25e-7, "1.25e-7")),
        *(
            (123456.75, "123456.75"),
            (0.000123, "0.000123"),
            (-1e-9, "-1e-9"),
            (1e16, "1" + "0" * 16),
        ),
        *((float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (float("nan"), "NaN")),
    ],
)
def test_values_are_quoted_as_javascript_prints_them(value: object, expected: str) -> None:
    assert javascript_text(value) == expected


TIME = {"plusTime": ["2021", 0, "day"]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"+": ["1", VARX]}, 'an operand of "+" must be integer, and this is string: a literal'),
        ({"<": [1, [2]]}, 'an operand of "<" must be integer, and this is array: an array'),
        (
            {"after": [VARX, TIME]},
            'an operand of "after" must be date-time, and this is null or boolean or integer or '
            'fraction or string or array or object: "var"',
        ),
        ({"plusTime": [TIME, 0, "day"]}, 'must be string, and this is date-time: "plusTime"'),
        ({"dccDateOfBirth": [3]}, 'an operand of "dccDateOfBirth" must be string, and this is int'),
        ({"plusTime": ["2021-02-30", 0, "day"]}, "cannot be read: a day that its month does not"),
        ({"dccDateOfBirth": ["2021-02-03T00:00:00Z"]}, "cannot be read: a date of birth must be"),
        ({"extractFromUVCI": [3, 0]}, "must be null or string, and this is integer: a literal"),
        ({"extractFromUVCI": [VARX, -1]}, "a UVCI has no fragment -1: always null"),
        ({"in": [1, "text"]}, 'an operand of "in" must be null or array, and this is string'),
        ({"reduce": [{"!": [1]}, 1, 2]}, 'must be null or array, and this is boolean: "!"'),
        ({"if": [TIME, 1, 2]}, 'an operand of "if" must be null or boolean'),
        ({"!": [TIME]}, 'an operand of "!" must be null or boolean'),
        ({"and": [1, TIME]}, 'an operand of "and" must be null or boolean'),
        (
            {"===": [TIME, VARX]},
            '"===" never holds for a new date-time: it is equal to itself alone',
        ),
        ({"===": [VARX, []]}, '"===" never holds for a new array: it is equal to itself alone'),
        ({"===": [1, "1"]}, '"===" never holds between integer and string'),
        ({"reduce": [[1], {"var": "payload.x"}, 0]}, "a lambda sees only current, accumulator and"),
        ({"<": [{"and": [TIME, TIME]}, 1]}, "and this is never anything"),
    ],
)
def test_what_can_never_succeed_is_an_issue_of_type(expression: Any, expected: str) -> None:
    issues = type_issues(expression)
    assert any(expected in issue.message for issue in issues), issues
    assert issues[0].expr == expression or isinstance(expression.get("reduce"), list)


@pytest.mark.parametrize(
    "expression",
    [
        {"+": [VARX, {"if": [VARX, 1, "a"]}]},
        {"after": [{"if": [VARX, TIME, 3]}, TIME]},
        {"in": [VARX, {"and": [VARX, []]}]},
        {"===": [{"extractFromUVCI": [VARX, 0]}, "DK"]},
        {"reduce": [VARX, {"after": [{"var": "current"}, {"var": "accumulator"}]}, TIME]},
        {"reduce": [VARX, {"===": [{"var": "data.x"}, {"var": ""}]}, 0]},
        {"===": [VARX, VARX]},
    ],
)
def test_what_may_succeed_is_no_issue_of_type(expression: Any) -> None:
    assert type_issues(expression) == ()


def test_issues_of_type_stand_in_the_order_of_the_expression() -> None:
    issues = type_issues({"and": [{"+": ["a", "b"]}, {"!": [TIME]}]})
    assert [json.dumps(issue.expr)[:5] for issue in issues] == ['{"+":', '{"+":', '{"!":']


def test_affected_fields_are_the_paths_under_payload() -> None:
    rule = {
        "if": [
            {"var": "payload.v.0"},
            {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.mp"}]},
            {"and": [{"!": [{"var": "payload.r.0"}]}, {"var": "payload"}, {"var": "payloads.x"}]},
        ]
    }
    assert certlogic.affected_fields(rule) == ("r.0", "v.0", "v.0.mp")
    assert certlogic.data_accesses(rule) == (
        *("external.valueSets.mp", "payload", "payload.r.0", "payload.v.0", "payload.v.0.mp"),
        "payloads.x",
    )


def test_in_a_lambda_only_what_is_read_through_data_is_read_of_the_data() -> None:
    lambda_ = [
        *({"var": "current.payload.x"}, {"var": "accumulator"}, {"var": "payload.y"}),
        {
            "reduce": [
                {"var": "current.l"},
                [{"var": "data.data.payload.z"}, {"var": "data.current"}],
                0,
            ]
        },
        {"var": "data.payload.w"},
    ]
    rule = {"reduce": [{"var": "payload.v"}, lambda_, {"var": "payload.h"}]}
    assert certlogic.affected_fields(rule) == ("h", "v", "w", "z")
    for path in ("", "data"):
        assert certlogic.data_accesses({"reduce": [[], {"var": path}, 0]}) == ("",)
    assert certlogic.data_accesses({"reduce": [[], {"reduce": [[], {"var": "data"}, 0]}, 0]}) == (
        "",
    )

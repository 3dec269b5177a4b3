"""The textual notation: what each operation looks like, and what is not in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import certlogic
from coronapas.certlogic._expressions import MAX_INTEGER

V: dict[str, Any] = {"var": "payload.v.0.dn"}

PAIRS: list[tuple[Any, str]] = [
    (True, "true"),
    (-3, "-3"),
    ("EU/1/20/1528", '"EU/1/20/1528"'),
    ('a"b\\c\n', '"a\\"b\\\\c\\n"'),
    ("ä", '"ä"'),
    ("\u202e", '"\\u202e"'),
    ([], "[]"),
    ([1, [2]], "[1, [2]]"),
    (V, "payload.v.0.dn"),
    ({"var": ""}, 'var("")'),
    ({"var": "1.1"}, 'var("1.1")'),
    ({"var": "if"}, 'var("if")'),
    ({"var": "reduce"}, 'var("reduce")'),
    ({"var": "if.x"}, "if.x"),
    ({"var": "a b"}, 'var("a b")'),
    ({"var": "external.valueSets.covid-19-lab"}, "external.valueSets.covid-19-lab"),
    ({"if": [V, 1, 2]}, "if payload.v.0.dn then 1 else 2"),
    ({"if": [{"if": [V, 1, 2]}, {"if": [V, 3, 4]}, {"if": [V, 5, 6]}]},
     "if (if payload.v.0.dn then 1 else 2) then (if payload.v.0.dn then 3 else 4) "
     "else if payload.v.0.dn then 5 else 6"),
    ({"and": [V, True, {"and": [V, V]}]},
     "payload.v.0.dn and true and (payload.v.0.dn and payload.v.0.dn)"),
    ({"!": [{"===": [V, 1]}]}, "not payload.v.0.dn = 1"),
    ({"!": [{"and": [V, V]}]}, "not (payload.v.0.dn and payload.v.0.dn)"),
    ({"===": [{"!": [V]}, {"===": [V, 1]}]}, "(not payload.v.0.dn) = (payload.v.0.dn = 1)"),
    ({"in": [V, [1, 2]]}, "payload.v.0.dn in [1, 2]"),
    ({"<": [1, V, 3]}, "1 < payload.v.0.dn < 3"),
    ({">=": [V, {"+": [{"+": [1, 2]}, {"+": [3, 4]}]}]}, "payload.v.0.dn >= 1 + 2 + (3 + 4)"),
    ({"not-after": [{"plusTime": [V, 14, "day"]}, {"plusTime": [V, -1, "year"]}]},
     "payload.v.0.dn + 14 days is not after payload.v.0.dn - 1 year"),
    ({"before": [V, V, V]}, "payload.v.0.dn is before payload.v.0.dn is before payload.v.0.dn"),
    ({"plusTime": [{"+": [1, 2]}, 0, "hour"]}, "1 + 2 + 0 hours"),
    ({"+": [1, {"plusTime": [V, 1, "month"]}]}, "1 + (payload.v.0.dn + 1 month)"),
    ({"reduce": [V, {"+": [{"var": "accumulator"}, 1]}, 0]},
     "reduce(payload.v.0.dn, accumulator + 1, 0)"),
    ({"extractFromUVCI": [V, -1]}, "extractFromUVCI(payload.v.0.dn, -1)"),
    ({"dccDateOfBirth": [{"if": [V, "a", "b"]}]},
     'dccDateOfBirth(if payload.v.0.dn then "a" else "b")'),
]  # fmt: skip


@pytest.mark.parametrize(("document", "text"), PAIRS)
def test_an_expression_and_its_text_are_each_other(document: Any, text: str) -> None:
    assert certlogic.to_text(document, width=10**6) == text
    assert certlogic.to_json(certlogic.from_text(text)) == document
    if '"' not in text:
        assert certlogic.to_json(certlogic.from_text(text.replace(" ", "\n "))) == document


def test_a_rule_too_wide_for_a_line_is_broken_at_its_joints() -> None:
    guard = {"and": [{"var": "payload.v.0"}, {"in": [{"var": "payload.v.0.mp"}, ["a" * 20] * 4]}]}
    last = {"!": [{"and": [{"===": [V, 1]}] * 6}]}
    late = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
    dates = {"not-after": [{"plusTime": [{"var": "payload.v.0.dt"}, 14, "day"]}, late, late]}
    rule = {
        "if": [
            guard,
            dates,
            {"if": [True, last, {"reduce": [["b" * 50] * 2, 1, {"in": [V, guard]}]}]},
        ]
    }
    text = certlogic.to_text(rule)
    assert max(map(len, text.split("\n"))) <= 88
    assert text.split("\n")[0] == "if payload.v.0"
    assert "\nelse if true\n" in text
    assert "\n     is not after external.validationClock + 0 days\n" in text
    assert certlogic.to_json(certlogic.from_text(text)) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an expression"),
        ("1 2", "expected the end"),
        ("(1", r"expected \)"),
        ("[1, ", "expected an expression"),
        ("[1 2]", r"expected \]"),
        ("if 1 then 2", "expected else"),
        ("if 1 else 2", "expected then"),
        ("1 = 2 = 3", "expected the end"),
        ("1 < 2 > 3", "expected the end"),
        ("1 < 2 < 3 < 4", "expected the end"),
        ("a is after b is before c", "one operator"),
        ("a is 3", "expected after or before"),
        ("a is not 3", "expected after or before"),
        ("a - 3", "expected a unit"),
        ("a - b", "expected an integer"),
        ("a + 3 days weeks", "expected the end"),
        ("and", "expected an expression"),
        ("1 + if 1 then 2 else 3", "expected an expression"),
        ('"a', "nothing of the notation"),
        ('"\\x"', "not JSON's"),
        ('"a\nb"', "not JSON's"),
        ("a.", "nothing of the notation"),
        ("$", "nothing of the notation"),
        ("var(x)", "expected a string"),
        ('var("x"', r"expected \)"),
        ('var("x.")', "valid format"),
        ("reduce(1, 2)", "expected ,"),
        ("reduce 1", r"expected \("),
        ("extractFromUVCI(1, a)", "expected an integer"),
        ("dccDateOfBirth(1, 2)", r"expected \)"),
        ("1 < ", "expected an expression"),
    ],
)
def test_what_is_not_in_the_notation_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(certlogic.NotationError, match=message) as caught:
        certlogic.from_text(text)
    assert 0 <= caught.value.position <= len(text)


def test_the_operators_of_time_words_may_be_singular_or_plural() -> None:
    assert certlogic.from_text("a + 1 days") == certlogic.from_text("a + 1 day")
    assert certlogic.from_text("a + -2 hour") == certlogic.from_text("a - 2 hours")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "not " * 5000 + "true",
        "[" * 5000,
        "(" * 150 + "1" + ")" * 150 + "+ 1" * 101,
        "1 + (" * 5000,
        "(1 + (" + "1 + (" * 5000,
        "if " * 5000,
        "1" + " + 1" * 5000,
        "[" * 150 + "]" * 150,
        "[" + "1, " * 70_000 + "1]",
        "9" * 5000,
        str(MAX_INTEGER + 1),
    ],
)
def test_a_text_beyond_the_bounds_is_refused(text: str) -> None:
    with pytest.raises(certlogic.LimitError):
        certlogic.from_text(text)


def test_needless_parentheses_do_not_count_as_depth_of_the_expression() -> None:
    assert certlogic.to_json(certlogic.from_text("(" * 150 + "1" + ")" * 150)) == 1
    assert certlogic.to_json(certlogic.from_text(str(-MAX_INTEGER))) == -MAX_INTEGER


@given(st.text('()[]ab1. "+-<=>,\n', max_size=40) | st.text(max_size=20))
def test_any_text_is_read_or_refused_by_a_typed_error(text: str) -> None:
    try:
        expr = certlogic.from_text(text)
    except (certlogic.NotationError, certlogic.LimitError):
        return
    assert certlogic.from_text(certlogic.to_text(expr)) == expr


WORDS = (
    *("if", "then", "else", "and", "not", "in", "is", "after", "before", "true", "a.b", "1", "-2"),
    *('"x"', "(", ")", "[", "]", ",", "+", "-", "=", "<", ">=", "day", "years", "reduce", "var"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_row_of_words_is_read_or_refused_by_a_typed_error(text: str) -> None:
    try:
        expr = certlogic.from_text(text)
    except (certlogic.NotationError, certlogic.LimitError):
        return
    assert certlogic.from_text(certlogic.to_text(expr)) == expr

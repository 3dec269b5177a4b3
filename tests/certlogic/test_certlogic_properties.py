"""What holds for every expression on every data: all the ways through the language agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from certlogic.generation import Maker
from certlogic.outcomes import outcome
from coronapas import certlogic
from coronapas.certlogic._analysis import Kinds, builds
from coronapas.certlogic._expressions import MAX_DEPTH

if TYPE_CHECKING:
    from random import Random

randoms = st.randoms(use_true_random=False, note_method_calls=False)


def drawn(random: Random, strange: int = 8) -> tuple[Any, Any]:
    maker = Maker(random, strange=strange)
    return maker.expression(maker.random.randint(0, 5)), maker.data()


@given(randoms)
def test_compiled_interpreted_and_explained_agree_on_values_and_on_refusals(random: Random) -> None:
    expression, data = drawn(random)
    expr = certlogic.parse(expression)
    expected = outcome(certlogic.evaluate, expr, data)
    assert outcome(certlogic.compile(expr), data) == expected
    assert outcome(lambda: certlogic.explain(expr, data).value) == expected
    assert outcome(certlogic.evaluate, expression, data) == expected


@given(randoms)
def test_sharing_the_dates_of_a_decision_changes_nothing(random: Random) -> None:
    maker = Maker(random)
    data, dates = maker.data(), certlogic.Dates()
    for _ in range(3):
        expression = maker.expression(3)
        expected = outcome(certlogic.evaluate, expression, data)
        assert outcome(certlogic.evaluate, expression, data, dates) == expected
        assert outcome(certlogic.compile(expression), data, dates) == expected


@given(randoms)
def test_evaluation_changes_no_data(random: Random) -> None:
    expression, data = drawn(random)
    before = json.dumps(data)
    outcome(certlogic.evaluate, expression, data)
    outcome(certlogic.compile(expression), data)
    assert json.dumps(data) == before


@given(randoms)
def test_an_expression_comes_back_from_its_json(random: Random) -> None:
    expression, _ = drawn(random)
    expr = certlogic.parse(expression)
    assert certlogic.to_json(expr) == expression
    assert certlogic.parse(certlogic.to_json(expr)) == expr
    assert hash(certlogic.parse(expression)) == hash(expr)


@given(randoms, st.integers(0, 200))
def test_an_expression_comes_back_from_its_text_however_wide(random: Random, width: int) -> None:
    expression, _ = drawn(random)
    expr = certlogic.parse(expression)
    assert certlogic.from_text(certlogic.to_text(expr, width=width)) == expr


@given(randoms)
def test_what_validates_parses_and_what_does_not_is_refused_with_its_issues(random: Random) -> None:
    maker = Maker(random)
    spoilt = maker.spoil(maker.expression())
    issues = certlogic.validate(spoilt)
    try:
        certlogic.parse(spoilt)
    except certlogic.InvalidExpressionError as error:
        assert error.issues == issues
        assert issues
    except certlogic.LimitError as error:
        assert error.code == "limit.integer"
    else:
        assert not issues


@given(randoms)
def test_a_value_is_of_a_kind_that_was_foretold(random: Random) -> None:
    expression, data = drawn(random)
    expr = certlogic.parse(expression)
    kind = Kinds().of(expr)
    try:
        value = certlogic.evaluate(expr, data)
    except certlogic.CertLogicError:
        return
    names = {"bool": 2, "int": 4, "float": 12, "str": 16, "list": 32, "dict": 64, "datetime": 128}
    assert kind & names.get(type(value).__name__, 1)
    assert builds(expr) or type(value).__name__ != "datetime"


@given(randoms)
def test_an_operation_of_hopeless_types_never_succeeds(random: Random) -> None:
    expression, data = drawn(random, strange=30)
    expr = certlogic.parse(expression)
    root = certlogic.to_json(expr)
    hopeless = {
        issue.message.partition(" must be ")[0]
        for issue in certlogic.type_issues(expr)
        if issue.expr == root and issue.message.startswith("an operand of")
    }
    # `if` and `and` may end before they come to an operand; the others take all of theirs.
    if hopeless - {'an operand of "if"', 'an operand of "and"'}:
        assert outcome(certlogic.evaluate, expr, data)[0] == "refused"


@given(randoms)
def test_nothing_but_the_paths_that_are_told_is_read(random: Random) -> None:
    expression, data = drawn(random)
    rest = restricted(data, certlogic.data_accesses(expression))
    expected = outcome(certlogic.evaluate, expression, data)
    assert outcome(certlogic.evaluate, expression, rest) == expected


def restricted(data: Any, paths: tuple[str, ...]) -> Any:
    """The data with nothing in it but what the paths lead to; arrays keep their length."""
    if "" in paths:
        return data
    heads: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        heads.setdefault(head, []).append(rest)
    if isinstance(data, dict):
        return {key: restricted(data[key], tuple(heads[key])) for key in heads if key in data}
    if isinstance(data, list):
        by_index: dict[int, list[str]] = {}
        for head, rests in heads.items():
            if head.isdigit():
                by_index.setdefault(int(head), []).extend(rests)
        return [
            restricted(item, tuple(by_index[index])) if index in by_index else None
            for index, item in enumerate(data)
        ]
    return data


def test_the_deepest_expressions_are_within_the_stack() -> None:
    expression: Any = True
    for _ in range(MAX_DEPTH - 1):
        expression = {"!": [expression]}
    expr = certlogic.parse(expression)
    assert certlogic.evaluate(expr, None) is (MAX_DEPTH % 2 == 1)
    assert certlogic.compile(expr)(None) is (MAX_DEPTH % 2 == 1)
    assert certlogic.from_text(certlogic.to_text(expr)) == expr
    assert certlogic.explain(expr, None).value is (MAX_DEPTH % 2 == 1)

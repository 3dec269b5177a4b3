"""Why a result is what it is: only what decided it, with what it saw."""

from __future__ import annotations

from typing import Any

import pytest

from coronapas import certlogic
from coronapas.certlogic._explanation import MAX_ITERATIONS, MAX_NOTATION, MAX_SHOWN, MAX_TEXT


def var(path: str) -> dict[str, str]:
    return {"var": path}


DOSES = {"<": [var("v.0.dn"), var("v.0.sd")]}
VALID = {
    "not-after": [
        {"plusTime": [var("v.0.dt"), 14, "day"]},
        {"plusTime": [var("now"), 0, "day"]},
        {"plusTime": [var("v.0.dt"), 270, "day"]},
    ]
}
RULE = {"if": [var("v.0"), {"and": [{"!": [DOSES]}, VALID]}, True]}


def data(dn: int = 2, now: str = "2021-07-01") -> dict[str, Any]:
    return {"v": [{"dn": dn, "sd": 2, "dt": "2021-06-01", "mp": "X"}], "now": now}


def reads(expression: Any, given: Any) -> dict[str, Any]:
    return {read.path: read.value for read in certlogic.explain(expression, given).reads}


def test_of_an_and_the_first_falsy_operand_decided() -> None:
    given = data(dn=1)
    assert reads(RULE, given) == {"v.0": given["v"][0], "v.0.dn": 1, "v.0.sd": 2}
    assert certlogic.explain(RULE, given).value is False


def test_of_a_comparison_of_three_the_two_that_fail_it_decided() -> None:
    assert list(reads(VALID, data(now="2021-06-02"))) == ["v.0.dt", "now"]
    early = certlogic.explain(VALID, data(now="2021-06-02"))
    assert [certlogic.to_text(part.expr) for part in early.because] == [
        "v.0.dt + 14 days",
        "now + 0 days",
    ]
    late = certlogic.explain(VALID, data(now="2022-06-02"))
    assert certlogic.to_text(late.because[-1].expr) == "v.0.dt + 270 days"
    assert len(late.because) == 2
    assert len(certlogic.explain(VALID, data()).because) == 3
    numbers = {"<": [1, var("x"), 3]}
    assert len(certlogic.explain(numbers, {"x": 2}).because) == 3
    assert [part.value for part in certlogic.explain(numbers, {"x": 5}).because] == [5, 3]


def test_of_an_if_the_guard_and_the_branch_taken_decided() -> None:
    assert reads(RULE, {"v": []}) == {"v.0": None}
    branch = {"if": [var("a"), var("b"), var("c")]}
    assert reads(branch, {"a": 1, "b": 2, "c": 3}) == {"a": 1, "b": 2}
    assert reads(branch, {"a": 0, "b": 2, "c": 3}) == {"a": 0, "c": 3}


def test_where_an_and_holds_all_of_its_operands_decided() -> None:
    assert reads({"and": [var("a"), var("b")]}, {"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_every_other_operation_is_decided_by_all_of_its_operands() -> None:
    seen = {"a": "x", "b": ["x"], "n": 1, "d": "2004", "u": "a:b"}
    expression = [
        *({"in": [var("a"), var("b")]}, {"===": [var("a"), 1]}, {"+": [var("n"), 1]}),
        *({"dccDateOfBirth": [var("d")]}, {"extractFromUVCI": [var("u"), 1]}),
    ]
    explanation = certlogic.explain(expression, seen)
    assert explanation.value == certlogic.evaluate(expression, seen)
    assert {read.path for read in explanation.reads} == set(seen)


def test_of_a_reduce_the_first_iterations_are_kept() -> None:
    expression = {"reduce": [var("l"), {"+": [var("accumulator"), var("current")]}, 0]}
    explanation = certlogic.explain(expression, {"l": [1] * 100})
    assert explanation.value == 100
    assert [part.value for part in explanation.iterations] == list(range(1, MAX_ITERATIONS + 1))
    assert [read.path for read in explanation.reads] == ["l"]


def test_date_times_are_shown_as_such_wherever_they_stand() -> None:
    time = {"plusTime": ["2021-06-01", 0, "day"]}
    explanation = certlogic.explain({"reduce": [[time], [var("current")], 0]}, None)
    assert explanation.value == [certlogic.evaluate(time, None)]
    assert explanation.because[0].because[0].value == certlogic.evaluate(time, None)
    assert explanation.iterations[0].because[0].value == certlogic.evaluate(time, None)
    assert "→ 2021-06-01" not in explanation.text().split("\n")[0]
    assert '2021-06-01 00:00:00+00:00"' in explanation.text()


def test_the_text_is_for_a_person() -> None:
    assert certlogic.explain(RULE, data(dn=1)).text().split("\n") == [
        "if v.0 then not v.0.dn < v.0.sd and v.0.dt + 14 days is not after now + 0 days "
        "is not after v.0.dt + 270 days else true → false",
        '  v.0 → {"dn": 1, "sd": 2, "dt": "2021-06-01", "mp": "X"}',
        "  not v.0.dn < v.0.sd and v.0.dt + 14 days is not after now + 0 days "
        "is not after v.0.dt + 270 days → false",
        "    not v.0.dn < v.0.sd → false",
        "      v.0.dn < v.0.sd → true",
        "        v.0.dn → 1",
        "        v.0.sd → 2",
    ]


def test_no_repr_shows_the_data() -> None:
    explanation = certlogic.explain(RULE, data(now="1999-01-01"))
    for shown in (repr(explanation), repr(explanation.because), repr(explanation.reads)):
        assert "2021" not in shown
        assert "1999" not in shown
    assert repr(certlogic.explain(var("a"), {"a": 1})) == "<Explanation of a>"


def test_a_refusal_is_raised_and_says_which_operation_refused() -> None:
    with pytest.raises(certlogic.EvaluationError) as caught:
        certlogic.explain({"and": [1, DOSES]}, {})
    assert caught.value.expr == certlogic.parse(DOSES)
    with pytest.raises(certlogic.DateTimeError):
        certlogic.explain({"plusTime": ["9999-12-31", 1, "day"]}, None)


def test_an_explanation_takes_one_evaluation_however_deep() -> None:
    expression: Any = var("a")
    for _ in range(90):
        expression = {"if": [{"!": [var("b")]}, expression, 1]}
    explanation = certlogic.explain(expression, {"a": 7})
    assert explanation.value == 7
    assert [read.path for read in explanation.reads] == ["b", "a"]


def loops(lambda_: Any, depth: int) -> Any:
    expression = lambda_
    for _ in range(depth):
        expression = {"reduce": [[0] * 12, expression, var("current")]}
    return expression


def test_the_text_of_loops_within_loops_is_cut_and_says_so() -> None:
    text = certlogic.explain(loops([var("current"), var("accumulator")], 3), {}).text()
    lines = text.split("\n")
    assert lines[-1] == "… (cut: the explanation goes on)"
    assert MAX_TEXT - 2 * MAX_SHOWN - 1000 < len(text) <= MAX_TEXT + len(lines[-1])
    assert all(len(line.strip()) <= 2 * MAX_SHOWN + 3 for line in lines)


def test_a_value_that_no_memory_holds_is_shown_by_its_beginning() -> None:
    doubled = {"reduce": [[0] * 40, [var("accumulator"), var("accumulator")], 0]}
    kept = {"if": [{"in": [0, [doubled, 0]]}, 1, 2]}
    text = certlogic.explain(kept, {}).text()
    assert text.split("\n")[0].endswith("→ 1")
    assert len(text) < MAX_TEXT
    assert "…" in text


def test_long_texts_in_the_data_are_cut_and_short_ones_are_not() -> None:
    seen = {"long": "x" * 1_000_000, "short": ["y" * 100] * 3, "few": {"a": None}}
    expression = [var("long"), var("short"), var("few")]
    lines = certlogic.explain(expression, seen).text().split("\n")
    assert len(lines[1]) == len("  long → ") + MAX_SHOWN
    assert lines[1].endswith("x…")
    assert lines[2] == f'  short → ["{"y" * 100}", "{"y" * 100}", "{"y" * 100}"]'
    assert lines[3] == '  few → {"a": null}'


def test_the_notation_of_a_large_expression_is_not_written_out_at_every_depth() -> None:
    expression: Any = ["z" * 10_000] * 30
    for _ in range(60):
        expression = [expression]
    lines = certlogic.explain(expression, {}).text().split("\n")
    assert len(lines) - 1 == -(-(MAX_NOTATION - 60 * 2) // (10_000 * 30)) - 1
    assert lines[-1] == "… (cut: the explanation goes on)"


def test_a_date_time_that_no_calendar_has_is_shown_as_such() -> None:
    far = {"plusTime": [{"var": "d"}, 9000, "year"]}
    near = {"before": [{"plusTime": [{"var": "d"}, 0, "day"]}, far]}
    assert '→ "a date-time out of range"' in certlogic.explain(near, {"d": "2021"}).text()

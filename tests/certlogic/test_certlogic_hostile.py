"""What is made to exhaust time, memory or the stack ends in a bounded time, refused or not."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from certlogic.outcomes import outcome
from coronapas import certlogic
from coronapas.certlogic._expressions import MAX_DEPTH, MAX_INTEGER, MAX_NODES, MAX_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 65_536
SECONDS = 20.0
"""Far beyond the bound, for a busy machine; what is not bounded takes years."""


def nested(wrap: Any, depth: int, core: Any = 1) -> Any:
    for _ in range(depth):
        core = wrap(core)
    return core


def within(size: int, item: Any) -> list[Any]:
    """As many copies as fit into a JSON array of so many bytes."""
    return [item] * (size // (len(json.dumps(item)) + 2))


def sum_over(path: str, lambda_: Any, initial: Any = 0) -> Any:
    return {"reduce": [{"var": path}, lambda_, initial]}


WRAPS = {
    "array": lambda core: [core],
    "not": lambda core: {"!": [core]},
    "and": lambda core: {"and": [core, core]} if isinstance(core, int) else {"and": [True, core]},
    "if": lambda core: {"if": [core, True, False]},
    "plus": lambda core: {"+": [core, 1]},
    "reduce": lambda core: {"reduce": [[1], core, 0]},
    "no operation": lambda core: {"foo": core},
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("depth", [MAX_DEPTH, 1000, 15_000])
def test_what_is_nested_too_deep_is_refused_by_all_that_take_json(wrap: Any, depth: int) -> None:
    expression = nested(wrap, depth)
    issues = certlogic.validate(expression)
    assert [issue.message for issue in issues] == [
        f"an expression nested deeper than {MAX_DEPTH} levels"
    ]
    takers = (
        *(certlogic.parse, certlogic.compile, certlogic.affected_fields, certlogic.to_text),
        *(certlogic.type_issues, lambda json: certlogic.evaluate(json, {})),
        lambda json: certlogic.explain(json, {}),
    )
    for take in takers:
        with pytest.raises(certlogic.LimitError) as caught:
            take(expression)
        assert caught.value.code == "limit.depth"


@pytest.mark.parametrize("wrap", [wrap for name, wrap in WRAPS.items() if name != "no operation"])
def test_what_is_just_not_too_deep_runs_everywhere(wrap: Any) -> None:
    expr = certlogic.parse(nested(wrap, MAX_DEPTH - 2))
    expected = outcome(certlogic.evaluate, expr, {})
    assert outcome(certlogic.compile(expr), {}) == expected
    assert outcome(lambda: certlogic.explain(expr, {}).value) == expected
    assert certlogic.from_text(certlogic.to_text(expr)) == expr
    certlogic.type_issues(expr)


def test_an_expression_that_holds_itself_is_refused() -> None:
    ring: list[Any] = []
    ring += [ring, ring]
    with pytest.raises(certlogic.LimitError):
        certlogic.parse(ring)
    assert len(certlogic.validate({"and": ring})) == 1


@pytest.mark.parametrize("document", [[0] * MAX_NODES, {"var": "a" + ".a" * MAX_NODES}])
def test_what_is_too_large_is_refused(document: Any) -> None:
    with pytest.raises(certlogic.LimitError) as caught:
        certlogic.parse(document)
    assert caught.value.code == "limit.nodes"


def test_as_many_values_as_allowed_are_taken() -> None:
    assert certlogic.evaluate([0] * (MAX_NODES - 1), None) == [0] * (MAX_NODES - 1)


LONG = list(range(30_000))
LARGE: dict[str, tuple[Any, Any]] = {
    "many literals": (within(SIZE, 1), {}),
    "many searches": ({"and": within(SIZE, {"!": [{"in": ["x", {"var": "l"}]}]})}, {"l": LONG}),
    "many paths": (within(SIZE, {"var": "a.b.c"}), {"a": {"b": {"c": 1}}}),
    "a long path": ({"var": ".".join(["a"] * (SIZE // 2))}, {"a": {}}),
    "many branches": ({"and": within(SIZE, {"if": [{"var": "x"}, {"var": "y"}, 1]})}, {}),
    "many dates": ({"and": within(SIZE, {"before": [{"plusTime": ["2021", 1, "day"]}] * 2})}, {}),
    "a long string": ({"===": ["x" * SIZE, {"var": "s"}]}, {"s": "x" * SIZE}),
    "a long index": ({"var": "l." + "9" * 10_000}, {"l": [1]}),
    "long numbers in data": ({"+": [{"var": "n"}, 1]}, {"n": 10**4000}),
    "a bad date, long": ({"plusTime": [{"var": "s"}, 0, "day"]}, {"s": "2021-" + "0" * SIZE}),
    "a long fraction": (
        {"plusTime": [{"var": "s"}, 0, "day"]},
        {"s": "2021-01-01T00:00:00." + "0" * SIZE},
    ),
    "a long reduce": (
        sum_over("l", {"+": [{"var": "accumulator"}, 1]}),
        {"l": LONG},
    ),
    "reduces within reduces": (
        nested(lambda core: sum_over("data.l", core), 30, {"+": [{"var": "accumulator"}, 1]}),
        {"l": LONG[:50], "data": {"l": LONG[:50]}},
    ),
    "reduces of few, very deep": (
        nested(lambda core: {"reduce": [[1, 2], core, 0]}, 90, {"var": "accumulator"}),
        {},
    ),
    "a number doubled again and again": (
        sum_over("l", {"+": [{"var": "accumulator"}, {"var": "accumulator"}]}, 1),
        {"l": LONG[:5000]},
    ),
    "an array doubled again and again": (
        sum_over("l", [{"var": "accumulator"}, {"var": "accumulator"}], []),
        {"l": LONG[:5000]},
    ),
    "an array nested again and again": (
        sum_over("l", [{"var": "accumulator"}]),
        {"l": LONG[:9000]},
    ),
    "long paths in a reduce": (
        sum_over("l", {"var": "data" + ".a" * (SIZE // 3)}),
        {"l": LONG, "a": nested(lambda core: {"a": core}, 5000)},
    ),
    "long identifiers in a reduce": (
        sum_over("l", {"extractFromUVCI": [{"var": "data.u"}, 10**9]}),
        {"l": LONG[:20_000], "u": "#" * SIZE},
    ),
    "searches in a reduce": (
        sum_over("l", {"if": [{"in": [-1, {"var": "data.l"}]}, 1, 0]}),
        {"l": LONG[:5000]},
    ),
    "data nested deep": (
        {"===": [{"var": "a.0"}, {"var": "a.0.0.0"}]},
        {"a": nested(lambda core: [core], 5000)},
    ),
}


@pytest.mark.parametrize(("expression", "data"), LARGE.values(), ids=LARGE)
def test_an_expression_of_64_kib_ends_in_bounded_time_and_alike_however_it_is_run(
    expression: Any, data: Any
) -> None:
    start = perf_counter()
    try:
        expr = certlogic.parse(expression)
    except certlogic.LimitError:
        return
    expected = shape(outcome(certlogic.evaluate, expr, data))
    assert shape(outcome(certlogic.compile(expr), data)) == expected
    assert shape(outcome(lambda: certlogic.explain(expr, data).value)) == expected
    certlogic.validate(expression)
    certlogic.type_issues(expr)
    certlogic.data_accesses(expr)
    assert perf_counter() - start < SECONDS


def both_ways(expression: Any) -> tuple[Callable[[Any], Any], ...]:
    return certlogic.compile(expression), lambda data: certlogic.evaluate(expression, data)


def shape(result: Any) -> Any:
    """An outcome without the expression of an error: two trees of that size are not compared."""
    return result[:3] if result[0] == "refused" else result


def test_the_steps_of_an_evaluation_are_bounded_on_both_sides() -> None:
    expression = sum_over("l", {"+": [{"var": "accumulator"}, 1]})
    fits = {"l": [0] * (MAX_STEPS // 3)}
    for run in both_ways(expression):
        assert run(fits) == MAX_STEPS // 3
        with pytest.raises(certlogic.LimitError) as caught:
            run({"l": [0] * (MAX_STEPS // 3 + 1)})
        assert caught.value.code == "limit.steps"


def test_a_search_counts_the_length_of_its_array() -> None:
    expression = {"in": [1, {"var": "l"}]}
    for run in both_ways(expression):
        assert run({"l": [0] * MAX_STEPS}) is False
        with pytest.raises(certlogic.LimitError):
            run({"l": [0] * (MAX_STEPS + 1)})


def test_a_long_uvci_costs_steps_and_one_of_a_pass_costs_none() -> None:
    expression = sum_over("l", {"extractFromUVCI": [{"var": "data.u"}, 1]})
    for run in both_ways(expression):
        assert run({"l": [0] * 20_000, "u": "a:" + "b" * 126}) == "b" * 126
        with pytest.raises(certlogic.LimitError):
            run({"l": [0] * 20_000, "u": "a:" + "b" * 127})
    for run in both_ways({"extractFromUVCI": ["a:" + "b" * 127, 1]}):
        assert run(None) == "b" * 127


def test_sums_and_literals_stay_where_every_implementation_is_exact() -> None:
    for run in (certlogic.evaluate, lambda json, data: certlogic.compile(json)(data)):
        assert run({"+": [MAX_INTEGER, 0]}, None) == MAX_INTEGER
        assert run({"+": [-MAX_INTEGER, {"var": "x"}]}, {"x": 0}) == -MAX_INTEGER
        with pytest.raises(certlogic.EvaluationError, match="a sum beyond"):
            run({"+": [MAX_INTEGER, {"var": "x"}]}, {"x": 1})
    after = {"plusTime": ["2021-01-01", MAX_INTEGER + 1, "day"]}
    for document in (MAX_INTEGER + 1, -MAX_INTEGER - 1, 1e300, [10**5000], {"!": [after]}):
        with pytest.raises(certlogic.LimitError):
            certlogic.parse(document)
        assert ["beyond" in issue.message for issue in certlogic.validate(document)] == [True]
    assert certlogic.validate({"+": [MAX_INTEGER, -MAX_INTEGER]}) == ()


def test_an_evaluation_from_too_deep_a_call_is_refused_and_not_a_recursion_error() -> None:
    expr = certlogic.parse(nested(WRAPS["not"], MAX_DEPTH - 1))

    def dive(run: Any, depth: int) -> Any:
        return dive(run, depth - 1) if depth else run(expr, {})

    for run in (certlogic.evaluate, certlogic.explain):
        low, high = 0, 1000
        refused = 0
        # Somewhere on the way down the stack suffices for the call and not for the expression.
        for depth in range(low, high, 20):
            try:
                dive(run, depth)
            except certlogic.LimitError as error:
                assert error.code == "limit.stack"
                refused += 1
            except RecursionError:
                break
        assert refused

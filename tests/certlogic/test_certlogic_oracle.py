"""The language held against certlogic-js on generated pairs (see `oracle/differential.py`).

CORONAPAS_ORACLE_PAIRS says how many (default 2,000), CORONAPAS_ORACLE_SEED from which seed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from certlogic.generation import Maker
from certlogic.oracle.differential import Findings, examine, node_modules, run
from certlogic.oracle.javascript import WAYS, ways
from coronapas import certlogic

DIFFERENCES = (
    Path(__file__).resolve().parents[2] / "docs" / "explanation" / "certlogic-differences.md"
)


@pytest.fixture
def modules() -> Path:
    folder = node_modules()
    if folder is None or shutil.which("node") is None:
        pytest.skip(
            "certlogic-js is absent: `make oracle` installs it (it needs Node.js), or name a "
            "node_modules folder that has it in CORONAPAS_CERTLOGIC_JS."
        )
    return folder


def test_the_oracle_gives_the_same_value_or_refuses_with_us(
    modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = int(os.environ.get("CORONAPAS_ORACLE_PAIRS", "2000"))
    findings = run(modules, pairs, int(os.environ.get("CORONAPAS_ORACLE_SEED", "20260")))
    with capsys.disabled():
        print(f"\n{findings.report()}")
    assert findings.pairs >= pairs
    assert findings.unexplained == []
    # A generator that makes nothing but refusals would compare nothing.
    assert findings.values > findings.pairs // 3


def test_every_difference_that_the_oracle_may_have_is_told_in_the_docs() -> None:
    told = DIFFERENCES.read_text("utf-8")
    for way in WAYS:
        assert f"`{way}`" in told


def test_a_difference_that_no_way_explains_is_found_by_the_oracle_run() -> None:
    findings = Findings()
    wrong = {"issues": [], "outcomes": [{"value": 3}]}
    examine({"+": [1, 1]}, [None], wrong, findings)
    examine({"+": [1, 1]}, [None], {"issues": ["?"], "outcomes": []}, findings)
    assert len(findings.unexplained) == 2


def test_the_ways_of_the_oracle_are_put_in_and_taken_out_again() -> None:
    expression = {"in": [1, {"var": "none"}]}
    with ways("in refuses null"), pytest.raises(certlogic.EvaluationError):
        certlogic.evaluate(expression, {})
    assert certlogic.evaluate(expression, {}) is False


def test_the_generator_makes_what_the_oracle_needs() -> None:
    from random import Random

    maker = Maker(Random(7))
    valid = sum(certlogic.validate(maker.expression()) == () for _ in range(200))
    assert valid == 200
    spoilt = sum(certlogic.validate(maker.spoil(maker.expression())) != () for _ in range(200))
    assert spoilt > 40

"""A run over a folder: what is counted, what is named, and the extension of the format."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
import segno
from jsonschema import Draft202012Validator
from vector_world import UVCI, document, pairs, resigned, vector

from coronapas import schemas
from coronapas.conformance import PassedOver, Report, Result, Verdict, run
from coronapas.conformance._runner import results_of
from coronapas.conformance._vectors import EXPECTATIONS
from coronapas.dcc import _reader as reader
from coronapas.facts import _json as facts_json
from coronapas.hcert import _envelope as envelope
from coronapas.presentation import qr

if TYPE_CHECKING:
    from pathlib import Path

VECTORS = Draft202012Validator(schemas.load("test-vector"))
REPORTS = Draft202012Validator(schemas.load("conformance-report"))


def results(expected: dict[str, Any], **more: Any) -> dict[str, tuple[str, str]]:
    content = {**document(), "EXPECTEDRESULTS": expected, **more}
    return {one.expectation: (one.verdict.value, one.reason) for one in results_of(vector(content))}


def test_a_true_vector_passes_and_follows_the_schema() -> None:
    VECTORS.validate(document())
    found = results(dict.fromkeys(EXPECTATIONS, True))
    assert set(found.values()) == {("passed", "")}


def test_an_expectation_of_failure_is_met_by_failure_alone() -> None:
    content = {"EXPECTEDVERIFY": False, "EXPECTEDUNPREFIX": False}
    found = results(content, COSE="00")
    assert found["EXPECTEDVERIFY"] == ("passed", "")
    assert found["EXPECTEDUNPREFIX"] == ("failed", "expected to fail, and holds")


def test_a_disagreement_says_why() -> None:
    verdict, reason = results({"EXPECTEDVERIFY": True}, COSE="00")["EXPECTEDVERIFY"]
    assert verdict == "failed"
    assert reason.startswith("expected to hold, and does not: cose: ")


def test_what_is_not_understood_is_skipped_by_its_name_and_never_guessed() -> None:
    stated = {"EXPTECTEDEXPIRED": True, "expectedverify": True, "EXPECTEDVERIFY": "true"}
    found = results({**stated, "EXPECTEDDECODE": None, "EXPECTEDENCODE": 1})
    unknown = ("skipped", "no expectation of this name is known")
    neither = ("skipped", "the expectation is neither true nor false")
    assert found == {
        "EXPTECTEDEXPIRED": unknown,
        "expectedverify": unknown,
        "EXPECTEDVERIFY": neither,
        "EXPECTEDDECODE": neither,
        "EXPECTEDENCODE": neither,
    }


def test_an_expectation_stated_twice_counts_once_and_differently_is_skipped() -> None:
    same = {"EXPECTEDVERIFY": True, "EXPECTEDRESULTS": {"EXPECTEDVERIFY": True}}
    assert results(same) == {"EXPECTEDVERIFY": ("passed", "")}
    same["EXPECTEDRESULTS"] = {"EXPECTEDVERIFY": False}
    twice = ("skipped", "the file states it twice, and differently")
    assert results(same) == {"EXPECTEDVERIFY": twice}


def test_a_run_walks_folders_in_order_and_names_what_it_passes_over(tmp_path: Path) -> None:
    content = document()
    content["EXPECTEDRESULTS"] = {"EXPECTEDVERIFY": True, "EXPECTEDDECODE": False, "ODD": 1}
    for name in ("b/2.json", "a/10.json", "b/1.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "known_issues.csv").write_text("a,b")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "folder.json").mkdir()
    seen: list[tuple[int, int]] = []
    report = run(tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [result.file for result in report.results[::3]] == ["a/10.json", "b/1.json", "b/2.json"]
    assert report.summary == "3 passed, 3 failed, 3 skipped"
    assert not report.ok
    assert report.passed_over == (PassedOver("broken.json", "the file is not JSON"),)
    assert str(report.disagreements[0]) == (
        "a/10.json EXPECTEDDECODE: failed: expected to fail, and holds"
    )
    REPORTS.validate(report.to_json())
    assert run(str(tmp_path)) == report


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.conformance import _runner as runner

    def refuse(_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(runner, "_content", refuse)
    (tmp_path / "v.json").write_text("{}")
    (found,) = run(tmp_path).passed_over
    assert found == PassedOver("v.json", "the file cannot be read: Permission denied")


def test_a_folder_that_is_absent_is_an_error_and_an_empty_one_an_empty_report(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "absent")
    assert run(tmp_path) == Report(())
    assert run(tmp_path).ok


def test_reports_are_merged_in_their_order() -> None:
    one = Report((Result("a", "X", Verdict.PASSED, ""),), (PassedOver("c", "why"),))
    other = Report((Result("b", "Y", Verdict.FAILED, "why"),))
    both = one.merge(other)
    assert both.summary == "1 passed, 1 failed, 0 skipped"
    assert [result.file for result in both.results] == ["a", "b"]
    assert both.passed_over == one.passed_over
    assert str(both.results[0]) == "a X: passed"


# The extension


def verified(verify: Any, **more: Any) -> dict[str, tuple[str, str]]:
    return results({}, CORONAPAS={"verify": verify}, **more)


def only(verify: Any, **more: Any) -> tuple[str, str]:
    VECTORS.validate({**document(), **more, "CORONAPAS": {"verify": verify}})
    return verified(verify, **more)["CORONAPAS.verify"]


def test_the_verifier_must_find_what_is_expected_of_it() -> None:
    assert only({"ok": True, "failures": [], "deviations": []}) == ("passed", "")
    late = "2023-05-01T00:00:00Z"
    assert only({"ok": False, "at": late, "failures": ["time.expired"]}) == ("passed", "")
    assert only({"ok": True, "at": late}) == ("failed", "the pass is not ok: time.expired")
    assert only({"ok": False}) == ("failed", "the pass is ok")
    wrong = only({"ok": False, "at": late, "failures": ["time.order", "usage.not-allowed"]})
    assert wrong[1] == "the failures are time.expired, not time.order, usage.not-allowed"


def test_tolerances_are_granted_by_preset_or_by_name() -> None:
    spaced = {"PREFIX": f" {document()['PREFIX']}"}
    codes = ["prefix.whitespace"]
    assert only({"ok": True, "deviations": codes}, **spaced)[0] == "passed"
    assert only({"ok": True, "deviations": codes, "tolerate": "field"}, **spaced)[0] == "passed"
    strict = {"ok": False, "failures": codes, "deviations": codes, "tolerate": "strict"}
    assert only(strict, **spaced)[0] == "passed"
    assert only({"ok": True, "tolerate": codes}, **spaced)[0] == "passed"
    assert only({"ok": False, "tolerate": []}, **spaced)[0] == "passed"
    added = ["field", "content.positive-test"]
    assert only({"ok": True, "tolerate": added}, **spaced)[0] == "passed"
    found = only({"ok": True, "deviations": []}, **spaced)
    assert found == ("failed", "the deviations are prefix.whitespace, not none")


def test_several_runs_are_counted_each(tmp_path: Path) -> None:
    runs = [{"ok": True}, {"ok": True, "tolerate": "strict"}, {"ok": False}]
    found = verified(runs)
    assert [(name, verdict) for name, (verdict, _) in found.items()] == [
        ("CORONAPAS.verify.1", "passed"),
        ("CORONAPAS.verify.2", "passed"),
        ("CORONAPAS.verify.3", "failed"),
    ]


def test_the_facts_must_be_those_that_are_read() -> None:
    facts = reader.facts_of(document()["JSON"])[0]
    assert facts is not None
    stated = facts_json.to_json(facts.holder, facts.event)
    assert only({"ok": True, "facts": stated})[0] == "passed"
    stated["vaccination"]["dose_number"] = 1
    found = only({"ok": True, "facts": stated})
    assert found == ("failed", "the facts differ at vaccination.dose_number")
    signed = bytes.fromhex(document()["COSE"])
    unsigned = {"PREFIX": envelope.encode(signed[:-1] + bytes([signed[-1] ^ 1]))}
    found = only({"ok": False, "facts": stated}, **unsigned)
    assert found == ("failed", "no facts can be read")


def test_the_certificate_may_be_trusted_under_another_kid() -> None:
    text = envelope.encode(bytes.fromhex(resigned(lambda claims: None, kid=b"\1\2\3")))
    verify = {"ok": True, "kid": "010203", "tolerate": ["field", "cose.kid-length"]}
    assert only(verify, PREFIX=text)[0] == "passed"
    lost = {"ok": False, "failures": ["cose.kid-length"]}
    assert only(lost, PREFIX=text)[0] == "passed"


def in_byte_mode(text: str) -> str:
    out = BytesIO()
    segno.make_qr(text, mode="byte", error="L").save(out, kind="png", scale=6)
    return base64.b64encode(out.getvalue()).decode()


def test_a_picture_is_verified_with_what_is_odd_in_it() -> None:
    picture = {"2DCODE": in_byte_mode(document()["PREFIX"])}
    odd = ["qr.mode"]
    field = {"ok": True, "from": "picture", "failures": [], "deviations": odd}
    assert only(field, **picture)[0] == "passed"
    strict = {**field, "ok": False, "failures": odd, "tolerate": "strict"}
    assert only(strict, **picture)[0] == "passed"
    assert only({"ok": True, "from": "picture", "tolerate": "strict"})[0] == "passed"


def test_a_picture_without_a_code_is_a_failure_and_with_two_no_vector() -> None:
    from PIL import Image

    out = BytesIO()
    Image.new("L", (80, 80), 255).save(out, "PNG")
    blank = {"2DCODE": base64.b64encode(out.getvalue()).decode()}
    verify = {"ok": False, "from": "picture", "failures": ["qr.not-found"]}
    assert only(verify, **blank)[0] == "passed"
    one = Image.open(BytesIO(qr("HC1:ONE").png())).convert("L")
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    out = BytesIO()
    both.save(out, "PNG")
    two = {"2DCODE": base64.b64encode(out.getvalue()).decode()}
    assert only(verify, **two) == ("failed", "the picture holds 2 QR codes, not one")


@pytest.mark.parametrize(
    ("verify", "missing"),
    [
        ({"ok": True}, {"PREFIX": None}),
        ({"ok": True, "from": "picture"}, {"2DCODE": None}),
        ({"ok": True}, {"TESTCTX": {}}),
    ],
)
def test_without_its_inputs_a_run_is_skipped(verify: Any, missing: dict[str, Any]) -> None:
    verdict, reason = verified(verify, **missing)["CORONAPAS.verify"]
    assert verdict == "skipped"
    assert "absent" in reason


@pytest.mark.parametrize(
    "extension",
    [
        5,
        {},
        {"verify": {"ok": True}, "more": 1},
        {"verify": None},
        {"verify": []},
        {"verify": ["ok"]},
        {"verify": {}},
        {"verify": {"ok": 1}},
        {"verify": {"ok": True, "more": 1}},
        {"verify": {"ok": True, "failures": "a.b"}},
        {"verify": {"ok": True, "deviations": [1]}},
        {"verify": {"ok": True, "tolerate": "all"}},
        {"verify": {"ok": True, "tolerate": ["no.such"]}},
        {"verify": {"ok": True, "tolerate": [["field"]]}},
        {"verify": {"ok": True, "at": "noon"}},
        {"verify": {"ok": True, "at": 5}},
        {"verify": {"ok": True, "from": ["text"]}},
        {"verify": {"ok": True, "kid": "0g"}},
        {"verify": {"ok": True, "kid": 7}},
        {"verify": {"ok": True, "facts": []}},
    ],
)
def test_an_extension_that_is_not_understood_is_skipped_and_says_why(extension: Any) -> None:
    found = results({}, CORONAPAS=extension)
    assert found.keys() == {"CORONAPAS"}
    verdict, reason = found["CORONAPAS"]
    assert verdict == "skipped"
    assert reason.startswith("not understood: ")
    # Which tolerances there are is the one thing that the schema does not say.
    if extension != {"verify": {"ok": True, "tolerate": ["no.such"]}}:
        assert not VECTORS.is_valid({**document(), "CORONAPAS": extension})


def test_the_certificate_of_a_run_may_be_unfit() -> None:
    content = document()
    content["TESTCTX"]["CERTIFICATE"] = "AAAA"
    found = verified({"ok": False}, TESTCTX=content["TESTCTX"])["CORONAPAS.verify"]
    assert found[0] == "failed"
    assert pairs()[0].certificate.kid.hex() not in found[1]


def test_nothing_of_the_holder_is_in_a_report() -> None:
    stated = {"EXPECTEDDECODE": True, "EXPECTEDENCODE": True, "EXPECTEDVALIDJSON": True}
    changed = {**document()["JSON"], "nam": {"fn": "Marker"}}
    extension = {"verify": {"ok": False, "facts": {"holder": "Marker"}}}
    found = results(stated, JSON=changed, CORONAPAS=extension)
    assert {verdict for verdict, _ in found.values()} == {"failed"}
    for marker in ("Marker", "Opdigtet", UVCI, cbor2.dumps("Opdigtet").hex()):
        assert marker not in repr(found)

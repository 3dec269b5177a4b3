"""WHO's claims through the whole verifier: our vectors, and the genuine claim that is published."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from coronapas import Certificate, TrustStore, Verifier
from coronapas.gdhcn import Icvp, LinkClaim, Shape
from coronapas.tolerances import FIELD, STRICT, TOLERANCES
from coronapas.verify import CHECKS, Outcome

FILE = Path(__file__).resolve().parents[2] / "testdata" / "claims.jsonl"
ACCEPT = ("eu", "dk", "icvp", "link")
CLAIMS = {
    name
    for name in TOLERANCES
    if name.startswith("content.link-")
    or name.rpartition(".")[2]
    in {
        "missing-exp",
        "older-shape",
        "field-missing",
        "issued-early",
        "several-doses",
        "version-ambiguous",
    }
}


@cache
def vectors() -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    return {line["name"]: line for line in lines}


def verify(vector: dict[str, Any], tolerate: frozenset[str] = FIELD, **settings: Any) -> Any:
    trust = TrustStore([Certificate.load(vector["certificate"])])
    verifier = Verifier(trust, accept=settings.pop("accept", ACCEPT), tolerate=tolerate)
    return verifier.verify(vector["text"], datetime.fromisoformat(vector["clock"]))


@pytest.mark.parametrize("name", vectors())
def test_every_vector_is_judged_as_its_recipe_says(name: str) -> None:
    vector = vectors()[name]
    result = verify(vector)
    assert result.profile == vector["profile"]
    assert sorted({each.code for each in result.deviations}) == vector["deviations"]
    assert sorted(each.code for each in result.failures) == vector["failures"]
    assert result.ok is not bool(vector["failures"])
    if result.ok:
        assert result.check("content").outcome == vector["content"]
        assert isinstance(result.content, Icvp if vector["profile"] == "icvp" else LinkClaim)
        assert (result.payload, result.facts) == (None, None)


@pytest.mark.parametrize("name", vectors())
def test_the_strict_verifier_refuses_every_deviation(name: str) -> None:
    vector = vectors()[name]
    result = verify(vector, STRICT)
    assert result.ok is not bool(vector["failures"] or vector["deviations"])


@pytest.mark.parametrize("tolerance", sorted(CLAIMS))
def test_every_tolerance_of_the_claims_has_a_vector_that_needs_it(tolerance: str) -> None:
    needing = [
        each
        for each in vectors().values()
        if tolerance in each["deviations"] and not each["failures"]
    ]
    assert needing
    for vector in needing:
        assert verify(vector).ok
        failed = {each.code for each in verify(vector, FIELD - {tolerance}).failures}
        assert failed == {tolerance}


def test_every_vector_says_whose_it_is() -> None:
    assert {"worthless" in each["note"] for each in vectors().values()} == {True}


@pytest.mark.parametrize("name", ["icvp-a1", "icvp-b", "link-shl", "link-vhl"])
def test_a_claim_that_is_not_accepted_is_named(name: str) -> None:
    vector = vectors()[name]
    for accept in (("eu",), ("eu", "dk")):
        result = verify(vector, accept=accept)
        assert [each.code for each in result.failures] == ["prefix.not-accepted"]
        assert result.profile == vector["profile"]
        assert {each.outcome for each in result.checks[1:]} == {Outcome.SKIPPED}
        assert result.content is None


def test_one_accepted_claim_is_not_another() -> None:
    for name, accept in (("icvp-b", "link"), ("link-shl", "icvp")):
        result = verify(vectors()[name], accept=(accept,))
        assert [each.code for each in result.failures] == ["prefix.not-accepted"]


def test_a_mixture_is_of_no_profile_whoever_accepts_what() -> None:
    for accept in (("eu",), ("icvp",), ("link",), ACCEPT):
        for tolerate in (FIELD, frozenset(TOLERANCES)):
            result = verify(vectors()["mixture"], tolerate, accept=accept)
            assert not result.ok
            codes = {each.code for each in result.failures}
            assert codes & {"content.other-profile", "prefix.not-accepted"}


def test_a_vaccination_card_is_named_under_a_prefix_too() -> None:
    vector = vectors()["evc"]
    assert "European Vaccination Card" in verify(vector).failures[0].sentence
    prefixed = {**vector, "text": f"HC1:{vector['text']}"}
    for accept in (("eu",), ("icvp",), ACCEPT):
        result = verify(prefixed, frozenset(TOLERANCES), accept=accept)
        assert not result.ok
        assert result.content is None
    assert "European Vaccination Card" in verify(prefixed).check("content").sentence
    with pytest.raises(ValueError, match="no such payload"):
        Verifier(TrustStore(), accept=("evc",))


@pytest.mark.parametrize("name", ["ddcc-vaccination", "ddcc-test"])
def test_a_claim_that_no_form_was_published_of_is_named(name: str) -> None:
    for accept in (("eu",), ("icvp",), ("link",), ACCEPT):
        result = verify(vectors()[name], frozenset(TOLERANCES), accept=accept)
        assert [each.code for each in result.failures] == ["prefix.not-accepted"]
        assert "a DDCC" in result.failures[0].sentence
        assert (result.profile, result.content, result.payload) == ("ddcc", None, None)
    with pytest.raises(ValueError, match="no such payload"):
        Verifier(TrustStore(), accept=("ddcc",))


def test_a_ddcc_of_the_older_form_is_named(official: Path) -> None:
    text = (official / "gdhcn/WHOQR1Contents.txt").read_text("ascii").strip()
    result = Verifier(TrustStore(), accept=ACCEPT).verify(text)
    assert result.profile == "ddcc"
    assert result.failures[0].code == "prefix.not-accepted"


def test_the_shapes_are_told_apart() -> None:
    shapes = {name: verify(vectors()[f"icvp-{name}"]).content.shape for name in ("a1", "a2", "b0")}
    assert shapes == {"a1": Shape.A1, "a2": Shape.A2, "b0": Shape.B0}


# The documents of WHO's validator.


def genuine(official: Path, name: str) -> Any:
    text = (official / "gdhcn" / f"{name}.txt").read_text("ascii")
    certificate = Certificate.load((official / "gdhcn/claims/a1-certificate.txt").read_bytes())
    # Certificates that were put in by hand belong to no domain: the caller vouches for them.
    verifier = Verifier(TrustStore([certificate]), accept=("icvp",))
    return verifier.verify(text, datetime(2024, 10, 1, tzinfo=UTC))


def test_the_genuine_claim_verifies_at_its_time(official: Path) -> None:
    result = genuine(official, "DVCTest3QR")
    assert result.ok, result.failures
    assert result.profile == "icvp"
    assert result.content.shape is Shape.A1
    assert result.content.doses[0].disease == "RA01"
    assert {each.code for each in result.deviations} == {
        "content.older-shape",
        "content.field-missing",
        "content.issued-early",
        "cwt.missing-exp",
    }
    assert [each.outcome for each in result.checks if each.name != "revocation"] == [
        Outcome.PASS
    ] * (len(CHECKS) - 1)


@pytest.mark.parametrize("name", ["DVCTestQR", "DVCTest2QR"])
def test_its_forged_siblings_do_not(official: Path, name: str) -> None:
    result = genuine(official, name)
    assert [each.code for each in result.failures] == ["signature.invalid"]
    assert result.content is None


def test_the_published_shapes_are_read_and_written_back(official: Path) -> None:
    import cbor2

    from coronapas.gdhcn import read_icvp, read_link_claim, write_icvp

    entries = json.loads((official / "gdhcn/claims/invented-claims.json").read_bytes())["entries"]
    trees = [cbor2.loads(bytes.fromhex(each["cbor"]))[-260] for each in entries if "cbor" in each]
    certificates = [tree[-6] for tree in trees if -6 in tree]
    found = [read_icvp(each)[0] for each in certificates]
    assert [each.shape for each in found if each] == [Shape.A1, Shape.A2, Shape.B0, Shape.B]
    assert [write_icvp(each) for each in found if each] == certificates
    links = [read_link_claim(tree[5]).links for tree in trees if 5 in tree]
    assert [str(link.kind) for (link,) in links] == ["vhlink", "shlink", "None"]
    (text,) = [each["text"] for each in entries if "text" in each]
    assert links[1][0].text == text


# What goes on with a result.


@pytest.mark.parametrize("name", ["icvp-a2-two-doses", "icvp-version", "link-two", "link-object"])
def test_a_result_can_go_to_another_process(name: str) -> None:
    result = verify(vectors()[name])
    again = pickle.loads(pickle.dumps(result))
    assert again.content == result.content == copy.deepcopy(result).content
    assert (again.checks, again.deviations, again.profile) == (
        result.checks,
        result.deviations,
        result.profile,
    )


def test_a_verifier_of_claims_can_go_to_another_process() -> None:
    vector = vectors()["icvp-b"]
    trust = TrustStore([Certificate.load(vector["certificate"])])
    for accept in (ACCEPT, ("icvp",), ("eu",)):
        verifier = Verifier(trust, accept=accept)
        again = pickle.loads(pickle.dumps(verifier))
        at = datetime.fromisoformat(vector["clock"])
        first, second = (each.verify(vector["text"], at) for each in (verifier, again))
        assert first.checks == second.checks
        assert first.profile == second.profile == "icvp"


def test_a_claim_of_many_unknown_fields_is_reported_in_bounds() -> None:
    from coronapas.gdhcn import read_icvp, read_link_claim

    names = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrstuvwxyz"]
    _, found = read_icvp({"n": "A", "vx": {"vp": "x", **dict.fromkeys(names, 1)}})
    assert sum(each.code == "content.unknown-field" for each in found) == 64
    claim = read_link_claim({"url": "https://a.example/", **dict.fromkeys(names, 1)})
    assert sum(each.note == "not a member of a link" for each in claim.deviations) == 16
    _, found = read_icvp({"n": "A", "v": [{}] * 100_000})
    assert len(found) < 64 * 8

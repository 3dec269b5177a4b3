"""The mapping: facts into each container and back, what is lost, and one verdict for all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mapping_page import PAGE, page
from wallet_world import (
    ASKED,
    DOSE,
    HOLDER,
    ISSUED,
    LIFE,
    NOW,
    RECOVERY,
    TEST,
    TRANSCRIPT,
    UVCI,
    dcc_of,
    holder,
    holder_public,
    signer,
    trust,
)

import strategies
from coronapas import Issuer, Verifier
from coronapas.dcc import build_dcc, facts_of
from coronapas.errors import CredentialError
from coronapas.facts import History, Holder, PartialDate, PassFacts, Vaccination
from coronapas.gdhcn import Traveller, read_icvp, write_icvp
from coronapas.rules import RuleSet, eu_travel
from coronapas.trust import TrustStore
from coronapas.verify import Verification
from coronapas.wallets import (
    VCT,
    MdocVerifier,
    SdJwtVerifier,
    Session,
    claims_in,
    from_claims,
    from_elements,
    from_icvp,
    issue_claims,
    issue_elements,
    issue_mdoc,
    issue_sd_jwt,
    losses,
    present_mdoc,
    present_sd_jwt,
    rows,
    to_claims,
    to_elements,
    to_icvp,
)
from coronapas.wallets._mapping import VTR

if TYPE_CHECKING:
    from coronapas.facts import Event


def facts_in(dcc: Any) -> PassFacts:
    found = facts_of(dcc)[0]
    assert found is not None
    return found


def payload(who: Holder, event: Event) -> dict[str, Any]:
    try:
        return build_dcc(
            who, event, country="DK", issuer="Health", uvci=UVCI, on=strategies.ISSUED_ON
        )
    except ValueError:
        assume(False)
        raise


EVENTS = st.one_of(strategies.vaccinations(), strategies.tests(), strategies.recoveries())


@given(strategies.holders(), EVENTS)
def test_claims_lose_nothing(who: Holder, event: Event) -> None:
    dcc = payload(who, event)
    mapped = to_claims(dcc)
    assert mapped.losses == ()
    assert from_claims(mapped.content) == dcc
    assert facts_in(from_claims(mapped.content)) == facts_in(dcc)


@example(
    Holder(birth_date=date(2000, 1, 1), family_name_mrz="A"),
    Vaccination("Comirnaty", 1, 2, date(2023, 1, 1)),
)
@given(strategies.holders(), strategies.vaccinations())
def test_elements_lose_what_is_stated_and_nothing_else(who: Holder, event: Vaccination) -> None:
    dcc = payload(who, event)
    mapped = to_elements(dcc)
    lost = {loss.field for loss in mapped.losses}
    assert lost <= {loss.field for loss in losses("dcc", "micov")}
    again = from_elements(mapped.content)
    if "dob" in lost:
        assert not isinstance(who.birth_date, date)
        assert again is None
        return
    if not (who.family_name or who.given_name):
        # They hold no name in the letters of machines, and a payload without a name is none.
        assert lost & {"nam.fnt", "nam.gnt"}
        assert again is None
        return
    assert again is not None
    before, after = facts_in(dcc), facts_in(again)
    unstated: dict[str, Any] = {"family_name_mrz": None, "given_name_mrz": None}
    assert replace(after.holder, **unstated) == replace(before.holder, **unstated)
    assert (after.event, after.issuer, after.uvci) == (before.event, before.issuer, before.uvci)


def test_a_test_in_elements_keeps_its_kind_result_and_moment() -> None:
    mapped = to_elements(dcc_of(TEST))
    element = mapped.content["org.micov.attestation.1"]["RA01_test"]
    assert element["Result"] == "260415000"
    assert element["TypeOfTest"] == "LP6464-4"
    assert element["TimeOfTest"].value == "2023-01-14T12:00:00Z"
    assert {"t.co", "t.is", "t.ci", "t.tc", "t.nm"} <= {loss.field for loss in mapped.losses}
    assert from_elements(mapped.content) is None


def test_what_micov_cannot_state_is_said() -> None:
    with pytest.raises(CredentialError, match="recovery"):
        to_elements(dcc_of(RECOVERY))
    partial = replace(HOLDER, birth_date=PartialDate(1971))
    assert "dob" in {loss.field for loss in to_elements(dcc_of(who=partial)).losses}
    fields = {loss.field for loss in losses("dcc", "micov")}
    assert {"nam.fnt", "nam.gnt", "dob", "r.fr", "t.tc", "ver"} <= fields
    assert losses("dcc", "sd-jwt") == ()
    assert {"v.dn", "v.tg", "nam.fnt"} <= {loss.field for loss in losses("dcc", "icvp")}
    assert {loss.field for loss in losses("micov", "dcc")} == {
        *("sex", "identity document", "batch", "next dose due")
    }


def test_the_public_sample_is_read_though_it_departs_from_its_own_list() -> None:
    sample: dict[str, Any] = {
        "fn": "Mustermann",
        "gn": "Erika",
        "dob": "1964-08-12",
        "v_RA01_1": {"dn": "1", "dt": "2021-04-08"},
        "v_RA01_2": {
            "tg": "840539006",
            "vp": "1119349007",
            "mp": "EU/1/20/1528",
            "ma": "ORG-100030215",
            "dn": "2",
            "sd": "2",
            "dt": "2021-05-18",
            "co": "UT",
            "is": "SC17",
            "ci": "URN:UVCI:01:UT:187/37512533044",
            "bn": "B67890/12",
        },
    }
    found = from_elements({"org.micov.vtr.1": sample})
    assert found is not None
    assert (found["v"][0]["dn"], found["v"][0]["dt"]) == (2, "2021-05-18")
    assert found["nam"]["fnt"] == "MUSTERMANN"


def test_claims_of_two_kinds_of_event_are_refused() -> None:
    mixed = {**to_claims(dcc_of()).content, **to_claims(dcc_of(RECOVERY)).content}
    with pytest.raises(CredentialError, match="several"):
        from_claims(mixed)
    assert from_claims({"vct": "x"}) is None


CLAIMS = st.sampled_from([str(row.sd_jwt) for row in rows()])
VALUES = st.none() | st.text() | st.integers() | st.lists(st.text())


@given(st.dictionaries(CLAIMS, VALUES))
def test_no_claims_make_the_reader_raise(claims: dict[str, Any]) -> None:
    try:
        found = from_claims(claims)
    except CredentialError:
        return
    if found is not None:
        facts_of(found)


def test_every_row_names_a_real_field_of_the_facts() -> None:
    stated = {
        "holder": set(Holder.__dataclass_fields__),
        "vaccination": set(Vaccination.__dataclass_fields__),
        "test": set(type(TEST).__dataclass_fields__),
        "recovery": set(type(RECOVERY).__dataclass_fields__),
    }
    for row in rows():
        if row.dcc is None:
            assert row.facts == ""
            continue
        part, _, name = row.facts.rpartition(".")
        assert name in (stated[part] if part else set(PassFacts.__dataclass_fields__)), row


# The same facts, three containers, one verdict.


def three(event: Vaccination) -> dict[str, Verification]:
    issuer = Issuer("DK", signer(), name="Health Data")
    text = issuer.issue(HOLDER, event, expires=LIFE, issued_at=ISSUED, uvci=UVCI).text
    certificate = signer().certificate
    assert certificate is not None
    qr = Verifier(TrustStore([certificate])).verify(text, NOW)
    dcc: Any = qr.payload
    terms: dict[str, Any] = {"expires": LIFE, "issued_at": ISSUED}
    made = issue_sd_jwt(dcc, signer(), holder_key=holder_public(), **terms).text
    shown = present_sd_jwt(
        made, list(to_claims(dcc).content), holder=holder(), binding=ASKED, at=NOW
    )
    mdoc = issue_mdoc(dcc, signer(), device_key=holder_public(), **terms).data
    elements = {name: list(each) for name, each in to_elements(dcc).content.items()}
    response = present_mdoc(mdoc, elements, transcript=TRANSCRIPT, device=holder())
    assert claims_in(shown)
    return {
        "eu": qr,
        "sd-jwt": SdJwtVerifier(trust()).verify(shown, NOW, binding=ASKED),
        "mdoc": MdocVerifier(trust()).verify(response, NOW, session=Session(TRANSCRIPT)),
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (DOSE, "PASS"),
        (replace(DOSE, dose_number=1), "FAIL"),
        (replace(DOSE, date=date(2022, 1, 10)), "FAIL"),
        (replace(DOSE, dose_number=3, doses=3, date=date(2022, 1, 10)), "PASS"),
        (replace(DOSE, date=date(2023, 1, 14)), "PASS"),
    ],
)
def test_the_same_facts_in_three_containers_give_one_verdict(
    event: Vaccination, expected: str
) -> None:
    rules = RuleSet.load(eu_travel())
    verdicts = {}
    for name, found in three(event).items():
        assert found.ok, (name, found.failures)
        assert found.profile == name
        decided = rules.decide(found, country="EU")
        verdicts[name] = (
            decided.outcome,
            [(each.rule.identifier, each.outcome) for each in decided.results],
        )
    assert verdicts["eu"] == verdicts["sd-jwt"] == verdicts["mdoc"]
    assert len(verdicts["eu"][1]) >= 3
    assert verdicts["eu"][0] == expected


@pytest.mark.parametrize("event", [TEST, RECOVERY])
@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=40)])
def test_tests_and_recoveries_come_to_one_verdict_in_the_containers_that_state_them(
    event: Event, later: timedelta
) -> None:
    issuer = Issuer("DK", signer(), name="Health Data")
    text = issuer.issue(HOLDER, event, expires=LIFE, issued_at=ISSUED, uvci=UVCI).text
    certificate = signer().certificate
    assert certificate is not None
    at = ISSUED + later
    qr = Verifier(TrustStore([certificate])).verify(text, at)
    dcc: Any = qr.payload
    made = issue_sd_jwt(dcc, signer(), expires=LIFE, issued_at=ISSUED).text
    found = SdJwtVerifier(trust()).verify(made, at)
    assert (qr.ok, found.ok) == (True, True), found.failures
    assert found.facts == qr.facts
    rules = RuleSet.load(eu_travel())
    verdicts = [rules.decide(each, country="EU") for each in (qr, found)]
    first, second = (
        (each.outcome, [(one.rule.identifier, one.outcome) for one in each.results])
        for each in verdicts
    )
    assert first == second
    with pytest.raises(CredentialError):
        to_elements(dcc_of(RECOVERY))


def test_histories_and_wallets_take_all_three() -> None:
    found = three(DOSE)
    stated = [each.facts for each in found.values() if each.facts is not None]
    assert len(stated) == 3
    history = History.from_passes(stated)
    assert len(history.doses) == 1
    rules = RuleSet.load(eu_travel())
    assert rules.decide_wallet(found.values(), country="EU").together.outcome


def test_a_credential_without_a_pass_is_not_judged_by_rules() -> None:
    text = issue_sd_jwt(dcc_of(), signer(), expires=LIFE, issued_at=ISSUED).text
    shown = SdJwtVerifier(trust()).verify(present_sd_jwt(text, ["birthdate"]), NOW)
    assert shown.ok
    with pytest.raises(TypeError, match="no pass"):
        RuleSet.load(eu_travel()).decide(shown, country="EU")
    late = SdJwtVerifier(trust()).verify(text, NOW + timedelta(days=400))
    verdict = RuleSet.load(eu_travel()).decide(late, country="EU")
    assert (verdict.outcome, verdict.refusals) == ("REFUSED", late.failures)


# WHO's digital ICVP.

GIVEN: dict[str, str] = {
    "product": "CovidProduct1",
    "batch": "LOT-1",
    "sex": "female",
    "nationality": "DNK",
    "authority": "DNK",
}


@given(strategies.holders(), strategies.vaccinations())
def test_an_icvp_states_a_vaccination_with_what_the_caller_adds(
    who: Holder, event: Vaccination
) -> None:
    dcc = payload(who, event)
    if not isinstance(who.birth_date, date):
        with pytest.raises(CredentialError):
            to_icvp(dcc, **GIVEN)
        return
    made = to_icvp(dcc, **GIVEN)
    certificate, _ = read_icvp(made.content)
    assert certificate is not None
    (dose,) = certificate.doses
    assert (dose.given_on, dose.batch, dose.product) == (event.date, "LOT-1", "CovidProduct1")
    assert certificate.traveller.birth_date == who.birth_date
    lost = {loss.field for loss in made.losses}
    assert {"v.dn", "v.sd", "v.ci", "v.co", "v.is", "v.tg"} <= lost
    # Everything that the payload states has a place, comes from the caller, or is lost.
    stated = {f"v.{name}" for name in dcc["v"][0]} | {f"nam.{name}" for name in dcc["nam"]}
    kept = {"v.mp", "v.dt", "nam.fn", "nam.gn", "dob"}
    assert stated | {"dob", "ver"} == lost | (kept & (stated | {"dob"}))
    back = from_icvp(certificate)
    assert back.content["vaccination_date"] == event.date.isoformat()
    assert back.content["nationalities"] == ["DNK"]
    assert from_claims(back.content) is None
    assert back.losses == ()


def test_what_an_icvp_states_and_a_credential_cannot_is_said() -> None:
    certificate, _ = read_icvp(to_icvp(dcc_of(), **GIVEN, clinician="Dr Marker").content)
    assert certificate is not None
    person = replace(
        certificate.traveller, document_id="X1", document_type="PPN", guardian="Marker"
    )
    found = from_icvp(replace(certificate, traveller=person))
    assert {loss.field for loss in found.losses} == {
        "identity document",
        "type of the identity document",
        "parent or guardian",
        "supervising clinician",
    }
    assert "Marker" not in repr(found) + repr(found.losses)
    assert {loss.field for loss in found.losses} <= {
        loss.field for loss in losses("icvp", "sd-jwt")
    }
    for doses in ((), certificate.doses * 2):
        with pytest.raises(CredentialError):
            from_icvp(replace(certificate, doses=doses))
    for event in (TEST, RECOVERY):
        with pytest.raises(CredentialError):
            to_icvp(dcc_of(event), **GIVEN)


def test_the_table_names_the_members_of_an_icvp() -> None:
    certificate, _ = read_icvp(to_icvp(dcc_of(), **GIVEN, clinician="x").content)
    assert certificate is not None
    whole = replace(
        certificate,
        traveller=Traveller("n", date(2000, 1, 1), "male", "DNK", "id", "PPN", "guardian"),
    )
    claim = write_icvp(whole)
    members = (set(claim) - {"vx", "v"}) | set(claim["vx"])
    assert members == {row.icvp for row in rows() if row.icvp is not None}


def test_a_verified_credential_says_what_a_pass_cannot_state_of_it() -> None:
    dcc = dcc_of()
    claims = {**to_claims(dcc).content, "sex": "female", "batch": "LOT", "exp": 1_690_000_000}
    text = issue_claims(claims, signer(), vct=VCT)
    found = SdJwtVerifier(trust()).verify(text, NOW)
    assert found.ok, found.failures
    assert found.credential is not None
    assert {loss.field for loss in found.credential.losses} == {"sex", "batch"}
    content = to_elements(dcc).content
    content[VTR] = {**content[VTR], "sex": 2}
    content[VTR]["v_RA01_2"] = {**content[VTR]["v_RA01_2"], "bn": "LOT"}
    data = issue_elements(
        content,
        signer(),
        doc_type="org.micov.1",
        device_key=holder_public(),
        issued_at=ISSUED,
        expires=ISSUED + LIFE,
    )
    mdoc = MdocVerifier(trust()).verify(data, NOW)
    assert mdoc.ok, mdoc.failures
    assert mdoc.credential is not None
    assert {"sex", "batch", "nam.fnt"} <= {loss.field for loss in mdoc.credential.losses}


def test_the_page_of_the_mapping_is_made_from_the_data() -> None:
    assert PAGE.read_text("utf-8") == page(), "Write it anew: run tests/wallets/mapping_page.py"

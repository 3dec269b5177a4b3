"""Which listed keys may sign which payload, and what is said of those that may not."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
import list_makers as make
from coronapas.tolerances import STRICT
from coronapas.trust import (
    PARTICIPANTS,
    TEST_PARTICIPANTS,
    Certificate,
    GdhcnEntry,
    Listing,
    Source,
    TrustList,
    TrustStore,
    is_participant,
)
from coronapas.trust._lists import gdhcn
from coronapas.verify import PROFILES, TrustPolicy, Verification, Verifier

if TYPE_CHECKING:
    from pathlib import Path

from coronapas.verify._keyring import KeyRing

NOW = backend.NOW
PAIR = make.dsc(0)
TEXT = backend.forge(backend.claims(), PAIR)
EU = next(row for row in PROFILES if row.name == "eu")


def entry(**more: Any) -> GdhcnEntry:
    participant = more.pop("participant", "DNK")
    return GdhcnEntry(PAIR.certificate, participant, (make.csca().certificate,), **more)


def listed(*entries: GdhcnEntry, environment: str = "production") -> TrustList:
    data = make.did_document(entries, environment=environment)
    return gdhcn.read(data, pins=make.list_signer().certificate, name=environment)


def verify(trust: TrustStore, **settings: Any) -> Verification:
    policy = TrustPolicy(**settings.pop("policy", {}))
    verifier = Verifier(trust, policy=policy, **settings)
    first = verifier.verify(TEXT, NOW)
    # The second look may take the quick way.
    second = verifier.verify(TEXT, NOW)
    assert (first.ok, first.failures) == (second.ok, second.failures)
    assert first.deviations == second.deviations
    again = pickle.loads(pickle.dumps(verifier)).verify(TEXT, NOW)
    assert again.failures == first.failures
    return first


def code(result: Verification) -> str:
    assert not result.ok
    assert not result.signed
    assert result.payload is None
    (failed,) = result.failures
    assert failed.name == "key identifier"
    return failed.code


def test_a_key_of_production_signs_what_its_domain_is_for() -> None:
    result = verify(TrustStore.from_lists(listed(entry())))
    assert result.ok
    assert result.deviations == ()
    assert [source.listing for source in result.sources] == [
        Listing("DCC", "DNK", "DSC", "production")
    ]
    assert "DCC, DNK, DSC, production" in result.check("signature").sentence
    assert pickle.loads(pickle.dumps(result)).sources == result.sources


@pytest.mark.parametrize("domain", ["IPS-PILGRIMAGE", "PH4H", "IPS", "ICVP", "DDCC", "dcc"])
def test_a_key_of_another_domain_signs_no_eu_pass(domain: str) -> None:
    trust = TrustStore.from_lists(listed(entry(domain=domain)))
    assert code(verify(trust)) == "identifier.domain"
    for name in ("eu", EU.family):
        assert verify(trust, policy={"domains": {name: {domain}}}).ok
    assert code(verify(trust, policy={"domains": {"dk": {domain}}})) == "identifier.domain"


def test_opting_in_for_a_domain_replaces_the_profiles_own() -> None:
    trust = TrustStore.from_lists(listed(entry()))
    assert code(verify(trust, policy={"domains": {"eu": {"PH4H"}}})) == "identifier.domain"


def test_a_list_without_domains_counts_as_dcc() -> None:
    trust = TrustStore.from_lists(TrustList(Source("gateway", "eu"), (PAIR.certificate,)))
    assert verify(trust).ok
    assert verify(trust, policy={"environments": ()}).ok
    assert code(verify(trust, policy={"domains": {"eu": {"PH4H"}}})) == "identifier.domain"


@pytest.mark.parametrize("form", ["given", "plain"])
def test_what_the_caller_put_in_by_hand_is_the_callers_decision(form: str) -> None:
    own = TrustList(Source(form), (PAIR.certificate,))
    for trust in (TrustStore.from_certificates([PAIR.certificate]), TrustStore.from_lists(own)):
        strict = {"domains": {"eu": {"PH4H"}}, "environments": (), "max_age": timedelta(0)}
        assert verify(trust, policy=strict).ok


@pytest.mark.parametrize(
    ("name", "domains"),
    [
        ("eu", {"DCC"}),
        ("dk1", {"DCC"}),
        ("dk2", {"DCC"}),
        ("dk3", {"DCC"}),
        ("icvp", {"ICVP"}),
        ("link", {"IPS-PILGRIMAGE", "PH4H", "IPS"}),
    ],
)
def test_each_payload_has_its_domains(name: str, domains: set[str]) -> None:
    row = next(row for row in PROFILES if row.name == name)
    assert row.domains == domains
    policy = TrustPolicy()
    for domain in ("DCC", "DDCC", "ICVP", "IPS", "IPS-PILGRIMAGE", "PH4H", "RACSEL-DDVC"):
        objection = policy.objection(Listing(domain, "DNK", "DSC", "production"), row)
        assert (objection is None) == (domain in domains)
    assert (policy.objection(None, row) is None) == ("DCC" in domains)


@pytest.mark.parametrize("environment", ["uat", "development"])
def test_an_environment_counts_where_it_is_asked_for(environment: str) -> None:
    trust = TrustStore.from_lists(listed(entry(), environment=environment))
    assert code(verify(trust)) == "identifier.environment"
    assert verify(trust, policy={"environments": {"production", environment}}).ok


def test_an_unknown_environment_counts_where_it_is_asked_for() -> None:
    own = Source("gdhcn", "old", "verified")
    trust = TrustStore.from_lists(TrustList(own, (with_listing(Listing("DCC", "DNK")),)))
    assert code(verify(trust)) == "identifier.environment"
    assert verify(trust, policy={"environments": {None}}).ok


def with_listing(listing: Listing) -> Certificate:
    return type(PAIR.certificate).load(PAIR.certificate, listing=listing)


@pytest.mark.parametrize("usage", ["SCA", "DECA", "DESC", "UP", "TLS"])
def test_a_key_for_another_use_signs_nothing(usage: str) -> None:
    trust = TrustStore([with_listing(Listing("DCC", "DNK", usage, "production"))])
    assert code(verify(trust)) == "identifier.usage"
    loaded = TrustStore.from_lists(TrustList(Source("gdhcn", "x", "verified"), trust.certificates))
    assert code(verify(loaded)) == "identifier.usage"


def test_a_test_participant_counts_outside_production_alone() -> None:
    trust = TrustStore.from_lists(listed(entry(participant="XXH")))
    assert code(verify(trust)) == "identifier.test-participant"
    assert verify(trust, policy={"test_participants": TEST_PARTICIPANTS - {"XXH"}}).ok
    other = TrustStore.from_lists(listed(entry(participant="XXH"), environment="development"))
    assert verify(other, policy={"environments": {"development"}}).ok
    mine = TrustStore.from_lists(listed(entry()))
    refused = verify(mine, policy={"test_participants": {"DNK"}})
    assert code(refused) == "identifier.test-participant"


def test_a_key_in_two_domains_signs_for_both() -> None:
    both = listed(entry(domain="PH4H"), entry())
    for trust in (TrustStore.from_lists(both), TrustStore(both.certificates)):
        assert verify(trust).ok
        assert verify(trust, policy={"domains": {"eu": {"PH4H"}}}).ok
        assert code(verify(trust, policy={"domains": {"eu": {"IPS"}}})) == "identifier.domain"


def test_the_same_kid_in_two_domains_is_tried_where_the_domain_fits() -> None:
    """Two keys of one kid: the one of the other domain is never tried, whoever signed."""
    kid = PAIR.certificate.kid
    twin = GdhcnEntry(
        type(PAIR.certificate).load(make.dsc(1).certificate, kid=kid),
        "DNK",
        (make.csca().certificate,),
    )
    wrong = verify(TrustStore.from_lists(listed(entry(domain="PH4H"), twin)))
    assert [check.code for check in wrong.failures] == ["signature.invalid"]
    assert verify(TrustStore.from_lists(listed(entry(), twin))).ok


def test_each_list_is_judged_by_itself() -> None:
    """A fresh list of development lends no life to production's old one."""
    old = listed(entry())
    fresh = TrustList(
        Source("gdhcn", "fresh", "verified", NOW), listed(entry(), environment="uat").certificates
    )
    trust = TrustStore.from_lists(old, fresh)
    age = NOW - make.ISSUED
    assert verify(trust, policy={"max_age": age}).ok
    assert code(verify(trust, policy={"max_age": age - timedelta(seconds=1)})) == (
        "identifier.list-expired"
    )


def test_the_age_of_a_list_is_the_callers_to_limit() -> None:
    trust = TrustStore.from_lists(listed(entry()))
    age = NOW - make.ISSUED
    assert verify(trust, policy={"max_age": age}).ok
    late = verify(trust, policy={"max_age": age - timedelta(microseconds=1)})
    assert code(late) == "identifier.list-expired"
    undated = TrustStore.from_lists(TrustList(Source("jwks", "a"), (PAIR.certificate,)))
    assert verify(undated).ok
    assert code(verify(undated, policy={"max_age": timedelta(days=1)})) == "identifier.list-expired"


def test_another_issuer_than_the_participant_is_reported() -> None:
    trust = TrustStore.from_lists(listed(entry(participant="SWE")))
    result = verify(trust)
    assert result.ok
    assert [each.code for each in result.deviations] == ["certificate.participant"]
    strict = verify(trust, tolerate=STRICT)
    assert [check.code for check in strict.failures] == ["certificate.participant"]
    extended = {**PARTICIPANTS, "DK": {"SWE"}}
    assert verify(trust, policy={"participants": extended}, tolerate=STRICT).ok
    both = TrustStore.from_lists(
        listed(entry(participant="SWE")), TrustList(Source("eu"), (PAIR.certificate,))
    )
    assert verify(both, tolerate=STRICT).ok


@pytest.mark.parametrize(
    ("issuer", "participant", "same"),
    [
        ("PT", "PRT", True),
        ("PT", "PRI", False),
        ("AT", "AUT", True),
        ("AU", "AUT", False),
        ("IO", "IOM", True),
        ("IO", "IOT", True),
        ("WH", "WHO", True),
        ("XH", "XXH", True),
        ("XL", "XCL", True),
        ("XCL", "XCL", True),
        ("XK", "XKX", True),
        ("", "", True),
        ("", "DNK", False),
        ("DN", "DNK", False),
    ],
)
def test_issuer_and_participant_are_compared_through_the_table(
    issuer: str, participant: str, same: bool
) -> None:
    assert is_participant(issuer, participant) is same


def test_the_table_is_that_of_iso_3166() -> None:
    assert len(PARTICIPANTS) == 249 + 26 + 1
    iso = [code for code in PARTICIPANTS if code[0] != "X" and code != "WH"]
    assert len(iso) == 249
    every = [each for code in iso for each in PARTICIPANTS[code]]
    assert len(set(every)) == len(every) == 249 + 1
    assert all(len(each) == 3 and each.isupper() for each in every)
    assert not TEST_PARTICIPANTS & set(every)


def test_the_settings_of_a_policy_are_checked() -> None:
    for wrong in (
        {"environments": "production"},
        {"test_participants": "XXH"},
        {"domains": {"eu": "DCC"}},
    ):
        with pytest.raises(TypeError):
            TrustPolicy(**wrong)
    with pytest.raises(ValueError, match="negative"):
        TrustPolicy(max_age=timedelta(seconds=-1))


def test_without_a_list_that_vouches_nothing_is_admitted() -> None:
    from coronapas.verify import _keyring as keyring

    found = keyring.admission(TrustPolicy(), (), EU)
    assert found.objection is not None


CODE = st.sampled_from(("DCC", "PH4H", "ICVP", None))


@given(
    CODE,
    st.sampled_from(("DNK", "XXH", None)),
    st.sampled_from(("DSC", "SCA", "DECA")),
    st.sampled_from(("production", "uat", "development", None)),
    st.sets(st.sampled_from(("production", "uat", "development", None))),
)
def test_a_key_is_admitted_where_every_rule_holds(
    domain: str | None,
    participant: str | None,
    usage: str,
    environment: str | None,
    asked: set[str | None],
) -> None:
    policy = TrustPolicy(environments=asked)
    objection = policy.objection(Listing(domain, participant, usage, environment), EU)
    tested = participant == "XXH" and environment in ("production", None)
    fits = usage == "DSC" and environment in asked and not tested and domain in ("DCC", None)
    assert (objection is None) == fits


# A genuine certificate of vaccination, signed by a key of the network's.


@pytest.mark.parametrize(
    ("listing", "domains", "expected"),
    [
        (None, (), "identifier.domain"),
        (None, ("ICVP", "DCC"), None),
        (Listing("RACSEL-DDVC", "XCL", "DSC", "development"), (), "identifier.domain"),
        (Listing("RACSEL-DDVC", "XCL", "DSC", "development"), ("RACSEL-DDVC",), None),
        (Listing("RACSEL-DDVC", "XCL", "DSC", "production"), ("RACSEL-DDVC",), "identifier.test-"),
    ],
)
def test_the_genuine_booklet_verifies_by_opt_in(
    official: Path, listing: Listing | None, domains: tuple[str, ...], expected: str | None
) -> None:
    folder = official / "gdhcn"
    own = Certificate.load((folder / "claims" / "a1-certificate.txt").read_bytes(), listing=listing)
    trust = TrustStore.from_lists(TrustList(Source("gdhcn", "x", "verified"), (own,)))
    policy = TrustPolicy(
        environments={"production", "development"}, domains={"icvp": domains} if domains else {}
    )
    verifier = Verifier(trust, accept=("icvp",), policy=policy)
    for name in ("DVCTest3QR", "DVCTestQR", "DVCTest2QR"):
        text = (folder / f"{name}.txt").read_text("ascii")
        result = verifier.verify(text, datetime(2024, 10, 1, tzinfo=UTC))
        failed = [check.code for check in result.failures]
        if expected is not None:
            assert failed[0].startswith(expected)
        elif name == "DVCTest3QR":
            assert result.ok
        else:
            assert failed == ["signature.invalid"]


def test_the_keys_of_a_kid_are_made_ready_once_and_strange_kids_are_not_remembered() -> None:
    ring = KeyRing(TrustStore.from_certificates([PAIR.certificate]), 0.0, "issued")
    (key,) = ring.keys_of(PAIR.certificate.kid)
    assert ring.keys_of(PAIR.certificate.kid) == (key,)
    assert ring.keys_of(bytes(8)) == ()
    assert list(ring._keys) == [PAIR.certificate.kid]

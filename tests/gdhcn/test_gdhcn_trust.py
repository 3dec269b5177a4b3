"""Which keys may sign WHO's claims: domains, certificates given by hand, and the participant."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import backend
import gdhcn_world as world
from coronapas import TrustStore, Verifier
from coronapas.gdhcn import LinkIssuer, build_link
from coronapas.keys import make_key
from coronapas.trust import GdhcnEntry, read, write_gdhcn
from coronapas.verify import TrustPolicy

CODES = "https://shl.example.org/" + "Ab-_" * 11


@cache
def network() -> ec.EllipticCurvePrivateKey:
    key = make_key("P-256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def store(domain: str, participant: str = "XXA") -> TrustStore:
    """The key of the world on a list of the development environment."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    document = write_gdhcn(
        [GdhcnEntry(world.dsc().certificate, participant, domain=domain)],
        network(),
        did="did:web:list.example.org:v2:trustlist",
        signing_key="did:web:list.example.org:signing#key",
        created=world.NOW,
        environment="development",
    )
    pin = network().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return TrustStore.from_lists(read(document, pins=[pin]))


def verify(text: str, trust: TrustStore, **policy: Any) -> Any:
    chosen = TrustPolicy(environments=frozenset(("development",)), **policy)
    verifier = Verifier(trust, accept=("eu", "icvp", "link"), policy=chosen)
    return verifier.verify(text, world.NOW)


@cache
def link() -> str:
    office = LinkIssuer(world.dsc().signer())
    return office.issue(build_link(CODES), expires=world.END, issued_at=world.NOW).text


@pytest.mark.parametrize("domain", ["ICVP", "DCC", "DDCC", "IPS-PILGRIMAGE", "PH4H", "IPS"])
def test_a_key_signs_the_payload_of_its_domain(domain: str) -> None:
    trust = store(domain)
    icvp, other = verify(world.issued().text, trust), verify(link(), trust)
    assert icvp.ok is (domain == "ICVP")
    assert other.ok is (domain in ("IPS-PILGRIMAGE", "PH4H", "IPS"))
    for result in (icvp, other):
        failed = [check.code for check in result.failures]
        assert failed == ([] if result.ok else ["identifier.domain"])
    chosen = {"icvp": {domain}, "link": {domain}}
    assert verify(world.issued().text, trust, domains=chosen).ok
    assert verify(link(), trust, domains=chosen).ok


def test_a_certificate_given_by_hand_signs_what_the_caller_accepts() -> None:
    for text in (world.issued().text, link()):
        assert verify(text, world.trust()).ok
        named = {"icvp": {"ICVP"}, "link": {"PH4H"}}
        assert verify(text, world.trust(), domains=named).ok


def test_an_authority_that_is_not_the_participant_is_reported() -> None:
    issued = world.issuer(country="XXA").issue(
        world.TRAVELLER, world.DOSE, expires=world.END, issued_at=world.NOW
    )
    assert verify(issued.text, store("ICVP")).deviations == ()
    other = verify(issued.text, store("ICVP", "XXB"))
    assert other.ok
    assert {(each.code, each.field) for each in other.deviations} == {
        ("certificate.participant", "iss"),
        ("certificate.participant", "vx.is"),
    }


def test_a_key_for_booklets_signs_no_eu_pass() -> None:
    forged = backend.forge(
        backend.claims(iss="XX", exp=int(world.END.timestamp()), iat=int(world.NOW.timestamp())),
        world.dsc(),
    )
    failed = verify(forged, store("ICVP")).failures
    assert "identifier.domain" in [check.code for check in failed]

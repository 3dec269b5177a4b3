"""WHO's network in hostile hands: whatever is served, only production's own keys sign passes.

A client takes what it is served under one name, pinned to the keys of production and, by mistake,
of development as well. The network publishes genuine editions; the enemy holds keys of every kind
that the network lists for other business, the keys of development's lists, and old editions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import backend
import list_makers as make
from coronapas import trust
from coronapas.errors import TrustListError
from coronapas.trust import GdhcnEntry, Pin, TrustStore, write_gdhcn
from coronapas.verify import TrustPolicy, Verifier
from coronapas.verify import _keyring as keyring

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.keys import KeyPair

MAX_AGE = timedelta(days=7)
NUMBERS = range(4)


@cache
def text(number: int) -> str:
    """An EU pass that a key signed, whatever the key is for."""
    claims = backend.claims(exp=int((backend.NOW + timedelta(days=3650)).timestamp()))
    return backend.forge(claims, make.dsc(number))


@cache
def signer(environment: str) -> KeyPair:
    return make.list_signer(f"{environment} signer")


PINS = [Pin(signer(name).certificate, environment=name) for name in ("production", "development")]


@dataclass(frozen=True)
class Row:
    """One key on an edition, and what the edition states about it."""

    number: int
    domain: str
    participant: str
    usage: str

    @property
    def signs(self) -> bool:
        """Whether the network says that this key signs EU passes."""
        return self.domain == "DCC" and self.usage == "DSC" and self.participant == "DNK"


ROWS = st.builds(
    Row,
    st.sampled_from(NUMBERS),
    st.sampled_from(("DCC", "IPS-PILGRIMAGE", "PH4H")),
    st.sampled_from(("DNK", "XXH")),
    st.sampled_from(("DSC", "DECA", "DESC", "SCA")),
)


def edition(
    rows: list[Row], at: datetime, environment: str, by: str, references: tuple[str, ...] = ()
) -> bytes:
    key = signer(by).private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    entries = [
        GdhcnEntry(
            make.dsc(row.number).certificate,
            row.participant,
            (make.csca().certificate,),
            row.usage,
            row.domain,
        )
        for row in rows
    ]
    return write_gdhcn(
        entries,
        key,
        did=make.DID,
        signing_key=f"{make.DID}:signer",
        created=at,
        environment=environment,
        references=references,
    )


class HostileNetwork(RuleBasedStateMachine):
    """A client, a network, and an enemy between them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = backend.NOW
        self.store = TrustStore()
        self.taken: tuple[datetime, list[Row]] = (self.now, [])
        self.editions: list[tuple[bytes, datetime, list[Row]]] = []

    def serve(self, data: bytes) -> bool:
        """Whether the client took what it was served."""
        try:
            served = trust.read(data, pins=PINS, name="network", fetched=self.now, at=self.now)
            self.store = self.store.update(served)
        except TrustListError:
            return False
        return True

    @initialize(rows=st.lists(ROWS, max_size=6))
    def first(self, rows: list[Row]) -> None:
        self.publish(rows)

    @rule(rows=st.lists(ROWS, max_size=6), after=st.integers(1, 200))
    def publish(self, rows: list[Row], after: int = 1) -> None:
        self.now += timedelta(hours=after)
        data = edition(rows, self.now, "production", "production")
        assert self.serve(data)
        self.taken = (self.now, rows)
        self.editions.append((data, self.now, rows))

    @rule(hours=st.integers(1, 200))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        old, at, _ = data.draw(st.sampled_from(self.editions))
        assert self.serve(old) == (at == self.taken[0])

    @rule(rows=st.lists(ROWS, max_size=6))
    def serve_development(self, rows: list[Row]) -> None:
        """Development's own list in the place of production's: keys are lost, none are won."""
        data = edition(rows, self.now, "development", "development")
        if self.serve(data):
            self.taken = (self.now, [])

    @rule(rows=st.lists(ROWS, max_size=6))
    def sign_production_with_the_key_of_development(self, rows: list[Row]) -> None:
        assert not self.serve(edition(rows, self.now, "production", "development"))

    @rule()
    def refer_to_development(self) -> None:
        """A genuine list of references in its place: the client learns no key from it."""
        reference = ("did:web:tng-cdn-dev.who.int:trustlist",)
        before = self.store.certificates
        assert self.serve(edition([], self.now, "production", "production", reference))
        assert self.store.certificates == before

    @rule(rows=st.lists(ROWS, min_size=1, max_size=3))
    def strip_the_proof(self, rows: list[Row]) -> None:
        document: Any = json.loads(edition(rows, self.now, "production", "development"))
        del document["proof"]
        assert not self.serve(make.dumped(document))

    @invariant()
    def only_the_keys_of_production_sign(self) -> None:
        at, rows = self.taken
        fresh = self.now - at <= MAX_AGE
        verifier = Verifier(self.store, policy=TrustPolicy(max_age=MAX_AGE))
        for number in NUMBERS:
            expected = fresh and any(row.number == number and row.signs for row in rows)
            for _ in range(2):
                found = verifier.verify(text(number), self.now)
                assert found.ok == expected, (number, rows, found)
                assert found.signed == expected


# Making the documents and signing them takes most of the time.
FEW = settings(max_examples=25, stateful_step_count=12)


def test_only_the_keys_of_production_sign_whatever_is_served() -> None:
    run_state_machine_as_test(HostileNetwork, settings=FEW)


# One failure is enough: to make it small would take longer than to find it.
UNTIL_CAUGHT = settings(FEW, max_examples=1000, phases=[Phase.generate])


def no_objection(*_: object) -> None:
    """In the place of a rule: it finds nothing wrong."""


@pytest.mark.parametrize(
    "fault",
    [
        lambda: (keyring.TrustPolicy, "objection", no_objection),
        lambda: (keyring, "_end", lambda *_: float("inf")),
        lambda: (TrustStore, "update", lambda store, fresh: TrustStore.from_lists(fresh)),
    ],
    ids=["asks no policy", "ignores the age of lists", "takes old editions"],
)
def test_the_machine_catches_a_verifier_that(
    fault: Callable[[], tuple[Any, str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*fault())
    with pytest.raises(AssertionError):
        run_state_machine_as_test(HostileNetwork, settings=UNTIL_CAUGHT)

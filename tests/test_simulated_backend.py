"""A verifier against a hostile national backend: nothing invalid is accepted, nothing valid lost.

The machine keeps its own account of the truth (`Truth`), from what the backend did and from the
specifications, and holds the verifier's answers against it after every step.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import simulator
from coronapas.errors import RevocationListError, TrustListError
from coronapas.facts import EventKind
from coronapas.revocation import HashType, RevocationAnswer, RevocationOutcome, RevocationStore
from coronapas.revocation._lists import gateway as revocation_gateway
from coronapas.rules import RuleSet
from coronapas.rules._subject import Subject, normalised
from coronapas.trust._certificate import VerifyingKey
from coronapas.trust._list import Source, TrustList
from coronapas.trust._lists import gateway, sweden
from coronapas.trust._store import TrustStore
from coronapas.verify import _keyring as keyring
from coronapas.verify import _verifier as verifying
from coronapas.verify._keyring import KeyRing
from coronapas.verify._profiles import eu
from coronapas.verify._quick import QuickLook
from coronapas.verify._verifier import Verifier
from simulator import Dsc, Specimen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from coronapas.revocation import RevocationList
    from coronapas.verify._result import Verification

SKEW: Final = timedelta(minutes=5)
MAX_AGE: Final = timedelta(days=7)
SECOND: Final = timedelta(seconds=1)


def _gate(logic: Any) -> RuleSet:
    """A rule that takes every pass of every kind at every moment."""
    return RuleSet.load(
        {
            "Identifier": "GR-DK-0001",
            "Type": "Acceptance",
            "Country": "DK",
            "Version": "1.0.0",
            "SchemaVersion": "1.0.0",
            "Engine": "CERTLOGIC",
            "EngineVersion": "1.0.0",
            "CertificateType": "General",
            "Description": [{"lang": "en", "desc": "Every pass is accepted."}],
            "ValidFrom": "2000-01-01T00:00:00Z",
            "ValidTo": "2999-01-01T00:00:00Z",
            "AffectedFields": ["ver"],
            "Logic": logic,
        }
    )


OPEN_GATE: Final = _gate({"===": [1, 1]})
RULES: Final = (OPEN_GATE, _gate({"if": [{"var": "payload.ver"}, True, True]}))

names = st.sampled_from(simulator.NAMES)
some_names = st.one_of(
    st.lists(names, min_size=1, max_size=6, unique=True), st.just(list(simulator.NAMES))
)
kinds = st.sampled_from(EventKind)
lives = st.sampled_from((timedelta(hours=1), timedelta(days=1), timedelta(days=40)))


@dataclass
class Revoked:
    """One batch that the client took: what it names, and until when."""

    kind: HashType
    value: bytes
    kid: bytes | None
    expires: datetime


@dataclass
class Truth:
    """What is so, by the specifications; it never asks the library."""

    # By list: the keys under their kids, and the last moment of the list.
    listed: dict[str, tuple[frozenset[tuple[bytes, Dsc]], datetime]] = field(default_factory=dict)
    revoked: dict[str, Revoked] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    revocations_as_of: datetime | None = None

    def genuine(self, specimen: Specimen, now: datetime) -> bool:
        key = specimen.signer
        return (
            specimen.intact
            and not specimen.lie
            and any(
                (specimen.kid, key) in members and now <= until
                for members, until in self.listed.values()
            )
            and (not key.usages or specimen.kind in key.usages)
            and key.first <= specimen.issued <= key.last
            and key.first - SKEW <= now <= key.last
            and specimen.issued - SKEW <= now <= specimen.expires
        )

    def is_revoked(self, specimen: Specimen, now: datetime) -> bool | None:
        """None where what the client has cannot tell."""
        named = [
            each
            for each in self.revoked.values()
            if each.value == specimen.hash(each.kind) and each.kid in (None, specimen.kid)
        ]
        if any(now <= each.expires for each in named):
            return True
        as_of = self.revocations_as_of
        if named or self.gaps or as_of is None or now > as_of + MAX_AGE:
            return None
        return False


class HostileBackend(RuleBasedStateMachine):
    """A client that takes what it is served, and a backend that serves what it should not."""

    passes: Bundle[Specimen] = Bundle("passes")
    gates: tuple[RuleSet, ...] = RULES

    def __init__(self) -> None:
        super().__init__()
        self.now = simulator.START
        self.truth = Truth()
        self.trust = TrustStore()
        self.revocation = RevocationStore(max_age=MAX_AGE)
        self.specimens: list[Specimen] = []
        self.editions: list[tuple[bytes, datetime]] = []
        self.batch_dates: dict[str, datetime] = {}
        self.batches: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.former_revocations: list[RevocationList] = []
        self.folder = tempfile.TemporaryDirectory()
        self.renew()

    def teardown(self) -> None:
        self.folder.cleanup()

    def renew(self) -> None:
        """New verifiers, as an operator makes them when trust or revocation data changes."""
        self.judged: tuple[datetime, list[Specimen]] = self.now, []
        self.plain = Verifier(self.trust)
        self.telling = Verifier(self.trust, revocation=self.revocation)
        self.strict = Verifier(
            self.trust, revocation=self.revocation, refuse_unknown_revocation=True
        )

    # What must always be so

    def judge(self, specimen: Specimen, at: datetime) -> None:
        genuine = self.truth.genuine(specimen, at)
        revoked = self.truth.is_revoked(specimen, at)
        # Twice each: the first look loads the key, the second may take the quick way.
        for verifier, expected in (
            (self.plain, genuine),
            (self.plain, genuine),
            (self.telling, genuine and revoked is not True),
            (self.strict, genuine and revoked is False),
        ):
            found = verifier.verify(specimen.text, at)
            assert found.ok == expected, (specimen, found)
            # What a gate asks: rules that take every pass, so that only the verifier refuses.
            for rules in self.gates:
                decided = rules.decide(found, country="DK")
                assert (decided.outcome == "PASS") == expected, (specimen, decided)
                assert (decided.outcome == "REFUSED") == (not expected), (specimen, decided)
                if not expected:
                    wallet = rules.decide_wallet([found], country="DK")
                    assert wallet.together.outcome == "REFUSED"
            if found.signed:
                certificate = specimen.signer.pair.certificate
                assert found.certificate is not None
                assert found.certificate.der == certificate.der, "another key is named as signer"

    @invariant()
    def every_pass_is_judged_as_the_truth_has_it(self) -> None:
        # Where neither the time nor the data changed, the answers of the last step still stand.
        at, known = self.judged
        if at != self.now:
            known = []
        for specimen in self.specimens:
            if not any(specimen is each for each in known):
                self.judge(specimen, self.now)
        self.judged = self.now, list(self.specimens)

    @rule(specimen=passes, after=st.sampled_from((-SKEW, -SKEW - SECOND, 0 * SECOND, SECOND)))
    def judge_at_every_bound(self, specimen: Specimen, after: timedelta) -> None:
        key = specimen.signer
        ends = [until for _, until in self.truth.listed.values()]
        ends += [each.expires for each in list(self.truth.revoked.values())[-2:]]
        if self.truth.revocations_as_of is not None:
            ends.append(self.truth.revocations_as_of + MAX_AGE)
        for bound in (key.first, key.last, specimen.issued, specimen.expires, *ends):
            self.judge(specimen, bound + after)

    # Passes

    def keep(self, specimen: Specimen) -> Specimen:
        # The newest are judged after every step; older ones still come back through the bundle.
        self.specimens = [*self.specimens, specimen][-6:]
        return specimen

    @rule(
        target=passes,
        signer=st.one_of(names, st.just(simulator.ROGUE)),
        kind=kinds,
        life=lives,
        late=st.sampled_from((timedelta(0), -timedelta(days=2), SKEW, SKEW + SECOND)),
    )
    def issue(self, signer: str, kind: EventKind, life: timedelta, late: timedelta) -> Specimen:
        key = simulator.dsc(signer)
        made = simulator.issue(key, kind, kid=key.kid, issued=self.now + late, life=life)
        return self.keep(made)

    @rule(target=passes, kind=kinds, life=lives, data=st.data())
    def issue_with_a_listed_key(
        self, kind: EventKind, life: timedelta, data: st.DataObject
    ) -> Specimen:
        listed = {key.name: key for members, _ in self.truth.listed.values() for _, key in members}
        key = listed[data.draw(st.sampled_from(sorted(listed)))]
        made = simulator.issue(key, kind, kid=key.kid, issued=self.now, life=life)
        return self.keep(made)

    @rule(
        target=passes,
        signer=st.one_of(names, st.just(simulator.ROGUE)),
        claimed=names,
        own=st.booleans(),
        kind=kinds,
    )
    def issue_under_a_mixed_kid(
        self, signer: str, claimed: str, own: bool, kind: EventKind
    ) -> Specimen:
        key, other = simulator.dsc(signer), simulator.dsc(claimed)
        kid = other.own_kid if own else other.kid
        life = timedelta(days=3)
        return self.keep(simulator.issue(key, kind, kid=kid, issued=self.now, life=life))

    @rule(target=passes, specimen=passes, how=st.sampled_from(simulator.CHANGES), claimed=names)
    def change_a_pass(self, specimen: Specimen, how: simulator.Change, claimed: str) -> Specimen:
        return self.keep(simulator.change(specimen, how, simulator.dsc(claimed).kid))

    @rule(target=passes, specimen=passes, what=st.sampled_from(simulator.LIES))
    def sign_a_lie(self, specimen: Specimen, what: simulator.Lie) -> Specimen:
        return self.keep(simulator.lie(specimen, what))

    # Time

    @rule(by=st.sampled_from((SECOND, timedelta(hours=1), timedelta(days=1), timedelta(days=4))))
    def wait(self, by: timedelta) -> None:
        self.now += by

    # Trust lists

    def take(self, fresh: TrustList, members: Iterable[tuple[bytes, Dsc]], until: datetime) -> None:
        self.trust = self.trust.update(fresh, max_age=MAX_AGE)
        self.truth.listed[fresh.format] = frozenset(members), until
        self.renew()

    def read_national(self, data: bytes, at: datetime | None) -> TrustList:
        root = simulator.authority("DK list").certificate
        return sweden.read(data, pins=root, name="national", at=at)

    @initialize(listed=some_names, target=passes, data=st.data())
    def begin(self, listed: list[str], data: st.DataObject) -> Specimen:
        self.publish_the_national_list(listed)
        key = simulator.dsc(data.draw(st.sampled_from(listed)))
        kind = next(iter(key.usages), EventKind.VACCINATION)
        made = simulator.issue(key, kind, kid=key.kid, issued=self.now, life=timedelta(days=30))
        return self.keep(made)

    @rule(listed=some_names)
    def publish_the_national_list(self, listed: list[str]) -> None:
        self.now += SECOND  # two editions of one second could not be told apart by their dates
        edition = simulator.national_list(listed, self.now)
        self.editions.append((edition, self.now))
        fresh = self.read_national(edition, self.now)
        assert fresh.dropped == ()
        keys = [simulator.dsc(name) for name in listed]
        self.take(fresh, ((key.kid, key) for key in keys), self.now + simulator.LIST_LIFE)

    @precondition(lambda self: len(self.editions) > 1)
    @rule(data=st.data())
    def serve_an_old_edition(self, data: st.DataObject) -> None:
        old, _ = data.draw(st.sampled_from(self.editions[:-1]))
        with pytest.raises(TrustListError, match="older"):
            self.trust.update(self.read_national(old, None), max_age=MAX_AGE)

    @rule(how=st.sampled_from(simulator.ABUSES))
    def serve_a_forged_edition(self, how: simulator.Abuse) -> None:
        with pytest.raises(TrustListError):
            self.read_national(simulator.abuse(self.editions[-1][0], how, self.now), None)

    @rule(
        listed=st.lists(names, max_size=4, unique=True),
        unfit=st.lists(
            st.tuples(names, st.sampled_from(simulator.WAYS)), max_size=3, unique_by=lambda one: one
        ),
    )
    def publish_through_the_gateway(
        self, listed: list[str], unfit: list[tuple[str, simulator.Way]]
    ) -> None:
        fresh = gateway.read(
            simulator.gateway_list(listed, unfit),
            pins=simulator.authority("EU trust anchor").certificate,
            name="gateway",
            fetched=self.now,
        )
        assert len(fresh.dropped) == len(unfit)
        keys = [simulator.dsc(name) for name in listed]
        self.take(fresh, ((key.own_kid, key) for key in keys), self.now + MAX_AGE)

    # Revocation

    def apply(self, page: bytes, *, complete: bool) -> None:
        fresh = revocation_gateway.read(
            [page],
            self.batches,
            [simulator.uploader("DK").certificate, simulator.uploader("SE").certificate],
            as_of=self.now,
            complete=complete,
        )
        self.revocation = self.revocation.apply(fresh)
        self.former_revocations.append(fresh)
        self.truth.revocations_as_of = self.now
        self.renew()

    @rule()
    def publish_all_revocations(self) -> None:
        self.now += SECOND
        page = simulator.batch_list(
            (name, at, name in self.deleted) for name, at in self.batch_dates.items()
        )
        self.apply(page, complete=True)

    @rule(
        specimen=passes,
        kind=st.sampled_from(HashType),
        with_kid=st.booleans(),
        life=lives,
        flaw=st.one_of(st.just("none"), st.sampled_from(simulator.FLAWS)),
    )
    def revoke(
        self,
        specimen: Specimen,
        kind: HashType,
        with_kid: bool,
        life: timedelta,
        flaw: simulator.Flaw,
    ) -> None:
        name = f"batch-{len(self.batch_dates)}"
        value, expires = specimen.hash(kind), self.now + life
        kid = specimen.kid if with_kid else None
        made = simulator.batch(value, kind, kid, expires, flaw)
        self.batch_dates[name] = self.now
        if flaw != "withheld":
            self.batches[name] = made
        if flaw == "none":
            self.truth.revoked[name] = Revoked(kind, value, kid, expires)
        else:
            self.truth.gaps.add(name)
        self.publish_all_revocations()

    @precondition(lambda self: self.batch_dates.keys() - self.deleted)
    @rule(data=st.data())
    def take_back_a_batch(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.batch_dates.keys() - self.deleted)))
        self.deleted.add(name)
        self.truth.revoked.pop(name, None)
        self.truth.gaps.discard(name)
        self.now += SECOND
        self.apply(simulator.batch_list([(name, self.now, True)]), complete=False)

    @precondition(lambda self: len(self.former_revocations) > 1)
    @rule(data=st.data())
    def serve_old_revocations(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.former_revocations[:-1]))
        with pytest.raises(RevocationListError, match="older"):
            self.revocation.apply(old)

    # The client's disk

    @rule(mapped=st.booleans())
    def restart(self, mapped: bool) -> None:
        folder = Path(self.folder.name)
        self.trust.save(folder / "trust")
        self.revocation.save(folder / "revocation")
        before = self.trust
        self.trust = TrustStore.load(folder / "trust")
        self.revocation = RevocationStore.load(
            folder / "revocation", max_age=MAX_AGE, mapped=mapped
        )
        assert self.trust == before
        self.renew()


def test_nothing_that_a_hostile_backend_does_makes_the_verifier_err() -> None:
    # Half of what other properties get: an example is a whole history.
    examples = settings(
        max_examples=settings().max_examples // 2,
        stateful_step_count=25,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(HostileBackend, settings=examples)


# The machine is worth what it catches: each fault below is a verifier or a client gone wrong.

Fault = tuple[object, str, object]


def without_judgement(*_: object) -> None:
    """In the place of a check: it finds nothing wrong."""


def every_key(trust: TrustStore, _kid: bytes) -> Iterator[VerifyingKey]:
    return (VerifyingKey(each) for each in trust)


def first_key(trust: TrustStore, kid: bytes) -> Iterator[VerifyingKey]:
    return (VerifyingKey(each) for each in trust.by_kid(kid)[:1])


def passing(check: str) -> Callable[..., None]:
    """A judge that looks at nothing and says that its check passed."""
    return lambda *given: given[-1].passed(check)


def never_revoked(*_: object, at: datetime) -> RevocationAnswer:
    return RevocationAnswer(RevocationOutcome.NOT_REVOKED, "revocation.ok", as_of=at)


def remembering() -> Callable[[QuickLook, Any, float], Verification | None]:
    """A quick way that accepts again what was accepted once."""
    plain = QuickLook.verify

    def verify(self: QuickLook, text: Any, now: float) -> Verification | None:
        found = plain(self, text, now)
        accepted: dict[Any, Any] = self._keys  # whatever the verifier keeps will do
        if found is not None:
            accepted[0, text] = found
        return accepted.get((0, text))

    return verify


def taking_old_lists() -> Callable[..., TrustStore]:
    update = TrustStore.update
    newest = datetime.max.replace(tzinfo=UTC)

    def take(self: TrustStore, fresh: TrustList, **settings: Any) -> TrustStore:
        return update(self, replace(fresh, source=replace(fresh.source, issued=newest)), **settings)

    return take


def taking_old_revocations() -> Callable[[RevocationStore, RevocationList], RevocationStore]:
    apply = RevocationStore.apply
    return lambda self, given: apply(self, given, allow_older=True)


FAULTS: Final[dict[str, Callable[[], Fault]]] = {
    "ignores the signature": lambda: (VerifyingKey, "fault", without_judgement),
    "ignores key usages": lambda: (verifying, "_judge_usage", passing("key usage")),
    "ignores the certificate's validity": lambda: (
        KeyRing,
        "judge_certificate",
        passing("certificate validity"),
    ),
    "ignores the pass's validity": lambda: (verifying, "_judge_time", passing("time")),
    "ignores what an event states": lambda: (eu, "event_deviations", lambda *_: ()),
    "ignores the issuer's country": lambda: (verifying, "_judge_issuer", without_judgement),
    "ignores what the verifier says": lambda: (
        Subject,
        "of",
        lambda judged: Subject(normalised(judged.envelope.dcc or {})),
    ),
    "ignores the age of lists": lambda: (keyring, "_end", lambda *_: math.inf),
    "ignores revocation": lambda: (RevocationStore, "status", never_revoked),
    "tries every key": lambda: (keyring, "_readable", every_key),
    "tries one key of a kid": lambda: (keyring, "_readable", first_key),
    "accepts for ever what it accepted once": lambda: (QuickLook, "verify", remembering()),
    "takes old lists": lambda: (TrustStore, "update", taking_old_lists()),
    "takes old revocations": lambda: (RevocationStore, "apply", taking_old_revocations()),
}


class WithoutGates(HostileBackend):
    """The same without rules: what the verifier itself gets wrong shows without them."""

    gates = ()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_catches_a_verifier_that(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, name, wrong = FAULTS[fault]()
    monkeypatch.setattr(target, name, wrong)
    # Always the same histories, and no search for a shorter one: only whether it is caught counts.
    search = settings(
        max_examples=1500,  # what other versions of hypothesis draw first is another matter
        stateful_step_count=25,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(
            HostileBackend if target is Subject else WithoutGates, settings=search
        )


def test_an_old_list_is_refused_after_one_that_holds_no_key() -> None:
    root = simulator.authority("DK list").certificate
    editions = [
        sweden.read(simulator.national_list(listed, at), pins=root, name="national")
        for listed, at in ((["any"], simulator.START), ([], simulator.START + SECOND))
    ]
    store = TrustStore.from_lists(editions[0]).update(editions[1])
    with pytest.raises(TrustListError, match="older"):
        store.update(editions[0])


def test_a_list_without_a_date_is_refused_where_it_was_fetched_earlier() -> None:
    key = simulator.dsc("any").pair.certificate
    early, late = (
        TrustList(Source("plain", "folder", fetched=simulator.START + offset), (key,))
        for offset in (timedelta(0), SECOND)
    )
    store = TrustStore.from_lists(early).update(late)
    assert store.update(late) == store
    with pytest.raises(TrustListError, match="older"):
        store.update(early)
    undated = TrustList(Source("plain", "folder"), (key,))
    assert store.update(undated).sources == (undated.source,)


def test_a_saved_store_remembers_a_list_that_held_no_key(tmp_path: Path) -> None:
    empty = TrustList(Source("plain", "folder", issued=simulator.START + SECOND))
    TrustStore.from_lists(empty).save(tmp_path / "store")
    loaded = TrustStore.load(tmp_path / "store")
    assert loaded.lists == (empty.source,)
    with pytest.raises(TrustListError, match="older"):
        loaded.update(TrustList(Source("plain", "folder", issued=simulator.START)))

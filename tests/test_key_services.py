"""Key services: order, losses, retries, limits and stops; no pass lost, none doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas import Verifier
from coronapas.errors import ServiceBusyError, SigningError, SigningStoppedError
from coronapas.issue import Issuer
from coronapas.signing import (
    AsyncKeyService,
    BatchKeyService,
    CircuitBreaker,
    KeyService,
    RateLimit,
    Retry,
    Signer,
)
from slow_services import Clock, Slip, Wire, run_virtually, signed

if TYPE_CHECKING:
    from collections.abc import Callable

SLIPS = [Slip(number) for number in range(500)]
STEADY: Any = {"chance": lambda: 0.0}
"""Delays without chance."""


def slips(count: int) -> list[Slip]:
    return [Slip(number) for number in range(count)]


def whole(count: int) -> list[tuple[int, str]]:
    return [(number, "raw") for number in range(count)]


class Scripted:
    """A door that does what its script says, call by call, and then signs."""

    def __init__(self, *script: Exception | bytes) -> None:
        self.script = list(script)
        self.digests: list[bytes] = []

    def __call__(self, digest: bytes) -> bytes:
        self.digests.append(digest)
        step: Exception | bytes = self.script.pop(0) if self.script else signed(digest)
        if isinstance(step, Exception):
            raise step
        return step


# One digest at a time.


def test_a_failure_that_passes_by_is_tried_again_with_delays_that_grow() -> None:
    clock = Clock()
    door = Scripted(ConnectionError(), TimeoutError(), ServiceBusyError())
    service = KeyService(door, clock=clock, sleep=clock.sleep, **STEADY)
    assert service(b"a digest") == signed(b"a digest")
    assert clock.slept == [0.05, 0.1, 0.2]
    assert door.digests == [b"a digest"] * 4


def test_attempts_are_counted_and_the_last_failure_is_the_cause() -> None:
    clock = Clock()
    failures = [ConnectionError(str(number)) for number in range(4)]
    service = KeyService(Scripted(*failures), clock=clock, sleep=clock.sleep)
    with pytest.raises(SigningError, match=r"failed \(ConnectionError\)") as caught:
        service(b"")
    assert caught.value.__cause__ is failures[3]
    assert len(clock.slept) == 3


def test_a_failure_that_does_not_pass_by_is_not_tried_again() -> None:
    door = Scripted(PermissionError("denied"))
    with pytest.raises(SigningError, match="PermissionError"):
        KeyService(door)(b"")
    assert len(door.digests) == 1
    retry = Retry(retryable=lambda error: isinstance(error, PermissionError), first_delay=0)
    assert KeyService(Scripted(PermissionError()), retry=retry)(b"") == signed(b"")


def test_no_delay_begins_that_would_end_after_the_deadline() -> None:
    clock = Clock()
    retry = Retry(attempts=99, first_delay=1, longest_delay=4, deadline=10)
    service = KeyService(
        Scripted(*[TimeoutError()] * 99), retry=retry, clock=clock, sleep=clock.sleep, **STEADY
    )
    with pytest.raises(SigningError):
        service(b"")
    assert clock.slept == [1, 2, 4]


def test_what_a_service_asks_for_is_waited_for() -> None:
    clock = Clock()
    door = Scripted(ServiceBusyError("busy", retry_after=7))
    assert KeyService(door, clock=clock, sleep=clock.sleep)(b"") == signed(b"")
    assert clock.slept == [7]


@given(
    st.integers(1, 9),
    st.floats(0, 5),
    st.floats(1, 3),
    st.floats(0, 9),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_delay_is_within_its_bounds(
    attempt: int, first: float, factor: float, longest: float, jitter: float, drawn: float
) -> None:
    retry = Retry(99, first, factor, longest, jitter, deadline=None)
    delay = retry.delay(TimeoutError(), attempt, 0, lambda: drawn)
    assert delay is not None
    assert 0 <= delay <= longest
    assert delay <= first * factor ** (attempt - 1) + 1e-9


def test_a_delay_after_very_many_attempts_does_not_overflow() -> None:
    retry = Retry(attempts=10**6, deadline=None)
    assert retry.delay(TimeoutError(), 10**5, 0, lambda: 0) == 5.0


@pytest.mark.parametrize(
    "settings",
    [
        {"attempts": 0},
        {"first_delay": -1},
        {"factor": 0.5},
        {"jitter": 1.1},
        {"deadline": 0},
        {"timeout": -1},
    ],
)
def test_a_retry_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Retry(**settings)


def test_the_signer_refuses_a_wrong_answer_and_the_service_is_not_asked_again() -> None:
    door = Scripted(bytes(64), bytes(64))
    signer = Signer.remote(backend.dsc().certificate, KeyService(door))
    with pytest.raises(SigningError, match="not a signature"):
        signer.sign(b"a message")
    assert len(door.digests) == 1


# The rate limit.


def test_a_rate_is_kept_over_any_time_but_for_its_burst() -> None:
    clock = Clock()
    limit = RateLimit(100, burst=5, clock=clock)
    times = []
    for _ in range(205):
        clock.now += limit.reserve()
        times.append(clock.now)
    assert times[4] == times[0]
    assert times[-1] - times[0] == pytest.approx(2.0)
    for first in range(0, 205, 20):
        within = [each for each in times if times[first] <= each < times[first] + 0.5]
        assert len(within) <= 50 + 5 + 1


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 2)), max_size=50))
def test_no_more_is_reserved_than_the_rate_and_the_burst(
    wanted: list[tuple[int, float]],
) -> None:
    clock = Clock()
    limit, begun, total = RateLimit(10, burst=3, clock=clock), clock.now, 0
    for count, pause in wanted:
        clock.now += limit.reserve(count)
        total += count
        assert total <= 3 + 10 * (clock.now - begun) + 1e-6
        clock.now += pause


def test_a_busy_service_is_left_alone_by_all() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock=clock)
    busy = KeyService(
        Scripted(ServiceBusyError("busy", 3)), rate=limit, clock=clock, sleep=clock.sleep, **STEADY
    )
    busy(b"")
    assert clock.now == pytest.approx(1003, abs=0.01)
    limit.pause(5)
    assert limit.reserve() == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(("rate", "burst"), [(0, None), (-1, None), (1, 0)])
def test_a_rate_that_makes_no_sense_is_refused(rate: float, burst: int | None) -> None:
    with pytest.raises(ValueError, match="rate"):
        RateLimit(rate, burst)


# The circuit breaker.


def test_a_breaker_opens_after_failures_in_a_row_and_stays_open() -> None:
    door = Scripted(OSError(), OSError(), signed(b""), *[OSError()] * 3)
    service = KeyService(door, breaker=(breaker := CircuitBreaker(3)))
    for outcome in (SigningError, SigningError, None, SigningError, SigningError, SigningError):
        if outcome is None:
            service(b"")
        else:
            with pytest.raises(outcome):
                service(b"")
    assert breaker.is_open
    with pytest.raises(SigningStoppedError, match="3 times in a row") as caught:
        service(b"")
    assert caught.value.failed_calls == 3
    assert len(door.digests) == 6


def test_a_breaker_with_a_rest_lets_one_call_through() -> None:
    clock = Clock()
    breaker = CircuitBreaker(1, rest=10, clock=clock)
    door = Scripted(OSError(), OSError())
    service = KeyService(door, breaker=breaker, clock=clock, sleep=clock.sleep)
    with pytest.raises(SigningError):
        service(b"")
    clock.now += 9.9
    with pytest.raises(SigningStoppedError):
        service(b"")
    clock.now += 0.2
    breaker.enter()
    with pytest.raises(SigningStoppedError):  # another one is on its way already
        service(b"")
    breaker.failed()
    clock.now += 10.1
    with pytest.raises(SigningError, match="OSError"):
        service(b"")
    clock.now += 10.1
    assert service(b"") == signed(b"")
    assert not breaker.is_open


def test_the_stop_passes_through_a_signer_as_it_is() -> None:
    breaker = CircuitBreaker(1)
    breaker.failed()
    signer = Signer.remote(backend.dsc().certificate, KeyService(Scripted(), breaker=breaker))
    with pytest.raises(SigningStoppedError):
        signer.sign(b"a message")


@pytest.mark.parametrize(("failures", "rest"), [(0, None), (1, 0)])
def test_a_breaker_that_makes_no_sense_is_refused(failures: int, rest: float | None) -> None:
    with pytest.raises(ValueError, match="failures"):
        CircuitBreaker(failures, rest=rest)


# Batches.


def sign_all(digests: Sequence[bytes]) -> list[bytes | Exception]:
    return [signed(digest) for digest in digests]


def batches(*scripts: Callable[[Sequence[bytes]], Any], **settings: Any) -> BatchKeyService:
    clock = Clock()
    script = list(scripts)

    def door(digests: Sequence[bytes]) -> Any:
        return (script.pop(0) if script else sign_all)(digests)

    return BatchKeyService(door, clock=clock, sleep=clock.sleep, **settings)


@given(st.integers(0, 40), st.integers(1, 9))
def test_batches_give_everything_once_and_in_order(count: int, most: int) -> None:
    sizes = []

    def door(digests: Sequence[bytes]) -> list[bytes]:
        sizes.append(len(digests))
        return [signed(digest) for digest in digests]

    service = BatchKeyService(door, max_batch=most, form="der")
    assert list(service.sign(iter(slips(count)))) == [(number, "der") for number in range(count)]
    assert sum(sizes) == count
    assert all(size <= most for size in sizes)


def test_a_bad_answer_fails_its_pass_alone_and_is_not_asked_for_again() -> None:
    asked: list[int] = []

    def door(digests: Sequence[bytes]) -> list[Any]:
        asked.append(len(digests))
        answers: list[Any] = sign_all(digests)
        answers[3] = b"of another key"
        answers[5] = "text"
        answers[6] = PermissionError("never")
        return answers

    results = list(batches(door).sign(slips(10)))
    bad = {place: str(each) for place, each in enumerate(results) if isinstance(each, Exception)}
    assert bad == {
        3: "wrong",
        5: "the key service must return bytes, got str",
        6: "the key service failed (PermissionError)",
    }
    assert [each for each in results if not isinstance(each, Exception)] == [
        each for each in whole(10) if each[0] not in bad
    ]
    assert asked == [10]


def test_what_failed_in_passing_is_sent_again_alone() -> None:
    asked: list[int] = []

    def door(digests: Sequence[bytes]) -> list[Any]:
        asked.append(len(digests))
        answers: list[Any] = sign_all(digests)
        if len(asked) == 1:
            answers[2:4] = [ServiceBusyError(), TimeoutError()]
        return answers

    assert list(batches(door, door).sign(slips(9))) == whole(9)
    assert asked == [9, 2]


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_wrong_number_of_answers_fails_the_batch_because_nobody_knows_whose_they_are(
    wrong: int,
) -> None:
    def door(digests: Sequence[bytes]) -> list[bytes]:
        return [signed(digest) for digest in digests][: len(digests) + min(wrong, 0)] + [b""] * max(
            wrong, 0
        )

    results = list(batches(door, max_batch=5).sign(slips(8)))
    assert [str(each) for each in results[:5]] == [
        "the key service must give one answer for each digest"
    ] * 5
    assert results[5:] == whole(8)[5:]


def test_a_call_that_fails_as_a_whole_is_one_failure_and_is_made_again() -> None:
    def broken(_digests: Sequence[bytes]) -> Any:
        raise ConnectionError

    breaker = CircuitBreaker(3)
    assert list(batches(broken, broken, breaker=breaker).sign(slips(8))) == whole(8)
    stopped = batches(*[broken] * 9, breaker=CircuitBreaker(3), max_batch=4)
    with pytest.raises(SigningStoppedError):
        list(stopped.sign(slips(8)))


def test_a_key_that_answers_wrongly_all_the_time_stops_the_run() -> None:
    service = batches(
        lambda digests: [b"wrong"] * len(digests), max_batch=10, breaker=CircuitBreaker(10)
    )
    found: list[Any] = []
    with pytest.raises(SigningStoppedError):
        found.extend(service.sign(slips(100)))
    assert len(found) <= 10
    with pytest.raises(ValueError, match="max_batch"):
        BatchKeyService(sign_all, max_batch=0)


@given(st.lists(st.sampled_from(["good", "wrong", "in passing", "for good"]), max_size=60))
def test_every_pass_of_a_batch_ends_as_its_answers_say(kinds: list[str]) -> None:
    seen: set[bytes] = set()
    fate = {Slip(number).digest: kind for number, kind in enumerate(kinds)}

    def door(digests: Sequence[bytes]) -> list[Any]:
        answers: list[Any] = []
        for digest in digests:
            kind = fate[digest]
            if kind == "in passing" and digest not in seen:
                answers.append(TimeoutError())
            elif kind == "for good":
                answers.append(OSError())
            else:
                answers.append(b"" if kind == "wrong" else signed(digest))
            seen.add(digest)
        return answers

    results = list(batches(*[door] * 99, max_batch=7).sign(slips(len(kinds))))
    assert [isinstance(each, SigningError) for each in results] == [
        kind in ("wrong", "for good") for kind in kinds
    ]


# Many in flight.


async def collect(service: AsyncKeyService, prepared: Any, most: int | None = None) -> list[Any]:
    found: list[Any] = []
    async with aclosing(service.sign(prepared)) as results:
        async for each in results:
            found.append(each)
            if most is not None and len(found) == most:
                break
    return found


def virtual(wire: Wire, **settings: Any) -> Any:
    """A service whose clock is that of the loop."""
    return AsyncKeyService(
        wire, clock=lambda: asyncio.get_running_loop().time(), **{"window": 64, **settings}
    )


@pytest.mark.parametrize("seed", range(2))
def test_no_pass_is_lost_or_doubled_whatever_the_wire_does_and_3000_a_second_are_kept(
    seed: int,
) -> None:
    wire = Wire(lost=0.002, late=0.002, doubled=0.01, seed=seed)
    service = virtual(wire, retry=Retry(timeout=0.1, first_delay=0.01, attempts=8))
    count = 6_000
    found, seconds = run_virtually(collect(service, slips(count)))
    assert found == whole(count)
    assert count / seconds > 3000
    assert min(wire.counts[name] for name in ("lost", "late", "doubled")) > 4
    assert wire.counts["answers to nobody"] > 10
    assert wire.counts["most in flight"] <= 64


def test_a_late_answer_is_not_taken_for_that_of_another() -> None:
    wire = Wire(late=0.3, delay=0.06, seed=3)
    service = virtual(wire, window=4, retry=Retry(timeout=0.05, first_delay=0.001, attempts=20))
    found, _ = run_virtually(collect(service, slips(200)))
    assert found == whole(200)
    assert wire.counts["answers to nobody"] > 20


@given(st.integers(1, 9), st.integers(0, 60), st.integers(0, 99))
def test_results_come_in_the_order_of_the_input_and_no_more_are_in_flight_than_the_window(
    window: int, count: int, seed: int
) -> None:
    wire = Wire(latency=1, seed=seed)
    found, _ = run_virtually(collect(virtual(wire, window=window), slips(count)))
    assert found == whole(count)
    assert wire.counts["most in flight"] <= min(window, max(count, 0))
    assert wire.counts["requests"] == count


def test_one_slow_call_does_not_hold_up_the_others_but_memory_stays_bounded() -> None:
    taken = []

    def source() -> Iterator[Slip]:
        for each in slips(1000):
            taken.append(each.number)
            yield each

    async def door(digest: bytes) -> bytes:
        await asyncio.sleep(1 if digest == Slip(0).digest else 0.01)
        return signed(digest)

    async def watch() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        async with aclosing(AsyncKeyService(door, window=10, ahead=200).sign(source())) as results:
            await anext(results)
            return len(taken), loop.time()

    (ahead, _), seconds = run_virtually(watch())
    assert seconds == pytest.approx(1)
    assert 190 <= ahead <= 201


def test_what_is_not_asked_for_is_not_taken() -> None:
    taken = []

    def source() -> Iterator[Slip]:
        for each in SLIPS:
            taken.append(each.number)
            yield each

    wire = Wire()
    found, _ = run_virtually(collect(virtual(wire, window=4, ahead=4), source(), most=10))
    assert found == whole(10)
    assert len(taken) <= 10 + 5


def test_leaving_the_loop_cancels_what_is_in_flight() -> None:
    wire = Wire(latency=5)

    async def leave() -> int:
        async with aclosing(virtual(wire, window=8).sign(SLIPS)) as results:
            await anext(results)
        return wire.in_flight

    in_flight, _ = run_virtually(leave())
    assert in_flight == 0
    assert wire.counts["requests"] <= 17


def test_cancelling_the_task_cancels_what_is_in_flight() -> None:
    wire = Wire(latency=50)

    async def cancel() -> int:
        task = asyncio.create_task(collect(virtual(wire, window=8), SLIPS))
        await asyncio.sleep(1)
        assert wire.in_flight == 8
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return wire.in_flight

    assert run_virtually(cancel())[0] == 0


def test_the_input_may_be_asynchronous_and_is_closed() -> None:
    closed = []

    async def source() -> AsyncIterator[Slip]:
        try:
            for each in SLIPS:
                await asyncio.sleep(0.001)
                yield each
        finally:
            closed.append(True)

    found, _ = run_virtually(collect(virtual(Wire()), source()))
    assert found == whole(len(SLIPS))
    assert closed


def test_a_fault_of_the_input_reaches_the_caller_and_cancels_the_rest() -> None:
    wire = Wire()

    def source() -> Iterator[Slip]:
        yield from slips(3)
        raise LookupError("the register is away")

    with pytest.raises(LookupError):
        run_virtually(collect(virtual(wire), source()))
    assert wire.in_flight == 0


def test_a_wrong_signature_fails_its_pass_alone_and_is_never_asked_for_again() -> None:
    wire = Wire(sign=lambda digest: b"wrong" if digest == Slip(7).digest else signed(digest))
    found, _ = run_virtually(collect(virtual(wire), slips(20)))
    assert isinstance(found[7], SigningError)
    assert [each for each in found if isinstance(each, tuple)] == [
        each for each in whole(20) if each[0] != 7
    ]
    assert wire.counts["requests"] == 20


def test_a_service_that_is_down_ends_the_run_after_few_calls() -> None:
    async def door(_digest: bytes) -> bytes:
        raise ConnectionError

    service = AsyncKeyService(door, window=4, breaker=CircuitBreaker(20))
    with pytest.raises(SigningStoppedError):
        run_virtually(collect(service, slips(10_000)))


def test_a_rate_is_kept_with_many_in_flight() -> None:
    async def work() -> list[Any]:
        clock = asyncio.get_running_loop().time
        rate = RateLimit(1000, burst=1, clock=clock)
        service: Any = AsyncKeyService(Wire(), window=64, rate=rate, clock=clock)
        return await collect(service, slips(500))

    found, seconds = run_virtually(work())
    assert found == whole(500)
    assert 0.49 <= seconds <= 0.55


def test_retries_give_up_in_their_place() -> None:
    wire = Wire(lost=1.0)
    service = virtual(wire, window=4, retry=Retry(attempts=3, timeout=0.1))
    found, _ = run_virtually(collect(service, slips(5)))
    assert [str(each) for each in found] == ["the key service failed (TimeoutError)"] * 5
    assert wire.counts["requests"] == 15


def test_an_answer_that_is_not_bytes_is_an_error_in_its_place() -> None:
    async def door(_digest: bytes) -> Any:
        return 7

    found, _ = run_virtually(collect(AsyncKeyService(door), slips(2)))
    assert [str(each) for each in found] == ["the key service must return bytes, got int"] * 2


@pytest.mark.parametrize("settings", [{"window": 0}, {"window": 9, "ahead": 8}])
def test_a_window_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="window"):
        AsyncKeyService(Wire(), **settings)


def test_passes_go_through_every_way_of_calling_and_verify() -> None:
    pair = backend.dsc()
    signer = pair.signer()
    issuer = Issuer("DK", Signer.detached(pair.certificate))
    prepared = [
        issuer.prepare(
            backend.HOLDER, backend.VACCINATION, expires=backend.LATER, issued_at=backend.NOW
        )
        for _ in range(30)
    ]
    verifier = Verifier(backend.trust())
    wire = Wire(sign=signer.sign_digest, lost=0.1)
    at_once, _ = run_virtually(collect(virtual(wire, retry=Retry(timeout=0.1)), prepared))
    in_batches = list(
        BatchKeyService(
            lambda digests: [signer.sign_digest(each) for each in digests], max_batch=7
        ).sign(prepared)
    )
    found: Any
    for found in (at_once, in_batches):
        assert [each.uvci for each in found] == [each.uvci for each in prepared]
        assert all(verifier.verify(each.text, backend.NOW).ok for each in found)
    one = Signer.remote(pair.certificate, KeyService(signer.sign_digest))
    assert verifier.verify(
        Issuer("DK", one)
        .issue(backend.HOLDER, backend.VACCINATION, expires=backend.LATER, issued_at=backend.NOW)
        .text,
        backend.NOW,
    ).ok

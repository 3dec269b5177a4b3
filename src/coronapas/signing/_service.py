"""Call a service that holds the key: one digest at a time, in batches, or many at once.

The function that speaks to a key service makes one call and raises what happened. What is to be
done when something goes wrong on the way, the classes here decide:

1. The circuit breaker is asked first. Once it is open nothing is called and `SigningStoppedError`
   ends the run: a service that is down must not turn a million passes into a million errors.
2. The rate limit says how long to wait, so that the provider's own limit is never met.
3. A call that failed in passing is made again, after a delay that grows, until the attempts or the
   deadline are used up. Signing again is harmless: the digest, and so the pass, stays the same.
4. An answer that is not a signature of the key is never asked for again: another key answers, or
   the service is at fault, and the pass fails alone.

Clock, sleep and chance are arguments. Durations are in seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

from coronapas.errors import ServiceBusyError, SigningError, SigningStoppedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from coronapas.signing._signer import SignatureForm

SignDigests: TypeAlias = Callable[[Sequence[bytes]], Sequence[bytes | Exception]]
"""A function that signs several SHA-256 digests: an answer for each, in their order."""

SignDigestAsync: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""A coroutine function that signs a SHA-256 digest of 32 bytes."""

_Done = TypeVar("_Done", covariant=True)
_Result = TypeVar("_Result")

_IN_PASSING: Final = (ConnectionError, TimeoutError, ServiceBusyError)
_WRONG_NUMBER: Final = "the key service must give one answer for each digest"


class Prepared(Protocol[_Done]):
    """What waits for a signature, such as a `coronapas.issue.PreparedPass`."""

    @property
    def digest(self) -> bytes:
        """The SHA-256 digest that is to be signed."""

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> _Done:
        """Return the signed whole; raise SigningError for a wrong signature."""


def _passes_by(error: Exception) -> bool:
    return isinstance(error, _IN_PASSING)


@dataclass(frozen=True, slots=True)
class Retry:
    """When a call that failed is made again.

    Attributes:
        attempts: How often a digest is sent at most, the first time included.
        first_delay: The delay before the second attempt.
        factor: What each further delay is multiplied by.
        longest_delay: The longest delay.
        jitter: The part of a delay that is drawn by chance, from 0 to 1: with 0.5 a delay of 1 s is
            between 0.5 s and 1 s.
        deadline: How long one digest may take with all its attempts; None for no end. No delay
            begins that would end after it.
        timeout: How long one attempt of an asynchronous call may take; None for no end. A call that
            is not asynchronous cannot be interrupted: give the function its own.
        retryable: Whether a failure passes by. By default that is a ConnectionError, a TimeoutError
            or a `ServiceBusyError`.

    Raises:
        ValueError: A number makes no sense.

    """

    attempts: int = 4
    first_delay: float = 0.05
    factor: float = 2.0
    longest_delay: float = 5.0
    jitter: float = 0.5
    deadline: float | None = 30.0
    timeout: float | None = 5.0
    retryable: Callable[[Exception], bool] = _passes_by

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")
        if min(self.first_delay, self.longest_delay) < 0 or self.factor < 1:
            raise ValueError("delays must not be negative, and factor must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be from 0 to 1")
        if any(each is not None and each <= 0 for each in (self.deadline, self.timeout)):
            raise ValueError("deadline and timeout must be more than 0 seconds")

    def delay(
        self, error: Exception, attempt: int, spent: float, chance: Callable[[], float]
    ) -> float | None:
        """Return how long to wait before the next attempt; None where there is none.

        Args:
            error: What the last attempt raised.
            attempt: How many attempts there were.
            spent: How long they took, delays included.
            chance: A number from 0 to 1.

        """
        if attempt >= self.attempts or not self.retryable(error):
            return None
        # The exponent is bounded, or a float would overflow before the minimum is taken.
        grown = self.first_delay * self.factor ** min(attempt - 1, 64)
        delay = min(grown, self.longest_delay) * (1 - self.jitter * chance())
        if isinstance(error, ServiceBusyError) and error.retry_after is not None:
            delay = max(delay, error.retry_after)
        return None if self.deadline is not None and spent + delay > self.deadline else delay


class RateLimit:
    """At most so many signatures a second: a token bucket. Any number of threads may share one.

    Args:
        per_second: How many signatures a second, more than 0.
        burst: How many at once after a rest, at least 1; by default those of a tenth of a second.
        clock: The seconds of a clock that never goes back.

    """

    def __init__(
        self,
        per_second: float,
        burst: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if per_second <= 0 or (burst is not None and burst < 1):
            raise ValueError("a rate must be more than 0, and a burst at least 1")
        self._each = 1 / per_second
        self._span = self._each * (max(1, int(per_second / 10)) if burst is None else burst)
        self._clock = clock
        self._free_at = -self._span
        self._lock = Lock()

    def reserve(self, count: int = 1) -> float:
        """Reserve so many signatures; returns how long to wait before they are asked for."""
        with self._lock:
            now = self._clock()
            free_at = max(self._free_at, now - self._span) + self._each * count
            self._free_at = free_at
            return max(0.0, free_at - now)

    def pause(self, seconds: float) -> None:
        """Let nobody ask for so long: what a service said with ``Retry-After``."""
        with self._lock:
            self._free_at = max(self._free_at, self._clock() + seconds)


class CircuitBreaker:
    """Opens after so many failures in a row. Any number of threads may share one.

    Args:
        failures: How many failures in a row open it, at least 1. A success between them begins the
            count again; a wrong signature counts.
        rest: How long it stays open, in seconds; then one call is let through, and closes or opens
            it again. None keeps it open: whoever runs the job starts it again.
        clock: The seconds of a clock that never goes back.

    """

    def __init__(
        self,
        failures: int = 20,
        *,
        rest: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or (rest is not None and rest <= 0):
            raise ValueError("failures must be at least 1, and rest more than 0 seconds")
        self._most = failures
        self._rest = rest
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._lock = Lock()

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at this moment."""
        with self._lock:
            return self._refuses(self._clock())

    def _refuses(self, now: float) -> bool:
        if self._opened_at is None:
            return False
        return self._rest is None or now < self._opened_at + self._rest

    def enter(self) -> None:
        """Raise SigningStoppedError where the breaker is open.

        After the rest the first caller passes, and all others wait for its outcome.
        """
        with self._lock:
            if self._opened_at is None:
                return
            now = self._clock()
            if self._refuses(now):
                raise SigningStoppedError(self._in_a_row)
            self._opened_at = now

    def succeeded(self) -> None:
        """Note a success."""
        with self._lock:
            self._in_a_row = 0
            self._opened_at = None

    def failed(self) -> None:
        """Note a failure."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._most:
                self._opened_at = self._clock()


class _Policies:
    """What the three ways of calling share."""

    def __init__(
        self,
        retry: Retry | None,
        rate: RateLimit | None,
        breaker: CircuitBreaker | None,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.retry = Retry() if retry is None else retry
        self.rate = rate
        self.breaker = breaker
        self.clock = clock
        self.chance = chance

    def before(self, count: int = 1) -> float:
        """Ask the breaker; returns how long the rate limit wants the caller to wait."""
        if self.breaker is not None:
            self.breaker.enter()
        return 0.0 if self.rate is None else self.rate.reserve(count)

    def succeeded(self) -> None:
        if self.breaker is not None:
            self.breaker.succeeded()

    def failed(self, error: Exception) -> None:
        if self.breaker is not None:
            self.breaker.failed()
        if self.rate is not None and isinstance(error, ServiceBusyError):
            self.rate.pause(error.retry_after or 0.0)

    def delay(self, error: Exception, attempt: int, began: float) -> float | None:
        return self.retry.delay(error, attempt, self.clock() - began, self.chance)


def _service_failed(error: Exception) -> SigningError:
    """Return the error of a pass whose signature could not be had, with its cause."""
    if isinstance(error, SigningError):
        return error
    wrapped = SigningError(f"the key service failed ({type(error).__name__})")
    wrapped.__cause__ = error
    return wrapped


def _completed(
    prepared: Prepared[_Result], answer: object, form: SignatureForm, policies: _Policies
) -> _Result | SigningError:
    """Return the signed whole, or why the answer is not a signature of it."""
    try:
        if not isinstance(answer, bytes):
            kind = type(answer).__name__
            raise SigningError(f"the key service must return bytes, got {kind}")
        done = prepared.complete(answer, form=form)
    except SigningError as error:
        policies.failed(error)
        return error
    policies.succeeded()
    return done


class KeyService:
    """Calls a service for one digest at a time: the `sign_digest` of `Signer.remote`.

    Args:
        sign_digest: Speaks to the service: one call, which gives a signature or raises.
        retry: When a call is made again.
        rate: How many calls a second; None for no limit.
        breaker: When the service counts as down; None for never. Of a wrong signature it cannot
            know, because the signer checks the answers.
        clock: The seconds of a clock that never goes back.
        sleep: What waits.
        chance: A number from 0 to 1 for the delays.

    """

    def __init__(
        self,
        sign_digest: Callable[[bytes], bytes],
        *,
        retry: Retry | None = None,
        rate: RateLimit | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ask = sign_digest
        self._policies = _Policies(retry, rate, breaker, clock, chance)
        self._sleep = sleep

    def __call__(self, digest: bytes) -> bytes:
        """Return the service's answer.

        Raises:
            SigningError: The service failed; its last exception is the cause.
            SigningStoppedError: The circuit breaker is open.

        """
        policies = self._policies
        began, attempt = policies.clock(), 0
        while True:
            attempt += 1
            wait = policies.before()
            if wait:
                self._sleep(wait)
            try:
                answer = self._ask(digest)
            except Exception as error:
                failure = error
            else:
                policies.succeeded()
                return answer
            policies.failed(failure)
            delay = policies.delay(failure, attempt, began)
            if delay is None:
                raise _service_failed(failure)
            self._sleep(delay)


class BatchKeyService:
    """Calls a service that signs several digests in one call.

    Args:
        sign_digests: Speaks to the service: it gets up to `max_batch` digests and returns an answer
            for each, in their order: a signature, or the exception that stands for it.
        max_batch: The most digests of a call, at least 1.
        form: How the answers encode an ECDSA signature.
        retry: When a call, or the digests of it that failed, are sent again.
        rate: How many signatures a second; None for no limit.
        breaker: When the service counts as down; None for never.
        clock: The seconds of a clock that never goes back.
        sleep: What waits.
        chance: A number from 0 to 1 for the delays.

    """

    def __init__(
        self,
        sign_digests: SignDigests,
        *,
        max_batch: int = 100,
        form: SignatureForm = "raw",
        retry: Retry | None = None,
        rate: RateLimit | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if max_batch < 1:
            raise ValueError("max_batch must be at least 1")
        self._ask = sign_digests
        self._most = max_batch
        self._form: SignatureForm = form
        self._policies = _Policies(retry, rate, breaker, clock, chance)
        self._sleep = sleep

    def sign(self, prepared: Iterable[Prepared[_Result]]) -> Iterator[_Result | SigningError]:
        """Sign what is prepared; yields a result for each, in order.

        What cannot be signed is yielded as a SigningError in its place: a bad answer fails its pass
        alone. A batch is taken from `prepared` when its results are asked for.

        Raises:
            SigningStoppedError: The circuit breaker is open. What was yielded is signed; the rest,
                the present batch included, is not.

        """
        source = iter(prepared)
        while batch := list(islice(source, self._most)):
            yield from self._signed(batch)

    def _signed(self, batch: Sequence[Prepared[_Result]]) -> Iterator[_Result | SigningError]:
        policies = self._policies
        began, attempt = policies.clock(), 0
        results: dict[int, _Result | SigningError] = {}
        waiting = dict(enumerate(batch))
        while waiting:
            attempt += 1
            wait = policies.before(len(waiting))
            if wait:
                self._sleep(wait)
            answers = self._call([each.digest for each in waiting.values()])
            counted: Exception | None = None
            delays: dict[int, float] = {}
            for (place, each), answer in zip(waiting.items(), answers, strict=True):
                if not isinstance(answer, Exception):
                    results[place] = _completed(each, answer, self._form, policies)
                    continue
                # A call that failed as a whole is one failure, whatever the size of the batch.
                if answer is not counted:
                    policies.failed(answer)
                counted = answer
                delay = policies.delay(answer, attempt, began)
                if delay is None:
                    results[place] = _service_failed(answer)
                else:
                    delays[place] = delay
            if delays:
                self._sleep(max(delays.values()))
            waiting = {place: batch[place] for place in delays}
        return iter([results[place] for place in range(len(batch))])

    def _call(self, digests: Sequence[bytes]) -> Sequence[object]:
        try:
            found = list(self._ask(digests))
        except Exception as error:  # a call that failed as a whole, for every digest of it
            return [error] * len(digests)
        if len(found) != len(digests):
            # Nobody can say which answer is whose.
            return [SigningError(_WRONG_NUMBER)] * len(digests)
        return found


class AsyncKeyService:
    """Keeps many calls to a service in flight from one thread, and gives the results in order.

    Args:
        sign_digest: Speaks to the service: a coroutine function for one digest.
        window: The most calls in flight, at least 1.
        ahead: The most results, finished or in flight, from the oldest unfinished one on; by
            default 16 windows. It bounds the memory, and lets one slow call not hold up the others.
        form: How the answers encode an ECDSA signature.
        retry: When a call is made again, and how long one may take. A call that takes longer is
            cancelled: its late answer is never read.
        rate: How many signatures a second; None for no limit.
        breaker: When the service counts as down; None for never.
        clock: The seconds of a clock that never goes back.
        sleep: The coroutine function that waits.
        chance: A number from 0 to 1 for the delays.

    """

    def __init__(
        self,
        sign_digest: SignDigestAsync,
        *,
        window: int = 64,
        ahead: int | None = None,
        form: SignatureForm = "raw",
        retry: Retry | None = None,
        rate: RateLimit | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        ahead = 16 * window if ahead is None else ahead
        if window < 1 or ahead < window:
            raise ValueError("window must be at least 1, and ahead at least the window")
        self._ask = sign_digest
        self._window = window
        self._ahead = ahead
        self._form: SignatureForm = form
        self._policies = _Policies(retry, rate, breaker, clock, chance)
        self._sleep = sleep

    async def sign(
        self, prepared: Iterable[Prepared[_Result]] | AsyncIterable[Prepared[_Result]]
    ) -> AsyncGenerator[_Result | SigningError, None]:
        """Sign what is prepared: ``async for``; yields a result for each, in order.

        What cannot be signed is yielded as a SigningError in its place. Closing the iterator, or
        cancelling the task that iterates, cancels the calls in flight.

        Raises:
            SigningStoppedError: The circuit breaker is open. What was yielded is signed; the rest
                counts as unsigned.

        """
        source = _in_turn(prepared)
        gate = asyncio.Semaphore(self._window)
        tasks: deque[asyncio.Task[_Result | SigningError]] = deque()
        try:
            more = True
            while more or tasks:
                while more and len(tasks) < self._ahead and not (tasks and tasks[0].done()):
                    # Before the next one is taken: no more waits at the gate than go through it.
                    await gate.acquire()
                    try:
                        each = await anext(source)
                    except StopAsyncIteration:
                        more = False
                        gate.release()
                        break
                    tasks.append(asyncio.create_task(self._one(each, gate)))
                if tasks:
                    done = await tasks[0]
                    tasks.popleft()
                    yield done
        finally:
            for task in tasks:
                task.cancel()
            # Their outcomes are nobody's any more, but must be taken, or asyncio complains.
            await asyncio.gather(*tasks, return_exceptions=True)
            await source.aclose()

    async def _one(
        self, prepared: Prepared[_Result], gate: asyncio.Semaphore
    ) -> _Result | SigningError:
        """Return the signed whole, or why it is not; its place at the gate is free afterwards."""
        try:
            answer = await self._answer(prepared.digest)
        except SigningStoppedError:
            raise
        except SigningError as error:
            return error
        finally:
            gate.release()
        return _completed(prepared, answer, self._form, self._policies)

    async def _answer(self, digest: bytes) -> object:
        policies = self._policies
        timeout = policies.retry.timeout
        began, attempt = policies.clock(), 0
        while True:
            attempt += 1
            wait = policies.before()
            if wait:
                await self._sleep(wait)
            try:
                async with asyncio.timeout(timeout):
                    return await self._ask(digest)
            except Exception as error:
                failure = error
            policies.failed(failure)
            delay = policies.delay(failure, attempt, began)
            if delay is None:
                raise _service_failed(failure)
            await self._sleep(delay)


async def _in_turn(
    items: Iterable[_Result] | AsyncIterable[_Result],
) -> AsyncGenerator[_Result, None]:
    """Yield from either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item

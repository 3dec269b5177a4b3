"""Key services that fail as real ones do, and a clock that goes when somebody waits."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from coronapas.errors import SigningError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Clock:
    """A clock for what is not asynchronous: sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time that would pass has passed."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("everybody waits for something that never comes")
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time goes only when everybody waits."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run_virtually(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    """The outcome, and the seconds that it would have taken."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work), loop.now
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass(frozen=True)
class Slip:
    """Something to be signed, without the cost of signing."""

    number: int

    @property
    def digest(self) -> bytes:
        return sha256(b"%d" % self.number).digest()

    def complete(self, signature: bytes, *, form: str = "raw") -> tuple[int, str]:
        if signature != signed(self.digest):
            raise SigningError("wrong")
        return self.number, form


def signed(digest: bytes) -> bytes:
    return b"signed " + digest


@dataclass
class Wire:
    """A service at the other end of a wire: requests go out with a number, answers come back.

    Answers may be lost, late (after any timeout), or come twice. `sign` is what the service does.
    """

    sign: Callable[[bytes], bytes] = signed
    latency: float = 0.015
    lost: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    delay: float = 10.0
    seed: int = 1
    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0

    async def __call__(self, digest: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        self._last += 1
        number = self._last
        self.counts["requests"] += 1
        self.in_flight += 1
        self.counts["most in flight"] = max(self.counts["most in flight"], self.in_flight)
        found: asyncio.Future[bytes] = loop.create_future()
        self._waiting[number] = found
        drawn = self._random.random()
        took = self.latency * self._random.lognormvariate(0, 0.2)
        if drawn < self.lost:
            self.counts["lost"] += 1
        elif drawn < self.lost + self.late:
            self.counts["late"] += 1
            loop.call_later(took + self.delay, self._arrive, number, digest)
        else:
            loop.call_later(took, self._arrive, number, digest)
            if drawn > 1 - self.doubled:
                self.counts["doubled"] += 1
                loop.call_later(1.5 * took, self._arrive, number, digest)
        try:
            return await found
        finally:
            self.in_flight -= 1
            self._waiting.pop(number, None)

    def _arrive(self, number: int, digest: bytes) -> None:
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            self.counts["answers to nobody"] += 1
        else:
            waiting.set_result(self.sign(digest))

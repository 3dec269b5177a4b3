"""Signing elsewhere: two phases, a service at 15 ms with losses, and a token in SoftHSM2."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing, suppress
from datetime import timedelta
from math import inf
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.rounds import interleave, timed
from benchmarks.sample import EVENTS, HOLDERS, NOW, sample
from coronapas import keys
from coronapas.issue import Issuer, Pass
from coronapas.signing import AsyncKeyService, Pkcs11Key, Pkcs11Token, Retry, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.sample import Sample
    from coronapas.issue import PreparedPass

_BEGIN = NOW - timedelta(days=400)
_LATENCY = 0.015
ROUNDS = int(os.environ.get("CORONAPAS_BENCH_ROUNDS", "3"))
"""How often each window is measured, in turns; the best counts, as neighbours only slow down."""
_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)


def _prepared(made: Sample, count: int) -> Iterator[PreparedPass]:
    """Prepare the same passes each time: their identifiers are counted."""
    issuer = Issuer("DK", Signer.detached(made.pair.certificate), name="Prøvestyrelsen")
    for number in range(count):
        holder, event = made.facts[number % len(made.facts)]
        uvci = f"URN:UVCI:01:DK:{number:022}"
        life = timedelta(days=200)
        yield issuer.prepare(holder, event, expires=life, issued_at=NOW, uvci=uvci)


def _phases(made: Sample) -> None:
    signer = made.pair.signer()
    remote = Signer.remote(made.pair.certificate, signer.sign_digest)
    through = Issuer("DK", remote, name="Prøvestyrelsen")
    count = len(made.facts)
    ready = list(_prepared(made, count))
    signatures = [signer.sign_digest(each.digest) for each in ready]

    def complete() -> None:
        for each, signature in zip(ready, signatures, strict=True):
            each.complete(signature)

    def issue_remote() -> None:
        for holder, event in made.facts:
            through.issue(holder, event, expires=timedelta(days=200), issued_at=NOW)

    def issue() -> None:
        for holder, event in made.facts:
            made.issue(holder, event)

    measured = interleave(
        {
            "prepare": timed(lambda: list(_prepared(made, count))),
            "sign the digest": timed(lambda: [signer.sign_digest(each.digest) for each in ready]),
            "complete, the signature checked": timed(complete),
            "issue, local key": timed(issue),
            "issue, a remote signer without a way": timed(issue_remote),
        },
        20,
    )
    for name in measured.seconds:
        each = measured.each(name, count)
        print(f"  {name:40} {each:8.1f} µs {1e6 / each:9,.0f} a second")


class _Door:
    """A service at the end of a wire: 15 ms an answer, some lost, late or doubled."""

    def __init__(self, signatures: dict[bytes, bytes]) -> None:
        self._signatures = signatures
        self._random = random.Random(1)
        self.counts: Counter[str] = Counter()

    async def sign(self, digest: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        drawn, took = self._random.random(), _LATENCY * self._random.lognormvariate(0, 0.2)

        def arrive() -> None:
            if answer.done():
                self.counts["answers to nobody"] += 1
            else:
                answer.set_result(self._signatures[digest])

        if drawn < 0.001:
            self.counts["lost"] += 1
        elif drawn < 0.002:
            self.counts["late"] += 1
            loop.call_later(took + 0.5, arrive)
        else:
            loop.call_later(took, arrive)
            if drawn > 0.99:
                self.counts["doubled"] += 1
                loop.call_later(1.5 * took, arrive)
        return await answer


async def _through(door: _Door, made: Sample, count: int, window: int) -> list[Pass]:
    retry = Retry(timeout=0.1, first_delay=0.01, attempts=8)
    service = AsyncKeyService(door.sign, window=window, retry=retry)
    found = []
    async with aclosing(service.sign(_prepared(made, count))) as results:
        async for each in results:
            if not isinstance(each, Pass):
                raise each
            found.append(each)
    return found


async def _alone(door: _Door, digests: list[bytes], window: int) -> None:
    """Ask for every digest without the library: what the stand-in itself costs."""
    left = iter(digests)

    async def ask() -> None:
        for digest in left:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await door.sign(digest)

    await asyncio.gather(*(ask() for _ in range(window)))


def _service(made: Sample, count: int = 8_000) -> None:
    signer = made.pair.signer()
    signatures = {each.digest: signer.sign_digest(each.digest) for each in _prepared(made, count)}
    wanted = [f"URN:UVCI:01:DK:{number:022}" for number in range(count)]
    print(f"a service at {_LATENCY * 1000:.0f} ms with losses; one process, prepared and checked")
    best: dict[int, tuple[float, float]] = {}
    told: dict[int, str] = {}
    alone = inf
    for _ in range(ROUNDS):
        worked = process_time()
        asyncio.run(_alone(_Door(signatures), list(signatures), 64))
        alone = min(alone, (process_time() - worked) / count * 1e6)
        for window in (16, 64, 128, 256):
            door = _Door(signatures)
            began, worked = perf_counter(), process_time()
            found = asyncio.run(_through(door, made, count, window))
            rate = count / (perf_counter() - began)
            busy = (process_time() - worked) / count * 1e6
            if [each.uvci for each in found] != wanted:
                raise AssertionError("a pass was lost, doubled or out of order")
            most, least = best.get(window, (rate, busy))
            best[window] = max(most, rate), min(least, busy)
            counts = sorted(door.counts.items())
            told[window] = ", ".join(f"{number} {name}" for name, number in counts)
    for window, (rate, busy) in best.items():
        goal = "   at least 3,000" if window == 64 else ""
        speed = (
            f"{rate:7,.0f} a second, {busy:4.0f} µs of CPU each ({1e6 / busy:,.0f} a CPU second)"
        )
        print(f"  window {window:4} {speed} ({told[window]}){goal}")
    print(f"  of the CPU time {alone:.0f} µs each are those of the stand-in for the service")


def _issue(key: Pkcs11Key, certificate: bytes, count: int) -> float:
    """Issue passes with a key in a token; returns the seconds that they took."""
    issuer = Issuer("DK", key.signer(certificate), name="Prøvestyrelsen")
    began = perf_counter()
    for number in range(count):
        holder, event = HOLDERS[number % len(HOLDERS)], EVENTS[number % len(EVENTS)]
        issuer.issue(holder, event, expires=timedelta(days=200), issued_at=NOW)
    return perf_counter() - began


def _token(count: int = 2_000) -> None:
    module = next((str(path) for path in _MODULES if path.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        print("a token: not measured, SoftHSM2 is not installed")
        return
    pin = secrets.token_hex(4)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokens").mkdir()
        config = Path(folder, "softhsm2.conf")
        config.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        os.environ |= {"SOFTHSM2_CONF": str(config), "BENCHMARK_PIN": pin}
        command = ["softhsm2-util", "--init-token", "--free", "--label", "benchmark"]
        subprocess.run(
            [*command, "--pin", pin, "--so-pin", pin], check=True, stdout=subprocess.DEVNULL
        )
        token = Pkcs11Token(module, "benchmark", "env:BENCHMARK_PIN")
        key = token.make_key("dsc")
        csca = keys.make_csca("DK", valid_from=_BEGIN)
        certificate = csca.certify(key.public_key, valid_from=_BEGIN).pem()
        print("a key in a token (SoftHSM2), each signature checked")
        print(f"  one process      {count / _issue(key, certificate, count):7,.0f} a second")
        token.close()
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            list(pool.map(_issue, [key] * 2, [certificate] * 2, [10] * 2))
            began = perf_counter()
            list(pool.map(_issue, [key] * 2, [certificate] * 2, [count] * 2))
            rate = 2 * count / (perf_counter() - began)
        print(f"  two processes    {rate:7,.0f} a second")


def run() -> None:
    """Print the rates."""
    made = sample(2)
    print("issuing in two phases, one process")
    _phases(made)
    _service(made)
    _token()

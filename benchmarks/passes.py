"""Whole passes: verify and issue against bare ECDSA verification, threads, and the peer `cwt`."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING
from zlib import compress as zlib_compress

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.rounds import interleave, timed
from benchmarks.sample import NOW, sample
from coronapas.hcert import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.sample import Sample

PEER = "CORONAPAS_PEER_PYTHON"
"""Names the interpreter that has the packages cwt and base45 (`make bench` makes one)."""


def bare(made: Sample) -> Callable[[], None]:
    """Verify the same bytes with `cryptography` alone, everything prepared beforehand."""
    key = made.pair.certificate.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    scheme = ec.ECDSA(hashes.SHA256())
    prepared = []
    for one in made.passes:
        seen = decode(one.text)
        r, s = (int.from_bytes(half, "big") for half in (seen.signature[:32], seen.signature[32:]))
        message = seen.message.signed_bytes
        prepared.append((encode_dss_signature(r, s), message))

    def work() -> None:
        for signature, message in prepared:
            key.verify(signature, message, scheme)

    return work


class Peer:
    """The peer's process; `contender` gives what takes a turn in it."""

    def __init__(self, python: str, made: Sample) -> None:
        script = Path(__file__).with_name("peer_cwt.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        public = made.pair.private_key.public_key()
        setup = {
            "key": made.pair.key_pem().decode(),
            "public": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "kid": made.pair.certificate.kid.hex(),
            "texts": [one.text for one in made.passes],
        }
        if self._ask(json.dumps(setup)) != "ready":
            raise RuntimeError("the peer's process did not start; see its error above")

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def contender(self, what: str) -> Callable[[], float]:
        """What takes a turn in the peer's process; it tells how long it took."""
        return lambda: float(self._ask(what))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def run(rounds: int = 40) -> None:
    """Print the ratios."""
    made = sample()
    items = len(made.passes)
    texts = [one.text for one in made.passes]
    verify = made.verifier.verify

    def verify_all() -> None:
        for text in texts:
            if not verify(text, NOW).ok:
                raise AssertionError

    def issue_all() -> None:
        for holder, event in made.facts:
            made.issue(holder, event)

    if not all(verify(text, NOW).ok for text in texts):
        raise AssertionError("a pass of the sample does not verify")
    pool = ThreadPoolExecutor(2)
    halves = [texts[::2] * 2, texts[1::2] * 2]

    def half(part: list[str]) -> None:
        for text in part:
            verify(text, NOW)

    def two_threads() -> None:
        list(pool.map(half, halves))

    def one_thread() -> None:
        for part in halves:
            half(part)

    verify_bare = bare(made)

    def bare_twice(_part: object = None) -> None:
        verify_bare()
        verify_bare()

    def bare_in_two_threads() -> None:
        list(pool.map(bare_twice, halves))

    def bare_in_one_thread() -> None:
        for part in halves:
            bare_twice(part)

    contenders = {
        "bare": timed(verify_bare),
        "verify": timed(verify_all),
        "issue": timed(issue_all),
        "one thread": timed(one_thread),
        "two threads": timed(two_threads),
        "bare, one thread": timed(bare_in_one_thread),
        "bare, two threads": timed(bare_in_two_threads),
    }
    peer = Peer(os.environ[PEER], made) if PEER in os.environ else None
    if peer is not None:
        contenders |= {
            "cwt verify": peer.contender("verify"),
            "cwt issue": peer.contender("issue"),
        }
    measured = interleave(contenders, rounds)
    if peer is not None:
        peer.close()
    print(
        f"whole passes: {items} passes, {rounds} interleaved rounds; medians, and quietest rounds"
    )
    print(f"  bare ECDSA verification      {measured.each('bare', items):8.1f} µs   1.00")
    for name, title, goal in (
        ("verify", "verify, all checks", "at most 1.40, aim 1.25"),
        ("issue", "issue, all checks", "at most 1.50, aim 1.10"),
        ("cwt verify", "cwt + base45 verify", ""),
        ("cwt issue", "cwt + base45 issue", ""),
    ):
        if name in contenders:
            each, ratio = measured.each(name, items), measured.ratio(name, "bare")
            quiet = measured.quietest(name, "bare")
            print(f"  {title:28} {each:8.1f} µs {ratio:6.2f} {quiet:6.2f}   {goal}")
    if peer is None:
        print(f"  the peer cwt was not run: {PEER} names no interpreter")
    for prefix, title, goal in (
        ("", "two threads against one", "at least 1.6"),
        ("bare, ", "  the bare verification alone", ""),
    ):
        one, two = f"{prefix}one thread", f"{prefix}two threads"
        ratio, quiet = measured.ratio(one, two), measured.quietest(one, two)
        print(f"  {title:40} {ratio:6.2f} {quiet:6.2f}   {goal}")
    ours = mean(len(decode(text).compressed) for text in texts)
    plain = mean(len(zlib_compress(one.message, 9)) for one in made.passes)
    print(f"sizes: {ours:.2f} bytes compressed on average, {plain:.2f} by zlib level 9")

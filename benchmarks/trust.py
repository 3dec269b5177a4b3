"""The cost of a trust store of 500 and of 5,000 certificates: to create, save, load and query it.

The certificates are DSCs of real size (a P-256 key, the usual extensions, a CSCA's signature), made
before the clock starts, with different serial numbers. Memory is what `tracemalloc` counts for the
loaded store alone, in a round of its own, because counting slows everything down. Saving includes
the wait for the disk (fsync).

A list of WHO's network with 501 keys, as many as production had in August 2026, is read with its
proof: in processor time, because the budget of 60 ms is one of work. Reading parses the document,
verifies the proof over all of it, decodes every certificate and locates its fields. When the DSCs
are first asked for, as a store does, their fields are read, their keys checked, and the signature
of each verified with the key of its CSCA: that is a row of its own, most of it OpenSSL's work on
440 signatures. A later edition repeats most certificates, whose chains are then known. The first
time is the best of several lists'.
"""

from __future__ import annotations

import gc
import tempfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from benchmarks.rounds import interleave, timed
from coronapas import keys
from coronapas.trust import (
    Certificate,
    GdhcnEntry,
    Source,
    TrustList,
    TrustStore,
    pinned,
    read,
    write_gdhcn,
    write_jwks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (500, 5_000)
BEGIN = datetime(2021, 1, 1, tzinfo=UTC)


def certificates(count: int) -> list[bytes]:
    """Return `count` DSCs in DER: copies of one, with the end of the serial number counted up.

    That breaks the CSCA's signature, which nothing here verifies.
    """
    dsc = keys.make_csca("DK", valid_from=BEGIN).issue_dsc(valid_from=BEGIN).certificate
    der, serial = dsc.der or b"", dsc.serial or 0
    stated = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
    place = der.index(stated) + len(stated) - 4
    return [
        der[:place] + number.to_bytes(4, "big") + der[place + 4 :] for number in range(1, count + 1)
    ]


def listed(ders: Sequence[bytes]) -> TrustStore:
    """Return a store like that of a list, with its source."""
    source = Source("gateway", "benchmark", "verified", fetched=BEGIN)
    return TrustStore.from_lists(TrustList(source, tuple(map(Certificate, ders))))


def memory_of(path: Path) -> int:
    """Return the bytes that one loaded store occupies."""
    gc.collect()
    tracemalloc.start()
    store = TrustStore.load(path)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del store
    return held


def peak_of(path: Path) -> int:
    """Return the most bytes that are occupied at any moment of loading."""
    gc.collect()
    tracemalloc.start()
    TrustStore.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def network_list(authorities: int = 61, dscs: int = 440) -> tuple[bytes, Certificate]:
    """Return a list of the network, most of it DSCs of a few authorities, and its signer."""
    pairs = [keys.make_csca("DK", valid_from=BEGIN, name=f"CSCA {n}") for n in range(authorities)]
    signer = keys.make_csca("DK", valid_from=BEGIN, name="network signer")
    entries = [GdhcnEntry(pair.certificate, "DNK", usage="SCA") for pair in pairs]
    for number in range(dscs):
        issuer = pairs[number % authorities]
        dsc = issuer.issue_dsc(valid_from=BEGIN, name=f"DSC {number}")
        entries.append(GdhcnEntry(dsc.certificate, "DNK", (issuer.certificate,)))
    key = signer.private_key
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the signer of a list must have a P-256 key")
    did = "did:web:example.org:v2:trustlist"
    data = write_gdhcn(entries, key, did=did, signing_key=f"{did}:signer", created=BEGIN)
    return data, signer.certificate


def measure_network(rounds: int) -> None:
    """Print what reading a list of the network costs, in processor time."""
    reading: list[list[float]] = []
    chains: list[list[float]] = []
    data, size = b"", ""
    for _ in range(4):
        data, pin = network_list()
        pins = pinned(pin)
        reading.append([])
        chains.append([])
        for _ in range(rounds):
            began = process_time()
            found = read(data, pins=pins)
            was_read = process_time()
            keys = len(found.certificates)
            chains[-1].append((process_time() - was_read) * 1000)
            reading[-1].append((was_read - began) * 1000)
            size = f"{keys + len(found.authorities)} keys, {keys} of them DSCs with a chain"
    print(f"  a list of WHO's network ({size}, {len(data) / 1e6:.2f} MB), processor time:")
    for name, taken, budget in (
        ("read with its proof", reading, " (the budget is 60)"),
        ("then ask for its DSCs", chains, ""),
    ):
        first, again = min(each[0] for each in taken), min(min(each[1:]) for each in taken)
        print(f"    {name:22} {first:8.1f} ms the first time, {again:.1f} ms again{budget}")


def measure(count: int, folder: Path, rounds: int) -> None:
    """Print the costs of one size."""
    ders = certificates(count)
    store, path = listed(ders), folder / f"{count}.store"
    store.save(path)
    keyset = write_jwks(store)
    measured = interleave(
        {
            "make from DER": timed(lambda: listed(ders)),
            "save": timed(lambda: store.save(path)),
            "load": timed(lambda: TrustStore.load(path)),
            "read as JWKS, checked": timed(lambda: read(keyset, pins=())),
        },
        rounds,
    )
    print(f"  {count:,} certificates, a file of {path.stat().st_size / 1e6:.2f} MB:")
    for name in measured.seconds:
        print(f"    {name:22} {measured.each(name, 1) / 1000:8.1f} ms")
    print(f"    {'memory, loaded':22} {memory_of(path) / 1e6:8.1f} MB")
    print(f"    {'memory, while loading':22} {peak_of(path) / 1e6:8.1f} MB")
    kids = [certificate.kid for certificate in store]
    began = perf_counter()
    for kid in kids:
        store.by_kid(kid)
    print(f"    {'by_kid':22} {(perf_counter() - began) / count * 1e6:8.2f} µs")


def run(rounds: int = 9) -> None:
    """Print what stores of each size cost."""
    print("trust stores:")
    with tempfile.TemporaryDirectory() as folder:
        for count in SIZES:
            measure(count, Path(folder), rounds)
    measure_network(rounds)


if __name__ == "__main__":
    run()

"""Many passes: bulk work on tables, its engines, and verifying line by line.

CPU seconds are compared, because a busy machine makes wall-clock times worse than they are. Each
measurement runs in a process of its own with its children, whose CPU seconds count. The peak of
memory is that of the leading process and of its workers together (proportional set size, sampled).

``make bench ARGS=bulk`` measures a million rows; ``CORONAPAS_BENCH_ROWS`` says how many.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time, thread_time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.memory import peak
from benchmarks.sample import NOW, sample
from coronapas import bulk, keys
from coronapas.bulk import FACTS, IssueKernel, KeySource, ProcessEngine, RayEngine, VerifyKernel
from coronapas.facts import Event, Holder, Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.issue import Issuer
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

LINES = 100_000
ROWS = int(os.environ.get("CORONAPAS_BENCH_ROWS", "1000000"))
SHARE = min(ROWS, 200_000)
"""Rows by which the ways of working are compared."""
TURN = min(ROWS // 10, 10_000)
TURNS = min(6, SHARE // TURN - 1)
"""Turns of the loop and of bulk work, and the rows of each."""
ROUNDS = 3
"""How often each way is measured, in turns; the one with the least CPU seconds counts."""
NATION = 17_500_000
"""Passes of a country: 5.8 million people, three passes each."""

BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
MOMENT = datetime(2021, 9, 1, 12, tzinfo=UTC)
_FAMILIES = ("Prøvesen", "Østergård-Prøve", "Παραδειγματίδου", "Musterhus", "Testdóttir")
_GIVEN = ("Mathilde", "Søren Ægir", "Ελένη", "Agathe", "Ulla")


def make_facts(path: Path, rows: int) -> None:
    """Write made-up facts: 70 % vaccinations, 20 % tests, 10 % recoveries; one in 1,000 is bad."""
    draw = Random(1)
    schema = pa.schema(
        [
            one
            for one in FACTS
            if one.name
            not in ("family_name_mrz", "given_name_mrz", "disease", "issued_at", "expires", "uvci")
        ]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 50_000):
            table = [_row(number, draw) for number in range(start, min(start + 50_000, rows))]
            writer.write_table(pa.Table.from_pylist(table, schema=schema))


def _row(number: int, draw: Random) -> dict[str, object]:
    born = date(1930, 1, 1) + timedelta(days=draw.randrange(30_000))
    row: dict[str, object] = {
        "record": str(number),
        "family_name": draw.choice(_FAMILIES),
        "given_name": draw.choice(_GIVEN),
        "birth_date": "1979-02-30" if draw.random() < 0.001 else born.isoformat(),
    }
    chance = draw.random()
    if chance < 0.7:
        row |= {
            "kind": "vaccination",
            "vaccination_product": "EU/1/20/1528",
            "vaccination_dose_number": 2,
            "vaccination_doses": 2,
            "vaccination_date": date(2021, 5, 1) + timedelta(days=draw.randrange(60)),
        }
    elif chance < 0.9:
        row |= {
            "kind": "test",
            "test_kind": "NAAT",
            "test_sampled_at": MOMENT - timedelta(minutes=draw.randrange(2_000)),
            "test_result": "not detected",
            "test_centre": "Testcenter Nord",
        }
    else:
        row |= {
            "kind": "recovery",
            "recovery_first_positive": date(2021, 5, 1),
            "recovery_valid_from": date(2021, 5, 12),
            "recovery_valid_until": date(2021, 10, 20),
        }
    return row


def make_keys(folder: Path) -> None:
    """Write a DSC, its key and a secret."""
    pair = keys.make_csca("DK", valid_from=BEGIN).issue_dsc(valid_from=BEGIN)
    (folder / "dsc.key").write_bytes(pair.key_pem())
    (folder / "dsc.pem").write_bytes(pair.certificate_pem())
    (folder / "secret").write_bytes(bytes(range(32)))


def issuing(folder: Path) -> IssueKernel:
    """Return the kernel that is measured."""
    source = KeySource(key=str(folder / "dsc.key"), certificate=str(folder / "dsc.pem"))
    secret = str(folder / "secret")
    return IssueKernel(
        "DK", (source,), "autumn", secret, timedelta(days=365), MOMENT, issuer="Prøvestyrelsen"
    )


def verifying(folder: Path) -> VerifyKernel:
    """Return the kernel that is measured."""
    trust = TrustStore.from_certificates([(folder / "dsc.pem").read_bytes()])
    return VerifyKernel(Verifier(trust), MOMENT)


class _Watch:
    """The CPU seconds and the most memory of this process and all its descendants, sampled."""

    def __init__(self) -> None:
        self._memory = 0.0
        self._seconds: dict[int, float] = {}
        self._ended = threading.Event()
        self._first = _cpu_of(os.getpid())
        self._own = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        for turn in count():
            if self._ended.wait(0.2):
                break
            family = _family(os.getpid())
            if turn % 10 == 0:
                self._memory = max(self._memory, sum(map(_pss, family)))
            for process in family:
                used = _cpu_of(process)
                self._seconds[process] = max(used, self._seconds.get(process, 0.0))
        self._own = thread_time()

    def end(self) -> tuple[float, float]:
        """Return the CPU seconds, and the memory in MiB."""
        self._ended.set()
        self._thread.join()
        self._seconds[os.getpid()] = _cpu_of(os.getpid())
        return sum(self._seconds.values()) - self._first - self._own, self._memory


def _family(process: int) -> list[int]:
    found = [process]
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [
            int(child) for task in tasks for child in (task / "children").read_text("ascii").split()
        ]
    except OSError:
        return found
    return found + [each for child in children for each in _family(child)]


def _pss(process: int) -> float:
    """MiB of memory of a process, what it shares with others counted in part."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
        return int(rollup.partition("\nPss:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def _cpu_of(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def work(way: str, folder: Path, rows: int) -> int:
    """Work in one way; returns the number of good rows."""
    facts, out = folder / f"facts-{rows}.parquet", folder / f"out-{way}-{rows}"
    shutil.rmtree(out, ignore_errors=True)
    if way == "loop":
        return _loop(issuing(folder), facts, out)
    if way == "kernel":
        return _kernel(issuing(folder), facts)
    if way == "spark":
        return _spark(issuing(folder), facts, out)
    if way.startswith("verify"):
        passes = sorted((folder / f"out-issue2-{rows}" / "passes").glob("*.parquet"))
        engine = ProcessEngine(int(way.removeprefix("verify")))
        return bulk.run(passes, out, verifying(folder), engine=engine).good
    ray = RayEngine(workers=2) if way == "ray" else None
    pool = None if ray else ProcessEngine(int(way.removeprefix("issue")))
    return bulk.run([facts], out, issuing(folder), engine=ray or pool).good


def _loop(kernel: IssueKernel, facts: Path, out: Path) -> int:
    """The pure loop of one process: rows to facts, facts to passes, passes to a file."""
    issuer = Issuer("DK", kernel.sources[0].open(), name=kernel.issuer)
    texts: list[str] = []
    for batch in pq.ParquetFile(facts).iter_batches(5_000):
        for row in batch.to_pylist():
            try:
                holder = Holder(
                    row["family_name"], row["given_name"], date.fromisoformat(row["birth_date"])
                )
                event = _event(row)
                issued = issuer.issue(holder, event, expires=kernel.expires, issued_at=MOMENT)
            except ValueError:
                continue
            texts.append(issued.text)
    pq.write_table(pa.table({"text": texts}), f"{out}.parquet", compression="zstd")
    return len(texts)


def _event(row: dict[str, Any]) -> Event:
    if row["kind"] == "vaccination":
        return Vaccination(
            row["vaccination_product"],
            row["vaccination_dose_number"],
            row["vaccination_doses"],
            row["vaccination_date"],
        )
    if row["kind"] == "test":
        return Test(
            TestKind.NAAT,
            row["test_sampled_at"],
            TestResult.NOT_DETECTED,
            centre=row["test_centre"],
        )
    return Recovery(
        row["recovery_first_positive"], row["recovery_valid_from"], row["recovery_valid_until"]
    )


def _kernel(kernel: IssueKernel, facts: Path) -> int:
    """The kernel alone, and which share of it is signing."""
    batches = list(pq.ParquetFile(facts).iter_batches(5_000))
    kernel(batches[0])
    began = process_time()
    good = sum(len(kernel(batch).good) for batch in batches)
    took = process_time() - began
    signer = kernel.sources[0].open()
    digests = [number.to_bytes(32, "big") for number in range(20_000)]
    began = process_time()
    for digest in digests:
        signer.sign_digest(digest)
    signing = (process_time() - began) / len(digests)
    print(
        f"kernel alone: {took / good * 1e6:.0f} µs a pass, of which signing "
        f"{signing * 1e6:.0f} µs ({signing * good / took:.0%})",
        file=sys.stderr,
    )
    return good


def take_turns(folder: Path, facts: Path) -> None:
    """Let the pure loop and bulk work take turns on the same rows, and print both.

    On a busy machine a figure drifts with what the neighbours do, and a ratio of neighbours in time
    does not. The loop has its facts at hand and keeps nothing; bulk work reads Parquet, issues, and
    writes Parquet.
    """
    kernel = issuing(folder)
    source = kernel.sources[0].open()
    issuer = Issuer("DK", source, name=kernel.issuer)
    ratios, loops, parts, signing = [], [], [], []
    for number in range(TURNS + 1):
        path = folder / f"turn-{os.getpid()}.parquet"
        rows = pq.read_table(facts).slice(number * TURN, TURN)
        pq.write_table(rows, path)
        pairs = []
        for row in rows.to_pylist():
            with suppress(ValueError):
                born = date.fromisoformat(row["birth_date"])
                holder = Holder(row["family_name"], row["given_name"], born)
                pairs.append((holder, _event(row)))
        began = process_time()
        for holder, event in pairs:
            issuer.issue(holder, event, expires=kernel.expires, issued_at=MOMENT)
        looped = process_time() - began
        began = process_time()
        with pq.ParquetWriter(f"{path}.out", bulk.PASSES, compression="zstd") as writer:
            for batch in pq.ParquetFile(path).iter_batches(5_000):
                writer.write_batch(kernel(batch).good)
        done = process_time() - began
        began = process_time()
        for place in range(TURN):
            source.sign_digest(place.to_bytes(32, "big"))
        signed = process_time() - began
        if number:  # the first turn warms up
            ratios.append(looped / done)
            loops.append(looped / len(pairs) * 1e6)
            parts.append(done / len(pairs) * 1e6)
            signing.append(signed / done)
    print(
        f"  one of 2 processes at once: the loop {median(loops):.0f} µs a pass, bulk work from and "
        f"to Parquet {median(parts):.0f} µs: {median(ratios):.0%} of the loop's speed; "
        f"{median(signing):.0%} of it is signing"
    )


def _turns(folder: Path) -> None:
    facts = folder / f"facts-{SHARE}.parquet"
    command = [sys.executable, "-m", "benchmarks.bulk", "turns", str(folder), str(facts)]
    both = [subprocess.Popen(command) for _ in range(2)]
    if any(process.wait() for process in both):
        sys.exit("a measured process failed")


def _spark(kernel: IssueKernel, facts: Path, out: Path) -> int:
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    rows = spark.read.parquet(str(facts)).repartition(8)
    made = rows.mapInArrow(bulk.spark_function(kernel), bulk.spark_schema(kernel))
    made.write.mode("overwrite").parquet(str(out))
    good = spark.read.parquet(str(out)).where("faults is null").count()
    spark.stop()
    return int(good)


def measure(way: str, folder: Path, rows: int) -> None:
    """What a measured process does: the work, and a line of JSON."""
    watch = _Watch()
    began = perf_counter()
    good = work(way, folder, rows)
    took = perf_counter() - began
    cpu, memory = watch.end()
    print(json.dumps({"good": good, "seconds": took, "cpu": cpu, "memory": memory}))


def _measured(way: str, folder: Path, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bulk", "measure", way, str(folder), str(rows)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def tables(folder: Path) -> None:
    """Compare the ways of working, then issue and verify many rows from Parquet."""
    make_keys(folder)
    make_facts(folder / f"facts-{SHARE}.parquet", SHARE)
    print("the pure loop and bulk work in turns, by CPU time")
    _turns(folder)
    ways = ["loop", "kernel", "issue1", "issue2"]
    ways += ["ray"] if find_spec("ray") else []
    ways += ["spark"] if find_spec("pyspark") and find_spec("pandas") else []
    names = {
        "loop": "the pure loop, 1 process",
        "kernel": "the kernel alone, from and to memory",
        "issue1": "bulk, 1 process",
        "issue2": "bulk, 2 processes",
        "ray": "Ray, 2 actors",
        "spark": "Spark, local[2]",
    }
    print(f"issuing {SHARE:,} rows from Parquet (CPU seconds of all processes; start-up included)")
    best: dict[str, dict[str, float]] = {}
    for turn in range(ROUNDS):
        for way in ways:
            if turn and way in ("ray", "spark"):
                continue
            found = _measured(way, folder, SHARE)
            if way not in best or found["cpu"] < best[way]["cpu"]:
                best[way] = found
    first = best["loop"]["good"] / best["loop"]["cpu"]
    for way, found in best.items():
        rate = found["good"] / found["cpu"]
        print(
            f"  {names[way]:38} {found['cpu']:6.1f} CPU s  {rate:7,.0f} a second and core  "
            f"{rate / first:4.0%} of the loop  {found['memory']:6,.0f} MiB  "
            f"{found['seconds']:6.1f} s"
        )
    if ROWS != SHARE:
        make_facts(folder / f"facts-{ROWS}.parquet", ROWS)
    print(f"{ROWS:,} rows from Parquet, 2 processes")
    for way, name in (("issue2", "issued"), ("verify2", "verified")):
        found = _measured(way, folder, ROWS)
        each = found["cpu"] / found["good"]
        print(
            f"  {found['good']:,.0f} {name}: {1 / each:,.0f} a second and core, "
            f"peak memory of all processes {found['memory']:,.0f} MiB, {found['seconds']:,.0f} s"
        )
        minutes = NATION * each / 60
        print(
            f"  {NATION:,} {name}: {minutes / 2:.0f} minutes on 2 cores by this share, "
            f"{minutes / 16:.1f} on 16 by calculation"
        )


def verify_file(passes: Path, certificates: Path) -> None:
    """What the measured process does: one pass a line, nothing kept."""
    idle = peak()
    verifier = Verifier(TrustStore.from_certificates([certificates.read_bytes()]))
    began, good = perf_counter(), 0
    with passes.open(encoding="ascii") as lines:
        for line in lines:
            good += verifier.verify(line.rstrip("\n"), NOW).ok
    took = perf_counter() - began
    print(
        f"from a file: {good:,} passes verified, {good / took:,.0f} a second, "
        f"peak memory {peak():.0f} MiB ({idle:.0f} MiB before the first)"
    )


def run() -> None:
    """Measure passes in a file of lines, and in tables."""
    made = sample()
    with tempfile.TemporaryDirectory() as folder:
        passes, certificates = Path(folder, "passes.txt"), Path(folder, "dsc.pem")
        certificates.write_bytes(made.pair.certificate_pem())
        with passes.open("w", encoding="ascii") as lines:
            for number in range(LINES):
                lines.write(made.passes[number % len(made.passes)].text + "\n")
        command = [sys.executable, "-m", "benchmarks.bulk", "lines", str(passes), str(certificates)]
        subprocess.run(command, check=True)
    with tempfile.TemporaryDirectory() as folder:
        tables(Path(folder))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["lines", passes, certificates]:
            verify_file(Path(passes), Path(certificates))
        case ["turns", folder, facts]:
            take_turns(Path(folder), Path(facts))
        case ["measure", way, folder, rows]:
            measure(way, Path(folder), int(rows))

"""Ray and Spark, started, used and killed for real (`make engines`)."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

import bulk_killing as killing
import bulk_register as register
from coronapas.bulk import ProcessEngine, RayEngine, VerifyKernel, run, spark_schema
from coronapas.errors import BulkError
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore"),  # the engines' own
]

KILLS = int(os.environ.get("CORONAPAS_KILLS", "20"))


def straight(command: killing.Command, out: Path) -> Path:
    """A run of the same work that nothing disturbs."""
    kernel = register.kernel(command.keys)
    here = ProcessEngine(1)
    run([command.facts], out, kernel, engine=here, rows=command.part_rows)
    return out


def prepare(
    tmp_path: Path, keyring: Path, rows: int, *engine: str
) -> tuple[killing.Command, list[register.Row]]:
    table = register.rows(rows, 7)
    table[3] = register.spoilt(table[3], "no birth date")
    facts = register.write(tmp_path / "facts.parquet", table)
    return killing.Command(facts, tmp_path / "out", keyring, engine), table


# The pool


def test_a_pool_that_is_killed_at_twenty_moments_loses_and_doubles_nothing(
    tmp_path: Path, keyring: Path
) -> None:
    draw = Random(20)
    command, table = prepare(tmp_path, keyring, 2_000, "--jobs", "2")
    expected = straight(command, tmp_path / "straight")
    killed = 0
    while killed < KILLS:
        kept = killing.whole_files(command.out)
        killing.kill_at(command, draw, ("group", "parent", "worker")[killed % 3])
        killed += 1
        assert kept.items() <= killing.whole_files(command.out).items()
        found = killing.done_parts(command.out)
        print(f"pool: kill {killed}, {found} parts done")
        if found == len(table) // command.part_rows:
            killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)
            command = replace(command, out=tmp_path / f"out-{killed}")
    command.finish()
    killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)


# Ray


def test_ray_gives_the_same_files_as_one_process(tmp_path: Path, keyring: Path) -> None:
    command, table = prepare(tmp_path, keyring, 200)
    expected = straight(command, tmp_path / "straight")
    kernel = register.kernel(keyring)
    run([command.facts], command.out, kernel, engine=RayEngine(workers=2), rows=25)
    killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)


def test_a_fault_of_the_work_is_told_as_it_is_without_ray(tmp_path: Path, keyring: Path) -> None:
    command, _ = prepare(tmp_path, keyring, 100)
    (tmp_path / "secret").write_bytes(register.SECRET)
    kernel = register.kernel(keyring, secret=str(tmp_path / "secret"))
    kernel.keys()
    (tmp_path / "secret").unlink()
    with pytest.raises(BulkError) as caught:
        run([command.facts], command.out, kernel, engine=RayEngine(workers=1), rows=25)
    assert caught.value.code == "bulk.secret"


def test_a_cluster_without_room_for_every_actor_does_the_work_with_fewer(
    tmp_path: Path, keyring: Path
) -> None:
    command, table = prepare(tmp_path, keyring, 200)
    expected = straight(command, tmp_path / "straight")
    ray = import_module("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        kernel = register.kernel(keyring)
        run([command.facts], command.out, kernel, engine=RayEngine(workers=3), rows=25)
    finally:
        ray.shutdown()
    killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)


def session_processes(session: int) -> list[int]:
    """The processes whose session is that of a run."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(path.name))
    return found


def kill_ray(command: killing.Command, draw: Random, victim: str) -> None:
    """Start a run on Ray, and kill it after a random number of parts and a random time."""
    target = killing.done_parts(command.out) + draw.randrange(16)
    process = command.start()
    end = time.monotonic() + killing.PATIENCE
    try:
        while process.poll() is None and time.monotonic() < end:
            if killing.done_parts(command.out) >= target:
                break
            time.sleep(0.02)
        time.sleep(draw.random() * 0.3)
        actors = [
            one
            for one in session_processes(process.pid)
            if b"_RayWorker" in Path(f"/proc/{one}/cmdline").read_bytes()
        ]
        if victim == "actor" and actors:
            killing.kill(draw.choice(actors))
        elif victim == "parent":
            killing.kill(process.pid)
        else:
            killing.kill(-process.pid)
        process.communicate(timeout=killing.PATIENCE)
    finally:
        if process.poll() is None:
            killing.kill(-process.pid)
            process.communicate()
        # What Ray itself started is of no more use, and would stay for a while.
        for one in session_processes(process.pid):
            killing.kill(one)


def test_ray_that_is_killed_at_twenty_moments_loses_and_doubles_nothing(
    tmp_path: Path, keyring: Path
) -> None:
    draw = Random(21)
    command, table = prepare(tmp_path, keyring, 2_000, "--engine", "ray", "--jobs", "2")
    expected = straight(command, tmp_path / "straight")
    for number in range(KILLS):
        kept = killing.whole_files(command.out)
        kill_ray(command, draw, ("group", "parent", "actor")[number % 3])
        assert kept.items() <= killing.whole_files(command.out).items()
        found = killing.done_parts(command.out)
        print(f"ray: kill {number + 1}, {found} parts done")
        if found == len(table) // command.part_rows:
            killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)
            command = replace(command, out=tmp_path / f"out-{number}")
    # A run that began on Ray may end without it.
    replace(command, engine=("--jobs", "1")).finish()
    killing.check_whole(command.out, table, {str(table[3]["record"])}, expected)


# Spark

SERVER = """
import pickle
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from coronapas.bulk import spark_function, spark_schema

facts, kernel = sys.argv[1:]
kernel = pickle.loads(Path(kernel).read_bytes())
spark = (
    SparkSession.builder.master("local[2,4]")  # a task may fail three times
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "100")
    .getOrCreate()
)
context = spark.sparkContext
context.setLogLevel("OFF")
print("ready", flush=True)
for number, line in enumerate(sys.stdin):
    context.setJobGroup(str(number), "issue")
    rows = spark.read.parquet(facts).repartition(6)
    made = rows.mapInArrow(spark_function(kernel), spark_schema(kernel))
    print("begun", flush=True)
    made.write.mode("overwrite").parquet(line.strip())
    status = context.statusTracker()
    jobs = map(status.getJobInfo, status.getJobIdsForGroup(str(number)))
    stages = [status.getStageInfo(stage) for job in jobs for stage in job.stageIds]
    print(sum(stage.numFailedTasks for stage in stages if stage), flush=True)
"""


class Spark:
    """A process with a session of Spark, which does one job after another."""

    def __init__(self, facts: Path, kernel: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVER), str(facts), str(kernel)],
            env=os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._expect("ready")

    def __enter__(self) -> Spark:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(group=True)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def _expect(self, word: str) -> None:
        found = self._line()
        assert found == word, f"Spark ended: {found!r}"

    def begin(self, out: Path) -> None:
        """Begin a job; returns when Spark has it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{out}\n".encode())
        self._process.stdin.flush()
        self._expect("begun")

    def end(self) -> int:
        """Wait for the end of a job; returns how many tasks failed meanwhile."""
        return int(self._line())

    def workers(self) -> list[int]:
        """The processes in which Spark runs Python."""
        found = []
        for process in session_processes(self._process.pid):
            with suppress(OSError):
                if b"pyspark.daemon" in Path(f"/proc/{process}/cmdline").read_bytes():
                    found += killing.children(process)
        return found

    def kill(self, *, group: bool) -> None:
        """Kill the driver, and all that belongs to it: at once, or what is left of it after."""
        own = session_processes(self._process.pid)
        killing.kill(-self._process.pid if group else self._process.pid)
        self._process.communicate()
        for process in own:
            killing.kill(process)


def check_spark(out: Path, table: list[register.Row], expected: list[register.Row]) -> None:
    assert (out / "_SUCCESS").exists()
    rows = [row for path in out.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert sorted(row["record"] for row in rows) == sorted(row["record"] for row in table)
    good = {row["record"]: row["text"] for row in rows if row["faults"] is None}
    assert good == {row["record"]: row["text"] for row in expected}
    bad = [row for row in rows if row["faults"] is not None]
    assert [row["faults"] for row in bad] == [[{"field": "birth_date", "code": "json.missing"}]]


def test_spark_issues_what_one_process_issues_whoever_is_killed(
    tmp_path: Path, keyring: Path
) -> None:
    draw = Random(22)
    command, table = prepare(tmp_path, keyring, 2_000)
    expected = register.passes(straight(command, tmp_path / "straight"))
    kernel = tmp_path / "kernel"
    kernel.write_bytes(pickle.dumps(register.kernel(keyring)))
    drivers = max(1, KILLS // 5)
    hit, took = 0, 0.0
    with Spark(command.facts, kernel) as spark:
        for out in (tmp_path / "warm", tmp_path / "spark"):
            began = time.monotonic()
            spark.begin(out)
            assert spark.end() == 0
            took = time.monotonic() - began
            check_spark(out, table, expected)
        # A worker dies: Spark does its task again, and nothing of the first try is left.
        for number in range(KILLS - drivers):
            out = tmp_path / f"worker-{number}"
            spark.begin(out)
            time.sleep(took * draw.random())
            workers = spark.workers()
            if workers:
                killing.kill(draw.choice(workers))
            failed = spark.end()
            print(f"spark: kill {number + 1} of a worker, {failed} tasks failed")
            hit += failed > 0
            check_spark(out, table, expected)
    assert hit, "no worker was killed at its work"
    # The driver dies, with or without its group: what it leaves does not count as done.
    left = []
    for number in range(drivers):
        out = tmp_path / f"driver-{number}"
        with Spark(command.facts, kernel) as spark:
            spark.begin(out)
            # The first job of a session takes longer: its workers are started.
            time.sleep(2 * took * draw.random())
            spark.kill(group=bool(number % 2))
        done = (out / "_SUCCESS").exists()
        print(f"spark: kill {number + 1} of the driver, {'whole' if done else 'nothing'}")
        if done:
            check_spark(out, table, expected)
        else:
            left.append(out)
    assert left, "no driver was killed before its end"
    with Spark(command.facts, kernel) as spark:
        for out in left:
            spark.begin(out)
            assert spark.end() == 0
            check_spark(out, table, expected)


def test_the_columns_for_spark_are_those_of_the_results(keyring: Path) -> None:
    assert spark_schema(register.kernel(keyring)) == (
        "record string, uvci string, text string, iat bigint, exp bigint, kid string, "
        "faults array<struct<field: string, code: string>>"
    )
    verify = VerifyKernel(Verifier(TrustStore()), register.NOW)
    assert spark_schema(verify).startswith("record string, profile string, country string")


# Dirty input


def test_of_a_million_dirty_rows_every_one_is_accounted_for(tmp_path: Path, keyring: Path) -> None:
    count = int(os.environ.get("CORONAPAS_DIRTY_ROWS", "1000000"))
    names = list(register.SPOILS)
    draw = Random(5)
    expected = dict.fromkeys(names, 0)
    facts = tmp_path / "facts.csv"
    with register.CsvWriter(facts) as writer:
        for number in range(count):
            row = register.row(number, draw)
            chance = draw.random() * 100
            if chance < len(names):  # one in a hundred of each kind
                name = names[int(chance)]
                expected[name] += 1
                row = register.spoilt(row, name)
            writer.add(row)
    engine = ("--jobs", "2", "--max-faults", "none", "--json")
    command = killing.Command(facts, tmp_path / "out", keyring, engine, part_rows=50_000)
    done = subprocess.run(command.arguments, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    bad = sum(expected.values())
    assert (found["records"], found["good"], found["bad"]) == (count, count - bad, bad)
    records: set[int] = set()
    seen: dict[frozenset[tuple[str, str]], int] = {}
    said = [done.stdout, done.stderr, (command.out / "manifest.jsonl").read_bytes()]
    for path in command.out.glob("*/*.parquet"):
        if path.parent.name == "passes":
            table = pq.read_table(path, columns=["record"]).to_pylist()
        else:
            assert path.parent.name == "faults"
            table = pq.read_table(path).to_pylist()
            for row in table:
                key = frozenset((fault["field"], fault["code"]) for fault in row["faults"])
                seen[key] = seen.get(key, 0) + 1
            said.append(repr(table).encode())
        numbers = {int(row["record"].removeprefix("r")) for row in table}
        assert len(numbers) == len(table)
        assert not records & numbers
        records |= numbers
    assert records == set(range(count))
    for name in (register.SECRETIVE, *register.FAMILIES, *register.GIVEN):
        for part in name.split():
            assert not any(part.encode() in each for each in said)
    assert not any(re.search(rb"19[0-9]{2}-[0-9]{2}", each) for each in said)
    wanted: dict[frozenset[tuple[str, str]], int] = {}
    for name, number in expected.items():
        key = register.SPOILS[name].faults
        wanted[key] = wanted.get(key, 0) + number
    assert seen == {key: number for key, number in wanted.items() if number}

"""Ray and Spark, started, used and killed for real (`make engines`)."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
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


def ray_processes(session: int) -> list[int]:
    """The processes of Ray whose session is that of a run."""
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
    target = killing.done_parts(command.out) + draw.randrange(3)
    process = command.start()
    end = time.monotonic() + killing.PATIENCE
    try:
        while process.poll() is None and time.monotonic() < end:
            if killing.done_parts(command.out) >= target:
                break
            time.sleep(0.02)
        time.sleep(draw.random() * 2)
        actors = [
            one
            for one in ray_processes(process.pid)
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
        for one in ray_processes(process.pid):
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

JOB = """
import pickle
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from coronapas.bulk import spark_function, spark_schema

facts, out, kernel = sys.argv[1:]
kernel = pickle.loads(Path(kernel).read_bytes())
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "500")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
rows = spark.read.parquet(facts).repartition(4)
made = rows.mapInArrow(spark_function(kernel), spark_schema(kernel))
made.write.mode("overwrite").parquet(out)
spark.stop()
"""


def spark_job(facts: Path, out: Path, kernel: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB), str(facts), str(out), str(kernel)],
        env=os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def check_spark(out: Path, table: list[register.Row], expected: list[register.Row]) -> None:
    rows = [row for path in out.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert sorted(row["record"] for row in rows) == sorted(row["record"] for row in table)
    good = {row["record"]: row["text"] for row in rows if row["faults"] is None}
    assert good == {row["record"]: row["text"] for row in expected}
    bad = [row for row in rows if row["faults"] is not None]
    assert [row["faults"] for row in bad] == [[{"field": "birth_date", "code": "json.missing"}]]


def test_spark_issues_what_one_process_issues_and_a_killed_job_leaves_nothing(
    tmp_path: Path, keyring: Path
) -> None:
    draw = Random(22)
    command, table = prepare(tmp_path, keyring, 2_000)
    expected = register.passes(straight(command, tmp_path / "straight"))
    kernel = tmp_path / "kernel"
    kernel.write_bytes(pickle.dumps(register.kernel(keyring)))
    out = tmp_path / "spark"
    began = time.monotonic()
    job = spark_job(command.facts, out, kernel)
    _, errors = job.communicate(timeout=killing.PATIENCE)
    assert job.returncode == 0, errors.decode()
    took = time.monotonic() - began
    check_spark(out, table, expected)
    whole = 0
    for number in range(KILLS):
        out = tmp_path / f"spark-{number}"
        job = spark_job(command.facts, out, kernel)
        try:
            # The later moments count: before, Spark has not begun to work.
            job.wait(took * (0.4 + 0.6 * draw.random()))
        except subprocess.TimeoutExpired:
            killing.kill(-job.pid if number % 2 else job.pid)
        job.communicate(timeout=killing.PATIENCE)
        for one in ray_processes(job.pid):
            killing.kill(one)
        done = (out / "_SUCCESS").exists()
        print(f"spark: kill {number + 1}, {'whole' if done else 'nothing'}")
        if done:
            whole += 1
            check_spark(out, table, expected)
        else:
            # Spark moves its files when the job ends: what is there is not to be read.
            assert not (out / "_SUCCESS").exists()
    assert whole < KILLS, "no kill came before the end"
    job = spark_job(command.facts, out, kernel)
    _, errors = job.communicate(timeout=killing.PATIENCE)
    assert job.returncode == 0, errors.decode()
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
    found = run([facts], tmp_path / "out", register.kernel(keyring), max_faults="none")
    assert (found.records, found.bad) == (count, sum(expected.values()))
    assert found.good + found.bad == count
    seen: dict[frozenset[tuple[str, str]], int] = {}
    for path in (tmp_path / "out" / "faults").glob("*.parquet"):
        content = path.read_bytes()
        assert register.SECRETIVE.encode() not in content
        for row in pq.read_table(path).to_pylist():
            key = frozenset((fault["field"], fault["code"]) for fault in row["faults"])
            seen[key] = seen.get(key, 0) + 1
    wanted: dict[frozenset[tuple[str, str]], int] = {}
    for name, number in expected.items():
        key = register.SPOILS[name].faults
        wanted[key] = wanted.get(key, 0) + number
    assert seen == {key: number for key, number in wanted.items() if number}

"""Whole runs: the folder, the manifest, going on, and what stops a run."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import bulk_register as register
from coronapas.bulk import (
    Manifest,
    Outcome,
    PartFiles,
    PartRecord,
    PartSink,
    PartWorker,
    ProcessEngine,
    Progress,
    Status,
    VerifyKernel,
    most_faults,
    plan,
    run,
    status,
)
from coronapas.bulk import _manifest as manifests
from coronapas.errors import BulkError
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.bulk import Part

HERE = ProcessEngine(1)


def dirty(count: int, seed: int = 2) -> tuple[list[register.Row], dict[str, str]]:
    """Rows of which one of each kind of fault is spoilt, and the kinds by their records."""
    table = register.rows(count, seed)
    spoilt = {}
    names = [name for name, spoil in register.SPOILS.items() if not spoil.text_only]
    for place, name in enumerate(names):
        index = place * (count // len(names))
        table[index] = register.spoilt(table[index], name)
        spoilt[str(table[index]["record"])] = name
    return table, spoilt


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table, _ = dirty(60)
    return register.write(tmp_path_factory.mktemp("facts") / "facts.parquet", table)


def files(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.glob("*/*")
        if path.is_file()
    }


def issue(facts: Path, out: Path, keyring: Path, **given: Any) -> Status:
    settings: dict[str, Any] = {"engine": HERE, "rows": 7} | given
    return run([facts], out, register.kernel(keyring), **settings)


def test_a_run_gives_every_record_a_pass_or_its_faults(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    table, spoilt = dirty(60)
    found = issue(facts, tmp_path / "out", keyring)
    assert found == Status("issue", 60, 60 - len(spoilt), len(spoilt), 60 - len(spoilt), 9, 9)
    assert found.complete
    assert status(tmp_path / "out") == status(tmp_path / "out", check=True) == found
    good = [row["record"] for row in register.passes(tmp_path / "out")]
    bad = {row["record"]: row for row in register.faults(tmp_path / "out")}
    assert good == [row["record"] for row in table if row["record"] not in spoilt]
    assert set(bad) == set(spoilt)
    for record, name in spoilt.items():
        named = {(fault["field"], fault["code"]) for fault in bad[record]["faults"]}
        assert named == register.SPOILS[name].faults
        assert table[bad[record]["row"] - 1]["record"] == record


def test_no_value_of_a_person_is_in_the_faults_or_in_the_manifest(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    issue(facts, tmp_path / "out", keyring, form="csv")
    content = b"".join(path.read_bytes() for path in (tmp_path / "out" / "faults").iterdir())
    content += (tmp_path / "out" / "manifest.jsonl").read_bytes()
    words = {register.SECRETIVE, *register.FAMILIES, *register.GIVEN, "1979", "1963"}
    assert [word for word in words if word.encode() in content] == []


def test_the_manifest_names_every_file_with_its_digest(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    issue(facts, tmp_path / "out", keyring)
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.header["settings"]["campaign"] == "autumn"
    assert manifest.header["inputs"][0]["rows"] == 60
    named = {one.path for record in manifest.records.values() for one in record.files}
    assert named == set(files(tmp_path / "out"))
    assert manifest.verified().records == manifest.records
    assert [path.name for path in manifest.results()] == [
        f"part-{number:05}.parquet" for number in range(9)
    ]


def test_a_run_that_is_complete_does_nothing_when_it_is_run_again(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    found = issue(facts, tmp_path / "out", keyring)
    before = files(tmp_path / "out"), (tmp_path / "out" / "manifest.jsonl").read_bytes()
    assert issue(facts, tmp_path / "out", keyring) == found
    assert before == (files(tmp_path / "out"), (tmp_path / "out" / "manifest.jsonl").read_bytes())


def test_a_pool_gives_the_same_files_as_one_process(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    alone = issue(facts, tmp_path / "alone", keyring)
    assert issue(facts, tmp_path / "pool", keyring, engine=ProcessEngine(2)) == alone
    assert files(tmp_path / "alone") == files(tmp_path / "pool")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_form_of_input_gives_the_same_passes_and_faults(
    tmp_path: Path, keyring: Path, form: str
) -> None:
    table, _ = dirty(60)
    for each in ("parquet", form):
        path = register.write(tmp_path / f"facts.{each}", table)
        issue(path, tmp_path / each, keyring, rows=20)
    assert files(tmp_path / "parquet") == files(tmp_path / form)


def test_results_may_be_csv(facts: Path, tmp_path: Path, keyring: Path) -> None:
    issue(facts, tmp_path / "parquet", keyring)
    issue(facts, tmp_path / "csv", keyring, form="csv")
    rows: list[dict[str, str]] = []
    for path in sorted((tmp_path / "csv" / "passes").iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    expected = register.passes(tmp_path / "parquet")
    assert rows == [{name: str(value) for name, value in row.items()} for row in expected]
    found = set()
    for path in (tmp_path / "csv" / "faults").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            found |= {(each["record"], each["field"], each["code"]) for each in lines}
    assert found == {
        (row["record"], fault["field"], fault["code"])
        for row in register.faults(tmp_path / "parquet")
        for fault in row["faults"]
    }


def test_a_part_whose_file_was_lost_or_changed_is_done_again(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    found = issue(facts, out, keyring)
    before = files(out)
    (out / "passes" / "part-00003.parquet").unlink()
    changed = out / "passes" / "part-00005.parquet"
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    (out / "passes" / "part-00006.parquet").write_bytes(b"")
    assert status(out, check=True).parts_done == 6
    assert issue(facts, out, keyring) == found
    assert files(out) == before


def test_a_torn_line_is_cut_off_and_its_part_done_again(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    found = issue(facts, out, keyring)
    path = out / "manifest.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for torn in (whole[:-1], whole[:-40], b"".join(lines[:4]) + lines[4][:9], lines[0] + b"{"):
        path.write_bytes(torn)
        assert issue(facts, out, keyring) == found
        counted = sorted(json.loads(line)["part"] for line in path.read_bytes().splitlines()[1:])
        assert counted == list(range(9))


def test_a_line_that_was_damaged_counts_for_nothing(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    found = issue(facts, out, keyring)
    path = out / "manifest.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"part": "x"}\n'
    lines[8] = lines[8].replace(b'"path":"', b'"path":7,"path_":"')
    lines[7] = lines[7].replace(b'"path":"passes/part-00006.parquet"', b'"path":7')
    lines[4] = b"nothing\n"
    # The files of one part are not those of another one, which would then never be done.
    lines[6] = lines[6].replace(b'"part":', b'"part":1')
    path.write_bytes(b"".join(lines))
    assert status(out).parts_done == 4
    assert issue(facts, out, keyring) == found


def test_a_manifest_without_its_first_line_begins_anew(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    found = issue(facts, out, keyring)
    (out / "manifest.jsonl").write_bytes(b'{"format": 1, "comm')
    assert issue(facts, out, keyring) == found


@pytest.mark.parametrize(
    "first",
    [
        '{"format": 99}',
        '{"format": 1}',
        '{"format": 1, "command": "issue", "results": "passes", "records": "2", "parts": 1}',
        "[]",
    ],
)
def test_a_strange_manifest_is_refused(
    facts: Path, tmp_path: Path, keyring: Path, first: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.jsonl").write_text(f"{first}\n")
    with pytest.raises(BulkError) as caught:
        status(out)
    assert caught.value.code == "bulk.manifest"
    with pytest.raises(BulkError) as caught:
        issue(facts, out, keyring)
    assert caught.value.code == "bulk.manifest"
    with pytest.raises(FileNotFoundError):
        status(tmp_path)


def test_a_manifest_that_does_not_name_its_results_has_none(tmp_path: Path) -> None:
    header = {"format": 1, "command": "issue", "records": 0, "parts": 0}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(header) + "\n")
    with pytest.raises(BulkError) as caught:
        Manifest.read(tmp_path).results()
    assert caught.value.code == "bulk.manifest"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"campaign": "spring"}, "campaign"),
        ({"issuer": "Another"}, "issuer"),
        ({"version": "1.3.0"}, "version"),
    ],
)
def test_a_folder_of_other_work_is_refused(
    facts: Path, tmp_path: Path, keyring: Path, change: dict[str, Any], name: str
) -> None:
    issue(facts, tmp_path / "out", keyring)
    with pytest.raises(BulkError, match=name) as caught:
        run([facts], tmp_path / "out", register.kernel(keyring, **change), engine=HERE)
    assert caught.value.code == "bulk.mismatch"


def test_other_inputs_another_key_and_another_form_are_other_work(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    issue(facts, out, keyring)
    other = register.write(tmp_path / "facts.parquet", dirty(60, 3)[0])
    with pytest.raises(BulkError, match="inputs"):
        issue(other, out, keyring)
    with pytest.raises(BulkError, match="form"):
        issue(facts, out, keyring, form="csv")
    register.make_keys(tmp_path)
    with pytest.raises(BulkError, match="certificates"):
        issue(facts, out, tmp_path)
    check = Verifier(TrustStore())
    passes = list((out / "passes").iterdir())
    with pytest.raises(BulkError, match="command"):
        run(passes, out, VerifyKernel(check, register.NOW), engine=HERE)


def test_inputs_may_be_moved_between_runs(facts: Path, tmp_path: Path, keyring: Path) -> None:
    found = issue(facts, tmp_path / "out", keyring)
    moved = shutil.copy(facts, tmp_path / "moved.parquet")
    assert issue(Path(moved), tmp_path / "out", keyring) == found


def test_a_run_keeps_the_parts_that_it_began_with(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    found = issue(facts, tmp_path / "out", keyring, rows=7)
    assert issue(facts, tmp_path / "out", keyring, rows=50) == found


def test_two_runs_cannot_work_in_one_folder(facts: Path, tmp_path: Path, keyring: Path) -> None:
    (tmp_path / "out").mkdir()
    with manifests.locked(tmp_path / "out"), pytest.raises(BulkError) as caught:
        issue(facts, tmp_path / "out", keyring)
    assert caught.value.code == "bulk.locked"


def test_a_new_run_waits_for_workers_that_an_earlier_one_left(
    facts: Path, tmp_path: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "_PATIENCE", 0.2)
    (tmp_path / "out").mkdir()
    with manifests.working(tmp_path / "out"), pytest.raises(BulkError) as caught:
        issue(facts, tmp_path / "out", keyring)
    assert caught.value.code == "bulk.locked"
    assert issue(facts, tmp_path / "out", keyring).complete


def test_what_killed_workers_left_is_removed(facts: Path, tmp_path: Path, keyring: Path) -> None:
    out = tmp_path / "out"
    (out / "passes").mkdir(parents=True)
    left = out / "passes" / "part-00001.parquet.tmp-77"
    stale = out / "passes" / "part-00001.csv"
    for path in (left, stale):
        path.write_bytes(b"x")
    issue(facts, out, keyring)
    assert not left.exists()
    assert not stale.exists()


def test_a_folder_that_a_run_makes_is_its_owners(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    issue(facts, tmp_path / "new" / "out", keyring)
    assert (tmp_path / "new" / "out").stat().st_mode & 0o77 == 0


# What stops a run


@pytest.mark.parametrize(
    ("text", "rows", "bad", "stops"),
    [
        ("3", 10, 3, False),
        ("3", 10, 4, True),
        ("0", 10, 1, True),
        ("5%", 999, 999, False),
        ("5%", 1000, 50, False),
        ("5%", 1000, 51, True),
        ("none", 1000, 1000, False),
    ],
)
def test_a_bound_of_faults_is_a_number_a_share_or_none(
    text: str, rows: int, bad: int, stops: bool
) -> None:
    assert most_faults(text)(rows, bad) is stops


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "nan"])
def test_another_bound_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a bound of faults"):
        most_faults(text)


def test_a_run_stops_at_too_many_faults_and_goes_on_with_another_bound(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    with pytest.raises(BulkError) as caught:
        issue(facts, tmp_path / "out", keyring, max_faults="3")
    assert caught.value.code == "bulk.too-many-faults"
    stopped = status(tmp_path / "out")
    assert 0 < stopped.parts_done < stopped.parts
    with pytest.raises(BulkError):
        Manifest.read(tmp_path / "out").results()
    with pytest.raises(BulkError):
        issue(facts, tmp_path / "out", keyring, max_faults="3")
    assert status(tmp_path / "out") == stopped
    assert issue(facts, tmp_path / "out", keyring, max_faults="none").complete


def test_progress_is_told_from_where_the_run_stands(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    seen: list[Progress] = []
    issue(facts, tmp_path / "out", keyring, progress=seen.append)
    assert [each.rows for each in seen] == [0, 7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert seen[-1].bad == status(tmp_path / "out").bad
    seen.clear()
    issue(facts, tmp_path / "out", keyring, progress=seen.append)
    assert [each.rows for each in seen] == [60]


@dataclass(frozen=True)
class Failing:
    """An engine that is stopped after some parts."""

    parts: int

    def run(self, worker: PartWorker, parts: Iterable[Part]) -> Iterator[PartRecord]:
        for number, part in enumerate(parts):
            if number == self.parts:
                raise KeyboardInterrupt
            yield worker(part)


@pytest.mark.parametrize("parts", [0, 1, 5, 8])
def test_an_interrupted_run_goes_on_and_leaves_finished_parts_alone(
    facts: Path, tmp_path: Path, keyring: Path, parts: int
) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        issue(facts, out, keyring, engine=Failing(parts))
    assert status(out).parts_done == parts
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/part-*")}
    issue(facts, out, keyring)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    issue(facts, tmp_path / "straight", keyring)
    assert files(out) == files(tmp_path / "straight")


def only_close(files: PartFiles) -> None:
    for _, file in files._open.values():
        file.close()


class Killed(BaseException):
    """Stands for a kill at one step of writing."""


@pytest.mark.parametrize("step", range(1, 24, 2))
def test_a_run_may_fail_at_any_step_of_writing(
    facts: Path, tmp_path: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Wherever writing fails, what is found afterwards is no part, or a whole one."""
    out = tmp_path / "out"
    count = 0
    with monkeypatch.context() as patch:
        real_sync, real_replace = os.fsync, Path.replace

        def reached() -> None:
            nonlocal count
            count += 1
            if count == step:
                raise Killed

        def sync(descriptor: int) -> None:
            reached()
            real_sync(descriptor)

        def replace(path: Path, target: Path) -> Path:
            reached()
            return real_replace(path, target)

        patch.setattr(os, "fsync", sync)
        patch.setattr(Path, "replace", replace)
        # What a killed process leaves stays: nothing is cleaned up.
        patch.setattr(PartFiles, "discard", only_close)
        with pytest.raises(Killed):
            issue(facts, out, keyring, rows=20)
    issue(facts, out, keyring, rows=20)
    issue(facts, tmp_path / "straight", keyring, rows=20)
    assert files(out) == files(tmp_path / "straight")
    assert status(out, check=True).complete


def test_a_worker_that_finds_another_key_refuses_to_work(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    kernel = register.kernel(keyring)
    (part, *_) = plan([facts], kernel.columns, rows=7).parts
    worker = PartWorker(kernel, str(tmp_path), keys=("0" * 64,))
    with pytest.raises(BulkError) as caught:
        worker(part)
    assert caught.value.code == "bulk.key"


# What else is written of a part


@dataclass(frozen=True)
class Letters:
    """Writes a line for each pass, as a printer would write a letter."""

    def begin(self, files: PartFiles) -> PartSink:
        return _LetterSink(files)


class _LetterSink:
    def __init__(self, files: PartFiles) -> None:
        self._file = files.create("letters", ".txt")

    def add(self, batch: pa.RecordBatch, outcome: Outcome) -> None:
        names = dict(
            zip(
                batch.column("record").to_pylist(),
                batch.column("family_name").to_pylist(),
                strict=True,
            )
        )
        for row in outcome.good.to_pylist():
            self._file.write(f"{names[row['record']]}\n".encode())

    def close(self) -> None:
        self._file.write(b"end\n")


def test_a_writer_adds_files_to_the_commit_of_a_part(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    out = tmp_path / "out"
    found = issue(facts, out, keyring, writers=(Letters(),))
    letters = b"".join(path.read_bytes() for path in sorted((out / "letters").iterdir()))
    assert letters.count(b"\n") == found.good + found.parts
    named = {one.path for each in Manifest.read(out).records.values() for one in each.files}
    assert "letters/part-00000.txt" in named

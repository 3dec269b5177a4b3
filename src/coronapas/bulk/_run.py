"""Run bulk work: parts to workers, files and manifest lines from what they return.

`run_part` is the worker. It is the same in this process, in a pool of processes and on Ray: an
engine only says where it runs, and hands over parts as fast as they are done, never more than two
for each worker.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from coronapas.bulk import _manifest as manifests
from coronapas.bulk._columns import FAULTS, with_records
from coronapas.bulk._inputs import chunks
from coronapas.bulk._inputs import plan as plan_inputs
from coronapas.bulk._kernels import Kernel, Outcome
from coronapas.bulk._manifest import PartFile, PartRecord, Status
from coronapas.errors import BulkError, MissingExtraError

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from coronapas.bulk._inputs import Part

OutputForm = Literal["parquet", "csv"]
"""The form of the results and faults."""

DEFAULT_MAX_FAULTS: Final = "50%"
"""Beyond what share of faults a run stops by default."""

_ENOUGH: Final = 1_000
"""Rows that must be done before a share of faults says anything."""

_BOUND: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_FAULTS: Final = "faults"
_IN_FLIGHT: Final = 2


class PartFiles:
    """The files of a part while they are written, each under another name."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._open: dict[Path, tuple[Path, BinaryIO]] = {}
        self.number = number

    def create(self, folder: str, ending: str) -> BinaryIO:
        """Open a new file of the part in a folder of the run; its name ends as stated."""
        place = self._folder / folder
        place.mkdir(exist_ok=True)
        path = place / f"part-{self.number:05}{ending}"
        temporary = path.with_name(f"{path.name}{manifests.TEMPORARY}{os.getpid()}")
        file = temporary.open("wb")
        self._open[path] = temporary, file
        return file

    def commit(self) -> tuple[PartFile, ...]:
        """Synchronise the files, give them their names, and return what they are."""
        found = []
        for path, (temporary, file) in self._open.items():
            file.flush()
            os.fsync(file.fileno())
            file.close()
            with temporary.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
                size = written.tell()
            found.append(PartFile(path.relative_to(self._folder).as_posix(), size, digest))
        for path, (temporary, _) in self._open.items():
            temporary.replace(path)
        for folder in {path.parent for path in self._open}:
            _sync(folder)
        self._open.clear()
        return tuple(found)

    def discard(self) -> None:
        """Remove what was not committed."""
        for temporary, file in self._open.values():
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                temporary.unlink()
        self._open.clear()


def _sync(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class PartWriter(Protocol):
    """Writes something of a part besides results and faults, such as letters; picklable."""

    def begin(self, files: PartFiles) -> PartSink:
        """Return what takes the batches of a part."""
        ...


class PartSink(Protocol):
    """Takes the batches of one part in their order."""

    def add(self, batch: pa.RecordBatch, outcome: Outcome) -> None:
        """Take a batch of rows, and what the kernel made of it."""
        ...

    def close(self) -> None:
        """Write what is left; the files themselves are closed by whoever opened them."""
        ...


class _Table:
    """A table of a part in Parquet or CSV, which is created with its first rows."""

    def __init__(
        self, files: PartFiles, folder: str, form: OutputForm, empty: pa.Schema | None
    ) -> None:
        self._files = files
        self._folder = folder
        self._form = form
        self._empty = empty
        self._write: Callable[[pa.RecordBatch], None] | None = None
        self._close: Callable[[], None] | None = None
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += len(batch)
        if len(batch):
            self._begin(batch.schema)(batch)

    def close(self) -> None:
        if self._write is None and self._empty is not None:
            self._begin(self._empty)
        if self._close is not None:
            self._close()

    def _begin(self, schema: pa.Schema) -> Callable[[pa.RecordBatch], None]:
        if self._write is None:
            file = self._files.create(self._folder, f".{self._form}")
            if self._form == "parquet":
                writer = pq.ParquetWriter(file, schema, compression="zstd")
                self._write, self._close = writer.write_batch, writer.close
            else:
                self._write, self._close = _csv_writer(file, schema)
        return self._write


def _csv_writer(
    file: BinaryIO, schema: pa.Schema
) -> tuple[Callable[[pa.RecordBatch], None], Callable[[], None]]:
    """Return functions that write batches as CSV: a line for each row, or for each fault of one."""
    text = TextIOWrapper(file, "utf-8", newline="", write_through=True)
    rows = csv.writer(text, lineterminator="\n")
    flat = schema.names == FAULTS.names
    rows.writerow([*schema.names[:-1], "field", "code"] if flat else schema.names)

    def write(batch: pa.RecordBatch) -> None:
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if flat:
                *start, faults = values
                rows.writerows([*start, fault["field"], fault["code"]] for fault in faults)
            else:
                rows.writerow([_cell(value) for value in values])

    def close() -> None:
        text.flush()
        text.detach()

    return write, close


def _cell(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True)
class PartWorker:
    """Works on parts; it can be sent to another process, and holds no key.

    Attributes:
        kernel: What is done.
        out: The folder of the run.
        form: The form of results and faults.
        keys: The digests of the certificates that the kernel must find.
        others: Whether columns that the kernel does not read are let be.
        writers: What else is written of a part.

    """

    kernel: Kernel
    out: str
    form: OutputForm = "parquet"
    keys: tuple[str, ...] = ()
    others: bool = False
    writers: tuple[PartWriter, ...] = field(default=())

    def __call__(self, part: Part) -> PartRecord:
        """Work on a part, write its files, and return what the manifest is to say of it.

        Raises:
            BulkError: The input has changed, or the key is another one.

        """
        if self.kernel.keys() != self.keys:
            raise BulkError("bulk.key", "a worker found another key than the run began with")
        began = perf_counter()
        folder = Path(self.out)
        with manifests.working(folder):
            files = PartFiles(folder, part.number)
            try:
                good, bad, results = self._work(part, files)
                _remove_stale(folder, part.number)
                committed = files.commit()
            finally:
                files.discard()
        took = perf_counter() - began
        return PartRecord(part.number, good + bad, bad, results, committed, took)

    def _work(self, part: Part, files: PartFiles) -> tuple[int, int, int]:
        kernel = self.kernel
        results = _Table(files, kernel.results, self.form, kernel.schema)
        faults = _Table(files, _FAULTS, self.form, None)
        sinks = [writer.begin(files) for writer in self.writers]
        good = 0
        for chunk in chunks(part, kernel.columns, others=self.others):
            outcome = kernel(chunk.batch)
            # What a kernel makes beyond its results is for the writers.
            results.add(outcome.good.select(kernel.schema.names))
            good += len(chunk.places) - len(outcome.faults)
            faults.add(_in_file(outcome.faults, chunk.places, chunk.broken))
            for sink in sinks:
                sink.add(chunk.batch, outcome)
        results.close()
        faults.close()
        for sink in sinks:
            sink.close()
        return good, faults.rows, results.rows


def _remove_stale(folder: Path, number: int) -> None:
    """Remove files of the part that an earlier, unfinished run left."""
    for path in folder.glob(f"*/part-{number:05}[.-]*"):
        if manifests.TEMPORARY not in path.name:
            path.unlink()


def _in_file(
    faults: pa.RecordBatch,
    places: Sequence[int],
    broken: Sequence[tuple[int, str | None, tuple[tuple[str, str], ...]]],
) -> pa.RecordBatch:
    """Return faults with the places of their rows in the file, from 1, and those of broken rows."""
    if not len(faults) and not broken:
        return faults
    found = [
        (record, places[row] + 1, each)
        for record, row, each in zip(
            *(column.to_pylist() for column in faults.columns), strict=True
        )
    ]
    kind = faults.schema.field("record").type
    for place, name, trouble in broken:
        record = int(name) if name is not None and pa.types.is_integer(kind) else name
        each = [{"field": column, "code": code} for column, code in trouble]
        found.append((record, place + 1, each))
    found.sort(key=lambda row: row[1])
    schema = with_records(FAULTS, kind)
    columns = list(zip(*found, strict=True))
    return pa.record_batch(
        [pa.array(list(values), one.type) for values, one in zip(columns, schema, strict=True)],
        schema=schema,
    )


# Engines


class Engine(Protocol):
    """Where parts are worked on."""

    def run(self, worker: PartWorker, parts: Iterable[Part]) -> Iterator[PartRecord]:
        """Work on parts in any order, and yield what became of each as it is done.

        Parts are taken as they are needed. Closing the iterator stops the work.

        Raises:
            BulkError: A worker died.

        """
        ...


@dataclass(frozen=True, slots=True)
class ProcessEngine:
    """A pool of processes on this machine; with one worker, this process itself.

    Attributes:
        workers: How many processes; None for one for each CPU that this process may use.

    """

    workers: int | None = None

    def run(self, worker: PartWorker, parts: Iterable[Part]) -> Iterator[PartRecord]:
        """Work on parts in processes that are started anew (spawn)."""
        count = self.workers or available_cpus()
        if count == 1:
            yield from map(worker, parts)
            return
        pool = ProcessPoolExecutor(
            count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin_worker,
            initargs=(worker,),
        )
        try:
            yield from _fed(pool, parts, _IN_FLIGHT * count)
        except BrokenProcessPool as error:
            problem = "a worker process died; run the command again to resume"
            raise BulkError("bulk.worker", problem) from error
        finally:
            _end_pool(pool)


def available_cpus() -> int:
    """Return how many CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - not on Linux
        return os.cpu_count() or 1


def _fed(pool: ProcessPoolExecutor, parts: Iterable[Part], limit: int) -> Iterator[PartRecord]:
    """Hand parts to a pool, no more than `limit` at a time."""
    waiting: set[Future[PartRecord]] = set()
    source = iter(parts)
    while True:
        while len(waiting) < limit and (part := next(source, None)) is not None:
            waiting.add(pool.submit(_work_here, part))
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _end_pool(pool: ProcessPoolExecutor) -> None:
    """End the workers: a part that is not done is done again, so that nothing is lost."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


_worker: PartWorker | None = None


def _begin_worker(worker: PartWorker) -> None:
    """Make this process a worker, which ends when the process that leads the run does."""
    global _worker
    _worker = worker
    forbid_core_files()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when another one is gone: a killed parent cannot end its workers."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _work_here(part: Part) -> PartRecord:
    assert _worker is not None  # noqa: S101 - the initializer has set it
    return _worker(part)


def forbid_core_files() -> None:
    """Let no core file hold a key."""
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Actors of Ray, one for each CPU (extra ``ray``).

    The folder of the run and the inputs must be reachable under the same paths from every machine
    of the cluster, as must the keys.

    Attributes:
        address: The address of a cluster; None for one that is started here and ended again.
        workers: How many actors; None for as many as the cluster has CPUs.

    """

    address: str | None = None
    workers: int | None = None

    def run(self, worker: PartWorker, parts: Iterable[Part]) -> Iterator[PartRecord]:
        """Work on parts in actors."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            ray: Any = import_module("ray")
        except ModuleNotFoundError as missing:
            raise MissingExtraError("ray", "ray") from missing
        began = not ray.is_initialized()
        if began:
            ray.init(
                address=self.address,
                num_cpus=None if self.address else self.workers,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="warning",
            )
        try:
            yield from _on_ray(ray, worker, parts, self.workers)
        finally:
            if began:
                ray.shutdown()


def _on_ray(
    ray: Any, worker: PartWorker, parts: Iterable[Part], workers: int | None
) -> Iterator[PartRecord]:
    count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_RayWorker)
    actors = [actor.remote(worker) for _ in range(count)]
    # An actor gets parts once it is there: a busy cluster may never have room for all of them.
    starting = {each.begin.remote(): each for each in actors}
    busy: dict[Any, Any] = {}
    free: list[Any] = []
    source = iter(parts)
    ahead = next(source, None)
    try:
        while ahead is not None or busy:
            while free and ahead is not None:
                chosen = free.pop()
                busy[chosen.work.remote(ahead)] = chosen
                ahead = next(source, None)
            (ready, *_), _ = ray.wait([*starting, *busy], num_returns=1)
            begun = starting.pop(ready, None)
            free += [busy.pop(ready)] if begun is None else [begun] * _IN_FLIGHT
            try:
                done = ray.get(ready)
                if begun is None:
                    yield done
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                raise (cause if isinstance(cause, Exception) else error) from None
            except ray.exceptions.RayError as error:
                problem = "an actor of Ray died; run the command again to resume"
                raise BulkError("bulk.worker", problem) from error
    finally:
        for each in actors:
            ray.kill(each)


class _RayWorker:
    """An actor of Ray."""

    def __init__(self, worker: PartWorker) -> None:
        forbid_core_files()
        self._worker = worker

    def begin(self) -> None:
        """Show that the actor is there."""

    def work(self, part: Part) -> PartRecord:
        """Work on a part."""
        return self._worker(part)


# Spark


def spark_schema(kernel: Kernel) -> str:
    """Return the columns of `spark_function` as Spark's DDL: those of the results, and faults."""
    columns = [*kernel.schema, FAULTS.field("faults")]
    return ", ".join(f"{column.name} {_ddl(column.type)}" for column in columns)


def _ddl(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"array<{_ddl(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{each.name}: {_ddl(each.type)}' for each in kind)}>"
    return _SPARK_TYPES[kind]


_SPARK_TYPES: Final = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.date32(): "date",
}


def spark_function(
    kernel: Kernel,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return a function for Spark's ``DataFrame.mapInArrow``, with the columns of `spark_schema`.

    A row has either results or ``faults``. Records are text.
    """
    return _SparkFunction(kernel)


@dataclass(frozen=True)
class _SparkFunction:
    kernel: Kernel

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        forbid_core_files()
        for batch in batches:
            for start in range(0, len(batch), 5_000):
                yield from self._made(batch.slice(start, 5_000))

    def _made(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        good, faults = self.kernel(batch)
        kind = FAULTS.field("faults").type
        schema = pa.schema(
            [*(each.with_nullable(True) for each in self.kernel.schema), pa.field("faults", kind)]
        )
        if len(good):
            columns = [
                good.column(place).cast(each.type) for place, each in enumerate(self.kernel.schema)
            ]
            yield pa.record_batch([*columns, pa.nulls(len(good), kind)], schema=schema)
        if len(faults):
            columns = [
                faults.column(0).cast(pa.string())
                if each.name == "record"
                else pa.nulls(len(faults), each.type)
                for each in self.kernel.schema
            ]
            yield pa.record_batch([*columns, faults.column(2)], schema=schema)


# The run


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for whoever shows it.

    Attributes:
        rows: How many rows are done, those of an earlier run included.
        records: How many there are.
        bad: How many of those done were refused.

    """

    rows: int
    records: int
    bad: int


def most_faults(text: str) -> Callable[[int, int], bool]:
    """Return a function of rows done and faults that says whether there are too many.

    Args:
        text: A number of faults (``1000``), a share (``5%``), inclusive, or ``none``.

    Raises:
        ValueError: It is none of them.

    """
    if text == "none":
        return lambda _rows, _bad: False
    share = text.endswith("%")
    found = _BOUND.fullmatch(text.removesuffix("%"))
    bound = float(found[0]) if found else -1.0
    if bound < 0 or (share and bound > 100):
        raise ValueError("a bound of faults must be a number, a share from 0% to 100%, or none")
    if share:
        return lambda rows, bad: rows >= _ENOUGH and bad * 100 > bound * rows
    return lambda _rows, bad: bad > bound


def run(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    kernel: Kernel,
    *,
    engine: Engine | None = None,
    form: OutputForm = "parquet",
    rows: int | None = None,
    max_faults: str = DEFAULT_MAX_FAULTS,
    writers: tuple[PartWriter, ...] = (),
    progress: Callable[[Progress], object] | None = None,
    note: Mapping[str, Any] | None = None,
) -> Status:
    """Run bulk work into a folder, or go on where an earlier run of the same work stopped.

    Args:
        inputs: The input files.
        out: The folder of the run; it is made if it is not there.
        kernel: What is done.
        engine: Where; by default in a process for each CPU.
        form: The form of results and faults.
        rows: The most rows of a part; a run that is resumed keeps its own.
        max_faults: Beyond how many faults the run stops: see `most_faults`. A share counts once a
            thousand rows are done.
        writers: What else is written of each part.
        progress: Called whenever a part is done.
        note: What the first line of the manifest is to say besides.

    Raises:
        BulkError: The work cannot begin or go on; what is done stays done.
        KeyMaterialError: The key cannot be read.
        OSError: A file cannot be read or written.

    """
    too_many = most_faults(max_faults)
    forbid_core_files()
    folder = Path(out)
    # Passes are the holders' alone: nobody else reads what is below a folder that is made here.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = kernel.keys()
    settings = kernel.settings()
    if (folder / manifests.MANIFEST).exists():
        with suppress(BulkError, KeyError, TypeError, ValueError):
            rows = int(manifests.Manifest.read(folder).header["rows_of_a_part"])
    plan = plan_inputs(inputs, kernel.columns, rows=rows, others=kernel.others)
    header = manifests.make_header(
        plan, kernel.name, kernel.results, settings, keys, form, note or {}
    )
    worker = PartWorker(kernel, str(folder.resolve()), form, keys, plan.others, tuple(writers))
    with manifests.ledger(folder, header) as ledger:
        counted = ledger.status
        done, bad = counted.good + counted.bad, counted.bad

        def report() -> None:
            if progress is not None:
                progress(Progress(done, plan.records, bad))

        report()
        todo = [part for part in plan.parts if part.number not in ledger.records]
        _check_faults(too_many, done, bad)
        if todo:
            chosen = engine or ProcessEngine()
            with _closing(chosen.run(worker, todo)) as records:
                for record in records:
                    ledger.add(record)
                    done, bad = done + record.rows, bad + record.bad
                    report()
                    _check_faults(too_many, done, bad)
        return ledger.status


def _check_faults(too_many: Callable[[int, int], bool], rows: int, bad: int) -> None:
    if too_many(rows, bad):
        raise BulkError(
            "bulk.too-many-faults",
            f"{bad} of {rows} rows are refused, more than the bound; nothing more is done",
        )


@contextmanager
def _closing(records: Iterator[PartRecord]) -> Iterator[Iterator[PartRecord]]:
    try:
        yield records
    finally:
        close = getattr(records, "close", None)
        if close is not None:
            close()

"""Run every test vector of a folder: the walk, and what is counted.

Every file ``*.json`` below the folder is read, in the order of the paths. A file that is not a
vector is listed as passed over. An expectation that is not understood, or whose inputs are absent,
is counted as skipped, with its name and the reason: nothing is guessed, and nothing is left out
silently.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from coronapas.conformance import _verifications as verifications
from coronapas.conformance._expectations import EXPECTATIONS, judge
from coronapas.conformance._report import (
    PassedOver,
    Report,
    Result,
    Verdict,
)
from coronapas.conformance._vectors import (
    EXTENSION,
    MAX_BYTES,
    NotAVectorError,
    TestVector,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def run(
    directory: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Run every vector below `directory`; files in the report are named relative to it.

    `progress` is called after each file with the files done and the files in all. Raises OSError
    where the folder cannot be read; whatever its files hold, nothing else is raised.
    """
    folder = Path(directory)
    # Path.rglob says nothing of a folder that is absent or may not be read.
    os.listdir(folder)
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*.json")
        if path.is_file()
    )
    results: list[Result] = []
    passed_over: list[PassedOver] = []
    for done, (name, path) in enumerate(files, start=1):
        try:
            results += results_of(read(_content(path), name))
        except NotAVectorError as error:
            passed_over.append(PassedOver(name, str(error)))
        except OSError as error:
            passed_over.append(PassedOver(name, f"the file cannot be read: {error.strerror}"))
        if progress is not None:
            progress(done, len(files))
    return Report(tuple(results), tuple(passed_over))


def results_of(vector: TestVector) -> tuple[Result, ...]:
    """Return the results of a vector: for each name in EXPECTEDRESULTS and run in the extension."""
    stated: dict[str, list[object]] = {}
    for name, value in vector.statements:
        stated.setdefault(name, []).append(value)
    found = [_result(vector, name, values) for name, values in stated.items()]
    if vector.extension is not None:
        found += _extension(vector)
    return tuple(found)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _result(vector: TestVector, name: str, values: list[object]) -> Result:
    step, value = EXPECTATIONS.get(name), values[0]
    if step is None:
        return _skipped(vector, name, "no expectation of this name is known")
    if not all(isinstance(one, bool) for one in values):
        return _skipped(vector, name, "the expectation is neither true nor false")
    if len(set(values)) > 1:
        return _skipped(vector, name, "the file states it twice, and differently")
    holds, reason = judge(step, vector)
    if holds is None:
        return _skipped(vector, name, reason)
    if holds is value:
        return Result(vector.name, name, Verdict.PASSED, "")
    why = f"expected to hold, and does not: {reason}" if value else "expected to fail, and holds"
    return Result(vector.name, name, Verdict.FAILED, why)


def _extension(vector: TestVector) -> Iterator[Result]:
    try:
        runs = verifications.expected(vector.extension)
    except verifications.NotUnderstoodError as error:
        yield _skipped(vector, EXTENSION, f"not understood: {error}")
        return
    for name, step in runs:
        holds, reason = judge(step, vector)
        if holds is None:
            yield _skipped(vector, name, reason)
        else:
            verdict = Verdict.PASSED if holds else Verdict.FAILED
            yield Result(vector.name, name, verdict, reason)


def _skipped(vector: TestVector, name: str, reason: str) -> Result:
    return Result(vector.name, name, Verdict.SKIPPED, reason)

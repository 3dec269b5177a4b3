"""Runs that are killed go on: a few moments here, twenty of each engine in `make engines`."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

import bulk_killing as killing
import bulk_register as register
from coronapas.bulk import ProcessEngine, run

if TYPE_CHECKING:
    from pathlib import Path


def prepare(tmp_path: Path, keyring: Path, rows: int) -> tuple[killing.Command, list[register.Row]]:
    """A command, and the rows of its input, one of which is spoilt; a straight run of it."""
    table = register.rows(rows, 7)
    table[3] = register.spoilt(table[3], "no birth date")
    facts = register.write(tmp_path / "facts.parquet", table)
    command = killing.Command(facts, tmp_path / "out", keyring)
    run(
        [facts],
        tmp_path / "straight",
        register.kernel(keyring),
        engine=ProcessEngine(1),
        rows=command.part_rows,
    )
    return command, table


@pytest.mark.parametrize(("victim", "seed"), [("group", 1), ("parent", 2), ("worker", 3)])
def test_a_run_that_is_killed_goes_on_and_is_whole(
    tmp_path: Path, keyring: Path, victim: str, seed: int
) -> None:
    command, table = prepare(tmp_path, keyring, 300)
    killing.kill_at(command, Random(seed), victim)
    kept = killing.whole_files(command.out)
    command.finish()
    assert kept.items() <= killing.whole_files(command.out).items()
    killing.check_whole(command.out, table, {table[3]["record"]}, tmp_path / "straight")

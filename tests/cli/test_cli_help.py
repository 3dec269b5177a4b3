"""The help of every command cites only what a user of a wheel has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from command_world import run

from coronapas.cli._app import coronapas

REPOSITORY = re.compile(r"\b(docs|schemas|src|tests|testdata)/|\.schema\.json|https?://")


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context: Any = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, *path, name)


@pytest.mark.parametrize("path", list(commands(coronapas)), ids=" ".join)
def test_no_help_cites_a_file_of_the_repository(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert not REPOSITORY.search(result.output.replace("\n", " "))

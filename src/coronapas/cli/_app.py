"""The command `coronapas` and its table of commands; errors become one line and an exit code.

Exit codes: 0, all is well; 1, a negative result (a pass that does not verify, facts that are
refused, a vector that disagrees); 2, no result (wrong usage, unreadable input); 141, the reader of
the output closed it (`coronapas verify … | head -1`), which says nothing about the result.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._output import plain
from coronapas.errors import CoronapasError, FaultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMANDS: Final = {
    "issue": "Issue passes from a register's facts.",
    "verify": "Say what is true of passes.",
    "bulk": "Issue and verify by the million; go on after a stop.",
    "inspect": "Show every layer of a pass.",
    "qr": "Draw the QR code of a pass.",
    "paper": "Print passes on sheets of A4.",
    "link": "Show health links, and open what they lead to.",
    "trust": "Show, verify, compare and convert trust lists.",
    "revocation": "Hash passes, ask revocation lists, make them.",
    "decide": "Say where a pass is accepted, and until when.",
    "rules": "Lint business rules, and show them as text.",
    "programme": "Judge a history by a country's dated rules.",
    "wallet": "Passes as credentials of wallets.",
    "keys": "Make keys, certificates and requests.",
    "codes": "List every code with its sentence.",
    "schema": "Print a JSON Schema, or the names of all.",
    "conformance": "Run test vectors, and suites of rules.",
    "demo": "Issue and verify passes with test keys.",
}
"""Each command with its short help, so that listing them does not load them."""

_READER_LEFT: Final = 141
"""The exit code that shells use for SIGPIPE: 128 and the signal's number."""


@contextmanager
def _closed_output() -> Iterator[None]:
    """Exit with 141 if a pipe is closed; click would exit with 1, as for a pass that is not ok."""
    try:
        yield
    except BrokenPipeError:
        # Output that is still buffered must go nowhere when Python exits.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        sys.stdout = sys.stderr = os.fdopen(nowhere, "w", encoding="utf-8")
        sys.exit(_READER_LEFT)


class _Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"coronapas.cli._{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - the table's own promise
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _closed_output():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _closed_output():
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _suggesting(error) from None
        except FaultsError as error:
            for fault in error.faults:
                click.echo(f"Error: {plain(str(fault))}", err=True)
            ctx.exit(1)
        except CoronapasError as error:
            raise _Unusable(plain(str(error))) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename is not None else ""
            raise _Unusable(plain(f"{place}{error.strerror or error}")) from error


_UNKNOWN_COMMAND: Final = re.compile("No such command '(.+?)'")


def _suggesting(error: click.UsageError) -> click.UsageError:
    """Return the error with the command that a mistyped one may have meant.

    click suggests those of groups that it has loaded.
    """
    found = _UNKNOWN_COMMAND.match(error.message)
    group = None if error.ctx is None else error.ctx.command
    if (
        found is None
        or error.ctx is None
        or not isinstance(group, click.Group)
        or getattr(error, "possibilities", None)
    ):
        return error
    meant = get_close_matches(found[1].lower(), group.list_commands(error.ctx), n=1, cutoff=0.5)
    if not meant:
        return error
    return click.UsageError(f"{error.message} Did you mean '{meant[0]}'?", error.ctx)


class _Unusable(click.ClickException):
    """An input that cannot be used."""

    exit_code = 2


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="coronapas", message="%(prog)s %(version)s")
def coronapas() -> None:
    """Issue, verify and inspect EU DCC-compatible health passes.

    No command opens a network connection. Personal data is shown only on request.

    Exit codes: 0 all is well; 1 a negative result; 2 no result (wrong usage, unreadable input);
    141 the reader of the output closed it.
    """

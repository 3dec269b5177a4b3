"""What an issuing state sees differently, as options: the fields of `ContentPolicy`, read from it.

``--grant`` and ``--refuse`` name its yes-or-no fields, ``--bound`` its days and numbers of days,
``--letter`` the letters for which ICAO leaves a choice. A field's name has hyphens in the shell.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.dcc.claims import ContentPolicy
    from coronapas.errors import Fault

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

_WHOLE: Final = re.compile("[0-9]{1,5}")

# What a shell has for a fault, by the fault's code.
_OPTIONS: Final = {
    "code.unknown": "--value-sets takes newer lists.",
    "code.inactive": "A state that allows it gives --grant inactive-codes.",
    "code.expired": "A state that allows it gives --grant inactive-codes.",
    "vaccine.not-of-product": "A state that allows it gives --grant other-encodings.",
    "manufacturer.not-of-product": "A state that allows it gives --grant other-encodings.",
    "name.letters-dropped": "A state that allows it gives --grant dropped-letters.",
    "date.too-early": "--bound earliest-event=YYYY-MM-DD sets it.",
    "recovery.starts-too-early": "--bound recovery-from-days=DAYS sets it.",
    "recovery.ends-too-late": "--bound recovery-until-days=DAYS sets it.",
}
_CALL: Final = " (ValueSets.replace)"
"""What a program calls; there is nothing to call in a shell."""


def names(*kinds: type) -> dict[str, str]:
    """The policy's fields whose value is of one of these very types, by their names in a shell."""
    from coronapas.dcc.claims import ContentPolicy

    return {
        one.name.replace("_", "-"): one.name
        for one in dataclasses.fields(ContentPolicy)
        if type(one.default) in kinds
    }


def letters() -> dict[str, str]:
    """The letters for which there is a choice, by their names in a shell."""
    from coronapas.dcc.names import Alternatives

    return {one.name.replace("_", "-"): one.name for one in dataclasses.fields(Alternatives)}


class _Named(_ParamType):
    """A name out of a table that is loaded when it is asked for, with or without a value."""

    name = "name"

    def __init__(self, table: Callable[[], dict[str, str]], value: str = "") -> None:
        self._table = table
        self._value = value

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The names, and what stands behind them."""
        return f"[{'|'.join(self._table())}]{self._value and '='}{self._value}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The field's name; and its value as text, where it has one."""
        given, mark, text = str(value).partition("=")
        field = self._table().get(given)
        if field is None or bool(mark) != bool(self._value):
            wanted = f"one of {', '.join(self._table())}"
            self.fail(f"Write {wanted}{self._value and ', and ='}{self._value}.", param, ctx)
        return (field, text) if self._value else field


def options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a policy to a command; `policy_from` takes what they give."""
    for option in (
        click.option(
            "--letter",
            "chosen_letters",
            multiple=True,
            type=_Named(letters, "FORM"),
            help="How the state writes a letter for which ICAO leaves it a choice: o-diaeresis=O.",
        ),
        click.option(
            "--bound",
            "bounds",
            multiple=True,
            type=_Named(lambda: names(int, date), "VALUE"),
            help="Another bound than the usual one, inclusive: days, a date, or none.",
        ),
        click.option(
            "--refuse",
            "refusals",
            multiple=True,
            type=_Named(lambda: names(bool)),
            help="Refuse what is granted otherwise.",
        ),
        click.option(
            "--grant",
            "grants",
            multiple=True,
            type=_Named(lambda: names(bool)),
            help="Grant what is refused otherwise, as the issuing state's law allows.",
        ),
    ):
        function = option(function)
    return function


def policy_from(
    grants: tuple[str, ...],
    refusals: tuple[str, ...],
    bounds: tuple[tuple[str, str], ...],
    chosen_letters: tuple[tuple[str, str], ...],
) -> ContentPolicy:
    """The policy that the options tell; UsageError where they make no sense."""
    from coronapas.dcc.claims import ContentPolicy
    from coronapas.dcc.names import Alternatives
    from coronapas.errors import FaultsError

    if both := set(grants) & set(refusals):
        raise click.UsageError(f"{min(both).replace('_', '-')} is granted and refused.")
    usual = ContentPolicy()
    changed: dict[str, Any] = dict.fromkeys(grants, True) | dict.fromkeys(refusals, False)
    for field, text in bounds:
        changed[field] = _bound(field, text, getattr(usual, field))
    if chosen_letters:
        try:
            changed["alternatives"] = Alternatives(**dict(chosen_letters))
        except FaultsError as error:
            told = " ".join(f"{fault.problem} {fault.mend}" for fault in error.faults)
            raise click.BadParameter(told, param_hint="--letter") from None
    return dataclasses.replace(usual, **changed)


def in_a_shell(fault: Fault) -> Fault:
    """The fault, with the option that mends it where there is one."""
    hint = _OPTIONS.get(fault.code)
    if hint is None:
        return fault
    return dataclasses.replace(fault, mend=f"{fault.mend.replace(_CALL, '')} {hint}")


def _bound(field: str, text: str, usual: object) -> date | int | None:
    """A bound of the usual one's kind; None for ``none``."""
    if text == "none":
        return None
    if isinstance(usual, date):
        try:
            return date.fromisoformat(text)
        except ValueError:
            wanted = "YYYY-MM-DD"
    elif _WHOLE.fullmatch(text):
        return int(text)
    else:
        wanted = "a number of days"
    name = field.replace("_", "-")
    raise click.BadParameter(f"For {name} write {wanted}, or none.", param_hint="--bound")

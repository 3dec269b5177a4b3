"""The options that make a verifier, shared by ``coronapas verify`` and ``coronapas decide``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from coronapas.cli import _revocation as revocation_data
from coronapas.cli._certificates import (
    PLACE,
    beside_option,
    pin_option,
    policy_options,
    trust_from,
    unverified_option,
)
from coronapas.cli._options import accept_option, duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    from coronapas.dcc import ValueSets
    from coronapas.trust import TrustStore
    from coronapas.verify import TrustPolicy, Verifier

NAMES: Final = frozenset(
    {
        "trust",
        "accept",
        "pins",
        "beside",
        "unverified_trust",
        "revocation",
        "revocation_pins",
        "revocation_fetched",
        "revocation_max_age",
        "refuse_unknown_revocation",
        "clock_skew",
        "strict",
        "tolerate",
        "certificate_time",
        "environments",
        "domains",
        "trust_max_age",
    }
)
"""The names of the parameters that `verifier_options` adds to a command."""


class Judge(NamedTuple):
    """A verifier as the command line asks for it, its keys, and the tolerances it grants."""

    verifier: Verifier
    store: TrustStore
    granted: frozenset[str]


def verifier_options(
    *, trust_required: bool
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the options that make a verifier; `from_options` takes what they give."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.option(
                    "--trust",
                    required=trust_required,
                    multiple=True,
                    type=PLACE,
                    metavar="FILE",
                    help="A trust list of any format, a saved trust store, certificates (PEM, DER, "
                    "base64), or a folder of certificates.",
                ),
                accept_option,
                pin_option,
                beside_option,
                unverified_option,
                policy_options,
                revocation_data.options("revocation-"),
                click.option(
                    "--refuse-unknown-revocation",
                    is_flag=True,
                    help="Refuse a pass where revocation lists cannot tell.",
                ),
                click.option(
                    "--clock-skew",
                    callback=duration,
                    metavar="DURATION",
                    help="How far clocks may differ: seconds, or a number with s, m or h. 5m "
                    "unless given.",
                ),
                click.option(
                    "--strict", is_flag=True, help="Grant no tolerance but those of --tolerate."
                ),
                click.option(
                    "--tolerate",
                    multiple=True,
                    metavar="NAME",
                    callback=_tolerance,
                    help="Grant one more tolerance, by its name.",
                ),
                click.option(
                    "--certificate-time",
                    type=click.Choice(["now", "issued"]),
                    default="now",
                    show_default=True,
                    help="When the signing certificate must have been valid.",
                ),
            )
        ):
            function = option(function)
        return function

    return decorate


def from_options(
    *,
    at: datetime | None,
    value_sets: ValueSets | None,
    trust: tuple[Path, ...],
    accept: tuple[str, ...],
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    unverified_trust: bool,
    refuse_unknown_revocation: bool,
    clock_skew: timedelta | None,
    strict: bool,
    tolerate: tuple[str, ...],
    certificate_time: str,
    policy: TrustPolicy,
    **revocation: Any,
) -> Judge:
    """Return the verifier that the options ask for; standard error says what its lists are."""
    from coronapas.tolerances import FIELD, STRICT
    from coronapas.verify import DEFAULT_CLOCK_SKEW, Verifier

    granted = (STRICT if strict else FIELD) | set(tolerate)
    store = trust_from(
        trust,
        pins=pins,
        beside=beside,
        unverified=unverified_trust,
        at=at or datetime.now(UTC),
    )
    verifier = Verifier(
        store,
        accept=accept,
        tolerate=granted,
        clock_skew=DEFAULT_CLOCK_SKEW if clock_skew is None else clock_skew,
        value_sets=value_sets,
        certificate_time="issued" if certificate_time == "issued" else "now",
        revocation=revocation_data.revocations_from(revocation_data.stated(**revocation)),
        refuse_unknown_revocation=refuse_unknown_revocation,
        policy=policy,
    )
    return Judge(verifier, store, granted)


def _tolerance(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    from coronapas.tolerances import TOLERANCES

    for value in values:
        if value not in TOLERANCES:
            raise click.BadParameter(f"there is no such tolerance: {value}", ctx, param)
    return values

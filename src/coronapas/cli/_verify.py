"""``coronapas verify``: what is true of passes in files, pictures and standard input."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._claims import (
    catalogue_from,
    claim_json,
    products_option,
    summary,
    validities,
    validity_json,
    validity_line,
)
from coronapas.cli._options import (
    day_or_moment,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._output import (
    coloured,
    plain,
    progress,
    sentence,
)
from coronapas.cli._passes import Item, items, total_size
from coronapas.cli._verifier import from_options, verifier_options

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from coronapas.facts import PassFacts
    from coronapas.gdhcn import Catalogue, Validity
    from coronapas.tolerances import Deviation
    from coronapas.trust import TrustStore
    from coronapas.verify import Check, Verification, Verifier


_UNLISTED: Final = frozenset({"given", "plain"})
"""Certificates without a list around them, of which there is nothing to tell."""


_ONE_LINE: Final = frozenset({"input.unsupported", "qr.image-unreadable"})
"""Faults of a file as a whole, of which one line says everything."""


@click.command("verify", short_help="Say what is true of passes.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--text", "texts", multiple=True, metavar="'PASS'", help="A pass itself, in single quotes."
)
@verifier_options(trust_required=True)
@products_option
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of the check, now by default; a day alone means its midnight in UTC.",
)
@value_sets_option
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@click.option("--checks", is_flag=True, help="Show every check, not only those that failed.")
@click.option("--quiet", is_flag=True, help="Show passes that are not ok, and the count.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each pass.")
@click.option("--show-personal-data", is_flag=True, help="Show what the pass says of its holder.")
def command(
    files: tuple[str, ...],
    texts: tuple[str, ...],
    products: str | None,
    at: datetime | None,
    value_sets: tuple[Path, ...],
    whole: bool,
    checks: bool,
    quiet: bool,
    as_json: bool,
    show_personal_data: bool,
    **given: Any,
) -> None:
    """Verify passes: from text files, pictures, PDFs, folders, standard input (-), or --text.

    A text file has one pass on each line. A picture or PDF may hold several QR codes; those that
    are no passes are named on standard error where one is. In a shell, put a pass into single
    quotes: it may hold $ and blanks. The format of trust
    and revocation lists is found from their content, and told on standard error. An input without a
    pass that can be read is counted, and the others are judged.

    Exit codes: 0 every pass is ok; 1 some are not; 2 wrong usage, or an input that cannot be read.
    """
    if not files and not texts:
        raise click.UsageError("Name a file, - for standard input, or give --text.")
    sets = value_sets_from(value_sets)
    verifier, store, granted = from_options(at=at, value_sets=sets, **given)
    catalogue = catalogue_from(products)
    count = _Count()
    with progress("verifying", total_size(files), results_meanwhile=True) as advance:
        for item in _all(files, texts, whole):
            found = _Found(item, verifier, store, at, granted, catalogue)
            count.add(found)
            if as_json:
                click.echo(json.dumps(found.to_json(show_personal_data)))
            elif not (quiet and found.ok):
                click.echo("\n".join(found.lines(checks, show_personal_data)))
            advance(item.size)
    if not as_json and not count.needless:
        click.echo(count.summary)
    sys.exit(count.exit_code)


def _all(files: tuple[str, ...], texts: tuple[str, ...], whole: bool) -> Iterator[Item]:
    for number, text in enumerate(texts, start=1):
        yield Item(f"--text {number}", text, 0)
    for source in files:
        yield from items(source, whole=whole)


class _Found:
    """One pass and what was found of it; the input's check stands before the verifier's."""

    def __init__(
        self,
        item: Item,
        verifier: Verifier,
        store: TrustStore,
        at: datetime | None,
        granted: Collection[str],
        catalogue: Catalogue | None,
    ) -> None:
        from coronapas.verify import CHECKS, skipped

        self._store = store
        self._catalogue = catalogue
        self.place = plain(item.place)
        self.readable = item.fault is None
        self.unsupported = item.fault is not None and item.fault.code in _ONE_LINE
        self._read: tuple[PassFacts | None] | None = None
        self.verification: Verification | None = None
        self.deviations: tuple[Deviation, ...] = item.deviations
        self.checks: tuple[Check, ...] = _of_input(item, granted)
        if self.readable:
            self.verification = verifier.verify(item.text, at=at)
            self.deviations += self.verification.deviations
            self.checks += self.verification.checks
        else:
            self.checks += tuple(map(skipped, CHECKS))
        self.failures = tuple(check for check in self.checks if check.outcome == "FAIL")
        self.ok = not self.failures and self.verification is not None and self.verification.ok

    def lines(self, every: bool, personal: bool) -> Iterator[str]:
        """What a person reads."""
        if self.unsupported:
            (check, *_) = self.checks
            yield f"{self.place}: {coloured('FAIL')}  {check.name}: {plain(check.sentence)}"
            return
        told = ", ".join(self._told())
        verdict = coloured("ok") if self.ok else coloured("FAIL")
        yield f"{self.place}: {verdict}{f'  {told}' if told else ''}"
        for check in self.checks if every else self.failures:
            yield f"  {coloured(check.outcome, 7)}  {check.name}: {plain(check.sentence)}"
        if every and (signer := self._signer()) is not None:
            for each in signer["lists"]:
                if each["format"] in _UNLISTED:
                    continue
                dated = each["issued"] or each["fetched"]
                named = f"{each['format']} {each['name']}{f' of {dated}' if dated else ''}"
                if each["listing"] is not None:
                    named += f" ({', '.join(filter(None, each['listing'].values()))})"
                yield f"  trusted by  {plain(named)}, signature {each['signature']}"
        for deviation in self.deviations:
            field = f" at {plain(deviation.field)}" if deviation.field else ""
            yield f"  deviation  {deviation.code}{field}: {plain(deviation.note)}"
        for validity in self._validities():
            yield validity_line(validity)
        if personal and (facts := self._facts()) is not None:
            yield f"  {plain(json.dumps(_facts_json(facts), ensure_ascii=False))}"
        if personal and (claim := claim_json(self._content(), personal)) is not None:
            yield f"  {plain(json.dumps(claim, ensure_ascii=False))}"

    def to_json(self, personal: bool) -> dict[str, Any]:
        """What a machine reads (``schemas/verification.schema.json``)."""
        from coronapas.cli._revocation import answer_json

        verification = self.verification
        answer = None if verification is None else verification.revocation
        envelope = None if verification is None else verification.envelope
        facts = self._facts()
        document: dict[str, Any] = {
            "place": self.place,
            "ok": self.ok,
            "profile": None if verification is None else verification.profile,
            "at": None if verification is None else verification.at.isoformat(),
            "signed": verification is not None and verification.signed,
            "kid": None if envelope is None or envelope.kid is None else envelope.kid.hex(),
            "country": self._country(),
            "kind": None if facts is None else facts.kind.value,
            "claim": claim_json(self._content(), personal),
            "validity": [validity_json(each, personal) for each in self._validities()],
            "certificate": self._signer(),
            "revocation": None if answer is None else answer_json(answer),
            "failures": [check.code for check in self.failures],
            "checks": [{**check._asdict(), "outcome": str(check.outcome)} for check in self.checks],
            "deviations": [
                {"code": one.code, "field": one.field, "note": one.note} for one in self.deviations
            ],
        }
        if personal:
            document["facts"] = None if facts is None else _facts_json(facts)
        return document

    def _told(self) -> Iterator[str]:
        facts, country = self._facts(), self._country()
        profile = None if self.verification is None else self.verification.profile
        if profile not in (None, "eu"):
            yield str(profile).upper()
        yield from summary(self._content())
        if facts is not None:
            yield facts.kind.value
        if country is not None:
            yield f"signed by {country}"

    def _facts(self) -> PassFacts | None:
        """The facts, which are read again whenever a `Verification` is asked for them."""
        if self._read is None:
            facts = None if self.verification is None else self.verification.facts
            self._read = (facts,)
        return self._read[0]

    def _content(self) -> object:
        return None if self.verification is None else self.verification.content

    def _validities(self) -> tuple[Validity, ...]:
        """What the doses of a certificate of vaccination are good for, by the catalogue."""
        verification = self.verification
        if verification is None or verification.envelope is None:
            return ()
        return validities(
            verification.content,
            self._catalogue,
            verification.at,
            verification.envelope.expires,
        )

    def _signer(self) -> dict[str, Any] | None:
        """The certificate that signed, which lists vouch for it, and until when."""
        certificate = None if self.verification is None else self.verification.certificate
        if certificate is None:
            return None
        der = certificate.der
        return {
            "sha256": None if der is None else hashlib.sha256(der).hexdigest(),
            "not_before": _time(certificate.not_before),
            "not_after": _time(certificate.not_after),
            "trusted_until": _time(self._store.trusted_until(certificate)),
            "lists": [
                {
                    "format": source.format,
                    "name": source.name,
                    "signature": source.signature,
                    "issued": _time(source.issued),
                    "fetched": _time(source.fetched),
                    "environment": source.environment,
                    "listing": None if source.listing is None else source.listing._asdict(),
                }
                for source in self._store.sources_of(certificate)
            ],
        }

    def _country(self) -> str | None:
        signed = self.verification is not None and self.verification.certificate
        return (signed.country or "?") if signed else None


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _of_input(item: Item, granted: Collection[str]) -> tuple[Check, ...]:
    """What is to be said of the input before its text: nothing of a text that is there."""
    from coronapas.verify import Check, Outcome

    name = "qr code" if item.scanned else "input"
    if item.fault is not None:
        return (Check(name, Outcome.FAIL, item.fault.code, sentence(item.fault.message)),)
    if not item.scanned:
        return ()
    for deviation in item.deviations:
        if deviation.code not in granted:
            return (Check(name, Outcome.FAIL, deviation.code, sentence(deviation.note)),)
    return (Check(name, Outcome.PASS, "qr.ok", "The QR code was read."),)


def _facts_json(facts: PassFacts) -> dict[str, Any]:
    from coronapas.facts import facts_to_json

    return {
        **facts_to_json(facts.holder, facts.event),
        "issuer": facts.issuer,
        "uvci": facts.uvci,
    }


class _Count:
    """How many passes came out how."""

    def __init__(self) -> None:
        self.ok = self.failed = self.unreadable = self.unsupported = 0
        self.unknown: Counter[str] = Counter()

    def add(self, found: _Found) -> None:
        self.ok += found.ok
        self.failed += not found.ok and found.readable
        self.unreadable += not found.readable
        self.unsupported += found.unsupported
        self.unknown.update(check.name for check in found.checks if check.outcome == "UNKNOWN")

    @property
    def needless(self) -> bool:
        """Whether one file of another kind is all there is, of which one line says everything."""
        return (self.ok, self.failed, self.unreadable, self.unsupported) == (0, 0, 1, 1)

    @property
    def summary(self) -> str:
        """The counts in one line, with the checks that nothing was known of."""
        parts = [f"{self.ok} ok", f"{self.failed} failed"]
        if self.unreadable:
            parts.append(f"{self.unreadable} unreadable")
        parts += [f"{name} not known of {count}" for name, count in sorted(self.unknown.items())]
        return ", ".join(parts)

    @property
    def exit_code(self) -> int:
        """2 where something could not be read, 1 where a pass is not ok, else 0."""
        if self.unreadable:
            return 2
        return 1 if self.failed else 0

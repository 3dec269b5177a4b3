"""``coronapas verify``: what is true of passes in files, pictures and standard input."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.catalogue import word
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
    language_option,
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

    from coronapas.cli._verifier import Judge
    from coronapas.facts import PassFacts
    from coronapas.gdhcn import Catalogue, Validity
    from coronapas.tolerances import Deviation
    from coronapas.verify import Check, Verification


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
@language_option
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
    language: str,
    as_json: bool,
    show_personal_data: bool,
    **given: Any,
) -> None:
    """Verify passes: from text files, pictures, PDFs, folders, standard input (-), or --text.

    Credentials of wallets are judged as passes: an SD-JWT as text, an mdoc as CBOR, hexadecimal or
    base64url. With --audience and --nonce, or --session-transcript, everything must be bound to its
    holder: what cannot be, fails. Without them, bindings are not looked at.

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
    judge = from_options(at=at, value_sets=sets, **given)
    catalogue = catalogue_from(products)
    count = _Count()
    with progress("verifying", total_size(files), results_meanwhile=True) as advance:
        for item in _all(files, texts, whole):
            found = _Found(item, judge, at, catalogue, language)
            count.add(found)
            if as_json:
                click.echo(json.dumps(found.to_json(show_personal_data)))
            elif not (quiet and found.ok):
                click.echo("\n".join(found.lines(checks, show_personal_data)))
            advance(item.size)
    if not as_json and not count.needless:
        click.echo(count.summary(language))
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
        judge: Judge,
        at: datetime | None,
        catalogue: Catalogue | None,
        language: str,
    ) -> None:
        from coronapas.verify import CHECKS, skipped

        self._catalogue = catalogue
        self._language = language
        self.place = plain(item.place)
        self.readable = item.fault is None
        self.unsupported = item.fault is not None and item.fault.code in _ONE_LINE
        self._read: tuple[PassFacts | None] | None = None
        self.verification: Verification | None = None
        self._of_input: tuple[Check, ...] = _of_input(item, judge.granted)
        self._odd: tuple[Deviation, ...] = item.deviations
        if self.readable:
            self.verification = found = judge.verify(item.text, at)
            self.checks = self._of_input + found.checks + judge.objections(found)
        else:
            self.checks = self._of_input + tuple(map(skipped, CHECKS))
        self.failures = tuple(check for check in self.checks if check.outcome == "FAIL")
        self.ok = not self.failures and self.verification is not None and self.verification.ok

    def lines(self, every: bool, personal: bool) -> Iterator[str]:
        """What a person reads."""
        if self.unsupported:
            (check, *_) = self.checks
            name, said = self._word(check.name), plain(check.sentence_in(self._language))
            yield f"{self.place}: {self._outcome('FAIL')}  {name}: {said}"
            return
        told = plain(", ".join(self._told()))
        verdict = "ok" if self.ok else "FAIL"
        yield f"{self.place}: {self._outcome(verdict)}{f'  {told}' if told else ''}"
        for check in self.checks if every else self.failures:
            said = plain(check.sentence_in(self._language))
            yield f"  {self._outcome(check.outcome, 7)}  {self._word(check.name)}: {said}"
        verification = self.verification
        if every and verification is not None:
            yield from self._lists(verification)
        for each in self.deviations:
            field = f" {self._word('at {field}', field=plain(each.field))}" if each.field else ""
            note = plain(each.note_in(self._language))
            yield f"  {self._word('deviation')}  {each.code}{field}: {note}"
        for validity in self._validities():
            yield validity_line(validity)
        if personal and (facts := self._facts()) is not None:
            from coronapas.cli._codes import facts_lines

            yield from (f"  {plain(line)}" for line in facts_lines(facts, self._language))
        if personal and (claim := claim_json(self._content(), personal)) is not None:
            yield f"  {plain(json.dumps(claim, ensure_ascii=False))}"

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What was odd in the input, then in the pass."""
        return self._odd + (() if self.verification is None else self.verification.deviations)

    def to_json(self, personal: bool) -> dict[str, Any]:
        """What a machine reads (``schemas/verification.schema.json``)."""
        verification, language = self.verification, self._language
        document: dict[str, Any] = (
            dict(_NOTHING)
            if verification is None
            else verification.to_json(personal=personal, language=language)
        )
        facts = document.pop("facts", None)
        document |= {
            "place": self.place,
            "ok": self.ok,
            "claim": claim_json(self._content(), personal),
            "validity": [validity_json(each, personal) for each in self._validities()],
            "failures": [check.code for check in self.failures],
            "checks": [check.to_json(language=language) for check in self.checks],
            "deviations": [each.to_json(language=language) for each in self.deviations],
        }
        return {**document, "facts": facts} if personal else document

    def _told(self) -> Iterator[str]:
        facts, verification = self._facts(), self.verification
        if verification is None:
            return
        if verification.profile not in (None, "eu"):
            yield str(verification.profile).upper()
        yield from summary(self._content())
        if facts is not None:
            yield self._word(facts.kind.value)
        if verification.certificate is not None:
            country = verification.certificate.country or "?"
            yield self._word("signed by {country}", country=country)
        if verification.issuer is not None:
            yield self._word("issuer {country}", country=verification.issuer)
        if verification.issued_at is not None:
            yield self._word("issued {moment}", moment=_minutes(verification.issued_at))
        if verification.expires is not None:
            yield self._word("expires {moment}", moment=_minutes(verification.expires))

    def _lists(self, verification: Verification) -> Iterator[str]:
        for source in verification.sources:
            if source.format in _UNLISTED:
                continue
            dated = source.issued or source.fetched
            found = f"{source.format} {source.name}"
            if dated is not None:
                found = self._word("{list} of {moment}", list=found, moment=dated.isoformat())
            if source.listing is not None:
                found += f" ({', '.join(filter(None, source.listing))})"
            state = self._word(f"signature {source.signature}")
            yield f"  {self._word('trusted by')}  {plain(found)}, {state}"

    def _word(self, text: str, **parameters: str) -> str:
        return word(text, self._language, **parameters)

    def _outcome(self, outcome: str, width: int = 0) -> str:
        return coloured(outcome, width, shown=self._word(outcome))

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


_NOTHING: Final = {
    "profile": None,
    "at": None,
    "signed": False,
    "kid": None,
    "country": None,
    "issuer": None,
    "issued_at": None,
    "expires": None,
    "kind": None,
    "certificate": None,
    "revocation": None,
}
"""What is known of a pass whose input could not be read."""


def _minutes(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


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

    def summary(self, language: str) -> str:
        """The counts in one line, with the checks that nothing was known of."""
        counts = {"{number} ok": self.ok, "{number} failed": self.failed}
        if self.unreadable:
            counts["{number} unreadable"] = self.unreadable
        parts = [word(text, language, number=number) for text, number in counts.items()]
        parts += [
            word("{check} not known of {number}", language, check=name, number=count)
            for name, count in sorted(self.unknown.items())
        ]
        return ", ".join(parts)

    @property
    def exit_code(self) -> int:
        """2 where something could not be read, 1 where a pass is not ok, else 0."""
        if self.unreadable:
            return 2
        return 1 if self.failed else 0

"""``coronapas paper``: passes on sheets of A4, one or many at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli import _qr as drawing
from coronapas.cli._options import day_or_moment, value_sets_from, value_sets_option
from coronapas.cli._output import plain, progress, sentence, write
from coronapas.cli._passes import Item, items
from coronapas.cli._verifier import NAMES, from_options, verifier_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from coronapas.dcc import ValueSets
    from coronapas.presentation import Paper, Sheet
    from coronapas.verify import Verifier

_SHEETS: Final = ("fold", "flat")
_MOST_TEXT: Final = 1024 * 1024
"""The largest file of --texts, in bytes, inclusive."""

# The hint for a user of the command, by the fault's code.
_HINTS: Final = {
    "paper.language-unknown": "Give --texts for it, or another --language.",
    "paper.font-unknown": "Name the folder that has it with --fonts.",
    "paper.glyph-missing": "Name a font that has it with --font, and its folder with --fonts.",
    "paper.too-long": "Draw its QR code alone: coronapas qr.",
}


def paper_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a sheet; `paper_from` takes what they give."""
    for option in reversed(
        (
            click.option(
                "--sheet",
                type=click.Choice(_SHEETS),
                default="fold",
                show_default=True,
                help="The EU's sheet to be folded twice, or four upright panels.",
            ),
            click.option(
                "--language",
                metavar="LANG",
                help="The language beside English: da, de, el, es, fr, it, nl, sv, one of --texts, "
                "or en for English alone [default: the issuing country's].",
            ),
            click.option(
                "--texts",
                "own_texts",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="A JSON file with texts of the sheet in the place of its own, by language and "
                "name.",
            ),
            click.option(
                "--fonts",
                "folders",
                multiple=True,
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="A folder with fonts.",
            ),
            click.option(
                "--font",
                "families",
                multiple=True,
                metavar="FAMILY",
                help="A family to print in; of several, the first that has a letter "
                "[default: Libertinus Serif, which comes with typst].",
            ),
        )
    ):
        function = option(function)
    return function


@click.command("paper", short_help="Print passes on sheets of A4.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--text", "passes", multiple=True, metavar="'PASS'", help="A pass itself, in single quotes."
)
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@paper_options
@value_sets_option
@verifier_options(trust_required=False)
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="With --trust: the moment of the check, now by default.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file of one pass (.pdf); or a folder for many, which are numbered as they come.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
def command(
    files: tuple[str, ...],
    passes: tuple[str, ...],
    whole: bool,
    sheet: Sheet,
    language: str | None,
    own_texts: Path | None,
    folders: tuple[Path, ...],
    families: tuple[str, ...],
    value_sets: tuple[Path, ...],
    at: datetime | None,
    output: Path | None,
    force: bool,
    **given: Any,
) -> None:
    """Print passes on paper: from text files, pictures, PDFs, folders, standard input, or --text.

    A sheet has the QR code of the pass and what it says, in English and a second language, as an
    accessible PDF (PDF/UA-1 and PDF/A-2a). What is printed can be verified again from the PDF.
    With --trust each pass is verified first, and printed only if it is ok; without it nothing is
    verified.

    Exit codes: 0 every pass is printed; 1 some are not; 2 wrong usage, or an input that cannot be
    read.
    """
    if not files and not passes:
        raise click.UsageError("Name a file, - for standard input, or give --text.")
    sets = value_sets_from(value_sets)
    paper = paper_from(sheet, language, own_texts, folders, families, sets)
    verifier = None
    if given["trust"]:
        verifier = from_options(at=at, value_sets=sets, **given).verifier
    elif _stated(NAMES | {"at"}):
        raise click.UsageError("Give --trust, so that the passes are verified before.")
    found = _items(files, passes, whole)
    first, second = next(found), next(found, None)
    press = _Press(paper, verifier, at, force)
    if second is None and (output is None or output.suffix.lower() == ".pdf"):
        press.one(first, output)
    elif output is None or output.suffix:
        raise click.UsageError("There are several passes: name a folder with --output.")
    else:
        press.many((item for item in (first, second, *found) if item is not None), output)
    sys.exit(press.exit_code)


class _Press:
    """Prints passes, and counts those that are not printed."""

    def __init__(
        self, paper: Paper, verifier: Verifier | None, at: datetime | None, force: bool
    ) -> None:
        self._paper = paper
        self._verifier = verifier
        self._at = at
        self._force = force
        self._refused = self._unreadable = 0

    def one(self, item: Item, output: Path | None) -> None:
        """Print one pass to a file or to standard output."""
        pdf = self._printed(item)
        if pdf is not None:
            drawing.put(pdf, "pdf", output, force=self._force)

    def many(self, found: Iterator[Item], folder: Path) -> None:
        """Print each pass to a file of its own, whose name is its number among all."""
        folder.mkdir(parents=True, exist_ok=True)
        printed = 0
        with progress("printing", None, results_meanwhile=False) as advance:
            for number, item in enumerate(found, start=1):
                pdf = self._printed(item)
                if pdf is not None:
                    path = (folder / f"{number:06}").with_suffix(".pdf")
                    write(path, pdf, force=self._force)
                    printed += 1
                advance(1)
        counts = [f"{printed} printed"]
        counts += [f"{self._refused} refused"] if self._refused else []
        counts += [f"{self._unreadable} unreadable"] if self._unreadable else []
        click.echo(", ".join(counts), err=True)

    @property
    def exit_code(self) -> int:
        """2 where something could not be read, 1 where a pass is not printed, else 0."""
        if self._unreadable:
            return 2
        return 1 if self._refused else 0

    def _printed(self, item: Item) -> bytes | None:
        """Return the sheet of a pass; None after saying why there is none."""
        from coronapas.errors import DecodeError, FaultsError
        from coronapas.verify import foreign_code

        if item.fault is not None:
            self._unreadable += 1
            _say(item, sentence(item.fault.message))
            return None
        text = item.text if isinstance(item.text, str) else item.text.decode("utf-8", "replace")
        try:
            if self._verified(item, text):
                return self._paper.pdf(text)
        except DecodeError as error:
            foreign = foreign_code(text)
            _say(item, sentence(str(error) if foreign is None else f"this is {foreign}"))
        except FaultsError as error:
            for fault in error.faults:
                place = f"{fault.field}: " if fault.field else ""
                _say(item, f"{place}{fault.problem} {_HINTS.get(fault.code, fault.hint)}")
        self._refused += 1
        return None

    def _verified(self, item: Item, text: str) -> bool:
        """Tell whether a pass may be printed, after saying why not."""
        if self._verifier is None:
            return True
        verification = self._verifier.verify(text, at=self._at)
        for check in verification.failures:
            _say(item, f"{check.name}: {check.sentence}")
        return verification.ok


def _say(item: Item, words: str) -> None:
    click.echo(plain(f"{item.place}: {words}"), err=True)


def _items(files: tuple[str, ...], passes: tuple[str, ...], whole: bool) -> Iterator[Item]:
    for number, text in enumerate(passes, start=1):
        yield Item(f"--text {number}", text.strip(), 0)
    for source in files:
        yield from items(source, whole=whole)


def _stated(names: frozenset[str]) -> bool:
    context, default = click.get_current_context(), click.core.ParameterSource.DEFAULT
    return any(context.get_parameter_source(name) is not default for name in names)


def paper_from(
    sheet: Sheet,
    language: str | None,
    own_texts: Path | None,
    folders: tuple[Path, ...],
    families: tuple[str, ...],
    value_sets: ValueSets | None,
) -> Paper:
    """Return what prints as the options ask for; UsageError with every fault of theirs."""
    from coronapas.errors import PaperError
    from coronapas.presentation import Paper

    try:
        return Paper(
            sheet,
            language=language,
            texts=None if own_texts is None else _texts_of(own_texts),
            fonts=folders,
            families=families,
            value_sets=value_sets,
        )
    except PaperError as error:
        said = [
            f"{fault.field}: {fault.problem} {_HINTS.get(fault.code, fault.hint)}"
            for fault in error.faults
        ]
        raise click.UsageError(plain("\n".join(said))) from None


def _texts_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open("rb") as file:
        content = file.read(_MOST_TEXT + 1)
    try:
        document = json.loads(content) if len(content) <= _MOST_TEXT else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(
        isinstance(own, dict) for own in document.values()
    ):
        raise click.UsageError(
            plain(f'{path}: this is not a JSON object of texts: {{"pl": {{"title": "…"}}}}.')
        )
    return document

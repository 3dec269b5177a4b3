"""``coronapas link``: show a health link, and open a file that it leads to.

A link is a secret: whoever has it can read its files. It comes from a file or standard input, and
never from an option, which other users of the machine could see. Its key is never shown.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coronapas.cli._claims import FILE, link_json
from coronapas.cli._options import moment
from coronapas.cli._output import plain, sentence, write
from coronapas.errors import LinkError

if TYPE_CHECKING:
    from coronapas.gdhcn import Link, LinkFile, Manifest

_LONGEST = 65_537


@click.group("link", short_help="Show health links, and open what they lead to.")
def command() -> None:
    """Show health links (SMART Health Links, Verifiable Health Links), and open their files.

    Nothing is fetched: give the file that the link leads to. A link in a signed pass is verified by
    `coronapas verify --accept link`.

    Exit codes: 0 all is well; 1 a link that must not be used; 2 no result.
    """


@command.command("show")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--at", callback=moment, metavar="MOMENT", help="The moment of the judgement [default: now]."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--show-personal-data", is_flag=True, help="Show the address and the label.")
def show(file: str, at: datetime | None, as_json: bool, show_personal_data: bool) -> None:
    """Show the link in FILE, or on standard input (-), and judge it.

    FILE holds the link's text, or a pass of the EU's container with a link, which is not verified
    here. The key is never shown.

    Exit codes: 0 the link can be used; 1 it must not be used; 2 no link that can be read.
    """
    from coronapas.gdhcn import judge_link

    link = _link(file)
    findings = judge_link(link, at or datetime.now(UTC))
    document = {
        **link_json(link, show_personal_data),
        "findings": [finding._asdict() for finding in findings],
        "deviations": [
            {"code": each.code, "field": each.field, "note": each.note} for each in link.deviations
        ],
    }
    if as_json:
        click.echo(json.dumps(document))
    else:
        for name, value in link_json(link, show_personal_data).items():
            shown = "none" if value in (None, "") else value
            shown = {True: "32 bytes, not shown", False: "none"}[value] if name == "key" else shown
            click.echo(f"{name}: {plain(str(shown))}")
        for finding in findings:
            click.echo(f"{'must not be used' if finding.hard else 'note'}: {finding.sentence}")
        for deviation in link.deviations:
            field = f" at {plain(deviation.field)}" if deviation.field else ""
            click.echo(f"deviation  {deviation.code}{field}: {plain(deviation.note)}")
    sys.exit(1 if any(finding.hard for finding in findings) else 0)


@command.command("open")
@click.argument("link", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.argument("fetched", type=FILE)
@click.option("--number", type=click.IntRange(1), help="Which file of a manifest [default: all].")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the one file here, readable by you."
)
@click.option("--force", is_flag=True, help="Replace an existing --output file.")
def open_(link: str, fetched: str, number: int | None, output: Path | None, force: bool) -> None:
    """Decrypt FETCHED, which the link in LINK leads to: an encrypted file, or a manifest.

    The content goes to --output, or to standard output. A file of a manifest that is not embedded
    is named on standard error: fetch it, and open it with the same link.

    Exit codes: 0 opened; 2 it cannot be decrypted with this link, or cannot be read.
    """
    from coronapas.gdhcn import LARGEST_MANIFEST, decrypt_file

    key = _link(link).key
    if key is None:
        raise LinkError("no-key", "the link has no key that can be used")
    with Path(fetched).open("rb") as opened:
        content = opened.read(LARGEST_MANIFEST + 1)
    if len(content) > LARGEST_MANIFEST:
        raise LinkError("too-large", f"the file is larger than {LARGEST_MANIFEST} bytes")
    found: list[LinkFile] = []
    if content.lstrip()[:1] == b"{":
        for each in _embedded(content, number):
            found.append(decrypt_file(each, key))
    else:
        found.append(decrypt_file(content, key))
    if output is not None and len(found) != 1:
        raise click.UsageError("--output needs exactly one file: choose it with --number.")
    for file in found:
        kind = file.content_type or "no content type"
        click.echo(f"{plain(kind)}, {len(file.content)} bytes", err=True)
        if output is not None:
            write(output, file.content, force=force)
        else:
            click.echo(file.content, nl=False)


def _embedded(content: bytes, number: int | None) -> list[str]:
    """Return the embedded files of a manifest, and say which are elsewhere."""
    from coronapas.gdhcn import read_manifest

    manifest: Manifest = read_manifest(content)
    if number is not None and number > len(manifest.files):
        raise click.UsageError(f"The manifest has {len(manifest.files)} files.")
    found = []
    for place, file in enumerate(manifest.files, start=1):
        if number is not None and place != number:
            continue
        if file.embedded is None:
            kind = f" ({plain(file.content_type)})" if file.content_type else ""
            note = f"file {place}{kind} is not embedded and must be fetched"
            if file.reference is not None:
                note = f"file {place} is known when its DocumentReference was fetched"
            click.echo(sentence(note), err=True)
        else:
            found.append(file.embedded)
    return found


def _link(source: str) -> Link:
    """Return the link of a file: its text, or that in a pass."""
    from coronapas import decode
    from coronapas.gdhcn import LINK_LABEL, read_link, read_link_claim
    from coronapas.hcert import PREFIX

    with click.open_file(source, "rb") as file:
        content = file.read(_LONGEST).strip()
    if not content.startswith(PREFIX.encode()):
        return read_link(content)
    links = read_link_claim((decode(content).claims.hcert or {}).get(LINK_LABEL)).links
    if len(links) != 1:
        raise click.UsageError("The pass holds several links.")
    return links[0]

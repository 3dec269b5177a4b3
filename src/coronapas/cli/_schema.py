"""``coronapas schema``: the JSON Schemas of what the commands read and print."""

from __future__ import annotations

import json
from difflib import get_close_matches

import click

from coronapas.cli._output import plain


@click.command("schema", short_help="Print a JSON Schema, or the names of all.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of that NAME, or the names of all schemas without one.

    Exit codes: 0 printed; 2 there is no schema of that name.
    """
    from coronapas import schemas

    if name is None:
        click.echo("\n".join(schemas.names()))
        return
    try:
        document = schemas.load(name.removesuffix(".schema.json").removeprefix("schemas/"))
    except LookupError:
        near = get_close_matches(name, schemas.names(), n=3) or schemas.names()
        raise click.UsageError(
            plain(f"There is no schema of that name; perhaps {', '.join(near)}.")
        ) from None
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))

"""``coronapas inspect``: every layer of a pass, without trust, personal data masked by default.

Masking keeps what cannot be personal: numbers of bytes, headers, times of issue, and codes that are
in the value set of their field. Everything else that a pass says is masked, whatever its field,
because an untrusted pass may say anything anywhere. The bytes of the layers are left out, as they
are the pass itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.catalogue import sentence
from coronapas.cli._claims import masked_claim
from coronapas.cli._options import accepted, language_option
from coronapas.cli._output import plain
from coronapas.cli._passes import Item, items
from coronapas.dcc import (
    COUNTRY,
    DISEASE,
    GROUPS,
    MANUFACTURER,
    PRODUCT,
    PROPHYLAXIS,
    RELEASES,
    TEST_DEVICE,
    TEST_TYPE,
    ValueSets,
)
from coronapas.gdhcn import ICVP_LABEL, LINK_LABEL
from coronapas.hcert import (
    CLAIM_EXP,
    CLAIM_HCERT,
    CLAIM_IAT,
    CLAIM_ISS,
    MASK,
    cbor_to_json,
    open_layers,
)
from coronapas.verify import PROFILES, profile_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from coronapas.hcert import Claims, Envelope, Layers
    from coronapas.verify import Profile

_DCC: Final = 1
"""The label of the EU DCC in claim -260."""

_SHOWN: Final = (CLAIM_ISS, CLAIM_EXP, CLAIM_IAT, CLAIM_HCERT)
"""The claims that are shown at a place of their own."""

# The fields whose values are shown where they are codes of their value set.
_CODED: Final = {
    "co": (COUNTRY,),
    "ma": (MANUFACTURER, TEST_DEVICE),
    "mp": (PRODUCT,),
    "tg": (DISEASE,),
    "tt": (TEST_TYPE,),
    "vp": (PROPHYLAXIS,),
}
_MASKED: Final = ("dob", "fn", "gn", "fnt", "gnt", "dt", "is", "ci", "nm", "sc", "dr", "tr", "tc")
_MASKED_TOO: Final = ("fr", "df", "du")
_NUMBERS: Final = ("dn", "sd")
_NAMES: Final = frozenset(("ver", "nam", *GROUPS, *_CODED, *_NUMBERS, *_MASKED, *_MASKED_TOO))
_MOST_DOSES: Final = 99


def describe(
    text: str | bytes,
    *,
    personal: bool,
    accept: Collection[str] | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Describe every layer that can be opened; ``error`` says why the next one cannot.

    `personal` shows the holder's data, and the bytes of the layers, which contain it. `accept`
    names the payloads whose prefixes are read; None for all that are known. Notes and the error's
    message are in `language`.
    """
    rows = [row for row in PROFILES if accept is None or {row.name, row.family} & {*accept}]
    layers = open_layers(
        text,
        prefixes=[row.prefix for row in rows],
        colonless=[row.prefix for row in rows if row.colonless],
    )
    document: dict[str, Any] = {}
    if layers.text is not None:
        document["prefix"] = layers.prefix or ""
        document["profile"] = _profile(layers, rows)
        document["base45"] = {"characters": len(layers.body or layers.text.strip())}
    if layers.compressed is not None:
        document["compression"] = _compression(layers.compressed)
    if layers.cose is not None and layers.message is not None:
        document["cose"] = {"bytes": len(layers.cose), **layers.message.to_json()}
    if layers.fault is not None:
        fault = layers.fault
        said = fault.message if language == "en" else sentence(fault.code, language)
        return {**document, "error": {"layer": fault.layer, "code": fault.code, "message": said}}
    assert layers.envelope is not None  # noqa: S101 - without a fault every layer is open
    document |= _of_envelope(layers.envelope, document, personal)
    found = layers.envelope.deviations
    return {**document, "deviations": [each.to_json(language=language) for each in found]}


def _profile(layers: Layers, rows: list[Profile]) -> str | None:
    """Return the name of the payload, by its own claims; before they are reached, by the prefix.

    None for a mixture, for an unknown payload, and for a prefix that several payloads share.
    """
    if layers.claims is not None:
        found = profile_of(layers.claims)
        return None if found is None else found.name
    start = f"{layers.prefix[:3]}:" if layers.prefix else ""
    names = [row.name for row in rows if row.prefix == start]
    return names[0] if len(names) == 1 else None


def _of_envelope(envelope: Envelope, document: dict[str, Any], personal: bool) -> dict[str, Any]:
    claims = envelope.claims
    if personal:
        document["base45"]["text"] = envelope.body
        document["compression"]["hex"] = envelope.compressed.hex()
        document["cose"]["hex"] = envelope.cose.hex()
    cwt: dict[str, Any] = {
        "bytes": len(envelope.payload),
        "iss": _issuer(claims.issuer, personal),
        "iat": _moment(claims.issued_at),
        "exp": _moment(claims.expires),
        "other_claims": [
            str(label) if type(label) is int else MASK
            for label in claims.tree
            if label not in _SHOWN
        ],
    }
    if personal:
        others = {label: value for label, value in claims.tree.items() if label not in _SHOWN}
        cwt |= {"claims": cbor_to_json(others), "hex": envelope.payload.hex()}
    found = profile_of(claims)
    return {
        "cwt": cwt,
        "payload": None if found is None else found.title,
        "dcc": cbor_to_json(envelope.dcc) if personal else masked(envelope.dcc),
        **_other_content(claims, personal),
    }


def _other_content(claims: Claims, personal: bool) -> dict[str, Any]:
    """Describe what stands beside the DCC in ``hcert``, as in Danish tokens and WHO's claims."""
    others = {label: value for label, value in (claims.hcert or {}).items() if label != _DCC}
    document: dict[str, Any] = {}
    for name, label in (("icvp", ICVP_LABEL), ("link", LINK_LABEL)):
        if label in others:
            claim = others.pop(label)
            document[name] = cbor_to_json(claim) if personal else masked_claim(label, claim, MASK)
    if others and personal:
        document["content"] = cbor_to_json(others)
    elif others:
        # Fields named as the DCC's may mean something else here, so that nothing is shown of them.
        document["content"] = [str(label) if type(label) is int else MASK for label in others]
    return document


def _compression(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "begins": data[:2].hex()}


def _issuer(issuer: str | None, personal: bool) -> str | None:
    if issuer is None or personal or _is_code(COUNTRY, issuer):
        return issuer
    return MASK


def _moment(seconds: int | None) -> str | int | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return seconds


def masked(value: object, field: str = "") -> object:
    """Return a decoded DCC with every value masked that could be personal, its structure kept."""
    if isinstance(value, Mapping):
        return {
            name if name in _NAMES else f"{MASK} {place}": masked(inner, str(name))
            for place, (name, inner) in enumerate(value.items(), start=1)
        }
    if isinstance(value, list | tuple):
        return [masked(inner, field) for inner in value]
    return value if value is None or _is_public(field, value) else MASK


def _is_public(field: str, value: object) -> bool:
    if field == "ver":
        return value in RELEASES if isinstance(value, str) else False
    if field in _NUMBERS:
        return type(value) in (int, float) and value in range(1, _MOST_DOSES + 1)
    return isinstance(value, str) and any(_is_code(name, value) for name in _CODED.get(field, ()))


def _is_code(value_set: str, value: str) -> bool:
    return ValueSets.default().code(value_set, value) is not None


_INDENT: Final = "  "


def _accepted(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    return None if value is None else accepted(ctx, param, value)


@click.command("inspect", short_help="Show every layer of a pass.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--text", metavar="'PASS'", help="The pass itself, in single quotes.")
@click.option(
    "--whole",
    is_flag=True,
    help="Read a text file as one pass, put together where it was wrapped.",
)
@click.option(
    "--accept",
    callback=_accepted,
    metavar="NAMES",
    help="The payloads to read: eu, dk (or dk1, dk2, dk3 alone), with commas between. All by "
    "default.",
)
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each pass.")
@click.option(
    "--show-personal-data",
    is_flag=True,
    help="Show personal data, and the bytes of the layers.",
)
def command(
    file: str | None,
    text: str | None,
    whole: bool,
    accept: tuple[str, ...] | None,
    language: str,
    as_json: bool,
    show_personal_data: bool,
) -> None:
    """Show every layer of passes: text files, pictures and PDFs, standard input (-), or --text.

    Nothing is verified. Personal data is masked, and so is every value in an unknown field or of
    an unknown form.

    Exit codes: 0 every layer could be opened; 1 some could not; 2 wrong usage, or no pass.
    """
    if (file is None) == (text is None):
        raise click.UsageError("Name one file, - for standard input, or give --text.")
    good = True
    given = items(file, whole=whole) if file is not None else [Item("--text", text or "", 0)]
    for item in given:
        document = {
            "place": plain(item.place),
            **describe(
                item.readable().text,
                personal=show_personal_data,
                accept=accept,
                language=language,
            ),
        }
        if item.scanned:
            document["qr"] = [each.to_json(language=language) for each in item.deviations]
        good = good and "error" not in document
        if as_json:
            click.echo(json.dumps(document))
        else:
            from coronapas.cli._codes import in_words

            if "dcc" in document:
                document["dcc"] = in_words(document["dcc"])
            click.echo("\n".join(_lines(document)))
    sys.exit(0 if good else 1)


def _lines(document: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Format a document as lines, nested by indentation."""
    for name, value in document.items():
        yield from _entry(f"{indent}{plain(str(name))}:", value, indent)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _lines(value, indent + _INDENT)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        yield head
        for inner in value:
            yield from _entry(f"{indent}{_INDENT}-", inner, indent + _INDENT)
    elif isinstance(value, list):
        yield f"{head} {plain(', '.join(map(str, value))) or 'none'}"
    else:
        yield f"{head} {'none' if value in (None, {}) else plain(str(value))}"

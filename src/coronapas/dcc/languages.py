"""The tags of the languages that names are in (ISO 639-1; BCP 47 for what may follow).

A wrong tag would be no error of its own: the transliteration would leave out the exceptions of the
language that was meant, and nobody would be told. So a tag is held against the list of codes, which
is data: ``data/languages.json``, with its source.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

from coronapas.errors import Fault

# BCP 47 writes hyphens between the parts; locales, which are much used for tags, underscores.
_TAG: Final = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]{1,8})*", re.ASCII | re.IGNORECASE)


class _Languages(NamedTuple):
    codes: frozenset[str]
    meant: dict[str, str]


@cache
def _languages() -> _Languages:
    from importlib.resources import files

    text = files("coronapas.dcc").joinpath("data/languages.json").read_text("utf-8")
    source = json.loads(text)
    return _Languages(frozenset(" ".join(source["codes"]).split()), source["meant"])


def primary(tag: str) -> str:
    """The language of a tag, in lower case: what stands before the first hyphen or underscore."""
    return tag.replace("_", "-").partition("-")[0].lower()


def language_fault(tag: object) -> Fault | None:
    """What is wrong with the tag of a language; None where it is good.

    Good is None (no language is named), and a two-letter code of ISO 639-1 in any case, with or
    without further subtags (``uk``, ``sr-Latn``, ``be_BY``), which are not looked at. Three-letter
    codes are not taken: BCP 47 has the shorter one wherever there is one, and no exception of a
    transliteration belongs to a language without one.
    """
    if tag is None:
        return None
    return _fault(tag if isinstance(tag, str) else "")


@lru_cache(maxsize=64)
def _fault(tag: str) -> Fault | None:
    found = _TAG.fullmatch(tag)
    if found is not None and found[1].lower() in _languages().codes:
        return None
    meant = _languages().meant.get(primary(tag))
    mend = f"{meant} is probably meant." if meant else "Give its code, such as uk for Ukrainian."
    if found is None:
        return Fault(
            "language",
            "language.form",
            "It is no tag of a language: two letters of ISO 639-1, and subtags if wanted.",
            mend,
        )
    return Fault("language", "language.unknown", "ISO 639-1 has no such language.", mend)

"""The catalogue: one file for each language, with a sentence for each code and the words beside it.

``data/en.json``, ``da.json`` and ``de.json`` have the same codes and the same words. A code has one
sentence, or several: the first is the general one, each later one needs the parameters that stand
in it in braces. The most specific sentence whose parameters are all given is chosen, so that a
caller without parameters always gets a whole sentence.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES: Final = ("en", "da", "de")
"""The languages, by ISO 639-1: English, Danish, German."""

_PARAMETER: Final = re.compile(r"\{([a-z]+)\}")
# Parameters whose value is a word of the catalogue.
_TRANSLATED: Final = frozenset({"kind", "check"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of the catalogue in one language."""

    code: str
    """The stable code: of a check, a deviation, a fault, an error, a finding, a reason."""
    sentence: str
    """What it means, as a sentence for a person that needs no parameters."""
    parameters: tuple[str, ...]
    """The names of the parameters that a more specific sentence takes, in their order."""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as ``coronapas codes --json`` prints it."""
        return {
            "code": self.code,
            "sentence": self.sentence,
            "parameters": list(self.parameters),
        }


def language(tag: str) -> str:
    """Return the language of `LANGUAGES` that a tag names: ``da`` for ``da-DK`` or ``DA``.

    Raises ValueError for a language that the catalogue does not have.
    """
    found = tag.replace("_", "-").partition("-")[0].strip().lower()
    if found not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ValueError(f"the catalogue does not have this language; it has {known}")
    return found


def sentence(code: str, language_tag: str = "en", /, **parameters: object) -> str:
    """Return the sentence of a code in a language, as specific as the parameters allow.

    Args:
        code: A code of `entries`.
        language_tag: The language, as `language` reads it.
        parameters: Values for the sentence, such as ``kid="…"``; those that no sentence of the code
            takes are ignored.

    Raises:
        LookupError: The catalogue does not have the code.
        ValueError: The catalogue does not have the language.

    """
    known = language(language_tag)
    try:
        forms = _sentences(known)[code]
    except KeyError:
        raise LookupError("the catalogue does not have this code") from None
    fitting = [form for form in forms if parameters.keys() >= set(_PARAMETER.findall(form))]
    return _filled(fitting[-1], known, parameters)


def word(text: str, language_tag: str = "en", /, **parameters: object) -> str:
    """Return a word or label in a language, given in English; itself where it is not known.

    `text` may have parameters in braces, as it has in the catalogue: ``signed by {country}``.
    Raises ValueError for a language that the catalogue does not have.
    """
    known = language(language_tag)
    return _filled(_document(known)["words"].get(text, text), known, parameters)


def entries(language_tag: str = "en") -> tuple[Entry, ...]:
    """Return every code with its general sentence, those of a subject beside each other.

    Raises ValueError for a language that the catalogue does not have.
    """
    return tuple(
        Entry(code, forms[0], tuple(dict.fromkeys(_PARAMETER.findall(" ".join(forms)))))
        for code, forms in _sentences(language(language_tag)).items()
    )


def _filled(text: str, known: str, parameters: Mapping[str, object]) -> str:
    """Put the values in; one that itself has braces is not read again."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        given = str(parameters[name])
        return word(given, known) if name in _TRANSLATED else given

    return _PARAMETER.sub(value, text)


@cache
def _sentences(known: str) -> Mapping[str, tuple[str, ...]]:
    return {
        code: (forms,) if isinstance(forms, str) else tuple(forms)
        for code, forms in _document(known)["sentences"].items()
    }


@cache
def _document(known: str) -> dict[str, Any]:
    data = files("coronapas.catalogue").joinpath(f"data/{known}.json").read_bytes()
    document: dict[str, Any] = json.loads(data)
    return document

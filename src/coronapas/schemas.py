"""The JSON Schemas that the project publishes, loaded by name.

They are in ``schemas/`` of the source tree and, in an installed wheel, in ``coronapas/_schemas``.
`load("facts")` returns the content of ``schemas/facts.schema.json``.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "load",
    "names",
]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_ENDING: Final = ".schema.json"


def load(name: str) -> dict[str, Any]:
    """Return the schema of that name, a new copy on every call.

    `name` is the path below ``schemas/``, with ``/`` between its parts and without
    ``.schema.json``. Raises LookupError if there is no such schema.
    """
    document: dict[str, Any] = json.loads(_read(name))
    return document


def names() -> tuple[str, ...]:
    """Return the names of all schemas, sorted."""
    return tuple(sorted(_walk(_folder(), "")))


@cache
def _read(name: str) -> bytes:
    if _NAME.fullmatch(name):
        found = _folder().joinpath(*f"{name}{_ENDING}".split("/"))
        if found.is_file():
            return found.read_bytes()
    raise LookupError("There is no schema of that name.")


@cache
def _folder() -> Traversable:
    """Return the folder of the wheel, or else that of the source tree."""
    installed = files("coronapas").joinpath("_schemas")
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[2] / "schemas"


def _walk(folder: Traversable, prefix: str) -> list[str]:
    found = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith(_ENDING):
            found.append(prefix + item.name.removesuffix(_ENDING))
    return found

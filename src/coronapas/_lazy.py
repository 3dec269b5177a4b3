"""Public names that are loaded when they are first used, from one table for each room.

A room's ``__init__`` is its door: it offers names that are defined in the private modules behind
it. Importing the door must stay cheap, and a module must be able to use a neighbour's door without
loading all that lies behind it; so a name's module is loaded when the name is first asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def attach(
    package: str, names: Mapping[str, str], *, rooms: str = ""
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` for a door.

    Args:
        package: The door's ``__name__``.
        names: For each module behind the door, relative to it, the names that it defines, separated
            by white space. ``read_sign1=read`` offers the module's ``read`` under another name.
        rooms: The names of sub-packages that are reached as attributes, separated by white space.

    A name that is not in the tables is an AttributeError, as for any module.

    """
    homes: dict[str, tuple[str, str]] = {}
    for module, listed_names in names.items():
        for entry in listed_names.split():
            name, _, defined = entry.partition("=")
            homes[name] = module, defined or name
    packages = frozenset(rooms.split())

    def load(name: str) -> object:
        if name in homes:
            module, defined = homes[name]
            value = getattr(import_module(f"{package}.{module}"), defined)
        elif name in packages:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *packages})

    return load, listed, sorted(homes)

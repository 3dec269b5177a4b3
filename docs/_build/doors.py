"""Let the reference show what the doors of coronapas offer.

The names of a door are loaded lazily at run time. Type checkers, and griffe with them, see the
imports under ``if TYPE_CHECKING`` instead, which a test holds equal to ``__all__``. This extension
makes those imports the exports of the door, so that each name is documented where callers import
it from, whatever private module defines it. It also gives named tuples and exceptions the
constructor that Python makes for them, which griffe does only for data classes, and attributes the
type of the parameter that they hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Doors(griffe.Extension):
    """Exports for each door of the package, and the constructors that griffe does not know."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Complete the package that was loaded."""
        for module in _modules(pkg):
            offered = sorted(
                member.name
                for member in module.members.values()
                if isinstance(member, griffe.Alias)
                and not member.name.startswith("_")
                and member.target_path.startswith(f"{module.path}._")
            )
            if offered and module.is_init_module:
                module.exports = list(offered)
            if module.docstring:
                # A literal block of reStructuredText is an indented block of Markdown.
                module.docstring.value = re.sub(
                    r"^(.*?):?:$",
                    lambda line: f"{line[1]}:" if line[1] else "",
                    module.docstring.value,
                    flags=re.MULTILINE,
                )
            for found in module.classes.values():
                if isinstance(found, griffe.Class):
                    _add_constructor(found)
                    _add_types(found)


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for child in module.modules.values():
        if isinstance(child, griffe.Module):
            yield from _modules(child)


def _add_constructor(found: griffe.Class) -> None:
    bases = {str(base).partition("[")[0].rpartition(".")[2] for base in found.bases}
    decorators = " ".join(str(decorator.value) for decorator in found.decorators)
    # griffe knows the constructors of data classes, and adds them after this extension has run.
    made = {"__init__", "__new__"} & set(found.all_members) or "dataclass" in decorators
    if made or bases & {"Protocol", "Enum", "StrEnum", "IntEnum", "Flag", "TypedDict"}:
        return
    parameters = [griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)]
    if "NamedTuple" in bases:
        parameters += [
            griffe.Parameter(
                name,
                annotation=field.annotation,
                kind=griffe.ParameterKind.positional_or_keyword,
                default=field.value,
            )
            for name, field in found.attributes.items()
            if "instance-attribute" in field.labels
        ]
    elif any(base.endswith(("Error", "Exception")) for base in bases):
        every = griffe.ParameterKind.var_positional
        parameters.append(griffe.Parameter("args", annotation="object", kind=every, default="()"))
    constructor = griffe.Function("__init__", parameters=griffe.Parameters(*parameters))
    found.set_member("__init__", constructor)


def _add_types(found: griffe.Class) -> None:
    constructor = found.members.get("__init__")
    if not isinstance(constructor, griffe.Function):
        return
    types = {parameter.name: parameter.annotation for parameter in constructor.parameters}
    for member in found.members.values():
        if isinstance(member, griffe.Attribute) and member.annotation is None:
            held = str(member.value)
            if held in types:
                member.annotation, member.value = types[held], None

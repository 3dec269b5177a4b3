"""The payload's rules as JSON Schemas: ``schemas/payload-<version>.schema.json``.

Written from the tables of `coronapas.dcc.schema`, so that the two cannot drift apart: a test holds
the files against `json_schema`, and both against the official releases where those are present.
After a change to the tables, ``python -m coronapas.dcc.schema_documents schemas`` writes the files
anew.

Implements the EU's DCC schema, releases 1.0.0 to 1.3.3 (JSON Schema draft 2020-12).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from coronapas.dcc.schema import RELEASES, Group, Record, Text, Whole, tree


def json_schema(version: str) -> dict[str, Any]:
    """The rules of one release as a JSON Schema; `version` is a key of `RELEASES`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"DCC payload, release {version}",
        "$comment": "Agrees with release "
        f"{version} of eu-dcc-schema; formats annotate and assert nothing.",
        **_of_record(tree(version)),
    }


def file_name(version: str) -> str:
    """The name under which the schema of a release lies in ``schemas/``."""
    return f"payload-{version}.schema.json"


def write(folder: Path) -> None:
    """Write the schema of every release into `folder`."""
    for version in RELEASES:
        text = json.dumps(json_schema(version), indent=2)
        (folder / file_name(version)).write_text(text + "\n", encoding="utf-8")


def _of(rule: Text | Whole | Record | Group) -> dict[str, Any]:
    match rule:
        case Text():
            return _of_text(rule)
        case Whole():
            most = {} if rule.most is None else {"maximum": rule.most}
            return {"type": "integer", "minimum": rule.least, **most}
        case Group():
            most = {} if rule.most is None else {"maxItems": rule.most}
            return {"type": "array", "minItems": 1, **most, "items": _of(rule.entry)}
        case _:
            return _of_record(rule)


def _of_text(rule: Text) -> dict[str, Any]:
    stated = {
        "maxLength": rule.longest,
        "pattern": None if rule.pattern is None else rule.pattern.pattern,
        "format": rule.format,
    }
    return {
        "type": "string",
        **{name: value for name, value in stated.items() if value is not None},
    }


def _of_record(rule: Record) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if rule.required:
        schema["required"] = list(rule.required)
    if rule.any_of:
        schema["anyOf"] = [{"required": [name]} for name in rule.any_of]
    if rule.one_of:
        schema["oneOf"] = [{"required": [name]} for name in rule.one_of]
    schema["properties"] = {name: _of(inner) for name, inner in rule.fields.items()}
    return schema


if __name__ == "__main__":
    write(Path(sys.argv[1]))

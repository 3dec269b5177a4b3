"""Make the test vectors: ``python testdata/make.py [--into FOLDER]`` (see README.md beside it).

Every vector is made from its recipe with the keys in `testdata/keys`, and the same at every run but
for what `making.files` names. A file that says the same already is left as it is, one without a
recipe is reported.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from making import (
    basic,
    claims,
    odd_certificates,
    odd_claims,
    odd_contents,
    odd_messages,
    odd_texts,
    ordinary,
)
from making.files import write
from making.recipe import Recipe, vector

HERE = Path(__file__).resolve().parent
CLAIMS = "claims.jsonl"
"""The vectors of WHO's claims, which the EU's format cannot hold."""


def recipes() -> dict[str, Recipe]:
    """Every recipe by the path of its file, relative to the folder of the vectors."""
    folders = {
        "basic": basic.recipes(),
        "tolerances": (
            *odd_texts.recipes(),
            *odd_messages.recipes(),
            *odd_claims.recipes(),
            *odd_certificates.recipes(),
            *odd_contents.recipes(),
        ),
        "ordinary": ordinary.recipes(),
    }
    pairs = [
        (f"{folder}/{recipe.name}.json", recipe)
        for folder, found in folders.items()
        for recipe in found
    ]
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("two recipes have one name")
    return made


def make(into: Path) -> tuple[int, tuple[str, ...]]:
    """Write every vector below `into`: how many were written, and the files without a recipe."""
    found = recipes()
    written = sum(write(into / name, vector(recipe)) for name, recipe in found.items())
    there = {path.relative_to(into).as_posix() for path in into.rglob("*.json")}
    return written, tuple(sorted(there - found.keys()))


def main() -> int:
    """Run from the command line; 1 where there are files without a recipe."""
    parser = argparse.ArgumentParser(description="Make the test vectors.")
    parser.add_argument("--into", type=Path, default=HERE, help="the folder to write to")
    into: Path = parser.parse_args().into
    written, strangers = make(into)
    written += claims.write(into / CLAIMS)
    sys.stdout.write(f"{len(recipes())} vectors, {written} written anew\n")
    for name in strangers:
        sys.stdout.write(f"{name} has no recipe\n")
    return 1 if strangers else 0


if __name__ == "__main__":
    sys.exit(main())

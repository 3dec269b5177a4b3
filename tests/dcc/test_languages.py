"""The tags of languages: which are good, and what is said of the others."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from coronapas.dcc._names import language_fault, load_tables, match_mrz, mrz_matches, transliterate
from coronapas.errors import FaultsError

SOURCE = json.loads(files("coronapas.dcc").joinpath("data/languages.json").read_text("utf-8"))
CODES = " ".join(SOURCE["codes"]).split()


@pytest.mark.parametrize("tag", [None, "uk", "UK", "sr-Latn", "sr_Cyrl_RS", "da", "el-x-private"])
def test_good_tags_are_good(tag: str | None) -> None:
    assert language_fault(tag) is None
    transliterate("Григорій", language=tag)


@pytest.mark.parametrize(
    ("tag", "code", "meant"),
    [
        ("ua", "language.unknown", "uk"),
        ("UA-x", "language.unknown", "uk"),
        ("by", "language.unknown", "be"),
        ("rs", "language.unknown", "sr"),
        ("ukr", "language.form", "uk"),
        ("dk_DK", "language.unknown", "da"),
        ("xx", "language.unknown", None),
        ("", "language.form", None),
        ("u", "language.form", None),
        ("uk-", "language.form", None),
        ("uk\n", "language.form", None),
        ("uk-abcdefghi", "language.form", None),
        ("\u03c5k", "language.form", None),
        ("u\u212a", "language.form", None),
        (5, "language.form", None),
        (["uk"], "language.form", None),
    ],
)
def test_other_tags_are_a_fault_that_names_what_was_probably_meant(
    tag: Any, code: str, meant: str | None
) -> None:
    fault = language_fault(tag)
    assert fault is not None
    assert (fault.field, fault.code) == ("language", code)
    assert fault.hint.startswith(f"{meant} is" if meant else "Give its code")


def test_no_name_hides_a_wrong_language() -> None:
    for name in ("Anna", "Григорій", "", "王"):
        with pytest.raises(FaultsError):
            transliterate(name, language="ua")
        for compare in (match_mrz, mrz_matches):
            with pytest.raises(FaultsError):
                compare(name, "", language="ua")


def test_the_list_has_each_language_once_and_those_with_exceptions() -> None:
    assert len(CODES) == len(set(CODES)) == 184
    assert all(len(code) == 2 and code.islower() for code in CODES)
    assert not set(SOURCE["meant"]) & set(CODES)
    assert set(SOURCE["meant"].values()) <= set(CODES)
    for language in ("be", "bg", "mk", "sr", "uk"):
        assert language in CODES
        assert load_tables(language) != load_tables("")

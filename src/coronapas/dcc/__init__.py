"""The EU payload (DCC): facts to claims and back, names, identifiers, value sets, schema check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.dcc._claims import build as build
    from coronapas.dcc._claims import notices as notices
    from coronapas.dcc._doses import lengths as lengths
    from coronapas.dcc._doses import misnumbering as misnumbering
    from coronapas.dcc._examiner import Examiner as Examiner
    from coronapas.dcc._examiner import examine as examine
    from coronapas.dcc._names import Alternatives as Alternatives
    from coronapas.dcc._names import MrzMatch as MrzMatch
    from coronapas.dcc._names import match_mrz as match_mrz
    from coronapas.dcc._names import mrz_matches as mrz_matches
    from coronapas.dcc._names import transliterate as transliterate
    from coronapas.dcc._reader import facts_of as facts_of
    from coronapas.dcc._schema import GROUPS as GROUPS
    from coronapas.dcc._schema import RELEASES as RELEASES
    from coronapas.dcc._schema import violations as violations
    from coronapas.dcc._scrutiny import ContentPolicy as ContentPolicy
    from coronapas.dcc._valuesets import MANUFACTURER as MANUFACTURER
    from coronapas.dcc._valuesets import PRODUCT as PRODUCT
    from coronapas.dcc._valuesets import TEST_DEVICE as TEST_DEVICE
    from coronapas.dcc._valuesets import ValueSet as ValueSet
    from coronapas.dcc._valuesets import ValueSets as ValueSets
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_claims": "build notices",
            "_scrutiny": "ContentPolicy",
            "_doses": "lengths misnumbering",
            "_examiner": "Examiner examine",
            "_names": "Alternatives MrzMatch match_mrz mrz_matches transliterate",
            "_reader": "facts_of",
            "_schema": "GROUPS RELEASES violations",
            "_valuesets": "MANUFACTURER PRODUCT TEST_DEVICE ValueSet ValueSets",
        },
    )

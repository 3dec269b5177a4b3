"""The EU payload (DCC): facts to claims and back, names, identifiers, value sets, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.dcc._chronology import Misnumbering as Misnumbering
    from coronapas.dcc._chronology import lengths as lengths
    from coronapas.dcc._chronology import misnumbering as misnumbering
    from coronapas.dcc._claims import ClaimTerms as ClaimTerms
    from coronapas.dcc._claims import build as build_dcc
    from coronapas.dcc._claims import faults as dcc_faults
    from coronapas.dcc._claims import notices as name_notices
    from coronapas.dcc._examiner import Examiner as Examiner
    from coronapas.dcc._examiner import examine as examine
    from coronapas.dcc._names import Alternatives as Alternatives
    from coronapas.dcc._names import Dropped as Dropped
    from coronapas.dcc._names import MrzMatch as MrzMatch
    from coronapas.dcc._names import Transliteration as Transliteration
    from coronapas.dcc._names import match_mrz as match_mrz
    from coronapas.dcc._names import mrz_matches as mrz_matches
    from coronapas.dcc._names import transliterate as transliterate
    from coronapas.dcc._reader import facts_of as facts_of
    from coronapas.dcc._schema import GROUPS as GROUPS
    from coronapas.dcc._schema import RELEASES as RELEASES
    from coronapas.dcc._schema import Release as SchemaRelease
    from coronapas.dcc._schema import Violation as Violation
    from coronapas.dcc._schema import violations as violations
    from coronapas.dcc._scrutiny import ContentPolicy as ContentPolicy
    from coronapas.dcc._uvci import Uvci as Uvci
    from coronapas.dcc._uvci import UvciForm as UvciForm
    from coronapas.dcc._uvci import checksum as uvci_checksum
    from coronapas.dcc._uvci import checksum_holds as uvci_checksum_holds
    from coronapas.dcc._uvci import make as make_uvci
    from coronapas.dcc._uvci import normalise as normalise_uvci
    from coronapas.dcc._uvci import parse as parse_uvci
    from coronapas.dcc._uvci import same as same_uvci
    from coronapas.dcc._valuesets import COUNTRY as COUNTRY
    from coronapas.dcc._valuesets import DISEASE as DISEASE
    from coronapas.dcc._valuesets import ENCODING as ENCODING
    from coronapas.dcc._valuesets import MANUFACTURER as MANUFACTURER
    from coronapas.dcc._valuesets import PRODUCT as PRODUCT
    from coronapas.dcc._valuesets import PROPHYLAXIS as PROPHYLAXIS
    from coronapas.dcc._valuesets import TEST_DEVICE as TEST_DEVICE
    from coronapas.dcc._valuesets import TEST_RESULT as TEST_RESULT
    from coronapas.dcc._valuesets import TEST_TYPE as TEST_TYPE
    from coronapas.dcc._valuesets import Entry as ValueSetEntry
    from coronapas.dcc._valuesets import Product as Product
    from coronapas.dcc._valuesets import ValueSet as ValueSet
    from coronapas.dcc._valuesets import ValueSets as ValueSets

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = [
        "SchemaRelease",
        "ValueSetEntry",
        "build_dcc",
        "dcc_faults",
        "make_uvci",
        "name_notices",
        "normalise_uvci",
        "parse_uvci",
        "same_uvci",
        "uvci_checksum",
        "uvci_checksum_holds",
    ]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_claims": "ClaimTerms build_dcc=build dcc_faults=faults name_notices=notices",
            "_scrutiny": "ContentPolicy",
            "_chronology": "Misnumbering lengths misnumbering",
            "_examiner": "Examiner examine",
            "_names": (
                "Alternatives Dropped MrzMatch Transliteration match_mrz mrz_matches transliterate"
            ),
            "_reader": "facts_of",
            "_schema": "GROUPS RELEASES SchemaRelease=Release Violation violations",
            "_uvci": (
                "Uvci UvciForm make_uvci=make normalise_uvci=normalise parse_uvci=parse "
                "same_uvci=same uvci_checksum=checksum uvci_checksum_holds=checksum_holds"
            ),
            "_valuesets": (
                "COUNTRY DISEASE ENCODING MANUFACTURER PRODUCT PROPHYLAXIS Product TEST_DEVICE "
                "TEST_RESULT TEST_TYPE ValueSet ValueSetEntry=Entry ValueSets"
            ),
        },
    )

"""Recognising an ordinary correct pass at once, so that only odd ones are examined piece by piece.

A `Recogniser` holds, for one release of the schema, the codes allowed in each field and one regular
expression for each kind of event, which the texts of a pass, joined by newlines, must match as a
whole. No text that it admits contains a newline, so that no text can pass for two. It knows only
passes with all four names, one event and no field more, in which `coronapas.dcc._examiner` finds
nothing, or nothing but a UVCI of another form (half of the passes in the field) and codes that are
not the product's (the early ones).

Implements no rule of its own: each expression is put together from the rules of its release.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc._dates import DATE, TIME
from coronapas.dcc._schema import GROUPS, RELEASES
from coronapas.dcc._text import CONTROLS, is_normal
from coronapas.facts import COVID_19, TestKind
from coronapas.tolerances import COUNTRIES, Deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coronapas.dcc._schema import Codes
    from coronapas.dcc._valuesets import Product

UVCI: Final = "URN:UVCI:01:[A-Z]{2}:[A-Z0-9]+(?:/[A-Z0-9]+){0,2}(?:#[A-Z0-9/:])?"
"""A regular expression for the exact form of the UVCI (eHN guidelines on the UVCI, annex 2).

The checksum after ``#`` is not computed: most real ones do not match.
"""


def odd_uvci(path: str) -> Deviation:
    """Report a UVCI that does not have the exact form."""
    return Deviation("content.uvci", path, "the UVCI does not have its usual form")


def misfits(
    products: Mapping[str, Product], product: object, vaccine: object, maker: object, path: str
) -> tuple[Deviation, ...]:
    """Report a ``vp`` or ``ma`` that is not the product's (value set of encoding instructions).

    `path` is that of the entry. A product without instructions fits everything.
    """
    known = products.get(product) if isinstance(product, str) else None
    if known is None:
        return ()
    allowed = (
        ("vp", vaccine, known.prophylaxis),
        ("ma", maker, () if known.manufacturer is None else (known.manufacturer,)),
    )
    return tuple(
        Deviation("content.product", f"{path}.{name}", "the code is not that of the product")
        for name, value, codes in allowed
        if codes and isinstance(value, str) and value and value not in codes
    )


_NAAT: Final = TestKind.NAAT.value  # a plain str compares faster than the enumeration's member
_COUNTRY: Final = re.compile("[A-Z]{1,10}")
_PLAIN: Final = re.compile("[!-~]+")
_ODD_UVCI: Final = {group: (odd_uvci(f"{group}.0.ci"),) for group in GROUPS}
_NONE: Final[frozenset[str]] = frozenset()


class Recogniser:
    """Recognises the ordinary correct passes of one release under given codes; immutable."""

    __slots__ = (
        "_centre_needed",
        "_codes_of_product",
        "_codes_r",
        "_codes_t",
        "_codes_v",
        "_kinds",
        "_longest",
        "_misfits",
        "_most",
        "_products",
        "_recovery",
        "_result_time",
        "_test",
        "_vaccination",
    )

    def __init__(
        self, release: str, codes: Codes, products: Mapping[str, Product] | None = None
    ) -> None:
        """Prepare for `release`, a key of `RELEASES`, the codes of its coded fields, and products.

        Of a product that is not among `products` nothing is said.
        """
        row = RELEASES[release]
        self._products: Mapping[str, Product] = {} if products is None else products
        # By product, kind of vaccine and manufacturer; each is of a value set, so they are few.
        self._misfits: dict[tuple[str, str, str], tuple[Deviation, ...]] = {}
        text, standard = _text(row.text_length), _standard(row.text_length)
        holder = (_birth_date(row.birth_date), text, text, standard, standard)
        uvci = f"(?:({UVCI})|{text})"
        self._longest = row.text_length
        moments = (DATE + TIME,) * (2 if row.result_time else 1)
        self._vaccination = _joined(*holder, DATE, text, uvci)
        self._test = _joined(*holder, *moments, _text(row.test_name_length), text, text, uvci)
        self._recovery = _joined(*holder, DATE, DATE, DATE, text, uvci)
        self._most = float("inf") if row.highest_dose is None else row.highest_dose
        self._result_time = row.result_time
        self._centre_needed = row.centre_required
        self._codes_v = tuple(_plain(codes["v"], name) for name in ("tg", "co"))
        self._codes_of_product = tuple(_plain(codes["v"], name) for name in ("mp", "vp", "ma"))
        self._codes_t = tuple(_plain(codes["t"], name) for name in ("tg", "ma", "tr", "co"))
        self._codes_r = tuple(_plain(codes["r"], name) for name in ("tg", "co"))
        kinds = frozenset(kind.value for kind in TestKind)
        self._kinds = kinds & codes["t"].get("tt", kinds)

    def examine(self, dcc: dict[str, Any]) -> tuple[Deviation, ...] | None:
        """Give the deviations of an ordinary pass: none, or a few kinds; None for other passes.

        `dcc` is a dict whose ``ver`` is this release. Raises TypeError or KeyError where a value is
        of another type, or missing.
        """
        nam = dcc["nam"]
        if len(dcc) != 4 or type(nam) is not dict or len(nam) != 4:
            return None
        if "v" in dcc:
            name, pattern, texts_of = "v", self._vaccination, self._vaccination_texts
        elif "t" in dcc:
            name, pattern, texts_of = "t", self._test, self._test_texts
        else:
            name, pattern, texts_of = "r", self._recovery, self._recovery_texts
        group = dcc[name]
        if type(group) is not list or len(group) != 1:
            return None
        entry = group[0]
        texts = texts_of(entry) if type(entry) is dict else None
        if texts is None:
            return None
        text = "\n".join((dcc["dob"], nam["fn"], nam["gn"], nam["fnt"], nam["gnt"], *texts))
        found = pattern(text)
        if found is None or not (text.isascii() or is_normal(text)):
            return None
        odd: tuple[Deviation, ...] = ()
        if not found.lastindex:
            odd = _ODD_UVCI[name]
        elif len(texts[-1]) > self._longest:
            return None
        if name == "v":
            return self._misfits[entry["mp"], entry["vp"], entry["ma"]] + odd
        return odd

    def _vaccination_texts(self, entry: dict[str, Any]) -> tuple[Any, ...] | None:
        """Give the texts of an entry whose codes, numbers and fields are in order, or None."""
        tg, co = self._codes_v
        dn, sd = entry["dn"], entry["sd"]
        triple = entry["mp"], entry["vp"], entry["ma"]
        if triple not in self._misfits:
            products, vaccines, makers = self._codes_of_product
            if not (triple[0] in products and triple[1] in vaccines and triple[2] in makers):
                return None
            self._misfits[triple] = misfits(self._products, *triple, "v.0")
        if (
            len(entry) == 10
            and type(dn) is int
            and type(sd) is int
            and 1 <= dn <= self._most
            and 1 <= sd <= self._most
            and entry["tg"] in tg
            and entry["co"] in co
        ):
            return entry["dt"], entry["is"], entry["ci"]
        return None

    def _test_texts(self, entry: dict[str, Any]) -> tuple[Any, ...] | None:
        """As for a vaccination; a good value stands for each optional text that is not there."""
        tg, ma, tr, co = self._codes_t
        kind, size, sampled = entry["tt"], len(entry), entry["sc"]
        result: tuple[Any, ...] = ()
        if self._result_time:
            result = (entry.get("dr", sampled),)
            size -= "dr" in entry
        if not (
            kind in self._kinds
            and entry["tg"] in tg
            and entry["tr"] in tr
            and entry["co"] in co
            and (size == 9 or size == 8)
        ):
            return None
        name = centre = "-"
        if kind == _NAAT:
            centre = entry["tc"]
            if size == 9:
                name = entry["nm"]
        elif entry["ma"] not in ma or (size == 8 and self._centre_needed):
            return None
        elif size == 9:
            centre = entry["tc"]
        return sampled, *result, name, centre, entry["is"], entry["ci"]

    def _recovery_texts(self, entry: dict[str, Any]) -> tuple[Any, ...] | None:
        """As for a vaccination; exact dates are in order when their texts are."""
        tg, co = self._codes_r
        df, du = entry["df"], entry["du"]
        if len(entry) == 7 and entry["tg"] in tg and entry["co"] in co and df <= du:
            return entry["fr"], df, du, entry["is"], entry["ci"]
        return None


def _joined(*parts: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile("\n".join(parts)).fullmatch


def _text(longest: int | None) -> str:
    """Build an expression for a text: not empty, no space around it, no controls in it."""
    most = "" if longest is None else longest
    return rf"(?!\s)[^{CONTROLS}]{{1,{most}}}(?<!\s)"


def _standard(longest: int) -> str:
    """Build an expression for a standardised name; one that begins with a filler is odd."""
    return f"[A-Z][A-Z<]{{0,{longest - 1}}}"


def _birth_date(pattern: str) -> str:
    """Build an expression for the birth dates that exist and that a release admits."""
    forms = [DATE]
    if re.search(pattern, "1990"):
        forms.append("[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?")
    known = f"(?=19|20)(?:{'|'.join(forms)})"
    return f"(?:{known}|)" if re.search(pattern, "") else known


def _plain(codes: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    """Give the codes of a field that are plain texts; others are left to the closer look."""
    if name == "tg":
        return codes.get(name, _NONE) & {COVID_19}
    if name == "co":
        return frozenset(code for code in codes.get(name, COUNTRIES) if _COUNTRY.fullmatch(code))
    return frozenset(code for code in codes.get(name, _NONE) if _PLAIN.fullmatch(code))

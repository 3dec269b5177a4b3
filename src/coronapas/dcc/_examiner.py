"""What in a pass's content departs from the strict rules of its release.

Implements the payload's rules beyond the JSON Schema: value-set membership, the fields of each kind
of test, real calendar dates, their order, the form of the UVCI, NFC (eHN guidelines on value sets
and on the UVCI; DCC schema). Every departure is a `Deviation` whose code names the tolerance that
forgives it; what `coronapas.tolerances.FIELD` does not list, such as two events in one pass, is no
less a deviation.

An ordinary correct pass, by far the most frequent case, is recognised as such by one regular
expression over its joined texts and a few look-ups (`coronapas.dcc._examiner`); only others are
examined piece by piece. The two agree: what is ordinary has no deviation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc._schema import (
    GROUPS,
    RELEASES,
    codes_for,
    field_names,
    release_for,
    version_number,
    violations,
)
from coronapas.dcc._text import (
    CONTROLS,
    DATE,
    TIME,
    is_normal,
    normal,
    read_birth_date,
    read_date,
    read_moment,
)
from coronapas.facts import COVID_19, TestKind
from coronapas.tolerances import COUNTRIES, Deviation, _step

if TYPE_CHECKING:
    from coronapas.dcc._schema import Codes, Violation
    from coronapas.dcc._valuesets import Product, ValueSets

# Recognising an ordinary correct pass at once, so that only odd ones are examined piece by piece.
#
# A `Recogniser` holds, for one release of the schema, the codes allowed in each field and one
# regular expression for each kind of event, which the texts of a pass, joined by newlines, must
# match as a whole. No text that it admits contains a newline, so that no text can pass for two.
# It knows only passes with all four names, one event and no field more, in which
# `coronapas.dcc._examiner` finds nothing, or nothing but a UVCI of another form (half of the
# passes in the field) and codes that are not the product's (the early ones).
#
# Implements no rule of its own: each expression is put together from the rules of its release.

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
        text, standard = _recogniser_text(row.text_length), _standard(row.text_length)
        holder = (_birth_date(row.birth_date), text, text, standard, standard)
        uvci = f"(?:({UVCI})|{text})"
        self._longest = row.text_length
        moments = (DATE + TIME,) * (2 if row.result_time else 1)
        self._vaccination = _joined(*holder, DATE, text, uvci)
        self._test = _joined(
            *holder, *moments, _recogniser_text(row.test_name_length), text, text, uvci
        )
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


def _recogniser_text(longest: int | None) -> str:
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


# A decoded DCC made even: what real passes carry around the values is taken off, and reported.
#
# Takes off white space around texts, null and empty fields that may be absent, null and empty
# groups next to a real one, and fields that no release names; brings texts to NFC and whole floats
# to integers. What is left is the content that the rules of the schema and the readers of values
# are asked about, so that each oddity is reported once, under its own name.
#
# Implements the payload's chapter "absent fields are left out, never empty or null" and NFC (DCC
# schema, hcert-spec 3.3), in the direction of reading.

MOST_REPORTS: Final = 128
"""No more deviations than this, each another one, are kept: a hostile DCC costs little."""

_CONTROL: Final = re.compile(f"[{CONTROLS}]")
_NAME_FIELDS: Final = frozenset({"fn", "gn", "fnt", "gnt"})
_OPTIONAL: Final = frozenset({"nm", "ma", "tc", "dr"})
_MAY_BE_NULL: Final = {"nam": _NAME_FIELDS, "t": _OPTIONAL}
_MAY_GO_WHEN_EMPTY: Final = {"nam": frozenset({"fn", "gn"}), "t": _OPTIONAL}
_MUST_SAY_SOMETHING: Final = frozenset({"is", "ci", "fnt", "gnt"})
_DOSES: Final = frozenset({"dn", "sd"})
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Tidy:
    """A DCC made even, with the deviations met on the way.

    `release` is the version of the release by which the DCC is judged.
    """

    dcc: dict[str, Any] = field(repr=False)
    release: str
    deviations: tuple[Deviation, ...]

    @property
    def entries(self) -> list[tuple[str, str, Any]]:
        """Every entry of every group, as (group, path, entry); an entry may be of any type."""
        return [
            (group, f"{group}.{index}", entry)
            for group in GROUPS
            if isinstance(self.dcc.get(group), list)
            for index, entry in enumerate(self.dcc[group])
        ]


def tidy(dcc: Mapping[Any, Any]) -> Tidy:
    """Make a decoded DCC even; never raises, and leaves the given one as it is."""
    out: list[Deviation] = []
    version = dcc.get("ver")
    release = release_for(version.strip() if isinstance(version, str) else version).version
    known = field_names(release)
    result = _record(dcc, known[""], "", "", out)
    if isinstance(result.get("nam"), Mapping):
        result["nam"] = _record(result["nam"], known["nam"], "nam", "nam", out)
    empty = []
    for group in GROUPS:
        value = result.get(group)
        if isinstance(value, list | tuple) and value:
            result[group] = [
                _record(entry, known[group], group, f"{group}.{index}", out)
                if isinstance(entry, Mapping)
                else entry
                for index, entry in enumerate(value)
            ]
        elif group in result and (value is None or isinstance(value, list | tuple)):
            empty.append(group)
    if any(isinstance(result.get(group), list) and result[group] for group in GROUPS):
        for group in empty:
            del result[group]
            _report(out, "content.null-group", group, "the group is null or empty")
    return Tidy(result, release, tuple(out))


def _record(
    record: Mapping[Any, Any], known: frozenset[str], kind: str, path: str, out: list[Deviation]
) -> dict[str, Any]:
    """Make the values of one object even; `kind` is ``nam``, a group, or empty at the top."""
    result: dict[str, Any] = {}
    for name, value in record.items():
        if not isinstance(name, str) or name not in known:
            _unknown(name, path, out)
            continue
        where = f"{path}.{name}" if path else name
        if value is None and name in _MAY_BE_NULL.get(kind, _NOTHING):
            _report(out, "content.null-field", where, "the field is null")
        elif isinstance(value, str):
            text = _text(value, where, out)
            absent = not text and name in _MAY_GO_WHEN_EMPTY.get(kind, _NOTHING)
            if absent or (not text and name in _MUST_SAY_SOMETHING):
                _report(out, "content.empty-field", where, "the field is empty")
            if not absent:
                result[name] = text
        elif isinstance(value, float) and value.is_integer() and name in _DOSES:
            _report(
                out, "content.whole-float", where, "the number is a whole floating-point number"
            )
            result[name] = int(value)
        else:
            result[name] = value
    return result


def may_be_absent(kind: str, name: str, value: object) -> bool:
    """Whether a null or empty value of a field says no more than its absence.

    `kind` is ``nam`` or a group.
    """
    if value is None:
        return name in _MAY_BE_NULL.get(kind, _NOTHING)
    return value == "" and name in _MAY_GO_WHEN_EMPTY.get(kind, _NOTHING)


def _text(value: str, path: str, out: list[Deviation]) -> str:
    text = value.strip()
    if text != value:
        _report(out, "content.whitespace", path, "white space surrounds the text")
    if _CONTROL.search(text):
        _report(out, "content.control-character", path, "the text contains a control character")
    if text.isascii() or is_normal(text):
        return text
    _report(out, "content.not-nfc", path, "the text is not in Unicode's normal form NFC")
    return normal(text)


def _unknown(name: object, path: str, out: list[Deviation]) -> None:
    """Report a field that the release does not name."""
    where = f"{path}.{_step(name)}" if path else _step(name)
    _report(out, "content.unknown-field", where, "the release of the schema has no such field")


def _report(out: list[Deviation], code: str, path: str, note: str) -> None:
    found = Deviation(code, path, note)
    if len(out) < MOST_REPORTS and found not in out:
        out.append(found)


MOST_DEVIATIONS: Final = 64
"""No more deviations than this are listed for one DCC; the last then says that there are more."""

_UVCI: Final = re.compile(UVCI)
_NAMES: Final = ("fn", "gn", "fnt", "gnt")
_DATES: Final = {"v": ("dt",), "t": (), "r": ("fr", "df", "du")}
_MOMENTS: Final = {"v": (), "t": ("sc", "dr"), "r": ()}

NOTES: Final = {
    "content.birth-date": "the release does not admit a date of birth in this form",
    "content.date": "the date or time does not exist, or its form cannot be read",
    "content.date-with-time": "the date is followed by a time",
    "content.date-time-form": "the date-time is not of the form YYYY-MM-DDThh:mm:ss with a zone",
    "content.date-time-offset": "the offset is not of the form +hh:mm",
    "content.date-time-zone": "the date-time has no zone and is read as UTC",
    "content.value-set": "the code is not in the value set at hand",
    "content.disease": "the pass is about another disease than COVID-19",
    "content.length": "the text is longer than the release admits",
    "content.name-alphabet": "the standardised name holds characters other than A-Z and <",
    "content.dose-limit": "the number is higher than the release admits",
}
"""What a deviation found in a single value says, by its code."""

_BY_KEYWORD: Final = {
    ("maxLength", "*"): "content.length",
    ("maximum", "*"): "content.dose-limit",
    ("pattern", "fnt"): "content.name-alphabet",
    ("pattern", "gnt"): "content.name-alphabet",
    ("pattern", "co"): "content.value-set",
    ("required", "tc"): "content.centre-missing",
}
"""The tolerance for a violation of the schema, by keyword and field; else it is content.schema."""


def wrong_count(count: int) -> Deviation:
    """Report a number of events that is not 1."""
    if count == 0:
        return Deviation("content.no-event", "", "the pass states no event")
    return Deviation("content.several-events", "", f"the pass states {count} events")


class _Recognisers(dict[str, Callable[[dict[str, Any]], tuple[Deviation, ...] | None]]):
    """The recogniser of each release, made when first asked for: making all takes long."""

    def __init__(self, codes: Mapping[str, Codes], products: Mapping[str, Product]) -> None:
        super().__init__()
        self._codes = codes
        self._products = products

    def __missing__(self, release: str) -> Callable[[dict[str, Any]], tuple[Deviation, ...] | None]:
        made = self[release] = Recogniser(release, self._codes[release], self._products).examine
        return made


class Examiner:
    """Examines the content of passes against given value sets; made once and used often."""

    __slots__ = ("_codes", "_products", "_recognisers")

    def __init__(self, value_sets: ValueSets) -> None:
        """Prepare for the value sets against which codes are judged, inactive codes included."""
        self._codes = {release: codes_for(release, value_sets) for release in RELEASES}
        self._products = dict(value_sets.products)
        self._recognisers = _Recognisers(self._codes, self._products)

    def examine(self, dcc: object) -> tuple[Deviation, ...]:
        """Everything in which a decoded DCC departs from the strict rules of its release.

        Empty for a correct one. Any object may be given: this never raises. At most
        `MOST_DEVIATIONS` are listed.
        """
        try:
            found = self._recognisers[dcc["ver"]](dcc) if type(dcc) is dict else None
        except (KeyError, TypeError):
            found = None
        return self.examine_closely(dcc) if found is None else found

    def examine_closely(self, dcc: object) -> tuple[Deviation, ...]:
        """As `examine`, and with the same result, but always piece by piece."""
        if not isinstance(dcc, Mapping):
            return (Deviation("content.schema", "", "the payload is not an object"),)
        even = tidy(dcc)
        look = _Look(even, self._codes[even.release], self._products)
        look.version(dcc.get("ver"))
        look.events()
        look.birth_date()
        look.entries()
        look.schema()
        found = tuple(dict.fromkeys((*even.deviations, *look.out)))
        if len(found) <= MOST_DEVIATIONS:
            return found
        more = Deviation("content.schema", "", "there are more deviations than are listed")
        return (*found[: MOST_DEVIATIONS - 1], more)


@cache
def default_examiner() -> Examiner:
    """Give the examiner for the bundled value sets; made once."""
    from coronapas.dcc._valuesets import ValueSets

    return Examiner(ValueSets.default())


def examine(dcc: object) -> tuple[Deviation, ...]:
    """Examine a decoded DCC against the bundled value sets: see `Examiner.examine`."""
    return default_examiner().examine(dcc)


class _Look:
    """One close look at one DCC; every method adds to `out` what it finds."""

    def __init__(self, even: Tidy, codes: Codes, products: Mapping[str, Product]) -> None:
        self.even = even
        self.codes = codes
        self.products = products
        self.out: list[Deviation] = []
        self.miscounted = False

    def report(self, code: str, path: str, note: str | None = None) -> None:
        self.out.append(Deviation(code, path, NOTES[code] if note is None else note))

    def version(self, stated: object) -> None:
        if not isinstance(stated, str) or stated.strip() in RELEASES:
            return
        number = version_number(stated.strip())
        known = number is not None and number[0] == 1
        code = "content.version" if known else "content.version-unknown"
        self.report(code, "ver", f"there is no such release; {self.even.release} is applied")

    def events(self) -> None:
        count = len(self.even.entries)
        self.miscounted = count != 1
        if self.miscounted:
            self.out.append(wrong_count(count))

    def birth_date(self) -> None:
        text = self.even.dcc.get("dob")
        if isinstance(text, str):
            for code in read_birth_date(text)[1]:
                self.report(code, "dob")

    def entries(self) -> None:
        for group, path, entry in self.even.entries[:MOST_DEVIATIONS]:
            if isinstance(entry, dict):
                self._values(group, path, entry)
                if group == "t":
                    self._test(path, entry)
                elif group == "r":
                    self._recovery(path, entry)

    def _values(self, group: str, path: str, entry: dict[str, Any]) -> None:
        for name, codes in self.codes[group].items():
            value = entry.get(name)
            if not isinstance(value, str) or value in codes:
                continue
            if not value:
                self.report("content.schema", f"{path}.{name}", "the field is empty")
            else:
                self.report("content.value-set", f"{path}.{name}")
        disease = entry.get("tg")
        if isinstance(disease, str) and disease not in ("", COVID_19):
            self.report("content.disease", f"{path}.tg")
        if group == "v":
            product, vaccine, maker = map(entry.get, ("mp", "vp", "ma"))
            self.out += misfits(self.products, product, vaccine, maker, path)
        for names, read in ((_DATES[group], read_date), (_MOMENTS[group], read_moment)):
            for name in names:
                value = entry.get(name)
                for code in read(value)[1] if isinstance(value, str) else ():
                    self.report(code, f"{path}.{name}")
        uvci = entry.get("ci")
        if isinstance(uvci, str) and uvci and _UVCI.fullmatch(uvci) is None:
            self.out.append(odd_uvci(f"{path}.ci"))

    def _test(self, path: str, entry: dict[str, Any]) -> None:
        """Check the fields of each kind of test (eHN value sets, on tt, nm, ma and tc)."""
        kind = entry.get("tt")
        if kind == TestKind.NAAT:
            if "ma" in entry:
                self.report("content.test-fields", f"{path}.ma", "a NAAT must not state a device")
            if "tc" not in entry:
                self._missing_centre(f"{path}.tc")
        elif kind == TestKind.RAT:
            if "nm" in entry:
                self.report("content.test-fields", f"{path}.nm", "a RAT must not state a test name")
            if "ma" not in entry:
                self.report("content.test-fields", f"{path}.ma", "a RAT must state its device")

    def _missing_centre(self, path: str) -> None:
        self.report("content.centre-missing", path, "the test centre is missing")

    def _recovery(self, path: str, entry: dict[str, Any]) -> None:
        start, end = (
            read_date(value)[0] if isinstance(value, str) else None
            for value in (entry.get("df"), entry.get("du"))
        )
        if start and end and start > end:
            self.report("content.date-order", f"{path}.du", "the validity ends before it starts")

    def schema(self) -> None:
        for violation in violations(self.even.dcc, self.even.release):
            self._violation(violation, violation.path.rpartition(".")[2])
        nam = self.even.dcc.get("nam")
        if isinstance(nam, dict) and not any(map(_says_something, map(nam.get, _NAMES))):
            self.report("content.no-name", "nam", "the pass states no name")

    def _violation(self, found: Violation, name: str) -> None:
        """Report a violation of the schema, unless a closer word for it has been said."""
        code = _BY_KEYWORD.get((found.keyword, name)) or _BY_KEYWORD.get((found.keyword, "*"))
        if code == "content.centre-missing":
            self._missing_centre(found.path)
        elif code is not None:
            self.report(code, found.path)
        elif found.keyword == "pattern" and name == "dob":
            if not any(each.field == "dob" for each in self.out):
                self.report("content.birth-date", "dob")
        elif found.keyword == "required" and name == "fnt" and self._given_name_stands_in():
            self.report("content.surname-missing", found.path, found.problem)
        elif not (
            (found.keyword in ("oneOf", "minItems", "maxItems") and self.miscounted)
            or (found.keyword == "pattern" and name == "ver")
        ):
            self.report("content.schema", found.path, found.problem)

    def _given_name_stands_in(self) -> bool:
        nam = self.even.dcc.get("nam")
        return isinstance(nam, dict) and bool(nam.get("gnt"))


def _says_something(name: object) -> bool:
    """Whether a name has more in it than fillers; a value of another type is another fault."""
    return bool(name.strip("< ") if isinstance(name, str) else name)

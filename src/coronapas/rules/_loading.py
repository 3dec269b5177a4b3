"""Rules from folders, lists, the gateway and verifier services; and which of them judge a pass.

- A folder: every ``rule.json`` below it (``<country>/<rule>/rule.json``, as the public rules lie),
  and every other JSON file that holds a rule or a list of rules. Folders named ``tests`` are not
  looked into.
- The gateway gives, by identifier, the versions of a rule, each with its dates and a CMS message
  that carries the JSON. Verifying the message is the caller's: `from_gateway` takes a function.
- The verifier services give a list of {identifier, version, country, hash}, and each rule by its
  hash, the SHA-256 of its bytes. (Recalled, not sourced.)

Nothing is lost silently: what was meant as a rule and cannot be read is among `unread`, with its
faults, and keeps the verdicts on its country from being PASS; a file that is no rule is among
`passed_over`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json, files
from coronapas.dcc._valuesets import COUNTRY, ValueSets
from coronapas.errors import CoronapasError, Fault, RuleError
from coronapas.rules import _model as model
from coronapas.rules._model import RuleType, read_rule

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Iterable,
        Iterator,
        Mapping,
    )
    from datetime import datetime

    from coronapas.rules._model import CertificateType, Rule

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest file, in bytes, inclusive: a national service's whole list is below 1 MiB."""

MAX_RULES: Final = 100_000
"""The most rules of one source."""

RULE_FILE: Final = "rule.json"
TESTS_FOLDER: Final = "tests"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something meant as a rule that could not be read.

    `place` is the file, with the position in it where it holds several, or the identifier.
    `country` and `type` are None where nothing tells them: they may be any. Where the content does
    not state them, the name of the rule's folder or file does (``MT/VR-MT-0001/rule.json``).
    """

    place: str
    country: str | None
    faults: tuple[Fault, ...]
    """Why it could not be read."""
    type: RuleType | None = None

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(str(fault) for fault in self.faults)}"

    def concerns(self, country: str, issuer_country: str | None) -> bool:
        """Return whether it may judge a pass of `issuer_country` (None: not known) in `country`."""
        accepts = self.country in (None, country)
        invalidates = self.country is None or issuer_country in (None, self.country)
        if self.type is None:
            return accepts or invalidates
        return accepts if self.type is RuleType.ACCEPTANCE else invalidates

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        faults = [
            {"field": fault.field, "code": fault.code, "problem": fault.problem, "hint": fault.hint}
            for fault in self.faults
        ]
        return {"place": self.place, "country": self.country, "faults": faults}


@dataclass(slots=True)
class Loaded:
    """What was found so far, in order."""

    rules: list[Rule] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def add(self, document: object, place: str) -> None:
        """Read one rule, or a list of rules."""
        if isinstance(document, list):
            for number, each in enumerate(document):
                self.add_one(each, f"{place}[{number}]")
        else:
            self.add_one(document, place)

    def add_one(self, document: object, place: str) -> None:
        """Read one rule."""
        if len(self.rules) >= MAX_RULES:
            raise RuleError([_fault("rule.too-many", f"There are more than {MAX_RULES} rules.")])
        try:
            self.rules.append(read_rule(document))
        except RuleError as error:
            self.unread.append(_named(_unread(document, place, error)))

    def refuse(self, place: str, code: str, problem: str, country: str | None = None) -> None:
        """Keep account of what cannot even be parsed."""
        self.unread.append(_named(Unread(place, country, (_fault(code, problem),))))


def from_folder(folder: Path) -> Loaded:
    """Read every rule below a folder, ordered by path; OSError where it cannot be read."""
    found = Loaded()
    for path in rule_files(folder):
        place = path.relative_to(folder).as_posix()
        try:
            document = parse(content(path))
        except (ValueError, OSError) as error:
            found.refuse(place, "rule.json", _problem(error))
            continue
        meant = path.name == RULE_FILE or model.looks_like_rule(document)
        if meant or _is_list_of_rules(document):
            found.add(document, place)
        else:
            found.passed_over.append(place)
    return found


def rule_files(folder: Path) -> Iterator[Path]:
    """Yield the JSON files below a folder, except those of tests, ordered by path."""
    # Path.rglob says nothing of a folder that is absent or may not be read.
    os.listdir(folder)
    for path in sorted(folder.rglob("*.json")):
        below = path.relative_to(folder).parts[:-1]
        if TESTS_FOLDER not in below and path.is_file():
            yield path


def from_file(path: Path) -> Loaded:
    """Read the rule, or the rules, of one file; OSError where it cannot be read."""
    return from_json(content(path), path.name)


def from_json(data: bytes | str, place: str = "rules") -> Loaded:
    """Read the rule, or the list of rules, of a JSON text."""
    found = Loaded()
    try:
        document = parse(data)
    except ValueError as error:
        found.refuse(place, "rule.json", str(error))
        return found
    found.add(document, place)
    return found


def from_gateway(document: Mapping[str, Any], content_of: Callable[[str], bytes | str]) -> Loaded:
    """Read the gateway's answer ``{identifier: [{version, validFrom, validTo, cms}]}``.

    `content_of` gives the JSON that a CMS message (base64) carries once its signature has been
    verified against the country's upload certificate; where it raises a `CoronapasError` the rule
    is unread.
    """
    found = Loaded()
    for identifier, versions in document.items():
        country = _country_of_identifier(identifier)
        for number, entry in enumerate(versions if isinstance(versions, list) else [versions]):
            place = f"{identifier}[{number}]"
            cms = entry.get("cms") if isinstance(entry, dict) else None
            if not isinstance(cms, str):
                found.refuse(place, "rule.cms", "There is no CMS message.", country)
                continue
            try:
                data = content_of(cms)
            except CoronapasError as error:
                found.refuse(place, "rule.signature", str(error), country)
                continue
            _add_text(found, data, place, country)
    return found


def from_service(index: Iterable[Mapping[str, Any]], bodies: Mapping[str, bytes | str]) -> Loaded:
    """Read the rules of a verifier service: its list, and the body of each rule by its hash.

    A body whose SHA-256 is not the hash, or that is missing, is unread.
    """
    found = Loaded()
    for number, entry in enumerate(index):
        known = entry if isinstance(entry, dict) else {}
        digest, country = str(known.get("hash", "")), known.get("country")
        place = str(known.get("identifier", f"[{number}]"))
        country = country.upper() if isinstance(country, str) else None
        body = bodies.get(digest)
        if body is None:
            found.refuse(place, "rule.missing", "The rule itself is missing.", country)
            continue
        data = body.encode() if isinstance(body, str) else body
        if hashlib.sha256(data).hexdigest() != digest.lower():
            found.refuse(place, "rule.hash", "The rule is not the one that is listed.", country)
            continue
        _add_text(found, data, place, country)
    return found


def write(rules: Iterable[Rule], folder: Path) -> None:
    """Write rules as ``<country>/<identifier>/rule.json``.

    Where an identifier has several versions (or regions), each has a folder below it named after
    them. ValueError where two rules would have one file, or a name would lead out of the folder.
    """
    grouped: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        grouped.setdefault((rule.country, rule.identifier), []).append(rule)
    texts: dict[Path, Rule] = {}
    for names, versions in grouped.items():
        for rule in versions:
            parts = [*names]
            if len(versions) > 1:
                parts.append("-".join(filter(None, (str(rule.version), rule.region))))
            if not all(_is_plain(part) for part in parts):
                raise ValueError("An identifier, a country or a region that names no folder.")
            path = folder.joinpath(*parts, RULE_FILE)
            if path in texts:
                raise ValueError(f"There are two rules {rule} of one country and region.")
            texts[path] = rule
    for path, rule in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(rule.to_json(), ensure_ascii=False, indent=2)
        files.write(path, f"{text}\n".encode())


def content(path: Path) -> bytes:
    """Return the bytes of a file, of which more than `MAX_BYTES` are not read."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_json(path: Path) -> object:
    """Return the JSON of a file, read as strictly as rules are.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not JSON, or too large; the message says why.

    """
    return parse(content(path))


def parse(data: bytes | str) -> object:
    """JSON, with or without a byte-order mark; raises ValueError that says what is wrong.

    Two members of one name, and numbers that are none (NaN), are refused: two readers could read
    different rules.
    """
    try:
        return _json.load(data, limit=MAX_BYTES)
    except _json.JsonError as error:
        raise ValueError(f"The file cannot be read: {error}.") from None


def _add_text(found: Loaded, data: bytes | str, place: str, country: str | None) -> None:
    try:
        document = parse(data)
    except ValueError as error:
        found.refuse(place, "rule.json", str(error), country)
    else:
        found.add_one(document, place)


def _is_list_of_rules(document: object) -> bool:
    return (
        isinstance(document, list)
        and bool(document)
        and any(model.looks_like_rule(each) for each in document)
    )


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and not any(sign in name for sign in "/\\:\0")


def _unread(document: object, place: str, error: RuleError) -> Unread:
    """Return an unreadable rule, with what is known of it."""
    named = model.canonical(document)[0] if isinstance(document, dict) else {}
    country, kind = named.get("Country"), named.get("Type")
    known = country.strip().upper() or None if isinstance(country, str) else None
    if known is None and "Identifier" in named:
        known = _country_of_identifier(named["Identifier"])
    try:
        return Unread(place, known, error.faults, model.one_of(kind, RuleType))
    except ValueError:
        return Unread(place, known, error.faults)


def _country_of_identifier(identifier: str) -> str | None:
    parts = str(identifier).split("-")
    return parts[1].upper() if len(parts) == 3 and len(parts[1]) == 2 else None


# "VR-MT-0001" (a rule's identifier, DCC Validation Rules 1.0, chapter 3.1): the first letters are
# GR, VR, TR and RR for acceptance (general, vaccination, test, recovery) and IR for invalidation.
_IDENTIFIER: Final = re.compile(
    r"(?<![A-Za-z])(?:([GVTR])R|IR)-([A-Za-z]{2})-[0-9]{1,5}(?![0-9])", re.IGNORECASE
)


def _named(unread: Unread) -> Unread:
    """Return an unreadable rule with the country and type that its folder and name tell.

    They are taken where the content does not state them. Names that contradict each other tell
    nothing: the rule then may be any country's.
    """
    identifiers = list(_IDENTIFIER.finditer(unread.place))
    *folders, _ = unread.place.split("/")
    countries = {found[2].upper() for found in identifiers}
    countries |= {name for name in folders if _is_country(name)}
    types = {RuleType.ACCEPTANCE if found[1] else RuleType.INVALIDATION for found in identifiers}
    country, kind = unread.country, unread.type
    if country is None and len(countries) == 1 and all(map(_is_country, countries)):
        (country,) = countries
    if kind is None and len(types) == 1:
        (kind,) = types
    return replace(unread, country=country, type=kind)


def _is_country(name: str) -> bool:
    return name == "EU" or ValueSets.default().code(COUNTRY, name) is not None


def _problem(error: ValueError | OSError) -> str:
    if isinstance(error, OSError):
        return f"The file cannot be read: {error.strerror or error}."
    return str(error)


def _fault(code: str, problem: str) -> Fault:
    return Fault("", code, problem, "Load a sound copy of it.")


# Which rules judge a pass (EU DCC business rules, “rule selection”).
#
# The reference implementations disagree; what is taken here, and what `Policy` can switch:
#
# - Time: ``ValidFrom ≤ t < ValidTo``. With the end included, two versions of a rule that follow
#   each other would both be in force for an instant. (`end_included`)
# - Version: of each identifier the highest semantic version *among those valid at that time*, so
#   that a version whose time has not come does not silence the one in force.
# - Kind of pass: the rules for what the pass states, and the general ones. (`by_certificate_type`)
# - Region: in a region its own rules and those of the whole country count; without a region those
#   of the whole country. (`country_wide_in_regions`)
# - Acceptance rules are those of the country of arrival, invalidation rules those of the country of
#   issue. Where that is not known, the invalidation rules of all countries are selected, and each
#   is OPEN.
# - Of two rules with one identifier and equal versions the one with the later ``ValidFrom`` counts,
#   then the one given last.


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices that a deployment may need to make differently.

    `end_included`: a rule counts at its ``ValidTo`` too. `by_certificate_type`: rules for another
    kind of pass are left out. `country_wide_in_regions`: rules of the whole country count in its
    regions. `true_invalidates`: an invalidation rule that holds says that the pass is invalid; set
    to false, that it is valid. `truthiness`: a result that is neither true nor false counts by its
    truth in place of being OPEN. `schema_versions`: a rule for a later schema than the payload's,
    or of another major version, is OPEN. `unread_is_open`: rules that could not be read, and may be
    the country's, keep the verdict from being PASS.
    """

    end_included: bool = False
    by_certificate_type: bool = True
    country_wide_in_regions: bool = True
    true_invalidates: bool = True
    truthiness: bool = False
    schema_versions: bool = True
    unread_is_open: bool = True


DEFAULT: Final = Policy()

KOTLIN: Final = Policy(end_included=True, country_wide_in_regions=False, true_invalidates=False)
"""As the reference's Kotlin engine decides (but for its comparison of versions by position)."""

JAVASCRIPT: Final = Policy(
    by_certificate_type=False, truthiness=True, schema_versions=False, unread_is_open=False
)
"""As the reference's JavaScript utilities decide (which know no regions)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom the rules are asked for: what selects them, but for the time.

    `kinds` are the kinds of what the pass states. `issuer_country` None means that the country of
    issue is not known.
    """

    country: str
    """The country of arrival, whose acceptance rules count."""
    kinds: frozenset[CertificateType]
    issuer_country: str | None = None
    region: str | None = None
    """The region of that country; None for the whole."""

    def __post_init__(self) -> None:
        for name in ("country", "issuer_country", "region"):
            value = getattr(self, name)
            object.__setattr__(self, name, value.strip().upper() or None if value else None)
        if self.country is None:
            raise ValueError("the country must not be empty")

    def takes(self, rule: Rule, policy: Policy = DEFAULT) -> bool:
        """Return whether the rule judges in this scope, at whatever time."""
        if policy.by_certificate_type and not rule.covers(self.kinds):
            return False
        if rule.type is RuleType.INVALIDATION:
            # Of the region in which the pass was issued nothing is known.
            return self.issuer_country in (None, rule.country)
        if rule.country != self.country:
            return False
        if rule.region is None:
            return self.region is None or policy.country_wide_in_regions
        return rule.region == self.region


@dataclass(frozen=True, slots=True)
class Candidates:
    """All rules, in all their versions, that some moment may select."""

    rules: tuple[Rule, ...]
    """The rules."""
    policy: Policy = DEFAULT
    """How one of several versions is selected."""

    def at(self, moment: datetime) -> tuple[Rule, ...]:
        """Return the rules that judge at a moment, in the order of the set.

        General rules do not come first: the order is that of loading, which is that of the paths.
        """
        best: dict[tuple[RuleType, str], Rule] = {}
        included = self.policy.end_included
        for rule in self.rules:
            if not rule.valid_at(moment, end_included=included):
                continue
            key = rule.type, rule.identifier
            other = best.get(key)
            if other is None or not _prevails(other, rule):
                best[key] = rule
        return tuple(best.values())

    @property
    def bounds(self) -> tuple[datetime, ...]:
        """The moments at which the selection may change, ascending: the rules' own bounds.

        Between two neighbours it is the same. A rule's start belongs to what follows it, and so
        does its end, unless the policy includes it.
        """
        return tuple(sorted({time for rule in self.rules for time in _times(rule)}))


def candidates(rules: Iterable[Rule], scope: Scope, policy: Policy = DEFAULT) -> Candidates:
    """Return the rules that the scope takes, whatever the time."""
    return Candidates(tuple(rule for rule in rules if scope.takes(rule, policy)), policy)


def _times(rule: Rule) -> tuple[datetime, datetime]:
    return rule.valid_from, rule.valid_to


def _prevails(held: Rule, other: Rule) -> bool:
    """Return whether the rule held stays in the face of another one of its identifier."""
    return (held.version, held.valid_from) > (other.version, other.valid_from)

"""What a payload is to the verifier: one row, a `Profile`, for each kind of signed content.

EU passes, the Danish tokens and WHO's claims travel in one container (hcert-spec), under prefixes
that nobody signs. What the signed content holds therefore decides which profile it is of: a profile
is accepted only where the content has what the profile is made of and nothing that another one is
made of, whatever the prefix says and whatever tolerances are granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.hcert import _cwt as cwt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from coronapas.dcc import Examiner
    from coronapas.facts import EventKind, PassFacts
    from coronapas.hcert import Claims, Envelope
    from coronapas.tolerances import Deviation

COMMON_CLAIMS: Final = frozenset({cwt.ISSUER, cwt.EXPIRES, cwt.ISSUED_AT, cwt.HCERT})
"""Labels of claims that every profile may have; they tell none from another."""


class Occasion(NamedTuple):
    """What a profile examines content by.

    Attributes:
        now: The moment of the check, in seconds since 1970-01-01T00:00:00Z.
        skew: The clock skew that is granted, in seconds.
        examiner: The judge of EU content, with the verifier's value sets.

    """

    now: float
    skew: float
    examiner: Examiner


class Examined(NamedTuple):
    """What a profile found in an envelope.

    Attributes:
        envelope: The envelope, its deviations as this profile sees them.
        deviations: The deviations of the content.
        kinds: The kinds of event that the certificate must be allowed to sign; empty where any
            certificate may sign, None where the content does not tell.
        payload: What `Verification.payload` hands out: the DCC, or None.
        content: What `Verification.content` hands out: the typed content of another payload.
        fault: A code and a sentence that fail the content, whatever is tolerated.
        ambiguity: A code and a sentence where the content cannot be judged for certain: its check
            is UNKNOWN, unless something in it fails.
        authorities: The places in the content that name the participant whose key must have signed
            it, each with the participant's code.

    """

    envelope: Envelope
    deviations: tuple[Deviation, ...] = ()
    kinds: Collection[EventKind] | None = None
    payload: Any = None
    content: object = None
    fault: tuple[str, str] | None = None
    ambiguity: tuple[str, str] | None = None
    authorities: tuple[tuple[str, str], ...] = ()


def _no_facts(_payload: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of payload, and how the verifier judges it.

    Attributes:
        name: The name that results carry, such as ``"eu"`` or ``"dk2"``.
        family: The name under which callers accept it with its siblings, such as ``"dk"``.
        title: What it is called in sentences, such as "a Danish token (DK2)".
        noun: What one is called for short, such as "token".
        plural: What several are called, such as "domestic tokens".
        prefix: The context identifier it comes under, colon included; empty for none. Several
            profiles may share one.
        marks: What its signed content may be made of: claim labels and ``-260.<label>`` for what
            stands in ``hcert``, as text; ``xdu`` for that field in an event, ``reg`` for that field
            in a dose that stands in ``hcert`` itself. Labels that are no profile's mark are extra
            claims.
        required: Those of `marks` of which its content has at least one.
        examine: Reads and judges the content of an envelope; never raises.
        facts: Makes the facts of a payload, or None; by itself there are none.
        colonless: Whether the prefix may lack its colon, as a deviation.
        end_inclusive: Whether the content is still valid at its ``exp``.
        end_optional: Whether the content may state no ``exp``; `examine` then reports it.
        countries: The ISO 3166-1 alpha-2 codes of the countries whose certificates may sign it;
            None for all. A certificate that names no country may always sign.
        revocable: Whether revocation lists of such content exist.
        domains: The domains of WHO's network whose keys may sign it (`TrustPolicy` can name
            others). Lists that know no domains count as ``DCC``.

    """

    name: str
    family: str
    title: str
    noun: str
    plural: str
    prefix: str
    marks: frozenset[str]
    required: frozenset[str]
    examine: Callable[[Envelope, Occasion], Examined]
    facts: Callable[[Any], PassFacts | None] = _no_facts
    colonless: bool = False
    end_inclusive: bool = True
    end_optional: bool = False
    countries: frozenset[str] | None = None
    revocable: bool = True
    domains: frozenset[str] = frozenset(("DCC",))


def marks_of(claims: Claims) -> frozenset[str]:
    """Return what a content is made of: see `Profile.marks`."""
    found = {str(label) for label in claims.tree if label not in COMMON_CLAIMS}
    if claims.hcert is not None:
        found.update(f"{cwt.HCERT}.{label}" for label in claims.hcert)
        if _has_end_dates(claims.hcert.get(cwt.DCC)):
            found.add("xdu")
        if any("reg" in dose for dose in _own_doses(claims.hcert)):
            found.add("reg")
    return frozenset(found)


def _own_doses(hcert: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    """Return the doses that stand in ``hcert`` itself, as in a European Vaccination Card."""
    doses = hcert.get("v")
    return (dose for dose in doses if isinstance(dose, dict)) if type(doses) is list else iter(())


def _has_end_dates(dcc: object) -> bool:
    return isinstance(dcc, dict) and any(
        isinstance(entry, dict) and "xdu" in entry
        for group in dcc.values()
        if isinstance(group, list)
        for entry in group
    )


def mismatch(profile: Profile, claims: Claims, known: Iterable[Profile]) -> str | None:
    """Return why a content is not of `profile`, as a sentence; None where it is, or may be.

    Content that has the marks of no profile at all is left for `profile` to refuse.
    """
    marks, known = marks_of(claims), tuple(known)
    others = frozenset().union(*(row.marks for row in known))
    if marks & (others - profile.marks):
        owner = next((row for row in known if _owns(row, marks, others)), None)
        what = "a mixture of several payloads" if owner is None else owner.title
    elif marks & profile.required:
        return None
    else:
        owner = next((row for row in known if _owns(row, marks, others)), None)
        if owner is None:
            return None
        what = owner.title
    return f"The signed content is {what}, and the text begins as {profile.title} does."


def owner(claims: Claims, rows: Iterable[Profile], known: Iterable[Profile]) -> Profile | None:
    """Return the first of `rows` that a content is of; None for a mixture, or for none of them."""
    marks = marks_of(claims)
    others = frozenset().union(*(row.marks for row in known))
    return next((row for row in rows if _owns(row, marks, others)), None)


def _owns(row: Profile, marks: frozenset[str], known: frozenset[str]) -> bool:
    return bool(marks & row.required) and not marks & (known - row.marks)

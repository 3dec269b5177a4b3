"""The checks of a verification: one table, and the findings of one run through it.

The table is the whole of a check's identity: its name, what is said when it passes, and which
faults belong to it. Every check starts out SKIPPED; only the step that ran says PASS, FAIL or
UNKNOWN. What nobody looked at therefore never reads as passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from coronapas.tolerances import Deviation


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"
    """It did not run, because an earlier check failed."""
    UNKNOWN = "UNKNOWN"
    """It could not be decided from the data at hand."""


class Detail(NamedTuple):
    """One finding of a check, from which its sentence is made in any language.

    Attributes:
        code: The code of the catalogue.
        place: The path in the pass, or the list and its date; empty where there is none.
        parameters: Names and values for the sentence (``kid``), without the holder's data.

    """

    code: str
    place: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def sentence_in(self, language: str) -> str:
        """Return the finding as a sentence in a language of the catalogue.

        Raises LookupError for a code that the catalogue does not have.
        """
        text = catalogue.sentence(self.code, language, **dict(self.parameters))
        return f"{text.rstrip('.')} ({self.place})." if self.place else text


class Check(NamedTuple):
    """One check of a verification.

    Attributes:
        name: One of `CHECKS`.
        outcome: How it ended.
        code: A stable code: what was judged before the dot, what was found behind it
            (``time.expired``; ``….ok`` and ``….skipped`` are every check's). A deviation that was
            not granted fails its check under its own code (``prefix.missing``).
        sentence: The finding for a person in English, without the holder's data.
        details: All findings of the check where it failed, or says more than its code.

    """

    name: str
    outcome: Outcome
    code: str
    sentence: str
    details: tuple[Detail, ...] = ()

    def sentence_in(self, language: str) -> str:
        """Return the finding in a language of the catalogue; for ``en`` that is `sentence`.

        A code of somebody else's payload, which the catalogue does not have, is said in English.
        Raises ValueError for a language that the catalogue does not have.
        """
        if catalogue.language(language) == "en":
            return self.sentence
        try:
            found = self.details or (Detail(self.code),)
            return " ".join(each.sentence_in(language) for each in found)
        except LookupError:
            return self.sentence

    def to_json(self, *, language: str = "en") -> dict[str, Any]:
        """Return ``name``, ``outcome`` and ``code``, and the ``sentence`` in a language."""
        return {
            "name": self.name,
            "outcome": str(self.outcome),
            "code": self.code,
            "sentence": self.sentence_in(language),
        }


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of the table.

    `layers` are the layers of `DecodeError`s and deviations that belong to the check. `codes` are
    single deviations that belong to it although their layer is another check's.
    """

    name: str
    sentence: str
    layers: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()


TABLE: Final = (
    CheckRow("prefix", "The text begins as a pass does.", frozenset({"prefix"})),
    CheckRow("base45", "The text is intact Base45.", frozenset({"base45"})),
    CheckRow("compression", "The body is intact and of a pass's size.", frozenset({"compression"})),
    CheckRow("cbor", "The content is well-formed.", frozenset({"cbor", "cwt"})),
    CheckRow("cose", "The message is one that passes use.", frozenset({"cose"})),
    CheckRow(
        "key identifier",
        "The pass names a key of the trust list.",
        codes=frozenset({"cose.kid-unprotected", "cose.kid-ambiguous", "cose.kid-length"}),
    ),
    CheckRow("signature", "The signature holds.", frozenset({"signature"})),
    CheckRow(
        "certificate validity", "The signing certificate was valid.", frozenset({"certificate"})
    ),
    CheckRow(
        "key usage",
        "The certificate may sign passes of this kind.",
        frozenset({"usage"}),
        frozenset({"cwt.issuer-country"}),
    ),
    CheckRow(
        "time",
        "The validity that the pass states covers the time of the check.",
        codes=frozenset({"cwt.float-time", "cwt.missing-iat", "cwt.missing-exp"}),
    ),
    CheckRow(
        "content",
        "The content follows the schema.",
        frozenset({"content"}),
        frozenset({"cwt.extra-claim", "cwt.issuer"}),
    ),
    CheckRow("revocation", "No revocation list holds the pass."),
)
"""Every check, in the order of the layers."""

CHECKS: Final = tuple(row.name for row in TABLE)
"""The names of the checks, in the order of the layers."""

READING: Final = CHECKS[: CHECKS.index("cose") + 1]
"""The checks that opening the layers decides."""

_PASSED: Final = {
    row.name: Check(row.name, Outcome.PASS, f"{row.name.split()[-1]}.ok", row.sentence)
    for row in TABLE
}
_SKIPPED: Final = {
    row.name: Check(
        row.name,
        Outcome.SKIPPED,
        f"{row.name.split()[-1]}.skipped",
        "Not checked, because an earlier check failed.",
    )
    for row in TABLE
}
_OF_LAYER: Final = {layer: row.name for row in TABLE for layer in row.layers}
_OF_CODE: Final = {code: row.name for row in TABLE for code in row.codes}

NO_REVOCATION_DATA: Final = Check(
    "revocation", Outcome.UNKNOWN, "revocation.no-data", "No revocation data was given."
)

ALL_PASSED: Final[Mapping[str, Check]] = {**_PASSED, "revocation": NO_REVOCATION_DATA}
"""Every check passed, and no revocation data was given. For `coronapas.verify._quick` alone."""


def skipped(name: str) -> Check:
    """Return the check `name` as it stands before anything ran."""
    return _SKIPPED[name]


def check_of(code: str) -> str:
    """Return the name of the check that a deviation or a reader's fault belongs to."""
    return _OF_CODE.get(code) or _OF_LAYER[code.partition(".")[0]]


class Findings:
    """What one verification has found so far. Every check starts out SKIPPED."""

    __slots__ = ("checks", "deviations", "granted")

    def __init__(self, granted: frozenset[str]) -> None:
        self.checks: dict[str, Check] = dict(_SKIPPED)
        self.deviations: list[Deviation] = []
        self.granted = granted

    def passed(self, *names: str) -> None:
        """Say that checks ran and found nothing; one that has failed stays failed."""
        for name in names:
            if self.checks[name].outcome is Outcome.SKIPPED:
                self.checks[name] = _PASSED[name]

    def passed_as(self, name: str, code: str, sentence: str) -> None:
        """Say that a check passed, in words of its own."""
        if self.checks[name].outcome is Outcome.SKIPPED:
            self.checks[name] = Check(name, Outcome.PASS, code, sentence)

    def fail(
        self, name: str, code: str, sentence: str, *, place: str = "", **parameters: str
    ) -> None:
        """Fail a check; of several faults in one check, the first gives the code.

        `place` and `parameters` are for the sentence in other languages (`Detail`).
        """
        earlier = self.checks[name]
        detail = Detail(code, place, tuple(parameters.items()))
        if earlier.outcome is not Outcome.FAIL:
            self.checks[name] = Check(name, Outcome.FAIL, code, sentence, (detail,))
        elif sentence not in earlier.sentence:
            self.checks[name] = earlier._replace(
                sentence=f"{earlier.sentence} {sentence}", details=(*earlier.details, detail)
            )

    def unknown(self, name: str, code: str, sentence: str) -> None:
        """Say that a check could not be decided from the data at hand."""
        if self.checks[name].outcome is not Outcome.FAIL:
            self.checks[name] = Check(name, Outcome.UNKNOWN, code, sentence)

    def deviate(self, deviations: Collection[Deviation]) -> None:
        """Report deviations, and fail the checks of those that are not granted."""
        self.deviations.extend(deviations)
        for deviation in deviations:
            if deviation.code not in self.granted:
                self.fail(
                    check_of(deviation.code),
                    deviation.code,
                    _sentence(deviation),
                    place=deviation.field,
                )


def is_ok(checks: Mapping[str, Check]) -> bool:
    """Whether all checks ran and none failed; UNKNOWN is the caller's policy to judge."""
    return all(
        name in checks and checks[name].outcome in (Outcome.PASS, Outcome.UNKNOWN)
        for name in CHECKS
    )


def _sentence(deviation: Deviation) -> str:
    note = deviation.note.rstrip(".")
    place = f" ({deviation.field})" if deviation.field else ""
    return f"{note[:1].upper()}{note[1:]}{place}."

"""The one extension of the test-vector format: what the library's own verifier must find.

The EU's expectations judge single steps. They cannot say that a positive test is refused (DGC7),
that a QR code is in the wrong mode (Q2), or which tolerance a pass needs. A vector may therefore
state under ``CORONAPAS`` one or several runs of the `Verifier`;
``schemas/test-vector.schema.json`` has the form, and ``docs/explanation/conformance.md`` explains
it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coronapas.conformance import _expectations as expectations
from coronapas.conformance._expectations import MissingInputError
from coronapas.conformance._vectors import (
    EXTENSION,
    TestVector,
    VectorInputError,
    moment,
)
from coronapas.errors import CoronapasError, ScanError
from coronapas.facts import _json as facts_json
from coronapas.tolerances import FIELD, STRICT, TOLERANCES
from coronapas.trust import Certificate, TrustStore
from coronapas.verify import Verifier

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.tolerances import Deviation

NAME: Final = f"{EXTENSION}.verify"
"""The name under which a run is counted; of several, each has its number from 1 behind it."""

_FIELDS: Final = frozenset(
    ("ok", "failures", "deviations", "tolerate", "at", "from", "kid", "facts")
)
_CODE: Final = re.compile(r"[a-z0-9]+([.][a-z0-9-]+)+")
_HEXADECIMAL: Final = re.compile("([0-9A-Fa-f]{2})*")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PRESETS: Final = {"field": FIELD, "strict": STRICT}


class NotUnderstoodError(CoronapasError, ValueError):
    """A part of the extension that does not follow its schema; the message says which."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One run of the verifier and what it must find; None is what is not looked at.

    `failures` and `deviations` are codes. `at` of None means the vector's clock, `kid` of None the
    certificate's own.
    """

    ok: bool
    failures: frozenset[str] | None = None
    deviations: frozenset[str] | None = None
    tolerate: frozenset[str] = FIELD
    at: datetime | None = None
    from_picture: bool = False
    kid: bytes | None = None
    facts: Mapping[str, Any] | None = field(default=None, repr=False)

    def __call__(self, vector: TestVector) -> str | None:
        """Run the verifier: None where it finds what is expected, else the first thing amiss."""
        certificate, at = vector.certificate, self.at or vector.clock
        if certificate is None or at is None:
            raise MissingInputError("CERTIFICATE or VALIDATIONCLOCK is absent")
        trust = TrustStore([Certificate.load(certificate, kid=self.kid)])
        found: tuple[Deviation, ...] = ()
        try:
            text, found = self._text(vector)
        except ScanError as error:
            return self._compare(False, {error.code}, set(), None)
        verification = Verifier(trust, tolerate=self.tolerate).verify(text, at=at)
        deviations = {deviation.code for deviation in (*found, *verification.deviations)}
        refused = {deviation.code for deviation in found} - self.tolerate
        facts = verification.facts
        return self._compare(
            verification.ok and not refused,
            refused | {check.code for check in verification.failures},
            deviations,
            None if facts is None else facts_json.to_json(facts.holder, facts.event),
        )

    def _text(self, vector: TestVector) -> tuple[str, tuple[Deviation, ...]]:
        if not self.from_picture:
            if vector.prefix is None:
                raise MissingInputError("PREFIX is absent")
            return vector.prefix, ()
        if vector.picture is None:
            raise MissingInputError("2DCODE is absent")
        from coronapas.presentation import scan

        found = scan(vector.picture)
        if len(found) != 1:
            raise VectorInputError(f"the picture holds {len(found)} QR codes, not one")
        return found[0].text, found[0].deviations

    def _compare(
        self,
        ok: bool,
        failures: Collection[str],
        deviations: Collection[str],
        facts: Mapping[str, Any] | None,
    ) -> str | None:
        if ok is not self.ok:
            return f"the pass is {'ok' if ok else f'not ok: {_list(failures)}'}"
        if self.failures is not None and self.failures != set(failures):
            return f"the failures are {_list(failures)}, not {_list(self.failures)}"
        if self.deviations is not None and self.deviations != set(deviations):
            return f"the deviations are {_list(deviations)}, not {_list(self.deviations)}"
        if self.facts is None:
            return None
        if facts is None:
            return "no facts can be read"
        place = expectations.difference(self.facts, facts)
        return None if place is None else f"the facts differ at {place}"


def expected(extension: object) -> tuple[tuple[str, Expected], ...]:
    """Return the runs that a vector's extension asks for, with the names that count them.

    Raises NotUnderstoodError where it does not follow the schema.
    """
    if not isinstance(extension, Mapping) or extension.keys() != {"verify"}:
        raise NotUnderstoodError(f"{EXTENSION} must be an object with verify alone")
    stated = extension["verify"]
    if isinstance(stated, Mapping):
        return ((NAME, _expected(stated)),)
    if not isinstance(stated, list) or not stated:
        raise NotUnderstoodError("verify must be an object, or a list of at least one")
    return tuple((f"{NAME}.{number}", _expected(one)) for number, one in enumerate(stated, start=1))


def _expected(stated: object) -> Expected:
    if not isinstance(stated, Mapping):
        raise NotUnderstoodError("verify must hold objects")
    if not stated.keys() <= _FIELDS:
        raise NotUnderstoodError(f"verify knows {', '.join(sorted(_FIELDS))} alone")
    if not isinstance(stated.get("ok"), bool):
        raise NotUnderstoodError("ok must be true or false")
    source, facts = stated.get("from", "text"), stated.get("facts")
    if source not in ("text", "picture"):
        raise NotUnderstoodError("from must be text or picture")
    if "facts" in stated and not isinstance(facts, Mapping):
        raise NotUnderstoodError("facts must be an object")
    return Expected(
        ok=stated["ok"],
        failures=_codes(stated, "failures"),
        deviations=_codes(stated, "deviations"),
        tolerate=_tolerances(stated.get("tolerate", "field")),
        at=_at(stated),
        from_picture=source == "picture",
        kid=_kid(stated),
        facts=facts,
    )


def _codes(stated: Mapping[str, Any], name: str) -> frozenset[str] | None:
    if name not in stated:
        return None
    codes = stated[name]
    if not isinstance(codes, list) or not all(
        isinstance(code, str) and _CODE.fullmatch(code) for code in codes
    ):
        raise NotUnderstoodError(f"{name} must be a list of codes")
    if len(set(codes)) < len(codes):
        raise NotUnderstoodError(f"{name} must state each code once")
    return frozenset(codes)


def _tolerances(stated: object) -> frozenset[str]:
    if isinstance(stated, str) and stated in _PRESETS:
        return _PRESETS[stated]
    if not isinstance(stated, list) or not all(
        isinstance(name, str) and (name in TOLERANCES or name == "field") for name in stated
    ):
        raise NotUnderstoodError("tolerate must be field, strict, or a list of tolerances")
    if len(set(stated)) < len(stated):
        raise NotUnderstoodError("tolerate must state each tolerance once")
    return frozenset(stated) - {"field"} | (FIELD if "field" in stated else STRICT)


def _at(stated: Mapping[str, Any]) -> datetime | None:
    if "at" not in stated:
        return None
    try:
        if isinstance(stated["at"], str) and _MOMENT.fullmatch(stated["at"]):
            return moment(stated["at"])
    except VectorInputError:
        pass
    raise NotUnderstoodError("at must be a date-time")


def _kid(stated: Mapping[str, Any]) -> bytes | None:
    if "kid" not in stated:
        return None
    kid = stated["kid"]
    if not isinstance(kid, str) or not _HEXADECIMAL.fullmatch(kid):
        raise NotUnderstoodError("kid must be hexadecimal")
    return bytes.fromhex(kid)


def _list(codes: Collection[str]) -> str:
    return ", ".join(sorted(codes)) or "none"

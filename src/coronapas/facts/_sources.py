"""A history from whatever states events: a history's document, facts, or a list of facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coronapas import _files, _json
from coronapas.errors import Fault, HistoryError
from coronapas.facts import _json as facts_json
from coronapas.facts._history import LARGEST, History
from coronapas.facts._model import EventKind, PassFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a history has the events of each kind.
_PLACES = {
    EventKind.VACCINATION: "vaccinations",
    EventKind.TEST: "tests",
    EventKind.RECOVERY: "infections",
}


def read_history(source: str | bytes | Path | Mapping[str, object] | list[Any]) -> History:
    """Read a history by ``schemas/history.schema.json``, or one or more facts of one holder.

    Facts follow ``schemas/facts.schema.json``: one document, or a list of them, as a register has
    them and as `PassFacts.to_json` gives them. `source` is JSON text, a file's path, or a parsed
    document; a file or text may have `LARGEST` bytes.

    Raises HistoryError with every fault, also where the birth dates contradict each other.
    """
    document: object = source
    if isinstance(source, Path):
        document = source = _files.read(source, LARGEST)
    if isinstance(source, str | bytes):
        try:
            document = _json.load(source, limit=LARGEST, keep_doubled=True)
        except _json.JsonError:
            return History.from_json(source)  # which says what is wrong with it
    if isinstance(document, Mapping) and "holder" in document:
        return _of_facts([document], places=False)
    if isinstance(document, list):
        return _of_facts(document, places=True)
    if isinstance(document, Mapping):
        return History.from_json(document)
    hint = "Give a history, the facts of one event, or a list of such facts."
    raise HistoryError([Fault("", "json.type", "This is not an object or a list.", hint)])


def _of_facts(documents: list[Any], *, places: bool) -> History:
    passes: list[PassFacts] = []
    faults: list[Fault] = []
    for place, document in enumerate(documents):
        found = facts_json.read(document)
        if found.faults or found.holder is None or found.event is None:
            wrong = found.faults
        else:
            stated = PassFacts(found.holder, found.event, found.issuer, found.uvci)
            passes.append(stated)
            wrong = tuple(_beyond_a_history(stated))
        faults += (fault.within(str(place)) if places else fault for fault in wrong)
    if faults:
        raise HistoryError(faults)
    return History.from_passes(passes)


def _beyond_a_history(stated: PassFacts) -> Iterator[Fault]:
    """Yield what a history refuses of well-formed facts: years, dose numbers, unknown words."""
    event = {**stated.event.to_json(), "uvci": stated.uvci}
    document: dict[str, Any] = {
        _PLACES[stated.kind]: [{name: value for name, value in event.items() if value is not None}]
    }
    if stated.holder.birth_date is not None:
        document["birth_date"] = str(stated.holder.birth_date)
    try:
        History.from_json(document)
    except HistoryError as error:
        inside = f"{_PLACES[stated.kind]}.0"
        for fault in error.faults:
            at = fault.field
            path = f"holder.{at}" if at == "birth_date" else at.replace(inside, stated.kind.value)
            yield Fault(path, fault.code, fault.problem, fault.hint)

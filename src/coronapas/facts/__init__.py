"""What a health register knows: holder, vaccination, test, recovery, and a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.facts._history import LARGEST as LARGEST
    from coronapas.facts._history import Birth as Birth
    from coronapas.facts._history import Dose as Dose
    from coronapas.facts._history import History as History
    from coronapas.facts._history import Infection as Infection
    from coronapas.facts._history import Tested as Tested
    from coronapas.facts._history import merge as merge
    from coronapas.facts._json import Document as FactsDocument
    from coronapas.facts._json import from_json as facts_from_json
    from coronapas.facts._json import from_json_list as facts_from_json_list
    from coronapas.facts._json import loads as parse_facts
    from coronapas.facts._json import read as read_facts
    from coronapas.facts._json import to_json as facts_to_json
    from coronapas.facts._model import COVID_19 as COVID_19
    from coronapas.facts._model import EVENT_TYPES as EVENT_TYPES
    from coronapas.facts._model import Agreement as Agreement
    from coronapas.facts._model import Comparison as Comparison
    from coronapas.facts._model import Event as Event
    from coronapas.facts._model import EventKind as EventKind
    from coronapas.facts._model import Holder as Holder
    from coronapas.facts._model import PartialDate as PartialDate
    from coronapas.facts._model import PassFacts as PassFacts
    from coronapas.facts._model import Recovery as Recovery
    from coronapas.facts._model import Test as Test
    from coronapas.facts._model import TestKind as TestKind
    from coronapas.facts._model import TestResult as TestResult
    from coronapas.facts._model import Vaccination as Vaccination
    from coronapas.facts._model import compare_holders as compare_holders
    from coronapas.facts._model import kind_of as kind_of
    from coronapas.facts._records import Record as Record
    from coronapas.facts._records import RecordForm as RecordForm
    from coronapas.facts._records import RecordMapping as RecordMapping
    from coronapas.facts._records import form_of as record_form
    from coronapas.facts._records import read_history as read_history
    from coronapas.facts._records import read_records as read_records

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = [
        "FactsDocument",
        "facts_from_json",
        "facts_from_json_list",
        "facts_to_json",
        "parse_facts",
        "read_facts",
        "record_form",
    ]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_model": (
                "COVID_19 EVENT_TYPES Event EventKind Holder PartialDate PassFacts Recovery "
                "Test TestKind TestResult Vaccination kind_of Agreement Comparison "
                "compare_holders"
            ),
            "_json": (
                "FactsDocument=Document facts_from_json=from_json "
                "facts_from_json_list=from_json_list facts_to_json=to_json parse_facts=loads "
                "read_facts=read"
            ),
            "_records": (
                "Record RecordForm RecordMapping read_records record_form=form_of read_history"
            ),
            "_history": "Birth Dose History Infection LARGEST Tested merge",
        },
    )

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
    from coronapas.facts._json import Document as Document
    from coronapas.facts._model import EVENT_TYPES as EVENT_TYPES
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
    from coronapas.facts._model import kind_of as kind_of
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_model": (
                "EVENT_TYPES Event EventKind Holder PartialDate PassFacts Recovery Test "
                "TestKind TestResult Vaccination kind_of"
            ),
            "_json": "Document",
            "_history": "Birth Dose History Infection LARGEST Tested merge",
        },
    )

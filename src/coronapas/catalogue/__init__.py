"""Every code with its sentence, in English, Danish and German.

    catalogue.sentence("time.expired", "da")   # Passet er udløbet.

The language is an argument of every call; there is no setting behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.catalogue._catalogue import LANGUAGES as LANGUAGES
    from coronapas.catalogue._catalogue import Entry as Entry
    from coronapas.catalogue._catalogue import entries as entries
    from coronapas.catalogue._catalogue import language as language
    from coronapas.catalogue._catalogue import sentence as sentence
    from coronapas.catalogue._catalogue import word as word
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__, {"_catalogue": "Entry LANGUAGES entries language sentence word"}
    )

"""Payloads that are recognised and named, and not read: nobody can accept them.

Their members must not be taken for those of a payload that is read, and whoever scans one should be
told what it is.

- WHO's DDCC (Digital Documentation of COVID-19 Certificates): the claims 3 (vaccination) and 4
  (test) of ``hcert`` are proposed, and no form of them was ever published; older ones have their
  members at the top of the CWT, ``hcid`` among them.
- The European Vaccination Card (EUVABECO pilot, 2026) has its content directly in ``hcert``, and no
  prefix.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from coronapas.hcert._cwt import HCERT
from coronapas.hcert._envelope import PREFIX
from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion


def _refuse(title: str, envelope: Envelope, _occasion: Occasion) -> Examined:
    return Examined(envelope, fault=("content.other-profile", f"{title} cannot be read."))


_DDCC_MARKS: Final = frozenset({f"{HCERT}.3", f"{HCERT}.4", "hcid"})

DDCC: Final = Profile(
    name="ddcc",
    family="ddcc",
    title="a DDCC (WHO's certificate of COVID-19)",
    noun="certificate",
    plural="DDCCs",
    prefix=PREFIX,
    marks=_DDCC_MARKS,
    required=_DDCC_MARKS,
    examine=partial(_refuse, "A DDCC"),
    end_optional=True,
    revocable=False,
    domains=frozenset(("DDCC",)),
)

EVC: Final = Profile(
    name="evc",
    family="evc",
    title="a European Vaccination Card",
    noun="card",
    plural="European Vaccination Cards",
    prefix="",
    # A DCC that is misplaced in `hcert` has the same names, save the region of a dose.
    marks=frozenset({"reg"}),
    required=frozenset({"reg"}),
    examine=partial(_refuse, "A European Vaccination Card"),
    revocable=False,
)

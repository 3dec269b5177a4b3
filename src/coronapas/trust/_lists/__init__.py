"""The formats of trust lists, one module each; `FORMATS` is their registry.

Recognition tries them in this order, which matters where two formats share a shape: the German
list is text that may begin like DER, and plain certificates are what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coronapas.trust._lists import (
    austria,
    ec_zip,
    france,
    gateway,
    gdhcn,
    germany,
    jwks,
    key_list,
    netherlands,
    plain,
    sweden,
    switzerland,
    verifier_service,
)

if TYPE_CHECKING:
    from coronapas.trust._format import ListFormat

FORMATS: Final[tuple[ListFormat, ...]] = (
    gdhcn.FORMAT,
    gdhcn.FORMAT_KEY,
    gdhcn.FORMAT_REFERENCES,
    gdhcn.FORMAT_VERSION_1,
    jwks.FORMAT,
    france.FORMAT,
    verifier_service.FORMAT,
    netherlands.FORMAT,
    gateway.FORMAT,
    key_list.FORMAT,
    sweden.FORMAT,
    switzerland.FORMAT,
    austria.FORMAT,
    ec_zip.FORMAT,
    germany.FORMAT,
    plain.FORMAT,
)
"""Every format that can be read."""

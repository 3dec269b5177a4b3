"""Whom to trust: certificates, the store that holds them, and one module for each list format.

hcert-spec, chapter 4; RFC 5280. Below `signing` and `verifying`, above `hcert`.

`read_any` reads a list from bytes whatever its format is, `read_path` from a file or folder; a
`TrustList` says what was kept, what was dropped and why, and `TrustStore.from_lists` makes one
store of several. The formats' modules are loaded when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.trust._certificate import Certificate as Certificate
    from coronapas.trust._list import Dropped as Dropped
    from coronapas.trust._list import Remark as Remark
    from coronapas.trust._list import Source as Source
    from coronapas.trust._list import TrustList as TrustList
    from coronapas.trust._material import from_base64 as from_base64
    from coronapas.trust._pins import Pin as Pin
    from coronapas.trust._pins import pinned as pinned
    from coronapas.trust._reading import format_of as format_of
    from coronapas.trust._reading import read_any as read_any
    from coronapas.trust._reading import read_file as read_file
    from coronapas.trust._reading import read_path as read_path
    from coronapas.trust._store import TrustStore as TrustStore
    from coronapas.trust._store import dump as dump
    from coronapas.trust._store import load as load
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_certificate": "Certificate",
            "_list": "Dropped Remark Source TrustList",
            "_pins": "Pin pinned",
            "_reading": "format_of read_any read_file read_path",
            "_store": "TrustStore dump load",
            "_material": "from_base64",
        },
    )

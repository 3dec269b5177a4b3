"""The container of a health pass, one module a layer in wire order (hcert-spec 1.0).

``cwt`` (claims) → ``cose`` (signed message) → ``compression`` → ``base45`` → ``envelope`` (text
with its prefix, and all layers seen at once). ``cbor`` is the reader that the first two share.
The room knows nothing of what a pass says: the content of claim -260 is handed on as it was
decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.hcert._cose import Sign1 as Sign1
    from coronapas.hcert._cwt import Claims as Claims
    from coronapas.hcert._envelope import DEFAULT_LIMITS as DEFAULT_LIMITS
    from coronapas.hcert._envelope import PREFIX as PREFIX
    from coronapas.hcert._envelope import Envelope as Envelope
    from coronapas.hcert._envelope import Limits as Limits
    from coronapas.hcert._envelope import decode as decode
    from coronapas.hcert._envelope import encode as encode
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_envelope": "DEFAULT_LIMITS Envelope Limits PREFIX decode encode",
            "_cose": "Sign1",
            "_cwt": "Claims",
        },
    )

"""The container of a health pass, layer by layer (hcert-spec 1.0).

In wire order: CWT claims, a COSE_Sign1 message, ZLIB compression, Base45, and the prefix. `encode`
and `decode` go through all of them; the functions for single layers are for looking into a pass
that cannot be opened as a whole. The content of claim -260 is returned as it was decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.hcert._base45 import ALPHABET as BASE45_ALPHABET
    from coronapas.hcert._base45 import decode as base45_decode
    from coronapas.hcert._base45 import encode as base45_encode
    from coronapas.hcert._cbor import MASK as MASK
    from coronapas.hcert._cbor import to_json as cbor_to_json
    from coronapas.hcert._compression import compress as compress
    from coronapas.hcert._compression import inflate as inflate
    from coronapas.hcert._cose import ALGORITHMS as ALGORITHMS
    from coronapas.hcert._cose import HEADER_ALG as HEADER_ALG
    from coronapas.hcert._cose import HEADER_KID as HEADER_KID
    from coronapas.hcert._cose import Sign1 as Sign1
    from coronapas.hcert._cose import read as read_sign1
    from coronapas.hcert._cwt import EXPIRES as CLAIM_EXP
    from coronapas.hcert._cwt import HCERT as CLAIM_HCERT
    from coronapas.hcert._cwt import ISSUED_AT as CLAIM_IAT
    from coronapas.hcert._cwt import ISSUER as CLAIM_ISS
    from coronapas.hcert._cwt import Claims as Claims
    from coronapas.hcert._cwt import read as read_claims
    from coronapas.hcert._envelope import DEFAULT_LIMITS as DEFAULT_LIMITS
    from coronapas.hcert._envelope import PREFIX as PREFIX
    from coronapas.hcert._envelope import Envelope as Envelope
    from coronapas.hcert._envelope import Layers as Layers
    from coronapas.hcert._envelope import Limits as Limits
    from coronapas.hcert._envelope import damage as damage
    from coronapas.hcert._envelope import decode as decode
    from coronapas.hcert._envelope import encode as encode
    from coronapas.hcert._envelope import open_layers as open_layers
    from coronapas.hcert._envelope import unwrapped as unwrapped

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = [
        "BASE45_ALPHABET",
        "CLAIM_EXP",
        "CLAIM_HCERT",
        "CLAIM_IAT",
        "CLAIM_ISS",
        "base45_decode",
        "base45_encode",
        "cbor_to_json",
        "read_claims",
        "read_sign1",
    ]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_envelope": (
                "DEFAULT_LIMITS Envelope Layers Limits PREFIX decode encode open_layers damage "
                "unwrapped"
            ),
            "_cose": "ALGORITHMS HEADER_ALG HEADER_KID Sign1 read_sign1=read",
            "_cwt": (
                "CLAIM_EXP=EXPIRES CLAIM_HCERT=HCERT CLAIM_IAT=ISSUED_AT CLAIM_ISS=ISSUER "
                "Claims read_claims=read"
            ),
            "_cbor": "MASK cbor_to_json=to_json",
            "_compression": "compress inflate",
            "_base45": "BASE45_ALPHABET=ALPHABET base45_decode=decode base45_encode=encode",
        },
    )

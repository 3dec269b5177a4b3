"""Sign the bytes of a COSE_Sign1 message, with a local key or a remote one (HSM, key service).

- `Signer` makes signatures with one key; `SignerSet` chooses one by kind of pass and moment;
- `KeyService`, `BatchKeyService` and `AsyncKeyService` call a service that holds the key, with
  `Retry`, `RateLimit` and `CircuitBreaker`;
- `Pkcs11Key` and `Pkcs11Token` reach a key in a hardware module; needs the extra ``hsm``.

hcert-spec, signature algorithm; RFC 9053 section 2.1 (ES256: raw r and s, 32 bytes each) and RFC
8230 section 2 (PS256: SHA-256, MGF1 with SHA-256, a salt of 32 bytes). A private key stays within
`cryptography`, or the device that holds it, unless a local signer is pickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.signing._pkcs11 import PinSource as PinSource
    from coronapas.signing._pkcs11 import Pkcs11Key as Pkcs11Key
    from coronapas.signing._pkcs11 import Pkcs11Token as Pkcs11Token
    from coronapas.signing._service import AsyncKeyService as AsyncKeyService
    from coronapas.signing._service import BatchKeyService as BatchKeyService
    from coronapas.signing._service import CircuitBreaker as CircuitBreaker
    from coronapas.signing._service import KeyService as KeyService
    from coronapas.signing._service import Prepared as Prepared
    from coronapas.signing._service import RateLimit as RateLimit
    from coronapas.signing._service import Retry as Retry
    from coronapas.signing._service import SignDigestAsync as SignDigestAsync
    from coronapas.signing._service import SignDigests as SignDigests
    from coronapas.signing._signer import PrivateKey as PrivateKey
    from coronapas.signing._signer import PublicKey as PublicKey
    from coronapas.signing._signer import SignatureCheck as SignatureCheck
    from coronapas.signing._signer import SignatureForm as SignatureForm
    from coronapas.signing._signer import SignDigest as SignDigest
    from coronapas.signing._signer import Signer as Signer
    from coronapas.signing._signer import SignerSet as SignerSet
    from coronapas.signing._signer import SignerTerm as SignerTerm
    from coronapas.signing._signer import load_private_key as load_private_key
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_pkcs11": "PinSource Pkcs11Key Pkcs11Token",
            "_service": (
                "AsyncKeyService BatchKeyService CircuitBreaker KeyService Prepared RateLimit "
                "Retry SignDigestAsync SignDigests"
            ),
            "_signer": (
                "PrivateKey PublicKey SignDigest SignatureCheck SignatureForm Signer SignerSet "
                "SignerTerm load_private_key"
            ),
        },
    )

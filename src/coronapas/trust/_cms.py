"""Signed CMS messages, as the gateway's lists use them (RFC 5652, chapter 5; RFC 4056, RFC 5754).

A message holds one certificate and its signer; anything else is refused. The content is inside the
message (attached) or separate from it (detached). This module shows that *this certificate's key*
signed *this content*: whether the certificate is valid and to be trusted is the caller's decision.

Known signatures: ECDSA, RSASSA-PKCS1-v1_5 and RSASSA-PSS with SHA-256, SHA-384 or SHA-512; RSA keys
from 2048 bits on. `cryptography` writes such messages and judges signatures, but has no reader for
them.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from coronapas import _asn1 as asn1
from coronapas import _signatures as signatures
from coronapas.errors import CmsError, KeyMaterialError
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    HashAlgorithm = SHA256 | SHA384 | SHA512

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Larger messages are refused unread; a full revocation batch has less than 100 KiB."""

HashName = Literal["sha256", "sha384", "sha512"]
RsaPadding = Literal["pkcs1v15", "pss"]

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_DATA: Final = "1.2.840.113549.1.7.1"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
_RSA: Final = "1.2.840.113549.1.1.1"
_RSA_PSS: Final = "1.2.840.113549.1.1.10"
_MGF1: Final = "1.2.840.113549.1.1.8"

_HASHES: Final[dict[str, HashName]] = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_ECDSA: Final[dict[str, HashName]] = {
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_PKCS1: Final[dict[str, HashName]] = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}

_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_CONTEXT_2: Final = 0xA2
_CONTEXT_3: Final = 0xA3
_KEY_IDENTIFIER: Final = 0x80
_SET_TAG: Final = bytes((asn1.SET,))
_MAX_SALT: Final = 512


class Attached(NamedTuple):
    """The content of an attached message, and the certificate that signed it.

    No trust in the certificate is implied.
    """

    content: bytes
    certificate: Certificate


class _Algorithm(NamedTuple):
    """An AlgorithmIdentifier; `parameters` may be None."""

    oid: str
    parameters: asn1.Element | None


class _Signer(NamedTuple):
    """A SignerInfo: who (serial number or key identifier), how, over what, and the signature."""

    serial: int | None
    key_identifier: bytes | None
    digest: HashName
    attributes: asn1.Element | None
    algorithm: _Algorithm
    signature: bytes


class _Message(NamedTuple):
    """A SignedData."""

    content_type: str
    content: bytes | None
    certificate: Certificate
    signer: _Signer


def verify_attached(message: bytes) -> Attached:
    """Return the content of an attached message and the certificate whose key signed it.

    Raises CmsError for every fault, ``cms.content`` if the content is not inside.
    """
    parsed = _parse(message)
    if parsed.content is None:
        raise CmsError("content", "the message does not hold its content")
    _verify(message, parsed, parsed.content)
    return Attached(parsed.content, parsed.certificate)


def verify_detached(
    message: bytes, content: bytes, spend: Callable[[Certificate], None] | None = None
) -> Certificate:
    """Return the certificate whose key signed `content`, which is separate from `message`.

    A message that holds the same content is accepted, too; other content raises CmsError
    (``cms.content``), as does every other fault with its own code. `spend` is called with the
    signer before its signature is judged; what it raises ends the verification.
    """
    parsed = _parse(message)
    if parsed.content is not None and parsed.content != content:
        raise CmsError("content", "the message holds content other than the one given")
    if spend is not None:
        spend(parsed.certificate)
    _verify(message, parsed, content)
    return parsed.certificate


def sign(
    content: bytes,
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    certificate: Certificate,
    *,
    detached: bool = True,
    digest: HashName = "sha256",
    rsa_padding: RsaPadding = "pkcs1v15",
) -> bytes:
    """Return a message in DER that signs `content` with the key of `certificate`.

    Raises KeyMaterialError if the key is not the certificate's.
    """
    if key.public_key() != certificate.public_key:
        raise KeyMaterialError("the key must be that of the certificate")
    scheme: padding.PSS | padding.PKCS1v15 | None = None
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = _pss_padding(digest) if rsa_padding == "pss" else padding.PKCS1v15()
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    if detached:
        options.append(pkcs7.PKCS7Options.DetachedSignature)
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate.to_cryptography(), key, _hash(digest), rsa_padding=scheme)
        .sign(Encoding.DER, options)
    )


def _parse(message: bytes) -> _Message:
    if len(message) > MAX_MESSAGE_BYTES:
        raise CmsError("too-large", f"the message has more than {MAX_MESSAGE_BYTES} bytes")
    try:
        return _signed_data(message)
    except KeyMaterialError as error:
        raise CmsError("malformed", str(error)) from error


def _signed_data(data: bytes) -> _Message:
    outer = asn1.element(data, 0, len(data), ber=True)
    if outer.after != len(data):
        raise CmsError("malformed", "bytes follow the message")
    kind, wrapped = _parts(data, outer, asn1.SEQUENCE, "the message", 2)
    if _oid(data, kind) != _SIGNED_DATA:
        raise CmsError("unsupported", "the message must be a SignedData")
    (signed,) = _parts(data, wrapped, _CONTEXT_0, "the signed data", 1)
    fields = _parts(data, signed, asn1.SEQUENCE, "the signed data")
    if len(fields) < 4:
        raise CmsError("malformed", "the signed data lacks fields")
    content_type, content = _content(data, fields[2])
    certificates = [field for field in fields[3:-1] if field.tag == _CONTEXT_0]
    found = [item for field in certificates for item in _children(data, field)]
    if len(found) != 1 or found[0].tag != asn1.SEQUENCE:
        raise CmsError("unsupported", "the message must hold exactly one certificate")
    signers = _parts(data, fields[-1], asn1.SET, "the signers")
    if len(signers) != 1:
        raise CmsError("unsupported", "the message must have exactly one signer")
    certificate = Certificate(data[found[0].start : found[0].after])
    return _Message(content_type, content, certificate, _signer(data, signers[0]))


def _content(data: bytes, field: asn1.Element) -> tuple[str, bytes | None]:
    kind, *wrapped = _parts(data, field, asn1.SEQUENCE, "the content's frame")
    if not wrapped:
        return _oid(data, kind), None
    (content,) = _parts(data, wrapped[0], _CONTEXT_0, "the content", 1)
    return _oid(data, kind), asn1.octets(data, content)


def _signer(data: bytes, field: asn1.Element) -> _Signer:
    parts = _parts(data, field, asn1.SEQUENCE, "the signer")
    if len(parts) < 5:
        raise CmsError("malformed", "the signer lacks fields")
    _, who, digest, *rest = parts
    attributes = rest.pop(0) if rest[0].tag == _CONTEXT_0 else None
    if len(rest) < 2:
        raise CmsError("malformed", "the signer lacks a signature")
    serial, key_identifier = None, None
    if who.tag == _KEY_IDENTIFIER:
        key_identifier = data[who.begin : who.end]
    else:
        _, number = _parts(data, who, asn1.SEQUENCE, "the signer's name", 2)
        serial = _integer(data, number, "the serial number")
    return _Signer(
        serial,
        key_identifier,
        _hash_name(_algorithm(data, digest).oid),
        attributes,
        _algorithm(data, rest[0]),
        asn1.octets(data, rest[1]),
    )


def _parts(
    data: bytes, field: asn1.Element, tag: int, what: str, count: int | None = None
) -> list[asn1.Element]:
    """Return the elements inside `field`, which must have `tag` and, if given, `count` parts."""
    _expect(field, tag, what)
    found = _children(data, field)
    if not found if count is None else len(found) != count:
        raise CmsError("malformed", f"{what} has {len(found)} parts")
    return found


def _children(data: bytes, field: asn1.Element) -> list[asn1.Element]:
    return asn1.children(data, field.begin, field.end, ber=True)


def _expect(field: asn1.Element, tag: int, what: str) -> None:
    if field.tag != tag:
        message = f"{what} must have tag 0x{tag:02x}, got 0x{field.tag:02x}"
        raise CmsError("malformed", message)


def _oid(data: bytes, field: asn1.Element) -> str:
    _expect(field, asn1.OBJECT_IDENTIFIER, "an identifier")
    return asn1.object_identifier(data, field)


def _integer(data: bytes, field: asn1.Element, what: str) -> int:
    _expect(field, asn1.INTEGER, what)
    return asn1.integer(data, field)


def _algorithm(data: bytes, field: asn1.Element) -> _Algorithm:
    kind, *parameters = _parts(data, field, asn1.SEQUENCE, "an algorithm")
    return _Algorithm(_oid(data, kind), parameters[0] if parameters else None)


def _hash_name(oid: str) -> HashName:
    try:
        return _HASHES[oid]
    except KeyError:
        raise CmsError(
            "unsupported", f"the digest must be SHA-256, SHA-384 or SHA-512, got {oid}"
        ) from None


def _verify(data: bytes, message: _Message, content: bytes) -> None:
    try:
        _match_signer(message)
        digest = hashlib.new(message.signer.digest, content).digest()
        verify = _verifier(data, message)
        for signed in _signed_bytes(data, message, content, digest):
            if verify(signed):
                return
    except KeyMaterialError as error:
        raise CmsError("malformed", str(error)) from error
    raise CmsError("signature", "the signature does not hold under the message's certificate")


def _match_signer(message: _Message) -> None:
    """Require that the signer is the certificate's subject, by serial number or identifier."""
    signer, certificate = message.signer, message.certificate
    if signer.key_identifier is None:
        if signer.serial != certificate.serial:
            raise CmsError("signature", "the signer is not the certificate's subject")
        return
    stated = [
        extension.value[2:]  # an OCTET STRING inside the extension's own
        for extension in certificate.extensions
        if extension.oid == _SUBJECT_KEY_IDENTIFIER
    ]
    if signer.key_identifier not in stated:
        raise CmsError("signature", "the signer is not the certificate's subject")


def _signed_bytes(data: bytes, message: _Message, content: bytes, digest: bytes) -> list[bytes]:
    """Return what the signature may cover: the content, or the attributes with its digest.

    The attributes are signed as a SET OF in DER, which sorts them (RFC 5652, section 5.4). Some
    writers forget the sorting: the order in the message is tried after the right one.
    """
    field = message.signer.attributes
    if field is None:
        if message.content_type != _DATA:
            raise CmsError("unsupported", "content of this type must be signed by attributes")
        # Else a signature over attributes could be reused with those attributes as the content.
        if content[:1] == _SET_TAG:
            raise CmsError(
                "unsupported", "content that could be attributes must be signed by attributes"
            )
        return [content]
    values: dict[str, list[asn1.Element]] = {}
    encoded: list[bytes] = []
    for item in _parts(data, field, _CONTEXT_0, "the signed attributes"):
        kind, inside = _parts(data, item, asn1.SEQUENCE, "an attribute", 2)
        values.setdefault(_oid(data, kind), []).extend(
            _parts(data, inside, asn1.SET, "an attribute's values")
        )
        encoded.append(data[item.start : item.after])
    stated = _single(values, _CONTENT_TYPE)
    if _oid(data, stated) != message.content_type:
        raise CmsError("digest", "the signature covers content of another type")
    if not hmac.compare_digest(asn1.octets(data, _single(values, _MESSAGE_DIGEST)), digest):
        raise CmsError("digest", "the content is not the one that was signed")
    return [_set_of(order) for order in _orders(encoded)]


def _single(values: dict[str, list[asn1.Element]], oid: str) -> asn1.Element:
    found = values.get(oid, ())
    if len(found) != 1:
        raise CmsError("malformed", f"the signed attribute {oid} must occur exactly once")
    return found[0]


def _orders(encoded: list[bytes]) -> list[list[bytes]]:
    ordered = sorted(encoded)
    return [ordered] if ordered == encoded else [ordered, encoded]


def _set_of(items: list[bytes]) -> bytes:
    content = b"".join(items)
    size = len(content)
    if size < 0x80:
        return bytes((asn1.SET, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((asn1.SET, 0x80 | len(length))) + length + content


def _verifier(data: bytes, message: _Message) -> Callable[[bytes], bool]:
    """Return a function that says whether the signature holds over some bytes."""
    signer = message.signer
    key, oid, signature = message.certificate.public_key, signer.algorithm.oid, signer.signature
    check: Callable[[bytes], None]
    if oid in _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
        curve_key, scheme = key, ec.ECDSA(_hash(_ECDSA[oid]))

        def check(signed: bytes) -> None:
            curve_key.verify(signature, signed, scheme)

    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= signatures.MIN_RSA_BITS:
        rsa_key = key
        name = _rsa_digest(data, signer)
        pad = _pss_padding(name, _salt(data, signer)) if oid == _RSA_PSS else padding.PKCS1v15()

        def check(signed: bytes) -> None:
            rsa_key.verify(signature, signed, pad, _hash(name))

    else:
        raise CmsError("unsupported", f"the signature algorithm {oid} does not go with the key")

    def holds(signed: bytes) -> bool:
        try:
            check(signed)
        except InvalidSignature:
            return False
        return True

    return holds


def _rsa_digest(data: bytes, signer: _Signer) -> HashName:
    algorithm = signer.algorithm
    if algorithm.oid == _RSA:
        return signer.digest
    if algorithm.oid == _RSA_PSS:
        return _pss_digest(data, algorithm)
    try:
        return _PKCS1[algorithm.oid]
    except KeyError:
        raise CmsError(
            "unsupported", f"the signature algorithm {algorithm.oid} does not go with the key"
        ) from None


def _pss_parameters(data: bytes, algorithm: _Algorithm) -> dict[int, asn1.Element]:
    """Return the parameters of PSS by their tags (RFC 4055, section 3.1)."""
    if algorithm.parameters is None:
        raise CmsError("unsupported", "a PSS signature without parameters means SHA-1")
    fields = _parts(data, algorithm.parameters, asn1.SEQUENCE, "the parameters of PSS")
    return {field.tag: field for field in fields}


def _pss_digest(data: bytes, algorithm: _Algorithm) -> HashName:
    """Return the digest; it must be stated (the default is SHA-1), and equal that of the mask."""
    fields = _pss_parameters(data, algorithm)
    if not {_CONTEXT_0, _CONTEXT_1} <= fields.keys() or _CONTEXT_3 in fields:
        raise CmsError("unsupported", "the parameters of PSS are not those that lists use")
    (stated,) = _parts(data, fields[_CONTEXT_0], _CONTEXT_0, "the digest of PSS", 1)
    (mask,) = _parts(data, fields[_CONTEXT_1], _CONTEXT_1, "the mask of PSS", 1)
    name, generator = _hash_name(_algorithm(data, stated).oid), _algorithm(data, mask)
    if (
        generator.oid != _MGF1
        or generator.parameters is None
        or _hash_name(_algorithm(data, generator.parameters).oid) != name
    ):
        raise CmsError("unsupported", "the mask of PSS must use the algorithm of the digest")
    return name


def _salt(data: bytes, signer: _Signer) -> int:
    """Return the length of the salt in bytes; the default is 20."""
    field = _pss_parameters(data, signer.algorithm).get(_CONTEXT_2)
    if field is None:
        return 20
    (number,) = _parts(data, field, _CONTEXT_2, "the salt of PSS", 1)
    length = _integer(data, number, "the salt of PSS")
    if not 0 <= length <= _MAX_SALT:
        raise CmsError("unsupported", f"the salt of PSS must have 0 to {_MAX_SALT} bytes")
    return length


def _pss_padding(name: HashName, salt: int | None = None) -> padding.PSS:
    digest = _hash(name)
    return padding.PSS(padding.MGF1(digest), digest.digest_size if salt is None else salt)


def _hash(name: HashName) -> HashAlgorithm:
    if name == "sha256":
        return hashes.SHA256()
    return hashes.SHA384() if name == "sha384" else hashes.SHA512()

"""The forms in which certificates are passed around: DER, PEM (RFC 7468), base64, parsed objects.

`pieces` splits a bundle, `to_der` reads one piece. Both raise KeyMaterialError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, Union

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

Material: TypeAlias = Union[bytes, str, "x509.Certificate"]
"""DER bytes; PEM or base64 of DER as text or bytes; a certificate parsed by `cryptography`."""

_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_BYTES: Final = (bytes, bytearray, memoryview)
_MARK: Final = "-----BEGIN "


def pieces(material: Material) -> Iterator[Material]:
    """Yield each certificate of a PEM bundle, or `material` itself if it is something else.

    PEM blocks of other kinds (keys, requests) are ignored; a bundle without any certificate is an
    error, and a cut-off block is a piece that `to_der` refuses.
    """
    text = _as_text(material)
    if text is None or _MARK not in text:
        yield material
        return
    block = None
    for block in _pem_blocks(text):
        yield block
    if block is None:
        raise KeyMaterialError("the PEM text holds no certificate")


def to_der(material: Material) -> bytes:
    """Return the DER of one certificate; a PEM text must hold exactly one."""
    text = _as_text(material)
    if text is not None:
        return from_pem(text) if _MARK in text else from_base64(text)
    if isinstance(material, _BYTES):
        return bytes(material)
    return _from_parsed(material)


def to_pem(data: bytes) -> bytes:
    """Return the DER of one certificate as PEM, in lines of 64 characters."""
    body = base64.encode(data).encode("ascii")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    head, foot = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return b"\n".join((head, *lines, foot, b""))


def from_base64(text: str | bytes) -> bytes:
    """Return the bytes of standard base64; white space is ignored."""
    try:
        return base64.decode(text)
    except KeyMaterialError:
        raise KeyMaterialError("the certificate is neither DER, PEM nor base64") from None


def _as_text(material: Material) -> str | None:
    """Return the text of PEM or base64, or None for DER."""
    if isinstance(material, str):
        return material
    if isinstance(material, _BYTES) and not _is_der(material):
        return bytes(material).decode("latin-1")
    return None


def _is_der(data: bytes | bytearray | memoryview) -> bool:
    """Return whether these are the bytes of a certificate or key, and not those of a text.

    DER begins with the character 0, as a note before a PEM block may. The next byte is a length: up
    to 127 it is the length of all the rest, and above that it is outside ASCII.
    """
    head = bytes(data[:2])
    return head[:1] == b"0" and len(head) == 2 and (head[1] >= 0x80 or head[1] == len(data) - 2)


def from_pem(source: str | bytes) -> bytes:
    """Return the DER of the one certificate in a PEM text."""
    text = source if isinstance(source, str) else source.decode("latin-1")
    blocks = list(_pem_blocks(text))
    if len(blocks) != 1:
        raise KeyMaterialError(f"the PEM text must hold one certificate, got {len(blocks)}")
    head, _, rest = blocks[0].partition("\n")
    body, mark, _ = rest.partition("-----END " + head.strip().removeprefix(_MARK))
    if not mark:
        raise KeyMaterialError("the PEM text ends inside a certificate")
    return from_base64(body)


def _pem_blocks(text: str) -> Iterator[str]:
    """Yield the block of each certificate with its markers, in one pass over the text."""
    at = text.find(_MARK)
    while at >= 0:
        following = text.find(_MARK, at + len(_MARK))
        block = text[at : following if following >= 0 else len(text)]
        label = block[len(_MARK) : len(_MARK) + 40].partition("-----")[0]
        if label in _LABELS:
            yield block
        at = following


def _from_parsed(material: object) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if not isinstance(material, x509.Certificate):
        raise KeyMaterialError(
            f"a certificate must be bytes, text or x509.Certificate, got {type(material).__name__}"
        )
    return material.public_bytes(Encoding.DER)

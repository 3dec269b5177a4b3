"""The forms in which certificates are handed over: DER, PEM (RFC 7468), base64, parsed objects.

`pieces` takes a bundle apart, `to_der` reads one piece. Both raise KeyMaterialError.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, TypeAlias, Union

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
    """Each certificate of a PEM bundle, or the one thing that `material` is otherwise.

    PEM blocks of other kinds (keys, requests) are passed over; a bundle without any certificate is
    an error, and a cut-off block is a piece that `to_der` refuses.
    """
    text = _as_text(material)
    if text is None or _MARK not in text:
        yield material
        return
    blocks = list(_pem_blocks(text))
    if not blocks:
        raise KeyMaterialError("the PEM text holds no certificate")
    yield from blocks


def to_der(material: Material) -> bytes:
    """The DER bytes of one certificate; a PEM text has to hold exactly one."""
    text = _as_text(material)
    if text is not None:
        return from_pem(text) if _MARK in text else from_base64(text)
    if isinstance(material, _BYTES):
        return bytes(material)
    return _from_parsed(material)


def to_pem(data: bytes) -> bytes:
    """One certificate's DER as PEM, in lines of 64 characters."""
    body = base64.b64encode(data)
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    head, foot = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return b"\n".join((head, *lines, foot, b""))


def from_base64(text: str | bytes) -> bytes:
    """The bytes that standard base64 stands for; white space is passed over."""
    try:
        compact = b"".join(text.encode("ascii").split() if isinstance(text, str) else text.split())
        return base64.b64decode(compact, validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise KeyMaterialError("the certificate is neither DER, PEM nor base64") from error


def _as_text(material: Material) -> str | None:
    """The text of PEM or base64, None for DER."""
    if isinstance(material, str):
        return material
    if isinstance(material, _BYTES) and not _is_der(material):
        return bytes(material).decode("latin-1")
    return None


def _is_der(data: bytes | bytearray | memoryview) -> bool:
    """Whether these are the bytes of a certificate or key, and not those of a text.

    DER begins with the figure 0, as a note before a PEM block may. What comes next is a length: of
    up to 127 bytes itself, that is all the rest, or else no character of ASCII.
    """
    head = bytes(data[:2])
    return head[:1] == b"0" and len(head) == 2 and (head[1] >= 0x80 or head[1] == len(data) - 2)


def from_pem(source: str | bytes) -> bytes:
    """The DER of the one certificate in a PEM text."""
    text = source if isinstance(source, str) else source.decode("latin-1")
    blocks = list(_pem_blocks(text))
    if len(blocks) != 1:
        raise KeyMaterialError(f"the PEM text holds {len(blocks)} certificates instead of one")
    head, _, rest = blocks[0].partition("\n")
    body, mark, _ = rest.partition("-----END " + head.strip().removeprefix(_MARK))
    if not mark:
        raise KeyMaterialError("the PEM text ends inside a certificate")
    return from_base64(body)


def _pem_blocks(text: str) -> Iterator[str]:
    """Every certificate's block with its markers; the text is walked once."""
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
        raise KeyMaterialError(f"a certificate cannot be made from {type(material).__name__}")
    return material.public_bytes(Encoding.DER)

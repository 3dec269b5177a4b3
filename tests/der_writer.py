"""Writes DER, well or badly as a test wants it: the certificates that no library would make."""

from __future__ import annotations


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element; the parts are its content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + content


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, 0x80 | arc & 0x7F)
        content += bytes(groups)
    return tlv(0x06, content)


def extension(dotted: str, value: bytes, critical: bytes = b"") -> bytes:
    """An extension; `critical` is the DER of its BOOLEAN, or nothing."""
    return tlv(0x30, oid(dotted), critical, tlv(0x04, value))


def key_usages(*purposes: str) -> bytes:
    """An extendedKeyUsage extension."""
    return extension("2.5.29.37", tlv(0x30, *map(oid, purposes)))


def name(country: str | None = "DK", tag: int = 0x13) -> bytes:
    if country is None:
        return tlv(0x30)
    return tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.6"), tlv(tag, country.encode()))))


P256_KEY = tlv(
    0x30,
    tlv(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
    tlv(
        0x03,
        # The base point of the curve (FIPS 186-4, D.1.2.3): a public key that everybody knows.
        b"\x00\x04",
        bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    ),
)


def certificate(
    extensions: bytes | None = None,
    *,
    subject: bytes = name(),
    validity: bytes = tlv(0x30, tlv(0x17, b"210501000000Z"), tlv(0x17, b"230501000000Z")),
    serial: bytes = b"\x01",
    key: bytes = P256_KEY,
    before_extensions: bytes = b"",
    algorithm_parameters: bytes = b"",
) -> bytes:
    """A certificate whose signature means nothing; `extensions` is the content of the field [3]."""
    algorithm = tlv(0x30, oid("1.2.840.10045.4.3.2"), algorithm_parameters)
    body = tlv(
        0x30,
        tlv(0xA0, b"\x02\x01\x02"),
        tlv(0x02, serial),
        algorithm,
        name(),
        validity,
        subject,
        key,
        before_extensions,
        b"" if extensions is None else tlv(0xA3, extensions),
    )
    return tlv(0x30, body, algorithm, tlv(0x03, b"\x00\x30\x06\x02\x01\x01\x02\x01\x01"))

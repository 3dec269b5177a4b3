"""Files of many kinds, made here, from which no pass can be read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import zipfile
from functools import cache


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def office(folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/document.xml", "<d/>")
    return out.getvalue()


def _opendocument() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "<d/>")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pass.txt"))
    return out.getvalue()


def _sqlite() -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute("create table passes (text)")
    content = base.serialize()
    base.close()
    return content


def _box(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"mif1" + b"\n" * 300


@cache
def other_kinds(text: str) -> dict[str, tuple[bytes, str]]:
    """Return by name what a file holds, and the words that the refusal has; `text` is a pass."""
    passes = f"{text}\n".encode() * 3
    member = passes[:50]
    return {
        "zip": (zipped(**{"pass.txt": passes}), "a ZIP archive"),
        "pkpass": (zipped(**{"manifest.json": b"{}", "pass.json": b"{}"}), "a wallet pass"),
        "docx": (office("word"), "a Word document"),
        "xlsx": (office("xl"), "an Excel workbook"),
        "pptx": (office("ppt"), "a PowerPoint document"),
        "odt": (_opendocument(), "an OpenDocument file"),
        "jar": (zipped(**{"META-INF__MANIFEST.MF": b"x"}), "a Java archive"),
        "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an older Office document"),
        "gzip": (gzip.compress(passes), "a gzip file"),
        "bzip2": (bz2.compress(passes), "a bzip2 file"),
        "xz": (lzma.compress(passes), "an XZ file"),
        "7z": (b"7z\xbc\xaf'\x1c\0\4" + bytes(60), "a 7-Zip archive"),
        "rar": (b"Rar!\x1a\x07\x01\0" + bytes(60), "a RAR archive"),
        "tar": (_tar(), "a tar archive"),
        "heic": (_box(b"heic"), "an HEIC picture"),
        "avif": (_box(b"avif"), "an AVIF picture"),
        "mp4": (_box(b"isom"), "an MP4 video"),
        "mov": (_box(b"qt  "), "a QuickTime video"),
        "jxl": (b"\xff\x0a" + bytes(range(100)), "a JPEG XL picture"),
        "psd": (b"8BPS\0\1" + bytes(60), "a Photoshop document"),
        "ico": (b"\0\0\1\0\1\0" + bytes(60), "an icon"),
        "postscript": (b"%!PS-Adobe-3.0\n" + member, "a PostScript document"),
        "wav": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(60), "a WAV recording"),
        "mp3": (b"ID3\3\0" + bytes(60), "an MP3 recording"),
        "sqlite": (_sqlite(), "an SQLite database"),
        "elf": (b"\x7fELF\2\1\1" + bytes(60), "a program"),
        "exe": (b"MZ\x90\0" + bytes(60), "a program"),
        "font": (b"wOF2\0\1\0\0" + bytes(60), "a font"),
        "parquet": (b"PAR1" + bytes(60) + b"PAR1", "a Parquet file"),
        "der": (b"0\x82\1\2" + bytes(range(256)), "a DER file"),
        "pem": (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "a PEM file"),
        "pgp": (b"-----BEGIN PGP MESSAGE-----\n\nhQ\n", "an encrypted or signed message"),
        "html": (b"<!DOCTYPE html>\n<html>\n<body>\n" + member, "an HTML page"),
        "xml": (b'<?xml version="1.0"?>\n<passes>\n<a/>\n', "an XML document"),
        "json": (json.dumps({"text": text}, indent=1).encode(), "a JSON document"),
        "json-list": (json.dumps([{"text": text}], indent=1).encode(), "a JSON document"),
        "rtf": (b"{\\rtf1\\ansi\n" + member + b"}", "an RTF document"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'>\n<rect/>\n</svg>\n", "an SVG drawing"),
        "blocks": ("█▀▀█\n█▄▄█\n".encode(), "a QR code drawn in characters"),
        "nuls": (bytes(4000), "a binary file"),
        "nuls-and-lines": (b"\0\n" * 300, "a binary file"),
        "noise": (bytes((i * i * 31 + i // 7) % 256 for i in range(3000)), "a binary file"),
        "utf-16-noise": (b"\xff\xfe" + b"\x01\0\n\0" * 300, "a binary file"),
        "broken-pdf": (b"%PDF-1.7\n" + b"1 0 obj\n" * 300, "the PDF document is broken"),
    }

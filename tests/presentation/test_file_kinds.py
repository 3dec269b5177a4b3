"""Kinds of files by their content, pages of PDFs, and the bounds of reading them."""

from __future__ import annotations

import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import MissingExtraError, ScanError
from coronapas.presentation import (
    KIND_HEAD,
    kind_of,
    qr,
    scan,
)
from coronapas.presentation import (
    _kinds as kinds,
)
from coronapas.presentation._qr import _pdf_document
from file_kinds import other_kinds

TEXT = "HC1:" + "6BFOXN%TSMAHN-H" * 30
NOT_READ = {
    name: content
    for name, (content, _) in other_kinds(TEXT).items()
    if name not in ("svg", "broken-pdf")
}


def document(content: str, box: str = "0 0 595 842", pages: int = 1) -> bytes:
    """A PDF whose pages all have one content."""
    kids = " ".join("3 0 R" for _ in range(pages))
    return _pdf_document(
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Resources<<>>/Contents 4 0 R>>",
        f"<</Length {len(content)}>>\nstream\n{content}endstream",
    )


@pytest.mark.parametrize("name", NOT_READ)
def test_a_kind_that_is_not_read_has_a_name_a_title_and_what_helps(name: str) -> None:
    kind = kind_of(NOT_READ[name])
    assert (kind.read_as, kind.encoding) == (None, None)
    assert kind.title.startswith(("a ", "an "))
    assert kind.title in kind.refusal
    assert kind.hint in kind.refusal
    assert not kind.refusal.endswith(".")


@pytest.mark.parametrize("name", NOT_READ)
def test_scanning_it_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(ScanError) as raised:
        scan(NOT_READ[name])
    assert raised.value.code == "qr.image-unreadable"
    assert kind_of(NOT_READ[name]).title in raised.value.message


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\n\n%PDF-1.4\n\x01\x02", "pdf"),
        (b"Obj\x01\0\0", "avro"),
        (b"RIFF\1\2\3\4XXXX\0", "binary"),
        (b"RIFF\1\2\3\4WEBP", "webp"),
        (b"P6 # made here\n3 4\n255\n\0", "netpbm"),
        (b"caf\xe9\n", "text"),
        (b"\xe6\xf8\xe5" * 50, "binary"),
        (b"", "text"),
    ],
)
def test_the_beginning_tells_the_kind(content: bytes, name: str) -> None:
    assert kind_of(content).name == name


@given(st.binary(max_size=600))
def test_any_bytes_have_a_kind_and_the_same_one_each_time(content: bytes) -> None:
    kind = kind_of(content)
    assert kind == kind_of(content)
    assert (kind.encoding is None) == (kind.read_as != "text")


@given(st.text(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"), max_size=300))
def test_what_could_be_a_pass_is_text_in_every_encoding(text: str) -> None:
    text = f"HC1:{text}\r\n"
    assert kind_of(text.encode()).name == "text"
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        kind = kind_of(f"\ufeff{text}".encode(encoding))
        assert (kind.name, kind.encoding) == ("text", encoding)


@given(st.binary(max_size=100), st.integers(0, 99))
def test_only_the_beginning_is_looked_at(content: bytes, extra: int) -> None:
    head = (content + b"A" * KIND_HEAD)[:KIND_HEAD]
    assert kind_of(head) == kind_of(head + b"\0" * extra)


def test_every_page_is_read_and_named_by_its_number() -> None:
    drawing = qr(TEXT).pdf().split(b"stream\n")[1].removesuffix(b"end").decode()
    found = scan(document(drawing, "0 0 140 140", pages=3))
    assert [(one.text, one.frame) for one in found] == [(TEXT, 0), (TEXT, 1), (TEXT, 2)]


def test_a_small_code_is_found_on_the_second_look() -> None:
    drawing = qr("HC1:" + "A" * 200).pdf(module_mm=0.13).split(b"stream\n")[1].removesuffix(b"end")
    page = document(drawing.decode(), "0 0 500 500")
    (found,) = scan(page)
    assert found.text == "HC1:" + "A" * 200


@pytest.mark.parametrize(
    ("name", "bound", "code"),
    [
        ("MAX_PAGES", 1, "qr.image-too-large"),
        ("MAX_STREAMS", 0, "qr.image-too-large"),
        ("MAX_UNPACKED", 10, "qr.image-too-large"),
        ("MAX_SECONDS", -1.0, "qr.image-too-large"),
    ],
)
def test_a_document_beyond_a_bound_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: Any, code: str
) -> None:
    content = document("0 g 0 0 9 9 re f\n" * 2000, pages=2)
    content += b"\nstream\n" + zlib.compress(bytes(1000))
    with pytest.raises(ScanError) as within:
        scan(content)
    assert within.value.code == "qr.not-found"
    monkeypatch.setattr(kinds, name, bound)
    with pytest.raises(ScanError) as beyond:
        scan(content)
    assert beyond.value.code == code


def test_a_stream_that_unpacks_to_very_much_is_refused_before_anything_is_drawn() -> None:
    once = zlib.compress(bytes(kinds.MAX_UNPACKED + 1))
    with pytest.raises(ScanError, match="unpacks to too much"):
        scan(b"%PDF-1.7\nstream\n" + once)


def test_a_page_without_an_area_or_of_a_huge_one_is_drawn_bounded_or_refused() -> None:
    for box in ("0 0 0 0", "0 0 14400 14400", "0 0 1e9 1e9", "0 0 1e300 1e300", "5 5 5 90"):
        with pytest.raises(ScanError):
            scan(document("0 g 0 0 9 9 re f\n", box))


@pytest.mark.parametrize("length", range(0, 1200, 60))
def test_a_document_that_breaks_off_is_an_error_or_read(length: int) -> None:
    content = qr(TEXT).pdf()[:-length] if length else qr(TEXT).pdf()
    try:
        (found,) = scan(content)
    except ScanError as error:
        assert error.code in ("qr.image-unreadable", "qr.not-found")
    else:
        assert found.text == TEXT


def test_a_locked_document_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    def locked(*_: object, **__: object) -> None:
        raise pypdfium2.PdfiumError("Failed to load document (PDFium: Incorrect password error).")

    monkeypatch.setattr(pypdfium2, "PdfDocument", locked)
    with pytest.raises(ScanError, match="locked with a password"):
        scan(qr(TEXT).pdf())


def test_a_document_with_a_broken_page_says_which() -> None:
    content = _pdf_document(
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[9 0 R]/Count 1>>", "<<>>", "<<>>"
    )
    with pytest.raises(ScanError, match="page 1 of the PDF document is broken"):
        scan(content)


def test_without_pdfium_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtraError) as raised:
        scan(qr(TEXT).pdf())
    assert (raised.value.extra, raised.value.package) == ("qr", "pypdfium2")
    assert scan(qr(TEXT).png())


def test_our_own_drawing_is_read_back_and_another_one_refused() -> None:
    drawing = qr(TEXT).svg(label='Pass of <A> & "B"')
    (found,) = scan(drawing.encode())
    assert (found.text, found.mode) == (TEXT, "alphanumeric")
    for changed in (
        drawing.replace("h1v1", "h1v2"),
        drawing.replace('fill="#000"', 'fill="#111"'),
        drawing + "<svg/>",
        drawing.replace("M4 4h7", "M999 999h7"),
    ):
        try:
            assert scan(changed.encode())[0].text == TEXT
        except ScanError as error:
            assert error.code in ("qr.image-unreadable", "qr.not-found")

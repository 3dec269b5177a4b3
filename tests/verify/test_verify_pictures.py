"""Verifying a picture or PDF: passes are judged with their QR code, other codes are named."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import backend
from coronapas.errors import ScanError
from coronapas.hcert import encode
from coronapas.presentation import qr
from coronapas.tolerances import FIELD, STRICT
from coronapas.verify import PROFILES, SeenPass, Sighting, Verifier, foreign_code
from danish_world import AT, claims, forge

if TYPE_CHECKING:
    from pathlib import Path

PASS = forge("HC1", {1: "DK", **{key: claims()[key] for key in (4, 6)}, -260: {1: backend.DCC}})
TOKEN = forge("DK1", claims())


def verifier(**settings: Any) -> Verifier:
    return Verifier(backend.trust(), **settings)


def page(*texts: str, mode: str | None = None) -> Image.Image:
    sheet = Image.new("L", (700 * len(texts), 700), 255)
    for place, text in enumerate(texts):
        out = io.BytesIO()
        segno.make_qr(text, error="L", mode=mode).save(out, kind="png", scale=4)
        sheet.paste(Image.open(out), (700 * place + 10, 10))
    return sheet


def saved(sheet: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    sheet.save(out, form, **options)
    return out.getvalue()


def test_a_picture_a_pdf_a_path_a_file_and_an_image_are_verified(tmp_path: Path) -> None:
    path = tmp_path / "p.pdf"
    qr(PASS).save(path)
    for image in (path, str(path), path.read_bytes(), io.BytesIO(qr(PASS).png()), page(PASS)):
        found = verifier().verify_image(image, AT)
        assert found
        assert found.others == ()
        (seen,) = found.passes
        assert seen
        assert seen.checks[0].code == "qr.ok"
        assert seen.checks[1:] == verifier().verify(PASS, AT).checks
        assert seen.deviations == ()


def test_the_qr_codes_own_deviation_is_in_the_result_and_fails_where_it_is_not_granted() -> None:
    picture = saved(page(PASS, mode="byte"), "PNG")
    (lenient,) = verifier(tolerate=FIELD).verify_image(picture, AT).passes
    assert lenient.ok
    assert [found.code for found in lenient.deviations] == ["qr.mode"]
    result = verifier(tolerate=STRICT).verify_image(picture, AT)
    (strict,) = result.passes
    assert (result.ok, strict.ok) == (False, False)
    assert [check.code for check in strict.failures] == ["qr.mode"]
    assert strict.verification.ok


def test_other_codes_are_named_and_keep_no_pass_from_being_judged() -> None:
    result = verifier().verify_image(page("https://example.org", PASS, "shc:/5676290952"), AT)
    assert result.ok
    assert len(result.passes) == 1
    assert sorted(result.others) == ["a SMART Health Card", "a web address"]


def test_a_picture_without_a_pass_is_not_ok() -> None:
    result = verifier().verify_image(page("https://example.org"), AT)
    assert result == Sighting((), ("a web address",))
    assert not result


def test_one_bad_pass_makes_the_picture_not_ok() -> None:
    result = verifier().verify_image(page(PASS, PASS[:-4]), AT)
    assert sorted(seen.ok for seen in result.passes) == [False, True]
    assert not result.ok


def test_a_pass_that_is_not_accepted_is_judged_and_not_named_as_another_code() -> None:
    (seen,) = verifier().verify_image(page(TOKEN), AT).passes
    assert [check.code for check in seen.failures] == ["prefix.not-accepted"]
    assert verifier(accept=("dk",)).verify_image(page(TOKEN), AT).ok


def test_pages_are_counted_and_all_passes_are_of_one_moment() -> None:
    sheets = [page(PASS), page("https://example.org"), page(PASS)]
    content = saved(sheets[0], "PDF", resolution=100, save_all=True, append_images=sheets[1:])
    result = verifier().verify_image(content)
    assert [seen.scan.frame for seen in result.passes] == [0, 2]
    assert len({seen.verification.at for seen in result.passes}) == 1


def test_what_cannot_be_read_is_a_scan_error_and_a_wrong_moment_a_value_error() -> None:
    for content in (b"", b"PK\3\4", b"%PDF-1.7", saved(Image.new("L", (99, 99)), "PNG")):
        with pytest.raises(ScanError):
            verifier().verify_image(content, AT)
    with pytest.raises(ValueError, match="time zone"):
        verifier().verify_image(qr(PASS).png(), datetime(2021, 1, 1))


def test_no_result_tells_of_the_holder_in_its_repr() -> None:
    result = verifier().verify_image(page(PASS), AT)
    assert isinstance(result.passes[0], SeenPass)
    assert PASS[10:40] not in repr(result)
    assert not [name for name in backend.DCC["nam"].values() if name in repr(result)]


@pytest.mark.parametrize("row", PROFILES, ids=lambda row: row.name)
@given(rest=st.text(max_size=50))
def test_whatever_begins_as_a_known_payload_is_meant_as_a_pass(row: Any, rest: str) -> None:
    assert foreign_code(f"{row.prefix}{rest}") is None
    assert foreign_code(f"{row.prefix.lower()}{rest}") is None


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_of_any_text_it_is_said_what_it_is(text: str | bytes) -> None:
    found = foreign_code(text)
    assert found is None or found.isprintable()


def test_a_pass_without_its_prefix_is_a_pass() -> None:
    assert foreign_code(PASS[4:]) is None
    assert foreign_code(encode(b"\x01")[4:]) == "a code of another kind"

"""Passes on paper: what stands on a sheet, in which order, and that its code can be read again."""

from __future__ import annotations

import copy
import io
import pickle
import re
import shutil
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend import claims, forge
from coronapas.dcc import ValueSets, facts_of
from coronapas.errors import DecodeError, MissingExtraError, PaperError
from coronapas.presentation import (
    MAX_PAPER_TEXT,
    MAX_PAPER_VALUE,
    PAPER_QR_MM,
    SHEETS,
    Paper,
    Sheet,
    _paper,
    scan,
)
from odd_payloads import payload

poppler = pytest.mark.skipif(
    shutil.which("pdfinfo") is None, reason="poppler-utils (pdfinfo, pdftotext) is absent"
)
DEJAVU: Final = Path("/usr/share/fonts/truetype/dejavu")
dejavu = pytest.mark.skipif(not DEJAVU.is_dir(), reason="the fonts DejaVu are absent")

MM: Final = 300 / 25.4
"""Pixels of a millimetre at 300 dots an inch."""


def signed(kind: str = "vaccination", country: str = "DK", **names: Any) -> str:
    """The text of a pass of a kind; `names` are changed in the payload's ``nam``."""
    dcc = payload(kind)
    dcc["nam"].update(names)
    return forge(claims(dcc, iss=country))


@cache
def vaccination() -> str:
    return signed()


@cache
def sheet(kind: Sheet = "fold") -> bytes:
    return Paper(kind).pdf(vaccination())


def fault_of(error: pytest.ExceptionInfo[PaperError]) -> tuple[str, str]:
    (fault,) = error.value.faults
    assert fault.problem
    assert fault.hint
    return fault.field, fault.code


def poppler_says(pdf: bytes, *command: str) -> str:
    run = subprocess.run(
        [command[0], *command[1:], "-", *(["-"] if command[0] == "pdftotext" else [])],
        input=pdf,
        capture_output=True,
        check=True,
    )
    return run.stdout.decode("utf-8", "replace")


def text_of(pdf: bytes) -> str:
    return poppler_says(pdf, "pdftotext", "-raw")


def picture(pdf: bytes, dpi: float = 300) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    try:
        image: Image.Image = document[0].render(scale=dpi / 72, grayscale=True).to_pil().copy()
        return image
    finally:
        document.close()


@cache
def structure(event: str, kind: Sheet) -> str:
    """The tags of a sheet and their texts, in the order in which a screen reader says them."""
    return poppler_says(Paper(kind).pdf(signed(event)), "pdfinfo", "-struct-text")


# What stands on it.


ORDER: Final = {
    "vaccination": [
        "EU Digital COVID", "digitale", "DK", "Vaccination certificate", "Vaccinationscertifikat",
        "Surname(s) and forename(s)", "Efternavn(e) og fornavn(e)",
        "Ærtebjerg-Testsen, Prøve Maria", "Date of birth", "1979-04-14", "URN:", "Information",
        "Oplysninger", "not a travel document", "2022-02-28 12:00 UTC",
        "Vaccination certificate", "Disease or agent targeted", "COVID-19",
        "SARS-CoV-2 mRNA vaccine", "Comirnaty", "Biontech Manufacturing GmbH", "2/2", "2021-06-11",
        "Denmark", "Example Health Authority",
    ],
    "NAAT": [
        "Test certificate", "1979-04-14", "Testcertifikat", "Nucleic acid amplification test",
        "Nukleinsyreamplifikationstest", "Example PCR", "2021-08-20 10:03 UTC", "Not detected",
        "Ikke påvist", "Example Test Centre", "Denmark",
    ],
    "RAT": [
        "Test certificate", "Rapid antigen test", "Hurtig antigentest", "Panbio",
        "2021-08-20 10:03 UTC+02:00", "Not detected", "Example Test Centre",
    ],
    "recovery": [
        "Certificate of recovery", "1979-04-14", "Certifikat for overstået", "2021-04-21",
        "Denmark", "Example Health Authority", "2021-05-02", "2021-10-18",
    ],
}  # fmt: skip


@poppler
@pytest.mark.parametrize(("event", "kind"), list(zip(ORDER, SHEETS * 2, strict=True)))
def test_a_screen_reader_says_every_field_in_order(event: str, kind: Sheet) -> None:
    said = "\n".join(re.findall(r'^ +"(.*)"$', structure(event, kind), re.MULTILINE))
    place = -1
    for words in ORDER[event]:
        place = said.find(words, place + 1)
        assert place >= 0, f"{words} does not follow"


@poppler
def test_the_document_says_its_structure_its_language_and_what_the_picture_is() -> None:
    text = structure("vaccination", "fold")
    assert re.findall(r"^ +(H\d)", text, re.MULTILINE) == ["H1", "H2", "H2"]
    assert text.count("Figure") == 1
    info = poppler_says(sheet(), "pdfinfo")
    assert re.search(r"^Tagged: +yes$", info, re.MULTILINE)
    assert re.search(r"^Pages: +1$", info, re.MULTILINE)
    assert re.search(r"^Title: +EU Digital COVID Certificate$", info, re.MULTILINE)
    assert b"QR code of the certificate" in b"".join(streams(sheet()))


def streams(pdf: bytes) -> list[bytes]:
    """The document, and what its compressed streams unpack to."""
    import zlib

    unpacked = []
    for found in re.finditer(rb"stream\r?\n", pdf):
        try:
            unpacked.append(zlib.decompressobj().decompress(pdf[found.end() :]))
        except zlib.error:
            continue
    return [pdf, *unpacked]


def test_the_document_claims_both_standards_and_has_no_picture_of_pixels() -> None:
    whole = b"".join(streams(sheet()))
    assert b"<pdfuaid:part>1</pdfuaid:part>" in whole
    assert b"<pdfaid:part>2</pdfaid:part>" in whole
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in whole
    assert b"/Subtype/Image" not in whole.replace(b" ", b"")


@poppler
def test_codes_are_printed_in_the_words_of_the_value_sets_that_are_given() -> None:
    text = vaccination()
    assert "EU/1/20/1528" not in text_of(sheet())
    newer = ValueSets.from_official(
        {
            "valueSetId": "vaccines-covid-19-names",
            "valueSetDate": "2022-01-01",
            "valueSetValues": {"EU/1/20/1528": {"display": "Another Name", "active": True}},
        }
    )
    changed = Paper("flat", value_sets=ValueSets.default().replace(newer))
    assert "Another Name" in text_of(changed.pdf(text))
    unknown = payload()
    unknown["v"][0]["mp"] = "EU/9/99/9999"
    assert "EU/9/99/9999" in text_of(Paper("flat").pdf(forge(claims(unknown))))


@poppler
@pytest.mark.parametrize(
    ("country", "language", "words", "absent"),
    [
        ("DK", None, "Fødselsdato", "Geburtsdatum"),
        ("AT", None, "Geburtsdatum", "Fødselsdato"),
        ("GR", None, "Ημερομηνία γέννησης", "Fødselsdato"),
        ("DK", "fr-LU", "Date de naissance", "Fødselsdato"),
        ("DK", "en", "Date of birth", "Fødselsdato"),
        ("PT", None, "Date of birth", "Fødselsdato"),
    ],
)
def test_the_second_language_is_the_countrys_or_the_callers(
    country: str, language: str | None, words: str, absent: str
) -> None:
    text = text_of(Paper("flat", language=language).pdf(signed(country=country)))
    assert words in text
    assert absent not in text
    assert "Surname(s) and forename(s)" in text


def test_a_sheet_may_be_in_another_language_than_the_others() -> None:
    paper = Paper("flat", language="de")
    assert paper.pdf(vaccination(), language="da-DK") == sheet("flat")
    assert (paper.sheet, paper.language) == ("flat", "de")
    with pytest.raises(PaperError) as caught:
        paper.pdf(vaccination(), language="xx")
    assert fault_of(caught) == ("language", "paper.language-unknown")


@poppler
def test_only_members_issue_under_the_name_and_the_flag_of_the_union() -> None:
    abroad = Paper("flat", language="en").pdf(signed(country="CH"))
    assert "EU Digital" not in text_of(abroad)
    assert "COVID-19 certificate" in text_of(abroad)
    blue = (0x00, 0x33, 0x99)
    for pdf, flagged in ((abroad, False), (sheet("flat"), True)):
        page = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("RGB")
        pixels = sum(page.getpixel((x, y)) == blue for x in range(300) for y in range(250))
        assert (pixels > 2000) is flagged


@poppler
@pytest.mark.parametrize(
    ("family", "given_name", "printed"),
    [
        ("Østergård-Ærø", "Zoë Åse", "Østergård-Ærø, Zoë Åse"),
        ("Großmann", "Jörg", "Großmann, Jörg"),
        ("Lefèvre d’Étienne", "Noël", "Lefèvre d’Étienne, Noël"),
        ("Παπαδόπουλος", "Γεώργιος", "Παπαδόπουλος, Γεώργιος"),
        ("Щербаков", "Юрий", "Щербаков, Юрий"),
        ("Dvořák", "Łukasz Ţepeş", "Dvořák, Łukasz Ţepeş"),
    ],
)
def test_names_of_europe_are_printed_as_they_are(
    family: str, given_name: str, printed: str
) -> None:
    assert printed in text_of(Paper("flat").pdf(signed(fn=family, gn=given_name)))


@poppler
def test_an_arabic_name_is_shaped_runs_from_right_to_left_and_has_latin_letters_beside_it() -> None:
    name, letters = "الشامي", "ALSHAMY"
    pdf = Paper("flat").pdf(signed(fn=name, gn="محمد", fnt=letters, gnt="MOHAMED"))
    text = text_of(pdf)
    assert name in text
    assert "،" in text
    assert f"{letters}<<MOHAMED" in text
    # Shaped: the letters of the word have other glyphs than each of them has alone.
    assert "DejaVuSansMono" in poppler_says(pdf, "pdffonts")
    latin = text_of(sheet("flat"))
    assert "AERTEBJERG" not in latin


@poppler
def test_what_a_pass_leaves_open_is_said_to_be_unknown() -> None:
    dcc = payload()
    dcc["dob"] = ""
    del dcc["nam"]["fn"], dcc["nam"]["gn"]
    text = text_of(Paper("flat").pdf(forge(claims(dcc))))
    assert "Unknown\nUkendt" in text
    assert "AERTEBJERG<TESTSEN<<PROEVE<MARIA" in text


@poppler
def test_odd_codes_of_a_test_are_printed_as_they_are() -> None:
    odd = payload("NAAT", tt="LP0-ODD", tr="12345")
    text = text_of(Paper("flat").pdf(forge(claims(odd))))
    assert "LP0-ODD" in text
    assert "12345" in text


@poppler
@pytest.mark.parametrize("changes", [{"exp": ...}, {"exp": 10**15}, {"iat": ...}, {"iat": 10**15}])
def test_a_pass_without_a_usual_time_is_printed_all_the_same(changes: dict[str, Any]) -> None:
    text = text_of(Paper("flat").pdf(forge(claims(payload(), **changes))))
    assert ("can be verified until" in text) is ("exp" not in changes)


def test_a_long_identifier_is_broken_without_a_letter_too_many() -> None:
    dcc = payload()
    identifier = "URN:UVCI:01:DK:" + "W" * 60
    dcc["v"][0]["ci"] = identifier
    pdf = Paper("flat").pdf(forge(claims(dcc)))
    page = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    assert identifier in "".join(page.split())


# Where it stands.


@pytest.mark.parametrize("kind", SHEETS)
def test_the_symbol_is_sixty_millimetres_wide_on_white_and_off_the_edge(kind: Sheet) -> None:
    page = picture(sheet(kind))
    assert [round(side / MM) for side in page.size] == [210, 297]
    left, top = (0, 148.5) if kind == "fold" else (105, 0)
    # Below the text in the QR panel's upper part there is nothing but the symbol.
    part = page.crop(
        (
            round((left + 2) * MM),
            round((top + 2) * MM),
            round((left + 103) * MM),
            round((top + 73) * MM),
        )
    )
    box = part.point(lambda grey: 255 * (grey < 128)).getbbox()
    assert box is not None
    assert (box[2] - box[0]) / MM == pytest.approx(PAPER_QR_MM, abs=0.2)
    assert (box[3] - box[1]) / MM == pytest.approx(PAPER_QR_MM, abs=0.2)
    assert min(box[0], box[1]) / MM > 5
    assert box[0] == pytest.approx(part.width - box[2], abs=MM)


LONG: Final = {
    "words": "Maximiliane Wilhelmine Friederike Charlotte Henriette Josephine Aloysia Bernard",
    "hyphens": "Maximiliane-Wilhelmine-Friederike-Charlotte-Henriette-Josephine-Aloysia-Bern",
    "one word": "W" * 79,
    "Greek": "Παπαδοπουλοκωνσταντινοπουλοχαραλαμποπουλος-Οικονομοπουλος-Χριστοδουλοπουλος",
    "Arabic": "الشامي " * 11,
    "marks": "<".join("MARKS" * 8),
}


@pytest.mark.parametrize("kind", SHEETS)
@pytest.mark.parametrize("script", LONG)
def test_every_letter_lies_inside_its_panel(script: str, kind: Sheet) -> None:
    long = LONG[script]
    machine = "MAXIMILIANE<WILHELMINE<FRIEDERIKE<CHARLOTTE<HENRIETTE<JOSEPHINE<ALOYSIABERNARD"
    dcc = payload("NAAT", tc=long, ci="URN:UVCI:01:DK:" + "W" * 60, **{"is": long})
    dcc["nam"] = {"fn": long, "gn": long, "fnt": machine, "gnt": machine}
    page = pypdfium2.PdfDocument(Paper(kind).pdf(forge(claims(dcc))))[0].get_textpage()
    text = page.get_text_range()
    assert "".join(long.split())[:40] in "".join(text.split())
    padding, width, height = 9.5, 105, 148.5
    for index in range(page.count_chars()):
        if text[index : index + 1].isspace():
            continue
        left, bottom, right, top = (side / 72 * 25.4 for side in page.get_charbox(index))
        column, row = (left + right) // 2 // width * width, (bottom + top) / 2 // height * height
        assert column + padding <= left <= right <= column + width - padding
        assert row + padding <= bottom <= top <= row + height - padding


def test_fold_marks_of_ten_millimetres_stand_at_the_edges_of_the_sheet_to_fold() -> None:
    def marks(kind: Sheet) -> list[int]:
        page = picture(sheet(kind))
        strips = [
            page.crop((round(104.5 * MM), 0, round(105.5 * MM), page.height)),
            page.crop((0, round(148 * MM), page.width, round(149 * MM))),
        ]
        found = []
        for strip, along in zip(strips, (1, 0), strict=True):
            thin = strip.resize(
                (1, strip.height) if along else (strip.width, 1), Image.Resampling.BOX
            )
            dark = [grey < 250 for grey in thin.tobytes()]
            half = len(dark) // 2
            for part in (dark[:half], dark[half:]):
                found.append(round(sum(part) / MM))
        return found

    assert marks("fold") == [10, 10, 10, 10]
    assert marks("flat") == [0, 0, 0, 0]


def test_on_the_sheet_to_fold_the_upper_panels_stand_on_their_heads() -> None:
    page = pypdfium2.PdfDocument(sheet("fold"))[0].get_textpage()
    size = {}
    for words in ("Information", "Date of birth", "Denmark"):
        index = page.get_text_range().index(words)
        left, bottom, _, _ = page.get_charbox(index)
        right = page.get_charbox(index + len(words) - 1)[0]
        size[words] = (right > left, bottom > 842 / 2)
    assert size["Information"] == (False, True)
    assert size["Denmark"] == (False, True)
    assert size["Date of birth"] == (True, False)


# Read again.


@pytest.mark.parametrize("kind", SHEETS)
def test_the_code_on_the_sheet_is_the_pass(kind: Sheet) -> None:
    (found,) = scan(sheet(kind))
    assert found.text == vaccination()
    assert (found.error_level, found.deviations) == ("Q", ())


@pytest.mark.parametrize(
    ("dpi", "turned"),
    [(100, 0), (100, 2), (100, 90), (150, 7), (150, 180), (200, 45), (300, 0), (300, 271)],
)
def test_a_scan_of_the_sheet_is_read_in_grey_and_turned(dpi: int, turned: float) -> None:
    page = picture(sheet(), dpi).rotate(turned, expand=True, fillcolor=255)
    faded = page.point(lambda grey: 70 + grey * 150 // 255)
    copied = io.BytesIO()
    faded.save(copied, "JPEG", quality=60)
    assert [code.text for code in scan(copied.getvalue())] == [vaccination()]


# The same bytes.


@pytest.mark.parametrize("kind", SHEETS)
def test_the_same_pass_gives_the_same_bytes(kind: Sheet) -> None:
    paper = Paper(kind)
    assert paper.pdf(vaccination()) == paper.pdf(vaccination()) == sheet(kind)
    again = pickle.loads(pickle.dumps(Paper(kind, language="da")))
    assert again.pdf(vaccination()) == sheet(kind)
    assert copy.copy(again).pdf(vaccination()) == sheet(kind)


def test_the_document_is_dated_with_the_passs_issue() -> None:
    assert b"20210901120000" in b"".join(streams(sheet()))


def test_threads_print_beside_each_other() -> None:
    paper = Paper("flat", language="en")
    texts = [signed(fn=f"Name {letter}") for letter in "ABCDEF"]
    alone = [paper.pdf(text) for text in texts]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(paper.pdf, texts)) == alone


# Fonts, and what they lack.


@dejavu
@poppler
def test_the_caller_names_the_fonts() -> None:
    paper = Paper("flat", fonts=[DEJAVU], families=["DejaVu Sans"])
    assert pickle.loads(pickle.dumps(paper)).pdf(vaccination()) == paper.pdf(vaccination())
    fonts = poppler_says(paper.pdf(signed(gn="محمد")), "pdffonts")
    assert "DejaVuSans" in fonts
    assert not re.search("Libertinus|Mono", fonts)
    for line in fonts.splitlines()[2:]:
        assert re.search(r" yes yes yes ", line), "not embedded, not a subset, or without Unicode"


def test_the_systems_fonts_are_not_looked_at() -> None:
    with pytest.raises(PaperError) as caught:
        Paper(families=["Libertinus Serif", "DejaVu Serif"])
    assert fault_of(caught) == ("families", "paper.font-unknown")
    assert Paper("flat", families=["New Computer Modern"]).pdf(vaccination()) != sheet("flat")


@pytest.mark.parametrize("letter", ["😀", "한", "\ue000", "\U0010fffd", "\u0378"])
@pytest.mark.parametrize(
    ("field", "path"), [("fn", "holder"), ("is", "issuer"), ("ci", "uvci"), ("mp", "vaccination")]
)
def test_a_letter_without_a_glyph_is_a_fault_that_quotes_nothing(
    letter: str, field: str, path: str
) -> None:
    dcc = payload()
    (dcc["nam"] if field == "fn" else dcc["v"][0])[field] = f"Secret{letter}"
    with pytest.raises(PaperError) as caught:
        Paper("flat").pdf(forge(claims(dcc)))
    place, code = fault_of(caught)
    assert place.startswith(path)
    assert code == "paper.glyph-missing"
    error: BaseException | None = caught.value
    while error is not None:
        assert "Secret" not in str(error)
        assert letter not in str(error)
        error = error.__cause__ or error.__context__


def test_a_text_of_the_callers_without_a_glyph_is_named() -> None:
    with pytest.raises(PaperError) as caught:
        Paper(texts={"da": {"notice": "한"}}).pdf(vaccination())
    assert fault_of(caught) == ("texts.da.notice", "paper.glyph-missing")


# Hostile passes.

CODE_OF_TYPST: Final = [
    '#panic("x")', "#sys.inputs", '#read("/etc/passwd")', "$x^2$", "*bold*", "_italic_", "`raw`",
    "\\u{41}", "// away", "/* away */", "[a]", "<label>", "@cite", "https://example.org",
    "= Heading", "- item", "+ item", "/ term: x", "~", "---", "...", "'quoted' \"quoted\"", "\\",
    "#", "#{", "]",
    "{moment}", '{"text":"x"}', "\u2028#panic()",
]  # fmt: skip


@poppler
@pytest.mark.parametrize("part", range(3))
def test_markup_and_code_in_a_name_are_printed_as_they_are(part: int) -> None:
    name = " A ".join(CODE_OF_TYPST[part::3])
    text = text_of(Paper("flat").pdf(signed(fn=f"A {name} B")))
    assert "".join(f"A {name} B, ".split()) in "".join(text.split())


@poppler
def test_characters_that_steer_the_direction_are_left_out() -> None:
    text = text_of(Paper("flat").pdf(signed(fn="ab\u202ecd\u2066ef\u200f\u0007\u00ad")))
    assert "abcdef, " in text


@settings(max_examples=15)
@given(st.text(max_size=90), st.text(max_size=90))
def test_any_name_gives_a_sheet_or_a_fault_that_quotes_nothing(
    family: str, given_name: str
) -> None:
    names = {
        name: value.encode("utf-8", "replace").decode()
        for name, value in (("fn", family), ("gn", given_name))
    }
    try:
        pdf = Paper("flat").pdf(signed(**names))
    except PaperError as error:
        assert {fault.code for fault in error.faults} <= {"paper.glyph-missing"}
        assert {fault.field for fault in error.faults} == {"holder"}
    else:
        assert pdf.startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("language", "kind"), list(zip(Paper.languages() * 2, SHEETS * 9, strict=True))
)
def test_what_is_not_measured_fits_at_its_usual_size(
    language: str, kind: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many lines as are not measured, of the widest letters, in every language."""
    unmeasured = b"if data.usual { text(size: usual, body) } else {"
    template = _paper._template()
    assert template.count(unmeasured) == 1
    usual = template.replace(unmeasured, b"{ let sizes = (usual,)\n")
    monkeypatch.setattr(_paper, "_template", lambda: usual)
    paper = Paper(kind, language=language)

    def is_measured(dcc: dict[str, Any]) -> bool:
        facts, _ = facts_of(dcc)
        assert facts is not None
        return not _paper._Content(paper, facts, language, "DK", 0)._usual()

    for event in ("vaccination", "NAAT", "recovery"):
        dcc = payload(event)
        (group,) = dcc.keys() - {"ver", "nam", "dob"}
        entry = dcc[group][0]
        # The name has a letter that is not Latin, so that the machine-readable form stands below.
        dcc["nam"] = {"fn": "W" * 39 + "Ω", "fnt": "W" * 40}
        entry["ci"] = "W" * 40
        names = [name for name in ("mp", "vp", "ma", "tg", "is", "co", "nm", "tc") if name in entry]
        entry.update(dict.fromkeys(names, "W" * 20))
        for name in names:
            entry[name] = "W" * 40
            if is_measured(dcc):
                entry[name] = "W" * 20
        assert not is_measured(dcc)
        assert is_measured({**dcc, "nam": {"fn": "W" * 59 + "Ω", "fnt": "W" * 40}})
        paper.pdf(forge(claims(dcc)))


def test_long_values_are_made_smaller_until_they_do_not_fit() -> None:
    dcc = payload("NAAT")
    for name in ("nm", "tc", "is"):
        dcc["t"][0][name] = "W" * 80
    dcc["nam"] = {"fn": "W" * 80, "gn": "M" * 80, "fnt": "W" * 80, "gnt": "M" * 80}
    assert scan(Paper("fold").pdf(forge(claims(dcc))))
    dcc["nam"]["fn"] = "W" * (MAX_PAPER_VALUE - 82)
    dcc["t"][0]["ci"] = "W" * MAX_PAPER_VALUE
    with pytest.raises(PaperError) as caught:
        Paper("fold").pdf(forge(claims(dcc)))
    assert fault_of(caught) == ("", "paper.too-long")


def test_a_value_beyond_all_bounds_is_refused_before_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("it was set")

    monkeypatch.setattr(_paper._Local, "compile", never)
    with pytest.raises(PaperError) as caught:
        Paper("fold").pdf(signed(fn="W" * (MAX_PAPER_VALUE + 1)))
    assert fault_of(caught) == ("", "paper.too-long")


# What cannot be printed.


def several() -> str:
    dcc = payload()
    dcc["v"].append({**dcc["v"][0], "dt": "2021-05-01"})
    return forge(claims(dcc))


@pytest.mark.parametrize(
    "text",
    [several(), forge(claims({})), forge(claims([])), forge(claims(hcert={2: {}}))],
    ids=["two events", "an empty payload", "not an object", "another payload"],
)
def test_a_pass_without_one_event_is_refused(text: str) -> None:
    with pytest.raises(PaperError) as caught:
        Paper().pdf(text)
    assert fault_of(caught) == ("", "paper.no-event")


@pytest.mark.parametrize(
    "text", ["", "no pass", "https://example.org/", "HC1:ABC", "HC1:" + "0" * 90]
)
def test_a_text_that_is_no_pass_fails_as_it_does_when_decoded(text: str) -> None:
    with pytest.raises(DecodeError):
        Paper().pdf(text)


@pytest.mark.parametrize(
    ("arguments", "field", "code"),
    [
        ({"sheet": "round"}, "sheet", "paper.sheet-unknown"),
        ({"language": "xx"}, "language", "paper.language-unknown"),
        ({"language": ""}, "language", "paper.language-unknown"),
        ({"texts": {"da": {"titel": "x"}}}, "texts", "paper.text-unknown"),
        ({"texts": {"da": {"title": ""}}}, "texts.da.title", "paper.text-form"),
        ({"texts": {"da": {"title": "a\nb"}}}, "texts.da.title", "paper.text-form"),
        ({"texts": {"da": {"title": 7}}}, "texts.da.title", "paper.text-form"),
        (
            {"texts": {"da": {"title": "x" * (MAX_PAPER_TEXT + 1)}}},
            "texts.da.title",
            "paper.text-form",
        ),
        ({"texts": {"danish": {}}}, "texts", "paper.language-form"),
        ({"families": ["No Such Font"]}, "families", "paper.font-unknown"),
    ],
)
def test_settings_with_which_nothing_can_be_printed_are_faults(
    arguments: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(PaperError) as caught:
        Paper(**arguments)
    assert fault_of(caught) == (field, code)


def test_all_faults_of_the_settings_are_said_at_once() -> None:
    with pytest.raises(PaperError) as caught:
        Paper("round", language="xx", texts={"pl": {"title": "x"}})  # type: ignore[arg-type]
    codes = [fault.code for fault in caught.value.faults]
    missing = len(Paper.texts_of("en")) - 1
    assert codes.count("paper.text-missing") == missing
    assert len(codes) == missing + 2


@poppler
def test_a_language_of_the_callers_own_needs_all_texts() -> None:
    texts = {name: f"«{name} {{moment}}»" for name in Paper.texts_of("en")}
    printed = text_of(Paper("flat", language="pl-PL", texts={"pl": texts}).pdf(vaccination()))
    assert "«birth_date {moment}»" in printed
    assert "«verifiable 2022-02-28 12:00 UTC»" in printed
    changed = Paper("flat", texts={"en": {"notice": "Ours alone."}}).pdf(vaccination())
    assert "Ours alone." in text_of(changed)
    assert "not a travel document" not in text_of(changed)


def test_every_bundled_language_has_every_text() -> None:
    names = Paper.texts_of("en").keys()
    for language in Paper.languages():
        texts = Paper.texts_of(language)
        assert texts.keys() == names
        assert "{moment}" in texts["verifiable"]
        assert all(unicodedata.is_normalized("NFC", text) for text in texts.values())
    with pytest.raises(LookupError):
        Paper.texts_of("xx")


def test_texts_that_were_handed_out_can_be_changed_without_harm() -> None:
    Paper.texts_of("en").clear()
    assert Paper.texts_of("en")


def test_without_typst_the_error_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[paper\]'") as caught:
        Paper()
    assert (caught.value.extra, caught.value.package) == ("paper", "typst")


def test_what_typst_says_of_itself_does_not_get_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise typst.TypstError("quotes a name", "quotes a name")

    monkeypatch.setattr(_paper._Local, "compile", fails)
    monkeypatch.setattr(Paper, "_sets", lambda *_: True)
    with pytest.raises(PaperError) as caught:
        Paper().pdf(vaccination())
    assert fault_of(caught) == ("", "paper.failed")
    assert caught.value.__context__ is None

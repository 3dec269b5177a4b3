"""``coronapas verify``: what it says, what it never says, and how it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import segno
from command_world import AT, FAMILY, ISSUED, Country, issue, make_country, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from coronapas import schemas
from coronapas.cli import _output as showing
from coronapas.facts import Test, TestKind, TestResult
from coronapas.presentation import qr

if TYPE_CHECKING:
    from pathlib import Path

RESULTS = Draft202012Validator(schemas.load("verification"))


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def documents(output: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in output.splitlines()]
    for document in found:
        RESULTS.validate(document)
    return found


def tampered(text: str) -> str:
    place = len(text) // 2
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def test_a_good_pass_ends_with_0_and_says_its_kind_and_signer(country: Country) -> None:
    result = run("verify", "--text", country.text, *country.trust, *AT)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == (
        "--text 1: ok  vaccination, signed by DK, issuer DK, "
        "issued 2023-01-15 12:00 UTC, expires 2023-04-15 12:00 UTC"
    )
    assert lines[-1] == "1 ok, 0 failed, revocation not known of 1"


def test_every_line_of_a_file_is_a_pass_and_blank_lines_are_none(country: Country) -> None:
    other = tampered(country.text)
    content = f"\ufeff{country.text}\r\n\n   \n{other}\n{country.text}"
    result = run("verify", country.file("p.txt", content), *country.trust, *AT)
    assert result.exit_code == 1
    places = [line for line in result.output.splitlines() if line.startswith(str(country.folder))]
    assert [line.partition("p.txt:")[2][:4] for line in places] == ["1: o", "4: F", "5: o"]
    assert result.output.splitlines()[-1].startswith("2 ok, 1 failed")


def test_quiet_shows_what_failed_and_the_count_alone(country: Country) -> None:
    source = country.file("p.txt", f"{country.text}\n{tampered(country.text)}\n")
    lines = run("verify", source, "--quiet", *country.trust, *AT).output.splitlines()
    assert "p.txt:2: FAIL" in lines[0]
    assert not any("p.txt:1" in line for line in lines)


def test_checks_shows_every_check_in_order(country: Country) -> None:
    result = run("verify", "--text", country.text, "--checks", *country.trust, *AT)
    assert [line.split()[0] for line in result.output.splitlines()[1:-1]] == [
        *["PASS"] * 11,
        "UNKNOWN",
    ]


def test_a_text_of_one_pass_may_end_with_a_line_end_under_strict(country: Country) -> None:
    source = country.file("p.txt", f"{country.text}\r\n")
    assert run("verify", "--whole", "--strict", source, *country.trust, *AT).exit_code == 0
    assert run("verify", "--strict", source, *country.trust, *AT).exit_code == 0
    wrapped = country.file("w.txt", f"{country.text[:50]}\n{country.text[50:]}\n")
    assert run("verify", wrapped, *country.trust, *AT).exit_code == 1
    assert run("verify", "--whole", wrapped, *country.trust, *AT).exit_code == 0


def test_white_space_around_a_pass_is_a_deviation_that_strict_does_not_grant(
    country: Country,
) -> None:
    source = country.file("p.txt", f" {country.text}\n")
    lenient = run("verify", source, *country.trust, *AT)
    assert lenient.exit_code == 0
    assert "deviation  prefix.whitespace" in lenient.output
    assert run("verify", source, "--strict", *country.trust, *AT).exit_code == 1
    one = ("--strict", "--tolerate", "prefix.whitespace")
    assert run("verify", source, *one, *country.trust, *AT).exit_code == 0


def test_tolerate_adds_to_what_real_passes_need(country: Country) -> None:
    sampled = ISSUED - timedelta(hours=9)
    event = Test(TestKind.NAAT, sampled, TestResult.DETECTED, centre="Invented Centre")
    arguments = ("verify", "--text", f" {issue(event).text}", *country.trust, *AT)
    assert run(*arguments).exit_code == 1
    one_more = ("--tolerate", "content.positive-test")
    assert run(*arguments, *one_more).exit_code == 0
    assert run(*arguments, *one_more, "--strict").exit_code == 1


def test_standard_input_is_read_as_text_and_as_a_picture(country: Country) -> None:
    assert run("verify", "-", *country.trust, *AT, input=country.text).exit_code == 0
    result = run("verify", "-", "--json", *country.trust, *AT, input=qr(country.text).png())
    (found,) = documents(result.output)
    assert found["place"] == "standard input"
    assert found["ok"]
    assert found["checks"][0] == {
        "name": "qr code",
        "outcome": "PASS",
        "code": "qr.ok",
        "sentence": "The QR code was read.",
    }


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_every_form_of_picture_is_told_from_text(country: Country, form: str) -> None:
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(qr(country.text).png())).convert("RGB")
    out = BytesIO()
    picture.save(out, form)
    source = country.file("picture", out.getvalue())
    assert run("verify", source, *country.trust, *AT).exit_code == 0


def test_text_that_begins_as_a_picture_might_is_still_text(country: Country) -> None:
    for text in ("BM:NCF", "P6+NCF", "GIF"):
        result = run("verify", country.file("p.txt", text), *country.trust, *AT)
        assert result.exit_code == 1
        assert "p.txt:1: FAIL" in result.output


def test_a_qr_code_in_another_mode_is_a_deviation_and_under_strict_a_failure(
    country: Country,
) -> None:
    from io import BytesIO

    out = BytesIO()
    segno.make_qr(country.text, mode="byte", error="L").save(out, kind="png", scale=6)
    source = country.file("byte.png", out.getvalue())
    lenient = documents(run("verify", source, "--json", *country.trust, *AT).output)[0]
    assert lenient["ok"]
    assert [one["code"] for one in lenient["deviations"]] == ["qr.mode"]
    strict = run("verify", source, "--json", "--strict", *country.trust, *AT)
    assert strict.exit_code == 1
    assert documents(strict.output)[0]["failures"] == ["qr.mode"]
    spoken = run("verify", source, "--strict", *country.trust, *AT).output
    assert spoken.startswith(str(source))
    assert "qr code: The QR code has byte segments" in spoken


def test_two_codes_in_one_picture_are_two_passes(country: Country) -> None:
    from io import BytesIO

    from PIL import Image

    one = Image.open(BytesIO(qr(country.text).png(scale=4))).convert("L")
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    out = BytesIO()
    both.save(out, "PNG")
    found = run("verify", country.file("two.png", out.getvalue()), *country.trust, *AT)
    assert "two.png, code 1: ok" in found.output
    assert "two.png, code 2: ok" in found.output


def test_a_picture_without_a_code_ends_with_2_and_the_others_are_still_judged(
    country: Country,
) -> None:
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("L", (64, 64), 255).save(out, "PNG")
    blank = country.file("blank.png", out.getvalue())
    result = run("verify", blank, "--text", country.text, "--json", *country.trust, *AT)
    assert result.exit_code == 2
    good, bad = documents(result.output)
    assert good["ok"]
    assert bad["failures"] == ["qr.not-found"]
    assert bad["at"] is None
    assert {check["outcome"] for check in bad["checks"][1:]} == {"SKIPPED"}
    spoken = run("verify", blank, *country.trust, *AT)
    assert spoken.output.splitlines()[-1] == "0 ok, 0 failed, 1 unreadable"


@pytest.mark.parametrize("whole", [(), ("--whole",)])
def test_a_text_without_a_pass_ends_with_2_and_the_others_are_still_judged(
    country: Country, whole: tuple[str, ...]
) -> None:
    empty = country.file("empty.txt", "\n \n")
    good = country.file("p.txt", country.text)
    picture = country.file("p.png", qr(country.text).png())
    result = run("verify", good, empty, picture, *whole, *country.trust, *AT)
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[1:3] == [f"{empty}: FAIL", "  FAIL     input: It contains no pass."]
    assert lines[-1] == "2 ok, 0 failed, 1 unreadable, revocation not known of 2"
    found = documents(run("verify", empty, good, "--json", *whole, *country.trust, *AT).stdout)
    assert [(one["failures"], one["ok"]) for one in found] == [(["input.empty"], False), ([], True)]
    assert {check["outcome"] for check in found[0]["checks"][1:]} == {"SKIPPED"}


def test_an_input_that_breaks_off_ends_with_2_and_the_others_are_still_judged(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.cli import _passes as passes

    broken, good = country.file("broken.txt", country.text), country.file("p.txt", country.text)
    whole = passes._of_stream

    def breaking(stream: Any, name: str, *more: Any) -> Any:
        if name == broken:
            raise OSError(5, "Input/output error")
        return whole(stream, name, *more)

    monkeypatch.setattr(passes, "_of_stream", breaking)
    result = run("verify", broken, good, *country.trust, *AT)
    assert result.exit_code == 2
    assert "  FAIL     input: Input/output error." in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 ok, 0 failed, 1 unreadable")


@pytest.mark.parametrize(
    ("skew", "status"), [((), 0), (("60",), 1), (("90s",), 1), (("2m",), 0), (("1h",), 0)]
)
def test_clocks_may_differ_by_the_skew_and_no_more(
    country: Country, skew: tuple[str, ...], status: int
) -> None:
    early = ("--at", (ISSUED - timedelta(seconds=100)).isoformat())
    option = ("--clock-skew", *skew) if skew else ()
    result = run("verify", "--text", country.text, *country.trust, *early, *option)
    assert result.exit_code == status


def test_codes_are_judged_by_the_value_sets_that_are_given(country: Country) -> None:
    own = {"sets": {"vaccines-covid-19-names": {"date": "2023-01-01", "codes": {"OTHER": "Other"}}}}
    sets = ("--value-sets", country.file("own.json", json.dumps(own)))
    text = ("--text", country.text, "--json", *country.trust, *AT)
    assert documents(run("verify", *text).stdout)[0]["deviations"] == []
    (found,) = documents(run("verify", *text, *sets).stdout)
    assert [one["code"] for one in found["deviations"]] == ["content.value-set"]
    assert run("verify", *text, *sets, "--strict").exit_code == 1


@pytest.mark.parametrize("options", [(), ("--checks",), ("--json",), ("--strict",)])
@pytest.mark.parametrize("good", [True, False])
def test_the_holders_data_is_never_shown_unasked(
    country: Country, options: tuple[str, ...], good: bool
) -> None:
    source = country.file("p.txt", country.text if good else tampered(country.text))
    output = run("verify", source, *options, *country.trust, *AT).output
    assert not [marker for marker in country.markers if marker in output]


def test_the_holders_data_is_shown_when_it_is_asked_for(country: Country) -> None:
    asked = ("--text", country.text, "--show-personal-data", *country.trust, *AT)
    assert FAMILY in run("verify", *asked).output
    (found,) = documents(run("verify", "--json", *asked).output)
    assert found["facts"]["holder"]["family_name"] == FAMILY
    assert found["facts"]["uvci"] == country.uvci


def test_what_an_unsigned_pass_says_is_not_shown_even_when_asked_for(country: Country) -> None:
    asked = ("--text", tampered(country.text), "--show-personal-data", *country.trust, *AT)
    assert FAMILY not in run("verify", *asked).output
    assert documents(run("verify", "--json", *asked).output)[0]["facts"] is None


def test_a_positive_test_is_shown_as_what_it_is(country: Country) -> None:
    sampled = ISSUED - timedelta(hours=9)
    event = Test(TestKind.NAAT, sampled, TestResult.DETECTED, centre="Invented Centre")
    result = run("verify", "--text", issue(event).text, *country.trust, *AT)
    assert result.exit_code == 1
    assert "the test found the infection" in result.output.lower()
    assert "test, signed by DK" in result.output


def test_the_moment_of_the_check_and_of_the_certificate_are_options(country: Country) -> None:
    text = ("--text", country.text, *country.trust)
    late = run("verify", *text, "--at", "2023-05-01T00:00:00+02:00", "--json")
    assert documents(late.output)[0]["failures"] == ["time.expired"]
    much_later = ("--at", "2030-01-01T00:00:00Z")
    now = documents(run("verify", *text, *much_later, "--json").output)[0]
    assert now["failures"] == ["validity.over", "time.expired"]
    issued = run("verify", *text, *much_later, "--json", "--certificate-time", "issued")
    assert documents(issued.output)[0]["failures"] == ["time.expired"]


@pytest.mark.parametrize("at", ["yesterday", "2023-02-01T00:00:00", "0001-01-01T00:00:00+23:00"])
def test_a_moment_that_is_none_is_a_usage_error(country: Country, at: str) -> None:
    result = run("verify", "--text", country.text, *country.trust, "--at", at)
    assert result.exit_code == 2
    assert "Invalid value for '--at'" in result.output


def test_wrong_usage_and_unreadable_inputs_end_with_2(country: Country) -> None:
    text = ("--text", country.text)
    garbage = country.file("garbage.pem", "nothing of the kind")
    for arguments in (
        (*text,),
        (*country.trust,),
        (*text, *country.trust, "--tolerate", "prefix.anything"),
        (str(country.folder / "absent.txt"), *country.trust),
        (*text, *country.trust, "--clock-skew", "5 minutes"),
        (*text, *country.trust, "--clock-skew", "-5"),
        (*text, *country.trust, "--value-sets", garbage),
        (*text, "--trust", garbage),
        (*text, "--trust", str(country.folder / "absent.pem")),
    ):
        result = run("verify", *arguments)
        assert result.exit_code == 2, arguments
        assert "Error: " in result.stderr


def test_a_folder_of_certificates_is_trusted_and_what_is_none_is_named(country: Country) -> None:
    hidden = country.file(".hidden", "not looked at")
    (country.folder / "below").mkdir()
    trust = ("--trust", str(country.folder))
    result = run("verify", "--text", country.text, *trust, *AT)
    assert result.exit_code == 0
    assert "facts.json: passed over" in result.stderr
    assert hidden not in result.stderr


def test_certificates_are_read_as_der_and_as_bundles(country: Country) -> None:
    from coronapas.trust._certificate import Certificate

    pem = (country.folder / "dsc.pem").read_bytes()
    der = Certificate.load(pem).der or b""
    bundle = (country.folder / "csca.pem").read_bytes() + pem
    for content in (der, bundle):
        trust = ("--trust", country.file("t", content))
        assert run("verify", "--text", country.text, *trust, *AT).exit_code == 0


def test_a_line_no_pass_could_be_as_long_as_is_refused_and_the_next_is_read(
    country: Country,
) -> None:
    source = country.file("p.txt", "A" * 300_000 + f"\n{country.text}\n" + "B" * 65_537)
    found = documents(run("verify", source, "--json", *country.trust, *AT).output)
    assert [document["failures"] for document in found] == [
        ["prefix.too-long"],
        [],
        ["prefix.too-long"],
    ]


@pytest.mark.parametrize("length", [1, 11, 12, 13, 65_535, 65_536])
def test_lines_of_any_length_are_read_whole(country: Country, length: int) -> None:
    source = country.file("p.txt", "\n".join(["0" * length] * 3))
    found = documents(run("verify", source, "--json", *country.trust, *AT).output)
    assert len(found) == 3
    assert {document["failures"][0] for document in found} != {"prefix.too-long"}


def test_progress_is_shown_on_a_terminal_alone(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = run("verify", "--text", country.text, *country.trust, *AT)
    assert quiet.stderr == ""
    monkeypatch.setattr(showing, "on_terminal", lambda **_: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run("verify", country.file("p.txt", country.text), *country.trust, *AT)
    assert shown.exit_code == 0
    assert "verifying" in shown.stderr
    assert "verifying" not in shown.stdout


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_make_a_traceback(country: Country, content: bytes) -> None:
    result = run("verify", country.file("any", content), *country.trust, *AT)
    assert result.exit_code in (1, 2)
    for character in result.stdout:
        assert character.isprintable() or character == "\n"

"""Texts that were changed on their way: what happened is named, and lines are put together."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from coronapas.hcert import _cose as cose
from coronapas.hcert import damage, encode, open_layers, unwrapped
from coronapas.hcert._base45 import ALPHABET

bodies = st.binary(min_size=250, max_size=500)
texts = bodies.map(
    lambda data: encode(
        cose.sign1(b"\xa1\x01" + bytes([0x59, *len(data).to_bytes(2, "big")]) + data,
                   algorithm=-7, kid=b"8 bytes.", sign=lambda _: data[:64])
    )
)  # fmt: skip


@given(texts)
def test_a_text_that_opens_is_not_explained(text: str) -> None:
    assert open_layers(text).fault is None


@given(texts, st.integers(20, 120), st.sampled_from(["\n", "\r\n", "\n> ", "\n\n", "\n>> "]))
@settings(max_examples=40)
def test_lines_of_any_width_are_put_together(text: str, width: int, end: str) -> None:
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    if any(not line.strip() or line != line.strip() for line in lines):
        return  # blanks at the ends of lines: the next test
    found = unwrapped(end.join(lines))
    assert found == (text if len(lines) > 1 else None)


@given(texts, st.integers(60, 120))
@settings(max_examples=40)
def test_a_blank_lost_at_each_break_is_found_again(text: str, width: int) -> None:
    lines: list[str] = []
    rest = text
    while len(rest) > width and len(lines) < 9:
        blank = rest.rfind(" ", 1, width)
        lines.append(rest[:blank] if blank > 0 else rest[:width])
        rest = rest[blank + 1 :] if blank > 0 else rest[width:]
    if lines:
        assert unwrapped("\n".join([*lines, rest])) == text


@given(st.lists(st.text(st.sampled_from(ALPHABET + "abc<>"), max_size=80), max_size=12))
def test_lines_that_make_no_pass_are_none(lines: list[str]) -> None:
    assert unwrapped("HC1:" + "\n".join(lines)) is None


def test_several_passes_are_not_put_together() -> None:
    assert unwrapped("HC1:AB\nHC1:CD") is None
    assert unwrapped("HC1:" + "A\n" * 9000) is None
    assert unwrapped("") is None


@given(texts)
def test_each_kind_of_damage_is_named(text: str) -> None:
    assert "lower-case" in (damage(text.lower()) or "")
    assert "quotation marks" in (damage(f"'{text}'") or "")
    assert "lines" in (damage(f"{text[:50]}\n{text[50:]}") or "")
    assert "no pass has" in (damage(f"{text}\u00e9{text}") or "")
    lost = text.replace(" ", "").replace("$", "")
    if len(lost) > 300 and lost != text:
        assert "no blanks and dollar signs" in (damage(lost) or "")
    if sum(text.count(sign) for sign in " $%+/:") > 2:
        assert "percent-encoded" in (damage(quote(text, safe="")) or "")


def test_a_text_with_blanks_or_dollar_signs_is_not_percent_encoded() -> None:
    assert "percent-encoded" in (damage("HC1:A%20B%25C%2F" * 4) or "")
    for sign in " $":
        assert "percent-encoded" not in (damage(f"HC1:A%20B%25C{sign}%2F" * 4) or "")


@given(st.text(max_size=400))
def test_damage_never_quotes_the_text(text: str) -> None:
    found = damage(f"HC1:{text}")
    assert found is None or (found.isprintable() and "HC1:" not in found)


@given(st.text(max_size=400))
def test_the_codes_stay_whatever_is_said(text: str) -> None:
    fault = open_layers(f"HC1:{text}").fault
    assert fault is not None
    assert fault.code.startswith(("base45.", "compression.", "prefix.", "cose.", "cbor."))

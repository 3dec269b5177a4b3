"""WHO's claims on the command line: verify, inspect and issue them, and open a health link."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from command_world import run
from jsonschema import Draft202012Validator

import backend
import gdhcn_world as world
from coronapas import schemas
from coronapas.gdhcn import LinkIssuer, LinkKind, build_link, encrypt_file

if TYPE_CHECKING:
    from pathlib import Path

AT = ("--at", "2026-06-01T12:00:00Z")
KEY = bytes(range(32))
LINK = build_link("https://shl.example.org/" + "Ab-_" * 11, key=KEY, label="Markerlabel")
KEY_TEXT = "AAECAwQF"
FACTS: dict[str, Any] = {
    "traveller": {
        "name": world.NAME,
        "birth_date": "1979-04-14",
        "sex": "female",
        "nationality": "XXA",
        "document_id": "P7654321",
        "document_type": "PPN",
    },
    "dose": {"product": "yf-1", "given_on": "2026-02-02", "batch": "BATCHMARK"},
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "dsc.pem").write_bytes(world.dsc().certificate_pem())
    (tmp_path / "dsc.key.pem").write_bytes(world.dsc().key_pem())
    (tmp_path / "products.json").write_text(json.dumps(world.CATALOGUE))
    (tmp_path / "facts.json").write_text(json.dumps(FACTS))
    (tmp_path / "icvp.txt").write_text(world.issued().text)
    issued = LinkIssuer(world.dsc().signer()).issue(LINK, expires=world.END, issued_at=world.NOW)
    (tmp_path / "link-pass.txt").write_text(issued.text)
    (tmp_path / "link.txt").write_text(f"{LINK.text}\n")
    return tmp_path


def verify(place: Path, name: str, *more: str) -> Any:
    return run("verify", str(place / name), "--trust", str(place / "dsc.pem"), *AT, *more)


def shown_in_json(result: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(schemas.load("verification")).validate(document)
    return document


def test_a_certificate_is_verified_and_named(place: Path) -> None:
    result = verify(place, "icvp.txt", "--accept", "eu,dk,icvp,link")
    assert result.exit_code == 0
    assert "ok  ICVP, shape B, 1 dose, signed by XX" in result.stdout
    document = shown_in_json(verify(place, "icvp.txt", "--accept", "icvp", "--json"))
    assert (document["ok"], document["profile"]) == (True, "icvp")
    assert document["claim"] == {"shape": "B", "doses": 1}
    assert document["validity"] == []
    told = result.stdout + json.dumps(document)
    assert [secret for secret in world.SECRETS if secret in told] == []


def test_a_certificate_that_is_not_accepted_is_named(place: Path) -> None:
    result = verify(place, "icvp.txt", "--json")
    document = shown_in_json(result)
    assert (document["failures"], document["profile"]) == (["prefix.not-accepted"], "icvp")
    assert document["claim"] is None
    assert result.exit_code == 1


def test_a_catalogue_says_what_the_dose_is_good_for(place: Path) -> None:
    products = ("--accept", "icvp", "--products", str(place / "products.json"))
    result = verify(place, "icvp.txt", *products)
    assert "protection  VALID: Yellow One (1D47)." in result.stdout
    document = shown_in_json(verify(place, "icvp.txt", *products, "--json"))
    assert document["validity"] == [
        {
            "protection": "VALID",
            "disease": "1D47",
            "product": "Yellow One",
            "reasons": ["dose.valid"],
            "signature_until": "2027-01-01T00:00:00+00:00",
        }
    ]
    document = shown_in_json(verify(place, "icvp.txt", *products, "--json", "--show-personal-data"))
    assert document["validity"][0]["valid_from"] == "2026-02-12"
    assert document["claim"]["traveller"]["name"] == world.NAME
    assert world.NAME in verify(place, "icvp.txt", *products, "--show-personal-data").stdout
    wrong = verify(place, "icvp.txt", "--accept", "icvp", "--products", str(place / "facts.json"))
    assert wrong.exit_code == 2


def test_a_link_is_verified_without_its_key(place: Path) -> None:
    result = verify(place, "link-pass.txt", "--accept", "link", "--show-personal-data")
    assert result.exit_code == 0
    assert "ok  LINK, shlink, signed by XX" in result.stdout
    arguments = ("--accept", "link", "--json", "--show-personal-data")
    document = shown_in_json(verify(place, "link-pass.txt", *arguments))
    (link,) = document["claim"]["links"]
    assert (link["kind"], link["key"], link["label"]) == ("shlink", True, "Markerlabel")
    assert KEY_TEXT not in result.stdout + json.dumps(document)


def test_inspect_shows_what_a_claim_is(place: Path) -> None:
    document = json.loads(run("inspect", str(place / "icvp.txt"), "--json").stdout)
    assert document["payload"] == "an ICVP (WHO's certificate of vaccination)"
    assert document["icvp"]["shape"] == "B"
    assert document["icvp"]["members"]["vx"] == dict.fromkeys(("vp", "dv", "bo", "is"), "(masked)")
    plain = run("inspect", str(place / "icvp.txt")).stdout
    assert [secret for secret in world.SECRETS if secret in plain + json.dumps(document)] == []
    shown = run("inspect", str(place / "icvp.txt"), "--show-personal-data").stdout
    assert world.NAME in shown
    document = json.loads(run("inspect", str(place / "link-pass.txt"), "--json").stdout)
    assert document["payload"] == "a health link"
    assert document["link"]["links"][0]["kind"] == "shlink"
    assert LINK.url not in json.dumps(document)


def test_a_certificate_is_issued(place: Path) -> None:
    arguments = (
        *("issue", str(place / "facts.json"), "--icvp", "--participant", "XXA"),
        *("--products", str(place / "products.json"), "--expires", "2027-01-01T00:00:00Z"),
        *("--key", str(place / "dsc.key.pem"), "--cert", str(place / "dsc.pem")),
        *("--issued-at", "2026-06-01T12:00:00Z"),
    )
    result = run(*arguments, "--output", str(place / "new.txt"))
    assert result.exit_code == 0, result.output
    assert verify(place, "new.txt", "--accept", "icvp", "--strict").exit_code == 0
    document = json.loads(run(*arguments, "--json").stdout)
    assert document.keys() == {"text", "issued_at", "expires"}
    drawn = run(*arguments, "--qr", "png", "--output", str(place / "new.png"))
    assert drawn.exit_code == 0
    assert verify(place, "new.png", "--accept", "icvp").exit_code == 0


def test_what_cannot_be_issued_is_refused_with_every_fault(place: Path) -> None:
    wrong = {**FACTS, "dose": {**FACTS["dose"], "product": "none", "given_on": "2026-07-01"}}
    (place / "wrong.json").write_text(json.dumps(wrong))
    key = ("--key", str(place / "dsc.key.pem"), "--cert", str(place / "dsc.pem"))
    terms = ("--expires", "2027-01-01T00:00:00Z", "--issued-at", "2026-06-01T12:00:00Z", *key)
    products = ("--products", str(place / "products.json"))
    named = ("--icvp", "--participant", "XXA", *products)
    result = run("issue", str(place / "wrong.json"), *named, *terms)
    assert result.exit_code == 1
    assert "dose.product" in result.stderr
    assert "dose.given_on" in result.stderr
    assert world.NAME not in result.output
    (place / "shape.json").write_text('{"traveller": 1}')
    assert run("issue", str(place / "shape.json"), *named, *terms).exit_code == 1
    assert run("issue", str(place / "facts.json"), "--icvp", *products, *terms).exit_code == 2
    assert run("issue", str(place / "facts.json"), *products, *terms).exit_code == 2


def test_a_link_is_shown_and_judged(place: Path) -> None:
    for name in ("link.txt", "link-pass.txt"):
        result = run("link", "show", str(place / name), *AT)
        assert result.exit_code == 0
        assert "kind: shlink" in result.stdout
        assert "key: 32 bytes, not shown" in result.stdout
        for secret in (KEY_TEXT, LINK.url, "Markerlabel"):
            assert secret not in result.output
    asked = run("link", "show", str(place / "link.txt"), *AT, "--show-personal-data")
    assert LINK.url in asked.stdout
    assert KEY_TEXT not in asked.output
    document = json.loads(run("link", "show", str(place / "link.txt"), *AT, "--json").stdout)
    assert (document["kind"], document["findings"], document["deviations"]) == ("shlink", [], [])


def test_a_link_that_must_not_be_used_is_a_negative_result(place: Path) -> None:
    over = build_link("https://a.example/List?a", kind=LinkKind.VHL, expires=world.NOW)
    (place / "over.txt").write_text(f"  {over.text}".replace("vhlink", "VHLINK"))
    result = run("link", "show", str(place / "over.txt"), "--at", "2026-06-01T12:00:01Z")
    assert result.exit_code == 1
    assert "must not be used: The link has expired." in result.stdout
    assert "deviation  content.link-form" in result.stdout
    (place / "junk.txt").write_text("junk!")
    junk = run("link", "show", str(place / "junk.txt"))
    assert junk.exit_code == 2
    assert "junk" not in junk.stderr.replace("junk.txt", "")


def test_what_a_link_leads_to_is_opened(place: Path) -> None:
    jwe = encrypt_file(b'{"resourceType": "Bundle"}', KEY, compress=True)
    (place / "file.jwe").write_text(jwe)
    opened = run("link", "open", str(place / "link.txt"), str(place / "file.jwe"))
    assert (opened.exit_code, opened.stdout) == (0, '{"resourceType": "Bundle"}')
    assert "application/fhir+json, 26 bytes" in opened.stderr
    manifest = {
        "files": [
            {"contentType": "application/fhir+json", "embedded": jwe},
            {"contentType": "application/fhir+json", "location": "https://x.example/1"},
        ]
    }
    (place / "manifest.json").write_text(json.dumps(manifest))
    out = place / "out.json"
    arguments = ("link", "open", str(place / "link.txt"), str(place / "manifest.json"))
    opened = run(*arguments, "--output", str(out))
    assert opened.exit_code == 0
    assert out.read_bytes() == b'{"resourceType": "Bundle"}'
    assert out.stat().st_mode & 0o777 == 0o600
    assert "File 2 (application/fhir+json) is not embedded" in opened.stderr
    assert run(*arguments, "--output", str(out)).exit_code == 2
    assert run(*arguments, "--number", "2", "--output", str(out), "--force").exit_code == 2
    assert run(*arguments, "--number", "3").exit_code == 2
    (place / "other.jwe").write_text(encrypt_file(b"x", bytes(32)))
    wrong = run("link", "open", str(place / "link.txt"), str(place / "other.jwe"))
    assert wrong.exit_code == 2
    assert "another key" in wrong.stderr


def test_no_more_than_the_largest_manifest_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "file.jwe").write_text(encrypt_file(b"x", KEY))
    size = (place / "file.jwe").stat().st_size
    for limit, code in ((size, 0), (size - 1, 2)):
        monkeypatch.setattr("coronapas.gdhcn.LARGEST_MANIFEST", limit)
        opened = run("link", "open", str(place / "link.txt"), str(place / "file.jwe"))
        assert opened.exit_code == code


def test_the_bundle_behind_a_vhl_says_what_is_to_be_fetched(place: Path) -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "1",
        "content": [{"attachment": {"contentType": "application/pdf", "url": "https://x/secret"}}],
    }
    listed = {"resourceType": "List", "entry": [{"item": {"reference": "secret/2"}}]}
    entries = [{"resource": listed}, {"resource": document}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    (place / "bundle.json").write_text(json.dumps(bundle))
    opened = run("link", "open", str(place / "link.txt"), str(place / "bundle.json"))
    assert (opened.exit_code, opened.stdout) == (0, "")
    assert opened.stderr.splitlines() == [
        "File 1 (application/pdf) is not embedded and must be fetched.",
        "File 2 is known when its DocumentReference was fetched.",
    ]


def test_a_pass_of_several_links_and_a_link_without_a_key_are_not_opened(place: Path) -> None:
    two = backend.forge(world.claims(5, [{"u": LINK.text}] * 2), world.dsc())
    (place / "two.txt").write_text(two)
    (place / "file.jwe").write_text(encrypt_file(b"x", KEY))
    assert run("link", "show", str(place / "two.txt")).exit_code == 2
    keyless = base64.urlsafe_b64encode(b'{"url": "https://a.example/"}').decode()
    (place / "keyless.txt").write_text(f"vhlink:/{keyless}")
    assert run("link", "show", str(place / "keyless.txt")).exit_code == 1
    result = run("link", "open", str(place / "keyless.txt"), str(place / "file.jwe"))
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("label", "claim", "shown"),
    [
        (5, "junk!", {"error": "link.malformed"}),
        (-6, 7, "(masked)"),
        (
            -6,
            {"n": "A", "v": [{"vp": 1}], "secret": 1},
            {
                "shape": "A2",
                "members": {"n": "(masked)", "v": [{"vp": "(masked)"}], "(masked) 3": "(masked)"},
            },
        ),
    ],
)
def test_inspect_masks_whatever_a_claim_holds(
    place: Path, label: int, claim: Any, shown: Any
) -> None:
    (place / "odd.txt").write_text(backend.forge(world.claims(label, claim), world.dsc()))
    document = json.loads(run("inspect", str(place / "odd.txt"), "--json").stdout)
    assert document["link" if label == 5 else "icvp"] == shown

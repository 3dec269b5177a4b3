"""``coronapas trust``, and ``coronapas verify`` with trust lists of every format."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_world import AT, ISSUED, Country, keys, make_country, run
from jsonschema import Draft202012Validator

import backend
import list_makers as lists
from coronapas import schemas
from coronapas.keys import make_csca
from coronapas.trust import GdhcnEntry, TrustStore, read, write_gateway, write_jwks, write_sweden

if TYPE_CHECKING:
    from coronapas.keys import Authority, KeyPair

RESULTS = Draft202012Validator(schemas.load("verification"))
IDS = [form.name for form in lists.FORMS]


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def files_of(country: Country, form: lists.Form) -> tuple[str, list[str]]:
    """A list in files: its path, and the options for what belongs to it."""
    made = form.make(lists.certificates(0, 1))
    beside = []
    for number, data in enumerate(made.beside):
        beside += ["--beside", country.file(f"beside-{number}", data)]
    return country.file("list", made.data), beside


def pin_of(country: Country, form: lists.Form) -> list[str]:
    pin = form.pin()
    return [] if pin is None else ["--pin", country.file("pin.pem", pin.pem())]


@cache
def list_root() -> Authority:
    return make_csca("SE", valid_from=ISSUED - timedelta(days=30), name="list root")


@cache
def list_signer() -> KeyPair:
    """Whose certificate ends after 100 days."""
    return list_root().issue_dsc(
        valid_from=ISSUED - timedelta(days=30), valid_for=timedelta(days=130)
    )


def signed(country: Country, hours: int = 48) -> tuple[str, ...]:
    """A list in the Swedish form that holds the country's DSC, and the option that pins it."""
    signer = list_signer()
    data = write_sweden(
        [keys()[1].certificate],
        signer.private_key,
        [signer.certificate],
        issuer="SE",
        issued=ISSUED,
        expires=ISSUED + timedelta(hours=hours),
    )
    return (
        country.file("list.jwt", data),
        "--pin",
        country.file("root.pem", list_root().certificate.pem()),
    )


def shown(*arguments: str) -> dict[str, Any]:
    result = run("trust", "show", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("form", lists.FORMS, ids=IDS)
def test_a_list_of_every_format_is_shown_with_and_without_its_pin(
    country: Country, form: lists.Form
) -> None:
    path, beside = files_of(country, form)
    found = shown(path, *beside)
    assert found["format"] == form.name
    assert found["signature"] == ("not verified" if form.signed else "none")
    found = shown(path, *beside, *pin_of(country, form))
    assert (found["keys"], found["dropped"]) == (2, [])
    assert found["signature"] == ("verified" if form.signed else "none")


@pytest.mark.parametrize("form", lists.FORMS, ids=IDS)
def test_verify_ends_with_0_only_where_the_pinned_signer_signed(
    country: Country, form: lists.Form
) -> None:
    path, beside = files_of(country, form)
    good = pin_of(country, form) or ["--pin", country.path("csca.pem")]
    result = run("trust", "verify", path, *beside, *good)
    assert result.exit_code == (0 if form.signed else 1)
    assert ("ok" if form.signed else "no signature") in result.output
    other = run("trust", "verify", path, *beside, "--pin", country.path("csca.pem"), "--json")
    assert other.exit_code == 1
    document = json.loads(other.stdout)
    assert document["ok"] is False
    assert document["format"] == form.name
    assert document["fault"].startswith("trust.")


def test_what_was_dropped_is_shown_with_its_kid_and_reason(country: Country) -> None:
    path = country.file(
        "keys.json", json.dumps({"keys": [{"kid": "AAAAAAAAAAA=", "kty": "EC", "crv": "P-1"}]})
    )
    (dropped,) = shown(path)["dropped"]
    assert dropped["kid"] == "AAAAAAAAAAA="
    assert dropped["reason"]
    spoken = run("trust", "show", path).output
    assert "dropped: 1\n  AAAAAAAAAAA=: " in spoken


def test_people_are_told_dates_countries_authorities_and_remarks(country: Country) -> None:
    path, *pin = signed(country)
    spoken = run("trust", "show", path, *pin).output
    assert "format: sweden\nsignature: verified\nissued: 2023-01-15" in spoken
    assert "keys: 1\n  DK: 1\n" in spoken
    stranger = make_csca("DE", valid_from=ISSUED).certificate.pem()
    bundle = country.file("bundle", stranger + keys()[1].certificate_pem())
    spoken = run("trust", "show", bundle).output
    assert "authorities: 1" in spoken
    assert "remarks: 1\n" in spoken


def test_dates_are_judged_where_a_moment_is_given(country: Country) -> None:
    path, *pin = signed(country)
    late = ("--at", "2023-03-01T00:00:00Z")
    assert run("trust", "verify", path, *pin).exit_code == 0
    assert run("trust", "verify", path, *pin, *late).exit_code == 1
    assert run("trust", "show", path, *pin, *late).exit_code == 2
    assert run("trust", "verify", path, *pin, "--at", "2023-01-16T00:00:00Z").exit_code == 0


def test_a_list_with_an_entry_that_does_not_hold_is_not_verified(country: Country) -> None:
    entries = lists.gateway_entries(lists.certificates(0, 1))
    entries[-1]["signature"] = entries[-2]["signature"]
    path = country.file("list", write_gateway(entries))
    pin = country.file("pin.pem", lists.anchor().certificate.pem())
    result = run("trust", "verify", path, "--pin", pin)
    assert result.exit_code == 1
    assert "were dropped" in result.output


def test_what_is_no_list_or_no_pin_is_one_line_with_the_files_name(country: Country) -> None:
    garbage = country.file("garbage", "nothing of the kind")
    path, *pin = signed(country)
    broken = country.file("broken.store", b"coronapas trust store 1\nxx\n{}")
    for arguments in (
        ("show", garbage),
        ("show", path, "--pin", garbage),
        ("verify", garbage, *pin),
        ("show", broken),
        ("diff", garbage, path),
        ("convert", garbage, country.path("out")),
    ):
        result = run("trust", *arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.count("\n") == 1
        assert "garbage" in result.stderr or "broken.store" in result.stderr
    assert run("trust", "verify", path).exit_code == 2


def test_diff_tells_by_country_what_came_and_went_across_formats(country: Country) -> None:
    before = country.file("a", write_jwks(lists.certificates(0, 1)))
    german = lists.dsc(2, "DE").certificate
    after = country.file("b", b"".join(c.pem() for c in [*lists.certificates(1), german]))
    result = run("trust", "diff", before, after, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert list(found["added"]) == ["DE"]
    assert list(found["removed"]) == ["DK"]
    spoken = run("trust", "diff", before, after).output.splitlines()
    assert spoken[0] == f"+ DE {found['added']['DE'][0]}"
    assert spoken[1] == f"- DK {found['removed']['DK'][0]}"
    assert spoken[2] == "1 added, 1 removed"
    assert run("trust", "diff", before, before).output == "0 added, 0 removed\n"


def test_lists_become_a_store_that_keeps_their_sources_and_verifies(country: Country) -> None:
    path, *pin = signed(country)
    partner = country.file("partner.json", write_jwks(lists.certificates(0)))
    out = country.path("trust.store")
    result = run("trust", "convert", path, partner, out, *pin)
    assert result.exit_code == 0, result.output
    assert "list.jwt: taken for sweden, 1 keys, signature verified" in result.stderr
    assert {source.format for source in TrustStore.load(out).sources} == {"sweden", "jwks"}
    found = shown(out)
    assert (found["format"], found["keys"], found["signature"]) == ("store", 2, "none")
    assert [source["format"] for source in found["sources"]] == ["sweden", "jwks"]
    at = ("--at", "2023-01-16T00:00:00Z")
    checked = run("verify", "--text", country.text, "--trust", out, *at)
    assert checked.exit_code == 0
    assert "taken for a saved trust store of 2 keys" in checked.stderr
    again = run("trust", "convert", partner, out)
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert run("trust", "convert", partner, out, "--force").exit_code == 0
    assert len(TrustStore.load(out)) == 1


@pytest.mark.parametrize("form", ["jwks", "pem"])
def test_keys_are_written_as_jwks_and_pem(country: Country, form: str) -> None:
    path, *pin = signed(country)
    out = country.path("out")
    assert run("trust", "convert", path, out, "--to", form, *pin).exit_code == 0
    assert shown(out)["keys"] == 1


def pair_files(country: Country, name: str, pair: KeyPair) -> tuple[str, str]:
    return (
        country.file(f"{name}.key.pem", pair.key_pem()),
        country.file(f"{name}.pem", pair.certificate_pem()),
    )


def test_a_signed_swedish_list_is_written_and_read_again(country: Country) -> None:
    key, cert = pair_files(country, "signer", lists.list_signer())
    out = country.path("out.jwt")
    base = ("trust", "convert", country.path("dsc.pem"), out, "--to", "sweden")
    assert "--key and --cert" in run(*base, "--issuer", "SE").stderr
    assert "--issuer" in run(*base, "--key", key, "--cert", cert).stderr
    made = run(*base, "--key", key, "--cert", cert, "--issuer", "SE")
    assert made.exit_code == 0, made.output
    assert shown(out, "--pin", cert)["signature"] == "verified"


def test_a_gateway_list_is_written_and_read_again(country: Country) -> None:
    authority, pair = keys()
    upload = authority.issue_dsc(valid_from=ISSUED, name="UPLOAD")
    anchor_key, anchor_cert = pair_files(country, "anchor", lists.anchor())
    upload_key, upload_cert = pair_files(country, "upload", upload)
    out = country.path("out.json")
    result = run(
        *("trust", "convert", country.path("dsc.pem"), out, "--to", "gateway"),
        *("--key", upload_key, "--cert", upload_cert, "--csca", country.path("csca.pem")),
        *("--anchor-key", anchor_key, "--anchor-cert", anchor_cert),
        *("--issued-at", "2023-01-15T12:00:00Z"),
    )
    assert result.exit_code == 0, result.output
    found = read((country.folder / "out.json").read_bytes(), pins=lists.anchor().certificate)
    assert found.certificates == (pair.certificate,)


def test_a_key_that_cannot_sign_a_list_is_named(country: Country) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    odd = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    base = ("trust", "convert", country.path("dsc.pem"), country.path("o"), "--to", "sweden")
    rest = ("--issuer", "SE", "--cert", country.path("dsc.pem"), "--key")
    for name, content in (("odd.pem", odd), ("text.pem", b"text")):
        result = run(*base, *rest, country.file(name, content))
        assert result.exit_code == 2
        assert name in result.stderr
    locked = country.file("locked.pem", keys()[1].key_pem("correct horse"))
    secret = ("--password", "env:SECRET_OF_KEY")
    assert run(*base, *rest, locked).exit_code == 2
    result = run(*base, *rest, locked, *secret, env={"SECRET_OF_KEY": "correct horse"})
    assert result.exit_code == 0, result.output


def test_verify_tells_which_list_and_which_certificate_decided(country: Country) -> None:
    path, *pin = signed(country)
    arguments = ("verify", "--text", country.text, "--trust", path, *pin)
    at = ("--at", "2023-01-16T00:00:00Z")
    result = run(*arguments, *at, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    RESULTS.validate(document)
    assert document["revocation"] is None
    signer = document["certificate"]
    assert signer["trusted_until"] == (ISSUED + timedelta(hours=48)).isoformat()
    (source,) = signer["lists"]
    assert (source["format"], source["name"]) == ("sweden", "list.jwt")
    assert source["signature"] == "verified"
    spoken = run(*arguments, *at, "--checks").stdout
    assert "trusted by  sweden list.jwt of 2023-01-15" in spoken
    late = run(*arguments, "--at", "2023-01-20T00:00:00Z", "--json")
    assert late.exit_code == 1


def test_verify_takes_a_signed_list_without_a_pin_only_where_told_to(country: Country) -> None:
    path, *_ = signed(country, hours=10_000)
    arguments = ("verify", "--text", country.text, "--trust", path, *AT)
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "--pin" in refused.stderr
    taken = run(*arguments, "--unverified-trust")
    assert taken.exit_code == 0
    assert "signature NOT VERIFIED" in taken.stderr
    wrong = run(*arguments, "--pin", country.path("csca.pem"), "--unverified-trust")
    assert wrong.exit_code == 2
    assert "list.jwt" in wrong.stderr


def test_verify_takes_the_files_that_belong_to_one_list(country: Country) -> None:
    found = [keys()[1].certificate]
    made = lists.make_switzerland(found)
    path, active = country.file("keys.jwt", made.data), country.file("a.jwt", made.beside[0])
    pin = ("--pin", country.file("root.pem", lists.root().certificate.pem()))
    out = country.path("t.store")
    beside = ("--beside", active)
    assert run("trust", "convert", path, out, *pin, *beside).exit_code == 0
    two = run("verify", "--text", country.text, "--trust", path, "--trust", out, *pin, *beside)
    assert two.exit_code == 2
    assert "--beside is for one" in two.stderr
    at = ("--at", "2022-06-01T00:00:00Z")
    result = run("verify", "--text", country.text, "--trust", path, *pin, *beside, *at, "--json")
    assert result.exit_code == 1
    assert "taken for switzerland, 1 keys, signature verified" in result.stderr
    assert "identifier.list-expired" in json.loads(result.stdout)["failures"]
    alone = run("verify", "--text", country.text, "--trust", path, *pin, *at)
    assert alone.exit_code == 2


def test_a_list_whose_signer_is_no_longer_certified_is_not_trusted(country: Country) -> None:
    path, *pin = signed(country, hours=10_000)
    given = ("verify", "--text", country.text, "--trust", path, *pin)
    assert run(*given, "--at", "2023-04-10T00:00:00Z").exit_code == 0
    late = run(*given, "--at", "2023-05-10T00:00:00Z")
    assert late.exit_code == 2
    assert "not valid at that time" in late.stderr
    early = run(*given, "--at", "2023-01-14T00:00:00Z")
    assert early.exit_code == 2


def test_the_commissions_folder_is_recognised(country: Country) -> None:
    for name, data in lists.ec_files(lists.certificates(0)).items():
        place = country.folder / "ec" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    pin = country.file("anchor.pem", lists.anchor().certificate.pem())
    arguments = ("--text", country.text, "--trust", country.path("ec"), "--pin", pin, *AT)
    result = run("verify", *arguments)
    assert result.exit_code == 1
    assert "taken for ec-zip, 1 keys, signature verified" in result.stderr
    assert shown(country.path("ec"))["format"] == "ec-zip"


def test_a_certificate_file_is_a_source_by_its_name(country: Country) -> None:
    result = run("verify", "--text", country.text, *country.trust, *AT, "--json")
    (source,) = json.loads(result.stdout)["certificate"]["lists"]
    assert (source["format"], source["name"]) == ("plain", "dsc.pem")


def network_list(*rows: tuple[int, str], environment: str = "production") -> bytes:
    """A list of WHO's network: DSCs by their numbers, each with its domain."""
    chain = (lists.csca().certificate,)
    return lists.did_document(
        [GdhcnEntry(lists.dsc(n).certificate, "DNK", chain, domain=domain) for n, domain in rows],
        environment=environment,
    )


def network_pin(country: Country) -> str:
    return country.file("network.pem", lists.list_signer().certificate.pem())


def test_show_tells_what_the_network_states_of_its_keys(country: Country) -> None:
    data = network_list((0, "DCC"), (1, "PH4H"), (1, "DCC"), environment="uat")
    place, pin = country.file("list", data), network_pin(country)
    shown = json.loads(run("trust", "show", place, "--pin", pin, "--json").stdout)
    assert (shown["format"], shown["signature"]) == ("gdhcn", "verified")
    assert (shown["environment"], shown["keys"]) == ("uat", 3)
    assert shown["domains"] == {"DCC": 2, "PH4H": 1}
    assert shown["participants"] == {"DNK": 3}
    text = run("trust", "show", place, "--pin", pin).stdout
    assert "environment: uat\n" in text
    assert "domains: DCC 2, PH4H 1\n" in text
    store = country.file("kept.store", b"")
    run("trust", "convert", place, store, "--pin", pin, "--force")
    kept = json.loads(run("trust", "show", store, "--json").stdout)
    assert (kept["environment"], kept["domains"]) == ("uat", {"DCC": 2, "PH4H": 1})
    assert [source["environment"] for source in kept["sources"]] == ["uat"]


def test_show_names_references(country: Country) -> None:
    data = lists.did_document((), references=["did:web:tng-cdn-dev.who.int:trustlist"])
    place = country.file("list", data)
    shown = run("trust", "show", place, "--pin", network_pin(country)).stdout
    assert "format: gdhcn-references\n" in shown
    assert "references, not followed: 1\n  did:web:tng-cdn-dev.who.int:trustlist\n" in shown


def test_diff_tells_domains_and_environments(country: Country) -> None:
    before = country.file("before", network_list((0, "DCC"), (1, "DCC")))
    after = network_list((0, "PH4H"), (1, "DCC"), environment="development")
    place = country.file("after", after)
    found = json.loads(run("trust", "diff", before, place, "--json").stdout)
    kid = lists.text(lists.dsc(0).certificate.kid)
    assert found == {
        "added": {"DK": [kid]},
        "removed": {"DK": [kid]},
        "domains": {"added": {"PH4H": 1}, "removed": {"DCC": 1}},
        "environments": ["production", "development"],
    }
    assert run("trust", "diff", before, place).stdout.splitlines() == [
        f"+ DK {kid} PH4H",
        f"- DK {kid}",
        "the lists are of different environments: production and development",
        "1 added, 1 removed",
    ]


@pytest.mark.parametrize(
    ("domain", "environment", "options", "code"),
    [
        ("DCC", "production", (), None),
        ("PH4H", "production", (), "identifier.domain"),
        ("PH4H", "production", ("--domain", "eu=PH4H"), None),
        ("DCC", "production", ("--domain", "eu=PH4H"), None),
        ("DCC", "uat", (), "identifier.environment"),
        ("DCC", "uat", ("--environment", "uat"), None),
        ("DCC", "production", ("--environment", "uat"), "identifier.environment"),
        ("DCC", "production", ("--trust-max-age", "1h"), None),
        ("DCC", "production", ("--trust-max-age", "3599"), "identifier.list-expired"),
    ],
)
def test_verify_asks_the_policy(
    country: Country, domain: str, environment: str, options: tuple[str, ...], code: str | None
) -> None:
    place = country.file("list", network_list((0, domain), environment=environment))
    text = country.file("pass", backend.forge(backend.claims(), lists.dsc(0)))
    given = ("--trust", place, "--pin", network_pin(country), "--at", backend.NOW.isoformat())
    told = json.loads(run("verify", text, *given, *options, "--json").stdout)
    RESULTS.validate(told)
    if code is None:
        (listed,) = told["certificate"]["lists"]
        assert listed["environment"] == environment
        assert listed["listing"]["domain"] == domain
    failed = [each["code"] for each in told["checks"] if each["outcome"] == "FAIL"]
    assert failed == ([] if code is None else [code])


def test_a_domain_needs_a_payload(country: Country) -> None:
    result = run("verify", "x", "--trust", network_pin(country), "--domain", "x=DCC")
    assert result.exit_code == 2
    assert "PAYLOAD=DOMAIN" in result.stderr


def test_no_pin_verifies_version_1(country: Country) -> None:
    document = json.loads(network_list((0, "DCC")))
    document["@context"].pop()
    for member in ("domain", "participant", "keyusage"):
        del document["verificationMethod"][0][member]
    place, pin = country.file("list", lists.dumped(document)), network_pin(country)
    told = json.loads(run("trust", "verify", place, "--pin", pin, "--json").stdout)
    assert (told["format"], told["fault"]) == ("gdhcn-v1", "trust.unverified")
    text = country.file("pass", backend.forge(backend.claims(), lists.dsc(0)))
    refused = run("verify", text, "--trust", place, "--pin", pin)
    assert refused.exit_code == 2
    assert "--unverified-trust" in refused.stderr


def test_no_format_without_domains_launders_a_key(country: Country) -> None:
    data = network_list((0, "PH4H"), (1, "DCC"), environment="development")
    place, pin = country.file("list", data), network_pin(country)
    for options, kept in (
        ((), []),
        (("--environment", "development"), [lists.dsc(1).certificate]),
    ):
        out = country.path("keys.pem")
        given = (place, out, "--to", "pem", "--pin", pin, "--force", *options)
        result = run("trust", "convert", *given)
        assert f"left out {2 - len(kept)} keys" in result.stderr
        if kept:
            assert list(TrustStore.from_certificates([Path(out).read_bytes()])) == kept

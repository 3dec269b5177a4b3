"""``coronapas revocation``, and ``coronapas verify`` with revocation lists of every format."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_world import AT, ISSUED, Country, issue, keys, make_country, run
from jsonschema import Draft202012Validator

from backend import DCC, claims, forge
from coronapas import schemas
from coronapas.dcc._uvci import checksum
from coronapas.hcert._envelope import decode
from coronapas.presentation import qr
from coronapas.revocation import (
    Batch,
    HashType,
    RevocationList,
    RevocationStore,
    hashes_json,
    hashes_of,
    uvci_spellings,
)
from coronapas.revocation import _reading as reading
from coronapas.revocation._lists import (
    distribution,
    gateway,
    germany,
    italy,
    switzerland,
)
from revoking import authority

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Draft202012Validator(schemas.load("verification"))
NOW = datetime(2023, 2, 1, tzinfo=UTC)
FETCHED = ("--fetched", "2023-02-01T00:00:00Z")
END = NOW + timedelta(days=20)
Made = tuple[list[str], list[str]]


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def uci(country: Country) -> bytes:
    found = hashes_of(decode(country.text)).uci
    assert found is not None
    return found


def pinned(country: Country, pem: bytes | None) -> list[str]:
    return ["--pin", country.file("pin.pem", pem or b"")]


def store_files(country: Country, *hashes: bytes) -> Made:
    batch = Batch("one", HashType.UCI, b"".join(hashes))
    path = country.path("list.store")
    RevocationStore([RevocationList("here", as_of=NOW, batches=(batch,))]).save(path)
    return [path], []


def italian_files(country: Country, *uvcis: str) -> Made:
    chunks = italy.write([country.uvci, "URN:UVCI:01:IT:OTHER"], version=3, chunk_size=1)
    paths = [country.file(f"drl-{n}.json", chunk) for n, chunk in enumerate(reversed(chunks))]
    return paths, []


def swiss_files(country: Country) -> Made:
    signer = authority("CH")
    token = switzerland.write(
        [country.uvci],
        valid_for=timedelta(hours=48),
        key=signer.private_key,
        chain=[signer.certificate],
    )
    return [country.file("ch.jwt", token)], pinned(country, signer.certificate.pem())


def gateway_files(country: Country, encoded: bool = False) -> Made:
    import base64

    signer = authority("DK", "UPLOAD")
    batch = gateway.write_batch(
        [uci(country)],
        HashType.UCI,
        country="DK",
        expires=END,
        kid=keys()[1].certificate.kid,
        key=signer.private_key,
        certificate=signer.certificate,
    )
    page = gateway.write_batch_list([gateway.BatchEntry("batch-1", "DK", NOW, deleted=False)])
    (country.folder / "gw").mkdir()
    country.file("gw/list.json", page)
    country.file("gw/batch-1.cms", base64.b64encode(batch) if encoded else batch)
    return [country.path("gw")], pinned(country, signer.certificate.pem())


def encoded_gateway_files(country: Country) -> Made:
    return gateway_files(country, encoded=True)


def german_files(country: Country) -> Made:
    pair = keys()[1]
    groups = {(pair.certificate.kid, HashType.UCI): [uci(country)]}
    for name, data in germany.write(groups, pair.signer(), at=NOW).items():
        path = country.folder / "de" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [country.path("de")], pinned(country, pair.certificate.pem())


def distribution_files(country: Country) -> Made:
    kid = keys()[1].certificate.kid
    revoked = distribution.RevokedHashes(
        hashes=frozenset({uci(country)}), hash_types=frozenset({HashType.UCI}), expires=END
    )
    made = distribution.write({kid: revoked}, at=NOW)
    paths = [country.file("lists.json", made.lists)]
    paths += [country.file(f"p{k.hex()}", data) for k, data in made.partitions.items()]
    paths += [country.file(f"a{n}.tgz", data) for n, data in enumerate(made.archives)]
    return paths, []


MAKERS: dict[str, Callable[[Country], Made]] = {
    "store": lambda country: store_files(country, uci(country)),
    "italy": italian_files,
    "switzerland": swiss_files,
    "gateway": gateway_files,
    "gateway in base64": encoded_gateway_files,
    "germany": german_files,
    "distribution": distribution_files,
}


def named(paths: list[str]) -> list[str]:
    return [part for path in paths for part in ("--revocation", path)]


def checked(country: Country, *arguments: str, code: int, text: str = "") -> dict[str, Any]:
    given = ("--text", text or country.text, *AT, *arguments, "--json")
    result = run("revocation", "check", *given)
    assert result.exit_code == code, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_a_list_of_every_format_is_found_and_revokes(country: Country, name: str) -> None:
    paths, pin = MAKERS[name](country)
    result = run("revocation", "check", "--text", country.text, *AT, *FETCHED, *named(paths), *pin)
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("--text 1: REVOKED")
    assert "taken for " in result.stderr
    found = checked(country, *FETCHED, *named(paths), *pin, code=1)
    assert found["outcome"] == "REVOKED"
    assert found["as_of"].startswith("2023-02-01")


@pytest.mark.parametrize("name", MAKERS)
def test_verify_refuses_what_a_list_of_any_format_revokes(country: Country, name: str) -> None:
    paths, pin = MAKERS[name](country)
    pins = [part.replace("--pin", "--revocation-pin") for part in pin]
    given = (*named(paths), *pins, "--revocation-fetched", "2023-02-01T00:00:00Z")
    result = run("verify", "--text", country.text, *country.trust, *AT, *given, "--json")
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    RESULTS.validate(document)
    assert document["failures"] == ["revocation.revoked"]
    assert document["revocation"]["outcome"] == "REVOKED"
    assert document["revocation"]["source"]


def test_verify_accepts_what_no_list_holds_and_says_which(country: Country) -> None:
    paths, _ = store_files(country, bytes(16))
    given = ("verify", "--text", country.text, *country.trust, *AT, *named(paths))
    result = run(*given, "--checks")
    assert result.exit_code == 0, result.output
    assert "No revocation list holds the pass (here of 2023-02-01" in result.stdout
    old = run(*given, "--revocation-max-age", "1", "--refuse-unknown-revocation")
    assert old.exit_code == 0
    late = ("--at", "2023-02-02T00:00:00Z", "--revocation-max-age", "1")
    told = run(*given, *late, "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["revocation"]["code"] == "revocation.list-expired"
    assert run(*given, *late, "--refuse-unknown-revocation").exit_code == 1


def test_any_of_several_stores_and_lists_revokes_and_unknown_outweighs_silence(
    country: Country,
) -> None:
    clean, _ = store_files(country, bytes(16))
    italian, _ = italian_files(country)
    assert checked(country, *FETCHED, *named([*clean, *italian]), code=1)["source"] == "IT DRL"
    other = json.dumps({"version": 1, "chunk": 1, "lastChunk": 1, "revokedUcvi": []})
    foreign = country.file("it.json", other)
    unknown = checked(country, *FETCHED, *named([foreign]), code=0)
    assert unknown["code"] == "revocation.no-data"
    assert checked(country, *named([foreign]), "--refuse-unknown", code=1)["outcome"] == "UNKNOWN"
    both = checked(country, *named([*clean, foreign]), code=0)
    assert both["outcome"] == "NOT_REVOKED"
    page = gateway.write_batch_list([], more=True)
    gap = checked(country, *named([*clean, country.file("page", page)]), code=0)
    assert gap["code"] == "revocation.list-incomplete"


def test_italian_changes_are_applied_after_the_whole_list(country: Country) -> None:
    italian, _ = italian_files(country)
    change = italy.write_change([], [country.uvci], from_version=3, version=4)
    paths = [country.file("delta.json", change), *italian]
    assert checked(country, *FETCHED, *named(paths), code=0)["outcome"] == "UNKNOWN"


def test_what_is_no_revocation_list_is_one_line_that_names_it(country: Country) -> None:
    def file(name: str, content: bytes) -> str:
        return country.file(name, content)

    gateway_paths, _ = gateway_files(country)
    swiss, swiss_pin = swiss_files(country)
    german, _ = german_files(country)
    lists = distribution_files(country)[0]
    store = Path(store_files(country)[0][0]).read_bytes()
    for paths, more, told in (
        ([file("text", b"nothing of the kind")], [], "text"),
        ([file("object", b"{}")], [], "object"),
        ([file("array", b"[]")], [], "array"),
        ([file("numbers", b"[1]")], [], "numbers"),
        ([file("cut", b'{"a"')], [], "cut"),
        ([file("base64", b"Maaa")], [], "base64"),
        ([file("letters", b"M$")], [], "letters"),
        ([file("cut.store", store[:-1])], [], "cut.store"),
        ([file("dots", b"a.b.c")], [], "dots"),
        ([f"{gateway_paths[0]}/batch-1.cms"], [], "the batch list is missing"),
        (swiss, [], "no key is trusted"),
        ([*swiss, file("again.jwt", Path(swiss[0]).read_bytes())], swiss_pin, "more than one"),
        (german, [], "name the one key"),
        (lists[1:], [], "lists of kids"),
        ([file("part", b'[{"chunks": {}}]'), lists[0]], [], "part"),
    ):
        result = run("revocation", "check", "--text", country.text, *FETCHED, *named(paths), *more)
        assert result.exit_code == 2, (told, result.output)
        assert told in result.stderr
        assert "Error: " in result.stderr.splitlines()[-1]
    assert run("revocation", "check", "--text", country.text).exit_code == 2


def test_too_many_files_and_too_much_of_them_are_refused(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = gateway_files(country)
    german, pin = german_files(country)
    given = ("revocation", "check", "--text", country.text)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MAX_TOTAL", 100)
        assert "too large" in run(*given, *named(folder)).stderr
    country.file("gw/.hidden", "passed over")
    monkeypatch.setattr(reading, "MAX_FILES", 1)
    assert "too many files" in run(*given, *named(folder)).stderr
    assert "too many files" in run(*given, *named(german), *pin).stderr


def test_a_pin_beyond_all_bounds_is_not_read(country: Country) -> None:
    paths, _ = italian_files(country)
    pin = country.file("pin.pem", b"-" * (16 * 1024 * 1024 + 1))
    result = run("revocation", "check", "--text", country.text, *named(paths), "--pin", pin)
    assert result.exit_code == 2
    assert "pin.pem:" in result.stderr


def test_without_a_stated_moment_a_list_is_of_when_its_file_was_changed(country: Country) -> None:
    import os

    paths, _ = italian_files(country)
    for path in paths:
        os.utime(path, (ISSUED.timestamp(), ISSUED.timestamp()))
    assert checked(country, *named(paths), code=1)["as_of"] == ISSUED.isoformat()


def test_hash_gives_the_three_hashes_of_a_pass_in_hexadecimal(country: Country) -> None:
    source = country.file("p.txt", f"{country.text}\n")
    picture = country.file("p.png", qr(country.text).png())
    for arguments in (
        (source,),
        (picture,),
        (country.text,),
        ("--text", country.text),
        (source, "--whole"),
    ):
        result = run("revocation", "hash", *arguments, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == hashes_json(country.text)
    result = run("revocation", "hash", "-", "--json", input=country.text)
    assert json.loads(result.stdout).keys() == {"uci", "countrycodeuci", "signature"}
    spoken = run("revocation", "hash", source).output
    assert f"  uci: {hashes_json(country.text)['uci']}" in spoken
    for marker in country.markers:
        assert marker not in spoken


def test_hash_ends_with_2_for_what_is_no_pass(country: Country) -> None:
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("L", (60, 60), 255).save(out, "PNG")
    for arguments in (
        (),
        ("--text", "HC1:nothing"),
        (country.path("absent"),),
        (country.file("blank.png", out.getvalue()),),
    ):
        result = run("revocation", "hash", *arguments)
        assert result.exit_code == 2, arguments
        assert "Error: " in result.stderr


def build(country: Country, content: str, *arguments: str, code: int = 0) -> str:
    out = country.path("out")
    source = country.file("lines.txt", content)
    result = run("revocation", "build", source, out, "--force", *arguments)
    assert result.exit_code == code, result.output
    return result.stderr if code else out


def test_a_store_is_built_of_hashes_and_identifiers(country: Country) -> None:
    content = f"\ufeff# revoked\n\n{country.uvci}\n{bytes(16).hex()}\n{bytes(32).hex()}\n"
    out = build(country, content, "--type", "UCI", "--as-of", "2023-02-01T00:00:00Z")
    assert len(RevocationStore.load(out)) == len(uvci_spellings(country.uvci)) + 1
    exact = build(country, content, "--type", "UCI", "--exact", "--as-of", "2023-02-01T00:00:00Z")
    assert len(RevocationStore.load(exact)) == 2
    build(country, content, "--type", "UCI", "--as-of", "2023-02-01T00:00:00Z")
    found = checked(country, "--revocation", out, code=1)
    assert (found["source"], found["hash_type"]) == ("local list", "UCI")
    other = issue().text
    assert other != country.text
    assert checked(country, "--revocation", out, code=0, text=other)["outcome"] == "NOT_REVOKED"


@pytest.mark.parametrize("kind", ["UCI", "COUNTRYCODEUCI", "SIGNATURE"])
def test_a_store_is_built_of_each_kind_of_hash(country: Country, kind: str) -> None:
    value = hashes_json(country.text)[kind.lower()] or ""
    kid = keys()[1].certificate.kid.hex()
    for more in ((), ("--kid", kid), ("--country", "DK"), ("--name", "ours")):
        out = build(country, value, "--type", kind, *more)
        found = checked(country, "--revocation", out, code=1)
        assert found["hash_type"] == kind
        assert found["source"] == ("ours" if "ours" in more else "local list")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as the pass": lambda text: text,
    "without prefix": lambda text: text.removeprefix("URN:UVCI:"),
    "small letters": str.lower,
    "small without prefix": lambda text: text.removeprefix("URN:UVCI:").lower(),
    "with a checksum": lambda text: f"{text}#{checksum(text)}",
    "with another checksum": lambda text: f"{text}#K",
    "small with a checksum": lambda text: f"{text}#{checksum(text)}".lower(),
}


@pytest.mark.parametrize("carried", SPELLINGS)
@pytest.mark.parametrize("listed", SPELLINGS)
@pytest.mark.parametrize("kind", ["UCI", "COUNTRYCODEUCI"])
def test_an_identifier_revokes_the_pass_however_both_spell_it(
    country: Country, carried: str, listed: str, kind: str
) -> None:
    ours = "URN:UVCI:01:DK:ABC/DEF123"
    dcc = {**DCC, "v": [{**DCC["v"][0], "ci": SPELLINGS[carried](ours)}]}
    text = forge(claims(dcc))
    out = build(country, SPELLINGS[listed](ours), "--type", kind, "--country", "DK")
    found = checked(country, "--revocation", out, code=1, text=text)
    assert (found["outcome"], found["hash_type"]) == ("REVOKED", kind)


@pytest.mark.parametrize("kind", ["UCI", "COUNTRYCODEUCI", "SIGNATURE"])
def test_a_hash_without_its_type_is_refused_with_its_line(country: Country, kind: str) -> None:
    value = hashes_json(country.text)[kind.lower()] or ""
    for content, line in ((value, 1), (f"\n{value}\n{value}", 2), (f"{country.uvci}\n{value}", 2)):
        told = build(country, content, code=2)
        assert f"Line {line}: a hash does not say" in told
        assert value not in told


@pytest.mark.parametrize(
    "line", ["a:b", "URN:UVCI:", "urn:uvci:01:", "01:DK:", f"01:DK:{'A' * 99}"]
)
def test_a_line_that_is_no_identifier_is_refused_unless_it_is_to_be_exact(
    country: Country, line: str
) -> None:
    assert "Line 2 is neither" in build(country, f"{country.uvci}\n{line}", code=2)
    out = build(country, f"{country.uvci}\n{line}", "--exact")
    assert len(RevocationStore.load(out)) == 2


def test_country_hashes_of_identifiers_need_the_country(country: Country) -> None:
    given = ("--type", "COUNTRYCODEUCI")
    assert "--country" in build(country, country.uvci, *given, code=2)
    assert "The value is empty" in build(country, country.uvci, *given, "--country", "", code=2)
    out = build(country, country.uvci, *given, "--country", "DK")
    assert checked(country, "--revocation", out, code=1)["hash_type"] == "COUNTRYCODEUCI"


def test_a_batch_is_built_for_the_gateway(country: Country) -> None:
    from coronapas import _base64 as codec

    signer = keys()[0]
    lines = f"{country.uvci}\n"
    assert "needs --country" in build(country, lines, "--to", "batch", code=2)
    given = (
        *("--to", "batch", "--country", "DK", "--expires", "2023-03-01T00:00:00Z"),
        *("--key", country.path("csca.key.pem"), "--cert", country.path("csca.pem")),
        *("--kid", codec.encode(keys()[1].certificate.kid)),
    )
    message = Path(build(country, lines, *given, "--exact")).read_bytes()
    batch = gateway.read_batch(message, [signer.certificate], batch_id="b")
    assert batch.hashes == uci(country)
    assert batch.kid == keys()[1].certificate.kid
    assert "1 to 1000" in build(country, "", *given, code=2)


def test_a_filter_and_an_italian_list_are_built(country: Country) -> None:
    from coronapas.revocation._filters import BloomFilter

    exact = build(country, country.uvci, "--to", "filter", "--exact")
    assert BloomFilter.read(Path(exact).read_bytes()).count == 1
    made = BloomFilter.read(Path(build(country, country.uvci, "--to", "filter")).read_bytes())
    assert made.count == len(uvci_spellings(country.uvci))
    assert "between" in build(country, country.uvci, "--to", "filter", "--rate", "2", code=2)
    out = build(country, f"{country.uvci}\n{country.uvci}\n", "--to", "italy")
    assert checked(country, "--revocation", out, code=1)["source"] == "IT DRL"
    assert "alone" in build(country, bytes(16).hex(), "--to", "italy", code=2)
    assert build(country, "", "--to", "italy")


def test_lines_and_options_that_make_no_sense_are_refused_and_never_quoted(
    country: Country,
) -> None:

    for content, more, told in (
        ("secret", (), "Line 1 is neither"),
        (f"\n{'x:' * 700}", (), "Line 2 is neither"),
        (country.uvci, ("--type", "SIGNATURE"), "Line 1: a UVCI gives no"),
        (bytes(32).hex(), ("--type", "SIGNATURE"), "32 digits"),
        (country.uvci, ("--kid", "?"), "--kid"),
    ):
        error = build(country, content, *more, code=2)
        assert told in error
        assert "secret" not in error
        assert country.uvci not in error
    source = country.file("l", country.uvci)
    assert run("revocation", "build", source, country.path("dsc.pem")).exit_code == 2

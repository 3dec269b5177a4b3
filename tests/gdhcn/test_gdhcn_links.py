"""Health links: their forms and faults, the files behind them, and that their keys stay secret."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
import gdhcn_world as world
from coronapas.errors import IssueError, LinkError
from coronapas.gdhcn import (
    Link,
    LinkClaim,
    LinkIssuer,
    LinkKind,
    Manifest,
    ManifestFile,
    build_link,
    decrypt_file,
    encrypt_file,
    judge_link,
    read_link,
    read_link_claim,
    read_manifest,
    write_manifest,
)
from coronapas.tolerances import TOLERANCES

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))
URL = "https://shl.example.org/" + "Ab-_" * 11
GOOD = build_link(URL, key=KEY, flags="LP", label="Marker label")
SECRETS = ("AAECAwQF", URL, "Marker", KEY.hex(), repr(KEY))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(payload: Any, scheme: str = "shlink:/") -> str:
    return scheme + b64(json.dumps(payload).encode())


EXTENSIONS = st.none() | st.dictionaries(
    st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=2
)
LINKS = st.builds(
    build_link,
    st.text("ABCabc019-_", min_size=43, max_size=60).map("https://a.example/{}".format),
    key=st.binary(min_size=32, max_size=32),
    kind=st.sampled_from(LinkKind),
    expires=st.none()
    | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    flags=st.sampled_from(["", "L", "P", "U", "LP", "LU"]),
    label=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=80),
    extension=EXTENSIONS,
)


@given(LINKS)
def test_what_is_built_is_read_back(link: Link) -> None:
    found = read_link(link.text)
    assert found == link
    assert found.deviations == ()
    assert read_link(f"https://viewer.example/x?y#{link.text}") == link
    assert read_link_claim(link.text) == LinkClaim((link,))
    assert read_link_claim([{"u": link.text}]).links == (link,)
    assert pickle.loads(pickle.dumps(found)) == found
    as_object = json.loads(base64.urlsafe_b64decode(link.text.partition(":/")[2] + "=="))
    (other,) = read_link_claim(as_object).links
    assert (other.url, other.key, other.expires) == (link.url, link.key, link.expires)
    assert other.kind is None


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_a_link_or_a_typed_error(junk: str | bytes) -> None:
    for given_text in (junk, "shlink:/" + str(junk), b64(str(junk).encode("utf-8", "replace"))):
        with pytest.raises(LinkError) as caught:
            read_link(given_text)
        assert caught.value.code.startswith("link.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "url",
                    "key",
                    "exp",
                    "flag",
                    "label",
                    "v",
                    "extension",
                    "extensions",
                    "type",
                    "u",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(JSON, st.sampled_from(["url", "key", "exp", "flag", "label", "v", "extension", "type"]))
def test_any_payload_is_a_link_or_a_typed_error(value: Any, member: str) -> None:
    whole = {"url": URL, "key": b64(KEY), member: value}
    for claim in (value, whole, text(whole), text(value), [{"u": text(whole)}], [value]):
        try:
            found = read_link_claim(claim)
        except LinkError:
            continue
        for link in found.links:
            assert {each.code for each in link.deviations} <= TOLERANCES.keys()
            assert read_link(link.text).key == link.key
            judge_link(link, world.NOW)


@given(JSON)
@settings(max_examples=100)
def test_whatever_a_trusted_key_signs_does_not_make_the_verifier_raise(claim: Any) -> None:
    try:
        text_ = backend.forge(world.claims(5, claim), world.dsc())
    except (OverflowError, ValueError):
        return
    result = world.verifier().verify(text_, world.NOW)
    assert result.profile == "link"
    assert result.failures or result.ok


def test_a_link_shows_its_key_and_address_nowhere() -> None:
    claim = read_link_claim([{"u": GOOD.text}])
    shown = f"{GOOD!r} {GOOD} {claim!r} {judge_link(GOOD, world.NOW)!r} {GOOD.deviations!r}"
    for wrong in (GOOD.text + "!", text({"url": URL, "key": b64(KEY), "v": 9}), GOOD.text[:-1]):
        with pytest.raises(LinkError) as caught:
            read_link(wrong)
        shown += f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(IssueError) as refused:
        build_link(URL.replace("https", "http"), key=KEY[:-1], flags="PL", label="Marker" * 20)
    shown += str(refused.value)
    with pytest.raises(LinkError) as opened:
        decrypt_file(encrypt_file(b"x", KEY), bytes(32))
    shown += str(opened.value)
    issued = LinkIssuer(world.dsc().signer()).issue(GOOD, expires=world.END, issued_at=world.NOW)
    result = world.verifier().verify(issued.text, world.NOW)
    assert result.ok
    shown += f"{result!r} {result.content!r} {result.checks!r} {result.deviations!r} {issued!r}"
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"exp": 1_893_456_000_000}, ["content.link-member"]),
        ({"exp": "1893456000"}, ["content.link-member"]),
        ({"exp": "1893456000000"}, ["content.link-member"] * 2),
        ({"exp": 1_893_456_000.0}, []),
    ],
)
def test_an_end_is_read_in_every_published_form(changes: dict[str, Any], codes: list[str]) -> None:
    link = read_link(text({"url": URL, "key": b64(KEY), **changes}))
    assert link.expires == 1_893_456_000
    assert [each.code for each in link.deviations] == codes


@pytest.mark.parametrize("wrong", ["soon", -1, True, [], 10**20, float("1e300")])
def test_an_end_that_cannot_be_read_is_past(wrong: Any) -> None:
    link = read_link(text({"url": URL, "key": b64(KEY), "exp": wrong}, "vhlink:/"))
    assert [each.code for each in link.deviations] == ["content.link-member"]
    assert [each.hard for each in judge_link(link, world.NOW)] == [True]


@pytest.mark.parametrize(
    ("stated", "usable"),
    [
        (b64(KEY), True),
        (b64(KEY) + "=", True),
        (base64.b64encode(b64(KEY).encode()).decode(), True),
        ("A" * 44, False),
        ("A" * 42, False),
        ("!" * 43, False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_a_key_is_read_or_is_none(stated: Any, usable: bool) -> None:
    link = read_link(text({"url": URL, "key": stated}))
    assert link.key == (KEY if usable else None)
    assert bool(link.deviations) is (stated != b64(KEY))
    assert ("link.no-key" in [each.code for each in judge_link(link, world.NOW)]) is not usable


def test_a_link_is_judged_at_a_moment() -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    after = end + timedelta(seconds=1)
    for kind, hard in ((LinkKind.SHL, False), (LinkKind.VHL, True)):
        link = build_link(URL, kind=kind, expires=end)
        assert judge_link(link, end) == ()
        assert [(each.code, each.hard) for each in judge_link(link, after)] == [
            ("link.expired", hard)
        ]
    with pytest.raises(ValueError, match="zone"):
        judge_link(build_link(URL, expires=end), datetime(2026, 1, 1))
    both = read_link(text({"url": "http://x", "key": b64(KEY), "flag": "PU"}))
    assert [(each.code, each.hard) for each in judge_link(both, end)] == [
        ("link.not-https", True),
        ("link.flags", False),
    ]
    assert (both.long_term, both.passcode, both.direct) == (False, True, True)


@pytest.mark.parametrize(
    ("url", "settings_", "code"),
    [
        ("http://a.example/" + "A" * 43, {}, "link.not-https"),
        ("https://a.example/short", {}, "link.url"),
        ("https://a.example/" + "A" * 120, {}, "link.url"),
        (URL, {"key": b"short"}, "link.no-key"),
        (URL, {"flags": "PL"}, "link.flags"),
        (URL, {"flags": "PU"}, "link.flags"),
        (URL, {"flags": "X"}, "link.flags"),
        (URL, {"label": ""}, "link.label"),
        (URL, {"label": "a" * 81}, "link.label"),
        (URL, {"expires": datetime(2026, 1, 1)}, "time.no-zone"),
        (URL, {"extension": {"a": {1, 2}}}, "link.extension"),
    ],
)
def test_a_link_is_built_by_the_letter(url: str, settings_: Any, code: str) -> None:
    with pytest.raises(IssueError) as caught:
        build_link(url, **settings_)
    assert [fault.code for fault in caught.value.faults] == [code]


def test_each_link_has_a_key_of_its_own() -> None:
    assert build_link(URL).key != build_link(URL).key
    assert build_link("https://a.example/List?x=1", kind=LinkKind.VHL).kind is LinkKind.VHL


def test_a_link_is_issued_as_text_and_only_if_it_can_be_used() -> None:
    office = LinkIssuer(world.dsc().signer())
    terms: dict[str, Any] = {"expires": world.END, "issued_at": world.NOW}
    issued = office.issue(GOOD, **terms)
    result = world.verifier(tolerate=frozenset()).verify(issued.text, world.NOW)
    assert result.ok
    assert result.content == LinkClaim((GOOD,))
    for wrong in (
        Link(None, URL, KEY),
        Link(LinkKind.SHL, URL),
        read_link(text({"url": URL, "key": b64(KEY), "v": "1"})),
        build_link(URL, expires=world.NOW - timedelta(seconds=1)),
    ):
        with pytest.raises(IssueError):
            office.issue(wrong, **terms)
    with pytest.raises(TypeError, match="signer"):
        LinkIssuer(None)  # type: ignore[arg-type]


# Files and manifests.


@given(st.binary(max_size=2000), st.binary(min_size=32, max_size=32), st.booleans())
def test_what_is_encrypted_is_decrypted(content: bytes, key: bytes, compress: bool) -> None:
    jwe = encrypt_file(content, key, "application/fhir+json", compress=compress)
    found = decrypt_file(jwe, key)
    assert (found.content, found.content_type) == (content, "application/fhir+json")
    assert decrypt_file(jwe.encode() + b"\n", key) == found
    assert encrypt_file(content, key, compress=compress) != jwe
    assert pickle.loads(pickle.dumps(found)) == found


def test_any_change_of_one_character_of_a_file_is_an_error() -> None:
    jwe = encrypt_file(b"content of a file", KEY, compress=True)
    for place in range(len(jwe)):
        for character in "A_.7":
            if jwe[place] != character:
                with pytest.raises(LinkError):
                    decrypt_file(jwe[:place] + character + jwe[place + 1 :], KEY)


@given(
    st.text(max_size=200)
    | st.binary(max_size=200)
    | st.lists(st.binary(max_size=20), min_size=5, max_size=5)
)
def test_any_bytes_as_a_file_are_a_typed_error(junk: Any) -> None:
    if isinstance(junk, list):
        junk = ".".join(map(b64, junk))
    with pytest.raises(LinkError) as caught:
        decrypt_file(junk, KEY)
    assert caught.value.code.startswith("link.")


def sealed(content: bytes, header: Any = None, key: bytes = KEY) -> str:
    """A JWE by another hand."""
    header = {"alg": "dir", "enc": "A256GCM", "cty": "a/b", **(header or {})}
    head = b64(json.dumps(header).encode())
    box = AESGCM(key).encrypt(bytes(12), content, head.encode())
    return f"{head}..{b64(bytes(12))}.{b64(box[:-16])}.{b64(box[-16:])}"


def deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush()


def test_a_file_by_another_hand_is_decrypted() -> None:
    assert decrypt_file(sealed(b"x"), KEY).content == b"x"
    assert decrypt_file(sealed(deflated(b"x" * 9000), {"zip": "DEF"}), KEY).content == b"x" * 9000
    assert decrypt_file(sealed(b"x", {"cty": 7}), KEY).content_type == ""


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "A256KW"}, "link.unsupported"),
        ({"enc": "A128GCM"}, "link.unsupported"),
        ({"zip": "GZ"}, "link.unsupported"),
        ({"crit": ["exp"]}, "link.unsupported"),
        ({"long": "x" * 5000}, "link.malformed"),
        ({"zip": "DEF"}, "link.malformed"),
    ],
)
def test_another_encryption_than_that_of_links_is_refused(header: Any, code: str) -> None:
    with pytest.raises(LinkError) as caught:
        decrypt_file(sealed(b"\xff\xffnot deflated", header), KEY)
    assert caught.value.code == code


def test_the_size_of_a_file_is_bounded_before_and_after_inflating() -> None:
    bomb = sealed(deflated(bytes(10_000_000)), {"zip": "DEF"})
    assert len(bomb) < 20_000
    for limit, fits in ((9_999_999, False), (10_000_000, True)):
        if fits:
            assert len(decrypt_file(bomb, KEY, limit=limit).content) == limit
            continue
        with pytest.raises(LinkError) as caught:
            decrypt_file(bomb, KEY, limit=limit)
        assert caught.value.code == "link.too-large"
    for content, header in ((bytes(101), {}), (deflated(bytes(101)), {"zip": "DEF"})):
        with pytest.raises(LinkError) as caught:
            decrypt_file(sealed(content, header), KEY, limit=100)
        assert caught.value.code == "link.too-large"
    with pytest.raises(LinkError) as caught:
        decrypt_file("x" * 100_000, KEY, limit=100)
    assert caught.value.code == "link.too-large"


@pytest.mark.parametrize("tail", [b"more", b"\x00"])
def test_a_deflated_file_ends_where_it_ends(tail: bytes) -> None:
    for content in (deflated(b"x" * 500) + tail, deflated(b"x" * 500)[:-2]):
        with pytest.raises(LinkError) as caught:
            decrypt_file(sealed(content, {"zip": "DEF"}), KEY)
        assert caught.value.code == "link.malformed"


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    for call in (lambda: decrypt_file(sealed(b"x"), key), lambda: encrypt_file(b"x", key)):
        with pytest.raises(LinkError) as caught:
            call()
        assert caught.value.code == "link.no-key"
    with pytest.raises(LinkError):
        encrypt_file(b"x", KEY, "not\na type")


def test_the_published_file_is_decrypted_with_the_published_link(official: Path) -> None:
    folder = official / "wallets" / "shl"
    link = read_link((folder / "hl7-shlink.txt").read_text("ascii").strip())
    assert link.kind is LinkKind.SHL
    assert (link.deviations, link.flags) == ((), "LP")
    assert link.key is not None
    found = decrypt_file((folder / "hl7-jwe.txt").read_bytes(), link.key)
    assert found.content_type == "application/smart-health-card"
    assert "verifiableCredential" in json.loads(found.content)


def searchset(*resources: Any) -> str:
    """The answer of a server to the search that a VHL's address is."""
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries})


def reference(name: str, **attachment: Any) -> dict[str, Any]:
    """A DocumentReference, with the one file that `attachment` describes."""
    content = [attachment if "attachment" in attachment else {"attachment": attachment}]
    return {
        "resourceType": "DocumentReference",
        "id": name,
        "status": "current",
        "date": "2026-01-15T09:00:00Z",
        **({"content": content} if attachment else {}),
    }


def folder(*names: Any) -> dict[str, Any]:
    entries = [{"item": {"reference": name}} for name in names]
    return {"resourceType": "List", "status": "current", "mode": "working", "entry": entries}


def test_the_bundle_behind_a_vhl_is_read_as_a_manifest() -> None:
    pdf = reference("1", contentType="application/pdf", url="https://x.example/Binary/1")
    both = ("DocumentReference/1", "DocumentReference/2", "https://y.example/DocumentReference/3")
    found = read_manifest(searchset(folder(*both), pdf, reference("2")))
    assert found.listed == folder(*both)
    assert found.files == (
        ManifestFile(
            "application/pdf",
            "https://x.example/Binary/1",
            status="current",
            last_updated="2026-01-15T09:00:00Z",
        ),
        ManifestFile("", reference="DocumentReference/2"),
        ManifestFile("", reference="https://y.example/DocumentReference/3"),
    )
    assert "example" not in repr(found)
    with pytest.raises(LinkError) as caught:
        write_manifest(found)
    assert caught.value.code == "link.unsupported"


def test_a_bundle_of_lists_alone_names_what_is_to_be_fetched() -> None:
    for lists in ((folder("a/1", "a/2"),), (folder("a/1"), folder("a/2", "a/1"))):
        found = read_manifest(searchset(*lists))
        assert [file.reference for file in found.files] == ["a/1", "a/2"]
        assert (found.listed is None) is (len(lists) == 2)


def test_a_bundle_without_a_list_has_the_files_of_its_documents() -> None:
    two = reference("1", url="https://x.example/1")
    two["content"].append({"attachment": {"url": "https://x.example/2", "contentType": "a/b"}})
    full = {"fullUrl": "https://x.example/DocumentReference/1", "resource": two}
    listed = {"resource": folder("https://x.example/DocumentReference/1")}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [full, listed]}
    for document in (searchset(two), json.dumps(bundle)):
        found = read_manifest(document)
        assert [(file.content_type, file.location) for file in found.files] == [
            ("", "https://x.example/1"),
            ("a/b", "https://x.example/2"),
        ]


@given(st.lists(JSON | st.dictionaries(st.sampled_from(["content", "entry"]), JSON)))
def test_any_bundle_is_a_manifest_or_a_typed_error(resources: Any) -> None:
    for resource in resources:
        if isinstance(resource, dict):
            resource["resourceType"] = "DocumentReference" if "content" in resource else "List"
    try:
        assert read_manifest(searchset(*resources)).files
    except LinkError as error:
        assert error.code == "link.manifest"


FILES = st.builds(
    ManifestFile,
    st.just("application/fhir+json"),
    st.just("https://x.example/1"),
    st.none() | st.just("a.b"),
    st.none() | st.sampled_from(["finalized", "can-change", "no-longer-valid"]),
    st.none() | st.just("2026-01-01T00:00:00Z"),
    st.none() | st.just("4.0.1"),
)


@given(
    st.lists(FILES, min_size=1, max_size=4).map(tuple),
    st.none() | st.just({"resourceType": "List"}),
)
def test_what_is_written_as_a_manifest_is_read_back(files: Any, listed: Any) -> None:
    manifest = Manifest(files, listed)
    assert read_manifest(write_manifest(manifest)) == manifest
    assert "x.example" not in repr(manifest)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"\xff", "link.manifest"),
        ("[]", "link.manifest"),
        ("{}", "link.manifest"),
        ('{"files": []}', "link.manifest"),
        ('{"files": [1]}', "link.manifest"),
        ('{"files": [{"location": "x"}]}', "link.manifest"),
        ('{"files": [{"contentType": "a/b"}]}', "link.manifest"),
        ('{"files": [{"contentType": "a/b", "location": 1}]}', "link.manifest"),
        (json.dumps({"files": [{"contentType": "a/b", "location": "x" * 9000}]}), "link.manifest"),
        ('{"files": [{"contentType": "a/b", "location": "x"}], "list": 1}', "link.manifest"),
        ('{"resourceType": "Bundle"}', "link.unsupported"),
        ('{"resourceType": "Bundle", "type": "collection"}', "link.unsupported"),
        ('{"resourceType": "Patient", "type": "searchset"}', "link.unsupported"),
        (searchset(), "link.manifest"),
        (searchset({"resourceType": "Patient"}), "link.manifest"),
        (searchset({"resourceType": "List"}), "link.manifest"),
        (searchset(7), "link.manifest"),
        (searchset({"resourceType": "List", "entry": 7}), "link.manifest"),
        (searchset({"resourceType": "List", "entry": [{"item": 7}]}), "link.manifest"),
        (searchset(folder(7)), "link.manifest"),
        (searchset({"resourceType": "DocumentReference", "content": [7]}), "link.manifest"),
        (searchset(reference("a", attachment={"url": 7})), "link.manifest"),
        (searchset(reference("a", attachment={"url": "x" * 9000})), "link.manifest"),
        (
            searchset(*(reference(str(n), url="https://x/") for n in range(1001))),
            "link.manifest",
        ),
        (json.dumps({"files": [{}] * 1001}), "link.manifest"),
    ],
)
def test_what_is_no_manifest_is_a_typed_error(document: Any, code: str) -> None:
    with pytest.raises(LinkError) as caught:
        read_manifest(document)
    assert caught.value.code == code


@given(st.text(max_size=100) | st.binary(max_size=100) | JSON.map(json.dumps))
def test_any_text_as_a_manifest_is_a_typed_error(junk: Any) -> None:
    with pytest.raises(LinkError):
        read_manifest(junk)


@pytest.mark.parametrize(
    "claim", [None, 7, b"x", [], [1], [{}] * 17, [{"u": 1}], {}, {"u": 1}, {"url": ""}, "shlink:/A"]
)
def test_what_holds_no_link_is_a_typed_error(claim: Any) -> None:
    with pytest.raises(LinkError) as caught:
        read_link_claim(claim)
    assert caught.value.code == "link.malformed"


@pytest.mark.parametrize("text_", [b"\xff", 7, "x" * 65_537, "shlink:/" + "é" * 4])
def test_what_is_no_text_of_a_link_is_a_typed_error(text_: Any) -> None:
    with pytest.raises(LinkError) as caught:
        read_link(text_)
    assert caught.value.code in ("link.malformed", "link.too-large")


def test_an_object_around_the_text_is_read() -> None:
    assert read_link_claim({"u": GOOD.text}).links == (GOOD,)


@pytest.mark.parametrize(
    ("jwe", "code"),
    [
        (7, "link.malformed"),
        ("a.b.c", "link.malformed"),
        (f"{b64(b'[]')}....", "link.malformed"),
        (f"{b64(b'{')}....", "link.malformed"),
        (sealed(b"x").replace("..", ".AAAA.", 1), "link.unsupported"),
        (sealed(b"x").replace("..", "..AA", 1), "link.malformed"),
    ],
)
def test_what_is_no_file_of_a_link_is_a_typed_error(jwe: Any, code: str) -> None:
    with pytest.raises(LinkError) as caught:
        decrypt_file(jwe, KEY)
    assert caught.value.code == code

"""SD-JWT VC: the public vectors, every rule broken in turn, and two other implementations."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallet_world import (
    ASKED,
    DOSE,
    HOLDER,
    ISSUED,
    LIFE,
    NOW,
    asked_of,
    dcc_of,
    holder,
    holder_public,
    keys,
    public_trust,
    signer,
    trust,
    vectors,
)

from coronapas.errors import CredentialError, IssueError
from coronapas.keys import make_csca, make_key
from coronapas.signing import Signer
from coronapas.trust import Certificate, TrustStore
from coronapas.verify import Outcome, Verification, VerificationError
from coronapas.wallets import (
    ANY_TYPE,
    SD_JWT_TYPE,
    VCT,
    KeyBinding,
    MdocVerifier,
    SdJwtVerifier,
    StatusReference,
    claims_in,
    credential_in,
    issue_claims,
    issue_sd_jwt,
    jwk_of,
    jwk_thumbprint,
    make_status_list,
    present_sd_jwt,
    read_status_list,
)

if TYPE_CHECKING:
    from pathlib import Path

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def b64(data: bytes | object) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def digest(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


def jwt(payload: object, by: Signer | None = None, **header: Any) -> str:
    """A JWT by a signer, with any header and any payload."""
    by = by or signer()
    assert by.algorithm == -7
    whole = {"alg": "ES256", "typ": SD_JWT_TYPE}
    if by.certificate is not None:
        whole["x5c"] = [base64.b64encode(by.certificate.der or b"").decode()]  # type: ignore[assignment]
    head = {name: value for name, value in (whole | header).items() if value is not None}
    signed = f"{b64(head)}.{b64(payload)}"
    return f"{signed}.{b64(by.sign(signed.encode()))}"


def claims(**more: Any) -> dict[str, Any]:
    stated = {
        "vct": "urn:x:type",
        "iat": int(ISSUED.timestamp()),
        "exp": int((ISSUED + LIFE).timestamp()),
        "cnf": {"jwk": jwk_of(holder_public())},
    }
    return {name: value for name, value in (stated | more).items() if value is not None}


def verify(text: str, binding: KeyBinding | None = None, **settings: Any) -> Verification:
    return SdJwtVerifier(trust(), **settings).verify(text, NOW, binding=binding)


def failures(found: Verification) -> list[str]:
    return [check.code for check in found.failures]


def disclosure(*item: object) -> str:
    return b64(list(item))


def bound(presented: str, by: Signer | None = None, **more: Any) -> str:
    """The presentation with a key binding that may be wrong in any way."""
    header = {"typ": "kb+jwt", **more.pop("header", {})}
    stated = {
        "iat": int(NOW.timestamp()),
        "aud": ASKED.audience,
        "nonce": ASKED.nonce,
        "sd_hash": digest(presented),
        **more,
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    return presented + jwt(stated, by or holder(), x5c=None, **header)


# The public vectors.


def test_all_public_vectors_verify_with_their_binding(official: Path) -> None:
    found = {}
    for path in vectors(official):
        verifier = SdJwtVerifier(public_trust(), types=(SD_JWT_TYPE, ANY_TYPE))
        binding = asked_of(path)
        result = verifier.verify(path.read_text("ascii"), LATER, binding=binding)
        assert result.ok, (path.name, failures(result))
        outcome = result.check("holder binding").outcome
        assert outcome is (Outcome.UNKNOWN if binding is None else Outcome.PASS)
        found[path.name] = binding is not None
    assert len(found) == 13
    assert sum(found.values()) == 5


def test_vectors_without_binding_fail_where_the_verifier_asks_for_it(official: Path) -> None:
    for path in vectors(official):
        if asked_of(path) is None:
            verifier = SdJwtVerifier(public_trust(), types=(SD_JWT_TYPE, ANY_TYPE))
            found = verifier.verify(path.read_text("ascii"), LATER, binding=ASKED)
            assert failures(found)[0] in ("binding.missing", "binding.no-key")


def test_the_vectors_type_is_refused_unless_it_is_asked_for(official: Path) -> None:
    (path,) = [path for path in vectors(official) if "rfc9901-01" in path.name]
    found = SdJwtVerifier(public_trust()).verify(path.read_text("ascii"), LATER)
    assert failures(found) == ["type.not-accepted"]


def test_any_single_character_of_a_vector_counts(official: Path) -> None:
    (path,) = [path for path in vectors(official) if "rfc9901-02" in path.name]
    text = path.read_text("ascii").strip()
    verifier = SdJwtVerifier(public_trust(), types=(SD_JWT_TYPE, ANY_TYPE))
    for place in range(0, len(text), 3):
        other = "A" if text[place] != "A" else "B"
        changed = text[:place] + other + text[place + 1 :]
        assert not verifier.verify(changed, LATER, binding=asked_of(path)).ok, place


# Two other implementations.


def test_the_package_sd_jwt_reads_what_is_issued_and_presented_here() -> None:
    pytest.importorskip("sd_jwt", reason="the package sd-jwt is not installed")
    from jwcrypto.jwk import JWK
    from sd_jwt.verifier import SDJWTVerifier

    text = present_sd_jwt(issued().text, ["family_name"], holder=holder(), binding=ASKED, at=NOW)
    assert signer().certificate is not None
    key = JWK(**jwk_of(signer().public_key))
    theirs = SDJWTVerifier(text, lambda *_: key, ASKED.audience, ASKED.nonce)
    assert theirs.get_verified_payload() == claims_in(text)


def test_where_the_package_sd_jwt_accepts_and_this_refuses() -> None:
    """Each is a rule of RFC 9901 that the package does not hold, as of 0.10.4."""
    pytest.importorskip("sd_jwt", reason="the package sd-jwt is not installed")
    from jwcrypto.jwk import JWK
    from sd_jwt.verifier import SDJWTVerifier

    key = JWK(**jwk_of(signer().public_key))
    stray = disclosure("salt", "name", "value")
    cases = {
        # A disclosure that the issuer never signed for stays in the text, and is not noticed.
        "disclosure.unreferenced": (f"{jwt(claims())}~{stray}~", None),
        # Times are left to the caller.
        "time.expired": (f"{jwt(claims(exp=1))}~", None),
        "time.not-yet": (f"{jwt(claims(nbf=9_999_999_999))}~", None),
        # Whoever takes the binding away is asked for none.
        "binding.missing": (f"{jwt(claims())}~", ASKED),
    }
    for code, (text, binding) in cases.items():
        assert code in failures(verify(text, binding))
        assert SDJWTVerifier(text, lambda *_: key).get_verified_payload()


# What the package accepts of `BROKEN`, by why: see the test. All else it refuses as well.
ACCEPTED_BY_THE_PACKAGE: Mapping[str, frozenset[str]] = {
    # RFC 9901, 7.1, step 5: it keeps disclosures that no digest refers to, and so never reads
    # those that are malformed.
    "disclosures that nothing refers to": frozenset(
        {
            "an unreferenced disclosure",
            "a disclosure of one item",
            "a disclosure of four",
            "a salt that is no text",
            "a name that is no text",
        }
    ),
    # 7.1, steps 3 and 4: it reads on where a reserved name stands out of place or has another type.
    "reserved names": frozenset(
        {
            "the name _sd",
            "the name ...",
            "the name _sd_alg",
            "_sd that is no list",
            "a digest that is no text",
            "a digest algorithm below the top",
            "a digest beside other members",
            "a digest outside a list",
        }
    ),
    # RFC 7515, chapter 2: base64url has no padding; it takes off what is there.
    "encoding": frozenset({"padding"}),
    # 7.1, step 6, and RFC 7519: validity is left to the caller.
    "times": frozenset(
        {
            "expired",
            "not valid yet",
            "issued in the future",
            "a time that is a text",
            "a time that is a boolean",
        }
    ),
    # draft-ietf-oauth-sd-jwt-vc-19, OpenID4VC HAIP and the status list are not its subject.
    "rules of the VC profile": frozenset(
        {
            "typ JWT",
            "no typ",
            "the old typ",
            "no vct",
            "a vct that is no text",
            "x5c of no certificates",
            "a claim hidden that must show",
            "hidden aka_vcts",
            "a hidden status",
            "status of no list",
        }
    ),
    # 7.3: without a request for a binding it does not look at the key.
    "the holder's key": frozenset({"a cnf without a key", "a private key in cnf"}),
}


def test_every_broken_rule_is_given_to_the_package_too() -> None:
    """It accepts some of what is refused here, each for a reason that stands above."""
    pytest.importorskip("sd_jwt", reason="the package sd-jwt is not installed")
    from jwcrypto.jwk import JWK
    from sd_jwt.verifier import SDJWTVerifier

    key = JWK(**jwk_of(signer().public_key))

    def refuses(text: str) -> bool:
        try:
            SDJWTVerifier(text, lambda *_: key).get_verified_payload()
        except Exception:
            return True
        return False

    good = token(HIDDEN, _sd=[digest(HIDDEN)], list=[{"...": digest(ELEMENT)}, 1])
    assert not refuses(good)
    accepted = {name for name, (make, _) in BROKEN.items() if not refuses(make())}
    assert accepted == frozenset().union(*ACCEPTED_BY_THE_PACKAGE.values())
    assert len(BROKEN) - len(accepted) > 20


def test_joserfc_reads_the_tokens_that_are_signed_here() -> None:
    pytest.importorskip("joserfc", reason="the package joserfc is not installed")
    from joserfc import jws
    from joserfc.jwk import ECKey

    text = present_sd_jwt(issued().text, [], holder=holder(), binding=ASKED, at=NOW)
    parts = text.split("~")
    by_issuer = ECKey.import_key(dict(jwk_of(signer().public_key)))
    by_holder = ECKey.import_key(dict(jwk_of(holder_public())))
    registry = jws.JWSRegistry(algorithms=["ES256"])
    registry.max_header_length = 4096  # a certificate is longer than the package expects
    theirs = jws.deserialize_compact(parts[0], by_issuer, registry=registry)
    assert json.loads(theirs.payload)["vct"] == VCT
    theirs = jws.deserialize_compact(parts[-1], by_holder, registry=registry)
    assert json.loads(theirs.payload)["nonce"] == "a nonce"
    assert b64(jwk_thumbprint(holder_public())) == by_holder.thumbprint()


def test_a_token_of_joserfc_is_verified_here() -> None:
    pytest.importorskip("joserfc", reason="the package joserfc is not installed")
    from cryptography.hazmat.primitives.asymmetric import ec
    from joserfc import jws
    from joserfc.jwk import ECKey

    private = make_key()
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    size = 32
    numbers = private.private_numbers()
    key = ECKey.import_key(
        {**jwk_of(private.public_key()), "d": b64(numbers.private_value.to_bytes(size, "big"))}
    )
    token = jws.serialize_compact(
        {"alg": "ES256", "typ": SD_JWT_TYPE}, json.dumps(claims()).encode(), key
    )
    from coronapas.trust import pinned

    store = TrustStore([pinned(json.dumps(jwk_of(private.public_key())))[0].certificate])
    assert SdJwtVerifier(store).verify(f"{token}~", NOW).ok
    assert failures(SdJwtVerifier(public_trust()).verify(f"{token}~", NOW)) == ["signature.invalid"]


# Issuing and presenting.


def issued(**more: Any) -> Any:
    terms: dict[str, Any] = {
        "expires": LIFE,
        "issued_at": ISSUED,
        "holder_key": holder_public(),
    } | more
    return issue_sd_jwt(dcc_of(), signer(), **terms)


def test_everything_is_hidden_but_what_must_show() -> None:
    payload = unb64(issued().text.split(".")[1])
    assert payload.keys() == {"vct", "iat", "exp", "cnf", "_sd", "_sd_alg"}
    assert payload["vct"] == VCT
    assert payload["_sd"] == sorted(payload["_sd"])
    header = unb64(issued().text.split(".")[0])
    assert (header["alg"], header["typ"], len(header["x5c"])) == ("ES256", "dc+sd-jwt", 1)
    salts = [unb64(each)[0] for each in issued().text.split("~")[1:-1]]
    assert len(set(salts)) == len(salts) >= 10
    assert all(len(base64.urlsafe_b64decode(salt + "==")) >= 16 for salt in salts)


def test_decoys_and_shown_claims_are_by_choice() -> None:
    made = issued(decoys=7, shown=["country"])
    payload = unb64(made.text.split(".")[1])
    assert payload["country"] == "DK"
    assert len(payload["_sd"]) == len(made.text.split("~")) - 2 + 7
    assert verify(made.text).ok


@pytest.mark.parametrize(
    "name", ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"]
)
def test_what_must_show_is_never_hidden(name: str) -> None:
    with pytest.raises(CredentialError) as error:
        issue_claims({name: "x"}, signer(), vct="urn:x:y", hidden=[(name,)])
    assert error.value.code == "issue.hidden"


def test_nested_claims_and_elements_are_hidden_and_disclosed_one_by_one() -> None:
    content = {
        "address": {"locality": "Ribe", "street": "S"},
        "nationalities": ["DK", "DE"],
        "plain": {"inner": {"x": 1}},
    }
    hidden: list[tuple[str | int, ...]] = [
        ("address",),
        ("address", "locality"),
        ("nationalities", 0),
        ("plain", "inner"),
    ]
    text = issue_claims(content, signer(), vct="urn:x:y", hidden=hidden, decoys=2)
    assert {name: claims_in(text)[name] for name in content} == content
    few = claims_in(present_sd_jwt(text, ["address.locality"]))
    assert few["address"] == {"locality": "Ribe", "street": "S"}
    assert few["nationalities"] == ["DE"]
    assert few["plain"] == {}
    assert "address" not in claims_in(present_sd_jwt(text, []))
    with pytest.raises(CredentialError, match="no claim"):
        present_sd_jwt(text, ["address.nothing"])


def test_a_presentation_is_bound_to_the_holder_alone() -> None:
    made = issued()
    stranger = Signer(make_key(), kid=bytes(8))
    with pytest.raises(CredentialError) as error:
        present_sd_jwt(made.text, [], holder=stranger, binding=ASKED)
    assert error.value.code == "present.holder"
    with pytest.raises(CredentialError):
        present_sd_jwt(made.text, [], holder=holder())
    with pytest.raises(CredentialError):
        present_sd_jwt(issued(holder_key=None).text, [], holder=holder(), binding=ASKED)


def test_a_payload_or_certificate_at_fault_is_refused_with_every_fault() -> None:
    broken = {**dcc_of(), "dob": "1971-02-30"}
    with pytest.raises(IssueError) as error:
        issue_sd_jwt(broken, signer(), expires=timedelta(days=10_000), issued_at=ISSUED)
    assert len(error.value.faults) >= 2
    authority = keys()[0].signer()
    with pytest.raises(IssueError):
        issue_sd_jwt(dcc_of(), authority, expires=LIFE, issued_at=ISSUED)
    with pytest.raises(IssueError):
        issue_sd_jwt(dcc_of(), signer(), expires=-LIFE, issued_at=ISSUED)


# Verifying: what is right.


def test_a_credential_of_ours_states_the_facts_of_the_pass() -> None:
    everything = [name for name in claims_in(issued().text) if name not in ("vct", "cnf", "exp")]
    text = present_sd_jwt(issued().text, everything, holder=holder(), binding=ASKED, at=NOW)
    found = verify(text, ASKED)
    assert found.ok
    assert found.require() is found
    assert found.profile == "sd-jwt"
    assert found.payload == dcc_of()
    facts = found.facts
    assert facts is not None
    assert (facts.holder.family_name, facts.event.country) == (HOLDER.family_name, "DK")
    assert facts.uvci
    assert "Markerfamily" not in repr(found) + repr(found.content)
    again = pickle.loads(pickle.dumps(found))
    assert (again.ok, again.facts, again.checks) == (found.ok, facts, found.checks)
    assert copy.deepcopy(found).payload == found.payload
    assert DOSE.dose_number == facts.event.dose_number  # type: ignore[union-attr]


def test_too_little_disclosed_gives_no_facts_and_is_said() -> None:
    found = verify(present_sd_jwt(issued().text, ["birthdate"]))
    assert found.ok
    assert found.facts is None
    assert found.check("content").code == "content.partial"
    assert found.check("content").outcome is Outcome.UNKNOWN


# Verifying: every rule broken in turn.

HIDDEN = disclosure("salt-of-22-characters", "name", "value")
OTHER = disclosure("other-salt-of-characters", "name", "value")
ELEMENT = disclosure("salt-of-22-characters", "value")


def token(*disclosures: str, **more: Any) -> str:
    return "~".join((jwt(claims(**more)), *disclosures, ""))


def test_the_token_that_the_broken_ones_are_made_of_is_right() -> None:
    good = token(HIDDEN, _sd=[digest(HIDDEN)], list=[{"...": digest(ELEMENT)}, 1])
    assert verify(good).ok
    assert verify(bound(good), ASKED).ok
    assert verify(token(HIDDEN, ELEMENT, _sd=[digest(HIDDEN)], l=[{"...": digest(ELEMENT)}])).ok


BROKEN: Mapping[str, tuple[Callable[[], str], str]] = {
    "no tilde": (lambda: jwt(claims()), "format.malformed"),
    "two parts": (lambda: "a.b~", "format.malformed"),
    "padding": (lambda: token().replace("~", "=~"), "format.malformed"),
    "an empty disclosure": (lambda: token("", HIDDEN), "format.malformed"),
    "a disclosure of no JSON": (lambda: token("AAAA"), "format.malformed"),
    "a disclosure of one item": (lambda: token(disclosure("s")), "disclosure.malformed"),
    "a disclosure of four": (lambda: token(disclosure("s", "n", 1, 2)), "disclosure.malformed"),
    "a salt that is no text": (lambda: token(disclosure(1, "n", 1)), "disclosure.malformed"),
    "a name that is no text": (lambda: token(disclosure("s", 1, 1)), "disclosure.malformed"),
    "alg none": (lambda: _unsigned("none"), "format.algorithm"),
    "alg HS256": (lambda: _unsigned("HS256"), "format.algorithm"),
    "no alg": (lambda: token_of(alg=None), "format.algorithm"),
    "alg of another key": (lambda: token_of(alg="PS256"), "signature.invalid"),
    "a critical header": (lambda: token_of(crit=["x"]), "format.critical-header"),
    "typ JWT": (lambda: token_of(typ="JWT"), "type.not-accepted"),
    "no typ": (lambda: token_of(typ=None), "type.not-accepted"),
    "the old typ": (lambda: token_of(typ="vc+sd-jwt"), "type.not-accepted"),
    "no vct": (lambda: token(vct=None), "type.no-vct"),
    "a vct that is no text": (lambda: token(vct=5), "type.no-vct"),
    "another signer": (lambda: _by_a_stranger(), "identifier.unknown"),
    "a stolen certificate": (lambda: _with_our_certificate(), "signature.invalid"),
    "x5c of no certificates": (lambda: token_of(x5c=["AAAA"]), "format.certificates"),
    "an unknown digest algorithm": (
        lambda: token(HIDDEN, _sd=[digest(HIDDEN)], _sd_alg="md5"),
        "disclosure.algorithm",
    ),
    "a digest algorithm of another kind": (lambda: token(_sd_alg=[1]), "disclosure.algorithm"),
    "a digest algorithm below the top": (lambda: token(a={"_sd_alg": "x"}), "disclosure.malformed"),
    "_sd that is no list": (lambda: token(_sd="x"), "disclosure.malformed"),
    "a digest that is no text": (lambda: token(_sd=[1]), "disclosure.malformed"),
    "an unreferenced disclosure": (lambda: token(HIDDEN), "disclosure.unreferenced"),
    "a disclosure twice": (
        lambda: token(HIDDEN, HIDDEN, _sd=[digest(HIDDEN)]),
        "disclosure.repeated",
    ),
    "a digest twice": (
        lambda: token(HIDDEN, _sd=[digest(HIDDEN), digest(HIDDEN)]),
        "disclosure.repeated",
    ),
    "a digest at two places": (
        lambda: token(HIDDEN, _sd=[digest(HIDDEN)], a={"_sd": [digest(HIDDEN)]}),
        "disclosure.repeated",
    ),
    "a decoy twice": (lambda: token(_sd=["x", "x"]), "disclosure.repeated"),
    "a claim that is there already": (
        lambda: token(HIDDEN, _sd=[digest(HIDDEN)], name="x"),
        "disclosure.collision",
    ),
    "two disclosures of one name": (
        lambda: token(HIDDEN, OTHER, _sd=[digest(HIDDEN), digest(OTHER)]),
        "disclosure.collision",
    ),
    "the name _sd": (lambda: _disclosing("_sd", []), "disclosure.name"),
    "the name _sd_alg": (lambda: _disclosing("_sd_alg", "sha-256"), "disclosure.name"),
    "the name ...": (lambda: _disclosing("...", "x"), "disclosure.name"),
    "an element for a member": (
        lambda: token(ELEMENT, _sd=[digest(ELEMENT)]),
        "disclosure.malformed",
    ),
    "a member for an element": (
        lambda: token(HIDDEN, a=[{"...": digest(HIDDEN)}]),
        "disclosure.malformed",
    ),
    "a digest beside other members": (
        lambda: token(ELEMENT, a=[{"...": digest(ELEMENT), "b": 1}]),
        "disclosure.malformed",
    ),
    "a digest outside a list": (lambda: token(a={"...": digest(ELEMENT)}), "disclosure.malformed"),
    "a claim hidden that must show": (
        lambda: _disclosing("exp", 9_999_999_999),
        "disclosure.never-hidden",
    ),
    "hidden aka_vcts": (lambda: _disclosing("aka_vcts", []), "disclosure.never-hidden"),
    "a hidden status": (lambda: _disclosing("status", {}), "disclosure.never-hidden"),
    "expired": (lambda: token(exp=int(NOW.timestamp())), "time.expired"),
    "not valid yet": (lambda: token(nbf=int(NOW.timestamp()) + 301), "time.not-yet"),
    "issued in the future": (lambda: token(iat=int(NOW.timestamp()) + 301), "time.not-yet"),
    "a time that is a text": (lambda: token(exp="2030"), "format.time"),
    "a time that is a boolean": (lambda: token(nbf=True), "format.time"),
    "status of no list": (
        lambda: token(status={"status_list": {"idx": -1}}),
        "revocation.malformed",
    ),
    "a cnf without a key": (lambda: token(cnf={}), "binding.key"),
    "a private key in cnf": (
        lambda: token(cnf={"jwk": {**jwk_of(holder_public()), "d": "AA"}}),
        "binding.key",
    ),
}


def token_of(**header: Any) -> str:
    return f"{jwt(claims(), **header)}~"


def _unsigned(algorithm: str) -> str:
    head, payload, _ = token_of(alg=algorithm).rstrip("~").split(".")
    return f"{head}.{payload}.~"


def _by_a_stranger() -> str:
    stranger = make_csca("DK", valid_from=ISSUED).issue_dsc(valid_from=ISSUED).signer()
    return f"{jwt(claims(), stranger)}~"


def _with_our_certificate() -> str:
    stranger = Signer(make_key(), kid=bytes(8))
    ours = [base64.b64encode(keys()[1].certificate.der or b"").decode()]
    return f"{jwt(claims(), stranger, x5c=ours)}~"


def _disclosing(name: str, value: object) -> str:
    hidden = disclosure("salt-of-22-characters", name, value)
    return token(hidden, _sd=[digest(hidden)], **({name: None} if name in claims() else {}))


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_each_broken_rule_is_refused_under_its_code(case: str) -> None:
    make, code = BROKEN[case]
    found = verify(make())
    assert not found.ok
    assert code in failures(found), failures(found)
    later = ("time", "type", "binding", "revocation")
    assert found.content is None or code.partition(".")[0] in later


@pytest.mark.parametrize(
    "name", ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"]
)
def test_what_must_show_is_refused_where_it_was_hidden_or_a_part_of_it(name: str) -> None:
    whole = disclosure("salt-of-22-characters", name, {"x": 1})
    part = disclosure("salt-of-22-characters", "x", 1)
    for text in (
        token(whole, _sd=[digest(whole)], **({name: None} if name in claims() else {})),
        token(part, **{name: {"_sd": [digest(part)]}}),
    ):
        found = verify(text)
        assert not found.ok
        assert set(failures(found)) & {"disclosure.never-hidden", "format.time"}
        assert found.payload is None


BROKEN_BINDING: Mapping[str, tuple[Callable[[str], str], str]] = {
    "none at all": (lambda text: text, "binding.missing"),
    "garbage": (lambda text: f"{text}x", "binding.malformed"),
    "another type": (lambda text: bound(text, header={"typ": "JWT"}), "binding.type"),
    "alg none": (lambda text: bound(text, header={"alg": "none"}), "binding.signature"),
    "another key": (lambda text: bound(text, signer()), "binding.signature"),
    "another audience": (lambda text: bound(text, aud="https://other"), "binding.audience"),
    "no audience": (lambda text: bound(text, aud=None), "binding.audience"),
    "a list of audiences": (lambda text: bound(text, aud=[ASKED.audience]), "binding.audience"),
    "another nonce": (lambda text: bound(text, nonce="other"), "binding.nonce"),
    "no nonce": (lambda text: bound(text, nonce=None), "binding.nonce"),
    "another digest": (lambda text: bound(text, sd_hash=digest("x")), "binding.digest"),
    "no digest": (lambda text: bound(text, sd_hash=None), "binding.digest"),
    "from the future": (
        lambda text: bound(text, iat=int(NOW.timestamp()) + 301),
        "binding.time",
    ),
    "no time": (lambda text: bound(text, iat=None), "binding.time"),
    "ended": (lambda text: bound(text, exp=int(NOW.timestamp())), "binding.time"),
    "not begun": (lambda text: bound(text, nbf=int(NOW.timestamp()) + 301), "binding.time"),
    "an end that is a text": (lambda text: bound(text, exp="2030"), "binding.malformed"),
    "a disclosure taken away": (
        lambda text: bound(text).replace(f"~{HIDDEN}", ""),
        "binding.digest",
    ),
}


@pytest.mark.parametrize("case", sorted(BROKEN_BINDING))
def test_each_broken_binding_is_refused_where_it_is_asked_for(case: str) -> None:
    make, code = BROKEN_BINDING[case]
    good = token(HIDDEN, _sd=[digest(HIDDEN)])
    assert failures(verify(make(good), ASKED)) == [code]


def test_a_binding_that_was_not_asked_for_decides_nothing() -> None:
    found = verify(bound(token(), aud="https://other"))
    assert found.ok
    assert found.check("holder binding").code == "binding.not-asked"


def test_a_binding_may_be_too_old() -> None:
    old = bound(token(), iat=int(NOW.timestamp()) - 3600)
    assert verify(old, ASKED).ok
    strict = KeyBinding(ASKED.audience, ASKED.nonce, max_age=timedelta(minutes=10))
    assert failures(verify(old, strict)) == ["binding.time"]


def test_a_credential_without_cnf_cannot_be_bound() -> None:
    assert failures(verify(bound(token(cnf=None)), ASKED)) == ["binding.no-key"]


def test_only_the_types_asked_for_are_accepted() -> None:
    assert verify(token(), vcts=["urn:x:type"]).ok
    assert failures(verify(token(), vcts=["urn:x:other"])) == ["type.other-vct"]
    assert verify(token_of(typ="vc+sd-jwt"), types=("vc+sd-jwt",)).ok
    assert verify(token_of(typ="application/dc+sd-jwt")).ok
    assert failures(verify(token_of(typ="vc+sd-jwt"), types=(ANY_TYPE,))) == ["type.not-accepted"]


def test_a_chain_leads_to_the_authority_and_nowhere_else() -> None:
    authority, pair = keys()
    assert verify(token()).ok
    for store in (TrustStore([pair.certificate]), TrustStore([authority.certificate])):
        assert SdJwtVerifier(store).verify(token(), NOW).ok
    bare = Certificate.from_public_key(pair.certificate.spki)
    found = SdJwtVerifier(TrustStore([bare])).verify(token(), NOW)
    assert found.ok
    assert found.check("certificate validity").outcome is Outcome.UNKNOWN
    assert failures(SdJwtVerifier(TrustStore()).verify(token(), NOW)) == ["identifier.unknown"]
    late = SdJwtVerifier(trust()).verify(token(exp=None), NOW + timedelta(days=20_000))
    assert not late.ok


def test_an_authority_signs_no_credentials() -> None:
    authority = keys()[0].signer()
    found = verify(f"{jwt(claims(), authority)}~")
    assert not found.ok


def test_a_result_that_failed_says_so_and_hands_nothing_out() -> None:
    found = verify(_with_our_certificate())
    assert (found.payload, found.facts, found.content, found.signed) == (None, None, None, False)
    assert found.check("time").outcome is Outcome.SKIPPED
    with pytest.raises(VerificationError):
        found.require()


def test_a_status_list_decides_where_it_is_at_hand() -> None:
    uri = "https://status.example/1"
    made = issued(status=StatusReference(5, uri))
    assert verify(made.text).check("revocation").code == "revocation.no-list"
    assert failures(verify(made.text, refuse_unknown_status=True)) == ["revocation.no-list"]
    for status, code in ((0, None), (1, "revoked"), (2, "suspended"), (3, "other-status")):
        values = [0, 0, 0, 0, 0, status, 0]
        for form in ("jwt", "cwt"):
            listed = make_status_list(
                values,
                uri,
                signer(),
                issued_at=ISSUED,
                bits=2,
                form=form,
            )
            read = read_status_list(listed, trust(), at=NOW)
            found = verify(made.text, status_lists=[read])
            assert failures(found) == ([] if code is None else [f"revocation.{code}"])
    short = read_status_list(
        make_status_list([0], uri, signer(), issued_at=ISSUED, bits=8), trust(), at=NOW
    )
    assert failures(verify(made.text, status_lists=[short])) == ["revocation.out-of-range"]
    stale = read_status_list(
        make_status_list([0] * 9, uri, signer(), issued_at=ISSUED, expires=NOW), trust(), at=NOW
    )
    assert verify(made.text, status_lists=[stale]).check("revocation").code == (
        "revocation.stale-list"
    )


# Hostile input.


@given(st.text(max_size=200))
def test_no_text_makes_the_verifier_raise(text: str) -> None:
    assert not verify(text).ok


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.builds(
            lambda head, rest: head + rest, st.just("eyJ."), st.text("aA0-_.~=", max_size=60)
        ),
        st.builds(lambda rest: b"\xa2jissuerAuth" + rest, st.binary(max_size=60)),
        st.builds(lambda rest: (b"\xa2jissuerAuth" + rest).hex(), st.binary(max_size=60)),
        st.builds(
            lambda rest: base64.b64encode(b"\xa3gversion" + rest).decode(), st.binary(max_size=60)
        ),
    )
)
def test_whatever_is_received_is_a_credential_or_not_and_raises_nothing(
    content: str | bytes,
) -> None:
    found = credential_in(content)
    if isinstance(found, str):
        assert not verify(found).ok
    elif found is not None:
        assert not MdocVerifier(trust()).verify(found, NOW).ok
    if isinstance(content, bytes) and content.startswith(b"\xa2jissuerAuth"):
        assert found == content
    if isinstance(content, str) and content.startswith("a26a697373756572"):
        assert found == bytes.fromhex(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["_sd", "...", "_sd_alg", "a", "cnf", "status"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_no_signed_content_makes_the_verifier_raise(content: Any) -> None:
    verify(f"{jwt(content)}~", ASKED)
    stated = claims(x=content, **({"cnf": content} if content else {}))
    verify(f"{jwt(stated)}~{b64(content)}~", ASKED)


def test_depth_and_size_are_bounded() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert failures(verify(token(a=deep))) == ["format.malformed"]
    assert failures(verify("~" * 5000)) == ["format.too-large"]
    assert failures(verify("a" * 2_000_000)) == ["format.too-large"]
    chain: list[str] = []
    inner: Any = {"x": 1}
    for number in range(60):
        text = disclosure(f"salt{number}", "a", inner)
        chain.append(text)
        inner = {"_sd": [digest(text)]}
    assert failures(verify(token(*chain, **inner))) == ["format.too-deep"]
    many = b64(b'{"a":' + b"[" * 100_000)
    assert not verify(f"{many}.{many}.{many}~").ok

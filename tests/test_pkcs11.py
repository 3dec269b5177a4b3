"""Keys in a token, with SoftHSM2: issuing, reopening, wrong keys, and a PIN that nobody sees."""

from __future__ import annotations

import contextlib
import pickle
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import softhsm
from coronapas.errors import KeyMaterialError, MissingExtraError
from coronapas.signing import Pkcs11Key, Pkcs11Token

if TYPE_CHECKING:
    from pathlib import Path

    from softhsm import SoftToken

MAKE = """
csca = keys.make_csca("DK", valid_from=START)
key = token.make_key("dsc-1")
certificate = csca.certify(key.public_key, valid_from=START)
(FOLDER / "dsc.pem").write_bytes(certificate.pem())
"""
TRUST = 'TrustStore.from_certificates([(FOLDER / "dsc.pem").read_bytes()])'
SIGNER = 'token.key("dsc-1").signer((FOLDER / "dsc.pem").read_bytes())'


@pytest.fixture
def token(tmp_path: Path) -> SoftToken:
    return softhsm.make(tmp_path)


@pytest.fixture
def dsc(token: SoftToken) -> SoftToken:
    """A token with a key, and its certificate beside it."""
    token.run(MAKE)
    return token


def test_a_pass_is_issued_with_a_key_in_a_token_and_verifies(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        signer = {SIGNER}
        issued = Issuer("DK", signer).issue(HOLDER, DOSE, **WHEN)
        result = Verifier({TRUST}).verify(issued.text, WHEN["issued_at"])
        print(result.ok, not result.deviations, signer)
        """
    ).stdout
    assert printed.startswith("True True <Signer ")


def test_rsa_keys_sign_passes_too(token: SoftToken) -> None:
    printed = token.run(
        """
        key = token.make_key("rsa", "RSA-3072")
        csca = keys.make_csca("DK", valid_from=START)
        certificate = csca.certify(key.public_key, valid_from=START)
        issued = Issuer("DK", key.signer(certificate)).issue(HOLDER, DOSE, **WHEN)
        trust = TrustStore.from_certificates([certificate])
        print(Verifier(trust).verify(issued.text, WHEN["issued_at"]).ok)
        """
    ).stdout
    assert printed == "True\n"


def test_two_processes_issue_at_once_with_a_key_that_is_handed_over_as_a_description(
    dsc: SoftToken,
) -> None:
    (dsc.folder / "work.py").write_text(
        """
from datetime import UTC, date, datetime, timedelta
from coronapas import Holder, Issuer, Vaccination

def issue(key, certificate, number):
    issuer = Issuer("DK", key.signer(certificate))
    return [
        issuer.issue(
            Holder("Eksempel", "Ibine", date(1979, 4, 14)),
            Vaccination("Comirnaty", 2, 2, date(2021, 6, 1)),
            issued_at=datetime(2021, 9, 1, tzinfo=UTC),
            expires=timedelta(days=365),
        )
        for _ in range(number)
    ]
"""
    )
    printed = dsc.run_apart(
        f"""
        import pickle
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        from work import issue
        key, certificate = token.key("dsc-1"), (FOLDER / "dsc.pem").read_bytes()
        assert os.environ["TOKEN_PIN"].encode() not in pickle.dumps(key)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(issue, key, certificate, 50) for _ in range(4)]
            passes = [each for future in futures for each in future.result(timeout=90)]
        verifier = Verifier({TRUST})
        print(len({{each.uvci for each in passes}}))
        print(all(verifier.verify(each.text, WHEN["issued_at"]).ok for each in passes))
        """
    ).stdout
    assert printed == "200\nTrue\n"


def test_threads_share_the_one_session(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        from concurrent.futures import ThreadPoolExecutor
        signers = [{SIGNER}, {SIGNER}]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda n: signers[n % 2].sign(b"%d" % n), range(600)))
        print(len(set(found)))
        """
    ).stdout
    assert printed == "600\n"


def test_a_token_that_is_pulled_away_fails_and_works_again_when_it_is_back(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        signer = {SIGNER}
        def say():
            try:
                print(len(signer.sign(b"a message")))
            except Exception as error:
                print(type(error).__name__, error)
        say()
        (FOLDER / "tokens").rename(FOLDER / "away")
        say()
        say()
        (FOLDER / "away").rename(FOLDER / "tokens")
        say()
        say()
        """
    ).stdout.splitlines()
    assert printed[0] == "64"
    for line in printed[1:3]:
        assert line.startswith("SigningError the token ")
    assert printed[3:] == ["64", "64"]


def test_a_session_that_is_lost_is_opened_again_once(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        import pkcs11
        from coronapas.signing import _pkcs11
        signer, other = {SIGNER}, {SIGNER}
        library = pkcs11.lib({dsc.module!r})
        for _ in range(3):
            library.reinitialize()
            print(len(signer.sign(b"a message")), len(other.sign(b"a message")))
        key = token.key("dsc-1")
        key.close()
        print(len(signer.sign(b"a message")), len(key.sign_digest(bytes(32))))
        """
    ).stdout
    assert printed == "64 64\n" * 4


def test_another_key_that_comes_under_the_same_name_signs_nothing(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        import pkcs11
        signer = {SIGNER}
        session = pkcs11.lib({dsc.module!r}).get_token(token_label={softhsm.LABEL!r}).open(rw=True)
        for item in list(session.get_objects({{pkcs11.Attribute.LABEL: "dsc-1"}})):
            item.destroy()
        session.close()
        token.make_key("dsc-1")
        try:
            signer.sign(b"a message")
        except Exception as error:
            print(type(error).__name__, error)
        """
    ).stdout
    assert printed == "SigningError the token has another key under this name now\n"


def test_a_certificate_of_another_key_is_refused(dsc: SoftToken) -> None:
    printed = dsc.run(
        """
        token.make_key("other")
        for label, what in (("other", "pem"), ("nothing", "pem")):
            try:
                token.key(label).signer((FOLDER / "dsc.pem").read_bytes())
            except Exception as error:
                print(type(error).__name__, error)
        try:
            token.make_key("other")
        except Exception as error:
            print(type(error).__name__, error)
        """
    ).stdout.splitlines()
    assert printed == [
        "KeyMaterialError the certificate is for another key than the token's",
        "KeyMaterialError the token has no key 'nothing'",
        "KeyMaterialError the token has a key 'other' already",
    ]


def test_a_wrong_pin_is_tried_once_and_never_shown(dsc: SoftToken) -> None:
    run = dsc.run(
        """
        import logging, pickle, traceback
        logging.basicConfig(level=logging.DEBUG)
        right = os.environ["TOKEN_PIN"]
        os.environ["TOKEN_PIN"] = "00000000"
        key = token.key("dsc-1")
        for _ in range(30):  # a token locks after a few wrong ones
            try:
                key.sign_digest(bytes(32))
            except Exception as error:
                text = traceback.format_exc()
                print(type(error).__name__, error)
                assert "00000000" not in text
        os.environ["TOKEN_PIN"] = right
        key.close()
        print(len(key.sign_digest(bytes(32))))
        print(key, token, vars(type(key)).keys() and "")
        """
    )
    lines = run.stdout.splitlines()
    assert lines[0] == "KeyMaterialError the token 'dsc token' refused its PIN (PinIncorrect)"
    assert set(lines[1:30]) == {
        "KeyMaterialError the token 'dsc token' refused its PIN, which is not tried again"
    }
    assert lines[30] == "64"
    assert "00000000" not in run.stdout + run.stderr


def test_a_pin_may_lie_in_a_file_that_is_its_owners_alone(dsc: SoftToken) -> None:
    file = dsc.folder / "pin"
    file.write_text(f"{softhsm.PIN}\n")
    file.chmod(0o400)
    code = f"""
        own = Pkcs11Token(token.module, token.label, f"file:{{FOLDER / 'pin'}}")
        try:
            print(len(own.key("dsc-1").sign_digest(bytes(32))))
        except Exception as error:
            print(type(error).__name__, error)
        print({softhsm.PIN!r} in repr(own))
    """
    code = code.replace(repr(softhsm.PIN), 'os.environ["TOKEN_PIN"]')
    assert dsc.run(code).stdout == "64\nFalse\n"
    file.chmod(0o440)
    printed = dsc.run(code).stdout
    assert "a file with a PIN must be its owner's alone" in printed


def test_a_forked_process_is_told_to_use_spawn(dsc: SoftToken) -> None:
    printed = dsc.run_apart(
        f"""
        signer = {SIGNER}
        sys.stdout.flush()
        child = os.fork()
        if not child:
            try:
                signer.sign(b"a message")
            except Exception as error:
                print(type(error).__name__, error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """
    ).stdout
    assert "start workers with spawn" in printed


def test_a_csca_and_a_request_are_made_with_keys_that_never_leave_the_token(
    token: SoftToken,
) -> None:
    printed = token.run(
        """
        import copy, pickle
        from coronapas.errors import KeyMaterialError, MissingExtraError
        root = token.make_key("csca", "P-384").private_key()
        csca = keys.make_csca("DK", valid_from=START, key=root)
        for label, kind in (("dsc", "P-256"), ("rsa", "RSA-2048")):
            key = token.make_key(label, kind)
            asked = keys.make_request(key.private_key(), country="DK", organisation="Invented")
            certificate = csca.certify_request(asked, valid_from=START)
            issued = Issuer("DK", key.signer(certificate)).issue(HOLDER, DOSE, **WHEN)
            trust = TrustStore.from_certificates([certificate])
            print(Verifier(trust).verify(issued.text, WHEN["issued_at"]).ok)
        rsa = token.make_key("rsa csca", "RSA-2048").private_key()
        own = keys.make_csca("DK", valid_from=START, key=rsa)
        other = keys.make_key()
        own.certify(other.public_key(), valid_from=START)
        own.certificate.to_cryptography().verify_directly_issued_by(
            own.certificate.to_cryptography()
        )
        csca.certificate.to_cryptography().verify_directly_issued_by(
            csca.certificate.to_cryptography()
        )
        for key in (root, rsa):
            assert copy.copy(key) is key is copy.deepcopy(key)
            for export in (key.private_numbers, lambda: pickle.dumps(csca)):
                try:
                    export()
                except KeyMaterialError as error:
                    print(error)
        """
    ).stdout
    assert printed == "True\nTrue\n" + "a key in a token cannot be exported\n" * 4


def test_a_signer_with_a_key_in_a_token_is_pickled_without_key_and_pin(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        import pickle
        signer = {SIGNER}
        data = pickle.dumps(signer)
        assert os.environ["TOKEN_PIN"].encode() not in data
        print(len(pickle.loads(data).sign(b"a message")), b"env:TOKEN_PIN" in data)
        """
    ).stdout
    assert printed == "64 True\n"


def test_odd_keys_of_a_token_are_refused_by_what_they_are(token: SoftToken) -> None:
    printed = token.run(
        f"""
        import pkcs11
        from pkcs11 import Attribute, KeyType, ObjectClass
        token.make_key("twice", key_id=b"1").public_key
        library = pkcs11.lib({token.module!r})
        session = library.get_token(token_label={softhsm.LABEL!r}).open(rw=True)
        def make(curve, label, kind=KeyType.EC):
            from pkcs11.util.ec import encode_named_curve_parameters
            parameters = {{Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}}
            domain = session.create_domain_parameters(kind, parameters, local=True)
            domain.generate_keypair(store=True, label=label, id=b"2")
        make("secp256r1", "twice")
        make("secp256k1", "bitcoin")
        def say(work):
            try:
                print(work())
            except Exception as error:
                print(type(error).__name__, error)
        say(lambda: token.key("twice").public_key)
        say(lambda: token.key("twice", key_id=b"2").public_key.key_size)
        say(lambda: token.key(key_id=b"1").public_key.key_size)
        say(lambda: token.key("bitcoin").public_key)
        say(lambda: token.make_key("new", "P-999"))
        say(lambda: token.make_key("new", "ED25519"))
        session.close()
        """
    ).stdout.splitlines()
    assert printed == [
        "KeyMaterialError the token has several keys for key 'twice'",
        "256",
        "256",
        "KeyMaterialError the token's key is on a curve that is not known here",
        "KeyMaterialError a token makes no keys of the kind 'P-999'",
        "KeyMaterialError a token makes no keys of the kind 'ED25519'",
    ]


def test_a_token_that_does_not_state_the_public_key_needs_the_certificate(dsc: SoftToken) -> None:
    printed = dsc.run(
        f"""
        import pkcs11
        library = pkcs11.lib({dsc.module!r})
        session = library.get_token(token_label={softhsm.LABEL!r}).open(
            rw=True, user_pin=os.environ["TOKEN_PIN"]
        )
        for item in list(session.get_objects(
            {{pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY}}
        )):
            item.destroy()
        session.close()
        signer = {SIGNER}
        print(len(signer.sign(b"a message")))
        library.reinitialize()
        print(len(signer.sign(b"a message")))
        other = keys.make_csca("DK", valid_from=START).issue_dsc(valid_from=START)
        for work in (
            lambda: token.key("dsc-1").public_key,
            lambda: token.key("dsc-1").private_key(),
            lambda: token.key("dsc-1").signer(other.certificate),
        ):
            try:
                work()
            except Exception as error:
                print(error)
        """
    ).stdout.splitlines()
    unknown = "the token does not state the public key: give the certificate"
    wrong = "the remote signer's answer is not a signature under the certificate's key"
    assert printed == ["64", "64", unknown, unknown, wrong]


@pytest.mark.parametrize("kind", ["P-256", "P-521", "RSA-2048"])
def test_a_key_in_a_token_serves_as_one_of_cryptography(token: SoftToken, kind: str) -> None:
    printed = token.run(
        f"""
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.hashes import SHA256
        key = token.make_key("a key", {kind!r}).private_key()
        public = key.public_key()
        if {kind!r}.startswith("RSA"):
            pss = padding.PSS(padding.MGF1(SHA256()), 32)
            for scheme in (pss, padding.PKCS1v15()):
                signature = key.sign(b"a message", scheme, SHA256())
                public.verify(signature, b"a message", scheme, SHA256())
        else:
            public.verify(
                key.sign(b"a message", ec.ECDSA(SHA256())), b"a message", ec.ECDSA(SHA256())
            )
            assert key.curve.name == public.curve.name
        assert key.key_size == public.key_size
        csca = keys.make_csca("DK", valid_from=START, key=key)
        if {kind!r} != "P-521":
            signer = Signer(key, kid=b"12345678")
            digest = bytes(range(32))
            print(signer.check(signer.sign_digest(digest), digest) != b"")
        else:
            print(csca.certificate.country == "DK")
        """
    ).stdout
    assert printed == "True\n"


def test_a_pin_may_come_from_a_function_and_must_not_be_empty(
    dsc: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = dsc.run(
        """
        def say(pin):
            own = Pkcs11Token(token.module, token.label, pin)
            try:
                print(len(own.key("dsc-1").sign_digest(bytes(32))))
            except Exception as error:
                print(type(error).__name__, error)
            own.close()
        say(lambda: os.environ["TOKEN_PIN"])
        say(lambda: "")
        (FOLDER / "pin").write_bytes(bytes([255, 254]))
        (FOLDER / "pin").chmod(0o600)
        say(f"file:{FOLDER / 'pin'}")
        """
    ).stdout.splitlines()
    assert printed[:2] == ["64", "KeyMaterialError the token's PIN must not be empty"]
    assert printed[2].endswith("the file is not UTF-8")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from coronapas.signing import _pkcs11

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    _pkcs11._hsm.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match="extra hsm"):
            described().key("a key").sign_digest(bytes(32))
    finally:
        _pkcs11._hsm.cache_clear()


def test_the_command_line_makes_and_uses_keys_in_a_token(token: SoftToken) -> None:
    begin = ("--from", "2021-01-01T00:00:00Z")
    token.command("keys", "csca", "--country", "DK", "--pkcs11", token.key("csca"), *begin)
    asked = ("keys", "request", "--country", "DK", "--organisation", "Invented")
    token.command(*asked, "--pkcs11", token.key("asked"))
    again = token.command(*asked, "--key", token.key("asked"), "--file-name", "again")
    assert again.stdout == "again.csr.pem\n"
    authority = ("--csca-key", token.key("csca"), "--csca-cert", "csca.pem")
    made = token.command("keys", "dsc", *authority, "--each", *begin, "--pkcs11", token.key("dsc"))
    assert made.stdout.split() == ["dsc-vaccination.pem", "dsc-test.pem", "dsc-recovery.pem"]
    (token.folder / "facts.json").write_text(
        """{"holder": {"family_name": "Eksempel", "given_name": "Ibine", "birth_date": "1979"},
        "vaccination": {"product": "Comirnaty", "dose_number": 2, "doses": 2,
        "date": "2021-06-01"}}"""
    )
    issue = ("issue", "facts.json", "--expires", "365d", "--issued-at", "2021-09-01T00:00:00Z")
    key = ("--key", token.key("dsc-vaccination"), "--cert")
    text = token.command(*issue, *key, "dsc-vaccination.pem").stdout
    (token.folder / "pass.txt").write_text(text)
    trust = ("--trust", "dsc-vaccination.pem", "--at", "2021-09-02T00:00:00Z")
    assert token.command("verify", "pass.txt", *trust).returncode == 0
    wrong = token.command(*issue, *key, "dsc-test.pem", check=False)
    assert wrong.returncode == 2
    assert "the certificate is for another key than the token's" in wrong.stderr
    assert not list(token.folder.glob("*.key.pem"))


def test_the_command_line_makes_no_key_whose_certificate_it_could_not_write(
    token: SoftToken,
) -> None:
    csca = ("keys", "csca", "--country", "DK", "--pkcs11")
    token.command(*csca, token.key("csca"))
    for arguments, problem in (
        ((token.key("second"),), "csca.pem exists; --force replaces it"),
        ((token.key("csca"), "--force"), "the token has a key 'csca' already"),
        ((token.uri, "--force"), "needs a label or a key_id"),
        ((token.uri.replace("?", ";id=%01?"), "--force"), "object=LABEL"),
        ((token.key("third"), "--file-name", "third", "--password", "env:X"), "writes none"),
    ):
        refused = token.command(*csca, *arguments, check=False)
        assert refused.returncode == 2
        assert problem in refused.stderr
    printed = token.run(
        """
        for label in ("csca", "second", "third"):
            try:
                print(token.key(label).public_key.key_size)
            except Exception as error:
                print(error)
        """
    ).stdout.splitlines()
    assert printed == ["256", "the token has no key 'second'", "the token has no key 'third'"]
    both = token.command(
        *("keys", "request", "--country", "DK", "--organisation", "Invented"),
        *("--key", token.key("csca"), "--pkcs11", token.key("more")),
        check=False,
    )
    assert "give its URI to --key" in both.stderr


# What needs no token.


def described(pin: str = "env:PIN") -> Pkcs11Token:
    return Pkcs11Token("/a/module.so", "a token", pin)


@pytest.mark.parametrize("pin", ["1234", "", "env:", "file:", "prompt", "secret:1234"])
def test_a_pin_itself_is_never_taken(pin: str) -> None:
    with pytest.raises(KeyMaterialError) as caught:
        described(pin)
    assert str(caught.value) == "pin must be env:NAME, file:PATH or a function"


def test_a_description_can_be_pickled_compared_and_shown() -> None:
    token = described()
    key = token.key("a key", key_id=b"\1\2")
    away = pickle.loads(pickle.dumps(key))
    assert (away.token, away.label, away.key_id) == (token, "a key", b"\1\2")
    assert {token, away.token} == {token}
    assert token != Pkcs11Token("/a/module.so", "another", "env:PIN")
    assert token != 7
    assert repr(key) == "<Pkcs11Key key 'a key' id 0102 of 'a token'>"
    assert repr(token) == "<Pkcs11Token 'a token'>"
    with pytest.raises(AttributeError, match="immutable"):
        token.pin = "1234"
    with pytest.raises(KeyMaterialError, match="label or a key_id"):
        token.key()


def test_a_uri_describes_a_key() -> None:
    key = Pkcs11Key.from_uri(
        "pkcs11:token=dsc%20token;object=dsc-1;id=%01%FF;type=private"
        "?module-path=/usr/lib/p11.so&pin-source=file:/run/pin"
    )
    assert (key.token.module, key.token.label) == ("/usr/lib/p11.so", "dsc token")
    assert (key.label, key.key_id, key.token.pin) == ("dsc-1", b"\1\xff", "file:/run/pin")
    plain = Pkcs11Token.from_uri("pkcs11:token=t?module-path=m&pin-source=/run/pin")
    assert plain.pin == "file:/run/pin"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("file:token=t", "begins with pkcs11:"),
        ("pkcs11:object=o?module-path=m&pin-source=env:P", "states no token"),
        ("pkcs11:token=t?pin-source=env:P", "states no module-path"),
        ("pkcs11:token=t?module-path=m", "states no pin-source"),
        ("pkcs11:token=t?module-path=m&pin-value=98765432", "states a PIN"),
        ("pkcs11:token=t?module-path=m&pin-source=98765432", "pin must be"),
        ("pkcs11:token=t;token=t?module-path=m&pin-source=env:P", "states token twice"),
        ("pkcs11:token=t;98765432=x?module-path=m&pin-source=env:P", "not known here"),
        ("pkcs11:token=t?module-path=m&pin-source=env:P", "label or a key_id"),
    ],
)
def test_a_uri_that_cannot_be_used_is_refused_without_repeating_a_pin(
    uri: str, problem: str
) -> None:
    with pytest.raises(KeyMaterialError, match=problem) as caught:
        Pkcs11Key.from_uri(uri)
    assert "98765432" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_uri_raises_anything_else(text: str) -> None:
    for uri in (text, f"pkcs11:{text}", f"pkcs11:token=t;{text}?module-path=m&pin-source=env:P"):
        with contextlib.suppress(KeyMaterialError):
            Pkcs11Key.from_uri(uri)


def test_a_variable_or_a_file_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    softhsm.require()
    monkeypatch.delenv("NO_SUCH_PIN", raising=False)
    for pin, problem in (
        ("env:NO_SUCH_PIN", "NO_SUCH_PIN with the token's PIN is not set"),
        (f"file:{tmp_path / 'pin'}", "cannot be read"),
    ):
        key = Pkcs11Token("/no/module.so", f"t {problem}", pin).key("a key")
        with pytest.raises(KeyMaterialError, match=problem):
            key.sign_digest(bytes(32))
    monkeypatch.setenv("NO_SUCH_PIN", "1")
    with pytest.raises(KeyMaterialError, match=r"/no/module.so cannot be loaded"):
        Pkcs11Token("/no/module.so", "t", "env:NO_SUCH_PIN").key("a key").sign_digest(bytes(32))

"""Canaries: personal values in every field of every input, and no trace of them where none may be.

Each document is changed in each place, one at a time, into values that carry a canary: a text, a
list, an object, and a member of a strange name. Whatever then is raised, shown by `repr`, logged,
or written to a folder for temporary files is searched for the canary and for the holder's own
values. What a verb is asked to hand out (a pass, facts, `to_json`) is not searched: that is its
purpose.
"""

from __future__ import annotations

import copy
import json
import logging
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec

import backend
from coronapas import gdhcn, programmes, rules, wallets
from coronapas.cli._app import coronapas
from coronapas.denmark import DanishIssuer
from coronapas.errors import CoronapasError
from coronapas.facts import History, facts_from_json, facts_to_json, read_history, read_records
from coronapas.hcert import decode
from coronapas.issue import Issuer
from coronapas.keys import KeyPair
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

CANARY: Final = "Kanariefugl"
OWN: Final = (
    "Prøvesen", "PROEVESEN", "Mathilde", "MATHILDE", "1990-04-01", "ABCDEFGHIJKL", "Rottsgade",
)  # fmt: skip
HOLDER_VALUES: Final = (CANARY, CANARY.upper(), CANARY.encode().hex(), *OWN)
STRANGE: Final[tuple[Any, ...]] = (
    CANARY,
    f"1990-13-{CANARY}",
    [CANARY],
    {CANARY: CANARY},
    None,
    True,
    10**400,
    CANARY * 200,
)

Path_ = tuple[str | int, ...]


def places(document: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place of a document, containers included."""
    if path:
        yield path
    if isinstance(document, dict | list):
        members = document.items() if isinstance(document, dict) else enumerate(document)
        for name, inner in members:
            yield from places(inner, (*path, name))


def changed(document: Any, path: Path_, value: Any) -> Any:
    whole = copy.deepcopy(document)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return whole


def odd_ones(document: Any) -> Iterator[Any]:
    """The document with one thing wrong in each place, and with members of a strange name."""
    for path in places(document):
        for value in STRANGE:
            yield changed(document, path, value)
    for path in [(), *places(document)]:
        inner = document
        for step in path:
            inner = inner[step]
        if isinstance(inner, dict):
            yield changed(document, (*path, CANARY), CANARY)


def found_in(text: str) -> list[str]:
    return [value for value in HOLDER_VALUES if value in text]


def shown(error: BaseException) -> str:
    """All that an error says: itself, what it came from, and the lines of code around it."""
    texts = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        texts.append(f"{seen!s} {seen!r} {seen.args!r} {getattr(seen, 'faults', '')!r}")
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def require_silence(make: Callable[[], object], *, may_raise: bool = True) -> None:
    try:
        value = make()
    except CoronapasError as error:
        assert may_raise
        assert found_in(shown(error)) == []
    else:
        assert found_in(repr(value)) == []


@pytest.fixture(autouse=True)
def quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Search the log and the folder for temporary files after each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with caplog.at_level(logging.DEBUG):
        yield
    assert found_in(caplog.text) == []
    for path in folder.rglob("*"):
        assert found_in(str(path)) == []
        if path.is_file():
            assert found_in(path.read_bytes().decode("utf-8", "replace")) == []


FACTS: Final = facts_to_json(backend.HOLDER, backend.VACCINATION)
HISTORY: Final = {
    "birth_date": "1990-04-01",
    "doses": [
        {"date": "2021-06-01", "product": "EU/1/20/1528", "dose_number": 1, "doses": 2},
    ],
    "tests": [{"sampled_at": "2021-08-31T10:00:00+02:00", "kind": "naat", "positive": False}],
    "infections": [{"first_positive": "2021-03-01"}],
}
TRAVELLER: Final = {
    "traveller": {
        "name": "Mathilde Prøvesen",
        "birth_date": "1990-04-01",
        "sex": "female",
        "nationality": "DNK",
        "document_id": "Rottsgade7",
        "document_type": "passport",
    },
    "dose": {
        "product": "YellowFeverProductd2c75a15ed309658b3968519ddb31690",
        "date": "2025-10-01",
        "batch": "L1",
        "clinician": "Mathilde Prøvesen",
        "authority": "Sundhedsstyrelsen",
    },
}


def test_the_search_finds_what_it_looks_for() -> None:
    with pytest.raises(AssertionError):
        require_silence(lambda: CANARY)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise CoronapasError("quiet") from error
    except CoronapasError as error:
        assert found_in(shown(error)) == [CANARY]


def test_the_facts_say_nothing_when_they_are_read_and_issued() -> None:
    issuer = Issuer("DK", backend.dsc().signer())

    def issue(document: Any) -> object:
        holder, event = facts_from_json(document)
        assert found_in(repr((holder, event))) == []
        return issuer.issue(holder, event, expires=backend.LATER, issued_at=backend.NOW)

    for document in (FACTS, *odd_ones(FACTS)):
        require_silence(lambda document=document: issue(document))  # type: ignore[misc]


def test_records_say_nothing() -> None:
    for document in odd_ones(FACTS):
        with suppress(ValueError):
            line = json.dumps(document).encode()
            require_silence(lambda line=line: list(read_records(line)))  # type: ignore[misc]


def test_histories_say_nothing_when_they_are_read_and_judged() -> None:
    programme = programmes.load("denmark")

    def judge(document: Any) -> object:
        history = read_history(document)
        assert found_in(repr(history)) == []
        checked = programmes.check(programme, history, backend.NOW)
        planned = programmes.next_dose(programme, history, date(2021, 9, 1))
        return checked, planned, programmes.timeline(programme, history)

    for document in (HISTORY, *odd_ones(HISTORY)):
        require_silence(lambda document=document: judge(document))  # type: ignore[misc]


def test_the_facts_of_a_booklet_say_nothing() -> None:
    for document in (TRAVELLER, *odd_ones(TRAVELLER)):
        with suppress(ValueError):
            text = json.dumps(document)
            require_silence(lambda text=text: gdhcn.read_icvp_facts(text))  # type: ignore[misc]


def payloads() -> Iterator[Any]:
    yield backend.DCC
    yield from odd_ones(backend.DCC)


def test_a_pass_says_nothing_when_it_is_verified_and_judged() -> None:
    verifier = Verifier(backend.trust())
    asked = rules.eu_travel()
    for dcc in payloads():
        with suppress(OverflowError):
            text = backend.forge(backend.claims(dcc))
            result = verifier.verify(text, backend.NOW)
            told = [repr(result), *(check.sentence for check in result.checks)]
            told += [f"{each.code} {each.note}" for each in result.deviations]
            assert found_in(" ".join(told)) == []
            require_silence(result.require)
            require_silence(lambda text=text: decode(text))  # type: ignore[misc]
            require_silence(
                lambda result=result: asked.decide(result, country="DE", at=backend.NOW)  # type: ignore[misc]
            )


def test_a_broken_text_says_nothing() -> None:
    text = backend.issue().text
    for cut in range(0, len(text), 7):
        for broken in (text[:cut], text[:cut] + CANARY.upper() + text[cut:], CANARY + text[cut:]):
            result = Verifier(backend.trust()).verify(broken, backend.NOW)
            said = " ".join(check.sentence for check in result.checks) + repr(result)
            assert found_in(said) == []
            assert broken[10:60] == "" or broken[10:60] not in said
            require_silence(lambda broken=broken: decode(broken))  # type: ignore[misc]


def test_danish_tokens_say_nothing() -> None:
    issuer = DanishIssuer(backend.dsc().signer())
    holders = [
        backend.HOLDER,
        replace(backend.HOLDER, family_name=CANARY * 50),
        replace(backend.HOLDER, birth_date=None),
    ]
    verifier = Verifier(backend.trust(), accept=("dk",))
    for holder in holders:
        require_silence(lambda holder=holder: issuer.dk2(holder, issued_at=backend.NOW))  # type: ignore[misc]
        with suppress(CoronapasError):
            token = issuer.dk2(holder, issued_at=backend.NOW)
            assert found_in(repr(verifier.verify(token.text, backend.NOW))) == []


def _wallet_pair() -> tuple[KeyPair, TrustStore]:
    return backend.dsc(), TrustStore([backend.csca().certificate])


def test_credentials_say_nothing() -> None:
    pair, store = _wallet_pair()
    key = ec.derive_private_key(5, ec.SECP256R1()).public_key()
    life, at = timedelta(days=30), backend.NOW
    for dcc in payloads():
        for verifier, make in (
            (
                wallets.SdJwtVerifier(store),
                lambda dcc=dcc: wallets.issue_sd_jwt(
                    dcc, pair.signer(), expires=life, issued_at=at, holder_key=key
                ),
            ),
            (
                wallets.MdocVerifier(store),
                lambda dcc=dcc: wallets.issue_mdoc(
                    dcc, pair.signer(), device_key=key, expires=life, issued_at=at
                ),
            ),
        ):
            require_silence(make)
            with suppress(CoronapasError):
                made = make()
                content = made.text if isinstance(made, wallets.IssuedSdJwt) else made.data
                result = verifier.verify(content, at)  # type: ignore[arg-type]
                said = " ".join(check.sentence for check in result.checks)
                assert found_in(said + repr(result)) == []


def test_links_say_nothing_of_their_key() -> None:
    key = CANARY.ljust(43, "A")
    link = {"url": "https://example.org/a", "key": key, "flag": "L", "label": "a"}
    for document in (link, *odd_ones(link)):
        with suppress(ValueError):
            import base64

            text = base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
            require_silence(lambda text=text: gdhcn.read_link(f"shlink:/{text}"))  # type: ignore[misc]


@pytest.mark.parametrize("verb", ["issue", "verify", "decide", "inspect", "programme check"])
def test_the_commands_say_nothing_of_what_they_refuse(verb: str, tmp_path: Path) -> None:
    """What they print of good input is their purpose; of bad input they tell the place alone."""
    keys = tmp_path / "trust.pem"
    keys.write_bytes(backend.dsc().certificate.pem())
    given = tmp_path / "given"
    documents = {"issue": FACTS, "programme check": HISTORY}.get(verb, backend.DCC)
    odd = [each for number, each in enumerate(odd_ones(documents)) if number % 11 == 0]
    for document in odd:
        with suppress(OverflowError, ValueError):
            if documents is backend.DCC:
                text = backend.forge(backend.claims(document))
                given.write_text(text[: len(text) // 2] if len(text) % 2 else text)
            else:
                given.write_text(json.dumps(document))
            more = {
                "issue": [str(given), "--country", "DK", "--key", "absent.pem"],
                "verify": [str(given), "--trust", str(keys), "--at", "2021-09-01T12:00:00Z"],
                "decide": [
                    *(str(given), "--trust", str(keys), "--country", "DE"),
                    *("--at", "2021-09-01T12:00:00Z", "--rules", "eu-travel"),
                ],
                "inspect": [str(given)],
                "programme check": ["--history", str(given), "--at", "2021-09-01T12:00:00Z"],
            }[verb]
            result = CliRunner().invoke(coronapas, [*verb.split(), *more])
            if result.exit_code:
                assert found_in(result.stderr) == []
                assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_history_of_passes_says_nothing() -> None:
    verifier = Verifier(backend.trust())
    first = verifier.verify(backend.issue().text, backend.NOW).facts
    other = Issuer("DK", backend.dsc().signer()).issue(
        replace(backend.HOLDER, family_name=CANARY),
        backend.VACCINATION,
        expires=backend.LATER,
        issued_at=backend.NOW,
    )
    second = verifier.verify(other.text, datetime(2021, 9, 1, 13, tzinfo=UTC)).facts
    assert first is not None
    assert second is not None
    require_silence(lambda: History.from_passes([first, second]))

"""Token Status List: the draft's own examples, its bit order, and tokens that are wrong."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallet_world import ISSUED, NOW, keys, signer, trust

from coronapas.errors import CredentialError
from coronapas.keys import make_csca
from coronapas.trust import TrustStore
from coronapas.wallets import StatusList, make_status_list, read_status_list

if TYPE_CHECKING:
    from pathlib import Path

URI = "https://status.example/1"


def test_the_examples_of_the_draft_have_the_stated_values(official: Path) -> None:
    document = json.loads((official / "wallets/status-list/draft-20.json").read_text("utf-8"))
    assert len(document["entries"]) == 2
    for entry in document["entries"]:
        packed = base64.urlsafe_b64decode(entry["lst"] + "==")
        data = zlib.decompress(packed)
        assert data.hex() == entry["bytes"]
        listed = StatusList(URI, entry["bits"], data, 0.0)
        values = [listed.status_of(index) for index in range(len(listed))]
        assert values == entry["statuses"]


def test_the_token_of_the_draft_is_of_an_unknown_signer(official: Path) -> None:
    document = json.loads((official / "wallets/status-list/draft-20.json").read_text("utf-8"))
    token = bytes.fromhex(document["cwt_token"]["hex"])
    with pytest.raises(CredentialError) as error:
        read_status_list(token, trust(), at=NOW)
    assert error.value.code == "status.signer"


@given(
    st.sampled_from([1, 2, 4, 8]).flatmap(
        lambda bits: st.tuples(
            st.just(bits), st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=50)
        )
    ),
    st.sampled_from(["jwt", "cwt"]),
)
def test_what_is_made_is_read_again(
    made: tuple[int, list[int]], form: Literal["jwt", "cwt"]
) -> None:
    bits, statuses = made
    token = make_status_list(statuses, URI, signer(), issued_at=ISSUED, bits=bits, form=form)
    listed = read_status_list(token, trust(), at=NOW)
    assert listed.uri == URI
    assert [listed.status_of(index) for index in range(len(statuses))] == statuses
    assert listed.status_of(-1) is None
    assert listed.status_of(len(listed)) is None


@pytest.mark.parametrize("form", ["jwt", "cwt"])
def test_a_changed_or_foreign_token_is_refused(form: Literal["jwt", "cwt"]) -> None:
    stranger = make_csca("DK", valid_from=ISSUED).issue_dsc(valid_from=ISSUED).signer()
    token: Any = make_status_list([0], URI, stranger, issued_at=ISSUED, form=form)
    with pytest.raises(CredentialError):
        read_status_list(token, trust(), at=NOW)
    token = make_status_list([0], URI, signer(), issued_at=ISSUED, form=form)
    changed = token[:-9] + (b"AAAA" if isinstance(token, bytes) else "AAAA") + token[-5:]
    with pytest.raises(CredentialError):
        read_status_list(changed, trust(), at=NOW)
    with pytest.raises(CredentialError):
        read_status_list(token, trust(), at=NOW + timedelta(days=20_000))


def test_a_list_has_its_time() -> None:
    end = NOW + timedelta(days=1)
    token = make_status_list([0], URI, signer(), issued_at=ISSUED, expires=end)
    listed = read_status_list(token, trust(), at=NOW)
    assert listed.valid_at(NOW.timestamp())
    assert not listed.valid_at(end.timestamp())
    assert not listed.valid_at(ISSUED.timestamp() - 1)
    assert listed.valid_at(ISSUED.timestamp() - 1, skew=300)


def jwt(content: Any, typ: str = "statuslist+jwt", **more: Any) -> str:
    by = signer()
    der = keys()[1].certificate.der or b""
    head = {"alg": "ES256", "typ": typ, "x5c": [base64.b64encode(der).decode()]}
    claims = {"sub": URI, "iat": int(ISSUED.timestamp()), "status_list": content, **more}
    parts = (json.dumps(each).encode() for each in (head, claims))
    signed = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    signature = base64.urlsafe_b64encode(by.sign(signed.encode())).rstrip(b"=").decode()
    return f"{signed}.{signature}"


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


GOOD = {"bits": 1, "lst": packed(zlib.compress(b"\0"))}


def test_the_token_that_the_broken_ones_are_made_of_is_right() -> None:
    assert len(read_status_list(jwt(GOOD), trust(), at=NOW)) == 8


@pytest.mark.parametrize(
    "token",
    [
        jwt(GOOD, typ="JWT"),
        jwt(None),
        jwt({"bits": 3, "lst": GOOD["lst"]}),
        jwt({"bits": True, "lst": GOOD["lst"]}),
        jwt({"bits": 1}),
        jwt({"bits": 1, "lst": packed(b"no zlib")}),
        jwt({"bits": 1, "lst": packed(zlib.compress(b"\0") + b"x")}),
        jwt({"bits": 1, "lst": packed(zlib.compress(b"\0")[:-2])}),
        jwt({"bits": 1, "lst": packed(zlib.compress(bytes(16 * 1024 * 1024 + 1), 9))}),
        jwt(GOOD, sub=5),
        jwt(GOOD, iat="x"),
        jwt(GOOD, exp=True),
        "a.b",
        b"",
        b"\xa0",
    ],
    ids=range(15),
)
def test_a_malformed_token_is_refused(token: Any) -> None:
    with pytest.raises(CredentialError):
        read_status_list(token, trust(), at=NOW)


def test_statuses_must_fit() -> None:
    for bits, statuses in ((1, [2]), (3, [0]), (8, [256]), (1, [-1])):
        with pytest.raises(ValueError, match="bits"):
            make_status_list(statuses, URI, signer(), issued_at=ISSUED, bits=bits)
    with pytest.raises(CredentialError):
        read_status_list(jwt(GOOD), TrustStore(), at=datetime(2023, 2, 1, tzinfo=UTC))

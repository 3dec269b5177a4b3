"""The quick look: it says what the container's reader says, and can be taken away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.errors import DecodeError
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.verify import Verifier
from coronapas.verify import _quick as quick

PROJECT = Path(__file__).resolve().parent.parent.parent
PROTECTED = cbor2.dumps({1: -7, 4: bytes(range(8))})
LABELS = {"iss": 1, "exp": 4, "iat": 6, "hcert": -260}


def message(protected: bytes = PROTECTED, payload: bytes = b"", signature: bytes = b"") -> bytes:
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def claims(**changes: Any) -> dict[Any, Any]:
    content = {"iss": "DK", "exp": 1_900_000_000, "iat": 1_800_000_000, "hcert": {1: {}}}
    content.update(changes)
    return {LABELS[name]: value for name, value in content.items() if value is not ...}


@given(
    st.one_of(st.just(PROTECTED), st.binary(max_size=40)),
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.data(),
)
def test_a_frame_split_quickly_is_read_alike_by_the_container(
    protected: bytes, payload: bytes, signature: bytes, data: st.DataObject
) -> None:
    whole = message(protected, payload=payload, signature=signature)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                whole,
                whole[:place],
                whole + b"\0",
                whole[:place]
                + bytes([whole[place] ^ data.draw(st.integers(1, 255))])
                + whole[place + 1 :],
            ]
        )
    )
    try:
        plain = quick._split(changed)
    except DecodeError:
        return
    if plain is not None:
        found = cose.read(changed)
        assert plain == (
            found.kid,
            found.algorithm,
            found.signed_bytes,
            found.payload,
            found.signature,
        )
        assert found.deviations == ()


def test_most_messages_can_be_split_quickly() -> None:
    for size in (24, 255, 256, 300):
        for length in (64, 256):
            assert quick._split(message(payload=bytes(size), signature=bytes(length))) is not None


@given(st.data())
def test_claims_read_quickly_are_read_alike_by_the_container(draw: st.DataObject) -> None:
    tagged = {1: {"t": [{"sc": cbor2.CBORTag(0, "2021-06-01T10:00:00Z")}]}}
    odd = st.sampled_from((..., None, 1.5, "x", 2**70, {}, {2: 1}, tagged))
    whole = claims(
        **{
            name: draw.draw(odd)
            for name in draw.draw(st.sets(st.sampled_from(sorted(LABELS)), max_size=2))
        }
    )
    whole |= draw.draw(st.sampled_from(({}, {7: b"x"}, {"x": 1})))
    data = cbor2.dumps(whole) + draw.draw(st.sampled_from((b"", b"\x00", b"\xff")))
    try:
        plain = quick._plain_claims(data)
    except DecodeError:
        return
    if plain is not None:
        found = cwt.read(data)
        assert found.hcert is not None
        dcc = found.hcert.get(cwt.DCC)
        assert plain == (found.issuer, found.issued_at, found.expires, dcc)
        assert found.deviations == ()


@pytest.mark.parametrize("value", ["", "dk", "D", "DKK", "D\u00e4", 5, None, ["DK"]])
def test_an_odd_issuer_is_left_to_the_verifier(value: Any) -> None:
    assert quick._plain_claims(cbor2.dumps(claims(iss=value))) is None


@pytest.mark.parametrize("odd", [{True: "DK"}, {1.0: "DK"}, {6.0: 1}, {-260.0: {1: {}}}])
def test_a_label_that_only_equals_the_right_one_is_left_to_the_verifier(odd: Any) -> None:
    content = {label: value for label, value in claims().items() if label not in odd}
    assert quick._plain_claims(cbor2.dumps({**content, **odd})) is None
    assert quick._plain_claims(cbor2.dumps(claims(hcert={True: {}}))) is None


def test_a_header_label_that_only_equals_the_right_one_is_left_to_the_verifier() -> None:
    for header in ({True: -7, 4: bytes(8)}, {1: -7, 4.0: bytes(8)}):
        data = message(cbor2.dumps(header), bytes(24), bytes(64))
        assert quick._split(data) is None


def test_an_unknown_kid_leaves_no_trace_and_a_known_one_is_kept() -> None:
    verifier = Verifier(backend.trust())
    look = verifier._quick
    assert look is not None
    verifier.verify(backend.forge(backend.claims(), kid=b"strange!"), backend.NOW)
    assert not look._keys
    verifier.verify(backend.issue().text, backend.NOW)
    assert len(look._keys) == 1


def test_without_the_quick_look_every_vector_gets_the_same_answer(tmp_path: Path) -> None:
    """The package is copied without the module, and runs the project's own vectors as before."""
    source = PROJECT / "src" / "coronapas"
    ignored = shutil.ignore_patterns("_quick.py", "__pycache__")
    shutil.copytree(source, tmp_path / "coronapas", ignore=ignored)
    shutil.copytree(PROJECT / "schemas", tmp_path / "coronapas" / "_schemas")
    code = (
        "import sys, coronapas, coronapas.verify._verifier as verifier\n"
        "from coronapas.conformance import run\n"
        "assert verifier.QuickLook is None and coronapas.__file__.startswith(sys.argv[2])\n"
        "report = run(sys.argv[1])\n"
        "print(report.passed, report.failed)"
    )
    command = [sys.executable, "-c", code, str(PROJECT / "testdata"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert found.returncode == 0, found.stderr
    passed, failed = map(int, found.stdout.split())
    assert passed > 2000
    assert failed == 0

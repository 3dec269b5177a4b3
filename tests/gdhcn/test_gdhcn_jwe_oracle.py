"""The files of health links against another implementation of JWE (RFC 7516)."""

from __future__ import annotations

import pytest

from coronapas.errors import LinkError
from coronapas.gdhcn import decrypt_file, encrypt_file

jwe = pytest.importorskip("joserfc.jwe", reason="the package joserfc is not installed")

KEY = bytes(range(32))
CONTENT = b'{"resourceType":"Bundle","note":"\xc3\xa6\xc3\xb8\xc3\xa5"}'
ALGORITHMS = ["dir", "A256GCM", "DEF"]


def key() -> object:
    from joserfc.jwk import OctKey

    return OctKey.import_key(KEY)


@pytest.mark.parametrize("compress", [False, True])
def test_joserfc_opens_what_is_encrypted_here(compress: bool) -> None:
    made = encrypt_file(CONTENT, KEY, compress=compress)
    theirs = jwe.decrypt_compact(made, key(), algorithms=ALGORITHMS)
    assert theirs.plaintext == CONTENT
    assert theirs.protected["alg"] == "dir"
    assert theirs.protected["enc"] == "A256GCM"
    assert ("zip" in theirs.protected) is compress


@pytest.mark.parametrize("compress", [False, True])
def test_what_joserfc_encrypts_is_opened_here(compress: bool) -> None:
    header = {"alg": "dir", "enc": "A256GCM", "cty": "application/fhir+json"}
    if compress:
        header["zip"] = "DEF"
    made = jwe.encrypt_compact(header, CONTENT, key(), algorithms=ALGORITHMS)
    assert decrypt_file(made, KEY).content == CONTENT
    with pytest.raises(LinkError):
        decrypt_file(made, bytes(32))


def test_what_the_one_refuses_the_other_refuses() -> None:
    made = encrypt_file(CONTENT, KEY)
    for place, part in enumerate(made.split(".")):
        if not part:
            continue
        parts = made.split(".")
        parts[place] = ("A" if part[0] != "A" else "B") + part[1:]
        changed = ".".join(parts)
        with pytest.raises(LinkError):
            decrypt_file(changed, KEY)
        with pytest.raises(Exception):  # noqa: B017, PT011 - in whatever words the package has
            jwe.decrypt_compact(changed, key(), algorithms=ALGORITHMS)

"""The peer: `cwt` with `base45`, in an environment of its own (it pins an older cbor2).

Run by `benchmarks.passes` as a process that takes turns with the others: one line in, one round,
one line out. The first line brings the keys and the passes.
"""

from __future__ import annotations

import json
import sys
import zlib
from time import perf_counter
from typing import Any

import base45
import cwt
from cwt import COSEKey


def main() -> None:
    """Prepare by the first line, then run a round for each further one."""
    setup = json.loads(sys.stdin.readline())
    key = COSEKey.from_pem(setup["key"], kid=bytes.fromhex(setup["kid"]), alg="ES256")
    public = COSEKey.from_pem(setup["public"], kid=bytes.fromhex(setup["kid"]), alg="ES256")
    texts: list[str] = setup["texts"]

    def opened(text: str) -> Any:
        return cwt.decode(zlib.decompress(base45.b45decode(text[4:])), keys=[public])

    claims = [{k: v for k, v in opened(text).items() if k in (1, 4, 6, -260)} for text in texts]

    def verify() -> None:
        for text in texts:
            opened(text)

    def issue() -> None:
        for whole in claims:
            signed = cwt.encode_and_sign(dict(whole), key=key)
            "HC1:" + base45.b45encode(zlib.compress(signed, 9)).decode()

    print("ready", flush=True)
    for line in sys.stdin:
        began = perf_counter()
        {"verify": verify, "issue": issue}[line.strip()]()
        print(perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()

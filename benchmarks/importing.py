"""What an import costs beyond the interpreter, in processes that take turns."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.rounds import interleave, timed

SNIPPETS = {
    "nothing": "pass",
    "coronapas": "import coronapas",
    "the verifier": "import coronapas; coronapas.Verifier(coronapas.TrustStore())",
    "the issuer": "import coronapas; coronapas.Issuer, coronapas.Signer",
}


def run(rounds: int = 15) -> None:
    """Print the milliseconds beyond a bare interpreter."""

    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    measured = interleave(
        {name: timed(lambda code=code: start(code)) for name, code in SNIPPETS.items()},  # type: ignore[misc]
        rounds,
    )
    base = measured.each("nothing", 1)
    print(f"imports, milliseconds beyond the interpreter's own {base / 1000:.0f}:")
    for name in list(SNIPPETS)[1:]:
        print(f"  {name:14} {(measured.each(name, 1) - base) / 1000:6.1f}")

"""Many passes from a file: passes a second, and the peak memory of the verifying process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.memory import peak
from benchmarks.sample import NOW, sample
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

PASSES = 100_000


def verify_file(passes: Path, certificates: Path) -> None:
    """What the measured process does: one pass a line, nothing kept."""
    idle = peak()
    verifier = Verifier(TrustStore.from_certificates([certificates.read_bytes()]))
    began, good = perf_counter(), 0
    with passes.open(encoding="ascii") as lines:
        for line in lines:
            good += verifier.verify(line.rstrip("\n"), NOW).ok
    took = perf_counter() - began
    print(
        f"from a file: {good:,} passes verified, {good / took:,.0f} a second, "
        f"peak memory {peak():.0f} MiB ({idle:.0f} MiB before the first)"
    )


def run() -> None:
    """Write the file, and verify it in a process of its own."""
    made = sample()
    with tempfile.TemporaryDirectory() as folder:
        passes, certificates = Path(folder, "passes.txt"), Path(folder, "dsc.pem")
        certificates.write_bytes(made.pair.certificate_pem())
        with passes.open("w", encoding="ascii") as lines:
            for number in range(PASSES):
                lines.write(made.passes[number % len(made.passes)].text + "\n")
        command = [sys.executable, "-m", "benchmarks.bulk", str(passes), str(certificates)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    verify_file(Path(sys.argv[1]), Path(sys.argv[2]))

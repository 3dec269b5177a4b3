"""Run the measurements: all of them, or those that are named."""

from __future__ import annotations

import sys

from benchmarks import (
    bulk,
    certlogic,
    importing,
    paper,
    passes,
    programmes,
    revocation,
    rules,
    signing,
    trust,
    wallets,
)

SUITES = {
    "passes": passes.run,
    "bulk": bulk.run,
    "importing": importing.run,
    "certlogic": certlogic.run,
    "rules": rules.run,
    "signing": signing.run,
    "revocation": revocation.run,
    "trust": trust.run,
    "programmes": programmes.run,
    "paper": paper.run,
    "wallets": wallets.run,
}


def main() -> None:
    """Run the suites named on the command line, or all."""
    names = sys.argv[1:] or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"there is no such suite: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    for name in names:
        SUITES[name]()
        print()


if __name__ == "__main__":
    main()

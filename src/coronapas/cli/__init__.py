"""The command line, on the library's public names alone.

Each command is a module that is loaded when it is asked for, and loads the library itself only when
it runs: ``coronapas --help`` stays quick. Only this room uses click (extra ``cli``).
"""

import sys
from importlib.util import find_spec

PACKAGES = ("click",)
"""What the command line needs beyond the library."""


def main() -> None:
    """Run the command line on the arguments of this process, and exit."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        sys.exit(
            f"The command line needs the package {missing[0]}. "
            "Install coronapas with its extra cli: pip install '.[cli]' in a checkout, "
            "or pip install 'WHEEL[cli]'"
        )
    from coronapas.cli._app import coronapas

    coronapas(prog_name="coronapas")

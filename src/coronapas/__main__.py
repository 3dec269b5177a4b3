"""``python -m coronapas``: the command line."""

from coronapas.cli import main

main()

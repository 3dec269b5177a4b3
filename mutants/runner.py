"""Run pytest over and over, each time in a fork of a process that has its libraries loaded.

Reads one JSON object a line: ``{"arguments": [...], "seconds": n, "log": path}``; answers each with
pytest's exit code, or with ``"timeout"``. Nothing of coronapas is loaded before the fork.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

_LOADED_BEFORE: Final = (
    *("pytest", "xdist.plugin", "pytest_cov.plugin", "_hypothesis_pytestplugin"),
    *("hypothesis.strategies", "hypothesis.stateful", "cbor2", "zlib_ng.zlib_ng"),
    *("click.testing", "jsonschema", "pypdfium2", "anyio", "httpx", "PIL.Image", "zxingcpp"),
    *("segno", "cryptography.x509", "cryptography.hazmat.primitives.serialization.pkcs12"),
    "cryptography.hazmat.primitives.asymmetric.padding",
)
_MEMORY: Final = 4 * 1024**3
_AN_END: Final = 3


def main() -> int:
    """Answer until the input ends."""
    for name in _LOADED_BEFORE:
        with suppress(ImportError):
            import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _run(asked["arguments"], asked["seconds"], Path(asked["log"]))
        print(json.dumps(answer), flush=True)
    return 0


def _run(arguments: list[str], seconds: float, log: Path) -> int | str:
    """Return pytest's exit code in a fork; what takes `seconds` of processor time is killed.

    So is what waits: the machine may be busy, so it has ten times as long.
    """
    child = os.fork()
    if not child:
        _become_pytest(arguments, int(seconds) + 1, log)
    end = time.monotonic() + 10 * seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return "timeout" if code in (-signal.SIGXCPU, -signal.SIGKILL) else code
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _become_pytest(arguments: list[str], seconds: int, log: Path) -> None:
    """Run pytest in this fork, which ends with it."""
    code = _AN_END
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        import pytest

        # That the plugins are loaded already means that their own asserts say less.
        quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
        code = int(pytest.main([*quiet, *arguments]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

"""A token in a software HSM, for tests: SoftHSM2 and python-pkcs11, or a reason why there is none.

SoftHSM reads its configuration when it is initialised, from a variable of the environment. So code
that opens a token runs through `SoftToken.run`, which begins anew, or in a process of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

try:
    import pkcs11
except ImportError:  # `require` says so
    pkcs11 = None  # type: ignore[assignment]

PIN: Final = "73519862"
LABEL: Final = "dsc token"
_PLACES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@cache
def module() -> str | None:
    return next((place for place in _PLACES if Path(place).exists()), None)


def require() -> str:
    """The path of the module; skips the test, with the reason, where there is none."""
    found = module()
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed (apt-get install softhsm2)")
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("the extra hsm is not installed")
    return found


@dataclass(frozen=True)
class SoftToken:
    """A token in a folder of its own."""

    folder: Path
    module: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"),
            "TOKEN_PIN": PIN,
            "TOKEN_FOLDER": str(self.folder),
            "NO_COLOR": "1",
        }

    @property
    def uri(self) -> str:
        label = LABEL.replace(" ", "%20")
        return f"pkcs11:token={label}?module-path={self.module}&pin-source=env:TOKEN_PIN"

    def key(self, label: str) -> str:
        return self.uri.replace("?", f";object={label}?")

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code that finds `token`, with the token's environment; nobody may say the PIN."""
        from coronapas.signing import _pkcs11

        before = dict(os.environ)
        os.environ.update(self.environment)
        _pkcs11._modules.clear()
        library = pkcs11.lib(self.module)
        library.reinitialize()
        printed, errors = io.StringIO(), io.StringIO()
        names: dict[str, object] = {"__name__": "script"}
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
                exec(self._head, names)
                exec(textwrap.dedent(code), names)
        finally:
            os.environ.clear()
            os.environ.update(before)
            _pkcs11._modules.clear()
            library.finalize()
        assert PIN not in printed.getvalue() + errors.getvalue()
        return subprocess.CompletedProcess([], 0, printed.getvalue(), errors.getvalue())

    def run_apart(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code that finds `token` in a process of its own, which may start others."""
        script = self.folder / "script.py"
        # Spawned processes import the script again: only its head may run there.
        body = textwrap.indent(textwrap.dedent(code), "    ")
        script.write_text(f"{self._head}\nif __name__ == '__main__':\n{body}\n")
        return self.finished([sys.executable, str(script)], check=True)

    @property
    def _head(self) -> str:
        return textwrap.dedent(
            f"""
            import os, sys
            from datetime import UTC, date, datetime, timedelta
            from pathlib import Path
            from coronapas import *
            from coronapas import keys
            from coronapas.signing import Pkcs11Key, Pkcs11Token
            FOLDER = Path(os.environ["TOKEN_FOLDER"])
            START = datetime(2021, 1, 1, tzinfo=UTC)
            HOLDER = Holder("Eksempel", "Ibine", date(1979, 4, 14))
            DOSE = Vaccination("Comirnaty", 2, 2, date(2021, 6, 1))
            WHEN = dict(
                issued_at=datetime(2021, 9, 1, tzinfo=UTC), expires=timedelta(days=365)
            )
            token = Pkcs11Token({self.module!r}, {LABEL!r}, "env:TOKEN_PIN")
            """
        )

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line."""
        return self.finished([sys.executable, "-m", "coronapas", *arguments], check=check)

    def finished(self, command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert PIN not in run.stdout + run.stderr
        assert not check or run.returncode == 0, run.stderr
        return run


def make(folder: Path) -> SoftToken:
    """A new token with its user's PIN."""
    found = require()
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    token = SoftToken(folder, found)
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            LABEL,
            "--pin",
            PIN,
            "--so-pin",
            "5678",
        ],
        env=token.environment,
        check=True,
        capture_output=True,
    )
    return token

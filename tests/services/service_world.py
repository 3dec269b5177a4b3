"""What the tests of both services share: a folder, facts, a client without a network, processes."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from fastapi import FastAPI

PROJECT: Final = Path(__file__).resolve().parents[2]
FAMILY: Final = "Prøvesen-Zwölf"
GIVEN: Final = "Åse Marie"
BORN: Final = "1987-05-04"


def facts(kind: str = "vaccination", **changes: Any) -> dict[str, Any]:
    """The facts of an invented holder whose evidence counts today."""
    now = datetime.now(UTC).replace(microsecond=0)
    event: dict[str, dict[str, Any]] = {
        "vaccination": {
            "product": "Comirnaty",
            "dose_number": 2,
            "doses": 2,
            "date": str(date.today() - timedelta(days=60)),
        },
        "test": {
            "kind": "NAAT",
            "sampled_at": (now - timedelta(hours=5)).isoformat(),
            "result": "not detected",
            "centre": "Test centre 1",
        },
        "recovery": {
            "first_positive": str(date.today() - timedelta(days=40)),
            "valid_from": str(date.today() - timedelta(days=29)),
            "valid_until": str(date.today() + timedelta(days=100)),
        },
    }
    holder = {"family_name": FAMILY, "given_name": GIVEN, "birth_date": BORN}
    return {"holder": holder, kind: {**event[kind], **changes}}


class Client:
    """Calls an application in this process, one request after another."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


def service_log(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged, but for what the tests' own client logs."""
    return "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("http")
    )


@contextmanager
def running(module: str, folder: Path, log: Path) -> Iterator[str]:
    """A service as a process of its own, as its make target starts it; gives its address."""
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [
                *(sys.executable, "-m", f"examples.{module}"),
                *("--demo", "--folder", folder, "--port", "0"),
            ],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:[0-9]+", process.stdout.readline())
            assert found, log.read_text()
            # The socket listens already, so the first request waits until the service is there.
            httpx.get(f"{found[0]}/health", timeout=60).raise_for_status()
            yield found[0]
        finally:
            process.terminate()

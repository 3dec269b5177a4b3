"""What both services share: faults as problem details, reloaded files, metrics, a log, the loop.

Nothing here writes down what a caller sent: the log has the route's template and never its path,
and a fault names a field and a code and never a value.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

import anyio.to_thread
import uvicorn
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from coronapas import Fault, catalogue, schemas
from examples import demo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
LOOK_EVERY = 1
"""How often folders are looked at, in seconds."""
THREADS: Final = 4
"""Few threads: a thread that waits for the interpreter holds up the event loop by its turn."""
HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
PAGES: Final = Path(__file__).parent / "pages"
_TITLES: Final = json.loads((PAGES / "problems.json").read_text("utf-8"))
LOG: Final = logging.getLogger("examples")
T = TypeVar("T")


class ProblemError(Exception):
    """An answer of RFC 9457, with every fault that was found.

    `title` is one of the words in ``pages/problems.json``; `detail` is in the caller's language.
    """

    def __init__(
        self, status: int, title: str, faults: Sequence[Fault] = (), *, detail: str = ""
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.faults = tuple(faults)
        self.detail = detail


def language_of(accept: str | None) -> str:
    """Return the language of the catalogue that ``Accept-Language`` asks for; else English."""
    wanted = []
    for place, part in enumerate((accept or "").split(",")[:20]):
        tag, _, weight = part.partition(";q=")
        try:
            wanted.append((-float(weight or 1), place, catalogue.language(tag)))
        except ValueError:
            continue
    return min(wanted)[2] if wanted else "en"


async def _language(
    accept_language: Annotated[str | None, Header(description="en, da or de")] = None,
) -> str:
    return language_of(accept_language)


Language = Annotated[str, Depends(_language)]


def body_of(limit: int) -> Callable[[Request], Awaitable[bytes]]:
    """Return what reads a body of at most so many bytes; a larger one is refused half-read."""

    async def read(request: Request) -> bytes:
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > limit:
                raise ProblemError(413, "The body is too large.")
        return bytes(content)

    return read


Body = Annotated[bytes, Depends(body_of(MAX_BODY))]


def problem(
    language: str, status: int, title: str, faults: Sequence[Fault] = (), detail: str = ""
) -> JSONResponse:
    """Return a problem in a language; its faults are those of the library."""
    said = _TITLES[language].get(title, title)
    content: dict[str, Any] = {"type": "about:blank", "title": said, "status": status}
    if detail:
        content["detail"] = detail
    if faults:
        content["faults"] = [fault.to_json(language=language) for fault in faults]
    return JSONResponse(
        content,
        status,
        headers={"Content-Language": language},
        media_type="application/problem+json",
    )


_CODES: Final = {"missing": "json.missing", "extra_forbidden": "json.unknown-field"}


def _validation_faults(error: RequestValidationError) -> list[Fault]:
    """Return what pydantic found, in the library's words and without the values."""
    found = []
    for each in error.errors():
        kind = each["type"]
        code = _CODES.get(kind, "json.choice" if kind in ("enum", "literal_error") else "json.type")
        if kind == "json_invalid":
            code = "json.malformed"
        path = ".".join(str(part) for part in each["loc"] if part != "body")
        found.append(Fault(path, code, catalogue.sentence(code), "See the OpenAPI document."))
    return found


class Metrics:
    """Counters and gauges in the text form that Prometheus reads; no label names a person."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.loop_lag = 0.0
        """The longest time that the event loop was held up since it was read, in seconds."""

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += value  # type: ignore[assignment]

    def text(self) -> str:
        """Return all of them."""
        with self._lock:
            rows = sorted(self._counts.items())
        lines = []
        for (name, labels), value in rows:
            marks = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{marks}}} {value:g}" if marks else f"{name} {value:g}")
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if os.name == "posix" else 0
        lines.append(f"process_resident_memory_bytes {pages * 4096}")
        lag, self.loop_lag = self.loop_lag, 0.0
        lines.append(f"event_loop_lag_max_seconds {lag:.4f}")
        return "\n".join(lines) + "\n"


class Reloaded(Generic[T]):
    """What is read from a folder, and read again when a file in it changes.

    `read` takes the folder and the former content. The folder is looked at every `LOOK_EVERY`
    seconds at most. Where the new files cannot be read the old content stays, and `fault` says so
    until they can.
    """

    def __init__(self, folder: Path, read: Callable[[Path, T | None], T]) -> None:
        self._folder = folder
        self._read = read
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._stamp = self._now()
        self._value = read(folder, None)
        self.fault = ""

    def _now(self) -> tuple[object, ...]:
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)

    def get(self) -> T:
        """Return the content, of now or of a second ago."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_EVERY:
                self._looked = time.monotonic()
                try:
                    stamp = self._now()
                    if stamp != self._stamp:
                        self._value = self._read(self._folder, self._value)
                        self._stamp = stamp
                        LOG.info("read again: %s", self._folder.name)
                    self.fault = ""
                except (ValueError, OSError) as error:
                    # The class alone: its text may name a file or a key.
                    self.fault = type(error).__name__
                    LOG.warning("kept the former %s: %s", self._folder.name, self.fault)
            return self._value


class _Watch:
    """Logs and counts requests by their route's template, and adds the common headers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, began = time.perf_counter(), 500, False

        async def sent(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], True
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(row for row in HEADERS if row[0] not in names)]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            # A traceback may quote what was sent, so the log has the class alone.
            LOG.error("a request failed: %s", type(error).__name__)
            LOG.debug("the failure:", exc_info=True)
            if not began:
                await problem("en", 500, "The service failed.")(scope, receive, sent)
        finally:
            taken = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if route != "other" else "other"
            self._metrics.count("requests_total", route=route, status=str(status))
            self._metrics.count("request_seconds_total", taken, route=route)
            LOG.info("%s %s %d %.1f ms", method, route, status, 1000 * taken)


def application(title: str, components: dict[str, Any]) -> tuple[FastAPI, Metrics]:
    """Return an application with the behaviour that both services share, and its metrics."""
    metrics = Metrics()

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        watch = asyncio.create_task(_watch_loop(metrics))
        yield
        watch.cancel()

    app = FastAPI(title=title, version="1", docs_url=None, redoc_url=None, lifespan=life)
    app.add_middleware(_Watch, metrics=metrics)

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> JSONResponse:
        language = language_of(request.headers.get("accept-language"))
        return problem(language, error.status, error.title, error.faults, error.detail)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        language = language_of(request.headers.get("accept-language"))
        return problem(language, 422, "The request has faults.", _validation_faults(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        language = language_of(request.headers.get("accept-language"))
        answer = problem(language, error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.get("/metrics", response_class=PlainTextResponse)
    def read_metrics() -> str:
        """Return the counters, for Prometheus."""
        return metrics.text()

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(title=title, version="1", routes=app.routes)
            made.setdefault("components", {}).setdefault("schemas", {}).update(
                {**_PROBLEM, **components}
            )
            app.openapi_schema = made
        return app.openapi_schema

    app.mount("/pages", StaticFiles(directory=PAGES))
    app.openapi = openapi  # type: ignore[method-assign]
    return app, metrics


async def _watch_loop(metrics: Metrics) -> None:
    """Measure how long the loop is held up: by how much a short sleep is too long."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        metrics.loop_lag = max(metrics.loop_lag, time.perf_counter() - before - 0.01)


def component(name: str) -> dict[str, Any]:
    """Return a published schema as components of an OpenAPI document, under its own name."""
    whole = schemas.load(name)
    parts = {f"{name}-{key}": value for key, value in whole.pop("$defs", {}).items()}
    whole.pop("$schema", None)

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: f"#/components/schemas/{name}" + (each[7:] and f"-{each[8:]}")
                if key == "$ref" and isinstance(each, str)
                else moved(each)
                for key, each in value.items()
            }
        return [moved(each) for each in value] if isinstance(value, list) else value

    return {key: moved(value) for key, value in {name: whole, **parts}.items()}


_PROBLEM: Final = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457, with the faults in the caller's language.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "detail": {"type": "string"},
            "status": {"type": "integer"},
            "faults": {"type": "array", "items": {"$ref": "#/components/schemas/fault"}},
        },
    },
    **component("fault"),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the entry of an operation for answers that are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": "A problem",
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


def json_body(schema: str, example: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of an operation that takes JSON of a component."""
    media = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": media}}}


def serve(make: Callable[[Path], FastAPI], name: str, port: int) -> None:
    """Run a service on this machine's loopback until it is interrupted."""
    parser = argparse.ArgumentParser(prog=name, description=make.__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="keys, lists and rules")
    parser.add_argument("--demo", action="store_true", help="make keys and lists to try it with")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=port, help="0 for any that is free")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if given.demo:
        demo.make(given.folder)
    if not given.folder.is_dir():
        parser.error("the folder does not exist; --demo makes one to try the service with")
    # The loop waits for its turn at the interpreter behind every thread, a turn each.
    sys.setswitchinterval(0.001)
    listener = socket.create_server((given.host, given.port), reuse_port=False)
    address = f"http://{given.host}:{listener.getsockname()[1]}"
    print(f"{name}: {address}/\nOpenAPI: {address}/openapi.json", flush=True)
    config = uvicorn.Config(make(given.folder), log_level="warning", access_log=False)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])

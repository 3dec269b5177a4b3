"""The doors of docs/how-to/key-services.md, against stand-ins that speak the services' shapes.

The functions are those of the page itself. The stand-ins check every request as the service would
(names, encodings, versions, checksums) and refuse, or answer wrongly, when they are told to.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

import backend
import test_docs
from coronapas import Verifier
from coronapas import _signatures as signatures
from coronapas.errors import ServiceBusyError, SigningError
from coronapas.issue import Issuer
from coronapas.signing import BatchKeyService, KeyService, Signer
from slow_services import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.signing import SignatureForm

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "key-services.md"
TOKEN = "a-token-of-the-service"
ARN = "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
VERSION = "projects/p/locations/europe/keyRings/r/cryptoKeys/k/cryptoKeyVersions/3"
DIGEST = sha256(b"a message").digest()


def page() -> dict[str, Any]:
    """The functions that the page defines, before its examples begin."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in test_docs.blocks(PAGE.read_text("utf-8")):
        if block.language == "python" and block.run and "dsc = keys.make_csca" not in block.code:
            exec(compile(block.code, "page", "exec", dont_inherit=True), names)
            if "transit_batch" in names:
                return names
    raise AssertionError("the page does not define its doors")


DOORS = page()


def raw(digest: bytes) -> bytes:
    return backend.dsc().signer().sign_digest(digest)


def der(digest: bytes) -> bytes:
    return signatures.to_der(raw(digest))


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class Service:
    """What the stand-in is told to do; `refusals` are answered first, one a request."""

    def __init__(self) -> None:
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.wrong: str | None = None
        self.requests = 0
        self.server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str, headers: Any, body: dict[str, Any]) -> dict[str, Any]:
        """What the service answers; AssertionError where it would refuse the request."""
        if path.startswith("/keys/"):
            return self.azure(path, headers, body)
        if path.startswith("/v1/projects/"):
            return self.google(path, headers, body)
        return self.transit(path, headers, body)

    def azure(self, path: str, headers: Any, body: dict[str, Any]) -> dict[str, Any]:
        # Azure Key Vault REST API, Sign.
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        parts = urlsplit(path)
        assert parts.query == "api-version=7.4"
        name, version = re.fullmatch("/keys/([^/]+)/([^/]+)/sign", parts.path).groups()  # type: ignore[union-attr]
        assert set(body) == {"alg", "value"}
        assert body["alg"] == "ES256"
        assert "=" not in body["value"]
        digest = base64.urlsafe_b64decode(body["value"] + "=")
        assert len(digest) == 32
        answered = "0000" if self.wrong == "version" else version
        return {"kid": f"{self.url}/keys/{name}/{answered}", "value": b64url(raw(digest))}

    def google(self, path: str, headers: Any, body: dict[str, Any]) -> dict[str, Any]:
        # Cloud KMS, cryptoKeyVersions.asymmetricSign.
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        name, _, verb = path.removeprefix("/v1/").partition(":")
        assert verb == "asymmetricSign"
        digest = from_b64(body["digest"]["sha256"])
        assert int(body["digestCrc32c"]) == DOORS["crc32c"](digest)
        signature = der(digest)
        checksum = DOORS["crc32c"](signature) ^ (self.wrong == "checksum")
        return {
            "signature": base64.b64encode(signature).decode(),
            "signatureCrc32c": str(checksum),
            "verifiedDigestCrc32c": self.wrong != "digest",
            "name": name[:-1] + "9" if self.wrong == "version" else name,
            "protectionLevel": "HSM",
        }

    def transit(self, path: str, headers: Any, body: dict[str, Any]) -> dict[str, Any]:
        # HashiCorp Vault and OpenBao, Transit, Sign Data.
        assert headers["X-Vault-Token"] == TOKEN
        assert path == "/v1/transit/sign/dsc"
        assert body["prehashed"] is True
        assert (body["hash_algorithm"], body["marshaling_algorithm"]) == ("sha2-256", "jws")
        version = 9 if self.wrong == "version" else body["key_version"]

        def signed(text: str) -> dict[str, Any]:
            return {"signature": f"vault:v{version}:{b64url(raw(from_b64(text)))}"}

        if "batch_input" not in body:
            return {"data": signed(body["input"])}
        results = [
            {**signed(item["input"]), "key_version": version} for item in body["batch_input"]
        ]
        if self.wrong == "item":
            results[1] = {"error": "an error of this one"}
        return {"data": {"batch_results": results}}


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.requests += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers: dict[str, str] = {}
            if service.refusals:
                status, headers = service.refusals.pop(0)
                content = b'{"error": {"message": "refused"}}'
            else:
                try:
                    content = json.dumps(service.answer(self.path, self.headers, body)).encode()
                    status = 200
                except AssertionError as error:
                    status, content = 400, json.dumps({"error": str(error)}).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    made.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


class ClientError(Exception):
    """As botocore's: what went wrong is in `response`."""

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the Sign operation")
        self.response = {"Error": {"Code": code, "Message": "refused"}}


class AwsClient:
    """As boto3's client of KMS, for one key."""

    def __init__(self, *refusals: str, key: str = ARN) -> None:
        self.refusals = list(refusals)
        self.key = key

    def sign(self, **request: Any) -> dict[str, Any]:
        assert set(request) == {"KeyId", "Message", "MessageType", "SigningAlgorithm"}
        assert (request["MessageType"], request["SigningAlgorithm"]) == ("DIGEST", "ECDSA_SHA_256")
        assert request["KeyId"] == ARN
        assert len(request["Message"]) == 32
        if self.refusals:
            raise ClientError(self.refusals.pop(0))
        return {
            "KeyId": self.key,
            "Signature": der(request["Message"]),
            "SigningAlgorithm": request["SigningAlgorithm"],
        }


def token() -> str:
    return TOKEN


HTTP: dict[str, tuple[Callable[[Service], Callable[[bytes], bytes]], SignatureForm]] = {
    "azure": (lambda at: DOORS["azure_key_vault"](at.url, "dsc", "78de", token), "raw"),
    "google": (lambda at: DOORS["google_kms"](at.url, VERSION, token), "der"),
    "transit": (lambda at: DOORS["transit"](at.url, "dsc", 3, token), "raw"),
}


def issue(door: Callable[[bytes], bytes], form: SignatureForm) -> bool:
    signer = Signer.remote(backend.dsc().certificate, door, signature_form=form)
    issued = Issuer("DK", signer).issue(
        backend.HOLDER, backend.VACCINATION, expires=backend.LATER, issued_at=backend.NOW
    )
    return Verifier(backend.trust()).verify(issued.text, backend.NOW).ok


@pytest.mark.parametrize("name", HTTP)
def test_a_pass_is_issued_through_the_door(name: str, service: Service) -> None:
    door, form = HTTP[name]
    assert issue(door(service), form)
    assert service.requests == 1


@pytest.mark.parametrize("name", HTTP)
def test_a_refusal_for_now_is_tried_again_when_the_service_says(
    name: str, service: Service
) -> None:
    clock = Clock()
    door, form = HTTP[name]
    service.refusals = [(429, {"Retry-After": "7"}), (503, {})]
    again = KeyService(door(service), clock=clock, sleep=clock.sleep)
    assert issue(again, form)
    assert service.requests == 3
    assert clock.slept[0] == 7


@pytest.mark.parametrize("name", HTTP)
def test_a_refusal_for_good_is_not_tried_again(name: str, service: Service) -> None:
    door, _ = HTTP[name]
    service.refusals = [(403, {})]
    with pytest.raises(SigningError, match="PermissionError"):
        KeyService(door(service))(DIGEST)
    assert service.requests == 1


@pytest.mark.parametrize("name", HTTP)
def test_another_version_of_the_key_is_refused_by_the_door_itself(
    name: str, service: Service
) -> None:
    door, _ = HTTP[name]
    service.wrong = "version"
    with pytest.raises(ValueError, match="another version of the key"):
        door(service)(DIGEST)


@pytest.mark.parametrize("wrong", ["checksum", "digest"])
def test_what_was_damaged_on_its_way_to_google_or_back_is_asked_for_again(
    wrong: str, service: Service
) -> None:
    door, _ = HTTP["google"]
    service.wrong = wrong
    with pytest.raises(ConnectionError, match="damaged"):
        door(service)(DIGEST)


def test_a_service_that_is_not_there_is_a_connection_error() -> None:
    door = DOORS["azure_key_vault"]("http://127.0.0.1:9", "dsc", "1", token)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        door(DIGEST)


def test_the_checksum_is_that_of_the_standard() -> None:
    # RFC 3720, appendix B.4: 32 bytes of zeros; and the check value of CRC-32C.
    assert DOORS["crc32c"](bytes(32)) == 0x8A9136AA
    assert DOORS["crc32c"](b"123456789") == 0xE3069283


def test_transit_signs_in_batches_and_an_error_of_one_is_its_own(service: Service) -> None:
    issuer = Issuer("DK", Signer.detached(backend.dsc().certificate))
    prepared = [
        issuer.prepare(
            backend.HOLDER, backend.VACCINATION, expires=backend.LATER, issued_at=backend.NOW
        )
        for _ in range(10)
    ]
    door = DOORS["transit_batch"](service.url, "dsc", 3, token)
    results: list[Any] = list(BatchKeyService(door, max_batch=4).sign(prepared))
    assert [each.uvci for each in results] == [each.uvci for each in prepared]
    assert service.requests == 3
    verifier = Verifier(backend.trust())
    assert all(verifier.verify(each.text, backend.NOW).ok for each in results)
    service.wrong = "item"
    results = list(BatchKeyService(door, max_batch=10).sign(prepared))
    assert [isinstance(each, SigningError) for each in results] == [False, True] + [False] * 8
    assert isinstance(results[1].__cause__, PermissionError)
    service.wrong = None
    service.refusals = [(429, {})]
    clock = Clock()
    again = BatchKeyService(door, clock=clock, sleep=clock.sleep)
    assert not [each for each in again.sign(prepared) if isinstance(each, SigningError)]


def test_aws_signs_and_its_throttling_passes_by() -> None:
    clock = Clock()
    door = DOORS["aws_kms"](AwsClient("ThrottlingException", "ThrottlingException"), ARN)
    assert issue(KeyService(door, clock=clock, sleep=clock.sleep), "der")
    assert len(clock.slept) == 2
    with pytest.raises(ServiceBusyError):
        DOORS["aws_kms"](AwsClient("KMSInternalException"), ARN)(DIGEST)


def test_aws_refusals_for_good_and_another_key_are_not_tried_again() -> None:
    denied = DOORS["aws_kms"](AwsClient("AccessDeniedException"), ARN)
    with pytest.raises(ClientError):
        denied(DIGEST)
    other = DOORS["aws_kms"](AwsClient(key=ARN[:-1] + "0"), ARN)
    with pytest.raises(ValueError, match="another key"):
        other(DIGEST)

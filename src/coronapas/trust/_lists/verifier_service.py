"""The verifier-service interface, as Italy and others run it: one certificate a response, unsigned.

A response's body is the base64 of a DER; its headers give ``X-KID`` and ``X-RESUME-TOKEN``. The
status is the list of the valid kids: a certificate that is not on it is dropped. The same
certificate comes in several responses.

Nothing is signed, so that the caller must know which service answered. A fetch is kept in one file,
in JSON of this project's own:
``{"status": [kid], "responses": [{"X-KID", "X-RESUME-TOKEN"?, "body"}]}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "verifier-service"


class VerifierServiceResponse(NamedTuple):
    """One response: the X-KID header, the body, and the X-RESUME-TOKEN header."""

    kid: str
    """The header ``X-KID``: the key identifier, in base64."""
    body: bytes
    """The body: the certificate, in base64."""
    resume_token: str | None = None
    """The header ``X-RESUME-TOKEN``, with which the next one is asked for."""


def read(
    responses: Iterable[VerifierServiceResponse],
    status: Iterable[str] | None,
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the certificates of the responses that the status names; None for an unknown status.

    Raises TrustListError for a status with something other than kids.
    """
    builder = ListBuilder(NAME, about)
    valid = None if status is None else _status(status, builder)
    if valid is None:
        note = "the status is missing: withdrawn keys cannot be recognised"
        builder.remark(None, "list.no-status", note)

    def key(response: VerifierServiceResponse) -> None:
        if len(response.body) > documents.MAX_BYTES:
            raise KeyMaterialError(f"the body must have at most {documents.MAX_BYTES} bytes")
        kid = documents.decode_kid(response.kid)
        if valid is not None and kid not in valid:
            raise KeyMaterialError("the status does not name the key")
        certificate = Certificate(base64.decode(response.body, "the body"), kid=kid)
        builder.match_kid(certificate, kid)
        builder.keep(certificate)

    seen: set[bytes] = set()
    for number, response in enumerate(responses, start=1):
        kid = _kid(response)
        if kid is not None:
            seen.add(kid)
        builder.read(f"response {number}", response, key, kid)
    for missing in sorted((valid or frozenset()) - seen):
        builder.drop(missing, "the status names the key, but no response held it", "status")
    return builder.list("none")


def read_file(
    data: bytes,
    *,
    pins: Pins = (),
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the file that `write_verifier_service` makes; raise TrustListError."""
    whole = documents.whole(documents.load(data, NAME), dict, NAME, "the object")
    status = whole.get("status")
    if status is not None:
        documents.whole(status, list, NAME, "'status'")
    entries = documents.whole(whole.get("responses"), list, NAME, "'responses'")
    return read([_response(entry) for entry in entries], status, **about)


def write_verifier_service(
    responses: Iterable[VerifierServiceResponse], status: Iterable[str] | None
) -> bytes:
    """Return a fetch as the bytes of one file."""
    items = [
        {
            "X-KID": response.kid,
            **({} if response.resume_token is None else {"X-RESUME-TOKEN": response.resume_token}),
            "body": response.body.decode("ascii"),
        }
        for response in responses
    ]
    return documents.dump({"status": None if status is None else list(status), "responses": items})


def _response(entry: Any) -> VerifierServiceResponse:
    item = documents.whole(entry, dict, NAME, "a response")
    token = item.get("X-RESUME-TOKEN")
    return VerifierServiceResponse(
        documents.whole(item.get("X-KID"), str, NAME, "'X-KID'"),
        documents.whole(item.get("body"), str, NAME, "'body'").encode("utf-8"),
        None if token is None else str(token),
    )


def _status(status: Iterable[str], builder: ListBuilder) -> frozenset[bytes]:
    try:
        return frozenset(
            documents.decode_kid(documents.whole(k, str, NAME, "a kid")) for k in status
        )
    except KeyMaterialError as error:
        raise builder.error("malformed", f"the status: {error}") from error


def _kid(response: VerifierServiceResponse) -> bytes | None:
    return documents.kid_or_none(response.kid)


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_member("responses")


FORMAT: Final = ListFormat(NAME, _recognise, read_file, signed="no", write=write_verifier_service)

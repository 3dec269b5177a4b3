"""The error of a wallet credential that cannot be read or made."""

from __future__ import annotations

from coronapas.errors import CoronapasError


class CredentialError(CoronapasError, ValueError):
    """A wallet credential, or a part of one, that cannot be read, presented or made.

    `code` is stable and names the check that it fails before the dot (``format.malformed``,
    ``disclosure.repeated``). The message repeats nothing of the holder's data.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

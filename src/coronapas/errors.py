"""The errors that the library raises, and the faults that they carry.

All have one base class, so that a caller can catch the library's errors and nothing else. An error
names the layer and the field at fault and never repeats the holder's data: it may be logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coronapas import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BulkError",
    "CatalogueError",
    "CmsError",
    "CoronapasError",
    "CredentialError",
    "DecodeError",
    "FactsError",
    "Fault",
    "FaultsError",
    "HistoryError",
    "IssueError",
    "KeyMaterialError",
    "LinkError",
    "MissingExtraError",
    "PaperError",
    "ProgrammeError",
    "QrError",
    "ReissueError",
    "RevocationListError",
    "RuleError",
    "ScanError",
    "ServiceBusyError",
    "SigningError",
    "SigningStoppedError",
    "TrustListError",
    "TrustStoreError",
    "ValueSetError",
    "WalletError",
]


class CoronapasError(Exception):
    """Base class of every error that this library raises on purpose.

    Each of them can be copied and pickled, and so returned by a pool of processes.
    """

    def __reduce__(self) -> tuple[object, ...]:
        # By default Python calls the class with `args`, which hold the text alone. That fails for a
        # class whose constructor takes a layer and a code, and it would break a pool of processes.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(kind: type[CoronapasError], args: tuple[object, ...]) -> CoronapasError:
    """Return an error with its text, without calling its constructor; pickle adds attributes."""
    error = kind.__new__(kind)
    error.args = args
    return error


class DecodeError(CoronapasError, ValueError):
    """A pass, or one layer of it, that cannot be read.

    `layer` is one of ``prefix``, ``base45``, ``compression``, ``cbor``, ``cose``, ``cwt``; `code`
    is stable and starts with the layer (``base45.illegal-character``).
    """

    def __init__(self, layer: str, code: str, message: str) -> None:
        super().__init__(f"{layer}: {message}")
        self.layer = layer
        self.code = f"{layer}.{code}"
        self.message = message


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with an input, and how to correct it.

    No text here repeats the value itself, which may be personal data.
    """

    field: str
    """The path of the value (``vaccination.dose_number``); empty for the input as a whole."""
    code: str
    """A stable code (``dose.number-below-one``)."""
    problem: str
    """What is wrong, as a sentence for a person."""
    hint: str
    """How to correct it, as a sentence for a person."""

    def __str__(self) -> str:
        sentences = f"{self.problem} {self.hint}".rstrip()
        return f"{self.field}: {sentences}" if self.field else sentences

    def sentence_in(self, language: str) -> str:
        """Return what is wrong, in a language of the catalogue (``en``, ``da``, ``de``).

        In English that is `problem` and `hint`; elsewhere the catalogue's sentence for the code,
        and the English text for a code that the catalogue does not have. Raises ValueError for a
        language that the catalogue does not have.
        """
        if catalogue.language(language) != "en":
            try:
                return catalogue.sentence(self.code, language)
            except LookupError:
                pass
        return f"{self.problem} {self.hint}"

    def to_json(self, *, language: str = "en") -> dict[str, str]:
        """Return the fault as ``schemas/fault.schema.json`` describes it."""
        return {
            "field": self.field,
            "code": self.code,
            "problem": self.problem,
            "hint": self.hint,
            "sentence": self.sentence_in(language),
        }

    def within(self, place: str) -> Fault:
        """Return the same fault of a larger input that holds this one at the path `place`."""
        path = f"{place}.{self.field}" if self.field else place
        return Fault(path, self.code, self.problem, self.hint)


class FaultsError(CoronapasError, ValueError):
    """An input with faults; `faults` holds all of them, in the order of the input's fields."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class IssueError(FaultsError):
    """Facts or a signing certificate from which no valid pass can be issued."""


class FactsError(FaultsError):
    """A JSON document of facts that does not follow ``schemas/facts.schema.json``."""


class KeyMaterialError(CoronapasError, ValueError):
    """A key or certificate that cannot be read or used for passes, or does not fit another."""


class SigningError(CoronapasError):
    """A signer, usually a remote one, that failed or returned something other than a signature."""


class ServiceBusyError(SigningError):
    """A key service that refused for now (too many requests, not available): try again later.

    A function that speaks to a service raises it. `retry_after` is how many seconds the service
    wants to be left alone, or None where it did not say.
    """

    def __init__(
        self, message: str = "the key service is busy", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SigningStoppedError(SigningError):
    """A circuit breaker is open: the key service failed `failed_calls` times in a row.

    It ends a run. What is not signed yet can be signed later, with the same digests.
    """

    def __init__(self, failed_calls: int) -> None:
        times = f"{failed_calls} times in a row"
        super().__init__(f"signing was stopped: the key service failed {times}")
        self.failed_calls = failed_calls


class ReissueError(FaultsError):
    """Passes that cannot be issued again, or not in that way; fields begin with ``passes``."""


class MissingExtraError(CoronapasError, ImportError):
    """A missing package that an optional part of the library needs.

    `extra` is the name of the extra that installs it, `package` the missing package.
    """

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"The package {package} is missing. Install coronapas with its extra {extra}: "
            f"pip install '.[{extra}]' in a checkout, or pip install 'WHEEL[{extra}]'",
            name=package,
        )
        self.extra = extra
        self.package = package

    def __reduce__(self) -> tuple[object, ...]:
        # An ImportError keeps its text and its name outside of `__dict__`.
        return (
            _rebuild,
            (type(self), self.args),
            {**vars(self), "msg": self.msg, "name": self.name},
        )


class QrError(FaultsError):
    """A text that cannot become a QR code, or a size at which none can be drawn."""


class PaperError(FaultsError):
    """A pass that cannot be printed on a sheet, or settings with which none can be."""


class ScanError(DecodeError):
    """An image that cannot be read, or in which no QR code can be read.

    `layer` is ``qr``; `code` is ``qr.image-unreadable``, ``qr.image-too-large`` or
    ``qr.not-found``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__("qr", code, message)


class ValueSetError(CoronapasError, ValueError):
    """A document of value sets or dose courses that cannot be read; `path` says where."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'document'}: {problem}")
        self.path = path
        self.problem = problem


class ProgrammeError(FaultsError):
    """A programme's document that does not follow ``schemas/programme.schema.json``."""


class HistoryError(FaultsError):
    """A history that does not follow ``schemas/history.schema.json``, or mixes two holders."""


class CmsError(CoronapasError, ValueError):
    """A CMS message that cannot be read, or whose signature does not hold.

    `code` is stable: ``cms.malformed``, ``cms.too-large``, ``cms.unsupported`` (a form or an
    algorithm that the lists do not use), ``cms.content`` (attached where it should not be, or the
    reverse), ``cms.digest`` (the content is not the one that was signed), ``cms.signature``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"CMS: {message}")
        self.code = f"cms.{code}"
        self.message = message


class RevocationListError(CoronapasError, ValueError):
    """A revocation list, or a part of one, that cannot be read or must not be believed.

    `form` names the list's form (``gateway``, ``distribution``, ``bloom`` and so on). `code` is
    stable: ``list.malformed``, ``list.too-large``, ``list.unsupported``, ``list.signature``,
    ``list.signer`` (signed by someone else), ``list.inconsistent`` (its parts disagree),
    ``list.rollback`` (older than the one at hand).
    """

    def __init__(self, form: str, code: str, message: str) -> None:
        super().__init__(f"{form}: {message}")
        self.form = form
        self.code = f"list.{code}"
        self.message = message


class TrustListError(CoronapasError, ValueError):
    """A trust list that cannot be read, or must not be believed.

    `form` is the list's format (``germany``), or ``trust list`` where none was recognised; `code`
    is stable: ``trust.malformed``, ``trust.too-large``, ``trust.unknown-format``,
    ``trust.incomplete`` (a file that belongs to it is missing), ``trust.unsigned``,
    ``trust.signature`` (the signature does not hold), ``trust.signer`` (it holds, but the signer is
    not the pinned one), ``trust.expired``, ``trust.not-yet``, ``trust.unverified`` and
    ``trust.undated`` (a store does not take it so), ``trust.rolled-back`` (older than the one at
    hand).
    """

    def __init__(self, form: str, code: str, message: str) -> None:
        super().__init__(f"{form}: {message}")
        self.form = form
        self.code = f"trust.{code}"
        self.message = message


class TrustStoreError(CoronapasError, ValueError):
    """A saved trust store that cannot be read.

    `code` is stable: ``store.malformed``, ``store.too-large``, ``store.version`` (written by
    another version of the format), ``store.checksum`` (changed since it was saved).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"trust store: {message}")
        self.code = f"store.{code}"
        self.message = message


class CatalogueError(FaultsError):
    """A catalogue of products that does not follow ``schemas/products.schema.json``."""


class LinkError(CoronapasError, ValueError):
    """A health link, its manifest or a file of it that cannot be read, built or opened.

    `code` is stable: ``link.malformed``, ``link.too-large``, ``link.version`` (a later one),
    ``link.no-key``, ``link.unsupported`` (another encryption than the links'), ``link.decryption``
    (another key, or changed since it was encrypted), ``link.manifest``. Neither the key nor the
    address is in the text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"link: {message}")
        self.code = f"link.{code}"
        self.message = message


class CredentialError(CoronapasError, ValueError):
    """A wallet credential, or a part of one, that cannot be read, presented or made.

    `code` is stable and names the check that it fails before the dot (``format.malformed``,
    ``disclosure.repeated``).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BulkError(CoronapasError):
    """Bulk work that cannot begin or go on; what is done already stays done.

    `code` is stable: ``bulk.input`` (a file cannot be read, or has changed), ``bulk.form``,
    ``bulk.columns``, ``bulk.repeated`` (too many rows repeat a record), ``bulk.manifest`` (it
    cannot be read), ``bulk.mismatch`` (the folder belongs to other work), ``bulk.locked`` (another
    run is at work there), ``bulk.secret``, ``bulk.key`` (a worker opened another one),
    ``bulk.too-many-faults``, ``bulk.worker`` (a worker process died), ``bulk.incomplete``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RuleError(FaultsError):
    """JSON that is not a business rule; `faults` says what is wrong with each member."""


class WalletError(CoronapasError, ValueError):
    """Passes that cannot be judged together: none, too many, or of more than one holder."""

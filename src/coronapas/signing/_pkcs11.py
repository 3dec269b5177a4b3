"""A key in a hardware module, reached by PKCS #11 (OASIS, version 2.40); needs the extra ``hsm``.

What was met with SoftHSM, and how it is dealt with here:

1. python-pkcs11 calls ``C_Initialize`` without arguments, so a module may use no locks of its own:
   sessions of several threads failed at random. All calls to one module go through one lock, and
   there is one session for each token in a process. More signatures a second take more processes.
2. A login is the token's, not the session's: a second one fails. All keys of a token share the
   session.
3. A session dies with its token, or with the network behind it. It is opened again, once, with the
   module initialised anew; the key found then must be the one from before.
4. Processes that open a token at the same moment disturb each other: opening is tried a few times.
5. A wrong PIN, tried again and again, locks the token: it is tried once.
6. Sessions do not survive a fork, and neither they nor keys can be pickled. What is pickled is the
   description of the key, in which the PIN is never found: only where it lies.

A digest is made outside and signed with ``CKM_ECDSA`` or ``CKM_RSA_PKCS_PSS``, which every module
has; what ``CKM_ECDSA`` returns is COSE's form already.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, TypeVar
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from coronapas import _signatures as signatures
from coronapas import files
from coronapas.errors import KeyMaterialError, MissingExtraError, SigningError
from coronapas.signing._signer import Signer, _pass_key
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    import pkcs11

    from coronapas.signing._signer import PrivateKey, PublicKey
    from coronapas.trust._x509 import Material

PinSource: TypeAlias = str | Callable[[], str]
"""Where a PIN lies: ``env:NAME``, ``file:PATH``, or a function that returns it."""

_Found = TypeVar("_Found")

_CURVES: Final[dict[bytes, ec.EllipticCurve]] = {
    bytes.fromhex("06082a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("06052b81040022"): ec.SECP384R1(),
    bytes.fromhex("06052b81040023"): ec.SECP521R1(),
}
_CURVE_OF: Final = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
_LOST: Final = (
    "CryptokiNotInitialized",
    "DeviceError",
    "DeviceRemoved",
    "FunctionFailed",
    "GeneralError",
    "KeyHandleInvalid",
    "ObjectHandleInvalid",
    "SessionClosed",
    "SessionHandleInvalid",
    "SlotIDInvalid",
    "TokenNotPresent",
    "TokenNotRecognised",
    "UserNotLoggedIn",
)
"""The exceptions of python-pkcs11 after which a session is opened again."""
_PIN_FAULTS: Final = ("PinExpired", "PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked")
_OPENING: Final = 5
"""How often a token is opened at most before it counts as gone."""
_LONGEST_PIN: Final = 255
_PIN_PLACE: Final = re.compile("env:.|file:.")
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest in RSASSA-PKCS1-v1_5 (RFC 8017, section 9.2)."""


@cache
def _hsm() -> Any:
    try:
        return import_module("pkcs11")
    except ImportError as error:
        raise MissingExtraError("hsm", "python-pkcs11") from error


class _Module:
    """One PKCS #11 module in this process: its lock, and a session for each of its tokens."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = RLock()
        self.generation = 0
        """Counts how often all sessions were given up: what was found in one is void then."""
        self._process = os.getpid()
        self._sessions: dict[str, pkcs11.Session] = {}
        self._refused: set[str] = set()

    def check_process(self) -> None:
        """Raise SigningError in a process that was forked off."""
        if os.getpid() != self._process:
            raise SigningError(
                "the process was forked after the token was opened: start workers with spawn"
            )

    def session(self, token: Pkcs11Token) -> pkcs11.Session:
        """Return the session of a token, opened if need be; call it under the lock."""
        found = self._sessions.get(token.label)
        if found is None:
            found = self._sessions[token.label] = self._open(token)
        return found

    def _open(self, token: Pkcs11Token) -> pkcs11.Session:
        hsm = _hsm()
        if token.label in self._refused:
            raise KeyMaterialError(
                f"the token {token.label!r} refused its PIN, which is not tried again"
            )
        pin = _pin_from(token.pin)
        for attempt in range(1, _OPENING + 1):
            try:
                return self.token(token.label).open(user_pin=pin)
            except hsm.PKCS11Error as error:
                kind = type(error).__name__
                if kind in _PIN_FAULTS:
                    self._refused.add(token.label)
                    raise KeyMaterialError(
                        f"the token {token.label!r} refused its PIN ({kind})"
                    ) from None
                if attempt == _OPENING or kind not in (*_LOST, "NoSuchToken"):
                    raise SigningError(
                        f"the token {token.label!r} cannot be opened ({kind})"
                    ) from error
            # A token that was away is seen only by a module that begins anew.
            time.sleep(0.02 * 2**attempt)
            self.forget()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def token(self, label: str) -> pkcs11.Token:
        """Return the token itself, not opened."""
        found: pkcs11.Token = self._library().get_token(token_label=label)
        return found

    def _library(self) -> Any:
        hsm = _hsm()
        try:
            return hsm.lib(self.path)
        except hsm.PKCS11Error as error:
            # The base class itself stands for a file that is not a module.
            if type(error) is not hsm.PKCS11Error:
                raise
            raise KeyMaterialError(f"the PKCS #11 module {self.path} cannot be loaded") from error

    def forget(self) -> None:
        """Give up every session and initialise the module anew; call it under the lock."""
        self._sessions.clear()
        self.generation += 1
        self._library().reinitialize()

    def close(self, token: Pkcs11Token) -> None:
        """Close the session of a token, and log out with it."""
        self._refused.discard(token.label)
        session = self._sessions.pop(token.label, None)
        self.generation += 1
        if session is not None:
            try:
                session.close()
            except _hsm().PKCS11Error:
                pass  # it was lost already


# A PKCS #11 module is initialised once for a process, whoever asks: this mirrors it.
_modules: dict[str, _Module] = {}
_modules_lock = RLock()


def _module_at(path: str) -> _Module:
    with _modules_lock:
        return _modules.setdefault(path, _Module(path))


class Pkcs11Token:
    """A token of a PKCS #11 module, described: nothing is opened before a key of it is used.

    It can be pickled; another process opens the token for itself.

    Args:
        module: The path of the module, such as ``/usr/lib/softhsm/libsofthsm2.so``.
        label: The token's label.
        pin: Where the user's PIN lies: ``env:NAME`` for a variable of the environment,
            ``file:PATH`` for a file that its owner alone may read, or a function that returns it.
            The PIN itself is never taken, kept or shown.

    Raises:
        KeyMaterialError: `pin` is something else.

    """

    __slots__ = ("label", "module", "pin")

    module: str
    """The path of the module."""
    label: str
    """The token's label."""
    pin: PinSource
    """Where the PIN lies."""

    def __init__(self, module: str | Path, label: str, pin: PinSource) -> None:
        if isinstance(pin, str) and not _PIN_PLACE.match(pin):
            # What was given is not repeated: it may be the PIN.
            raise KeyMaterialError("pin must be env:NAME, file:PATH or a function")
        put = object.__setattr__
        put(self, "module", str(module))
        put(self, "label", label)
        put(self, "pin", pin)

    @classmethod
    def from_uri(cls, uri: str) -> Pkcs11Token:
        """Return the token that a ``pkcs11:`` URI describes: see `Pkcs11Key.from_uri`."""
        return _read_uri(uri)[0]

    def key(self, label: str | None = None, *, key_id: bytes | None = None) -> Pkcs11Key:
        """Return the key of this label, of this identifier (``CKA_ID``), or of both."""
        return Pkcs11Key(self, label, key_id=key_id)

    def make_key(
        self, label: str, kind: str = "P-256", *, key_id: bytes | None = None
    ) -> Pkcs11Key:
        """Make a key pair in the token, which never leaves it, and return it.

        Args:
            label: The label of both halves; no key may have it yet.
            kind: ``P-256``, ``P-384``, ``P-521``, ``RSA-2048``, ``RSA-3072`` or ``RSA-4096``.
            key_id: The identifier of both halves; by default a random one of 8 bytes.

        Raises:
            KeyMaterialError: There is such a key already, or an unknown kind.
            SigningError: The token failed.

        """
        size = {f"RSA-{bits}": bits for bits in (2048, 3072, 4096)}.get(kind)
        if size is None and kind not in _CURVE_OF:
            raise KeyMaterialError(f"a token makes no keys of the kind {kind!r}")
        identifier = secrets.token_bytes(8) if key_id is None else key_id
        hsm, module = _hsm(), _module_at(self.module)
        with module.lock:
            module.check_process()
            try:
                session = module.session(self)
                if _objects(session, hsm.ObjectClass.PRIVATE_KEY, label, None):
                    raise KeyMaterialError(f"the token has a key {label!r} already")
                # The login is the token's: this session needs none, and goes at once.
                with module.token(self.label).open(rw=True) as writing:
                    named: dict[str, Any] = {"store": True, "label": label, "id": identifier}
                    if size is not None:
                        writing.generate_keypair(hsm.KeyType.RSA, size, **named)
                    else:
                        names = {curve.name: oid for oid, curve in _CURVES.items()}
                        parameters = {hsm.Attribute.EC_PARAMS: names[_CURVE_OF[kind]]}
                        writing.create_domain_parameters(
                            hsm.KeyType.EC, parameters, local=True
                        ).generate_keypair(**named)
            except hsm.PKCS11Error as error:
                raise SigningError(f"the token failed ({type(error).__name__})") from error
        return Pkcs11Key(self, label, key_id=identifier)

    def close(self) -> None:
        """Close the session and log out; the next use of a key opens it again."""
        module = _module_at(self.module)
        with module.lock:
            module.check_process()
            module.close(self)

    def __repr__(self) -> str:
        return f"<Pkcs11Token {self.label!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pkcs11Token):
            return NotImplemented
        return (self.module, self.label) == (other.module, other.label)

    def __hash__(self) -> int:
        return hash((self.module, self.label))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Pkcs11Token is immutable")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.module, self.label, self.pin)


class Pkcs11Key:
    """A private key in a token, described: nothing is opened before it is used.

    Any number of threads may share one, and take turns. It can be pickled: another process, started
    with spawn, opens the token for itself. Give `signer` the certificate for an issuer.

    Args:
        token: The token.
        label: The key's label; None for any.
        key_id: The key's identifier (``CKA_ID``); None for any.

    Raises:
        KeyMaterialError: Neither a label nor an identifier is given.

    """

    __slots__ = ("_found", "_known", "key_id", "label", "token")

    token: Pkcs11Token
    """The token."""
    label: str | None
    """The key's label; None for any."""
    key_id: bytes | None
    """The key's identifier (``CKA_ID``); None for any."""

    def __init__(
        self, token: Pkcs11Token, label: str | None = None, *, key_id: bytes | None = None
    ) -> None:
        if label is None and key_id is None:
            raise KeyMaterialError("a key of a token needs a label or a key_id")
        self.token = token
        self.label = label
        self.key_id = key_id
        self._known: PublicKey | None = None
        self._found: tuple[int, pkcs11.PrivateKey] | None = None

    @classmethod
    def from_uri(cls, uri: str) -> Pkcs11Key:
        """Return the key that a URI describes (RFC 7512).

        ``pkcs11:token=LABEL;object=LABEL?module-path=PATH&pin-source=env:NAME`` names the module,
        the token, the key by ``object``, ``id`` or both, and where the PIN lies (``env:NAME`` goes
        beyond the RFC). Characters outside of A to Z are percent-encoded.

        Raises:
            KeyMaterialError: An attribute is missing, unknown, or the PIN itself (``pin-value``),
                which others would see.

        """
        token, label, identifier = _read_uri(uri)
        return cls(token, label, key_id=identifier)

    @property
    def public_key(self) -> PublicKey:
        """The public half, as the token states it.

        Raises KeyMaterialError if the token does not state it, or there is no such key.
        """
        return self._use(self._read_public)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest: r and s, or RSASSA-PSS as passes have it.

        A session that was lost is opened again, once. Raises SigningError if the token fails, and
        KeyMaterialError if it has no such key or refuses its PIN.
        """
        return self._use(lambda: _sign(self._private(), digest))

    __call__ = sign_digest

    def signer(self, certificate: Certificate | Material, *, kid: bytes | None = None) -> Signer:
        """Return a signer with this key, after a signature that shows that it is the key.

        Raises KeyMaterialError if the certificate is for another key, and what `sign_digest`
        raises.
        """
        own = Certificate.load(certificate)
        expected = _pass_key(own.public_key)
        try:
            stated: PublicKey | None = self.public_key
        except _NotStatedError:
            stated = None
        if stated is not None and stated != expected:
            raise KeyMaterialError("the certificate is for another key than the token's")
        signer = Signer.remote(own, self, kid=kid)
        signer.sign(secrets.token_bytes(32))
        self._known = expected
        return signer

    def private_key(self) -> PrivateKey:
        """Return a `cryptography` private key that signs in the token, and cannot be exported.

        It is for certificates and requests: `coronapas.keys.make_csca` and `make_request` take it.
        """
        public = self.public_key
        if isinstance(public, ec.EllipticCurvePublicKey):
            return _TokenEcKey(self, public)
        return _TokenRsaKey(self, public)

    def close(self) -> None:
        """Close the token's session, which all its keys share."""
        self._found = None
        self.token.close()

    def _sign_with(self, data: bytes, **mechanism: Any) -> bytes:
        return self._use(lambda: bytes(self._private().sign(data, **mechanism)))

    def _use(self, work: Callable[[], _Found]) -> _Found:
        """Do something in the token's session, and once more in a new one if that was lost."""
        hsm, module = _hsm(), _module_at(self.token.module)
        with module.lock:
            module.check_process()
            try:
                return work()
            except hsm.PKCS11Error as error:
                if type(error).__name__ not in _LOST:
                    raise SigningError(f"the token failed ({type(error).__name__})") from error
            try:
                module.forget()
                return work()
            except hsm.PKCS11Error as error:
                raise SigningError(
                    f"the token failed, and opening it again did not help ({type(error).__name__})"
                ) from error

    def _private(self) -> Any:
        """Return the private key's object in the present session."""
        module = _module_at(self.token.module)
        session = module.session(self.token)
        if self._found is None or self._found[0] != module.generation:
            hsm = _hsm()
            found = self._one(session, hsm.ObjectClass.PRIVATE_KEY)
            if self._known is not None:
                try:
                    if self._read_public() != self._known:
                        raise SigningError("the token has another key under this name now")
                except _NotStatedError:
                    pass  # every signature is checked anyway
            self._found = module.generation, found
        return self._found[1]

    def _one(self, session: pkcs11.Session, kind: Any) -> Any:
        found = _objects(session, kind, self.label, self.key_id)
        if not found:
            raise KeyMaterialError(f"the token has no {_described(self)}")
        if len(found) > 1:
            raise KeyMaterialError(f"the token has several keys for {_described(self)}")
        return found[0]

    def _read_public(self) -> PublicKey:
        hsm = _hsm()
        session = _module_at(self.token.module).session(self.token)
        kinds = (hsm.ObjectClass.PUBLIC_KEY, hsm.ObjectClass.PRIVATE_KEY)
        private = self._one(session, kinds[1])
        for item in (*_objects(session, kinds[0], self.label, self.key_id), private):
            public = _public_of(item)
            if public is not None:
                return public
        raise _NotStatedError("the token does not state the public key: give the certificate")

    def __repr__(self) -> str:
        return f"<Pkcs11Key {_described(self)} of {self.token.label!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_key, (self.token, self.label, self.key_id)


class _NotStatedError(KeyMaterialError):
    """A token that does not state a public key."""


def _rebuild_key(token: Pkcs11Token, label: str | None, identifier: bytes | None) -> Pkcs11Key:
    return Pkcs11Key(token, label, key_id=identifier)


def _described(key: Pkcs11Key) -> str:
    parts = [] if key.label is None else [f"key {key.label!r}"]
    return " ".join([*parts, *([] if key.key_id is None else [f"id {key.key_id.hex()}"])])


def _objects(
    session: pkcs11.Session, kind: Any, label: str | None, identifier: bytes | None
) -> list[Any]:
    attributes = _hsm().Attribute
    wanted: dict[Any, Any] = {attributes.CLASS: kind}
    if label is not None:
        wanted[attributes.LABEL] = label
    if identifier is not None:
        wanted[attributes.ID] = identifier
    return list(session.get_objects(wanted))


def _public_of(item: Any) -> PublicKey | None:
    """Return the public key that an object of a token states; None where it states none."""
    hsm = _hsm()
    attributes = hsm.Attribute
    try:
        if item.key_type is hsm.KeyType.RSA:
            modulus = int.from_bytes(item[attributes.MODULUS], "big")
            exponent = int.from_bytes(item[attributes.PUBLIC_EXPONENT], "big")
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        if item.key_type is not hsm.KeyType.EC:
            raise KeyMaterialError(f"passes cannot be signed with a {item.key_type.name} key")
        curve = _CURVES.get(item[attributes.EC_PARAMS])
        if curve is None:
            raise KeyMaterialError("the token's key is on a curve that is not known here")
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, _point(item))
    except hsm.PKCS11Error:
        return None  # a private key often states nothing of its public half
    except ValueError as error:
        if isinstance(error, KeyMaterialError):
            raise
        raise KeyMaterialError("the token states a public key that cannot be read") from error


def _point(item: Any) -> bytes:
    """Return the point of a key: the content of the OCTET STRING that ``CKA_EC_POINT`` is."""
    stated = bytes(item[_hsm().Attribute.EC_POINT])
    # Some modules state the bare point, which begins with 4 too: then the length does not fit.
    head = 3 if stated[1:2] == b"\x81" else 2
    if stated[:1] == b"\x04" and len(stated) > head and stated[head - 1] == len(stated) - head:
        return stated[head:]
    return stated


def _sign(private: Any, digest: bytes) -> bytes:
    hsm = _hsm()
    if private.key_type is hsm.KeyType.RSA:
        sha256, mgf = hsm.Mechanism.SHA256, hsm.MGF.SHA256
        return bytes(
            private.sign(
                digest,
                mechanism=hsm.Mechanism.RSA_PKCS_PSS,
                mechanism_param=(sha256, mgf, len(digest)),
            )
        )
    return bytes(private.sign(digest, mechanism=hsm.Mechanism.ECDSA))


def _pin_from(source: PinSource) -> str:
    """Return the PIN; no error says what was found."""
    if not isinstance(source, str):
        found = source()
    elif source.startswith("env:"):
        name = source.removeprefix("env:")
        if name not in os.environ:
            raise KeyMaterialError(f"the variable {name} with the token's PIN is not set")
        found = os.environ[name]
    else:
        found = _pin_in(Path(source.removeprefix("file:")))
    if not found:
        raise KeyMaterialError("the token's PIN must not be empty")
    return found


def _pin_in(path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise KeyMaterialError(f"{path}: a file with a PIN must be its owner's alone (0400)")
        content = files.read(path, _LONGEST_PIN)
    except OSError as error:
        raise KeyMaterialError(f"{path}: the file cannot be read") from error
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # Not chained: the error repeats the content.
        raise KeyMaterialError(f"{path}: the file is not UTF-8") from None


def _read_uri(uri: str) -> tuple[Pkcs11Token, str | None, bytes | None]:
    """Return the token, and the label and the identifier of the key, that a URI describes."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    if scheme != "pkcs11":
        raise KeyMaterialError("the URI of a key in a token begins with pkcs11:")
    given: dict[str, str] = {}
    for part in [*path.split(";"), *query.split("&")]:
        name, _, value = part.partition("=")
        if name in given:
            raise KeyMaterialError(f"the pkcs11 URI states {name} twice")
        if name == "pin-value":
            raise KeyMaterialError("the pkcs11 URI states a PIN: give its place, pin-source")
        if name and name not in ("token", "object", "id", "type", "module-path", "pin-source"):
            # Not repeated: who knows what was pasted there.
            raise KeyMaterialError("the pkcs11 URI states an attribute that is not known here")
        if name:
            given[name] = value
    for name in ("token", "module-path", "pin-source"):
        if not given.get(name):
            raise KeyMaterialError(f"the pkcs11 URI states no {name}")
    source = unquote(given["pin-source"])
    # RFC 7512, section 2.4: an absolute path may stand without its scheme.
    source = f"file:{source}" if source.startswith("/") else source
    token = Pkcs11Token(unquote(given["module-path"]), unquote(given["token"]), source)
    label = unquote(given["object"]) if "object" in given else None
    return token, label, unquote_to_bytes(given["id"]) if "id" in given else None


def _hashed(data: bytes, algorithm: object) -> bytes:
    if isinstance(algorithm, Prehashed):
        return data
    if not isinstance(algorithm, hashes.HashAlgorithm):
        raise KeyMaterialError("a key of a token signs by a hash")
    return hashlib.new(algorithm.name, data).digest()


class _TokenKey:
    """What both kinds of private keys in a token share."""

    def __init__(self, key: Pkcs11Key) -> None:
        self._key = key

    def _stays(self, *_arguments: object, **_named: object) -> NoReturn:
        raise KeyMaterialError("a key in a token cannot be exported")

    private_bytes = private_numbers = exchange = decrypt = _stays

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


class _TokenEcKey(_TokenKey, ec.EllipticCurvePrivateKey):
    """An elliptic-curve key in a token, for `cryptography`."""

    def __init__(self, key: Pkcs11Key, public: ec.EllipticCurvePublicKey) -> None:
        super().__init__(key)
        self._public = public

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        digest = _hashed(data, signature_algorithm.algorithm)
        raw = self._key._sign_with(digest, mechanism=_hsm().Mechanism.ECDSA)
        return signatures.to_der(raw)


class _TokenRsaKey(_TokenKey, rsa.RSAPrivateKey):
    """An RSA key in a token, for `cryptography`."""

    def __init__(self, key: Pkcs11Key, public: rsa.RSAPublicKey) -> None:
        super().__init__(key)
        self._public = public

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Any, padding_: padding.AsymmetricPadding, algorithm: Any) -> bytes:
        digest = _hashed(data, algorithm)
        hsm = _hsm()
        if isinstance(padding_, padding.PSS):
            return self._key._use(lambda: _sign(self._key._private(), digest))
        return self._key._sign_with(_DIGEST_INFO + digest, mechanism=hsm.Mechanism.RSA_PKCS)

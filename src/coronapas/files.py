"""Read files up to a bound, and write them whole or not at all.

Every store, key and list that this library saves goes through here. A file that a program writes
for itself, a pass or a picture, can do so too: after a crash the old content stands or the new,
never a part.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MODE", "SECRET_MODE", "read", "write"]

MODE: Final = 0o644
"""Permissions of a new file, before the process's umask."""

SECRET_MODE: Final = 0o600
"""Permissions of a new file that only its owner may read."""

_CHUNK: Final = 1024 * 1024
_LEFTOVER_AGE: Final = 3600.0
_SUFFIX: Final = ".partial"


def read(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the bytes of a file, or its first `limit` + 1 where it has more; raises OSError.

    Memory grows with what is there, not with the limit, for pipes and devices too.
    """
    left = limit + 1
    with Path(path).open("rb") as file:
        # A file of known size is read at once, without a second copy; a pipe states 0.
        chunks = [file.read(min(os.fstat(file.fileno()).st_size + 1, left))]
        left -= len(chunks[0])
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            chunks.append(chunk)
            left -= len(chunk)
    return b"".join(chunks)


def write(
    path: str | os.PathLike[str],
    content: bytes | Iterable[bytes | memoryview],
    *,
    secret: bool = False,
    replace: bool = True,
) -> None:
    """Write a file whole or not at all, synchronised to the disk.

    The bytes go to a temporary file in the same folder, which then takes the file's place in one
    step. A file that is replaced keeps its permissions, and a symbolic link is followed to the
    file that it leads to. Where anything fails, the old file stays and the temporary one goes. A
    killed process leaves nothing behind on Linux, where the temporary file has no name; elsewhere
    the next write of the same file removes what is left, once it is an hour old. What is not a
    regular file (a device, a pipe) is written to in place.

    Args:
        path: The file to write; its folder must exist.
        content: The bytes, or pieces of them in their order.
        secret: Whether only the owner may read and write the file, from the moment it exists.
        replace: Whether a file that exists is replaced; otherwise it is a FileExistsError.

    Raises:
        OSError: The file cannot be written.

    """
    pieces = (content,) if isinstance(content, bytes) else content
    if not replace:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
        _create(Path(path), pieces, SECRET_MODE if secret else MODE, _link)
        return
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if mode is not None and not stat.S_ISREG(mode):
        with Path(path).open("wb") as file:
            file.writelines(pieces)
        return
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    _create(target, pieces, SECRET_MODE if secret else MODE, os.replace, _kept(mode, secret))
    _remove_leftovers(target)


def _mode(path: str | os.PathLike[str]) -> int | None:
    """Return the mode of what a path leads to; None where there is nothing."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _kept(mode: int | None, secret: bool) -> int | None:
    """Return the permissions that a file takes over from the one it replaces, if any."""
    if mode is None:
        return None
    permissions = stat.S_IMODE(mode)
    return (permissions & SECRET_MODE or SECRET_MODE) if secret else permissions


def _create(
    target: Path,
    pieces: Iterable[bytes | memoryview],
    mode: int,
    place: Callable[[Path, Path], None],
    permissions: int | None = None,
) -> None:
    """Write a temporary file beside `target` and let `place` move it there."""
    temporary = target.with_name(f"{_beginning(target)}{secrets.token_hex(8)}{_SUFFIX}")
    # Until it has its permissions, nobody else may open what replaces a private file.
    first = mode if permissions is None else mode & SECRET_MODE
    with _unnamed(target.parent, first) as descriptor:
        if descriptor is None:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, first)
            named = True
        else:
            named = False
        try:
            with os.fdopen(descriptor, "wb", closefd=named) as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            if not named:
                _name(descriptor, temporary)
            if permissions is not None:
                temporary.chmod(permissions)
            place(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    _sync(target.parent)


def _beginning(target: Path) -> str:
    """Return how the names of the temporary files of `target` begin, short however long its is."""
    return f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}."


@contextlib.contextmanager
def _unnamed(folder: Path, mode: int) -> Iterator[int | None]:
    """Open a file without a name, which ends with its process; None where that cannot be done."""
    flag = getattr(os, "O_TMPFILE", 0)
    descriptor = None
    if flag and os.path.isdir("/proc/self/fd"):
        # Not every file system can; those that cannot say so in several ways.
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, flag | os.O_WRONLY, mode)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _name(descriptor: int, path: Path) -> None:
    """Give a name to a file that has none."""
    # The descriptor of the folder makes Python call linkat, the only call that can do this.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _link(temporary: Path, target: Path) -> None:
    """Move a file to a name that must be free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target)) from None
    except (OSError, NotImplementedError):
        # A file system without hard links: the name is taken first, and then replaced.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE))
        temporary.replace(target)
        return
    temporary.unlink()


def _sync(folder: Path) -> None:
    """Make a new name last through a power cut, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed writers of the same file left behind."""
    start = _beginning(target)
    # A younger one may belong to a writer that is still at work.
    oldest = time.time() - _LEFTOVER_AGE
    with contextlib.suppress(OSError):
        for entry in os.scandir(target.parent):
            ours = entry.name.startswith(start) and entry.name.endswith(_SUFFIX)
            if ours and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)

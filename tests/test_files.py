"""Files are read up to a bound, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["without a name", "with a name"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of temporary file: the nameless one of Linux, and the one for everywhere else."""
    if request.param == "with a name":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("needs O_TMPFILE")


@pytest.mark.usefixtures("either_way")
def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents: list[tuple[bytes | Iterable[bytes | memoryview], bytes]] = [
        (b"first", b"first"),
        (b"", b""),
        ([b"in ", memoryview(b"pieces")], b"in pieces"),
    ]
    for content, written in contents:
        files.write(path, content)
        assert path.read_bytes() == written
        assert os.listdir(tmp_path) == ["file"]


@pytest.mark.usefixtures("either_way")
def test_a_new_file_has_the_usual_permissions_and_a_secret_one_its_owner_s(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write(tmp_path / "open", b"")
        files.write(tmp_path / "secret", b"", secret=True)
        files.write(tmp_path / "other secret", b"", secret=True, replace=False)
    finally:
        os.umask(before)
    assert mode(tmp_path / "open") == 0o640
    assert mode(tmp_path / "secret") == mode(tmp_path / "other secret") == 0o600


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("before", "secret", "after"),
    [
        (0o600, False, 0o600),
        (0o664, False, 0o664),
        (0o640, False, 0o640),
        (0o600, True, 0o600),
        (0o400, True, 0o400),
        (0o644, True, 0o600),
        (0o044, True, 0o600),
    ],
)
def test_a_file_that_is_replaced_keeps_its_permissions(
    tmp_path: Path, before: int, secret: bool, after: int
) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(before)
    files.write(path, b"new", secret=secret)
    assert mode(path) == after
    path.chmod(0o600)
    assert path.read_bytes() == b"new"


@pytest.mark.usefixtures("either_way")
def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link, second = tmp_path / "there" / "file", tmp_path / "link", tmp_path / "second"
    link.symlink_to(Path("there") / "file")
    second.symlink_to(link)
    for content in (b"made", b"replaced"):
        files.write(second, content)
        assert target.read_bytes() == content
        assert link.is_symlink()
        assert second.is_symlink()
    assert os.listdir(target.parent) == ["file"]


def test_a_link_to_itself_is_an_error_and_stays(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        files.write(link, b"")
    assert link.is_symlink()


@pytest.mark.usefixtures("either_way")
def test_a_file_that_exists_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, b"mine", replace=False)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (path, tmp_path / "link"):
        with pytest.raises(FileExistsError):
            files.write(taken, b"other", replace=False)
    assert path.read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


@pytest.mark.usefixtures("either_way")
def test_a_file_that_appears_while_another_is_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(FileExistsError):
        files.write(path, b"other", replace=False)
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["file"]


def test_without_hard_links_a_file_is_still_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"
    files.write(path, b"mine", replace=False)
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(FileExistsError):
        files.write(path, b"other", replace=False)
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    path = tmp_path / "file"
    files.write(path, b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="no space"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.usefixtures("either_way")
def test_content_that_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> object:
        yield b"first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "file", pieces())  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


KILLED = """
import os, signal, sys
from coronapas import files
def pieces():
    yield b"secret"
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "named":
    del os.O_TMPFILE
files.write(sys.argv[1], pieces(), secret=True)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs O_TMPFILE")
@pytest.mark.parametrize("how", ["nameless", "named"])
def test_what_a_killed_writer_leaves_is_gone_at_once_or_with_the_next_write(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "file"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), how], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert len(left) == (how == "named")
    files.write(path, b"next")
    assert set(tmp_path.iterdir()) == {path, *left}, "a young one may still be written to"
    for leftover in left:
        assert mode(leftover) == 0o600
        os.utime(leftover, (time.time() - 7200, time.time() - 7200))
    strange = tmp_path / ".other.partial"
    strange.touch()
    os.utime(strange, (0, 0))
    files.write(path, b"after")
    assert set(tmp_path.iterdir()) == {path, strange}


def test_a_name_may_be_as_long_as_the_file_system_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("k" * 255, "ø" * 127):
        files.write(tmp_path / name, b"content")
        assert (tmp_path / name).read_bytes() == b"content"


def test_a_folder_is_an_error_and_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path, b"")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    files.write(pipe, b"content")
    reader.join(10)
    assert found == [b"content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_that_cannot_be_synchronised_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    files._sync(tmp_path)


@given(content=st.binary(max_size=40), limit=st.integers(0, 50))
def test_a_file_is_read_up_to_one_byte_beyond_the_bound(content: bytes, limit: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        assert files.read(path, limit) == content[: limit + 1]


def test_a_pipe_and_an_endless_device_are_read_up_to_the_bound(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_bytes(b"12345"))
    writer.start()
    assert files.read(pipe, 100) == b"12345"
    writer.join(10)
    assert files.read("/dev/zero", 1000) == bytes(1001)

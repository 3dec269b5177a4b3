"""The examples of the README and of docs/ are run, each page from its top to its end.

- ``python`` blocks of one page share their names. A ``text`` block right after one is what it
  prints, and is compared like the output of a command.
- ``console`` blocks: each command that starts with ``$ coronapas`` is run by a shell, and what it
  prints is compared with what the page shows, white space aside; ``…`` or ``...`` stands for
  anything. A command is to exit with 0, or with what ``<!-- exit: 1 -->`` before the block says.
- ``<!-- no-run: reason -->`` before a block lets it be.

All blocks of a page run in one empty folder.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})\s*\{?\.?(?P<language>[\w+-]*)")
MARK = re.compile(r"<!--\s*(?P<name>no-run|exit):\s*(?P<value>.*?)\s*-->\s*\Z")
RUN = {"python", "console"}
SHOWN = {"", "sh", "json", "yaml", "toml", "text", "csv", "mermaid", "makefile", "markdown", "html"}
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)(#[^)]*)?\)")


class PageError(AssertionError):
    """A page whose examples cannot be read, or do not hold."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is the number of its first line of code."""

    language: str
    code: str
    line: int
    status: int = 0
    run: bool = True


def blocks(text: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    found = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        at += 1
        if not opened:
            continue
        start = at
        while at < len(lines) and not re.fullmatch(rf"\s*{opened['fence']}[`~]*\s*", lines[at]):
            at += 1
        if at == len(lines):
            raise PageError(f"line {start}: this block is never closed")
        code = textwrap.dedent("\n".join(lines[start:at])) + "\n"
        mark = MARK.search("\n".join(lines[max(0, start - 4) : start - 1]))
        at += 1
        if mark and mark["name"] == "no-run" and not mark["value"]:
            raise PageError(f"line {start}: say why the block is not run")
        found.append(
            Block(
                opened["language"],
                code,
                start + 1,
                status=int(mark["value"]) if mark and mark["name"] == "exit" else 0,
                run=not (mark and mark["name"] == "no-run"),
            )
        )
    return found


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block with what each is to print; a backslash continues one."""
    found: list[tuple[str, str]] = []
    lines = iter(block.code.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = f"{command[:-1]} {next(lines, '').removeprefix('>').strip()}"
            found.append((command, ""))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
        elif line.strip():
            raise PageError(f"line {block.line}: output before any command")
    return found


def same_output(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; a page that shows nothing promises nothing."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wanted = shown.replace("…", "...").strip() + "\n"
    check = doctest.OutputChecker().check_output
    return not wanted.strip() or check(wanted, printed.strip() + "\n", flags)


def run_python(block: Block, page: str, names: dict[str, object]) -> str:
    """Run the block; gives what it printed."""
    # Empty lines in front make a traceback point at the page's own line.
    code = compile("\n" * (block.line - 1) + block.code, page, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    return printed.getvalue()


def run_console(block: Block, page: str, folder: Path) -> None:
    shim = f'coronapas() {{ "{sys.executable}" -m coronapas "$@"; }}'
    for command, shown in commands(block):
        if not command.startswith("coronapas "):
            continue
        run = subprocess.run(
            ["/bin/sh", "-c", f"{shim}\n{command}"],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        if run.returncode != block.status or not same_output(shown, run.stdout):
            raise PageError(
                f"{page}, block at line {block.line}\n$ {command}\nexit {run.returncode}, "
                f"not {block.status}, or other than shown:\n{run.stdout}"
            )


def run_page(text: str, page: str, folder: Path) -> None:
    """Run every example of a page in `folder`."""
    names: dict[str, object] = {"__name__": "page"}
    printed: str | None = None
    for block in blocks(text):
        before, printed = printed, None
        if not block.run:
            continue
        if block.language == "text":
            if before is not None and not same_output(block.code, before):
                raise PageError(
                    f"{page}, block at line {block.line}: other than printed:\n{before}"
                )
        elif block.language not in RUN:
            continue
        elif block.language == "python":
            printed = run_python(block, page, names)
        elif importlib.util.find_spec("coronapas.cli") is None:
            pytest.skip("this page's commands need coronapas.cli, which is not there")
        else:
            run_console(block, page, folder)


def pages() -> list[Path]:
    return [*PROJECT.glob("README.md"), *sorted((PROJECT / "docs").rglob("*.md"))]


def shown(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def has_examples(path: Path) -> bool:
    found = blocks(path.read_text("utf-8"))
    return any(block.run and block.language in RUN for block in found)


@pytest.mark.parametrize("page", [path for path in pages() if has_examples(path)], ids=shown)
def test_the_examples_of_a_page_hold(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(page.read_text("utf-8"), shown(page), tmp_path)


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_example_escapes_by_its_language(page: Path) -> None:
    unknown = {block.language for block in blocks(page.read_text("utf-8"))} - RUN - SHOWN
    assert not unknown, "Write python or console for what is run, sh for what is only shown."


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"(?ms)^\s*(```|~~~).*?^\s*\1", "", page.read_text("utf-8"))
    targets = [link["target"] for link in LINK.finditer(prose)]
    assert [target for target in targets if not (page.parent / target).exists()] == []


PRIVATE = re.compile(r"^\s*(?:from|import)\s+(coronapas\S*)(?:\s+import\s+(.+))?$", re.MULTILINE)


def private_names(code: str) -> list[str]:
    """What an example imports from behind a door."""
    found = []
    for module, names in PRIVATE.findall(code):
        parts = [*module.split("."), *re.split(r"[\s,()]+", names)]
        found += [part for part in parts if part.startswith("_") and part != "__version__"]
    return found


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_the_examples_of_a_page_import_public_names_alone(page: Path) -> None:
    code = "".join(block.code for block in blocks(page.read_text("utf-8")))
    assert private_names(code) == []


def test_a_private_name_in_an_example_is_found() -> None:
    assert private_names("from coronapas.trust import TrustStore\nimport coronapas\n") == []
    assert private_names("from coronapas.trust._lists import jwks\n") == ["_lists"]
    assert private_names("  from coronapas.hcert import a, _base45 as b\n") == ["_base45"]
    assert private_names("import coronapas._json\n") == ["_json"]


NAME = re.compile(r"`coronapas\.(?P<path>[A-Za-z_][\w.]*\w)")


def unknown_names(prose: str) -> list[str]:
    """The full names in a text that no door offers."""
    unknown = []
    for match in NAME.finditer(prose):
        found: object = importlib.import_module("coronapas")
        for part in match["path"].split("."):
            room = f"coronapas.{part}"
            if part.startswith("_"):
                found = None
            elif found is not None and importlib.util.find_spec(room):
                found = importlib.import_module(room)
            else:
                found = getattr(found, part, None)
        if found is None:
            unknown.append(match["path"])
    return unknown


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_the_full_names_on_a_page_are_public(page: Path) -> None:
    assert unknown_names(page.read_text("utf-8")) == []


def test_a_name_that_no_door_offers_is_found() -> None:
    text = "`coronapas.trust.TrustStore` `coronapas.dcc.claims.build` `coronapas.trust._store`"
    assert unknown_names(text) == ["dcc.claims.build", "trust._store"]


FILE = re.compile(r"`(?P<path>(?:[\w-]+/)*[\w-]+\.(?:py|schema\.json))`")


def absent_files(prose: str) -> list[str]:
    """The files of the project that a text names and that are not there."""
    folders = (PROJECT, PROJECT / "src" / "coronapas")
    named = {match["path"] for match in FILE.finditer(prose)}
    return sorted(name for name in named if not any((at / name).exists() for at in folders))


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    assert absent_files(page.read_text("utf-8")) == []


def test_a_file_that_is_not_there_is_found() -> None:
    assert absent_files("`tests/test_docs.py` `hcert/_cose.py` `hcert/cose.py`") == [
        "hcert/cose.py"
    ]


def test_blocks_of_one_page_share_their_names(tmp_path: Path) -> None:
    first, indented = "```python\na = 1\n```\n", "1. x\n\n    ```python\n    {}\n    ```\n"
    run_page(first + indented.format("assert a == 1"), "p", tmp_path)
    with pytest.raises(AssertionError):
        run_page(first + indented.format("assert a == 2"), "p", tmp_path)


def test_an_example_that_fails_fails_the_page_at_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("one\n\n```python\nfine = 1\n1 / 0\n```\n", "page.md", tmp_path)
    last = caught.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("page.md", 5)


def test_a_text_right_after_an_example_is_what_the_example_prints(tmp_path: Path) -> None:
    example, output = "```python\nprint('one two')\n```\n", "```text\n{}\n```\n"
    run_page(example + output.format("one …"), "p", tmp_path)
    with pytest.raises(PageError, match="line 6: other than printed:\none two"):
        run_page(f"{example}\n{output.format('two')}", "p", tmp_path)
    run_page(output.format("of nothing") + example, "p", tmp_path)
    run_page(f"{example}```sh\nls\n```\n" + output.format("of something else"), "p", tmp_path)
    run_page(f"{example}<!-- no-run: another -->\n{output.format('two')}", "p", tmp_path)


def test_a_block_is_let_be_only_with_a_reason(tmp_path: Path) -> None:
    run_page("<!-- no-run: needs a printer -->\n\n```python\n1 / 0\n```\n", "p", tmp_path)
    with pytest.raises(PageError, match="say why"):
        blocks("<!-- no-run: -->\n```python\n1 / 0\n```\n")
    assert blocks("<!-- no-run: for the first -->\n```python\n```\n```python\n```\n")[1].run


def test_a_block_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(PageError, match="never closed"):
        blocks("```python\nx = 1\n")


def test_console_blocks_are_read_as_commands_and_what_they_print() -> None:
    block = Block("console", "$ coronapas a \\\n>   b\none\ntwo\n$ ls\n", 1)
    assert commands(block) == [("coronapas a  b", "one\ntwo\n"), ("ls", "")]
    with pytest.raises(PageError, match="output before"):
        commands(Block("console", "one\n", 1))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("", "anything", True),
        ("a  b\n", "a b", True),
        ("a … c", "a b c", True),
        ("a ... c", "a b c", True),
        ("a … d", "a b c", False),
        ("a", "", False),
    ],
)
def test_output_is_compared_loosely_but_compared(shown: str, printed: str, same: bool) -> None:
    assert same_output(shown, printed) is same


def fake_cli(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    (folder / "coronapas").mkdir()
    (folder / "coronapas" / "__init__.py").touch()
    (folder / "coronapas" / "__main__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_command_is_run_in_the_page_s_folder_and_judged_by_status_and_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_cli(tmp_path, monkeypatch, "import sys; print('got', *sys.argv[1:]); sys.exit(3)")
    fits = "$ coronapas x 'y z' > out; cat out; false\ngot x y z\n$ ls /none\n"
    run_console(Block("console", fits, 1, status=1), "p", tmp_path)
    assert (tmp_path / "out").is_file()
    with pytest.raises(PageError, match="exit 3"):
        run_console(Block("console", "$ coronapas x\ngot x\n", 1), "p", tmp_path)
    with pytest.raises(PageError, match="got x"):
        run_console(Block("console", "$ coronapas x\ngot y\n", 1, status=3), "p", tmp_path)


def test_the_status_that_a_page_expects_is_read_from_its_mark() -> None:
    assert [block.status for block in blocks("<!-- exit: 1 -->\n```console\n$ x\n```\n")] == [1]

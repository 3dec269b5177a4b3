"""The codes of the wallets room are those of its page, and every one of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from coronapas.tolerances import TOLERANCES
from coronapas.wallets import CREDENTIAL_CHECKS

PROJECT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")
PREFIXES = {name.split()[-1] for name in CREDENTIAL_CHECKS} | {
    *("issue", "present", "session", "status")
}
# Faults of an issuer, which stand in an IssueError; and what a profile must answer for itself.
ELSEWHERE = {"validity.order", "content.other-profile"}
# What the trust policy and revocation data of passes say, in rooms of their own.
OF_OTHER_ROOMS = {
    *("identifier.usage", "identifier.environment", "identifier.test-participant"),
    *("identifier.domain", "revocation.list-expired", "revocation.list-incomplete"),
    *("revocation.entry-expired", "revocation.no-hash"),
}


def codes_in_the_room() -> set[str]:
    found = set()
    for path in (PROJECT / "src" / "coronapas" / "wallets").glob("_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if CODE.fullmatch(node.value) else set()
    return {
        code for code in found - set(TOLERANCES) - ELSEWHERE if code.partition(".")[0] in PREFIXES
    }


def test_the_page_lists_every_code_and_no_other() -> None:
    text = (PROJECT / "docs" / "how-to" / "wallets.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = [code for cell in cells for code in re.findall("`([^`]+)`", cell)]
    codes = [code for code in listed if CODE.fullmatch(code)]
    assert len(codes) == len(set(codes))
    assert set(codes) == codes_in_the_room() | OF_OTHER_ROOMS
    assert not codes_in_the_room() & OF_OTHER_ROOMS

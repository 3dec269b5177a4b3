"""Errors: every class of the package can be copied and pickled, whatever it is made from."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
import coronapas
from coronapas import Issuer, Vaccination, VerificationError, Verifier
from coronapas.certlogic import parse
from coronapas.certlogic._expressions import ValidationError
from coronapas.errors import DecodeError, Fault, FaultsError, IssueError, MissingExtraError
from coronapas.verify._result import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.text(max_size=20)
FAULTS = st.lists(st.builds(Fault, TEXTS, TEXTS, TEXTS, TEXTS), max_size=3)
ISSUES = st.lists(st.builds(ValidationError, st.integers(), TEXTS), max_size=3)
CHECKS = st.lists(st.builds(Check, TEXTS, st.sampled_from(Outcome), TEXTS, TEXTS), max_size=3)

# What the constructors of errors ask for, by the names of their parameters.
ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("code", "extra", "form", "layer", "message", "package", "path", "problem", "reason"), TEXTS
    ),
    "expr": st.none() | st.just(parse({"var": "payload.v.0.dn"})),
    "failures": CHECKS.map(tuple),
    "faults": FAULTS,
    "issues": ISSUES,
    "failed_calls": st.integers(1, 99),
    "position": st.integers(0, 9),
    "retry_after": st.none() | st.floats(0, 99),
}


def classes() -> Iterator[type[BaseException]]:
    """Every class of errors that a module of the package defines."""
    for module in pkgutil.walk_packages(coronapas.__path__, "coronapas."):
        if module.name == "coronapas.__main__":
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, BaseException)
                and value.__module__ == module.name
            ):
                yield value


CLASSES = sorted(classes(), key=lambda each: (each.__module__, each.__name__))


def made(kind: type[BaseException], data: st.DataObject) -> BaseException:
    """An error of this class; KeyError where ARGUMENTS does not know what it is made from."""
    if not inspect.isfunction(kind.__init__):
        return kind(data.draw(TEXTS))
    names = list(inspect.signature(kind).parameters)
    return kind(*(data.draw(ARGUMENTS[name]) for name in names))


def told(error: BaseException) -> tuple[Any, ...]:
    """Everything that an error says of itself."""
    imported = (error.name, error.msg) if isinstance(error, ImportError) else ()
    return type(error), str(error), repr(error), error.args, vars(error), imported


def test_the_walk_finds_the_errors() -> None:
    assert {DecodeError, IssueError, MissingExtraError, VerificationError} <= set(CLASSES)
    assert all(issubclass(each, Exception) for each in CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@settings(max_examples=10)  # of each class: they share the ways in which they are pickled
@given(st.data())
def test_an_error_can_be_copied_and_pickled(kind: type[BaseException], data: st.DataObject) -> None:
    error = made(kind, data)
    error.add_note("seen at the door")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert told(pickle.loads(pickle.dumps(error, protocol))) == told(error)
    assert told(copy.copy(error)) == told(error)
    assert told(copy.deepcopy(error)) == told(error)


def test_an_error_of_a_user_can_be_pickled_too() -> None:
    error = pickle.loads(pickle.dumps(OwnError(7, door="north")))
    assert (str(error), error.number, error.door) == ("7: no", 7, "north")


class OwnError(FaultsError):
    def __init__(self, number: int, *, door: str) -> None:
        super().__init__([Fault(str(number), "own", "no", "")])
        self.args = (f"{number}: no",)
        self.number = number
        self.door = door


def _decode(text: str) -> None:
    coronapas.decode(text)


def _require(verifier: Verifier) -> None:
    verifier.verify("x", backend.NOW).require()


def _issue(issuer: Issuer) -> None:
    unknown = Vaccination("Nothing of the kind", 3, 2, backend.NOW.date())
    issuer.issue(backend.HOLDER, unknown, issued_at=backend.NOW, expires=backend.LATER)


def test_a_pool_of_processes_hands_errors_to_its_caller() -> None:
    issuer = Issuer("DK", backend.dsc().signer())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(DecodeError) as decoding:
            pool.submit(_decode, "HC1:?").result(timeout=60)
        with pytest.raises(VerificationError) as verification:
            pool.submit(_require, Verifier(backend.trust())).result(timeout=60)
    assert decoding.value.code == "base45.illegal-character"
    assert [check.name for check in verification.value.failures] == ["prefix"]
    with pytest.raises(IssueError) as issuing:
        _issue(issuer)
    again = pickle.loads(pickle.dumps(issuing.value))
    assert again.faults == issuing.value.faults

"""What rules are evaluated on: the names and types of the DCC and of ``external``.

Every name that a path may follow is known: the fields of all releases of the DCC schema (tables of
`coronapas.dcc._schema`), and the members of ``external`` (`coronapas.rules._subject`). `Reading`
works out, for one expression, what each part may give on such data; nothing is guessed, so that a
part that gives nothing is refused whatever the pass states. From that come the findings

- ``logic.unknown-field``, ``logic.unknown-external``, ``logic.unknown-value-set``: a path that
  leads nowhere in any pass;
- ``logic.other-kind``: a rule for one kind of pass that reads another kind's events;
- ``logic.type``: an operation that the types of the fields rule out;
- ``logic.result``: a result that is neither true nor false;
- ``logic.never-decides``: a rule that is OPEN for every pass of a kind that it judges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from coronapas.certlogic._analysis import (
    ARRAY,
    BOOLEAN,
    DATE_TIME,
    FRACTION,
    INTEGER,
    JSON,
    NULL,
    OBJECT,
    STRING,
    Kinds,
    data_accesses,
    issues,
    names,
)
from coronapas.certlogic._expressions import (
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
    ExtractFromUVCI,
    If,
    In,
    Literal,
    Not,
    Plus,
    PlusTime,
    Reduce,
    Var,
    children,
    operator_of,
)
from coronapas.dcc import _schema as schema
from coronapas.errors import Fault
from coronapas.rules._model import CertificateType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from coronapas.certlogic import Expr
    from coronapas.certlogic._analysis import Kind

MAX_SHOWN: Final = 100
"""The longest path that a message shows, in characters."""

MAX_FAULTS: Final = 200
"""No more paths than this are looked into for one expression."""

_FALSE: Final = 256
"""The truth of a boolean that may be false; `BOOLEAN` alone may be either."""
_TRUE: Final = 512

GROUPS: Final = {
    "v": CertificateType.VACCINATION,
    "t": CertificateType.TEST,
    "r": CertificateType.RECOVERY,
}
_OF_KIND: Final = {
    CertificateType.VACCINATION: "a vaccination",
    CertificateType.TEST: "a test",
    CertificateType.RECOVERY: "a recovery",
}

MOMENTS: Final = frozenset({"validationClock", "exp", "iat"})
EXTERNAL: Final = MOMENTS | {"valueSets", "countryCode", "region", "issuerCountryCode", "kid"}
"""The members of ``external``; what is not known of a pass is left out, and reads as null."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a part of an expression, or of the data, may be.

    Attributes:
        kinds: The kinds of values, as bits; 0 where it never has a value. A boolean has the bits
            of the truths that it may have as well.
        fields: The members of an object; None where any may be there.
        items: What the items of an array may be; None where they may be anything.
        filled: Whether an array certainly has an item.
        dated: Whether a string may be a date or a date-time.

    """

    kinds: Kind
    fields: Mapping[str, Value] | None = None
    items: Value | None = None
    filled: bool = False
    dated: bool = True

    def __or__(self, other: Value) -> Value:
        if not self.kinds or self is other:
            return other
        if not other.kinds:
            return self
        return Value(
            self.kinds | other.kinds,
            _either_fields(self, other),
            _either_items(self, other),
            self.filled and other.filled,
            (self.dated and bool(self.kinds & STRING))
            or (other.dated and bool(other.kinds & STRING)),
        )

    def only(self, kinds: Kind) -> Value:
        """Return the same, as far as it is of these kinds."""
        return replace(self, kinds=self.kinds & kinds)

    @property
    def may_be_true(self) -> bool:
        """Whether it may be truthy."""
        return bool(self.kinds & (_TRUE | INTEGER | FRACTION | STRING | ARRAY | OBJECT))

    @property
    def may_be_false(self) -> bool:
        """Whether it may be falsy."""
        unfilled = self.kinds & ARRAY and not self.filled
        # An object without members is falsy; a pass's objects have some.
        empty = self.kinds & OBJECT and self.fields is None
        return bool(self.kinds & (NULL | _FALSE | INTEGER | FRACTION | STRING) or unfilled or empty)


def _either_fields(left: Value, right: Value) -> Mapping[str, Value] | None:
    if not left.kinds & OBJECT:
        return right.fields
    if not right.kinds & OBJECT:
        return left.fields
    if left.fields is None or right.fields is None:
        return None
    both = {name: left.fields.get(name, _NULL) for name in (*left.fields, *right.fields)}
    return {name: value | right.fields.get(name, _NULL) for name, value in both.items()}


def _either_items(left: Value, right: Value) -> Value | None:
    if not left.kinds & ARRAY:
        return right.items
    if not right.kinds & ARRAY:
        return left.items
    return None if left.items is None or right.items is None else left.items | right.items


_NOTHING: Final = Value(0)
_NULL: Final = Value(NULL)
_EITHER: Final = Value(BOOLEAN | _TRUE | _FALSE)
_ANYTHING: Final = Value(JSON | DATE_TIME | _TRUE | _FALSE)
_INTEGER: Final = Value(INTEGER)
_DATE_TIME: Final = Value(DATE_TIME)
_TEXT: Final = Value(STRING | NULL, dated=False)
_MOMENT: Final = Value(STRING | NULL)


def _truth(*, true: bool, false: bool) -> Value:
    found = (_TRUE if true else 0) | (_FALSE if false else 0)
    return Value(BOOLEAN | found) if found else _NOTHING


# The data


def _of_schema(rule: schema.Text | schema.Whole | schema.Record | schema.Group) -> Value:
    match rule:
        case schema.Text():
            return _TEXT if rule.format is None else _MOMENT
        case schema.Whole():
            return Value(INTEGER | NULL)
        case schema.Group():
            return Value(ARRAY | NULL, items=_of_schema(rule.entry))
        case _:
            return Value(
                OBJECT | NULL,
                fields={name: _of_schema(inner) for name, inner in rule.fields.items()},
            )


@cache
def _payload() -> Mapping[str, Value]:
    """Return what a DCC may state, of any release; what is optional in one may be missing."""
    found: dict[str, Value] = {}
    for version in schema.RELEASES:
        for name, rule in schema.tree(version).fields.items():
            found[name] = found.get(name, _NULL) | _of_schema(rule)
    # The birth date is a date in every release, though not every one says so.
    return {**found, "dob": _MOMENT}


def _external(value_sets: Collection[str]) -> Value:
    codes = Value(ARRAY, items=Value(STRING, dated=False))
    found = {name: _MOMENT if name in MOMENTS else _TEXT for name in EXTERNAL}
    return Value(OBJECT, {**found, "valueSets": Value(OBJECT, dict.fromkeys(value_sets, codes))})


def data_of(value_sets: Collection[str], kind: CertificateType | None = None) -> Value:
    """Return what a rule may be evaluated on: passes of one kind, or of any kind (None).

    A pass of a kind has at least one event of it, and none of another.
    """
    payload = dict(_payload())
    for group, own in GROUPS.items() if kind is not None else ():
        events = payload[group]
        entry = _NULL if events.items is None else events.items.only(~NULL)
        payload[group] = Value(ARRAY, items=entry, filled=True) if own is kind else _NULL
    return Value(OBJECT, {"payload": Value(OBJECT, payload), "external": _external(value_sets)})


def _step(value: Value, fragment: str) -> Value | None:
    """Return what a fragment of a path leads to; None where it leads nowhere in any data."""
    found = _NOTHING
    if value.kinds & OBJECT:
        if value.fields is None:
            return _ANYTHING
        found |= value.fields.get(fragment, _NOTHING)
    if value.kinds & ARRAY and fragment.isascii() and fragment.isdigit():
        if value.items is None:
            return _ANYTHING
        certain = value.filled and int(fragment[:9]) == 0
        # Unions are dear where they make new ones of many fields.
        found |= value.items if certain or value.items.kinds & NULL else value.items | _NULL
    if not found.kinds:
        return None
    return found | _NULL if value.kinds & ~(OBJECT | ARRAY) else found


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What a path leads to; where it leads nowhere, `parent` is what lacks the `fragment`."""

    value: Value
    parent: Value | None = None
    followed: tuple[str, ...] = ()
    fragment: str = ""


def _look_up(scope: Value, path: str) -> _Lookup:
    value = scope
    fragments = path.split(".") if path else []
    for number, fragment in enumerate(fragments):
        if not value.kinds & ~NULL:
            return _Lookup(_NULL)
        following = _step(value, fragment)
        if following is None:
            return _Lookup(_ANYTHING, value, tuple(fragments[:number]), fragment)
        value = following
    return _Lookup(value)


# The expression


class Reading:
    """What the parts of one expression may give on some data, and what is wrong with them."""

    def __init__(self, expr: Expr, data: Value) -> None:
        self.data = data
        self.faults: list[Fault] = []
        # By identity; the expressions are kept, so that no other gets the identity of one.
        self.variables: dict[int, tuple[Expr, Kind]] = {}
        self._values: dict[int, tuple[Expr, Value]] = {}
        self.value = self._read(expr, data)

    def at(self, expr: Expr) -> Value:
        """Return what a part outside of lambdas may give."""
        return self._values[id(expr)][1]

    def _read(self, expr: Expr, scope: Value) -> Value:
        value = self._found(expr, scope)
        self._values[id(expr)] = expr, value
        return value

    def _found(self, expr: Expr, scope: Value) -> Value:
        match expr:
            case Literal(literal):
                return _of_literal(literal)
            case Var(path):
                return self._variable(expr, path, scope)
            case Reduce():
                return self._reduce(expr, scope)
            case _:
                operands = [self._read(child, scope) for child in children(expr)]
        match expr:
            case If():
                return _if(*operands)
            case And():
                return _and(operands)
        if not all(value.kinds for value in operands):
            return _NOTHING
        match expr:
            case Array():
                items = _NOTHING
                for value in {id(value): value for value in operands}.values():
                    items |= value
                return Value(ARRAY, items=items, filled=bool(operands))
            case Not():
                return _truth(true=operands[0].may_be_false, false=operands[0].may_be_true)
            case Equal():
                return _equal(*operands)
            case In(left):
                return self._in(expr, left, *operands)
            case Plus():
                return _where(operands, INTEGER, _INTEGER)
            case CompareIntegers():
                return _where(operands, INTEGER, _EITHER)
            case CompareDateTimes():
                return _where(operands, DATE_TIME, _EITHER)
            case PlusTime(operand) | DccDateOfBirth(operand):
                return self._date(expr, operand, operands[0])
            case ExtractFromUVCI():
                (uvci,) = operands
                return (
                    Value(NULL | (uvci.kinds & STRING))
                    if uvci.kinds & (STRING | NULL)
                    else _NOTHING
                )
        raise AssertionError("unreachable")

    def _variable(self, expr: Var, path: str, scope: Value) -> Value:
        found = _look_up(scope, path)
        known = self.variables.get(id(expr), (expr, 0))[1]
        self.variables[id(expr)] = expr, known | found.value.kinds & (JSON | DATE_TIME)
        # A lambda's own names are judged by the types of the language.
        lambda_names = found.parent is scope and scope is not self.data
        full = len(self.faults) >= MAX_FAULTS
        if found.parent is not None and not lambda_names and not full:
            self.faults.append(_unknown(path, found.parent, found.followed, found.fragment))
        return found.value

    def _reduce(self, expr: Reduce, scope: Value) -> Value:
        operand, initial = self._read(expr.operand, scope), self._read(expr.initial, scope)
        items = _ANYTHING if operand.items is None else operand.items
        inner = {"accumulator": _ANYTHING, "current": items, "data": scope}
        each = self._read(expr.lambda_, Value(OBJECT, inner))
        if not operand.kinds & (ARRAY | NULL) or not initial.kinds:
            return _NOTHING
        iterated = operand.kinds & ARRAY and items.kinds
        if not iterated:
            return initial
        skipped = operand.kinds & NULL or not operand.filled
        return initial | each if skipped else each

    def _in(self, expr: In, left: Expr, value: Value, array: Value) -> Value:
        if not array.kinds & (ARRAY | NULL):
            return _NOTHING
        items = _ANYTHING if array.items is None else array.items
        found = bool(array.kinds & ARRAY) and _overlap(value, items)
        known = value.kinds & ~NULL and items.kinds & ~NULL and array.kinds & ARRAY
        if not found and known:
            self.faults.append(
                Fault(
                    "Logic",
                    "logic.type",
                    f'"in" never holds: {_shown(left)} is {_words(value)}, and what it is looked '
                    f"for in has {_words(items)}.",
                    "Compare values of one type: codes are texts, dose numbers are integers.",
                )
            )
        return _truth(true=found, false=True)

    def _date(self, expr: Expr, operand: Expr, value: Value) -> Value:
        if not value.kinds & STRING:
            return _NOTHING
        if not value.dated:
            self.faults.append(
                Fault(
                    "Logic",
                    "logic.type",
                    f'"{operator_of(expr)}" reads a date, and {_shown(operand)} never is one.',
                    "Read a field that holds a date: dt, sc, fr, df, du or dob.",
                )
            )
            return _NOTHING
        return _DATE_TIME


def _of_literal(value: bool | int | str) -> Value:
    if isinstance(value, bool):
        return _truth(true=value, false=not value)
    return _INTEGER if isinstance(value, int) else Value(STRING)


def _if(guard: Value, then: Value, otherwise: Value) -> Value:
    found = _NOTHING
    if guard.may_be_true:
        found |= then
    if guard.may_be_false:
        found |= otherwise
    return found


def _and(operands: list[Value]) -> Value:
    found = _NOTHING
    for value in operands[:-1]:
        if value.may_be_false:
            found |= _falsy(value)
        if not value.may_be_true:
            return found
    return found | operands[-1].only(~(DATE_TIME | FRACTION))


def _falsy(value: Value) -> Value:
    """Return a value as far as it may be falsy."""
    kinds = value.kinds & ~(DATE_TIME | FRACTION | _TRUE)
    if value.filled:
        kinds &= ~ARRAY
    if value.fields is not None:
        kinds &= ~OBJECT
    if not kinds & _FALSE:
        kinds &= ~BOOLEAN
    return replace(value, kinds=kinds)


def _equal(left: Value, right: Value) -> Value:
    if left.kinds == right.kinds == NULL:
        return _truth(true=True, false=False)
    return _truth(true=_overlap(left, right), false=True)


def _overlap(left: Value, right: Value) -> bool:
    """Return whether a value of one may be equal to one of the other."""
    # What is left of booleans are their truths; 1.0 is an integer.
    return bool(left.kinds & right.kinds & ~BOOLEAN)


def _where(operands: list[Value], needed: Kind, value: Value) -> Value:
    return value if all(operand.kinds & needed for operand in operands) else _NOTHING


# In words


def _words(value: Value) -> str:
    return names(value.kinds & (JSON | DATE_TIME) & ~NULL)


def _shown(expr: Expr) -> str:
    match expr:
        case Var(path):
            return _cut(path)
        case Literal(value):
            return f"the {_words(_of_literal(value))} of the rule"
        case _:
            return f'the result of "{operator_of(expr) or "array"}"'


def _cut(path: str) -> str:
    return path if len(path) <= MAX_SHOWN else f"{path[: MAX_SHOWN - 1]}…"


def _unknown(path: str, parent: Value, followed: tuple[str, ...], fragment: str) -> Fault:
    """Return the fault of a path that leads nowhere."""
    base = ".".join(followed)
    shown = _cut(path)
    if parent.kinds & ARRAY:
        return Fault(
            "Logic",
            "logic.unknown-field",
            f"{shown} leads nowhere: {base} is an array.",
            f"Read one of its items, the first with {base}.0.",
        )
    if parent.fields is None:
        return Fault(
            "Logic",
            "logic.unknown-field",
            f"{shown} leads nowhere: {base} is {_words(parent)}, without members.",
            f"Read {base}.",
        )
    close = get_close_matches(fragment[:MAX_SHOWN], parent.fields, n=1)
    known = ", ".join(sorted(parent.fields))
    hint = f"Did you mean {'.'.join((*followed, close[0]))}?" if close else f"There are: {known}."
    if base == "external.valueSets":
        return Fault(
            "Logic",
            "logic.unknown-value-set",
            f"There is no value set {_cut(fragment)}: nothing is ever found in it.",
            hint,
        )
    if base == "external":
        return Fault(
            "Logic",
            "logic.unknown-external",
            f"Verifiers give rules no {shown}: it is always null.",
            hint,
        )
    whose = (
        f"No pass has {shown}" if followed[:1] == ("payload",) else f"Rules are given no {shown}"
    )
    return Fault("Logic", "logic.unknown-field", f"{whose}: it is always null.", hint)


# The findings


def data_faults(
    expr: Expr, kind: CertificateType, value_sets: Collection[str]
) -> tuple[Fault, ...]:
    """Return why a rule's logic can never work on passes of the kind that it judges.

    Each fault once, in the order of the expression; `value_sets` are the ids of those in use.
    """
    reading = Reading(expr, data_of(value_sets))
    found = list(reading.faults)
    found += _other_kinds(expr, kind)
    found += _types(expr, reading)
    found += _results(expr, reading)
    found += _never_decided(expr, kind, value_sets, reading)
    return tuple(dict.fromkeys(found))


def _types(expr: Expr, reading: Reading) -> Iterator[Fault]:
    kinds = Kinds({key: kind for key, (_, kind) in reading.variables.items()})
    for issue in issues(expr, kinds):
        problem = f"{issue.message[:1].upper()}{issue.message[1:]}."
        yield Fault("Logic", "logic.type", problem, "Correct the operation.")


def _other_kinds(expr: Expr, kind: CertificateType) -> Iterator[Fault]:
    if kind is CertificateType.GENERAL:
        return
    for path in data_accesses(expr):
        root, _, rest = path.partition(".")
        other = GROUPS.get(rest.partition(".")[0])
        if root == "payload" and other not in (None, kind):
            yield Fault(
                "Logic",
                "logic.other-kind",
                f"The rule judges passes with {_OF_KIND[kind]}, which have no {_cut(path)}.",
                "Read the events of its own kind, or make it a General rule.",
            )


def _results(expr: Expr, reading: Reading) -> Iterator[Fault]:
    """Yield each result, at the end of a way through the rule, that is neither true nor false."""
    stack = [expr]
    while stack:
        part = stack.pop()
        match part:
            case If(_, then, otherwise):
                stack += (otherwise, then)
                continue
            case And(operands):
                stack.append(operands[-1])
                continue
        value = reading.at(part)
        if value.kinds and not value.kinds & BOOLEAN:
            yield Fault(
                "Logic",
                "logic.result",
                f"A result is {names(value.kinds & (JSON | DATE_TIME))}: {_shown(part)}.",
                "Give true or false: anything else leaves the rule OPEN.",
            )


def _never_decided(
    expr: Expr, kind: CertificateType, value_sets: Collection[str], reading: Reading
) -> Iterator[Fault]:
    if not reading.value.kinds & BOOLEAN:
        return  # Another finding has said why.
    for group, judged in GROUPS.items():
        if kind not in (CertificateType.GENERAL, judged):
            continue
        if not Reading(expr, data_of(value_sets, judged)).value.kinds & BOOLEAN:
            other = next(name for name in GROUPS if name != group)
            yield Fault(
                "Logic",
                "logic.never-decides",
                f"The rule is OPEN for every pass with {_OF_KIND[judged]}.",
                f"Guard what reads other events: if payload.{other}.0 then … else true."
                if kind is CertificateType.GENERAL
                else "Let it give true or false for some passes of its kind.",
            )

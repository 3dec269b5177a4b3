"""Bounds on expressions and on the work that they may ask for.

CertLogic 1.3.3 states none; without them a rule of a few kilobytes could exhaust the stack
(nesting) or run for years (`reduce` within `reduce`). The deepest public rule nests 8 levels.

The work of one evaluation is counted in steps, apart from visiting each value of the expression
once: a `reduce` costs the length of its operand times the number of values in its lambda (counted
as for `MAX_NODES`), an `in` costs the length of its array, and a UVCI longer than `LONG_UVCI`
costs a step for each `UVCI_STEP` characters, each time that it is evaluated. So an evaluation
visits at most `MAX_NODES` values and does at most `MAX_STEPS` further steps, whatever the
expression and the data. Of the hostile expressions and data of the tests, made to use the bounds
up, none took more than a tenth of a second to evaluate (Python 3.11 on a shared virtual core).
"""

from __future__ import annotations

from typing import Final

from coronapas.certlogic._errors import LimitError

MAX_DEPTH: Final = 100
"""The deepest nesting: an operation or an array is one level below what holds it."""

MAX_NODES: Final = 65_536
"""The most values in an expression: literals, arrays, operations, fragments of paths."""

MAX_STEPS: Final = 100_000
"""The most steps of one evaluation, as counted above."""

LONG_UVCI: Final = 128
"""The longest UVCI that costs no steps, in characters; passes allow 72."""

UVCI_STEP: Final = 16
"""The characters of a longer UVCI that make one step."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest magnitude of a literal or a sum: what every JSON implementation holds exactly."""

MAX_RESULT_DEPTH: Final = 200
"""The deepest nesting of arrays that an evaluation may build as its result."""


def check_json(document: object) -> None:
    """Refuse JSON beyond `MAX_DEPTH` or `MAX_NODES`, without recursion.

    Raises:
        LimitError: nested too deep (also what holds itself), or too large.

    """
    nodes = 0
    stack: list[tuple[object, int]] = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise LimitError("limit.depth", f"an expression nested deeper than {MAX_DEPTH} levels")
        items: list[object] = []
        nodes += 1
        if isinstance(value, list):
            items = value
        elif isinstance(value, dict):
            # {"operator": [operands]} is one level: the object and its array belong together.
            for part in value.values():
                if isinstance(part, list):
                    items.extend(part)
                else:
                    items.append(part)
            path = value.get("var")
            nodes += path.count(".") if isinstance(path, str) else 0
        if nodes + len(stack) + len(items) > MAX_NODES:
            raise LimitError("limit.nodes", f"an expression of more than {MAX_NODES} values")
        stack.extend((item, depth + 1) for item in items)

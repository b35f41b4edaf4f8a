"""How a deviation from relatives is said and graded, for all checks that look at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iiotctl.checks.relations.shape import Deviation
from iiotctl.findings import Confidence, Severity

_NAMED = 3


def said(witnesses: Sequence[str]) -> str:
    """The witnesses in words: `PT1B, FT1 and 2 others`."""
    names = list(witnesses[:_NAMED])
    more = len(witnesses) - len(names)
    if more > 0:
        return f"{', '.join(names)} and {more} other{'s' if more > 1 else ''}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def grade(one: Deviation, strength: float, witnesses: int) -> dict[str, Any]:
    """Severity and confidence by the strength of the evidence; for `Spell(**…)`."""
    if one.undecided:
        return {
            "severity": Severity.LOW,
            "confidence": Confidence.LOW,
            "second_cause": f"it is {one.names[0]} that is off",
        }
    many = one.supporters >= witnesses
    if one.strength >= strength * (1 if many else 2):
        return {"severity": Severity.MEDIUM, "confidence": Confidence.HIGH if many and one.clear else Confidence.MEDIUM}
    return {"severity": Severity.LOW, "confidence": Confidence.LOW}

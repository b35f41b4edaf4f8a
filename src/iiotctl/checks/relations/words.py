"""How a deviation from relatives is said and graded, for all checks that look at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iiotctl.checks.base import Skipped, Unjudged, Verdict
from iiotctl.checks.kinds import kind_of
from iiotctl.findings import Confidence, Severity

if TYPE_CHECKING:
    from iiotctl.checks.relations.shape import Deviation
    from iiotctl.checks.tagdata import TagData

_NAMED = 3


def said(witnesses: Sequence[str]) -> str:
    """The witnesses in words: `PT1B, FT1 and 2 others`."""
    names = list(witnesses[:_NAMED])
    more = len(witnesses) - len(names)
    if more > 0:
        return f"{', '.join(names)} and {more} other{'s' if more > 1 else ''}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def pair(data: TagData, one: Deviation) -> tuple[str, ...]:
    """Both tags where nothing tells which of them is off, else ()."""
    return (data.info.tag, one.names[0]) if one.undecided else ()


def undecided(data: TagData, one: Deviation, what: str) -> str:
    """The sentence of such a pair: `PT1 and PT2 drift apart …`."""
    return f"{' and '.join(pair(data, one))} {what}: one of the two is off, and no third tag tells which"


def unheard(data: TagData) -> Verdict:
    """The verdict on a tag without witnesses: a text, a counter or a held state has none by nature."""
    if kind := kind_of(data).skip:
        return Skipped(kind)
    return Unjudged("no other tag tells what it should show: name a twin or siblings in the site file")


def amount(value: float, unit: str, *, sign: bool = False) -> str:
    """Three digits: what is estimated from hours of noise has no more."""
    shown = f"{value:+.3g}" if sign else f"{abs(value):.3g}"
    return f"{shown} {unit}".rstrip()


def evidence(one: Deviation) -> dict[str, Any]:
    """Who says it, and how far the tag is off."""
    return {
        "witnesses": ", ".join(one.names),
        "agree": one.supporters,
        "could_tell": one.able,
        "share_of_range": round(abs(one.size) / one.range, 4),
    }


def grade(one: Deviation, strength: float, witnesses: int, *, twin: str) -> dict[str, Any]:
    """Severity and confidence by the strength of the evidence; for `Spell(**…)`.

    Args:
        one: the deviation.
        strength: times its limit that the second strongest witness must see.
        witnesses: that agree; with two, the strength counts double.
        twin: name of the tag that the site file calls its twin, or "". Two that measure the same must not differ.
    """
    if one.undecided:
        plain = twin == one.names[0] and one.strength >= 2 * strength
        return {
            "severity": Severity.MEDIUM if plain else Severity.LOW,
            "confidence": Confidence.MEDIUM if plain else Confidence.LOW,
            "second_cause": "the process works differently now, and both tags are right",
            "action": "compare both with a local gauge; a third tag that follows them (`siblings` of the site file) would tell",
        }
    many = one.supporters >= witnesses
    if one.strength >= strength * (1 if many else 2) and not one.settling:
        return {"severity": Severity.MEDIUM, "confidence": Confidence.HIGH if many and one.clear else Confidence.MEDIUM}
    return {"severity": Severity.LOW, "confidence": Confidence.LOW}

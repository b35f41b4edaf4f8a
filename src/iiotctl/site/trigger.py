"""The triggers of the ring: `press1.trip rises`, `oven.temperature > 90 hysteresis 2 for 5s`.

    TAG rises | falls | changes | bad | > N | >= N | < N | <= N | = N   [hysteresis N] [for TIME]

A trigger is a condition (`condition.py`) of one claim that needs no more than the samples of its tag as they come.
`capture/trigger.py` says what each means, sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiotctl.site.condition import Claim, Condition, NoConditionError, parse

_FORM: Final = "e.g. `press1.trip rises`, `oven.temperature > 90 hysteresis 2` or `pump.on = 0 for 5s`"
_COMPARISONS: Final = (
    *(Condition.ABOVE, Condition.AT_LEAST, Condition.BELOW, Condition.AT_MOST),
    Condition.EQUAL,
)
_WORDS: Final = (Condition.RISES, Condition.FALLS, Condition.CHANGES, Condition.BAD)


@dataclass(frozen=True, slots=True)
class Trigger:
    """When the ring's content is stored.

    Attributes:
        text: as the user wrote it, blanks aside.
        tag: name of the tag.
        condition: what makes it fire.
        threshold: engineering units; for comparisons.
        hysteresis: engineering units; how far the value must leave before it fires again.
        hold_s: seconds that the condition must hold.
    """

    text: str
    tag: str
    condition: Condition
    threshold: float = 0.0
    hysteresis: float = 0.0
    hold_s: float = 0.0


def parse_trigger(text: str) -> Trigger:
    """A trigger from its text.

    Raises:
        ValueError: says what is wrong and how it is written.
    """
    shown = " ".join(text.split())
    try:
        found = parse(text)
    except NoConditionError as error:
        raise _wrong(shown, error.why) from None
    claim = found.expression
    if not isinstance(claim, Claim):
        raise _wrong(shown, "it asks one question about one tag, without `and`, `or`, `not`")
    if claim.text is not None:
        raise _wrong(shown, f"a number is expected behind `{claim.condition}`, not `{claim.text}`")
    if claim.condition not in (*_COMPARISONS, *_WORDS):
        kind, known = ("condition", _WORDS) if claim.condition[0].isalpha() else ("comparison", _COMPARISONS)
        names = ", ".join(f"`{one}`" for one in known)
        raise _wrong(shown, f"`{claim.condition}` is no {kind} of a trigger; there are {names}")
    return Trigger(shown, claim.tag, claim.condition, claim.threshold, found.hysteresis, found.hold_s)


def _wrong(shown: str, why: str) -> ValueError:
    return ValueError(f"`{shown}` is no trigger: {why}; {_FORM}")

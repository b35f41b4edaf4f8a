"""The trigger language of the ring: `press1.trip rises`, `oven.temperature > 90 hysteresis 2 for 5s`.

    TAG rises | falls | changes | bad | > N | >= N | < N | <= N | = N   [hysteresis N] [for TIME]

`capture/trigger.py` says what each means, sample by sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from iiotctl.site.units import parse_duration


class Condition(StrEnum):
    """What makes a trigger fire."""

    RISES = "rises"
    FALLS = "falls"
    CHANGES = "changes"
    BAD = "bad"
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="


_WORDS: Final = (Condition.RISES, Condition.FALLS, Condition.CHANGES, Condition.BAD)
_LEVELS: Final = (Condition.ABOVE, Condition.AT_LEAST, Condition.BELOW, Condition.AT_MOST, Condition.EQUAL)
_FORM: Final = "e.g. `press1.trip rises`, `oven.temperature > 90 hysteresis 2` or `pump.on = 0 for 5s`"
_HEAD: Final = re.compile(r"\s*(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.\-]*)\s*(?P<rest>.*)", re.DOTALL)
_OPERATOR: Final = re.compile(r"(?P<operator>[<>=!≤≥]+)\s*(?P<rest>.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


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
    head = _HEAD.fullmatch(text)
    if head is None:
        raise _wrong(shown, "it begins with the name of a tag")
    condition, threshold, rest = _condition(shown, head["rest"])
    hysteresis = hold = 0.0
    seen = set()
    while rest:
        word, value, *rest = [*rest, ""] if len(rest) == 1 else rest
        if word not in ("hysteresis", "for"):
            raise _wrong(shown, f"`{word}` is not expected here")
        if word in seen:
            raise _wrong(shown, f"`{word}` stands twice")
        seen.add(word)
        if word == "hysteresis":
            hysteresis = _number(shown, value, "hysteresis")
            if hysteresis < 0:
                raise _wrong(shown, "the hysteresis is a distance and not negative")
        else:
            hold = _hold(shown, value)
    if "hysteresis" in seen and condition in (Condition.RISES, Condition.FALLS, Condition.BAD):
        raise _wrong(shown, f"`{condition}` knows no hysteresis")
    if "for" in seen and condition is Condition.CHANGES:
        raise _wrong(shown, "`changes` is a moment and cannot last")
    return Trigger(shown, head["tag"], condition, threshold, hysteresis, hold)


def _condition(shown: str, rest: str) -> tuple[Condition, float, list[str]]:
    if (operator := _OPERATOR.fullmatch(rest)) is not None:
        symbol = {"≤": "<=", "≥": ">="}.get(operator["operator"], operator["operator"])
        if symbol not in _LEVELS:
            raise _wrong(shown, f"`{symbol}` is no comparison; there are {', '.join(f'`{one}`' for one in _LEVELS)}")
        value, *words = operator["rest"].split() or [""]
        return Condition(symbol), _number(shown, value, symbol), words
    word, *words = rest.split() or [""]
    if word not in _WORDS:
        what = f"`{word}` is no condition" if word else "a condition is missing"
        names = ", ".join(f"`{one}`" for one in _WORDS)
        raise _wrong(shown, f"{what}; there are {names} and comparisons such as `> 90`")
    return Condition(word), 0.0, words


def _number(shown: str, text: str, after: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        raise _wrong(shown, f"`{text}` has a decimal comma; write `{text.replace(',', '.')}`")
    raise _wrong(shown, f"a number is expected behind `{after}`" + (f", not `{text}`" if text else ""))


def _hold(shown: str, text: str) -> float:
    try:
        seconds = parse_duration(text) if text else 0.0
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise _wrong(shown, "a time is expected behind `for`, e.g. `for 5s`" + (f", not `{text}`" if text else ""))
    return seconds


def _wrong(shown: str, why: str) -> ValueError:
    return ValueError(f"`{shown}` is no trigger: {why}; {_FORM}")

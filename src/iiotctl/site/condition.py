"""The language of conditions: `oven.temperature > 90 and not (pump.on = 0 or pump.on is bad)`.

    condition   or-part [hysteresis N] [for TIME]
    or-part     and-part [or and-part]…
    and-part    claim [and claim]…
    claim       not claim | ( or-part ) | TAG what
    what        = X | != X | > N | >= N | < N | <= N | rises [above N] | falls [below N] | changes
                | [is [not]] bad | [is [not]] good

N is a number, X a number or a text. Tags and texts may stand in quotes. A trigger of the ring (`trigger.py`) is a
condition of one claim; `history/events/verdicts.py` says what each means over stored samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from iiotctl.site.units import parse_duration


class Condition(StrEnum):
    """What is asked of one tag."""

    RISES = "rises"
    FALLS = "falls"
    CHANGES = "changes"
    BAD = "bad"
    GOOD = "good"
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="
    UNEQUAL = "!="
    RISES_ABOVE = "rises above"
    FALLS_BELOW = "falls below"


MOMENTS: Final = frozenset(
    {Condition.RISES, Condition.FALLS, Condition.CHANGES, Condition.RISES_ABOVE, Condition.FALLS_BELOW}
)
"""True for a moment only: nothing that could last."""
_STATES: Final = (Condition.BAD, Condition.GOOD)
_WORDS: Final = (Condition.RISES, Condition.FALLS, Condition.CHANGES, *_STATES)
_LEVELS: Final = (
    *(Condition.ABOVE, Condition.AT_LEAST, Condition.BELOW, Condition.AT_MOST),
    *(Condition.EQUAL, Condition.UNEQUAL),
)
_BEYOND: Final = {Condition.RISES: ("above", Condition.RISES_ABOVE), Condition.FALLS: ("below", Condition.FALLS_BELOW)}
_LEVEL_OF: Final = {
    Condition.RISES: (Condition.UNEQUAL, 0.0),
    Condition.FALLS: (Condition.EQUAL, 0.0),
    Condition.RISES_ABOVE: (Condition.ABOVE, None),
    Condition.FALLS_BELOW: (Condition.BELOW, None),
}
_BACK: Final = {
    Condition.ABOVE: (Condition.AT_MOST, -1),
    Condition.AT_LEAST: (Condition.BELOW, -1),
    Condition.BELOW: (Condition.AT_LEAST, 1),
    Condition.AT_MOST: (Condition.ABOVE, 1),
}
_SPELLED: Final = {"≤": "<=", "≥": ">=", "≠": "!="}
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>[<>=!≤≥≠]+)|(?P<other>[()]|[^\s<>=!≤≥≠()"']+|.))"""
)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Claim:
    """One question about one tag.

    Attributes:
        tag: its name.
        condition: what is asked.
        threshold: engineering units; for comparisons.
        text: the value as text, where it is no number.
        at: place of the tag in the text, from 0.
    """

    tag: str
    condition: Condition
    threshold: float = 0.0
    text: str | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    of: Expression


@dataclass(frozen=True, slots=True)
class AllOf:
    """`and`."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`or`."""

    parts: tuple[Expression, ...]


Expression = Claim | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Parsed:
    """A condition.

    Attributes:
        text: as the user wrote it, blanks aside.
        expression: what must be true.
        hysteresis: engineering units; how far the value must come back; for one comparison.
        hold_s: seconds that it must hold.
    """

    text: str
    expression: Expression
    hysteresis: float = 0.0
    hold_s: float = 0.0


class NoConditionError(ValueError):
    """A text is no condition.

    Args:
        why: what is wrong.
        at: where, characters from 0.
    """

    def __init__(self, why: str, at: int) -> None:
        super().__init__(f"{why} (at character {at + 1})")
        self.why = why
        self.at = at


def parse(text: str) -> Parsed:
    """A condition from its text.

    Raises:
        NoConditionError: says what is wrong and where.
    """
    return _Parser(text).whole()


def claims(expression: Expression) -> Iterator[Claim]:
    """The questions of a condition, in the order of the text."""
    match expression:
        case Claim():
            yield expression
        case Not(of):
            yield from claims(of)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from claims(part)


def contrary(start: Parsed) -> Expression | None:
    """What ends that which `start` begins, when nothing else is said; None = nothing would.

    That the condition is no longer true; with a hysteresis that the value has come back by it. What began with an
    edge ends with the contrary level: `rises above 60` with `<= 60`. `changes` has no contrary.
    """
    level = _level(start.expression)
    if not start.hysteresis or not isinstance(level, Claim):
        return None if level is None else Not(level)
    low, high = level.threshold - start.hysteresis, level.threshold + start.hysteresis
    if level.condition is Condition.EQUAL:
        return AnyOf((Claim(level.tag, Condition.BELOW, low), Claim(level.tag, Condition.ABOVE, high)))
    back, side = _BACK[level.condition]
    return Claim(level.tag, back, low if side < 0 else high)


def lasting(expression: Expression) -> Expression | None:
    """What must hold where a condition is asked to hold for a time; None = it holds for a moment only.

    An edge alone asks for the level that it leads to: `trip rises for 5s`.
    """
    if isinstance(expression, Claim):
        level = level_of(expression)
        return None if level.condition in MOMENTS else level
    return None if any(claim.condition in MOMENTS for claim in claims(expression)) else expression


def level_of(claim: Claim) -> Claim:
    """The level that an edge enters; any other claim as it is."""
    if claim.condition not in _LEVEL_OF:
        return claim
    level, at = _LEVEL_OF[claim.condition]
    return Claim(claim.tag, level, claim.threshold if at is None else at, at=claim.at)


def _level(expression: Expression) -> Expression | None:
    """The condition with levels in the place of edges; None where there is none."""
    match expression:
        case Claim():
            return None if expression.condition is Condition.CHANGES else level_of(expression)
        case Not(of):
            inner = _level(of)
            return None if inner is None else Not(inner)
        case AllOf(parts) | AnyOf(parts):
            levels = [_level(part) for part in parts]
            there = tuple(level for level in levels if level is not None)
            return type(expression)(there) if len(there) == len(levels) else None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    is_quoted: bool = False
    is_sign: bool = False

    def says(self, *words: str) -> bool:
        return not self.is_quoted and self.text.lower() in words

    def __bool__(self) -> bool:
        return bool(self.text) or self.is_quoted


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0

    def whole(self) -> Parsed:
        expression = self._any()
        values: dict[str, float] = {}
        while word := self._peek():
            if not word.says("hysteresis", "for"):
                raise NoConditionError(f"`{word.text}` is not expected here", word.at)
            name = self._next().text.lower()
            if name in values:
                raise NoConditionError(f"`{name}` stands twice", word.at)
            values[name] = self._distance() if name == "hysteresis" else self._time()
        self._check_suffixes(expression, values)
        shown = " ".join(self._text.split())
        return Parsed(shown, expression, values.get("hysteresis", 0.0), values.get("for", 0.0))

    def _check_suffixes(self, expression: Expression, values: dict[str, float]) -> None:
        end = len(self._text)
        if "hysteresis" in values:
            if not isinstance(expression, Claim):
                raise NoConditionError("a hysteresis belongs to one comparison alone", end)
            if expression.text is not None or expression.condition not in (
                *(*_LEVELS[:-1], Condition.CHANGES),
                *(Condition.RISES_ABOVE, Condition.FALLS_BELOW),
            ):
                raise NoConditionError(f"`{expression.condition}` knows no hysteresis", end)
        if "for" in values and lasting(expression) is None:
            moment = next(one for one in claims(expression) if one.condition in MOMENTS)
            raise NoConditionError(f"`{moment.condition}` is a moment and cannot last", moment.at)

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._peek().says("or"):
            self._next()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._peek().says("and"):
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Expression:
        token = self._next()
        if token.says("not"):
            return Not(self._one())
        if token.says("("):
            inner = self._any()
            close = self._next()
            if not close.says(")"):
                raise NoConditionError(f"a bracket is not closed; it opens at character {token.at + 1}", close.at)
            return inner
        if not (token.text and (token.is_quoted or _NAME.fullmatch(token.text))):
            found = f", not with `{token.text}`" if token else ""
            raise NoConditionError(f"it begins with the name of a tag{found}", token.at)
        return self._about(token)

    def _about(self, tag: _Token) -> Expression:
        token = self._next()
        if token.is_sign:
            return self._compared(tag, token)
        is_not = False
        if token.says("is"):
            token = self._next()
            if token.says("not"):
                is_not, token = True, self._next()
            if not token.says(*_STATES):
                raise NoConditionError(f"behind `is` stands `bad` or `good`, not `{token.text}`", token.at)
        if not token.says(*_WORDS):
            what = f"`{token.text}` is no condition" if token else "a condition is missing"
            names = ", ".join(f"`{one}`" for one in _WORDS)
            raise NoConditionError(f"{what}; there are {names} and comparisons such as `> 90`", token.at)
        condition = Condition(token.text.lower())
        threshold = 0.0
        if condition in _BEYOND:
            word, beyond = _BEYOND[condition]
            if self._peek().says(word):
                self._next()
                condition, threshold = beyond, self._number(beyond)
        claim = Claim(tag.text, condition, threshold, at=tag.at)
        return Not(claim) if is_not else claim

    def _compared(self, tag: _Token, sign: _Token) -> Claim:
        symbol = _SPELLED.get(sign.text, sign.text)
        if symbol not in _LEVELS:
            known = ", ".join(f"`{one}`" for one in _LEVELS)
            raise NoConditionError(f"`{symbol}` is no comparison; there are {known}", sign.at)
        condition = Condition(symbol)
        token = self._peek()
        is_text = token.is_quoted or bool(re.match(r"[^\W\d]", token.text))
        if condition in (Condition.EQUAL, Condition.UNEQUAL) and is_text:
            return Claim(tag.text, condition, text=self._next().text, at=tag.at)
        return Claim(tag.text, condition, self._number(symbol), at=tag.at)

    def _number(self, behind: str) -> float:
        token = self._next()
        if not token.is_quoted and _NUMBER.fullmatch(token.text):
            return float(token.text)
        if re.fullmatch(r"[+-]?\d+,\d+", token.text):
            dotted = token.text.replace(",", ".")
            raise NoConditionError(f"`{token.text}` has a decimal comma; write `{dotted}`", token.at)
        found = f", not `{token.text}`" if token else ""
        raise NoConditionError(f"a number is expected behind `{behind}`{found}", token.at)

    def _distance(self) -> float:
        at = self._peek().at
        value = self._number("hysteresis")
        if value < 0:
            raise NoConditionError("the hysteresis is a distance and not negative", at)
        return value

    def _time(self) -> float:
        token = self._next()
        try:
            seconds = parse_duration(token.text) if token else 0.0
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            found = f", not `{token.text}`" if token else ""
            raise NoConditionError(f"a time is expected behind `for`, e.g. `for 5s`{found}", token.at)
        return seconds

    def _peek(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("", len(self._text))

    def _next(self) -> _Token:
        token = self._peek()
        self._place += 1
        return token


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    end = len(text.rstrip())
    while place < end and (match := _TOKEN.match(text, place)):
        place = match.end()
        kind = match.lastgroup or ""
        word = match[kind]
        if word in ('"', "'"):
            raise NoConditionError("a quotation mark is not closed", match.start(kind))
        bare = word[1:-1] if kind == "quoted" else word
        yield _Token(bare, match.start(kind), kind == "quoted", kind == "sign")

"""Find events in stored samples: block by block, so that memory does not grow with the range.

What is found depends on the store and the definition only, never on where a question begins or ends: from the begin of
the range it goes back to the last moment at which no event can have been on, and past its end until every event that
began in it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.history import series, texts
from iiotctl.history.events.latch import Found, Joiner, Latch
from iiotctl.history.events.verdicts import YES, Course, Truth, judge
from iiotctl.history.names import near
from iiotctl.history.pace import Pace
from iiotctl.history.sql.connect import quoted
from iiotctl.site.condition import AllOf, AnyOf, Claim, Expression, Not, claims
from iiotctl.store.accounts import accounts

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts
    from iiotctl.site.events import EventDefinition

BLOCK_ROWS: Final = 500_000
"""Samples read at once, about."""
_FIRST_SPAN_US: Final = 6 * 3_600_000_000
_ON: Final = {"true": 1.0, "on": 1.0, "false": 0.0, "off": 0.0}


@dataclass(frozen=True, slots=True)
class Question:
    """A definition with what the store knows of its tags.

    Attributes:
        begin: the start condition, its texts as numbers.
        ending: the end condition, likewise.
        is_stepped: by tag whether a value holds until the next sample.
        numbers: by tag the SQL of its value as a number.
        hold_us: how long `begin` must hold.
        end_hold_us: how long `ending` must hold.
        join_us: events with less than this between them are one.
        shortest_us: shorter ones are none.
    """

    begin: Expression
    ending: Expression
    is_stepped: Mapping[str, bool]
    numbers: Mapping[str, str]
    hold_us: int = 0
    end_hold_us: int = 0
    join_us: int = 0
    shortest_us: int = 0

    @property
    def texts(self) -> set[str]:
        """Tags whose values are texts."""
        return {tag for tag, number in self.numbers.items() if number == texts.AS_NUMBER}


def question(reader: Reader, definition: EventDefinition, facts: Mapping[str, TagFacts]) -> Question:
    """What a definition asks of this store.

    Args:
        reader: of the store.
        definition: as written.
        facts: of the tags that decide, by name.

    Raises:
        UsageError: `unknown-state`, a text that the tag does not have.
    """
    ending = definition.ending
    asked = [claim for part in (definition.begin, ending) for claim in claims(part)]
    of_texts = {
        name
        for name in facts
        if facts[name].type.startswith("string")
        or (
            facts[name].enum is None
            and not facts[name].type.startswith("bool")
            and any(claim.tag == name and claim.text is not None for claim in asked)
        )
    }
    codes = texts.codes(reader, {claim.text for claim in asked if claim.text is not None and claim.tag in of_texts})

    def number(claim: Claim) -> Claim:
        text = claim.text
        if text is None:
            return claim
        at = codes[text] if claim.tag in of_texts else _number(facts[claim.tag], text)
        return replace(claim, threshold=at, text=None)

    return Question(
        begin=_mapped(definition.begin, number),
        ending=_mapped(ending, number),
        is_stepped={name: of.stepped or name in of_texts for name, of in facts.items()},
        numbers={name: texts.AS_NUMBER if name in of_texts else "value" for name in facts},
        hold_us=definition.hold_us,
        end_hold_us=definition.end_hold_us,
        join_us=round(definition.join * 1e6),
        shortest_us=round(definition.min_duration * 1e6),
    )


def _number(facts: TagFacts, text: str) -> float:
    """The number that a tag has for a text."""
    states = {name: float(value) for value, name in facts.enum.items()} if facts.enum else _ON
    if text in states or (facts.enum is None and text.lower() in states):
        return states.get(text, states.get(text.lower(), 0.0))
    raise UsageError(
        "unknown-state",
        f"`{facts.tag}` has no state `{text}`",
        hint=near(text, states) or f"it has {', '.join(f'`{name}`' for name in states)}",
    )


def _mapped(expression: Expression, change: Callable[[Claim], Claim]) -> Expression:
    match expression:
        case Claim():
            return change(expression)
        case Not(of):
            return Not(_mapped(of, change))
        case AllOf(parts):
            return AllOf(tuple(_mapped(part, change) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_mapped(part, change) for part in parts))


def find(reader: Reader, asked: Question, start: int | None, end: int | None, known_until: int) -> Iterator[Found]:
    """Events that touch [start, end), whole, by start; the last one may not be over.

    Args:
        reader: over the whole store.
        asked: the definition.
        start: µs UTC; None = from the first sample.
        end: µs UTC; None = to the last one.
        known_until: µs UTC, up to which the last values hold.
    """
    first, last = _extent(reader, list(asked.is_stepped))
    if first is None or last is None:
        return
    until = max(last, known_until) + 1
    begin = first if start is None or start <= first else _Backward(reader, asked).rest(min(start, until), first)
    for found in _Forward(reader, asked).events(begin, until, until if end is None else end):
        over = until if found.end is None else found.end
        if (end is None or found.start < end) and (start is None or over > start):
            yield found


def origin(reader: Reader, tags: Iterable[str]) -> tuple[str, list[str]]:
    """Site id of these tags (of several the first), and their sources."""

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[str, list[str]]:
        names = ", ".join(quoted(tag) for tag in tags)
        rows = connection.execute(f"SELECT site, source FROM tags WHERE tag IN ({names}) ORDER BY 1, 2").fetchall()
        return rows[0][0] or "", sorted({row[1] for row in rows})

    return reader.ask(work)


def known_until(reader: Reader, tags: Iterable[str], now: int) -> int:
    """Up to when every source of the tags is accounted for, µs UTC; 0 = of one nothing is known but its samples."""
    alive = accounts(reader.selection.root)
    return min(now, *(alive.get(source, 0) for source in origin(reader, tags)[1]))


def _extent(reader: Reader, tags: list[str]) -> tuple[int | None, int | None]:
    """Times of the first and the last sample."""

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[int | None, int | None]:
        names = ", ".join(quoted(tag) for tag in tags)
        sql = f"SELECT epoch_us(min(ts)), epoch_us(max(ts)) FROM {reader.source('samples')} WHERE tag IN ({names})"
        low, high = connection.execute(sql).fetchone() or (None, None)
        return low, high

    return reader.ask(work)


class _Blocks:
    """Blocks of about `BLOCK_ROWS` samples, each longer or shorter than the one before it as they turn out."""

    def __init__(self, reader: Reader, asked: Question) -> None:
        self.asked = asked
        self._reader = reader
        self.pace = Pace(BLOCK_ROWS, _FIRST_SPAN_US)

    def read(self, start: int, end: int) -> dict[str, Course]:
        """How the tags run over [start, end)."""
        courses = {}
        rows = 0
        for tag, is_stepped in self.asked.is_stepped.items():
            found = series.read(
                self._reader,
                tag,
                start,
                end,
                good_before=1,
                good_after=0 if is_stepped else 1,
                number=self.asked.numbers[tag],
            )
            rows += found.between(start, end)
            courses[tag] = Course(found, is_stepped)
        self.pace.read(rows)
        return courses


class _Forward(_Blocks):
    def events(self, begin: int, until: int, wanted: int) -> Iterator[Found]:
        """Events from `begin` on, at which none is on; those that begin before `wanted` to their end."""
        asked = self.asked
        latch = Latch(asked.hold_us, asked.end_hold_us)
        joiner = Joiner(asked.join_us, asked.shortest_us)
        at = begin
        while at < until and (at < wanted or latch.lasting or latch.waits or not joiner.is_settled(at)):
            to = min(at + self.pace.span, until)
            courses = self.read(at, to)
            starting, ending = judge(asked.begin, courses, at, to), judge(asked.ending, courses, at, to)
            for found in latch.feed(starting, ending, to):
                yield from joiner.add(found)
            at = to
        if latch.lasting is not None:
            yield from joiner.add(latch.lasting)
        yield from joiner.finish(until)


class _Backward(_Blocks):
    def rest(self, at: int, first: int) -> int:
        """The last moment up to `at` at which surely no event is on, and none before it is joined with one behind it."""
        need = max(self.asked.end_hold_us, self.asked.join_us)
        high = at
        while high > first:
            low = max(first, high - self.pace.span)
            truth = judge(self.asked.ending, self.read(low, high), low, high)
            if (found := _latest(truth, high, need)) is not None:
                return found
            high = low
        return first


def _latest(truth: Truth, until: int, need: int) -> int | None:
    """Where the last stretch begins in which it says yes for long enough."""
    import numpy as np

    lasts = np.append(truth.at[1:], until) - truth.at
    places = np.flatnonzero((truth.says == YES) & (lasts >= max(need, 1)))
    return int(truth.at[places[-1]]) if places.size else None

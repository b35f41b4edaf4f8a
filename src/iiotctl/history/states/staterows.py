"""The states that a tag went through, out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.history import series, texts
from iiotctl.history.pace import Pace
from iiotctl.history.states.states import Runs, runs

if TYPE_CHECKING:
    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

BLOCK_ROWS: Final = 1_000_000
MOST: Final = 1_000
"""States; what has more is a measured value."""
_FIRST_SPAN_US: Final = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class States:
    """What a tag was.

    Attributes:
        runs: its states; those of texts as numbers.
        names: texts of states, as far as they have one.
        are_texts: the values themselves are texts.
    """

    runs: Runs
    names: dict[float, str]
    are_texts: bool


def read(reader: Reader, tag: TagFacts, start: int, end: int, known_until: int | None = None) -> States:
    """The states of a tag in [start, end).

    Args:
        reader: over the whole store.
        tag: which.
        start: µs UTC.
        end: µs UTC, after `start`.
        known_until: µs UTC, up to which the last value of all holds; None = without end. Any other one holds until
            the next sample, also one behind the range.

    Raises:
        UsageError: `too-many-states`.
        StoreError: no store; a file went away meanwhile.
    """
    import numpy as np

    held = [] if tag.enum or tag.type.startswith("bool") else texts.held(reader, tag.tag, end, MOST + 1)
    names = {code: text for text, code in texts.codes(reader, held).items()}
    if tag.enum:
        names = {float(value): text for value, text in tag.enum.items()}
    found: Runs | None = None
    pace = Pace(BLOCK_ROWS, _FIRST_SPAN_US)
    at, last = start, None
    while at < end:
        to = min(at + pace.span, end)
        number = texts.AS_NUMBER if held else "value"
        samples = series.read(reader, tag.tag, at, to, good_before=1, good_after=0, number=number)
        inside = samples.ts[samples.ts < to]
        last = int(inside[-1]) if inside.size and inside[-1] >= start else last
        more = runs(samples, at, to)
        found = more if found is None else found.then(more)
        _check(tag, np.unique(found.state).size, len(held))
        pace.read(samples.between(at, to))
        at = to
    assert found is not None
    if known_until is not None and known_until < end and not _goes_on(reader, tag.tag, end):
        until = max(known_until, start if last is None else last)
        # a state that the last sample of all tells was entered, though it lasts no time that is known
        head = found.at < until if last is None else found.at <= until
        known = Runs(found.at[head], found.state[head], until)
        found = known.then(Runs(np.array([until], np.int64), np.array([np.nan]), end))
    return States(found, names, bool(held))


def _goes_on(reader: Reader, tag: str, end: int) -> bool:
    """Whether the tag has samples or begins of gaps from an instant on."""
    return bool((series.read(reader, tag, end - 1, end, good_before=0).ts >= end).any())


def _check(tag: TagFacts, states: int, held: int) -> None:
    if max(states, held) > MOST:
        raise UsageError(
            "too-many-states",
            f"`{tag.tag}` has more than {MOST} different values and is no state",
            where="--by-state",
            hint="take a tag with few values; of a measured one `iiotctl events find` makes states by conditions",
        )

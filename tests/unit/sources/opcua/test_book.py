"""Columns by handle: samples, holes, denials and what is told again after an interruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from asyncua import ua

from iiotctl import quality
from iiotctl.samples import NULL_TIME, GapReason
from iiotctl.site.model import Tag
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.book import Book, Hole, micros_of
from iiotctl.sources.opcua.changes import Changes
from iiotctl.sources.opcua.convert import OVERFLOW, Rule
from iiotctl.sources.opcua.monitored import Watched
from iiotctl.sources.opcua.resolve import Item
from iiotctl.sources.opcua.wire import LAST_TICK, TICKS_1970

NOW = 1_790_000_000_000_000


def watched(code: int, **more: Any) -> Watched:
    rule = Rule(code, **more)
    tag = Tag(name=f"t{code}", source="s", address="i=1")
    return Watched(Item(CapturedTag(code, tag), ua.NodeId(), rule, True), rule, 1.0, 10, None, "status-value")


def changes(*rows: tuple[int, float, int], status: int = 0, odd: dict[int, Any] | None = None) -> Changes:
    """Rows of (handle, value, µs after NOW)."""
    handles, values, times = zip(*rows, strict=True)
    ticks = np.array([(NOW + at) * 10 + TICKS_1970 for at in times], np.int64)
    kinds = np.array([0 if odd and place in odd else 11 for place in range(len(rows))], np.uint8)
    return Changes(
        np.array(handles, np.uint32),
        kinds,
        np.array(values, np.float64),
        np.full(len(rows), status, np.uint32),
        ticks,
        ticks,
        odd or {},
    )


def spans(holes: list[Hole]) -> list[tuple[int, int | None, int, bool]]:
    return [
        (hole.entry.rule.code, hole.after and hole.after - NOW, hole.before - NOW, hole.overflown) for hole in holes
    ]


@pytest.fixture
def book() -> Book:
    made = Book()
    assert [made.add(watched(code)) for code in (10, 11)] == [1, 2]
    return made


def test_handles_that_are_not_ours_are_ignored(book: Book) -> None:
    book.drop(2)
    taken = book.take(changes((1, 1.0, 1), (2, 2.0, 2), (3, 3.0, 3), (0, 4.0, 4), (2**32 - 1, 5.0, 5)), NOW)
    assert (taken.batch.tag.tolist(), taken.batch.value.tolist()) == ([10], [1.0])
    assert book.handle_of(11) is None


def test_thousands_of_items() -> None:
    book = Book()
    handles = [book.add(watched(code, scale=2.0 if code % 2 else 1.0)) for code in range(3000)]
    taken = book.take(changes(*((handle, 1.0, handle) for handle in handles)), NOW)
    assert taken.batch.value.tolist() == [2.0 if code % 2 else 1.0 for code in range(3000)]
    assert taken.batch.tag.tolist() == list(range(3000))
    assert taken.batch.text is None


def test_overflow_between_the_values_of_one_message(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    first, second = changes((1, 2.0, 200), (2, 9.0, 300)), changes((1, 3.0, 400), status=OVERFLOW)
    both = Changes(
        *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("handle", "kind", "value", "status", "source", "server")),
        {},
    )  # fmt: skip
    assert spans(book.take(both, NOW).holes) == [(10, 200, 400, True)]


def test_a_suspect_has_one_hole_to_its_next_value(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    book.suspect_all()
    assert spans(book.take(changes((1, 2.0, 500), (1, 3.0, 600)), NOW).holes) == [(10, 100, 500, False)]
    assert spans(book.take(changes((2, 2.0, 700)), NOW).holes) == [(11, None, 700, False)]
    assert book.end_holes(NOW) == []


def test_a_hole_that_no_value_ends_is_told_once(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    book.suspect_all()
    assert spans(book.end_holes(NOW + 900)) == [(10, 100, 900, False), (11, None, 900, False)]
    assert book.end_holes(NOW) == []


def test_the_hole_of_a_dead_item_is_its_tags_though_the_item_is_another(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    entry, after = book.silence(1)
    assert after == NOW + 100
    book.drop(1)
    handle = book.add(entry)
    (hole,) = book.take(changes((handle, 2.0, 500)), NOW).holes
    assert (hole.after, hole.before, hole.reason) == (NOW + 100, NOW + 500, GapReason.TIMEOUT)
    book.silence(handle)
    book.drop(handle)
    (hole,) = book.end_holes(NOW + 900)
    assert (hole.after, hole.before, hole.reason) == (NOW + 500, NOW + 900, GapReason.TIMEOUT)
    assert book.end_holes(NOW) == []


def test_a_denied_value_is_no_sample_and_ends_no_hole(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    book.suspect_all()
    taken = book.take(changes((1, 0.0, 200), status=quality.CODES["BadNotReadable"]), NOW)
    assert len(taken.batch) == 0
    assert [(entry.rule.code, status) for entry, status in taken.denied] == [(10, quality.CODES["BadNotReadable"])]
    assert taken.holes == []
    assert int(book.last_ts[1]) == NOW + 100


def test_what_was_silent_is_told_again(book: Book) -> None:
    book.take(changes((1, 1.0, 100), (2, 2.0, 100), odd={1: "open"}), NOW)
    book.ask_confirmation()
    book.take(changes((1, 5.0, 900)), NOW)
    batch = book.confirm(NOW + 1000)
    assert batch is not None
    assert (batch.tag.tolist(), batch.text, batch.ts.tolist()) == ([11], ["open"], [NOW + 100])
    assert batch.ts_received is not None
    assert batch.ts_received.tolist() == [NOW + 1000]
    assert book.confirm(NOW + 1000) is None, "once"


def test_a_suspect_is_not_told_again(book: Book) -> None:
    book.take(changes((1, 1.0, 100)), NOW)
    book.ask_confirmation()
    book.suspect_all()
    assert book.confirm(NOW) is None


def test_ticks() -> None:
    ticks = np.array([0, 9, 10, TICKS_1970 + 19, -5, LAST_TICK + 1_000_000_000, 2**63 - 1], np.int64)
    assert micros_of(ticks).tolist() == [
        NULL_TIME,
        NULL_TIME,
        -11_644_473_599_999_999,
        1,
        NULL_TIME,
        253_402_300_799_000_000,
        253_402_300_799_000_000,
    ]

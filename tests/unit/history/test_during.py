"""`--during`: which stretches of time the stored events of a name come to."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from iiotctl.errors import IncompleteError
from iiotctl.history.events import during
from iiotctl.history.sql import views
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from tests.unit.history.press import POWER, press
from tests.unit.history.stores import T0, ask, event, small_store, with_events

S = 1_000_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hot` (first open, then closed), `hot` beside it, an overlapping one, one withdrawn; another name."""
    found = small_store(tmp_path_factory.mktemp("events") / "store")
    with_events(
        found,
        event("e", T0, T0 + 10 * S, detected=T0 + 1),
        event("f", T0 + 20 * S, T0 + 30 * S),
        event("g", T0 + 25 * S, T0 + 40 * S),
        event("h", T0 + 50 * S, T0 + 60 * S),
        event("h", T0 + 50 * S, T0 + 60 * S, detected=T0 + 1, withdrawn=True),
        event("i", T0 + 100 * S, None, name="idle"),
    )
    return found


def windows(root: Path, name: str, start: int | None = None, end: int | None = None) -> list[tuple[int, int]]:
    with Reader(Selection(root), lambda event: None) as reader:
        return during.windows(reader, name, start, end, now=T0 + 200 * S)


def test_the_newest_row_of_an_event_counts_and_overlaps_are_one(root: Path) -> None:
    assert windows(root, "hot") == [(T0, T0 + 10 * S), (T0 + 20 * S, T0 + 40 * S)]
    assert windows(root, "hot", T0 + 5 * S, T0 + 22 * S) == [(T0 + 5 * S, T0 + 10 * S), (T0 + 20 * S, T0 + 22 * S)]


def test_one_event_by_number_or_id(root: Path) -> None:
    assert windows(root, "hot#3") == windows(root, "g") == [(T0 + 25 * S, T0 + 40 * S)]


def test_an_event_that_is_not_over_lasts_until_now(root: Path) -> None:
    assert windows(root, "idle") == [(T0 + 100 * S, T0 + 200 * S)]
    assert windows(root, "idle", None, T0 + 150 * S) == [(T0 + 100 * S, T0 + 150 * S)]


def test_each_by_itself(root: Path) -> None:
    with Reader(Selection(root), lambda event: None) as reader:
        found = during.events(reader, "hot")
    assert [one.name for one in found] == ["hot#1", "hot#2", "hot#3"]


def test_what_is_not_there_is_said(root: Path) -> None:
    with pytest.raises(IncompleteError, match="no event `hott`") as caught:
        windows(root, "hott")
    assert caught.value.hint == "did you mean `hot`?"
    with pytest.raises(IncompleteError, match="no event `hot` lasted in the range"):
        windows(root, "hot", T0 + 45 * S, T0 + 48 * S)
    with pytest.raises(IncompleteError, match="knows no event `hot#9`"):
        windows(root, "hot#9")


def test_numbers_are_those_of_the_whole_store(root: Path) -> None:
    sql = "SELECT number, id FROM events WHERE event = 'hot' ORDER BY number"
    assert ask(root, sql, start=T0 + 35 * S) == [(3, "g")]


def seen(root: Path, sql: str, *stretches: tuple[float, float]) -> list[tuple[object, ...]]:
    """Rows of a SELECT over a store of which only these seconds after T0 are seen."""
    inside = tuple((T0 + round(low * S), T0 + round(high * S)) for low, high in stretches)
    selection = Selection(root, inside[0][0], inside[-1][1], inside)
    with Running(selection, Statement(sql, Kind.SELECT), lambda event: None) as running:
        return [tuple(row) for row in running.rows()[1]]


@pytest.mark.parametrize("most", [0, 200])
def test_views_show_what_lies_in_the_windows(tmp_path: Path, most: int) -> None:
    """By a join as by a tree of comparisons."""
    root = press(tmp_path, power=[(at, at) for at in range(100)], temperature=[(50, 1)], gap=(30, 32))
    stretches = [(at, at + 2.5) for at in range(5, 95, 9)]
    with mock.patch.object(views, "_IN_TREE", most):
        found = seen(root, f"SELECT value FROM samples WHERE tag = '{POWER}' ORDER BY ts", *stretches)
        assert [row[0] for row in found] == [at for at in range(100) if any(a <= at < b for a, b in stretches)]
        (newest,) = seen(root, f"SELECT value FROM latest WHERE tag = '{POWER}'", *stretches)
        assert newest == (88.0,)
        assert seen(root, "SELECT id FROM gaps", (0, 5), (31, 33)) == [("g",)]
        assert seen(root, "SELECT id FROM gaps", (0, 5), (33, 34)) == []


def test_rollups_and_events_of_the_windows(root: Path) -> None:
    minute = (T0 // 60_000_000 * 60_000_000 - T0) / S
    assert len(seen(root, "FROM rollups", (minute, minute + 1))) == 1
    assert seen(root, "FROM rollups", (minute + 1, minute + 50)) == []
    assert seen(root, "SELECT id FROM events ORDER BY id", (12, 21), (200, 201)) == [("f",), ("i",)]

"""`events find` stores an event once, follows what samples tell later, and takes back when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import IncompleteError, SiteError, UsageError
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.ops import events as op
from iiotctl.ops.aggregate import Wanted
from iiotctl.ops.by_state import by_state
from iiotctl.site.events import EventDefinition
from iiotctl.store.verify import verify
from tests.unit.history.press import POWER, STATE, T0, TEMPERATURE, S, press
from tests.unit.history.stores import ask, writer

HOT = EventDefinition(name="hot", start=f"{TEMPERATURE} > 60", tags=(TEMPERATURE, POWER), severity="high")


def find(root: Path, *definitions: EventDefinition, replaces: bool = False, dry_run: bool = False) -> list[int]:
    """How many are new, changed, as stored, taken back."""
    outcomes = op.find(
        root, definitions or [HOT], lambda event: None, replaces=replaces, dry_run=dry_run, now_us=lambda: T0 + 900 * S
    )
    changes = [outcome.changes for outcome in outcomes]
    return [sum(len(getattr(one, kind)) for one in changes) for kind in ("new", "changed", "same", "withdrawn")]


def stored(root: Path) -> list[tuple[object, ...]]:
    end = f'(epoch_us("end") - {T0}) / 1e6'
    return ask(root, f"SELECT event, number, (epoch_us(start) - {T0}) / 1e6, {end} FROM events ORDER BY start, event")


def test_the_same_event_is_stored_once_and_gets_its_end(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 50), (10, 70), (20, 50), (30, 70)], power=[(0, 4), (15, 8)])
    assert find(root, dry_run=True) == [2, 0, 0, 0]
    assert stored(root) == []
    assert find(root) == [2, 0, 0, 0]
    assert find(root) == [0, 0, 2, 0]
    assert stored(root) == [("hot", 1, 5, 15), ("hot", 2, 25, None)]
    (id_,) = ask(root, "SELECT id FROM events WHERE number = 2")
    press(root, temperature=[(40, 50)])
    assert find(root) == [0, 1, 1, 0]
    assert stored(root) == [("hot", 1, 5, 15), ("hot", 2, 25, 35)]
    assert ask(root, "SELECT id FROM events WHERE number = 2") == [id_]
    assert verify(root).sound


def test_what_is_kept_with_an_event(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 50), (10, 70), (20, 50)], power=[(0, 4), (10, 8), (30, 8)])
    find(root)
    (found,) = op.listed(root, lambda event: None)
    assert found.frame.attributes["duration_s"] == 10
    values = found.frame.attributes["values"]
    assert isinstance(values, dict)
    assert values[TEMPERATURE] == {"start": 60, "end": 60, "min": 60, "max": 70, "mean": 65}
    assert values[POWER]["min"] == 6
    assert (found.frame.severity, found.frame.condition, found.site) == ("high", f"{TEMPERATURE} > 60", "plant1")


def test_late_samples_move_an_event_and_join_two(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 50), (10, 70), (20, 50), (30, 70), (40, 50)])
    find(root)
    press(root, temperature=[(19, 70), (21, 70), (20.5, 70), (20.2, 70), (2, 50)])
    before = ask(root, "SELECT id FROM events WHERE number = 1")
    assert find(root)[1:] == [2, 0, 0]
    assert ask(root, "SELECT id FROM events WHERE number = 1") == before
    joined = HOT.model_copy(update={"join": 60.0})
    assert find(root, joined) == [1, 0, 0, 0]
    assert [row[0] for row in stored(root)] == ["hot"] * 3  # those of the earlier definition stay …
    assert find(root, joined, replaces=True) == [0, 0, 1, 2]  # … until they are taken back
    assert len(stored(root)) == 1
    assert find(root) == [2, 0, 0, 0]


def test_it_runs_beside_a_capture(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 50), (10, 70), (20, 50)])
    running = writer(root)
    assert find(root) == [1, 0, 0, 0]
    running.close()
    assert len(stored(root)) == 1


def test_a_definition_whose_tags_are_missing_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 50), (10, 70), (20, 50)])
    lost = EventDefinition(name="lost", start="press1.oil.temperatur > 60")
    said: list[str] = []
    outcomes = op.find(root, [lost, HOT], lambda event: said.append(event.text), now_us=lambda: T0)
    assert [outcome.definition.name for outcome in outcomes] == ["hot"]
    assert said == ["event `lost` was left out: no tag matches `press1.oil.temperatur`"]
    with pytest.raises(IncompleteError, match="no tag matches") as caught:
        find(root, lost)
    assert caught.value.where == "event `lost`"


def test_flags_and_names_that_make_no_event() -> None:
    with pytest.raises(UsageError, match="character 3") as caught:
        op.of_flags({"name": "hot", "start": "a ?> 3"})
    assert caught.value.where == "--start"
    with pytest.raises(UsageError, match="`--start` is missing"):
        op.of_flags({"name": "hot"})
    with pytest.raises(SiteError, match="declares events"):
        op.of_site(None, [])


def test_by_state_with_and_without_other_tags(tmp_path: Path) -> None:
    root = press(tmp_path, state=[(0, 0), (10, 2), (30, 0), (40, 2)], power=[(at, at % 7) for at in range(61)])
    with Reader(Selection(root), lambda event: None) as reader:
        minute = ("2026-11-18T11:06:40Z", "2026-11-18T11:07:40Z")
        rows = by_state(reader, Wanted(root, (), (), None, *minute), STATE, lambda event: None)
        names = [column.name for column in rows.columns]
        found = [dict(zip(names, row, strict=True)) for row in rows.rows]
        assert [(row["state"], row["text"], row["count"], row["duration"]) for row in found] == [
            (0, "idle", 2, 20),
            (2, "run", 2, 20),
            (None, "unknown", 1, 20),
        ]
        assert sum(float(str(row["percent"])) for row in found) == pytest.approx(100)
        split = by_state(reader, Wanted(root, [POWER], ["Count"], None, *minute), STATE, lambda event: None)
        counts = [row[6] for row in split.rows]
        assert counts == [20, 20, 20]
        with pytest.raises(UsageError, match="has no meaning"):
            by_state(reader, Wanted(root, [POWER], ["Delta"], None, *minute), STATE, lambda event: None)

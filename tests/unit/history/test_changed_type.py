"""A tag that was a number, then a text, then a switch: every row stays as it was, and nothing trips over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.history import tagfacts
from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.result import Running
from iiotctl.ops.last import last
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.unit.history.stores import T0, batch

MINUTE = 60_000_000
NAN = float("nan")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("types") / "store"
    story = [("float32", 1.5, None), ("string(8)", NAN, "running"), ("bool", 1.0, None), ("string(8)", NAN, "stopped")]
    for number, (type_, value, text) in enumerate(story):
        now = T0 + number * MINUTE
        writer = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda now=now: now)  # type: ignore[misc]
        writer.define_tags([TagRow(0, "a.x", "s", type=type_, unit="bar")])
        writer.commit(batch([0], [now], [value], text=[text]))
        writer.close(seal=number < 3)
    return root


def ask(root: Path, sql: str) -> tuple[list[object], list[str]]:
    said: list[str] = []
    with Running(Selection(root), statement.check(sql), lambda event: said.append(event.text)) as running:
        return [tuple(row) for row in running.rows()[1]], said  # type: ignore[arg-type]


def test_samples_and_tags_tell_the_story(store: Path) -> None:
    rows, said = ask(store, "SELECT value, text FROM samples ORDER BY ts")
    assert rows == [(1.5, None), (None, "running"), (1.0, None), (None, "stopped")]
    assert ask(store, "SELECT type FROM tags")[0] == [("string(8)",)]
    assert [row[0] for row in ask(store, "SELECT type FROM tags_history ORDER BY valid_from")[0]] == [  # type: ignore[index]
        "float32",
        "string(8)",
        "bool",
        "string(8)",
    ]
    assert said == []


def test_the_newest_value_is_the_text(store: Path) -> None:
    assert ask(store, "SELECT value, text, status FROM latest")[0] == [(None, "stopped", "Good")]
    (row,) = last(store, [], lambda event: None)
    assert (row.value, row.text) == (None, "stopped")


def test_wide_shows_the_numbers_and_names_the_tag(store: Path) -> None:
    rows, said = ask(store, """SELECT "a.x" FROM wide('a.x', '1min')""")
    assert rows == [(1.5,), (None,), (1.0,), (None,)]
    assert said == ["`a.x` has texts in this range; `wide` shows numbers only, the texts are in `samples`"]


def test_a_text_holds_until_the_next(store: Path) -> None:
    with Reader(Selection(store), lambda event: None) as reader:
        (facts,) = tagfacts.find(reader, ["a.x"])
    assert (facts.type, facts.stepped) == ("string(8)", True)

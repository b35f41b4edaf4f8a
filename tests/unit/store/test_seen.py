"""A finding keeps the time when it was first seen."""

from __future__ import annotations

from pathlib import Path

from iiotctl.store import seen
from iiotctl.store.layout import Layout
from iiotctl.store.seen import Seen

_HOUR = 3_600_000_000


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    found = {"ab": [Seen(1, None, 2, 3), Seen(0, 5, 1, 2)]}
    seen.write(layout, found)
    seen.write(layout, found)
    assert seen.read(layout) == found


def test_a_file_that_nobody_understands_is_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert seen.read(layout) == {}
    layout.seen.parent.mkdir()
    for text in (
        "",
        "[]",
        '{"format": 99}',
        '{"format": 1, "findings": {"a": [{}]}}',
        '{"format": 1, "findings": [1]}',
    ):
        layout.seen.write_text(text)
        assert seen.read(layout) == {}


def test_the_same_trouble_keeps_when_it_was_first_seen() -> None:
    before = {"ab": [Seen(0, None, first_seen=10, last_seen=20)]}
    now = {"ab": [Seen(5, 50 * _HOUR, first_seen=99, last_seen=99)]}
    assert seen.merged(before, now, 2 * _HOUR) == {"ab": [Seen(0, 50 * _HOUR, 10, 99)]}


def test_months_later_it_is_another_trouble() -> None:
    before = {"ab": [Seen(0, _HOUR, first_seen=10, last_seen=20)]}
    now = {"ab": [Seen(900 * _HOUR, None, first_seen=99, last_seen=99)]}
    assert seen.merged(before, now, 2 * _HOUR)["ab"] == [*before["ab"], *now["ab"]]
    soon = {"ab": [Seen(2 * _HOUR, None, first_seen=99, last_seen=99)]}
    assert len(seen.merged(before, soon, 2 * _HOUR)["ab"]) == 1


def test_what_is_not_seen_again_stays() -> None:
    before = {"ab": [Seen(0, _HOUR, 10, 20)]}
    assert seen.merged(before, {}, _HOUR) == before

"""What the site file says about a tag stands in the tags table; files of versions that wrote less still read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from iiotctl.capture.tagtable import row_of
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.tagfacts import find
from iiotctl.site.model import Limits, Tag
from iiotctl.site.sources import ReplaySource
from iiotctl.sources.base import CapturedTag
from iiotctl.store import rebuild
from iiotctl.store.known import known_tags
from iiotctl.store.layout import Layout
from iiotctl.store.schema import LATER, TagRow, dtypes, is_of, tag_from_json
from iiotctl.store.seal import parquet_bytes
from iiotctl.store.verify import verify
from tests.unit.store.making import NOON, SECOND, TAGS, Clock, open_writer, tag_row

_OLD = [name for name in asdict(TagRow(0, "t", "s")) if name not in LATER["tags"]]


def _tag(**keys: object) -> TagRow:
    return row_of(
        CapturedTag(0, Tag(name="a.b", source="s", address="x", **keys)), ReplaySource(type="replay", file="f")
    )  # type: ignore[arg-type]


def test_a_row_says_what_the_site_file_says() -> None:
    row = _tag(
        stepped=False,
        period="2.5s",
        limits=Limits(low=1.0, high_high=9.0),
        enum={"0": "stopped", "0x11": "läuft"},
        rollover=1000.0,
        criticality="high",
        twin="a.c",
        siblings=["a.d", "a.e"],
    )
    assert (row.stepped, row.period, row.rollover, row.criticality, row.twin) == (False, 2.5, 1000.0, "high", "a.c")
    assert (row.low_low, row.low, row.high, row.high_high) == (None, 1.0, None, 9.0)
    assert json.loads(row.enum or "") == {"0": "stopped", "0x11": "läuft"}
    assert json.loads(row.siblings or "") == ["a.d", "a.e"]
    plain = _tag()
    assert (plain.stepped, plain.enum, plain.twin, plain.siblings) == (None, None, None, None)
    assert plain.period == 1.0  # of its source


def test_a_changed_limit_is_a_new_description() -> None:
    assert _tag(limits=Limits(low=1.0)).config_hash != _tag(limits=Limits(low=2.0)).config_hash


def test_rows_of_an_older_segment_are_read() -> None:
    old = {name: value for name, value in asdict(tag_row(0)).items() if name in _OLD}
    assert tag_from_json(old) == tag_row(0)


def test_files_of_earlier_versions_are_read_beside_new_ones(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    (old,) = (tmp_path / "tags").rglob("*.parquet")
    old.write_bytes(parquet_bytes(pl.read_parquet(old, hive_partitioning=False).drop(LATER["tags"])))
    second = open_writer(tmp_path, Clock(NOON + SECOND), define=False)
    second.define_tags([tag_row(0, stepped=True, high=9.5, enum='{"1": "on"}', rollover=100.0)])
    for sealed in (False, True):
        with Reader(Selection(tmp_path), lambda event: pytest.fail(event.text)) as reader:
            new, older = find(reader, TAGS[:2])
        assert (new.stepped, new.high, new.enum, new.rollover) == (True, 9.5, {1: "on"}, 100.0)
        assert (older.stepped, older.high, older.enum, older.unit) == (False, None, None, "bar")
        if not sealed:
            second.close()
    assert len(list((tmp_path / "tags").rglob("*.parquet"))) == 2
    assert set(known_tags(tmp_path)) == set(TAGS)
    assert rebuild.tag_facts(Layout(tmp_path), TAGS[:1])[TAGS[0]].high == 9.5
    assert [flaw.detail for flaw in verify(tmp_path).flaws] == ["its hash is not the one that was written"]


def test_a_foreign_file_among_the_tags_is_left_out_by_name(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    (good,) = (tmp_path / "tags").rglob("*.parquet")
    pl.DataFrame({"time": [1], "machine": ["x"]}).write_parquet(good.with_name("00-foreign.parquet"))
    said: list[str] = []
    with Reader(Selection(tmp_path), lambda event: said.append(event.text)) as reader:
        assert [facts.tag for facts in find(reader, ["*"])] == sorted(TAGS)
    assert len(said) == 1
    assert "00-foreign.parquet: not a file of `tags`" in said[0]


def test_a_file_without_a_column_of_old_is_none_of_the_table() -> None:
    whole = dtypes("tags")
    assert is_of("tags", whole)
    assert is_of("tags", {name: kind for name, kind in whole.items() if name not in LATER["tags"]})
    assert not is_of("tags", {name: kind for name, kind in whole.items() if name != "unit"})
    assert not is_of("tags", {**whole, "stepped": pl.String()})
    assert not is_of("tags", {**whole, "more": pl.String()})

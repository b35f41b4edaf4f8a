"""A damaged file or one of another make costs its own rows only, whichever table it lies in, and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from iiotctl.events import Event
from iiotctl.history.sql import filecheck, statement
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.ops.last import last
from iiotctl.store.layout import KINDS
from iiotctl.store.schema import dtypes
from iiotctl.store.seal import parquet_bytes
from tests.unit.history.stores import TAGS, small_store

Make = Callable[[bytes, str], bytes]


def _cut(good: bytes, table: str) -> bytes:
    del table
    return good[:-100]


def _footer(good: bytes, table: str) -> bytes:
    del table
    return good[:-60] + b"\xff" * 48 + good[-12:]


def _pages(good: bytes, table: str) -> bytes:
    del table
    return good[:4] + b"\xff" * 36 + good[40:]


def _foreign(good: bytes, table: str) -> bytes:
    del good, table
    return parquet_bytes(pl.DataFrame({"time": [1], "machine": ["x"]}))


def _types(good: bytes, table: str) -> bytes:
    del good
    wrong = {name: pl.Series([TAGS[0]]) for name in dtypes(table)}
    return parquet_bytes(pl.DataFrame(wrong))


def _column_less(good: bytes, table: str) -> bytes:
    del good
    frame = pl.DataFrame({name: pl.Series([None], dtype=kind) for name, kind in dtypes(table).items()})
    return parquet_bytes(frame.drop(frame.columns[1]))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("sound") / "store")


@contextmanager
def _beside(root: Path, table: str, name: str, make: Make) -> Iterator[None]:
    """An odd file in the folder of a good one, made of it."""
    good = next((root / table).rglob("*.parquet"))
    path = good.with_name(name)
    path.write_bytes(make(good.read_bytes(), table))
    try:
        yield
    finally:
        path.unlink()


def _rows(root: Path, sql: str) -> tuple[list[str], list[str]]:
    said: list[str] = []

    def notice(event: Event) -> None:
        said.append(event.text)

    with Running(Selection(root), statement.check(sql), notice) as running:
        found = sorted(map(str, running.rows()[1]))
    return found, said


@pytest.mark.parametrize("make", [_cut, _footer, _pages, _foreign, _types, _column_less])
@pytest.mark.parametrize("table", [table for table in KINDS if table != "events"])
def test_the_others_are_read(sound: Path, table: str, make: Make) -> None:
    before, _ = _rows(sound, f"FROM {table}")
    for name in ("00-odd.parquet", "zz-odd.parquet"):
        with _beside(sound, table, name, make):
            after, said = _rows(sound, f"FROM {table}")
        assert after == before
        assert len(said) == 1
        assert name in said[0]


def _one_wrong(good: bytes, table: str) -> bytes:
    name = next(name for name, kind in dtypes(table).items() if kind == pl.Float64 or kind == pl.Datetime("us", "UTC"))
    return parquet_bytes(pl.read_parquet(good).with_columns(pl.col(name).cast(pl.String)))


@pytest.mark.parametrize("make", [_foreign, _types, _column_less, _one_wrong])
@pytest.mark.parametrize("table", KINDS)
def test_it_is_not_counted_either(sound: Path, table: str, make: Make) -> None:
    """A count comes from the footers: nothing fails on the way."""
    sql = f"SELECT count(*) FROM {table}"
    before, _ = _rows(sound, sql)
    with _beside(sound, table, "00-odd.parquet", make):
        after, said = _rows(sound, sql)
        other = [_rows(sound, text)[1] for text in ("SELECT 1", "FROM gaps", "FROM wide('oven.zone1', '1h')")]
        told: list[str] = []
        last(sound, [], lambda event: told.append(event.text))
    assert after == before
    assert len(said) == 1
    assert "not a file of `" in said[0]
    assert [told, *other] == [said] * 4


def test_a_damaged_page_is_said_in_words(sound: Path) -> None:
    with _beside(sound, "samples", "00-odd.parquet", _pages):
        _, (said,) = _rows(sound, "FROM samples")
    assert "00-odd.parquet: damaged (" in said
    assert said.isprintable()


def test_files_of_ours_need_no_manifest(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filecheck, "_objection", lambda *given, **named: "")
    with _beside(sound, "samples", "00-odd.parquet", lambda good, table: good):
        assert _rows(sound, "SELECT count(*) FROM samples") == (["(8,)"], [])


def test_listed_files_are_trusted_without_a_look(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filecheck, "_objection", lambda *given, **named: "odd")
    assert _rows(sound, "SELECT count(*) FROM samples") == (["(5,)"], [])


@pytest.mark.parametrize("make", [_cut, _pages, _foreign, _types])
@pytest.mark.parametrize("table", ["samples", "rollups", "tags"])
def test_latest_wide_and_last_do_without_it_too(sound: Path, table: str, make: Make) -> None:
    def ask() -> tuple[list[object], list[str]]:
        said: list[str] = []
        rows = last(sound, [], lambda event: said.append(event.text))
        latest, told = _rows(sound, "FROM latest")
        wide, more = _rows(sound, f"FROM wide('{TAGS[0]}', '1min')")
        assert bool(said) == bool(told)
        return [rows, latest, wide], [*said, *told, *more]

    before, silence = ask()
    with _beside(sound, table, "zz-odd.parquet", make):
        after, told = ask()
    assert after == before
    assert silence == []
    assert told
    assert all("zz-odd.parquet" in text for text in told)


def test_a_row_without_a_tag_is_nobodys(sound: Path) -> None:
    def nothing(good: bytes, table: str) -> bytes:
        del good
        return parquet_bytes(
            pl.DataFrame({name: pl.Series([None], dtype=kind) for name, kind in dtypes(table).items()})
        )

    tags = [row.tag for row in last(sound, [], lambda event: None)]
    for table in ("tags", "samples", "rollups"):
        with _beside(sound, table, "zz-odd.parquet", nothing):
            assert [row.tag for row in last(sound, [], lambda event: None)] == tags
            assert len(_rows(sound, "FROM latest")[0]) == len(tags)
            assert _rows(sound, "FROM wide('*', '1h')")[0]

"""The store as a DuckDB file: opened by a fresh DuckDB from anywhere, by several at once, by older versions."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from iiotctl.errors import IncompleteError, StoreError, UsageError
from iiotctl.events import Event
from iiotctl.history.sql import database, views
from iiotctl.ops.database import Wanted, write
from iiotctl.store.compact import compact
from tests.unit.history.stores import T0, ask, batch, small_store, writer

NOW = T0 + 60_000_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


def make(store: Path, output: Path, **wishes: object) -> list[Event]:
    told: list[Event] = []
    write(Wanted(store, output, **wishes), told.append, now_us=lambda: NOW)  # type: ignore[arg-type]
    return told


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


SEALED = [("oven.zone1", 3.0), ("press1.pressure", 1.0), ("press1.temperature", 2.0)]


def test_views_show_what_is_sealed(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "plant.duckdb"
    assert write(Wanted(store, output), lambda event: None, now_us=lambda: NOW) == 2
    assert rows(output, "SELECT tag, value FROM samples ORDER BY ALL") == SEALED
    assert rows(output, "SELECT ts FROM samples ORDER BY ts LIMIT 1") == [(datetime.fromtimestamp(T0 / 1e6, UTC),)]
    assert rows(output, "SELECT quality_name(quality), is_good(quality), is_bad(quality) FROM samples LIMIT 1") == [
        ("Good", True, False)
    ]
    assert rows(output, "SELECT tag, value, status FROM latest WHERE tag = 'oven.zone1'") == [
        ("oven.zone1", 3.0, "Good")
    ]
    assert rows(output, "FROM about WHERE name IN ('written_at', 'store') ORDER BY ALL") == [
        ("store", str(store)),
        ("written_at", "2026-11-18T11:07:40Z"),
    ]


def test_a_copy_needs_no_store(store: Path, tmp_path: Path) -> None:
    expected = {name: sorted(map(repr, ask(store, f"FROM {name}"))) for name in database.TABLES}
    output = tmp_path / "copy.duckdb"
    assert make(store, output, copy=True) == []
    store.rename(tmp_path / "gone")
    for name in database.TABLES:
        assert sorted(map(repr, rows(output, f"FROM {name}"))) == expected[name], name
    assert rows(output, "SELECT count(*) FROM samples WHERE NOT is_good(quality)") == [(1,)]


@pytest.mark.parametrize("copy", [False, True])
def test_it_holds_every_view_with_the_columns_of_the_reference(store: Path, tmp_path: Path, copy: bool) -> None:
    output = tmp_path / "plant.duckdb"
    make(store, output, copy=copy)
    assert {name for (name,) in rows(output, "SHOW TABLES")} == {*views.COLUMNS, "about"}
    for name, columns in views.COLUMNS.items():
        assert {row[0]: row[1] for row in rows(output, f"DESCRIBE {name}")} == columns


@pytest.mark.parametrize("copy", [False, True])
def test_the_range_narrows_it(store: Path, tmp_path: Path, copy: bool) -> None:
    output = tmp_path / "plant.duckdb"
    make(store, output, copy=copy, start="2026-11-18T11:06:40.000001Z", end="2026-11-18T11:06:40.000002Z")
    assert rows(output, "SELECT tag FROM samples") == [("press1.temperature",)]


@pytest.mark.parametrize("copy", [False, True])
def test_it_has_the_form_that_older_drivers_read(store: Path, tmp_path: Path, copy: bool) -> None:
    """Version 64 is DuckDB 1.0; 2.0 on its own writes 999, which nothing older opens."""
    output = tmp_path / "plant.duckdb"
    make(store, output, copy=copy)
    head = output.read_bytes()[:16]
    assert head[8:12] == b"DUCK"
    assert int.from_bytes(head[12:16], "little") == 64


def test_two_programs_read_it_from_another_folder(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "plant.duckdb"
    make(store, output)
    code = f"import duckdb; print(duckdb.connect({str(output)!r}, read_only=True).sql('SELECT count(*) FROM samples').fetchall())"
    with duckdb.connect(str(output), read_only=True) as mine:
        done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True)
        assert mine.execute("SELECT count(*) FROM samples").fetchall() == [(3,)]
    assert (done.stdout, done.stderr) == ("[(3,)]\n", "")


def test_made_anew_it_knows_what_has_come(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "plant.duckdb"
    make(store, output)
    later = writer(store, T0 + 5_000_000)
    later.commit(batch([2], [T0 + 2_000_000], [9.0]))
    later.rotate()
    later.seal()
    later.close()
    with pytest.raises(UsageError) as caught:
        make(store, output)
    assert caught.value.slug == "output-exists"
    assert len(rows(output, "FROM samples")) == 3
    make(store, output, force=True)
    assert len(rows(output, "FROM samples")) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plant.duckdb", "store"]


def test_a_compaction_makes_it_fail_and_never_count_twice(tmp_path: Path) -> None:
    root = tmp_path / "store"
    opened = writer(root)
    for number in range(3):
        opened.commit(batch([0], [T0 + number], [1.0]))
        opened.rotate()
        opened.seal()
    opened.close()
    output = tmp_path / "plant.duckdb"
    make(root, output)
    compact(root, now_us=lambda: T0 + 86_400_000_000)
    assert len(list((root / "samples").rglob("*.parquet"))) == 1
    with pytest.raises(duckdb.IOException, match="No files found"):
        rows(output, "FROM samples")
    make(root, output, force=True)
    assert rows(output, "SELECT count(*) FROM samples") == [(3,)]


def test_files_of_another_make_are_named_and_left_out(store: Path, tmp_path: Path) -> None:
    folder = next((store / "samples").iterdir())
    duckdb.connect().execute(f"COPY (SELECT 1 AS a) TO '{folder}/stranger.parquet'")
    (folder / "torn.parquet").write_bytes(b"PAR1 no more")
    output = tmp_path / "plant.duckdb"
    told = make(store, output)
    assert sorted(Path(event.text.split()[2].rstrip(":,;")).name for event in told) == [
        "stranger.parquet",
        "torn.parquet",
    ]
    assert rows(output, "SELECT tag, value FROM samples ORDER BY ALL") == SEALED
    with pytest.raises(StoreError):
        make(store, output, force=True, strict=True)


def test_a_full_disk_is_said_so(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')

    monkeypatch.setattr(database, "_about", full)
    for copy in (False, True):
        with pytest.raises(IncompleteError) as caught:
            make(store, tmp_path / "plant.duckdb", copy=copy)
        assert caught.value.slug == "disk-full"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_nothing_is_written_into_the_store(store: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make(store, store / "plant.duckdb")
    assert caught.value.slug == "output-in-store"

"""What a question reads of a long store, by DuckDB's own statistics; and that narrowing changes no answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from iiotctl.events import Event
from iiotctl.history import series
from iiotctl.history.sql import connect, statement
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.result import Running
from tests.unit.history import years

TAG = "line2.t07"
HOUR = "ts >= '2025-06-01 10:00' AND ts < '2025-06-01 11:00'"
DAYS = 365


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return years.make(tmp_path_factory.mktemp("year") / "store", days=DAYS, tags=50)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def silent(event: Event) -> None:
    pytest.fail(event.text)


def spoil(path: Path) -> None:
    """It still looks like Parquet at either end."""
    data = bytearray(path.read_bytes())
    data[4:-8] = bytes(len(data) - 12)
    path.write_bytes(data)


def rows(root: Path, sql: str, **selection: int) -> list[object]:
    with Running(Selection(root, **selection), statement.check(sql), silent) as running:
        return list(running.rows()[1])


def scan(root: Path, sql: str, **selection: int) -> years.Scan:
    ((_, plan),) = rows(root, f"EXPLAIN (ANALYZE, FORMAT json) {sql}", **selection)  # type: ignore[misc]
    return years.scan_of(plan)


def test_an_hour_of_a_tag_reads_less_than_a_hundredth_of_a_year(year: Path) -> None:
    sql = f"SELECT avg(value) FROM samples WHERE tag = '{TAG}' AND {HOUR}"
    found = scan(year, sql)
    assert (found.files, found.row_groups, found.of_row_groups) == (1, 1, 4)
    assert 0 < found.size < 0.01 * years.size(year)
    assert rows(year, sql) == [(151.0,)]


def test_so_does_a_reader_that_is_asked_with_a_range(year: Path) -> None:
    start, end = us("2025-06-01 10:00"), us("2025-06-01 11:00")

    def work(connection: object) -> str:
        source = reader.source("samples", start=start, end=end, tags=[TAG])
        sql = f"EXPLAIN (ANALYZE, FORMAT json) SELECT value FROM {source} WHERE tag = '{TAG}' AND {HOUR}"
        return connection.execute(sql).fetchall()[0][1]  # type: ignore[attr-defined,no-any-return]

    with Reader(Selection(year), silent) as reader:
        found = years.scan_of(reader.ask(work))
        around = series.read(reader, TAG, start, end)
    assert (found.files, found.row_groups) == (1, 1)
    assert found.size < 0.01 * years.size(year)
    assert {-30, 0, 30, 60} <= {int(minute) for minute in (around.ts - start) // 60_000_000}
    assert around.ts.size < 10


@pytest.mark.parametrize(
    ("where", "files"),
    [
        ("ts >= '2025-12-31'", 1),
        ("ts > TIMESTAMPTZ '2025-12-30 23:45:00Z'", 1),
        ("ts BETWEEN '2025-03-01' AND '2025-03-03'", 3),
        ("ts BETWEEN '2025-03-01' AND '2025-03-02 23:59'", 2),
        ("'2025-12-31' <= ts", 1),
        ("ts = '2025-05-05 00:30'", 1),
        ("ts = '2025-05-05 00:31'", 1),
        ("date_trunc('day', ts) = DATE '2025-05-05'", 1),
        ("ts >= TIMESTAMPTZ '2025-12-31 12:00Z' - INTERVAL 1 DAY", 2),
        ("NOT ts < '2025-12-31'", 1),
        ("ts >= '2025-12-31' AND (tag = 'line0.t05' OR tag = 'line1.t06')", 1),
        (
            "ts >= '2025-12-31' AND value > (SELECT avg(value) FROM samples WHERE ts >= '2025-12-30' AND tag = 'line0.t00')",
            4,
        ),
        ("(ts >= '2025-12-31' OR ts < '2025-01-02')", DAYS),
        ("ts::DATE = '2025-05-05'", DAYS),
        ("tag = 'line0.t05'", DAYS),
        ("tag = 'aaa'", 0),
        ("ts > '2026-06-01'", 0),
    ],
)
def test_bounds_that_narrow(year: Path, where: str, files: int) -> None:
    assert scan(year, f"SELECT avg(value), max(tag) FROM samples WHERE {where}").files == files


def test_each_scan_of_a_statement_counts(year: Path) -> None:
    both = f"SELECT a.value, b.value FROM samples a ASOF JOIN samples b ON a.ts >= b.ts AND b.tag = 'line0.t00' AND b.{HOUR}"
    found = scan(year, f"{both.replace('AND ts', 'AND b.ts')} WHERE a.tag = '{TAG}' AND a.ts >= '2025-12-31'")
    assert found.files == 4  # the file of either, for each of the two
    cte = "WITH x AS (SELECT * FROM samples WHERE ts >= '2025-12-30') SELECT avg(value) FROM x WHERE ts < '2025-12-31'"
    assert scan(year, cte).files == 1


def test_a_range_of_the_command_line_narrows(year: Path) -> None:
    found = scan(year, "SELECT avg(value) FROM samples", start=us("2025-06-01 10:00"), end=us("2025-06-02 00:00"))
    assert found.files == 1


def test_wide_reads_its_tags_and_times_only(year: Path) -> None:
    sql = f"SELECT * FROM wide('{TAG}', '1h') WHERE {HOUR}"
    found = scan(year, sql)
    assert (found.files, found.row_groups, found.of_row_groups) == (1, 1, 4)
    assert rows(year, sql) == [(datetime(2025, 6, 1, 10, tzinfo=UTC), 151.0)]


def test_what_is_not_asked_for_is_not_opened(year: Path, tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=3, tags=2)
    spoil(min((root / "samples").rglob("*.parquet")))
    assert rows(root, "SELECT count(*) FROM tags") == [(2,)]
    assert rows(root, "SELECT count(value) FROM samples WHERE ts >= '2025-01-02'") == [(3 * 48,)]


def test_files_that_no_manifest_knows_go_by_their_folder(tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=5, tags=3, listed=False)
    assert scan(root, "SELECT avg(value) FROM samples WHERE ts >= '2025-01-03' AND ts < '2025-01-04'").files == 1
    assert rows(root, "SELECT count(*) FROM samples WHERE tag = 'aaa'") == [(0,)]


def test_latest_begins_with_the_newest_files(tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=4, tags=3)
    for path in sorted((root / "samples").rglob("*.parquet"))[:2]:
        spoil(path)
    newest = datetime(2025, 1, 4, 23, 30, tzinfo=UTC)
    assert rows(root, "SELECT tag, ts, value, unit, status FROM latest ORDER BY tag") == [
        ("line0.t00", newest.replace(day=3), 2.0, "bar", "Good"),
        ("line1.t01", newest, 3.0, "bar", "Good"),
        ("line2.t02", newest, 3.0, "bar", "Good"),
    ]
    said: list[str] = []
    with Running(
        Selection(root), statement.check("FROM latest l JOIN samples USING (tag)"), lambda e: said.append(e.text)
    ) as running:
        assert list(running.rows()[1])
    assert len(said) == 2


def test_latest_before_a_time(tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=3, tags=2)
    assert rows(root, "SELECT tag, ts, value FROM latest", end=us("2025-01-02 00:00")) == [
        ("line0.t00", datetime(2025, 1, 1, 23, 30, tzinfo=UTC), 0.0),
        ("line1.t01", datetime(2025, 1, 1, 23, 30, tzinfo=UTC), 0.0),
    ]


def test_latest_without_a_statement_is_the_same(tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=3, tags=3)
    with Reader(Selection(root), silent) as reader:
        slow = reader.ask(lambda connection: connection.execute("FROM latest ORDER BY tag").fetchall())
    assert slow == rows(root, "FROM latest ORDER BY tag")


def test_rows_that_leave_as_they_come_need_little_memory(tmp_path: Path) -> None:
    root = years.make(tmp_path / "store", days=1, tags=2)

    def memory(sql: str) -> str:
        return str(rows(root, sql)[0][0])  # type: ignore[index]

    little = "256.0 MiB"
    assert memory("SELECT current_setting('memory_limit') FROM samples WHERE tag > 'a' LIMIT 3") == little
    assert memory("SELECT current_setting('memory_limit') FROM range(3)") == little
    if connect.memory_limit() > connect.LEAST_MEMORY:
        assert memory("SELECT current_setting('memory_limit'), count(*) FROM samples GROUP BY ALL") != little
        assert memory("SELECT current_setting('memory_limit') FROM samples ORDER BY ts") != little

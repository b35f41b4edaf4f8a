"""`wide`: a row an interval, a column a tag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iiotctl.errors import IiotctlError
from iiotctl.history.sql import statement
from iiotctl.history.sql.bounds import Bounds
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.unit.history.stores import batch

START = 1_795_000_020_000_000  # a whole minute
SECOND = 1_000_000
NAMES = ("p.a", "p.A", "p.text", "odd.\"q'%", "q.other")
NAN = float("nan")
BAD = 0x80000000


def at(second: int) -> datetime:
    return datetime.fromtimestamp(START // SECOND + second, UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes; the fourth sample is Bad, the text tag has a number and a text. Sealed and unsealed."""
    root = tmp_path_factory.mktemp("wide") / "store"
    writer = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda: START)
    writer.define_tags([TagRow(code=code, tag=name, source="s") for code, name in enumerate(NAMES)])
    times = [START + second * SECOND for second in (0, 10, 59, 60)]
    writer.commit(batch([0] * 4, times, [1.0, 5.0, 3.0, NAN], [0, 0, 0, BAD]))
    writer.commit(batch([1, 2, 2], [START, START + 1, START + 61 * SECOND], [7.0, 2.0, NAN], text=[None, None, "on"]))
    writer.rotate()
    writer.seal()
    writer.commit(batch([3, 4], [START + 62 * SECOND, START + 200 * SECOND], [9.0, 4.0]))
    writer.close(seal=False)
    return root


def ask(root: Path, sql: str, said: list[str] | None = None, **selection: int) -> tuple[list[str], list[object]]:
    told = [] if said is None else said
    with Running(Selection(root, **selection), statement.check(sql), lambda event: told.append(event.text)) as running:
        fields, rows = running.rows()
        return [field.name for field in fields], [tuple(row) for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "value"), [("", 3.0), (", 'mean'", 3.0), (", 'last'", 3.0), (", how := 'min'", 1.0), (", 'm' || 'ax'", 5.0)]
)
def test_columns_rows_and_what_becomes_of_the_values(store: Path, how: str, value: float) -> None:
    names, rows = ask(store, f"FROM wide('p.[aA]', '1min'{how})")
    assert names == ["ts", "p.A", "p.a_2"]  # DuckDB takes upper and lower case for the same
    assert rows == [(at(0), 7.0, value), (at(60), None, None)]


@pytest.mark.parametrize("every", ["'1min'", "'60s'", "INTERVAL '1 minute'", "INTERVAL 1 MINUTE", "'1m'::INTERVAL"])
def test_an_interval_may_be_written_in_many_ways(store: Path, every: str) -> None:
    assert ask(store, f"SELECT ts FROM wide('q.*', {every})")[1] == [(at(180),)]


@pytest.mark.parametrize(
    ("every", "begin"),
    [
        ("'1d'", "2026-11-17T23:00Z"),
        ("'1D'", "2026-11-17T23:00Z"),
        ("INTERVAL 1 DAY", "2026-11-17T23:00Z"),
        ("'24h'", "2026-11-18T00:00Z"),
        ("'1w'", "2026-11-15T23:00Z"),
        ("'1mo'", "2026-10-31T23:00Z"),
        ("'1y'", "2025-12-31T23:00Z"),
    ],
)
def test_days_and_longer_are_those_of_the_site(store: Path, every: str, begin: str) -> None:
    checked = statement.check(f"SELECT ts FROM wide('q.*', {every})", zone="Europe/Berlin")
    with Running(Selection(store), checked, lambda event: None) as running:
        assert [tuple(row) for row in running.rows()[1]] == [(datetime.fromisoformat(begin),)]


@pytest.mark.parametrize("every", ["1d", "1w", "1mo"])
def test_bounds_on_local_days_cut_nothing(store: Path, every: str) -> None:
    """The day on which the clock is put back has 25 hours."""
    call = statement.check(f"FROM wide('*', '{every}')", zone="Europe/Berlin").wides[0]
    begin = int(datetime(2026, 9, 30, 22 if every == "1mo" else 0, tzinfo=UTC).timestamp()) * SECOND
    hours = {"1d": 25, "1w": 7 * 24 + 1, "1mo": 31 * 24 + 1}[every]
    end = call.needs(Bounds(None, begin + 1), ["q.other"]).end
    assert end is not None
    assert end >= begin + hours * 3600 * SECOND


def test_upper_and_lower_case_of_a_call(store: Path) -> None:
    sql = "SELECT a.ts, a.\"p.a\", b.\"p.A\" FROM wide('p.a', '1MIN', 'MAX') a JOIN wide('p.A', '1min', 'max') b USING (ts)"
    assert ask(store, sql)[1] == [(at(0), 5.0, 7.0)]


def test_several_calls_in_one_statement(store: Path) -> None:
    sql = (
        "SELECT m.ts, m.\"p.a\", h.\"q.other\" FROM wide('p.a', '1min') m, WIDE('q.other', '1h', 'max') h ORDER BY ALL"
    )
    assert ask(store, sql)[1] == [(at(0), 3.0, 4.0), (at(60), None, 4.0)]


def test_odd_names_are_columns_too(store: Path) -> None:
    names, rows = ask(store, """FROM wide('odd."q''%', '1min')""")
    assert names == ["ts", NAMES[3]]
    assert rows == [(at(60), 9.0)]


def test_texts_are_told(store: Path) -> None:
    said: list[str] = []
    assert ask(store, "FROM wide('p.text', '1min')", said)[1] == [(at(0), 2.0), (at(60), None)]
    assert said == ["`p.text` has texts in this range; `wide` shows numbers only, the texts are in `samples`"]
    said.clear()
    assert len(ask(store, "FROM wide('p.text', '1min')", said, end=START + 60 * SECOND)[1]) == 1
    assert said == []


def test_bounds_cut_no_interval_that_is_shown(store: Path) -> None:
    whole = ask(store, "FROM wide('*', '1min')")[1]
    assert len(whole) == 3
    for second in (1, 60, 180):
        for sign in ("<", "<=", ">=", "="):
            sql = f"FROM wide('*', '1min') WHERE ts {sign} TIMESTAMPTZ '{at(second)}'"
            wanted = [row for row in whole if _holds(row[0] - at(second), sign)]  # type: ignore[index]
            assert ask(store, sql)[1] == wanted, sql


def _holds(difference: timedelta, sign: str) -> bool:
    zero = timedelta()
    return {
        "<": difference < zero,
        "<=": difference <= zero,
        ">=": difference >= zero,
        "=": difference == zero,
    }[sign]


@pytest.mark.parametrize(
    ("sql", "slug", "part"),
    [
        ("FROM wide('q.othr', '1min')", "no-tags", "did you mean `q.other`?"),
        ("FROM wide('qq.*', '1min')", "no-tags", "did you mean `q.*`?"),
        ("FROM wide('q.*', 'soon')", "wide-arguments", "soon"),
        ("FROM wide('q.*', '0s')", "wide-arguments", "no length"),
        ("FROM wide('q.*', INTERVAL '-1 hour')", "wide-arguments", "no length"),
        ("FROM wide('q.*', '1min', 'median')", "wide-arguments", "`median` is none of mean, last, min, max"),
        ("FROM wide('q.*', '1min', 'AVG')", "wide-arguments", "did you mean `'mean'`?"),
        ("FROM wide('q.*', '1min', NULL)", "wide-arguments", "`how` is null"),
        ("FROM wide('q.*', NULL)", "wide-arguments", "`every` is null"),
        ("FROM wide('q.*', 'shift')", "wide-arguments", "`iiotctl aggregate --every shift`"),
        ("FROM wide('q.*', 'fortnight')", "wide-arguments", "`fortnight` is no interval write e.g. `'15min'`"),
        ("FROM wide('q.*', '1mo 2d')", "wide-arguments", "mixes"),
        ("FROM wide('q.*', '1d 2h')", "wide-arguments", "mixes"),
        ("FROM wide(NULL, '1min')", "wide-arguments", "`pattern` is null"),
        ("FROM samples, wide(tag, '1min')", "wide-arguments", "tag"),
        ("FROM wide('q.*')", "sql-error", "wide(pattern, every"),
        ("FROM wide('q.*', '1min', 'max', 4)", "sql-error", "wide(pattern, every"),
        ("SELECT nothing FROM wide('q.*', '1min')", "sql-error", "q.other"),
    ],
)
def test_what_is_wrong_is_said(store: Path, sql: str, slug: str, part: str) -> None:
    with pytest.raises(IiotctlError) as caught:
        ask(store, sql)
    assert caught.value.slug == slug
    assert part in f"{caught.value.cause} {caught.value.hint}"

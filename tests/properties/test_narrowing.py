"""Whatever a statement asks for: reading the files that its plan needs gives what reading all of them gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.result import Running
from tests.unit.history import years

DAYS = 6
_TIMES = st.builds(
    lambda day, hour: f"TIMESTAMPTZ '2025-01-{day:02d} {hour:02d}:00:00Z'",
    st.integers(1, DAYS + 1),
    st.sampled_from([0, 0, 4, 23]),
)
_TAGS = st.sampled_from([*years.names(3), "zzz", "it''s"]).map(lambda name: f"'{name}'")
_LEAVES = st.one_of(
    st.builds(lambda sign, time: f"ts {sign} {time}", st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]), _TIMES),
    st.builds(lambda low, high: f"ts BETWEEN {low} AND {high}", _TIMES, _TIMES),
    st.builds(lambda sign, tag: f"tag {sign} {tag}", st.sampled_from(["=", "<>", "<", ">=", "LIKE", "^@"]), _TAGS),
    st.builds(lambda tags: f"tag IN ({', '.join(tags)})", st.lists(_TAGS, min_size=1, max_size=3)),
    st.builds(lambda time: f"date_trunc('day', ts) = {time}::DATE", _TIMES),
    st.builds(lambda time: f"ts - INTERVAL 1 DAY > {time}", _TIMES),
    st.builds(lambda value: f"value >= {value}", st.integers(0, DAYS)),
)
_MIXED = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"({a} AND {b})", inner, inner),
        st.builds(lambda a, b: f"({a} OR {b})", inner, inner),
        st.builds(lambda a: f"NOT ({a})", inner),
    ),
    max_leaves=4,
)
_CONDITIONS = st.one_of(_LEAVES, _MIXED, st.builds(lambda a, b: f"{a} AND {b}", _LEAVES, _LEAVES))
_FORMS = st.sampled_from(
    [
        "SELECT count(*), sum(value), min(tag), max(ts) FROM samples WHERE {0}",
        "SELECT count(*), count(n) FROM samples LEFT JOIN (SELECT tag, ts, 1 AS n FROM samples WHERE {1}) USING (tag, ts) WHERE {0}",
        "SELECT count(*) FROM samples a SEMI JOIN (SELECT tag, ts FROM samples WHERE {1}) b USING (tag, ts) WHERE NOT ({0})",
        "SELECT count(*) FROM (SELECT * FROM samples WHERE {0} UNION ALL SELECT * FROM samples WHERE {1})",
        "WITH x AS (SELECT * FROM samples WHERE {0}) SELECT count(*) FROM x WHERE tag IN (SELECT tag FROM x WHERE {1})",
        "SELECT tag, ts FROM samples WHERE {0} ORDER BY ts DESC, tag LIMIT 3",
        "SELECT tag, n FROM (SELECT tag, ts, count(*) OVER (PARTITION BY tag) AS n, value FROM samples) WHERE {0} ORDER BY ALL LIMIT 5",
    ]
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return years.make(tmp_path_factory.mktemp("days") / "store", days=DAYS, tags=3, every_min=240, row_group=6)


@pytest.fixture(scope="module")
def whole(store: Path) -> Iterator[Reader]:
    """Reads everything."""
    with Reader(Selection(store), lambda event: pytest.fail(event.text)) as reader:
        yield reader


@settings(max_examples=40, deadline=None)
@given(form=_FORMS, one=_CONDITIONS, other=_CONDITIONS)
def test_narrowing_changes_no_answer(store: Path, whole: Reader, form: str, one: str, other: str) -> None:
    sql = form.format(one, other)
    with Running(Selection(store), statement.check(sql), lambda event: pytest.fail(event.text)) as running:
        narrowed = [tuple(row) for row in running.rows()[1]]  # type: ignore[arg-type]
    assert narrowed == whole.ask(lambda connection: connection.execute(sql).fetchall())

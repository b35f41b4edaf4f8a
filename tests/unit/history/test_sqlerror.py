"""Errors of SQL as people meet them who write their first statement."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from tests.unit.history.stores import small_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("sql") / "store")


def hint(store: Path, sql: str) -> str:
    def run() -> None:
        with Running(Selection(store), statement.check(sql), lambda event: None) as running:
            running.rows()

    with pytest.raises(UsageError) as caught:
        run()
    assert caught.value.slug == "sql-error"
    return str(caught.value.hint)


QUOTES = "texts stand in single quotes: `'{}'`"
WORD = '`{0}` is a word of SQL; as a column it stands in double quotes: `"{0}"`'


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('FROM samples WHERE tag = "one"', QUOTES.format("one")),
        ('\nSELECT *\n  FROM samples\nWHERE tag="one" LIMIT 1', QUOTES.format("one")),
        ("FROM samples WHERE tag = press1", QUOTES.format("press1")),
        ("FROM samples WHERE tag <> press1.pressure", QUOTES.format("press1.pressure")),
        ("FROM samples WHERE tag LIKE press1", QUOTES.format("press1")),
        ("FROM samples WHERE tag IN (press1, 'b')", QUOTES.format("press1")),
        ("FROM samples WHERE tag IN ('a', \"b c\")", QUOTES.format("b c")),
        ("SELECT start, end FROM gaps", WORD.format("end")),
        ("SELECT end FROM gaps", WORD.format("end")),
        ("SELECT order FROM tags", WORD.format("order")),
        ("SELECT tag, offset FROM tags", WORD.format("offset")),
        ("SELECT tag FROM tags WHERE order = 'ABCD'", WORD.format("order")),
    ],
)
def test_beginners_are_told_what_they_meant(store: Path, sql: str, expected: str) -> None:
    assert hint(store, sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT vlue FROM samples",
        "FROM samples WHERE vlue = 1",
        "SELECT CASE WHEN true THEN 1 END END FROM samples",
        "SELECT ts FROM samples ORDER BY",
        'SELECT "end" "x" y FROM gaps',
        "SELECT ts FROM samples WHERE ORDER BY ts",
        "SELEC end",
    ],
)
def test_others_are_told_where_to_look(store: Path, sql: str) -> None:
    assert "SHOW TABLES" in hint(store, sql)

from __future__ import annotations

import pytest

from iiotctl.errors import UsageError
from iiotctl.history.sql.statement import Kind, check

COPY = "COPY (SELECT 1) TO 'x.parquet'"

REFUSED = [
    COPY,
    "COPY samples FROM 'x.csv'",
    f"EXPLAIN {COPY}",
    f"EXPLAIN ANALYZE {COPY}",
    f"explain /* */ analyze {COPY}",
    f"EXPLAIN (ANALYZE) {COPY}",
    f"EXPLAIN (ANALYZE, FORMAT json) {COPY}",
    f"EXPLAIN (SELECT 1) {COPY}",
    "EXPLAIN CREATE TABLE t (i INTEGER)",
    "EXPLAIN PRAGMA version",
    f"WITH x AS ({COPY}) SELECT * FROM x",
    f"WITH a AS (SELECT 1), x AS MATERIALIZED ({COPY}) SELECT * FROM x",
    f"(WITH x AS ({COPY}) SELECT * FROM x)",
    f"SELECT (WITH x AS ({COPY}) SELECT 1 FROM x)",
    f"EXPLAIN ANALYZE WITH x AS ({COPY}) SELECT * FROM x",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) FROM x",
    "WITH x AS (DELETE FROM t RETURNING *) FROM x",
    "WITH x AS (UPDATE t SET i = 1 RETURNING *) FROM x",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM system.main.query('SELECT 1')",
    "SELECT * FROM main.\"query\"('SELECT 1')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM (FROM json_execute_serialized_sql('{}'))",
    "PRAGMA json_execute_serialized_sql('{}')",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = 'x')",
    "SELECT * FROM force_checkpoint()",
    "SELECT * FROM duckdb_secrets()",
    "ATTACH 'x.db'",
    "DETACH x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "RESET threads",
    "PRAGMA threads = 1",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE t (i INTEGER)",
    "CREATE MACRO m() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "DROP VIEW samples",
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET i = 1",
    "DELETE FROM t",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "USE x",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW samples",
    f"SELECT 1; {COPY}",
    "PIVOT samples ON tag USING avg(value)",
]

ALLOWED = [
    "SELECT 1",
    "SELECT 1;",
    "-- a comment\nSELECT 1 /* ; */ ; -- the end",
    "FROM samples",
    "VALUES (1)",
    "TABLE samples",
    "DESCRIBE samples",
    "SUMMARIZE samples",
    "SHOW TABLES",
    "WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT 2",
    "WITH RECURSIVE a AS (SELECT 1 x UNION ALL SELECT x + 1 FROM a WHERE x < 3) FROM a",
    "SELECT * FROM samples a ASOF JOIN samples b ON a.ts >= b.ts",
    "SELECT * FROM range(3), unnest([1, 2])",
    "PIVOT samples ON tag IN ('a', 'b') USING avg(value)",
    "SELECT 'COPY; DROP ä' AS x;",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_does_more_than_read_is_refused(sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(sql)
    assert caught.value.slug in {"query-refused", "sql-error"}
    assert caught.value.hint


@pytest.mark.parametrize("sql", ALLOWED)
def test_reading_is_allowed(sql: str) -> None:
    assert check(sql).kind is Kind.SELECT


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1;", "explain (format json) FROM samples"])
def test_plans_of_a_select_are_allowed(sql: str) -> None:
    assert check(sql).kind is Kind.EXPLAIN


def test_a_statement_is_cut_at_its_semicolon() -> None:
    assert check("SELECT 'ä;ö' AS x /* ; */ ; -- ;").sql.rstrip() == "SELECT 'ä;ö' AS x /* ; */"


@pytest.mark.parametrize("sql", ["", "  \n", "-- nothing"])
def test_no_statement_is_said_so(sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(sql)
    assert caught.value.slug == "sql-empty"


def test_a_syntax_error_shows_its_place() -> None:
    with pytest.raises(UsageError) as caught:
        check("SELECT 1,\n  (FROM x")
    assert caught.value.slug == "sql-error"
    lines = str(caught.value.cause).splitlines()
    assert lines[-2].startswith("LINE 2: ")
    assert lines[-1].strip() == "^" * len(lines[-1].strip())


def test_unsafe_lifts_the_wall() -> None:
    assert check(COPY, unsafe=True).kind is Kind.ANY
    assert check("SET threads = 1; SELECT 1", unsafe=True).kind is Kind.ANY
    assert check("SELECT 1", unsafe=True).kind is Kind.SELECT


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("INSTALL httpfs", "INSTALL"),
        ("  -- fetch it\n force install httpfs", "INSTALL"),
        ("CHECKPOINT;", "CHECKPOINT"),
        ("BEGIN", "BEGIN"),
        ("/* é */ USE main", "USE"),
        ("WITH x AS (SELECT 1) INSERT INTO samples FROM x", "INSERT"),
    ],
)
def test_a_refused_statement_is_called_by_its_word(sql: str, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        check(sql)
    assert refused.value.cause == f"{word} is not a SELECT"

"""What foreign SQL tries, and that nothing has changed afterwards."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from iiotctl.errors import IiotctlError, UsageError
from iiotctl.history.sql import connect, views
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.ops.query import Query, run
from tests.unit.history.stores import small_store

leaked_variable = [("secret",)]
"""For the scan of Python variables; the name is looked up in no frame."""


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def world(tmp_path: Path) -> Path:
    small_store(tmp_path / "store")
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    (tmp_path / "secret.parquet").write_bytes(next((tmp_path / "store" / "samples").rglob("*.parquet")).read_bytes())
    return tmp_path


def sealed(world: Path) -> Path:
    return next((world / "store" / "samples").rglob("*.parquet"))


ATTEMPTS: dict[str, Callable[[Path], str]] = {
    "copy to": lambda w: f"COPY samples TO '{w}/out.csv'",
    "copy over a sealed file": lambda w: f"COPY (SELECT 1) TO '{sealed(w)}' (FORMAT parquet)",
    "explain analyze copy": lambda w: f"EXPLAIN ANALYZE COPY samples TO '{w}/out.csv'",
    "cte copy": lambda w: f"WITH x AS (COPY (SELECT 1) TO '{w}/out.csv') SELECT * FROM x",
    "cte copy over a sealed file": lambda w: (
        f"WITH x AS (COPY (SELECT 1) TO '{sealed(w)}' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM x"
    ),
    "serialised copy": lambda w: (
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql("
        f"'WITH x AS (COPY (SELECT 1) TO ''{sealed(w)}'' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM x'))"
    ),
    "serialised copy in a text": lambda w: (
        "SELECT * FROM query('SELECT * FROM json_exec' || 'ute_serialized_sql(json_serialize_sql("
        f"''WITH x AS (COPY (SELECT 1) TO ''''{sealed(w)}'''' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM x''))')"
    ),
    "attach": lambda w: f"ATTACH '{w}/new.db'",
    "install": lambda w: "INSTALL httpfs",
    "load": lambda w: "LOAD httpfs",
    "set": lambda w: "SET enable_external_access = true",
    "pragma": lambda w: "PRAGMA enable_profiling",
    "create": lambda w: "CREATE TABLE t (i INTEGER)",
    "create in temp": lambda w: "CREATE TEMP TABLE t AS SELECT 1",
    "two statements": lambda w: f"SELECT 1; COPY samples TO '{w}/out.csv'",
    "export": lambda w: f"EXPORT DATABASE '{w}/out'",
    "passwd": lambda w: "SELECT * FROM read_csv('/etc/passwd')",
    "text": lambda w: f"SELECT * FROM read_text('{w}/secret.csv')",
    "blob": lambda w: f"SELECT * FROM read_blob('{w}/secret.csv')",
    "json": lambda w: f"SELECT * FROM read_json('{w}/secret.csv')",
    "by name": lambda w: f"SELECT * FROM '{w}/secret.csv'",
    "another parquet": lambda w: f"SELECT * FROM read_parquet('{w}/secret.parquet')",
    "dots": lambda w: f"SELECT * FROM read_parquet('{w}/store/../secret.parquet')",
    "dots from a sealed file": lambda w: f"SELECT * FROM read_parquet('{sealed(w)}/../../../../secret.parquet')",
    "store wildcard": lambda w: f"SELECT * FROM read_parquet('{w}/store/samples/*/*.parquet')",
    "its own spool": lambda w: f"SELECT * FROM read_blob('{w}/store/store.toml')",
    "metadata": lambda w: f"SELECT * FROM parquet_metadata('{w}/secret.parquet')",
    "glob": lambda w: "SELECT * FROM glob('/etc/*')",
    "glob here": lambda w: f"SELECT * FROM glob('{w}/*')",
    "sniff": lambda w: f"SELECT * FROM sniff_csv('{w}/secret.csv')",
    "http": lambda w: "SELECT * FROM 'http://127.0.0.1:9/a.csv'",
    "https": lambda w: "SELECT * FROM read_parquet('https://127.0.0.1:9/a.parquet')",
    "s3": lambda w: "SELECT * FROM read_parquet('s3://bucket/a.parquet')",
    "environment": lambda w: "SELECT getenv('HOME')",
    "python variable": lambda w: "SELECT * FROM leaked_variable",
    "secrets": lambda w: "SELECT * FROM duckdb_secrets()",
    "logging": lambda w: f"SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{w}/log')",
    "other engines": lambda w: f"SELECT * FROM sqlite_scan('{w}/store/state.sqlite', 't')",
}


@pytest.mark.parametrize(
    ("name", "format_"),
    [(name, "table") for name in ATTEMPTS]
    + [(name, "csv") for name in ("cte copy", "serialised copy in a text", "passwd", "by name", "http")],
)
def test_attempts_fail_and_change_nothing(
    world: Path, name: str, format_: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = fingerprint(world)
    with pytest.raises(UsageError) as caught:
        run(Query(world / "store", ATTEMPTS[name](world), format_), lambda event: None)
    assert fingerprint(world) == before
    assert "secret" not in capfd.readouterr().out
    assert "Traceback" not in str(caught.value)


# DuckDB's allowed paths permit writing, hence the first wall; in-memory tables and plain settings do no harm
_FIRST_WALL_ONLY = {
    "copy over a sealed file",
    "cte copy over a sealed file",
    "serialised copy",
    "serialised copy in a text",
    "create",
    "create in temp",
    "pragma",
    "secrets",
}


@pytest.mark.parametrize("name", sorted(set(ATTEMPTS) - _FIRST_WALL_ONLY))
def test_the_session_holds_by_itself(world: Path, name: str) -> None:
    """The second wall: even what the parser would let through reaches only the files of the snapshot."""
    before = fingerprint(world)
    statement = Statement(ATTEMPTS[name](world), Kind.SELECT)
    with pytest.raises(IiotctlError), Running(Selection(world / "store"), statement, lambda event: None) as running:
        list(running.rows()[1])
    assert fingerprint(world) == before


def test_a_writing_cte_needs_the_first_wall(world: Path) -> None:
    """Why `statement` reads the syntax tree: DuckDB calls this a SELECT and would write."""
    target = sealed(world)
    before = target.read_bytes()
    sql = f"WITH x AS (COPY (SELECT 1) TO '{target}' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM x"
    with Running(Selection(world / "store"), Statement(sql, Kind.SELECT), lambda event: None) as running:
        list(running.rows()[1])
    assert target.read_bytes() != before


def test_the_one_output_cannot_be_written_from_within_a_select(world: Path) -> None:
    output = world / "out.csv"
    before = fingerprint(world)
    for sql in (
        f"WITH x AS (COPY (SELECT 1) TO '{output}') SELECT * FROM x",
        f"SELECT 1) TO '{output}'; --",
        f"SELECT 1) AS result(c0)) TO '{output}' (FORMAT csv); --",
    ):
        with pytest.raises(UsageError):
            run(Query(world / "store", sql, "csv", output), lambda event: None)
    assert fingerprint(world) == before


@pytest.mark.parametrize("place", ["out.csv", "samples/out.csv", "samples/../out.csv", "spool/out.seg"])
def test_output_inside_the_store_is_refused(world: Path, place: str) -> None:
    before = fingerprint(world)
    with pytest.raises(UsageError) as caught:
        run(Query(world / "store", "SELECT 1", "csv", world / "store" / place), lambda event: None)
    assert caught.value.slug == "output-in-store"
    assert fingerprint(world) == before


def test_output_inside_the_store_is_refused_through_a_link(world: Path) -> None:
    (world / "link").symlink_to(world / "store", target_is_directory=True)
    with pytest.raises(UsageError) as caught:
        run(Query(world / "store", "SELECT 1", "csv", world / "link" / "x.csv"), lambda event: None)
    assert caught.value.slug == "output-in-store"


def test_unsafe_runs_what_it_is_given(world: Path) -> None:
    run(Query(world / "store", f"COPY samples TO '{world}/out.csv'", unsafe=True), lambda event: None)
    assert (world / "out.csv").exists()


def test_settings_exist_and_act(world: Path) -> None:
    with connect.session() as connection:
        connect.lock(connection)
        settings = dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())
        spill = Path(settings["temp_directory"])
        assert stat.S_IMODE(spill.stat().st_mode) == stat.S_IRWXU
        plan = connection.execute(
            "EXPLAIN SELECT * FROM range(1) a(x) ASOF JOIN range(100000) b(x) ON a.x >= b.x"
        ).fetchall()
        assert "NESTED_LOOP" not in str(plan).upper().replace(" ", "_")
    assert not spill.exists()
    assert settings["TimeZone"] == "UTC"
    assert settings["asof_loop_join_threshold"] == "0"
    assert settings["lock_configuration"] == "true"
    assert settings["enable_external_access"] == "false"
    assert settings["python_enable_replacements"] == "false"
    assert settings["autoload_known_extensions"] == "false"
    assert settings["autoinstall_known_extensions"] == "false"
    assert int(settings["threads"]) == len(os.sched_getaffinity(0))


def test_nothing_can_be_set_after_the_lock() -> None:
    import duckdb

    with connect.session() as connection:
        connect.lock(connection)
        for text in ("SET memory_limit = '100GB'", "SET lock_configuration = false", "RESET enable_external_access"):
            with pytest.raises(duckdb.Error):
                connection.execute(text)


def test_a_sort_larger_than_memory_spills_into_the_private_folder() -> None:
    with connect.session() as connection:
        connection.execute("SET memory_limit = '60MiB'")
        connection.execute("SET threads = 1")
        connect.lock(connection)
        sql = "SELECT count(*) FROM (SELECT range, hash(range)::VARCHAR || 'padding' h FROM range(2000000) ORDER BY h OFFSET 1)"
        assert connection.execute(sql).fetchall() == [(1_999_999,)]


def test_show_tables_lists_the_views_alone(world: Path) -> None:
    for sql in ("SHOW TABLES", "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"):
        with Running(Selection(world / "store"), Statement(sql, Kind.SELECT), lambda event: None) as running:
            assert sorted(row[0] for row in running.rows()[1]) == sorted(views.COLUMNS)

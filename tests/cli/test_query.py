"""query, last and gaps as a user's shell runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.shell import OURS, iiotctl
from tests.unit.history.stores import small_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store")


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv"])
def test_query_writes_rows_and_nothing_else(store: Path, format_: str) -> None:
    done = iiotctl("query", "SELECT count(*) AS n FROM samples", "--store", store, "--format", format_)
    assert done.returncode == 0
    assert "5" in done.stdout
    assert done.stderr == ""


def test_query_reads_stdin_and_writes_files(store: Path, tmp_path: Path) -> None:
    for format_ in ("csv", "json", "parquet"):
        words = ("query", "-", "--store", store, "--format", format_, "-o", f"out.{format_}")
        done = iiotctl(*words, cwd=tmp_path, stdin="-- five\nSELECT * FROM samples ORDER BY ts;\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"ts,tag,value,")
    assert len(json.loads((tmp_path / "out.json").read_text())["rows"]) == 5
    assert iiotctl(*words, cwd=tmp_path, stdin="FROM samples").returncode == 2
    assert iiotctl(*words, "--force", cwd=tmp_path, stdin="FROM samples LIMIT 0").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.json", "out.parquet", "store"]


def test_query_appends_to_a_file_that_stdout_was_redirected_to(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.csv"
    target.write_text("kept\n")
    with target.open("ab") as file:
        subprocess.run(
            [sys.executable, "-m", "iiotctl", "query", "SELECT 1 AS a", "--store", store, "--format", "csv"],
            stdout=file,
            check=True,
            timeout=60,
        )
    assert target.read_bytes() == b"kept\na\r\n1\r\n"


@pytest.mark.parametrize(
    ("sql", "code", "text"),
    [
        ("SELECT vlue FROM samples", 2, 'Candidate bindings: "value"'),
        ("SELECT * FROM sampls", 2, 'Did you mean "samples"'),
        ("SELEC 1", 2, "LINE 1: SELEC 1"),
        ("SELECT 'x'::INTEGER", 2, "Could not convert string"),
        ("COPY samples TO 'x.csv'", 2, "COPY is not a SELECT"),
        ("", 2, "no SQL"),
    ],
)
@pytest.mark.parametrize("format_", ["table", "csv"])
def test_wrong_sql_is_shown_with_its_place(store: Path, sql: str, code: int, text: str, format_: str) -> None:
    done = iiotctl("query", sql, "--store", store, "--format", format_)
    assert done.returncode == code
    assert done.stdout == ""
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert all(OURS.fullmatch(line) for line in done.stderr.splitlines()), done.stderr


def test_the_caret_stands_under_the_place(store: Path) -> None:
    lines = iiotctl("query", "\nSELECT 1,\n  vlue FROM samples", "--store", store).stderr.splitlines()
    place = next(number for number, line in enumerate(lines) if "LINE 3: " in line)
    start = lines[place + 1].index("^")
    assert lines[place][start : start + 4] == "vlue"


@pytest.mark.parametrize("words", [("query", "SELECT 1"), ("last",), ("gaps",)])
def test_a_missing_store_is_exit_5(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = iiotctl(*words, "--store", tmp_path / "nowhere")
    assert done.returncode == 5
    assert done.stderr.startswith("error[store-missing]: ")


@pytest.mark.parametrize("words", [("query", "SELECT count(*) AS n FROM samples"), ("last",), ("gaps",)])
def test_strict_ends_with_exit_5_after_the_answer(store: Path, words: tuple[str, ...]) -> None:
    lost = next((store / "samples").rglob("*.parquet"))
    lost.unlink()
    lax = iiotctl(*words, "--store", store, "--format", "json")
    assert lax.returncode == 0
    assert f"left out {lost}" in lax.stderr
    strict = iiotctl(*words, "--store", store, "--format", "json", "--strict")
    assert strict.returncode == 5
    assert "store-incomplete" in strict.stderr
    rows = json.loads(strict.stdout)["rows"]
    assert len(rows) == len(json.loads(lax.stdout)["rows"])


def test_last_and_gaps(store: Path) -> None:
    document = json.loads(iiotctl("last", "press1.*", "--store", store, "--format", "json").stdout)
    assert document["schema"] == "iiotctl.table/v1"
    assert [(row["tag"], row["value"], row["quality"]) for row in document["rows"]] == [
        ("press1.pressure", 1.5, "Good"),
        ("press1.temperature", None, "BadTimeout"),
    ]
    done = iiotctl("gaps", "--store", store)
    assert re.fullmatch(r"2 gaps in 1 outage: 1 timeout \(\d.*, 1 still open\)\n", done.stderr)
    assert iiotctl("last", "press1.presure", "--store", store).returncode == 8
    assert iiotctl("gaps", "--tag", "press1.presure", "--store", store).returncode == 8


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "tsv", "parquet", "arrow"])
def test_a_pipe_that_closes_early_ends_it_quietly_and_in_little_memory(store: Path, format_: str) -> None:
    """2 billion rows would take over 50 GB."""
    sql = "SELECT range, random() AS r, 'text' || range AS t FROM range(2000000000)"
    words = [sys.executable, "-m", "iiotctl", "query", sql, "--store", store, "--format", format_]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        seen = 0
        while seen < 4_000_000:
            seen += len(running.stdout.read(100_000))
        status = Path(f"/proc/{running.pid}/status")
        peak = int(status.read_text().split("VmHWM:")[1].split()[0]) if status.exists() else 0
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0
    assert peak < 400_000  # kB


STOPS = {signal.SIGINT: (130, b"", "interrupted\n"), signal.SIGTERM: (143, b"", "terminated\n")}


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("format_", ["table", "csv"])
def test_signals_stop_the_query(store: Path, number: signal.Signals, format_: str, tmp_path: Path) -> None:
    sql = "SELECT sum(hash(a.range, b.range)) FROM range(10000000) a, range(1000000) b"
    spill = tmp_path / "spill"
    spill.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "iiotctl", "query", sql, "--store", store, "--format", format_],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(spill)},
    ) as running:
        while not list(spill.iterdir()):
            assert running.poll() is None
            time.sleep(0.05)
        time.sleep(0.3)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out, err.decode()) == STOPS[number]
    assert list(spill.iterdir()) == []


def test_sealed_files_alone_need_no_polars(store: Path) -> None:
    script = (
        "import sys\nfrom iiotctl.cli.app import run\n"
        f"code = run(['query', 'SELECT count(*) FROM samples', '--store', {str(store)!r}, '--format', 'csv'])\n"
        'sys.stderr.write(f\'{code} {"polars" in sys.modules} {"numpy" in sys.modules}\')'
    )

    def answer() -> str:
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60).stderr

    assert answer().startswith("0 True")
    for path in (store / "spool").glob("*.seg"):
        path.unlink()
    assert answer().startswith("0 False")

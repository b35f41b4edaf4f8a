"""History: each verb beside the same question in hand-written SQL on bare DuckDB, and beside databases.

    make bench BENCH=history
    BENCH_ROWS=10000000 python -m bench history

Verbs run in this process, warm, from the words of the command line to the last byte; the SQL on a connection of its
own over the same files. Both in turn, medians, by the clock and in CPU time, which tells more on a busy machine.
Peak memory is that of the command as a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bench.history import databases, plant
from bench.history.questions import Question, questions

ROWS = int(os.environ.get("BENCH_ROWS", "100_000_000"))
BESIDE = min(ROWS, int(os.environ.get("BENCH_BESIDE", "10_000_000")))
"""Rows of the comparison with databases, which take hours for more."""
RUNS = 3
_LONG_S = 15.0


def _seconds(work: Callable[[], object]) -> float:
    return _spent(work)[0]


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def _ours(words: tuple[str, ...], root: Path) -> int:
    """A command line in this process, its rows written to nowhere."""
    import typer

    more = ("--store", str(root), "--format", "csv", "--quiet")
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(nowhere, 1)
    tree = _tree()
    try:
        with tree.make_context("iiotctl", [*words, *more]) as context:
            tree.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
    return 0


@cache
def _tree() -> Any:
    """The commands, built once: that is start-up, which the SQL does not have."""
    from iiotctl.cli.app import command_tree

    return command_tree()


def _by_hand(sql: str, root: Path) -> None:
    import duckdb

    files = ", ".join(f"'{path}'" for path in sorted((root / "samples").rglob("*.parquet")))
    pressures = ", ".join(f"'{name}'" for name in plant.names() if name.startswith("cell1.line1.pressure."))
    text = sql.replace("FILES", f"read_parquet([{files}])").replace("PRESSURES", pressures)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({text}) TO '/dev/null' (FORMAT csv)")


_LAUNCHER = """
import json, os, subprocess, sys
for line in sys.stdin:
    nowhere = open(os.devnull, "w")
    process = subprocess.Popen(json.loads(line), stdout=nowhere, stderr=nowhere)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(used.ru_maxrss / 1024 if process.returncode == 0 else "nan", flush=True)
"""
"""A small process starts the commands whose memory is measured: a child inherits the peak of who forked it."""


class _Memory:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def peak_mb(self, words: tuple[str, ...], root: Path) -> float:
        """MB of resident memory that a command took at most."""
        command = [sys.executable, "-m", "iiotctl", *words, "--store", str(root), "--format", "csv", "--quiet"]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())


def _compare(question: Question, root: Path, memory: _Memory) -> None:
    codes: list[int] = []

    def ours() -> None:
        codes.append(_ours(question.words, root))

    def by_hand() -> None:
        _by_hand(question.sql, root)

    mine, theirs = [], []
    for _ in range(1 + RUNS):
        mine.append(_spent(ours))
        theirs.append(_spent(by_hand))
        if mine[-1][0] + theirs[-1][0] > _LONG_S:
            break
    if any(codes):
        print(f"  {question.name:<54} ended with {max(codes)}")
        return
    if len(mine) > 1:  # the first was to warm up; long ones need it less than they cost
        mine, theirs = mine[1:], theirs[1:]
    (wall, cpu), (other, other_cpu) = (
        [statistics.median(kind) for kind in zip(*side, strict=True)] for side in (mine, theirs)
    )
    peak = memory.peak_mb(question.words, root)
    cells = f"{wall * 1000:>9.0f} {other * 1000:>9.0f} {wall / other:>7.2f}"
    cells += f" {cpu * 1000:>9.0f} {other_cpu * 1000:>9.0f} {cpu / other_cpu:>7.2f} {peak:>7.0f}"
    print(f"  {question.name:<54} {cells}", flush=True)


def _raw_in_process(root: Path, rows: int) -> None:
    """The samples of one tag and hour as arrays, neighbours and gaps included, in an open session."""
    from iiotctl.history import series
    from iiotctl.history.sql.reader import Reader, Selection

    first, end = databases.span(rows)
    hour = (first + end) // 2 // 3_600_000_000 * 3_600_000_000
    with Reader(Selection(root), lambda _: None) as reader:
        took = [_seconds(lambda: series.read(reader, databases.TAG, hour, hour + 3_600_000_000)) for _ in range(6)]
    print(f"  one tag, one hour, raw, as arrays in an open session: {statistics.median(took[1:]) * 1000:.0f} ms warm")


def _beside() -> None:
    import tempfile

    print(f"\n  {BESIDE:,} rows beside databases: ms (median of {RUNS})")
    root, _, _ = plant.build(BESIDE)
    ours = {one.name: one for one in questions(BESIDE)}
    words = {
        "one tag, one hour, raw": ours["one tag, one hour, raw"].words,
        "one tag, all, 1-min avg": (*ours["one tag, 15-min TimeAverage2 (plain avg by hand)"].words[:2], "--function", "Average", "--every", "1min"),
        "last value of all tags": ("last",),
        "report: all tags, hourly min max avg": (
            "query",
            "SELECT tag, time_bucket(INTERVAL 1 HOUR, ts), min(value), max(value), avg(value) FROM samples GROUP BY ALL",
        ),
        "time-weighted hourly avg, one tag": ("aggregate", databases.TAG, "--function", "TimeAverage2", "--every", "1h"),
    }  # fmt: skip
    table: dict[str, list[str]] = {name: [] for name in databases.QUESTIONS}
    heads = ["iiotctl"]
    for name in databases.QUESTIONS:
        _ours(words[name], root)
        table[name].append(
            f"{statistics.median(_seconds(lambda n=name: _ours(words[n], root)) for _ in range(RUNS)) * 1000:.1f}"
        )  # type: ignore[misc]
    figures: list[tuple[str, float, float | None]] = [("iiotctl", plant.size(root)[1] / BESIDE, None)]
    with tempfile.TemporaryDirectory(dir=plant.folder()) as place:
        folder = Path(place)
        folder.chmod(0o755)
        for opened in (databases.sqlite, databases.postgres, databases.influx):
            with opened(folder / opened.__name__) as base:
                if base is None:
                    print(f"  {opened.__name__} is not installed")
                    continue
                speed = BESIDE / base.load(BESIDE)
                heads.append(base.name)
                figures.append((base.name, base.size() / BESIDE, speed))
                for name, question in databases.QUESTIONS.items():
                    base.ask(question, BESIDE)
                    took = [base.ask(question, BESIDE)[1] for _ in range(RUNS)]
                    table[name].append(f"{statistics.median(took) * 1000:.1f}")
    print(f"  {'':<38}" + "".join(f"{head:>16}" for head in heads))
    for name, cells in table.items():
        print(f"  {name:<38}" + "".join(f"{cell:>16}" for cell in cells))
    for name, size, speed in figures:
        print(f"  {name}: {size:.2f} B a row" + ("" if speed is None else f", loaded at {speed / 1000:,.0f} k rows/s"))


def main() -> None:
    memory = _Memory()
    root, load, compaction = plant.build(ROWS)
    files, size = plant.size(root)
    print(f"  {ROWS:,} rows, {plant.TAGS} tags: {files} files, {size / ROWS:.2f} B a row")
    if load is not None and compaction is not None:
        print(f"  stored at {ROWS / load / 1e6:.2f} M rows/s, compacted at {ROWS / compaction / 1e6:.2f} M rows/s")
    _raw_in_process(root, ROWS)
    print(f"  load of the machine: {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores")
    heads = f"{'ours ms':>9} {'SQL ms':>9} {'ratio':>7} {'CPU ours':>9} {'CPU SQL':>9} {'ratio':>7} {'peak MB':>7}"
    print(f"\n  {'':<54} {heads}")
    for question in questions(ROWS):
        _compare(question, root, memory)
    _beside()

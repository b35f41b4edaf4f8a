"""The pieces of the kill tests: a simulated plant and a capture, each a process of its own, and what they leave behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tests.cli.processes import Process, start

PERIOD_S = 0.2
ROLLED = '\n[[reduction]]\ntags = "press1.*"\nrollup = "1s"\n'
"""Roll-ups beside the samples of one source."""


def command(*words: object) -> list[str]:
    """A command line of ours, run by this interpreter."""
    code = "import sys; from iiotctl.cli.app import main; sys.argv[0] = 'iiotctl'; main()"
    return [sys.executable, "-c", code, *(str(word) for word in words)]


@dataclass(slots=True)
class Plant:
    """A running simulator.

    Attributes:
        site: site file that fits it: fast periods, frequent commits and seals.
        truth: its log.
    """

    site: Path
    truth: Path
    process: Process | subprocess.Popen[str]

    def stop(self) -> None:
        """End it in order, so that its log is complete."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


@contextmanager
def plant(folder: Path, *, capture: str = 'commit = "200ms"\nseal_every = "2s"\nmin_free = "1MB"\n') -> Iterator[Plant]:
    """A simulator on free ports."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = folder / "truth.jsonl"
    words = ("simulate", "--modbus-port", 0, "--opcua-port", 0, "--write-site", folder, "--truth", truth)
    log = (folder / "simulator.log").open("wb")
    process = start(*words, stdout=log.fileno(), stderr=log.fileno(), cwd=folder)
    site = folder / "site.toml"
    running = Plant(site, truth, process)
    try:
        wait_for(lambda: b"wrote" in (folder / "simulator.log").read_bytes() or process.poll() is not None, 60)
        assert process.poll() is None, (folder / "simulator.log").read_text()
        text = site.read_text().replace('period = "1s"', f'period = "{PERIOD_S * 1000:.0f}ms"')
        text = text.replace('publish = "500ms"', 'publish = "200ms"')
        text = text.replace("[sources.", f"[capture]\n{capture}\n[sources.", 1)
        site.write_text(text + ROLLED)
        yield running
    finally:
        running.stop()
        log.close()


@dataclass(slots=True)
class Capture:
    """A running `iiotctl capture`, and what it said is durable.

    Attributes:
        process: of it.
        lines: its stderr so far.
        commits: commits it reported.
        durable: samples it reported as durable.
    """

    process: Process | subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    commits: int = 0
    durable: int = 0
    _reader: threading.Thread | None = None

    @classmethod
    def start(cls, site: Path, store: Path, *words: object, **env: str) -> Capture:
        """Begin; follow its reports in a thread."""
        line = ("capture", "-vv", "--no-live", "--site", site, "--store", store, *words)
        process = start(*line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=site.parent, **env)
        running = cls(process)
        running._reader = threading.Thread(target=running._follow, daemon=True)
        running._reader.start()
        return running

    def _follow(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(r"commit (\d+): \d+ samples durable, (\d+) in all", line):
                self.commits, self.durable = int(found[1]), int(found[2])

    def wait_commits(self, number: int, timeout: float = 60) -> None:
        """Until so many commits were reported."""
        wait_for(lambda: self.commits >= number or self.process.poll() is not None, timeout)
        assert self.process.poll() is None, "\n".join(self.lines)

    def kill(self) -> int:
        """SIGKILL; samples it had reported as durable before."""
        self.process.kill()
        self.process.wait(30)
        self._done()
        return self.durable

    def end(self, number: int | None = None, timeout: float = 60) -> int:
        """Send a signal, or wait for `--for`; its exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._done()
        return code

    def _done(self) -> None:
        assert self._reader is not None
        assert self.process.stderr is not None
        self._reader.join(10)
        self.process.stderr.close()


def wait_for(condition: object, timeout: float) -> None:
    """Until a condition holds; the test fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def samples(store: Path) -> pl.DataFrame:
    """All sealed samples in order of tag and time, with the run that wrote them; times in µs."""
    frames = []
    for path in sorted(store.glob("samples/date=*/*.parquet")):
        run = re.sub(r"^raw-|-\d{6}$", "", path.stem)
        frames.append(pl.read_parquet(path, hive_partitioning=False).with_columns(pl.lit(run).alias("run")))
    assert frames, f"no samples in {store}"
    times = ("ts", "ts_source", "ts_server", "ts_received")
    joined = pl.concat(frames).with_columns(pl.col(name).cast(pl.Int64) for name in times)
    return joined.with_columns(pl.col("tag").cast(pl.String)).sort("tag", "ts")


def rollups(store: Path) -> pl.DataFrame:
    """What a reader sees of the roll-ups; times in µs."""
    from iiotctl.history.sql.reader import Selection
    from iiotctl.history.sql.result import Running
    from iiotctl.history.sql.statement import Kind, Statement

    sql = (
        'SELECT tag, epoch_us(start) AS start, epoch_us("end") AS until, "min", "max", mean, std, "count", bad, partial'
        " FROM rollups"
    )
    with Running(Selection(store), Statement(sql, Kind.SELECT), lambda event: None) as running:
        fields, rows = running.rows()
        return pl.DataFrame(list(rows), schema=[field.name for field in fields], orient="row")


def gaps(store: Path) -> pl.DataFrame:
    """The gaps that hold: of each id the row detected last, withdrawn ones gone; times in µs."""
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in store.glob("gaps/date=*/*.parquet")]
    if not frames:
        return pl.DataFrame(
            schema={"source": pl.String, "tag": pl.String, "start": pl.Int64, "end": pl.Int64, "reason": pl.String}
        )
    joined = pl.concat(frames).sort("detected_at").unique("id", keep="last").filter(~pl.col("withdrawn"))
    return joined.with_columns(
        *(pl.col(name).cast(pl.Int64) for name in ("start", "end")),
        *(pl.col(name).cast(pl.String) for name in ("source", "tag", "reason")),
    ).sort("start")


def gaps_of(table: pl.DataFrame, source: str, tag: str) -> list[tuple[int, int, str]]:
    """Gaps that cover a tag: its own and those of its source."""
    mine = table.filter((pl.col("source") == source) & (pl.col("tag").is_null() | (pl.col("tag") == tag))).sort("start")
    assert mine["end"].null_count() == 0, f"a gap of {tag} is open after a clean stop"
    return list(zip(mine["start"].to_list(), mine["end"].to_list(), mine["reason"].to_list(), strict=True))


def truth_modbus(path: Path) -> dict[str, list[tuple[int, float]]]:
    """{tag: [(µs, value) of each answer]} of the tags with numbers."""
    found: dict[str, list[tuple[int, float]]] = {}
    for record in _records(path):
        if record["kind"] == "modbus" and record["answer"] == "ok":
            for tag, (_, value) in record["values"].items():
                if isinstance(value, int | float):
                    found.setdefault(tag, []).append((record["at"], float(value)))
    return found


def truth_opcua(path: Path) -> dict[str, list[tuple[int, float]]]:
    """{tag: [(source timestamp µs, value) of each update]} of the tags with numbers."""
    found: dict[str, list[tuple[int, float]]] = {}
    for record in _records(path):
        if record["kind"] == "opcua":
            for tag, (value, _) in record["values"].items():
                if isinstance(value, int | float):
                    found.setdefault(tag, []).append((record["at"], float(value)))
    return found


def _records(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


SOAK = "IIOTCTL_SOAK" in os.environ
"""`make soak`: the long runs. Read when the module is imported; tests see none of the user's IIOTCTL_* variables."""


def kills_wanted(default: int) -> int:
    """Number of kills: `KILLS` of the environment, 1,000 in `make soak`, else the default."""
    return int(os.environ.get("KILLS", 1000 if SOAK else default))

"""The same rows in InfluxDB 1, PostgreSQL and SQLite, and the same questions asked there.

Each server runs from its system package with its defaults, in a folder of its own, on a free port of the
loopback, and is ended afterwards. A database that is not installed is said to be missing.
"""

from __future__ import annotations

import io
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from bench import mix
from bench.history import plant

_SECOND: Final = 1_000_000
TAG: Final = "cell3.line2.pressure.01"
OTHER: Final = "cell4.line4.pressure.03"


def span(rows: int) -> tuple[int, int]:
    """First µs and the µs behind the last of a plant with so many rows."""
    return mix.START_US, mix.START_US + rows // plant.TAGS * _SECOND


class Database(Protocol):
    """A database that holds the plant."""

    name: str

    def load(self, rows: int) -> float:
        """Take the rows; seconds that took, without making them up."""

    def ask(self, question: str, rows: int) -> tuple[int, float]:
        """Answer a question of `QUESTIONS`: (rows that came, seconds without the start of a client)."""

    def size(self) -> int:
        """Bytes on disk."""


QUESTIONS: Final = {
    "one tag, one hour, raw": "raw",
    "one tag, all, 1-min avg": "minutes",
    "last value of all tags": "last",
    "report: all tags, hourly min max avg": "report",
    "time-weighted hourly avg, one tag": "weighted",
}


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sql(question: str, rows: int) -> str:
    """The question for PostgreSQL and SQLite, where `ts` is µs as an integer."""
    first, end = span(rows)
    hour = (first + end) // 2 // (3600 * _SECOND) * 3600 * _SECOND
    minute, hourly = (f"ts / {length * _SECOND} * {length * _SECOND}" for length in (60, 3600))
    return {
        "raw": f"SELECT ts, value FROM samples WHERE tag = '{TAG}' AND ts >= {hour} AND ts < {hour + 3600 * _SECOND}",
        "minutes": f"SELECT {minute}, avg(value) FROM samples WHERE tag = '{TAG}' GROUP BY 1 ORDER BY 1",
        "last": "SELECT t.tag, (SELECT value FROM samples s WHERE s.tag = t.tag ORDER BY ts DESC LIMIT 1) FROM tags t",
        "report": f"SELECT tag, {hourly}, min(value), max(value), avg(value) FROM samples GROUP BY 1, 2",
        "weighted": (
            f"SELECT h, sum((value + next) / 2 * dt) / sum(dt) FROM (SELECT {hourly} AS h, value,"
            " lead(value) OVER w AS next, lead(ts) OVER w - ts AS dt"
            f" FROM samples WHERE tag = '{TAG}' WINDOW w AS (ORDER BY ts)) a"
            " WHERE next IS NOT NULL GROUP BY h ORDER BY h"
        ),
    }[question]


@dataclass
class Sqlite:
    """SQLite with the key (tag, ts) as the table itself, in WAL mode."""

    folder: Path
    name: str = f"SQLite {sqlite3.sqlite_version}"

    def load(self, rows: int) -> float:
        spent = 0.0
        named = plant.names()
        with sqlite3.connect(self.folder / "plant.db") as base:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("CREATE TABLE tags (tag TEXT PRIMARY KEY)")
            base.execute("CREATE TABLE samples (tag TEXT, ts INTEGER, value REAL, PRIMARY KEY (tag, ts)) WITHOUT ROWID")
            base.executemany("INSERT INTO tags VALUES (?)", [(name,) for name in named])
            for _, frame in plant.hours(rows // plant.TAGS):
                data = [(named[tag], ts, value) for tag, ts, value in frame.iter_rows()]
                begun = time.perf_counter()
                base.executemany("INSERT INTO samples VALUES (?, ?, ?)", data)
                base.commit()
                spent += time.perf_counter() - begun
        return spent

    def ask(self, question: str, rows: int) -> tuple[int, float]:
        with sqlite3.connect(self.folder / "plant.db") as base:
            begun = time.perf_counter()
            found = base.execute(_sql(question, rows)).fetchall()
            return len(found), time.perf_counter() - begun

    def size(self) -> int:
        return _bytes(self.folder)


@dataclass
class Postgres:
    """PostgreSQL of the distribution, loaded by COPY, with a B-tree on (tag, ts)."""

    folder: Path
    port: int = field(default_factory=_port)
    name: str = "PostgreSQL"

    @property
    def _psql(self) -> list[str]:
        return ["psql", "-h", str(self.folder), "-p", str(self.port), "-U", "bench", "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1"]  # fmt: skip

    def _run(self, sql: str, data: str | None = None) -> str:
        done = subprocess.run([*self._psql, "-c", sql], input=data, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def load(self, rows: int) -> float:
        named = plant.names()
        self._run("CREATE TABLE tags (tag TEXT PRIMARY KEY); CREATE TABLE samples (tag TEXT, ts BIGINT, value FLOAT8)")
        self._run("INSERT INTO tags VALUES " + ", ".join(f"('{name}')" for name in named))
        spent = 0.0
        for _, frame in plant.hours(rows // plant.TAGS):
            out = io.StringIO()
            out.writelines(f"{named[tag]}\t{ts}\t{value}\n" for tag, ts, value in frame.iter_rows())
            begun = time.perf_counter()
            self._run("COPY samples FROM STDIN", out.getvalue())
            spent += time.perf_counter() - begun
        begun = time.perf_counter()
        self._run("CREATE INDEX ON samples (tag, ts)")
        self._run("VACUUM ANALYZE samples")
        return spent + time.perf_counter() - begun

    def ask(self, question: str, rows: int) -> tuple[int, float]:
        done = subprocess.run(
            [*self._psql, "-c", "\\timing on", "-c", _sql(question, rows)], capture_output=True, text=True, check=True
        )
        *found, timing = done.stdout.splitlines()
        return len(found), float(timing.split()[1]) / 1000

    def size(self) -> int:
        return int(self._run("SELECT pg_total_relation_size('samples')"))


@dataclass
class Influx:
    """InfluxDB 1: a measurement with a tag `tag` and a field `value`, in nanoseconds, as its users do it."""

    folder: Path
    port: int
    name: str = "InfluxDB 1.6"

    def _post(self, path: str, data: bytes) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return bytes(answer.read())

    def query(self, text: str) -> Any:
        """The parsed answer to InfluxQL."""
        return json.loads(self._post("/query?" + urllib.parse.urlencode({"db": "plant", "q": text}), b""))

    def load(self, rows: int) -> float:
        self.query("CREATE DATABASE plant")
        named = plant.names()
        spent = 0.0
        for _, frame in plant.hours(rows // plant.TAGS):
            for part in frame.iter_slices(100_000):
                lines = "\n".join(f"s,tag={named[tag]} value={value} {ts}000" for tag, ts, value in part.iter_rows())
                begun = time.perf_counter()
                self._post("/write?db=plant", lines.encode())
                spent += time.perf_counter() - begun
        return spent

    def ask(self, question: str, rows: int) -> tuple[int, float]:
        first, end = (at * 1000 for at in span(rows))
        hour = (first + end) // 2 // 3_600_000_000_000 * 3_600_000_000_000
        whole = f"time >= {first} AND time < {end}"
        text = {
            "raw": f"SELECT value FROM s WHERE \"tag\" = '{TAG}' AND time >= {hour} AND time < {hour + 3_600_000_000_000}",
            "minutes": f"SELECT mean(value) FROM s WHERE \"tag\" = '{TAG}' AND {whole} GROUP BY time(1m)",
            "last": 'SELECT last(value) FROM s GROUP BY "tag"',
            "report": f'SELECT min(value), max(value), mean(value) FROM s WHERE {whole} GROUP BY "tag", time(1h)',
            # its own function; it knows no value before the interval, so this is less work than the others do
            "weighted": f"SELECT integral(value) FROM s WHERE \"tag\" = '{TAG}' AND {whole} GROUP BY time(1h)",
        }[question]
        begun = time.perf_counter()
        results = self.query(text)["results"]
        count = sum(len(series["values"]) for result in results for series in result["series"])
        return count, time.perf_counter() - begun

    def size(self) -> int:
        return _bytes(self.folder)


@contextmanager
def sqlite(folder: Path) -> Iterator[Sqlite | None]:
    """A file."""
    folder.mkdir(parents=True)
    yield Sqlite(folder)


def _postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _as_postgres() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid}


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres | None]:
    """A server with an empty database, or None when it is not installed."""
    binaries = _postgres_bin()
    if binaries is None:
        yield None
        return
    data = folder / "data"
    data.mkdir(parents=True)
    rights = _as_postgres()
    if rights:
        for path in (folder, data):
            os.chown(path, rights["user"], rights["group"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **rights}
    subprocess.run([binaries / "initdb", "-D", data, "-U", "bench", "-A", "trust"], check=True, **quiet)
    base = Postgres(folder)
    command = [binaries / "postgres", "-D", data, "-k", folder, "-p", str(base.port), "-h", ""]
    server = subprocess.Popen(command, **quiet)
    try:
        for _ in range(100):
            if subprocess.run([*base._psql, "-c", "SELECT 1"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        yield base
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


@contextmanager
def influx(folder: Path) -> Iterator[Influx | None]:
    """A server with no database, or None when it is not installed."""
    if shutil.which("influxd") is None:
        yield None
        return
    folder.mkdir(parents=True)
    port, rpc = _port(), _port()
    config = folder / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\nmax-body-size = 0\n'
    )
    server = subprocess.Popen(["influxd", "-config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = Influx(folder, port)
    try:
        for _ in range(100):
            try:
                base.query("SHOW DATABASES")
                break
            except OSError:
                time.sleep(0.1)
        yield base
    finally:
        server.terminate()
        server.wait(60)

"""The questions: each as a command of ours and as the SQL that an engineer would write for bare DuckDB.

Both read the same files and write their rows as CSV to nowhere. The SQL answers the question; where ours does
more (bounds, status codes, gaps), the SQL does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bench import mix
from bench.history import plant
from bench.history.databases import TAG

_SECOND = 1_000_000
STATE = "cell2.line3.state.38"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: what is asked.
        words: of the command.
        sql: by hand; FILES stands for the table of files, TARGET for where the rows go.
    """

    name: str
    words: tuple[str, ...]
    sql: str


def _iso(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _weighted(minutes: int, tags: str) -> str:
    """Area under straight lines; the sample before an interval is not looked for, as by hand it seldom is."""
    return f"""
        SELECT tag, time_bucket(INTERVAL '{minutes} minutes', ts) AS b,
            sum((value + next) / 2 * dt) / sum(dt) FROM (
            SELECT tag, ts, value, lead(value) OVER w AS next, epoch_us(lead(ts) OVER w) - epoch_us(ts) AS dt
            FROM FILES WHERE {tags} WINDOW w AS (PARTITION BY tag ORDER BY ts))
        WHERE next IS NOT NULL GROUP BY ALL ORDER BY 1, 2"""


def questions(rows: int) -> list[Question]:
    """For a plant of so many samples."""
    first, end = mix.START_US, mix.START_US + rows // plant.TAGS * _SECOND
    hour = (first + end) // 2 // (3600 * _SECOND) * 3600 * _SECOND
    within = ("--from", _iso(hour), "--to", _iso(hour + 3600 * _SECOND))
    in_hour = f"ts >= TIMESTAMPTZ '{_iso(hour)}' AND ts < TIMESTAMPTZ '{_iso(hour + 3600 * _SECOND)}'"
    whole = ("--from", _iso(first), "--to", _iso(end))
    last = f"ts >= TIMESTAMPTZ '{_iso(end - 3600 * _SECOND)}'"
    pixel = max(1, (end - first) // 1000)
    one = f"tag = '{TAG}'"
    columns = "ts, tag, value, text, quality"
    return [
        Question(
            "one tag, one hour, raw",
            ("export", TAG, *within),
            f"SELECT {columns} FROM FILES WHERE {one} AND {in_hour} ORDER BY ts",
        ),
        Question(
            "all tags, one hour, raw",
            ("export", "*", *within),
            f"SELECT {columns} FROM FILES WHERE {in_hour} ORDER BY tag, ts",
        ),
        Question(
            "last value of all tags",
            ("last",),
            f"SELECT tag, arg_max(value, ts), max(ts) FROM FILES WHERE {last} GROUP BY tag ORDER BY tag",
        ),
        Question(
            "SQL: count and mean of all tags",
            ("query", "SELECT tag, count(*), avg(value) FROM samples GROUP BY tag ORDER BY tag"),
            "SELECT tag, count(*), avg(value) FROM FILES GROUP BY tag ORDER BY tag",
        ),
        Question(
            "report: all tags, hourly Average",
            ("aggregate", "*", "--function", "Average", "--every", "1h", *whole),
            "SELECT tag, time_bucket(INTERVAL '1 hour', ts), avg(value) FROM FILES GROUP BY ALL ORDER BY 1, 2",
        ),
        Question(
            "report: all tags, hourly min, max, avg",
            (
                "aggregate",
                "*",
                "--function",
                "Average",
                "--function",
                "Minimum",
                "--function",
                "Maximum",
                "--every",
                "1h",
                *whole,
            ),
            "SELECT tag, time_bucket(INTERVAL '1 hour', ts), avg(value), min(value), max(value) FROM FILES"
            " GROUP BY ALL ORDER BY 1, 2",
        ),
        Question(
            "one tag, 15-min TimeAverage2 (plain avg by hand)",
            ("aggregate", TAG, "--function", "TimeAverage2", "--every", "15min", *whole),
            f"SELECT time_bucket(INTERVAL '15 minutes', ts), avg(value) FROM FILES WHERE {one} GROUP BY ALL ORDER BY 1",
        ),
        Question(
            "one tag, 15-min TimeAverage2 (time-weighted by hand)",
            ("aggregate", TAG, "--function", "TimeAverage2", "--every", "15min", *whole),
            _weighted(15, one),
        ),
        Question(
            "report: all tags, hourly TimeAverage2",
            ("aggregate", "*", "--function", "TimeAverage2", "--every", "1h", *whole),
            _weighted(60, "true"),
        ),
        Question(
            "trend: one tag, everything, 1,000 pixels",
            ("trend", TAG, *whole, "--width", "1000"),
            f"""SELECT unnest([first, least, most, last], recursive := true) FROM (
                SELECT (epoch_us(ts) - {first}) // {pixel} AS p,
                    arg_min({{'ts': ts, 'value': value}}, ts) AS first, arg_min({{'ts': ts, 'value': value}}, value) AS least,
                    arg_max({{'ts': ts, 'value': value}}, value) AS most, arg_max({{'ts': ts, 'value': value}}, ts) AS last
                FROM FILES WHERE {one} GROUP BY p ORDER BY p)""",
        ),
        Question(
            "one tag, interpolated each minute",
            ("export", TAG, "--mode", "interpolated", "--every", "1min", *whole),
            f"""WITH s AS (SELECT ts, value, lead(ts) OVER (ORDER BY ts) AS later, lead(value) OVER (ORDER BY ts) AS next
                    FROM FILES WHERE {one}),
                g AS (SELECT unnest(generate_series(TIMESTAMPTZ '{_iso(first)}', TIMESTAMPTZ '{_iso(end)}',
                    INTERVAL '1 minute')) AS tick)
                SELECT tick, value + (next - value) * (epoch_us(tick) - epoch_us(ts)) / (epoch_us(later) - epoch_us(ts))
                FROM g ASOF LEFT JOIN s ON g.tick >= s.ts ORDER BY tick""",
        ),
        Question(
            "four tags side by side, each minute",
            ("query", "FROM wide('cell1.line1.pressure.*', '1min')"),
            "PIVOT (SELECT time_bucket(INTERVAL '1 minute', ts) AS ts, tag, value FROM FILES"
            " WHERE tag GLOB 'cell1.line1.pressure.*') ON tag IN (PRESSURES) USING avg(value) GROUP BY ts ORDER BY ts",
        ),
        Question(
            "time in each state of a tag, by hour",
            ("aggregate", "--by-state", STATE, "--every", "1h", *whole),
            f"""SELECT time_bucket(INTERVAL '1 hour', ts), value, sum(dt) FROM (SELECT ts, value,
                epoch_us(lead(ts) OVER (ORDER BY ts)) - epoch_us(ts) AS dt FROM FILES WHERE tag = '{STATE}')
                GROUP BY ALL ORDER BY 1, 2""",
        ),
        Question(
            "events: a tag above a limit",
            ("events", "find", "--name", "high", "--start", f"{STATE} > 2", "--dry-run", *whole),
            f"""SELECT min(ts), max(ts) FROM (SELECT ts, hot, sum(edge) OVER (ORDER BY ts) AS island FROM (
                SELECT ts, value > 2 AS hot, (value > 2 AND NOT coalesce(lag(value) OVER (ORDER BY ts) > 2, false))::INT AS edge
                FROM FILES WHERE tag = '{STATE}')) WHERE hot GROUP BY island ORDER BY 1""",
        ),
    ]

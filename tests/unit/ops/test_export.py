"""`export` and the data of `trend` as operations: formats, wide tables, both directions, what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest

from iiotctl.errors import IiotctlError
from iiotctl.events import Event
from iiotctl.history.time.sitetime import SiteTime
from iiotctl.ops.export import Exported, Order, run
from iiotctl.ops.trend import Order as TrendOrder
from iiotctl.ops.trend import trend
from iiotctl.samples import Gap, GapReason
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.schema import TagRow
from tests.unit.history.stores import event, with_events

S = 1_000_000
T0 = 1_795_000_000 * S  # 2026-11-18T11:06:40Z
TEXTS = ["=1+1", "x,y", 'say "no"', "", None, "-5", "ü\n\x1b"]
NUMBERS = [1.0, -0.0, 1e16, 0.1, None, float("inf"), 123456.789]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A level, a state and a recipe of texts, one sample a second each; an event `batch` and a gap."""
    place = tmp_path_factory.mktemp("export") / "store"
    with BulkWriter.open(place, site="p", now_us=lambda: T0) as writer:
        names = ["press.level", "press.state", "press.recipe"]
        codes = writer.codes(names)
        kinds = [("bar", "", "float64"), ("", "state", "bool"), ("", "", "string(8)")]
        writer.write_tags(
            [
                (TagRow(code, name, "plc", unit=unit, kind=kind, type=kind_of), T0)
                for code, name, (unit, kind, kind_of) in zip(codes, names, kinds, strict=True)
            ]
        )
        for code, values, texts in ((0, NUMBERS, None), (1, [0.0, 1.0, 1.0, 0.0], None), (2, [None] * 7, TEXTS)):
            size = len(values)
            frame = {
                "tag": pl.Series([code] * size, dtype=pl.UInt32),
                "ts": [T0 + second * S for second in range(size)],
                "value": pl.Series(values, dtype=pl.Float64),
                "text": pl.Series(texts or [None] * size, dtype=pl.String),
                "quality": pl.Series(
                    [0 if value is not None or texts else 0x800A0000 for value in values], dtype=pl.UInt32
                ),
            }
            writer.add(pl.DataFrame(frame))
        writer.flush()
        writer.write_gaps([Gap("g", "plc", None, T0 + 20 * S, None, GapReason.DISCONNECTED, T0)])
    return with_events(place, event("e", T0 + S, T0 + 3 * S, name="batch"))


def exported(root: Path, tmp_path: Path, format_: str, *tags: str, **options: object) -> tuple[bytes, Exported]:
    place = tmp_path / f"out.{format_}"
    order = Order(root, tags or ("press.*",), format_, place, **options)  # type: ignore[arg-type]
    done = run(order, lambda told: None, now_us=lambda: T0 + 60 * S)
    return place.read_bytes(), done


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_long_rows_of_each_tag_by_time(root: Path, tmp_path: Path) -> None:
    data, done = exported(root, tmp_path, "csv")
    found = rows(data)
    assert data.startswith(b"ts,tag,value,text,quality,unit\r\n2026-11-18T11:06:40.000000Z,press.level,1.0,,0,bar\r\n")
    assert [row["tag"] for row in found] == ["press.level"] * 7 + ["press.recipe"] * 7 + ["press.state"] * 4
    assert (done.rows, done.tags, done.not_good) == (18, 3, 1)
    back, _ = exported(root, tmp_path, "csv", "press.level", start="*", end="*-1h", force=True)
    assert rows(back) == found[:7][::-1]


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_columns_are_spelled_as_rows_are(
    root: Path, tmp_path: Path, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, _ = exported(root, tmp_path, format_)
    monkeypatch.setattr("iiotctl.reports.streamed.FORMATS", frozenset())
    slow, _ = exported(root, tmp_path, format_, force=True)
    if format_ == "csv":
        assert fast == slow
    elif format_ == "json":
        assert json.loads(fast) == json.loads(slow)
    else:
        assert [json.loads(line) for line in fast.splitlines()] == [json.loads(line) for line in slow.splitlines()]


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_columns_keep_their_types(root: Path, tmp_path: Path, format_: str) -> None:
    data, _ = exported(root, tmp_path, format_)
    frame = pl.read_parquet(io.BytesIO(data)) if format_ == "parquet" else pl.read_ipc(io.BytesIO(data))
    assert frame.schema["ts"] == pl.Datetime("us", "UTC")
    assert frame.schema["quality"] == pl.UInt32
    assert frame["value"].head(7).to_list() == NUMBERS
    assert frame["text"].slice(7, 7).to_list() == TEXTS


def test_nothing_in_the_range_is_a_table_without_rows_and_is_told(root: Path, tmp_path: Path) -> None:
    for format_ in ("csv", "json", "jsonl", "parquet", "arrow"):
        with pytest.raises(IiotctlError) as caught:
            exported(root, tmp_path, format_, start="2020-01-01", end="2020-01-02")
        assert (caught.value.slug, caught.value.cause) == (
            "no-samples",
            "the first one after it of 2026-11-18 11:06:40",
        )
        data = (tmp_path / f"out.{format_}").read_bytes()
        if format_ == "csv":
            assert data == b"ts,tag,value,text,quality,unit\r\n"
        elif format_ == "json":
            assert json.loads(data)["rows"] == []
        elif format_ == "parquet":
            assert pl.read_parquet(io.BytesIO(data)).height == 0


@pytest.mark.parametrize(
    ("start", "end", "when"),
    [
        ("2026-12-01", None, " from 2026-12-01 00:00:00 UTC on"),
        (None, "2026-11-01", " before 2026-11-01 00:00:00 UTC"),
        ("2026-11-18T11:07Z", "2026-11-18T11:08Z", " from 2026-11-18 11:07 to 11:08 UTC"),
    ],
)
def test_no_rows_say_where_none_are(root: Path, tmp_path: Path, start: str | None, end: str | None, when: str) -> None:
    with pytest.raises(IiotctlError) as caught:
        exported(root, tmp_path, "csv", start=start, end=end)
    assert caught.value.what == f"there are no samples of `press.level` `press.recipe` `press.state`{when}"
    if end == "2026-11-18T11:08Z":
        assert "a gap: disconnected" in (caught.value.cause or "")


def test_a_wide_table_has_a_column_for_each_tag(root: Path, tmp_path: Path) -> None:
    data, done = exported(
        root, tmp_path, "csv", wide=True, every="500ms", start="2026-11-18T11:06:40Z", end="2026-11-18T11:06:42Z"
    )
    assert data.decode().splitlines() == [
        "ts,press.level,press.state,quality",
        "2026-11-18T11:06:40.000000Z,1.0,0.0,0",
        "2026-11-18T11:06:40.500000Z,0.5,0.0,0",
        "2026-11-18T11:06:41.000000Z,-0.0,1.0,0",
        "2026-11-18T11:06:41.500000Z,5000000000000000.0,1.0,0",
    ]
    assert (done.rows, done.tags, done.not_good) == (4, 2, 0)
    late, done = exported(root, tmp_path, "csv", wide=True, every="1s", start="*-1s", end="*", force=True)
    assert rows(late)[0]["quality"] == str(0x40A40000)
    assert done.not_good == 1


def test_a_wide_table_comes_in_slices(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for start, end in (("*-60s", "*-50s"), ("*-50s", "*-60s")):
        whole, _ = exported(root, tmp_path, "csv", wide=True, every="300ms", start=start, end=end, force=True)
        with monkeypatch.context() as patch:
            patch.setattr("iiotctl.ops.export._CELLS", 5)
            sliced, _ = exported(root, tmp_path, "csv", wide=True, every="300ms", start=start, end=end, force=True)
        assert sliced == whole
        assert len(rows(whole)) == 34


def test_days_of_the_plant(root: Path, tmp_path: Path) -> None:
    zone = SiteTime("Europe/Berlin")
    data, _ = exported(
        root,
        tmp_path,
        "csv",
        "press.state",
        every="1d",
        start="18-nov-26",
        end="20-nov-26",
        zone=zone,
        mode="interpolated",
    )
    assert [row["ts"] for row in rows(data)] == ["2026-11-17T23:00:00.000000Z", "2026-11-18T23:00:00.000000Z"]


def test_only_while_an_event_lasted(root: Path, tmp_path: Path) -> None:
    data, _ = exported(root, tmp_path, "csv", "press.state", during="batch")
    assert [row["ts"][17:19] for row in rows(data)] == ["41", "42"]


def test_rows_for_people_are_the_same(root: Path, tmp_path: Path) -> None:
    data, done = exported(root, tmp_path, "table", "press.level")
    assert "press.level" in data.decode()
    assert done.rows == 7
    text, _ = exported(root, tmp_path, "table", wide=True, every="1s", force=True)
    assert "press.state" in text.decode()


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        ({"tags": ("press.levl",)}, "no-tags"),
        ({"start": "*", "end": "*"}, "empty-range"),
        ({"start": "tomorrow"}, "bad-time"),
        ({"mode": "interpolated"}, "no-interval"),
        ({"wide": True}, "no-interval"),
        ({"every": "0s"}, "bad-interval"),
        ({"every": "1us", "start": "*-1h", "end": "*"}, "too-many-intervals"),
        ({"every": "shift", "start": "*-1d", "end": "*"}, "no-shifts"),
        ({"mode": "raw", "every": "1s"}, "bad-value"),
        ({"mode": "plot", "wide": True}, "bad-value"),
        ({"mode": "cyclic-ish"}, "bad-value"),
        ({"boundary": "outsid"}, "bad-value"),
        ({"every": "1s", "boundary": "outside"}, "bad-value"),
        ({"width": 1}, "bad-value"),
        ({"tags": ("press.recipe",), "every": "1s"}, "text-tag"),
        ({"during": "bach"}, "no-events"),
    ],
)
def test_what_is_refused(root: Path, tmp_path: Path, options: dict[str, object], slug: str) -> None:
    order = Order(root, **{"tags": ("press.level",), "format": "csv", "output": tmp_path / "o.csv", **options})  # type: ignore[arg-type]
    with pytest.raises(IiotctlError) as caught:
        run(order, lambda told: None, now_us=lambda: T0 + 60 * S)
    assert caught.value.slug == slug
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_texts_among_numbers_are_left_out_and_said(root: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    order = Order(root, ("press.*",), "csv", tmp_path / "o.csv", mode="plot")
    assert run(order, told.append, now_us=lambda: T0).tags == 2
    assert [one.slug for one in told] == ["text-tag"]


def test_a_trend_holds_samples_and_gaps(root: Path) -> None:
    order = TrendOrder(root, ("press.level", "press.state"), start="*-60s", end="*", width=200)
    data = trend(order, lambda told: None, now_us=lambda: T0 + 60 * S)
    level, state = data.traces
    assert (data.start, data.end, data.descending) == (T0, T0 + 60 * S, False)
    assert (level.count, len(level.ts), level.stepped, state.stepped) == (7, 7, False, True)
    assert level.gaps == [(T0 + 20 * S, T0 + 60 * S, "disconnected")]
    assert level.facts.unit == "bar"


def test_a_trend_of_an_event_begins_and_ends_with_it_however_long_ago(root: Path, tmp_path: Path) -> None:
    days_later = T0 + 9 * 86_400 * S
    order = TrendOrder(root, ("press.state",), start=None, during="batch")
    data = trend(order, lambda told: None, now_us=lambda: days_later)
    assert (data.start, data.end) == (T0 + S, T0 + 3 * S)
    before = TrendOrder(root, ("press.state",), start=None, end="*-9d+2s", during="batch")
    assert trend(before, lambda told: None, now_us=lambda: days_later).end == T0 + 2 * S
    grid = Order(root, ("press.state",), "csv", tmp_path / "o.csv", every="1s", during="batch", until_now=True)
    run(grid, lambda told: None, now_us=lambda: days_later)
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 1 + 2


def test_a_trend_during_an_event_has_nothing_outside_of_it(root: Path) -> None:
    order = TrendOrder(root, ("press.state",), start="*", end="*-60s", during="batch", zone=SiteTime("Asia/Kolkata"))
    data = trend(order, lambda told: None, now_us=lambda: T0 + 60 * S)
    (state,) = data.traces
    assert data.descending
    assert str(data.zone) == "Asia/Kolkata"
    assert ((state.ts - T0) // S).tolist() == [1, 2, 3]  # the next one shows how far it held
    assert [(begin - T0, end - T0) for begin, end, reason in state.gaps if reason == "not during batch"] == [
        (0, S),
        (3 * S, 60 * S),
    ]

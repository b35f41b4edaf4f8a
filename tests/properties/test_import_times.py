"""Local times against zoneinfo, in every form; the repeated hour by the order of rows."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.imports import fixed, times, zones

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "UTC")
EPOCH = dt.datetime(1970, 1, 1)
FORMS = {
    "iso": ("%Y-%m-%dT%H:%M:%S.%f", "ymd"),
    "blank": ("%Y-%m-%d %H:%M:%S", "ymd"),
    "german": ("%d.%m.%Y %H:%M:%S,%f", "dmy"),
    "us": ("%m/%d/%Y %I:%M:%S %p", "mdy"),
    "british": ("%d/%m/%Y %H:%M:%S", "dmy"),
    "pi": ("%d-%b-%y %H:%M:%S.%f", "ymd"),
    "pi long": ("%d-%b-%Y %H:%M:%S", "ymd"),
    "compact": ("%Y%m%d%H%M%S", "ymd"),
    "slashes": ("%Y/%m/%d %H:%M", "ymd"),
}
moments = st.datetimes(dt.datetime(1981, 1, 1), dt.datetime(2079, 12, 31)).filter(
    lambda at: (at.month, at.day) != (2, 29)
)


def _us(moment: dt.datetime) -> int:
    return (moment.replace(tzinfo=None) - EPOCH) // dt.timedelta(microseconds=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(sorted(FORMS)))
def test_every_form_is_read_back(when: list[dt.datetime], name: str) -> None:
    form, order = FORMS[name]
    when = [moment.replace(year=2060) if "%y" in form and moment.year > 2060 else moment for moment in when]
    texts = [moment.strftime(form) for moment in when]
    reader = times.TimeReader("text", order, texts[0])  # type: ignore[arg-type]
    at, zoned = reader.read(pl.Series(texts))
    assert at.to_list() == [_us(dt.datetime.strptime(text, form)) for text in texts]
    assert not zoned.any()


@settings(max_examples=60, deadline=None)
@given(st.lists(moments, min_size=1, max_size=20), st.integers(-14 * 60, 14 * 60))
def test_offsets_are_obeyed(when: list[dt.datetime], minutes: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    texts = [moment.replace(tzinfo=zone).isoformat() for moment in when]
    reader = times.guess(texts)
    assert reader is not None
    at, zoned = reader.read(pl.Series(texts))
    assert at.to_list() == [_us(moment) - minutes * 60_000_000 for moment in when]
    assert zoned.all()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text("0123456789-:T Z.,+/APMapmJanFeb", max_size=30), min_size=1, max_size=20))
def test_the_quick_way_says_what_the_general_way_says(texts: list[str]) -> None:
    form = fixed.template("2026-11-21T14:05:03.250Z", month_first=False)
    assert form is not None
    near = [
        "2026-11-21T14:05:03.250Z",
        "2026-02-29T14:05:03.250Z",
        "2024-02-29T23:59:59.999Z",
        "2026-11-21T24:00:00.000Z",
    ]
    column = pl.Series([*texts, *near])
    at, good = fixed.read(column, form)
    general, _ = times.TimeReader("text", "ymd", near[0])._any(column)
    for quick, fits, slow in zip(at.to_list(), good.to_list(), general.to_list(), strict=True):
        assert not fits or quick == slow


@settings(max_examples=100, deadline=None)
@given(st.lists(moments, min_size=1, max_size=30), st.sampled_from(ZONES))
def test_local_time_as_zoneinfo_has_it(when: list[dt.datetime], name: str) -> None:
    zone = ZoneInfo(name)
    found = zones.to_utc(pl.Series([_us(one) for one in when]), pl.Series([False] * len(when)), name)
    for local, ts, twice, skipped in zip(when, *(found[c].to_list() for c in ("ts", "twice", "skipped")), strict=True):
        early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
        exists = early.astimezone(zone).replace(tzinfo=None) == local
        assert skipped == (not exists)
        assert twice == (exists and early != late)
        assert ts == (_us(early) if exists and early == late else None)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [("Europe/Berlin", dt.datetime(2025, 10, 26, 1)), ("America/New_York", dt.datetime(2025, 11, 2, 6))]
    ),
    st.integers(5, 3600),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_the_repeated_hour_by_order(
    night: tuple[str, dt.datetime], step: int, tags: int, falling: bool, by_tag: bool
) -> None:
    """Real instants every `step` seconds through the night, as local time, in the order of a file."""
    name, middle = night
    zone = ZoneInfo(name)
    start = middle.replace(tzinfo=dt.UTC) - dt.timedelta(hours=2)
    instants = [start + dt.timedelta(seconds=step * i) for i in range(4 * 3600 // step)]
    rows = [(tag, instant) for instant in instants for tag in range(tags)]
    if falling:
        rows.reverse()
    if by_tag:
        rows.sort(key=lambda row: row[0])
    local = pl.Series([_us(instant.astimezone(zone)) for _, instant in rows])
    found = zones.to_utc(local, pl.Series([False] * len(rows)), name)
    true = [_us(instant) for _, instant in rows]
    for ts, expected in zip(found["ts"].to_list(), true, strict=True):
        assert ts in (None, expected)
    open_ = pl.DataFrame(
        {"tag": [tag for tag, _ in rows], "at": local, "true": true}, schema_overrides={"tag": pl.UInt32}
    )
    open_ = open_.filter(found["twice"]).with_columns(pl.lit(falling).alias("falling"))
    told, refused = zones.settle(open_, name, "refuse")
    assert told["ts"].to_list() == told["true"].to_list()
    if step < 1800:
        assert not refused.height
    assert told.height + refused.height == open_.height


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 600), st.integers(0, 5))
def test_rows_that_stand_twice_never_move_the_hour(seed: int, mean: int, repeated: int) -> None:
    """Values on change through the night, some of them written twice: told right, or refused."""
    chance = random.Random(seed)
    instants = [dt.datetime(2025, 10, 25, 23, 30, tzinfo=dt.UTC)]
    while instants[-1] < dt.datetime(2025, 10, 26, 2, tzinfo=dt.UTC):
        instants.append(instants[-1] + dt.timedelta(seconds=chance.expovariate(1 / mean)))
    for _ in range(repeated):
        place = chance.randrange(len(instants))
        instants.insert(place, instants[place])
    zone = ZoneInfo("Europe/Berlin")
    rows = pl.DataFrame(
        {"at": [_us(one.astimezone(zone)) for one in instants], "true": [_us(one) for one in instants]}
    ).with_columns(pl.lit(0, dtype=pl.UInt32).alias("tag"), pl.lit(value=False).alias("falling"))
    found = zones.to_utc(rows["at"], pl.repeat(value=False, n=rows.height, eager=True), "Europe/Berlin")
    told, refused = zones.settle(rows.filter(found["twice"]), "Europe/Berlin", "refuse", step=mean * 1_000_000)
    assert told["ts"].to_list() == told["true"].to_list()
    assert told.height + refused.height == found["twice"].sum()


def test_what_order_does_not_tell_is_asked_for() -> None:
    at = _us(dt.datetime(2025, 10, 26, 2, 30))
    rows = pl.DataFrame({"tag": pl.Series([0], dtype=pl.UInt32), "at": [at], "falling": [False]})
    told, refused = zones.settle(rows, "Europe/Berlin", "refuse")
    assert (told.height, refused.height) == (0, 1)
    earlier, _ = zones.settle(rows, "Europe/Berlin", "earlier")
    later, _ = zones.settle(rows, "Europe/Berlin", "later")
    assert later["ts"].item() - earlier["ts"].item() == 3_600_000_000


def test_numbers_of_every_unit() -> None:
    for unit, kind in ((1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")):
        reader = times.guess([str(1_763_733_903 * unit)])
        assert reader is not None
        assert reader.kind == kind
        assert reader.read(pl.Series([str(1_763_733_903 * unit)]))[0].to_list() == [1_763_733_903_000_000]
        assert reader.read(pl.Series([1_763_733_903 * unit]))[0].to_list() == [1_763_733_903_000_000]
    excel = times.guess(["45982.586840278"])
    assert excel is not None
    at, zoned = excel.read(pl.Series(["45982,586840278", "45982.5"]))
    assert at.to_list() == [_us(dt.datetime(2025, 11, 21, 14, 5, 3)), _us(dt.datetime(2025, 11, 21, 12))]
    assert not zoned.any()

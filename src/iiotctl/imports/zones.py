"""Local time to UTC, with the two hours a year that are none or two.

In autumn an hour passes twice, and a text such as `02:30` may mean either. The order of rows tells: a tag's times grow
(or fall) through a file, so where they jump back by that hour, less the few steps that passed meanwhile, the second
passage begins. A row that stands twice, or two that changed places, jump back less and are no passage. Rows of that
hour are kept until the file has been read, because only then all of the order is known. What order cannot tell is for
the user to say.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

Ambiguous = Literal["earlier", "later", "refuse"]
_DAY_US: Final = 86_400_000_000
_STEPS: Final = 4
"""Between the two passages no more than this many of the data's longer steps can have passed."""
_LONGER: Final = 0.9
_MOST_PASSED: Final = 0.75
"""Nor more than this part of the hour, or a jump back might be rows that changed places."""


def is_zone(name: str) -> bool:
    """Whether the time zone data base knows a zone."""
    try:
        pl.Series([0]).cast(pl.Datetime("us")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError:
        return False
    return True


def to_utc(at: pl.Series, zoned: pl.Series, zone: str) -> pl.DataFrame:
    """UTC of each time.

    Args:
        at: µs since 1970, of UTC where `zoned`, else of local time; null = no time.
        zoned: whether the time said its offset.
        zone: of the local times.

    Returns:
        Columns `ts` (µs UTC; null where it is none or two), `twice` and `skipped` (true where it is two, or none).
    """
    nothing = pl.repeat(value=False, n=len(at), dtype=pl.Boolean, eager=True)
    if zone == "UTC" or zoned.all():
        return pl.DataFrame({"ts": at, "twice": nothing, "skipped": nothing})
    local = at.cast(pl.Datetime("us"))
    sure = local.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.epoch("us")
    frame = pl.DataFrame({"at": at, "zoned": zoned, "sure": sure})
    frame = frame.with_columns(pl.when("zoned").then("at").otherwise("sure").alias("ts"))
    open_ = frame["ts"].is_null() & at.is_not_null()
    if not open_.any():
        return frame.select("ts", pl.lit(value=False).alias("twice"), pl.lit(value=False).alias("skipped"))
    first = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return frame.select("ts", (open_ & first.is_not_null()).alias("twice"), (open_ & first.is_null()).alias("skipped"))


def both(at: pl.Series, zone: str) -> tuple[pl.Series, pl.Series]:
    """The earlier and the later instant (µs UTC) of local times that occur twice."""
    local = at.cast(pl.Datetime("us"))
    return (
        local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.epoch("us"),
        local.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.epoch("us"),
    )


def settle(rows: pl.DataFrame, zone: str, otherwise: Ambiguous, *, step: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Decide which passage of the repeated hour each row belongs to.

    Args:
        rows: in the order of the file; columns `tag` (code), `at` (µs, local), `falling` (true in files whose times
            fall), others as they are.
        zone: of the local times.
        otherwise: for rows whose order does not tell.
        step: µs from one row of a tag to its next as the rest of the file has it; 0 = not known.

    Returns:
        The rows with `ts` (µs UTC) in place of `at` and `falling`, and those that are refused (with `at`).
    """
    earlier, later = both(rows["at"], zone)
    frame = rows.with_columns(earlier.alias("_earlier"), later.alias("_later")).with_row_index("_order")
    # a passage of its own per tag and night; 12 h of slack keep a night in one group
    frame = frame.with_columns(((pl.col("_earlier") + _DAY_US // 2) // _DAY_US).alias("_night"))
    rank = pl.when("falling").then(-pl.col("_order").cast(pl.Int64)).otherwise(pl.col("_order"))
    frame = frame.sort(rank, maintain_order=True)
    frame = _passages(frame, ["tag", "_night"], step)
    # a tag that jumps nowhere (one value an hour) follows the file as a whole, when that jumps exactly once, and not
    # from one tag to the next
    whole = _passages(frame.drop("_second", "_jumps"), ["_night"], step)
    mixed = (pl.col("_second").n_unique().over("tag", "_night") > 1).any().over("_night")
    usable = whole.select(((pl.col("_jumps") == 1) & mixed).alias("_whole"))["_whole"]
    frame = frame.with_columns(whole["_second"].alias("_whole_second"), usable)
    frame = frame.with_columns(
        pl.when(pl.col("_jumps") == 1)
        .then("_second")
        .when((pl.col("_jumps") == 0) & pl.col("_whole"))
        .then("_whole_second")
        .otherwise(None)
        .alias("_is_second")
    ).sort("_order")
    if otherwise != "refuse":
        frame = frame.with_columns(pl.col("_is_second").fill_null(value=otherwise == "later"))
    frame = frame.with_columns(pl.when("_is_second").then("_later").otherwise("_earlier").alias("ts"))
    kept = [name for name in rows.columns if name != "falling"]
    told = frame.filter(pl.col("_is_second").is_not_null())
    return told.select(*(name for name in kept if name != "at"), "ts"), frame.filter(
        pl.col("_is_second").is_null()
    ).select(kept)


def _passages(frame: pl.DataFrame, group: list[str], step: int) -> pl.DataFrame:
    """`_jumps`: how often the hour began again in the group; `_second`: whether the row stands behind the first time."""
    ahead = pl.col("at").diff()
    hour = pl.col("_later") - pl.col("_earlier")
    usual = pl.when(ahead > 0).then(ahead).quantile(_LONGER).over(group).fill_null(step)
    passed = hour + ahead.over(group)
    again = passed.is_between(1, pl.min_horizontal(_STEPS * usual, _MOST_PASSED * hour))
    if "tag" in group:  # where a value comes but once an hour, the same time again is the second passage
        again |= (passed == hour) & (step > _MOST_PASSED * hour)
    jumped = again.fill_null(value=False).cast(pl.Int32)
    return frame.with_columns(
        jumped.sum().over(group).alias("_jumps"), (jumped.cum_sum().over(group) > 0).alias("_second")
    )

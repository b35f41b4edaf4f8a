"""OPC UA data values to samples: types, scaling, quality and the rule of timestamps."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from asyncua import ua

from iiotctl import quality
from iiotctl.samples import NULL_TIME
from iiotctl.site.model import Tag
from iiotctl.sources.opcua.convert import Rule, convert_value, micros, rule_for, settle_times, time_or_null, to_batch

PLAIN = Rule(1)
NOW = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        (True, PLAIN, (1.0, None, 0)),
        (False, PLAIN, (0.0, None, 0)),
        (7, PLAIN, (7.0, None, 0)),
        (1.25, PLAIN, (1.25, None, 0)),
        (10, Rule(1, scale=0.1, offset=-2.0), (-1.0, None, 0)),
        (2**53, PLAIN, (float(2**53), None, 0)),
        (2**53 + 1, PLAIN, (float(2**53), "9007199254740993", 0)),
        (2**64 - 1, PLAIN, (float(2**64), "18446744073709551615", 0)),
        (-(2**63), PLAIN, (-float(2**63), "-9223372036854775808", 0)),
        (2, Rule(1, texts={2: "Running"}), (2.0, "Running", 0)),
        (3, Rule(1, texts={2: "Running"}), (3.0, None, 0)),
        ([10.0, 20.0], Rule(1, element=1), (20.0, None, 0)),
        ([20.0], Rule(1, element=1, ranged=True), (20.0, None, 0)),
        ([10.0, 20.0], Rule(1, element=1, ranged=True), (20.0, None, 0)),  # a server that ignores the range
    ],
)
def test_numbers(value: Any, rule: Rule, expected: tuple[float, str | None, int]) -> None:
    assert convert_value(value, rule, 0) == expected


@pytest.mark.parametrize(
    ("value", "rule", "status", "text", "expected"),
    [
        ("läuft", PLAIN, 0, "läuft", 0),
        (ua.LocalizedText("läuft", "de"), PLAIN, 0, "läuft", 0),
        (ua.LocalizedText(None), PLAIN, 0, "", 0),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC), PLAIN, 0, "2026-01-02T03:04:05.678000Z", 0),
        (dt.datetime(1601, 1, 1, tzinfo=dt.UTC), PLAIN, 0, None, 0),
        (math.nan, PLAIN, 0, "NaN", quality.BAD_SENSOR_FAILURE),
        (math.inf, PLAIN, 0, "Infinity", quality.BAD_SENSOR_FAILURE),
        (-math.inf, PLAIN, quality.UNCERTAIN, "-Infinity", quality.UNCERTAIN),
        (1e308, Rule(1, scale=1e10), 0, "1e+308", quality.BAD_OUT_OF_RANGE),
        (32767, Rule(1, invalid=frozenset({32767})), 0, None, quality.BAD_SENSOR_FAILURE),
        (5.0, PLAIN, quality.BAD_TIMEOUT, None, quality.BAD_TIMEOUT),
        (None, PLAIN, 0, None, quality.CODES["BadNoData"]),
        ([1, 2], PLAIN, 0, None, quality.BAD_TYPE_MISMATCH),
        ([1, 2], Rule(1, element=2), 0, None, quality.CODES["BadIndexRangeNoData"]),
        (b"abc", PLAIN, 0, None, quality.BAD_TYPE_MISMATCH),
        (object(), PLAIN, 0, None, quality.BAD_TYPE_MISMATCH),
    ],
)
def test_null_values(value: Any, rule: Rule, status: int, text: str | None, expected: int) -> None:
    number, got, code = convert_value(value, rule, status)
    assert math.isnan(number)
    assert (got, code) == (text, expected)


def test_uncertain_values_are_kept() -> None:
    assert convert_value(3.0, PLAIN, quality.UNCERTAIN) == (3.0, None, quality.UNCERTAIN)


def test_texts_of_the_site_file_win() -> None:
    tag = Tag(name="t", source="s", address="i=1", enum={"1": "an", "0x2": "aus"})
    assert rule_for(4, tag, {1: "On", 3: "Fault"}).texts == {1: "an", 2: "aus", 3: "Fault"}


def test_micros_are_exact() -> None:
    assert micros(dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) == 0
    assert micros(dt.datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=dt.UTC)) == 9_223_372_036_854_775
    assert micros(dt.datetime(1969, 12, 31, 23, 59, 59, 999999)) == -1
    assert time_or_null(None) == NULL_TIME
    assert time_or_null(dt.datetime(1601, 1, 1, tzinfo=dt.UTC)) == NULL_TIME


def settle(source: int, server: int, status: int = 0) -> tuple[int, int, int | None, int | None]:
    ts, code, ts_source, ts_server = settle_times(
        np.array([source]), np.array([server]), np.array([NOW]), np.array([status], np.uint32)
    )
    return (
        int(ts[0]),
        int(code[0]),
        None if ts_source is None or ts_source[0] == NULL_TIME else int(ts_source[0]),
        None if ts_server is None else int(ts_server[0]),
    )


DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("source", "server", "expected"),
    [
        (NOW - 5_000, NOW - 4_000, (NOW - 5_000, 0, None, None)),
        (NOW - 5_000, NOW - 3_999, (NOW - 5_000, 0, None, NOW - 3_999)),
        (NULL_TIME, NOW - 7, (NOW - 7, 0, None, None)),
        (NULL_TIME, NULL_TIME, (NOW, 0, None, None)),
        (NOW + DAY, NULL_TIME, (NOW + DAY, 0, None, None)),
        (NOW + DAY + 1, NOW, (NOW, quality.UNCERTAIN, NOW + DAY + 1, None)),
        (946_684_800_000_000, NOW, (946_684_800_000_000, 0, None, NOW)),
        (946_684_799_999_999, NOW, (NOW, quality.UNCERTAIN, 946_684_799_999_999, None)),
        (NULL_TIME, 5, (NOW, quality.UNCERTAIN, None, 5)),
    ],
)
def test_which_time_counts(source: int, server: int, expected: tuple[int, int, int | None, int | None]) -> None:
    assert settle(source, server) == expected


def test_an_impossible_time_leaves_bad_bad() -> None:
    assert settle(1, NULL_TIME, quality.BAD_TIMEOUT)[1] == quality.BAD_TIMEOUT
    assert settle(1, NULL_TIME, 0x40920000)[1] == 0x40920000


def test_batch_keeps_order_and_columns() -> None:
    at = dt.datetime.fromtimestamp(NOW / 1e6, dt.UTC)
    rows = [
        (Rule(9), ua.DataValue(ua.Variant(1.5), ua.StatusCode(ua.UInt32(0x480)), at, at)),
        (Rule(3), ua.DataValue(ua.Variant("x"), None, None, None)),
    ]
    batch = to_batch(rows, NOW + 10)
    assert batch is not None
    assert batch.tag.tolist() == [9, 3]
    assert batch.ts.tolist() == [NOW, NOW + 10]
    assert batch.quality.tolist() == [0x480, 0]
    assert batch.text == [None, "x"]
    assert batch.ts_received is not None
    assert batch.ts_received.tolist() == [NOW + 10] * 2
    assert batch.ts_source is None
    assert batch.ts_server is None
    assert to_batch([], NOW) is None

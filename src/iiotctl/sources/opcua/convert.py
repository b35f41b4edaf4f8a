"""OPC UA data values to sample columns: types, scaling, quality, and which of the timestamps counts.

The mapping is the table of `docs/reference/opcua-types.md`. Nothing here knows a session.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl import quality
from iiotctl.samples import EARLIEST_US, MAX_AHEAD_US, NULL_TIME, SampleBatch

if TYPE_CHECKING:
    from asyncua import ua

    from iiotctl.site.model import Tag

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - for naive values, which are UTC in OPC UA
NULL_DATE_US: Final = -11_644_473_600_000_000
"""1601-01-01, tick 0: OPC UA's "no time" (OPC 10000-6 §5.2.2.5)."""
EXACT: Final = 1 << 53
"""Beyond it not every integer is a float."""
_KEEP_SERVER_US: Final = 1_000
_NAN: Final = math.nan
OVERFLOW: Final = quality.INFO_TYPE_DATA_VALUE | quality.OVERFLOW_BIT


def micros(time: dt.datetime) -> int:
    """Microseconds since 1970 (UTC) by integers alone; a naive time is UTC."""
    delta = time - (_NAIVE_EPOCH if time.tzinfo is None else _EPOCH)
    return delta.days * 86_400_000_000 + delta.seconds * 1_000_000 + delta.microseconds


def time_or_null(time: dt.datetime | None) -> int:
    """As `micros`; NULL_TIME for None and for tick 0."""
    if time is None:
        return NULL_TIME
    at = micros(time)
    return at if at > NULL_DATE_US else NULL_TIME


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with the values of one tag.

    Attributes:
        code: the tag's code in the run.
        scale: engineering units = raw * scale + offset.
        offset: see `scale`.
        invalid: raw values that mean a broken sensor.
        element: index into an array, or None.
        ranged: true when the server already sends that element only.
        texts: texts of enumeration values, by number.
    """

    code: int
    scale: float = 1.0
    offset: float = 0.0
    invalid: frozenset[int] = frozenset()
    element: int | None = None
    ranged: bool = False
    texts: Mapping[int, str] = field(default_factory=dict)

    @property
    def scaled(self) -> bool:
        """True when raw and engineering units differ."""
        return self.scale != 1.0 or self.offset != 0.0


def rule_for(code: int, tag: Tag, texts: Mapping[int, str] | None = None, *, ranged: bool = False) -> Rule:
    """The rule of a tag; texts of the site file win over those of the server."""
    merged = dict(texts or {})
    for key, text in (tag.enum or {}).items():
        try:
            merged[int(key, 0)] = text
        except ValueError:
            continue  # texts of non-integers are the site file's matter
    return Rule(code, tag.scale, tag.offset, frozenset(tag.invalid), tag.element, ranged, merged)


def _number(raw: Any, rule: Rule, status: int) -> tuple[float, str | None, int]:
    if rule.invalid and raw in rule.invalid:
        return _NAN, None, quality.BAD_SENSOR_FAILURE if quality.is_good(status) else status
    text = rule.texts.get(int(raw)) if rule.texts and math.isfinite(raw) and raw == int(raw) else None
    if isinstance(raw, float) and not math.isfinite(raw):
        word = "NaN" if math.isnan(raw) else "Infinity" if raw > 0 else "-Infinity"
        return _NAN, word, quality.BAD_SENSOR_FAILURE if quality.is_good(status) else status
    if isinstance(raw, int) and not -EXACT <= raw <= EXACT and not rule.scaled:
        text = str(raw)
    value = raw * rule.scale + rule.offset if rule.scaled else float(raw)
    if not math.isfinite(value):  # a scale that overflows
        return _NAN, str(raw), quality.BAD_OUT_OF_RANGE if quality.is_good(status) else status
    return value, text, status


def iso(time: dt.datetime) -> str:
    """RFC 3339 in UTC with six digits of the second; a naive time is UTC."""
    aware = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    return aware.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _pick(value: list[Any], rule: Rule) -> tuple[Any, int | None]:
    """The element of an array, or the status that says why there is none."""
    if rule.element is None:
        return None, quality.BAD_TYPE_MISMATCH
    # some servers ignore the range and send the whole array without a word
    index = 0 if rule.ranged and len(value) == 1 else rule.element
    if index >= len(value):
        return None, quality.CODES["BadIndexRangeNoData"]
    return value[index], None


def _writable(text: str) -> str:
    """Text that every file can hold: asyncua turns bytes that are no UTF-8 into lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def convert_value(value: Any, rule: Rule, status: int) -> tuple[float, str | None, int]:  # noqa: PLR0911 - a table
    """One decoded OPC UA value to (value, text, status code); NaN = null.

    A Bad value is null whatever the server sent with it.
    """
    if status >> 31:
        return _NAN, None, status
    if isinstance(value, (list, tuple)):
        value, problem = _pick(list(value), rule)
        if problem is not None:
            return _NAN, None, problem
    if isinstance(value, bool):
        return _number(int(value), rule, status)
    if isinstance(value, (int, float)):
        return _number(value, rule, status)
    if value is None:
        return _NAN, None, quality.CODES["BadNoData"]
    if isinstance(value, str):
        return _NAN, _writable(value), status
    if isinstance(value, dt.datetime):
        return (_NAN, iso(value), status) if micros(value) > NULL_DATE_US else (_NAN, None, status)
    if type(value).__name__ == "LocalizedText":
        return _NAN, _writable(value.Text) if value.Text is not None else "", status
    return _NAN, None, quality.BAD_TYPE_MISMATCH


def settle_times(
    source: NDArray[np.int64], server: NDArray[np.int64], received: NDArray[np.int64], status: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Which time counts: source, else server, else received; an impossible one never.

    Args:
        source, server: µs UTC, NULL_TIME where the server gave none.
        received: µs UTC.
        status: status codes.

    Returns:
        (ts, status, ts_source, ts_server): a source time before 2000 or more than 24 h ahead of `received`
        gives way to `received`, turns a Good status Uncertain and is kept in `ts_source`; `ts_server` is kept
        where it differs from `ts` by more than 1 ms. Columns that are null throughout are None.
    """
    ts = np.where(source != NULL_TIME, source, np.where(server != NULL_TIME, server, received))
    impossible = (ts < EARLIEST_US) | (ts > received + MAX_AHEAD_US)
    ts_source: NDArray[np.int64] | None = None
    if impossible.any():
        ts_source = np.where(impossible & (source != NULL_TIME), source, NULL_TIME)
        ts = np.where(impossible, received, ts)
        status = np.where(impossible & (status >> 30 == 0), np.uint32(quality.UNCERTAIN), status).astype(np.uint32)
    differs = (server != NULL_TIME) & (np.abs(server - ts) > _KEEP_SERVER_US)
    ts_server = np.where(differs, server, NULL_TIME) if differs.any() else None
    return ts, status, ts_source, ts_server


def to_batch(rows: Iterable[tuple[Rule, ua.DataValue]], received: int) -> SampleBatch | None:
    """Data values that arrived together, as one batch in their order; None when there are none.

    Args:
        rows: rule of the tag and the data value as asyncua decoded it.
        received: µs UTC.
    """
    tags: list[int] = []
    values: list[float] = []
    states: list[int] = []
    texts: list[str | None] = []
    sources: list[int] = []
    servers: list[int] = []
    any_text = False
    for rule, data in rows:
        variant = data.Value
        status = 0 if data.StatusCode is None else int(data.StatusCode.value)
        value, text, status = convert_value(None if variant is None else variant.Value, rule, status)
        any_text = any_text or text is not None
        tags.append(rule.code)
        values.append(value)
        states.append(status)
        texts.append(text)
        sources.append(time_or_null(data.SourceTimestamp))
        servers.append(time_or_null(data.ServerTimestamp))
    if not tags:
        return None
    arrived = np.full(len(tags), received, np.int64)
    ts, status_column, ts_source, ts_server = settle_times(
        np.array(sources, np.int64), np.array(servers, np.int64), arrived, np.array(states, np.uint32)
    )
    return SampleBatch(
        tag=np.array(tags, np.uint32),
        ts=ts,
        value=np.array(values, np.float64),
        quality=status_column,
        text=texts if any_text else None,
        ts_source=ts_source,
        ts_server=ts_server,
        ts_received=arrived,
    )

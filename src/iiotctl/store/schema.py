"""Columns of the store's tables (design §4.1, §4.2), and the samples' way into and out of them.

`polars` is imported inside functions: a query over sealed files alone never loads it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from iiotctl.eventframe import EventFrame
from iiotctl.kept import Kept
from iiotctl.samples import Gap, GapReason

if TYPE_CHECKING:
    import polars as pl

SAMPLE_COLUMNS: Final = {
    "ts": "timestamp",
    "tag": "string",
    "value": "float64",
    "text": "string",
    "quality": "uint32",
    "ts_source": "timestamp",
    "ts_server": "timestamp",
    "ts_received": "timestamp",
    "site": "string",
}
GAP_COLUMNS: Final = {
    "id": "string",
    "site": "string",
    "source": "string",
    "tag": "string",
    "start": "timestamp",
    "end": "timestamp",
    "reason": "string",
    "detected_at": "timestamp",
    "filled_by": "string",
    "withdrawn": "bool",
}
TAG_COLUMNS: Final = {
    "tag": "string",
    "valid_from": "timestamp",
    "site": "string",
    "asset": "string",
    "source": "string",
    "address": "string",
    "type": "string",
    "order": "string",
    "scale": "float64",
    "offset": "float64",
    "unit": "string",
    "span_low": "float64",
    "span_high": "float64",
    "kind": "string",
    "description": "string",
    "mode": "string",
    "deadband": "float64",
    "heartbeat": "float64",
    "stepped": "bool",
    "period": "float64",
    "low": "float64",
    "high": "float64",
    "low_low": "float64",
    "high_high": "float64",
    "enum": "string",
    "rollover": "float64",
    "criticality": "string",
    "twin": "string",
    "siblings": "string",
    "config_hash": "string",
}
ROLLUP_COLUMNS: Final = {
    "tag": "string",
    "start": "timestamp",
    "end": "timestamp",
    "min": "float64",
    "max": "float64",
    "mean": "float64",
    "std": "float64",
    "count": "int64",
    "bad": "int64",
    "first": "float64",
    "first_ts": "timestamp",
    "last": "float64",
    "last_ts": "timestamp",
    "quality": "uint32",
    "partial": "bool",
    "closes": "bool",
    "site": "string",
}
KEPT_COLUMNS: Final = {
    "id": "string",
    "site": "string",
    "source": "string",
    "start": "timestamp",
    "end": "timestamp",
    "trigger": "string",
    "fired_at": "timestamp",
    "detected_at": "timestamp",
}
EVENT_COLUMNS: Final = {
    "id": "string",
    "event": "string",
    "site": "string",
    "asset": "string",
    "start": "timestamp",
    "end": "timestamp",
    "severity": "string",
    "condition": "string",
    "until": "string",
    "tags": "string",
    "attributes": "string",
    "detected_at": "timestamp",
    "definition_hash": "string",
    "tool_version": "string",
    "withdrawn": "bool",
}
DISORDER_COLUMNS: Final = {
    "tag": "string",
    "start": "timestamp",
    "end": "timestamp",
    "kind": "string",
    "rows": "int64",
    "step": "float64",
    "site": "string",
    "detected_at": "timestamp",
}
IMPORTED: Final = "imported"
"""`mode` of a tag that was never captured: its samples came from a file."""
REMOVED: Final = "removed"
"""`mode` of the row that ends a tag in the history: it is captured no more."""
RING: Final = "ring"
"""`mode` of a tag whose samples are stored around triggers only; what lies between is not kept, and no gap."""

COLUMNS: Final = {
    "samples": SAMPLE_COLUMNS,
    "gaps": GAP_COLUMNS,
    "tags": TAG_COLUMNS,
    "rollups": ROLLUP_COLUMNS,
    "kept": KEPT_COLUMNS,
    "events": EVENT_COLUMNS,
    "disorder": DISORDER_COLUMNS,
}
LATER: Final = {
    "tags": frozenset(
        {
            "stepped",
            "period",
            "low",
            "high",
            "low_low",
            "high_high",
            "enum",
            "rollover",
            "criticality",
            "twin",
            "siblings",
        }
    )
}
"""Columns that a table got after its first files were written: a file may lack them, and they are null there."""
DATED_BY: Final = {
    "samples": "ts",
    "gaps": "detected_at",
    "tags": "valid_from",
    "rollups": "start",
    "kept": "detected_at",
    "events": "detected_at",
    "disorder": "detected_at",
}
"""The column whose UTC date names the folder of a row's file."""
SORTED_BY: Final = {
    "samples": ("tag", "ts"),
    "gaps": ("detected_at",),
    "tags": ("tag", "valid_from"),
    "rollups": ("tag", "start", "end"),
    "kept": ("detected_at",),
    "events": ("detected_at",),
    "disorder": ("detected_at",),
}
"""The order of the rows of a file that compaction wrote; equal ones stand as they were written."""


@dataclass(frozen=True, slots=True)
class TagRow:
    """What the store keeps about a tag, so that it explains itself without a site file.

    Attributes:
        code: the number that the tag's samples carry in this run.
        deadband: engineering units, None = off.
        heartbeat: seconds, None without a deadband.
        mode: `polled`, `exception` (reported by the server on change), `ring` (stored around
            triggers only), or `removed` (captured no more).
        stepped: whether the value holds between samples; None where the site file does not say.
        period: seconds, scan period or sampling interval.
        low, high, low_low, high_high: operating limits in engineering units.
        enum: JSON object, texts of values.
        rollover: value at which a counter starts again.
        criticality: low, medium or high; weight of its findings.
        twin: tag that measures the same.
        siblings: JSON list, tags measured under the same conditions.
    """

    code: int
    tag: str
    source: str
    asset: str | None = None
    address: str = ""
    type: str | None = None
    order: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    span_low: float | None = None
    span_high: float | None = None
    kind: str | None = None
    description: str = ""
    mode: str = "polled"
    deadband: float | None = None
    heartbeat: float | None = None
    stepped: bool | None = None
    period: float | None = None
    low: float | None = None
    high: float | None = None
    low_low: float | None = None
    high_high: float | None = None
    enum: str | None = None
    rollover: float | None = None
    criticality: str | None = None
    twin: str | None = None
    siblings: str | None = None

    @property
    def config_hash(self) -> str:
        """Changes when anything about the tag changes; 16 hexadecimal digits."""
        facts = {key: value for key, value in asdict(self).items() if key != "code"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def dtypes(table: str) -> dict[str, pl.DataType]:
    """Polars types of a table's columns, in order."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {
        "timestamp": pl.Datetime("us", "UTC"),
        "string": pl.String(),
        "float64": pl.Float64(),
        "uint32": pl.UInt32(),
        "int64": pl.Int64(),
        "bool": pl.Boolean(),
    }
    return {name: kinds[kind] for name, kind in COLUMNS[table].items()}


def is_of(table: str, schema: Mapping[str, pl.DataType]) -> bool:
    """Whether a file with these columns is one of the table, of this version or an earlier one."""
    wanted = dtypes(table)
    lacks = wanted.keys() - schema.keys()
    return lacks <= LATER.get(table, frozenset()) and all(wanted.get(name) == kind for name, kind in schema.items())


def gaps_frame(gaps: Iterable[Gap], site: str) -> pl.DataFrame:
    """Gap rows in the columns of the gaps table."""
    rows = [
        (g.id, site, g.source, g.tag, g.start, g.end, str(g.reason), g.detected_at, g.filled_by, g.withdrawn)
        for g in gaps
    ]
    return _from_rows("gaps", rows)


def kept_frame(windows: Iterable[Kept], site: str) -> pl.DataFrame:
    """Kept windows in the columns of the kept table."""
    rows = [(k.id, site, k.source, k.start, k.end, k.trigger, k.fired_at, k.detected_at) for k in windows]
    return _from_rows("kept", rows)


def events_frame(found: Iterable[EventFrame], site: str) -> pl.DataFrame:
    """Event frames in the columns of the events table; tags and attributes as JSON."""
    rows = [
        (
            *(e.id, e.event, site, e.asset, e.start, e.end, e.severity, e.condition, e.until),
            json.dumps(e.tags, ensure_ascii=False),
            json.dumps(e.attributes, ensure_ascii=False, allow_nan=False),
            *(e.detected_at, e.definition_hash, e.tool_version, e.withdrawn),
        )
        for e in found
    ]
    return _from_rows("events", rows)


def _from_rows(table: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows in the order of the table's columns, times in µs UTC."""
    import polars as pl

    kinds = dtypes(table)
    raw = {name: (pl.Int64() if kind == "timestamp" else kinds[name]) for name, kind in COLUMNS[table].items()}
    return pl.DataFrame(rows, schema=raw, orient="row").select([pl.col(name).cast(kinds[name]) for name in raw])


def tags_frame(rows: Sequence[tuple[TagRow, int]], site: str) -> pl.DataFrame:
    """Rows of the tags history; each with its `valid_from` in µs UTC."""
    import polars as pl

    kinds = dtypes("tags")
    data: dict[str, list[Any]] = {name: [] for name in TAG_COLUMNS}
    for row, valid_from in rows:
        facts: dict[str, Any] = asdict(row) | {
            "valid_from": valid_from,
            "site": site,
            "config_hash": row.config_hash,
        }
        for name in TAG_COLUMNS:
            data[name].append(facts[name])
    series = [
        pl.Series(name, data[name], dtype=pl.Int64 if kind == "timestamp" else kinds[name]).cast(kinds[name])
        for name, kind in TAG_COLUMNS.items()
    ]
    return pl.DataFrame(series)


def gap_to_json(gap: Gap) -> dict[str, Any]:
    """A gap as plain data, for a frame."""
    return asdict(gap) | {"reason": str(gap.reason)}


def gap_from_json(data: Mapping[str, Any]) -> Gap:
    """The gap of `gap_to_json`."""
    return Gap(**{**data, "reason": GapReason(data["reason"])})


def tag_from_json(data: Mapping[str, Any]) -> TagRow:
    """A tag row from plain data; keys of a newer version are ignored."""
    known = {field.name for field in fields(TagRow)}
    return TagRow(**{key: value for key, value in data.items() if key in known})

"""Each tag read once over an open session: for the quick look and for checking a tag list against the server."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from iiotctl import quality
from iiotctl.sources.base import CapturedTag, Reading
from iiotctl.sources.opcua.convert import EXACT, Rule, iso, to_batch
from iiotctl.sources.opcua.resolve import Item, TypeBook, resolve
from iiotctl.sources.opcua.session import Session, batches

_LONGEST_RAW = 60


def _spelled(value: Any) -> str:  # noqa: PLR0911 - a table
    """A decoded value as people write it: texts as JSON, times as RFC 3339, bytes as hexadecimal digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        # more than this many cannot show
        return f"[{', '.join(_spelled(item) for item in value[:_LONGEST_RAW])}]"
    if isinstance(value, ua.LocalizedText):
        return _spelled(value.Text)
    if isinstance(value, (ua.NodeId, ua.QualifiedName)):
        return str(value.to_string())
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value[:_LONGEST_RAW]).hex(" ")
    if isinstance(value, dt.datetime):
        return iso(value)
    return str(value)


def raw_text(value: ua.DataValue) -> str:
    """Type and value as the server sent them, cut to a line's length."""
    variant = value.Value
    if variant is None or variant.Value is None:
        return ""
    text = f"{getattr(variant.VariantType, 'name', variant.VariantType)} {_spelled(variant.Value)}"
    return text if len(text) <= _LONGEST_RAW else text[: _LONGEST_RAW - 1] + "…"


async def read_tags(session: Session, tags: Sequence[CapturedTag]) -> list[Reading]:
    """One reading a tag, in the order of `tags`; what cannot be read carries its status and the reason.

    Raises:
        SourceError: the connection broke.
    """
    clock, now = session.context.monotonic, session.context.now_us
    items, refused = await resolve(session, tags, TypeBook(session))
    readings = {
        entry.captured.code: Reading(entry.captured.tag.name, None, entry.status, now(), 0.0, note=entry.reason)
        for entry in refused
    }
    for batch in batches(items, session.limits.read):
        started = clock()
        ranges = [item.index_range for item in batch]
        values = await session.read([item.node for item in batch], ranges=ranges)
        latency = clock() - started
        for item, value in zip(batch, values, strict=True):
            readings[item.captured.code] = _reading(item, value, session.last_answer_us, latency)
    return [readings[captured.code] for captured in tags]


def _reading(item: Item, value: ua.DataValue, received: int, latency: float) -> Reading:
    rows: list[tuple[Rule, ua.DataValue]] = [(item.rule, value)]
    batch = to_batch(rows, received)
    assert batch is not None
    number = float(batch.value[0])
    text = None if batch.text is None else batch.text[0]
    # digits that a float cannot hold win over the float, as for Modbus
    exact = abs(number) >= EXACT and text is not None and text.lstrip("-").isdigit()
    shown: float | str | None = text if math.isnan(number) or exact else number
    status = int(batch.quality[0])
    if quality.is_bad(status):
        shown = None
    notes = []
    if text is not None and shown is not text:
        notes.append(text)
    if batch.ts_source is not None:
        notes.append("source time impossible: received time used")
    return Reading(
        item.captured.tag.name, shown, status, int(batch.ts[0]), latency, raw=raw_text(value), note="; ".join(notes)
    )

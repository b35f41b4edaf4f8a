"""What a single read brought, as `read` shows it. Pure."""

from __future__ import annotations

from iiotctl import quality
from iiotctl.sources.base import Reading
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import Layout, ModbusTag


def reading_of(tag: ModbusTag, layout: Layout, result: bytes | Failure | None, at: int, took: float) -> Reading:
    """Reading of a tag from its answer, arrived at `at` (µs UTC) after `took` seconds."""
    if not isinstance(result, bytes):
        failure = result or Failure(Kind.DISCONNECTED)
        return Reading(tag.name, None, failure.status, at, took, note=str(failure))
    batch = layout.samples([result], [at])
    assert batch is not None
    value: float | str | None = float(batch.value[0])
    text = batch.text[0] if batch.text is not None else None
    status = int(batch.quality[0])
    if quality.is_bad(status):
        value = None
    elif text is not None:
        value = text
    return Reading(tag.name, value, status, at, took, raw=result.hex(" ", -2), note=text or "" if value is None else "")

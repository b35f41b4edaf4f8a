"""`--log-format json`: what goes to stderr as one JSON object a line, for journals and log collectors.

Every line has `schema`, `ts`, `level`, `event` and `message`; the rest depends on `event` (reference page
"Log lines"). Keys are added, never renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from iiotctl.events import Level

if TYPE_CHECKING:
    from iiotctl.capture.summary import Summary
    from iiotctl.events import Event

SCHEMA: Final = "iiotctl.log/v1"


def line(level: str, event: str, message: str, fields: Mapping[str, object], *, at_us: int = 0) -> str:
    """One object as a line of ASCII.

    Args:
        level: debug, info, notice, warning or error.
        event: kebab-case kind.
        message: for people, one line or a few.
        fields: more; null, "" and {} are left out.
        at_us: µs UTC; 0 = now.
    """
    moment = datetime.fromtimestamp(at_us / 1e6, UTC) if at_us > 0 else datetime.now(UTC)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": event,
        "message": message,
    }
    more = {key: value for key, value in fields.items() if value not in (None, "", {})}
    try:
        return json.dumps(record | more, ensure_ascii=True, allow_nan=False, default=str)
    except ValueError:  # NaN: a log line is worth more than its figures
        return json.dumps(record, ensure_ascii=True)


def of_event(event: Event) -> str:
    """An event of the core."""
    level = event.level.name.lower()
    fields = {"source": event.source, "tag": event.tag, "data": event.data}
    return line(level, event.slug, event.text, fields, at_us=event.at)


def is_shown(event: Event, quiet: bool, verbose: int) -> bool:
    """The same choice as for lines of text: warnings always, notices unless `-q`, the rest with `-v`."""
    if event.level >= Level.WARNING:
        return True
    if event.level >= Level.NOTICE:
        return not quiet
    return verbose >= (1 if event.level >= Level.INFO else 2)


def of_summary(summary: Summary) -> dict[str, object]:
    """Figures of a run for the events `status` and `ended`."""
    return {
        "run": summary.run,
        "stopped_by": summary.stopped_by,
        "seconds": round(summary.seconds, 1),
        "samples": summary.stored,
        "rate": round(sum(source.rate for source in summary.sources), 1),
        "bytes": summary.bytes,
        "waiting": summary.waiting,
        "gaps": summary.gap_count,
        "complete_percent": summary.whole.percent,
        "durable_until_us": summary.durable_until,
        "blocked": summary.blocked,
        "sources": {source.name: str(source.state) for source in summary.sources},
        "silent": [source.name for source in summary.sources if source.gap_since is not None] or None,
    }

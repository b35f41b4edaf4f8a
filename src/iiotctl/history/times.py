"""Instants as people type them: ISO 8601, `*` for now, `*-8h` for eight hours ago."""

from __future__ import annotations

from datetime import UTC, datetime

from iiotctl.errors import UsageError
from iiotctl.site.units import parse_duration


def parse(text: str, now_us: int, *, option: str) -> int:
    """Instant in µs UTC.

    Without a zone it is UTC, as in everything that iiotctl prints; a date is its first instant.

    Args:
        text: `2026-11-21`, `2026-11-21T06:00`, `2026-11-21T06:00:00+01:00`, `*`, `*-8h`, `*+15min`.
        now_us: what `*` stands for.
        option: flag that the text belongs to, for the error.

    Raises:
        UsageError: `bad-time`.
    """
    word = text.strip()
    try:
        if word.startswith("*"):
            return now_us + _shift(word[1:].strip())
        moment = datetime.fromisoformat(word)
    except ValueError as error:
        raise UsageError(
            "bad-time",
            f"`{text}` is not a time",
            where=option,
            cause=str(error) if word.startswith("*") else None,
            hint="write ISO 8601 (`2026-11-21T06:00Z`), `*` for now, or `'*-8h'` for eight hours ago",
        ) from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    delta = aware - epoch
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _shift(text: str) -> int:
    if not text:
        return 0
    sign, span = text[0], text[1:]
    if sign not in "+-":
        msg = "after `*` comes `+` or `-` and a duration"
        raise ValueError(msg)
    return (1 if sign == "+" else -1) * round(parse_duration(span) * 1e6)


def parse_range(start: str | None, end: str | None, now_us: int) -> tuple[int | None, int | None]:
    """`--from` and `--to` in µs UTC; None where not given.

    Raises:
        UsageError: `bad-time`; also when the range is empty.
    """
    first = None if start is None else parse(start, now_us, option="--from")
    last = None if end is None else parse(end, now_us, option="--to")
    if first is not None and last is not None and first >= last:
        raise UsageError("bad-time", "`--from` is not before `--to`", hint="swap them")
    return first, last

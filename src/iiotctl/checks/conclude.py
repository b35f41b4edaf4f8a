"""An episode of one check and tag -> a finding: evidence, and the text that goes into a work order."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND, Features
from iiotctl.checks.spells import severity_of
from iiotctl.findings import Confidence, Finding, Severity, either

if TYPE_CHECKING:
    from iiotctl.checks.base import Check
    from iiotctl.checks.spells import Episode
    from iiotctl.checks.tagdata import TagData

BRIEF: Final = 20 * HOUR
"""µs; who learnt from less has not seen a whole day, so what it finds is `low`."""
SPARKS: Final = 60
"""Values of a sparkline."""
_DIGITS: Final = 6


def conclude(episode: Episode, data: TagData, check: Check, *, detected_at: int) -> Finding:
    """The finding.

    Args:
        episode: what the check saw.
        data: of the tag.
        check: its metadata and texts.
        detected_at: µs UTC, of this run.
    """
    spell = episode.spell
    severity, confidence = severity_of(spell, check), spell.confidence or check.confidence
    evidence = _evidence(episode, data)
    if check.learns and (said := _brief(data)):
        evidence["learnt_from"] = said
        severity, confidence = Severity.LOW if severity.reaches(Severity.LOW) else severity, Confidence.LOW
    message = spell.message
    undecided = len(spell.tags) > 1
    if episode.count > 1:
        message += f" ({episode.count} times in {span(episode.until - spell.start)})"
    return Finding(
        check=check.id,
        severity=severity,
        confidence=confidence,
        ne107=spell.ne107 or check.ne107,
        message=message,
        tag=None if undecided else data.info.tag,
        tags=spell.tags,
        asset=data.info.asset,
        start=spell.start,
        end=spell.end,
        evidence=evidence,
        second_cause=spell.second_cause or check.second_cause,
        remediation=spell.action or check.action,
        work_order=work_order(
            message,
            tag=either(spell.tags) if undecided else data.info.tag,
            description="" if undecided else data.info.description,
            asset=data.info.asset,
            start=spell.start,
            end=spell.end,
            action=spell.action or check.action,
            second_cause=spell.second_cause or check.second_cause,
        ),
        references=check.references,
        key=either(spell.tags) if undecided else spell.key,
        detected_at=detected_at,
        first_seen=detected_at,
        last_seen=detected_at,
    )


def work_order(
    message: str,
    *,
    tag: str,
    start: int,
    end: int | None,
    action: str,
    second_cause: str,
    description: str = "",
    asset: str = "",
) -> str:
    """Text to paste into a work order: which tag, what, since when, what to look at first, what else it may be."""
    where = f"{tag} ({description})" if description else tag
    lines = [
        f"Check {where}{f' at {asset}' if asset else ''}.",
        f"What: {_sentence(message)}",
        f"When: since {instant(start)}, still so." if end is None else f"When: {instant(start)} to {instant(end)}.",
    ]
    if action:
        lines.append(f"First: {_sentence(action)}")
    if second_cause:
        lines.append(f"Else: {_sentence(second_cause)}")
    return "\n".join(lines)


def sparkline(features: Features, start: int, end: int) -> list[float | None]:
    """Medians of `SPARKS` equal parts of a stretch and a quarter of its length (at least 30 windows) on both sides.

    None where there are no numbers.
    """
    import numpy as np

    around = max((end - start) // 4, 30 * features.window)
    low = max(0, features.row_of(start - around))
    high = min(len(features), features.row_of(end + around) + 1)
    if "median" not in features.columns or high <= low:
        return []
    level = np.asarray(features["median"][low:high], np.float64)
    cuts = np.unique(np.linspace(0, len(level), SPARKS + 1).astype(int))
    parts = [level[first:stop] for first, stop in pairwise(cuts)]
    known = [part[np.isfinite(part)] for part in parts]
    return [float(f"{np.median(part):.{_DIGITS}g}") if len(part) else None for part in known]


def span(length: int) -> str:
    """A length of time (µs) in plain words, two units at most: `3 h 10 min`."""
    if length < MINUTE:
        return f"{max(1, round(length / SECOND))} s"
    minutes = round(length / MINUTE)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (rest, "min")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2])


def amount(value: float, unit: str = "") -> str:
    """A value in plain words: `12.3 bar`; four digits, whole ones all."""
    size = abs(value)
    text = f"{value:.0f}" if 1e4 <= size < 1e9 else f"{value:.4g}"  # noqa: PLR2004 - readable sizes
    return f"{text} {unit}" if unit else text


def instant(at: int) -> str:
    """`2026-11-21 06:00 UTC`."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(at: int) -> str:
    """`2026-11-21`, UTC."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d")


def _evidence(episode: Episode, data: TagData) -> dict[str, Any]:
    spell, features = episode.spell, data.features
    first, stop = features.row_of(spell.start), features.row_of(max(episode.until - 1, spell.start)) + 1
    first, stop = (min(max(0, one), len(features)) for one in (first, stop))
    found: dict[str, Any] = {
        "statistic": _finite(spell.statistic),
        "limit": _finite(spell.limit),
        "unit": spell.unit,
        "window_s": features.window / SECOND,
        "rows": int(features["rows"][first:stop].sum()),
        "bad_s": round(episode.bad / SECOND, 3),
        "spells": episode.count,
        "seen_until": _iso(episode.until),
    }
    found |= {name: _plain(value) for name, value in spell.evidence.items()}
    found["sparkline"] = sparkline(features, spell.start, episode.until)
    return found


def _brief(data: TagData) -> str:
    """How long was learnt from, where that is too short to be sure of anything; else ""."""
    if data.baseline is None:
        return "nothing"
    seen = data.baseline.end - data.baseline.start
    return span(seen) if seen < BRIEF else ""


def _plain(value: Any) -> Any:
    """JSON can hold it: numpy's numbers as Python's, NaN and infinity as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."

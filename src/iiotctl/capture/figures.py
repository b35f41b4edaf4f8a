"""Figures of a session as a `Summary`, and a summary as the document of the status file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from iiotctl import quality
from iiotctl.capture.outages import by_reason, of_source
from iiotctl.capture.summary import GapFigures, SourceFigures, Summary, TagFigures
from iiotctl.capture.tagtable import manner_of, period_us
from iiotctl.completeness import Completeness, total
from iiotctl.events import Event
from iiotctl.samples import NULL_TIME, Gap

if TYPE_CHECKING:
    from iiotctl.capture.session import Session


@dataclass(frozen=True, slots=True)
class TagView:
    """One tag in the live table.

    Attributes:
        name: name in the site file.
        source: name of its source.
        unit: engineering unit.
        value: newest, None = null.
        text: newest text of a text tag.
        word: what the value means, for a tag with `enum`.
        quality: name of the status code.
        is_bad: no usable value.
        age_s: since its newest sample, None = none yet.
        rate: samples a second, smoothed.
        spark: values of the last seconds, NaN = null.
    """

    name: str
    source: str
    unit: str
    value: float | None
    text: str | None
    word: str
    quality: str
    is_bad: bool
    age_s: float | None
    rate: float
    spark: list[float]


def view(session: Session, now: int) -> list[TagView]:
    """Every tag in the order of the site file; `now` in µs UTC."""
    latest = session.recorder.latest
    found = []
    for keeper in session.keepers.values():
        for item in keeper.tags:
            code, tag = item.code, item.tag
            value, ts = float(latest.value[code]), int(latest.ts[code])
            status = int(latest.quality[code])
            is_new = ts == NULL_TIME
            word = (tag.enum or {}).get(str(int(value)), "") if value == value // 1 else ""
            found.append(
                TagView(
                    name=tag.name,
                    source=tag.source,
                    unit=tag.unit,
                    value=None if math.isnan(value) else value,
                    text=latest.text.get(code) if not quality.is_bad(status) else None,
                    word=word,
                    quality=quality.name(status),
                    is_bad=is_new or quality.is_bad(status),
                    age_s=None if is_new else (now - ts) / 1e6,
                    rate=float(latest.rate[code]),
                    spark=latest.spark[code].tolist(),
                )
            )
    return found


def summarise(session: Session, seconds: float) -> Summary:
    """Figures of a run so far."""
    book, recorder = session.ledger.book, session.recorder
    now = session.wishes.now_us()
    done = recorder.figures
    totals = book.totals(now)
    gaps = [GapFigures(reason, some.count, some.us / 1e6) for reason, some in by_reason(totals).items()]
    return Summary(
        run=session.writer.run,
        store=str(session.settings.store),
        started_us=session.started_us,
        seconds=seconds,
        delivered=done.delivered,
        stored=done.stored,
        suppressed=session.stages.deadband.suppressed,
        rolled_up=session.stages.rollups.absorbed,
        rollups=done.rollups,
        redelivered=session.stages.filter.redelivered,
        dropped=done.dropped,
        waiting=recorder.waiting,
        bytes=done.bytes,
        sealed_files=done.sealed_files,
        sealed_bytes=done.sealed_bytes,
        commits=done.commits,
        durable_until=done.durable_until,
        blocked=recorder.blocked,
        gaps=tuple(sorted(gaps, key=lambda gap: gap.reason)),
        sources=tuple(_source(session, name, of_source(totals, name)) for name in session.keepers),
        planned_gaps=book.planned(),
        whole=total(book.total(name, keeper.codes, now) for name, keeper in session.keepers.items()),
        ring=recorder.ring_figures(),
        stopped_by=session.stopped_by,
    )


def of_tags(session: Session, now: int, *, ended: bool = False) -> list[TagFigures]:
    """Every tag, the least complete first.

    Args:
        session: a run.
        now: µs UTC.
        ended: the run is over: what follows a source's last account belongs to the pause after it.
    """
    found = []
    accounts = session.ledger.accounts() if ended else {}
    for name, keeper in session.keepers.items():
        manner = manner_of(keeper.config)
        wholes = session.ledger.book.completeness(name, keeper.codes, accounts.get(name, now))
        for item, whole in zip(keeper.tags, wholes, strict=True):
            is_paced = manner.stamped_here and not manner.exception
            found.append(
                TagFigures(
                    tag=item.tag.name,
                    source=name,
                    completeness=whole,
                    samples=int(session.recorder.latest.count[item.code]),
                    expected=whole.captured // period_us(item.tag, keeper.config) + 1 if is_paced else None,
                )
            )
    return sorted(found, key=lambda one: (2.0 if (share := one.completeness.share) is None else share, one.tag))


def with_tags(summary: Summary, tags: Sequence[TagFigures]) -> Summary:
    """The figures at the end, which are the sums of those of the tags."""
    return replace(summary, whole=total(one.completeness for one in tags))


def tags_json(tags: Sequence[TagFigures]) -> dict[str, Any]:
    """The parts of the status about completeness: every tag, and all together at the same instant."""
    return {
        **_whole_json(total(one.completeness for one in tags)),
        "tags": [
            {
                "tag": one.tag,
                "source": one.source,
                **_whole_json(one.completeness),
                "reasons": {reason: us / 1e6 for reason, us in one.completeness.missing.items()},
                "samples": one.samples,
                "expected": one.expected,
            }
            for one in tags
        ],
    }


def _whole_json(whole: Completeness) -> dict[str, float | None]:
    """Seconds, and percent that is never rounded up."""
    return {
        "complete_percent": whole.percent,
        "captured_s": whole.captured / 1e6,
        "missing_s": whole.missing_us / 1e6,
    }


def _source(session: Session, name: str, outages: int) -> SourceFigures:
    keeper = session.keepers[name]
    status = keeper.status
    rates = session.recorder.latest.rate
    return SourceFigures(
        name=name,
        type=keeper.config.type,
        endpoint=status.endpoint,
        state=status.state,
        detail=status.detail,
        tags=len(keeper.tags),
        failing_tags=session.ledger.open_tags(name),
        samples=session.recorder.figures.by_source.get(name, 0),
        rate=float(rates[keeper.codes].sum()),
        lag_s=status.lag_s,
        cycles=status.cycles,
        late_cycles=status.late_cycles,
        requests=status.requests,
        reconnects=status.reconnects,
        clock_offset_s=status.clock_offset_s,
        gaps=outages,
        gap_since=session.ledger.open_since(name),
        error=status.error.as_dict() if status.error is not None else None,
    )


def status(summary: Summary, state: str, now: int, events: Sequence[Event]) -> dict[str, Any]:
    """The document of `capture status --format json`; times in µs UTC (`…_us`) and seconds."""
    document = asdict(summary)
    if state == "stopped":
        document["sources"] = [source | {"state": "ended", "rate": 0.0} for source in document["sources"]]
    document |= {
        "pid": os.getpid(),
        "state": state,
        "updated_us": now,
        **_whole_json(summary.whole),
        "gap_count": summary.gap_count,
        "warnings": [
            {"at_us": event.at, "id": event.slug, "source": event.source, "tag": event.tag, "text": event.text}
            for event in events
        ],
    }
    document["durable_until_us"] = document.pop("durable_until")
    del document["whole"]
    return document


def ended(gap: Gap, at: int) -> Gap:
    """The row that ends an open gap at `at`."""
    return replace(gap, end=max(gap.start, at), detected_at=at)

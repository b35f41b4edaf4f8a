"""`audit sensors --commissioning`: each tag's samples of the range, judged loop by loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.events import Event

if TYPE_CHECKING:
    from iiotctl.checks.commissioning import Sheet
    from iiotctl.checks.result import AuditResult

_LONGEST_US: Final = 3 * 86_400_000_000


def commissioning(store: Path, result: AuditResult, notice: Callable[[Event], None]) -> Sheet:
    """The sheet of an audit's tags over its range.

    Args:
        store: folder of the store.
        result: of the audit over the same range.
        notice: is told of files that had to be left out.

    Raises:
        UsageError: `commissioning-range`, longer than three days: a loop is checked in minutes.
        StoreError: no store.
    """
    from iiotctl.checks.commissioning import Item, Loop, Outcome, Params, Sheet, judge
    from iiotctl.checks.features import evidence

    if result.end - result.start > _LONGEST_US:
        raise UsageError(
            "commissioning-range",
            "a commissioning sheet looks at three days at most",
            cause="every sample of the range is looked at",
            hint="name the hours of the loop check: `iiotctl audit sensors --commissioning --from '*-4h'`",
        )
    params, blind = Params(), set(result.unjudged_tags)
    loops = []
    for data in sorted(result.data, key=lambda data: data.info.tag):
        if data.info.text or data.info.kind in ("state", "counter"):
            continue
        rows = evidence.rows(store, data.info.tag, result.start, result.end, notice)
        loops.append(
            judge(
                data,
                rows.ts,
                rows.value,
                rows.quality,
                findings=result.findings,
                audited=data.info.tag not in blind,
                params=params,
            )
        )
    # of very many tags the audit keeps only those with findings
    left = sorted(set(result.tags) - {data.info.tag for data in result.data})
    many = Item("loop", Outcome.OPEN, reason="too many tags at once: name fewer with `--tags`")
    return Sheet((*loops, *(Loop(tag, "", "", None, (many,), 0) for tag in left)), params)

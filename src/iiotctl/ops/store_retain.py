"""`store retain`: let old samples go, as the site file or the flags say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from iiotctl.errors import StoreError, UsageError
from iiotctl.ops.site import open_settings, open_store
from iiotctl.site.model import RetainSettings
from iiotctl.store.layout import Layout
from iiotctl.store.writer import check_store

if TYPE_CHECKING:
    from iiotctl.store.retain import Policy, Retained


_LEAST: Final = {"raw": "at least 1d", "rollups": "at least 1d", "max-size": "at least 1MB"}
"""In words, what `RetainSettings` asks for."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What `retain` did.

    Attributes:
        store: the store.
        policy: that held.
        result: dates and files.
    """

    store: Path
    policy: Policy
    result: Retained


def retain_store(
    flags: dict[str, str | None],
    *,
    site: Path | None = None,
    store: Path | None = None,
    dry_run: bool = False,
) -> Retention:
    """Let go of what is older or more than allowed.

    Args:
        flags: keys of `[retain]` given on the command line as a person writes them; None = not given.
        site: `--site`.
        store: `--store`.
        dry_run: only say what would go.

    Raises:
        UsageError: `bad-value`; `no-policy`, nothing says what may go.
        SiteError: the site file is wrong.
        StoreError: no store; `upkeep-running`; `retain-failed`, the disk refused.
    """
    from iiotctl.store import retain as core

    root = open_store(site, store)
    given = {name: text for name, text in flags.items() if text is not None}
    settings = _settings(given, site, root)
    policy = core.Policy(
        raw_us=_micros(settings.raw),
        rollups_us=_micros(settings.rollups),
        max_size=settings.max_size,
        rollup_us=_micros(settings.rollup) or None,
    )
    if policy.raw_us is None and policy.rollups_us is None and policy.max_size is None:
        raise UsageError(
            "no-policy",
            "nothing says what may go",
            where="[retain] of the site file, or flags",
            hint="e.g. `iiotctl store retain --raw 90d --dry-run`",
        )

    def now() -> int:
        return time.time_ns() // 1000

    if dry_run:
        layout = Layout(root)
        check_store(layout)
        return Retention(root, policy, core.plan(layout, policy, now()))
    try:
        return Retention(root, policy, core.retain(root, policy, now_us=now))
    except OSError as error:
        raise StoreError(
            "retain-failed",
            "old samples could not be let go; dates that were done are done",
            where=str(root),
            cause=str(error),
            hint="look at the disk, then run `iiotctl store retain` again",
            retriable=True,
        ) from error


def _settings(given: dict[str, str], site: Path | None, root: Path) -> RetainSettings:
    """Flags over the site file, whose policy counts only for its own store."""
    try:
        flags = RetainSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        what = _LEAST[name] if first["type"] == "greater_than_equal" else first["msg"].removeprefix("Value error, ")
        raise UsageError(
            "bad-value",
            f"the value of `--{name}` is wrong: {what}",
            hint="write e.g. `90d`, `50GB`, `1h`",
        ) from error
    opened = open_settings(site)
    if opened.loaded is None or opened.store != root:
        return flags
    return opened.loaded.site.retain.model_copy(update={name: getattr(flags, name) for name in given})


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)

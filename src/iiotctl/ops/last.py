"""`last`: the newest sample of each tag, sealed or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from iiotctl.errors import IncompleteError, StoreError
from iiotctl.events import Event, Level
from iiotctl.history import names
from iiotctl.history.latest import Latest, latest
from iiotctl.store.snapshot import Snapshot


def last(store: Path, patterns: Sequence[str], notice: Callable[[Event], None]) -> list[Latest]:
    """The newest sample of the tags that match, sorted by tag.

    Args:
        store: folder of the store.
        patterns: names, or patterns such as `press1.*`; all tags when empty. Tags that the site file does not list any
            more are shown by name only.
        notice: is told about names that match nothing and files that had to be left out.

    Raises:
        IncompleteError: `no-tags`, nothing matches.
        StoreError: no store.
    """
    try:
        rows, known = _read(store, patterns, notice)
    except StoreError as error:
        if error.slug != "store-changed":
            raise
        rows, known = _read(store, patterns, notice)
    if not rows:
        raise IncompleteError(
            "no-tags",
            f"no tag matches {', '.join(f'`{pattern}`' for pattern in patterns)}" if patterns else "there are no tags",
            where=str(store),
            hint=(names.near(patterns[0], known) if patterns else "") or "`iiotctl last` lists all tags of the store",
        )
    for pattern in patterns:
        if not any(map(names.matcher([pattern]), known)):
            advice = names.near(pattern, known)
            text = f"no tag matches `{pattern}`" + (f"; {advice}" if advice else "")
            notice(Event(Level.WARNING, "no-tags", text))
    return rows


def _read(store: Path, patterns: Sequence[str], notice: Callable[[Event], None]) -> tuple[list[Latest], list[str]]:
    with Snapshot.open(store) as snapshot:
        return latest(snapshot, names.matcher(patterns), notice, named=patterns)

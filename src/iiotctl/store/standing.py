"""Which of the files that are there count: each row once, also in the middle of a compaction and without manifests.

What the manifests say was removed does not count, whether it is still there or not. A file of a compaction that no
manifest knows was either not finished (all that it replaces is there, and counts) or its manifest was lost (some of that
is deleted, which happens later than everything else: the file counts, and the rest of what it replaces does not). Its
footer says what it replaces and which files came with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.store.layout import Layout, compacted_by
from iiotctl.store.ledger import Ledger, path_of, read

REPLACES: Final = "iiotctl.replaces"
TOGETHER: Final = "iiotctl.together"
"""Keys in a file's own metadata: JSON lists of names in its folder."""
LINEAGE: Final = "iiotctl.lineage"
"""Key in a file's own metadata: JSON of `Lineage`."""

Lineage = dict[str, dict[int, int]]
"""Where a file's rows come from: of each file that a capture or an import wrote, rows by hour since 1970."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file of a compaction says of itself: names in its folder."""

    replaces: tuple[str, ...]
    together: tuple[str, ...]

    def metadata(self, lineage: Lineage) -> dict[str, str]:
        """For the file's footer."""
        return {
            REPLACES: json.dumps(self.replaces),
            TOGETHER: json.dumps(self.together),
            LINEAGE: json.dumps(lineage),
        }


def origin(path: Path) -> Origin | None:
    """What the footer says; None when it says nothing, or cannot be read."""
    import polars as pl

    try:
        found = pl.read_parquet_metadata(path)
        return Origin(tuple(json.loads(found[REPLACES])), tuple(json.loads(found[TOGETHER])))
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
        return None


def lineage(path: Path, hours: Mapping[int, int] | None = None) -> Lineage:
    """Where the rows of a file come from; {} when its footer does not say.

    Args:
        path: the file.
        hours: rows by hour since 1970, of a file that no compaction wrote.
    """
    import polars as pl

    if compacted_by(path) is None:
        return {path.name: dict(hours or {})}
    try:
        found = json.loads(pl.read_parquet_metadata(path)[LINEAGE])
        return {name: {int(hour): int(rows) for hour, rows in parts.items()} for name, parts in found.items()}
    except (OSError, ValueError, KeyError, AttributeError, pl.exceptions.PolarsError):
        return {}


def counting(layout: Layout, ledger: Ledger, paths: Iterable[Path]) -> list[Path]:
    """Those of the files that count, in the same order.

    Args:
        layout: of the store.
        ledger: read before the files were listed.
        paths: of one table.
    """
    there = [(path, name) for path in paths if (name := path_of(layout, path)) not in ledger.removed]
    doubtful = [path for path, name in there if name not in ledger.ranges and compacted_by(path) is not None]
    if layout.pushed.is_dir():
        # A target of `store push` never held all generations of a file: there only the manifest says what counts.
        without: Collection[Path] = frozenset(doubtful)
    else:
        without = _without(doubtful) if doubtful else frozenset()
    return [path for path, _ in there if path not in without]


def files_of(layout: Layout, table: str, known: Ledger | None = None) -> list[Path]:
    """Files of a table that count now, oldest date first; for those who hold no snapshot."""
    ledger = read(layout) if known is None else known
    return counting(layout, ledger, layout.files(table))


def unfinished(doubtful: Sequence[Path]) -> list[Path]:
    """Files that a compaction did not finish: everything that they replace is there.

    Args:
        doubtful: files of compactions that no manifest knows.
    """
    return [path for path in doubtful if (found := origin(path)) is not None and not _is_complete(path, found)]


def _without(doubtful: Sequence[Path]) -> Collection[Path]:
    """Of files that no manifest knows and of those that they replace, what does not count."""
    without: set[Path] = set()
    for path in doubtful:
        found = origin(path)
        if found is None:
            continue  # not ours or damaged: for others to say
        if _is_complete(path, found):
            without.update(path.with_name(name) for name in found.replaces)
        else:
            without.add(path)
    return without


def _is_complete(path: Path, found: Origin) -> bool:
    is_begun = any(not path.with_name(name).exists() for name in found.replaces)
    return is_begun and all(path.with_name(name).exists() for name in found.together)

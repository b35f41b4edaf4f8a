"""Since when a finding is known: the file `audit/seen.json` of a store, so that it keeps its first-seen time.

A trouble is known by the fingerprint of its finding (check and place) and by its time: the same check at the same tag
months later is another trouble.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from iiotctl.store.durable import Disk, write_file
from iiotctl.store.layout import Layout

_FORMAT: Final = 1
_MOST: Final = 20
"""Troubles that are kept of one fingerprint; older ones go."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One trouble.

    Attributes:
        start, end: µs UTC; `end` None = it lasted when it was seen last.
        first_seen, last_seen: µs UTC, of the runs that saw it first and last.
    """

    start: int
    end: int | None
    first_seen: int
    last_seen: int

    def is_same(self, start: int, end: int | None, apart: int) -> bool:
        """Whether what lies from `start` to `end` is the same trouble: less than `apart` (µs) lies between them."""
        begins_later = self.end is not None and start > self.end + apart
        ended_before = end is not None and end < self.start - apart
        return not begins_later and not ended_before


def read(layout: Layout) -> dict[str, list[Seen]]:
    """What earlier runs saw, by fingerprint; nothing where there is no such file or it cannot be understood."""
    try:
        content = json.loads(layout.seen.read_text("utf-8"))
        if content["format"] != _FORMAT:
            return {}
        names = [field.name for field in fields(Seen)]
        return {
            fingerprint: [Seen(**{name: one[name] for name in names}) for one in of]
            for fingerprint, of in content["findings"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def merged(
    before: Mapping[str, Sequence[Seen]], now: Mapping[str, Sequence[Seen]], apart: int
) -> dict[str, list[Seen]]:
    """What was seen before with what is seen now: troubles that are the same keep the time when they were first seen.

    Args:
        before: by fingerprint.
        now: likewise.
        apart: µs; so much between two of one fingerprint makes them two troubles.
    """
    found = {fingerprint: list(of) for fingerprint, of in before.items()}
    for fingerprint, of in now.items():
        known = found.setdefault(fingerprint, [])
        for one in of:
            same = [old for old in known if old.is_same(one.start, one.end, apart)]
            known[:] = [old for old in known if old not in same]
            known.append(
                Seen(
                    min(one.start, *(old.start for old in same)) if same else one.start,
                    one.end,
                    min(one.first_seen, *(old.first_seen for old in same)) if same else one.first_seen,
                    max(one.last_seen, *(old.last_seen for old in same)) if same else one.last_seen,
                )
            )
        found[fingerprint] = sorted(known, key=lambda one: one.start)[-_MOST:]
    return found


def write(layout: Layout, findings: Mapping[str, Sequence[Seen]], disk: Disk | None = None) -> None:
    """Keep it.

    Raises:
        OSError: the store cannot be written.
    """
    disk = disk or Disk()
    content: dict[str, Any] = {
        "format": _FORMAT,
        "findings": {fingerprint: [asdict(one) for one in of] for fingerprint, of in sorted(findings.items())},
    }
    path = layout.seen
    disk.make_dir(path.parent)
    write_file(disk, path, (json.dumps(content, indent=1) + "\n").encode(), path.with_suffix(".tmp"))

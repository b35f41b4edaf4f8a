"""Names of tags as people type them: patterns, and the nearest name when none fits."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Sequence


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of the patterns (`press1.*`, case-sensitive); everything when there are none."""
    if not patterns:
        return lambda name: True  # noqa: ARG005 - the shape of the other
    return lambda name: name in patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def near(name: str, names: Iterable[str]) -> str:
    """`did you mean …?`, or "" when nothing is near; for a pattern such as `pres1.*` patterns of the same kind."""
    options: Iterable[str] = names
    if any(sign in name for sign in "*?["):
        parts = [each.split(".") for each in names]
        options = {".".join([*some[:count], "*"]) for some in parts for count in range(1, len(some))}
    found = difflib.get_close_matches(name, sorted(options), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(f'`{found_name}`' for found_name in found)}?" if found else ""

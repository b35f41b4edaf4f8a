"""Globs on browse paths: `Line3/Oven/*`, `**/Temperature`; which branches can still match, and which paths do.

A path is the browse names from the Objects folder down, joined by `/`; a `/` inside a name is written `&/`
as in OPC UA's relative paths (OPC 10000-4 Annex A). The patterns run as one small automaton: a state is how
far into which pattern a path has come. The walk keeps states instead of paths, so that a tree with cycles has
finitely many of them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Final

State = frozenset[tuple[int, int]]
"""(pattern, segments of it consumed), closed over `**`; empty = nothing below can match."""

ANY_DEPTH: Final = "**"
_WILD: Final = re.compile(r"[*?\[]")


def escape(name: str) -> str:
    """A browse name as a segment of a path."""
    return name.replace("&", "&&").replace("/", "&/")


def split(text: str) -> list[str]:
    """Segments of a pattern or path, unescaped; empty ones and a leading `Objects` are left out."""
    segments = [""]
    escaped = False
    for character in text:
        if escaped:
            segments[-1] += character
            escaped = False
        elif character == "&":
            escaped = True
        elif character == "/":
            segments.append("")
        else:
            segments[-1] += character
    found = [segment for segment in segments if segment]
    return found[1:] if found[:1] == ["Objects"] else found


class PathGlobs:
    """Patterns, ready to walk with.

    A pattern whose last segment has no wildcard also takes everything below it: `Line3/Oven` names the
    folder's content. No pattern = everything.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns: list[list[str]] = []
        for text in patterns or [ANY_DEPTH]:
            segments = split(text)
            if not segments or not _WILD.search(segments[-1]):
                segments.append(ANY_DEPTH)
            self._patterns.append(segments)

    @property
    def start(self) -> State:
        """The state before the first segment."""
        return self._close({(number, 0) for number in range(len(self._patterns))})

    def _close(self, states: set[tuple[int, int]]) -> State:
        pending = list(states)
        while pending:
            pattern, consumed = pending.pop()
            segments = self._patterns[pattern]
            following = (pattern, consumed + 1)
            if consumed < len(segments) and segments[consumed] == ANY_DEPTH and following not in states:
                states.add(following)
                pending.append(following)
        return frozenset(states)

    def step(self, state: State, name: str) -> State:
        """The state after one more browse name."""
        reached: set[tuple[int, int]] = set()
        for pattern, consumed in state:
            segments = self._patterns[pattern]
            if consumed == len(segments):
                continue
            if segments[consumed] == ANY_DEPTH:
                reached.add((pattern, consumed))
            elif fnmatch.fnmatchcase(name, segments[consumed]):
                reached.add((pattern, consumed + 1))
        return self._close(reached)

    def accepts(self, state: State) -> bool:
        """True when a path that led to this state matches."""
        return any(consumed == len(self._patterns[pattern]) for pattern, consumed in state)

    def goes_on(self, state: State) -> bool:
        """True when something below a path that led to this state can match."""
        return any(consumed < len(self._patterns[pattern]) for pattern, consumed in state)

    def named_first(self, name: str) -> bool:
        """True when a pattern begins with this very name, so that it was asked for."""
        return any(segments[0] == name for segments in self._patterns)

"""Globs on browse paths: what they take, what they leave out, and which branches they cut off."""

from __future__ import annotations

import pytest

from iiotctl.sources.opcua.pathglob import PathGlobs, escape, split


def takes(pattern: str, path: str) -> bool:
    globs = PathGlobs([pattern] if pattern else [])
    state = globs.start
    for name in split(path):
        state = globs.step(state, name)
    return globs.accepts(state)


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("", "Line3/Oven/Temperature", True),
        ("Line3", "Line3/Oven/Temperature", True),
        ("Line3/Oven/*", "Line3/Oven/Temperature", True),
        ("Line3/Oven/*", "Line3/Oven/Zone1/Temperature", False),
        ("Line3/Oven/**", "Line3/Oven/Zone1/Temperature", True),
        ("**/Temperature", "Temperature", True),
        ("**/Temperature", "Line3/Oven/Temperature", True),
        ("**/Temperature", "Line3/Oven/Temperature/Raw", True),
        ("**/Temp*", "Line3/Oven/Temperature/Raw", False),
        ("*/Oven/**/Raw*", "Line3/Oven/Raw1", True),
        ("line3/*", "Line3/Oven", False),
        ("/Objects/Line3/*", "Line3/Oven", True),
        ("Line[34]/*", "Line4/Oven", True),
        ("Press &/ Pull/*", "Press &/ Pull/Door", True),
        ("A&&B/*", "A&&B/x", True),
    ],
)
def test_patterns(pattern: str, path: str, taken: bool) -> None:
    assert takes(pattern, path) is taken


def test_branches_that_cannot_match_are_cut_off() -> None:
    globs = PathGlobs(["Line3/Oven/*", "Line4/**"])
    assert not globs.step(globs.start, "Line5")
    line3 = globs.step(globs.start, "Line3")
    assert globs.goes_on(line3)
    assert not globs.accepts(line3)
    deep = globs.step(globs.step(line3, "Oven"), "Temperature")
    assert globs.accepts(deep)
    assert not globs.goes_on(deep)


def test_states_stay_few_in_a_circle() -> None:
    globs = PathGlobs(["**/A/**/B", "**/x*"])
    state, seen = globs.start, set()
    for number in range(1000):
        state = globs.step(state, "AB"[number % 2])
        seen.add(state)
    assert len(seen) < 6


@pytest.mark.parametrize("name", ["Presse 7 / Süd", "a&b", "&/", "plain"])
def test_a_name_is_one_segment(name: str) -> None:
    assert split(f"x/{escape(name)}/y") == ["x", name, "y"]

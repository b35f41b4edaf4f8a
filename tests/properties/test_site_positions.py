"""The position finder agrees with tomllib on generated documents, in paths and in lines."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.positions import find_positions

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
KEYS = BARE | TEXT
SCALARS = st.one_of(
    st.integers(-(2**60), 2**60).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=16).map(repr),
    st.sampled_from(["true", "1979-05-27 07:32:00", "07:32:00", "1979-05-27T07:32:00Z", "inf", "0xFF", "1_000"]),
    st.sampled_from(["'''\na = 1\n[x]\n'''", '"""\\"""\n# no\n""""', "'#[]{}'", '"\\"]}#"', "''", '"""a\\\n  b"""']),
    TEXT.map(lambda text: quoted(text)),
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True).replace("\\/", "/") if _is_basic(text) else '"x"'


def _is_basic(text: str) -> bool:
    return all(ord(c) < 0x10000 for c in text)  # JSON writes others as surrogates, TOML does not


def key_text(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key) else quoted(key)


@st.composite
def values(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(st.sampled_from(["scalar"] * 3 + (["array", "lines", "table"] if depth < 3 else [])))
    if kind == "scalar":
        return draw(SCALARS)
    if kind == "table":
        keys = draw(st.lists(KEYS, max_size=3, unique_by=key_text))
        return "{ " + ", ".join(f"{key_text(key)} = {draw(values(depth + 1))}" for key in keys) + " }"
    items = [draw(values(depth + 1)) for _ in range(draw(st.integers(0, 3)))]
    if kind == "array":
        return "[" + " , ".join(items) + "]"
    return "[ # list\n" + "".join(f"  {item}, # ]\n\n" for item in items) + "]"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts of which most are TOML: pairs, tables, arrays of tables, dotted keys, comments, blank lines."""
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["pair", "pair", "dotted", "table", "tables", "comment"]))
        keys = [key_text(key) for key in draw(st.lists(KEYS, min_size=1, max_size=3))]
        if kind == "pair":
            lines.append(f"{keys[0]} = {draw(values())}")
        elif kind == "dotted":
            lines.append(f"{' . '.join(keys)} = {draw(values())} # end")
        elif kind == "table":
            lines.append(f"[{'.'.join(keys)}]")
        elif kind == "tables":
            lines.append(f"[[ {'.'.join(keys[:2])} ]]")
        else:
            lines.append("# a = 1 [x]\n")
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found |= paths(inner, (*path, key))
    return found


@given(documents())
def test_every_path_of_tomllib_has_a_line_and_no_other(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        find_positions(text)  # must not raise either
        return
    positions = find_positions(text)
    assert set(positions) == paths(data)
    lines = text.replace("\r\n", "\n").split("\n")
    for path, line in positions.items():
        key = path[-1]
        if isinstance(key, str):
            assert key_text(key) in lines[line - 1]


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    find_positions(text)

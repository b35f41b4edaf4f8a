"""Lines of keys: the corners of TOML that a simple search would get wrong."""

from __future__ import annotations

import pytest

from iiotctl.site.positions import find_positions, line_of


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("# [x]\n[x]\ny.z = 1", ("x", "y", "z"), 3),
        ("[[t]]\nn = 1\n[[t]]\nn = 2\n[t.sub]\nk = 1\n", ("t", 1, "sub", "k"), 6),
        ("[[t]]\n[[t.u]]\nk = 1\n[[t.u]]\nk = 2\n[[t]]\n[[t.u]]\nk = 3\n", ("t", 1, "u", 0, "k"), 8),
        ('a = """\nb = 1\n"""\nb = 2\n', ("b",), 4),
        ("a = '''\n'''''\nb = 2\n", ("b",), 3),
        ('a = """x\\""""\nb = 2\n', ("b",), 2),
        ('a = "#"\n"b.c" = 2\n', ("b.c",), 2),
        ("a = '\\'\nb = 2\n", ("b",), 2),
        ('"\\u0041" = 1\n', ("A",), 1),
        ("a = [\n 1,\n # no\n [2,\n  3],\n]\n", ("a", 1, 1), 5),
        ("a = { b = 1, c.d = [{ e = 1 }, { e = 2 }] }\n", ("a", "c", "d", 1, "e"), 1),
        ("t = 1979-05-27 07:32:00 # x\nb = 1\n", ("b",), 2),
        ("a = 1\r\nb = 2\r\n", ("b",), 2),
        ("[ x . 'y z' ]\nk = 1\n", ("x", "y z", "k"), 2),
        ("a = [\n  { b = 1 },\n  { b = 2 },\n]", ("a", 1, "b"), 3),
    ],
)
def test_line(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert find_positions(text)[path] == line


def test_the_nearest_enclosing_table_stands_in_for_what_is_missing() -> None:
    positions = find_positions("[a]\nb = 1\n")
    assert line_of(positions, ("a", "missing", "deeper")) == 1
    assert line_of(positions, ("other",)) is None


@pytest.mark.parametrize("text", ["[", "a", "a = ", 'a = "', "a = [1", "a = {", "=", "a = '''", '"\\'])
def test_what_is_not_toml_gives_what_was_found_before(text: str) -> None:
    assert find_positions("first = 1\n" + text)[("first",)] == 1

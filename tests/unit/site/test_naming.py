"""Tag names from foreign names: readable, short enough, never twice."""

from __future__ import annotations

import pytest

from iiotctl.site.model import Tag
from iiotctl.site.naming import UniqueNames, segment, tag_name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Temperature", "Temperature"),
        ("Presse 7 / Süd", "Presse_7_Sued"),
        ("Öl°Druck", "Oel_Druck"),
        ("été", "ete"),
        ("a--b", "a--b"),
        ("__x__", "x"),
        ('"DB1"."Motor"', "DB1_Motor"),
        ("\x1b[31m", "31m"),
    ],
)
def test_segment(text: str, word: str) -> None:
    assert segment(text) == word


def test_letters_of_other_scripts_still_differ() -> None:
    one, other = segment("温度"), segment("压力")
    assert one != other
    assert one.isascii()
    assert one


@pytest.mark.parametrize(
    ("names", "prefix", "name"),
    [
        (("Oven", "Temperature"), "line3", "line3.Oven.Temperature"),
        (("Line3", "Oven"), "line3", "line3.Oven"),
        (("Oven.Temperature",), "plc", "plc.Oven.Temperature"),
        (("Oven",), "", "Oven"),
        (("", "x"), "p", "p.x"),
    ],
)
def test_tag_name(names: tuple[str, ...], prefix: str, name: str) -> None:
    assert tag_name(names, prefix) == name


def test_long_names_keep_their_end_and_stay_the_same() -> None:
    names = ("Plant", "Hall of the Mountain King", "Machine group 12", "Conveyor left hand side", "Motor", "Current")
    name = tag_name(names, "line3")
    assert len(name) <= 64
    assert name.startswith("line3.")
    assert "Motor.Current_" in name
    assert name == tag_name(names, "line3")
    assert name != tag_name(("Other", *names[1:]), "line3")
    assert len(tag_name(("x" * 500,), "p" * 60)) <= 64


def test_unique_names_without_regard_to_case() -> None:
    names = UniqueNames(["a.b"])
    assert [names.take("A.B"), names.take("a.b"), names.take("c"), names.take("c")] == ["A.B_2", "a.b_3", "c", "c_2"]
    long = "y" * 64
    assert names.take(long) == long
    second = names.take(long)
    assert len(second) == 64
    assert second.endswith("_2")
    Tag(name=second, source="s", address="i=1")

"""Each check has its page: in the reference with a picture and its cases, and in the terminal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest
from tools import gen_checks

from iiotctl.checks import registry
from iiotctl.checks.page import page, parameters
from iiotctl.cli import app
from tests.checks.case import cases


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {path.name: text for path, text in gen_checks.pages().items()}


@pytest.mark.parametrize("name", registry.names())
def test_page_and_picture(name: str, made: dict[str, str]) -> None:
    text = made[f"{name}.md"]
    assert text.startswith(f"# {name}\n")
    for case in cases():
        if case.check == name:
            assert f"| {case.name} | {case.recipe['about']} |" in text
    assert f"]({name}.svg)" in text
    assert f"[{name}]({name}.md)" in made["index.md"]
    assert f": reference/checks/{name}.md" in made["mkdocs.yml"]
    picture = made[f"{name}.svg"]
    ET.fromstring(picture)  # well-formed
    assert 'class="span' in picture
    assert len(picture) < 60_000


def test_navigation_keeps_all_else() -> None:
    text = "nav:\n  - A: a.md\n  - Checks:\n      - old: reference/checks/old.md\n  - B: b.md\n"
    found = gen_checks.navigation(text, ["gap"])
    assert found == (
        "nav:\n  - A: a.md\n  - Checks:\n      - All checks: reference/checks/index.md\n"
        "      - gap: reference/checks/gap.md\n  - B: b.md\n"
    )
    assert gen_checks.navigation(found, ["gap"]) == found
    assert gen_checks.navigation("nav:\n", ["gap"]) == "nav:\n"


def test_parameters_with_units() -> None:
    @dataclass(frozen=True)
    class Params:
        """Limits.

        Attributes:
            low, high: bar, where it
                begins.
            rows: how many.
        """

        low: float = 1.0
        high: float = 2.5
        rows: int = 3

    told = [(one.name, one.default, one.meaning) for one in parameters(Params)]
    assert told == [
        ("low", "1", "bar, where it begins."),
        ("high", "2.5", "bar, where it begins."),
        ("rows", "3", "how many."),
    ]


def test_explain_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    name = registry.names()[0]
    assert app.run(["explain", name]) == 0
    out = capsys.readouterr().out
    told = page(registry.load(name))
    assert out.startswith(f"{name}  {told.title}\n")
    for head, _ in told.sections:
        assert re.search(rf"^{head}$", out, re.MULTILINE)
    for one in told.parameters:
        assert f"  {one.name} = {one.default}" in out


def test_explain_as_data_and_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    name = registry.names()[0]
    assert app.run(["explain", name, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["exit_code"]) == ("check", None)
    assert app.run(["explain"]) == 0
    assert re.search(rf"^{name} ", capsys.readouterr().out, re.MULTILINE)

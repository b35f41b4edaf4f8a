"""Every check of sensors is complete: file, heads of its page, documented parameters, at least three cases."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import math
import re
import tomllib
from functools import cache

import numpy as np
import pytest

from iiotctl.checks.base import Check, Judged, Skipped, Unjudged
from tests.architecture.code import ROOT
from tests.checks.case import CASES, Case, cases, checks, run

HEADS = (
    "What it looks for",
    "Why it matters in a plant",
    "How it decides",
    "What to do",
    "When it is wrong",
    "References",
)


@cache
def _checks() -> dict[str, Check]:
    return checks()


@pytest.fixture(params=sorted(checks()))
def check(request: pytest.FixtureRequest) -> Check:
    return _checks()[request.param]


def _module(check: Check) -> object:
    return importlib.import_module(f"iiotctl.checks.sensors.{check.id.replace('-', '_')}")


def test_the_file_is_called_as_the_check(check: Check) -> None:
    assert _module(check).CHECK is check  # type: ignore[attr-defined]


def test_it_is_registered(check: Check) -> None:
    """Through the same door as the checks of other packages."""
    names = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["iiotctl.checks"]
    assert names.get(check.id) == f"{_module(check).__name__}:CHECK"  # type: ignore[attr-defined]


def test_the_page_has_its_heads_in_order(check: Check) -> None:
    text = inspect.getdoc(_module(check)) or ""
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(HEADS)
    assert re.match(r"[A-Z][^\n]+\.\n", text), "the first line is a sentence"
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert [head for head, part in zip(HEADS, parts, strict=True) if not part.strip()] == []


def test_each_parameter_has_default_unit_and_words(check: Check) -> None:
    assert dataclasses.is_dataclass(check.params)
    assert check.params.__dataclass_params__.frozen  # type: ignore[attr-defined]
    check.params()
    text = inspect.getdoc(check.params) or ""
    for field in dataclasses.fields(check.params):
        assert re.search(rf"^\s*(\w+, )*{field.name}(, \w+)*: \S", text, re.MULTILINE), f"`{field.name}` has no words"


def test_texts_for_people_are_there(check: Check) -> None:
    assert check.title
    assert check.second_cause
    assert check.action
    assert check.references


def test_at_least_three_cases(check: Check) -> None:
    mine = [case for case in cases() if case.check == check.id]
    assert len(mine) >= 3, f"fires, silent, hard edge: {[case.name for case in mine]}"
    assert any(case.expect.get("fires") for case in mine), "none fires"
    assert any(case.expect.get("silent") for case in mine), "none is silent"
    assert [case.name for case in mine if not case.recipe.get("about")] == []


def test_no_case_without_a_check() -> None:
    assert {path.name for path in CASES.glob("*")} - set(_checks()) == set()


_EDGES = {
    "nothing": [],
    "one sample": [(0, 1.0, 0)],
    "constant": [(i * 60, 5.0, 0) for i in range(600)],
    "all bad": [(i * 60, math.nan, 0x80000000) for i in range(600)],
    "no number": [(i * 60, math.nan, 0) for i in range(600)],
    "infinite": [(i * 60, math.inf if i % 2 else -math.inf, 0) for i in range(600)],
    "mixed": [(i * 60, (1.0, math.nan, math.inf, 1e308, -1e308)[i % 5], 0) for i in range(600)],
}


@pytest.mark.parametrize("edge", _EDGES)
@pytest.mark.parametrize("facts", [{}, {"text": True}, {"kind": "counter"}, {"span": [0.0, 10.0]}], ids=str)
def test_nothing_makes_it_raise(check: Check, edge: str, facts: dict[str, object], tmp_path: object) -> None:
    lines = "".join(f"{at}s,T,{'' if math.isnan(v) else v},{q}\n" for at, v, q in _EDGES[edge])
    folder = tmp_path / "case"  # type: ignore[operator]
    folder.mkdir()
    (folder / "samples.csv").write_text(
        f"at,tag,value,quality\n{lines}".replace(",2147483648", ",Bad").replace(",0\n", ",Good\n")
    )
    for learning in ("0", "4h", "10h"):
        recipe = {"length": "10h", "learning": learning, "tags": {"T": facts}}
        with np.errstate(all="ignore"):
            verdict = run(Case(check.id, edge, recipe, {}, folder), check)["T"]
        assert isinstance(verdict, Judged | Skipped | Unjudged)


def test_a_module_of_checks_is_pure() -> None:
    """No clock, no path, no printing: the arrays are all it sees."""
    banned = {"pathlib", "os", "time", "datetime", "sys", "typer", "rich", "polars", "duckdb"}
    for check in _checks().values():
        source = inspect.getsource(_module(check))  # type: ignore[arg-type]
        for item in ast.walk(ast.parse(source)):
            names = (
                [alias.name for alias in item.names]
                if isinstance(item, ast.Import)
                else [item.module or ""]
                if isinstance(item, ast.ImportFrom)
                else []
            )
            assert not banned & {name.split(".")[0] for name in names}, f"{check.id} imports {names}"

"""`iiotctl audit baseline` as a user meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.cli import app
from tests.unit.ops.auditstores import HIGH, T0, installed, raised, rows, store

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """A command in a folder with a store of two tags."""
    installed(monkeypatch, HIGH)
    store(tmp_path / "store", {"A": raised(rows(4), 2, 4, by=60), "B": rows(4, seed=2)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIOTCTL_STORE", str(tmp_path / "store"))
    capsys.readouterr()

    def _run(*words: str) -> tuple[int, str, str]:
        code = app.run(["audit", "baseline", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return _run


def test_learn_show_approve_and_what_is_used(run: Ran, tmp_path: Path) -> None:
    code, _, err = run("learn", "--name", "line3")
    path = tmp_path / "store" / "baselines" / "line3-v1.parquet"
    assert code == 0
    assert "2 tags learnt from 2026-03-02 00:00 UTC to 2026-03-04 00:00 UTC: the first two days of each tag" in err
    assert f'approve {path} --by "YOUR NAME"' in err
    assert "no baseline is approved" in run("show")[2]
    code, _, err = run("approve", str(path), "--by", "M. Meier")
    assert code == 0
    assert "approved by M. Meier on " in err
    code, out, err = run("show", "--format", "json")
    (row,) = json.loads(out)["rows"]
    assert (row["name"], row["version"], row["tags"], row["approved_by"]) == ("line3", 1, 2, "M. Meier")
    assert "audits use `store/baselines/line3-v1.parquet`" in err


def test_show_says_what_is_normal_for_each_tag(run: Ran) -> None:
    run("learn", "-o", "x.parquet")
    code, out, err = run("show", "x.parquet", "--tags", "A")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["A"]
    assert out.splitlines()[2].split()[3] == "50"
    assert "not approved; sha256 " in err
    rows_ = json.loads(run("show", "x.parquet", "--format", "json")[1])["rows"]
    assert [row["tag"] for row in rows_] == ["A", "B"]
    assert rows_[0]["typical"] == pytest.approx(50, abs=0.1)
    assert rows_[0]["resolution"] == pytest.approx(0.01)
    assert rows_[0]["interval"] == 10


def test_diff_says_what_changed_and_by_how_much(run: Ran) -> None:
    run("learn", "-o", "a.parquet")
    run("learn", "--from", "2026-03-04", "--to", "2026-03-06", "-o", "b.parquet")
    code, out, _ = run("diff", "a.parquet", "b.parquet", "--format", "json")
    assert code == 0
    found = {(row["tag"], row["figure"]): row for row in json.loads(out)["rows"]}
    assert found["A", "typical"]["ratio"] == pytest.approx(2.2, abs=0.05)
    assert ("B", "typical") not in found
    assert "no difference" in run("diff", "a.parquet", "a.parquet")[2]


@pytest.mark.parametrize(
    ("words", "code", "slug"),
    [
        (("show", "nothing.parquet"), 5, "baseline-missing"),
        (("show", "text.parquet"), 5, "baseline-damaged"),
        (("approve", "text.parquet", "--by", "me"), 5, "baseline-damaged"),
        (("learn", "--name", "a/b"), 2, "bad-value"),
        (("learn", "--tags", "nix*"), 8, "no-tags"),
        (("learn", "--from", "2020-01-01", "--to", "2020-01-02"), 8, "nothing-learnt"),
        (("learn", "-o", "store/x.parquet"), 2, "output-in-store"),
        (("learn", "-o", "text.parquet"), 2, "output-exists"),
    ],
)
def test_what_goes_wrong_has_a_name(run: Ran, tmp_path: Path, words: tuple[str, ...], code: int, slug: str) -> None:
    (tmp_path / "text.parquet").write_text("no baseline")
    found, _, err = run(*words)
    assert (found, f"error[{slug}]" in err) == (code, True), err


def test_alone_it_explains_itself(run: Ran) -> None:
    code, out, _ = run()
    assert code == 0
    assert all(word in out for word in ("learn", "show", "diff", "approve"))


def test_which_tags_go_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Ran) -> None:
    a = rows(3, seed=5)
    wave = 10 * np.sin((a.ts - T0) / (3 * HOUR))
    twins = {
        name: replace(rows(3, seed=seed), value=50 + wave * gain) for name, seed, gain in (("A", 1, 1.0), ("B", 2, 3.0))
    }
    store(tmp_path / "twins", {**twins, "LONELY": rows(3, seed=3)})
    installed(monkeypatch, replace(HIGH, needs=frozenset({"median", RELATIONS})))
    run("learn", "-o", "x.parquet", "--store", str(tmp_path / "twins"))
    told = json.loads(run("show", "x.parquet", "--related", "--format", "json")[1])["rows"]
    assert [(row["tag"], row["goes_with"], row["follows_in_s"]) for row in told] == [("A", "B", 0), ("B", "A", 0)]
    assert all(row["explained"] > 0.99 for row in told)
    out = run("show", "x.parquet", "--related", "--tags", "A")[1]
    assert re.fullmatch(r"A +B +0\.\d+ bar +at once", out.splitlines()[2])
    assert run("show", "x.parquet", "--tags", "A")[1].splitlines()[2].endswith(" 1 tag")
    assert "no tag goes with another" in run("show", "x.parquet", "--related", "--tags", "LONELY")[2]
    assert run("show", "--related")[0] == 2

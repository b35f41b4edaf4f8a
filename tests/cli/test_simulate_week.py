"""`simulate --week`: three files that fit each other, the same for the same seed; what is wrong is named."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from iiotctl.cli import app

SMALL = ["--seed", "3", "--tag-count", "7", "--days", "3"]


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["simulate", "--week", "w", *SMALL, "--family", "loops"]) == 0
    said = capsys.readouterr()
    assert "iiotctl import" in said.out + said.err
    assert sorted(file.name for file in (here / "w").iterdir()) == ["labels.csv", "samples.parquet", "tags.csv"]

    samples = pl.read_parquet(here / "w" / "samples.parquet")
    assert dict(samples.schema) == {
        "ts": pl.Datetime("us", "UTC"),
        "tag": pl.String,
        "value": pl.Float64,
        "quality": pl.UInt32,
    }
    tags = rows(here / "w" / "tags.csv")
    assert [row["tag"] for row in tags] == samples["tag"].unique(maintain_order=True).to_list()
    assert len(tags) == 7

    labels = rows(here / "w" / "labels.csv")
    assert labels
    assert list(labels[0]) == ["tag", "fault", "start", "end", "param"]
    healthy = samples["ts"].dt.round("1s").min()
    assert {row["tag"] for row in labels} < {row["tag"] for row in tags}
    for row in labels:
        start, end = (
            pl.Series([row[one]]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")[0] for one in ("start", "end")
        )
        assert (start - healthy).days >= 2
        assert start < end


def test_the_seed_decides(here: Path) -> None:
    for folder in ("a", "b"):
        assert app.run(["simulate", "--week", folder, *SMALL]) == 0
    for name in ("samples.parquet", "labels.csv", "tags.csv"):
        assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes()


def test_a_clean_one_can_be_imported(here: Path) -> None:
    assert app.run(["simulate", "--week", "w", "--tag-count", "1", "--days", "3", "--clean"]) == 0
    assert rows(here / "w" / "labels.csv") == []
    assert app.run(["import", "w/samples.parquet", "--store", "store"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--family", "trains"], "`--family` must be units or loops"),
        (["--days", "2"], "must be 3 to 31"),
        (["--days", "32"], "must be 3 to 31"),
    ],
)
def test_what_is_wrong_is_named(here: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["simulate", "--week", "w", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (here / "w").exists()


def test_a_folder_in_use_is_left_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "w").mkdir()
    (here / "w" / "mine.txt").write_text("mine", encoding="utf-8")
    assert app.run(["simulate", "--week", "w"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [file.name for file in (here / "w").iterdir()] == ["mine.txt"]

"""`tags import`, and what `site show` says of a profile: as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.cli.app import run

EXPORTS = Path(__file__).parents[1] / "fixtures" / "exports"
SITE = """
schema = 1
tags_file = "tags.csv"
[sources.press1]
type = "modbus-tcp"
host = "192.0.2.1"
profile = "generic-gateway"
delay = "5ms"
[sources.kep]
type = "opcua"
url = "opc.tcp://192.0.2.2:49320"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "tags.csv").write_text("name,source,address\n# ours\npress1.mine,press1,holding:11\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rows_go_to_stdout_and_reasons_to_stderr(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tags", "import", str(EXPORTS / "kepware.csv"), "--source", "press1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("name,source,address,type")
    assert "left out: Level (kepware.csv:11): Square Root scaling" in shown.err
    assert "kepware: 10 tags, 7 left out" in shown.err
    assert (folder / "tags.csv").read_text().count("\n") == 3


def test_a_list_is_only_added_to_and_the_site_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tags", "import", str(EXPORTS / "kepware.csv"), "--source", "press1", "-o", "tags.csv"]
    assert run(words) == 2
    assert "error[tags-exist]" in capsys.readouterr().err
    assert run([*words, "--merge"]) == 0
    assert "9 added to tags.csv; 1 were there already" in capsys.readouterr().err
    once = (folder / "tags.csv").read_bytes()
    assert b"# ours\npress1.mine,press1,holding:11\n" in once
    assert run([*words, "--merge"]) == 0
    assert "0 added to tags.csv; 10 were there already" in capsys.readouterr().err
    assert (folder / "tags.csv").read_bytes() == once
    assert run(["site", "check"]) == 0


def test_how_a_source_is_read_follows_the_site(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tags", "import", str(EXPORTS / "kepware.csv"), "--source", "kep"]
    assert run(words) == 2
    assert "add `--prefix CHANNEL.DEVICE`" in capsys.readouterr().err
    assert run([*words, "--prefix", "C.D"]) == 0
    assert "kep.Counter,kep,ns=2;s=C.D.Counter" in capsys.readouterr().out


def test_a_preview_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "tags.csv").read_bytes()
    words = [
        "tags",
        "import",
        str(EXPORTS / "ignition.json"),
        "--source",
        "x",
        "--dry-run",
        "-o",
        "tags.csv",
        "--merge",
    ]
    assert run(words) == 0
    shown = capsys.readouterr()
    assert "ns=1;s=[PLC]HRF21" in shown.out
    assert "the site file has no source `x`" in shown.err
    assert (folder / "tags.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["missing.csv", "--source", "a"], 2, "error[tag-export-unreadable]"),
        (["binary.csv", "--source", "a"], 2, "error[tag-export-unreadable]"),
        (["site.toml", "--source", "a"], 2, "error[tag-export-unknown]"),
        (["tags.csv", "--source", "a"], 2, "error[tag-export-unknown]"),
        (["tags.csv", "--source", "a", "--tool", "kepwar"], 2, "did you mean `kepware`?"),
        (["tags.csv", "--source", "a", "--tool", "codesys", "--prefix", "p"], 2, "error[tag-export-broken]"),
        (["tags.csv", "--source", "a", "--as", "s7"], 2, "is not a value of `--as`"),
        ([str(EXPORTS / "tia.csv"), "--source", "press1"], 8, "error[no-tags]"),
        ([str(EXPORTS / "tia.csv"), "--source", "press1", "--modbus-base", "x"], 2, "is not a base"),
        ([str(EXPORTS / "kepware.csv"), "--source", "press1", "--merge"], 2, "`--merge` needs the list"),
    ],
)
def test_refusals(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str) -> None:
    (folder / "tags.csv").write_text("a,b\n1,2\n")
    (folder / "binary.csv").write_bytes(b"\xff\x00\x81" * 50)
    (folder / "site.toml").write_text(SITE.replace('tags_file = "tags.csv"', ""))
    assert run(["tags", "import", *words]) == code
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


def test_values_of_a_profile_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "show", "--origin", "--format", "json"]) == 0
    rows = {row["key"]: (row["value"], row["origin"]) for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["sources.press1.timeout"] == ("3s", "profile generic-gateway")
    assert rows["sources.press1.delay"] == ("5ms", "site file")
    (folder / "site.toml").write_text(SITE.replace("generic-gateway", "kepware"))
    assert run(["site", "check"]) == 3
    assert "the profile `kepware` says nothing about Modbus" in capsys.readouterr().err


def test_profiles_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "profiles", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "s7-1500" in [profile["name"] for profile in found["profiles"]]
    assert all(figure["source"] for profile in found["profiles"] for figure in profile["figures"])


def test_one_profile_is_explained_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "s7-1200"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("s7-1200  Siemens S7-1200\n")
    assert "kepware" not in shown
    assert run(["explain", "s7-1300"]) == 2

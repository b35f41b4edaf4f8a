"""`init`, `site` and `tags` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from iiotctl.cli import app
from tests.cli.shell import assert_our_form, iiotctl
from tests.unit.site.plant import SITE


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "site.toml").write_text(SITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def out(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert app.run(list(words)) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_init_then_check_then_list(tmp_path: Path) -> None:
    done = iiotctl("init", "line3", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.split() == [str(Path("line3") / "site.toml"), str(Path("line3") / "tags.csv")]
    assert "iiotctl site check" in done.stderr
    folder = tmp_path / "line3"
    done = iiotctl("site", "check", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 sources, 6 tags, no problems\n")
    done = iiotctl("tags", "check", "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert {row["verdict"] for row in json.loads(done.stdout)["rows"]} == {"ok"}
    again = iiotctl("init", cwd=folder)
    assert again.returncode == 2
    assert_our_form(again.stderr, "site-exists")


def test_quiet_init_says_only_the_files(tmp_path: Path) -> None:
    done = iiotctl("init", "-q", cwd=tmp_path)
    assert (done.stdout.split(), done.stderr) == (["site.toml", "tags.csv"], "")


def test_show_with_origin(plant: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IIOTCTL_CAPTURE_COMMIT", "5s")
    monkeypatch.setenv("LINE3_PASSWORD", "hunter2")
    text = out(capsys, "site", "show", "--origin", "--store", "data", "--format", "json")
    assert "hunter2" not in text
    rows = {row["key"]: row for row in json.loads(text)["rows"]}
    assert rows["store.path"]["value"] == str(plant / "data")
    assert (rows["store.path"]["origin"], rows["store.path"]["where"]) == ("flag", "--store")
    assert (rows["capture.commit"]["value"], rows["capture.commit"]["origin"]) == ("5s", "environment")
    assert (rows["site.timezone"]["origin"], rows["site.timezone"]["where"]) == ("site file", "site.toml:4")
    assert rows["sources.line3.password"]["value"] == "(secret) env LINE3_PASSWORD"
    assert rows["sources.line3.mode"]["origin"] == "default"


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv"])
def test_secrets_stay_out_of_every_format(
    plant: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], format_: str
) -> None:
    monkeypatch.setenv("LINE3_PASSWORD", "hunter2")
    for words in (["site", "show", "--origin"], ["tags", "list"], ["tags", "check"]):
        text = out(capsys, *words, "--format", format_)
        assert text
        assert "hunter2" not in text


def test_show_without_a_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = json.loads(out(capsys, "site", "show", "--format", "json"))["rows"]
    assert {"key": "capture.commit", "value": "1s"} in rows


def test_check_as_json_with_warnings(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["site", "check", "--format", "json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["schema"], document["sources"], document["tags"]) == ("iiotctl.site-check/v1", 2, 2)
    assert [item["slug"] for item in document["warnings"]] == ["secret-missing"]
    assert shown.err == "warning: line3: the environment variable `LINE3_PASSWORD` is not set\n"


def test_schema_to_stdout_and_file(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(out(capsys, "site", "schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    out(capsys, "site", "schema", "-o", "s.json")
    assert json.loads((plant / "s.json").read_text()) == schema
    assert out(capsys, "site", "schema", "-o", "-") == out(capsys, "site", "schema")
    for place, slug in (("no/such/folder/s.json", "output-unwritable"), ("s.json", "output-exists")):
        assert app.run(["site", "schema", "-o", place]) == 2
        assert f"error[{slug}]" in capsys.readouterr().err


def test_nothing_is_ever_written_into_a_store(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = plant / "store"
    (store / "samples").mkdir(parents=True)
    (store / "store.toml").write_text("format = 1\n")
    (plant / "link").symlink_to(store / "samples")
    words = ["site schema -o", "tags list -o", "tags check -o", "site show -o", "store status -o", "init"]
    words += ["simulate --for 1s --truth", "simulate --for 1s --write-site", "demo"]
    for command in words:
        for place in ("store/store.toml", "store/samples/x", "link/x"):
            assert app.run([*command.split(), place]) == 2, command
            assert "error[output-in-store]" in capsys.readouterr().err
    assert sorted(path.name for path in store.rglob("*")) == ["samples", "store.toml"]
    assert (store / "store.toml").read_text() == "format = 1\n"


def test_list(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(out(capsys, "tags", "list", "--format", "json"))["rows"]
    assert [row["tag"] for row in rows] == ["press1.hydraulics.pressure", "line3.oven.temperature"]
    first, second = rows
    assert (first["type"], first["order"], first["span"], first["where"]) == (
        "float32",
        "CDAB",
        "0 to 250",
        "site.toml:21",
    )
    assert (second["type"], second["order"]) == ("", "")
    rows = json.loads(out(capsys, "tags", "list", "line3.*", "--source", "line3", "--format", "json"))["rows"]
    assert len(rows) == 1


@pytest.mark.parametrize("group", ["site", "tags"])
def test_a_group_alone_prints_its_help(capsys: pytest.CaptureFixture[str], group: str) -> None:
    assert "Commands:" in out(capsys, group)


def test_a_place_that_cannot_be_written_is_said_before_any_contact(
    plant: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("iiotctl.ops.tags.check_live", lambda *_, **__: pytest.fail("contact"))
    (plant / "there.csv").write_text("mine")
    for place, slug in (("there.csv", "output-exists"), ("no/x.csv", "output-unwritable"), (".", "output-unwritable")):
        assert app.run(["tags", "check", "--live", "-o", place]) == 2
        assert f"error[{slug}]" in capsys.readouterr().err
    assert (plant / "there.csv").read_text() == "mine"

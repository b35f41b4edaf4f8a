"""What an engineer reads when a site file, tag list or setting is wrong: whole texts, one a mistake."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from iiotctl.cli import app
from tests.cli.shell import assert_our_form, iiotctl
from tests.unit.site.plant import MODBUS, SITE, changed

HEAD = "name,source,address,type\n"


def check(folder: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, tags: str | bytes = "") -> str:
    """stderr of `site check`; the exit code must be 3 and stdout empty."""
    (folder / "site.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    if tags:
        (folder / "tags.csv").write_bytes(tags.encode() if isinstance(tags, str) else tags)
    assert app.run(["site", "check", "--site", str(folder / "site.toml")]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert_our_form(shown.err)
    return shown.err.replace(str(folder), "DIR")


TEXTS = {
    "misspelt key": (
        changed("kind = ", "knid = "),
        """\
error[unknown-key]: unknown key `knid` in tag "press1.hydraulics.pressure"
  where: site.toml:25

hint: did you mean `kind`?
""",
    ),
    "misspelt value": (
        changed('"CDAB"', '"CDBA"'),
        """\
error[site-value]: `order` must be one of `ABCD`, `CDAB`, `BADC`, `DCBA`, not "CDBA"
  where: site.toml:28

hint: did you mean `CDAB`?
""",
    ),
    "no unit": (
        changed('period = "1s"', "period = 1"),
        """\
error[site-value]: `period`: a duration needs a unit: write `"1s"` or `"1ms"`
  where: site.toml:10
""",
    ),
    "missing key": (
        changed('host = "192.168.10.21"\n', ""),
        """\
error[missing-key]: `host` is missing in `[sources.press1]`
  where: site.toml:6
""",
    ),
    "secret in the file": (
        changed('{ env = "LINE3_PASSWORD" }', '"hunter2"'),
        """\
error[secret-in-file]: `password` must be a reference, never the secret itself
  where: site.toml:19

hint: write `password = { env = "NAME" }` or `{ file = "path" }`
""",
    ),
    "not TOML": (
        changed('host = "192.168.10.21"', "host = 192.168.10.21"),
        """\
error[toml-syntax]: `site.toml` is not valid TOML
  where: site.toml:8, column 15
  cause: expected newline or end of document after a statement

hint: text needs quotes; compare with the commented file that `iiotctl init` writes
""",
    ),
    "newer schema": (
        changed("schema = 1", "schema = 2"),
        """\
error[schema-newer]: `site.toml` has `schema = 2`; this iiotctl knows 1
  where: site.toml:1

hint: update iiotctl: `pipx upgrade iiotctl`, or `uv tool upgrade iiotctl`
""",
    ),
    "unknown source type": (
        changed('"modbus-tcp"', '"modbus"'),
        """\
error[unknown-source-type]: unknown type "modbus" of `[sources.press1]`
  where: site.toml:7

hint: did you mean `modbus-tcp`?
""",
    ),
    "no tag list": (
        MODBUS,
        """\
error[file-not-found]: the tag list `DIR/tags.csv` does not exist
  where: site.toml:2
""",
    ),
    "two at once": (
        changed("unit = 1\n", "unit = 300\n").replace("Europe/Berlin", "Europe/Berln"),
        """\
error[unknown-timezone]: unknown time zone "Europe/Berln"
  where: site.toml:4

hint: did you mean `Europe/Berlin`?

error[site-value]: `unit` must be at most 255, not 300
  where: site.toml:9

2 problems
""",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    text, expected = TEXTS[name]
    assert check(tmp_path, capsys, text) == expected


LISTS = {
    "duplicate": (
        "x,a,holding:0,\nx,a,holding:1,\n",
        """\
error[duplicate-tag]: the tag name `x` is used twice
  where: tags.csv:3 column name
  cause: first used in tags.csv:2 column name
""",
    ),
    "overlap": (
        "x,a,holding:0,string(8)\ny,a,holding:2,string(8)\n",
        """\
error[overlapping-tags]: `y` and `x` overlap: `string(8)` at `holding:2` and `string(8)` at `holding:0`
  where: tags.csv:3 column address
  cause: `x` is in tags.csv:2 column address

hint: one of the addresses or types is wrong: compare both with the device's register list
""",
    ),
    "unknown source": (
        "x,c,holding:0,\n",
        """\
error[unknown-source]: unknown source `c`
  where: tags.csv:2 column source

hint: known: a, b
""",
    ),
    "address": (
        "x,a,4x0012,\n",
        """\
error[modbus-address]: `4x0012` is not a Modbus address; write e.g. `holding:11`, `input:0`, `coil:5`, `40012` or `holding:11/3`
  where: tags.csv:2 column address
""",
    ),
    "cells": (
        "x,a,holding:0,float32,0,1\n",
        """\
error[tag-list-syntax]: the row has 6 cells, the header 4
  where: tags.csv:2

hint: a cell that contains the delimiter needs quotes
""",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_text_of_tag_list(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    rows, expected = LISTS[name]
    assert check(tmp_path, capsys, MODBUS, HEAD + rows) == expected


@pytest.mark.parametrize(
    "noise",
    [
        random.Random(5).randbytes(1_000_000),
        "".join(random.Random(6).choices("ab[]{}=.\"'\n #", k=1_000_000)).encode(),
        b"\x1b[2J" * 250_000,
    ],
    ids=["bytes", "printable", "terminal codes"],
)
def test_a_megabyte_of_noise_in_a_process_of_its_own(tmp_path: Path, noise: bytes) -> None:
    (tmp_path / "site.toml").write_bytes(noise)
    done = iiotctl("site", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert_our_form(done.stderr)
    assert done.stderr.count("error[") == 1
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 1_000


def test_problems_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.toml").write_text(changed("unit = 1\n", "unit = 300\n"))
    assert app.run(["site", "check", "--site", str(tmp_path), "--format", "json"]) == 3
    document = json.loads(capsys.readouterr().err)
    assert [(item["slug"], item["where"]) for item in document["errors"]] == [("site-value", "site.toml:9")]


def test_no_site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["site", "check"], ["tags", "list"], ["tags", "check", "--live"]):
        assert app.run(words) == 3
        assert_our_form(capsys.readouterr().err, "no-site")


def test_a_wrong_variable_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIOTCTL_CAPTURE_COMMIT", "1")
    assert app.run(["site", "show"]) == 2
    assert_our_form(capsys.readouterr().err, "setting-value")


def test_selections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    site = ["--site", str(tmp_path)]
    assert app.run(["tags", "list", "press2.*", *site]) == 8
    assert_our_form(capsys.readouterr().err, "no-tags")
    assert app.run(["tags", "list", "--source", "pres1", *site]) == 2
    shown = capsys.readouterr().err
    assert_our_form(shown, "unknown-name")
    assert "did you mean `press1`?" in shown

"""`service unit` and the log form of `capture`, as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import assert_our_form, iiotctl

SITE = """\
schema = 1
[site]
name = "p"
timezone = "UTC"
[sources.s]
type = "modbus-tcp"
host = "127.0.0.1"
port = 9
[[tags]]
name = "a"
source = "s"
address = "holding:1"
"""


def test_the_unit_is_data_and_the_advice_is_not(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    done = iiotctl("service", "unit", "--run-as", "plant", cwd=tmp_path)
    assert done.returncode == 0
    assert "User=plant" in done.stdout.splitlines()
    assert "install -d -o plant" in done.stderr
    quiet = iiotctl("service", "unit", "-q", "-o", "u.service", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert "Type=notify" in (tmp_path / "u.service").read_text(encoding="utf-8")


def test_without_a_site_there_is_no_unit(tmp_path: Path) -> None:
    done = iiotctl("service", "unit", cwd=tmp_path, IIOTCTL_SITE="")
    assert done.returncode == 3
    assert_our_form(done.stderr, "no-site")


def test_log_lines_are_json_from_the_first_to_the_error(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    done = iiotctl("capture", "--for", "1s", "--log-format", "json", cwd=tmp_path)
    assert done.returncode == 4
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["schema"] for line in lines} == {"iiotctl.log/v1"}
    events = {line["event"]: line for line in lines}
    assert events["source-down"]["source"] == "s"
    assert events["source-down"]["level"] == "warning"
    assert list(events["ended"]["sources"]) == ["s"]
    assert lines[-1]["level"] == "error"
    assert lines[-1]["exit_code"] == 4


def test_a_wrong_flag_is_a_json_line_too(tmp_path: Path) -> None:
    done = iiotctl("capture", "--log-format", "json", "--nonsense", cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert json.loads(line)["event"] == "unknown-option"


def test_text_lines_on_request(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    done = iiotctl("capture", "--for", "1s", "--log-format", "text", cwd=tmp_path)
    assert "read-only: nothing is ever written" in done.stderr


def test_nobody_vouches_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    done = iiotctl("capture", "--sole-master-confirmed-by", " ", cwd=tmp_path)
    assert done.returncode == 2
    assert_our_form(done.stderr, "bad-value")

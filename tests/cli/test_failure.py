"""Every failure ends in our form, with its exit code, without a traceback and without secrets."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iiotctl.cli import _console, _crash, _failure, app
from iiotctl.errors import ExitCode, SiteError, SiteProblemsError, SourceError
from iiotctl.ops.explain import EXIT_CODES
from tests.cli.shell import assert_our_form, commands, iiotctl


def failing(error: BaseException, *argv: str) -> int:
    def work() -> None:
        raise error

    return _failure.guard(work, argv)


def test_error_is_shown_with_all_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    error = SourceError("connection-refused", "nobody listens", where="10.0.0.1:502", cause="refused", hint="`x`")
    assert failing(error) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "error[connection-refused]: nobody listens\n  where: 10.0.0.1:502\n  cause: refused\n\nhint: `x`\n"
    )


def test_every_problem_of_a_site_file_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [SiteError("a", "first", where="site.toml:3"), SiteError("b", "second", where="site.toml:9")]
    assert failing(SiteProblemsError(problems)) == 3
    text = capsys.readouterr().err
    assert_our_form(text, "a")
    assert "error[b]: second\n  where: site.toml:9" in text
    assert text.endswith("2 problems\n")


def test_json_error_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [SiteError("a", "first", where="site.toml:3"), SiteError("b", "second")]
    assert failing(SiteProblemsError(problems), "query", "--format", "json") == 3
    document = json.loads(capsys.readouterr().err)
    assert document["schema"] == "iiotctl.error/v1"
    assert document["complete"] is False
    assert document["exit_code"] == 3
    assert [error["slug"] for error in document["errors"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (_failure.TerminatedError(), 143),
        (BrokenPipeError(), 0),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 8),
        (ExceptionGroup("tasks", [SourceError("late", "one of two tasks"), ValueError()]), 4),
        (BaseExceptionGroup("tasks", [ValueError(), KeyboardInterrupt()]), 130),
        (SystemExit(5), 5),
    ],
    ids=repr,
)
def test_exit_code_of(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_failure, "_close_stdout", lambda: None)
    assert failing(error) == code


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


def test_bug_leaves_a_crash_file_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LINE3_PASSWORD", "hunter22")
    monkeypatch.setenv("PLAIN", "0penSesame")
    argv = ["read", "opc.tcp://reader:pass1234@host", "--password-env", "PLAIN", "--token", "tok-9876"]
    error = RuntimeError("login reader/hunter22 0penSesame tok-9876 at opc.tcp://reader:pass1234@host failed")
    assert failing(error, *argv) == 70
    shown = capsys.readouterr().err
    assert_our_form(shown, "bug")
    [crash] = (tmp_path / "iiotctl").iterdir()
    text = crash.read_text()
    assert "RuntimeError" in text
    assert str(crash) in shown
    for secret in ("hunter22", "0penSesame", "tok-9876", "pass1234"):
        assert secret not in text
        assert secret not in shown
    assert crash.stat().st_mode & 0o077 == 0


def test_bug_without_a_place_for_the_crash_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    assert failing(RuntimeError("x")) == 70
    assert_our_form(capsys.readouterr().err, "bug")


def test_short_values_are_not_searched_for() -> None:
    assert _crash.scrub("1 of 1", [], {"A_TOKEN": "1"}) == "1 of 1"


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert failing(SourceError("x", "y"), "--debug") == 4
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("IIOTCTL_DEBUG", "1")
    assert failing(SourceError("x", "y")) == 4
    assert "Traceback" in capsys.readouterr().err


def test_text_of_a_device_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    failing(SourceError("x", "name \x1b[2J\x07", cause="a\x9b1m\u202eb"))
    text = capsys.readouterr().err
    assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "\\x1b[2J" in text


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_unknown_option_of_every_command(path: tuple[str, ...]) -> None:
    done = iiotctl(*path, "--no-such-option")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert_our_form(done.stderr)


@pytest.mark.parametrize(
    ("words", "slug", "hint"),
    [
        (["explan"], "unknown-command", "`iiotctl explain`"),
        (["explain", "--formt"], "unknown-option", "`--format`"),
        (["explain", "--format", "xml"], "bad-value", "--help"),
        (["explain", "stor-locked"], "unknown-id", "iiotctl explain"),
        (["read"], "missing-argument", "iiotctl read --help"),
        (["read", "192.168.0.1", "holding:1"], "bad-url", "modbus-tcp://192.168.10.21"),
        (["read", "modbus-tcp://h", "holdng:1"], "bad-address", "holding:11"),
        (["read", "modbus-tcp://h", "holding:1:flot32"], "bad-address", "float32"),
        (["read", "modbus-tcp://h", "holding:1:float32:ACDB"], "bad-address", "CDAB"),
        (["read", "modbus-tcp://u:p@h", "holding:1"], "bad-url", "--password-env"),
        (["read", "modbus-tcp://h/300", "holding:1"], "bad-url", "unit"),
        (["read", "modbus-tcp://h", "holding:1", "--every", "5"], "bad-value", ""),
        (["read", "modbus-tcp://h", "holding:1", "--every", "1s", "--format", "json"], "bad-value", "--count"),
        (["read", "modbus-tcp://h", "holding:1", "--user", "x"], "bad-value", ""),
        (["read", "opc.tcp://h", "Oven"], "bad-address", "ns=2;s="),
        (["read", "opc.tcp://h", "i=1", "--security", "Basic256Sha256"], "bad-value", "Basic256Sha256-Sign"),
        (["read", "opc.tcp://h", "i=1", "--unit", "3"], "bad-value", "--unit"),
        (["completion", "tcsh"], "bad-value", "--help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_usage_error(words: list[str], slug: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    if "--format" in words and "json" in words:
        assert json.loads(shown.err)["errors"][0]["slug"] == slug
        return
    assert_our_form(shown.err, slug)
    assert hint in shown.err


def test_closed_pipe_is_quiet() -> None:
    done = subprocess.run(
        f"{sys.executable} -m iiotctl explain exit-codes | head -c 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_full_disk_behind_stdout_is_an_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m iiotctl explain > /dev/full", shell=True, capture_output=True, text=True
    )
    assert done.returncode == 8
    assert_our_form(done.stderr, "output-failed")


@pytest.mark.parametrize(
    ("env", "flag", "coloured"),
    [
        ({}, "auto", False),  # stderr is no terminal here
        ({"FORCE_COLOR": "1"}, "auto", True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": "1"}, "always", True),
        ({"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colour_policy(env: dict[str, str], flag: str, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(_console.settings, "color", flag)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in _console.paint("x", "red")) is coloured

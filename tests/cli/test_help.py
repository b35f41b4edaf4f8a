"""Help is the same everywhere: fits 80 columns, shows an example, `-h` equals `--help`. Its text is docs/reference/cli.md."""

from __future__ import annotations

import pytest

from iiotctl.cli import app
from iiotctl.cli._help import walk
from tests.cli.shell import commands, iiotctl, leaves

NAMES = ["_".join(path) for path in commands()]


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert app.run([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("path", commands(), ids=NAMES)
def test_fits_80_columns(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = helped(capsys, *path)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\x1b" not in text
    assert "\b" not in text


@pytest.mark.parametrize("path", [(), *commands()], ids=" ".join)
def test_no_summary_is_cut(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    listing = helped(capsys, *path).partition("Options:")[2]
    assert [line for line in listing.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("path", leaves(), ids=" ".join)
def test_has_an_example_that_calls_it(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    text = helped(capsys, *path)
    head, _, examples = text.partition("Example")
    assert f"iiotctl {' '.join(path)}" in examples.partition("Options:")[0], "no example"
    summary = head.split("\n\n")[1].strip()
    assert summary.endswith("."), "the summary is a sentence"


@pytest.mark.parametrize("path", commands(), ids=NAMES)
def test_short_and_long_help_are_equal(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    long = helped(capsys, *path)
    assert app.run([*path, "-h"]) == 0
    assert capsys.readouterr().out == long


def test_alone_prints_help_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([]) == 0
    alone = capsys.readouterr()
    assert app.run(["--help"]) == 0
    assert alone.out == capsys.readouterr().out
    assert alone.err == ""


def test_version_is_one_line() -> None:
    done = iiotctl("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("iiotctl 0.")
    assert done.stdout.count("\n") == 1


def test_every_command_stands_under_a_heading() -> None:
    root = app.command_tree()
    homeless = [name for name, command in root.commands.items() if not command.rich_help_panel]
    assert homeless == []


def test_one_flag_has_one_meaning() -> None:
    """A short flag stands for one long flag everywhere; a long flag takes a value everywhere or nowhere."""
    shorts: dict[str, set[str]] = {}
    kinds: dict[str, set[tuple[bool, str]]] = {}
    for _, command in walk(app.command_tree()):
        for param in command.params:
            if param.param_type_name != "option":
                continue
            longs = [name for name in param.opts if name.startswith("--")]
            for name in param.opts:
                if not name.startswith("--"):
                    shorts.setdefault(name, set()).update(longs)
            for name in longs:
                kinds.setdefault(name, set()).add((bool(param.is_flag or param.count), str(param.metavar)))
    assert {name: found for name, found in shorts.items() if len(found) > 1} == {}
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_common_flags_of_the_design_exist() -> None:
    flags = {path[-1]: {n for p in c.params for n in p.opts} for path, c in walk(app.command_tree()) if len(path) == 1}
    for name in ("read", "query", "last", "gaps"):
        assert {"--format", "--output", "-o", "--quiet", "-q", "--verbose", "-v", "--color"} <= flags[name], name
    for name in ("query", "last", "gaps", "capture"):
        assert {"--site", "--store"} <= flags[name], name

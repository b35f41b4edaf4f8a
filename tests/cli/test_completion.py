"""Completion scripts and the man page: fresh, valid for their shells, and they complete."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tools.gen_completions import FILES, pages

from iiotctl.cli._shells import SHELLS
from tests.cli.shell import iiotctl
from tests.peers import require_tool


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_files_are_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make gen`"


@pytest.mark.parametrize("shell", SHELLS)
def test_command_prints_the_file(shell: str, project: Path) -> None:
    done = iiotctl("completion", shell)
    assert done.returncode == 0
    assert done.stdout == (project / "completions" / FILES[shell]).read_text(encoding="utf-8")


def bash(project: Path, *words: str) -> list[str]:
    script = f"""
source {project}/completions/iiotctl.bash
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
_iiotctl; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    tool = require_tool("bash", "apt install bash")
    done = subprocess.run([tool, "--norc", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes(project: Path) -> None:
    assert "explain" in bash(project, "iiotctl", "ex")
    assert bash(project, "iiotctl", "completion", "") == ["bash", "zsh", "fish", "powershell"]
    assert bash(project, "iiotctl", "read", "--format", "j") == ["json", "jsonl"]
    assert bash(project, "iiotctl", "read", "--format", "=", "js") == ["json", "jsonl"]
    assert "--trust-first" in bash(project, "iiotctl", "read", "--t")
    assert bash(project, "iiotctl", "site", "") != []


def test_zsh_accepts_it(project: Path) -> None:
    tool = require_tool("zsh", "apt install zsh")
    done = subprocess.run([tool, "-n", project / "completions" / "_iiotctl"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_completes(project: Path) -> None:
    tool = require_tool("fish", "apt install fish")

    def fish(line: str) -> list[str]:
        script = f"source {project}/completions/iiotctl.fish; complete -C '{line}'"
        done = subprocess.run([tool, "--no-config", "-c", script], capture_output=True, text=True, check=True)
        return [entry.split("\t")[0] for entry in done.stdout.splitlines()]

    assert "explain" in fish("iiotctl ex")
    assert fish("iiotctl read --format js") == ["json", "jsonl"]
    assert fish("iiotctl completion z") == ["zsh"]
    assert "show" in fish("iiotctl site ")


def test_man_page_is_valid(project: Path) -> None:
    tool = require_tool("groff", "apt install groff")
    page = project / "completions" / "iiotctl.1"
    done = subprocess.run([tool, "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

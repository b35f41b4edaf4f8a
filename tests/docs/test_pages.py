"""Pages are reachable, their links lead somewhere, generated ones are fresh, commands in them exist."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from iiotctl.cli._help import walk
from iiotctl.cli.app import command_tree
from tests.docs.pages import DOCS, ROOT, anchors, blocks, markdown, prose

GENERATORS = sorted(path.stem for path in (ROOT / "tools").glob("gen_*.py"))


@pytest.mark.parametrize("name", GENERATORS)
def test_generated_pages_are_fresh(name: str) -> None:
    module = importlib.import_module(f"tools.{name}")
    pages: dict[Path, str] = module.pages() if hasattr(module, "pages") else {module.PAGE: module.page()}
    stale = [path.name for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make gen`"


@pytest.mark.parametrize("page", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_every_page_stands_in_the_navigation() -> None:
    listed = set(re.findall(r": ([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_site_builds_without_warnings(tmp_path: Path) -> None:
    """In a copy, so that nothing is left in the tree."""
    import shutil

    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    tool = Path(sys.executable).with_name("zensical")
    done = subprocess.run([tool, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "index.html").exists()


def _calls(text: str) -> list[list[str]]:
    """Words after `iiotctl` in the command lines of a block."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|(?!\|)|;(?!s=)", line.removeprefix("$ ")):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                continue
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words[:1] == ["iiotctl"]:
                found.append(words[1:])
    return found


@pytest.mark.parametrize("page", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_pages_exist(page: Path) -> None:
    """Commands and long options shown in console and sh blocks are real."""
    tree = dict(walk(command_tree()))
    strange = []
    for block in blocks(page):
        if block.language not in {"console", "sh", "bash"}:
            continue
        text = block.text
        if block.language == "console":
            text = "\n".join(line for line in text.splitlines() if line.startswith(("$ ", "> ")))
        for words in _calls(text):
            path: tuple[str, ...] = ()
            for word in words:
                if (*path, word) not in tree:
                    break
                path = (*path, word)
            options = {name for param in tree[path].params for name in (*param.opts, *param.secondary_opts)}
            flags = [word.partition("=")[0] for word in words if word.startswith("--")]
            known = options | {"--help", "--version", "--debug"}
            if (not path and words and not words[0].startswith("-")) or not set(flags) <= known:
                strange.append(f"line {block.line}: iiotctl {' '.join(words)}")
    assert strange == []


def test_every_command_is_used_somewhere() -> None:
    """A command that no tutorial, how-to page or README shows is not documented, whatever the reference says."""
    pages = [
        *DOCS.glob("tutorials/*.md"),
        *DOCS.glob("how-to/*.md"),
        *DOCS.glob("explanation/*.md"),
        ROOT / "README.md",
    ]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    leaves = [path for path, command in walk(command_tree()) if path and not getattr(command, "commands", None)]
    assert [" ".join(path) for path in leaves if f"iiotctl {' '.join(path)}" not in text] == []


def test_changelog_has_the_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text
    heads = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert heads <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

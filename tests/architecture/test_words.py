"""One word for one idea: words that the glossary replaces appear nowhere in code, help and docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.code import ROOT

# word -> what to write instead, and where the word means something else
BANNED = {
    r"points?": (
        "tag, or sample",
        (
            r"entry[ _-]?points?|EntryPoint|continuation[ _]?points?|decimal points?|floating[ -]point|code points?|point in time|breakpoint|to the point"
            r"|(cut|crash|extension|plug|mount|starting) points?|points? (to|at|of|out)\b"
        ),
    ),
    r"slaves?": ("unit, device or server", r"^$"),
    r"alarms?": ("alert", r"not: |control system|A&C|Alarms?Conditions|signal\.alarm|alarm belongs"),
}
SUFFIXES = {".py", ".md", ".toml", ".yml", ".txt", ".csv"}


def _texts() -> list[Path]:
    folders = [ROOT / "src", ROOT / "docs", ROOT / "tools"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return [*files, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("word", BANNED)
def test_banned_word(word: str) -> None:
    instead, allowed = BANNED[word]
    # parts of snake_case and CamelCase names count as words
    pattern = re.compile(rf"(?i:(?<![A-Za-z]){word}(?![A-Za-z]))|(?<=[a-z]){word.capitalize()}(?![a-z])")
    exception = re.compile(allowed, re.IGNORECASE)
    found = []
    for path in _texts():
        if path.name == "glossary.md":  # names the words that we do not use
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            rest = exception.sub("", line)
            if pattern.search(rest):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, f"write {instead} instead"

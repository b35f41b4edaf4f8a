"""The documentation as data: its files, links and console blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def markdown() -> list[Path]:
    """Every page that a reader may open."""
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text and first line's number."""

    language: str
    text: str
    line: int


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    language, start, lines = None, 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"\s*```(.*)$", line)
        if fence and language is None:
            language, start, lines = fence[1].strip(), number + 1, []
        elif fence:
            yield Block(language or "", "\n".join(lines), start)
            language = None
        elif language is not None:
            lines.append(line)
    assert language is None, f"{path}: an open ``` block"


def prose(path: Path) -> str:
    """The page without its fenced blocks and inline code."""
    text = re.sub(r"^\s*```.*?^\s*```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path: Path) -> set[str]:
    """The anchors that headings of a page make."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"`", "", heading).lower())
        found.add(plain.strip().replace(" ", "-"))
    return found

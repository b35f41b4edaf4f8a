"""Lines of keys in a TOML text: `tomllib` says what a value is, this says where it stands.

Only for texts that `tomllib` has accepted; it is asked when something has to be pointed at, never on the
way to a running capture. A path is the sequence of keys and list indexes that leads to a value:
`("sources", "press1", "host")`, `("tags", 3, "limits", "low")`.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BASIC: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^'\n]*'")
_SCALAR: Final = re.compile(r"\d{4}-\d\d-\d\d[ Tt]\d\d:[^,\]}\s#]*|[^,\]}\s#]+")
_BASIC_STEP: Final = re.compile(r'\\.|"""', re.DOTALL)


class _Scanner:
    """One pass over the text; `lines` grows as keys are met."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.elements: dict[Path, int] = {}
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_BLANK)
            if self.at >= len(self.text):
                return
            line = self.line()
            if self.text[self.at] == "[":
                table = self.header(line)
            else:
                self.pair(table, line)

    def header(self, line: int) -> Path:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.key()
        self.at = self.text.index("]", self.at) + (2 if is_array else 1)
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if is_array and position == len(keys) - 1:
                self.elements[path] = self.elements.get(path, 0) + 1
            if path in self.elements:
                path = (*path, self.elements[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def pair(self, table: Path, line: int) -> None:
        path = table
        for key in self.key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            quote = self.text[self.at]
            if quote in "\"'":
                raw = self.take(_BASIC if quote == '"' else _LITERAL)
                parts.append(tomllib.loads(f"k = {raw}")["k"] if "\\" in raw else raw[1:-1])
            else:
                parts.append(self.take(_BARE))
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip(_SPACE)
        text, at = self.text, self.at
        if text.startswith('"""', at):
            self.at += 3
            while self.take(_BASIC_STEP, search=True) != '"""':
                pass
            self.extra_quotes('"')
        elif text.startswith("'''", at):
            self.at = text.index("'''", at + 3) + 3
            self.extra_quotes("'")
        elif text[at] == '"':
            self.take(_BASIC)
        elif text[at] == "'":
            self.take(_LITERAL)
        elif text[at] == "[":
            self.array(path)
        elif text[at] == "{":
            self.inline_table(path)
        else:
            self.take(_SCALAR)

    def extra_quotes(self, quote: str) -> None:
        """A multi-line string may end in one or two quotes of its own before the closing three."""
        for _ in range(2):
            if self.text.startswith(quote, self.at):
                self.at += 1

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_BLANK)
            if self.text[self.at] == "]":
                break
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.lines.setdefault((*path, index), self.line())
            self.value((*path, index))
            index += 1
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_BLANK)
            if self.text[self.at] == "}":
                break
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.pair(path, self.line())
        self.at += 1

    def line(self) -> int:
        return bisect_right(self.starts, self.at)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def take(self, pattern: re.Pattern[str], *, search: bool = False) -> str:
        match = pattern.search(self.text, self.at) if search else pattern.match(self.text, self.at)
        if match is None:
            msg = f"not TOML at line {self.line()}"
            raise ValueError(msg)
        self.at = match.end()
        return match[0]


def find_positions(text: str) -> dict[Path, int]:
    """Line (from 1) of every key and list element of a TOML text.

    A table or array that is opened several times has the line where it is met first. Of a text that is
    not TOML, or nested too deeply to follow, what was found before the trouble.
    """
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (ValueError, IndexError, RecursionError):
        return scanner.lines
    return scanner.lines


def line_of(positions: dict[Path, int], path: Path) -> int | None:
    """Line of a path, or of the nearest enclosing one that has a line."""
    for length in range(len(path), 0, -1):
        found = positions.get(path[:length])
        if found is not None:
            return found
    return None

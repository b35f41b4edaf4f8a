"""A TOML file as a document that can say where its keys stand; hostile input ends in one clear error.

Used for the site file and the user file.
"""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.plain import one_line
from iiotctl.site.positions import find_positions, line_of

LARGEST_FILE: Final = 32_000_000
_DEEPEST_KEY: Final = 32
# tomllib takes quadratic time in the parts of a dotted key; one of 1 MB would not end
_DEEP_KEY: Final = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){%d}" % _DEEPEST_KEY)  # noqa: UP031 - braces
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'')
_AT: Final = re.compile(r"^(.*?)\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


class Document:
    """A parsed TOML file.

    Attributes:
        path: where it was read from.
        name: how messages call it.
        text: its text.
        data: what `tomllib` made of it.
    """

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self.path = path
        self.name = one_line(path.name)
        self.text = text
        self.data = data

    @cached_property
    def _positions(self) -> dict[tuple[str | int, ...], int]:
        return find_positions(self.text)

    def where(self, *keys: str | int) -> str:
        """`site.toml:41` of a key, or of the nearest table around it; the file's name when it has no line."""
        line = line_of(self._positions, keys)
        return self.name if line is None else f"{self.name}:{line}"


def read_bytes(path: Path, *, what: str = "site file", where: str | None = None) -> bytes:
    """Content of a file of the user's; `what` names its part in messages.

    Raises:
        SiteError: `file-not-found`, `file-unreadable`, `file-too-large`.
    """
    place = where or str(path)
    try:
        if path.is_dir():
            raise SiteError(
                "file-unreadable",
                f"the {what} `{one_line(str(path))}` is a folder",
                where=where,
                hint="name a file in it",
            )
        if path.stat().st_size > LARGEST_FILE:
            raise SiteError(
                "file-too-large", f"the {what} `{path.name}` is larger than {LARGEST_FILE // 10**6} MB", where=place
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise SiteError(
            "file-not-found",
            f"the {what} `{one_line(str(path))}` does not exist",
            where=where,
            hint="iiotctl init" if what == "site file" else None,
        ) from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise SiteError(
            "file-unreadable",
            f"the {what} `{one_line(path.name)}` cannot be read",
            where=place,
            cause=getattr(error, "strerror", None) or str(error),
        ) from None


def read_text(path: Path, *, what: str = "site file", where: str | None = None) -> str:
    """Text of a UTF-8 file, without its byte order mark.

    Raises:
        SiteError: as `read_bytes`, or `file-not-text`.
    """
    content = read_bytes(path, what=what, where=where)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SiteError(
            "file-not-text",
            f"the {what} `{path.name}` is not UTF-8 text",
            where=f"{path.name}:{line}",
            cause=f"byte 0x{content[error.start]:02X} at position {error.start} cannot be decoded",
            hint="save it as UTF-8 (in Excel: `CSV UTF-8`)",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SiteError("file-not-text", f"the {what} `{path.name}` holds a NUL byte", where=f"{path.name}:{line}")
    return text


def _too_deep(name: str, line: int | None) -> SiteError:
    return SiteError(
        "file-too-deep",
        f"`{name}` is nested too deeply to be read",
        where=name if line is None else f"{name}:{line}",
        hint="iiotctl site schema",
    )


def _guard_deep_keys(name: str, text: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") >= _DEEPEST_KEY and _DEEP_KEY.search(_STRING.sub("s", line)):
            raise _too_deep(name, number)


def parse_document(path: Path, text: str) -> Document:
    """A document from TOML text.

    Raises:
        SiteError: `toml-syntax` with the line, or `file-too-deep`.
    """
    _guard_deep_keys(path.name, text)
    try:
        return Document(path, text, tomllib.loads(text))
    except RecursionError:
        raise _too_deep(path.name, None) from None
    except ValueError as error:  # TOMLDecodeError is one; so is an integer of 5,000 digits
        match = _AT.match(str(error))
        message = match[1] if match else str(error)
        line = int(match[2]) if match and match[2] else None
        if match and line is None:
            line = text.count("\n") + 1
        column = f", column {match[3]}" if match and match[3] else ""
        raise SiteError(
            "toml-syntax",
            f"`{path.name}` is not valid TOML",
            where=path.name if line is None else f"{path.name}:{line}{column}",
            cause=one_line(message[:1].lower() + message[1:]),
            hint=_syntax_hint(text, line),
        ) from None


def _syntax_hint(text: str, line: int | None) -> str:
    lines = text.split("\n")
    bad = lines[line - 1] if line is not None and line <= len(lines) else ""
    if "\\" in bad and '"' in bad:
        return "write paths with single quotes ('C:\\plant'), where a backslash stands for itself"
    if re.match(r"\s*\w+\s*:", bad):
        return "write `key = value`, not `key: value`"
    return "text needs quotes; compare with the commented file that `iiotctl init` writes"


def read_document(path: Path, *, what: str = "site file") -> Document:
    """Read and parse a TOML file.

    Raises:
        SiteError: see `read_text` and `parse_document`.
    """
    return parse_document(path, read_text(path, what=what))

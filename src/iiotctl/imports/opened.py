"""A text file as blocks of whole lines in UTF-8, whatever it is packed and encoded in. Memory stays flat.

Untrusted input: lines, unpacked sizes and packing ratios are bounded, so that a file made to fill memory or disk
ends with an error instead.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from iiotctl.imports.failure import bad_file

BLOCK: Final = 32_000_000
"""Bytes of a block: about half a million rows."""
LONGEST_LINE: Final = 4_000_000
MOST_UNPACKED: Final = 64_000_000_000
MOST_RATIO: Final = 400
"""CSV packs to a fiftieth at best; more is an archive made to fill the disk."""
_RATIO_FROM: Final = 100_000_000
_HEAD: Final = 1_000_000
_MOST_LINES_IN_QUOTES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines.

    Attributes:
        data: UTF-8 (or, where a line is damaged, what stands there).
        first: number of the first line in the file, from 1.
        lines: how many.
    """

    data: bytes
    first: int
    lines: int


class TextFile:
    """A text file; `blocks` may be called any number of times.

    Args:
        path: the file; `.gz` and `.zip` (with one file in it) are unpacked.
        encoding: as the user says, or None to find out.

    Attributes:
        encoding: what it is read as.
        packed: `gzip`, `zip` or "".
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.packed = _packing(path)
        with self._open() as stream:
            head = _read(stream, _HEAD, self)
        if not head:
            raise bad_file(path, "the file is empty")
        self._bom, found = _detect(head, path)
        self.encoding = encoding or found
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise bad_file(
                path, f"there is no encoding `{encoding}`", hint="e.g. `--encoding utf-8`, `utf-16`, `cp1252`"
            ) from None
        begin = head[self._bom :].decode(self.encoding, "replace")
        self._carriage = "\r" in begin and "\n" not in begin

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        try:
            if self.packed == "gzip":
                with gzip.open(self.path, "rb") as unpacked:
                    yield unpacked  # type: ignore[misc]
            elif self.packed == "zip":
                with zipfile.ZipFile(self.path) as archive:
                    files = [member for member in archive.infolist() if not member.is_dir()]
                    if len(files) != 1:
                        raise bad_file(
                            self.path,
                            f"the archive holds {len(files)} files instead of one",
                            hint="unpack it and name the files: `iiotctl import FILE…`",
                        )
                    with archive.open(files[0]) as member:
                        yield member
            else:
                with self.path.open("rb") as plain:
                    yield plain
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            what = "the archive is damaged" if self.packed else "the file cannot be read"
            cause = getattr(error, "strerror", None) or str(error)
            raise bad_file(self.path, what, cause=cause) from error

    def head(self, lines: int) -> list[str]:
        """The first lines as text."""
        for block in self.blocks(_HEAD):
            return block.data.decode("utf-8", "replace").splitlines()[:lines]
        return []

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """Blocks of about `size` bytes that end where a line ends, never within quotes.

        Raises:
            UsageError: `import-file`: packed to explode, a line without end, a damaged archive.
        """
        line, rest = 1, b""
        with self._open() as stream:
            for data in self._decoded(stream, size):
                text = rest + data if rest else data
                cut = _cut(text)
                if not cut:
                    if len(text) > max(size, LONGEST_LINE) + LONGEST_LINE:
                        raise self._endless(line)
                    rest = text
                    continue
                rest = text[cut:]
                whole = text[:cut]
                self._check_lines(whole, line)
                count = whole.count(b"\n")
                yield Block(whole, line, count)
                line += count
            if rest:
                self._check_lines(rest, line)
                yield Block(rest, line, rest.count(b"\n") + (not rest.endswith(b"\n")))

    def _check_lines(self, whole: bytes, line: int) -> None:
        """Whether a line is too long, found by steps of half that length, in which an end of line must stand."""
        half = LONGEST_LINE // 2
        for start in range(0, len(whole) - half, half):
            if whole.find(b"\n", start, start + half) < 0:
                raise self._endless(line + whole.count(b"\n", 0, start))

    def _endless(self, line: int) -> Exception:
        return bad_file(
            self.path,
            f"line {line} is longer than {LONGEST_LINE // 2_000_000} MB",
            cause="this is no table of samples, or its line ends are neither LF nor CR LF",
        )

    def _decoded(self, stream: IO[bytes], size: int) -> Iterator[bytes]:
        """The file's content in UTF-8."""
        total = 0
        plain = self.encoding == "utf-8"
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        first = True
        while data := _read(stream, size, self):
            total += len(data)
            self._check_size(total)
            if first:
                data = data[self._bom :]
                first = False
            text = data if plain else decoder.decode(data).encode("utf-8", "replace")
            yield text.replace(b"\r", b"\n") if self._carriage else text

    def _check_size(self, total: int) -> None:
        if not self.packed:
            return
        ratio = total / max(1, self.path.stat().st_size)
        if total > MOST_UNPACKED or (total > _RATIO_FROM and ratio > MOST_RATIO):
            raise bad_file(
                self.path,
                f"the archive unpacks to more than {total // 10**6} MB",
                cause=f"{ratio:.0f} times its size",
                hint="if it is sound, unpack it yourself and import the file",
            )


def _read(stream: IO[bytes], size: int, file: TextFile) -> bytes:
    parts = []
    left = size
    while left > 0:
        try:
            data = stream.read(left)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise bad_file(file.path, "the archive is damaged", cause=str(error)) from error
        if not data:
            break
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def _packing(path: Path) -> str:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise bad_file(path, "the file cannot be read", cause=error.strerror) from error
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return "zip" if magic == b"PK\x03\x04" else ""


def _detect(head: bytes, path: Path) -> tuple[int, str]:
    """Length of the byte order mark, and the encoding."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return len(mark), name
    sample = head[:4000]
    if len(sample) >= 8 and sample[1::2].count(0) > len(sample) // 3:  # noqa: PLR2004 - too short to tell
        return 0, "utf-16-le"
    if len(sample) >= 8 and sample[::2].count(0) > len(sample) // 3:  # noqa: PLR2004
        return 0, "utf-16-be"
    if head.count(0) > len(head) // 100:
        raise bad_file(path, "this is no text file", cause="it holds zero bytes")
    try:
        io.TextIOWrapper(io.BytesIO(head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1 or len(head)]), "utf-8").read()
    except UnicodeDecodeError:
        return 0, "cp1252"
    return 0, "utf-8"


def _cut(text: bytes) -> int:
    """Where to cut: behind the last end of line that is not within quotes; 0 = nowhere."""
    cut = text.rfind(b"\n") + 1
    if not cut or b'"' not in text or not text.count(b'"', 0, cut) % 2:
        return cut
    # an odd quote: within a quoted text of several lines, or a stray one; look a little further back
    tail = text.count(b'"', 0, cut)
    for _ in range(_MOST_LINES_IN_QUOTES):
        earlier = text.rfind(b"\n", 0, cut - 1) + 1
        if not earlier:
            break
        tail -= text.count(b'"', earlier, cut)
        cut = earlier
        if not tail % 2:
            return cut
    return text.rfind(b"\n") + 1

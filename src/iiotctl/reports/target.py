"""Where output goes: stdout, or a file that appears complete or not at all."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from iiotctl.errors import UsageError
from iiotctl.store.layout import Layout


def keep_out_of_store(output: Path, *, flag: str = "--output") -> None:
    """Refuse a place inside any store, where only capture writes; a link into one is inside too.

    Raises:
        UsageError: `output-in-store`.
    """
    try:
        place = output.resolve()
    except (OSError, RuntimeError):  # a loop of links: opening it will say so
        return
    for folder in (place, *place.parents):
        if os.path.lexists(Layout(folder).store_toml):
            raise UsageError(
                "output-in-store",
                "the output lies inside a store, where only capture writes",
                where=str(output),
                cause=f"`{folder}` holds a `store.toml`",
                hint=f"choose another folder, e.g. `{flag} ~/FILE`",
            )


def check_place(output: Path | None, *, force: bool | None = None, flag: str = "--output") -> None:
    """Refuse a place that `staged` would refuse, before work that takes long; None and `-` are stdout.

    Args:
        output: the place.
        force: what is there may be replaced; None = the command knows no `--force`.
        flag: which option named the place.

    Raises:
        UsageError: see `staged`.
    """
    if output is None or str(output) == "-":
        return
    keep_out_of_store(output, flag=flag)
    try:
        if output.is_dir():
            raise _unwritable(output, os.strerror(errno.EISDIR), flag)
        if output.is_file() and not force:
            raise _exists(output, force)
        if not output.parent.is_dir():
            raise _unwritable(output, os.strerror(errno.ENOENT), flag)
    except OSError as error:
        raise _unwritable(output, error.strerror, flag) from error


@contextmanager
def staged(output: Path, *, force: bool | None = None, flag: str = "--output") -> Iterator[Path]:
    """A path to write to; when the block ends well it becomes `output`, synced, in one step.

    Devices and pipes (`/dev/null`) are handed out as they are.

    Raises:
        UsageError: `output-in-store`; `output-exists` without `force`; `output-unwritable`.
    """
    check_place(output, force=force, flag=flag)
    if output.exists() and not output.is_file():
        yield output
        return
    try:
        stage = output.with_name(f".{output.name}.{os.getpid()}.tmp")
        stage.touch(mode=0o666, exist_ok=True)
    except OSError as error:
        raise _unwritable(output, error.strerror, flag) from error
    try:
        yield stage
        try:
            _publish(stage, output, force=force)
        except OSError as error:
            raise _unwritable(output, error.strerror, flag) from error
    finally:
        with suppress(OSError):
            stage.unlink()


def _publish(stage: Path, output: Path, *, force: bool | None) -> None:
    with stage.open("rb+") as file:
        os.fsync(file.fileno())
    if not force:
        try:
            os.link(stage, output)  # unlike a rename it never replaces a file that came up meanwhile
        except FileExistsError:
            raise _exists(output, force) from None
        except OSError:  # a file system without hard links
            if output.exists():
                raise _exists(output, force) from None
        else:
            return
    stage.replace(output)


def _exists(output: Path, force: bool | None) -> UsageError:
    return UsageError(
        "output-exists",
        "the output file is there already; nothing was written",
        where=str(output),
        hint="choose another name, or " + ("remove it first" if force is None else "replace it with `--force`"),
    )


def _unwritable(output: Path, cause: str | None, flag: str) -> UsageError:
    return UsageError(
        "output-unwritable",
        "the output file cannot be written",
        where=str(output),
        cause=cause,
        hint=f"choose a folder of your own: `{flag} FILE`",
    )


@contextmanager
def binary(output: Path | None, *, force: bool | None = None) -> Iterator[BinaryIO]:
    """A stream of bytes to `output`, or to stdout when it is None or `-`.

    Raises:
        UsageError: see `staged`.
        BrokenPipeError: the reader of stdout has gone.
    """
    if output is not None and str(output) != "-":
        with staged(output, force=force) as stage, _named(output), stage.open("wb") as file:
            yield file
            file.flush()
        return
    stream = getattr(sys.stdout, "buffer", None)
    if stream is not None:
        sys.stdout.flush()
        yield stream
        stream.flush()
        return
    kept = io.BytesIO()
    yield kept
    sys.stdout.write(kept.getvalue().decode("utf-8", "replace"))


@contextmanager
def _named(output: Path) -> Iterator[None]:
    """A full disk said of the file that found no room; else it would pass for stdout's."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(output)) from None
        raise


class TextOut:
    """Text into a stream of bytes, line ends as given; what the encoding lacks is written as `\\xe4`."""

    def __init__(self, stream: BinaryIO, encoding: str = "utf-8") -> None:
        self._stream = stream
        self.encoding = encoding

    def write(self, words: str) -> int:
        """Write text."""
        return self._stream.write(words.encode(self.encoding, "backslashreplace"))

    def flush(self) -> None:
        """Let the reader see what was written."""
        self._stream.flush()


def is_terminal(output: Path | None) -> bool:
    """Whether a person will see the output as it is written."""
    if output is not None and str(output) != "-":
        return False
    try:
        return sys.stdout.isatty()
    except ValueError:  # closed
        return False


def binary_to_terminal(what: str) -> UsageError:
    """Bytes on a screen help nobody."""
    return UsageError(
        "binary-to-terminal",
        f"{what} is not for the terminal",
        hint="name a file with `--output FILE`, or pipe it into one",
    )

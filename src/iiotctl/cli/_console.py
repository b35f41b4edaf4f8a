"""What goes to stderr, and how: colour policy, quiet and verbose, lines for people.

Data goes to stdout through `iiotctl.reports`; everything else goes through here. Text that came from a
device is made harmless first: a server must not be able to move the cursor of an engineer's terminal, nor to write
a line that looks like one of ours. So every text shown is one line; a layout of several hands them over one by one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from iiotctl.events import Event


@dataclass(slots=True)
class Settings:
    """Choices of this process; set by the options in `_options.py`."""

    color: str = "auto"
    quiet: bool = False
    verbose: int = 0
    json_lines: bool = False
    """`--log-format json`: everything on stderr is one JSON object a line, see `_log.py`."""
    words: tuple[str, ...] = ()
    """The command line."""


settings = Settings()


def reset(words: Sequence[str] = ()) -> None:
    """Forget the choices of an earlier command line (tests run many in one process); `words` are the new one."""
    settings.words = tuple(words)
    settings.color, settings.quiet, settings.verbose, settings.json_lines = "auto", False, 0, False


_STYLES: Final = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def harmless(text: str) -> str:
    """Text as one line; see `reports.values.harmless`."""
    from iiotctl.reports import values

    return values.harmless(text)


def uses_color(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: flag > NO_COLOR > FORCE_COLOR > a terminal that is not dumb."""
    if settings.color != "auto":
        return settings.color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sits behind `stream` and cursor movement works there."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (ValueError, AttributeError):  # closed; or None, where the process was started without it
        return False


def shows_symbols(stream: TextIO) -> bool:
    """Whether braille, bars and shapes can be shown: by encoding; the console of Linux without a desktop has none."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "") == "utf8" and os.environ.get("TERM") != "linux"


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """`text` in colour where the policy allows it; `styles` are keys such as "red" and "bold"."""
    if not uses_color(stream or sys.stderr):
        return text
    codes = ";".join(_STYLES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m"


def _line(text: str) -> None:
    """A line as it is."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # The last place to complain to is gone; the exit code still tells.
        return


def say(*lines: str) -> None:
    """Lines about the work, most often one; off with `-q`."""
    if settings.quiet:
        return
    if settings.json_lines:
        record("info", "message", "\n".join(lines))
    else:
        for text in lines:
            _line(harmless(text))


def detail(text: str, level: int = 1) -> None:
    """One line shown with `-v` (level 1) or `-vv` (level 2)."""
    if settings.verbose < level:
        return
    if settings.json_lines:
        record("debug", "message", text)
    else:
        _line(paint(harmless(text), "dim"))


def warn(text: str) -> None:
    """`warning: …`, shown even with `-q`."""
    if settings.json_lines:
        record("warning", "message", text)
    else:
        _line(f"{paint('warning:', 'yellow', 'bold')} {harmless(text)}")


def record(level: str, event: str, message: str, fields: dict[str, object] | None = None) -> None:
    """One JSON object, with `--log-format json`; see `_log.line`."""
    from iiotctl.cli._log import line

    _line(line(level, event, message, fields or {}))


def complain(text: str) -> None:
    """Lines of an error; made harmless and styled by the caller."""
    if settings.json_lines:
        record("error", "message", text)
    else:
        _line(text)


def suggest(command: str) -> None:
    """The next command to try; only for a person at a terminal, off with `-q`."""
    if not settings.quiet and not settings.json_lines and is_terminal(sys.stderr):
        _line(f"{paint('next:', 'green', 'bold')} {harmless(command)}")


def show_event(event: Event) -> None:
    """An event of the core as one line: warnings always, notices unless `-q`, the rest with `-v`."""
    from iiotctl.cli._wording import placed
    from iiotctl.events import Level

    if settings.json_lines:
        from iiotctl.cli._log import is_shown, of_event

        if is_shown(event, settings.quiet, settings.verbose):
            _line(of_event(event))
        return
    text = placed(event.text, event.source, event.tag)
    if event.level >= Level.WARNING:
        warn(text)
    elif event.level >= Level.NOTICE:
        say(text)
    else:
        detail(text, level=1 if event.level >= Level.INFO else 2)


def rich_console(stream: TextIO | None = None) -> Console:
    """A rich console that follows the colour policy; stderr unless told."""
    from rich.console import Console

    target = stream or sys.stderr
    colour = uses_color(target)
    return Console(
        file=target,
        force_terminal=True if colour else None,
        no_color=not colour,
        highlight=False,
        emoji=False,
        markup=False,
    )

"""Files that an answer had to do without: told once each, and with `--strict` the end of the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError
from iiotctl.events import Event, Level

_SLUG: Final = "file-left-out"


def left_out(path: Path, cause: str) -> Event:
    """The event of a file that is damaged, foreign or gone."""
    return Event(Level.WARNING, _SLUG, f"left out {path}: {cause}")


class Omissions:
    """A notice that passes events on, each file once, and remembers whether anything was left out."""

    def __init__(self, notice: Callable[[Event], None]) -> None:
        self._notice = notice
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        if event.slug == _SLUG:
            if event.text in self._said:
                return
            self._said.add(event.text)
        self._notice(event)

    def end(self, store: Path, *, strict: bool) -> None:
        """To be called when the answer is out.

        Raises:
            StoreError: `store-incomplete`, with `strict` and after something was left out.
        """
        if strict and self._said:
            count = len(self._said)
            raise StoreError(
                "store-incomplete",
                f"the answer is incomplete: {count} file{'s' if count != 1 else ''} had to be left out",
                where=str(store),
                hint="`iiotctl store verify` says what is damaged or missing",
            )

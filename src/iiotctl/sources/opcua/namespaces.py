"""A server's namespace array, remembered between connections and runs: tags that name an index rely on its order."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from iiotctl.events import Event, Level
from iiotctl.sources.base import CapturedTag

_SHOWN = 10


class NamespaceMemory:
    """What was seen last.

    Args:
        source: name of the source.
        folder: where it is remembered; None = only as long as this lives.
    """

    def __init__(self, source: str, folder: Path | None) -> None:
        self._file = None if folder is None else folder / f"opcua-{source}.json"
        self._known: list[str] | None = None

    def note(self, namespaces: Sequence[str], tags: Iterable[CapturedTag]) -> Event | None:
        """Take the array of a new connection; a warning when it changed while tags rely on bare indexes."""
        before, self._known = self._known or self._recall(), list(namespaces)
        self._remember()
        if before is None or before == self._known:
            return None
        bare = [
            captured.tag.name
            for captured in tags
            if captured.tag.address.startswith("ns=") and not captured.tag.address.startswith("ns=0;")
        ]
        if not bare:
            return None
        text = (
            f"the server's namespaces changed and {len(bare)} tags name theirs by index: they may now be other "
            "nodes; write `nsu=URI;…` instead of `ns=N;…`"
        )
        data: dict[str, object] = {"before": before, "now": self._known, "tags": bare[:_SHOWN]}
        return Event(Level.WARNING, "namespaces-changed", text, data=data)

    def _recall(self) -> list[str] | None:
        if self._file is None:
            return None
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return [str(uri) for uri in known["namespaces"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _remember(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps({"namespaces": self._known}), encoding="utf-8")

"""How other processes see and steer a running capture: a status file and request files under the store.

Files instead of a socket: they work on every system, need no port and survive a crash of either side.
`run/status.json` is replaced atomically every second. A request is a file `run/requests/<id>.json`; the
answer is `run/requests/<id>.done`, written when the work is done.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.capture.disk import is_full
from iiotctl.errors import StoreError

if TYPE_CHECKING:
    from iiotctl.capture.ballast import Ballast

STATUS_SCHEMA: Final = "iiotctl.capture-status/v1"
_POLL_S: Final = 0.05
_BLOCK: Final = 4096
_STALE_S: Final = 15.0
"""A status not renewed for so long comes from a process that is gone or hangs."""


class Action(StrEnum):
    """What can be asked of a running capture."""

    RELOAD = "reload"
    SEAL = "seal"
    STOP = "stop"
    TAGS = "tags"
    """How complete each tag is so far."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request found in the folder."""

    id: str
    action: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a running capture said.

    Attributes:
        ok: it was done.
        message: one sentence.
        details: error fields when it was refused, figures when it was done.
    """

    ok: bool
    message: str
    details: dict[str, Any]


def _folder(store: Path) -> Path:
    return store / "run"


def _encode(document: object) -> bytes:
    # blanks up to whole blocks leave room for a status that grows a little: see `_write_over`
    text = json.dumps(document, ensure_ascii=True, allow_nan=False).encode()
    return text.ljust(-(-(len(text) + 1) // _BLOCK) * _BLOCK - 1) + b"\n"


def _write_over(path: Path, document: object) -> None:
    """Into the file that is there: needs no room. A reader in this very moment may find it torn, and reads again."""
    data = _encode(document)
    with path.open("r+b") as file:
        if len(data) <= file.seek(0, os.SEEK_END):
            file.seek(0)
            file.write(data)
            file.truncate()


def _write(path: Path, document: object) -> None:
    temporary = path.with_suffix(f".{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(_encode(document))
        # on Windows a reader may hold the file for a moment
        for attempt in range(5):
            try:
                temporary.replace(path)
            except PermissionError:
                time.sleep(0.01 * attempt)
            else:
                return
    finally:
        temporary.unlink(missing_ok=True)


class Control:
    """The side of the running capture.

    Args:
        store: the store's folder.
        ballast: room to give up when the disk is full.
    """

    def __init__(self, store: Path, ballast: Ballast | None = None) -> None:
        self._ballast = ballast
        self._status = _folder(store) / "status.json"
        self._requests = _folder(store) / "requests"
        self._requests.mkdir(parents=True, exist_ok=True)
        for left in self._requests.iterdir():  # of an earlier run
            with suppress(OSError):
                left.unlink()

    def publish(self, status: dict[str, object]) -> None:
        """Replace the status; a disk that refuses it must not stop the capture."""
        document = {"schema": STATUS_SCHEMA, **status}
        try:
            _write(self._status, document)
        except OSError as error:
            with suppress(OSError):
                if is_full(error) and self._ballast is not None and self._ballast.give_up():
                    _write(self._status, document)
                else:
                    _write_over(self._status, document)

    def requests(self) -> list[Request]:
        """Requests not answered yet, oldest first."""
        found = []
        with suppress(OSError):
            for path in sorted(self._requests.glob("*.json"), key=lambda item: item.name):
                with suppress(OSError, ValueError):
                    document = json.loads(path.read_text(encoding="utf-8"))
                    found.append(Request(path.stem, str(document.get("action", ""))))
        return found

    def answer(self, request: Request, answer: Answer) -> None:
        """Say how a request went and take it away."""
        with suppress(OSError):
            document = {"ok": answer.ok, "message": answer.message, "details": answer.details}
            _write(self._requests / f"{request.id}.done", document)
        with suppress(OSError):
            (self._requests / f"{request.id}.json").unlink(missing_ok=True)

    def close(self, status: dict[str, object]) -> None:
        """The capture ends: the last status says so."""
        self.publish(status)


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs here."""
    if os.name == "nt":  # pragma: no cover - not run on Windows
        import ctypes

        kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined]
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if handle:
            kernel.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read_status(store: Path) -> dict[str, Any] | None:
    """The latest status of a capture on this store, or None when there never was one.

    `running` tells whether the process still lives, `fresh` whether it renewed the status lately, `age_s` how
    many seconds ago that was. Of a capture that does not run the sources show no state and no rate.
    """
    status = _read(_folder(store) / "status.json")
    if status is None:
        return None
    running = status.get("state") != "stopped" and is_alive(int(status.get("pid", -1)))
    age = time.time() - float(status.get("updated_us", 0)) / 1e6
    if not running:
        status["sources"] = [{**source, "state": "ended", "rate": 0.0} for source in status.get("sources", ())]
    return {**status, "running": running, "fresh": running and abs(age) < _STALE_S, "age_s": round(age, 3)}


def _read(path: Path) -> dict[str, Any] | None:
    for again in (True, False):
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            return None
        except ValueError:
            if again:
                time.sleep(_POLL_S)
            continue
        return found
    return None


def not_running(store: Path) -> StoreError:
    """The error for what only a running capture can do."""
    return StoreError(
        "capture-not-running",
        "no capture runs on this store",
        where=str(store),
        hint="`iiotctl capture` starts one; `--store` and `--site` say which store is meant",
    )


def ask(
    store: Path,
    action: Action,
    *,
    timeout_s: float = 30.0,
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Answer:
    """Ask the capture on this store to do something and wait until it has.

    Raises:
        StoreError: `capture-not-running`, or `capture-no-answer` after `timeout_s`.
    """
    status = read_status(store)
    if status is None or not status["running"]:
        raise not_running(store)
    folder = _folder(store) / "requests"
    name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
    done = folder / f"{name}.done"
    _write(folder / f"{name}.json", {"action": str(action)})
    deadline = monotonic() + timeout_s
    while monotonic() < deadline:
        with suppress(OSError, ValueError):
            document = json.loads(done.read_text(encoding="utf-8"))
            done.unlink(missing_ok=True)
            return Answer(bool(document["ok"]), str(document["message"]), dict(document["details"]))
        sleep(_POLL_S)
    (folder / f"{name}.json").unlink(missing_ok=True)
    raise StoreError(
        "capture-no-answer",
        f"the capture (process {status.get('pid')}) did not answer within {timeout_s:.0f} s",
        where=str(store),
        hint="`iiotctl capture status` shows what it is doing",
        retriable=True,
    )

"""Status and request files, without a capture behind them."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path

import pytest

from iiotctl.capture import control
from iiotctl.capture.ballast import SIZE, Ballast
from iiotctl.capture.control import Action, Answer, Control
from iiotctl.errors import StoreError


def test_requests_of_an_earlier_run_are_not_served(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "requests"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text('{"action": "stop"}')
    assert Control(tmp_path).requests() == []


def test_a_status_of_a_process_that_is_gone_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text(json.dumps({"pid": 2**22 + 1, "state": "running", "updated_us": 1}))
    status = control.read_status(tmp_path)
    assert status is not None
    assert not status["running"]


def _running(store: Path) -> Control:
    found = Control(store)
    found.publish({"pid": os.getpid(), "state": "running", "updated_us": time.time_ns() // 1000})
    return found


def test_a_request_is_answered_once(tmp_path: Path) -> None:
    found = _running(tmp_path)

    def serve() -> None:
        while not (requests := found.requests()):
            time.sleep(0.01)
        found.answer(requests[0], Answer(True, "done", {"files": 3}))

    thread = threading.Thread(target=serve)
    thread.start()
    assert control.ask(tmp_path, Action.SEAL) == Answer(True, "done", {"files": 3})
    thread.join()
    assert found.requests() == []
    assert list((tmp_path / "run" / "requests").iterdir()) == []


def test_a_capture_that_does_not_answer_is_an_error_and_leaves_no_request(tmp_path: Path) -> None:
    found = _running(tmp_path)
    with pytest.raises(StoreError) as caught:
        control.ask(tmp_path, Action.RELOAD, timeout_s=0.1)
    assert caught.value.slug == "capture-no-answer"
    assert found.requests() == []


def test_nonsense_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    found = _running(tmp_path)
    (tmp_path / "run" / "requests" / "0.json").write_text("{")
    (tmp_path / "run" / "status.json").write_text("[")
    assert found.requests() == []
    assert control.read_status(tmp_path) is None


def test_a_status_finds_room_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast = Ballast(tmp_path)
    found = Control(tmp_path, ballast)
    assert ballast.take()
    found.publish({"pid": os.getpid(), "state": "running", "updated_us": 1})
    plain = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if ballast.is_held or not gives_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    gives_room = True
    found.publish({"pid": os.getpid(), "state": "running", "updated_us": 2})
    assert not ballast.is_held
    status = control.read_status(tmp_path)
    assert status is not None
    assert status["updated_us"] == 2
    gives_room = False  # somebody else took what was given up: what is there is written over
    found.publish({"pid": os.getpid(), "state": "running", "updated_us": 3})
    status = control.read_status(tmp_path)
    assert status is not None
    assert status["updated_us"] == 3
    assert status["age_s"] > 1000


def test_ballast_is_not_taken_from_a_disk_with_little_room(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    ballast = Ballast(tmp_path, usage=lambda _: (10**9, 10**9, SIZE))
    assert not ballast.take()
    assert not ballast.give_up()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_capture_that_has_stopped_shows_no_live_sources(tmp_path: Path) -> None:
    source = {"name": "one", "state": "running", "rate": 5.0}
    Control(tmp_path).publish({"pid": os.getpid(), "state": "stopped", "updated_us": 1, "sources": [source]})
    status = control.read_status(tmp_path)
    assert status is not None
    assert status["sources"] == [{"name": "one", "state": "ended", "rate": 0.0}]

"""`browse modbus-…` as a user meets it: honest counts before, an honest end after; no connection is opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import pytest

from iiotctl.cli.app import run
from iiotctl.ops import modbus_browse
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.identity import Identity
from tests.cli.shell import assert_our_form

URL = "modbus-tcp://192.0.2.1/1"
Answer = Callable[[int], "bytes | Failure"]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """A device that answers its n-th probe as it is told; it does not say who it is."""

    def answers(answer: Answer) -> None:
        class Conversation:
            sent = 0
            asking = None

            def __init__(self, *_: object, **__: object) -> None:
                pass

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def run(self, work: Coroutine[Any, Any, object]) -> Identity:
                work.close()
                return Identity(silence="illegal function", is_answered=True)

            def pause(self, _: float) -> None:
                pass

            def ask(self, _: object) -> bytes | Failure:
                Conversation.sent += 1
                return answer(Conversation.sent)

        monkeypatch.setattr(modbus_browse, "Conversation", Conversation)

    return answers


def busy(_: int) -> Failure:
    return Failure(Kind.REFUSED, code=6)


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> tuple[str, str]:
    assert run(["browse", URL, *words]) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_what_all_fails_is_nothing_found(device: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]) -> None:
    device(busy)
    out, err = told(capsys, "--range", "holding:0-63", "--format", "json", code=8)
    assert [row["state"] for row in json.loads(out)["rows"]] == ["failed"]
    assert "addresses: 64 failed" in err


@pytest.mark.parametrize("toml", [True, False])
def test_no_list_without_tags(
    toml: bool, device: Callable[[Answer], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    device(busy)
    file = tmp_path / "tags"
    where = ["--toml", "-o", str(file)] if toml else ["--tags-csv", str(file)]
    _, err = told(capsys, "--range", "holding:0-63", *where, code=8)
    assert "error[browse-empty]: none of 64 addresses could be read" in err
    assert "addresses: 64 failed" in err
    assert not file.exists()


def test_ctrl_c_keeps_what_was_read(device: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]) -> None:
    def stopped_at_the_second(number: int) -> bytes:
        if number == 2:
            raise KeyboardInterrupt
        return bytes(64)

    device(stopped_at_the_second)
    out, err = told(capsys, "--range", "holding:0-99", "--format", "json", code=130)
    rows = json.loads(out)["rows"]
    assert [row["address"] for row in rows] == [f"holding:{at}" for at in range(32)] + ["holding:32-99"]
    assert "addresses: 32 exists, 68 not asked" in err
    assert "warning: holding:32-99 was not asked for: interrupted" in err


def test_a_dry_run_counts_what_will_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = told(capsys, "--range", "holding:0-65535", "--dry-run", "--format", "json", code=0)
    requests = [row["request"] for row in json.loads(out)["rows"]]
    assert requests[:3] == [
        "unit 1 FC 43/14 identification, basic objects",
        "unit 1 FC 43/14 identification, regular objects if there are any",
        "unit 1 FC 3 holding:0-31",
    ]
    assert "identification: 1 request, 2 if there are regular objects; at most 64, when they come in pieces" in err
    assert (
        "registers: 2048 requests would be needed; it stops after 500, about 1 min 00 s, with most addresses unasked"
        in err
    )
    assert "`--max-requests`" in err


def test_a_dry_run_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = told(capsys, "--range", "holding:0-99", "--dry-run", code=0)
    assert "registers: 4 requests when every address exists, about 0.5 s; at most 196 when many do not" in err
    _, err = told(capsys, "--dry-run", code=0)
    assert "identification: 1 request" in err
    assert "registers" not in err


def test_a_list_that_is_there_is_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "tags.csv"
    file.write_text("mine")
    _, err = told(capsys, "--range", "holding:0-9", "--tags-csv", str(file), code=2)
    assert_our_form(err, "output-exists")
    assert err.endswith("hint: choose another name, or remove it first\n")

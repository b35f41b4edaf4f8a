"""`iiotctl capture` as a process over the simulated plant: signals, exit codes, status, reload, refusals."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import rig

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]

NOBODY = """
[sources.nobody]
type = "modbus-tcp"
host = "127.0.0.1"
port = 1
[[tags]]
name = "nobody.tag"
source = "nobody"
address = "holding:0"
"""


def _ask(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(rig.command(*words), capture_output=True, text=True, timeout=120)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[rig.Plant]:
    with rig.plant(tmp_path / "plant") as running:
        yield running


def test_a_day_of_a_capture(plant: rig.Plant, tmp_path: Path) -> None:
    """One story instead of ten, because every start costs seconds."""
    store = tmp_path / "store"
    capture = rig.Capture.start(plant.site, store)
    capture.wait_commits(3)

    second = _ask("capture", "--site", plant.site, "--store", store, "--for", "1s")
    assert second.returncode == 5
    assert "error[store-locked]" in second.stderr
    assert f"process {capture.process.pid}" in second.stderr

    status = json.loads(_ask("capture", "status", "--store", store, "--format", "json").stdout)
    assert status["running"]
    assert status["pid"] == capture.process.pid
    assert {source["name"] for source in status["sources"]} == {"press1", "cooling1", "meter1", "line1"}
    assert "capture   running" in _ask("capture", "--store", store, "status").stdout

    # a tag leaves; the others must not notice
    text = plant.site.read_text()
    blocks = text.split("[[tags]]")
    gone = re.search(r'name = "(press1\.[^"]+)"', blocks[1])
    assert gone is not None
    plant.site.write_text(blocks[0] + "[[tags]]" + "[[tags]]".join(blocks[2:]))
    done = _ask("capture", "reload", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "0 tags added, 1 removed, 0 changed" in done.stderr

    plant.site.write_text(text.replace("[sources.press1]", "[sources.press1]\nspeed = 3"))
    refused = _ask("capture", "reload", "--store", store)
    assert refused.returncode == 3
    assert "error[reload-refused]" in refused.stderr
    assert "site.toml:" in refused.stderr
    plant.site.write_text(text)
    capture.process.send_signal(signal.SIGHUP)
    rig.wait_for(lambda: any("1 tag added" in line for line in capture.lines), 60)

    at = capture.commits
    capture.wait_commits(at + 3)
    assert capture.end(signal.SIGTERM) == 143, "\n".join(capture.lines)
    assert capture.lines[-1].startswith("durable until ")
    assert not list(store.glob("spool/*.seg"))
    found, table = rig.samples(store), rig.gaps(store)
    assert table["reason"].to_list().count("restart") == 0
    untouched = found.filter(found["tag"] == "cooling1.pressure")
    assert untouched.height > 10
    assert rig.gaps_of(table, "cooling1", "cooling1.pressure") == [], "no scan of an untouched source is missing"
    assert found.filter(found["tag"] == gone[1]).height > 0

    interrupted = rig.Capture.start(plant.site, store)
    interrupted.wait_commits(2)
    assert interrupted.end(signal.SIGINT) == 130, "\n".join(interrupted.lines)
    assert not list(store.glob("spool/*.seg"))

    strict = _ask("capture", "--site", plant.site, "--store", store, "--for", "1500ms", "--strict")
    assert strict.returncode == 0, "a planned stop is no finding: " + strict.stderr
    assert "gaps: 4 shutdown" in strict.stderr
    assert not strict.stdout
    assert not [line for line in strict.stderr.splitlines() if "Traceback" in line or "asyncua" in line]

    killed = rig.Capture.start(plant.site, store)
    killed.wait_commits(2)
    killed.kill()
    strict = _ask("capture", "--site", plant.site, "--store", store, "--for", "1500ms", "--strict")
    assert strict.returncode == 1, "a crash is one: " + strict.stderr
    assert "gaps: 4 restart" in strict.stderr


def test_silent_sources_among_others_are_warnings_and_alone_an_error(plant: rig.Plant, tmp_path: Path) -> None:
    plant.site.write_text(plant.site.read_text().replace("[[tags]]", NOBODY + "\n[[tags]]", 1))
    words = ("capture", "--site", plant.site, "--store", tmp_path / "store", "--for", "2s")
    some = _ask(*words, "--source", "press1", "--source", "nobody")
    assert some.returncode == 0, some.stderr
    assert "warning: nobody never answered" in some.stderr
    none = _ask(*words, "--source", "nobody")
    assert none.returncode == 4, none.stderr
    assert "error[source-refused]" in none.stderr  # alone, it says what is wrong with it
    assert "127.0.0.1:1" in none.stderr
    assert "Traceback" not in none.stderr


def test_a_second_ctrl_c_stops_at_once_and_the_next_start_seals(plant: rig.Plant, tmp_path: Path) -> None:
    store = tmp_path / "store"
    capture = rig.Capture.start(plant.site, store)
    capture.wait_commits(3)
    capture.process.send_signal(signal.SIGINT)
    code = None
    while code is None:
        capture.process.send_signal(signal.SIGINT)
        try:
            code = capture.process.wait(0.02)
        except subprocess.TimeoutExpired:
            code = None
    durable = capture.kill()
    assert code == 130
    _ask("capture", "--site", plant.site, "--store", store, "--for", "500ms")
    assert rig.samples(store).height >= durable > 0

"""`doctor`: each judgement with what would make it fail."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from iiotctl.ops import doctor
from iiotctl.ops.doctor import State


def versions(**known: str):
    return lambda name: known.get(name.replace("-", "_"))


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({"tflite_runtime": "2.14.0", "numpy": "1.26.4"}, State.PASS),
        ({"tflite_runtime": "2.14.0", "numpy": "2.1.0"}, State.FAIL),
        ({"ai_edge_litert": "2.3.0", "numpy": "2.5.5"}, State.PASS),
        ({"numpy": "2.5.5"}, State.WARN),
    ],
)
def test_runtime_and_numpy(known: dict[str, str], state: State) -> None:
    check = doctor.judge_runtime(versions(**known))
    assert check.state is state
    assert bool(check.fix) is (state is not State.PASS)


@pytest.mark.parametrize(("state", "outcome"), [(0, State.PASS), (1, State.PASS), (5, State.WARN), (None, State.WARN)])
def test_clock(state: int | None, outcome: State) -> None:
    assert doctor.judge_clock(state).state is outcome


def test_python() -> None:
    assert doctor.judge_python((3, 11, 0)).state is State.PASS
    assert doctor.judge_python((3, 10, 9)).state is State.FAIL


def examined(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, doctor.Check]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(doctor, "_libraries", list)
    return {check.name: check for check in doctor.examine()}


def test_folder_without_site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = examined(tmp_path, monkeypatch)["site-file"]
    assert check.state is State.WARN
    assert "iiotctl init" in check.fix


def test_broken_site_file_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.toml").write_text('schema = 1\n[sight]\nname = "x"\n')
    check = examined(tmp_path, monkeypatch)["site-file"]
    assert check.state is State.FAIL
    assert "site.toml:2" in check.found


@pytest.mark.parametrize(("free", "state"), [(1e9, State.FAIL), (3e9, State.WARN), (100e9, State.PASS)])
def test_disk(free: float, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=int(20e9), used=0, free=int(free))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert examined(tmp_path, monkeypatch)["disk"].state is state


def test_store_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examined(tmp_path, monkeypatch)["store"].state is State.PASS
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.toml").write_text("format = 999\n")
    check = examined(tmp_path, monkeypatch)["store"]
    assert check.state is State.FAIL
    assert check.fix


def test_a_library_that_kills_the_process_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "HEAVY", ("numpy", "no_such_library", "duckdb"))
    numpy, missing = doctor._libraries()
    assert (numpy.state, missing.state) == (State.PASS, State.FAIL)
    assert "no_such_library" in missing.fix


def test_worst() -> None:
    checks = [doctor.Check("a", State.PASS, ""), doctor.Check("b", State.WARN, "")]
    assert doctor.worst(checks) is State.WARN
    assert doctor.worst([]) is State.PASS


def test_time_zones_are_looked_at_once(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[site]\ntimezone = "Asia/Tokyo"\n')
    for path, zone in ((site, "`Asia/Tokyo` is known"), (None, "`Europe/Berlin` is known")):
        checks = doctor.examine(path, tmp_path / "store")
        assert [check.found for check in checks if check.name == "time-zones"] == [zone]

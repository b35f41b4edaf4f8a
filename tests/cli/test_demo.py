"""`iiotctl demo`: ends by itself, leaves a folder to go on with, touches nothing of the user's."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iiotctl.cli.demo import AUDIT, QUESTIONS
from iiotctl.errors import IiotctlError
from iiotctl.ops.demo import USUAL_PORTS, Started, capture_demo, prepare
from iiotctl.simulator.sitefile import site_toml
from iiotctl.site.load import load_site
from tests.cli.shell import assert_our_form, iiotctl


@contextmanager
def _usual_ports_taken() -> Iterator[None]:
    """Tests run side by side: let every demo take ports of its own."""
    taken = []
    for port in USUAL_PORTS:
        probe = socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            probe.close()  # taken by somebody else: as good
        else:
            taken.append(probe)
    try:
        yield
    finally:
        for probe in taken:
            probe.close()


def test_the_whole_demo(tmp_path: Path) -> None:
    with _usual_ports_taken():
        done = iiotctl("demo", cwd=tmp_path, IIOTCTL_STORE=str(tmp_path / "elsewhere"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "iiotctl-demo"
    for command in (*(command for _, command in QUESTIONS), *AUDIT):
        assert f"$ {command}" in done.stderr
    assert "10 tags judged" in done.stdout
    assert "3 disconnected" in done.stderr
    assert "Go on from here" in done.stderr
    assert f"cd {folder.name}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "pymodbus" not in done.stderr
    assert "asyncua" not in done.stderr
    for tag in (
        "press1.hydraulics.pressure",
        "line1.batch.id",
        "cooling1.return_temperature",
        "line1.oven.zone1.temperature",
    ):
        assert tag in done.stdout
    assert "disconnected" in done.stdout
    assert not (tmp_path / "elsewhere").exists()
    assert list((folder / "store").rglob("*.parquet"))

    # the folder goes on: a query of one's own, as the last lines suggest
    broken = re.search(r'iiotctl query "(SELECT ts, value, quality_name.*)"', done.stderr)
    assert broken
    again = iiotctl("query", broken[1], "--format", "json", cwd=folder)
    assert again.returncode == 0, again.stderr
    rows = json.loads(again.stdout)["rows"]
    assert len(rows) >= 15
    assert {row["value"] is None for row in rows} == {True, False}
    assert "BadSensorFailure" in {row["quality"] for row in rows}
    assert all((row["quality"] == "Good") == (row["value"] is not None) for row in rows)


def test_it_goes_on_in_its_own_folder_and_leaves_the_site_file_alone(tmp_path: Path) -> None:
    from iiotctl.store.snapshot import Snapshot

    folder, started = tmp_path / "demo", []
    with _usual_ports_taken():
        first = capture_demo(folder, seconds=2.5, on_start=started.append)
        site = folder / "site.toml"
        site.write_text(site.read_text() + "\n# a note of mine\n")
        second = capture_demo(folder, seconds=2.5, on_start=started.append)
    assert [one.is_new for one in started] == [True, False]
    assert isinstance(started[0], Started)
    assert site.read_text().endswith("# a note of mine\n")
    assert (first.modbus_port, first.opcua_port) == (second.modbus_port, second.opcua_port)
    assert first.summary.stored > 60
    assert second.summary.stored > 60
    with Snapshot.open(folder / "store") as snapshot:
        import polars as pl

        rows = sum(pl.scan_parquet(path).select(pl.len()).collect().item() for path in snapshot.sample_files)
    assert rows == first.summary.stored + second.summary.stored


@pytest.mark.parametrize("name", ["site.toml", "notes.txt"])
def test_a_folder_of_the_user_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine")
    done = iiotctl("demo", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert_our_form(done.stderr, "site-exists" if name == "site.toml" else "demo-folder")
    assert "iiotctl demo my-demo" in done.stderr
    assert os.listdir(tmp_path / "mine") == [name]
    assert (tmp_path / "mine" / name).read_text() == "mine"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = iiotctl("demo", "file", cwd=tmp_path)
    assert done.returncode == 2
    assert_our_form(done.stderr, "folder-unusable")


def test_a_site_file_without_the_demos_sources(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(site_toml("127.0.0.1", 1502, None))
    assert prepare(tmp_path) is False
    with pytest.raises(IiotctlError) as caught:
        capture_demo(tmp_path, seconds=1)
    assert caught.value.slug == "demo-folder"


def test_the_ports_of_an_earlier_demo_are_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "site.toml").write_text(site_toml("127.0.0.1", port, 14840))
        assert load_site(tmp_path / "site.toml")
        with pytest.raises(IiotctlError) as caught:
            capture_demo(tmp_path, seconds=1)
    assert caught.value.slug == "port-unavailable"
    assert str(port) in caught.value.what
    assert "iiotctl demo my-demo" in (caught.value.hint or "")

"""One capture per store; a lock file left behind is no obstacle; a network path is no place for a spool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iiotctl.errors import StoreError
from iiotctl.store import lock
from iiotctl.store.lock import file_system, holder, is_held, refuse_remote
from tests.unit.store.making import open_writer

HOLD = (
    "import sys, time; from pathlib import Path; from iiotctl.store.writer import StoreWriter\n"
    "StoreWriter.open(Path(sys.argv[1]), now_us=lambda: time.time_ns() // 1000); print('held', flush=True); time.sleep(60)"
)


def test_a_second_capture_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(StoreError) as caught:
            open_writer(tmp_path)
        assert caught.value.slug == "store-locked"
        assert str(child.pid) in str(caught.value.cause)
        assert is_held(tmp_path / "lock")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert not is_held(tmp_path / "lock")
    assert holder(tmp_path / "lock") == child.pid, "the file is still there"
    open_writer(tmp_path).close()
    assert holder(tmp_path / "lock") == os.getpid()


def test_a_failed_open_lets_go_of_the_lock(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    (tmp_path / "store.toml").write_text("format = 2\n")
    with pytest.raises(StoreError):
        open_writer(tmp_path)
    assert not is_held(tmp_path / "lock")


MOUNTS = """/dev/sda1 / ext4 rw 0 0
nas:/line /mnt/nas nfs4 rw 0 0
//pc/share /mnt/my\\040share cifs rw 0 0
/dev/sdb1 /mnt/nas/local ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/store", "ext4"),
        ("/mnt/nas/store", "nfs4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nasty/store", "ext4"),
        ("/mnt/my share/a/b", "cifs"),
        ("/mnt/nas/local/store", "ext4"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("root", ["s3://bucket/store", "gs:/bucket/store"])
def test_object_stores_are_refused(root: str) -> None:
    with pytest.raises(StoreError) as caught:
        refuse_remote(Path(root))
    assert caught.value.slug == "store-remote"


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "file_system", lambda path, mounts: "nfs4")
    with pytest.raises(StoreError) as caught:
        open_writer(tmp_path / "store")
    assert caught.value.slug == "store-remote"
    assert not (tmp_path / "store").exists()

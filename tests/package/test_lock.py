"""The lock holds hashes and no address; its two lines of numpy never meet. `make lock-check` installs it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools.lock_check import requirements_for_windows

FILES = ("run.txt", "dev.txt", "build.txt")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def pins(project: Path, name: str) -> list[tuple[str, str, str]]:
    text = (project / "requirements" / name).read_text(encoding="utf-8")
    return PIN.findall(text)


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_nothing_names_an_index(name: str, project: Path) -> None:
    text = (project / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--index|--extra-index|--find-links|@ ", text)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(pins(project, name))
    assert all("--hash=sha256:" in block for block in blocks)


def test_locks_agree(project: Path) -> None:
    run = {(name, marker): version for name, version, marker in pins(project, "run.txt")}
    dev = {(name, marker): version for name, version, marker in pins(project, "dev.txt")}
    different = {key: (version, dev[key]) for key, version in run.items() if key in dev and dev[key] != version}
    assert different == {}


def test_lock_covers_pyproject(project: Path) -> None:
    listed = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    locked = {name for name, _, _ in pins(project, "run.txt")}
    assert {canonicalize_name(Requirement(line).name) for line in listed} <= locked


@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_numpy_fits_the_runtime(system: str, version: str, project: Path) -> None:
    environment = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "win32": "Windows"}[system],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = {
        name: pin
        for name, pin, marker in pins(project, "run.txt")
        if not marker or Marker(marker).evaluate(environment)
    }
    assert ("tflite-runtime" in chosen) is not ("ai-edge-litert" in chosen)
    assert ("tflite-runtime" in chosen) is (int(chosen["numpy"].split(".")[0]) < 2)


def test_windows_lines_have_no_markers() -> None:
    text = requirements_for_windows("3.12")
    assert " ; " not in text
    assert "ai-edge-litert==" in text
    assert "tflite-runtime==" not in text
    assert "tzdata==" in text
    assert text.count("--hash=sha256:") > 40

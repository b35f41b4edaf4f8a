"""The wheel is what users get: built here, installed beside the locked libraries, and used."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the working tree."""
    folder = tmp_path_factory.mktemp("dist")
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=root, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; libraries come from this environment, iiotctl does not."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
    python = venv / "bin" / "python"
    words = [python, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(words, check=True, capture_output=True)
    libraries = venv / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages" / "borrowed.pth"
    # a .pth line appends a folder without running the .pth files in it, so the editable iiotctl stays out
    libraries.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return venv


def run(venv: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([venv / "bin" / words[0], *words[1:]], capture_output=True, text=True, env=env, cwd=venv)


def test_nothing_but_the_package_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("iiotctl-")} == {"iiotctl"}
    assert "iiotctl/error_catalogue.toml" in names
    assert "iiotctl/py.typed" in names


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    done = run(installed, "python", "-c", "import iiotctl; print(iiotctl.__file__)")
    assert done.stdout.startswith(str(installed))


def test_version_and_help(installed: Path) -> None:
    assert run(installed, "iiotctl", "--version").stdout.startswith("iiotctl 0.")
    done = run(installed, "iiotctl", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "capture" in done.stdout
    assert run(installed, "iiotctl", "explain", "bug").returncode == 0


def test_completions_and_man_page_are_installed(installed: Path) -> None:
    for name in (
        "bash-completion/completions/iiotctl",
        "zsh/site-functions/_iiotctl",
        "fish/vendor_completions.d/iiotctl.fish",
        "man/man1/iiotctl.1",
    ):
        assert (installed / "share" / name).stat().st_size > 0, name


def test_sources_are_found_by_entry_point(installed: Path) -> None:
    code = "from iiotctl.sources import registry; print(*[registry.load(name).__name__ for name in registry.names()])"
    done = run(installed, "python", "-c", code)
    assert done.stdout.split() == [
        "ModbusSource",
        "ListenSource",
        *["ModbusSource"] * 3,
        "OpcUaSource",
        "ReplaySource",
    ], done.stderr

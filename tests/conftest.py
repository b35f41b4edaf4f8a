"""Every test sees the same quiet world: UTC, 80 columns, no colour, none of the user's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines that run tests are busy: a slow example is not a wrong one.
settings.register_profile("iiotctl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("iiotctl")

_FORGOTTEN = ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TYPER_USE_RICH", "TERMINAL_WIDTH", "LINES")


@pytest.fixture(autouse=True)
def quiet_world(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Environment for this process and for those that a test starts."""
    for name in [*os.environ]:
        if name.startswith("IIOTCTL_") or name in _FORGOTTEN:
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    for name, folder in {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_STATE_HOME": home / "state",
        "XDG_DATA_HOME": home / "data",
        "XDG_CACHE_HOME": home / "cache",
    }.items():
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PYTHONWARNINGS", "default")


@pytest.fixture
def project() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[1]

"""Variables of the environment that look like ours."""

from __future__ import annotations

import pytest

from iiotctl.cli import app
from iiotctl.cli._environment import strays


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("IIOTCTL_CAPTURE_COMIT", "did you mean `IIOTCTL_CAPTURE_COMMIT`?"),
        ("IIOTCTL_STORE_PATH", "did you mean `IIOTCTL_STORE`?"),
        ("iiotctl_debug", "did you mean `IIOTCTL_DEBUG`?"),
        ("IIOTCTL_BLUE_MOON_RISING", "known: IIOTCTL_CAPTURE_COMMIT,"),
        ("IIOTCTL_STORE", None),
        ("IIOTCTL_PKI", None),
        ("IIOTCTL_CAPTURE_SEAL_EVERY", None),
        ("IIOTCTL_LINE3_PASSWORD", None),
        ("PATH", None),
    ],
)
def test_a_stray_is_named_with_what_was_meant(name: str, said: str | None) -> None:
    found = list(strays({name: "1", "HOME": "/"}))
    assert len(found) == (said is not None)
    assert said is None or (name in found[0] and said in found[0])


def test_it_is_a_warning_and_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IIOTCTL_STOR", "x")
    assert app.run(["explain", "no-site"]) == 0
    assert (
        capsys.readouterr().err == "warning: the variable `IIOTCTL_STOR` has no effect; did you mean `IIOTCTL_STORE`?\n"
    )

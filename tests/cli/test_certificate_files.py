"""`certificate show` and `trust` with files that hold none: an error of usage, in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.cli.app import run
from tests.cli.shell import assert_our_form


@pytest.mark.parametrize("command", ["show", "trust"])
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "No such file or directory"),
        (b"no certificate", "it holds no X.509 certificate in DER or PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds no X.509 certificate"),
    ],
)
def test_a_file_that_holds_none(
    command: str, content: bytes | None, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.der"
    if content is not None:
        file.write_bytes(content)
    assert run(["certificate", command, str(file)]) == 2
    told = capsys.readouterr().err
    assert_our_form(told, "no-certificate")
    assert f"`{file}` is no certificate\n  cause: {cause}" in told
    assert "site file" not in told

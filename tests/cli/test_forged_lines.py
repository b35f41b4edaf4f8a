"""Text of a device, a server, a certificate or a file cannot pose as a line of ours, nor move the cursor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from iiotctl.cli import _console, _failure
from iiotctl.cli._browse_modbus import _tell_identity
from iiotctl.cli.app import run
from iiotctl.cli.certificate import _show_report
from iiotctl.errors import SourceError
from iiotctl.events import Event, Level
from iiotctl.ops.certificate import Report
from iiotctl.ops.modbus_browse import Found
from iiotctl.sources.modbus.identity import Identity
from iiotctl.sources.opcua.judgement import Judgement, Side, State

FORGED = "line3\r\nSHA-256   29c9\x1b[2J\x9b1m\u202e"
SHOWN = "line3\\r\\nSHA-256   29c9\\x1b[2J\\x9b1m\\u202e"


@pytest.mark.parametrize("tell", [_console.say, _console.warn, _console.detail, _console.suggest])
def test_a_line_is_one_line(
    tell: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_console.settings, "verbose", 1)
    monkeypatch.setattr(_console, "is_terminal", lambda _: True)
    tell(FORGED)
    told = capsys.readouterr().err
    assert SHOWN in told
    assert told.count("\n") == 1


def test_lines_of_a_layout_are_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    _console.say("first", FORGED)
    assert capsys.readouterr().err == f"first\n{SHOWN}\n"


def test_an_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    _console.show_event(Event(Level.WARNING, "source-down", FORGED, "oven", "oven.\ntemp"))
    assert capsys.readouterr().err == f"warning: oven.\\ntemp: {SHOWN}\n"


def test_each_part_of_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = SourceError("source-refused", FORGED, where=FORGED, cause=FORGED, hint=FORGED)

    def work() -> None:
        raise error

    assert _failure.guard(work, ()) == 4
    assert capsys.readouterr().err == (
        f"error[source-refused]: {SHOWN}\n  where: {SHOWN}\n  cause: {SHOWN}\n\nhint: {SHOWN}\n"
    )


def test_a_cause_of_several_lines_is_said_to_be_one() -> None:
    error = SourceError("no-source-reached", "none answered", cause=("oven: dead", FORGED))
    assert error.cause == f"oven: dead\n{FORGED}"
    assert _failure.render(error).splitlines()[1:] == ["  cause: oven: dead", f"         {SHOWN}"]


def test_the_identity_of_a_modbus_device(capsys: pytest.CaptureFixture[str]) -> None:
    _tell_identity(Found(Identity({"ProductCode": FORGED}, silence=FORGED), (), 0))
    assert capsys.readouterr().err == (f"ProductCode: {SHOWN}\nnot all of its identification came: {SHOWN}\n")


def forged_certificate(path: Path) -> Path:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, FORGED)])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36_500))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier("urn:x"), x509.DNSName("line3\nSHA-256   29c9\n")]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.DER))
    return path


def test_a_certificate_cannot_forge_a_fingerprint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IIOTCTL_PKI", str(tmp_path / "pki"))
    file = forged_certificate(tmp_path / "line3.der")
    assert run(["certificate", "show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "names            line3\\nSHA-256   29c9\\n\n" in shown
    assert "\x1b" not in shown
    assert len([line for line in shown.splitlines() if line]) == 11
    assert run(["certificate", "trust", str(file)]) == 2
    asked = capsys.readouterr().err
    assert sum(line.startswith("SHA-256 ") for line in asked.splitlines()) == 1
    assert "made for  line3\\nSHA-256   29c9\\n\n" in asked


def test_what_a_server_calls_itself(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("opc.tcp://plc7:4840", server={"name": FORGED, "product": ""})
    report.judgements.append(Judgement(Side.SERVER, "ApplicationUri", State.FAIL, FORGED, FORGED))
    _show_report(report, quiet=False)
    assert capsys.readouterr().out.splitlines() == [
        f"opc.tcp://plc7:4840 {SHOWN}",
        "",
        "the server's certificate",
        f"  fail  ApplicationUri  {SHOWN}",
        f"        fix: {SHOWN}",
    ]

"""The certificate doctor against node-opcua servers with something wrong, and a certificate that changes under a capture."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iiotctl.capture.control import read_status
from iiotctl.errors import SourceError
from iiotctl.ops.browse import Wish
from iiotctl.ops.certificate import check, describe
from iiotctl.ops.certificate_store import candidate, create, now_utc, shown_by, trust
from iiotctl.ops.init_browse import init_from_browse
from iiotctl.ops.opcua_target import target_of
from iiotctl.ops.read import Access, prepare, rounds
from iiotctl.sources.opcua.judgement import Judgement, State
from tests.cli.shell import assert_our_form, iiotctl
from tests.integration.opcua_peer import URI, Server, make_pair, running
from tests.peers import require_tool

pytestmark = pytest.mark.integration
SECURE = "Basic256Sha256-SignAndEncrypt"


def checked(server: Server, *, connect: bool = False) -> dict[str, Judgement]:
    """The checks of `certificate check` by side and name."""
    report = check(target_of(server.url), connect=connect)
    return {f"{each.side}: {each.name}": each for each in report.judgements}


def trusted(server: Server, pki: Path) -> None:
    """As `certificate trust URL --yes`."""
    trust(pki, candidate(pki, server.url, now=now_utc()))


def read(server: Server) -> SourceError:
    """The error of a secure `read`."""
    request = prepare(server.url, [f"nsu={URI};s=Float"], security=Access(SECURE))
    with pytest.raises(SourceError) as caught:
        list(rounds(request))
    return caught.value


def failures(found: dict[str, Judgement]) -> set[str]:
    return {name for name, each in found.items() if each.state is State.FAIL}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of certificates for each test."""
    monkeypatch.setenv("IIOTCTL_PKI", str(tmp_path / "pki"))
    return tmp_path / "pki"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("good")
    certificate, key = make_pair(folder, "server")
    with running(folder, certificate=str(certificate), key=str(key)) as started:
        yield started


def test_from_unknown_to_well(server: Server, own_folder: Path) -> None:
    """The whole way by commands."""
    first = iiotctl("certificate", "check", server.url, "--format", "json")
    assert first.returncode == 1, first.stderr
    report = json.loads(first.stdout)
    assert (report["schema"], report["state"], report["server"]["product"]) == (
        "iiotctl.certificates/v1",
        "fail",
        "node-opcua",
    )
    failed = [each for each in report["checks"] if each["state"] == "fail"]
    assert [(each["side"], each["check"]) for each in failed] == [("trust", "we trust the server")]
    assert f"`iiotctl certificate trust {server.url}`" in failed[0]["fix"]
    assert not own_folder.exists(), "looking changes nothing"
    nobody = iiotctl("certificate", "trust", server.url)
    assert nobody.returncode == 2
    assert not (own_folder / "trusted").exists()
    wrong = iiotctl("certificate", "trust", server.url, "--fingerprint", "00" * 32)
    assert wrong.returncode == 4
    assert_our_form(wrong.stderr, "opcua-fingerprint")
    (shown,) = shown_by(server.url)
    thumbprint = str(describe(shown.certificate)["sha1_thumbprint"]).upper()
    right = iiotctl("certificate", "trust", server.url, "--fingerprint", thumbprint)
    assert right.returncode == 0, right.stderr
    assert Path(right.stdout.strip()).parent == own_folder / "trusted"
    made = iiotctl("certificate", "create", "--hostname", "line-pc", "--hostname", "192.0.2.9", "--days", "30")
    assert "urn:line-pc:iiotctl" in made.stderr
    again = iiotctl("certificate", "create")
    assert again.returncode == 2
    assert_our_form(again.stderr, "certificate-exists")
    well = iiotctl("certificate", "check", server.url, "--connect")
    assert well.returncode == 0, well.stdout
    assert "pass  the server trusts us" in well.stdout
    assert "expires in 29 days" in well.stdout
    assert "192.0.2.9" in well.stdout
    assert "\nthe server's certificate\n" in well.stdout
    assert well.stderr == ""
    roles = [row["role"] for row in json.loads(iiotctl("certificate", "show", "--format", "json").stdout)["rows"]]
    assert roles == ["own", "trusted"]


def test_no_server(tmp_path: Path) -> None:
    done = iiotctl("certificate", "check", "opc.tcp://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 4
    assert_our_form(done.stderr, "source-refused")
    assert iiotctl("certificate", "check", "line3", cwd=tmp_path).returncode == 2


NOW = dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (
            {
                "first": NOW - dt.timedelta(days=90),
                "last": NOW - dt.timedelta(days=5),
                "uri": "urn:another:application",
            },
            {"dates": "expired 5 days ago", "ApplicationUri": "calls itself `urn:iiotctl:test:server`"},
        ),
        (
            {"first": NOW + dt.timedelta(days=2), "names": ["plc7"], "addresses": ["192.0.2.7"], "bits": 1024},
            {
                "dates": "not yet valid",
                "host names": "made for plc7, 192.0.2.7; dialled was `127.0.0.1`",
                "key": "RSA 1024 bits",
            },
        ),
    ],
    ids=["expired-uri", "early-host-short"],
)
def test_bad_server_certificates(tmp_path: Path, faults: dict[str, Any], expected: dict[str, str]) -> None:
    certificate, key = make_pair(tmp_path / "server", "server", **faults)
    with running(tmp_path / "server", certificate=str(certificate), key=str(key)) as bad:
        found = checked(bad)
    for name, words in expected.items():
        assert words in found[f"server: {name}"].found
    assert failures(found) == {*(f"server: {name}" for name in expected), "trust: we trust the server"}


def test_sha1_signature(tmp_path: Path) -> None:
    openssl = require_tool("openssl", "apt-get install openssl")
    certificate, key = tmp_path / "s.pem", tmp_path / "s.key"
    names = "subjectAltName=URI:urn:iiotctl:test:server,DNS:localhost,IP:127.0.0.1"
    words = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=old", "-addext", names]
    subprocess.run([openssl, "req", "-x509", "-sha1", "-days", "9", *words], check=True, capture_output=True)
    with running(tmp_path / "server", certificate=str(certificate), key=str(key)) as bad:
        found = checked(bad)
    assert found["server: signature"].found.startswith("SHA-1, self-signed")
    assert found["server: dates"].state is State.WARN
    assert found["server: key usage"].state is State.WARN


def test_server_that_does_not_trust_us(tmp_path: Path, own_folder: Path) -> None:
    certificate, key = make_pair(tmp_path / "server", "server")
    pki = tmp_path / "server" / "server-pki"
    with running(tmp_path / "server", certificate=str(certificate), key=str(key), accept=False) as strict:
        trusted(strict, own_folder)
        refused = checked(strict, connect=True)["trust: the server trusts us"]
        assert refused.state is State.FAIL
        assert refused.fix.startswith("it looks like node-opcua: ")
        assert "`rejected/` to `trusted/certs/`" in refused.fix
        assert str(own_folder / "own" / "iiotctl.der") in refused.fix
        error = read(strict)
        assert error.slug == "opcua-not-trusted"
        assert f"`iiotctl certificate check {strict.url} --connect`" in str(error.hint)
        # what the advice says, done by hand
        (rejected,) = (pki / "rejected").glob("*.pem")
        shutil.move(rejected, pki / "trusted" / "certs" / rejected.name)
        strict.stop()
        strict.start()
        assert checked(strict, connect=True)["trust: the server trusts us"].state is State.PASS


def test_our_own_side(server: Server, own_folder: Path) -> None:
    create(own_folder, now=now_utc())
    key = own_folder / "own" / "iiotctl.key.pem"
    key.chmod(0o644)
    loose = checked(server)["ours: private key"]
    assert (loose.state, "mode 644" in loose.found, loose.fix) == (State.FAIL, True, f"`chmod 600 '{key}'`")
    key.write_text("nothing")
    broken = checked(server)["ours: key pair"]
    assert (broken.state, "certificate create --force" in broken.fix) == (State.FAIL, True)
    create(own_folder, now=now_utc(), force=True)
    assert "ours: key pair" not in checked(server)


def rotate(server: Server, folder: Path) -> None:
    """Restart on the same port with a new certificate."""
    server.stop()
    certificate, key = make_pair(folder, "renewed")
    server.options.update(certificate=str(certificate), key=str(key))
    server.start()


def fingerprints(text: str) -> set[str]:
    return set(re.findall(r"(?:[0-9a-f]{4}:){15}[0-9a-f]{4}", text))


def test_rotated_between_runs(tmp_path: Path, own_folder: Path) -> None:
    certificate, key = make_pair(tmp_path / "server", "server")
    with running(tmp_path / "server", certificate=str(certificate), key=str(key)) as changing:
        trusted(changing, own_folder)
        rotate(changing, tmp_path / "new")
        found = checked(changing, connect=True)
        changed = found["trust: we trust the server"]
        assert "has changed" in changed.found
        assert len(fingerprints(changed.found)) == 2
        assert found["trust: the server trusts us"].found.startswith("not tried")
        error = read(changing)
        assert error.slug == "opcua-certificate-changed"
        assert "iiotctl certificate check" in str(error.hint)
        asked = iiotctl("certificate", "trust", changing.url)
        assert "another certificate is trusted for this server" in asked.stderr
        trusted(changing, own_folder)
        assert failures(checked(changing, connect=True)) == set()


def test_rotated_under_a_running_capture(tmp_path: Path, own_folder: Path) -> None:
    certificate, key = make_pair(tmp_path / "server", "server")
    with running(tmp_path / "server", certificate=str(certificate), key=str(key)) as changing:
        site = tmp_path / "site"
        access = Access(SECURE, trust_first=True)
        init_from_browse(site, changing.url, Wish(("Counter",)), access=access)
        log = tmp_path / "capture.log"
        command = [sys.executable, "-m", "iiotctl", "capture", "--no-live"]
        with log.open("w") as out:
            capture = subprocess.Popen(command, cwd=site, env=os.environ, stdout=out, stderr=out)
            try:
                wait(lambda: samples(site) > 2, log)
                rotate(changing, tmp_path / "new")
                wait(lambda: "another certificate than before" in log.read_text(), log)
                held = samples(site)
                time.sleep(1.5)
                assert samples(site) <= held + 1, "at most the row that begins the gap: nothing of a stranger is stored"
                assert [row["end"] for row in gaps(site)] == [None]
                # a person compares the fingerprint and trusts it: capture goes on by itself
                trusted(changing, own_folder)
                before = samples(site)
                wait(lambda: samples(site) > before + 2, log)
            finally:
                capture.terminate()
                capture.wait(30)
        ended = [row for row in gaps(site) if row["reason"] in ("disconnected", "timeout")]
        assert [row["end"] is not None for row in ended] == [True]


def samples(site: Path) -> int:
    """Samples that the running capture has made durable."""
    status = read_status(site / "store")
    return 0 if status is None else int(status["stored"])


def gaps(site: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(iiotctl("gaps", "--format", "json", cwd=site).stdout)["rows"]
    return rows


def wait(condition: Callable[[], bool], log: Path, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)

"""OPC UA security against node-opcua: policies, pinning, trust on first use, users, and what is refused."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iiotctl.errors import SourceError
from iiotctl.ops.certificate_store import candidate, now_utc, trust
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua import dial
from tests.cli.shell import iiotctl
from tests.integration.opcua_peer import (
    URI,
    Server,
    Watcher,
    captured,
    config,
    context,
    make_pair,
    running,
    source,
    until,
    watch,
)

pytestmark = pytest.mark.integration
SECURE = "Basic256Sha256-SignAndEncrypt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("secure")
    certificate, key = make_pair(folder, "server")
    with running(
        folder, certificate=str(certificate), key=str(key), endpointHost="a-name-that-nobody-resolves"
    ) as started:
        yield started


def read(server: Server, where: SourceContext, **settings: Any) -> float:
    """The value of `Float`, read once."""
    tags = captured("Float")
    (reading,) = asyncio.run(source(config(server.url, **settings), tags, where).read_once(tags))
    assert isinstance(reading.value, float), reading
    return reading.value


def refused(server: Server, where: SourceContext, **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(server, where, **settings)
    return caught.value


def pin(server: Server) -> str:
    return str(server.options["certificate"])


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
def test_every_policy_and_mode(server: Server, tmp_path: Path, policy: str, mode: str) -> None:
    assert "nobody-resolves" in server.endpoint
    made = read(server, context(tmp_path), security=f"{policy}-{mode}", server_certificate=pin(server))
    assert made == 1.5
    key = tmp_path / "pki" / "own" / "iiotctl.key.pem"
    assert key.stat().st_mode & 0o077 == 0


def test_subscription_over_a_secure_channel(server: Server, tmp_path: Path) -> None:
    settings = config(server.url, security=SECURE, server_certificate=pin(server))
    made = source(settings, captured("Counter"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)

    seen = asyncio.run(watch(made, steps))
    assert "certificate-created" in seen.slugs()


def test_channel_is_renewed_without_a_hole(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "CHANNEL_LIFETIME_MS", 1500)
    made = source(
        config(server.url, security=SECURE, server_certificate=pin(server)), captured("Counter"), context(tmp_path)
    )

    sent: list[str] = []
    monkeypatch.setattr(made, "_count", sent.append)

    async def steps(seen: Watcher) -> None:
        await until(lambda: sent.count("OpenSecureChannel") >= 5)
        count = len(seen.of(0))
        await until(lambda: len(seen.of(0)) > count + 3)

    seen = asyncio.run(watch(made, steps))
    assert not seen.failures
    values = seen.of(0).value.tolist()
    assert values == list(range(int(values[0]), int(values[-1]) + 1))


def test_unknown_certificate_says_how_to_accept_it(server: Server, tmp_path: Path) -> None:
    where = context(tmp_path)
    error = refused(server, where, security=SECURE)
    assert error.slug == "opcua-certificate-unknown"
    assert error.cause is not None
    assert error.hint is not None
    assert "SHA-256 " in error.cause
    assert "CN=server" in error.cause
    assert "valid 20" in error.cause
    assert f"`iiotctl certificate trust {server.url}`" in error.hint
    pki = tmp_path / "pki"
    trust(pki, candidate(pki, server.url, now=now_utc()))
    assert read(server, where, security=SECURE) == 1.5


def test_trust_on_first_use_only_when_asked_then_pinned(server: Server, tmp_path: Path) -> None:
    assert read(server, context(tmp_path, trust_first=True), security=SECURE) == 1.5
    assert read(server, context(tmp_path), security=SECURE) == 1.5
    stranger, _ = make_pair(tmp_path / "other", "stranger")
    (remembered,) = (tmp_path / "pki" / "trusted").iterdir()
    remembered.write_bytes(stranger.read_bytes())
    for trust_first in (False, True):
        error = refused(server, context(tmp_path, trust_first=trust_first), security=SECURE)
        assert error.slug == "opcua-certificate-changed"
    assert error.cause is not None
    assert "CN=stranger" in error.cause
    assert "CN=server" in error.cause


def test_wrong_pin(server: Server, tmp_path: Path) -> None:
    stranger, _ = make_pair(tmp_path, "stranger")
    error = refused(server, context(tmp_path, trust_first=True), security=SECURE, server_certificate=str(stranger))
    assert error.slug == "opcua-certificate-changed"
    missing = refused(server, context(tmp_path), security=SECURE, server_certificate="absent.der")
    assert missing.slug == "opcua-server-certificate"
    assert "absent.der" in str(missing.where)


def test_user_and_password(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"security": SECURE, "server_certificate": pin(server), "user": "reader"}
    monkeypatch.setenv("PLANT_PASSWORD", "plant-42")
    assert read(server, context(tmp_path), **settings, password={"env": "PLANT_PASSWORD"}) == 1.5
    assert (
        read(
            server,
            context(tmp_path),
            user="reader",
            password={"env": "PLANT_PASSWORD"},
            server_certificate=pin(server),
        )
        == 1.5
    )  # no channel security, but node-opcua asks for an encrypted password
    monkeypatch.setenv("PLANT_PASSWORD", "wrong")
    error = refused(server, context(tmp_path), **settings, password={"env": "PLANT_PASSWORD"})
    assert error.slug == "opcua-user-refused"
    assert "wrong" not in str(error)


def test_password_without_channel_needs_the_trusted_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT_PASSWORD", "plant-42")
    error = refused(server, context(tmp_path), user="reader", password={"env": "PLANT_PASSWORD"})
    assert error.slug == "opcua-certificate-unknown"


def test_policy_not_offered_lists_what_is(tmp_path: Path) -> None:
    with running(tmp_path / "plain", policies=["None"]) as plain:
        error = refused(plain, context(tmp_path), security=SECURE)
    assert error.slug == "opcua-policy-not-offered"
    assert error.cause == "it offers None"
    assert error.hint is not None
    assert '`security = "None"`' in error.hint


def test_anonymous_where_the_server_wants_a_user(tmp_path: Path) -> None:
    with running(tmp_path / "users", anonymous=False) as strict:
        error = refused(strict, context(tmp_path))
    assert error.slug == "opcua-login-not-offered"
    assert "user name" in str(error.cause)


def test_server_that_does_not_trust_us_yet(tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    certificate, key = make_pair(folder, "server")
    with running(folder, certificate=str(certificate), key=str(key), accept=False) as strict:
        settings = {"security": SECURE, "server_certificate": str(certificate)}
        error = refused(strict, context(tmp_path), **settings)
        assert error.slug == "opcua-not-trusted"
        assert error.hint is not None
        assert "iiotctl.der" in error.hint
        assert strict.command("trust")["trusted"] >= 1, "the server keeps what it refused"
        assert read(strict, context(tmp_path), **settings) == 1.5


@pytest.mark.parametrize(
    ("first", "last", "slug"),
    [(-200, -100, "opcua-certificate-expired"), (100, 200, "opcua-certificate-not-yet-valid")],
)
def test_certificate_outside_its_validity(tmp_path: Path, first: int, last: int, slug: str) -> None:
    now = dt.datetime.now(dt.UTC)
    folder = tmp_path / "server"
    certificate, key = make_pair(
        folder, "server", first=now + dt.timedelta(days=first), last=now + dt.timedelta(days=last)
    )
    with running(folder, certificate=str(certificate), key=str(key)) as server:
        error = refused(server, context(tmp_path), security=SECURE, server_certificate=str(certificate))
        assert error.slug == slug
        assert refused(server, context(tmp_path, trust_first=True), security=SECURE).slug == slug


def test_certificate_of_another_host_is_not_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    certificate, key = make_pair(folder, "server", names=["plc7"], addresses=["10.9.8.7"])
    with running(folder, certificate=str(certificate), key=str(key)) as server:
        error = refused(server, context(tmp_path, trust_first=True), security=SECURE)
        assert error.slug == "opcua-certificate-host"
        assert "plc7, 10.9.8.7" in str(error.cause)
        assert read(server, context(tmp_path), security=SECURE, server_certificate=str(certificate)) == 1.5


def test_a_certificate_at_fault_is_not_remembered_and_told_when_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = tmp_path / "pki"
    monkeypatch.setenv("IIOTCTL_PKI", str(pki))
    folder = tmp_path / "server"
    certificate, key = make_pair(folder, "server", bits=1024, uri="urn:another")
    with running(folder, certificate=str(certificate), key=str(key)) as server:
        error = refused(server, context(tmp_path, trust_first=True), security=SECURE)
        assert error.slug == "opcua-certificate-faulty"
        assert "RSA 1024 bits" in str(error.cause)
        assert "`urn:another`, the application calls itself" in str(error.cause)
        words = ["read", server.url, f"nsu={URI};s=Float", "--security", SECURE]
        assert iiotctl(*words, "--trust-first").returncode == 4
        trusted = iiotctl("certificate", "trust", server.url, "--yes")
        assert trusted.returncode == 0
        assert "warning: the certificate is at fault: key: RSA 1024 bits" in trusted.stderr
        done = iiotctl(*words, "--every", "50ms", "--count", "2")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("the server's certificate is trusted, but at fault") == 1
        browsed = iiotctl("browse", server.url, "--security", SECURE)
        assert "the server's certificate is trusted, but at fault" in browsed.stderr


def test_user_certificate(server: Server, tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path / "user", "operator", uri="urn:operator")
    settings = {"security": SECURE, "server_certificate": pin(server)}
    assert read(server, context(tmp_path), **settings, user_certificate=str(certificate), user_key=str(key)) == 1.5


def test_own_pair_and_a_pair_that_does_not_belong_together(server: Server, tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path / "own", "line3", uri="urn:plant:line3")
    _, other = make_pair(tmp_path / "own", "other")
    settings = {"security": SECURE, "server_certificate": pin(server), "certificate": str(certificate)}
    assert read(server, context(tmp_path), **settings, private_key=str(key)) == 1.5
    error = refused(server, context(tmp_path), **settings, private_key=str(other))
    assert error.slug == "opcua-client-certificate"

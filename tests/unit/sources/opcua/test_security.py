"""Certificates, trust and the protection of passwords, without any server."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from iiotctl.errors import SourceError
from iiotctl.sources.allowlist import OPCUA_NAMES, ForbiddenRequestError
from iiotctl.sources.opcua import judgement
from iiotctl.sources.opcua.certificate import (
    application_uri_of,
    check_own,
    fingerprint,
    load_identity,
    own_identity,
)
from iiotctl.sources.opcua.client import GuardedClient, GuardedProtocol, dial_url
from iiotctl.sources.opcua.security import Login, choose_endpoint, choose_token_policy, password_exposed, protection_of
from iiotctl.sources.opcua.trust import Presented, TrustStore, names_host
from tests.unit.sources.opcua.certificates import URI, certificate

NOW = dt.datetime(2026, 11, 21, 8, tzinfo=dt.UTC)
NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
BASIC = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"


def test_our_certificate_holds_what_servers_check(tmp_path: Path) -> None:
    made = own_identity(tmp_path / "pki", NOW, hostname="line-pc")
    assert made.created
    certificate = made.certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:line-pc:iiotctl"]
    assert made.application_uri == "urn:line-pc:iiotctl"
    assert "line-pc" in names.get_values_for_type(x509.DNSName)
    assert names.get_values_for_type(x509.IPAddress)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert usage.key_encipherment
    assert usage.data_encipherment
    assert not usage.crl_sign
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha256"
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size >= 2048
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    certificate.verify_directly_issued_by(certificate)


def test_the_pair_is_made_once_and_the_key_is_private(tmp_path: Path) -> None:
    first = own_identity(tmp_path, NOW)
    again = own_identity(tmp_path, NOW)
    assert not again.created
    assert fingerprint(again.certificate) == fingerprint(first.certificate)
    if os.name == "posix":
        assert (tmp_path / "own" / "iiotctl.key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["iiotctl.der", "iiotctl.key.pem"]


def test_our_own_expired_certificate_is_told_before_dialling(tmp_path: Path) -> None:
    made = own_identity(tmp_path, NOW - dt.timedelta(days=3000))
    with pytest.raises(SourceError, match="cannot be used") as caught:
        check_own(made, NOW)
    assert "expired" in str(caught.value.cause)
    late = own_identity(tmp_path / "late", NOW + dt.timedelta(days=30))
    with pytest.raises(SourceError) as caught:
        check_own(late, NOW)
    assert "valid from" in str(caught.value.cause)


def test_files_that_are_no_pair(tmp_path: Path) -> None:
    own_identity(tmp_path / "a", NOW)
    own_identity(tmp_path / "b", NOW)
    with pytest.raises(SourceError, match="cannot be used"):
        load_identity(tmp_path / "a/own/iiotctl.der", tmp_path / "b/own/iiotctl.key.pem")
    with pytest.raises(SourceError, match="cannot be used"):
        load_identity(tmp_path / "a/own/iiotctl.key.pem", tmp_path / "a/own/iiotctl.der")


def presented(tmp_path: Path, host: str = "localhost", name: str = "server") -> Presented:
    return Presented(own_identity(tmp_path / name, NOW).certificate, host, 4840)


def test_trust_needs_a_decision(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    server = presented(tmp_path)
    with pytest.raises(SourceError) as caught:
        TrustStore(pki, trust_first=False).accept(server, pinned=None, now=NOW)
    assert caught.value.slug == "opcua-certificate-unknown"
    assert fingerprint(server.certificate) in str(caught.value.cause)
    assert (pki / "rejected" / "localhost_4840.der").read_bytes() == server.der
    remembered = TrustStore(pki, trust_first=True).accept(server, pinned=None, now=NOW)
    assert remembered == pki / "trusted" / "localhost_4840.der"
    assert TrustStore(pki, trust_first=False).accept(server, pinned=None, now=NOW) is None
    other = presented(tmp_path, name="another")
    with pytest.raises(SourceError) as caught:
        TrustStore(pki, trust_first=True).accept(other, pinned=None, now=NOW)
    assert caught.value.slug == "opcua-certificate-changed"
    (pki / "trusted" / "put-here-by-hand.der").write_bytes(other.der)
    assert TrustStore(pki, trust_first=False).accept(other, pinned=None, now=NOW) is None


def test_host_names_and_addresses_of_a_certificate(tmp_path: Path) -> None:
    certificate = presented(tmp_path).certificate
    assert names_host(certificate, "LOCALHOST.")
    assert names_host(certificate, "127.0.0.1")
    assert not names_host(certificate, "10.0.0.1")
    assert not names_host(certificate, "local")
    with pytest.raises(SourceError) as caught:
        TrustStore(tmp_path, trust_first=True).accept(presented(tmp_path, "10.0.0.1"), pinned=None, now=NOW)
    assert caught.value.slug == "opcua-certificate-host"


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"bits": 1024}, "key: RSA 1024 bits; 2048 is the least"),
        ({"uri": "urn:other"}, "ApplicationUri: the certificate says `urn:other`"),
        ({"sha1": True}, "signature: SHA-1, self-signed: can be forged"),
    ],
)
def test_a_certificate_at_fault_needs_a_person(tmp_path: Path, faults: dict[str, Any], told: str) -> None:
    shown = certificate(**faults)
    server = Presented(shown, "plc7", 4840, judgement.faults(shown, URI))
    with pytest.raises(SourceError) as caught:
        TrustStore(tmp_path, trust_first=True).accept(server, pinned=None, now=NOW)
    assert caught.value.slug == "opcua-certificate-faulty"
    assert told in str(caught.value.cause)
    assert "`iiotctl certificate trust opc.tcp://plc7:4840`" in str(caught.value.hint)
    assert not (tmp_path / "trusted").exists()
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "by-hand.der").write_bytes(server.der)
    assert TrustStore(tmp_path, trust_first=True).accept(server, pinned=None, now=NOW) is None


@pytest.mark.parametrize("slug", ["opcua-certificate-unknown", "opcua-certificate-changed", "opcua-certificate-host"])
def test_a_certificate_is_accepted_by_a_command_that_shows_it(tmp_path: Path, slug: str) -> None:
    server = presented(tmp_path, "10.0.0.1" if slug.endswith("host") else "localhost")
    if slug.endswith("changed"):
        TrustStore(tmp_path, trust_first=True).accept(server, pinned=None, now=NOW)
        server = presented(tmp_path, name="another")
    with pytest.raises(SourceError) as caught:
        TrustStore(tmp_path, trust_first=slug.endswith("host")).accept(server, pinned=None, now=NOW)
    assert caught.value.slug == slug
    assert f"`iiotctl certificate trust {server.where}`" in str(caught.value.hint)
    assert "mv " not in str(caught.value.hint)


def token(uri: str | None, name: str = "p", kind: ua.UserTokenType = ua.UserTokenType.UserName) -> ua.UserTokenPolicy:
    return ua.UserTokenPolicy(PolicyId=name, TokenType=kind, SecurityPolicyUri=uri)


def test_the_token_policy_that_encrypts_is_preferred() -> None:
    plain = protection_of("None")
    chosen = choose_token_policy([token(NONE, "a"), token(BASIC, "b")], ua.UserTokenType.UserName, plain)
    assert chosen is not None
    assert chosen.PolicyId == "b"
    assert choose_token_policy([token(NONE)], ua.UserTokenType.Certificate, plain) is None


@pytest.mark.parametrize(
    ("security", "uri", "exposed"),
    [
        ("None", NONE, True),
        ("None", None, True),
        ("None", BASIC, False),
        ("Basic256Sha256-Sign", NONE, True),
        ("Basic256Sha256-Sign", None, False),
        ("Basic256Sha256-SignAndEncrypt", NONE, False),
    ],
)
def test_a_readable_password_is_never_sent(security: str, uri: str | None, exposed: bool) -> None:
    channel = protection_of(security)
    chosen = choose_token_policy([token(uri)], ua.UserTokenType.UserName, channel)
    assert chosen is not None
    assert password_exposed(chosen, channel) is exposed
    client = GuardedClient("opc.tcp://127.0.0.1:4840", 1.0, channel)
    client._policy_ids = [token(uri)]
    parameters = ua.ActivateSessionParameters()
    if exposed:
        with pytest.raises(SourceError, match="readable"):
            client._add_user_auth(parameters, "reader", "secret")
        assert b"secret" not in repr(parameters).encode()


def endpoint(policy: str, mode: ua.MessageSecurityMode, *tokens: ua.UserTokenPolicy) -> ua.EndpointDescription:
    return ua.EndpointDescription(
        EndpointUrl="opc.tcp://unresolvable:4840",
        SecurityPolicyUri=policy,
        SecurityMode=mode,
        UserIdentityTokens=list(tokens),
    )


def test_endpoints_are_chosen_by_policy_mode_and_login() -> None:
    anonymous = token(None, kind=ua.UserTokenType.Anonymous)
    offered = [
        endpoint(NONE, ua.MessageSecurityMode.None_, anonymous),
        endpoint(BASIC, ua.MessageSecurityMode.Sign, token(None)),
    ]
    assert choose_endpoint(offered, protection_of("None"), Login(), "x") is offered[0]
    assert choose_endpoint(offered, protection_of("Basic256Sha256-Sign"), Login("u", "p"), "x") is offered[1]
    with pytest.raises(SourceError) as caught:
        choose_endpoint(offered, protection_of("Basic256Sha256-SignAndEncrypt"), Login(), "x")
    assert caught.value.slug == "opcua-policy-not-offered"
    assert caught.value.cause == "it offers None, Basic256Sha256-Sign"
    with pytest.raises(SourceError) as caught:
        choose_endpoint(offered, protection_of("Basic256Sha256-Sign"), Login(), "x")
    assert caught.value.slug == "opcua-login-not-offered"


def services() -> list[str]:
    return sorted(name for name in dir(ua) if name.endswith("Request") and isinstance(getattr(ua, name), type))


@pytest.mark.parametrize(
    "service", ["Write", "Call", "HistoryUpdate", "AddNodes", "DeleteNodes", "AddReferences", "DeleteReferences"]
)
def test_changing_services_exist_in_asyncua_and_are_not_listed(service: str) -> None:
    assert f"{service}Request" in services()
    assert service not in OPCUA_NAMES


def test_only_listed_services_become_bytes() -> None:
    class Transport:
        sent = 0

        def write(self, data: bytes) -> None:
            self.sent += 1

    async def attempt() -> None:
        transport = Transport()
        protocol = GuardedProtocol()
        protocol.transport = transport  # type: ignore[assignment]
        sendable = [name for name in services() if hasattr(getattr(ua, name)(), "RequestHeader")]
        assert len(sendable) > 30
        for name in sendable:
            before = transport.sent
            if name.removesuffix("Request") in OPCUA_NAMES:
                continue
            with pytest.raises(ForbiddenRequestError):
                protocol._send_request(getattr(ua, name)())
            assert transport.sent == before
        protocol._send_request(ua.GetEndpointsRequest()).cancel()
        assert transport.sent == 1

    asyncio.run(attempt())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("opc.tcp://plc", "opc.tcp://plc:4840"),
        ("opc.tcp://u:p@plc:5/x/y", "opc.tcp://plc:5/x/y"),
        ("opc.tcp://[fe80::1]:4841", "opc.tcp://[fe80::1]:4841"),
    ],
)
def test_dialled_url(url: str, expected: str) -> None:
    assert dial_url(url) == expected


def test_application_uri_of_a_certificate_without_one(tmp_path: Path) -> None:
    assert application_uri_of(own_identity(tmp_path, NOW, hostname="a").certificate) == "urn:a:iiotctl"

"""Before a session: discovery, choice of endpoint, trust in the server's certificate, our own, the login."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError
from cryptography import x509

from iiotctl.events import Event, Level
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.certificate import Identity
from iiotctl.sources.opcua.client import GuardedClient, dial_url, exposed_password
from iiotctl.sources.opcua.failures import Stage, explain
from iiotctl.sources.opcua.judgement import faults
from iiotctl.sources.opcua.security import (
    Login,
    Protection,
    application_identity,
    choose_endpoint,
    choose_token_policy,
    login_of,
    password_exposed,
    pinned_file,
    pki_folder,
    protection_of,
)
from iiotctl.sources.opcua.trust import Presented, TrustStore, first_of_chain

SESSION_TIMEOUT_MS: Final = 60_000
CHANNEL_LIFETIME_MS: Final = 3_600_000
_NO_YEAR: Final = 1601  # OPC UA's "no time"


@dataclass(slots=True)
class Dialled:
    """What discovery found and what will be used; see `Session.open`.

    Attributes:
        url: dialled URL; the host names in the server's endpoints are never used.
        protection: policy and mode.
        login: who logs in.
        identity: our application certificate, on a secure channel.
        endpoint: the endpoint chosen.
        server_certificate: the trusted certificate of the server in DER, where one is needed.
        events: what a person should know of the certificates.
    """

    url: str
    protection: Protection
    login: Login
    identity: Identity | None
    endpoint: ua.EndpointDescription
    server_certificate: bytes | None
    events: tuple[Event, ...] = ()


def prepare(client: GuardedClient, dialled: Dialled) -> None:
    """Give the client its policy, certificates and user."""
    if dialled.identity is not None:
        client.application_uri = dialled.identity.application_uri
        policy = dialled.protection.policy(
            dialled.server_certificate, dialled.identity.certificate, dialled.identity.key, dialled.protection.mode
        )
        client.security_policy = policy  # type: ignore[assignment] # declared too narrowly by asyncua
        client.uaclient.set_security(policy)
    else:
        client.application_uri = "urn:iiotctl"
    client.endpoint = dialled.endpoint
    client.session_timeout = SESSION_TIMEOUT_MS
    client.secure_channel_timeout = CHANNEL_LIFETIME_MS
    if dialled.login.identity is not None:
        client.user_certificate = dialled.login.identity.certificate
        client.user_private_key = dialled.login.identity.key


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a server tells to anyone who asks.

    Attributes:
        url: dialled URL, its port spelled out.
        endpoints: as the server lists them.
        server_time: the server's clock in its answer, UTC; None when it gives none.
    """

    url: str
    endpoints: list[ua.EndpointDescription]
    server_time: dt.datetime | None


async def discover(url: str, wait: float, on_request: Callable[[str], None] | None = None) -> Discovered:
    """The endpoints of a server, over a channel of their own without security (OPC 10000-4 §5.5.4).

    Args:
        url: as `dial_url` returns it.
        wait: seconds per request.
        on_request: told the name of each service.

    Raises:
        SourceError: the server cannot be reached or does not tell.
    """
    client = GuardedClient(url, wait, protection_of("None"), on_request=on_request)
    stage = Stage.SOCKET
    try:
        await client.connect_socket()
        stage = Stage.CHANNEL
        await client.send_hello()
        await client.open_secure_channel()
        stage = Stage.SESSION
        response = await _get_endpoints(client)
        with contextlib.suppress(OSError, UaError):
            await client.close_secure_channel()
    except Exception as error:  # noqa: BLE001 - whatever listens there may make asyncua raise anything
        raise explain(client.cause_of(error), stage, url) from None
    finally:
        await client.hang_up()
    at = response.ResponseHeader.Timestamp
    known = isinstance(at, dt.datetime) and at.year > _NO_YEAR
    return Discovered(url, list(response.Endpoints or []), at.replace(tzinfo=dt.UTC) if known else None)


async def _get_endpoints(client: GuardedClient) -> Any:
    """The whole response; asyncua's own call keeps the endpoints alone, and the header holds the server's time."""
    request = ua.GetEndpointsRequest()
    request.Parameters.EndpointUrl = client.server_url.geturl()
    protocol = client.uaclient.protocol
    if protocol is None:
        raise ConnectionError("the connection is closed")
    response = struct_from_binary(ua.GetEndpointsResponse, await protocol.send_request(request))
    response.ResponseHeader.ServiceResult.check()
    return response


async def dial(config: OpcUaSource, context: SourceContext, on_request: Callable[[str], None] | None) -> Dialled:
    """Decide how to connect: endpoint, our certificate, trust in the server's, login.

    Raises:
        SourceError, SiteError: see `Session.open`.
    """
    url = dial_url(config.url)
    protection = protection_of(config.security)
    login = login_of(config, context)
    now = dt.datetime.fromtimestamp(context.now_us() / 1e6, dt.UTC)
    # before dialling, so that a wrong pair is told at once
    identity = application_identity(config, context, now) if protection.secure else None
    found = await discover(url, config.timeout, on_request)
    endpoint = choose_endpoint(found.endpoints, protection, login, url)
    dialled = Dialled(url, protection, login, identity, endpoint, None)
    token = choose_token_policy(endpoint.UserIdentityTokens or [], login.token_type, protection)
    if login.password and token is not None and password_exposed(token, protection):
        raise exposed_password(url)
    # a password is encrypted for whoever holds the server's key, so that key must be the right one without a channel too
    if protection.secure or login.password or login.identity is not None:
        parts = urlsplit(url)
        certificate = first_of_chain(endpoint.ServerCertificate or b"", url)
        presented = Presented(
            certificate, parts.hostname or "", parts.port or 0, application_faults(certificate, endpoint)
        )
        store = TrustStore(pki_folder(context), trust_first=context.trust_first)
        remembered = store.accept(presented, pinned=pinned_file(config, context), now=now)
        dialled.server_certificate = presented.der
        if remembered is not None:
            text = f"the server's certificate was seen for the first time and is trusted from now on: `{remembered}`"
            dialled.events += (Event(Level.WARNING, "certificate-remembered", text),)
        if presented.faults:
            text = f"the server's certificate is trusted, but at fault: {'; '.join(presented.faults)}"
            hint = f"`iiotctl certificate check {url}` says what to do"
            dialled.events += (Event(Level.WARNING, "certificate-faulty", f"{text}; {hint}"),)
    if identity is not None and identity.created:
        dialled.events += (Event(Level.NOTICE, "certificate-created", f"made our certificate `{identity.path}`"),)
    return dialled


def application_faults(certificate: x509.Certificate, endpoint: ua.EndpointDescription | None) -> tuple[str, ...]:
    """Faults of a certificate, judged by what the server calls itself at that endpoint."""
    uri = getattr(getattr(endpoint, "Server", None), "ApplicationUri", None)
    return faults(certificate, str(uri or ""))

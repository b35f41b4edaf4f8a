"""How a session is protected: security policy and mode, who we are, who the server must be, who the user is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncua import ua
from asyncua.crypto import security_policies as policies

from iiotctl.errors import SourceError
from iiotctl.site.secrets import reveal
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.certificate import Identity, check_own, load_identity, own_identity

POLICIES: Final[dict[str, type[policies.SecurityPolicy]]] = {
    "None": policies.SecurityPolicyNone,
    "Basic256Sha256": policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": policies.SecurityPolicyAes256Sha256RsaPss,
}
"""By the name of the site file. Basic128Rsa15 and Basic256 rest on SHA-1 and are not offered."""

_MODES: Final = {
    "None": ua.MessageSecurityMode.None_,
    "Sign": ua.MessageSecurityMode.Sign,
    "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt,
}
_ENCRYPTING: Final = {policy.URI for name, policy in POLICIES.items() if name != "None"}
_TOKEN_WORDS: Final = {
    ua.UserTokenType.Anonymous: "anonymous",
    ua.UserTokenType.UserName: "user name",
    ua.UserTokenType.Certificate: "certificate",
    ua.UserTokenType.IssuedToken: "issued token",
}


@dataclass(frozen=True, slots=True)
class Protection:
    """Policy and mode asked for.

    Attributes:
        name: as in the site file, e.g. `Basic256Sha256-Sign`.
        policy: asyncua's policy class.
        mode: message security mode.
    """

    name: str
    policy: type[policies.SecurityPolicy]
    mode: ua.MessageSecurityMode

    @property
    def secure(self) -> bool:
        """True when messages are at least signed."""
        return self.mode != ua.MessageSecurityMode.None_


def protection_of(name: str) -> Protection:
    """Policy and mode from the site file's word."""
    policy, _, mode = name.partition("-")
    return Protection(name, POLICIES[policy], _MODES[mode or "None"])


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in: nobody in particular, a user with a password, or a user with a certificate."""

    user: str | None = None
    password: str | None = None
    identity: Identity | None = None

    @property
    def token_type(self) -> ua.UserTokenType:
        """Type of the user identity token."""
        if self.identity is not None:
            return ua.UserTokenType.Certificate
        return ua.UserTokenType.Anonymous if self.user is None else ua.UserTokenType.UserName


def pki_folder(context: SourceContext) -> Path | None:
    """Folder of our certificate and of trusted ones: as handed in, else `pki` beside the site file."""
    if context.pki_dir is not None:
        return context.pki_dir
    return None if context.folder is None else context.folder / "pki"


def _path(text: str, context: SourceContext) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() or context.folder is None else context.folder / path


def pinned_file(config: OpcUaSource, context: SourceContext) -> Path | None:
    """File of the only server certificate to accept, if the site names one."""
    return None if config.server_certificate is None else _path(config.server_certificate, context)


def identity_files(config: OpcUaSource, context: SourceContext) -> tuple[Path, Path] | None:
    """Files of certificate and key, if the site names its own pair."""
    if config.certificate is None or config.private_key is None:
        return None
    return _path(config.certificate, context), _path(config.private_key, context)


def application_identity(config: OpcUaSource, context: SourceContext, now: dt.datetime) -> Identity:
    """Our application certificate: the site's pair, else our own, made on first use.

    Raises:
        SourceError: it cannot be read, made or used.
    """
    files = identity_files(config, context)
    if files is not None:
        identity = load_identity(*files)
    else:
        pki = pki_folder(context)
        if pki is None:
            raise SourceError(
                "opcua-client-certificate",
                "a secure connection needs a folder for our certificate",
                hint="work with a site file (`iiotctl init`); the folder `pki` beside it is used",
            )
        identity = own_identity(pki, now)
    check_own(identity, now)
    return identity


def login_of(config: OpcUaSource, context: SourceContext) -> Login:
    """The user identity of a source, its secret revealed.

    Raises:
        SiteError: the secret is missing.
        SourceError: the user's certificate cannot be used.
    """
    if config.user_certificate is not None and config.user_key is not None:
        return Login(identity=load_identity(_path(config.user_certificate, context), _path(config.user_key, context)))
    if config.user is None:
        return Login()
    password = "" if config.password is None else reveal(config.password, context.folder)
    return Login(user=config.user, password=password)


def endpoint_name(endpoint: ua.EndpointDescription) -> str:
    """`Basic256Sha256-SignAndEncrypt` of an endpoint, as the site file writes it."""
    policy = (endpoint.SecurityPolicyUri or "").rpartition("#")[2] or "None"
    mode = {1: "", 2: "-Sign", 3: "-SignAndEncrypt"}.get(int(endpoint.SecurityMode), "-Invalid")
    return policy + mode


def offer_of(endpoints: Iterable[ua.EndpointDescription]) -> str:
    """What a server offers, for messages: `None, Basic256Sha256-Sign, …`."""
    return ", ".join(dict.fromkeys(endpoint_name(endpoint) for endpoint in endpoints)) or "nothing"


def tokens_of(endpoint: ua.EndpointDescription) -> str:
    """The ways to log in that an endpoint offers, for messages."""
    kinds = (_TOKEN_WORDS.get(policy.TokenType, "unknown") for policy in endpoint.UserIdentityTokens or [])
    return ", ".join(dict.fromkeys(kinds)) or "none"


def choose_endpoint(
    endpoints: Sequence[ua.EndpointDescription], wanted: Protection, login: Login, where: str
) -> ua.EndpointDescription:
    """The endpoint of the wanted policy and mode that takes our kind of login.

    Raises:
        SourceError: `opcua-policy-not-offered`, `opcua-login-not-offered`.
    """
    matching = [
        endpoint
        for endpoint in endpoints
        if endpoint.SecurityPolicyUri == wanted.policy.URI
        and endpoint.SecurityMode == wanted.mode
        and (endpoint.EndpointUrl or "opc.tcp").startswith("opc.tcp")
    ]
    if not matching:
        offered = [name for name in dict.fromkeys(map(endpoint_name, endpoints)) if name.split("-")[0] in POLICIES]
        raise SourceError(
            "opcua-policy-not-offered",
            f"the server does not offer `{wanted.name}`",
            where=where,
            cause=f"it offers {offer_of(endpoints)}",
            hint=f'enable it on the server, or write `security = "{offered[-1]}"` in the site file'
            if offered
            else None,
        )
    for endpoint in matching:
        if any(policy.TokenType == login.token_type for policy in endpoint.UserIdentityTokens or []):
            return endpoint
    raise SourceError(
        "opcua-login-not-offered",
        f"the server offers no login by {_TOKEN_WORDS[login.token_type]} on `{wanted.name}`",
        where=where,
        cause=f"it offers {tokens_of(matching[0])}",
        hint="set `user` and `password` (or a user certificate) in the site file as the server asks, "
        "or enable the login on the server",
    )


def choose_token_policy(
    offered: Sequence[ua.UserTokenPolicy], kind: ua.UserTokenType, channel: Protection
) -> ua.UserTokenPolicy | None:
    """The token policy of a kind that protects the secret best; its policy URI filled in, or None when there is none."""
    best: ua.UserTokenPolicy | None = None
    for policy in offered:
        if policy.TokenType != kind:
            continue
        uri = policy.SecurityPolicyUri or channel.policy.URI
        candidate = ua.UserTokenPolicy(
            PolicyId=policy.PolicyId,
            TokenType=policy.TokenType,
            IssuedTokenType=policy.IssuedTokenType,
            IssuerEndpointUrl=policy.IssuerEndpointUrl,
            SecurityPolicyUri=uri,
        )
        if best is None or (uri in _ENCRYPTING and best.SecurityPolicyUri not in _ENCRYPTING):
            best = candidate
    return best


def password_exposed(token: ua.UserTokenPolicy, channel: Protection) -> bool:
    """True when a password under this token policy would travel readable."""
    return token.SecurityPolicyUri not in _ENCRYPTING and channel.mode != ua.MessageSecurityMode.SignAndEncrypt

"""`certificate check`: what is wrong with the certificates of an OPC UA connection, on either side, and what cures it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from iiotctl.errors import IiotctlError, SourceError
from iiotctl.ops.opcua_target import Target
from iiotctl.sources.opcua.judgement import Judgement, Side, State, Subject, judge, judge_chain, judge_clock

if TYPE_CHECKING:
    from cryptography import x509

    from iiotctl.sources.opcua.dial import Discovered
    from iiotctl.sources.opcua.products import Product
    from iiotctl.sources.opcua.trust import Presented, Standing

CREATE: Final = "`iiotctl certificate create --force` makes a new pair; then have the server trust it"
_PREFERRED: Final = (
    "Basic256Sha256-SignAndEncrypt",
    "Aes256_Sha256_RsaPss-SignAndEncrypt",
    "Aes128_Sha256_RsaOaep-SignAndEncrypt",
    "Basic256Sha256-Sign",
    "Aes256_Sha256_RsaPss-Sign",
    "Aes128_Sha256_RsaOaep-Sign",
)
_CERTIFICATES_FINE: Final = frozenset({"opcua-user-refused", "opcua-server-full"})


@dataclass(slots=True)
class Report:
    """What a check found.

    Attributes:
        url: dialled URL.
        source: name of the site's source that it is, or "".
        server: ApplicationName, ApplicationUri, ProductUri and the product guessed from them.
        offers: policies and modes, e.g. `Basic256Sha256-Sign`.
        judgements: in reading order.
        server_fingerprint, own_fingerprint: SHA-256, or "".
        own_file: our certificate's file.
    """

    url: str
    source: str = ""
    server: dict[str, str] = field(default_factory=dict)
    offers: Sequence[str] = ()
    judgements: list[Judgement] = field(default_factory=list)
    server_fingerprint: str = ""
    own_fingerprint: str = ""
    own_file: str = ""

    @property
    def state(self) -> State:
        """The worst of the checks."""
        states = {judgement.state for judgement in self.judgements}
        return State.FAIL if State.FAIL in states else State.WARN if State.WARN in states else State.PASS

    def as_dict(self) -> dict[str, object]:
        """For `--format json`."""
        return {
            "schema": "iiotctl.certificates/v1",
            "complete": True,
            "url": self.url,
            "source": self.source or None,
            "state": str(self.state),
            "server": {**self.server, "offers": list(self.offers), "fingerprint": self.server_fingerprint or None},
            "own": {"file": self.own_file, "fingerprint": self.own_fingerprint or None},
            "checks": [judgement.as_dict() for judgement in self.judgements],
        }


def check(target: Target, *, connect: bool = False, hostname: str | None = None) -> Report:
    """Ask the server for its endpoints, judge both certificates and the trust between them.

    Args:
        target: see `opcua_target.target_of`.
        connect: also open a secure session, the only way to learn whether the server trusts us.
        hostname: name of this computer; the system's own when None.

    Raises:
        SourceError: the server cannot be reached.
    """
    return asyncio.run(_check(target, connect=connect, hostname=hostname or socket.gethostname()))


async def _check(target: Target, *, connect: bool, hostname: str) -> Report:
    from iiotctl.sources.opcua.client import dial_url
    from iiotctl.sources.opcua.dial import discover
    from iiotctl.sources.opcua.products import product_of
    from iiotctl.sources.opcua.security import endpoint_name

    url = dial_url(target.config.url)
    found = await discover(url, target.config.timeout)
    now = dt.datetime.fromtimestamp(target.context.now_us() / 1e6, dt.UTC)
    report = Report(url, target.source, offers=tuple(dict.fromkeys(map(endpoint_name, found.endpoints))))
    report.server = _application(found)
    product = product_of(*report.server.values())
    report.server["product"] = product.name if product is not None else ""
    own = _own(target, report, now, hostname)
    offset = None if found.server_time is None else (found.server_time - now).total_seconds()
    clock = judge_clock(offset, now, own)
    if clock is not None:
        report.judgements.append(clock)
    trusted = _server(target, found, report, now)
    if connect:
        report.judgements.append(await _attempt(target, report, product, trusted=trusted))
    return report


def _application(found: Discovered) -> dict[str, str]:
    server = found.endpoints[0].Server if found.endpoints else None
    name = getattr(server, "ApplicationName", None)
    return {
        "name": str(getattr(name, "Text", None) or ""),
        "application_uri": str(getattr(server, "ApplicationUri", None) or ""),
        "product_uri": str(getattr(server, "ProductUri", None) or ""),
    }


def _server(target: Target, found: Discovered, report: Report, now: dt.datetime) -> bool:
    """Judge what the server shows; returns whether we trust it."""
    from iiotctl.sources.opcua.certificate import fingerprint
    from iiotctl.sources.opcua.security import pinned_file, pki_folder
    from iiotctl.sources.opcua.trust import Presented, Standing, TrustStore, chain_of

    judgements = report.judgements
    shown = {bytes(endpoint.ServerCertificate): endpoint for endpoint in found.endpoints if endpoint.ServerCertificate}
    secure = [name for name in report.offers if name != "None"]
    if not secure:
        text = "the server offers no secure endpoint; certificates play no part"
        fix = "enable a policy such as Basic256Sha256 on the server"
        judgements.append(Judgement(Side.SERVER, "endpoints", State.WARN, text, fix))
    elif not any(name in _PREFERRED for name in secure):
        text = f"only policies that iiotctl does not speak: {', '.join(secure)}"
        judgements.append(Judgement(Side.SERVER, "endpoints", State.FAIL, text, "enable Basic256Sha256 on the server"))
    else:
        judgements.append(Judgement(Side.SERVER, "endpoints", State.PASS, ", ".join(report.offers)))
    parts = urlsplit(report.url)
    trusted = False
    for data, endpoint in shown.items():
        chain = chain_of(data)
        if not chain:
            text = f"{len(data)} bytes that are no X.509 certificate"
            judgements.append(Judgement(Side.SERVER, "certificate", State.FAIL, text, "renew it on the server"))
            continue
        presented = Presented(chain[0], parts.hostname or "", parts.port or 0)
        report.server_fingerprint = report.server_fingerprint or fingerprint(chain[0])
        store = TrustStore(pki_folder(target.context), trust_first=False)
        standing, known = store.standing(presented, pinned_file(target.config, target.context))
        trusted = trusted or standing is Standing.TRUSTED
        uri = str(endpoint.Server.ApplicationUri or "") if endpoint.Server is not None else ""
        renew = f"renew the certificate on the server with the name `{presented.host}` in it"
        subject = Subject(chain[0], Side.SERVER, uri, presented.host, standing is Standing.TRUSTED, renew)
        judgements += judge(subject, now)
        following = judge_chain(chain)
        judgements += [] if following is None else [following]
        judgements.append(_trust(presented, standing, known, report.url, pinned=target.config.server_certificate))
    if secure and not shown:
        text = "secure endpoints are offered without a certificate"
        fix = "create an application certificate on the server"
        judgements.append(Judgement(Side.SERVER, "certificate", State.FAIL, text, fix))
    return trusted


def _trust(presented: Presented, standing: Standing, known: Path | None, url: str, *, pinned: str | None) -> Judgement:
    from iiotctl.sources.opcua.certificate import fingerprint, load_certificate
    from iiotctl.sources.opcua.trust import Standing

    name = "we trust the server"
    now = fingerprint(presented.certificate)
    if standing is Standing.TRUSTED:
        return Judgement(Side.TRUST, name, State.PASS, f"yes, by `{known}`")
    if standing is Standing.CHANGED and known is not None:
        before = fingerprint(load_certificate(known, of_server=True))
        found = f"no: the certificate has changed; now SHA-256 {now}, trusted in `{known}` is SHA-256 {before}"
        fix = f"ask who renewed it and compare the fingerprint on the server, then `iiotctl certificate trust {url}`"
        if pinned is not None:
            fix = f"ask who renewed it, compare the fingerprint, then put the new certificate into `{known}`"
        return Judgement(Side.TRUST, name, State.FAIL, found, fix)
    found = f"not yet: SHA-256 {now}"
    fix = f"compare the fingerprint with the one on the server, then `iiotctl certificate trust {url}`"
    return Judgement(Side.TRUST, name, State.FAIL, found, fix)


def _own(target: Target, report: Report, now: dt.datetime, hostname: str) -> x509.Certificate | None:
    """Judge our certificate; returns it when there is one."""
    from iiotctl.sources.opcua.certificate import (
        OWN_CERTIFICATE,
        OWN_KEY,
        application_uri_of,
        fingerprint,
        load_identity,
    )
    from iiotctl.sources.opcua.security import identity_files, pki_folder

    files = identity_files(target.config, target.context)
    if files is None:
        pki = pki_folder(target.context) or Path("pki")
        files = pki / OWN_CERTIFICATE, pki / OWN_KEY
    certificate, key = files
    report.own_file = str(certificate)
    theirs = target.config.certificate is not None
    renew = "have it renewed by whoever made it" if theirs else CREATE
    if not theirs and not (certificate.exists() and key.exists()):
        found = f"none yet in `{certificate.parent}`; made at the first secure connection"
        report.judgements.append(
            Judgement(Side.OURS, "certificate", State.PASS, found, "`iiotctl certificate create` makes it now")
        )
        return None
    try:
        identity = load_identity(certificate, key)
    except SourceError as error:
        fix = "name the two files of one pair in the site file" if theirs else CREATE
        found = f"{error.what}: {error.cause}"
        report.judgements.append(Judgement(Side.OURS, "key pair", State.FAIL, found, fix))
        return None
    report.own_fingerprint = fingerprint(identity.certificate)
    subject = Subject(
        identity.certificate, Side.OURS, application_uri_of(identity.certificate), hostname, trusted=False, renew=renew
    )
    report.judgements += judge(subject, now)
    report.judgements.append(_key_file(key))
    return identity.certificate


def _key_file(key: Path) -> Judgement:
    name = "private key"
    mode = stat.S_IMODE(key.stat().st_mode)
    if os.name != "nt" and mode & 0o077:
        found = f"`{key}` can be read by others on this computer (mode {mode:03o})"
        return Judgement(Side.OURS, name, State.FAIL, found, f"`chmod 600 '{key}'`")
    return Judgement(Side.OURS, name, State.PASS, "belongs to the certificate; only its owner can read it")


async def _attempt(target: Target, report: Report, product: Product | None, *, trusted: bool) -> Judgement:
    """Open a secure session and close it again: whether the server trusts us is known from nothing else."""
    from iiotctl.sources.opcua.products import steps_for
    from iiotctl.sources.opcua.session import Session

    name = "the server trusts us"
    policy = _policy(target.config.security, report.offers)
    if policy is None:
        return Judgement(Side.TRUST, name, State.WARN, "not tried: no secure endpoint that iiotctl speaks")
    if not trusted:
        return Judgement(Side.TRUST, name, State.WARN, "not tried: we do not trust the server yet")
    config = target.config.model_copy(update={"security": policy})
    try:
        session = await Session.open(config, target.context)
    except IiotctlError as error:
        said = f"{error.what}: {error.cause}" if error.cause else error.what
        if error.slug in _CERTIFICATES_FINE:
            return Judgement(Side.TRUST, name, State.PASS, f"yes, by {policy}; but {said}", error.hint or "")
        if error.slug == "opcua-not-trusted":
            steps = steps_for(product, report.own_file)
            seems = f"it looks like {product.name}: " if product is not None else ""
            return Judgement(Side.TRUST, name, State.FAIL, f"no: {said}", f"{seems}{steps}")
        state = State.WARN if error.slug == "opcua-login-not-offered" else State.FAIL
        return Judgement(Side.TRUST, name, state, said, error.hint or "")
    await session.close()
    return Judgement(Side.TRUST, name, State.PASS, f"yes: a session by {policy} was opened and closed")


def _policy(wanted: str, offers: Sequence[str]) -> str | None:
    if wanted != "None":
        return wanted
    return next((name for name in _PREFERRED if name in offers), None)


def describe(certificate: x509.Certificate) -> dict[str, Any]:
    """What people look for in a certificate, for tables and JSON; times as RFC 3339."""
    from cryptography.hazmat.primitives import hashes

    from iiotctl.sources.opcua.certificate import application_uri_of, fingerprint
    from iiotctl.sources.opcua.trust import names_of

    key = certificate.public_key()
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "application_uri": application_uri_of(certificate),
        "names": ", ".join(names_of(certificate)),
        "valid_from": certificate.not_valid_before_utc,
        "valid_to": certificate.not_valid_after_utc,
        "key": f"{type(key).__name__.removesuffix('PublicKey').strip('_')} {getattr(key, 'key_size', '')}".strip(),
        "sha256": fingerprint(certificate),
        "sha1_thumbprint": certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - a name, not a protection
    }

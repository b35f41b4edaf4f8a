"""`certificate create`, `show` and `trust`: our own pair, and the folder of trusted server certificates."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from iiotctl.errors import SourceError, UsageError
from iiotctl.ops.url import parse_url

if TYPE_CHECKING:
    from cryptography import x509

    from iiotctl.sources.opcua.certificate import Identity
    from iiotctl.sources.opcua.trust import Presented

_TIMEOUT_S: Final = 4.0
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:\-]*[A-Za-z0-9])?")


def now_utc() -> dt.datetime:
    """The clock of this computer."""
    return dt.datetime.fromtimestamp(time.time(), dt.UTC)


def create(
    pki: Path, *, hostnames: Sequence[str] = (), days: int | None = None, force: bool = False, now: dt.datetime
) -> Identity:
    """Make our application certificate and its key.

    Args:
        pki: folder of certificates.
        hostnames: names and addresses of this computer, the first one for the ApplicationUri; none = the system's.
        days: days of validity; None = five years.
        force: replace a pair that is there.
        now: current time.

    Raises:
        UsageError: `certificate-exists` without `force`; a name that cannot stand in a certificate.
        SourceError: the folder cannot be written.
    """
    from iiotctl.sources.opcua.certificate import OWN_CERTIFICATE, OWN_KEY, VALID_DAYS, create_identity

    for name in hostnames:
        if not _NAME.fullmatch(name):
            raise UsageError("bad-value", f"`{name[:60]}` is no host name or address", where="--hostname")
    certificate = pki / OWN_CERTIFICATE
    if not force and (certificate.exists() or (pki / OWN_KEY).exists()):
        raise UsageError(
            "certificate-exists",
            "there is a certificate already; nothing was changed",
            where=str(certificate),
            cause="servers that trust it would have to trust a new one",
            hint="`iiotctl certificate show` shows it; `iiotctl certificate create --force` replaces it",
        )
    first, *also = hostnames or [socket.gethostname()]
    return create_identity(pki, now, hostname=first, also=also, days=days or VALID_DAYS)


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate in our folders.

    Attributes:
        role: `own`, `trusted`, `rejected`, or `shown` for one that a server shows or a file holds.
        place: file or URL.
        certificate: the certificate.
    """

    role: str
    place: str
    certificate: x509.Certificate


def kept(pki: Path) -> list[Kept]:
    """Our own certificate, and those of servers that are trusted or were refused last.

    Raises:
        SourceError: one of the files cannot be read.
    """
    from iiotctl.sources.opcua.certificate import OWN_CERTIFICATE, load_certificate
    from iiotctl.sources.opcua.trust import TrustStore

    found = []
    own = pki / OWN_CERTIFICATE
    if own.exists():
        found.append(Kept("own", str(own), load_certificate(own)))
    found += [
        Kept("trusted", str(path), load_certificate(path, of_server=True))
        for path in TrustStore(pki, trust_first=False).trusted()
    ]
    found += [
        Kept("rejected", str(path), load_certificate(path, of_server=True))
        for path in sorted((pki / "rejected").glob("*.der"))
    ]
    return found


def shown_by(target: str, *, timeout_s: float | None = None) -> list[Kept]:
    """The certificate that a file holds, or that a server shows, followed by its issuers.

    Raises:
        UsageError: a URL of another protocol, or a file that holds no certificate.
        SourceError: the server is not reached, or shows none.
    """
    if "://" not in target:
        return [Kept("shown", target, _held_by(target))]
    from iiotctl.sources.opcua.trust import chain_of

    presented, data = _asked(target, timeout_s)
    return [Kept("shown", presented.where, certificate) for certificate in chain_of(data)]


def _held_by(file: str) -> x509.Certificate:
    """The certificate in a file that the user names."""
    from iiotctl.sources.opcua.certificate import load_certificate

    try:
        return load_certificate(Path(file), of_server=True)
    except SourceError as error:
        reason = error.__context__.strerror if isinstance(error.__context__, OSError) else None
        raise UsageError(
            "no-certificate",
            f"`{file}` is no certificate",
            cause=reason or "it holds no X.509 certificate in DER or PEM form",
            hint="export the certificate from the server as a .der or .pem file, "
            "or let the server show it: `iiotctl certificate show opc.tcp://HOST:4840`",
        ) from None


def _asked(url: str, timeout_s: float | None) -> tuple[Presented, bytes]:
    from iiotctl.sources.opcua.client import dial_url
    from iiotctl.sources.opcua.dial import application_faults, discover
    from iiotctl.sources.opcua.trust import Presented, first_of_chain

    if parse_url(url).scheme != "opc.tcp":
        raise UsageError("bad-url", "only OPC UA has application certificates", where=url)
    found = asyncio.run(discover(dial_url(url), timeout_s or _TIMEOUT_S))
    endpoint = next((each for each in found.endpoints if each.ServerCertificate), None)
    data = b"" if endpoint is None else bytes(endpoint.ServerCertificate)
    certificate = first_of_chain(data, found.url)
    parts = urlsplit(found.url)
    return Presented(
        certificate, parts.hostname or "", parts.port or 0, application_faults(certificate, endpoint)
    ), data


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server certificate before it is trusted.

    Attributes:
        certificate: the certificate.
        place: URL or file it came from.
        target: file that will hold it.
        before: certificate that is trusted for this server now, if another one is.
        names_it: the certificate was made for the dialled host; true for files.
        faults: why it proves little, one clause each; see `judgement.faults`.
        trusted: it is trusted already.
    """

    certificate: x509.Certificate
    place: str
    target: Path
    before: x509.Certificate | None
    names_it: bool
    faults: tuple[str, ...]
    trusted: bool


def candidate(pki: Path, target: str, *, now: dt.datetime, timeout_s: float | None = None) -> Candidate:
    """Fetch or read a server's certificate and look at it; nothing is written.

    Raises:
        UsageError, SourceError: see `shown_by`; also expired or not valid yet.
    """
    from iiotctl.sources.opcua.certificate import fingerprint, load_certificate
    from iiotctl.sources.opcua.judgement import faults
    from iiotctl.sources.opcua.trust import Presented, TrustStore, check_validity, names_host

    store = TrustStore(pki, trust_first=False)
    trusted = set(store.trusted().values())
    if "://" in target:
        presented, _ = _asked(target, timeout_s)
        place = store.place_for(presented) or pki
        names_it = names_host(presented.certificate, presented.host)
    else:
        certificate = _held_by(target)
        presented = Presented(certificate, "file", 0, faults(certificate, ""))
        place = pki / "trusted" / f"{fingerprint(presented.certificate).replace(':', '')[:16]}.der"
        names_it = True
    check_validity(presented, now)
    known = load_certificate(place, of_server=True) if place.exists() else None
    before = known if known is not None and known != presented.certificate else None
    known_already = presented.der in trusted
    return Candidate(presented.certificate, target, place, before, names_it, presented.faults, known_already)


def matches(certificate: x509.Certificate, text: str) -> bool:
    """True when `text` is the SHA-256 fingerprint or the SHA-1 thumbprint; colons, blanks and case do not count."""
    from cryptography.hazmat.primitives import hashes

    given = re.sub(r"[^0-9a-f]", "", text.lower().removeprefix("sha256").removeprefix("sha1"))
    known = (certificate.fingerprint(hashes.SHA256()).hex(), certificate.fingerprint(hashes.SHA1()).hex())  # noqa: S303 - many servers show the thumbprint only
    return given in known


def trust(pki: Path, wanted: Candidate, *, expect: str | None = None) -> Path:
    """Trust a certificate from now on; returns the file that holds it.

    Args:
        pki: folder of certificates.
        wanted: what `candidate` returned and a person compared.
        expect: fingerprint that it must have, or None.

    Raises:
        SourceError: `opcua-fingerprint`, another certificate than expected; the folder cannot be written.
    """
    from cryptography.hazmat.primitives import serialization

    from iiotctl.sources.opcua.certificate import fingerprint

    if expect is not None and not matches(wanted.certificate, expect):
        raise SourceError(
            "opcua-fingerprint",
            "the certificate does not have this fingerprint; it is not trusted",
            where=wanted.place,
            cause=f"SHA-256 {fingerprint(wanted.certificate)}",
            hint="compare it with the one that the server's own configuration shows; "
            "if they differ, something stands between you and the server",
        )
    try:
        wanted.target.parent.mkdir(parents=True, exist_ok=True)
        wanted.target.write_bytes(wanted.certificate.public_bytes(serialization.Encoding.DER))
        (pki / "rejected" / wanted.target.name).unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(
            "opcua-server-certificate",
            "the trusted certificate cannot be written",
            where=str(wanted.target),
            cause=error.strerror,
            hint="make the folder writable; `iiotctl site show --origin` says where it comes from",
        ) from None
    return wanted.target

"""Which server certificate is accepted: the pinned file, a remembered one, or (only when asked) the first one seen.

    pki/trusted/    accepted server certificates: <host>_<port>.der, or any file put there by hand
    pki/rejected/   the last one that was not accepted, to be looked at

Self-signed certificates are the rule in plants, so there is no chain to build: the certificate itself is
compared, byte by byte. An exact match also stands in for the host name check; a certificate that is
accepted on first use must name the dialled host and have no fault that makes a certificate worthless.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from iiotctl.errors import SourceError
from iiotctl.sources.base import place
from iiotctl.sources.opcua.certificate import fingerprint, load_certificate


@dataclass(frozen=True, slots=True)
class Presented:
    """The certificate that a server showed, and where.

    Attributes:
        certificate: the certificate.
        host: dialled host.
        port: dialled port.
        faults: why it proves little, see `judgement.faults`.
    """

    certificate: x509.Certificate
    host: str
    port: int
    faults: tuple[str, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def where(self) -> str:
        """Endpoint, for messages."""
        return f"opc.tcp://{place(self.host, self.port)}"

    @property
    def file_stem(self) -> str:
        """Name of the file that remembers this server's certificate, without `.der`."""
        return re.sub(r"[^A-Za-z0-9.\-]", "-", self.host) + f"_{self.port}"

    def describe(self) -> str:
        """Fingerprints, subject and validity in one line; many servers show the SHA-1 thumbprint only."""
        certificate = self.certificate
        thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - a name, not a protection
        return (
            f"SHA-256 {fingerprint(certificate)} (SHA-1 thumbprint {thumbprint}), subject `{certificate.subject.rfc4514_string()}`, "
            f"valid {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        )


def chain_of(data: bytes) -> list[x509.Certificate]:
    """The certificates in what GetEndpoints returned: the server's own, then its issuers; what cannot be read ends it."""
    found: list[x509.Certificate] = []
    while data:
        # outer SEQUENCE of a certificate: 30 82 hi lo
        length = int.from_bytes(data[2:4], "big") + 4 if data[:2] == b"\x30\x82" else len(data)
        try:
            found.append(x509.load_der_x509_certificate(data[:length]))
        except ValueError:
            break
        data = data[length:]
    return found


def first_of_chain(data: bytes, where: str) -> x509.Certificate:
    """The server's own certificate from what GetEndpoints returned (possibly followed by its issuers).

    Raises:
        SourceError: the server sent none, or one that cannot be read.
    """
    if not data:
        raise SourceError(
            "opcua-certificate-missing",
            "the server offers a secure endpoint but shows no certificate",
            where=where,
            hint="create an application certificate on the server, or use another endpoint",
        )
    chain = chain_of(data)
    if not chain:
        raise SourceError(
            "opcua-certificate-missing",
            "the server shows a certificate that cannot be read",
            where=where,
            cause=f"{len(data)} bytes that are no X.509 certificate",
            hint="renew the application certificate on the server",
        )
    return chain[0]


def names_of(certificate: x509.Certificate) -> list[str]:
    """Host names and addresses that a certificate was made for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    ]


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """True when the certificate was made for `host` (name or address; names without regard to case)."""
    try:
        wanted = str(ipaddress.ip_address(host))
    except ValueError:
        wanted = host.lower().rstrip(".")
    return wanted in {name.lower().rstrip(".") for name in names_of(certificate)}


def check_validity(presented: Presented, now: dt.datetime) -> None:
    """Refuse an expired or not yet valid certificate.

    Raises:
        SourceError: `opcua-certificate-expired` or `opcua-certificate-not-yet-valid`.
    """
    certificate = presented.certificate
    clock = f"this computer's clock says {now:%Y-%m-%d %H:%M} UTC"
    if certificate.not_valid_after_utc < now:
        raise SourceError(
            "opcua-certificate-expired",
            f"the server's certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            where=presented.where,
            cause=f"{presented.describe()}; {clock}",
            hint="renew the application certificate on the server; if the clock here is wrong, set it first: `date -u`; "
            f"`iiotctl certificate check {presented.where}` shows clocks and dates",
        )
    if certificate.not_valid_before_utc > now:
        raise SourceError(
            "opcua-certificate-not-yet-valid",
            f"the server's certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC only",
            where=presented.where,
            cause=f"{presented.describe()}; {clock}",
            hint="compare the clocks of the server and of this computer: `date -u`",
        )


class Standing(Enum):
    """What we think of a server's certificate."""

    TRUSTED = "trusted"
    CHANGED = "changed"
    """Another one of this server is trusted."""
    UNKNOWN = "unknown"


class TrustStore:
    """The folder of accepted server certificates.

    Args:
        pki: folder that holds `trusted/` and `rejected/`; None = nothing is remembered.
        trust_first: accept and remember a certificate of a server never seen before.
    """

    def __init__(self, pki: Path | None, *, trust_first: bool) -> None:
        self._pki = pki
        self._trust_first = trust_first

    def trusted(self) -> dict[Path, bytes]:
        """Trusted certificates in DER, by file.

        Raises:
            SourceError: one of the files cannot be read.
        """
        if self._pki is None:
            return {}
        found = {}
        for path in sorted((self._pki / "trusted").glob("*")):
            if path.suffix.lower() in {".der", ".crt", ".cer", ".pem"}:
                found[path] = load_certificate(path, of_server=True).public_bytes(serialization.Encoding.DER)
        return found

    def place_for(self, presented: Presented) -> Path | None:
        """The file that remembers this server's certificate; None without a folder."""
        return None if self._pki is None else self._pki / "trusted" / f"{presented.file_stem}.der"

    def standing(self, presented: Presented, pinned: Path | None) -> tuple[Standing, Path | None]:
        """Whether a certificate is trusted, and the file that says so, or that holds another one of this server.

        Raises:
            SourceError: a file of trusted certificates cannot be read.
        """
        if pinned is not None:
            same = load_certificate(pinned, of_server=True).public_bytes(serialization.Encoding.DER) == presented.der
            return (Standing.TRUSTED if same else Standing.CHANGED), pinned
        trusted = self.trusted()
        for path, der in trusted.items():
            if der == presented.der:
                return Standing.TRUSTED, path
        remembered = self.place_for(presented)
        return (Standing.CHANGED, remembered) if remembered in trusted else (Standing.UNKNOWN, None)

    def accept(self, presented: Presented, *, pinned: Path | None, now: dt.datetime) -> Path | None:
        """Accept or refuse what a server showed; returns the file it was remembered in just now, or None.

        Raises:
            SourceError: expired, not yet valid, unknown, changed, made for another host, or at fault.
        """
        check_validity(presented, now)
        standing, known = self.standing(presented, pinned)
        if standing is Standing.TRUSTED:
            return None
        if standing is Standing.CHANGED and known is not None:
            put = f"put the server's new certificate into `{known}`"
            raise self._changed(presented, known, self._accept_hint(presented) if pinned is None else put)
        remembered = self.place_for(presented)
        if not self._trust_first or remembered is None:
            raise SourceError(
                "opcua-certificate-unknown",
                "the server's certificate is not trusted yet",
                where=presented.where,
                cause=presented.describe(),
                hint=self._accept_hint(presented),
            )
        if not names_host(presented.certificate, presented.host):
            raise SourceError(
                "opcua-certificate-host",
                f"the server's certificate was not made for `{presented.host}`",
                where=presented.where,
                cause=f"it names {', '.join(names_of(presented.certificate)) or 'no host'}; {presented.describe()}",
                hint=f"dial one of these names, or accept it knowingly: {self._accept_hint(presented)}",
            )
        if presented.faults:
            raise SourceError(
                "opcua-certificate-faulty",
                "the server's certificate is at fault, so it is not trusted on first use",
                where=presented.where,
                cause=(*presented.faults, presented.describe()),
                hint=f"renew it on the server, or accept it knowingly: {self._accept_hint(presented)}",
            )
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_bytes(presented.der)
        return remembered

    def _changed(self, presented: Presented, known: Path, hint: str) -> SourceError:
        before = Presented(load_certificate(known, of_server=True), presented.host, presented.port)
        return SourceError(
            "opcua-certificate-changed",
            "the server shows another certificate than before: it was renewed, or this is another server",
            where=presented.where,
            cause=f"now {presented.describe()}; trusted (`{known}`) {before.describe()}",
            hint=hint,
        )

    def _accept_hint(self, presented: Presented) -> str:
        """Lay the certificate down in `rejected/`, where `certificate show` finds it, and say how to accept it."""
        if self._pki is None:
            return (
                'save the server\'s certificate to a file and name it in the site: `server_certificate = "line3.der"`'
            )
        rejected = self._pki / "rejected" / f"{presented.file_stem}.der"
        try:
            rejected.parent.mkdir(parents=True, exist_ok=True)
            rejected.write_bytes(presented.der)
        except OSError as error:
            return f"make `{self._pki}` writable ({error.strerror}), run again"
        return (
            f"compare the fingerprint with the one on the server, then `iiotctl certificate trust {presented.where}`; "
            f"`iiotctl certificate check {presented.where}` tells all about it"
        )

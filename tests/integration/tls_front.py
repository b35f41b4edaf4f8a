"""A TLS front for a plain Modbus server: `socat` (OpenSSL) before libmodbus, and certificates made for the test."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.peers import require_tool

NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as objects and as PEM files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: Path
    key_pem: Path


def make(
    folder: Path,
    name: str,
    *,
    signer: Pair | None = None,
    names: Sequence[str] = ("127.0.0.1", "localhost"),
    starts: dt.datetime = NOW - dt.timedelta(days=1),
    ends: dt.datetime = NOW + dt.timedelta(days=30),
) -> Pair:
    """A pair, signed by another one or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alternative: list[x509.GeneralName] = []
    for word in names:
        try:
            alternative.append(x509.IPAddress(ipaddress.ip_address(word)))
        except ValueError:
            alternative.append(x509.DNSName(word))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        .sign(signer.key if signer else key, hashes.SHA256())
    )
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Pair(certificate, key, pem, key_pem)


class TlsFront:
    """socat in front of a port; clients must show a certificate that `clients` signed.

    Args:
        behind: port of the plain server.
        shows: the server's pair.
        clients: whose certificates are accepted; None = anybody's, or none at all.
        versions: more options for socat, e.g. `openssl-max-proto-version=TLS1.2`.
    """

    def __init__(self, behind: int, shows: Pair, *, clients: Path | None = None, versions: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._behind = behind
        self._clients = clients
        self._versions = versions
        self._process: subprocess.Popen[bytes] | None = None
        self.shows = shows

    def __enter__(self) -> Self:
        socat = require_tool("socat", "apt-get install socat")
        check = f",verify=1,cafile={self._clients}" if self._clients is not None else ",verify=0"
        options = f"reuseaddr,fork,cert={self.shows.pem},key={self.shows.key_pem}{check}"
        more = f",{self._versions}" if self._versions else ""
        self._process = subprocess.Popen(
            [socat, f"OPENSSL-LISTEN:{self.port},bind=127.0.0.1,{options}{more}", f"TCP:127.0.0.1:{self._behind}"],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("socat does not listen")

    def __exit__(self, *_: object) -> None:
        import os
        import signal

        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # its children carry the connections
            self._process.wait()
            self._process = None

    def restart(self, shows: Pair) -> None:
        """The server comes back with another certificate."""
        self.__exit__()
        self.shows = shows
        self.__enter__()

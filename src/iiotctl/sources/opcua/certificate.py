"""Our application certificate: made on first use so that servers accept it, or the one the site names.

OPC 10000-4 §7.3 and OPC 10000-6 §6.2.2: the ApplicationUri stands as URI in the subject alternative
name and must be the one sent in CreateSession (servers answer BadCertificateUriInvalid otherwise);
host names and addresses stand beside it; key usage is signature, non-repudiation, key and data
encipherment; RSA of at least 2048 bits, SHA-256.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from iiotctl.errors import SourceError

KEY_BITS: Final = 2048
VALID_DAYS: Final = 5 * 365
BACKDATE: Final = dt.timedelta(days=1)
"""PLC clocks run late; a certificate that is "not yet valid" for them would be refused."""

OWN_CERTIFICATE: Final = Path("own") / "iiotctl.der"
OWN_KEY: Final = Path("own") / "iiotctl.key.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key.

    Attributes:
        certificate: the certificate.
        key: its RSA private key.
        application_uri: the URI of the subject alternative name; "" for user tokens that have none.
        path: file of the certificate, for messages.
        created: true when it was made just now.
    """

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    application_uri: str
    path: Path
    created: bool = False

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, lower-case hexadecimal in groups of four."""
    digest = certificate.fingerprint(hashes.SHA256()).hex()
    return ":".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def application_uri_of(certificate: x509.Certificate) -> str:
    """The first URI of the subject alternative name, or ""."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else ""


def _alternative_names(uri: str, hostname: str, also: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    addresses: dict[str, None] = {"127.0.0.1": None}
    hosts: dict[str, None] = {}
    for name in (hostname, "localhost", *also):
        try:
            addresses[str(ipaddress.ip_address(name))] = None
        except ValueError:
            hosts[name] = None
    names += [x509.DNSName(host) for host in hosts if host.isascii()]
    try:
        for info in socket.getaddrinfo(hostname, None, type=socket.SOCK_STREAM):
            addresses[str(info[4][0]).split("%")[0]] = None
    except OSError:
        pass  # a host name that nobody resolves is normal on plant PCs; the name itself is enough
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return x509.SubjectAlternativeName(names)


def make_certificate(
    key: rsa.RSAPrivateKey, *, hostname: str, now: dt.datetime, days: int = VALID_DAYS, also: Sequence[str] = ()
) -> x509.Certificate:
    """A self-signed application instance certificate for a client on `hostname`, signed with SHA-256.

    Args:
        key: the key to certify and sign with.
        hostname: name of this computer; stands in the ApplicationUri.
        now: current time.
        days: days of validity.
        also: more names and addresses of this computer.
    """
    uri = f"urn:{hostname}:iiotctl"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"iiotctl@{hostname}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "iiotctl"),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,  # self-signed: it is its own issuer, and some stacks check that
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(_alternative_names(uri, hostname, also), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp: mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _bad(path: Path, cause: str, hint: str) -> SourceError:
    return SourceError(
        "opcua-client-certificate", "our OPC UA certificate cannot be used", where=str(path), cause=cause, hint=hint
    )


def load_certificate(path: Path, *, of_server: bool = False) -> x509.Certificate:
    """A certificate from a DER or PEM file; `of_server` words the error.

    Raises:
        SourceError: unreadable, or not a certificate.
    """
    try:
        data = path.read_bytes()
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        hint = "name a certificate file in DER or PEM form in the site file"
        if of_server:
            raise SourceError(
                "opcua-server-certificate",
                "the trusted certificate of the server cannot be read",
                where=str(path),
                cause=cause,
                hint=hint,
            ) from None
        raise _bad(path, cause, hint) from None


def _load_key(path: Path) -> rsa.RSAPrivateKey:
    hint = "name an RSA private key without a pass phrase, DER or PEM, in the site file"
    try:
        data = path.read_bytes()
        if data.lstrip().startswith(b"-----BEGIN"):
            key = serialization.load_pem_private_key(data, password=None)
        else:
            key = serialization.load_der_private_key(data, password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _bad(path, str(error), hint) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _bad(path, "the key is not an RSA key", hint)
    return key


def load_identity(certificate: Path, key: Path) -> Identity:
    """Certificate and key from files that belong together.

    Raises:
        SourceError: a file is unreadable, or the key is not the certificate's.
    """
    loaded = load_certificate(certificate)
    private = _load_key(key)
    public = loaded.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.public_numbers() != private.public_key().public_numbers():
        raise _bad(certificate, f"`{key.name}` is not the key of this certificate", "name the two files of one pair")
    return Identity(loaded, private, application_uri_of(loaded), certificate)


def check_own(identity: Identity, now: dt.datetime) -> None:
    """Refuse an application certificate that every server would refuse.

    Raises:
        SourceError: expired, not yet valid, or without an ApplicationUri.
    """
    renew = "`iiotctl certificate create --force` makes a new pair; then have the server trust it"
    if identity.certificate.not_valid_after_utc < now:
        raise _bad(identity.path, f"it expired on {identity.certificate.not_valid_after_utc:%Y-%m-%d}", renew)
    if identity.certificate.not_valid_before_utc > now:
        cause = f"it is valid from {identity.certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise _bad(identity.path, cause, "check this computer's clock: `date -u`")
    if not identity.application_uri:
        raise _bad(
            identity.path,
            "it holds no ApplicationUri (URI in the subject alternative name)",
            "leave `certificate` and `private_key` out of the site file: iiotctl then makes a pair that fits",
        )


def own_identity(pki: Path, now: dt.datetime, *, hostname: str | None = None) -> Identity:
    """Our pair from `pki`, made there on first use (key readable by its owner only).

    Raises:
        SourceError: the folder cannot be written, or what lies there cannot be used.
    """
    certificate, key = pki / OWN_CERTIFICATE, pki / OWN_KEY
    if certificate.exists() and key.exists():
        return load_identity(certificate, key)
    return create_identity(pki, now, hostname=hostname)


def create_identity(
    pki: Path, now: dt.datetime, *, hostname: str | None = None, also: Sequence[str] = (), days: int = VALID_DAYS
) -> Identity:
    """Make our pair in `pki`, in place of an older one (key readable by its owner only).

    Raises:
        SourceError: the folder cannot be written.
    """
    certificate, key = pki / OWN_CERTIFICATE, pki / OWN_KEY
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    made = make_certificate(private, hostname=hostname or socket.gethostname(), now=now, days=days, also=also)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        write_private(key, pem)
        certificate.write_bytes(made.public_bytes(serialization.Encoding.DER))
    except OSError as error:
        raise _bad(pki, str(error), "make the folder writable, or name `certificate` and `private_key`") from None
    return Identity(made, private, application_uri_of(made), certificate, created=True)

"""Certificates with every fault that one can have, for the tests of the certificate doctor."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
URI = "urn:plant:line3"


@cache
def key(bits: int, number: int) -> rsa.RSAPrivateKey:
    """A key; the same one for the same arguments, because making one takes long."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    *,
    uri: str | None = URI,
    hosts: Sequence[str] = ("plc7", "192.0.2.7"),
    days: tuple[float, float] = (-100, 400),
    bits: int = 2048,
    sha1: bool = False,
    usage: bool | None = True,
    purposes: Sequence[x509.ObjectIdentifier] | None = (
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ),
    issuer: str | None = None,
    signer: rsa.RSAPrivateKey | None = None,
    curve: bool = False,
    subject: str = "line3",
) -> x509.Certificate:
    """A certificate; as it should be unless told otherwise. `usage` False leaves out encipherment, None the extension."""
    private = ec.generate_private_key(ec.SECP256R1()) if curve else key(bits, 0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer or subject))
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(NOW + dt.timedelta(days=days[0]))
        .not_valid_after(NOW + dt.timedelta(days=days[1]))
    )
    names: list[x509.GeneralName] = [] if uri is None else [x509.UniformResourceIdentifier(uri)]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None:
        flags = x509.KeyUsage(True, usage, usage, usage, False, True, False, False, False)
        builder = builder.add_extension(flags, critical=True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    signed = builder.sign(signer or private, hashes.SHA256())
    return with_sha1(signed) if sha1 else signed


_RSA_SHA256 = bytes.fromhex("2a864886f70d01010b")
_RSA_SHA1 = bytes.fromhex("2a864886f70d010105")


def with_sha1(certificate: x509.Certificate) -> x509.Certificate:
    """The same, called signed with SHA-1; the library does not sign so any more, and whoever judges must not get further."""
    return x509.load_der_x509_certificate(certificate.public_bytes(Encoding.DER).replace(_RSA_SHA256, _RSA_SHA1))

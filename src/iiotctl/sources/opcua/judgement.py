"""What is right and wrong with an OPC UA application certificate: pure judgement, no connection and no clock of its own.

The rules are those of OPC 10000-4 §6.1.3 (what a peer must check) and 10000-6 §6.2.2 (what a certificate must hold):
dates, ApplicationUri in the subject alternative name, host names, RSA of 2048 to 4096 bits, SHA-256, key usage.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from iiotctl.sources.opcua.certificate import application_uri_of
from iiotctl.sources.opcua.trust import names_host, names_of

SOON: Final = dt.timedelta(days=30)
LEAST_BITS: Final = 2048
MOST_BITS: Final = 4096
_WEAK_HASHES: Final = frozenset({"sha1", "md5"})
_SERVER_CLOCK_S: Final = 60.0


class State(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - a verdict, no secret
    WARN = "warn"
    FAIL = "fail"


class Side(StrEnum):
    """Whose matter it is."""

    SERVER = "server"
    OURS = "ours"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check.

    Attributes:
        side: whose certificate, or the trust between the two.
        name: what was looked at, e.g. `dates`.
        state: how it ended; `fail` = a connection fails, or must not be trusted.
        found: what was seen, one clause.
        fix: what to do, with a command where there is one; "" when all is well.
    """

    side: Side
    name: str
    state: State
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """For `--format json`."""
        return {
            "side": str(self.side),
            "check": self.name,
            "state": str(self.state),
            "found": self.found,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """A certificate to judge.

    Attributes:
        certificate: the certificate itself.
        side: SERVER or OURS.
        application_uri: what the application calls itself; "" = unknown.
        host: name or address under which it is reached; "" = does not matter.
        trusted: it is accepted byte by byte, so that names matter less.
        renew: how to get a new one, with a command where it is ours.
    """

    certificate: x509.Certificate
    side: Side
    application_uri: str
    host: str
    trusted: bool
    renew: str


def judge(subject: Subject, now: dt.datetime) -> list[Judgement]:
    """All checks of one certificate, in the order in which people read them."""
    return [
        _dates(subject, now),
        _uri(subject),
        _host(subject),
        _key(subject),
        _signature(subject),
        *_usages(subject),
    ]


def faults(certificate: x509.Certificate, application_uri: str) -> tuple[str, ...]:
    """Why nobody but a person may trust a server's certificate: what fails of its ApplicationUri, key and signature.

    Dates and host names are judged where it is trusted.
    """
    subject = Subject(certificate, Side.SERVER, application_uri, "", trusted=False, renew="")
    judged = (_uri(subject), _key(subject), _signature(subject))
    return tuple(f"{each.name}: {each.found}" for each in judged if each.state is State.FAIL)


def _dates(subject: Subject, now: dt.datetime) -> Judgement:
    first, last = subject.certificate.not_valid_before_utc, subject.certificate.not_valid_after_utc
    valid = f"valid {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    left = last - now
    if left < dt.timedelta(0):
        fix = f"{subject.renew}; if this computer's clock is wrong ({now:%Y-%m-%d %H:%M} UTC), set it first"
        return Judgement(subject.side, "dates", State.FAIL, f"expired {(-left).days} days ago, {valid}", fix)
    if first > now:
        found = f"not yet valid: from {first:%Y-%m-%d %H:%M} UTC, here it is {now:%Y-%m-%d %H:%M} UTC"
        fix = "compare the clocks of the server and of this computer: `date -u`"
        return Judgement(subject.side, "dates", State.FAIL, found, fix)
    if left < SOON:
        return Judgement(subject.side, "dates", State.WARN, f"expires in {left.days} days, {valid}", subject.renew)
    return Judgement(subject.side, "dates", State.PASS, f"{valid}, {left.days} days left")


def _uri(subject: Subject) -> Judgement:
    name = "ApplicationUri"
    held = application_uri_of(subject.certificate)
    if not held:
        found = (
            "the certificate holds none (URI in the subject alternative name); peers answer BadCertificateUriInvalid"
        )
        return Judgement(subject.side, name, State.FAIL, found, subject.renew)
    if subject.application_uri and held != subject.application_uri:
        found = f"the certificate says `{held}`, the application calls itself `{subject.application_uri}`"
        fix = f"make the two the same: change the application's URI, or {subject.renew}"
        return Judgement(subject.side, name, State.FAIL, found, fix)
    return Judgement(subject.side, name, State.PASS, f"`{held}`")


def _host(subject: Subject) -> Judgement:
    name = "host names"
    held = ", ".join(names_of(subject.certificate)) or "none"
    if not subject.host or names_host(subject.certificate, subject.host):
        return Judgement(subject.side, name, State.PASS, held)
    if subject.side is Side.OURS:
        found = f"made for {held}; this computer is called `{subject.host}`"
        return Judgement(subject.side, name, State.WARN, found, f"{subject.renew}, if the server checks names")
    found = f"made for {held}; dialled was `{subject.host}`"
    state = State.WARN if subject.trusted else State.FAIL
    return Judgement(subject.side, name, state, found, f"dial one of these names, or {subject.renew}")


def _key(subject: Subject) -> Judgement:
    key = subject.certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        found = f"{type(key).__name__.removesuffix('PublicKey')}: the policies that iiotctl speaks need RSA"
        return Judgement(subject.side, "key", State.FAIL, found, subject.renew)
    if key.key_size < LEAST_BITS:
        found = f"RSA {key.key_size} bits; {LEAST_BITS} is the least"
        return Judgement(subject.side, "key", State.FAIL, found, subject.renew)
    if key.key_size > MOST_BITS:
        found = f"RSA {key.key_size} bits; the policies allow {MOST_BITS} at most"
        return Judgement(subject.side, "key", State.WARN, found, subject.renew)
    return Judgement(subject.side, "key", State.PASS, f"RSA {key.key_size} bits")


def _signature(subject: Subject) -> Judgement:
    certificate, name = subject.certificate, "signature"
    try:
        algorithm = certificate.signature_hash_algorithm
        word = "none" if algorithm is None else algorithm.name
    except UnsupportedAlgorithm:
        word = certificate.signature_algorithm_oid.dotted_string
    self_signed = certificate.subject == certificate.issuer
    by = "self-signed" if self_signed else f"signed by `{certificate.issuer.rfc4514_string()}`"
    if word in _WEAK_HASHES:
        found = f"{word.upper().replace('SHA1', 'SHA-1')}, {by}: can be forged, and many peers refuse it"
        return Judgement(subject.side, name, State.FAIL, found, subject.renew)
    if self_signed and not signed_by(certificate, certificate):
        found = "says it is self-signed, but the signature is not its own: damaged or forged"
        return Judgement(subject.side, name, State.FAIL, found, subject.renew)
    return Judgement(subject.side, name, State.PASS, f"{word.upper().replace('SHA', 'SHA-')}, {by}")


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """True when the issuer's key made the signature; also when that cannot be checked here."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:
        return True
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _usages(subject: Subject) -> Iterator[Judgement]:
    extensions = subject.certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        yield Judgement(subject.side, "key usage", State.WARN, "not given; strict peers refuse it", subject.renew)
    else:
        wanted = {
            "digitalSignature": usage.digital_signature,
            "nonRepudiation": usage.content_commitment,
            "keyEncipherment": usage.key_encipherment,
            "dataEncipherment": usage.data_encipherment,
        }
        missing = ", ".join(word for word, given in wanted.items() if not given)
        if missing:
            found = f"{missing} missing; strict peers answer BadCertificateUseNotAllowed"
            yield Judgement(subject.side, "key usage", State.WARN, found, subject.renew)
        else:
            yield Judgement(subject.side, "key usage", State.PASS, "signature and encipherment")
    role = ExtendedKeyUsageOID.SERVER_AUTH if subject.side is Side.SERVER else ExtendedKeyUsageOID.CLIENT_AUTH
    word = "serverAuth" if subject.side is Side.SERVER else "clientAuth"
    try:
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        found = f"{word} not given; strict peers refuse it"
        yield Judgement(subject.side, "extended key usage", State.WARN, found, subject.renew)
    else:
        state = State.PASS if role in extended else State.WARN
        found = word if role in extended else f"{word} missing; strict peers answer BadCertificateUseNotAllowed"
        yield Judgement(subject.side, "extended key usage", state, found, "" if state is State.PASS else subject.renew)


def judge_chain(chain: Sequence[x509.Certificate]) -> Judgement | None:
    """What follows the certificate: its issuers; None for a self-signed one."""
    leaf = chain[0]
    if leaf.subject == leaf.issuer:
        return None
    for certificate, issuer in itertools.pairwise(chain):
        if certificate.issuer != issuer.subject or not signed_by(certificate, issuer):
            found = f"`{issuer.subject.rfc4514_string()}` did not sign what stands before it"
            return Judgement(Side.SERVER, "chain", State.WARN, found, "send the issuers in order on the server")
    if chain[-1].subject != chain[-1].issuer:
        found = f"ends at `{chain[-1].issuer.rfc4514_string()}`, which the server does not send"
        return Judgement(Side.SERVER, "chain", State.PASS, f"{found}; iiotctl compares the certificate itself")
    return Judgement(
        Side.SERVER, "chain", State.PASS, f"{len(chain) - 1} issuers sent; iiotctl compares the certificate itself"
    )


def _is_valid(certificate: x509.Certificate, at: dt.datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def judge_clock(offset_s: float | None, now: dt.datetime, ours: x509.Certificate | None) -> Judgement | None:
    """The server's clock against ours, and against the dates of our certificate; None when it does not tell."""
    if offset_s is None:
        return None
    size = abs(offset_s)
    word = f"{size:.1f} s" if size < 120 else f"{size / 60:.0f} min" if size < 7200 else f"{size / 3600:.1f} h"  # noqa: PLR2004
    found = f"{word} {'ahead of' if offset_s > 0 else 'behind'} this computer"
    fix = "set the clock of the server or of this computer; `date -u`"
    there = now + dt.timedelta(seconds=offset_s)
    if size > _SERVER_CLOCK_S and ours is not None and _is_valid(ours, now) and not _is_valid(ours, there):
        found += ": by it our certificate is not valid, the server answers BadCertificateTimeInvalid"
        return Judgement(Side.SERVER, "clock", State.FAIL, found, fix)
    return Judgement(
        Side.SERVER,
        "clock",
        State.PASS if size <= _SERVER_CLOCK_S else State.WARN,
        found,
        "" if size <= _SERVER_CLOCK_S else fix,
    )

"""Trust in Modbus/TCP Security (MBTPS V36): TLS 1.2 or later, a certificate on both sides, and no way around it.

The device's certificate is accepted because its authority is named in the site file (`ca`), because it is
the one that is named there (`server_certificate`), or because it is the one that `--trust-first` remembered:

    pki/modbus/trusted/    remembered on first use: <host>_<port>.der
    pki/modbus/rejected/   the last one that was not accepted, so that accepting it is one `mv`

A certificate that is compared as a whole needs neither authority nor name; TLS itself proves that the device
holds its key. Nothing of Modbus is sent before it is accepted. Our own side shows the pair that OPC UA uses too.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from iiotctl.errors import IiotctlError, SourceError
from iiotctl.events import Event, Level
from iiotctl.sources.base import place
from iiotctl.sources.opcua.certificate import fingerprint, load_certificate, own_identity
from iiotctl.sources.opcua.trust import names_host, names_of

if TYPE_CHECKING:
    from iiotctl.site.sources import ModbusTlsSource
    from iiotctl.sources.base import SourceContext

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_WRONG_NAME: Final = (62, 64)
"""Verification results of OpenSSL: X509_V_ERR_CERT_HAS_EXPIRED, _NOT_YET_VALID, _HOSTNAME_ and _IP_ADDRESS_MISMATCH."""
_CERTIFICATE_ALERTS: Final = re.compile(
    r"ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED|DECRYPT_ERROR)"
)
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE")
_HINT_NO_TLS: Final = 'check the port (802 is usual); plain Modbus TCP is `type = "modbus-tcp"`'
_HINT_REFUSED: Final = (
    "have the device trust our certificate (`pki/own/iiotctl.crt.pem`), or its role for reading; "
    "or name a pair it knows: `certificate` and `private_key`"
)
_OLD_TLS: Final = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE")


class Trust:
    """What one source accepts and shows.

    Args:
        config: the source.
        context: folders, and whether an unknown certificate may be remembered.
        tell: takes the event that one was.
    """

    def __init__(self, config: ModbusTlsSource, context: SourceContext, tell: Callable[[Event], None]) -> None:
        self._config = config
        self._folder = context.folder or Path.cwd()
        self._pki = context.pki_dir
        self._trust_first = context.trust_first
        self._now_us = context.now_us
        self._tell = tell
        self._where = f"modbus-tls://{place(config.host, config.port)}"

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._now_us() / 1e6, dt.UTC)

    def context(self) -> ssl.SSLContext:
        """How to dial; made anew each time, so that renewed files count from the next connection on.

        Raises:
            SourceError: a file cannot be used.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._config.ca is not None:
            authority = self._folder / self._config.ca
            try:
                made.load_verify_locations(cafile=authority)
            except (OSError, ValueError) as error:
                raise self._error(
                    "modbus-tls-server-certificate",
                    "the certificate of the authority cannot be read",
                    f"{authority}: {_reason(error)}",
                    'name a file in PEM form: `ca = "authority.pem"`',
                ) from error
        else:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE  # `accept` compares the whole certificate before anything is sent
        certificate, key = self._own_files()
        try:
            made.load_cert_chain(certificate, key, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise self._own_error(
                f"{certificate}: {_reason(error)}",
                "name the two PEM files of one pair, the key without a pass phrase",
            ) from error
        return made

    def _own_error(self, cause: str, hint: str) -> SourceError:
        return self._error("modbus-tls-client-certificate", "our certificate cannot be used", cause, hint)

    def _own_files(self) -> tuple[Path, Path]:
        config = self._config
        if config.certificate is not None and config.private_key is not None:
            named = self._folder / config.certificate, self._folder / config.private_key
            for path in named:  # OpenSSL does not say which
                if not path.is_file():
                    raise self._own_error(f"{path}: no such file", "name the two PEM files of one pair")
            return named
        if self._pki is None:
            raise self._own_error("there is no folder to keep it in", "name `certificate` and `private_key`")
        pki = self._pki
        try:
            identity = own_identity(pki, self._now())
        except SourceError as error:
            raise self._own_error(f"{error.where}: {error.cause}", error.hint or "") from error
        pem = identity.path.with_suffix(".crt.pem")  # OpenSSL takes no DER
        data = identity.certificate.public_bytes(Encoding.PEM)
        try:
            if not pem.exists() or pem.read_bytes() != data:
                pem.write_bytes(data)
        except OSError as error:
            raise self._own_error(_reason(error), f"make `{pem.parent}` writable") from error
        return pem, identity.path.with_suffix(".key.pem")

    def accept(self, shown: bytes) -> None:
        """Let the certificate pass that the device showed, or stop the connection.

        Args:
            shown: DER.

        Raises:
            SourceError: expired, not yet valid, unknown, changed, or made for another host.
        """
        if self._config.ca is not None:
            return  # OpenSSL has judged chain, dates and name
        certificate = x509.load_der_x509_certificate(shown)
        self._check_dates(certificate)
        pinned = self._pinned()
        if pinned is None:
            self._first_use(certificate, shown)
            return
        known = self._load_pinned(pinned)
        if known.public_bytes(Encoding.DER) != shown:
            raise self._error(
                "modbus-tls-certificate-changed",
                "the device shows another certificate than before: it was renewed, or this is another device",
                f"now {describe(certificate)}; accepted (`{pinned}`) {describe(known)}",
                self._accept_hint(shown)
                if self._config.server_certificate is None
                else f"compare with the device, then put its new certificate into `{pinned}`",
            )

    def _check_dates(self, certificate: x509.Certificate) -> None:
        now = self._now()
        clock = f"{describe(certificate)}; this computer's clock says {now:%Y-%m-%d %H:%M} UTC"
        if certificate.not_valid_after_utc < now:
            raise self._expired(clock)
        if certificate.not_valid_before_utc > now:
            raise self._not_yet(clock)

    def _pinned(self) -> Path | None:
        if self._config.server_certificate is not None:
            return self._folder / self._config.server_certificate
        remembered = self._remembered("trusted")
        return remembered if remembered is not None and remembered.exists() else None

    def _remembered(self, kind: Literal["trusted", "rejected"]) -> Path | None:
        if self._pki is None:
            return None
        stem = re.sub(r"[^A-Za-z0-9.\-]", "-", self._config.host)
        return self._pki / "modbus" / kind / f"{stem}_{self._config.port}.der"

    def _load_pinned(self, path: Path) -> x509.Certificate:
        try:
            return load_certificate(path)
        except SourceError as error:
            raise self._error(
                "modbus-tls-server-certificate",
                "the certificate to accept cannot be read",
                f"{path}: {error.cause}",
                "name a certificate file in PEM or DER form in the site file",
            ) from error

    def _first_use(self, certificate: x509.Certificate, shown: bytes) -> None:
        target = self._remembered("trusted")
        if not self._trust_first or target is None:
            raise self._error(
                "modbus-tls-certificate-unknown",
                "neither `ca` nor `server_certificate` says which certificate the device must show",
                f"it shows {describe(certificate)}",
                f"{self._accept_hint(shown)}; or accept what is shown now with `--trust-first`",
            )
        name = self._config.server_name or self._config.host
        if not names_host(certificate, name):
            raise self._wrong_name(f"it names {', '.join(names_of(certificate)) or 'no host'}; {describe(certificate)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(shown)
        except OSError as error:
            raise self._own_error(_reason(error), f"make `{target.parent}` writable") from error
        text = f"certificate of {self._where} accepted and remembered: {describe(certificate)}"
        self._tell(Event(Level.NOTICE, "certificate-remembered", text))

    def _accept_hint(self, shown: bytes) -> str:
        """Lay the certificate down and say how to accept it."""
        rejected, trusted = self._remembered("rejected"), self._remembered("trusted")
        if rejected is None or trusted is None:
            return 'save the device\'s certificate to a file and name it: `server_certificate = "device.pem"`'
        try:
            rejected.parent.mkdir(parents=True, exist_ok=True)
            trusted.parent.mkdir(parents=True, exist_ok=True)
            rejected.write_bytes(shown)
        except OSError as error:
            return f"make `{self._pki}` writable ({error.strerror}), then try again"
        command = f'move /Y "{rejected}" "{trusted}"' if os.name == "nt" else f"mv '{rejected}' '{trusted}'"
        return f"compare the fingerprint with the device's, then accept it: `{command}`"

    def explain(self, error: BaseException) -> BaseException:
        """The same failure in our words, when TLS is its cause."""
        if isinstance(error, IiotctlError):
            return error
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._refused(error)
        if not isinstance(error, ssl.SSLError):
            return error
        reason = error.reason or str(error)
        if _CERTIFICATE_ALERTS.search(reason):
            return self._client_refused(f"it answered the TLS handshake with `{reason.lower().replace('_', ' ')}`")
        cause = f"TLS says `{reason.lower().replace('_', ' ')}`"
        hint = "look at the TLS settings of the device"
        if any(word in reason for word in _OLD_TLS):
            hint = "Modbus/TCP Security needs TLS 1.2: update the device's firmware, or switch TLS 1.2 on there"
        elif any(word in reason for word in _NO_TLS):
            cause = "what answers there does not speak TLS"
            hint = _HINT_NO_TLS
        return self._error("modbus-tls-failed", "the TLS handshake failed", cause, hint)

    def broken_off(self, error: ConnectionError, *, is_shaken: bool) -> SourceError:
        """The peer closed, or said nothing, while we shook hands; or afterwards, before its first answer."""
        if is_shaken:
            return self._client_refused("it closed the connection after the TLS handshake, before any answer")
        if isinstance(error, ConnectionAbortedError):
            cause, hint = "the port takes connections, but no TLS answer came", _HINT_NO_TLS
        else:
            cause = "the connection was closed during the TLS handshake"
            hint = f"{_HINT_NO_TLS}; some devices refuse our certificate like this: {_HINT_REFUSED}"
        return self._error("modbus-tls-failed", "the TLS handshake failed", cause, hint)

    def _client_refused(self, cause: str) -> SourceError:
        what = "the device does not accept our certificate"
        return self._error("modbus-tls-client-refused", what, cause, _HINT_REFUSED)

    def _refused(self, error: ssl.SSLCertVerificationError) -> SourceError:
        told = error.verify_message
        if error.verify_code == _EXPIRED:
            return self._expired(told)
        if error.verify_code == _NOT_YET:
            return self._not_yet(told)
        if error.verify_code in _WRONG_NAME:
            return self._wrong_name(told)
        return self._error(
            "modbus-tls-certificate-authority",
            "the device's certificate was not signed by the authority in `ca`",
            told,
            f"put the certificate of the right authority into `{self._folder / (self._config.ca or '')}`, "
            "or pin the device's own: `server_certificate`",
        )

    def _expired(self, cause: str) -> SourceError:
        hint = "renew the certificate on the device; if the clock here is wrong, set it first: `date -u`"
        return self._error("modbus-tls-certificate-expired", "the device's certificate has expired", cause, hint)

    def _not_yet(self, cause: str) -> SourceError:
        what = "the device's certificate is not valid yet"
        hint = "compare the clocks of the device and of this computer: `date -u`"
        return self._error("modbus-tls-certificate-not-yet-valid", what, cause, hint)

    def _wrong_name(self, cause: str) -> SourceError:
        name = self._config.server_name or self._config.host
        return self._error(
            "modbus-tls-certificate-host",
            f"the device's certificate was not made for `{name}`",
            cause,
            'write the name it holds: `server_name = "…"`, or pin it: `server_certificate`',
        )

    def _error(self, slug: str, what: str, cause: str, hint: str) -> SourceError:
        return SourceError(slug, what, where=self._where, cause=cause, hint=hint, retriable=True)


def describe(certificate: x509.Certificate) -> str:
    """Fingerprint, subject and validity in one line."""
    return (
        f"SHA-256 {fingerprint(certificate)}, subject `{certificate.subject.rfc4514_string()}`, "
        f"valid {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

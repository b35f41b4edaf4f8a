"""`[sources.NAME]` of the site file as frozen models, one a kind of source."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, field_validator, model_validator
from pydantic import Tag as Branch

from iiotctl.site.address import parse_range
from iiotctl.site.fields import Model, Name, Seconds, bare_host


class Secret(Model):
    """A secret by reference, never in the file: an environment variable or a file that holds only it."""

    env: str | None = Field(default=None, min_length=1, description="name of the environment variable")
    file: str | None = Field(
        default=None, min_length=1, description="file that holds nothing else, relative to the site file"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.file is None):
            msg = 'a secret names exactly one place: `{ env = "NAME" }` or `{ file = "path" }`'
            raise ValueError(msg)
        return self


class SourceBase(Model):
    """What every source has."""

    period: Seconds = Field(default=1.0, ge=0.01, description="scan period, or sampling interval of a subscription")
    zone: Name | None = Field(default=None, description="zone (IEC 62443) that the device is in")
    probe: Literal["allowed", "never"] = Field(default="allowed", description="never: no audit dials this device")
    description: str = Field(default="", description="free text")


class ModbusUnit(SourceBase):
    """What the tags of every Modbus source need: the unit whose registers they are."""

    unit: int = Field(default=1, ge=0, le=255, description="unit identifier; 255 or 1 for a device without gateway")

    @property
    def bus(self) -> tuple[str, ...]:
        """What two sources share when they speak to the same device over the same way: used to find overlaps."""
        raise NotImplementedError


class PolledModbus(ModbusUnit):
    """What every source has that asks a Modbus device itself."""

    timeout: Seconds = Field(default=1.0, ge=0.01, le=60, description="wait for an answer at most this long")
    max_gap: int = Field(default=0, ge=0, le=124, description="undeclared registers that may be read to save a request")
    max_registers: int = Field(default=125, ge=1, le=125, description="registers a request; some devices take fewer")
    max_bits: int = Field(default=2000, ge=1, le=2000, description="coils or discrete inputs a request")
    never_read: tuple[str, ...] = Field(
        default=(), description="ranges such as holding:500-599 that no request may touch"
    )
    delay: Seconds = Field(default=0.0, ge=0, le=10, description="pause between an answer and the next request")
    max_rate: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="most requests a second to the device or bus"
    )
    profile: str | None = Field(
        default=None,
        description="device family whose limits apply where a key is not given; `iiotctl explain profiles`",
    )

    @field_validator("never_read", mode="before")
    @classmethod
    def _ranges(cls, value: Any) -> Any:
        if isinstance(value, list):
            for item in value:
                parse_range(str(item))
            return tuple(value)
        return value


class _OverNetwork(PolledModbus):
    host: str = Field(min_length=1, description="IP address or name")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port")

    @field_validator("host", mode="after")
    @classmethod
    def _bare_host(cls, value: str) -> str:
        return bare_host(value)

    @property
    def bus(self) -> tuple[str, ...]:
        """Host and port."""
        return (self.host.lower(), str(self.port))


class _Pipelined(_OverNetwork):
    connections: int = Field(default=1, ge=1, le=16, description="shared by all sources on one host:port")
    window: int = Field(default=1, ge=1, le=16, description="requests on their way at once on a connection")


class ModbusTcpSource(_Pipelined):
    """`type = "modbus-tcp"`: a Modbus TCP server, or one unit behind a gateway."""

    type: Literal["modbus-tcp"] = Field(description="kind of source")


class ModbusTlsSource(_Pipelined):
    """`type = "modbus-tls"`: Modbus/TCP Security, the same inside TLS with a certificate on both sides."""

    type: Literal["modbus-tls"] = Field(description="kind of source")
    port: int = Field(default=802, ge=1, le=65535, description="TCP port")
    certificate: str | None = Field(default=None, description="our certificate, PEM; made on first use if not given")
    private_key: str | None = Field(default=None, description="file of the key that belongs to it, PEM")
    ca: str | None = Field(default=None, description="file of the authority that signed the device's certificate, PEM")
    server_certificate: str | None = Field(default=None, description="file of the only device certificate to accept")
    server_name: str | None = Field(default=None, description="name in the device's certificate, if not `host`")

    @model_validator(mode="after")
    def _pairs(self) -> ModbusTlsSource:
        if (self.certificate is None) != (self.private_key is None):
            msg = "`certificate` and `private_key` belong together"
            raise ValueError(msg)
        if self.ca is not None and self.server_certificate is not None:
            msg = "give either `ca` or `server_certificate`"
            raise ValueError(msg)
        return self


class ModbusRtuOverTcpSource(_OverNetwork):
    """`type = "modbus-rtu-over-tcp"`: RTU frames over TCP, as transparent serial servers carry them."""

    type: Literal["modbus-rtu-over-tcp"] = Field(description="kind of source")
    unit: int = Field(default=1, ge=1, le=247, description="address of the device on the bus; 0 is a broadcast")


SERIAL_SETTINGS: Final = ("baudrate", "parity", "databits", "stopbits")


class SerialSource(ModbusUnit):
    """What every source on a serial port has."""

    port: str = Field(min_length=1, description="serial port, e.g. /dev/ttyUSB0 or COM3")
    baudrate: int = Field(default=19200, ge=50, le=4_000_000, description="bits a second")
    parity: Literal["even", "odd", "none"] = Field(default="even", description="parity bit")
    databits: Literal[7, 8] = Field(default=8, description="data bits; RTU needs 8")
    stopbits: Literal[1, 2] | None = Field(default=None, description="default 1 with parity, 2 without")
    unit: int = Field(default=1, ge=1, le=247, description="address of the device on the bus; 0 is a broadcast")

    @property
    def bus(self) -> tuple[str, ...]:
        """The port."""
        return (self.port,)


class ModbusRtuSource(SerialSource, PolledModbus):
    """`type = "modbus-rtu"`: a device on a serial bus of which we are the only master."""

    type: Literal["modbus-rtu"] = Field(description="kind of source")
    listen: Seconds = Field(
        default=5.0, ge=5, le=600, description="listen this long before the first byte; a bus has one master"
    )


class ModbusRtuListenSource(SerialSource):
    """`type = "modbus-rtu-listen"`: sends nothing; takes values from what the master of the bus reads."""

    type: Literal["modbus-rtu-listen"] = Field(description="kind of source")


SECURITY_POLICIES: Final = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
Security = Literal[
    "None",
    "Basic256Sha256-Sign",
    "Basic256Sha256-SignAndEncrypt",
    "Aes128_Sha256_RsaOaep-Sign",
    "Aes128_Sha256_RsaOaep-SignAndEncrypt",
    "Aes256_Sha256_RsaPss-Sign",
    "Aes256_Sha256_RsaPss-SignAndEncrypt",
]


class OpcUaSource(SourceBase):
    """`type = "opcua"`: an OPC UA server, by subscription or polled."""

    type: Literal["opcua"] = Field(description="kind of source")
    url: str = Field(pattern=r"^opc\.tcp://", description="endpoint, e.g. opc.tcp://192.168.10.30:4840")
    security: Security = Field(default="None", description="policy and mode of the secure channel")
    mode: Literal["subscribe", "poll"] = Field(
        default="subscribe", description="poll: read every period, for servers without subscriptions"
    )
    publish: Seconds = Field(default=0.5, ge=0.01, description="publishing interval of the subscription")
    queue: int | None = Field(
        default=None, ge=2, description="values kept per item in the server; default 3 x publish / period, at least 10"
    )
    trigger: Literal["status", "status-value", "status-value-timestamp"] = Field(
        default="status-value", description="what counts as a data change"
    )
    timeout: Seconds = Field(default=4.0, ge=0.1, le=120, description="wait for an answer at most this long")
    user: str | None = Field(default=None, description="user name")
    password: Secret | None = Field(default=None, description="by reference: { env = … } or { file = … }")
    user_certificate: str | None = Field(default=None, description="file, DER or PEM: X.509 user token")
    user_key: str | None = Field(default=None, description="file of the key that belongs to it")
    certificate: str | None = Field(
        default=None, description="our application certificate; made on first use if not given"
    )
    private_key: str | None = Field(default=None, description="file of the key that belongs to it")
    server_certificate: str | None = Field(default=None, description="file of the only server certificate to accept")
    profile: str | None = Field(
        default=None,
        description="server family whose limits apply where a key is not given; `iiotctl explain profiles`",
    )

    @field_validator("url", mode="after")
    @classmethod
    def _without_user(cls, value: str) -> str:
        if "@" in value.removeprefix("opc.tcp://").partition("/")[0]:
            msg = "`url` holds a user name or password; write `user` and a reference in `password` instead"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _pairs(self) -> OpcUaSource:
        if (self.user_certificate is None) != (self.user_key is None):
            msg = "`user_certificate` and `user_key` belong together"
            raise ValueError(msg)
        if (self.certificate is None) != (self.private_key is None):
            msg = "`certificate` and `private_key` belong together"
            raise ValueError(msg)
        if self.user is not None and self.user_certificate is not None:
            msg = "give either `user` and `password` or `user_certificate` and `user_key`"
            raise ValueError(msg)
        return self


class ReplaySource(SourceBase):
    """`type = "replay"`: a Parquet or CSV file played back (columns ts, tag, value, quality)."""

    type: Literal["replay"] = Field(description="kind of source")
    file: str = Field(min_length=1, description="Parquet or CSV, relative to the site file")
    speed: Literal["realtime", "fast"] = Field(default="realtime", description="fast: as fast as the disk takes it")


class PluginSource(SourceBase):
    """A source whose type comes from a plugin (entry-point group `iiotctl.sources`); the plugin judges its other keys."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, populate_by_name=True)

    type: str = Field(description="name of the plugin's source type")


BuiltinSource = (
    ModbusTcpSource
    | ModbusTlsSource
    | ModbusRtuOverTcpSource
    | ModbusRtuSource
    | ModbusRtuListenSource
    | OpcUaSource
    | ReplaySource
)
SourceConfig = BuiltinSource | PluginSource

BUILTIN_SOURCES: Final[dict[str, type[BuiltinSource]]] = {
    "modbus-tcp": ModbusTcpSource,
    "modbus-tls": ModbusTlsSource,
    "modbus-rtu-over-tcp": ModbusRtuOverTcpSource,
    "modbus-rtu": ModbusRtuSource,
    "modbus-rtu-listen": ModbusRtuListenSource,
    "opcua": OpcUaSource,
    "replay": ReplaySource,
}


def _source_branch(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) and kind in BUILTIN_SOURCES else "plugin"


AnySource = Annotated[
    Annotated[ModbusTcpSource, Branch("modbus-tcp")]
    | Annotated[ModbusTlsSource, Branch("modbus-tls")]
    | Annotated[ModbusRtuOverTcpSource, Branch("modbus-rtu-over-tcp")]
    | Annotated[ModbusRtuSource, Branch("modbus-rtu")]
    | Annotated[ModbusRtuListenSource, Branch("modbus-rtu-listen")]
    | Annotated[OpcUaSource, Branch("opcua")]
    | Annotated[ReplaySource, Branch("replay")]
    | Annotated[PluginSource, Branch("plugin")],
    Discriminator(_source_branch),
]

"""`service unit`: a systemd unit that captures this site into this store, and may do little else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from iiotctl.errors import ExitCode, UsageError
from iiotctl.site.settings import user_file
from iiotctl.site.sources import OpcUaSource, Secret, SerialSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iiotctl.ops.site import Opened
    from iiotctl.site.sources import SourceConfig

WATCHDOG_S: Final = 60
SECRETS: Final = "/etc/iiotctl/secrets.env"
"""Variables of secrets that the site file takes from the environment."""

_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}[A-Za-z0-9_.$-]?")
"""What a user may be called: the rule of systemd (User/Group Name Syntax), and the dots that directories allow."""
_SCRATCH: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - to warn of them
_LASTING: Final = (ExitCode.USAGE, ExitCode.SITE, ExitCode.PLUGIN)
"""Exit codes that a new start does not change."""

_TEMPLATE: Final = """\
# Written by `iiotctl service unit`; print it again after changing where site file or store are,
# or after adding a serial source.
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
User={user}
{environment}
# Fed only while samples reach the disk: a hanging disk or program is ended and started anew.
WatchdogSec={watchdog}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus={lasting}
SuccessExitStatus={stopped}
# What an earlier run left is recovered before the start is done, and the last segment sealed at the end.
TimeoutStartSec=15min
TimeoutStopSec=5min

# It may write these folders and nothing else.
ProtectSystem=strict
{writable}
ProtectHome={home}
PrivateTmp=yes
UMask=0027

# It needs the network{and_ports}, and no right that a user has not.
{devices}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{confined}
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
ProtectClock={clock}
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
# MemoryDenyWriteExecute= is not set: the library that writes Parquet makes code while it starts.

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit file and what to do before it works.

    Attributes:
        text: of the file.
        notes: one sentence each.
    """

    text: str
    notes: tuple[str, ...]


def unit(opened: Opened, *, program: Sequence[str], run_as: str, environ: Mapping[str, str]) -> Unit:
    """The unit for a site, with the settings that hold now.

    Args:
        opened: site and settings.
        program: absolute command that runs iiotctl.
        run_as: user of the service.
        environ: environment variables that the settings come from.

    Raises:
        SiteError: `no-site`.
        UsageError: nobody can be called like `run_as`.
    """
    if not _USER.fullmatch(run_as):
        raise UsageError(
            "bad-value",
            f"`{run_as}` is no name of a user",
            where="--run-as",
            hint="up to 32 letters, digits, `_`, `-` and `.`, beginning with a letter: `--run-as plant`",
        )
    loaded, settings = opened.require_site(), opened.settings
    sources = [source for name, source in loaded.site.sources.items() if loaded.site.tags_of(name)]
    config = user_file(environ).parent
    writable = (settings.store, settings.state, settings.pki)
    command = [*program, "capture", "--site", str(loaded.path.absolute()), "--store", str(settings.store)]
    variables = {
        "XDG_CONFIG_HOME": str(config.parent),
        "XDG_STATE_HOME": str(settings.state.parent),
        "IIOTCTL_PKI": str(settings.pki),
    }
    variables |= {name: value for name, value in sorted(environ.items()) if name.startswith("IIOTCTL_CAPTURE_")}
    secrets = sorted(_secrets(sources))
    lines = [f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()]
    if secrets:
        lines.append(f"EnvironmentFile={SECRETS}")
    places = [Path(program[0]), loaded.path.absolute(), config, *writable]
    ports = [source.port for source in sources if isinstance(source, SerialSource)]
    text = _TEMPLATE.format(
        description=_plain(f"iiotctl capture of {loaded.site.site.name}"),
        command=" ".join(_quoted(word, is_command=True) for word in [*command, "--log-format", "json"]),
        user=run_as,
        environment="\n".join(lines),
        watchdog=WATCHDOG_S,
        lasting=" ".join(str(int(code)) for code in _LASTING),
        stopped=int(ExitCode.TERMINATED),
        writable="\n".join(f"ReadWritePaths={_quoted(str(path))}" for path in dict.fromkeys(writable)),
        home="read-only" if any(_is_at_home(place) for place in places) else "yes",
        and_ports=" and its serial ports" if ports else "",
        devices="\n".join(_devices(ports)),
        confined="\n".join(_confined(sources)),
        clock="no" if ports else "yes",  # it would close every device but those of the service's own list
    )
    return Unit(text, (*_notes(writable, secrets, run_as), *_unseen(places)))


def _secrets(sources: Sequence[SourceConfig]) -> Iterator[str]:
    for source in sources:
        for key in type(source).model_fields:
            secret = getattr(source, key)
            if isinstance(secret, Secret) and secret.env is not None:
                yield secret.env


def _devices(ports: Sequence[str]) -> Iterator[str]:
    """Serial ports, by the kind of their driver: a number changes when an adapter is plugged in again."""
    if not ports:
        yield "PrivateDevices=yes"
        return
    kinds: set[str] = set()
    for port in ports:
        found = re.fullmatch(r"/dev/(tty[A-Z][A-Za-z]*)\d+", port)
        kinds |= {found[1]} if found else {"ttyUSB", "ttyACM"}  # names under /dev/serial are those of USB adapters
    yield "DevicePolicy=closed"
    for kind in sorted(kinds):
        yield f"DeviceAllow=char-{kind} rw"
    yield "SupplementaryGroups=dialout"


def _confined(sources: Sequence[SourceConfig]) -> Iterator[str]:
    """The devices' addresses, for who wants the service to reach nothing else; as a comment."""
    addresses = set()
    for source in sources:
        host = urlsplit(source.url).hostname if isinstance(source, OpcUaSource) else getattr(source, "host", None)
        if host is None:
            continue
        try:
            addresses.add(ipaddress.ip_address(host))
        except ValueError:
            return  # a name: the name server would have to be reached, and what it answers
    if addresses:
        shown = sorted(addresses, key=lambda address: (address.version, int(address)))
        yield "# To let it reach its devices alone, take the # away (and print the unit again after adding a source):"
        yield "#IPAddressDeny=any"
        yield f"#IPAddressAllow={' '.join(map(str, shown))}"


def _notes(writable: Sequence[Path], secrets: Sequence[str], run_as: str) -> Iterator[str]:
    missing = [str(path) for path in dict.fromkeys(writable) if not path.is_dir()]
    if missing:
        yield f"make the folders first: `sudo install -d -o {run_as} {' '.join(missing)}`"
    if secrets:
        lines = " ".join(f"{name}=…" for name in secrets)
        yield f"write the secrets into {SECRETS} (owner root, mode 0600), one a line: {lines}"


def _unseen(places: Sequence[Path]) -> Iterator[str]:
    """Paths that the service would not find."""
    for place in dict.fromkeys(places):
        if any(place.is_relative_to(folder) for folder in _SCRATCH):
            yield f"`{place}` lies in a folder for temporary files, of which a service sees its own: move it"


def _is_at_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in _HOMES)


def _plain(text: str) -> str:
    """One line that systemd takes as it is."""
    return " ".join(text.split()).replace("%", "%%")


def _quoted(word: str, *, is_command: bool = False) -> str:
    """A word for a line of a unit file (systemd.syntax, systemd.service): no specifier, variable or blank in it counts."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    if is_command:
        escaped = escaped.replace("$", "$$")
    return escaped if re.fullmatch(r"[\w./:=@%+,-]+", escaped) else f'"{escaped}"'

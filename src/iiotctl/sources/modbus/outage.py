"""Why there is no connection, in the user's words, and when to try again. Pure."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from typing import Final

from iiotctl.errors import IiotctlError
from iiotctl.samples import GapReason
from iiotctl.sources.modbus.failure import Failure, Kind

FIRST_WAIT_S: Final = 0.2
LAST_WAIT_S: Final = 30.0
_OUTAGE_SHARE: Final = 8


def reconnect_wait(outage: float, chance: float) -> float:
    """Seconds until the next attempt to connect: an eighth of the outage so far, so it grows exponentially.

    Args:
        outage: seconds since the connection was lost.
        chance: 0..1, spreads attempts by ±20 %.
    """
    return min(LAST_WAIT_S, max(FIRST_WAIT_S, outage / _OUTAGE_SHARE)) * (0.8 + 0.4 * chance)


@dataclass(frozen=True, slots=True)
class Outage:
    """Why there is no connection: `slug` of the error catalogue, one clause, and what to do where the cause says."""

    slug: str
    cause: str
    hint: str = ""
    what: str = ""
    """What failed, where there is a better word than that nothing can be read."""

    @property
    def reason(self) -> GapReason:
        """Reason of the gap: where another master speaks we are refused, else there is no connection."""
        return GapReason.REFUSED if self.slug == "bus-has-master" else GapReason.DISCONNECTED

    def __str__(self) -> str:
        return f"{self.what}: {self.cause}" if self.what else self.cause


def explain(error: BaseException, host: str, port: int) -> Outage:
    """Tell a refused connection, an unreachable host, an unknown name and silence apart; our own errors as they are."""
    if isinstance(error, IiotctlError):
        return Outage(error.slug, error.cause or error.what, error.hint or "", error.what)
    if isinstance(error, socket.gaierror | UnicodeError):
        return Outage("source-host-unknown", f"the name `{host}` cannot be resolved")
    # several addresses of one name: asyncio folds their errors into one text
    numbers = {getattr(error, "errno", None), *(int(n) for n in re.findall(r"\[Errno (\d+)\]", str(error)))}
    if isinstance(error, ConnectionRefusedError) or errno.ECONNREFUSED in numbers:
        return Outage("source-refused", f"{host} refuses connections on port {port}")
    if isinstance(error, TimeoutError) or errno.ETIMEDOUT in numbers:
        return Outage("source-silent", f"{host} does not answer on port {port}")
    if numbers & {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}:
        return Outage("source-unreachable", f"there is no route to {host}")
    return Outage("source-lost", str(error) or type(error).__name__)


def late_answer(took: float, transaction: int, stranger: int | None, missing: str) -> Failure:
    """Why a request ran out of time, as far as what came instead tells.

    Args:
        took: seconds since it was sent.
        transaction: its identifier.
        stranger: identifier of an answer to nothing that was asked, or None.
        missing: what of an answer has not come; "" = nothing is waiting.
    """
    if missing:
        hint = "the device announces a wrong length: update its firmware, or ask for fewer registers at once"
        return Failure(Kind.TIMEOUT, cause=f"{missing} within {took:.3g} s", hint=hint)
    if stranger is not None:
        hint = "the device or a gateway before it does not give the transaction identifier back: update its firmware"
        cause = f"the answer carries transaction identifier {stranger} instead of {transaction}"
        return Failure(Kind.TIMEOUT, cause=cause, hint=hint)
    return Failure(Kind.TIMEOUT, cause=f"no answer within {took:.3g} s")

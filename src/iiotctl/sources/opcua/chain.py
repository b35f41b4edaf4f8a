"""The messages of a subscription in the server's order: what is missing is asked for again (Republish), or told.

A number means one of four things: the next message, one behind a hole, one that came before (known by its number
and the time it was written), or that the server began to count anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from asyncua import ua

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.sources.opcua.book import Book
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.notification import Message, decode_republish
from iiotctl.sources.opcua.sequence import distance, following, is_after, oldest, preceding
from iiotctl.sources.opcua.session import Session
from iiotctl.sources.opcua.wire import MalformedError

_MOST_REPUBLISHED: Final = 100
_REMEMBERED: Final = 1000
"""Messages that are known again when they come twice."""
_NOT_KEPT: Final = quality.CODES["BadMessageNotAvailable"]
_Take = Callable[[Message], None]


class Chain:
    """See the module's docstring.

    Args:
        book: told of losses, so that the holes are marked tag by tag.
        tell: emits an event.

    Attributes:
        session: carries the requests; replaced when the subscription moves.
        subscription: its id.
    """

    def __init__(self, session: Session, book: Book, tell: Callable[[Event], None]) -> None:
        self.session = session
        self.subscription = 0
        self._book = book
        self._tell = tell
        self._last: int | None = None
        """Number of the last message that came or was given up."""
        self._came: dict[int, int] = {}
        """Sequence number → when the server wrote it."""

    def came(self, message: Message) -> None:
        """A message with values came."""
        self._last = message.sequence
        self._came.pop(message.sequence, None)
        self._came[message.sequence] = message.published
        if len(self._came) > _REMEMBERED:
            del self._came[next(iter(self._came))]

    def is_repeated(self, message: Message) -> bool:
        """True for a message with values that came before; its number alone would not prove that."""
        written = message.published
        return not message.is_empty and written != 0 and self._came.get(message.sequence) == written

    async def place(self, message: Message, take: _Take) -> None:
        """Check the place of a message that is no repetition; what is missing before it is fetched, or told.

        Args:
            message: not yet taken.
            take: gets what was fetched.

        Raises:
            SessionLostError: the connection is gone.
        """
        number = message.sequence
        if message.is_empty and number in (0, self._last):
            return  # some servers put the last number, or none, into a keep-alive instead of the next one
        if self._last is not None and not is_after(number, self._last):
            self._came.clear()
            self._book.suspect_all()
            self._tell_lost("the server began to number its notifications anew")
        else:
            await self._fetch(self._expected(number), number, take)
        self._last = preceding(number)

    def _expected(self, number: int) -> int:
        if self._last is not None:
            return following(self._last)
        # the first message has number 1; a server that counts from elsewhere is believed
        return 1 if number <= _MOST_REPUBLISHED else number

    async def catch_up(self, kept: Collection[int], take: _Take) -> list[int]:
        """Fetch what the server kept and could not deliver to the lost session.

        Args:
            kept: numbers of the messages that it has.
            take: gets what was fetched.

        Returns:
            Numbers of those that had come before.

        Raises:
            SessionLostError: this connection is gone as well.
        """
        if not kept:
            return []
        last = preceding(oldest(kept)) if self._last is None else self._last
        later = [number for number in kept if is_after(number, last)]
        if later:
            newest = max(later, key=lambda number: distance(last, number))
            await self._fetch(following(last), following(newest), take)
            self._last = newest
        return [number for number in kept if not is_after(number, last)]

    async def _fetch(self, first: int, before: int, take: _Take) -> None:
        """Ask again for the messages from `first` up to, not including, `before`."""
        missing = distance(first, before)
        number, lost = first, 0
        for done in range(missing if missing <= _MOST_REPUBLISHED else 0):
            try:
                message = await self._republish(number)
            except ServiceError as error:
                self._book.suspect_all()
                if error.code != _NOT_KEPT:
                    lost += missing - done
                    break
                lost += 1
                self._last = number
            else:
                self.came(message)
                take(message)
            number = following(number)
        if missing > _MOST_REPUBLISHED:
            self._book.suspect_all()
            lost = missing
        if lost:
            what = "a notification" if lost == 1 else f"{lost} notifications"
            self._tell_lost(f"{what} of the server never arrived")

    async def _republish(self, number: int) -> Message:
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = ua.UInt32(self.subscription)
        request.Parameters.RetransmitSequenceNumber = ua.UInt32(number)
        data = await self.session.ask(request)
        try:
            result, message = decode_republish(data)
        except MalformedError:
            raise ServiceError("Republish", quality.BAD_DECODING_ERROR) from None
        self.session.judge("Republish", result)
        if message.is_empty or message.sequence != number:  # "Good" and nothing, or another one: no longer kept
            raise ServiceError("Republish", _NOT_KEPT)
        return message

    def not_understood(self) -> None:
        """A message came that made no sense."""
        self._book.suspect_all()
        self._tell_lost("a notification could not be decoded")

    def _tell_lost(self, text: str) -> None:
        self._tell(Event(Level.WARNING, "notification-lost", f"{text}; the holes are marked tag by tag"))

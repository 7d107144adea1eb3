"""A card in the reader's field becomes a question to the core, or to whoever authorizes."""

import asyncio
from collections.abc import Callable

from evsed.core.commands import ASK_AUTHORIZER, PresentToken
from evsed.core.events import CommandDone
from evsed.core.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from evsed.gateway.control_link import ControlAway, ControlLink
from evsed.service import WARNING, JournalLine


class Cards:
    def __init__(self, link: ControlLink, tell: Callable[[str, object], None], journal: JournalLine) -> None:
        self._link, self._tell, self._journal = link, tell, journal

    def presented(self, uid: str) -> None:
        token = ProvidedIdToken(IdToken(uid, IdTokenType.ISO14443), AuthorizationType.RFID)

        def done(future: "asyncio.Future[CommandDone]") -> None:
            if future.cancelled():
                return
            if isinstance(future.exception(), ControlAway):
                self._journal(WARNING, f"card {uid} not looked at: {future.exception()}", {})
            elif future.result().code == ASK_AUTHORIZER:
                self._tell("provided_token", token)

        self._link.ask(PresentToken(token, by_reader=True)).add_done_callback(done)

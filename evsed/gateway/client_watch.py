"""The communication check of a client, told as errors (behaviour of EVerest)."""

from collections.abc import Callable

from evsed.config.schema import ApiConfig
from evsed.gateway.communication_check import Change, CommunicationCheck
from evsed.gateway.own_errors import COMMUNICATION, OwnErrors


class ClientWatch:
    """now_s is monotonic."""

    def __init__(self, api: ApiConfig, errors: OwnErrors, now_s: Callable[[], float]) -> None:
        self._check = CommunicationCheck(api.communication_check_s, api.communication_check_required)
        self._errors, self._now_s = errors, now_s

    def start(self) -> None:
        self._tell(self._check.start(self._now_s()))

    def heard(self, alive: bool) -> None:
        """A client has said communication_check."""
        self._tell(self._check.heard(alive, self._now_s()))

    def tick(self) -> None:
        """Often."""
        self._tell(self._check.tick(self._now_s()))

    def _tell(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if change.raised:
                self._errors.raise_(COMMUNICATION[change.fault], change.message)
            else:
                self._errors.clear(COMMUNICATION[change.fault])
